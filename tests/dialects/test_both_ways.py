"""Every dialect reads what real APIs send, and writes what it has read.

The cases come from outside: published examples, and captures in our own words. `facts` are what
must be read ("own" says whether the body is in the dialect's shape at all); `renders` says what
the dialect promises of writing: "same" (the same members with the same values) or "facts" (a
document that reads the same).
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from failwell.apis.flow.contract import FLOW, FLOW_GRAPHQL, FLOW_V2
from failwell.apis.ionq.contract import IONQ
from failwell.apis.ionworks.contract import IONWORKS
from failwell.apis.matcraft.contract import MATCRAFT
from failwell.contract import Dialect
from failwell.dialects import Flat, Generic, GraphQL, Nested, Problem, generic
from failwell.model import Failure, Headers, Issue, Kind, Outcome, Response

DIALECTS: dict[str, Dialect] = {
    "problem": Problem(),
    "nested": Nested(request_id="requestId"),
    "nested_details": Nested(details="details", request_id="request_id", timestamp="timestamp"),
    "matcraft": MATCRAFT.dialect,
    "ionworks": IONWORKS.dialect,
    "flat_ionworks": Flat(code="error_code", details="detail"),
    "flow": FLOW.dialect,
    "flow_problem": FLOW_V2.dialect,
    "flow_graphql": FLOW_GRAPHQL.dialect,
    "graphql": GraphQL(),
    "ionq": IONQ.dialect,
    "flat_ionq": Flat(code="error", details="validation", status="statusCode"),
    "generic": Generic(),
}
CASES = sorted((Path(__file__).parent / "cases").glob("*/*.json"))


def read(path: Path) -> tuple[Dialect, Response, dict[str, Any]]:
    case = json.loads(path.read_text("utf-8"))
    body = base64.b64decode(case["body_base64"]) if "body_base64" in case else case["body"].encode()
    reply = Response(status=case["status"], headers=Headers(case["headers"]), body=body)
    return DIALECTS[path.parent.name], reply, case


def facts_of(failure: Failure) -> dict[str, Any]:
    issues = [msgspec.to_builtins(issue) for issue in failure.issues]
    names = ("kind", "status", "code", "message", "request_id", "timestamp", "details")
    return {name: getattr(failure, name) for name in names} | {"issues": issues}


def test_every_dialect_has_cases() -> None:
    """No folder of cases is forgotten, and no dialect is without."""
    assert {path.parent.name for path in CASES} == set(DIALECTS)
    assert {path.name for path in (Path(__file__).parent / "cases").iterdir()} == set(DIALECTS)


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_is_sent_is_read(path: Path) -> None:
    """The facts of the case, and whether the body is the API's own word."""
    dialect, reply, case = read(path)
    failure = dialect.parse(reply)
    assert (failure is not None) is case["facts"].pop("own")
    failure = failure or generic.read(reply)
    told = facts_of(failure)
    assert {name: told[name] for name in case["facts"]} == case["facts"]
    assert isinstance(failure.kind, Kind)
    assert failure.status == reply.status


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_is_read_is_written(path: Path) -> None:
    """`render` gives back the same members where the dialect has them all, else the same facts."""
    dialect, reply, case = read(path)
    promise = case.get("renders")
    if promise is None:
        return
    failure = dialect.parse(reply)
    assert failure is not None
    written = dialect.render(failure)
    assert written.status == reply.status
    assert written.headers["content-type"] == dialect.media_type
    if promise == "same":
        assert json.loads(written.body or b"") == json.loads(reply.body or b"")
    again = dialect.parse(written)
    assert again is not None
    assert facts_of(again) == facts_of(failure)


FULL = Failure(
    kind=Kind.CONFLICT,
    message='Größe "x" </script>',
    status=409,
    code="size_taken",
    issues=(Issue(message="is taken", path="parts[0].a b", pointer="/parts/0/a b", code="taken"),),
    request_id="r-1",
    timestamp="2024-01-15T10:30:00Z",
    outcome=Outcome.ROLLED_BACK,
)
WITH_ALL: dict[str, Dialect] = {
    "problem": Problem(type_base="https://example.org/errors/"),
    "generic": Generic(),
    "nested": Nested(
        envelope="e", code="c", message="m", details="d", request_id="r", timestamp="t", outcome="o"
    ),
    "flat": Flat(
        code="c", message="m", details="d", status="s", request_id="r", timestamp="t", outcome="o"
    ),
}  # fmt: skip


@pytest.mark.parametrize("dialect", WITH_ALL.values(), ids=WITH_ALL)
def test_every_fact_survives_the_wire(dialect: Dialect) -> None:
    """Code, message, ids, time, outcome and issues come back as they were said. An outcome that
    nobody has declared is written and not believed."""
    again = dialect.parse(dialect.render(FULL))
    assert again is not None
    kept = ("kind", "message", "status", "code", "request_id", "timestamp")
    assert {n: getattr(again, n) for n in kept} == {n: getattr(FULL, n) for n in kept}
    assert again.outcome == (None if isinstance(dialect, Generic) else FULL.outcome)
    assert again.issues == FULL.issues


@pytest.mark.parametrize("dialect", [*WITH_ALL.values(), Nested(), Flat()])
def test_a_bare_failure_can_be_written(dialect: Dialect) -> None:
    """Without status, code or anything else there is still an answer, and no outcome made up."""
    written = dialect.render(Failure(kind=Kind.INTERNAL, message="It broke"))
    assert written.status == 500
    assert b"It broke" in (written.body or b"")
    assert b"outcome" not in (written.body or b"")


def test_a_problem_is_written_as_the_rfc_has_it() -> None:
    """`type`, `title`, `status`, `detail`, and pointers as URI fragments."""
    written = json.loads(Problem(type_base="https://e.org/").render(FULL).body or b"")
    assert written["type"] == "https://e.org/size_taken"
    assert (written["title"], written["status"]) == ("Conflict", 409)
    assert written["detail"] == FULL.message
    assert written["errors"][0]["pointer"] == "#/parts/0/a%20b"
    assert written["outcome"] == "rolled_back"


def test_details_do_not_hide_the_members_of_a_problem() -> None:
    """An extension cannot take the place of a member that the RFC or we define."""
    failure = msgspec.structs.replace(FULL, details_json=b'{"status": 200, "balance": 3}')
    written = json.loads(Problem().render(failure).body or b"")
    assert (written["status"], written["balance"]) == (409, 3)


def test_two_dialects_with_other_names_do_not_mix() -> None:
    """Each reads its own keys, however many there are."""
    one, other = Nested(code="a"), Nested(code="b")
    body = b'{"error": {"a": "1", "b": "2", "message": "m"}}'
    replies = [dialect.parse(Response(status=400, body=body)) for dialect in (one, other)]
    assert [failure.code for failure in replies if failure] == ["1", "2"]
