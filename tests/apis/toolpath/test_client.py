"""`Toolpath` and `AsyncToolpath` over the sandbox: one scenario, both worlds.

What the client believes is never the proof: what was created is counted by the service.
"""

from __future__ import annotations

import base64
import inspect
import os
import pickle
import random
import re
import signal
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

import failwell
from apis.serving import Driven, World
from failwell import errors
from failwell.apis.toolpath import AsyncToolpath, Toolpath, ToolpathError, exceptions
from failwell.apis.toolpath.contract import TOOLPATH
from failwell.errors import InvalidRequestError
from failwell.model import Failure, Kind, Outcome
from failwell.sandbox.wire import running
from failwell.settings import Policy, Retry

DATA = Path(str(files("failwell.sandbox") / "data"))
SPACER = DATA / "standoff_spacer.step"
SHEET = DATA / "formed_sheet.step"
CUT_OFF = DATA / "cut_off_bracket.step"
QUICK = Policy(retry=Retry(base=0.01, cap=0.05, fast_base=0.01))
ONCE = Policy(retry=None)


class Clients(World):
    """Makes clients of one world."""

    def __call__(self, town: Any, *, key: str = "read_write", **how: Any) -> Any:
        return self.at(town.base, town.keys.get(key, key), **how)

    def at(self, base_url: str, key: str, *, policy: Policy = QUICK, **how: Any) -> Any:
        """A client of this service."""
        kind = AsyncToolpath if self.is_async else Toolpath
        made = kind(key, base_url=base_url, policy=policy, trust_env=False, **how)
        return Driven(self.keep(made), self)


@pytest.fixture(params=["sync", "async"])
def clients(request: pytest.FixtureRequest) -> Iterator[Clients]:
    made = Clients(request.param)
    yield made
    made.close()


@pytest.fixture
def toolpath(clients: Clients, town: Any) -> Any:
    """A client with the sandbox's key, whose retries are quick."""
    return clients(town)


# --- The main job --------------------------------------------------------------------------------


def test_from_file_to_cost_and_time(toolpath: Any, town: Any) -> None:
    """Part, program, both estimates: two writes in all, each with a key of its own."""
    before, begun = town.created, len(town.seen)
    part = toolpath.parts.create(SPACER, units="in")
    assert (part.status, part.name, part.units) == ("processing", "standoff_spacer", "in")
    assert part.source_file == "standoff_spacer.step"
    part = toolpath.parts.wait(part)
    assert part == toolpath.parts.get(part.id)
    program = toolpath.programs.wait(toolpath.programs.create(part).id)
    assert (program.part_id, program.status) == (part.id, "ready")
    assert program == toolpath.programs.get(program)
    fast = toolpath.estimates.get(program)
    refined = toolpath.estimates.get(program.id, timings="refined")
    assert (fast.timings, refined.timings) == ("fast", "refined")
    assert fast.cost_cents < refined.cost_cents
    assert sum(s.duration_seconds for s in fast.setups) == fast.duration_seconds
    assert town.created == {kind: count + 1 for kind, count in before.items()}
    keys = [key for method, _, key in town.seen[begun:] if method == "POST"]
    assert len(keys) == len(set(keys)) == 2
    assert all(keys)


@pytest.mark.parametrize("form", ["path", "name", "text", "bytes"])
def test_a_step_file_in_any_form(toolpath: Any, form: str) -> None:
    """A path, its spelling, the text or the bytes are the same file; a name may be given."""
    step: Any = {
        "path": SPACER,
        "name": str(SPACER),
        "text": SPACER.read_text("utf-8"),
        "bytes": SPACER.read_bytes(),
    }[form]
    part = toolpath.parts.wait(toolpath.parts.create(step, name="Spacer ü"))
    assert (part.name, part.status) == ("Spacer ü", "ready")


def test_a_program_before_its_part_is_ready(clients: Clients, slow_town: Any) -> None:
    """The not-ready 409 is waited out and the request goes on with the same key: two sends, one
    key, one program."""
    toolpath = clients(slow_town)
    before, begun = slow_town.created["programs"], len(slow_town.seen)
    part = toolpath.parts.create(SPACER)
    program = toolpath.programs.create(part)
    assert program.part_id == part.id
    sends = [key for method, path, key in slow_town.seen[begun:] if path == "/programs"]
    assert len(sends) == 2
    assert len(set(sends)) == 1
    assert slow_town.created["programs"] == before + 1


