"""Nothing secret is shown: the one redaction for errors, logs and the journal.

Two rules. *By name*: a header, query parameter or JSON field whose name says that it is secret
loses its value. *By value*: whatever secret was sent with a request is taken out of everything
that is kept of the answer, in whichever place a server may have echoed it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain
from urllib.parse import parse_qsl, unquote, urlsplit

from failwell.redaction import fields
from failwell.redaction.fields import Field
from failwell.redaction.spellings import needles, spellings

MASK = "[redacted]"
_MASK = MASK.encode()
_SHORTEST, _LONGEST = 4, 1024 * 1024
"""Shorter values are left alone: taking every `1` out of a message would hide too much. And no
error is read that a longer one would fit in."""

_LOOKED_AT = 4 * 1024 * 1024
"""Bytes of a request's body in which secrets are looked for: of a larger one the first half of
them and the last, and the heads of its parts."""

_SECRET_FIELD = (
    r"(?i)pass[-_]?(?:word|wd|phrase|code)|^pass$|pwd|secret|token$|signature|credential|cookie|jwt"
    r"|(?:api|access|account|private|subscription|signing|encryption)[-_]?key"
    r"|auth(?!or(?!iz))|sessionid|^pin$|^otp$|^sig$"
)
"""A `session_id` is often a resource, as IonQ's is, and stays; `sessionId` is Java's cookie."""

_SECRET_FIELDS = r"(?i)^(?:(?:access|refresh|api|bearer|session|id|user)[-_]?)?tokens$"
_NUMBERS = rb"[-+.\deE,\s\[\]]*+"
"""These are secret but where they are numbers: a model has counted them."""

_SECRET_PARAMETER = r"(?i)key$|session|^code$|^pw$"
_ADDRESS = r"(?i)(?:referer|location|url)$"
_BARE_MASK = rb'(?s)"(?:[^"\\]++|\\.)*+"?|(?<![-.\d])[-.\d]*+(?:\[redacted\][-+.\deE]*+)+'
"""A JSON string; or what is left of a number that was, or held, a secret."""

_URL = r"(?i)[a-z][a-z0-9+.-]{0,40}://[^\s\"'<>]+"
_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_OPAQUE = rf"^(?!(?i:{_UUID})$|\d{{4}}-\d\d-\d\d)[A-Za-z0-9_\-.=+/%~]{{20,}}$"
"""A long run without a space may be a token; a UUID or a date is none. (None of these patterns
is compiled before it is needed: together they would take a tenth of the import.)"""


@lru_cache(maxsize=1024)
def is_secret_field(name: str) -> bool:
    """Whether a field of this name, in a JSON or form body, holds a secret."""
    return re.search(_SECRET_FIELD, name) is not None


@lru_cache(maxsize=1024)
def is_secret_parameter(name: str) -> bool:
    """Whether a header or query parameter of this name holds a secret; `Idempotency-Key` not."""
    if is_secret_field(name):
        return True
    return re.search(_SECRET_PARAMETER, name) is not None and not name.lower().startswith(
        "idempotency"
    )


def url(url: str) -> str:
    """The URL without user info, and without query values that are or look secret."""
    if "@" not in url and "?" not in url and "#" not in url:
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
        return MASK if re.match(_OPAQUE, name) else name
    return f"{name}={MASK}" if is_secret_parameter(name) or re.match(_OPAQUE, value) else pair


def urls_in(text: str) -> str:
    """The text with each URL in it redacted."""
    return re.sub(_URL, lambda found: url(found.group()), text) if "://" in text else text


def secrets_of(headers: Mapping[str, str], url: object, body: bytes | None) -> tuple[str, ...]:
    """Every secret that a request carries, longest first; also in an address in its headers."""
    secret, addresses = _telling(tuple(headers))
    found = [_of_field(name, headers[name]) for name in secret]
    for address in (str(url), *[headers[name] for name in addresses]):
        if "@" in address or "?" in address:
            found.append(_longest_first(_in_url(address)))
    if body and (len(body) > _LOOKED_AT or _may_hold_secret(body)):
        found.append(_longest_first(_in_body(body)))
    return found[0] if len(found) == 1 else _longest_first(chain.from_iterable(found))


@lru_cache(maxsize=256)
def _telling(names: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Those of headers that hold a secret, and those of headers that hold an address."""
    secret = [name for name in names if is_secret_parameter(name)]
    return secret, [name for name in names if re.search(_ADDRESS, name)]


