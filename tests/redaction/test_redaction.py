"""Nothing secret is shown, and nothing harmless is hidden."""

from __future__ import annotations

import base64
import html
import json
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell import redaction
from failwell.redaction import MASK

SECRET = "p/ss \"w&rd'<é=+"


@pytest.mark.parametrize(
    "name",
    [
        "password", "Password", "user_password", "newPassword", "passwd", "passphrase", "passcode",
        "pass", "pwd", "secret", "client_secret", "clientSecret", "token", "access_token",
        "refreshToken", "api_key", "apiKey", "api-key", "apikey", "private_key", "access_key",
        "signature", "credential", "authorization", "auth", "oauth", "x-auth", "jwt", "pin", "otp",
        "cookie", "set-cookie", "sig", "signing_key", "encryptionKey", "pass_phrase", "passPhrase",
        "pass_word", "sessionId", "JSESSIONID",
    ],
)  # fmt: skip
def test_names_that_say_secret(name: str) -> None:
    """A field, header or parameter of this name holds a secret."""
    assert redaction.is_secret_field(name)
    assert redaction.is_secret_parameter(name)


@pytest.mark.parametrize(
    "name",
    [
        "author", "authors", "co_author", "authority", "max_tokens", "tokens", "tokenizer",
        "session_id", "key", "keys", "keyboard", "monkey", "compass", "bypass", "passport",
        "passenger", "pinned", "pins", "spin", "design", "sign", "significant", "name", "id",
        "code", "", "idempotency_key", "stepFile", "units",
    ],
)  # fmt: skip
def test_names_of_fields_that_say_nothing(name: str) -> None:
    """A body's field of this name is left alone."""
    assert not redaction.is_secret_field(name)


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("X-API-Key", True), ("Authorization", True), ("Proxy-Authorization", True),
        ("Cookie", True), ("X-Session", True), ("session", True), ("key", True), ("code", True),
        ("Ocp-Apim-Subscription-Key", True), ("X-Amz-Security-Token", True), ("pw", True),
        ("Idempotency-Key", False), ("idempotency_key", False), ("Content-Type", False),
        ("X-Request-Id", False), ("User-Agent", False), ("page", False), ("Accept", False),
    ],
)  # fmt: skip
def test_names_of_headers_and_parameters(name: str, is_secret: bool) -> None:
    """In headers and queries `key` and `session` are secret too; the idempotency key never."""
    assert redaction.is_secret_parameter(name) is is_secret


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.b/c", "https://a.b/c"),
        ("https://a.b/c?page=2&sort=name", "https://a.b/c?page=2&sort=name"),
        ("https://me:pw@a.b/c", "https://a.b/c"),
        ("https://token@a.b/c", "https://a.b/c"),
        ("https://me:p@w@a.b/c", "https://a.b/c"),
        ("https://a.b/?api_key=x&page=2", f"https://a.b/?api_key={MASK}&page=2"),
        ("https://a.b/?TOKEN=x", f"https://a.b/?TOKEN={MASK}"),
        ("https://a.b/?q=eyJhbGciOiJIUzI1NiJ9.e30.x", f"https://a.b/?q={MASK}"),
        ("https://a.b/?eyJhbGciOiJIUzI1NiJ9.e30.x", f"https://a.b/?{MASK}"),
        ("https://a.b/c#access_token=x", "https://a.b/c"),
        ("/c?api_key=x", f"/c?api_key={MASK}"),
        ("https://[bad?x=1", MASK),
        (
            "https://a.b/?job=0f7f6a2e-6a0d-4a57-8d1c-7b0a1f5b9c11",
            "https://a.b/?job=0f7f6a2e-6a0d-4a57-8d1c-7b0a1f5b9c11",
        ),
        ("https://a.b/?at=2024-01-15T10%3A30%3A00Z", "https://a.b/?at=2024-01-15T10%3A30%3A00Z"),
    ],
)
def test_urls(url: str, shown: str) -> None:
    """User info, fragments and secret query values are taken out; ids and dates stay."""
    assert redaction.url(url) == shown


def test_urls_inside_a_text() -> None:
    """Each URL in a sentence is redacted where it stands."""
    told = redaction.urls_in("GET https://me:pw@a.b/?token=x failed, see http://c.d/?page=1.")
    assert told == f"GET https://a.b/?token={MASK} failed, see http://c.d/?page=1."


