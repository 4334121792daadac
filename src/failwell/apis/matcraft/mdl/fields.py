"""Reading one mapping of a document: each field by its rule, each broken rule into the report."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard, cast

from failwell.apis.matcraft.mdl.report import Path, Report


class Fields:
    """A mapping at `path`; a field that is wrong is reported and reads as its default.

    A rule is named after the part that it is of, such as `parameter.bounds.order`.
    """

    def __init__(self, value: Any, path: Path, part: str, report: Report) -> None:
        self.path = path
        self.report = report
        self._part = part
        self._values: dict[str, Any] = {}
        self._is_mapping = isinstance(value, dict)
        if isinstance(value, dict):
            self._values = cast("dict[str, Any]", value)
        else:
            self.wrong(None, "type", "Give a mapping of fields", value)

    def wrong(self, key: str | None, rule: str, message: str, value: Any, said: str = "") -> None:
        """Report a broken rule of a field, or of the mapping itself."""
        path = self.path if key is None else (*self.path, key)
        name = ".".join(part for part in (self._part, key, rule) if part)
        self.report.add(path, name, message, value, said)

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self._values.get(key) is not None

    def raw(self, key: str) -> Any:
        """The field as it is; None where it is not there."""
        return self._values.get(key)

    def is_there(self, key: str, *, required: bool) -> bool:
        """Whether there is a value to read; one that must be there is missed."""
        if required and self._is_mapping and not self.has(key):
            self.wrong(key, "required", f"{key} is required", None)
        return self.has(key)

    def name(self, key: str, pattern: str, rule: str) -> str:
        """A required text of a pattern; `rule` says the pattern in words."""
        if not self.is_there(key, required=True):
            return ""
        value = self.raw(key)
        if isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII):
            return value
        self.wrong(key, "pattern", rule, value)
        return ""

    def text(self, key: str, longest: int, default: str = "") -> str:
        """A text of so many characters at most."""
        value = self.raw(key)
        if value is None:
            return default
        if isinstance(value, str) and len(value) <= longest:
            return value
        self.wrong(key, "text", f"Give a text of at most {longest} characters", value)
        return default

    def choice(self, key: str, options: Sequence[str], default: str | None = None) -> str:
        """One of these words; required where there is no default."""
        if not self.is_there(key, required=default is None):
            return default or ""
        value = self.raw(key)
        if isinstance(value, str) and value in options:
            return value
        self.wrong(key, "choice", f"Use {_either(options)}", value)
        return default or ""

    def flag(self, key: str) -> bool:
        """True or false; false where it is not there."""
        value = self.raw(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.wrong(key, "flag", "Use true or false", value)
        return False

    def number(
        self, key: str, holds: Callable[[float], bool], rule: str, default: float | None
    ) -> float | None:
        """A finite number that `holds`; `rule` says in words when it does."""
        value = self.raw(key)
        if value is None:
            return default
        if is_number(value) and holds(float(value)):
            return float(value)
        self.wrong(key, "range", rule, value)
        return default

    def between(self, key: str, low: float, high: float, default: float) -> float:
        """A number in a range that includes its ends."""
        rule = f"Give a number from {low:g} to {high:g}"
        return self.number(key, lambda value: low <= value <= high, rule, default) or 0.0

    def whole(self, key: str, low: int, high: int, default: int) -> int:
        """A whole number in a range that includes its ends."""
        value = self.raw(key)
        if value is None:
            return default
        if is_whole(value) and low <= value <= high:
            return value
        self.wrong(key, "range", f"Give a whole number from {low} to {high}", value)
        return default

    def items(self, key: str, least: int, most: int) -> list[Any]:
        """A list of so many; of one that is too long, as many as there may be."""
        if not self.is_there(key, required=least > 0):
            return []
        value = self.raw(key)
        listed = cast("list[Any]", value) if isinstance(value, list) else []
        if not isinstance(value, list):
            self.wrong(key, "type", "Give a list", value)
        elif not least <= len(listed) <= most:
            message = f"Give {least} to {most}, not {len(listed)}"
            self.wrong(key, "count", message, len(listed))
        return listed[:most]


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether it is an integer that a float can hold; a boolean is not one."""
    return isinstance(value, int) and is_number(value)


def is_number(value: Any) -> TypeGuard[float]:
    """Whether it is a finite number; a boolean is not one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _either(options: Sequence[str]) -> str:
    return f"{', '.join(options[:-1])} or {options[-1]}"
