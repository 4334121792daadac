"""The sandbox's controls, word for word, and its command as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx2
import pytest

from failwell.sandbox.app import SYSTEMS, application, services
from failwell.sandbox.wire import running

STEP = (files("failwell.sandbox") / "data" / "standoff_spacer.step").read_text("utf-8")
CONTROLS = "/sandbox/toolpath"


class Sandbox:
    """The sandbox on a port, its controls, and the one write that tests make."""

    def __init__(self, http: httpx2.Client) -> None:
        self.http = http
        about = http.get("/sandbox.json").json()["apis"]["toolpath"]
        self.base: str = about["base_url"]
        self.key: str = about["credentials"]["read_write"]

    def put(self, what: str, value: Any) -> httpx2.Response:
        return self.http.put(f"{CONTROLS}/{what}", json=value)

    def engine(self, state: Any) -> httpx2.Response:
        return self.http.post(f"{CONTROLS}/components/engine", json={"state": state})

    def upload(self, key: str | None = None) -> httpx2.Response:
        """One `POST /parts`."""
        fields = {
            "Authorization": f"Bearer {self.key}",
            "Idempotency-Key": key or str(uuid.uuid4()),
        }
        body = {"name": "n", "units": "mm", "stepFile": STEP}
        return self.http.post(f"{self.base}/parts", json=body, headers=fields)

    @property
    def effects(self) -> dict[str, Any]:
        told: dict[str, Any] = self.http.get(f"{CONTROLS}/effects").json()
        return told


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    with (
        running(application(services(("toolpath",)), seed=1)) as url,
        httpx2.Client(base_url=url, trust_env=False, timeout=20) as http,
    ):
        yield Sandbox(http)


@pytest.fixture
def sandbox(served: Sandbox) -> Iterator[Sandbox]:
    """The sandbox, put back in order after the test."""
    limits = served.http.get(f"{CONTROLS}/limits").json()["limits"]
    yield served
    served.put("faults", [])
    served.put("limits", limits)
    served.engine("running")


def problem_of(response: httpx2.Response, status: int) -> str:
    """The sentence of a problem document, whose every other part is checked."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["request_id"] == response.headers["x-request-id"]
    detail: str = body["detail"]
    return detail


# --- GET /sandbox.json ---------------------------------------------------------------------------


def test_sandbox_json(sandbox: Sandbox) -> None:
    """Everything that a client needs: where, with which credentials, what runs, what is allowed."""
    body = sandbox.http.get("/sandbox.json").json()
    assert list(body) == ["apis"]
    assert list(body["apis"]) == ["toolpath"]
    about = body["apis"]["toolpath"]
    assert set(about) == {"base_url", "credentials", "components", "limits"}
    assert about["base_url"] == f"{str(sandbox.http.base_url).rstrip('/')}/toolpath/api/public/v0"
    assert set(about["credentials"]) == {
        "read_write",
        "read_only",
        "expired",
        "revoked",
        "other_team",
    }
    assert all(token.startswith("tp_live_") for token in about["credentials"].values())
    assert len(set(about["credentials"].values())) == 5
    assert about["components"]["engine"] == "running"
    assert about["limits"]["requests_per_minute"] == 120


# --- POST …/components/engine --------------------------------------------------------------------


def test_the_engine_is_really_stopped_and_started(sandbox: Sandbox) -> None:
    """Stopped means 503 and no trace; running means that it works again; twice is no harm."""
    before = sandbox.effects["created"]
    for _ in range(2):
        response = sandbox.engine("stopped")
        assert (response.status_code, response.json()["components"]["engine"]) == (200, "stopped")
    about = sandbox.http.get("/sandbox.json").json()["apis"]["toolpath"]
    assert about["components"]["engine"] == "stopped"
    assert sandbox.upload().status_code == 503
    assert sandbox.effects["created"] == before
    for _ in range(2):
        assert sandbox.engine("running").json()["components"]["engine"] == "running"
    assert sandbox.upload().status_code == 202


@pytest.mark.parametrize("state", ["on", "", None, 1, True, ["running"]])
def test_a_state_that_there_is_not(sandbox: Sandbox, state: Any) -> None:
    """Anything but the two words is told what the two words are, and changes nothing."""
    detail = problem_of(sandbox.engine(state), 400)
    assert "running" in detail
    assert "stopped" in detail
    assert sandbox.upload().status_code == 202


