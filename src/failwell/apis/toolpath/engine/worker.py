"""The worker's side: a process that measures, plans and estimates, one task after another."""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec

from failwell.apis.toolpath.engine.messages import (
    DEFAULT_SECONDS_PER_TASK,
    READ_SIZE,
    EstimateTask,
    Failure,
    Message,
    PartTask,
    ProgramTask,
    Task,
    Value,
)
from failwell.apis.toolpath.machining import MachiningError, estimate, plan
from failwell.apis.toolpath.step import StepError, parse

_SWITCH_SECONDS: Final = 0.0005


class Worker:
    """Accepts tasks from one stream while a second thread computes them in order."""

    def __init__(self, seconds_per_task: float, source: BinaryIO, sink: BinaryIO) -> None:
        self._seconds_per_task = seconds_per_task
        self._source = source
        self._sink = sink
        self._writing = threading.Lock()
        self._tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()

    def run(self) -> None:
        """Serve until the source closes; tasks that are not finished by then are dropped."""
        threading.Thread(target=self._compute_all, daemon=True).start()
        self._write(Message(ready=True))
        for task in self._accepted():
            self._tasks.put(task)

    def _accepted(self) -> Iterator[Task]:
        decoder = msgspec.json.Decoder[Task](PartTask | ProgramTask | EstimateTask)
        for line in self._source:
            try:
                task = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            self._write(Message(id=task.id, accepted=True))
            yield task

    def _compute_all(self) -> None:
        while True:
            task = self._tasks.get()
            value = _compute(task)
            time.sleep(self._seconds_per_task)
            self._write(Message(id=task.id, value=value))

    def _write(self, message: Message) -> None:
        with self._writing, contextlib.suppress(BrokenPipeError):
            self._sink.write(msgspec.json.encode(message) + b"\n")
            self._sink.flush()


def _compute(task: Task) -> Value:
    try:
        match task:
            case PartTask():
                return parse(task.step)
            case ProgramTask():
                return plan(task.part, task.units)
            case EstimateTask():
                return estimate(task.program, task.timings)
    except (StepError, MachiningError) as error:
        return Failure(error.code, error.reason)
    except Exception as error:
        return Failure("engine_error", f"unexpected {type(error).__name__}")


def main() -> None:
    """Run the worker on standard input and output until the input closes."""
    arguments = argparse.ArgumentParser(description="The worker process of the Toolpath sandbox.")
    arguments.add_argument("--seconds-per-task", type=float, default=DEFAULT_SECONDS_PER_TASK)
    seconds_per_task: float = arguments.parse_args().seconds_per_task
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setswitchinterval(_SWITCH_SECONDS)
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source = os.fdopen(0, "rb", READ_SIZE, closefd=False)
    Worker(seconds_per_task, source, sink).run()
    os._exit(0)
