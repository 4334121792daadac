"""The errors of an API as OpenAPI 3.1 spells them: taken from the contract, so that they agree.

Nothing here knows a framework. A route names its codes with `responses`; `document` turns them,
and what every operation can say, into the contract's own envelope, with an example of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import msgspec

from failwell.contract import Code, Contract
from failwell.headers import OUTCOME
from failwell.model import Failure, Issue, Outcome, kind_of

Named = str | tuple[str, int]
"""A code of the catalogue; with its status where the code stands for several."""

CODES = "x-failwell-codes"
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_STRING = {"type": "string"}
_AN_ID = "7c0c1e9b-4a55-4c39-9d8e-6f1b2a3c4d5e"
_A_TIME = "2026-01-31T12:00:00.000Z"
_ANY = {"any": "thing"}


def responses(contract: Contract, *codes: Named) -> dict[int | str, dict[str, Any]]:
    """What a route says that it may raise: give it to the route as its `responses`.

    Raises `ValueError` for a code that the catalogue lacks or lists under several statuses.
    """
    found = named(contract, codes)
    return {
        status: {"description": _described(entries), CODES: [[e.code, e.status] for e in entries]}
        for status, entries in _by_status(found).items()
    }


def named(contract: Contract, codes: Iterable[Named]) -> list[Code]:
    """The entries of these codes. Raises `ValueError` for one that is unknown or ambiguous."""
    pairs = [(code, None) if isinstance(code, str) else code for code in codes]
    return [contract.entry(*pair) for pair in pairs]


def document(
    described: dict[str, Any],
    contract: Contract,
    more: Callable[[str, dict[str, Any]], Iterable[Code]],
) -> dict[str, Any]:
    """The OpenAPI document, with the errors of each operation in the contract's envelope.

    `more(method, operation)` gives the entries that an operation can raise beside those that its
    route has named. The document is changed in place.
    """
    name = f"{contract.name.title().replace(' ', '')}Error"
    for method, operation in operations(described):
        entries = [contract.entry(*code) for code in _declared(operation)]
        entries = list(dict.fromkeys([*entries, *more(method.upper(), operation)]))
        is_write = method.upper() not in contract.safe
        for status, together in sorted(_by_status(entries).items()):
            operation["responses"][str(status)] = _response(contract, name, together, is_write)
        for status, response in operation["responses"].items():
            _signed(contract, response, is_write and status[:1] in "45")
    components = described.setdefault("components", {}).setdefault("schemas", {})
    components[name] = schema(contract)
    return described


def schema(contract: Contract) -> dict[str, Any]:
    """The JSON schema of the contract's error envelope, read off what its dialect renders."""
    full, bare = _rendered(contract, _SAMPLE), _rendered(contract, _BARE)
    envelope = _schema_of(full, bare)
    codes = sorted({entry.code for entry in contract.codes})
    _put_codes(envelope, full, codes)
    return {"title": f"An error of {contract.title}", **envelope}


def example(contract: Contract, entry: Code, *, is_write: bool) -> Any:
    """The body of an error, as this entry of the catalogue looks on the wire."""
    outcome = (entry.proves or Outcome.UNKNOWN) if is_write else None
    failure = Failure(
        kind=entry.kind or kind_of(entry.status),
        status=entry.status,
        code=entry.code,
        message=entry.means or entry.code,
        request_id=_AN_ID,
        timestamp=_A_TIME,
        outcome=outcome,
    )
    return _rendered(contract, failure)


_CODE = "code-of-the-sample"
_SAMPLE = Failure(
    kind=kind_of(400),
    status=400,
    code=_CODE,
    message="message",
    issues=(Issue(message="message", path="path", pointer="/path", code="code"),),
    details_json=msgspec.json.encode(_ANY),
    request_id=_AN_ID,
    timestamp=_A_TIME,
    outcome=Outcome.UNKNOWN,
)
_BARE = msgspec.structs.replace(_SAMPLE, issues=(), details_json=b"", outcome=None)


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation of an OpenAPI document, with its method in lower case."""
    for item in described.get("paths", {}).values():
        for method in _METHODS:
            if method in item:
                yield method, item[method]


def _declared(operation: dict[str, Any]) -> list[tuple[str, int]]:
    listed: list[list[Any]] = []
    for response in operation.setdefault("responses", {}).values():
        listed += response.pop(CODES, [])
    return [(code, status) for code, status in listed]


def _by_status(entries: Iterable[Code]) -> dict[int, list[Code]]:
    found: dict[int, list[Code]] = {}
    for entry in entries:
        found.setdefault(entry.status, []).append(entry)
    return found


def _described(entries: list[Code]) -> str:
    return " / ".join(f"`{e.code}`: {e.means}" if e.means else f"`{e.code}`" for e in entries)


def _response(contract: Contract, name: str, entries: list[Code], is_write: bool) -> dict[str, Any]:
    examples = {
        entry.code: {"value": example(contract, entry, is_write=is_write)} for entry in entries
    }
    content = {"schema": {"$ref": f"#/components/schemas/{name}"}, "examples": examples}
    response = {
        "description": _described(entries),
        "content": {contract.dialect.media_type: content},
    }
    if entries[0].status in (429, 503):
        seconds = {"type": "integer", "minimum": 0}
        response["headers"] = {
            "Retry-After": _header("Seconds to wait before asking again", seconds)
        }
    return response


def _signed(contract: Contract, response: dict[str, Any], has_outcome: bool) -> None:
    """Name the header fields that every answer carries."""
    fields = response.setdefault("headers", {})
    fields[contract.request_ids.header] = _header("The id of this request", _STRING)
    if has_outcome:
        words = {"type": "string", "enum": [outcome.value for outcome in Outcome]}
        fields[OUTCOME] = _header("Whether the write took effect", words)


def _header(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "schema": schema}


def _rendered(contract: Contract, failure: Failure) -> Any:
    return msgspec.json.decode(contract.dialect.render(failure).body or b"null")


def _schema_of(value: Any, bare: Any) -> dict[str, Any]:
    """The schema of `value`; what is not in `bare` too is not required."""
    match value:
        case {"any": "thing"} if value == _ANY:
            return {}
        case dict():
            return _object(cast("dict[str, Any]", value), bare)
        case list():
            items = cast("list[Any]", value)
            return {"type": "array", "items": _schema_of(items[0], {}) if items else {}}
        case Outcome.UNKNOWN.value:
            return {"type": "string", "enum": [outcome.value for outcome in Outcome]}
        case str():
            return dict(_STRING)
        case bool() | None:
            return {}
        case _:
            return {"type": "integer" if isinstance(value, int) else "number"}


def _object(value: dict[str, Any], bare: Any) -> dict[str, Any]:
    inner: dict[str, Any] = cast("dict[str, Any]", bare) if isinstance(bare, dict) else {}
    named = {name: each for name, each in value.items() if {name: each} != _ANY}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _schema_of(each, inner.get(name)) for name, each in named.items()},
    }
    required = [name for name in named if inner.get(name) is not None]
    return {**schema, "required": required} if required else schema


def _put_codes(envelope: dict[str, Any], full: Any, codes: list[str]) -> None:
    """Say, where the envelope has its code, which codes there are."""
    for name, inner in envelope.get("properties", {}).items():
        if full[name] == _CODE:
            inner["enum"] = codes
        elif isinstance(full[name], dict):
            _put_codes(inner, full[name], codes)
