"""A transaction, in the sync world and in the async one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, overload

from failwell.flows import saga as flow
from failwell.transactions.course import Course
from failwell.transactions.declared import Declared
from failwell.transactions.ledger import TakenOverError
from failwell.transactions.perform import aperform, awaited, perform, plain, unblocked
from failwell.transactions.work import Work

T = TypeVar("T")


class Planner(Protocol):
    """Makes the work of a step out of what `do` was given."""

    def __call__(
        self,
        action: Callable[..., Any] | Declared,
        arguments: tuple[tuple[Any, ...], dict[str, Any]],
        settings: dict[str, Any],
    ) -> Work: ...


class Transaction:
    """Writes that stand together or are undone together: `with failwell.transaction() as tx`."""

    def __init__(self, begin: Callable[[], Course], plan: Planner) -> None:
        self._begin = begin
        self._plan = plan
        self._course: Course | None = None

    def __enter__(self) -> Self:
        self._course = self._begin()
        return self

    @overload
    def do(
        self,
        action: Callable[..., T],
        /,
        *args: Any,
        undo: Callable[[T], object] | Declared | None = None,
        irreversible: bool = False,
        look_up: Callable[..., T | None] | None = None,
        settle_time: float | None = None,
        **named: Any,
    ) -> T: ...
    @overload
    def do(
        self,
        action: Declared,
        /,
        *,
        undo: Callable[[Any], object] | Declared | None = None,
        irreversible: bool = False,
    ) -> Any: ...
    def do(self, action: Any, /, *args: Any, **named: Any) -> Any:
        """Do one step now; what it gives.

        `action` is called with the arguments that are left; `undo` will be called with its result
        where a later step fails, and again until it succeeds, so it must bear that (a deletion by
        id does). A step that cannot be undone is marked `irreversible`: it commits the
        transaction, and no step may follow it.

        An `idempotency_key` among the arguments says that the action honours keys: where its
        answer is lost it is called again with it, to be undone then. `look_up`, called with the
        arguments, returns its record or None; a record that is not there `settle_time` seconds
        after the step began will not appear any more.

        Raises what the action raises; `InvalidRequestError` for a step that must not begin.
        """
        course = running(self._course)
        work = self._plan(action, *told_apart(args, named))
        number = course.begin(work)
        try:
            answer = plain(work.act())
        except BaseException as error:
            course.fail(number, error)
            raise
        result = work.take(answer)
        course.succeed(number)
        return result

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        course = running(self._course)
        try:
            self._end(course, error)
        finally:
            course.let_go()

    def _end(self, course: Course, error: BaseException | None) -> None:
        if error is None:
            course.commit()
        elif course.is_committed:
            course.tell_committed(error)
        elif not isinstance(error, TakenOverError):
            instead = self._rolled_back(course, error)
            if instead is not None:
                raise instead from None

    def _rolled_back(self, course: Course, error: BaseException) -> Exception | None:
        try:
            ended = perform(flow.roll_back(course.saga, course.terms), course)
        except BaseException as interruption:
            course.tell_interrupted(interruption)
            raise
        course.saga = ended.saga
        return course.tell(error, ended.errors)


class AsyncTransaction:
    """The same for async code: `async with failwell.transaction() as tx`. A rollback is not cut
    short by a cancellation."""

    def __init__(self, begin: Callable[[], Course], plan: Planner) -> None:
        self._begin = begin
        self._plan = plan
        self._course: Course | None = None

    async def __aenter__(self) -> Self:
        self._course = await unblocked(True, self._begin)
        return self

    @overload
    async def do(
        self,
        action: Callable[..., Awaitable[T]],
        /,
        *args: Any,
        undo: Callable[[T], object] | Declared | None = None,
        irreversible: bool = False,
        look_up: Callable[..., Awaitable[T | None]] | None = None,
        settle_time: float | None = None,
        **named: Any,
    ) -> T: ...
    @overload
    async def do(
        self,
        action: Callable[..., T],
        /,
        *args: Any,
        undo: Callable[[T], object] | Declared | None = None,
        irreversible: bool = False,
        look_up: Callable[..., T | None] | None = None,
        settle_time: float | None = None,
        **named: Any,
    ) -> T: ...
    @overload
    async def do(
        self,
        action: Declared,
        /,
        *,
        undo: Callable[[Any], object] | Declared | None = None,
        irreversible: bool = False,
    ) -> Any: ...
    async def do(self, action: Any, /, *args: Any, **named: Any) -> Any:
        """Do one step now; what it gives. As `Transaction.do`; `action`, `undo` and `look_up` may
        be async functions."""
        course = running(self._course)
        work = self._plan(action, *told_apart(args, named))
        with _shielded():
            number = await unblocked(course.is_kept, course.begin, work)
        try:
            answer = await awaited(work.act())
        except BaseException as error:
            with _shielded():
                await unblocked(course.is_kept, course.fail, number, error)
            raise
        result = work.take(answer)
        with _shielded():
            await unblocked(course.is_kept, course.succeed, number)
        return result

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        course = running(self._course)
        with _shielded():
            try:
                await self._end(course, error)
            finally:
                await unblocked(course.is_kept, course.let_go)

    async def _end(self, course: Course, error: BaseException | None) -> None:
        if error is None:
            await unblocked(course.is_kept, course.commit)
        elif course.is_committed:
            course.tell_committed(error)
        elif not isinstance(error, TakenOverError):
            instead = await self._rolled_back(course, error)
            if instead is not None:
                raise instead from None

    async def _rolled_back(self, course: Course, error: BaseException) -> Exception | None:
        try:
            ended = await aperform(flow.roll_back(course.saga, course.terms), course)
        except BaseException as interruption:
            course.tell_interrupted(interruption)
            raise
        course.saga = ended.saga
        return course.tell(error, ended.errors)


_SETTINGS = ("undo", "irreversible", "look_up", "settle_time")


def told_apart(
    args: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[tuple[Any, ...], dict[str, Any]], dict[str, Any]]:
    """The action's arguments, and the step's own settings."""
    settings = {name: named[name] for name in _SETTINGS if name in named}
    return (args, {name: v for name, v in named.items() if name not in settings}), settings


def running(course: Course | None) -> Course:
    """The course. Raises `RuntimeError` before `with` has begun it."""
    if course is None:
        raise RuntimeError("a transaction begins with `with failwell.transaction() as tx`")
    return course


def _shielded() -> Any:
    import anyio

    return anyio.CancelScope(shield=True)
