"""The Flask and the Django example, run by the command at their top, show what they say."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from failwell import journal

EXAMPLES = Path(__file__).parents[2] / "examples"
PATHS = {"flask": "/cakes", "django": "/api/cakes"}


@contextmanager
def running(command: str, database: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The example in a process of its own; nothing is waiting for its first line but the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = EXAMPLES.parent / command.removeprefix("python ")
    example = subprocess.Popen(
        [sys.executable, str(script), str(database), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: is_open(port) or example.poll() is not None)
        yield example, f"http://127.0.0.1:{port}"
    finally:
        example.kill()
        example.wait()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Any) -> None:
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


@pytest.mark.parametrize("name", ["flask", "django"])
def test_the_example_shows_it(name: str, tmp_path: Path) -> None:
    """One command serves it: enveloped errors with ids and outcomes, a keyed write that survives
    its handler's failure and `kill -9`, and a journal that tells of it."""
    command = f"python examples/{name}/app.py"
    for said in (EXAMPLES / name / "README.md", EXAMPLES / name / "app.py"):
        assert re.search(rf"\b{re.escape(command)}\b", said.read_text())
    database, path = tmp_path / "bakery.db", PATHS[name]

    def bake(url: str, key: str | None, size: Any) -> httpx2.Response:
        fields = {} if key is None else {"Idempotency-Key": key}
        return httpx2.post(
            url + path, json={"size": size}, headers=fields, trust_env=False, timeout=20
        )

    with running(command, database) as (example, url):
        lost = httpx2.get(f"{url}{path}/0", headers={"X-Request-Id": "job-7"}, trust_env=False)
        first, again, other = bake(url, "k1", 2), bake(url, "k1", 2), bake(url, "k1", 3)
        big, keyless, burnt = bake(url, "k2", 99), bake(url, None, 2), bake(url, "k3", 7)
        wrong = bake(url, "k4", "x")
        example.send_signal(signal.SIGKILL)
    assert (lost.status_code, lost.json()["code"]) == (404, "not_found")
    assert lost.headers["x-request-id"] == lost.json()["request_id"] == "job-7"
    assert (first.status_code, again.content, other.status_code) == (201, first.content, 409)
    assert again.headers["idempotent-replayed"] == "true"
    assert (big.json()["code"], keyless.json()["code"]) == ("too_big", "bad_request")
    assert {one.headers["failwell-outcome"] for one in (other, big, keyless)} == {"not_started"}
    assert (burnt.status_code, burnt.json()["size"]) == (201, 7)
    assert (wrong.status_code, wrong.headers["failwell-outcome"]) == (500, "rolled_back")
    with running(command, database) as (_, url):
        assert bake(url, "k1", 2).json() == first.json()
        assert bake(url, "k3", 7).json() == burnt.json()
        assert bake(url, "k5", 1).json()["id"] == 3
    backend = journal.open(f"sqlite:///{database}")
    (entry,) = backend.by_request("job-7")
    backend.close()
    assert entry.status == 404