def test_a_program_whose_first_answer_is_lost_before_its_part_is_ready(
    clients: Clients, slow_town: Any
) -> None:
    """A lost attempt makes the not-ready 409 no reason to give up: the key is the same."""
    toolpath = clients(slow_town)
    before, begun = slow_town.created["programs"], len(slow_town.seen)
    part = toolpath.parts.create(SPACER)
    slow_town.suffer(
        {"match": {"method": "POST", "path": "/programs"}, "fault": "reset", "times": 1}
    )
    assert toolpath.programs.create(part).part_id == part.id
    sends = {key for method, path, key in slow_town.seen[begun:] if path == "/programs"}
    assert len(sends) == 1
    assert slow_town.created["programs"] == before + 1


def test_a_look_that_fails_says_what_became_of_the_program(
    clients: Clients, slow_town: Any
) -> None:
    """A read on the way to a program does not hide the write: its outcome, its history and what
    was sent are in the error, and it is settled once its part is ready."""
    toolpath = clients(slow_town, policy=ONCE)
    before = slow_town.created["programs"]
    part = toolpath.parts.create(SPACER)
    slow_town.suffer({"match": {"method": "GET"}, "fault": "reset", "times": 50})
    with pytest.raises(failwell.APIConnectionError) as caught:
        toolpath.programs.create(part)
    slow_town.suffer()
    error = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(error, ToolpathError)
    assert error.outcome is Outcome.NOT_STARTED
    assert [(one.number, one.method) for one in error.attempts] == [(1, "POST"), (2, "GET")]
    assert error.sent.method == "POST"
    with pytest.raises(failwell.JobTimeoutError) as late:
        toolpath.programs.create(toolpath.parts.create(SPACER), timeout=0)
    assert late.value.outcome is Outcome.NOT_STARTED
    assert slow_town.created["programs"] == before


def test_a_key_of_ones_own(toolpath: Any, town: Any) -> None:
    """A key that is given is the one that is sent; with it the same call is the same part, and
    another body is a conflict that no waiting heals."""
    begun, key = len(town.seen), f"mine-{time.time_ns()}"
    part = toolpath.parts.create(SPACER, idempotency_key=key)
    assert toolpath.parts.create(SPACER, idempotency_key=key).id == part.id
    assert {k for method, _, k in town.seen[begun:] if method == "POST"} == {key}
    with pytest.raises(failwell.ConflictError):
        toolpath.parts.create(SPACER, name="another", idempotency_key=key)
    ready = toolpath.parts.wait(part)
    toolpath.programs.create(ready, idempotency_key=key)
    other = toolpath.parts.wait(toolpath.parts.create(SPACER))
    with pytest.raises(failwell.ConflictError) as caught:
        toolpath.programs.create(other, idempotency_key=key)
    assert caught.value.outcome is Outcome.NOT_STARTED


# --- Jobs that fail or take too long -------------------------------------------------------------


def test_a_part_that_fails(toolpath: Any) -> None:
    """Waiting for a part that fails raises with Toolpath's reason, as both families."""
    part = toolpath.parts.create(CUT_OFF)
    with pytest.raises(failwell.JobFailedError, match="END-ISO-10303-21") as caught:
        toolpath.parts.wait(part)
    assert isinstance(caught.value, ToolpathError)
    assert (caught.value.code, caught.value.retryable) == ("invalid_geometry", False)
    assert caught.value.request_id
    with pytest.raises(failwell.ConflictError, match="failed"):
        toolpath.programs.create(part)


def test_a_program_that_fails(toolpath: Any) -> None:
    """A program that fails raises when it is waited for, and its estimate is a 422."""
    program = toolpath.programs.create(toolpath.parts.wait(toolpath.parts.create(SHEET)))
    with pytest.raises(failwell.JobFailedError) as caught:
        toolpath.programs.wait(program)
    assert isinstance(caught.value, ToolpathError)
    assert caught.value.code == "no_machinable_volume"
    with pytest.raises(failwell.UnprocessableError) as refused:
        toolpath.estimates.get(program)
    assert (refused.value.code, refused.value.status_code) == ("internal_error", 422)
    assert refused.value.retryable is False