@pytest.mark.parametrize("body", [b"", b"stopped", b"[]", b"\xff", b'{"state": "stopped"'])
def test_a_body_that_is_no_object(sandbox: Sandbox, body: bytes) -> None:
    """A body that is not a JSON object: 400 with a sentence that says so."""
    for method, path in (("POST", "components/engine"), ("PUT", "limits")):
        response = sandbox.http.request(method, f"{CONTROLS}/{path}", content=body)
        assert "JSON" in problem_of(response, 400)


# --- PUT …/limits --------------------------------------------------------------------------------


def test_any_subset_of_the_limits(sandbox: Sandbox) -> None:
    """What is named changes at once, what is not stays; an empty object changes nothing."""
    about = sandbox.http.get("/sandbox.json").json()["apis"]["toolpath"]["limits"]
    changed = sandbox.put("limits", {"requests_per_minute": 7000})
    assert changed.json()["limits"] == about | {"requests_per_minute": 7000}
    assert sandbox.upload().headers["x-ratelimit-limit"] == "7000"
    assert sandbox.put("limits", {}).json() == changed.json()
    assert sandbox.http.get(f"{CONTROLS}/limits").json() == changed.json()
    assert sandbox.put("limits", {"max_body_bytes": 100}).status_code == 200
    assert "100" in sandbox.upload().json()["error"]["message"]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"requests_per_hour": 5}, "requests_per_hour"),
        ({"requests_per_minute": 0}, ">= 1"),
        ({"requests_per_minute": -5}, ">= 1"),
        ({"requests_per_minute": "many"}, "int"),
        ({"requests_per_minute": None}, "int"),
        ({"requests_per_minute": 1.5}, "int"),
        ({"requests_per_minute": 9, "max_body_bytes": 0}, ">= 1"),
    ],
)
def test_a_limit_that_is_none(sandbox: Sandbox, limits: Any, words: str) -> None:
    """An unknown name or value is told with the names there are, and none of the list changes."""
    before = sandbox.http.get(f"{CONTROLS}/limits").json()
    detail = problem_of(sandbox.put("limits", limits), 400)
    assert words in detail
    assert "requests_per_minute" in detail
    assert sandbox.http.get(f"{CONTROLS}/limits").json() == before


# --- PUT …/faults --------------------------------------------------------------------------------


def test_faults_are_replaced_listed_and_cleared(sandbox: Sandbox) -> None:
    """The list that is put is the list that is there; an empty one clears it."""
    whole = {
        "match": {"method": "POST", "path": "/parts"},
        "fault": "status",
        "status": 429,
        "seconds": 1.5,
        "retry_after": "2",
        "times": 1,
    }
    listed = sandbox.put("faults", [whole]).json()["faults"]
    assert listed == [whole]
    assert sandbox.put("faults", [{"fault": "reset"}]).json()["faults"] == [{"fault": "reset"}]
    assert sandbox.put("faults", []).json()["faults"] == []
    assert sandbox.upload().status_code == 202


@pytest.mark.parametrize(
    ("path", "hit"), [("/parts", True), ("/part*", True), ("/*", True), ("/part", False)]
)
def test_a_path_is_exact_or_a_prefix(sandbox: Sandbox, path: str, hit: bool) -> None:
    """`path` is below the base URL and exact; a trailing `*` makes it a prefix."""
    sandbox.put("faults", [{"match": {"path": path}, "fault": "html_502", "times": 1}])
    assert sandbox.upload().status_code == (502 if hit else 202)


@pytest.mark.parametrize("times", [1, 2])
def test_a_fault_comes_so_many_times(sandbox: Sandbox, times: int) -> None:
    """`times` counts down; then the service is itself again."""
    sandbox.put("faults", [{"fault": "status", "status": 503, "times": times}])
    statuses = [sandbox.upload().status_code for _ in range(3)]
    assert statuses == [503] * times + [202] * (3 - times)


def test_a_status_looks_like_the_services_own(sandbox: Sandbox) -> None:
    """A status that is injected comes in Toolpath's envelope with its code and the caller's id, in
    body and header; `retry_after` is its `Retry-After`."""
    fields = {"Authorization": f"Bearer {sandbox.key}", "X-Request-Id": "mine"}
    for status, code in ((429, "rate_limited"), (503, "internal_error"), (409, "conflict")):
        fault = {"fault": "status", "status": status, "retry_after": "2", "times": 2}
        sandbox.put("faults", [fault])
        response = sandbox.http.get(f"{sandbox.base}/parts/part0001", headers=fields)
        error = response.json()["error"]
        assert set(error) == {"code", "message", "requestId"}
        assert (response.status_code, error["code"], error["requestId"]) == (status, code, "mine")
        assert (response.headers["x-request-id"], response.headers["retry-after"]) == ("mine", "2")
        minted = sandbox.http.get(f"{sandbox.base}/parts/part0001").json()["error"]["requestId"]
        assert str(uuid.UUID(minted)) == minted


