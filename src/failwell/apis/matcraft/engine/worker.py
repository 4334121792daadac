"""A worker's side: a process that runs campaigns, one after another."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
from typing import BinaryIO

import msgspec

from failwell.apis.matcraft.engine.messages import (
    READ_SIZE,
    Began,
    Ended,
    Message,
    Order,
    Ready,
    Run,
)


class Worker:
    """Reads orders from one stream while a second thread carries them out."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._writing = threading.Lock()
        self._runs: queue.SimpleQueue[Run] = queue.SimpleQueue()
        self._stopped: set[str] = set()

    def serve(self) -> None:
        """Serve until the source closes; what is not finished by then is dropped."""
        threading.Thread(target=self._run_all, daemon=True).start()
        self._write(Ready())
        decoder = msgspec.json.Decoder[Order](Order)
        for line in self._source:
            order = decoder.decode(line)
            if isinstance(order, Run):
                self._runs.put(order)
            else:
                self._stopped.add(order.id)

    def _run_all(self) -> None:
        while True:
            run = self._runs.get()
            self._write(Began(run.id))
            self._write(self._outcome(run))
            self._stopped.discard(run.id)

    def _outcome(self, run: Run) -> Ended:
        # The first campaign pays for importing numpy, SciPy and scikit-learn, not the start.
        from failwell.apis.matcraft.engine.evaluation import EvaluationError
        from failwell.apis.matcraft.engine.optimiser import Campaign
        from failwell.apis.matcraft.engine.surrogate import TrainingError

        try:
            campaign = Campaign(run.id, run.problem, run.prior)
            for progress in campaign.steps():
                self._write(progress)
                if run.id in self._stopped:
                    return Ended(id=run.id, status="stopped")
            return Ended(id=run.id, status=campaign.end)
        except EvaluationError as error:
            return _failed(run, "EVALUATION_FAILED", str(error))
        except TrainingError as error:
            return _failed(run, "SURROGATE_TRAINING_FAILED", str(error))
        except Exception as error:
            return _failed(run, "INTERNAL_ERROR", f"unexpected {type(error).__name__}")

    def _write(self, message: Message) -> None:
        with self._writing, contextlib.suppress(BrokenPipeError):
            self._sink.write(msgspec.json.encode(message) + b"\n")
            self._sink.flush()


def _failed(run: Run, code: str, message: str) -> Ended:
    return Ended(id=run.id, status="failed", code=code, message=message)


def main() -> None:
    """Run a worker on standard input and output until the input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    Worker(os.fdopen(0, "rb", READ_SIZE, closefd=False), sink).serve()
    os._exit(0)
