"""The named fields of a body are found where they stand, in each format, whole or cut."""

from __future__ import annotations

import pytest

from failwell.redaction import fields

FORM_OF_PARTS = (
    b"--edge\r\n"
    b'Content-Disposition: form-data; name="user"\r\n\r\nadam\r\n'
    b"--edge\r\n"
    b'Content-Disposition: form-data; name="word"; filename="key.pem"\r\n'
    b"Content-Type: text/plain\r\n\r\ntwo\r\nlines\r\n"
    b"--edge--\r\n"
)
CASES: dict[str, tuple[bytes, list[tuple[bytes, list[str]]]]] = {
    "text": (b'{"a": 1, "word": "x\\"y"}', [(b'"x\\"y"', ['x"y'])]),
    "number": (b'{"word":12345, "b": 2}', [(b"12345", ["12345"])]),
    "list": (b'{"word" : ["x", "y"]}', [(b'["x", "y"]', ["x", "y"])]),
    "list of numbers": (b'{"word": [1, 2]}', [(b"[1, 2]", [])]),
    "object": (
        b'{"word":{"old":"x","more":[{"z":7}]},"b":1}',
        [(b'{"old":"x","more":[{"z":7}]}', ["x", "7"])],
    ),
    "brackets in a text": (b'{"word":{"a":"}]"},"b":1}', [(b'{"a":"}]"}', ["}]"])]),
    "one in another": (b'{"word":{"word":"x"}}', [(b'{"word":"x"}', ["x"])]),
    "two": (b'[{"word":"x"},{"word":"y"}]', [(b'"x"', ["x"]), (b'"y"', ["y"])]),
    "nothing": (b'{"word": null, "b": {"word": true}}', []),
    "cut in a text": (b'{"word": "x', [(b'"x', ["x"])]),
    "cut in an object": (b'{"word": {"a": "x", "b": "y', [(b'{"a": "x", "b": "y', ["x", "y"])]),
    "JSON in prose": (b'You sent {"word": "x"}.', [(b'"x"', ["x"])]),
    "no value": (b'{"word": }', []),
    "form": (b"a=b&word=x+y%26z&c=d", [(b"x+y%26z", ["x y&z"])]),
    "form, name escaped": (b"wor%64=x", [(b"x", ["x"])]),
    "parts": (FORM_OF_PARTS, [(b"two\r\nlines", ["two\r\nlines"])]),
    "parts, cut": (FORM_OF_PARTS[:-15], [(b"two\r\nli", ["two\r\nli"])]),
    "XML": (b"<?xml version='1.0'?><a><word>x &amp; y</word></a>", [(b"x &amp; y", ["x & y"])]),
    "XML, prefix": (b'<s:a><s:word kind="k">x</s:word></s:a>', [(b"x", ["x"])]),
    "XML, CDATA": (b"<a><word><![CDATA[x]]></word></a>", [(b"x", ["x"])]),
    "XML, attributes": (b"<a word=\"x\" b='c'/><a word='y'/>", [(b"x", ["x"]), (b"y", ["y"])]),
    "XML, cut": (b"<a><word>x", [(b"x", ["x"])]),
    "prose": (b"the word: x", []),
    "nothing at all": (b"", []),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_field_is_found_where_its_value_stands(
    case: tuple[bytes, list[tuple[bytes, list[str]]]],
) -> None:
    """What it says, decoded, and the very bytes that spell it."""
    body, expected = case
    found = list(fields.find(body, lambda name: name == "word"))
    assert [(body[one.start : one.end], sorted(one.values(body))) for one in found] == [
        (spelled, sorted(values)) for spelled, values in expected
    ]
    assert {one.name for one in found} <= {"word"}