@lru_cache(maxsize=256)
def _of_field(name: str, value: str) -> tuple[str, ...]:
    """What a secret field holds; one client sends the same credential again and again."""
    return _longest_first(_in_header(name, value))


def _longest_first(found: Iterable[str]) -> tuple[str, ...]:
    fit = {secret for secret in found if _SHORTEST <= len(secret) <= _LONGEST}
    return tuple(sorted(fit, key=len, reverse=True))


def _in_header(name: str, value: str) -> Iterator[str]:
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
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    login = parts.password or parts.username
    if login:
        yield from {login, unquote(login)}
    for name, value in parse_qsl(parts.query):
        if is_secret_parameter(name) or re.match(_OPAQUE, value):
            yield value


def _in_body(body: bytes) -> Iterator[str]:
    half = _LOOKED_AT // 2
    is_large = len(body) > _LOOKED_AT
    for piece in (body[:half], body[-half:]) if is_large else (body,):
        for field in _secret_fields(piece):
            yield from field.values(piece)
    for field in fields.in_parts(body, is_secret_field) if is_large else ():
        yield from field.values(body)


Find = Callable[[bytes, fields.Wanted], Iterable[Field]]


def _secret_fields(body: bytes, find: Find = fields.find) -> Iterator[Field]:
    """The fields that hold a secret, as their names say."""
    for field in find(body, _may_be_secret):
        if is_secret_field(field.name) or not re.fullmatch(_NUMBERS, body[field.start : field.end]):
            yield field


@lru_cache(maxsize=1024)
def _may_be_secret(name: str) -> bool:
    return is_secret_field(name) or re.search(_SECRET_FIELDS, name) is not None


def _may_hold_secret(body: bytes) -> bool:
    """Whether there is a part in it of a name that `is_secret_field`: one look is much cheaper."""
    text = body.decode("latin-1").lower()  # in text, `in` takes half as long as in bytes
    return (  # a loop over these takes twice as long
        "pass" in text or "pwd" in text or "secret" in text or "token" in text or "key" in text
        or "auth" in text or "cookie" in text or "credential" in text or "sig" in text
        or "jwt" in text or "sessionid" in text or "pin" in text or "otp" in text
    )  # fmt: skip


def holds_secret(body: bytes) -> bool:
    """Whether a request body holds a field whose name says that it is secret."""
    return _may_hold_secret(body) and any(True for _ in _secret_fields(body))


def scrub(body: bytes, secrets: tuple[str, ...] = ()) -> bytes:
    """The body without those secrets and without the values of secret fields, JSON's and XML's.

    Each secret is looked for as it is, JSON-escaped, percent-encoded and HTML-escaped.
    """
    given = body
    for secret in secrets:
        for form in spellings(secret):
            if form in body:
                body = body.replace(form, _MASK)
    if body is not given and body[:1] in b"{[":
        body = re.sub(_BARE_MASK, _as_string, body)
    if not _may_hold_secret(body):
        return body
    body = _without_values(body, fields.in_json, b'"%b"' % _MASK)
    return _without_values(body, fields.in_xml, _MASK) if body[:1] == b"<" else body


def _as_string(mask: re.Match[bytes]) -> bytes:
    """What stands in the place of a number, so that a JSON text remains one."""
    return mask[0] if mask[0][:1] == b'"' else b'"%b"' % _MASK


def _without_values(body: bytes, find: Find, mask: bytes) -> bytes:
    kept: list[bytes] = []
    done = 0
    for field in _secret_fields(body, find):
        kept += body[done : field.start], mask
        done = field.end
    return b"".join((*kept, body[done:])) if kept else body


def text(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The text without those secrets, and with each URL in it redacted."""
    return urls_in(_without(text, secrets))


def words(said: str, secrets: tuple[str, ...] = ()) -> str:
    """A sentence or a code out of an answer, without those secrets, however they are spelt, without
    the values of secret fields, and with each URL in it redacted."""
    if is_clean(said, secrets):
        return said
    return urls_in(scrub(said.encode("utf-8", "replace"), secrets).decode("utf-8", "replace"))


def is_clean(said: str, secrets: tuple[str, ...]) -> bool:
    """Whether there is none of those secrets in it, no URL, and no field."""
    if '"' in said or "://" in said:
        return False
    for spelling in needles(secrets) if secrets else ():  # noqa: SIM110, `all` takes longer
        if spelling in said:
            return False
    return True


def address(address: str, secrets: tuple[str, ...]) -> str:
    """The URL without those secrets, and without what is or looks secret in it."""
    return _without(url(address), secrets)


def _without(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, MASK)
    return text
