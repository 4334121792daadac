"""An endpoint of IonQ's API, called in sync or in async code.

>>> get_job.sync("…", client=client)
>>> await get_job.asyncio("…", client=client)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Generic, ParamSpec, Protocol, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from failwell.apis.answers import read
from failwell.apis.ionq.client import IonQClient
from failwell.apis.ionq.contract import IONQ
from failwell.apis.operation import Ask, Operation
from failwell.apis.reach import instance
from failwell.errors import InvalidRequestError
from failwell.model import Headers

T = TypeVar("T")
P = ParamSpec("P")


class Payload(Protocol):
    """A body that can be told as plain values."""

    def to_dict(self) -> dict[str, Any]: ...


Body = Payload | Mapping[str, Any]


class Response(msgspec.Struct, Generic[T], frozen=True):
    """An answer: what was `parsed`, and how it came."""

    status_code: int
    content: bytes
    headers: Mapping[str, str]
    parsed: T


class Call(msgspec.Struct, Generic[T], frozen=True):
    """One call, ready to be made: by which client, of what, and what its answer is read as."""

    client: IonQClient
    ask: Ask
    read_as: type[T]


class Endpoint(Generic[P, T]):
    """An endpoint, in four forms: `sync` and `asyncio` give the record, `sync_detailed` and
    `asyncio_detailed` the whole `Response`.

    Each raises `IonQError`, and failwell's class of that kind; `InvalidRequestError` for what is
    refused before it is sent.
    """

    def __init__(self, ready: Callable[P, Call[T]]) -> None:
        self._ready = ready
        self.__doc__ = ready.__doc__
        self.__name__ = ready.__name__

    def sync(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """The record that IonQ answers with."""
        return self.sync_detailed(*args, **kwargs).parsed

    def sync_detailed(self, *args: P.args, **kwargs: P.kwargs) -> Response[T]:
        """The whole answer."""
        call = self._called(*args, **kwargs)
        return call.client.perform(_made(call))

    async def asyncio(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """The record that IonQ answers with."""
        return (await self.asyncio_detailed(*args, **kwargs)).parsed

    async def asyncio_detailed(self, *args: P.args, **kwargs: P.kwargs) -> Response[T]:
        """The whole answer."""
        call = self._called(*args, **kwargs)
        return await call.client.aperform(_made(call))

    def _called(self, *args: P.args, **kwargs: P.kwargs) -> Call[T]:
        call = self._ready(*args, **kwargs)
        instance(call.client, IonQClient, "an IonQClient of failwell's", "client")
        return call

    def __repr__(self) -> str:
        return f"<Endpoint {self.__name__}>"


def _made(call: Call[T]) -> Operation[Response[T]]:
    response, _ = yield from call.ask
    return Response(
        response.status_code,
        response.content,
        Headers(response.headers),
        read(IONQ, response, call.read_as),
    )


def address(*segments: str, **query: Any) -> str:
    """A path below the base URL; a query's None is left out, and a list is told one by one.

    Raises `InvalidRequestError` for a segment that would lead elsewhere.
    """
    path = "/".join(_segment(segment) for segment in segments)
    given = {name: _spelled(value) for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


def posted(method: str, path: str, body: Body) -> Ask:
    """A call with a JSON body. Raises `InvalidRequestError` for one that JSON cannot spell."""
    plain = _plain(body)
    try:
        content = json.dumps(plain, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError.of(f"The body cannot be told in JSON: {error}") from None
    return Ask(method, path, content=content, headers={"Content-Type": "application/json"})


def _plain(body: Body) -> Mapping[str, Any]:
    if isinstance(body, Mapping):
        return {**body}
    spell = getattr(body, "to_dict", None)
    if not callable(spell):
        told = f"The body is a {type(body).__name__}: give a mapping, or an object with to_dict()"
        raise InvalidRequestError.of(told)
    return body.to_dict()


def _segment(segment: str) -> str:
    # A caller's variable, which may be anything.
    if not isinstance(segment, str) or segment in ("", ".", ".."):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidRequestError.of(f"{segment!r} is not an id or a name at IonQ")
    return quote(segment, safe="")


def _spelled(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
