"""The FastAPI example, run by the command at its top, shows what it says."""

from __future__ import annotations

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
from openapi_spec_validator import validate

from failwell import journal

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi"


@contextmanager
def running(database: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The example in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(EXAMPLE / "app.py"), str(database), str(port)]
    example = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ends = time.monotonic() + 20
        while not is_open(port):
            assert time.monotonic() < ends
            assert example.poll() is None
            time.sleep(0.05)
        yield example, f"http://127.0.0.1:{port}"
    finally:
        example.kill()
        example.wait()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_example_shows_it(tmp_path: Path) -> None:
    """Enveloped errors with ids and outcomes, an honest OpenAPI document, a keyed write that
    stands or falls with its answer and survives `kill -9`, and a journal that tells of it."""
    for told in ("README.md", "app.py"):
        assert "python examples/fastapi/app.py" in (EXAMPLE / told).read_text()
    database = tmp_path / "bakery.db"

    def bake(url: str, key: str | None, size: Any) -> httpx2.Response:
        fields = {} if key is None else {"Idempotency-Key": key}
        return httpx2.post(f"{url}/cakes", json={"size": size}, headers=fields, trust_env=False)

    with running(database) as (example, url):
        lost = httpx2.get(f"{url}/cakes/1", headers={"X-Request-Id": "job-7"}, trust_env=False)
        first, again, other = bake(url, "k1", 2), bake(url, "k1", 2), bake(url, "k1", 3)
        wrong, big, keyless = bake(url, "k2", "secret"), bake(url, "k2", 99), bake(url, None, 2)
        burnt, fire = bake(url, "k3", 7), httpx2.get(f"{url}/fire", trust_env=False)
        validate(httpx2.get(f"{url}/openapi.json", trust_env=False).json())
        example.send_signal(signal.SIGKILL)
    assert (lost.status_code, lost.json()["code"]) == (404, "not_found")
    assert lost.headers["x-request-id"] == lost.json()["request_id"] == "job-7"
    assert (first.status_code, again.json(), other.status_code) == (201, first.json(), 409)
    assert again.headers["idempotent-replayed"] == "true"
    assert (wrong.json()["code"], wrong.json()["errors"][0]["pointer"]) == ("invalid", "#/size")
    assert (big.json()["code"], keyless.json()["code"]) == ("too_big", "bad_request")
    assert {one.headers["failwell-outcome"] for one in (other, wrong, keyless)} == {"not_started"}
    assert (burnt.status_code, burnt.headers["failwell-outcome"]) == (500, "rolled_back")
    assert (fire.status_code, fire.json()["detail"]) == (500, "The oven is on fire")
    assert "secret" not in wrong.text
    with running(database) as (_, url):
        assert bake(url, "k1", 2).json() == first.json()
        assert bake(url, "k3", 1).json()["id"] == 2
    backend = journal.open(f"sqlite:///{database}")
    (entry,) = backend.by_request("job-7")
    assert (entry.code, entry.status) == ("not_found", 404)
    backend.close()
