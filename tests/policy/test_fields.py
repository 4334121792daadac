"""Which header fields of a write are kept, so that the same request can be sent again."""

from __future__ import annotations

import pytest

from failwell.model import AUTH, Headers, Request
from failwell.policy import fields

SECRET = "s3cr3t-s3cr3t"


def kept(given: dict[str, str], key: str | None = None, *own: str) -> fields.Kept:
    """What is kept of a request with these fields, of which those named are its own."""
    return fields.kept(
        Request(
            method="POST",
            url="https://user@api.example.org:8443/v1/jobs",
            headers=Headers(given),
            key=key,
            own=lambda names: tuple(name for name in own if name == AUTH or name in names),
        )
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Stripe-Account", "acct_1032D82eZvKYlo2C"),
        ("If-Match", 'W/"33a64df551425fcc55e4d42a148795d9f25f89d4"'),
        ("Content-Encoding", "gzip"),
        ("Accept", "application/json"),
        ("Host", "tenant-7.example.org"),
        ("Idempotency-Key", "not-the-call's"),
    ],
)
def test_what_says_what_is_asked_for_is_kept(name: str, value: str) -> None:
    """Accounts, preconditions, codings, media types: by name in lower case."""
    assert kept({name: value}) == fields.Kept(((name.lower(), value),), ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Accept", "*/*"),
        ("Accept-Encoding", "gzip, br"),
        ("Connection", "keep-alive"),
        ("Content-Length", "12"),
        ("Content-Type", "application/json"),
        ("Host", "api.example.org:8443"),
        ("Proxy-Authorization", f"Basic {SECRET}"),
        ("Transfer-Encoding", "chunked"),
        ("User-Agent", "python-httpx2/2.0"),
        ("Request-Token", "k-1"),
    ],
)
def test_what_is_made_anew_is_neither_kept_nor_missed(name: str, value: str) -> None:
    """Hop-by-hop fields, those of the HTTP library, and the key, which is kept elsewhere."""
    assert kept({name: value}, "k-1", name.lower()) == fields.Kept((), ())


LOST = [
    ("Authorization", f"Bearer {SECRET}"),
    ("Cookie", f"session={SECRET}"),
    ("X-Api-Key", SECRET),
    ("X-Caller", f"Token {SECRET}"),
    ("X-Identity", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"),
    ("Referer", f"https://user:{SECRET}@example.org/"),
    ("X-Note", "é"),
    ("X-Note", "n" * (fields.KEPT_FIELDS + 1)),
]


@pytest.mark.parametrize(("name", "value"), LOST, ids=lambda part: part[:12])
def test_what_is_secret_or_too_large_is_named_where_it_was_the_calls_own(
    name: str, value: str
) -> None:
    """No value of it is kept; what the client sends with every call is not missed."""
    lower = name.lower()
    assert kept({name: value}, None, lower) == fields.Kept((), (lower,))
    assert kept({name: value}) == fields.Kept((), ())


def test_no_more_is_kept_than_that() -> None:
    """Many small fields are bounded as one large one is."""
    many = {f"X-{number}": "n" * 1000 for number in range(40)}
    some = kept(many, None, *(name.lower() for name in many))
    assert sum(len(name) + len(value) for name, value in some.fields) <= fields.KEPT_FIELDS
    assert len(some.fields) + len(some.withheld) == 40


def test_an_auth_of_its_own_is_missed_by_name() -> None:
    """Whatever an auth adds is not among the fields: it is named for what it is."""
    assert kept({}, None, AUTH) == fields.Kept((), (AUTH,))


@pytest.mark.parametrize(
    ("withheld", "again"),
    [
        (("cookie",), "headers={'cookie': ...})"),
        (("cookie", "x-api-key"), "headers={'cookie': ..., 'x-api-key': ...})"),
        ((AUTH,), "error, auth=...)"),
        (("cookie", AUTH), "headers={'cookie': ...}, auth=...)"),
    ],
)
def test_what_is_missing_is_asked_for(withheld: tuple[str, ...], again: str) -> None:
    """The words spell the call that gives it again."""
    told = fields.why_another(withheld)
    assert told is not None
    assert again in told


def test_nothing_missing_is_nothing_to_say() -> None:
    """A request that was kept whole is the same request."""
    assert fields.why_another(()) is None


def test_what_only_has_the_keys_value_is_kept() -> None:
    """A caller's own number may be its key as well; the key itself is kept elsewhere."""
    given = {"Idempotency-Key": "order-17", "X-Order-Id": "order-17"}
    assert kept(given, "order-17") == fields.Kept((("x-order-id", "order-17"),), ())