BASIC = base64.b64encode(f"me:{SECRET}".encode()).decode()
CARRIERS: dict[str, tuple[dict[str, str], str, bytes]] = {
    "bearer": ({"Authorization": f"Bearer {SECRET}"}, "https://a.b/", b""),
    "basic": ({"authorization": f"Basic {BASIC}"}, "https://a.b/", b""),
    "bare": ({"Authorization": SECRET}, "https://a.b/", b""),
    "X-API-Key": ({"X-API-Key": SECRET}, "https://a.b/", b""),
    "cookie": ({"Cookie": f"theme=dark; sid={SECRET}"}, "https://a.b/", b""),
    "query": ({}, f"https://a.b/?page=1&api_key={quote_plus(SECRET)}", b""),
    "user info": ({}, f"https://me:{quote(SECRET, safe='')}@a.b/", b""),
    "JSON": ({}, "https://a.b/", json.dumps({"a": {"password": SECRET}}).encode()),
    "JSON, raw": ({}, "https://a.b/", json.dumps({"pin": [SECRET]}, ensure_ascii=False).encode()),
    "form": ({}, "https://a.b/", f"user=me&password={quote_plus(SECRET)}&x=1".encode()),
    "JSON object": ({}, "https://a.b/", json.dumps({"auth": {"a": [{"b": SECRET}]}}).encode()),
    "JSON plural": ({}, "https://a.b/", json.dumps({"accessTokens": [SECRET]}).encode()),
    "parts": (
        {},
        "https://a.b/",
        b'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n'
        + SECRET.encode()
        + b"\r\n--x--\r\n",
    ),
    "XML": ({}, "https://a.b/", f"<a><password>{html.escape(SECRET)}</password></a>".encode()),
    "address": ({"Referer": f"https://a.b/?token={quote(SECRET)}"}, "https://a.b/", b""),
    "form, late": ({}, "https://a.b/", b"a=" + b"x" * 90_000 + f"&token={quote(SECRET)}".encode()),
}
ECHOES: dict[str, Callable[[str], str]] = {
    "as it is": lambda s: s,
    "JSON": lambda s: json.dumps(s),
    "JSON in JSON": lambda s: json.dumps(json.dumps(s)),
    "JSON in JSON in JSON": lambda s: json.dumps(json.dumps(json.dumps(s))),
    "JSON, not ASCII": lambda s: json.dumps(s, ensure_ascii=False),
    "JSON, slashes": lambda s: json.dumps(s).replace("/", "\\/"),
    "percent": lambda s: quote(s, safe=""),
    "percent, lower": lambda s: re.sub("%..", lambda found: found[0].lower(), quote(s, safe="")),
    "plus": lambda s: quote_plus(s),
    "HTML": lambda s: html.escape(s),
}


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
def test_every_secret_that_is_sent_is_known(carrier: tuple[dict[str, str], str, bytes]) -> None:
    """Wherever a request carries it, the secret is found out, decoded."""
    assert SECRET in redaction.secrets_of(*carrier)


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_a_secret_is_taken_out_however_it_is_echoed(echo: Callable[[str], str]) -> None:
    """Plain or escaped, nothing of the secret is left of an echo, and the rest stands."""
    body = b"before " + echo(SECRET).encode() + b" after"
    bare = redaction.scrub(body, (SECRET,)).replace(b'"', b"").replace(b"\\", b"")
    assert bare == b"before [redacted] after"


@pytest.mark.parametrize(
    ("body", "scrubbed"),
    [
        (b'{"password": "x"}', b'{"password": "[redacted]"}'),
        (b'{"a":{"client_secret":"x\\"y"},"b":1}', b'{"a":{"client_secret":"[redacted]"},"b":1}'),
        (b'{"pin": 1234}', b'{"pin": "[redacted]"}'),
        (b'{"tokens": 1, "token": ["a", "b"]}', b'{"tokens": 1, "token": "[redacted]"}'),
        (
            b'{"password": {"old": "x", "new": ["y"]}, "b": 1}',
            b'{"password": "[redacted]", "b": 1}',
        ),
        (b'{"credentials": {"user": "x", "val', b'{"credentials": "[redacted]"'),
        (b'{"tokens": ["abc"], "b": 1}', b'{"tokens": "[redacted]", "b": 1}'),
        (b'{"tokens": [1, 2], "max_tokens": 5}', b'{"tokens": [1, 2], "max_tokens": 5}'),
        (b'{"tokens": {"a": {"pin": 12}}, "b": 1}', b'{"tokens": "[redacted]", "b": 1}'),
        (b"<a><token>x</token><b>y</b></a>", b"<a><token>[redacted]</token><b>y</b></a>"),
        (b'<a api_key="x" b="y"/>', b'<a api_key="[redacted]" b="y"/>'),
        (b'{"password": "hunt', b'{"password": "[redacted]"'),
        (b'{"password": "hunt\\', b'{"password": "[redacted]"'),
        (b'{"otp": [12, 3', b'{"otp": "[redacted]"'),
        (b'{"password": null}', b'{"password": null}'),
        (b'{"max_tokens": 5, "author": "me"}', b'{"max_tokens": 5, "author": "me"}'),
        (b'{"session_id": "abc", "key": "k1"}', b'{"session_id": "abc", "key": "k1"}'),
        (b"<p>password: see below</p>", b"<p>password: see below</p>"),
        (b"", b""),
    ],
)
def test_secret_fields_of_an_answer_lose_their_value(body: bytes, scrubbed: bytes) -> None:
    """By name alone, also where the answer broke off inside the value."""
    assert redaction.scrub(body) == scrubbed


