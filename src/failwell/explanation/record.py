"""The answers to the questions that a failure raises, as one record."""

from __future__ import annotations

from typing import Any, Literal, cast

import msgspec

from failwell.model import Kind, Outcome

Retry = Literal["yes", "settle", "no"]


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with what was sent, under the name that its sender knows."""

    message: str
    field: str | None = None
    code: str | None = None

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The answers to the questions that a person has, each a sentence, and the facts beside them.

    `retry` is "yes" (the same request may go well), "settle" (find out first what became of it)
    or "no" (it will fail again unchanged); `retry_after` is in seconds. `times` counts the errors
    of a group that this explains; a group's own explanation has one of each cause in `causes`, and
    what is left for people to do in `todo`.
    """

    happened: str
    effect: str
    charge: str
    retry: Retry
    when: str
    advice: str
    ask: str
    api: str = ""
    status: int | None = None
    code: str | None = None
    kind: Kind | None = None
    outcome: Outcome | None = None
    charged: bool | None = None
    retry_after: float | None = None
    request_id: str | None = None
    support: str | None = None
    issues: tuple[Trouble, ...] = ()
    times: int = 1
    causes: tuple[Explanation, ...] = ()
    todo: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The same as plain dictionaries, lists, strings and numbers."""
        return cast("dict[str, Any]", msgspec.to_builtins(self))

    def rows(self) -> dict[str, str]:
        """Each question that has an answer here, with its answer."""
        told = {
            "What happened": self.happened,
            "Took effect?": self.effect,
            "Charged?": self.charge,
            "Try again?": self.when,
            "What to do": self.advice,
            "What is wrong": "\n".join(map(str, self.issues)),
            "To do by hand": "\n".join(self.todo),
            "Whom to ask": self.ask,
        }
        return {question: answer for question, answer in told.items() if answer}

    def __str__(self) -> str:
        lines = [_indented(f"{question:<15}{said}", 15) for question, said in self.rows().items()]
        for cause in self.causes:
            lines += ["", f"{cause.times} × {_indented(str(cause), 4)}"]
        return "\n".join(lines)


def _indented(text: str, by: int) -> str:
    return text.replace("\n", "\n" + " " * by)