def test_a_wait_has_an_end(clients: Clients, slow_town: Any) -> None:
    """When the time is up: the last state, as both families, no later than promised; the job
    itself goes on."""
    toolpath = clients(slow_town)
    part = toolpath.parts.create(SPACER)
    began = time.monotonic()
    with pytest.raises(failwell.JobTimeoutError, match=r"processing after 0\.05 s") as caught:
        toolpath.parts.wait(part, timeout=0.05)
    assert time.monotonic() - began < 0.25
    assert isinstance(caught.value, ToolpathError)
    assert caught.value.code == "processing"
    program = toolpath.programs.create(part)
    with pytest.raises(failwell.JobTimeoutError, match=program.id):
        toolpath.programs.wait(program, timeout=0)
    with pytest.raises(failwell.JobTimeoutError, match="refined estimate"):
        toolpath.estimates.get(program, timings="refined", timeout=0)
    another = toolpath.parts.create(SPACER)
    with pytest.raises(failwell.JobTimeoutError, match=another.id):
        toolpath.programs.create(another, timeout=0)
    assert toolpath.programs.wait(program).status == "ready"


# --- A bad network -------------------------------------------------------------------------------

FAULTS: list[dict[str, Any]] = [
    {"fault": "lose_answer"},
    {"fault": "reset"},
    {"fault": "cut_body"},
    {"fault": "truncate"},
    {"fault": "html_502"},
    {"fault": "html_502", "committed": True},
    {"fault": "status", "status": 429, "retry_after": "0"},
    {"fault": "status", "status": 500},
    {"fault": "status", "status": 503},
    {"fault": "delay", "seconds": 0.05},
]


def name_of(value: Any) -> str:
    return "-".join(str(word) for word in value.values()) if isinstance(value, dict) else str(value)


@pytest.mark.parametrize("fault", FAULTS, ids=name_of)
def test_a_fault_neither_doubles_nor_loses(toolpath: Any, town: Any, fault: dict[str, Any]) -> None:
    """Two faults in a row on each write and each read: one part, one program, an estimate; every
    send of a write has the one key."""
    before, begun = town.effects, len(town.seen)
    town.suffer(
        {"match": {"method": "POST", "path": "/parts"}, "times": 2, **fault},
        {"match": {"method": "POST", "path": "/programs"}, "times": 2, **fault},
        {"match": {"method": "GET", "path": "/programs/*"}, "times": 2, **fault},
    )
    part = toolpath.parts.wait(toolpath.parts.create(SPACER))
    program = toolpath.programs.wait(toolpath.programs.create(part))
    assert toolpath.estimates.get(program).cost_cents > 0
    after = town.effects
    assert after["created"] == {kind: n + 1 for kind, n in before["created"].items()}
    sends = [(path, key) for method, path, key in town.seen[begun:] if method == "POST"]
    expected = 1 if fault["fault"] == "delay" else 3
    assert [path for path, _ in sends] == ["/parts"] * expected + ["/programs"] * expected
    assert len(set(sends)) == 2
    assert after["requests"] - before["requests"] == len(town.seen) - begun
    if fault["fault"] != "delay":
        assert town.control("GET", "/sandbox/toolpath/faults").json()["faults"] == []


