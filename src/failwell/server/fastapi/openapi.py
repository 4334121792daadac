"""What the operations of a FastAPI app say of their errors, in place of FastAPI's own 422."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from fastapi import FastAPI

from failwell.contract import Code, Contract
from failwell.server.openapi import Named, document, named, operations

KEY: dict[str, Any] = {"x-failwell-key": True}
"""Marks, in a schema, the parameter of an operation whose keyed writes run once."""

_DEFAULT = "#/components/schemas/HTTPValidationError"
_WHOLLY_FREE = {"title", "description", "type", "default", "anyOf"}
_TEXT = ({"type": "string"}, {"type": "null"})


def describe(
    app: FastAPI,
    contract: Contract,
    everywhere: Collection[Named],
    *,
    is_bounded: bool,
    is_refusing: bool,
) -> None:
    """See to it that the app's OpenAPI document speaks of the contract's errors."""
    always = [*named(contract, everywhere), contract.of_status(500)]
    plain, told = app.openapi, dict[str, Any]()

    def more(method: str, operation: dict[str, Any]) -> Iterator[Code]:
        if method in contract.idempotency.methods and _takes_key(contract, operation):
            yield from (contract.entry(*entry) for entry in contract.idempotency.entries)
            if is_refusing:
                yield contract.of_status(503)
        yield from (contract.of_status(status) for status in _statuses(operation, is_bounded))
        yield from always

    def openapi() -> dict[str, Any]:
        nonlocal told
        described = plain()
        if described is not told:
            _forget_default(described)
            told = document(described, contract, more)
        return described

    app.openapi = openapi  # type: ignore[method-assign]


def _statuses(operation: dict[str, Any], is_bounded: bool) -> Iterator[int]:
    if operation.get("security"):
        yield 401
    if "requestBody" in operation:
        yield from (400, 415, 422)
        if is_bounded:
            yield 413
    elif any(_may_be_wrong(one) for one in operation.get("parameters", ())):
        yield 422


def _may_be_wrong(parameter: dict[str, Any]) -> bool:
    """Whether there are values that FastAPI would refuse: any text will do for plain text."""
    schema = parameter.get("schema", {})
    kinds = schema.get("anyOf", [{"type": schema.get("type")}])
    is_free = schema.keys() <= _WHOLLY_FREE and all(kind in _TEXT for kind in kinds)
    is_missing = parameter.get("required", False) and parameter["in"] != "path"
    return is_missing or not is_free


def _takes_key(contract: Contract, operation: dict[str, Any]) -> bool:
    """Whether keyed writes of this operation run once; says so of its parameter."""
    for parameter in operation.get("parameters", ()):
        if parameter.get("schema", {}).keys() >= KEY.keys():
            rules = contract.idempotency
            parameter["name"] = rules.header or "Idempotency-Key"
            parameter["required"] = rules.keys == "required"
            parameter["description"] = "The same key with the same request is carried out once"
            parameter["schema"] = {"type": "string", "minLength": 1, "maxLength": 255}
            return True
    return False


def _forget_default(described: dict[str, Any]) -> None:
    """Take out the 422 that FastAPI adds by itself, and its schemas."""
    for _, operation in operations(described):
        for response in [*operation.get("responses", {}).items()]:
            status, content = response[0], response[1].get("content", {})
            schemas = [each.get("schema", {}).get("$ref") for each in content.values()]
            if status == "422" and _DEFAULT in schemas:
                del operation["responses"][status]
    schemas = described.get("components", {}).get("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
