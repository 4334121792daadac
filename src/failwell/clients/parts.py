"""The secrets in a form of parts, which httpx and httpx2 put together only while it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from failwell import redaction
from failwell.model import Headers


def carried(headers: Mapping[str, str], stream: object) -> Headers:
    """The header fields of a request, and beside them, under names that say so, the secrets in its
    stream, where that is a form of parts.

    What is in a file is not looked at: only what is in memory.
    """
    parts = getattr(getattr(stream, "source", stream), "fields", None)
    if not parts:
        return Headers(headers)
    secrets = [secret for part in parts for secret in _in_part(part)]
    return Headers({**{f"secret-{n}": one for n, one in enumerate(secrets)}, **headers})


def _in_part(part: Any) -> Iterator[str]:
    held = part.value if hasattr(part, "value") else part.file
    if not isinstance(held, (str, bytes)):
        return
    if redaction.is_secret_field(part.name):
        yield held if isinstance(held, str) else held.decode("utf-8", "replace")
    else:
        body = held.encode("utf-8", "replace") if isinstance(held, str) else held
        yield from redaction.secrets_of({}, "", body)