@pytest.mark.parametrize(
    ("fault", "outcome", "created"),
    [
        ({"fault": "lose_answer"}, "unknown", 1),
        ({"fault": "reset"}, "unknown", 0),
        ({"fault": "cut_body"}, "applied", 1),
        ({"fault": "truncate"}, "applied", 1),
        ({"fault": "html_502"}, "unknown", 0),
        ({"fault": "html_502", "committed": True}, "unknown", 1),
        ({"fault": "status", "status": 429}, "not_started", 0),
        ({"fault": "status", "status": 500}, "unknown", 0),
        ({"fault": "status", "status": 503}, "rolled_back", 0),
    ],
    ids=name_of,
)
def test_every_failed_write_says_what_became_of_it(
    clients: Clients, town: Any, fault: dict[str, Any], outcome: str, created: int
) -> None:
    """Without retries the error says what is known; `settle`, also of an error that was pickled,
    finds out the rest, and in the end there is one part or, where nothing was done, none."""
    toolpath = clients(town, policy=ONCE)
    before = town.created["parts"]
    town.suffer({"match": {"method": "POST"}, "times": 1, **fault})
    with pytest.raises(ToolpathError) as caught:
        toolpath.parts.create(SPACER)
    assert caught.value.outcome == outcome
    assert town.created["parts"] == before + created
    revived = pickle.loads(pickle.dumps(caught.value))
    for error in (caught.value, revived):
        settled = toolpath.settle(error)
        if outcome in ("unknown", "applied"):
            assert settled.outcome is Outcome.APPLIED
            part = toolpath.parts.get(settled.record["data"]["id"])
            assert part.name == "standoff_spacer"
        else:
            assert settled.outcome == outcome
    assert town.created["parts"] == before + (outcome in ("unknown", "applied"))


def test_a_store_that_stops_and_comes_back(clients: Clients, town: Any) -> None:
    """A genuine 500 is tried again with the same key; what it leaves is one part."""
    toolpath = clients(town, policy=Policy(retry=Retry(max_retries=2, base=0.01, cap=0.02)))
    before = town.created["parts"]
    with town.stopped("store"), pytest.raises(failwell.ServerError) as caught:
        toolpath.parts.create(SPACER)
    assert (caught.value.outcome, len(caught.value.attempts)) == (Outcome.UNKNOWN, 3)
    assert toolpath.settle(caught.value).outcome is Outcome.APPLIED
    assert town.created["parts"] == before + 1


@pytest.mark.parametrize(
    ("clients", "how"), [("sync", "stopped"), ("async", "killed")], indirect=["clients"]
)
def test_the_engine_may_die_in_the_middle(clients: Clients, slow_town: Any, how: str) -> None:
    """The Engine ends while it computes, by command or by `kill -9`; writes meanwhile are rolled
    back, and when it is started again every part and program there was gets ready."""
    toolpath = clients(slow_town, policy=ONCE)
    before = slow_town.created
    ready = toolpath.parts.wait(toolpath.parts.create(SPACER))
    parts = [toolpath.parts.create(SPACER) for _ in range(2)]
    program = toolpath.programs.create(ready)
    if how == "killed":
        os.kill(slow_town.service.parts["engine"].pid, signal.SIGKILL)
        ends = time.monotonic() + 10
        while slow_town.service.components()["engine"] == "running":
            assert time.monotonic() < ends
            time.sleep(0.01)
    else:
        slow_town.set("engine", "stopped")
    with pytest.raises(failwell.ServiceUnavailableError) as caught:
        toolpath.parts.create(SPACER)
    assert caught.value.outcome is Outcome.ROLLED_BACK
    assert caught.value.retry_after == 1.0
    slow_town.set("engine", "running")
    assert {toolpath.parts.wait(part).status for part in parts} == {"ready"}
    assert toolpath.programs.wait(program).status == "ready"
    assert toolpath.estimates.get(program).cost_cents > 0
    assert slow_town.created == {"parts": before["parts"] + 3, "programs": before["programs"] + 1}


# --- Errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_is_of_both_families(kind: Kind) -> None:
    """Whatever kind of failure it is, its class is a `ToolpathError` and failwell's of that kind,
    and it can be caught by either after a pickle."""
    error = TOOLPATH.error(Failure(kind=kind, message="m", status=400, code="c"))
    assert isinstance(error, ToolpathError)
    assert isinstance(error, errors.BY_KIND[kind])
    assert type(pickle.loads(pickle.dumps(error))) is type(error)


