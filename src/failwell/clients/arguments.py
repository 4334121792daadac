"""What a client is made with: each argument is looked at before anything is sent.

All raise `InvalidRequestError`, a `ValueError`, which names the argument and says what it must be.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar, cast

from failwell.contract import Contract
from failwell.errors import InvalidRequestError
from failwell.events import Hook
from failwell.settings import Policy

T = TypeVar("T")


def instance(given: Any, cls: type[T], wanted: str, name: str) -> T:
    """What was given, where it is of this class."""
    if not isinstance(given, cls):
        raise unfit(name, given, wanted)
    return given


def unfit(name: str, given: object, wanted: str) -> InvalidRequestError:
    """The error for an argument that is not what it must be."""
    return InvalidRequestError.of(f"{name}={given!r:.80}: must be {wanted}")


def contract(given: Any) -> Contract:
    """The contract, as it was given."""
    wanted = "a failwell.Contract(...), such as failwell.GENERIC"
    return instance(given, Contract, wanted, "contract")


def policy(given: Any, name: str = "policy") -> Policy:
    """The policy, as it was given."""
    return instance(given, Policy, "a failwell.Policy(...)", name)


def hooks(given: Any) -> Collection[Hook]:
    """The hooks, as they were given."""
    listed = cast("Collection[Hook]", given)
    if not (isinstance(given, Collection) and all(map(callable, listed))):
        raise unfit("hooks", listed, "a list of functions that take an event")
    return listed


def without_key(fields: Mapping[str, str], given: Contract) -> None:
    """Raises where a client would send one idempotency key with all its writes: the API would take
    the second for the first, and never carry it out."""
    header = given.idempotency.header
    if header is not None and header.lower() in fields:
        raise InvalidRequestError.of(
            f"headers has {header}, which would go with every write of this client: the API would "
            f"take all but the first for that one. Give a key to one call: headers={{{header!r}: "
            '...}, or extensions={"failwell": failwell.Options(idempotency_key=...)}'
        )
