"""The Engine is a process that can be lost, and says so."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from failwell.apis.toolpath import step
from failwell.apis.toolpath.engine import (
    Engine,
    EngineUnavailableError,
    EstimateTask,
    Failure,
    Outcome,
    PartTask,
    ProgramTask,
    session,
)
from failwell.apis.toolpath.machining import Estimate, Program
from failwell.apis.toolpath.step import StepPart

DATA = Path(step.__file__).parents[3] / "sandbox" / "data"
SPACER = (DATA / "standoff_spacer.step").read_text("utf-8")
SHEET = (DATA / "formed_sheet.step").read_text("utf-8")
COMMAND = [sys.executable, "-m", "failwell.apis.toolpath.engine", "--seconds-per-task", "0"]

# Answers like a worker, but talks a lot of nonsense besides.
NOISY = """
import json, sys
print("hello", flush=True)
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    task = json.loads(line)["id"]
    sys.stdout.buffer.write(b"\\xff\\xfe garbage\\n[1, 2\\n\\n{\\"id\\": 7}\\n")
    sys.stdout.buffer.write(b"x" * 300_000 + b"\\n")
    print(json.dumps({"id": "stranger", "accepted": True}))
    print(json.dumps({"id": task, "accepted": True}))
    print(json.dumps({"id": task, "value": {"kind": "failure", "code": "c", "reason": "r"}}))
    sys.stdout.flush()
"""
SILENT = 'print("{\\"ready\\": true}", flush=True); import time; time.sleep(60)'


def run(scenario: Callable[[Engine], Coroutine[Any, Any, None]], **settings: Any) -> None:
    """Run a scenario with a started Engine and stop it afterwards."""

    async def main() -> None:
        subject = Engine(**{"seconds_per_task": 0.0} | settings)
        await subject.start()
        try:
            await scenario(subject)
        finally:
            await subject.stop()

    asyncio.run(main())
    gc.collect()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def fake(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let the Engine start this script in place of its worker."""
    command = (sys.executable, "-c", script)
    monkeypatch.setattr(session, "_command", lambda _: command)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


class TestWork:
    """Tasks are computed in the other process."""

    def test_part_program_estimate(self) -> None:
        """A part is measured, planned and estimated, each with a typed outcome."""

        async def scenario(subject: Engine) -> None:
            assert subject.pid not in (None, os.getpid())
            await subject.accept(PartTask("a", SPACER))
            part = (await subject.result("a")).value
            assert isinstance(part, StepPart)
            await subject.accept(ProgramTask("b", part))
            program = (await subject.result("b")).value
            assert isinstance(program, Program)
            await subject.accept(EstimateTask("c", program, "refined"))
            cost = (await subject.result("c")).value
            assert isinstance(cost, Estimate)
            assert (cost.timings, cost.seconds > 0) == ("refined", True)

        run(scenario)

    def test_failures(self) -> None:
        """A part that cannot be computed is an outcome with a code, not an exception."""

        async def scenario(subject: Engine) -> None:
            await subject.accept(PartTask("a", "solid cube"))
            assert getattr((await subject.result("a")).value, "code", "") == "invalid_geometry"
            await subject.accept(PartTask("b", SHEET))
            sheet = (await subject.result("b")).value
            assert isinstance(sheet, StepPart)
            await subject.accept(ProgramTask("c", sheet))
            failure = (await subject.result("c")).value
            assert isinstance(failure, Failure)
            assert failure.code == "no_machinable_volume"

        run(scenario)

    def test_callback(self) -> None:
        """The callback gets each outcome in order, while the Engine is busy with the next."""
        outcomes: list[Outcome] = []

        async def scenario(subject: Engine) -> None:
            for name in "abc":
                await subject.accept(PartTask(name, SPACER))
            await until(lambda: len(outcomes) == 3)
            assert [outcome.id for outcome in outcomes] == ["a", "b", "c"]
            assert subject.outstanding == ()

        run(scenario, on_result=outcomes.append)

    def test_failing_callback(self) -> None:
        """A callback that raises is reported to the loop and does not stop the Engine."""
        reports: list[dict[str, Any]] = []

        def fail(outcome: Outcome) -> None:
            raise RuntimeError(outcome.id)

        async def scenario(subject: Engine) -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: reports.append(context))
            for name in "ab":
                await subject.accept(PartTask(name, ""))
            await until(lambda: len(reports) == 2)
            assert subject.running

        run(scenario, on_result=fail)

    def test_accepts_while_busy(self) -> None:
        """A task is acknowledged at once although another is being computed."""

        async def scenario(subject: Engine) -> None:
            await subject.accept(PartTask("a", SPACER))
            await subject.accept(PartTask("b", SPACER))
            assert subject.outstanding == ("a", "b")

        run(scenario, seconds_per_task=30.0)

    def test_pace(self) -> None:
        """The pace setting is the least time a task takes."""

        async def scenario(subject: Engine) -> None:
            start = time.perf_counter()
            await subject.accept(PartTask("a", ""))
            await subject.result("a")
            assert time.perf_counter() - start >= 0.1

        run(scenario, seconds_per_task=0.1)

    def test_largest_payload(self) -> None:
        """A file of 25 MB passes."""
        padded = SPACER.replace("DATA;", f"DATA;/*{'x' * 25_000_000}*/", 1)

        async def scenario(subject: Engine) -> None:
            await subject.accept(PartTask("a", padded))
            assert isinstance((await subject.result("a")).value, StepPart)

        run(scenario, acknowledge_within=20.0)

    def test_twice_the_same_id(self) -> None:
        """An id that is outstanding cannot be used again; a finished one can."""

        async def scenario(subject: Engine) -> None:
            await subject.accept(PartTask("a", ""))
            with pytest.raises(ValueError, match="outstanding"):
                await subject.accept(PartTask("a", ""))
            await subject.result("a")
            await subject.accept(PartTask("a", ""))

        run(scenario, seconds_per_task=0.05)


