"""What answers say of their caller's quota, in every spelling that is out there, and in none."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell.quotas import Quota, parse_quotas

NOW = 1_800_000_000.0
DATE = formatdate(NOW, usegmt=True)


def trio(limit: str, remaining: str, reset: str, prefix: str = "X-RateLimit-") -> dict[str, str]:
    return {f"{prefix}Limit": limit, f"{prefix}Remaining": remaining, f"{prefix}Reset": reset}


@pytest.mark.parametrize(
    ("reset", "seconds", "exact"),
    [
        ("30", 30.0, False),
        ("0", 0.0, False),
        ("0.25", 0.25, True),
        ("1800000042", 42.0, False),
        ("1800000042.5", 42.5, True),
        ("1800000042500", 42.5, True),
        ("1799999990", 0.0, False),
        ("-5", 0.0, False),
        ("6m0s", 360.0, True),
        ("1h2m3.5s", 3723.5, True),
        ("20ms", 0.02, True),
        ("120ms", 0.12, True),
        ("never", None, True),
        ("", None, True),
        ("1e3", None, True),
    ],
)
def test_a_reset_is_a_span_or_a_time(reset: str, seconds: float | None, exact: bool) -> None:
    """Epoch or delta, seconds or milliseconds, or words such as 6m0s; a time in the past is now."""
    (quota,) = parse_quotas(trio("60", "7", reset) | {"Date": DATE}, NOW)
    assert (quota.limit, quota.remaining) == (60, 7)
    assert quota.reset == (seconds if seconds is None else pytest.approx(seconds))
    assert quota.exact is exact


def test_an_epoch_reset_goes_by_the_servers_own_clock() -> None:
    """The client's clock is an hour slow; the reset is 42 s after the answer's `Date`."""
    (quota,) = parse_quotas(trio("60", "7", "1800000042") | {"date": DATE}, NOW - 3600)
    assert quota.reset == 42.0


@pytest.mark.parametrize(
    ("fields", "quotas"),
    [
        ({}, []),
        ({"content-type": "application/json"}, []),
        (trio("100", "99", "1", "RateLimit-"), [Quota("", 100, 99, 1.0)]),
        (trio("100", "99", "1", "X-Rate-Limit-"), [Quota("", 100, 99, 1.0)]),
        ({"X-RateLimit-Remaining": "5"}, [Quota("", None, 5, None, True)]),
        ({"X-RateLimit-Limit": "5"}, []),
        (
            {"RateLimit": '"default";r=50;t=30', "RateLimit-Policy": '"default";q=100;w=60'},
            [Quota("default", 100, 50, 30.0)],
        ),
        ({"RateLimit": "default;r=50"}, [Quota("default", None, 50, None)]),
        (
            {
                "RateLimit": '"m";r=5;t=3, "h";r=500;t=1800',
                "RateLimit-Policy": '"m";q=60;w=60, "h";q=1000;w=3600',
            },
            [Quota("m", 60, 5, 3.0), Quota("h", 1000, 500, 1800.0)],
        ),
        ({"RateLimit": '"default";t=30'}, []),
        (
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": "59",
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-limit-tokens": "150000",
                "x-ratelimit-remaining-tokens": "149984",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            [Quota("requests", 60, 59, 1.0, True), Quota("tokens", 150000, 149984, 360.0, True)],
        ),
    ],
)
def test_each_spelling(fields: dict[str, str], quotas: list[Quota]) -> None:
    """The standard, its drafts, the trio without a standard, and several windows at once."""
    assert list(parse_quotas(fields, NOW)) == quotas


@pytest.mark.parametrize(
    "said",
    ["", " ", "NaN", "inf", "-inf", "1" * 400, "0x10", "٣", "1_000", "5;5", "\x00", "5, 5", "é"],
)
def test_what_is_no_number_says_nothing(said: str) -> None:
    """A remaining that cannot be read is no quota."""
    assert parse_quotas(trio("60", said, "1"), NOW) == ()


FIELDS = st.dictionaries(
    st.sampled_from(
        ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit",
         "RateLimit-Policy", "RateLimit-Remaining", "RateLimit-Reset", "Date", "x-ratelimit-foo",
         "x-ratelimit-remaining-day"]
    ),
    st.one_of(
        st.text(max_size=60),
        st.from_regex(r'\A("?[a-z]{0,5}"?(;[rtqw]=[0-9.-]{0,22}){0,4},?){0,4}\Z'),
        st.from_regex(r"\A-?[0-9]{0,25}(\.[0-9]{0,12})?\Z"),
        st.from_regex(r"\A([0-9]{0,9}[hms]{1,2}){0,5}\Z"),
    ),
)  # fmt: skip


@given(FIELDS, st.floats(0, 4e9))
def test_whatever_a_peer_says_is_read_or_left(fields: dict[str, str], now: float) -> None:
    """Never an exception, never a number that cannot be waited for."""
    for quota in parse_quotas(fields, now):
        assert 0 <= quota.remaining < 10**18
        assert quota.limit is None or 0 <= quota.limit < 10**18
        assert quota.reset is None or 0 <= quota.reset < 2**32


def test_a_flood_of_windows_is_bounded() -> None:
    """Of a field of a megabyte the first eight windows are read."""
    assert len(parse_quotas({"RateLimit": "a;r=1," * 200_000}, NOW)) == 8