@pytest.mark.parametrize(
    ("body", "scrubbed"),
    [
        (b'{"input": 98765432, "b": 1}', b'{"input": "[redacted]", "b": 1}'),
        (b'{"input": [98765432, 5]}', b'{"input": ["[redacted]", 5]}'),
        (b'{"input": 198765432.5}', b'{"input": "[redacted]"}'),
        (b'{"message": "pin 98765432, 5"}', b'{"message": "pin [redacted], 5"}'),
        (b"pin 98765432, 5", b"pin [redacted], 5"),
    ],
)
def test_a_number_is_taken_out_and_json_stays_json(body: bytes, scrubbed: bytes) -> None:
    """A secret number is taken out of texts, and a JSON text that repeats it remains one."""
    secrets = redaction.secrets_of({}, "https://a.b/", b'{"pin": 98765432}')
    assert redaction.scrub(body, secrets) == scrubbed


LARGE = b"x" * (5 * 1024 * 1024)


@pytest.mark.parametrize(
    "body",
    [
        b'{"password":"s3cret-1","data":"' + LARGE + b'"}',
        b'{"data":"' + LARGE + b'","password":"s3cret-1"}',
        b"\r\n".join(
            (
                *(b"--x", b'Content-Disposition: form-data; name="f"', b"", LARGE),
                *(b"--x", b'Content-Disposition: form-data; name="password"', b"", b"s3cret-1"),
                *(b"--x", b'Content-Disposition: form-data; name="g"', b"", LARGE, b"--x--"),
            )
        ),
    ],
    ids=["at its beginning", "at its end", "in a part"],
)
def test_a_large_body_is_looked_at_where_secrets_are(body: bytes) -> None:
    """Of more than 4 MiB its two ends are looked at, and each named part of a form."""
    assert redaction.secrets_of({}, "https://a.b/", body) == ("s3cret-1",)


def test_a_large_body_takes_little_time() -> None:
    """An error must not be late for the size of what was sent."""
    body = b'{"password":"' + LARGE * 20 + b'"}'
    began = time.process_time()
    redaction.secrets_of({}, "https://a.b/", body)
    assert time.process_time() - began < 1.0


def test_harmless_values_are_not_secrets() -> None:
    """A key for idempotency, a session id in a body and numbers of tokens are not hidden."""
    headers = {"Idempotency-Key": "order-17", "Content-Type": "text/plain", "X-Request-Id": "r-42"}
    body = b'{"session_id": "abcdef", "max_tokens": 4096, "author": "Ada L."}'
    assert redaction.secrets_of(headers, "https://a.b/?page=12345&name=gear", body) == ()
    assert not redaction.holds_secret(body)


def test_short_values_are_left_alone() -> None:
    """A secret of three characters would take half of the alphabet out of the message."""
    secrets = redaction.secrets_of({"X-Token": "abc"}, "https://a.b/?key=1", b'{"pin": "12"}')
    assert secrets == ()


def test_longer_secrets_go_first() -> None:
    """Where one secret is a part of another, nothing of the longer one is left over."""
    secrets = redaction.secrets_of({"X-Key": "abcd", "X-Token": "abcdefgh"}, "https://a.b/", b"")
    assert redaction.text("x abcdefgh y abcd z", secrets) == f"x {MASK} y {MASK} z"


@pytest.mark.parametrize(
    ("body", "holds"),
    [
        (b'{"password": "x"}', True),
        (b'{"pin": 1234}', True),
        (b'{"credentials": {"user": "me", "x": "y"}}', True),
        (b'{"access_token": ["a"]}', True),
        (b"a=b&password=x", True),
        (b"a=b&pin=1", True),
        (b'{"tokens": ["a"]}', True),
        (b'{"sessionId": "a"}', True),
        (b'{"pass_phrase": "a"}', True),
        (b"<a><password>x</password></a>", True),
        (b"<a><pin>1</pin></a>", True),
        (b'--x\r\nContent-Disposition: form-data; name="pin"\r\n\r\n1\r\n--x--', True),
        (b'{"tokens": [1, 2]}', False),
        (b"<a><author>x</author></a>", False),
        (b"client%5Fsecret=x", True),
        (b'{"password":   null}', False),
        (b'{"author": "me", "max_tokens": 3}', False),
        (b"a=b&key=x", False),
        (b"", False),
        (b"\xff\x00\xfe", False),
    ],
)
def test_bodies_that_must_not_be_kept(body: bytes, holds: bool) -> None:
    """A request's body is kept with an error only where no field in it says that it is secret."""
    assert redaction.holds_secret(body) is holds


