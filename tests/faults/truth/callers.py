"""The five ways to make a call with failwell, and what each of them said."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import httpx2
import msgspec
import requests

import failwell
from failwell.clients.httpx import AsyncTransport, Transport
from failwell.clients.requests import Adapter
from failwell.events import AttemptFailed, CallFailed
from faults.truth import forms
from faults.truth.apis import APIS
from faults.truth.contracts import contract_of, tagged
from faults.truth.server import CrookedServer
from faults.truth.tales import API_KEY, COOKIE, QUERY, TOKEN, Tale


@dataclass
class Told:
    """What the caller was told: an answer or an error, and the history of the call."""

    status: int | None = None
    how: str = "answered"
    error: failwell.FailwellError | None = None
    attempts: tuple[Any, ...] = ()
    moved: bool = False
    media: str = ""
    crash: BaseException | None = None
    lines: list[str] = field(default_factory=list)
    settled: list[Any] = field(default_factory=list)


class Tokens(failwell.TokenAuth):
    """Hands a fresh token out whenever it is asked."""

    def refresh(self, spent: Any) -> failwell.Token:
        return failwell.Token(value=TOKEN + "-fresh")


class Lines(logging.Handler):
    """What failwell logs."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record) + repr(record.__dict__))


def policy_of(tale: Tale) -> failwell.Policy:
    """The default policy, with waits of milliseconds; bare of its gate in most tales."""
    retry = failwell.Retry(base=0.001, cap=0.004, fast_base=0.001, max_wait=1.0)
    if not tale.guarded:
        return failwell.Policy(
            retry=retry, deadline=tale.deadline, budget=None, breaker=None, governor=None
        )
    breaker = failwell.Breaker(failures=4, open_for=0.005, longest=0.01)
    return failwell.Policy(retry=retry, deadline=tale.deadline, breaker=breaker)


