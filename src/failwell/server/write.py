"""A keyed write as its handler sees it: its key, and how to commit its answer with its effects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from failwell.contract import Contract
from failwell.errors import FailwellError
from failwell.model import Outcome
from failwell.policy.idempotency import Complete, Stored
from failwell.stores import transaction

HeaderPairs = Iterable[tuple[str, str]]


class Write:
    """A write that carries a key. `key` is None where the request has none: `commit` then does
    nothing, so that a handler need not ask."""

    def __init__(
        self,
        key: str | None,
        contract: Contract | None = None,
        slot: str = "",
        token: str = "",
    ) -> None:
        self.key = key
        self._contract = contract
        self._slot = slot
        self._token = token

    def commit(
        self, connection: Any, status: int, body: Any = b"", headers: HeaderPairs = ()
    ) -> None:
        """Keep the answer in the caller's own transaction: it stands or falls with the effects.

        `connection` is a `sqlite3` or psycopg connection, a SQLAlchemy connection or session, or
        Django's `connection`, with a transaction open in the database that holds the store.
        `body` is bytes, text, or anything that JSON can hold.

        Raises the contract's 503 where another request has taken the key over meanwhile, so that
        this transaction, which came too late, is rolled back. The caller is then given what that
        one has committed; the 503 only where that has left nothing either.
        """
        if self._contract is not None:
            self._check(
                transaction.apply(connection, self._slot, self._completion(status, body, headers))
            )

    async def acommit(
        self, connection: Any, status: int, body: Any = b"", headers: HeaderPairs = ()
    ) -> None:
        """The same on an asynchronous connection or session."""
        if self._contract is not None:
            change = self._completion(status, body, headers)
            self._check(await transaction.aapply(connection, self._slot, change))

    def _completion(self, status: int, body: Any, headers: HeaderPairs) -> Complete:
        assert self._contract is not None
        content, media = _encoded(body)
        fields = {"content-type": media} if media else {}
        fields |= {name.lower(): value for name, value in headers}
        allowed = self._contract.idempotency.carried
        return Complete(
            token=self._token,
            answer=Stored(
                status=status,
                headers=tuple((k, v) for k, v in fields.items() if k in allowed),
                body=content,
            ),
            retention=self._contract.idempotency.retention,
        )

    def _check(self, is_held: bool) -> None:
        if not is_held:
            raise self._taken_over()

    def _taken_over(self) -> FailwellError:
        assert self._contract is not None
        return self._contract.refusal(
            self._contract.of_status(503),
            message="Another request has taken this Idempotency-Key over, and this one was rolled "
            "back: send it again",
            retry_after=1.0,
            outcome=Outcome.ROLLED_BACK,
        )


def _encoded(body: Any) -> tuple[bytes, str | None]:
    if isinstance(body, bytes):
        return body, None
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    return msgspec.json.encode(body), "application/json"
