"""The worker's side: reads a task, runs it, writes its result, until its input closes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import BinaryIO

import msgspec

from failwell.apis.ionq.simulator.messages import Task
from failwell.apis.ionq.simulator.run import run


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer each line of `source` with one on `sink`."""
    decoder = msgspec.json.Decoder(Task)
    for line in source:
        sink.write(msgspec.json.encode(run(decoder.decode(line))) + b"\n")
        sink.flush()


def main() -> None:
    """Serve standard input and output; leave at once when the service is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    reading, writing = os.pipe()
    threading.Thread(target=_pass_on, args=(writing,), daemon=True).start()
    serve(os.fdopen(reading, "rb"), sink)


def _pass_on(writing: int) -> None:
    """Hand the input on, and end the process in the middle of a task when it closes."""
    with os.fdopen(writing, "wb", 0) as inner:
        for line in sys.stdin.buffer:
            inner.write(line)
    os._exit(0)
