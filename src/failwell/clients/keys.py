"""Idempotency keys that callers give: refused before anything is sent, where they cannot travel."""

from __future__ import annotations

from failwell.contract import Contract
from failwell.errors import InvalidRequestError
from failwell.headers import check_idempotency_key


def checked(key: str) -> str:
    """The key. Raises `InvalidRequestError` for one that no header may hold."""
    try:
        return check_idempotency_key(key)
    except ValueError as error:
        raise InvalidRequestError.of(str(error)) from None


def without_header(contract: Contract) -> InvalidRequestError:
    """The error for a key given to an API that has no header for it: whoever gives one relies on
    it, and it would be dropped in silence."""
    return InvalidRequestError.of(
        f"{contract.name or 'This API'} takes no idempotency keys: its contract names no header "
        "for them (Idempotency(header=...)), so this key would protect nothing. Leave it out"
    )
