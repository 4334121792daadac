"""What an entry holds: the facts, without secrets, within bounds."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell import redaction
from failwell.journal import Entry, entry, of_failure, redact
from failwell.journal.entry import DETAILS_LIMIT, MESSAGE_LIMIT, TRACEBACK_LIMIT
from failwell.model import Failure, Kind, Outcome
from failwell.redaction import MASK

SECRET = "hunter2-\"p/w'é"


def raised(error: BaseException) -> BaseException:
    """The exception with a traceback."""
    try:
        raise error
    except BaseException as caught:
        return caught


def server_entry(error: BaseException, **facts: Any) -> Entry:
    return entry(side="server", at=1.0, request_id="r1", error=error, **facts)


def test_facts_of_a_failure() -> None:
    """Every fact of a failure is in its entry, and what is given beside it wins."""
    failure = Failure(
        kind=Kind.UNAVAILABLE,
        message="The Engine is away",
        status=503,
        code="engine_away",
        details_json=b'{"engine":"a"}',
        request_id="theirs",
        outcome=Outcome.ROLLED_BACK,
        api="toolpath",
        method="POST",
        url="https://a.b/parts?token=x",
    )
    made = of_failure(
        failure, side="server", at=5.0, route="/parts", elapsed=0.5, trace_id="t", caller="c"
    )
    assert msgspec.to_builtins(made) == {
        "at": 5.0,
        "side": "server",
        "request_id": "theirs",
        "trace_id": "t",
        "api": "toolpath",
        "method": "POST",
        "route": "/parts",
        "url": f"https://a.b/parts?token={MASK}",
        "status": 503,
        "code": "engine_away",
        "kind": "unavailable",
        "outcome": "rolled_back",
        "caller": "c",
        "elapsed": 0.5,
        "message": "The Engine is away",
        "details_json": "eyJlbmdpbmUiOiJhIn0=",
    }
    ours = of_failure(failure, side="client", at=5.0, request_id="ours", outcome="unknown")
    assert (ours.request_id, ours.outcome) == ("ours", "unknown")


@pytest.mark.parametrize(
    "text",
    [
        "login failed: password=hunter2, user=bob",
        "{'password': 'hunter2\\'hunter2', 'user': 'bob'}",
        '{"client_secret": "hunter2',
        r'"{\"password\": \"hunter2\"}"',
        "--password hunter2=x --password=hunter2 --user=bob".replace("hunter2=x", "x"),
        "Authorization: Digest username=bob, response=hunter2",
        "Cookie: a=b; session=hunter2",
        "(b'authorization', b'Bearer hunter2')",
        "Authorization: Bearer hunter2hunter2",
        "sent Bearer hunter2hunter2 in vain",
        "connect to postgresql://bob:hunter2@db/parts failed",
        "GET https://a.b/c?api_key=hunter2 failed",
        "api_key => hunter2",
        "DETAIL:  Key (password)=(hunter2) already exists.",
        "DETAIL:  Failing row contains (1, bob, hunter2).",
        "[SQL: INSERT ...]\n[parameters: ('bob', 'hunter2')]\n(Background on this error at: x)",
        "password\n  too short [type=x, input_value='hunter2', input_type=str]",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----",
        "expired: eyJhbGciOiJIUzI1NiJ9.hunter2.hunter2",
        "Incorrect API key provided: sk-proj-hunter2hunter2",
    ],
)
def test_secrets_in_running_text(text: str) -> None:
    """Whatever says by its name or its form that it is secret is taken out of a message."""
    made = entry(side="client", at=1.0, request_id="r1", message=text)
    assert "hunter2" not in made.message
    assert MASK in made.message or "://db" in made.message
    told = server_entry(raised(ValueError(text)))
    assert "hunter2" not in str(told.traceback)


@pytest.mark.parametrize(
    "text",
    [
        "The part has 3 holes: 4.5 mm, depth=12",
        "token is expired",
        "The password must be 8 long",
        "KeyError: 'password'",
        "password: None",
        "author: Bob; tokens=12",
        "Bearer authentication is required",
        "no such file: /srv/app/parts/bracket.step",
    ],
)
def test_harmless_text(text: str) -> None:
    """What holds no secret is left alone."""
    assert redact.words(text) == text


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("db.connect(password='hunter2')", f"db.connect(password={MASK})"),
        ("connect('hunter2', secret)  # hunter2", f"connect({MASK}, secret)  {MASK}"),
        ('TOKEN: str = "my-secret-token"', f"TOKEN: str = {MASK}"),
        ("if pin == 12345678:", f"if pin == {MASK}:"),
        ("engine('postgres://bob:hunter2@db/x')", "engine('postgres://db/x')"),
        ("total = price(3, 'eur')", "total = price(3, 'eur')"),
        ("token = read(request)", "token = read(request)"),
    ],
)
def test_secrets_in_source_lines(line: str, shown: str) -> None:
    """A line that speaks of a secret shows no literal; any other line is whole."""
    assert redact.source(line) == shown


def test_secrets_that_the_request_carried() -> None:
    """A secret that was sent is taken out of every field, however it is spelled there."""
    secrets = redaction.secrets_of({"X-Api-Key": SECRET}, "", None)
    spelled = f"{SECRET} {json.dumps(SECRET)} {SECRET!r}"
    facts = dict.fromkeys(
        ("message", "route", "url", "code", "caller", "trace_id", "idempotency_key", "api"), spelled
    )
    details = json.dumps({"echo": [spelled, {spelled: spelled}]}).encode()
    made = entry(
        side="server", at=1.0, request_id=spelled, error=raised(ValueError(SECRET)),
        secrets=secrets, details_json=details, **facts,
    )  # fmt: skip
    assert b"hunter2" not in msgspec.msgpack.encode(made)
    assert made.details_json.count(MASK.encode()) >= 2


def test_secret_that_is_cut() -> None:
    """A secret at the place where a long message is cut leaves no beginning behind."""
    for room in range(MESSAGE_LIMIT * 4 - len(SECRET), MESSAGE_LIMIT * 4 + 1):
        text = "https://a.b/#" + "x" * (room - 13 - 1) + " " + SECRET * 3
        made = entry(side="client", at=1.0, request_id="", message=text, secrets=(SECRET,))
        assert "hunt" not in made.message


def test_secret_fields_of_details() -> None:
    """Structured details keep their shape and lose what is secret at any depth."""
    details = {"a": [{"password": {"x": 1}}, {"ok": True, "why": "pwd=hunter2"}], "token": None}
    made = entry(side="client", at=1.0, request_id="", details_json=json.dumps(details).encode())
    assert json.loads(made.details_json) == {
        "a": [{"password": MASK}, {"ok": True, "why": f"pwd={MASK}"}],
        "token": None,
    }


@pytest.mark.parametrize("text", [b"not json password=hunter2", b"[" * 5000, b"\xff\x00{"])
def test_details_that_cannot_be_read(text: bytes) -> None:
    """Details that are no JSON become a JSON string, without secrets."""
    made = entry(side="client", at=1.0, request_id="", details_json=text)
    assert isinstance(json.loads(made.details_json), str)
    assert b"hunter2" not in made.details_json


def test_traceback_tells_frames_chain_and_group() -> None:
    """A traceback names its frames, its cause and the exceptions of a group; never locals."""

    def inner() -> None:
        local = "hunter2" + "-local"
        raise KeyError(len(local))

    try:
        try:
            inner()
        except KeyError as cause:
            raise ExceptionGroup("several", [OSError(2, "gone"), ValueError("bad")]) from cause
    except ExceptionGroup as error:
        made = server_entry(error)
    text = str(made.traceback)
    for part in (
        "in inner",
        "raise KeyError",
        "direct cause",
        "several",
        "gone",
        "ValueError: bad",
    ):
        assert part in text
    assert "hunter2" not in text.replace('"hunter2" + "-local"', "")
    assert made.exception == "ExceptionGroup"


def test_traceback_on_the_server_only() -> None:
    """The class is kept on both sides, the traceback on the server's only."""
    client = entry(side="client", at=1.0, request_id="r", error=raised(ValueError("x")))
    assert (client.exception, client.traceback) == ("ValueError", None)
    assert server_entry(raised(ValueError("x"))).traceback


