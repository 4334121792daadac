"""`failwell wait`: a job that another program left, from a shell."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import threading

import pytest

from clients.fault_server import Act, Seen, Server
from failwell.cli.app import app
from failwell.job import Job, resumption

SECONDS = 30.0


def at(state: str, **record: object) -> Act:
    return Act(status=200, body=json.dumps({"data": {"state": state, **record}}).encode())


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """What the verb prints, to standard output and standard error."""
    app(["wait", *arguments], result_action="return_value")
    return capsys.readouterr()


def test_the_record_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Changes of state go to standard error, the record as JSON to standard output."""
    options = ("--record=data", "--state=state", "--succeeded=measured", "--failed=broken")
    with Server([at("cycling"), at("measured", ah=2.9)]) as server:
        out, err = told(capsys, f"{server.url}/jobs/j-1", *options)
    assert json.loads(out) == {"state": "measured", "ah": 2.9}
    assert err == "Job j-1: cycling\nJob j-1: measured\n"


def test_the_line_that_was_printed_is_understood(capsys: pytest.CaptureFixture[str]) -> None:
    """What an interrupted wait prints is the same wait again."""
    job = Job(
        record="data", state="state", succeeded=frozenset({"all done"}), reason="why",
        failed=frozenset({"no"}), cancelled=frozenset({"off"}),
    )  # fmt: skip
    with Server([at("all done", n=1)]) as server:
        words = shlex.split(resumption(job, "j-1", f"{server.url}/jobs/j-1"))
        assert words[:2] == ["failwell", "wait"]
        out, _ = told(capsys, *words[2:])
    assert json.loads(out) == {"state": "all done", "n": 1}


def test_by_the_status_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty state goes by 202 and 200."""
    with Server([Act(status=202, body=b"{}"), Act(status=200, body=b'{"n": 1}')]) as server:
        out, _ = told(capsys, f"{server.url}/jobs/j-1", "--state=")
    assert json.loads(out) == {"n": 1}


def test_credentials_come_from_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token and other headers are read from variables, so that no process list shows them."""
    monkeypatch.setenv("MY_TOKEN", "t0ken")
    monkeypatch.setenv("MY_KEY", "k3y")
    options = ("--token-env=MY_TOKEN", "--header-env=X-Api-Key=MY_KEY")
    with Server([Act(body=b'{"status": "done"}', status=200)]) as server:
        told(capsys, f"{server.url}/jobs/j-1", *options)
    sent = server.requests[0].headers
    assert (sent["authorization"], sent["x-api-key"]) == ("Bearer t0ken", "k3y")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["j-1"], "not the URL"),
        (["https://"], "not the URL"),
        (["https://a.b/j", "--token-env=NOT_SET_AT_ALL"], "NOT_SET_AT_ALL is not set"),
        (["https://a.b/j", "--header-env=X"], "HEADER=VARIABLE"),
        (["https://a.b/j", "--succeeded=x", "--failed=X"], "two things"),
        (["https://a.b/j", "--timeout=-1"], "timeout=-1"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A call that cannot be meant ends with one line and the status 2."""
    assert app(["wait", *arguments], result_action="return_value") == 2
    out, err = capsys.readouterr()
    assert (out, says in err, err.count("\n")) == ("", True, 1)


def test_a_failed_job_is_a_failed_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The reason is the last line, without orders to the terminal; the exit status is 1."""
    failed = Act(status=200, body=b'{"status": "failed", "error": "no\\u001b[31m shots"}')
    with Server([failed]) as server:
        assert app(["wait", f"{server.url}/jobs/j-1"], result_action="return_value") == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("failwell: ")
    assert "failed: no" in last
    assert "\x1b" not in last


def test_ctrl_c_says_the_same_line_again() -> None:
    """Interrupted, it prints the line that it was called by, and ends with 130."""
    under_way = threading.Event()

    def act(seen: Seen) -> Act:
        under_way.set()
        return at("cycling")

    with Server([act] * 100) as server:
        url = f"{server.url}/jobs/j-1"
        options = ["--record=data", "--state=state", "--token-env=PATH"]
        child = subprocess.Popen(
            [sys.executable, "-m", "failwell", "wait", url, *options],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert under_way.wait(SECONDS)
            assert child.stderr is not None
            assert child.stderr.readline() == "Job j-1: cycling\n"
            child.send_signal(signal.SIGINT)
            _, said = child.communicate(timeout=SECONDS)
        finally:
            child.kill()
            child.wait()
    again = f"failwell wait {url} --record=data --state=state --token-env=PATH"
    assert said == f"Detached: Job j-1 goes on; to wait for it again: {again}\n"
    assert child.returncode == 130
