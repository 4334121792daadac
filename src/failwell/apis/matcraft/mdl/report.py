"""The mistakes of a document: each with the rule that it breaks, its path, its value, its line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

Path: TypeAlias = tuple[str | int, ...]

MOST = 200
"""Mistakes that are told of one document."""

_LARGEST_VALUE = 500
"""Bytes of JSON above which a mistake's value is told only in part."""


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """One broken rule; `said` is a sentence that stands without its path."""

    path: Path
    rule: str
    message: str
    value: Any = None
    said: str = ""


class MistakesError(Exception):
    """The document breaks rules: `details` lists them, `args[0]` sums them up."""

    def __init__(self, message: str, details: list[dict[str, Any]]) -> None:
        super().__init__(message)
        self.details = details


class Report:
    """The mistakes found so far; `lines` are the lines on which parts of the document begin."""

    def __init__(self, lines: Mapping[Path, int]) -> None:
        self._lines = lines
        self._found: list[Mistake] = []

    def add(self, path: Path, rule: str, message: str, value: Any = None, said: str = "") -> None:
        """Note a mistake."""
        self._found.append(Mistake(path=path, rule=rule, message=message, value=value, said=said))

    def is_clean(self, path: Path = ()) -> bool:
        """Whether there is no mistake at or below this path."""
        return not any(one.path[: len(path)] == path for one in self._found)

    def raise_any(self) -> None:
        """Raises `MistakesError` where there is a mistake."""
        if self._found:
            raise MistakesError(self._headline(), [self._told(one) for one in self._found[:MOST]])

    def _headline(self) -> str:
        first = self._found[0]
        if len(self._found) > 1:
            return f"The MDL document has {len(self._found)} problems: details list them"
        return first.said or f"{dotted(first.path)}: {first.message}"

    def _told(self, one: Mistake) -> dict[str, Any]:
        told = {"path": dotted(one.path), "message": one.message, "value": _bounded(one.value)}
        line = self._line(one.path)
        return told | {"code": one.rule} | ({} if line is None else {"line": line})

    def _line(self, path: Path) -> int | None:
        """The line of the nearest part of the document that there is."""
        for length in range(len(path), -1, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return None


def dotted(path: Path) -> str:
    """The path as MatCraft spells it: `parameters[0].bounds`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _bounded(value: Any) -> Any:
    text = msgspec.json.encode(value, enc_hook=str).decode("utf-8", "replace")
    return value if len(text) <= _LARGEST_VALUE else text[:_LARGEST_VALUE] + "…"
