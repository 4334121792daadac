"""A session for as long as a block runs.

Source: `ionq_core.session` of IonQ's client 0.2.0.
"""

from __future__ import annotations

import logging
from typing import Any, Self

from failwell.apis.ionq.client import IonQClient
from failwell.apis.ionq.endpoints import create_session, end_session, get_session
from failwell.apis.ionq.exceptions import IonQError
from failwell.apis.ionq.records import Session

logger = logging.getLogger("failwell")


class SessionManager:
    """A session on a backend, begun and ended by `with` or `async with`.

    `max_jobs`, `max_time` (minutes) and `max_cost` (US dollars) end it by themselves. What goes
    wrong when it is ended is logged and not raised, so that nothing hides the error before it.
    """

    def __init__(
        self,
        client: IonQClient,
        backend: str,
        *,
        max_jobs: int | None = None,
        max_time: int | None = None,
        max_cost: float | None = None,
    ) -> None:
        self._client = client
        self._backend = backend
        self._limits = _limits(max_jobs, max_time, max_cost)
        self._session_id: str | None = None

    @classmethod
    def from_id(cls, client: IonQClient, session_id: str) -> Self:
        """A session that was begun elsewhere."""
        manager = cls(client, backend="")
        manager._session_id = session_id
        return manager

    @property
    def session_id(self) -> str | None:
        """The session's id, for the `session_id` of jobs; None before it is begun."""
        return self._session_id

    def open(self) -> None:
        """Begin the session. Raises `IonQError` where there is one."""
        self._begun(create_session.sync(client=self._client, body=self._body()))

    def close(self) -> None:
        """End the session; never raises what goes wrong at IonQ."""
        if self._session_id is None:
            return
        try:
            end_session.sync(self._session_id, client=self._client)
        except Exception:
            self._bear()

    def status(self) -> str:
        """The session's status now: created, started or ended. Raises `IonQError`."""
        return get_session.sync(self._known(), client=self._client).status

    async def async_open(self) -> None:
        """Begin the session. Raises `IonQError` where there is one."""
        self._begun(await create_session.asyncio(client=self._client, body=self._body()))

    async def async_close(self) -> None:
        """End the session; never raises what goes wrong at IonQ."""
        if self._session_id is None:
            return
        try:
            await end_session.asyncio(self._session_id, client=self._client)
        except Exception:
            self._bear()

    async def async_status(self) -> str:
        """The session's status now: created, started or ended. Raises `IonQError`."""
        return (await get_session.asyncio(self._known(), client=self._client)).status

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await self.async_open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.async_close()

    def _body(self) -> dict[str, Any]:
        if self._session_id is not None:
            raise IonQError("Session already open")
        settings = {"settings": self._limits} if self._limits else {}
        return {"backend": self._backend, **settings}

    def _begun(self, session: Session) -> None:
        self._session_id = session.id
        logger.info("failwell: session %s at IonQ is begun", session.id)

    def _known(self) -> str:
        if self._session_id is None:
            raise IonQError("No session ID; call open() first")
        return self._session_id

    def _bear(self) -> None:
        """Inside an `except`: log that the session may not have ended."""
        told = "failwell: session %s at IonQ may not have ended"
        logger.warning(told, self._session_id, exc_info=True)


def _limits(max_jobs: int | None, max_time: int | None, max_cost: float | None) -> dict[str, Any]:
    """What ends a session by itself, as IonQ spells it."""
    limits: dict[str, Any] = {"job_count_limit": max_jobs, "duration_limit_min": max_time}
    if max_cost is not None:
        limits["cost_limit"] = {"unit": "usd", "value": max_cost}
    return {name: limit for name, limit in limits.items() if limit is not None}
