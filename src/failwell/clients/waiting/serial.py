"""The wait in sync code: several jobs, one thread."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from failwell.actions import Sender, Wait
from failwell.clients.httpx2 import Client
from failwell.clients.waiting.leave import leave
from failwell.clients.waiting.look import look
from failwell.clients.waiting.pending import Pending
from failwell.clients.waiting.show import showing
from failwell.clients.waiting.vigil import Plan, Vigil, rim_for
from failwell.drive import Rim, drive
from failwell.errors import FailwellError
from failwell.flows.ending import Finished, given_up
from failwell.flows.interleave import Over, interleave
from failwell.flows.poll import poll
from failwell.flows.sight import Watch


def run(how: Vigil, jobs: Sequence[Pending[Client]]) -> Generator[Finished]:
    """Each job as it ends. Raises `InvalidRequestError` at once, for what names no job."""
    plan = how.plan(jobs)
    return _run(how, jobs, plan)


def _run(how: Vigil, jobs: Sequence[Pending[Client]], plan: Plan) -> Generator[Finished]:
    left = dict(enumerate(plan))
    try:
        with showing(verbose=how.verbose, progress=how.progress, write=how.write) as hook_for:
            watches = [watch for watch, _ in plan]
            rims = [rim_for(*each, hook_for) for each in zip(jobs, watches, strict=True)]
            looks = [look(job.client) for job in jobs]
            for over in _ends(watches, looks, rims):
                watch, _ = left.pop(over.index)
                yield over.result or given_up(watch, _error(over))
    except (KeyboardInterrupt, SystemExit):
        for index, (watch, order) in left.items():
            how.say(leave(jobs[index].client, watch, order))
        raise


def _ends(
    watches: Sequence[Watch], looks: Sequence[Sender], rims: Sequence[Rim]
) -> Iterator[Over[Finished]]:
    """Perform the interleaved waits; each one's end."""
    if not watches:
        return
    now = rims[0].clock()
    agenda = interleave([poll(watch, now) for watch in watches], now)
    try:
        step = next(agenda)
        while True:
            if isinstance(step, Over):
                yield step
                step = agenda.send((None, rims[0].clock()))
                continue
            index, action = (0, step) if isinstance(step, Wait) else (step.index, step.action)
            try:
                answer = drive(iter(action), looks[index], rims[index])
            except FailwellError as error:
                step = agenda.throw(error)
            else:
                step = agenda.send(answer)
    except StopIteration:
        return
    finally:
        agenda.close()


def _error(over: Over[Finished]) -> FailwellError:
    assert over.error is not None
    return over.error
