"""One entity: its parameters, read as the types the schema asks for."""

from __future__ import annotations

import math
from typing import NamedTuple

from failwell.apis.toolpath.step.errors import StepError
from failwell.apis.toolpath.step.syntax import Typed, Value


class Record(NamedTuple):
    """The parameters of one entity, with readers that raise ``invalid_geometry``."""

    owner: str
    keyword: str
    values: list[Value]

    def reference(self, index: int) -> int:
        """Return the number of the instance referred to."""
        value = self._at(index)
        if not isinstance(value, int):
            raise self._mismatch(index, "a reference")
        return value

    def references(self, index: int) -> list[int]:
        """Return the references in a list."""
        value = self._at(index)
        if not isinstance(value, list):
            raise self._mismatch(index, "a list of references")
        found = [item for item in value if isinstance(item, int)]
        if len(found) != len(value):
            raise self._mismatch(index, "a list of references")
        return found

    def grid(self, index: int) -> list[int]:
        """Return the references in a list of lists, row by row."""
        rows = self._at(index)
        if not isinstance(rows, list):
            raise self._mismatch(index, "a list of lists")
        nested = Record(self.owner, self.keyword, rows)
        return [item for row in range(len(rows)) for item in nested.references(row)]

    def number(self, index: int) -> float:
        """Return a finite number, bare or typed."""
        value = self._at(index)
        if isinstance(value, Typed) and len(value.items) == 1:
            value = value.items[0]
        if not isinstance(value, float) or not math.isfinite(value):
            raise self._mismatch(index, "a finite number")
        return value

    def numbers(self, index: int) -> list[float]:
        """Return the finite numbers in a list."""
        value = self._at(index)
        if not isinstance(value, list):
            raise self._mismatch(index, "a list of numbers")
        nested = Record(self.owner, self.keyword, value)
        return [nested.number(item) for item in range(len(value))]

    def flag(self, index: int) -> bool:
        """Return whether a boolean is ``.T.``."""
        value = self._at(index)
        if value not in (".T.", ".F."):
            raise self._mismatch(index, ".T. or .F.")
        return value == ".T."

    def word(self, index: int) -> str:
        """Return an enumeration without its dots, or an empty string for ``$``."""
        value = self._at(index)
        return value.strip(".") if isinstance(value, str) else ""

    def part(self, keyword: str) -> Record | None:
        """Return the record ``keyword`` of a complex instance, or of this one if it has it."""
        if self.keyword == keyword:
            return self
        for value in self.values if not self.keyword else ():
            if isinstance(value, Typed) and value.keyword == keyword:
                return Record(f"{self.owner}{keyword}", keyword, value.items)
        return None

    def _at(self, index: int) -> Value:
        if index >= len(self.values):
            raise StepError("invalid_geometry", f"{self.owner}: parameter {index + 1} is missing")
        return self.values[index]

    def _mismatch(self, index: int, wanted: str) -> StepError:
        return StepError("invalid_geometry", f"{self.owner}: parameter {index + 1} is not {wanted}")
