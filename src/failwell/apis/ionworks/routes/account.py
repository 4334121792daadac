"""Is it up, and who am I?"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from failwell.apis.ionworks.access import ORGANIZATION, key_of
from failwell.apis.ionworks.bodies import answer
from failwell.apis.ionworks.house import Handlers, House


class Account:
    """The routes about the service and its caller."""

    def __init__(self, house: House) -> None:
        self._house = house

    def handlers(self) -> Handlers:
        """Its routes, by operation."""
        return {"health": self.health, "whoami": self.whoami}

    async def health(self, request: Request) -> Response:
        """`GET /healthz`: what runs, for anybody."""
        parts = {"store": self._house.records.running, "solver": self._house.solver.running}
        status = "ok" if all(parts.values()) else "degraded"
        return answer({"status": status, "components": parts})

    async def whoami(self, request: Request) -> Response:
        """`GET /users/me`"""
        email = key_of(request).user
        return answer(
            {
                "id": email,
                "email": email,
                "authorized_organization": ORGANIZATION,
                "organizations": [ORGANIZATION],
            }
        )
