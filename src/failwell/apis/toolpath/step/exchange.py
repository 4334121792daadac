"""The exchange structure of ISO 10303-21: sections, statements, instances."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from failwell.apis.toolpath.step.errors import StepError
from failwell.apis.toolpath.step.limits import MAX_NAME
from failwell.apis.toolpath.step.record import Record
from failwell.apis.toolpath.step.syntax import Typed, Value, decoded, values_in

_START = re.compile(r"\ufeff?\s*(?:/\*.*?\*/\s*)?ISO-10303-21\s*;", re.DOTALL)
_END: Final = "END-ISO-10303-21"
_SECTION = re.compile(r"(HEADER|DATA|ANCHOR|REFERENCE|SIGNATURE)\b")
_MARK = re.compile(r"'[^']*'?|/\*.*?(?:\*/|\Z)|;", re.DOTALL)
_INSTANCE = re.compile(r"#(\d{1,18})\s*=\s*(!?[A-Za-z_][A-Za-z0-9_]*)?\s*\(")


class _Instance(NamedTuple):
    position: int
    keyword: str
    body: str


class Exchange:
    """The instances of a STEP file by number; parameters are parsed when asked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.instances: dict[int, _Instance] = {}
        self.file_name = ""
        self.schema = ""
        self._check_ends()
        self._read()

    def record(self, number: int) -> Record:
        """Return the record of an instance; that of a complex one has an empty keyword."""
        instance = self.instances.get(number)
        if instance is None:
            raise StepError("invalid_geometry", f"#{number} is referred to but not defined")
        values = self._values(instance.body, instance.position, is_complex=not instance.keyword)
        return Record(f"#{number} {instance.keyword}", instance.keyword, values)

    def numbers_of(self, *keywords: str) -> list[int]:
        """Return the numbers of the simple instances with one of the keywords, in file order."""
        return [number for number, it in self.instances.items() if it.keyword in keywords]

    def complex_with(self, keyword: str) -> list[int]:
        """Return the numbers of the complex instances that hold a record ``keyword``."""
        return [
            number
            for number, it in self.instances.items()
            if not it.keyword and keyword in it.body and self.record(number).part(keyword)
        ]

    def _check_ends(self) -> None:
        if not _START.match(self._text):
            raise StepError("invalid_geometry", "line 1: the file does not start ISO-10303-21;")
        if _END not in self._text:
            line = self._line(len(self._text))
            raise StepError("invalid_geometry", f"line {line}: the file ends without {_END};")

    def _read(self) -> None:
        section, has_data = "", False
        for position, statement in self._statements():
            if section and statement == "ENDSEC":
                section = ""
            elif section:
                self._read_in(section, position, statement)
            elif statement == _END:
                break
            elif position:
                section = self._section(position, statement)
                has_data = has_data or section == "DATA"
        if not has_data:
            raise StepError("invalid_geometry", "the file has no DATA section")

    def _section(self, position: int, statement: str) -> str:
        match = _SECTION.match(statement)
        if match is None:
            raise self._broken(position, "a section was expected")
        return match[1]

    def _read_in(self, section: str, position: int, statement: str) -> None:
        if section == "DATA":
            self._add(position, statement)
        elif statement.startswith("FILE_NAME"):
            self.file_name = self._header_string(position, statement)[:MAX_NAME]
        elif statement.startswith("FILE_SCHEMA"):
            schema = self._header_string(position, statement)
            self.schema = schema.partition("{")[0].strip()[:MAX_NAME]

    def _header_string(self, position: int, statement: str) -> str:
        """Return the first string of a header entity."""
        for value in self._values(statement, position, is_complex=True):
            while isinstance(value, list | Typed):
                items = value if isinstance(value, list) else value.items
                value = items[0] if items else None
            return decoded(value) if isinstance(value, str) else ""
        return ""

    def _add(self, position: int, statement: str) -> None:
        match = _INSTANCE.match(statement)
        if match is None or not statement.endswith(")"):
            raise self._broken(position, "an entity instance was expected")
        if not _is_balanced(statement):
            raise self._broken(position, "the parentheses do not match")
        number, body = int(match[1]), statement[match.end() : -1]
        if number in self.instances:
            raise self._broken(position, f"#{number} is defined twice")
        self.instances[number] = _Instance(position, (match[2] or "").upper(), body)

    def _statements(self) -> Iterator[tuple[int, str]]:
        """Yield position and text of each statement, without its semicolon and comments."""
        text, start, resume = self._text, 0, 0
        kept: list[str] = []
        for mark in _MARK.finditer(text):
            token = mark[0]
            if token[0] == "'":
                self._check_closed(mark.start(), token, "'", "string")
                continue
            kept.append(text[resume : mark.start()])
            resume = mark.end()
            if token == ";":
                yield start, " ".join(kept).strip()
                start, kept = resume, []
            else:
                self._check_closed(mark.start(), token, "*/", "comment")
        raise self._broken(start, f"{_END}; was expected")

    def _check_closed(self, position: int, token: str, end: str, what: str) -> None:
        if len(token) < 2 * len(end) or not token.endswith(end):
            raise self._broken(position, f"the {what} is not closed")

    def _values(self, body: str, position: int, *, is_complex: bool) -> list[Value]:
        values = values_in(body, is_complex=is_complex)
        if values is None:
            raise self._broken(position, "the parameter list is not well-formed")
        return values

    def _broken(self, position: int, reason: str) -> StepError:
        blank = re.compile(r"\s*").match(self._text, position)
        line = self._line(blank.end() if blank else position)
        return StepError("invalid_geometry", f"line {line}: {reason}")

    def _line(self, position: int) -> int:
        return self._text.count("\n", 0, position) + 1


def _is_balanced(statement: str) -> bool:
    if statement.count("(") == statement.count(")"):
        return True
    bare = re.sub(r"'[^']*'", "", statement)
    return bare.count("(") == bare.count(")")
