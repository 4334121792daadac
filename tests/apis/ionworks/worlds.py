"""Clients of both worlds, whose methods are called the same way."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from apis.ionworks.conftest import Lab
from failwell.apis.ionworks import AsyncIonworks, Ionworks
from failwell.contract import Policy, Retry

QUICK = Policy(retry=Retry(base=0.01, cap=0.05, fast_base=0.01))


class Driven:
    """A client, or a room of one, of either world."""

    def __init__(self, client: Any, runner: asyncio.Runner | None) -> None:
        self._client = client
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            is_room = type(found).__module__.startswith("failwell.")
            return Driven(found, self._runner) if is_room else found

        def call(*args: Any, **kwargs: Any) -> Any:
            answer = found(*args, **kwargs)
            if self._runner is not None and inspect.isawaitable(answer):
                return self._runner.run(_awaited(answer))
            return answer

        return call


async def _awaited(answer: Any) -> Any:
    return await answer


class Clients:
    """Makes clients of one world, and closes them."""

    def __init__(self, world: str) -> None:
        self._runner = asyncio.Runner() if world == "async" else None
        self._made: list[Any] = []

    def __call__(self, lab: Lab, key: str = "key", **how: Any) -> Any:
        """A client of this sandbox, with one of its credentials; its retries are quick."""
        credential = lab.about["credentials"].get(key, key)
        return self.at(api_key=credential, api_url=lab.base, **how)

    def at(self, **how: Any) -> Any:
        """A client that is made with these arguments."""
        how = {"policy": QUICK, "trust_env": False} | how
        client = (Ionworks if self._runner is None else AsyncIonworks)(**how)
        self._made.append(client)
        return Driven(client, self._runner)

    def close(self) -> None:
        """Close them all."""
        for client in self._made:
            if self._runner is None:
                client.close()
            else:
                self._runner.run(client.aclose())
        if self._runner is not None:
            self._runner.close()
