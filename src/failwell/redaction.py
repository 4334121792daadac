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
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain
from urllib.parse import parse_qsl, quote, quote_plus, unquote, unquote_plus, urlsplit

from failwell.model import read_json

MASK = "[redacted]"
_MASK = MASK.encode()
_SHORTEST = 4
"""Shorter values are left alone: taking every `1` out of a message would hide too much."""

_SECRET_FIELD = (
    r"(?i)pass(?:word|wd|phrase|code)|^pass$|pwd|secret|token$|signature|credential|cookie|jwt"
    r"|(?:api|access|account|private|subscription|signing|encryption)[-_]?key"
    r"|auth(?!or(?!iz))|^pin$|^otp$|^sig$"
)
_SECRET_PARAMETER = r"(?i)key$|session|^code$|^pw$"
_JSON_FIELD = (
    rb'(?s)"([^"\\]{1,64})"(\s*:\s*)'
    rb'("(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[-+0-9.eE]+|\[[^\[\]{}]*(?:\]|\Z))'
)
"""A field with a value that is no object; an answer that was cut may end inside the value."""

_JSON_STRING = rb'(?s)"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
_JSON_NAME = rb'"([^"\\]{1,64})"\s*:\s*+(?!null\b|true\b|false\b)'
_FORM_FIELD = rb"(?:^|&)([^=&\s]{1,64})=([^&]*)"
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
    """Every secret that a request carries, longest first."""
    found = [_of_field(name, headers[name]) for name in _secret_names(tuple(headers))]
    address = str(url)
    if "@" in address or "?" in address:
        found.append(_longest_first(_in_url(address)))
    if body and _may_hold_secret(body):
        found.append(_longest_first(_in_body(body)))
    return found[0] if len(found) == 1 else _longest_first(chain.from_iterable(found))


@lru_cache(maxsize=256)
def _secret_names(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if is_secret_parameter(name))


@lru_cache(maxsize=256)
def _of_field(name: str, value: str) -> tuple[str, ...]:
    """What a secret field holds; one client sends the same credential again and again."""
    return _longest_first(_in_header(name, value))


def _longest_first(found: Iterable[str]) -> tuple[str, ...]:
    long_enough = {secret for secret in found if len(secret) >= _SHORTEST}
    return tuple(sorted(long_enough, key=len, reverse=True))


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
    parts = urlsplit(url)
    login = parts.password or parts.username
    if login:
        yield from {login, unquote(login)}
    for name, value in parse_qsl(parts.query):
        if is_secret_parameter(name) or re.match(_OPAQUE, value):
            yield value


def _in_body(body: bytes) -> Iterator[str]:
    for name, _, value in re.findall(_JSON_FIELD, body):
        if is_secret_field(name.decode("utf-8", "replace")):
            for string in re.findall(_JSON_STRING, value):
                decoded = read_json(string)
                yield (
                    decoded if isinstance(decoded, str) else string[1:-1].decode("utf-8", "replace")
                )
    if body[:1] not in b"{[":
        for name, value in re.findall(_FORM_FIELD, body):
            if is_secret_field(unquote_plus(name.decode("utf-8", "replace"))):
                yield unquote_plus(value.decode("utf-8", "replace"))


def _may_hold_secret(body: bytes) -> bool:
    """Whether there is a part in it of a name that `is_secret_field`: one look is much cheaper."""
    text = body.decode("latin-1").lower()  # in text, `in` takes half as long as in bytes
    return (  # a loop over these takes twice as long
        "pass" in text or "pwd" in text or "secret" in text or "token" in text or "key" in text
        or "auth" in text or "cookie" in text or "credential" in text or "sig" in text
        or "jwt" in text or '"pin"' in text or '"otp"' in text
    )  # fmt: skip


def holds_secret(body: bytes) -> bool:
    """Whether a request body holds a field whose name says that it is secret."""
    if not _may_hold_secret(body):
        return False
    names = {*re.findall(_JSON_NAME, body)}
    if body[:1] not in b"{[":
        names.update(name for name, _ in re.findall(_FORM_FIELD, body))
    return any(is_secret_field(unquote_plus(name.decode("utf-8", "replace"))) for name in names)


def scrub(body: bytes, secrets: tuple[str, ...] = ()) -> bytes:
    """The body without those secrets and without the values of secret fields.

    Each secret is looked for as it is, JSON-escaped, percent-encoded and HTML-escaped.
    """
    for secret in secrets:
        for form in _spellings(secret):
            if form in body:
                body = body.replace(form, _MASK)
    if not _may_hold_secret(body):
        return body
    scrubbed = re.sub(_JSON_FIELD, _without_value, body)
    return body if scrubbed == body else scrubbed


def _without_value(field: re.Match[bytes]) -> bytes:
    name, colon, _ = field.groups()
    if not is_secret_field(name.decode("utf-8", "replace")):
        return field.group()
    return b'"%b"%b"%b"' % (name, colon, _MASK)


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
    for spelling in _needles(secrets) if secrets else ():  # noqa: SIM110, `all` takes longer
        if spelling in said:
            return False
    return True


@lru_cache(maxsize=256)
def _needles(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """The fewest spellings such that a text without them is without any of the secrets."""
    spelt = sorted({s.decode() for secret in secrets for s in _spellings(secret)}, key=len)
    return tuple(
        one for number, one in enumerate(spelt) if not any(less in one for less in spelt[:number])
    )


def address(address: str, secrets: tuple[str, ...]) -> str:
    """The URL without those secrets, and without what is or looks secret in it."""
    return _without(url(address), secrets)


def _without(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, MASK)
    return text


_LOWER = r"%[0-9A-F]{2}"


def _lower(escape: re.Match[str]) -> str:
    return escape.group().lower()


@lru_cache(maxsize=256)
def _spellings(secret: str) -> frozenset[bytes]:
    import html

    percent, plus = quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace")
    forms = {
        secret.encode("utf-8", "replace"),
        json.dumps(secret)[1:-1].encode(),
        json.dumps(secret, ensure_ascii=False)[1:-1].encode("utf-8", "replace"),
        json.dumps(secret)[1:-1].replace("/", "\\/").encode(),
        html.escape(secret).encode("utf-8", "replace"),
        *(form.encode() for form in (percent, re.sub(_LOWER, _lower, percent))),
        *(form.encode() for form in (plus, re.sub(_LOWER, _lower, plus))),
    }
    return frozenset(forms)
