"""Header fields that speak of failure, as friends and enemies write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell.headers import (
    LONGEST,
    check_idempotency_key,
    dump_retry_after,
    is_json,
    media_type,
    parse_date,
    parse_idempotency_key,
    parse_retry_after,
)

NOW = 784_111_777.0
"""Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 section 5.6.7."""

FORMS = [
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
]


def wait(value: str | None, date: str | None = None, now: float = NOW) -> float | None:
    return parse_retry_after(value, date=date, now=now)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 5\t", 5.0),
        ("007", 7.0),
        ("1.5", 1.5),
        ("2.", 2.0),
        (".25", 0.25),
        ("-1", 0.0),
        ("-0.5", 0.0),
        ("9" * 400, LONGEST),
        ("1" + "0" * 9, LONGEST),
        ("0" * 400 + "3", 3.0),
    ],
)
def test_retry_after_in_seconds(value: str, seconds: float) -> None:
    """Whole and decimal seconds are read; a negative number is no wait, a huge one is bounded."""
    assert wait(value) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1, 3", 3.0),
        ("3,1", 3.0),
        ("5, soon", 5.0),
        ("soon, 5", None),
        (", 7,", 7.0),
        (f"{FORMS[0]}, 60", 60.0),
        (f"10, {FORMS[0]}", 30.0),
        (f"{FORMS[1]}, {FORMS[0]}", 30.0),
        (",", None),
    ],
)
def test_of_several_fields_the_longest_holds(value: str, seconds: float | None) -> None:
    """A proxy may add a `Retry-After` of its own: nobody is to come back before either is over."""
    assert wait(value, date="Sun, 06 Nov 1994 08:49:07 GMT") == seconds


@pytest.mark.parametrize("form", FORMS)
def test_a_date_is_read_in_all_three_forms(form: str) -> None:
    """IMF-fixdate, RFC 850 and asctime dates are the same instant, in GMT."""
    assert parse_date(form) == NOW


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("skew", [-86400.0, -30.0, 0.0, 30.0, 86400.0])
def test_a_date_is_measured_by_the_servers_own_clock(form: str, skew: float) -> None:
    """However wrong our clock is, the wait is the difference to the answer's own `Date`."""
    assert wait(form, date="Sun, 06 Nov 1994 08:49:07 GMT", now=NOW + skew) == 30.0


@pytest.mark.parametrize("date", [None, "", "yesterday", "\x00"])
def test_without_a_date_our_own_clock_counts(date: str | None) -> None:
    """Where the answer has no readable `Date`, the wait is counted from now."""
    assert wait(FORMS[0], date=date, now=NOW - 45) == 45.0


def test_a_date_in_the_past_is_no_wait() -> None:
    """A date that is over asks for nothing."""
    assert wait(FORMS[0], now=NOW + 1) == 0.0
    assert wait(FORMS[0], date="Sun, 06 Nov 1994 09:00:00 GMT", now=0.0) == 0.0


@pytest.mark.parametrize(
    "value",
    [
        "Fri, 31 Dec 999999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Friday, 31-Dec-999999 23:59:59 GMT",
        "Fri Dec 31 23:59:59 999999",
        "Fri, 01 Jan 10000 00:00:00 GMT",
    ],
)
def test_a_date_beyond_all_calendars_is_the_longest_wait(value: str) -> None:
    """A year that no calendar holds is far away, not unreadable: never earlier than asked."""
    assert wait(value) == LONGEST


