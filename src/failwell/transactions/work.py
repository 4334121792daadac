"""How one step is done, asked after and undone; here of functions in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from failwell.clients.creating import Got
from failwell.flows.saga import Finding
from failwell.model import Outcome
from failwell.policy.saga import Step

KEY = "idempotency_key"
"""The argument under which a function is given the step's key."""


class Work(Protocol):
    """One step, and what it gave. What `act`, `undo` and `ask` return may have to be awaited."""

    @property
    def step(self) -> Step:
        """The step, as far as decisions need it."""
        ...

    @property
    def result(self) -> Any:
        """What the step gave, as its undo gets it; None as long as that is not known."""
        ...

    @property
    def made(self) -> bool | None:
        """Whether the result is the step's own doing; None where nobody can tell."""
        ...

    @property
    def flaw(self) -> str | None:
        """What is wrong with the result, where it is of no use to the transaction."""
        ...

    def act(self) -> Any:
        """Do it."""
        ...

    def take(self, answer: Any) -> Any:
        """The result, from what `act` returned; it is remembered."""
        ...

    def undo(self) -> Any:
        """Take back what gave the result."""
        ...

    def ask(self) -> Any:
        """Ask what became of it."""
        ...

    def find(self, answer: Any) -> Finding:
        """What is known now, from what `ask` returned; a result is remembered."""
        ...


APPLIED = Finding(outcome=Outcome.APPLIED, why="It took effect.")
MISSING = Finding(
    outcome=Outcome.UNKNOWN, why="Its record was not found, which proves nothing by itself"
)


class Calling:
    """A step that calls `action` with these arguments, and `undo` with what that returned.

    It is asked after by `look_up`, called with the same arguments for the record or None; without
    one by calling it again, with its key.
    """

    flaw = None

    def __init__(
        self,
        action: Callable[..., Any],
        arguments: tuple[tuple[Any, ...], dict[str, Any]],
        undo: Callable[[Any], Any] | None,
        look_up: Callable[..., Any] | None,
        step: Step,
    ) -> None:
        self._action = action
        self._positional, self._named = arguments
        self._undo = undo
        self._look_up = look_up
        self.step = step
        self.result: Any = None

    @property
    def made(self) -> bool | None:
        """Whether the result is the step's own doing, which `create_or_get` tells."""
        return self.result.created if isinstance(self.result, Got) else True

    def act(self) -> Any:
        """Call the action."""
        return self._action(*self._positional, **self._named)

    def take(self, answer: Any) -> Any:
        """What it returned is the result."""
        self.result = answer
        return answer

    def undo(self) -> Any:
        """Call the compensation with the result."""
        assert self._undo is not None
        return self._undo(self.result)

    def ask(self) -> Any:
        """Look for the record, or call the action again with its key."""
        if self._look_up is None:
            return self.act()
        return self._look_up(*self._positional, **self._named)

    def find(self, answer: Any) -> Finding:
        """A record that was looked up, or any answer to the key, means that it took effect."""
        if self._look_up is not None and answer is None:
            return MISSING
        self.result = answer
        return APPLIED


def label_of(action: Callable[..., Any]) -> str:
    """What people call this function."""
    inner = getattr(action, "func", action)  # functools.partial
    return str(getattr(inner, "__qualname__", None) or type(action).__name__)
