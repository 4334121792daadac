"""The solver as a process: started when needed, killed for real, never left behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from failwell.apis.ionworks.battery.chemistry import quick_model
from failwell.apis.ionworks.battery.protocol import bind, parse
from failwell.apis.ionworks.house import House, Limits
from failwell.apis.ionworks.solver import (
    Failed,
    Simulated,
    SimulateTask,
    Solver,
    SolverStoppedError,
)

REST = bind(parse("steps: [{Rest: {duration: 60}}]"), {})


def task(folder: Path) -> SimulateTask:
    parameters = quick_model(1.0, "LFP/Graphite")
    return SimulateTask(parameters, REST, str(folder / "a.parquet"), str(folder / "b.parquet"))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_its_life(tmp_path: Path) -> None:
    """No process before the first task; stopped means killed; a new one when it is back."""

    async def live() -> None:
        solver = Solver()
        assert (solver.running, solver.pid) == (True, None)
        assert isinstance(await solver.compute(task(tmp_path), 60), Simulated)
        first = solver.pid
        assert first is not None
        await solver.stop()
        assert not is_alive(first)
        with pytest.raises(SolverStoppedError):
            await solver.compute(task(tmp_path), 60)
        await solver.start()
        assert isinstance(await solver.compute(task(tmp_path), 60), Simulated)
        assert solver.pid not in (None, first)
        await solver.stop()

    asyncio.run(live())


def test_a_stop_in_the_middle(tmp_path: Path) -> None:
    """Whoever waits for a task is told that the solver was stopped."""

    async def live() -> None:
        solver = Solver()
        waiting = asyncio.create_task(solver.compute(task(tmp_path), 60))
        while solver.pid is None:
            await asyncio.sleep(0.01)
        await solver.stop()
        with pytest.raises(SolverStoppedError):
            await waiting

    asyncio.run(live())


def test_a_stop_at_the_beginning(tmp_path: Path) -> None:
    """A process that is only being started when the solver is stopped does not live on."""

    async def live() -> None:
        solver = Solver()
        waiting = asyncio.create_task(solver.compute(task(tmp_path), 60))
        await asyncio.sleep(0)
        await solver.stop()
        with pytest.raises(SolverStoppedError):
            await waiting
        assert solver.pid is None

    asyncio.run(live())


def test_a_database_that_fails_for_a_while(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No job is lost by it, and the next ones are carried out."""

    async def live() -> None:
        house = House(lambda: tmp_path, Limits)
        await house.records.start()
        await house.dispatch.start()
        job = house.jobs.add("p", "simulation", "s", task(tmp_path))
        for before, after in (("jobs", "gone"), ("gone", "jobs")):
            house.records.write(f"ALTER TABLE {before} RENAME TO {after}")
            house.dispatch.nudge()
            for _ in range(10):
                await asyncio.sleep(0)
        assert "jobs wait, for the database fails: no such table: jobs" in caplog.text
        async with asyncio.timeout(60):
            while not house.jobs.get(job).is_terminal:
                await asyncio.sleep(0.02)
        assert house.jobs.get(job).status == "completed"
        await house.dispatch.stop()
        await house.solver.stop()
        await house.records.stop()

    asyncio.run(live())


def test_a_task_that_cannot_be_done(tmp_path: Path) -> None:
    """A failure is a value, with a traceback where the solver itself is to blame."""

    async def live() -> None:
        solver = Solver()
        failed = await solver.compute(task(tmp_path / "nowhere"), 60)
        assert isinstance(failed, Failed)
        assert "Traceback" in failed.error
        assert isinstance(await solver.compute(task(tmp_path), 60), Simulated)
        await solver.stop()

    asyncio.run(live())


def test_it_leaves_with_its_service() -> None:
    """The worker ends when its standard input closes, whatever became of the service."""
    command = [sys.executable, "-P", "-m", "failwell.apis.ionworks.solver"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        worker.stdin.close()
        assert worker.wait(timeout=30) == 0


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    """The service is there without numpy, scipy or polars, so that the sandbox starts at once."""
    script = (
        "import sys; from failwell.apis.ionworks.service import IonworksService as S; S();"
        "print([name for name in ('numpy', 'scipy', 'polars') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"[]\n", b"")
