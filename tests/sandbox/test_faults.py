"""Fault lists: what they accept, what they say when they refuse, and whom they hit."""

import random

import msgspec
import pytest

from failwell.sandbox.faults import KINDS, Fault, FaultError, FaultList, Match, decode


def taken(faults: FaultList, count: int) -> list[str | None]:
    found = [faults.take("GET", "/parts") for _ in range(count)]
    return [fault.fault if fault else None for fault in found]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_needs_no_more_than_its_name(kind: str) -> None:
    """A fault that names only its kind is complete and matches every request."""
    (fault,) = decode(b'[{"fault": "%s"}]' % kind.encode())
    assert fault == Fault(fault=kind)
    assert fault.match.admits("DELETE", "/anything")
    assert (fault.status, fault.times, fault.probability) == (503, None, 1)


def test_the_full_form_is_read_as_written() -> None:
    """Every key of the documented form arrives in the fault."""
    body = b"""[{"match": {"method": "POST", "path": "/parts"}, "fault": "status", "status": 429,
    "seconds": 1.5, "retry_after": "2", "times": 1, "committed": true, "probability": 0.2}]"""
    assert decode(body) == [
        Fault(
            match=Match(method="POST", path="/parts"),
            fault="status",
            status=429,
            seconds=1.5,
            retry_after="2",
            times=1,
            committed=True,
            probability=0.2,
        )
    ]


def test_an_empty_list_is_a_list() -> None:
    """The empty list, which clears, is accepted."""
    assert decode(b"[]") == []


@pytest.mark.parametrize(
    ("body", "where", "problem", "hint"),
    [
        (b"", "faults:", "not JSON", "send a JSON list"),
        (b"[", "faults:", "not JSON", "send a JSON list"),
        (b'[{"fault": "reset", "seconds": NaN}]', "faults:", "not JSON", "send a JSON list"),
        (b'[{"fault": "status", "retry_after": "\xff"}]', "faults:", "not JSON", "send a JSON"),
        (b'[{"fault": "status", "retry_after": "\\ud800"}]', "faults:", "not JSON", "send a"),
        (b"[" * 100_000, "faults[0]:", "got `array`", "give an object"),
        (b'{"fault": "reset"}', "faults:", "Expected `array`", "send a JSON list"),
        (b'[{"fault": "reset"}, 1]', "faults[1]:", "got `int`", "give an object"),
        (b"[{}]", "faults[0]:", "missing required field `fault`", "lose_answer, reset"),
        (b'[{"fault": "rest"}]', "faults[0].fault:", "'rest'", "lose_answer, reset"),
        (b'[{"fault": "reset", "time": 1}]', "faults[0]:", "`time`", "use only fault, match"),
        (b'[{"fault": "reset", "match": null}]', "faults[0].match:", "got `null`", "leave it out"),
        (
            b'[{"fault": "reset", "match": {"url": "/"}}]',
            "faults[0].match:",
            "`url`",
            "use only method, path",
        ),
        (
            b'[{"fault": "reset", "match": {"path": "parts"}}]',
            "faults[0].match:",
            "field `path` is 'parts'",
            'start it with "/"',
        ),
        (
            b'[{"fault": "reset", "match": {"method": ""}}]',
            "faults[0].match:",
            "field `method` is ''",
            "a name such as POST",
        ),
        (b'[{"fault": "status", "status": "503"}]', "faults[0].status:", "`str`", "from 400"),
        (b'[{"fault": "delay", "seconds": 1e999}]', "faults[0].seconds:", "range", "from 0 to 300"),
        (b'[{"fault": "reset", "times": true}]', "faults[0].times:", "`bool`", "from 1"),
    ],
)
def test_a_refusal_says_where_what_and_how_to_mend(
    body: bytes, where: str, problem: str, hint: str
) -> None:
    """The message names the index and field, the problem, and what to write instead."""
    with pytest.raises(FaultError) as refusal:
        decode(body)
    message = str(refusal.value)
    assert message.startswith(where)
    assert problem in message
    assert hint in message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", 399),
        ("status", 600),
        ("seconds", -0.1),
        ("seconds", 300.5),
        ("seconds", float("nan")),
        ("seconds", float("inf")),
        ("times", 0),
        ("times", -1),
        ("probability", -0.1),
        ("probability", 1.1),
        ("probability", float("nan")),
        ("retry_after", "2\r\nX-Evil: 1"),
        ("retry_after", "\x00"),
        ("retry_after", " 2"),
        ("retry_after", "2\t"),
        ("retry_after", "\ud800"),
    ],
)
def test_a_value_out_of_range_cannot_exist(field: str, value: object) -> None:
    """A fault made in Python keeps the same ranges as one read from JSON."""
    with pytest.raises(FaultError, match=f"field `{field}` is"):
        Fault(**{"fault": "status", field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", 400),
        ("status", 599),
        ("seconds", 0),
        ("seconds", 300),
        ("times", 1),
        ("probability", 0),
        ("probability", 1),
        ("retry_after", ""),
        ("retry_after", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ("retry_after", "9" * 400),
        ("retry_after", "²"),
    ],
)
def test_the_ends_of_each_range_are_in_it(field: str, value: object) -> None:
    """Limits are inclusive, and a Retry-After may be any text that fits on a header line."""
    assert getattr(Fault(**{"fault": "status", field: value}), field) == value


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"status", "html_502"}))
def test_only_an_answering_fault_can_be_committed(kind: str) -> None:
    """`committed` is refused where it would contradict or repeat what the fault does."""
    with pytest.raises(FaultError, match="only with status or html_502"):
        Fault(fault=kind, committed=True)