@pytest.mark.parametrize(
    "value",
    [
        None, "", " ", "soon", "1e3", "0x10", "+5", "5 s", "1_000", "٣", "½", "NaN",
        "inf", "-", ".", "--1", "1.2.3", "\x00", "5\x00", "Sun", "Nov 1994", "99 Foo 1994",
        "Sun, 06 Nov 1994", "1 2 3 4 5 6 7 8 9", ":" * 999, "-" * 999, "Sun, " * 999, "é" * 999,
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_none(value: str | None) -> None:
    """Garbage is no wait at all, and no exception."""
    assert wait(value) is None


@given(st.text(), st.none() | st.text(), st.floats(0, 1e12))
def test_no_text_makes_the_parser_raise(value: str, date: str | None, now: float) -> None:
    """Any text gives None or a wait between 0 and the longest."""
    seconds = wait(value, date, now)
    assert seconds is None or 0.0 <= seconds <= LONGEST


PIECES = st.sampled_from(
    [
        "Sun",
        ",",
        " ",
        "-",
        ":",
        "06",
        "Nov",
        "1994",
        "99999999999",
        "08:49:37",
        "GMT",
        "+9999",
        "\x00",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_no_half_date_makes_the_parser_raise(value: str) -> None:
    """Dates with parts missing, doubled or absurd are read or passed over."""
    assert parse_date(value) is None or isinstance(parse_date(value), float)
    wait(value, value)


@given(st.floats(0, LONGEST))
def test_what_is_asked_for_is_never_shortened(seconds: float) -> None:
    """Written and read again, a wait is at least as long as it was, and at most 1 s longer."""
    said = wait(dump_retry_after(seconds))
    assert said is not None
    assert seconds <= said <= seconds + 1


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0"), (-3, "0"), (1.2, "2"), (1e300, "1000000000")]
)
def test_retry_after_is_written_in_whole_seconds(seconds: float, text: str) -> None:
    """A server writes whole seconds, rounded up, and no more than the longest."""
    assert dump_retry_after(seconds) == text


@pytest.mark.parametrize("key", ["a", "!", "~", "k" * 255, "a-b_c.d:e/f", '"', "order-17", "'"])
def test_a_good_key_is_taken_as_it_is(key: str) -> None:
    """One to 255 visible ASCII characters without a comma are a key."""
    assert check_idempotency_key(key) == key
    assert parse_idempotency_key([key]) == key


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("", "is empty"),
        ("k" * 256, "has 256 characters: at most 255"),
        ("clé", "visible ASCII"),
        ("a b", "visible ASCII"),
        (" ", "visible ASCII"),
        ("a\tb", "visible ASCII"),
        ("a\nb", "visible ASCII"),
        ("a\n", "visible ASCII"),
        ("a\x00", "visible ASCII"),
        ("a\x7f", "visible ASCII"),
        ("٣", "visible ASCII"),
        ("a,b", "comma"),
        (5, "of type int"),
        (b"k", "of type bytes"),
    ],
)
def test_a_bad_key_is_refused_with_the_reason(key: Any, says: str) -> None:
    """What is no key raises `ValueError`, whose message says what is wrong with it."""
    with pytest.raises(ValueError, match=says):
        check_idempotency_key(key)


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ([], None),
        (["abc"], "abc"),
        ([" abc\t"], "abc"),
        (['"abc"'], "abc"),
        (['"a\\"b\\\\c"'], 'a"b\\c'),
        (['"'], '"'),
    ],
)
def test_a_key_is_read_bare_or_quoted(lines: list[str], key: str | None) -> None:
    """A quoted string and a bare token are the same key; no line is no key."""
    assert parse_idempotency_key(lines) == key


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["a", "b"], "2 Idempotency-Key header lines"),
        (["a", "a"], "2 Idempotency-Key header lines"),
        (["a, b"], "visible ASCII|comma"),
        (["a,b"], "comma"),
        (['"a,b"'], "comma"),
        ([""], "empty"),
        (["  "], "empty"),
        (['""'], "empty"),
        (['"a b"'], "visible ASCII"),
        (['"' + "k" * 256 + '"'], "256 characters"),
    ],
)
def test_what_is_not_one_key_is_refused(lines: list[str], says: str) -> None:
    """Two lines, a list, or an empty or badly spelled key raise `ValueError` with the reason."""
    with pytest.raises(ValueError, match=says):
        parse_idempotency_key(lines)


@given(st.lists(st.text(max_size=300), max_size=3))
def test_a_key_is_read_or_refused_and_nothing_else(lines: list[str]) -> None:
    """Whatever the lines hold: a good key, None, or `ValueError`."""
    try:
        key = parse_idempotency_key(lines)
    except ValueError:
        return
    assert key is None or check_idempotency_key(key) == key


@pytest.mark.parametrize(
    ("content_type", "media", "json"),
    [
        (None, "", False),
        ("", "", False),
        ("application/json", "application/json", True),
        (" Application/JSON ; charset=utf-8", "application/json", True),
        ("application/problem+json", "application/problem+json", True),
        ("text/html; x=application/json", "text/html", False),
        ("application/jsonlines", "application/jsonlines", False),
        ("application/json-seq", "application/json-seq", False),
    ],
)
def test_media_types(content_type: str | None, media: str, json: bool) -> None:
    """The type is read without parameters or case, and is JSON by name or suffix only."""
    assert media_type(content_type) == media
    assert is_json(media) is json