class Caller:
    """Makes the call of one tale against one server."""

    def __init__(self, tale: Tale, server: CrookedServer) -> None:
        self.tale = tale
        self.server = server
        self.contract = contract_of(next(api for api in APIS if api.name == tale.api.name))
        options = failwell.Options(
            expect=tale.expects or None,  # type: ignore[arg-type]
            get_existing=tale.gets or None,
        )
        self.extensions: dict[str, Any] = {"failwell": options}
        self.url = f"{server.url}/things/a" + (f"?api_key={QUERY}" if tale.hides else "")
        self.headers = {
            "Authorization": f"Bearer {TOKEN}", "X-API-Key": API_KEY,
            "Cookie": f"sid={COOKIE}",
        }  # fmt: skip
        if tale.body != "form":
            self.headers["Content-Type"] = "application/json"
        self._failed: set[tuple[int, float]] = set()
        self.own = {"Idempotency-Key": "key-of-the-callers-own"} if tale.keyed else {}

    def tell(self) -> Told:
        """Make the call; what was said of it."""
        handler, logger = Lines(), logging.getLogger("failwell")
        before = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        told = Told()
        try:
            self._call(told)
        except failwell.FailwellError as error:
            told.error, told.attempts = error, error.attempts
        except Exception as crash:
            told.crash = crash
        finally:
            logger.removeHandler(handler)
            logger.setLevel(before)
        told.lines = handler.said
        return told

    def _call(self, told: Told) -> None:
        match self.tale.caller:
            case "client":
                self._client(told)
            case "async client":
                asyncio.run(self._async_client(told))
            case "httpx":
                self._httpx(told)
            case "async httpx":
                asyncio.run(self._async_httpx(told))
            case _:
                self._requests(told)

    # --- failwell's own --------------------------------------------------------------------------

    def arguments(self) -> dict[str, Any]:
        """What one of failwell's own clients is made with."""
        return {
            "contract": self.contract, "policy": policy_of(self.tale), "hooks": [self.hook],
            "trust_env": False, "verify": False, "timeout": 5.0,
            "follow_redirects": self.tale.follows, **self._credentials(),
        }  # fmt: skip

    def _credentials(self) -> dict[str, Any]:
        if not self.tale.renews:
            return {"headers": self.headers}
        rest = {name: v for name, v in self.headers.items() if name != "Authorization"}
        return {"headers": rest, "auth": Tokens(failwell.Token(value=TOKEN))}

    def _client(self, told: Told) -> None:
        tale = self.tale
        with failwell.Client(**self.arguments()) as client:
            if not tale.streams:
                said = client.request(
                    tale.method, self.url, **self._own(), extensions=self.extensions
                )
                return self._went_well(told, said)
            with client.stream(
                tale.method, self.url, **self._own(), extensions=self.extensions
            ) as said:
                self._went_well(told, said)
                for _ in said.iter_bytes():
                    pass
            return None

    async def _async_client(self, told: Told) -> None:
        tale = self.tale
        async with failwell.AsyncClient(**self.arguments()) as client:
            if not tale.streams:
                said = await client.request(
                    tale.method, self.url, **self._own(), extensions=self.extensions
                )
                return self._went_well(told, said)
            async with client.stream(
                tale.method, self.url, **self._own(), extensions=self.extensions
            ) as said:
                self._went_well(told, said)
                async for _ in said.aiter_bytes():
                    pass
            return None

    def _went_well(self, told: Told, said: httpx2.Response) -> None:
        told.status = said.status_code
        told.attempts = said.extensions.get("failwell_attempts", ())
        ways = ("found", "existing", "replayed")
        told.how = next((w for w in ways if said.extensions.get(f"failwell_{w}")), "answered")
        told.moved = any(hop.status_code == 303 for hop in said.history)
        told.media = said.headers.get("content-type", "")

    # --- other libraries' ------------------------------------------------------------------------

    def _seam(self) -> dict[str, Any]:
        return {
            "contract": self.contract, "policy": policy_of(self.tale), "hooks": [self.hook],
        }  # fmt: skip

    def _httpx(self, told: Told) -> None:
        inner = httpx.HTTPTransport(verify=False, trust_env=False)
        with httpx.Client(transport=Transport(inner, **self._seam()), trust_env=False) as client:
            said = client.send(self._request(client), **self._how())
            self._account(told, said, said.extensions["failwell"])
            said.read()

    async def _async_httpx(self, told: Told) -> None:
        inner = httpx.AsyncHTTPTransport(verify=False, trust_env=False)
        transport = AsyncTransport(inner, **self._seam())
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            said = await client.send(self._request(client), **self._how())
            self._account(told, said, said.extensions["failwell"])
            await said.aread()

    def _how(self) -> dict[str, Any]:
        return {"stream": True, "follow_redirects": self.tale.follows}

    def _request(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        return client.build_request(
            self.tale.method, self.url, **self._own(self.headers),
            extensions=self.extensions,
        )  # fmt: skip

    def _requests(self, told: Told) -> None:
        with requests.Session() as session:
            session.trust_env = False
            session.mount("http://", Adapter(**self._seam()))
            said: Any = session.request(
                self.tale.method, self.url, **self._own(self.headers, "data"),
                allow_redirects=self.tale.follows, timeout=5, stream=self.tale.streams,
            )  # fmt: skip
            self._account(told, said, said.failwell)
            for _ in said.iter_content(1000):
                pass

    def _account(self, told: Told, said: Any, account: Any) -> None:
        told.attempts, told.how, told.error = account.attempts, account.how, account.error
        told.media = said.headers.get("content-type", "")
        told.moved = any(hop.status_code == 303 for hop in said.history)
        if account.error is None:
            told.status = said.status_code

    # --- what they share -------------------------------------------------------------------------

    def hook(self, event: object) -> None:
        """Let the script go on after an attempt that found nobody."""
        attempt = None
        if isinstance(event, AttemptFailed):
            attempt = event.attempt
        elif isinstance(event, CallFailed) and event.error.attempts:
            attempt = event.error.attempts[-1]
        if attempt is None:
            return
        self._failed.add((attempt.number, attempt.at))
        made = len(self._failed) + self.server.books.moves if self.tale.hops else attempt.number
        if made > self.server.books.attempts(hops=self.tale.hops):
            self.server.books.refuse()
            self.server.attend()

    def _own(self, shared: Mapping[str, str] = {}, name: str = "content") -> dict[str, Any]:
        """The call's own header fields, those that its client does not have, and its body."""
        own: dict[str, Any] = {"headers": {**shared, **self.own}}
        if self.tale.body == "form" and self.tale.method != "DELETE":
            return {**own, "files": forms.files(self.tale.content), "data": dict([forms.FIELD])}
        return {**own, name: self._content()}

    def _content(self) -> Any:
        kind, content = self.tale.body, self.tale.content
        if self.tale.method == "DELETE":
            return None
        if kind == "file":
            return io.BytesIO(content)
        if not kind.endswith("generator"):
            return content
        pieces = [content[at : at + 100_000] for at in range(0, len(content), 100_000)]
        return _slowly(pieces) if self.tale.is_async else _one_by_one(pieces)

    def settle(self, error: failwell.FailwellError) -> Any:
        """What becomes of it, asked by a client of failwell's own."""
        arguments = {
            **self.arguments(),
            "policy": failwell.Policy(
                retry=failwell.Retry(base=0.001, cap=0.004),
                budget=None,
                breaker=None,
                governor=None,
            ),
        }
        content = None if error.sent is None or error.sent.body is not None else self.sent(error)
        if self.tale.is_async:
            return asyncio.run(_asettled(arguments, error, content))
        with failwell.Client(**arguments) as client:
            return client.settle(error, content=content)

    def sent(self, error: failwell.FailwellError) -> bytes:
        """The body, for an error that could not keep it."""
        assert error.sent is not None
        content, tag = self.tale.content, error.sent.tag
        boundary = (error.sent.content_type or "").partition("boundary=")[2]
        if boundary:
            return forms.written(boundary, content)
        whole = msgspec.structs.replace(error.sent, body=content)
        return content if tag is None else tagged(whole, tag) or b""


async def _asettled(arguments: dict[str, Any], error: Any, content: bytes | None) -> Any:
    async with failwell.AsyncClient(**arguments) as client:
        return await client.settle(error, content=content)


def _one_by_one(pieces: list[bytes]) -> Iterator[bytes]:
    yield from pieces


async def _slowly(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
