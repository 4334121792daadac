"""A pipeline carries a tag in its description, and gives the caller's own words back."""

from __future__ import annotations

import pytest

from failwell.apis.ionworks import IONWORKS
from failwell.apis.ionworks.client.records import Pipeline
from failwell.apis.ionworks.lookup import found, record, request, tag
from failwell.apis.ionworks.tags import is_tagged, tagged, untagged
from failwell.model import Response, Sent

URL = "https://api.ionworks.com/pipelines"


def sent(body: bytes = b'{"elements":{}}', word: str | None = "w-1", **more: str) -> Sent:
    return Sent(**{"method": "POST", "url": URL, "at": 0.0, "body": body, "tag": word} | more)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a":1.10}', b'{"a":1.10,"description":"failwell-tag: w"}'),
        (b'{"description":null}', b'{"description":"failwell-tag: w"}'),
        (b'{"description":"mine"}', b'{"description":"mine\\n\\nfailwell-tag: w"}'),
        (b'{"description":"failwell-tag: old"}', b'{"description":"failwell-tag: w"}'),
        (
            b'{"description":"mine\\n\\nfailwell-tag: old\\n"}',
            b'{"description":"mine\\n\\nfailwell-tag: w"}',
        ),
        (
            b'{"description":"see failwell-tag: x"}',
            b'{"description":"see failwell-tag: x\\n\\nfailwell-tag: w"}',
        ),
    ],
)
def test_a_description_is_tagged(body: bytes, expected: bytes) -> None:
    """In its last line, where that of another pipeline gives way; nothing else is changed."""
    assert tagged(body, "w") == expected == tag(sent(body), "w")


@pytest.mark.parametrize(
    "body", [b"", b"[1]", b"null", b'{"cut": ', b"\xff", b'{"description":["list"]}', b"\x1f\x8b"]
)
def test_what_cannot_be_tagged(body: bytes) -> None:
    """It is sent as it is: no object, or no text."""
    assert tagged(body, "w") is None


@pytest.mark.parametrize(
    "more",
    [{"method": "PATCH"}, {"url": URL + "/1/cancel"}, {"url": URL[:-9] + "cell_specifications"}],
)
def test_what_is_no_new_pipeline(more: dict[str, str]) -> None:
    """It has no tag."""
    assert tag(sent(**more), "w") is None


@pytest.mark.parametrize(
    ("held", "given"),
    [
        (None, None),
        ("", ""),
        ("mine", "mine"),
        ("mine\n\nfailwell-tag: w", "mine"),
        ("failwell-tag: w", None),
        ("see failwell-tag: w", "see failwell-tag: w"),
        ("failwell-tag: two words", "failwell-tag: two words"),
    ],
)
def test_the_callers_own_words(held: str | None, given: str | None) -> None:
    """They are given back as they were, without the tag."""
    assert untagged(held) == given
    pipeline = Pipeline(
        id="1", name="n", status="s", is_terminal=True, is_failed=False, description=held
    )
    assert pipeline.description == given


@pytest.mark.parametrize("description", [None, 3, "w", "failwell-tag: ww", "failwell-tag: w mine"])
def test_another_pipeline(description: object) -> None:
    """A description that says something else is not the one."""
    assert not is_tagged({"description": description}, "w")


def test_the_question_and_the_answer() -> None:
    """The project's pipelines with this tag; one without a tag cannot be asked for, and one that
    is not there may still come."""
    body = b'{"project_id":"p"}'
    asked = "?description=ilike.%25failwell-tag%3A%20w-1%25&project_id=p"
    assert request(sent(body)) == ("GET", URL + asked)
    assert request(sent(word=None)) is None
    item = b'{"id":"7","description":"failwell-tag: w-1"}'
    for page in (b'{"pipelines":[{"id":"8"},3,%s]}' % item, b"[%s]" % item):
        answer = Response(status=200, body=page)
        assert found(sent(), answer)
        shown = record(sent(), answer)
        assert shown is not None
        assert shown["id"] == "7"
    for page in (b'{"pipelines":[{"id":"8"}]}', b"null", b'{"pipelines":3}'):
        assert not found(sent(), Response(status=200, body=page))
    assert IONWORKS.look_up is not None
    assert not IONWORKS.look_up.enforces(sent())
    assert IONWORKS.look_up.enforces(sent(url=URL[:-9] + "cell_specifications"))
