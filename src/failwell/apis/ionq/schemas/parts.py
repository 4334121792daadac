"""The parts that the schemas are made of.

Source: IonQ's API description v0.4.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
OBJECT: Schema = {"type": "object"}
STATUS: Schema = {"enum": ["submitted", "ready", "started", "canceled", "failed", "completed"]}


def integer(least: int, most: int) -> Schema:
    """A whole number in these bounds."""
    return {"type": "integer", "minimum": least, "maximum": most}


def object_of(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """An object with these members; it may have others."""
    properties = {**required, **(optional or {})}
    return {"type": "object", "required": list(required), "properties": properties}


def nullable(schema: Schema) -> Schema:
    """This, or null."""
    return {"anyOf": [schema, {"type": "null"}]}
