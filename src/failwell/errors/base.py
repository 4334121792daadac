"""The exception of every failed call, and how it survives a pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, cast

import msgspec

from failwell.later import whole
from failwell.model import Attempt, Failure, Issue, Kind, Outcome, Sent, read_json


class FailwellError(Exception):
    """Any failure of a call, with its facts (`failure`), its history (`attempts`) and what was
    `sent`, as far as that may be kept.

    `str()` of it is the human sentence. Two are equal when class, facts and history are.
    """

    sent: Sent | None
    _is_whole = False

    def __init__(
        self,
        failure: Failure,
        attempts: tuple[Attempt, ...] = (),
        sent: Sent | None = None,
    ) -> None:
        Exception.__init__(self)  # what is said is made out later; see `args`
        self._failure = failure
        self._attempts = attempts
        self.sent = sent

    @property
    def failure(self) -> Failure:
        """The facts, each of them made out."""
        if not self._is_whole:
            self._failure, self._is_whole = whole(self._failure), True
        return self._failure

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The history of the call, the oldest first."""
        if self._attempts:
            self._attempts = tuple(map(whole, self._attempts))
        return self._attempts

    if not TYPE_CHECKING:  # there, it is what every exception has

        @property
        def args(self):
            """The message; a person may put something else in its place."""
            return _given(self) or (self.message,)

        @args.setter
        def args(self, given):
            BaseException.args.__set__(self, given)

    def __str__(self) -> str:
        return super().__str__() if _given(self) else self.message

    @property
    def message(self) -> str:
        """The human sentence, the API's own where it gave one."""
        return self._failure.message

    @property
    def kind(self) -> Kind:
        """What went wrong, in one closed set of words for every API."""
        return self._failure.kind

    @property
    def status_code(self) -> int | None:
        """The HTTP status; None where no answer came."""
        return self._failure.status

    @property
    def code(self) -> str | None:
        """The API's own machine-readable code."""
        return self._failure.code

    @property
    def outcome(self) -> Outcome | None:
        """Whether the write took effect; None for a read."""
        return self._failure.outcome

    @property
    def details(self) -> Any:
        """The API's structured extra, whatever its shape; None where there is none."""
        return self._failure.details

    @property
    def issues(self) -> tuple[Issue, ...]:
        """The single problems inside the failure, each with path and pointer where known."""
        return self._failure.issues

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The issues as plain dictionaries."""
        return [msgspec.to_builtins(issue) for issue in self._failure.issues]

    @property
    def body(self) -> str:
        """The answer's body as text, scrubbed of secrets and bounded; empty where none came."""
        return self._failure.body.decode("utf-8", "replace")

    @property
    def data(self) -> Any:
        """The answer's body decoded from JSON; None where it is not JSON."""
        return read_json(self._failure.body)

    @property
    def request_id(self) -> str | None:
        """The id to quote to whoever runs the API."""
        return self._failure.request_id

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the API asked to be called again, counted from its answer."""
        return self._failure.retry_after

    @property
    def timestamp(self) -> str | None:
        """When the API says it failed, as it wrote it (ISO 8601)."""
        return self._failure.timestamp

    @property
    def advice(self) -> str:
        """What to do now, in a sentence or two."""
        if self._failure.advice:
            return self._failure.advice
        from failwell.narrative import advice

        return advice(self._failure)

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]
        """The story of the call, for the traceback (PEP 678); told only when somebody looks."""
        notes: list[str] | None = self.__dict__.get("_notes")
        if notes is None:
            notes = self.__dict__["_notes"] = [self._story()] if self._attempts else []
        return notes

    def _story(self) -> str:
        from failwell.narrative import story

        return story(self.attempts, self.outcome, self.request_id, self.advice)

    def retold(
        self, outcome: Outcome | None, attempts: tuple[Attempt, ...], sent: Sent | None
    ) -> Self:
        """This exception as that of a longer call: with what is known of the whole of it."""
        failure = self.failure
        if outcome is not failure.outcome:
            advice = failure.advice if outcome is None or outcome.nothing_done else None
            failure = msgspec.structs.replace(failure, outcome=outcome, advice=advice)
        restore, (cls, _, _, _, *rest), *own = self.__reduce__()
        retold: Self = restore(cls, failure, attempts, sent, *rest)
        for facts in own:
            vars(retold).update(facts)
        return retold

    def __reduce__(self) -> tuple[Any, ...]:
        told = self.__dict__.get("_notes", [])
        added = told[1:] if self._attempts else told
        cause = portable(self.__cause__)
        return _restore, (type(self), self.failure, self.attempts, self.sent, cause, added)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, FailwellError)
        return self.failure == other.failure and self.attempts == other.attempts

    def __hash__(self) -> int:
        return hash((type(self), self.failure.status, self.failure.code, self.failure.request_id))

    def __repr__(self) -> str:
        facts = {
            "status": self.status_code,
            "code": self.code,
            "outcome": self.outcome and self.outcome.value,
            "request_id": self.request_id,
        }
        said = "".join(f", {name}={value!r}" for name, value in facts.items() if value is not None)
        return f"{type(self).__name__}({self.message!r}{said})"


def _given(error: FailwellError) -> tuple[Any, ...]:
    """The arguments that Python itself knows of: none, but where a person has set them."""
    return cast("tuple[Any, ...]", vars(BaseException)["args"].__get__(error))


def portable(cause: BaseException | None) -> BaseException | None:
    """The cause, or its own words where it would not survive pickling."""
    import pickle

    if cause is None:
        return None
    try:
        pickle.loads(pickle.dumps(cause))
    except Exception:
        return Exception(f"{type(cause).__qualname__}: {cause}")
    return cause


def _restore(
    cls: type[FailwellError],
    failure: Failure,
    attempts: tuple[Attempt, ...],
    sent: Sent | None,
    cause: BaseException | None,
    notes: list[str],
) -> FailwellError:
    error = cls.__new__(cls)
    FailwellError.__init__(error, failure, attempts, sent)
    error.__cause__ = cause
    for note in notes:
        error.add_note(note)
    return error
