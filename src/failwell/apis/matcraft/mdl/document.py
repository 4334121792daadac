"""YAML as MDL uses it: plain values, and the line on which each begins.

The text is read event by event, so that no document, however hostile, costs more than its own
length: anchors are not followed, tags build nothing, nesting has an end. Plain scalars are read
by the core schema of YAML 1.2 (section 10.3.2), where `1e-6` is a number and `on` is a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import yaml
from yaml import events

from failwell.apis.matcraft.mdl.report import Path, dotted

_DEEPEST = 16
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]{1,300}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_ENDLESS = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII)


class Document(msgspec.Struct, frozen=True):
    """A document's value, and the line (from 1) of every part, by path; none for JSON."""

    value: Any
    lines: Mapping[Path, int] = {}


class MalformedError(Exception):
    """This is not YAML, or not YAML that MDL allows; the message says what and where."""


def read(text: str | bytes) -> Document:
    """The document that this YAML spells. Raises `MalformedError`."""
    try:
        return _Reader(yaml.parse(text, Loader=_LOADER)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" on line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise MalformedError(f"The YAML does not parse{where}: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        said = str(getattr(error, "reason", error))
        raise MalformedError(f"The YAML does not parse: {said}") from None


class _Reader:
    """Makes values of events, and notes where they begin."""

    def __init__(self, source: Iterator[Any]) -> None:
        self._source = source
        self._lines: dict[Path, int] = {}

    def document(self) -> Document:
        """The one document of the stream."""
        start = [next(self._source) for _ in range(2)][1]
        if not isinstance(start, events.DocumentStartEvent):
            raise MalformedError("The YAML document is empty")
        value = self._value(next(self._source), ())
        if not isinstance([next(self._source) for _ in range(2)][1], events.StreamEndEvent):
            raise MalformedError("Give one YAML document, not several")
        return Document(value, self._lines)

    def _value(self, event: Any, path: Path) -> Any:
        line = event.start_mark.line + 1
        self._lines.setdefault(path, line)
        if len(path) > _DEEPEST:
            raise MalformedError(f"Line {line} is nested too deeply for MDL")
        if isinstance(event, events.AliasEvent):
            raise MalformedError(f"Line {line} refers to an anchor: write the value out")
        if event.tag is not None and event.tag != "!":
            raise MalformedError(f"Line {line} has a tag, which MDL does not know")
        if isinstance(event, events.ScalarEvent):
            return _scalar(event)
        if isinstance(event, events.SequenceStartEvent):
            return self._sequence(path)
        return self._mapping(path)

    def _sequence(self, path: Path) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self._source), events.SequenceEndEvent):
            values.append(self._value(event, (*path, len(values))))
        return values

    def _mapping(self, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self._source), events.MappingEndEvent):
            line = event.start_mark.line + 1
            if not isinstance(event, events.ScalarEvent):
                raise MalformedError(f"Line {line} has a key that is no word")
            key = event.value
            if key in values:
                raise MalformedError(f"Line {line} repeats {dotted((*path, key))}")
            self._lines[(*path, key)] = line
            values[key] = self._value(next(self._source), (*path, key))
        return values


def _scalar(event: events.ScalarEvent) -> Any:
    text: str = event.value
    if event.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    endless = _ENDLESS.fullmatch(text)
    return float(text.replace(".", "")) if endless else text
