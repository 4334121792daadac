"""Which writes of a script are the same one, whenever it is run."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from failwell.policy.likeness import UNPACKED, fingerprint_of, steady
from samples import post, request


def packed(body: bytes, mtime: int) -> dict[str, Any]:
    media = "application/json" if body[:1] == b"{" else "text/plain"
    headers = {"Content-Encoding": "gzip", "Content-Type": media}
    return {"headers": headers, "body": gzip.compress(body, mtime=mtime)}


def digest(**fields: Any) -> str | None:
    return fingerprint_of(post(**fields))


def form(boundary: str) -> dict[str, Any]:
    body = f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--{boundary}--'
    media = f'multipart/form-data; boundary="{boundary}"'
    return {"headers": {"Content-Type": media}, "body": body.encode()}


FORMS = form("abc123"), form("xyz789")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"body": b'{"a":1,"b":2}'}, {"body": b'{ "b": 2, "a": 1 }'}),
        ({"url": "https://a/b?x=1&y=2"}, {"url": "https://a/b?y=2&x=1"}),
        ({"url": "https://a/b?api_key=old"}, {"url": "https://a/b?api_key=new"}),
        ({"url": "https://me:secret@a/b"}, {"url": "https://a/b"}),
        ({"key": "k1"}, {"key": "k2"}),
        ({"headers": {"Authorization": "Bearer a"}}, {"headers": {"Authorization": "Bearer b"}}),
        FORMS,
        (packed(b'{"a":1}', mtime=1), packed(b'{ "a": 1 }', mtime=2)),
        (packed(b"plain", mtime=1), packed(b"plain", mtime=2)),
    ],
)
def test_what_differs_from_run_to_run_does_not_count(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    """Spelling, credentials, keys, a form's boundary and gzip's clock do not make another write."""
    assert digest(**one) == digest(**other)


@pytest.mark.parametrize(
    "body", [b"no gzip", gzip.compress(b"cut")[:-3], gzip.compress(b"a") + b"more", b""]
)
def test_what_cannot_be_unpacked_is_told_as_it_is(body: bytes) -> None:
    """And so is what would be too large to look at."""
    fields = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}
    plain = {"Content-Type": "text/plain"}
    assert digest(body=body, headers=fields) == digest(body=body, headers=plain)
    bomb = gzip.compress(bytes(UNPACKED + 1), 1)
    assert digest(body=bomb, headers=fields) == digest(body=bomb, headers=plain)


def test_a_form_is_steady_under_a_boundary_of_its_own() -> None:
    """The same form has the same bytes in each run, and another one others; what is no form stays
    as it is."""
    one, again = (steady(part["headers"]["Content-Type"], part["body"]) for part in FORMS)
    assert one == again
    assert one is not None
    media, body = one
    boundary = media.partition("boundary=")[2]
    assert body.startswith(f"--{boundary}\r\n".encode())
    assert body.endswith(f"--{boundary}--".encode())
    assert b"abc123" not in body
    assert steady("multipart/form-data", b"no boundary") is None
    assert steady("application/json", b"{}") is None


@pytest.mark.parametrize(
    "other",
    [
        {"body": b'{"name":"b"}'},
        {"url": "https://api.example.org/v1/jobs?dry=1"},
        {"url": "https://api.example.com/v1/jobs"},
        {"url": "http://api.example.org/v1/jobs"},
        {"headers": {"Content-Type": "text/plain"}, "body": b'{ "name":"a"}'},
    ],
)
def test_another_write_is_another_one(other: dict[str, Any]) -> None:
    """Body, query, host and scheme count."""
    assert digest(**other) != digest()


def test_the_method_counts() -> None:
    """A PUT is not the POST of the same thing."""
    assert fingerprint_of(request("PUT")) != fingerprint_of(request("POST"))


def test_a_stream_cannot_be_told() -> None:
    """Nobody has read it, so nobody knows what it is."""
    assert digest(body=None) is None