def test_every_class_has_a_family() -> None:
    """No class of Toolpath's stands outside failwell's tree."""
    classes = [c for _, c in inspect.getmembers(exceptions, inspect.isclass)]
    own = [c for c in classes if issubclass(c, ToolpathError) and c is not ToolpathError]
    assert len(own) > 10
    for cls in own:
        theirs = [b for b in cls.__mro__ if b.__module__.startswith("failwell.errors")]
        assert any(b is not errors.FailwellError for b in theirs), cls


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (401, False), (403, False), (404, False), (405, False), (409, False),
     (422, False), (429, True), (500, True), (502, True), (503, True), (504, True)],
)  # fmt: skip
def test_retryable_goes_by_the_status(status: int, retryable: bool) -> None:
    """Contract section 4: 429 and 5xx, nothing else; the code alone would not tell a 422 from a
    503."""
    entry = TOOLPATH.of_status(status)
    failure = Failure(kind=entry.kind or failwell.model.kind_of(status), status=status, message="")
    error = TOOLPATH.error(failure)
    assert isinstance(error, ToolpathError)
    assert error.retryable is retryable


@pytest.mark.parametrize(
    ("kind", "retryable"),
    [(Kind.CONNECTION, True), (Kind.TIMEOUT, True), (Kind.BAD_RESPONSE, True)],
)
def test_no_whole_answer_is_retryable(kind: Kind, retryable: bool) -> None:
    """Every write has a key, so that one without a whole answer may be sent again."""
    error = TOOLPATH.error(Failure(kind=kind, message=""))
    assert isinstance(error, ToolpathError)
    assert error.retryable is retryable


def test_errors_carry_what_the_service_said(clients: Clients, town: Any) -> None:
    """Code, status, sentence and request id of the answer are the exception's; a wait that the
    service asks for is `retry_after`; no key is in any of it."""
    reader = clients(town, key="read_only")
    with pytest.raises(failwell.PermissionDeniedError) as forbidden:
        reader.parts.create(SPACER)
    with pytest.raises(failwell.AuthenticationError) as refused:
        clients(town, key="revoked").parts.get("part0001")
    with pytest.raises(failwell.NotFoundError) as missing:
        clients(town, key="other_team").parts.get("part0001")
    with pytest.raises(failwell.BadRequestError) as invalid:
        clients(town).client.post("parts", json={"name": ""})
    with town.spent(), pytest.raises(failwell.RateLimitError) as limited:
        clients(town, policy=ONCE).parts.create(SPACER)
    said = [(e.value.status_code, e.value.code) for e in (forbidden, refused, missing, invalid)]
    assert said == [
        (403, "forbidden"),
        (401, "unauthorized"),
        (404, "not_found"),
        (400, "invalid_request"),
    ]
    assert 0 < limited.value.retry_after <= 60
    for caught in (forbidden, refused, missing, invalid, limited):
        error = caught.value
        assert isinstance(error, ToolpathError)
        assert error.request_id
        assert error.message == error.data["error"]["message"]
        shown = f"{error!r}{error}{error.__dict__}{error.__notes__}{pickle.dumps(error)!r}"
        for token in town.keys.values():
            assert token not in shown


# --- What is refused before anything is sent -----------------------------------------------------


@pytest.fixture
def untouched(town: Any) -> Iterator[None]:
    """Nothing reaches the service while the test runs."""
    before = town.effects["requests"]
    yield
    assert town.effects["requests"] == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n\t ", "is empty"),
        (b"\x7fELF\x02\x01\x01\0\0\0", "is binary"),
        (b"ISO-10303-21;\0\0", "is binary"),
        (b"solid cube\n facet normal 0 0 1\n", "is not a STEP file"),
        ("größe;".encode("latin-1"), "is not a STEP file"),
        (b"x" * 5000 + b"ISO-10303-21;", "is not a STEP file"),
    ],
)
@pytest.mark.usefixtures("untouched")
def test_a_file_that_is_no_step_file(
    toolpath: Any, tmp_path: Path, content: bytes, words: str
) -> None:
    """Empty, binary, something else: a `ValueError` that names the file, and nothing is sent."""
    path = tmp_path / "part.step"
    path.write_bytes(content)
    for step in (path, str(path)):
        with pytest.raises(InvalidRequestError, match=r"'part\.step' " + words) as caught:
            toolpath.parts.create(step)
        assert isinstance(caught.value, ValueError)
        assert caught.value.outcome is Outcome.NOT_STARTED
    with pytest.raises(InvalidRequestError, match=words):
        toolpath.parts.create(content)


