"""The routes of sessions: begin one, read, list, end."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from failwell.apis.ionq.access import check_reach, key_of
from failwell.apis.ionq.backends import BACKENDS
from failwell.apis.ionq.openapi import Handler
from failwell.apis.ionq.refusals import bad_request, conflict, decoded, not_found
from failwell.apis.ionq.routes.queries import SessionList, read
from failwell.apis.ionq.sessions import NewSession, Row, Sessions


class SessionRoutes:
    """Answers for sessions."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Each operation and who answers it."""
        return {
            "create_session": self._create,
            "get_sessions": self._list,
            "get_session": self._get,
            "end_session": self._end,
        }

    async def _create(self, request: Request) -> Response:
        key, new = key_of(request), decoded(await request.body(), NewSession)
        backend = BACKENDS.get(new.backend)
        if backend is None or backend.status == "retired":
            raise bad_request(f'"backend": there is no {new.backend[:40]!r} to run on', "backend")
        check_reach(key, backend)
        return JSONResponse(self._sessions.add(key, new).json(), 201)

    async def _list(self, request: Request) -> Response:
        key, active = key_of(request), read(request, SessionList).active
        found = [
            each
            for each in self._sessions.all(key.project)
            if active is None or active == (each.ended is None)
        ]
        listed = [each.json() for each in found]
        return JSONResponse({"organization_id": key.organization, "sessions": listed})

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._session(request).json())

    async def _end(self, request: Request) -> Response:
        session = self._session(request)
        if session.ended is not None:
            raise conflict(f"Session {session.id} has ended already")
        return JSONResponse(self._sessions.end(session, key_of(request).user).json())

    def _session(self, request: Request) -> Row:
        identifier = request.path_params["session_id"]
        session = self._sessions.get(identifier, key_of(request).project)
        if session is None:
            raise not_found(f"Session {identifier[:40]}")
        return session
