"""A service with access tokens that end, on loopback, and the auth objects that renew them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import httpx2

import failwell
from clients.fault_server import Act, Seen, Server, refusal

SPENT = "acc-spent-token-0"
REFRESH = "ref-first-secret-0"


class Desk:
    """Hands out tokens at `/token`, and refuses all but the last one everywhere else.

    Each refresh token serves once. `answers` may put another answer in the place of the desk's
    own; `ready` holds the API's first `crowd` refusals back until that many are there.
    """

    def __init__(self, answers: Callable[[int], Act | None] | None = None, crowd: int = 1) -> None:
        self.valid = ""
        self.refresh = REFRESH
        self.asked: list[str] = []
        self.pause = 0.05
        self.expires_in: float | None = None
        self._answers = answers or (lambda number: None)
        self._lock = threading.Lock()
        self._here, self._crowd = 0, crowd
        self._all_here = threading.Event()

    def __call__(self, seen: Seen) -> Act:
        if seen.path == "/token":
            return self._token(seen)
        if self.valid and seen.headers.get("authorization") == f"Bearer {self.valid}":
            return Act()
        self._gather()
        return refusal(401, "no_auth")

    def _gather(self) -> None:
        """All who are refused first are refused together."""
        with self._lock:
            self._here += 1
            if self._here >= self._crowd:
                self._all_here.set()
        self._all_here.wait(20)

    def _token(self, seen: Seen) -> Act:
        used = parse_qs(seen.body.decode())["refresh_token"][0]
        with self._lock:
            self.asked.append(used)
            number = len(self.asked)
            instead = self._answers(number)
            if instead is None and used == self.refresh:
                self.valid, self.refresh = f"acc-fresh-token-{number}", f"ref-next-secret-{number}"
            elif instead is None:
                instead = refusal(400, "invalid")
        threading.Event().wait(self.pause)
        if instead is not None:
            return instead
        body = {"access_token": self.valid, "refresh_token": self.refresh}
        body |= {"expires_in": self.expires_in} if self.expires_in else {}
        return Act(body=json.dumps(body).encode(), status=200, commit=False)

    def server(self, requests: int = 400) -> Server:
        """The service, for so many requests."""
        return Server([self] * requests)

    @property
    def refreshes(self) -> int:
        """How often it was asked for a token."""
        return len(self.asked)


def _form(spent: failwell.Token | None) -> dict[str, str]:
    return {"refresh_token": (spent and spent.refresh) or REFRESH}


def _read(answer: httpx2.Response) -> failwell.Token:
    found = answer.raise_for_status().json()
    return failwell.Token.lasting(
        found["access_token"], found.get("expires_in"), found["refresh_token"]
    )


class DeskAuth(failwell.TokenAuth):
    """Renews by a plain client, in sync code; `seconds` bounds one refresh."""

    def __init__(self, url: str, *args: Any, seconds: float = 10.0, **more: Any) -> None:
        super().__init__(*args, **more)
        self.url = url + "/token"
        self.seconds = seconds

    def refresh(self, spent: failwell.Token | None) -> failwell.Token:
        with httpx2.Client(trust_env=False, timeout=self.seconds) as plain:
            return _read(plain.post(self.url, data=_form(spent)))


class AsyncDeskAuth(DeskAuth):
    """The same, awaited."""

    async def refresh(self, spent: failwell.Token | None) -> failwell.Token:  # type: ignore[override]
        async with httpx2.AsyncClient(trust_env=False, timeout=self.seconds) as plain:
            return _read(await plain.post(self.url, data=_form(spent)))