@pytest.mark.usefixtures("untouched")
def test_a_file_that_cannot_be_read(toolpath: Any, tmp_path: Path) -> None:
    """A missing file, a directory, a name that is none: refused, with the reason in words."""
    for step, words in (
        (tmp_path / "missing.step", "No such file"),
        (str(tmp_path / "missing.step"), "No such file"),
        (tmp_path, "directory"),
        ("x" * 5000, "cannot be read"),
        ("with\0null", "cannot be read"),
        ("", "is empty"),
        ("text\nthat is not STEP", "not a STEP file"),
        ("ISO-10303-21;\n\ud800", "not Unicode"),
    ):
        with pytest.raises(InvalidRequestError, match=words) as caught:
            toolpath.parts.create(step)
        assert len(caught.value.message) < 400


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"units": "cm"}, "units is 'cm': use mm or in"),
        ({"units": None}, "units is None"),
        ({"name": ""}, "name is '': give a text that is not blank, or leave it out"),
        ({"name": "  "}, "name is '  '"),
        ({"name": 3}, "name is 3"),
    ],
)
def test_what_a_part_cannot_be(toolpath: Any, given: dict[str, Any], words: str) -> None:
    """A unit that there is not, a blank name, a name that is no text: refused before the upload."""
    with pytest.raises(InvalidRequestError, match=re.escape(words)):
        toolpath.parts.create(SPACER, **given)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("cut_config", ["", " ", 7])
def test_a_cut_config_that_cannot_be(toolpath: Any, cut_config: Any) -> None:
    """It is not silently replaced by the default one."""
    with pytest.raises(InvalidRequestError, match="cut_config is"):
        toolpath.programs.create("part0001", cut_config=cut_config)


@pytest.mark.usefixtures("untouched")
def test_a_file_that_is_too_large(toolpath: Any, tmp_path: Path) -> None:
    """30 MB that do not compress are refused here, with both sizes."""
    noise = base64.b64encode(random.Random(7).randbytes(23_000_000))
    path = tmp_path / "huge.step"
    path.write_bytes(b"ISO-10303-21;\n" + noise)
    assert path.stat().st_size > 30_000_000
    with pytest.raises(InvalidRequestError, match=r"huge\.step.* MB .*takes 25 MB"):
        toolpath.parts.create(path)


def test_thirty_megabytes_that_compress_are_sent(toolpath: Any, tmp_path: Path) -> None:
    """What counts is the size of what is sent: 30 MB of blanks in a good file go through."""
    path = tmp_path / "long.step"
    path.write_bytes(SPACER.read_bytes() + b" \n" * 15_000_000)
    assert toolpath.parts.wait(toolpath.parts.create(path)).status == "ready"


@pytest.mark.parametrize(
    "identifier",
    ["", "../parts", "part0001/x", "a b", "part0001?x=1", "%2e%2e", "part\n", "p\u00e4", None, 7],
)
@pytest.mark.usefixtures("untouched")
def test_an_id_that_is_none(toolpath: Any, identifier: Any) -> None:
    """What is no string, or has a slash or anything else that would change the path, is refused
    here."""
    for call in (
        toolpath.parts.get,
        toolpath.parts.wait,
        toolpath.programs.create,
        toolpath.programs.get,
        toolpath.programs.wait,
        toolpath.estimates.get,
    ):
        with pytest.raises(InvalidRequestError, match="is not an id"):
            call(identifier)


@pytest.mark.parametrize("step", [None, 7, ["ISO-10303-21;"], bytearray(b"ISO-10303-21;")])
@pytest.mark.usefixtures("untouched")
def test_a_file_of_a_wrong_type(toolpath: Any, step: Any) -> None:
    """What is no path, text or bytes is refused by the name of its type."""
    with pytest.raises(InvalidRequestError, match=f"given as {type(step).__name__}"):
        toolpath.parts.create(step)


@pytest.mark.usefixtures("untouched")
def test_timings_that_there_are_not(toolpath: Any) -> None:
    """Timings other than fast and refined are refused here, with those that there are."""
    with pytest.raises(InvalidRequestError, match="'slow': use fast or refined"):
        toolpath.estimates.get("prog0001", timings="slow")


