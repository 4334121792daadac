"""When is a repeated write the same write: on the client, and under a key on the server."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell.actions import Step
from failwell.model import Sent
from failwell.policy.idempotency import (
    FINGERPRINT_LIMIT,
    Claim,
    Complete,
    Conclude,
    Record,
    Refuse,
    Release,
    Renew,
    Replay,
    Run,
    Stored,
    fingerprint,
    why_not_again,
)
from samples import LOOSE, OWN, URL

DAY = 86400.0
ANSWER = Stored(status=201, headers=(("content-type", "application/json"),), body=b'{"id":1}')


def sent(**changed: Any) -> Sent:
    fields: dict[str, Any] = {"method": "POST", "url": URL, "at": 1000.0, "key": "k", "body": b"{}"}
    return Sent(**{**fields, **changed})


@pytest.mark.parametrize(
    ("contract", "what", "today", "why"),
    [
        (OWN, sent(), 1000.0, None),
        (OWN, sent(), 1000.0 + DAY - 0.001, None),
        (OWN, sent(), 1000.0 + DAY, "older than the 24 h"),
        (OWN, sent(), 0.0, None),
        (OWN, sent(key=None), 1000.0, "without a key it honours"),
        (LOOSE, sent(), 1000.0, "without a key it honours"),
        (LOOSE, sent(method="PUT", key=None), 1000.0 + 9 * DAY, "might undo"),
        (LOOSE, sent(method="DELETE", key=None, body=b""), 1000.0, None),
        (OWN, sent(body=None), 1000.0, "body was not kept"),
        (LOOSE, sent(method="PUT", body=None), 1000.0, "body was not kept"),
        (OWN, sent(url_whole=False), 1000.0, "URL was not kept whole"),
    ],
)
def test_may_it_be_sent_again_to_find_out(
    contract: Any, what: Sent, today: float, why: str | None
) -> None:
    """Only a trusted key within its retention or an idempotent method, with all that was sent."""
    told = why_not_again(contract, what, today)
    assert told is None if why is None else why in (told or "")


def same(**changed: Any) -> str:
    fields: dict[str, Any] = {
        "method": "POST",
        "path": "/parts",
        "query": "a=1&b=2",
        "content_type": "application/json",
        "body": b'{"a": 1, "b": [true, null, "x"]}',
    }
    return fingerprint(**{**fields, **changed})


@pytest.mark.parametrize(
    "changed",
    [
        {"body": b'{"b":[true,null,"x"],"a":1}'},
        {"body": b'\n{ "a" : 1 , "b" : [ true , null , "\\u0078" ] }'},
        {"query": "b=2&a=1"},
        {"method": "post"},
        {"content_type": "Application/JSON; charset=utf-8"},
        {"content_type": "application/vnd.api+json"},
    ],
)
def test_what_means_the_same_has_the_same_fingerprint(changed: dict[str, Any]) -> None:
    """Order of keys and parameters, white space, escapes and case of the media do not count."""
    assert same(**changed) == same()


@pytest.mark.parametrize(
    "changed",
    [
        {"body": b'{"a": 2, "b": [true, null, "x"]}'},
        {"body": b'{"a": 1, "b": [null, true, "x"]}'},
        {"body": b'{"a": "1", "b": [true, null, "x"]}'},
        {"body": b'{"a": 1}'},
        {"body": b""},
        {"query": "a=1"},
        {"query": "a=1&b=2&b="},
        {"path": "/parts/"},
        {"method": "PATCH"},
    ],
)
def test_what_differs_has_another_fingerprint(changed: dict[str, Any]) -> None:
    """Another value, order in a list, type, query, path or method is another request."""
    assert same(**changed) != same()


def test_no_part_runs_into_the_next() -> None:
    """The border between path, query and body counts: shifting bytes across it is a difference."""
    assert fingerprint("POST", "/ab", "", "x", b"c") != fingerprint("POST", "/a", "", "x", b"bc")


@pytest.mark.parametrize("media", ["text/plain", "", "multipart/form-data; boundary=x"])
def test_what_is_not_json_is_compared_byte_by_byte(media: str) -> None:
    """A space counts in a text."""
    assert same(content_type=media) != same(content_type=media, body=b'{"a":1,"b":[true,null,"x"]}')


def test_a_large_body_is_compared_byte_by_byte() -> None:
    """JSON above the limit is not decoded: equal bytes are equal, a space is a difference."""
    large = b'{"a":"' + b"x" * FINGERPRINT_LIMIT + b'"}'
    assert same(body=large) == same(body=large)
    assert same(body=large) != same(body=large + b" ")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)  # fmt: skip


@given(JSON)
def test_json_is_the_same_however_it_is_written(value: Any) -> None:
    """Any document has one fingerprint, indented or not, escaped or not."""
    written = [
        json.dumps(value).encode(),
        json.dumps(value, indent=2, sort_keys=True).encode(),
        json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"),
    ]
    prints = {same(body=body) for body in written if _is_readable(body)}
    assert len(prints) <= 1


def _is_readable(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


@given(st.binary(max_size=60), st.text(max_size=10), st.text(max_size=10))
def test_any_request_has_a_fingerprint(body: bytes, path: str, query: str) -> None:
    """Nothing that can be asked makes it raise."""
    assert len(fingerprint("POST", path, query, "application/json", body)) == 64


def claim(**changed: Any) -> Claim:
    fields: dict[str, Any] = {"fingerprint": "f", "token": "t", "lease": 30.0, "retention": DAY}
    return Claim(**{**fields, **changed})


def running(**changed: Any) -> Record:
    return Record(**{"fingerprint": "f", "token": "t", "lease_ends": 130.0, **changed})


DONE = running(answer=ANSWER)
LOST = running(uncertain=True)

CLAIMS = [
    ("new", None, {}, 100.0, Run(), running(), DAY),
    ("same, running", running(), {"token": "u"}, 100.0, Refuse("running", 30.0), running(), None),
    ("same, done", DONE, {"token": "u"}, 9e9, Replay(ANSWER), DONE, None),
    ("other, done", DONE, {"fingerprint": "g"}, 100.0, Refuse("mismatch"), DONE, None),
    ("other, running", running(), {"fingerprint": "g"}, 100.0, Refuse("mismatch"), running(), None),
    ("lease over", running(), {"token": "u"}, 130.0, Refuse("uncertain"), LOST, None),
    ("told as lost", LOST, {"token": "u"}, 100.0, Refuse("uncertain"), LOST, None),
    ("lease over, rerun", running(), {"token": "u", "rerun": True}, 131.0, Run(),
     running(token="u", lease_ends=161.0), DAY),
    ("running, rerun", running(), {"token": "u", "rerun": True}, 100.0, Refuse("running", 30.0),
     running(), None),
    ("other, lease over, rerun", running(), {"fingerprint": "g", "rerun": True}, 131.0,
     Refuse("mismatch"), running(), None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "asks", "now", "answer", "after", "ttl"),
    [row[1:] for row in CLAIMS],
    ids=[row[0] for row in CLAIMS],
)
def test_claiming(
    before: Record | None, asks: dict[str, Any], now: float, answer: Any, after: Record, ttl: Any
) -> None:
    """A key is run once, replayed when done, refused while running or used for something else."""
    assert claim(**asks)(before, now) == Step(after, answer, ttl)


@pytest.mark.parametrize(
    ("before", "holds"),
    [
        (None, False),
        (running(), True),
        (running(token="other"), False),
        (DONE, False),
        (LOST, True),
    ],
)
def test_only_the_holder_may_go_on(before: Record | None, holds: bool) -> None:
    """Who no longer holds the key renews, completes and releases nothing."""
    renewed = Renew(token="t", lease=30.0)(before, 120.0)
    failed = Stored(status=500, headers=(), body=b"")
    completed = Complete(token="t", answer=failed, retention=DAY)(before, 120.0)
    released = Release(token="t")(before, 120.0)
    assert [renewed.answer, completed.answer, released.answer] == [holds] * 3
    if not holds:
        assert renewed.record == completed.record == released.record == before
        assert renewed.ttl is completed.ttl is released.ttl is None


def test_a_holder_renews_completes_and_releases() -> None:
    """Renewing moves the lease's end, completing keeps the answer, releasing frees the key."""
    assert Renew(token="t", lease=30.0)(running(), 120.0).record == running(lease_ends=150.0)
    completed = Complete(token="t", answer=ANSWER, retention=DAY)(running(), 120.0)
    assert completed == Step(DONE, True, DAY)
    assert Release(token="t")(running(), 120.0).record is None