@pytest.mark.parametrize(
    ("fault", "created"),
    [
        ({"fault": "lose_answer"}, 1),
        ({"fault": "reset"}, 0),
        ({"fault": "cut_body"}, 1),
    ],
)
def test_connections_really_break(sandbox: Sandbox, fault: dict[str, Any], created: int) -> None:
    """The connection is gone for the client; what was done is what the fault's name says, and the
    request counts either way."""
    before = sandbox.effects
    sandbox.put("faults", [fault | {"times": 1, "match": {"method": "POST"}}])
    with pytest.raises(httpx2.TransportError):
        sandbox.upload()
    after = sandbox.effects
    assert after["created"]["parts"] == before["created"]["parts"] + created
    assert after["requests"] == before["requests"] + 1


def test_a_truncated_answer(sandbox: Sandbox) -> None:
    """`truncate`: the write is done, and half of its JSON comes with a length that fits."""
    before = sandbox.effects["created"]["parts"]
    sandbox.put("faults", [{"fault": "truncate", "times": 1}])
    response = sandbox.upload()
    assert response.status_code == 202
    assert response.headers["content-length"] == str(len(response.content))
    with pytest.raises(ValueError, match=r"."):
        response.json()
    assert sandbox.effects["created"]["parts"] == before + 1


def test_a_delay(sandbox: Sandbox) -> None:
    """`delay` holds the request back for so many seconds and then serves it."""
    sandbox.put("faults", [{"fault": "delay", "seconds": 0.2, "times": 1}])
    began = time.monotonic()
    assert sandbox.upload().status_code == 202
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ([{"fault": "rest"}], "lose_answer, reset"),
        ([{"match": {}}], "fault"),
        ([{"fault": "status", "status": 200}], "400 to 599"),
        ([{"fault": "reset"}, {"fault": "reset", "times": 0}], "faults[1]"),
        ({"fault": "reset"}, "JSON list"),
    ],
)
def test_a_fault_that_is_none(sandbox: Sandbox, faults: Any, words: str) -> None:
    """A list with something wrong in it is refused whole, and says what and where."""
    sandbox.put("faults", [{"fault": "reset", "match": {"path": "/x"}}])
    assert words in problem_of(sandbox.put("faults", faults), 400)
    (kept,) = sandbox.http.get(f"{CONTROLS}/faults").json()["faults"]
    assert kept["match"] == {"path": "/x"}


# --- GET …/effects -------------------------------------------------------------------------------


def test_effects_count_what_is_there(sandbox: Sandbox) -> None:
    """What was created counts once, however often it was asked for; requests count each time."""
    before, key = sandbox.effects, str(uuid.uuid4())
    assert set(before) == {"created", "requests"}
    assert set(before["created"]) == {"parts", "programs"}
    for _ in range(3):
        assert sandbox.upload(key).status_code == 202
    sandbox.http.get(f"{sandbox.base}/nowhere")
    after = sandbox.effects
    assert after["created"]["parts"] == before["created"]["parts"] + 1
    assert after["created"]["programs"] == before["created"]["programs"]
    assert after["requests"] == before["requests"] + 4


def test_the_controls_work_while_the_store_is_stopped(sandbox: Sandbox) -> None:
    """What was really created can be asked while the service itself cannot, and the Engine can be
    stopped and started."""
    before = sandbox.effects["created"]
    store = f"{CONTROLS}/components/store"
    try:
        stopped = sandbox.http.post(store, json={"state": "stopped"}).json()["components"]
        assert stopped == {"engine": "running", "store": "stopped"}
        assert sandbox.upload().status_code == 500
        assert sandbox.effects["created"] == before
        assert sandbox.engine("stopped").status_code == 200
        assert sandbox.engine("running").status_code == 200
    finally:
        sandbox.http.post(store, json={"state": "running"})
    assert sandbox.upload().status_code == 202


