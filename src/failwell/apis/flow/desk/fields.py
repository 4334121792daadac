"""The fields of a body or a form, read one by one; all that is wrong with them is said at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from failwell.apis.flow.desk import catalogue
from failwell.apis.flow.refusals import invalid, wrong
from failwell.model import Issue

LONGEST = 200
"""Characters of a name."""


class Fields:
    """Reads fields by their names; `check` raises VALIDATION_ERROR for all that was wrong."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.issues: list[Issue] = []

    def complain(self, field: str, message: str) -> None:
        """Note what is wrong with a field."""
        self.issues.append(wrong(field, message))

    def check(self) -> None:
        """Raises VALIDATION_ERROR where anything was wrong."""
        if self.issues:
            raise invalid(*self.issues)

    def has(self, field: str) -> bool:
        """Whether the field is there and not null."""
        return self._values.get(field) is not None

    def text(self, field: str, *, most: int = 5000) -> str | None:
        """An optional text of at most `most` characters."""
        value = self._values.get(field)
        if value is None:
            return None
        if not isinstance(value, str) or len(value) > most or not _is_clean(value):
            self.complain(field, f"Give text of at most {most} characters")
            return None
        return value

    def name(self, field: str = "name") -> str:
        """A text that must be there, of at most `LONGEST` characters."""
        value = self.text(field, most=LONGEST)
        if not self.has(field) or (value is not None and not value.strip()):
            self.complain(field, f"{field.replace('_', ' ').capitalize()} is required")
        return (value or "").strip()

    def flag(self, field: str, default: bool = False) -> bool:
        """An optional boolean."""
        value = self._values.get(field, default)
        if not isinstance(value, bool):
            self.complain(field, "Give true or false")
            return default
        return value

    def number(self, field: str) -> int | None:
        """An optional id: digits in a string, or a whole number."""
        value = self._values.get(field)
        if value is None or value == "":
            return None
        found = number_of(value)
        if found is None:
            self.complain(field, "Give an id: a string of digits")
        return found

    def numbers(self, field: str) -> list[int]:
        """An optional list of ids."""
        value = self._values.get(field)
        listed = cast("list[Any]", value) if isinstance(value, list) else []
        found = [number_of(one) for one in listed]
        if (value is not None and not isinstance(value, list)) or None in found:
            self.complain(field, "Give a list of ids: strings of digits")
        return [one for one in found if one is not None]

    def texts(self, field: str) -> list[str]:
        """A list of texts that must not be empty."""
        value = self._values.get(field)
        listed = cast("list[Any]", value) if isinstance(value, list) else []
        texts = [one for one in listed if isinstance(one, str) and _is_clean(one)]
        if not listed or len(texts) < len(listed):
            self.complain(field, "Give a list of texts, and not an empty one")
        return texts

    def object(self, field: str) -> dict[str, Any]:
        """An optional object."""
        value = self._values.get(field)
        if value is not None and not isinstance(value, dict):
            self.complain(field, "Give an object")
        return cast("dict[str, Any]", value) if isinstance(value, dict) else {}

    def organism(self, field: str = "organism") -> str | None:
        """An optional organism, by its id or a name; its id."""
        said = self.text(field, most=LONGEST)
        found = catalogue.organism(said)
        if said and found is None:
            self.complain(field, "Invalid organism ID")
        return None if found is None else found.id

    def sample_type(self, field: str = "sample_type") -> str:
        """An optional sample type; generic where none is given."""
        said = self.text(field, most=LONGEST) or catalogue.GENERIC
        if catalogue.sample_type(said) is None:
            self.complain(field, "Invalid sample type")
        return said

    def attributes(self, given: Mapping[str, Any], kind: str, prefix: str = "") -> dict[str, str]:
        """What is said of a sample of this kind, by the identifiers of its attributes."""
        for attribute in catalogue.ATTRIBUTES:
            if kind in attribute.required_for and not given.get(attribute.identifier):
                self.complain(prefix + attribute.identifier, f"{attribute.name} is required")
        return {
            name: value
            for name, value in given.items()
            if self._is_attribute(prefix + name, catalogue.attribute(name), value)
        }

    def _is_attribute(self, field: str, known: catalogue.Attribute | None, value: Any) -> bool:
        if known is None:
            self.complain(field, "Unknown metadata attribute")
        elif not isinstance(value, str) or len(value) > LONGEST or not _is_clean(value):
            self.complain(field, f"Give text of at most {LONGEST} characters")
        elif known.options and value not in known.options:
            self.complain(field, f"Use one of {', '.join(known.options)}")
        else:
            return True
        return False


def number_of(value: object) -> int | None:
    """The number that an id spells; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 < value < 10**15 else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 15:
        return int(value) or None
    return None


def _is_clean(text: str) -> bool:
    """Whether a text can be kept: no lone surrogates, no NUL."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)
