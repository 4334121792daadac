"""`failwell.TokenAuth`: a credential that can be renewed."""

from __future__ import annotations

import abc
import time
from collections.abc import Awaitable, Generator, Mapping
from typing import NoReturn

import httpx2
import msgspec

from failwell.ids import minted
from failwell.policy.renewal import Put, Read, Standing
from failwell.settings import require
from failwell.stores.memory import MemoryStore
from failwell.tokens import Token, digest

HERE = "token"
"""The key of the one record in an auth object's own memory."""


class TokenAuth(httpx2.Auth, abc.ABC):
    """Sends a token with each request, and renews it once for all threads and tasks.

    A subclass says in `refresh` how a fresh token is got. A `failwell.Client` with this as its
    `auth` asks for one `leeway` seconds before the token is over, and where the API says that it
    is over: then the request is sent again, if that is safe, as an attempt like any other.

    `header` and `scheme` spell the credential; without a scheme it is the bare token. `lease`
    (seconds) is how long one refresh may take before another one begins. `share` names the
    account: all processes whose clients have the same `store`, origin, class and `share` then use
    one token, which is kept *in the store, readable*; without it no token leaves this object.

    `tenant` names whoever it stands for: what is known of an origin, such as a quota that is used
    up, holds for the calls of one tenant.

    Raises `ValueError` for settings that cannot be, `TypeError` for a token of another type.
    """

    def __init__(
        self,
        token: Token | str | None = None,
        *,
        header: str = "Authorization",
        scheme: str | None = "Bearer",
        leeway: float = 30.0,
        lease: float = 30.0,
        share: str | None = None,
    ) -> None:
        require(0 <= leeway < float("inf"), "leeway", leeway, "0 or more seconds")
        require(0 < lease < float("inf"), "lease", lease, "above 0 seconds")
        require(share is None or bool(share), "share", share, "the account's name, or None")
        self.header = header
        self.scheme = scheme
        self.leeway = leeway
        self.lease = lease
        self.share = share
        self.tenant = f"token {share or minted()}"
        self.memory = MemoryStore()
        self.memory.update(HERE, Put(_given(token)))

    @abc.abstractmethod
    def refresh(self, spent: Token | None) -> Token | str | Awaitable[Token | str]:
        """A fresh token in place of `spent`, which may be one that another process got.

        Either kind of function will do for an `AsyncClient`, which runs a sync one in a thread; a
        `Client` needs a sync one. Give the requests in it a time-out. Whatever it raises means
        that there is no fresh token.
        """

    @property
    def token(self) -> Token | None:
        """The token that the next request carries."""
        return self.standing().token

    def put(self, token: Token | str | None) -> None:
        """Use this token from now on, for instance after a new log-in."""
        new = _given(token)
        if new is not None and new.got_at is None:
            new = msgspec.structs.replace(new, got_at=time.time())
        self.memory.update(HERE, Put(new))

    def standing(self) -> Standing:
        """What is known of the token in this process."""
        return self.memory.update(HERE, Read())

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """One request, with the token of the moment; it is never renewed here."""
        token = self.token
        if token is not None:
            request.headers[self.header] = self._spelt(token)
        yield request

    def withhold(self, request: httpx2.Request, following: httpx2.Request) -> None:
        """Take the token out of a request that a redirect leads to another origin."""
        if request.url.origin != following.url.origin and self.header in following.headers:
            del following.headers[self.header]

    def spent_in(self, asked: Mapping[str, str]) -> str | None:
        """The digest of the token that went with the last request of an attempt, whose header
        fields are `asked`; None where none did, as after a redirect to another host."""
        fields = {name.lower(): value for name, value in asked.items()}
        name = self.header.lower()
        sent = fields.get(f"last-{name}" if "last-host" in fields else name)
        if sent is None:
            return None
        return digest(sent if self.scheme is None else sent.removeprefix(f"{self.scheme} "))

    def _spelt(self, token: Token) -> str:
        return token.value if self.scheme is None else f"{self.scheme} {token.value}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} header={self.header!r} share={self.share!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} holds secrets and is not pickled: make one in each process"
        )


def _given(token: object) -> Token | None:
    """The token that somebody sets; it is not quoted where it is none."""
    if token is not None and not isinstance(token, (str, Token)):
        raise TypeError(f"a token is a str or a failwell.Token, not a {type(token).__name__}")
    return made(token)


def made(token: Token | str | None) -> Token | None:
    """The token, where only its value is given. Raises `ValueError` for what cannot be one."""
    return Token(token) if isinstance(token, str) else token