MIB = 1024 * 1024
HOSTILE = {
    "one long string": b'{"password":"' + b"a" * MIB,
    "many fields": b'"password":"' * (MIB // 12),
    "fields in fields": b'{"password":{' * (MIB // 13),
    "spaces": b'"password"' + b" " * MIB,
    "colons": b'"password" :' * (MIB // 12),
    "open lists": b'"password":[' * (MIB // 12),
    "escapes": b'"password":"' + b"\\" * MIB,
    "escaped quotes": b'"password":"' + b'\\"' * (MIB // 2),
    "quotes": b'"' * MIB + b"password",
    "digits": b'"pin":' + b"1" * MIB,
    "objects": b'"password":{"a":' * (MIB // 16),
    "closing": b'"password":{' + b"}" * MIB,
    "elements": b"<password>" * (MIB // 10),
    "element names": b"<password" * (MIB // 9),
    "attributes": b"<a" + b' token="' * (MIB // 8),
    "open attributes": b"<a" + b" token=" * (MIB // 7),
    "parts": b"--x\r\n\r\ntoken" + b"--x" * (MIB // 3),
    "part names": b'--x\r\nname="token"\r\n\r\n' * (MIB // 20),
    "masks": b'{"token":' + b"[redacted]1" * (MIB // 11),
    "numbers": b'{"token":s3cret-s3cret' + b"1" * MIB,
    "ampersands": b"token=" + b"&" * MIB,
    "pairs": b"token=x&" * (MIB // 8),
    "letters and a colon": b"a" * MIB + b"://",
    "schemes": b"a://" * (MIB // 4),
    "dots": b"a." * (MIB // 2) + b"://?token=",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bodies_take_bounded_time(body: bytes) -> None:
    """A megabyte made to hurt is read in well under a second, by every function that reads it."""
    began = time.process_time()
    redaction.scrub(body, ("s3cret-s3cret",))
    redaction.holds_secret(body)
    redaction.secrets_of({}, "https://a.b/", body)
    redaction.text(body.decode(), ("s3cret-s3cret",))
    assert time.process_time() - began < 2.0


@given(st.text(), st.text(min_size=4, max_size=30), st.text())
def test_no_spelling_of_a_secret_is_left(before: str, secret: str, after: str) -> None:
    """Whatever the secret and the text around it, the plain secret is gone from the text."""
    if secret not in MASK and secret not in before + MASK + after:
        assert secret not in redaction.text(before + secret + after, (secret,))


WORDS = st.text('0129"\\\\/<é', min_size=4, max_size=12)
HELD: st.SearchStrategy[Any] = st.recursive(
    WORDS | st.integers(10**6, 10**9),
    lambda held: (
        st.lists(held.filter(lambda one: not isinstance(one, int)), max_size=3)
        | st.dictionaries(st.sampled_from(["a", "tokens", "pin", "user"]), held, max_size=3)
    ),
    max_leaves=8,
)


def leaves(held: Any) -> list[str]:
    if isinstance(held, (dict, list)):
        inside = held.values() if isinstance(held, dict) else held
        return [leaf for one in inside for leaf in leaves(one)]
    spelled = json.dumps(held, ensure_ascii=False)
    return [spelled[1:-1] if isinstance(held, str) else spelled]


@given(st.sampled_from(["password", "credentials", "tokens", "auth"]), HELD.filter(bool), HELD)
def test_nothing_under_a_secret_name_is_left_of_an_echo(name: str, held: Any, other: Any) -> None:
    """Whatever its shape: in the text as it was sent, and in a text that quotes it."""
    if name == "tokens" and isinstance(held, int):
        return
    sent = json.dumps({"d": other, "e": [{name: held}]}, ensure_ascii=False)
    secrets = redaction.secrets_of({}, "https://a.b/", sent.encode())
    known = "".join(leaves(other))
    for echo in (sent, json.dumps({"message": sent}, ensure_ascii=False)):
        scrubbed = redaction.scrub(echo.encode(), secrets).decode()
        assert not [leaf for leaf in leaves(held) if leaf in scrubbed and leaf not in known]


@given(st.binary(max_size=300), st.text(max_size=60), st.text(max_size=30))
def test_redaction_never_raises(body: bytes, url: str, value: str) -> None:
    """Any body, URL and header value can be redacted."""
    headers = {"Authorization": value, "Cookie": value, "X-Token": f"Basic {value}"}
    secrets = redaction.secrets_of(headers, "https://a.b/" + url, body)
    redaction.scrub(body, secrets)
    redaction.text(value, secrets)
    redaction.url(url)
    redaction.holds_secret(body)