def test_everything_is_bounded() -> None:
    """However long what it is made of, an entry is 32 kB at most, and made in little time."""

    def deep(levels: int) -> None:
        if levels:
            deep(levels - 1)
        raise ValueError("password=x é" * 100_000)

    chained: BaseException | None = None
    for _ in range(20):
        try:
            try:
                deep(200)
            except ValueError as error:
                raise error from chained
        except ValueError as error:
            chained = error
    long = "é" * 100_000
    names = ("message", "route", "url", "code", "kind", "outcome", "caller", "trace_id", "api")
    began = time.perf_counter()
    made = server_entry(
        chained, details_json=json.dumps([long]).encode(), idempotency_key=long, method=long,
        **dict.fromkeys(names, long),
    )  # fmt: skip
    assert time.perf_counter() - began < 2
    assert len(msgspec.msgpack.encode(made)) <= 32 * 1024
    assert len(made.message.encode()) <= MESSAGE_LIMIT
    assert len(str(made.traceback).encode()) <= TRACEBACK_LIMIT
    assert len(made.details_json) <= DETAILS_LIMIT
    assert "bytes left out" in str(made.traceback)


@pytest.mark.parametrize("text", ["x", "password", "password=", "'", "\\", "a b=", "[(", '"a":"'])
def test_hostile_text_takes_no_longer(text: str) -> None:
    """The time for redaction grows with the length of the text and no faster."""
    began = time.perf_counter()
    redact.words(text * (65536 // len(text)))
    redact.source(text * (8192 // len(text)))
    assert time.perf_counter() - began < 2


def test_exceptions_that_misbehave() -> None:
    """An exception whose words cannot be had is told all the same."""

    class BadError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert "BadError" in str(server_entry(raised(BadError())).traceback)


@given(st.text(), st.binary(), st.text(alphabet=st.characters()), st.lists(st.text(min_size=4)))
def test_anything_can_be_kept(message: str, details: bytes, key: str, secrets: list[str]) -> None:
    """Whatever it is made of, an entry can be written as UTF-8 without NUL, and read again."""
    made = server_entry(
        raised(ValueError(message)), message=message, details_json=details, idempotency_key=key,
        secrets=tuple(secrets),
    )  # fmt: skip
    text = msgspec.json.encode(made)
    assert b"\\u0000" not in text.replace(made.details_json, b"")
    assert msgspec.json.decode(text, type=Entry) == made