@pytest.mark.parametrize("key", ["", "k" * 256, "a,b", "schlüssel", "two words", "line\nbreak"])
@pytest.mark.usefixtures("untouched")
def test_an_idempotency_key_that_is_none(toolpath: Any, key: str) -> None:
    """An empty, too long or non-ASCII key is refused here; an empty one is no "none given"."""
    for call, given in ((toolpath.parts.create, SPACER), (toolpath.programs.create, "part0001")):
        with pytest.raises(InvalidRequestError, match="idempotency key"):
            call(given, idempotency_key=key)


def test_the_api_key_may_come_from_the_environment(
    town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`TOOLPATH_API_KEY` is used where no key is given, and one that is given wins."""
    monkeypatch.setenv("TOOLPATH_API_KEY", town.keys["revoked"])
    local: dict[str, Any] = {"base_url": town.base, "trust_env": False}
    with Toolpath(**local) as toolpath, pytest.raises(failwell.AuthenticationError):
        toolpath.parts.get("part0001")
    given = town.keys["read_write"]
    with Toolpath(given, **local) as toolpath, pytest.raises(failwell.NotFoundError):
        toolpath.parts.get("part9999")


@pytest.mark.parametrize("world", [Toolpath, AsyncToolpath])
@pytest.mark.parametrize("key", [None, "", "tp_live_\u00e4", "tp_live_\n", "tp_live_ 1", "\x7f"])
def test_without_an_api_key_there_is_no_client(
    world: Any, key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key, or one that cannot be one: a `ValueError` at once, without the key in its words."""
    monkeypatch.delenv("TOOLPATH_API_KEY", raising=False)
    with pytest.raises(ValueError, match="API key") as caught:
        world(key)
    if key:
        assert key not in str(caught.value)


# --- A service that is not Toolpath --------------------------------------------------------------

GARBAGE: dict[str, tuple[bytes, str]] = {
    "html": (b"<html>Log in</html>", "text/html"),
    "cut": (b'{"data": {"id": "part0001", "sta', "application/json"),
    "empty": (b"", "application/json"),
    "list": (b"[]", "application/json"),
    "null": (b"null", "application/json"),
    "bare": (b'{"id": "part0001"}', "application/json"),
    "data-list": (b'{"data": []}', "application/json"),
    "data-null": (b'{"data": null}', "application/json"),
    "other-types": (b'{"data": {"id": 7, "status": true}}', "application/json"),
    "other-status": (
        b'{"data": {"id": "p", "status": "gone", "name": "n", "units": "mm", "createdAt": ""}}',
        "application/json",
    ),
    "bytes": (b'{"data": "\xff\xfe"}', "application/json"),
    "deep": (b'{"data": ' + b"[" * 50_000, "application/json"),
}


@pytest.fixture(scope="module")
def nonsense() -> Iterator[str]:
    """A server that answers every request with the garbage that its first path segment names."""

    async def serve(request: Any) -> Response:
        body, media = GARBAGE[request.path_params["kind"]]
        return Response(body, 200, media_type=media)

    routes = [Route("/{kind}/{rest:path}", serve, methods=["GET", "POST"])]
    with running(Starlette(routes=routes)) as url:
        yield url


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_is_a_bad_response(clients: Clients, nonsense: str, kind: str) -> None:
    """An answer that is not Toolpath's is told as such, for reads and writes, never guessed at."""
    toolpath = clients.at(f"{nonsense}/{kind}", "tp_live_0", policy=ONCE)
    for call in (
        lambda: toolpath.parts.get("part0001"),
        lambda: toolpath.programs.get("prog0001"),
        lambda: toolpath.estimates.get("prog0001"),
        lambda: toolpath.parts.create(SPACER),
        lambda: toolpath.programs.create("part0001"),
    ):
        with pytest.raises(failwell.BadResponseError) as caught:
            call()
        assert isinstance(caught.value, ToolpathError)
        assert caught.value.status_code == 200


def test_nobody_there(clients: Clients) -> None:
    """A server that is not there: a connection error, and nothing was started."""
    toolpath = clients.at("http://127.0.0.1:9", "tp_live_0", policy=ONCE)
    with pytest.raises(failwell.APIConnectionError) as caught:
        toolpath.parts.create(SPACER)
    assert isinstance(caught.value, ToolpathError)
    assert caught.value.outcome is Outcome.NOT_STARTED
