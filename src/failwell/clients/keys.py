"""Idempotency keys that callers give: refused before anything is sent, where they cannot travel."""

from __future__ import annotations

from failwell.contract import Contract
from failwell.errors import InvalidRequestError
from failwell.headers import check_idempotency_key


class OneKey:
    """A key given to a view of a client: it serves one write, and the next is refused."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._left = [key]

    def take(self) -> str:
        """The key, once. Raises `InvalidRequestError` from then on."""
        try:
            return self._left.pop()
        except IndexError:
            raise InvalidRequestError.of(
                f"The idempotency key {self._key!r} has served its write: a key belongs to one "
                "call, and a second write under it would be taken for the first"
            ) from None


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
        f"{contract.title or 'This API'} takes no idempotency keys: its contract names no header "
        "for them (Idempotency(header=...)), so this key would protect nothing. Leave it out"
    )
