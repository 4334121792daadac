"""Writes until the store is full, and again when there is room. Run as a program it is the file
system that is full: the size of this process's files is limited."""

from __future__ import annotations

import asyncio
import resource
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from failwell.server.asgi import idempotent, wrap
from failwell.stores.sqlite import SQLiteStore
from faults.works import WORKS

OUTCOME = "Failwell-Outcome"


class Counting:
    """A handler that counts its effects in memory, behind keys that are in some store."""

    def __init__(self) -> None:
        self.effects: Counter[str] = Counter()

    def app(self, store: Any, **how: Any) -> Any:
        """The handler at `/`."""
        once = idempotent(WORKS, store, caller=lambda _: "ann", **how)
        return wrap(once(Starlette(routes=[Route("/", self.serve, methods=["POST"])])), WORKS)

    async def serve(self, request: Request) -> Response:
        """One effect, and an answer that takes room."""
        tag = (await request.json())["tag"]
        await asyncio.sleep(0.005)
        self.effects[tag] += 1
        return JSONResponse({"tag": tag, "weight": "x" * 5000}, 201)


async def write_until_full(
    store: Any, fill: Callable[[], object], empty: Callable[[], object]
) -> None:
    """Write until ten writes were refused, look at every answer, make room, and try again."""
    counting = Counting()
    transport = httpx2.ASGITransport(counting.app(store, wait=0.0))
    async with httpx2.AsyncClient(transport=transport, base_url="http://works") as http:

        async def write(n: int) -> httpx2.Response:
            fields = {"Idempotency-Key": f"key-{n}"}
            return await http.post("/", json={"tag": str(n)}, headers=fields)

        assert (await write(0)).status_code == 201
        fill()
        answers = [await write(0)]
        while sum(answer.status_code == 503 for answer in answers) < 10:
            answers.append(await write(len(answers)))
            assert len(answers) < 500
        judge(counting, answers)
        assert sum(answer.status_code == 201 for answer in answers) > 10
        empty()
        again = [await write(n) for n in range(len(answers))]
    for n, (before, after) in enumerate(zip(answers, again, strict=True)):
        assert counting.effects[str(n)] == 1, (n, before, after)
        was_kept = (after.status_code, after.content) == (201, before.content)
        if before.status_code == 201:
            assert was_kept or after.headers[OUTCOME] == "unknown"
        else:
            assert after.status_code == 201


def judge(counting: Counting, answers: list[httpx2.Response]) -> None:
    """Each answer is a success with an effect, or a refusal without one that says so."""
    for n, answer in enumerate(answers):
        assert answer.status_code in (201, 503), answer.text
        assert counting.effects[str(n)] == (answer.status_code == 201)
        if answer.status_code == 503:
            assert answer.headers[OUTCOME] == "not_started"
            assert answer.json()["error"]["code"] == "away"


def main(path: str) -> None:
    """The same with `RLIMIT_FSIZE`."""
    store = SQLiteStore(path)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    asyncio.run(
        write_until_full(
            store,
            lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, most)),
            lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
        )
    )
    print("recovered")


if __name__ == "__main__":
    main(sys.argv[1])