@pytest.mark.parametrize(("status", "why"), [(201, "unkept"), (409, "failed"), (500, "failed")])
def test_an_answer_that_was_not_kept_is_told_by_what_it_was(status: int, why: str) -> None:
    """Of a success it is certain that it was carried out; of a failure nothing is."""
    answer = Stored(status=status, headers=(), body=b"", whole=False)
    assert claim(token="new")(running(answer=answer), 120.0).answer == Refuse(why)


@pytest.mark.parametrize(
    ("told", "is_kept"),
    [
        (Stored(status=201, headers=(("location", "/1"),), body=b'{"id": 1}'), True),
        (Stored(status=200, headers=(), body=b"", whole=False), False),
        (Stored(status=500, headers=(), body=b"{}"), False),
    ],
)
def test_what_was_committed_gives_way_to_what_was_told(told: Stored, is_kept: bool) -> None:
    """The success that the holder gave after its commit is what is replayed, to the byte; not a
    stream that was not kept, nor a failure."""
    step = Complete(token="t", answer=told, retention=DAY)(DONE, 120.0)
    assert (step.answer, step.ttl) == (is_kept, DAY if is_kept else None)
    assert step.record == (running(answer=told) if is_kept else DONE)


def test_to_claim_twice_is_to_claim_once() -> None:
    """A claim whose answer was lost, and which is made again under its token, is still the
    holder's, with a new lease."""
    first = claim()(None, 1000.0)
    again = claim()(first.record, 1010.0)
    assert again.answer == Run()
    assert again.record is not None
    assert again.record.lease_ends == 1010.0 + claim().lease
    other = claim(token="other")(first.record, 1010.0)
    assert isinstance(other.answer, Refuse)