class TestLoss:
    """A lost process is noticed, and nothing is left behind."""

    def test_not_started(self) -> None:
        """An Engine that was never started is unavailable."""

        async def scenario() -> None:
            with pytest.raises(EngineUnavailableError):
                await Engine().accept(PartTask("a", ""))
            with pytest.raises(EngineUnavailableError):
                await Engine().result("a")

        asyncio.run(scenario())

    def test_stop_while_computing(self) -> None:
        """Stopping kills the process; who waits is told, and the lost ids are reported."""
        lost: list[tuple[str, ...]] = []

        async def scenario(subject: Engine) -> None:
            pid = subject.pid
            assert pid is not None
            for name in "ab":
                await subject.accept(PartTask(name, SPACER))
            waiting = asyncio.create_task(subject.result("a"))
            await asyncio.sleep(0)
            await subject.stop()
            assert is_gone(pid)
            assert (subject.running, subject.pid, subject.outstanding) == (False, None, ())
            assert lost == [("a", "b")]
            with pytest.raises(EngineUnavailableError):
                await waiting
            with pytest.raises(EngineUnavailableError):
                await subject.accept(PartTask("c", SPACER))

        run(scenario, seconds_per_task=30.0, on_lost=lost.append)

    def test_killed_from_outside(self) -> None:
        """A process that dies by itself is noticed, and can be started again."""
        lost: list[tuple[str, ...]] = []

        async def scenario(subject: Engine) -> None:
            await subject.accept(PartTask("a", SPACER))
            first = subject.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            with pytest.raises(EngineUnavailableError):
                await subject.result("a")
            await until(lambda: lost == [("a",)])
            assert not subject.running
            await subject.start()
            assert subject.running
            assert subject.pid != first
            await subject.accept(PartTask("a", SPACER))
            assert subject.outstanding == ("a",)

        run(scenario, seconds_per_task=30.0, on_lost=lost.append)

    def test_resubmit(self) -> None:
        """A lost task can be handed over again after a restart and is then computed."""

        async def scenario(subject: Engine) -> None:
            await subject.accept(PartTask("a", SPACER))
            await subject.stop()
            await subject.start()
            with pytest.raises(EngineUnavailableError):
                await subject.result("a")
            await subject.accept(PartTask("a", SPACER))
            assert isinstance((await subject.result("a")).value, StepPart)

        run(scenario, seconds_per_task=0.05)

    def test_unresponsive(self) -> None:
        """A frozen process is unavailable after the timeout, and its late answer is dropped."""
        outcomes: list[Outcome] = []

        async def scenario(subject: Engine) -> None:
            assert subject.pid is not None
            os.kill(subject.pid, signal.SIGSTOP)
            with pytest.raises(EngineUnavailableError, match="acknowledge"):
                await subject.accept(PartTask("late", ""))
            assert subject.outstanding == ()
            os.kill(subject.pid, signal.SIGCONT)
            subject._acknowledge_within = 10.0
            await subject.accept(PartTask("next", ""))
            await until(lambda: bool(outcomes))
            assert [outcome.id for outcome in outcomes] == ["next"]

        run(scenario, acknowledge_within=0.1, on_result=outcomes.append)

    def test_stop_frozen(self) -> None:
        """A frozen process with an unread payload is killed all the same."""

        async def scenario(subject: Engine) -> None:
            pid = subject.pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            with pytest.raises(EngineUnavailableError):
                await subject.accept(PartTask("a", "x" * 10_000_000))
            await subject.stop()
            assert is_gone(pid)

        run(scenario, acknowledge_within=0.1)

    def test_double_start_and_stop(self) -> None:
        """Starting or stopping twice, even at once, does nothing more than once."""

        async def scenario(subject: Engine) -> None:
            pid = subject.pid
            await asyncio.gather(subject.start(), subject.start())
            assert subject.pid == pid
            await asyncio.gather(subject.stop(), subject.stop())
            await subject.stop()
            await asyncio.gather(subject.start(), subject.start())
            assert subject.running

        run(scenario)

    def test_noise(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Garbage among the messages, overlong lines included, is passed over."""
        monkeypatch.setattr(session, "_LINE_LIMIT", 65_536)
        fake(monkeypatch, NOISY)

        async def scenario(subject: Engine) -> None:
            for name in "ab":
                await subject.accept(PartTask(name, ""))
                assert (await subject.result(name)).value == Failure("c", "r")
            with pytest.raises(EngineUnavailableError):
                await subject.result("stranger")

        run(scenario)

    def test_no_acknowledgement(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A process that never acknowledges is unavailable."""
        fake(monkeypatch, SILENT)

        async def scenario(subject: Engine) -> None:
            with pytest.raises(EngineUnavailableError):
                await subject.accept(PartTask("a", ""))

        run(scenario, acknowledge_within=0.05)

    @pytest.mark.parametrize("script", ["raise SystemExit(3)", "print('hello')"])
    def test_does_not_start(self, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
        """A process that ends before it is ready makes ``start`` raise."""
        fake(monkeypatch, script)

        async def scenario() -> None:
            subject = Engine()
            with pytest.raises(EngineUnavailableError):
                await subject.start()
            assert not subject.running
            await subject.stop()

        asyncio.run(scenario())

    def test_no_such_program(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """A worker that cannot be executed makes ``start`` raise."""
        monkeypatch.setattr(session, "_command", lambda _: (str(tmp_path / "absent"),))

        async def scenario() -> None:
            with pytest.raises(EngineUnavailableError):
                await Engine().start()

        asyncio.run(scenario())

    def test_forgotten(self) -> None:
        """An Engine that is never stopped leaves neither a process nor a warning behind."""
        pids: list[int | None] = []

        async def scenario() -> None:
            subject = Engine(seconds_per_task=30.0)
            await subject.start()
            await subject.accept(PartTask("a", SPACER))
            pids.append(subject.pid)

        asyncio.run(scenario())
        gc.collect()
        assert [is_gone(pid) for pid in pids if pid] == [True]


class TestWorker:
    """The worker speaks one JSON message a line on its standard streams."""

    def test_conversation(self) -> None:
        """It says it is ready, accepts at once, answers, and ignores what is not a task."""
        tasks = [b"garbage", b"\xff", b'{"task":"part"}', b'{"task":"part","id":"a","step":""}']
        with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
            assert worker.stdin
            assert worker.stdout
            worker.stdin.write(b"\n".join(tasks) + b"\n")
            worker.stdin.flush()
            ready, accepted, done = (json.loads(worker.stdout.readline()) for _ in range(3))
            worker.stdin.close()
            assert worker.wait(10) == 0
        assert (ready, accepted) == ({"ready": True}, {"id": "a", "accepted": True})
        assert done["value"]["code"] == "invalid_geometry"

    def test_parent_gone(self) -> None:
        """It leaves as soon as its input closes, even in the middle of a task."""
        command = [*COMMAND[:-1], "60"]
        task = b'{"task":"part","id":"a","step":""}\n'
        start = time.perf_counter()
        done = subprocess.run(command, input=task, capture_output=True, timeout=30, check=True)
        assert b'"accepted":true' in done.stdout
        assert time.perf_counter() - start < 20
