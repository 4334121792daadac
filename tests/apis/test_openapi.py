"""Schemathesis against each service: what its OpenAPI document promises of successes and of errors
holds for whatever is sent. Each has 15 seconds, and 4 without a credential; the seed makes what is
generated repeat."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

SECONDS = 15
SECONDS_OUTSIDE = 4
REFUSED = 0.3
"""The most refusals with a credential, and the fewest without: a run that nobody lets in shows
nothing."""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
KEYS = {
    "ionworks": {"X-API-Key": "{key}", "Authorization": "Bearer {key}"},
    "ionq": {"Authorization": "apiKey {key}"},
    "toolpath": {"Authorization": "Bearer {read_write}"},
    "matcraft": {"Authorization": "Bearer {admin}"},
}


class Sandbox:
    """`failwell sandbox` in a process of its own, with practically no quotas."""

    def __init__(self, url: str, http: httpx2.Client) -> None:
        self._http = http
        self.apis: dict[str, Any] = http.get(url + "/sandbox.json").json()["apis"]
        for name, about in self.apis.items():
            rates = {limit: 10**7 for limit in about["limits"] if "_per_" in limit}
            answer = http.put(f"{url}/sandbox/{name}/limits", json=rates)
            assert answer.status_code == 200, answer.text

    def credential(self, name: str) -> dict[str, str]:
        """Header fields by which a request to this API is let in."""
        known = self.apis[name]["credentials"]
        return {field: value.format(**known) for field, value in KEYS[name].items()}

    def log_in(self) -> dict[str, str]:
        """Header fields of a new session of Flow's first user."""
        about = self.apis["flow"]
        answer = self._http.post(about["base_url"] + "/login", json=about["credentials"]["alice"])
        self._http.cookies.clear()
        (cookie,) = re.findall(r"flow_refresh_token=[^;]+", answer.headers["set-cookie"])
        return {"Authorization": f"Bearer {answer.json()['token']}", "Cookie": cookie}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    command = [sys.executable, "-m", "failwell", "sandbox", "--port", "0", "--seed", "1"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
        httpx2.Client(trust_env=False, timeout=30) as http,
    ):
        try:
            assert process.stdout is not None
            yield Sandbox(process.stdout.readline().split()[-1], http)
        finally:
            process.terminate()


def examine(base_url: str, fields: dict[str, str], folder: Path, *more: str) -> float:
    """Run Schemathesis, and fail with its findings. Gives the share of answers that were 401 or
    403."""
    headers = [part for name, value in fields.items() for part in ("-H", f"{name}: {value}")]
    arguments = [
        *("--no-color", "run", base_url + "/openapi.json", *headers, *more),
        *("--checks", ",".join(CHECKS), "--seed", "1", "--generation-database", "none"),
        *("--warnings", "off", "--report", "har", "--report-har-path", "told.har"),
    ]
    done = subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), *arguments],
        cwd=folder,
        env={"NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    entries = json.loads((folder / "told.har").read_text())["log"]["entries"]
    return sum(one["response"]["status"] in (401, 403) for one in entries) / len(entries)


@pytest.mark.parametrize("name", KEYS)
def test_a_service_keeps_its_promises(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    """No undeclared status, header or media type, no body out of shape, no 5xx; nor where nobody
    is let in."""
    base_url = sandbox.apis[name]["base_url"]
    fields = sandbox.credential(name)
    assert examine(base_url, fields, tmp_path, f"--max-time={SECONDS}") < REFUSED
    assert examine(base_url, {}, tmp_path, f"--max-time={SECONDS_OUTSIDE}") > REFUSED


def test_flow_keeps_its_promises(sandbox: Sandbox, tmp_path: Path) -> None:
    """The same of Flow, REST and `/v2`; but logging out would end the session, so that comes when
    nobody is logged in."""
    base_url = sandbox.apis["flow"]["base_url"]
    inside = (f"--max-time={SECONDS}", "--exclude-path=/logout")
    assert examine(base_url, sandbox.log_in(), tmp_path, *inside) < REFUSED
    assert examine(base_url, {}, tmp_path, f"--max-time={SECONDS_OUTSIDE}") > REFUSED
