"""Parameter lists of ISO 10303-21: tokens, nested values, strings."""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from failwell.apis.toolpath.step.limits import MAX_NESTING, MAX_STRING

_TOKEN = re.compile(
    r"\s*(?:(?P<reference>#\d{1,18})"
    r"|(?P<number>[+-]?\d+(?:\.\d*)?(?:[Ee][+-]?\d+)?)"
    r"|(?P<mark>[(),$*])"
    r"|(?P<string>'[^']*')"
    r"|(?P<name>\.[A-Za-z_][A-Za-z0-9_]*\.|\"[0-9A-Fa-f]*\")"
    r"|(?P<keyword>!?[A-Za-z_][A-Za-z0-9_]*)\s*\()"
)
_ESCAPE = re.compile(
    r"''|\\\\|\\S\\(?P<s>.)|\\X\\(?P<x>[0-9A-F]{2})"
    r"|\\X2\\(?P<x2>(?:[0-9A-F]{4})+)\\X0\\|\\X4\\(?P<x4>(?:[0-9A-F]{8})+)\\X0\\"
)


class Typed(NamedTuple):
    """A keyword with a parameter list: a typed parameter or one record of a complex instance."""

    keyword: str
    items: list[Value]


Value: TypeAlias = "float | int | str | list[Value] | Typed | None"
"""One parameter: references are int, numbers float; strings and enumerations keep their
delimiters; ``$`` and ``*`` are None."""


def values_in(body: str, *, is_complex: bool) -> list[Value] | None:
    """Return the values of a parameter list, or ``None`` if it is not well-formed.

    ``is_complex`` allows records side by side without commas, as complex instances have them.
    """
    values = _Values(is_complex)
    at, end = 0, len(body.rstrip())
    while at < end:
        token = _TOKEN.match(body, at)
        if token is None or not values.take(token):
            return None
        at = token.end()
    return values.root if values.is_complete else None


class _Values:
    """Builds the nested lists of a parameter list, one token at a time."""

    def __init__(self, is_complex: bool) -> None:
        self.root: list[Value] = []
        self._open = [self.root]
        self._is_complex = is_complex
        self._awaits_value = True

    @property
    def is_complete(self) -> bool:
        """Whether the list may end here."""
        return len(self._open) == 1 and (not self._awaits_value or self._may_close())

    def take(self, token: re.Match[str]) -> bool:
        """Return whether the token is allowed here, and add it if so."""
        kind, text = token.lastgroup, token[token.lastgroup or 0]
        if kind == "mark" and text in "(),":
            return self._punctuate(text)
        if kind == "string" and self._continues_string():
            return self._extend_string(text)
        if not self._awaits_value:
            return False
        if kind == "keyword":
            return self._enter(text)
        self._open[-1].append(_atom(kind, text))
        self._awaits_value = False
        return True

    def _punctuate(self, mark: str) -> bool:
        if mark == "(":
            return self._awaits_value and self._enter("")
        if mark == ")":
            return self._leave()
        allowed, self._awaits_value = not self._awaits_value, True
        return allowed

    def _enter(self, keyword: str) -> bool:
        items: list[Value] = []
        self._open[-1].append(Typed(keyword.upper(), items) if keyword else items)
        self._open.append(items)
        self._awaits_value = True
        return len(self._open) <= MAX_NESTING

    def _leave(self) -> bool:
        if len(self._open) == 1 or (self._awaits_value and not self._may_close()):
            return False
        self._open.pop()
        self._awaits_value = self._is_complex and len(self._open) == 1
        return True

    def _may_close(self) -> bool:
        return not self._open[-1] or (self._is_complex and len(self._open) == 1)

    def _continues_string(self) -> bool:
        last = self._open[-1][-1] if self._open[-1] and not self._awaits_value else None
        return isinstance(last, str) and last.endswith("'")

    def _extend_string(self, text: str) -> bool:
        """Join the halves of a string around a doubled apostrophe."""
        last = self._open[-1][-1]
        joined = f"{last}{text}"
        self._open[-1][-1] = joined
        return len(joined) <= MAX_STRING


def _atom(kind: str | None, text: str) -> Value:
    if kind == "reference":
        return int(text[1:])
    if kind == "number":
        return float(text)
    return None if kind == "mark" else text


def decoded(string: str) -> str:
    """Return a STEP string without its quotes and escapes, as text that UTF-8 can carry."""
    text = _ESCAPE.sub(_unescaped, string[1:-1])
    return text.encode("utf-8", "replace").decode("utf-8")


def _unescaped(escape: re.Match[str]) -> str:
    if escape["s"]:
        return chr((ord(escape["s"]) + 128) % 256)
    if escape["x"]:
        return bytes.fromhex(escape["x"]).decode("latin-1")
    if escape["x2"]:
        return bytes.fromhex(escape["x2"]).decode("utf-16-be", "replace")
    if escape["x4"]:
        return bytes.fromhex(escape["x4"]).decode("utf-32-be", "replace")
    return escape[0][0]
