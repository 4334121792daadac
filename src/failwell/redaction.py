"""Nothing secret is shown: the one redaction for errors, logs and the journal.

Two rules. *By name*: a header, query parameter or JSON field whose name says that it is secret
loses its value. *By value*: whatever secret was sent with a request is taken out of everything
that is kept of the answer, in whichever place a server may have echoed it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

MASK = "[redacted]"
_MASK = MASK.encode()
_SHORTEST = 4
"""Shorter values are left alone: taking every `1` out of a message would hide too much."""

_SECRET_FIELD = re.compile(
    r"pass(?:word|wd|phrase|code)|^pass$|pwd|secret|token$|signature|credential|cookie|jwt"
    r"|(?:api|access|account|private|subscription|signing|encryption)[-_]?key"
    r"|auth(?!or(?!iz))|^pin$|^otp$|^sig$",
    re.IGNORECASE,
)
_SECRET_PARAMETER = re.compile(r"key$|session|^code$|^pw$", re.IGNORECASE)
_JSON_FIELD = re.compile(
    rb'"([^"\\]{1,64})"(\s*:\s*)("(?:[^"\\]|\\.)*"|[-+0-9.eE]+|\[[^\[\]{}]*\])', re.DOTALL
)
_HINTS = (
    b"pass", b"pwd", b"secret", b"token", b"key", b"auth", b"cookie", b"credential", b"sig", b"jwt",
    b'"pin"', b'"otp"',
)  # fmt: skip
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>]+", re.IGNORECASE)
_OPAQUE = re.compile(r"^[A-Za-z0-9_\-.=+/%~]{20,}$")


def is_secret_field(name: str) -> bool:
    """Whether a field of this name, in a JSON or form body, holds a secret."""
    return _SECRET_FIELD.search(name) is not None


def is_secret_parameter(name: str) -> bool:
    """Whether a header or query parameter of this name holds a secret; `Idempotency-Key` not."""
    if is_secret_field(name):
        return True
    return _SECRET_PARAMETER.search(name) is not None and not name.lower().startswith("idempotency")


def url(url: str) -> str:
    """The URL without user info, and without query values that are or look secret."""
    scheme_end = url.find("://")
    if scheme_end < 0 or ("@" not in url and "?" not in url and "#" not in url):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    host = parts.netloc.rpartition("@")[2]
    query = "&".join(_masked(pair) for pair in parts.query.split("&")) if parts.query else ""
    return parts._replace(netloc=host, query=query, fragment="").geturl()


def _masked(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals:
        return MASK if _OPAQUE.match(name) else name
    return f"{name}={MASK}" if is_secret_parameter(name) or _OPAQUE.match(value) else pair


def urls_in(text: str) -> str:
    """The text with each URL in it redacted."""
    return _URL.sub(lambda found: url(found.group()), text) if "://" in text else text


def secrets_of(headers: Mapping[str, str], url: object, body: bytes | None) -> tuple[str, ...]:
    """Every secret that a request carries, longest first."""
    found = {*_in_headers(headers), *_in_url(str(url)), *_in_json(body or b"")}
    return tuple(sorted((s for s in found if len(s) >= _SHORTEST), key=len, reverse=True))


def _in_headers(headers: Mapping[str, str]) -> Iterator[str]:
    for name, value in headers.items():
        if not is_secret_parameter(name):
            continue
        yield value
        if "cookie" in name.lower():
            yield from (pair.partition("=")[2].strip() for pair in value.split(";"))
        scheme, _, credentials = value.partition(" ")
        if credentials:
            yield credentials.strip()
            if scheme.lower() == "basic":
                yield from _in_basic(credentials)


def _in_basic(credentials: str) -> Iterator[str]:
    try:
        decoded = base64.b64decode(credentials, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return
    yield decoded.partition(":")[2]


def _in_url(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    if parts.password:
        yield parts.password
    for name, value in parse_qsl(parts.query):
        if is_secret_parameter(name) or _OPAQUE.match(value):
            yield value


def _in_json(body: bytes) -> Iterator[str]:
    if not _may_hold_secret(body):
        return
    for name, _, value in _JSON_FIELD.findall(body):
        if value[:1] == b'"' and is_secret_field(name.decode("utf-8", "replace")):
            try:
                yield json.loads(value)
            except ValueError:
                yield value[1:-1].decode("utf-8", "replace")
    if body[:1] not in b"{[":
        for name, value in parse_qsl(body[:65536].decode("utf-8", "replace")):
            if is_secret_field(name):
                yield value


def _may_hold_secret(body: bytes) -> bool:
    lower = body.lower()
    return any(hint in lower for hint in _HINTS)


def holds_secret(body: bytes) -> bool:
    """Whether a request body holds a field whose name says that it is secret."""
    return any(_in_json(body))


def scrub(body: bytes, secrets: tuple[str, ...] = ()) -> bytes:
    """The body without those secrets (plain, JSON-escaped or percent-encoded) and secret fields."""
    for secret in secrets:
        for form in _spellings(secret):
            if form in body:
                body = body.replace(form, _MASK)
    return _JSON_FIELD.sub(_without_value, body) if _may_hold_secret(body) else body


def _without_value(field: re.Match[bytes]) -> bytes:
    name, colon, _ = field.groups()
    if not is_secret_field(name.decode("utf-8", "replace")):
        return field.group()
    return b'"%b"%b"%b"' % (name, colon, _MASK)


def text(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The text without those secrets, and with each URL in it redacted."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return urls_in(text)


def _spellings(secret: str) -> set[bytes]:
    return {
        secret.encode("utf-8", "replace"),
        json.dumps(secret)[1:-1].encode(),
        json.dumps(secret, ensure_ascii=False)[1:-1].encode("utf-8", "replace"),
        quote(secret, safe="").encode(),
        quote_plus(secret).encode(),
    }