# --- What there is not ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/", 404, "No such route"),
        ("GET", "/sandbox", 404, "No such route"),
        ("GET", "/toolpath", 404, "No such route"),
        ("GET", "/sandbox/acme/effects", 404, "toolpath"),
        ("PUT", "/sandbox/acme/limits", 404, "acme"),
        ("POST", "/sandbox/toolpath/components/warp", 404, "engine"),
        ("DELETE", "/sandbox/toolpath/faults", 405, "method"),
        ("POST", "/sandbox.json", 405, "method"),
    ],
)
def test_controls_that_there_are_not(
    sandbox: Sandbox, method: str, path: str, status: int, words: str
) -> None:
    """An unknown control, system or component is a problem document that names what there is."""
    response = sandbox.http.request(method, path, json={"state": "running"})
    assert words in problem_of(response, status)


def test_a_wrong_method_did_nothing(sandbox: Sandbox) -> None:
    """A control under a method that it does not take: 405, by its own code, and nothing changed."""
    response = sandbox.http.delete(f"{CONTROLS}/faults")
    assert "method" in problem_of(response, 405)
    assert (response.json()["code"], response.json()["outcome"]) == (
        "method_not_allowed", "not_started",
    )  # fmt: skip
    assert response.headers["allow"]


def test_only_the_systems_that_are_named() -> None:
    """`only` picks systems; one that there is not is told with those that there are."""
    assert [system.name for system in services(("toolpath",))] == ["toolpath"]
    assert [system.name for system in services()] == list(SYSTEMS)
    with pytest.raises(ValueError, match=r"no nope: it has .*toolpath"):
        services(("toolpath", "nope"))


# --- failwell sandbox ----------------------------------------------------------------------------


@contextmanager
def command(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`failwell sandbox` with these arguments."""
    process = subprocess.Popen(
        [sys.executable, "-m", "failwell", "sandbox", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    watchdog = threading.Timer(30, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def descendants(pid: int) -> list[int]:
    """The processes that this one has started, and theirs."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [n for child in map(int, children) for n in (child, *descendants(child))]


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="asks /proc for the processes")
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_and_ends(ending: signal.Signals) -> None:
    """One line on standard output when it serves; on SIGTERM and Ctrl-C it ends with status 0,
    without a word more, and takes its Engine along."""
    with command("--port", "0", "--only", "toolpath") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready http://127.0.0.1:")
        url = line.removeprefix("ready ").strip()
        about = httpx2.get(url + "/sandbox.json", trust_env=False).json()["apis"]["toolpath"]
        assert about["base_url"] == url + "/toolpath/api/public/v0"
        started = descendants(process.pid)
        assert started
        process.send_signal(ending)
        assert process.communicate(timeout=15) == ("", "")
        assert process.returncode == 0
    ends = time.monotonic() + 5
    while not all(map(is_gone, started)):
        assert time.monotonic() < ends, "the Engine outlived its sandbox"
        time.sleep(0.02)


def test_a_second_signal_is_the_first_one_again() -> None:
    """As `timeout -s INT` sends it, to the command and to its group: it ends as after one."""
    with command("--port", "0", "--only", "toolpath") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready ")
        process.send_signal(signal.SIGINT)
        for again in (signal.SIGINT, signal.SIGTERM):
            time.sleep(0.03)
            os.killpg(process.pid, again)
        assert process.communicate(timeout=15) == ("", "")
        assert process.returncode == 0


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="asks /proc for the processes")
def test_the_engine_does_not_outlive_a_kill() -> None:
    """After `kill -9` of the sandbox nobody is left to stop the Engine: it leaves by itself."""
    with command("--port", "0") as process:
        assert process.stdout is not None
        process.stdout.readline()
        started = descendants(process.pid)
        assert started
        process.kill()
        process.wait()
    ends = time.monotonic() + 5
    while not all(map(is_gone, started)):
        assert time.monotonic() < ends, "the Engine outlived its sandbox"
        time.sleep(0.02)


def test_a_port_that_is_taken() -> None:
    """A taken port is told in one line that names it, with a status that is not 0."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        with command("--port", port) as process:
            out, err = process.communicate(timeout=15)
    assert (out, process.returncode) == ("", 1)
    assert len(err.splitlines()) == 1
    assert port in err
    assert "in use" in err
    assert "--port 0" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--port", "0", "--only", "nope"), "the sandbox has no nope: it has "),
        (("--port", "99999"), "there is no port 99999"),
        (("--port", "-1"), "there is no port -1"),
    ],
)
def test_arguments_that_are_wrong(arguments: tuple[str, ...], words: str) -> None:
    """A system or a port that there is not: one line, no traceback, the status 2."""
    with command(*arguments) as process:
        out, err = process.communicate(timeout=15)
    assert (out, process.returncode) == ("", 2)
    assert words in err
    assert "Traceback" not in err
