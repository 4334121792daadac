"""`failwell trace`: the story of one request, and the list of what failed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from failwell import journal
from failwell.cli.app import app
from failwell.cli.trace import seconds
from failwell.journal import Entry, entry


def made(request_id: str, ago: float, **facts: Any) -> Entry:
    """An entry that is so many seconds old when `folder` writes it down."""
    return entry(side=facts.pop("side", "server"), at=-ago, request_id=request_id, **facts)


def raised(message: str) -> Exception:
    try:
        raise RuntimeError(message)
    except RuntimeError as error:
        return error


ENTRIES = [
    made(
        "r1", 30.0, api="toolpath", method="POST", route="/parts", status=503, code="away",
        outcome="rolled_back", elapsed=0.25, message="The Engine is away", caller="acct_7",
        idempotency_key="k1", trace_id="t1", error=raised("engine\x1b[31m gone"),
        details_json=b'{"engine":"a"}',
    ),
    made(
        "r1", 31.0, side="client", api="toolpath", method="POST", url="https://a.b/parts",
        kind="connection", outcome="unknown", attempt=1, message="Connection reset", elapsed=1.0,
    ),
    made("r2", 7200.0, api="ionq", method="GET", route="/jobs/x", status=404, code="missing"),
    made("r3", 10.0, api="ionq", method="GET", route="/jobs/y", status=404, code="missing"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a journal in it, of the name that is taken by default."""
    kept = journal.open(f"sqlite:///{tmp_path / 'failwell-journal.db'}")
    now = time.time()
    kept.append([msgspec.structs.replace(one, at=now + one.at) for one in ENTRIES])
    kept.close()
    return tmp_path


class Told(msgspec.Struct):
    """How the command ended and what it printed."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Told]


@pytest.fixture
def trace(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in a folder, in this process."""

    def run(folder: Path, *arguments: str, setting: str | None = None) -> Told:
        monkeypatch.chdir(folder)
        monkeypatch.delenv("FAILWELL_JOURNAL", raising=False)
        if setting is not None:
            monkeypatch.setenv("FAILWELL_JOURNAL", setting)
        status: object = 0
        try:
            app(["trace", *arguments])
        except SystemExit as ended:
            status = ended.code or 0
        printed = capsys.readouterr()
        return Told(int(str(status)), printed.out, printed.err)

    return run


def test_story(trace: Run, folder: Path) -> None:
    """One request is told in time order, client and server together, the traceback last."""
    told = trace(folder, "r1")
    assert (told.returncode, told.stderr) == (0, "")
    order = [
        "request r1", "client attempt 1", "POST https://a.b/parts", "connection", "unknown",
        "1.000 s", "Connection reset", "server", "POST /parts", "503 away", "rolled_back",
        "0.250 s", "The Engine is away", "idempotency key: k1", "caller: acct_7", "trace id: t1",
        'details: {"engine":"a"}', "    Traceback (most recent call last):", "    RuntimeError: ",
    ]  # fmt: skip
    places = [told.stdout.index(part) for part in order]
    assert places == sorted(places)
    assert "\x1b" not in told.stdout


def test_story_for_machines(trace: Run, folder: Path) -> None:
    """With --json a story is one object with every fact."""
    told = json.loads(trace(folder, "r1", "--json").stdout)
    assert told["request_id"] == "r1"
    client, server = told["entries"]
    assert (client["side"], client["attempt"], client["outcome"]) == ("client", 1, "unknown")
    assert (server["details"], server["status"]) == ({"engine": "a"}, 503)
    assert server["traceback"].startswith("Traceback")
    assert "details_json" not in server


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ([], ["r2", "r1", "r1", "r3"]),
        (["--since", "1h"], ["r1", "r1", "r3"]),
        (["--code", "missing"], ["r2", "r3"]),
        (["--since", "90s", "--code", "missing"], ["r3"]),
        (["--status", "503"], ["r1"]),
        (["--api", "ionq"], ["r2", "r3"]),
        (["--outcome", "unknown"], ["r1"]),
        (["--limit", "1"], ["r3"]),
        (["--code", "none"], []),
    ],
)
def test_list(trace: Run, folder: Path, arguments: list[str], ids: list[str]) -> None:
    """A list holds the newest that match, the newest last, as JSON and as lines."""
    told = json.loads(trace(folder, *arguments, "--json").stdout)
    assert [found["request_id"] for found in told] == ids
    lines = trace(folder, *arguments).stdout.splitlines()
    assert [line.split()[-1] for line in lines] == (ids or ["failed"])


def test_unknown_id(folder: Path) -> None:
    """Of a request that nothing is known of, it says so, with status 1 and no output."""
    told = subprocess.run(
        [sys.executable, "-W", "error", "-m", "failwell", "trace", "r404", "--json"],
        cwd=folder, env={}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == "failwell: the journal knows nothing of the request 'r404'\n"


def test_where_the_journal_is(
    trace: Run, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """--store stands before the environment, and that before the file in this directory."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    here, none = f"sqlite:///{folder}/failwell-journal.db", f"sqlite:///{elsewhere}/none.db"
    assert trace(elsewhere, "r1", "--store", here, setting=none).returncode == 0
    assert trace(elsewhere, "r1", setting=here).returncode == 0
    assert "There is no journal in" in trace(folder, "r1", setting=none).stderr
    unnamed = trace(elsewhere, "r1")
    assert unnamed.returncode == 2
    assert "give --store" in unnamed.stderr
    assert "FAILWELL_JOURNAL" in unnamed.stderr
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--since", "yesterday"], ["--since", "1w"], ["--limit", "0"], ["--outcome", "no"],
        ["r1", "--since", "1h"], ["r1", "--store", "mysql://a/b"],
    ],
)  # fmt: skip
def test_arguments_that_make_no_sense(trace: Run, folder: Path, arguments: list[str]) -> None:
    """They are refused in a sentence, with status 2."""
    told = trace(folder, *arguments)
    assert told.returncode == 2
    assert told.stderr.startswith("failwell: ")
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "value"), [("90s", 90), ("15m", 900), ("1h", 3600), ("7d", 604_800), ("1.5h", 5400)]
)
def test_durations(text: str, value: float) -> None:
    """A duration is a number and a unit."""
    assert seconds(text) == value