@pytest.mark.parametrize(
    ("before", "left", "stays"),
    [
        (None, Run(), False),
        (running(), Run(), False),
        (LOST, Run(), False),
        (DONE, Replay(ANSWER), True),
        (running(token="other"), Refuse("running", 30.0), True),
        (running(token="other", answer=ANSWER), Refuse("running", 30.0), True),
    ],
)
def test_what_a_holder_that_failed_has_left(
    before: Record | None, left: Run | Replay | Refuse, stays: bool
) -> None:
    """What it committed is the truth; nothing, and the key is free; and in other hands, the key is
    not its business any more."""
    step = Conclude(token=running().token)(before, running().lease_ends - 30.0)
    assert (step.answer, step.record) == (left, before if stays else None)


def test_a_late_holder_overwrites_nothing() -> None:
    """After its lease another has run and completed: what the first one brings is refused."""
    record = claim()(None, 100.0).record
    record = claim(token="u", rerun=True)(record, 200.0).record
    record = Complete(token="u", answer=ANSWER, retention=DAY)(record, 201.0).record
    late = Complete(token="t", answer=Stored(status=500, headers=(), body=b""), retention=DAY)
    step = late(record, 202.0)
    assert step.answer is False
    assert step.record is not None
    assert step.record.answer == ANSWER


@given(st.lists(st.sampled_from("abcdr"), max_size=12), st.data())
def test_a_key_is_never_run_twice_while_it_may_be_running(moves: list[str], data: Any) -> None:
    """In any order of claims, time and crashes there is one run, and what it said is replayed."""
    record: Record | None = None
    now, runs, done = 0.0, 0, False
    for number, move in enumerate(moves):
        now += data.draw(st.floats(0, 40))
        if move == "d" and record is not None:
            step = Complete(token=record.token, answer=ANSWER, retention=DAY)(record, now)
            record, done = step.record, done or step.answer
            continue
        asked = claim(token=str(number))(record, now)
        record = asked.record
        runs += isinstance(asked.answer, Run)
        assert runs == 1
        assert isinstance(asked.answer, Replay) == done or isinstance(asked.answer, Run)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(("age", "again"), [(0.0, True), (119.0, True), (120.0, False)])
def test_an_old_put_is_not_repeated(method: str, age: float, again: bool) -> None:
    """An idempotent write without a key is settled by repeating it only while it is young."""
    sent = Sent(method=method, url="http://x/1", at=1_000.0, body=b"")
    told = why_not_again(LOOSE, sent, 1_000.0 + age)
    assert (told is None) is again
