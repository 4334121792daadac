"""`TransactionalOperation`, as Flow's guide shows it: a list of operations with their rollbacks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from failwell.errors import RollbackError
from failwell.transactions.open import transaction

logger = logging.getLogger("failwell")


class TransactionalOperation:
    """Operations that are executed together: where one fails, those before it are rolled back.

    Source: "Transaction Rollback" in Flow's error handling guide.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.operations: list[Callable[[], Any]] = []
        self.rollback_actions: list[Callable[[], Any]] = []

    def add_operation(self, operation: Callable[[], Any], rollback: Callable[[], Any]) -> None:
        """Add an operation and the action that takes it back; neither is given arguments."""
        self.operations.append(operation)
        self.rollback_actions.append(rollback)

    def execute(self) -> list[tuple[int, Any]]:
        """Execute all in their order; the number and the result of each.

        Raises what an operation raises, when those before it are rolled back, the last one first.
        A rollback that fails stops no other: it is logged, and a note on the error tells of it.
        """
        try:
            return self._executed()
        except RollbackError as error:
            for item in error.todo:
                logger.warning("failwell: rollback failed: %s", item)
            first, left = error.first, "\n".join(f"  - {item}" for item in error.todo)
        first.add_note(f"failwell: not all of it could be undone. To do:\n{left}")
        raise first

    def _executed(self) -> list[tuple[int, Any]]:
        completed: list[tuple[int, Any]] = []
        with transaction() as tx:
            pairs = zip(self.operations, self.rollback_actions, strict=True)
            for number, (operation, rollback) in enumerate(pairs):
                completed.append((number, tx.do(operation, undo=_without_result(rollback))))
        return completed


def _without_result(rollback: Callable[[], Any]) -> Callable[[object], Any]:
    return lambda _: rollback()