def test_a_long_value_is_shortened_in_the_message() -> None:
    """A hostile value cannot make the message arbitrarily long."""
    with pytest.raises(FaultError) as refusal:
        Fault(fault="status", retry_after="\n" * 100_000)
    assert len(str(refusal.value)) < 200


def test_a_fault_cannot_be_changed() -> None:
    """Faults are frozen, so that a list cannot change behind the lock."""
    fault = Fault(fault="reset")
    with pytest.raises(AttributeError):
        fault.times = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("kind", "committed", "runs", "breaks"),
    [
        ("lose_answer", False, True, True),
        ("reset", False, False, True),
        ("cut_body", False, True, True),
        ("truncate", False, True, False),
        ("html_502", False, False, False),
        ("html_502", True, True, False),
        ("status", False, False, False),
        ("status", True, True, False),
    ],
)
def test_each_kind_says_what_it_leaves_done(
    kind: str, committed: bool, runs: bool, breaks: bool
) -> None:
    """Whether the write is done and whether the connection ends is fixed by the kind."""
    fault = Fault(fault=kind, committed=committed)
    assert (fault.runs_app, fault.breaks_connection) == (runs, breaks)


@pytest.mark.parametrize(
    ("match", "method", "path", "admitted"),
    [
        (Match(), "GET", "/parts", True),
        (Match(method="POST"), "POST", "/parts", True),
        (Match(method="post"), "POST", "/parts", True),
        (Match(method="POST"), "GET", "/parts", False),
        (Match(path="/parts"), "GET", "/parts", True),
        (Match(path="/parts"), "GET", "/parts/", False),
        (Match(path="/parts"), "GET", "/parts/1", False),
        (Match(path="/parts*"), "GET", "/parts", True),
        (Match(path="/parts*"), "GET", "/parts/1", True),
        (Match(path="/parts/*"), "GET", "/parts", False),
        (Match(path="/parts/*"), "GET", "/parts/1/x", True),
        (Match(path="/*"), "GET", "/", True),
        (Match(path="*"), "GET", "/parts/1", True),
        (Match(path="/a*b"), "GET", "/axb", False),
        (Match(path="/a*b"), "GET", "/a*b", True),
        (Match(method="GET", path="/parts"), "POST", "/parts", False),
    ],
)
def test_a_match_is_exact_unless_it_ends_in_a_star(
    match: Match, method: str, path: str, admitted: bool
) -> None:
    """Paths match exactly, a trailing star makes a prefix, and left-out keys match all."""
    assert match.admits(method, path) is admitted


def test_the_first_live_match_applies() -> None:
    """Faults apply in list order, each for as many times as it says."""
    faults = FaultList(
        [
            Fault(fault="html_502", match=Match(method="POST")),
            Fault(fault="reset", times=2),
            Fault(fault="status"),
        ]
    )
    assert taken(faults, 4) == ["reset", "reset", "status", "status"]


def test_a_spent_fault_is_gone() -> None:
    """After its times a fault leaves the list, and the list is false when none is left."""
    faults = FaultList([Fault(fault="reset", times=2)])
    assert taken(faults, 1) == ["reset"]
    assert faults.listed == (Fault(fault="reset", times=1),)
    assert taken(faults, 2) == ["reset", None]
    assert not faults


def test_a_request_that_does_not_match_uses_nothing() -> None:
    """Only the requests a fault hits count against its times."""
    faults = FaultList([Fault(fault="reset", match=Match(method="POST"), times=1)])
    assert taken(faults, 3) == [None] * 3
    assert faults.take("POST", "/parts") is not None


def test_replace_forgets_the_old_list_and_its_counts_of_times() -> None:
    """A replaced list starts anew; an empty one clears; `used` remembers."""
    faults = FaultList([Fault(fault="reset", times=2)])
    assert taken(faults, 1) == ["reset"]
    faults.replace([Fault(fault="status", times=1)])
    assert taken(faults, 2) == ["status", None]
    faults.replace([])
    assert not faults
    assert faults.used == {"reset": 1, "status": 1}


def test_probability_repeats_itself_for_a_seed() -> None:
    """The same seed gives the same weather, at about the rate asked for."""
    fault = Fault(fault="reset", probability=0.2)
    runs = [taken(FaultList([fault], random.Random(7)), 1000) for _ in range(2)]
    assert runs[0] == runs[1]
    assert 150 < runs[0].count("reset") < 250


def test_a_missed_roll_leaves_the_request_to_the_next_fault() -> None:
    """Weather can be mixed: when one fault misses, the next in the list is tried."""
    faults = FaultList([Fault(fault="reset", probability=0, times=1), Fault(fault="status")])
    assert taken(faults, 2) == ["status", "status"]
    assert len(faults.listed) == 2


def test_the_callers_generator_decides_when_given() -> None:
    """A generator passed to `take` is rolled instead of the list's own."""
    faults = FaultList([Fault(fault="reset", probability=0.5)])
    rolls = random.Random(3)
    expected = ["reset" if rolls.random() < 0.5 else None for _ in range(50)]
    rng = random.Random(3)
    found = [faults.take("GET", "/parts", rng) for _ in range(50)]
    assert [fault.fault if fault else None for fault in found] == expected


def test_a_listed_fault_reads_back_as_it_was() -> None:
    """What `listed` shows can be sent again as JSON and means the same."""
    faults = decode(b'[{"fault": "status", "status": 429, "times": 3, "match": {"path": "/a*"}}]')
    assert decode(msgspec.json.encode(FaultList(faults).listed)) == faults
