"""Redaction of running text: messages, reprs, tracebacks and structured details.

`failwell.redaction` knows which names are secret and where headers, URLs and bodies hold them.
Here the same names are looked for in prose and source code, which follow no grammar: where it is
not certain that a value is harmless, it goes.
"""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec

from failwell import redaction
from failwell.model import read_json
from failwell.redaction import MASK, is_secret_field

_DEPTH = 16
"""Levels of structured details that are looked into; what lies deeper is masked."""

_READ = 4
"""A text is read up to so many times its limit: redaction may make it shorter."""

_LONGEST_NAME = 128

_NAME = re.compile(
    r"""(?<![\w.-])(?P<name>[\w.-]++)
        (?: \\?["'`]\]?,\ ?(?=\\?b?["'])          # ('password', 'x'), and ASGI's header pairs
          | \\?["'`]?\]?\)?\s{0,8}(?:=>|:=|[=!]?=|:)\s{0,8}\(? )""",
    re.VERBOSE,
)
_VALUE = re.compile(
    r"""[rbuf]{0,2} "(?:[^"\\]++|\\.)*+(?:"|\\?\Z)
      | [rbuf]{0,2} '(?:[^'\\]++|\\.)*+(?:'|\\?\Z)
      | \\(?P<quote>["'])(?:[^"'\\]++|(?!\\?(?P=quote)).|\\(?!(?P=quote)).)*+\\?(?:(?P=quote)|\Z)
      | \[[^\[\]]*+(?:\]|\Z) | \{[^{}]*+(?:\}|\Z) | \([^()]*+(?:\)|\Z)
      | (?:Bearer|Basic|Token|Digest|Negotiate|ApiKey)\s++[^\s,;"'<>]++
      | [^\s,;&)}\]"'<>]++""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_FIELD = re.compile(r"authoriz|cookie", re.IGNORECASE)
_REST = re.compile(r"(?![\"'\[{(\\]|b[\"'])[^\r\n]++")
"""The rest of a line: the value of a header field that holds several words."""

_HARMLESS = re.compile(
    r"(?:none|null|true|false|must|is|was|not|required|missing|expired|invalid)\b", re.IGNORECASE
)
_UNNAMED = re.compile(
    r"""(?P<scheme>\b(?:Bearer|Basic)\s++)
          (?!(?:auth\w*|token|scheme|challenge|realm|credentials?)\b)[\w.~+/=-]{8,}
      | \b(?:[spr]k[-_]|gh[pousr]_|xox[a-z]-|glpat-|AKIA|AIza)[\w-]{12,}
      | \beyJ[\w-]{5,}\.[\w-]++(?:\.[\w-]*)?
      | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)
      | (?<=\binput_value=).*?(?=,\ input_type=|\Z)
      | (?<=\[parameters:\ ).*?(?=\]\s*(?:\(Background|\n|\Z))
      | (?<=Failing\ row\ contains\ ).*""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
"""Secrets known by their form, and where pydantic, SQLAlchemy and PostgreSQL quote the input."""

_TOKEN = re.compile(
    r"""(?P<literal>
            [A-Za-z]{0,2}(?:\"{3}.*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z)
          | "(?:[^"\\]++|\\.)*+(?:"|\\?\Z) | '(?:[^'\\]++|\\.)*+(?:'|\\?\Z))
          | \#.* | \b\d[\w.]*+ )
      | (?P<name>[A-Za-z_]\w*+)""",
    re.VERBOSE | re.DOTALL,
)


def bounded(text: str, limit: int, secrets: tuple[str, ...] = ()) -> str:
    """The text redacted as by `words`, in at most `limit` bytes of UTF-8 that any database holds.

    Of a text that is far too long only the beginning is read; where that was cut, so is what may
    be the beginning of a secret.
    """
    clean = words(text[: _READ * limit], secrets)
    if len(text) > _READ * limit:
        clean = clean[: -max((len(secret) for secret in secrets), default=1)] + "…"
    whole = storable(clean).encode()
    if len(whole) <= limit:
        return whole.decode()
    return whole[: limit - 3].decode("utf-8", "ignore") + "…"


def storable(text: str) -> str:
    """The text without what a database cannot hold: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def words(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The text without these secrets, without values whose names say that they are secret, and
    without what is known by its form: URL credentials, bearer tokens, private keys."""
    return _by_name(_by_form(_by_value(text, secrets)))


def source(line: str, secrets: tuple[str, ...] = ()) -> str:
    """A line of source code; where it speaks of a secret, every literal in it is masked."""
    line = _by_form(_by_value(line, secrets))
    if not any(_names_secret(token) for token in _TOKEN.finditer(line)):
        return line
    return _TOKEN.sub(lambda token: MASK if token["literal"] else token.group(), line)


def _names_secret(token: re.Match[str]) -> bool:
    return is_secret_field(token["name"] or token["literal"].strip("\"'"))


def details(text: bytes, secrets: tuple[str, ...], limit: int) -> bytes:
    """Structured details as JSON of at most `limit` bytes; what is longer or cannot be read
    becomes one JSON string, cut."""
    if not text:
        return b""
    value = read_json(redaction.scrub(text, secrets))
    if value is None:
        value = words(text.decode("utf-8", "replace"), secrets)
    kept = msgspec.json.encode(_value(value, secrets, _DEPTH))
    if len(kept) <= limit:
        return kept
    return msgspec.json.encode(kept[: limit // 2].decode("utf-8", "ignore") + "…")


def structured(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as plain JSON values, redacted by name and by form; what JSON has no word for is
    shown by its `repr`."""
    plain = {name: _plain(value) for name, value in fields.items()}
    return cast("dict[str, Any]", _value(plain, (), _DEPTH))


def _plain(value: Any) -> Any:
    try:
        return msgspec.to_builtins(value, str_keys=True, enc_hook=repr)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


def _value(value: Any, secrets: tuple[str, ...], depth: int) -> Any:
    if depth == 0:
        return MASK
    if isinstance(value, str):
        return words(value, secrets)
    if isinstance(value, list):
        return [_value(item, secrets, depth - 1) for item in cast(list[Any], value)]
    if isinstance(value, dict):
        fields = cast(dict[str, Any], value).items()
        return {words(name, secrets): _field(name, held, secrets, depth) for name, held in fields}
    return value


def _field(name: str, value: Any, secrets: tuple[str, ...], depth: int) -> Any:
    if is_secret_field(name) and not isinstance(value, (bool, type(None))):
        return MASK
    return _value(value, secrets, depth - 1)


def _by_value(text: str, secrets: tuple[str, ...]) -> str:
    if not secrets:
        return text
    spelled = (*secrets, *(repr(secret)[1:-1] for secret in secrets))
    for secret in spelled:
        text = text.replace(secret, MASK)
    return redaction.scrub(text.encode("utf-8", "replace"), spelled).decode("utf-8", "replace")


def _by_form(text: str) -> str:
    return _UNNAMED.sub(lambda found: (found["scheme"] or "") + MASK, redaction.urls_in(text))


def _by_name(text: str) -> str:
    kept: list[str] = []
    done = at = 0
    while named := _NAME.search(text, at):
        at = named.end()
        if not is_secret_field(named["name"][-_LONGEST_NAME:].strip(".-")):
            continue
        held = _held(named["name"], text, at)
        if held is not None:
            kept += text[done:at], MASK
            done = at = held
    return "".join((*kept, text[done:]))


def _held(name: str, text: str, at: int) -> int | None:
    """Where the value that stands at `at` ends; None where there is none worth hiding."""
    if _HARMLESS.match(text, at):
        return None
    rest = _REST.match(text, at) if _FIELD.search(name) else None
    value = rest or _VALUE.match(text, at)
    return value.end() if value else None
