"""`Retry-After`, as it is written and miswritten: never early, never a crash, never for ever."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

import pytest

import failwell
from clients.fault_server import Act, Server, refusal
from clients.world import Face, World
from failwell import Policy, RateLimitError, Retry, ServiceUnavailableError

QUICK = Policy(retry=Retry(base=0.001, jitter=None))
HOUR = 3600.0


def busy(*headers: tuple[str, str], status: int = 429, code: str = "busy") -> Act:
    return refusal(status, code, headers=headers)


def asked(world: World, act: Act, **arguments: Any) -> tuple[Any, list[float]]:
    """What comes of a write that is told to wait, and the sleeps it takes."""
    with Server([act], honours_keys=True) as server:

        async def scenario(client: Face) -> tuple[Any, list[float]]:
            try:
                return await client.post("/records"), client.sleeps
            except failwell.FailwellError as error:
                return error, client.sleeps

        result = world.run(scenario, base_url=server.url, **({"policy": QUICK} | arguments))
    return result


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2", 2.0), ("0", 0.001), ("1.5", 1.5), (".25", 0.25), ("007", 7.0), (" 3 ", 3.0)],
)
def test_seconds_are_a_floor(world: World, text: str, seconds: float) -> None:
    """Whole and decimal seconds are waited for, to the full; the backoff may ask for more."""
    response, sleeps = asked(world, busy(("Retry-After", text)))
    assert response.status_code == 201
    assert sleeps == [seconds]


@pytest.mark.parametrize("text", ["-5", "-0.5", "soon", "1e3", "", "２", "nan", "inf"])
def test_negative_and_garbage_leave_the_backoff(world: World, text: str) -> None:
    """What cannot be read, or lies in the past, changes nothing: the backoff's own wait."""
    raw = text.encode().decode("latin-1")
    response, sleeps = asked(world, busy(("Retry-After", raw)))
    assert response.status_code == 201
    assert sleeps == [0.001]


@pytest.mark.parametrize("texts", [("1, 2",), ("1", "2"), ("2", "1"), ("2", "soon")])
def test_of_several_fields_the_longest_is_waited_for(world: World, texts: tuple[str, ...]) -> None:
    """Where a proxy has added a field of its own, on the same line or another: never early."""
    response, sleeps = asked(world, busy(*(("Retry-After", text) for text in texts)))
    assert response.status_code == 201
    assert sleeps == [2.0]


@pytest.mark.parametrize("skew", [-HOUR, 0.0, HOUR])
def test_a_date_is_read_against_the_servers_own_clock(world: World, skew: float) -> None:
    """An HTTP-date 4 s after the answer's `Date` is 4 s, whatever either clock says."""
    there = time.time() + skew
    dates = (
        ("Date", formatdate(there, usegmt=True)),
        (
            "Retry-After",
            formatdate(there + 4, usegmt=True),
        ),
    )
    response, sleeps = asked(world, busy(*dates))
    assert response.status_code == 201
    assert sleeps == [4.0]


def test_a_date_without_a_date_is_read_against_ours(world: World) -> None:
    """Without a `Date` field, our own clock is all there is; it is never read early."""
    until = int(time.time()) + 5
    _, sleeps = asked(world, busy(("Retry-After", formatdate(until, usegmt=True))))
    assert 3.0 < sleeps[0] <= 5.0


def test_a_past_date_is_no_wait(world: World) -> None:
    """A date that has passed leaves the backoff."""
    _, sleeps = asked(world, busy(("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT")))
    assert sleeps == [0.001]


@pytest.mark.parametrize(
    "text",
    ["9" * 400, "121", "Fri, 31 Dec 999999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "1" * 9],
)
@pytest.mark.parametrize(("status", "cls"), [(429, RateLimitError), (503, ServiceUnavailableError)])
def test_a_wait_past_max_wait_raises_at_once(
    world: World, text: str, status: int, cls: type[Exception]
) -> None:
    """Beyond `max_wait` nothing is slept: the error itself says when to come back."""
    code = "busy" if status == 429 else "unavailable"
    error, sleeps = asked(world, busy(("Retry-After", text), status=status, code=code))
    assert type(error) is cls
    assert error.retry_after > 120
    assert error.retry_after < float("inf")
    assert sleeps == []
    assert len(error.attempts) == 1


def test_max_wait_itself_is_waited_for(world: World) -> None:
    """120 s are within the default `max_wait`; with one of 5 s, 6 s are not."""
    response, sleeps = asked(world, busy(("Retry-After", "120")))
    assert sleeps == [120.0]
    assert response.status_code == 201
    low = Policy(retry=Retry(max_wait=5.0))
    error, sleeps = asked(world, busy(("Retry-After", "6")), policy=low)
    assert (error.retry_after, sleeps) == (6.0, [])


def test_a_wait_past_the_deadline_raises_at_once(world: World) -> None:
    """With a deadline, that is the measure: 3 s do not fit into 2, and the error says 3."""
    began = time.monotonic()
    error, sleeps = asked(
        world, busy(("Retry-After", "3")), policy=Policy(retry=Retry(base=0.0), deadline=2.0)
    )
    assert type(error) is RateLimitError
    assert (error.retry_after, sleeps) == (3.0, [])
    assert time.monotonic() - began < 1.5


def test_a_wait_within_the_deadline_may_pass_max_wait(world: World) -> None:
    """A caller who gave the call 300 s is taken at that word."""
    response, sleeps = asked(
        world, busy(("Retry-After", "200")), policy=Policy(retry=Retry(), deadline=300.0)
    )
    assert response.status_code == 201
    assert sleeps == [200.0]


def test_it_is_really_never_early(world: World) -> None:
    """On a real clock, the second request comes no sooner than was asked."""
    times: list[float] = []

    def note(act: Act) -> Any:
        return lambda seen: (times.append(time.monotonic()), act)[1]

    with Server([note(busy(("Retry-After", "0.3"))), note(Act())]) as server:
        world.run(
            lambda client: client.get("/records"),
            base_url=server.url,
            policy=QUICK,
            really_sleeps=True,
        )
    assert 0.3 <= times[1] - times[0] < 1.5


def test_a_permanent_error_says_when_too(world: World) -> None:
    """`.retry_after` is on every error that came with one, sent again or not."""
    error, _ = asked(world, refusal(422, "invalid", headers=(("Retry-After", "9"),)))
    assert error.retry_after == 9.0
