"""The wait in async code: several jobs, each looked at on its own.

Tasks live inside one step only. Between two steps each job is held at the action it had come to,
so that whoever stops asking leaves nothing behind; a look that a step's end cuts short is made
again, which costs a GET.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence

from failwell.actions import Action, Wait
from failwell.clients.httpx2 import AsyncClient
from failwell.clients.waiting.leave import Order, aleave
from failwell.clients.waiting.look import alook
from failwell.clients.waiting.pending import Pending
from failwell.clients.waiting.show import showing
from failwell.clients.waiting.vigil import Plan, Vigil, rim_for
from failwell.drive import Rim, adrive
from failwell.errors import FailwellError
from failwell.flows.ending import Finished, given_up
from failwell.flows.poll import poll
from failwell.flows.sight import Watch


def run(how: Vigil, jobs: Sequence[Pending[AsyncClient]]) -> AsyncGenerator[Finished]:
    """Each job as it ends. Raises `InvalidRequestError` at once, for what names no job."""
    return _run(how, jobs, how.plan(jobs))


async def _run(
    how: Vigil, jobs: Sequence[Pending[AsyncClient]], plan: Plan
) -> AsyncGenerator[Finished]:
    import anyio

    courses: list[Course] = []
    try:
        with showing(verbose=how.verbose, progress=how.progress, write=how.write) as hook_for:
            for job, (watch, order) in zip(jobs, plan, strict=True):
                rim = rim_for(job, watch, hook_for)
                courses.append(Course(job.client, watch, order, rim))
            while courses:
                await _until_one_is_over(courses)
                for course in [each for each in courses if each.finished is not None]:
                    courses.remove(course)
                    assert course.finished is not None
                    yield course.finished
    except (KeyboardInterrupt, SystemExit, anyio.get_cancelled_exc_class()):
        for course in courses:
            how.say(await aleave(course.client, course.watch, course.order))
        raise
    finally:
        for course in courses:
            course.close()


class Course:
    """The wait for one job, which may be left and taken up again between two of its actions."""

    def __init__(self, client: AsyncClient, watch: Watch, order: Order | None, rim: Rim) -> None:
        self.client, self.watch, self.order = client, watch, order
        self.finished: Finished | None = None
        self._rim = rim
        self._look = alook(client)
        self._flow = poll(watch, rim.clock())
        self._action: Action
        self._due = 0.0
        self._step(lambda: next(self._flow))

    async def go_on(self) -> None:
        """Perform the wait's actions until it is over."""
        while self.finished is None:
            await self._perform()

    async def _perform(self) -> None:
        action = self._action
        if isinstance(action, Wait):
            action = Wait(max(self._due - self._rim.clock(), 0.0))
        try:
            answer = await adrive(iter(action), self._look, self._rim)
        except FailwellError as error:
            thrown = error
            self._step(lambda: self._flow.throw(thrown))
        else:
            self._step(lambda: self._flow.send(answer))

    def _step(self, advance: Callable[[], Action]) -> None:
        try:
            self._action = advance()
        except StopIteration as end:
            self.finished = end.value
        except FailwellError as error:
            self.finished = given_up(self.watch, error)
        else:
            if isinstance(self._action, Wait):
                self._due = self._rim.clock() + self._action.seconds

    def close(self) -> None:
        """Give the wait up."""
        self._flow.close()


async def _until_one_is_over(courses: Sequence[Course]) -> None:
    if len(courses) == 1:
        return await courses[0].go_on()
    import anyio

    async with anyio.create_task_group() as group:

        async def follow(course: Course) -> None:
            await course.go_on()
            group.cancel_scope.cancel()

        for course in courses:
            group.start_soon(follow, course)
