"""A supervised server for the faults: a process that forks the real one, again after each kill."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import failwell
from failwell.settings import Policy, Retry
from faults.works import WORKS

_TESTS = Path(__file__).parents[1]


class Works:
    """A server that dies and is born again. `pid` is that of the process that serves now."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._said = process.stdout
        self.url = self._said.readline().strip()
        self.pid = 0
        self.await_start()

    def await_start(self) -> None:
        """Return when the next process serves."""
        line = self._said.readline()
        assert line, "the server's supervisor is gone"
        self.pid = int(line)

    def kill(self) -> None:
        """`kill -9`; the supervisor starts another process at once."""
        os.kill(self.pid, signal.SIGKILL)


def works(database: str) -> AbstractContextManager[Works]:
    """The server of `works.py` over this database."""
    return supervised("faults.works", database)


@contextmanager
def supervised(module: str, *arguments: str) -> Iterator[Works]:
    """The server of this program, served on one port for as long as the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=_TESTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Works(process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdin.close()
        process.stdout.close()


def patient(url: str) -> failwell.AsyncClient:
    """A client that retries with its keys until the server is back, and spares it nothing."""
    retry = Retry(max_retries=500, base=0.02, cap=0.3, fast_base=0.02)
    policy = Policy(retry=retry, budget=None, breaker=None, governor=None)
    return failwell.AsyncClient(
        contract=WORKS, base_url=url, policy=policy, trust_env=False, timeout=20
    )


def kill_at_random(server: Works, kills: int, rng: random.Random) -> None:
    """Kill the server so often, each time some instants after it began to serve."""
    for _ in range(kills):
        time.sleep(rng.expovariate(1 / 0.12))
        server.kill()
        server.await_start()
