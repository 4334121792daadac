"""Any body at all, and any other dialect fed with any body at all."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell import GENERIC
from failwell.contract import Dialect
from failwell.dialects import Flat, Generic, Nested, Problem, generic, issues
from failwell.model import Failure, Headers, Issue, Outcome, Request, Response, kind_of
from failwell.policy import evidence

ALL: list[Dialect] = [
    Generic(),
    Problem(),
    Nested(),
    Nested(details="details", request_id="request_id", timestamp="timestamp", outcome="outcome"),
    Flat(),
    Flat(details="detail", request_id="request_id", timestamp="timestamp", outcome="outcome"),
]
STATUS = st.integers(100, 999)
MEDIA = st.sampled_from(
    ["", "application/json", "application/problem+json", "text/html", "text/plain", "\x00"]
)
NAMES = st.sampled_from(
    ["error", "errors", "message", "detail", "details", "title", "type", "code", "status", "msg",
     "outcome", "request_id", "timestamp", "loc", "pointer", "path", "fault", "data", "instance"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["applied", "not_started", "about:blank", "", " ", "\ud800", "\x00"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


def reply(status: int, body: bytes, media: str = "") -> Response:
    return Response(status=status, body=body, headers=Headers({"content-type": media}))


def check(failure: Failure, status: int) -> None:
    """What holds for every reading of every body."""
    assert (failure.kind, failure.status) == (kind_of(status), status)
    assert failure.message.strip()
    failure.details  # noqa: B018


@given(STATUS, st.binary(max_size=500), MEDIA)
def test_any_bytes_are_read(status: int, body: bytes, media: str) -> None:
    """No dialect raises, and the generic reading always has a message."""
    answer = reply(status, body, media)
    for dialect in ALL:
        dialect.parse(answer)
    check(generic.read(answer), status)


@given(STATUS, VALUES, MEDIA)
def test_any_json_is_read(status: int, value: Any, media: str) -> None:
    """Whatever stands where a code, a sentence or an outcome is looked for."""
    answer = reply(status, json.dumps(value).encode("utf-8", "surrogatepass"), media)
    for dialect in ALL:
        failure = dialect.parse(answer)
        if failure is not None:
            assert (failure.kind, failure.status) == (kind_of(status), status)
            dialect.render(failure)
    check(generic.read(answer), status)


@given(STATUS, VALUES, st.integers(0, 400))
def test_any_json_is_read_wherever_it_was_cut(status: int, value: Any, end: int) -> None:
    """A body that broke off is read as far as it goes."""
    whole = json.dumps({"error": value, "message": "hello"}).encode("utf-8", "surrogatepass")
    check(generic.read(reply(status, whole[:end], "application/json")), status)


SENTENCES = st.text(
    st.characters(codec="utf-8", categories=["L", "N"]), min_size=5, max_size=40
).map(lambda words: f"The {words} is wrong")
SHAPES = {
    "problem": lambda s: {"type": "about:blank", "title": "Bad", "detail": s},
    "title": lambda s: {"type": "about:blank", "title": s},
    "nested": lambda s: {"error": {"code": "x", "message": s}},
    "nested text": lambda s: {"error": s},
    "flat": lambda s: {"code": "x", "message": s},
    "fastapi": lambda s: {"detail": s},
    "fastapi list": lambda s: {"detail": [{"loc": ["body"], "msg": s, "type": "x"}]},
    "list": lambda s: [{"message": s}],
    "strings": lambda s: [s],
    "string": lambda s: s,
    "errors": lambda s: {"errors": [{"detail": s}]},
    "by field": lambda s: {"errors": {"name": [s]}},
    "by field, bare": lambda s: {"name": [s]},
    "oauth": lambda s: {"error": "x", "error_description": s},
    "nest": lambda s: {"statusCode": 400, "message": [s], "error": "Bad Request"},
    "nest, by field": lambda s: {"message": {"name": [s]}, "error": "Bad Request"},
    "by field, beside a title": lambda s: {"title": "Bad Request", "name": [s]},
    "by field, bare strings": lambda s: {"errors": {"name": s}, "error": "Bad Request"},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@given(sentence=SENTENCES)
def test_the_human_sentence_is_kept(shape: Any, sentence: str) -> None:
    """In every shape that is in use the sentence comes out, word for word."""
    body = json.dumps(shape(sentence)).encode()
    assert generic.read(reply(400, body, "application/json")).message == sentence


SEVERAL = {
    "nest": lambda a, b: {"message": [a, b], "error": "Bad Request"},
    "beside a sentence": lambda a, b: {"message": [b], "error": a},
    "beside a code": lambda a, b: {"message": [a, b], "error": "ValidationError"},
    "fields": lambda a, b: {"message": {"age": a, "name": [b]}, "title": "Unprocessable Entity"},
    "titles": lambda a, b: {"message": {"title": a, "body": b}, "error": "Bad Request"},
    "fields at the top": lambda a, b: {"age": [a], "name": [b], "code": "invalid"},
    "fields under error": lambda a, b: {"error": {"age": [a, b]}, "title": "Bad Request"},
    "fields under detail": lambda a, b: {"detail": {"age": [a], "name": [b]}, "error": "x"},
    "constraints": lambda a, b: {
        "message": [{"property": "age", "constraints": {"isInt": a, "max": b}}],
        "error": "Bad Request",
    },
    "messages": lambda a, b: {"messages": [a, b], "title": "Content Too Large"},
    "violations": lambda a, b: {"title": a, "violations": [{"propertyPath": "x", "title": b}]},
}


@pytest.mark.parametrize("shape", SEVERAL.values(), ids=SEVERAL)
def test_every_sentence_is_kept(shape: Any) -> None:
    """A short label beside them takes the place of none: each is in the message or an issue."""
    first, second = "The age is wrong", "The name is wrong"
    failure = generic.read(reply(400, json.dumps(shape(first, second)).encode()))
    told = [failure.message, *(issue.message for issue in failure.issues)]
    assert all(any(said in one for one in told) for said in (first, second))
    assert "Bad Request" not in told


def test_a_field_of_a_violation_has_its_path() -> None:
    """By whichever name frameworks call it."""
    for name in ("field", "path", "param", "property", "propertyPath"):
        body = {"violations": [{name: "age", "message": "too low"}], "title": "Bad Request"}
        (issue,) = generic.read(reply(400, json.dumps(body).encode())).issues
        assert (issue.path, issue.message) == ("age", "too low")


def test_an_object_that_speaks_is_no_list_of_fields() -> None:
    """What stands beside a sentence and a code is not taken for what is wrong with a field."""
    for name in ("message", "errors", "error"):
        body = {name: {"message": "No such oven", "code": "E1", "path": "/ovens", "ids": ["a"]}}
        failure = generic.read(reply(400, json.dumps(body).encode()))
        assert (failure.message, failure.code, failure.issues) == ("No such oven", "E1", ())
    body = {"error": "Conflict", "code": "taken", "ids": ["7", "8"], "roles": ["admin"]}
    failure = generic.read(reply(409, json.dumps(body).encode()))
    assert (failure.message, failure.code, failure.issues) == ("Conflict", "taken", ())
    body = {"error": "Bad Request", "age": ["必須項目です。"]}
    assert generic.read(reply(400, json.dumps(body).encode())).message == "必須項目です。"


@given(SENTENCES)
def test_the_human_sentence_is_kept_outside_json(sentence: str) -> None:
    """As a line of text, in a page, in another encoding, or at the end of what was cut."""
    for body in (
        sentence.encode(),
        f"<html><h1>{sentence}</h1></html>".encode(),
        f"<p>{sentence}".encode(),
        json.dumps({"message": sentence}).encode("utf-16"),
        b"\xef\xbb\xbf" + json.dumps({"message": sentence}, ensure_ascii=False).encode(),
        json.dumps({"code": "x", "detail": sentence}).encode()[:-1],
        json.dumps({"error": "Bad Request", "message": [sentence]}).encode()[:-2],
        json.dumps({"code": "x", "detail": sentence}, ensure_ascii=False).encode()[:-2],
    ):
        assert generic.read(reply(400, body)).message == sentence


def test_a_sentence_is_bounded_and_clean() -> None:
    """A megabyte of message is cut, and control characters do not reach the terminal."""
    long = json.dumps({"message": "x" * 1_000_000}).encode()
    assert len(generic.read(reply(400, long)).message) == 1000
    assert generic.read(reply(400, b"red \x1b[31m\x07 text")).message == "red [31m text"


MIB = 1024 * 1024
HOSTILE = {
    "tags": b"<p>" * (MIB // 3),
    "open tags": b"<p " * (MIB // 3),
    "scripts": b"<script>" * (MIB // 8),
    "headings": b"<h1></p" * (MIB // 7),
    "closing": b"<h1>" + b"</h1 " * (MIB // 5),
    "comments": b"<!--" * (MIB // 4),
    "spaces": b" " * MIB,
    "spaces in a field": b'"message"' + b" " * MIB,
    "quotes": b'"' * MIB,
    "escapes": b'"message":"' + b"\\" * MIB,
    "brackets": b"[" * MIB,
    "braces": b'{"error":' * (MIB // 9),
    "entities": b"&lt;" * (MIB // 4),
    "numerals": b"&#" + b"9" * MIB,
    "issues": b"[" + b'"x",' * (MIB // 4) + b'"x"]',
    "fields": b'{"a":["x"]' + b',"a":["x"]' * (MIB // 10) + b"}",
    "paths": json.dumps([{"message": "x", "path": "a[" * (MIB // 2)}]).encode(),
    "pointer": json.dumps([{"message": "x", "pointer": "#" + "%" * MIB}]).encode(),
    "digits": b"9" * MIB,
    "type": b'{"title":"x","type":"' + b"/#" * (MIB // 2) + b'"}',
    "not UTF-8": b"\xff" * MIB,
    "UTF-16": b"\xff\xfe" + b"\x00\xd8" * (MIB // 2),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bodies_take_bounded_time(body: bytes) -> None:
    """A megabyte made to hurt is read in well under a second by every dialect together."""
    began = time.process_time()
    for media in ("application/json", "application/problem+json"):
        for dialect in ALL:
            dialect.parse(reply(400, body, media))
    check(generic.read(reply(400, body, "text/html")), 400)
    assert time.process_time() - began < 2.0


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("name", "/name"),
        ("parameters[0].bounds", "/parameters/0/bounds"),
        ("a.b.c", "/a/b/c"),
        ("[3]", "/3"),
        ("a/b.c~d", "/a~1b/c~0d"),
        ("", ""),
    ],
)
def test_a_path_becomes_a_pointer(path: str, pointer: str) -> None:
    """Dots and brackets are steps; `~` and `/` are escaped (RFC 6901 section 3)."""
    assert issues.pointer_of(path) == pointer


@pytest.mark.parametrize(
    "items", [None, "x", 3, [None, 3, [], {}, {"message": 3}, {"loc": ["a"]}], {"a": 3, "b": [3]}]
)
def test_what_is_no_issue_is_passed_over(items: Any) -> None:
    """Lists of something else make no issues."""
    assert issues.read(items) == ()


def test_issues_are_bounded() -> None:
    """Of ten thousand problems the first hundred are read."""
    many = [{"message": str(number)} for number in range(10_000)]
    assert issues.read(many) == tuple(Issue(message=str(number)) for number in range(100))
    assert len(issues.read({str(n): ["x"] * 50 for n in range(100)})) == 100


def test_an_outcome_in_an_undeclared_body_is_not_evidence() -> None:
    """Some other API's word `outcome` must not lead to a second order."""
    said = {"title": "Failed", "status": 500, "outcome": "not_started"}
    body = json.dumps(said).encode()
    fields = Headers({"content-type": "application/problem+json"})
    verdict = evidence.judge(
        GENERIC,
        Request(method="POST", url="http://x"),
        Response(status=500, headers=fields, body=body),
    )
    assert verdict is not None
    assert verdict.outcome is Outcome.UNKNOWN
