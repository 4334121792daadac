"""What a WSGI environ says of its request, and header fields as WSGI spells them (PEP 3333).

Two header lines of one name arrive as one, joined by a comma: a key or an id that came twice is
one that holds a comma.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from io import BytesIO
from types import TracebackType
from typing import Any

from failwell.contract import Contract
from failwell.server.guard import Asked
from failwell.server.types import Fields

Environ = dict[str, Any]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
Write = Callable[[bytes], object]
StartResponse = Callable[..., Write]
"""Called with a status line, a list of header fields, and perhaps what went wrong before."""
App = Callable[[Environ, StartResponse], Iterable[bytes]]

_PLAIN = {"CONTENT_TYPE": b"content-type", "CONTENT_LENGTH": b"content-length"}
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def fields_of(environ: Mapping[str, Any]) -> Fields:
    """The header fields of the request, names in lower case."""
    fields = [
        (name[5:].replace("_", "-").lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    plain = [
        (_PLAIN[name], environ[name].encode("latin-1")) for name in _PLAIN if environ.get(name)
    ]
    return fields + plain


def path_of(environ: Mapping[str, Any]) -> str:
    """The whole path that was asked for; bytes that are no UTF-8 are spelled out."""
    raw = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    text: str = raw.encode("latin-1").decode("utf-8", "backslashreplace")
    return text


def read(environ: Environ, contract: Contract) -> bytes:
    """The whole body of the request, which the code inside can then read again.

    Raises the contract's own failure for a body whose length is not a number, or not told,
    `ConnectionAbortedError` where the client went away before it was whole.
    """
    stream, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH")
    if length:
        if not (length.isascii() and length.isdigit()):
            raise contract.refusal(contract.of_status(400), message="Content-Length is no number")
        body = stream.read(int(length))
        if len(body) < int(length):
            raise ConnectionAbortedError("the client went away before its request was whole")
    elif environ.get("wsgi.input_terminated"):
        body = stream.read()
    elif "HTTP_TRANSFER_ENCODING" in environ:
        raise contract.refusal(contract.of_status(411), message="Content-Length is missing")
    else:
        body = b""
    environ["wsgi.input"], environ["wsgi.input_terminated"] = BytesIO(body), True
    environ["CONTENT_LENGTH"] = str(len(body))
    return bytes(body)


def asked_of(
    environ: Mapping[str, Any], *, caller: str, key: str, body: bytes, path: str | None = None
) -> Asked:
    """The keyed write that this request asks for."""
    return Asked(
        caller=caller,
        method=environ["REQUEST_METHOD"],
        path=path_of(environ) if path is None else path,
        query=environ.get("QUERY_STRING", ""),
        media=environ.get("CONTENT_TYPE", ""),
        body=body,
        key=key,
    )


def status_line(status: int) -> str:
    """The status with its name; HTTP asks for one, and nobody may rely on it."""
    return f"{status} {_PHRASES.get(status, 'Unknown')}"


def raw(headers: Iterable[tuple[str, str]]) -> Fields:
    """Header fields as pairs of bytes."""
    return [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers]


def text(fields: Fields) -> list[tuple[str, str]]:
    """Header fields as pairs of text."""
    return [(k.decode("latin-1"), v.decode("latin-1")) for k, v in fields]
