"""Toolpath's service against its contract: every code has its genuine cause, over real HTTP with a
bare client.

The numbers in the docstrings are sections of the contract; "box" is its checklist (8).
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import logging
import os
import re
import signal
import socket
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from failwell.apis.toolpath.contract import TOOLPATH
from failwell.apis.toolpath.engine import Failure, PartTask
from failwell.apis.toolpath.records import Records

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def error_of(response: httpx2.Response, status: int, code: str) -> str:
    """The message of an error, whose every other part is checked: envelope, id, media type."""
    assert response.status_code == status, response.text
    body = response.json()
    assert list(body) == ["error"]
    assert set(body["error"]) == {"code", "message", "requestId"}
    assert body["error"]["code"] == code
    assert body["error"]["requestId"] == response.headers["x-request-id"]
    assert response.headers["content-type"] == "application/json"
    message: str = body["error"]["message"]
    assert message
    return message


def packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


@pytest.fixture(scope="module")
def part(town: Any) -> str:
    """A part that is ready."""
    ready = town.part()
    assert ready["status"] == "ready"
    identifier: str = ready["id"]
    return identifier


@pytest.fixture(scope="module")
def program(town: Any, part: str) -> str:
    """A program that is ready."""
    ready = town.program(part)
    assert ready["status"] == "ready"
    identifier: str = ready["id"]
    return identifier


@pytest.fixture(scope="module")
def sheet(town: Any) -> str:
    """A part that is ready and has no volume, so that its programs fail."""
    identifier: str = town.part("formed_sheet")["id"]
    return identifier


@pytest.fixture(scope="module")
def failed_program(town: Any, sheet: str) -> str:
    """A program that failed."""
    failed = town.program(sheet)
    assert failed["status"] == "failed"
    identifier: str = failed["id"]
    return identifier


# --- Envelope and request ids (3, 5; boxes 1 and 2) ----------------------------------------------


def test_the_callers_id_is_echoed(town: Any) -> None:
    """Box 2: `X-Request-Id` comes back in `error.requestId` and in the header."""
    response = town.call("GET", "/parts/part9999", headers={"X-Request-Id": "any/value:1"})
    error_of(response, 404, "not_found")
    assert response.headers["x-request-id"] == "any/value:1"


@pytest.mark.parametrize("given", [None, "x" * 129, "two words", "h\u00e4\u00df"])
def test_otherwise_an_id_is_made(town: Any, given: str | None) -> None:
    """Box 2 and 5: without an id, or with one over 128 characters or not visible ASCII: a UUID."""
    fields = {} if given is None else {"X-Request-Id": given.encode("latin-1")}
    response = town.call("GET", "/parts/part9999", headers=fields)
    error_of(response, 404, "not_found")
    assert str(uuid.UUID(response.headers["x-request-id"])) == response.headers["x-request-id"]


def test_successes_carry_the_id(town: Any, part: str) -> None:
    """5: the id is on every answer."""
    response = town.call("GET", f"/parts/{part}", headers={"X-Request-Id": "mine"})
    assert (response.status_code, response.headers["x-request-id"]) == (200, "mine")


# --- Parts, programs, estimates (6, 7) -----------------------------------------------------------


def test_a_part_is_taken_and_processed(town: Any) -> None:
    """7: 202 with `processing` and a polling URL; then 200 with the same object."""
    body = town.new_part() | {"sourceFile": "spacer.step", "name": "Spacer ü"}
    response = town.call("POST", "/parts", json=body)
    created = response.json()["data"]
    assert response.status_code == 202
    assert response.headers["location"].endswith(f"/parts/{created['id']}")
    assert (created["status"], created["name"], created["units"]) == (
        "processing",
        "Spacer ü",
        "mm",
    )
    assert created["failureCode"] is created["failureReason"] is None
    assert re.fullmatch(STAMP, created["createdAt"])
    url = httpx2.URL(town.url).join(response.headers["location"])
    fields = {"Authorization": f"Bearer {town.keys['read_only']}"}
    assert town.http.get(url, headers=fields).status_code in (200, 202)
    ready = town.settled(f"/parts/{created['id']}")
    assert ready == created | {"status": "ready", "programId": None}


def test_step_text_may_come_packed(town: Any) -> None:
    """7: `gzip+base64` is the same text."""
    body = town.new_part()
    body |= {"stepFile": packed(body["stepFile"]), "stepFileCompression": "gzip+base64"}
    created = town.call("POST", "/parts", json=body).json()["data"]
    assert town.settled(f"/parts/{created['id']}")["status"] == "ready"


def test_a_program_and_its_estimate(town: Any, part: str) -> None:
    """7: a program of a ready part, its estimate in whole cents and seconds, per set-up."""
    response = town.call("POST", "/programs", json={"partId": part})
    created = response.json()["data"]
    assert response.status_code == 202
    assert response.headers["location"].endswith(f"/programs/{created['id']}")
    assert (created["partId"], created["status"]) == (part, "processing")
    ready = town.settled(f"/programs/{created['id']}")
    assert ready["status"] == "ready"
    assert re.fullmatch(STAMP, ready["updatedAt"])
    assert town.call("GET", f"/parts/{part}").json()["data"]["programId"] == created["id"]
    estimate = town.settled(f"/programs/{created['id']}/estimate")
    assert estimate["timings"] == "fast"
    assert all(isinstance(estimate[n], int) for n in ("costCents", "durationSeconds"))
    setups = estimate["setups"]
    assert sum(s["durationSeconds"] for s in setups) == estimate["durationSeconds"] > 0
    cents = sum(s["costCents"] for s in setups) + estimate["materialCents"]
    assert cents == estimate["costCents"] > 0


def test_polling_goes_from_202_to_200(slow_town: Any) -> None:
    """6: 202 while it is processing, 200 when it is ready; `refined` comes later than `fast`."""
    created = slow_town.call("POST", "/parts", json=slow_town.new_part()).json()["data"]
    first = slow_town.call("GET", f"/parts/{created['id']}")
    assert (first.status_code, first.json()["data"]["status"]) == (202, "processing")
    assert slow_town.settled(f"/parts/{created['id']}")["status"] == "ready"
    made = slow_town.call("POST", "/programs", json={"partId": created["id"]}).json()["data"]
    path = f"/programs/{made['id']}"
    assert slow_town.call("GET", path).status_code == 202
    early = slow_town.call("GET", f"{path}/estimate")
    assert (early.status_code, early.json()) == (202, {"data": {"status": "processing"}})
    fast = slow_town.settled(f"{path}/estimate?timings=fast")
    late = slow_town.call("GET", f"{path}/estimate", params={"timings": "refined"})
    assert (late.status_code, late.json()) == (202, {"data": {"status": "processing"}})
    refined = slow_town.settled(f"{path}/estimate?timings=refined")
    assert refined["timings"] == "refined"
    assert refined["durationSeconds"] > fast["durationSeconds"]


def test_cut_configs_are_listed(town: Any) -> None:
    """7: the configurations, of which one is the default; a program may name it."""
    (config,) = town.call("GET", "/cut-configs").json()["data"]["cutConfigs"]
    assert config["isDefault"] is True
    body = {"partId": town.part()["id"], "cutConfigId": config["id"]}
    assert town.call("POST", "/programs", json=body).json()["data"]["cutConfigId"] == config["id"]


@pytest.mark.parametrize(
    "text",
    [
        "this is not STEP at all",
        "ISO-10303-21;\nHEADER;\nENDSEC;\n",
        "ISO-10303-21;HEADER;ENDSEC;DATA;ENDSEC;END-ISO-10303-21;",
        "ISO-10303-21;\x00\x01END-ISO-10303-21;",
    ],
)
def test_the_engine_judges_what_decodes(town: Any, text: str) -> None:
    """7: text that is not good STEP makes a part that fails, with code and reason."""
    body = {"name": "bad", "units": "mm", "stepFile": text}
    created = town.call("POST", "/parts", json=body)
    assert created.status_code == 202
    failed = town.settled(f"/parts/{created.json()['data']['id']}")
    assert failed["status"] == "failed"
    assert failed["failureCode"] in ("invalid_geometry", "no_solid")
    assert failed["failureReason"]


def test_units_count_where_the_file_states_none(town: Any) -> None:
    """7: `in` for a file without units makes a part that is larger, and dearer."""
    text = re.sub(r"LENGTH_UNIT\(\)", "PLANE_ANGLE_UNIT()", town.step("t_slot_nut"))
    costs = []
    for units in ("mm", "in"):
        body = {"name": "nut", "units": units, "stepFile": text}
        created = town.call("POST", "/parts", json=body).json()["data"]
        assert town.settled(f"/parts/{created['id']}")["status"] == "ready"
        made = town.program(created["id"])
        costs.append(town.settled(f"/programs/{made['id']}/estimate")["costCents"])
    assert costs[0] < costs[1]


# --- 400 (4) -------------------------------------------------------------------------------------

LEFT_OUT = object()
GOOD = {"name": "n", "units": "mm", "stepFile": "ISO-10303-21;END-ISO-10303-21;"}
PACKED = {"name": "n", "units": "mm", "stepFileCompression": "gzip+base64"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b'{"name": "n", "units"',
        b"[]",
        b'"text"',
        b"null",
        b"[" * 100_000,
        b'{"name": "\xff"}',
        b'{"name": "n", "units": "mm", "stepFile": "\\ud800"}',
        b'{"name": "\\udfff", "units": "mm", "stepFile": "ISO-10303-21;"}',
        b'{"name": "n", "units": "mm", "stepFile": "x"} trailing',
    ],
)
def test_a_body_that_is_not_a_json_object(town: Any, body: bytes) -> None:
    """4: not JSON, not an object, not Unicode: 400, and nothing is created."""
    before = town.created
    for path in ("/parts", "/programs"):
        error_of(town.call("POST", path, content=body), 400, "invalid_request")
    assert town.created == before


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"name": None}, "name"),
        ({"name": LEFT_OUT}, "name"),
        ({"name": ""}, "name"),
        ({"name": " \t"}, "name"),
        ({"name": 7}, "name"),
        ({"units": None}, "units"),
        ({"units": LEFT_OUT}, "units"),
        ({"units": ""}, "units"),
        ({"units": "cm"}, "units"),
        ({"units": "MM"}, "units"),
        ({"stepFile": None}, "stepFile"),
        ({"stepFile": LEFT_OUT}, "stepFile"),
        ({"stepFile": ""}, "stepFile"),
        ({"stepFile": ["x"]}, "stepFile"),
        ({"stepFileCompression": "zip"}, "stepFileCompression"),
        ({"stepFileCompression": ""}, "stepFileCompression"),
        ({"sourceFile": 1}, "sourceFile"),
    ],
)
def test_a_part_with_a_wrong_field(town: Any, change: dict[str, Any], named: str) -> None:
    """4: a required field that is missing, empty or of a wrong value is named in the message."""
    body = {name: value for name, value in (GOOD | change).items() if value is not LEFT_OUT}
    before = town.created
    message = error_of(town.call("POST", "/parts", json=body), 400, "invalid_request")
    assert named in message
    assert town.created == before


def test_what_would_be_right_is_said(town: Any) -> None:
    """4: the message names the values that a field takes, and an empty body is called one."""

    def said(**body: Any) -> str:
        return error_of(town.call("POST", "/parts", **body), 400, "invalid_request")

    assert said(json=GOOD | {"units": "cm"}).endswith("; use mm or in")
    zipped = said(json=GOOD | {"stepFileCompression": "zip"})
    assert zipped.endswith("; use gzip+base64, or leave it out")
    assert "it is empty" in said(content=b" ")


@pytest.mark.parametrize(
    "step_file",
    [
        "not base64!",
        "AAAA",
        base64.b64encode(b"plain text, not gzip").decode(),
        packed("ISO-10303-21;" * 99)[:-12],
        base64.b64encode(gzip.compress(b"ISO", mtime=0) + b"garbage").decode(),
        base64.b64encode(gzip.compress(b"ISO", mtime=0)[:-8] + b"\1" * 8).decode(),
        "\u00e4\u00f6\u00fc",
    ],
    ids=["base64", "gzip", "text", "cut", "more", "damaged", "letters"],
)
def test_content_that_does_not_decode(town: Any, step_file: str) -> None:
    """4: bad base64, no gzip, a cut or damaged gzip file: 400."""
    response = town.call("POST", "/parts", json=PACKED | {"stepFile": step_file})
    assert "gzip+base64" in error_of(response, 400, "invalid_request")


def test_a_zip_bomb_is_not_unpacked(town: Any) -> None:
    """A megabyte that would unpack to two hundred is refused at a bound, quickly."""
    bomb = base64.b64encode(gzip.compress(b"\0" * 200 * 1024**2, compresslevel=1)).decode()
    assert len(bomb) < 2 * 1024**2
    began = time.monotonic()
    refused = town.call("POST", "/parts", json=PACKED | {"stepFile": bomb})
    assert "unpacked it is over 64 MiB" in error_of(refused, 400, "invalid_request")
    assert time.monotonic() - began < 5


def test_a_body_over_25_mb_is_refused_while_it_arrives(town: Any) -> None:
    """2, 4: the refusal comes before the whole body has been sent, not after it."""
    host, port = httpx2.URL(town.url).host, httpx2.URL(town.url).port
    head = (
        f"POST {httpx2.URL(town.base).path}/parts HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {town.keys['read_write']}\r\nIdempotency-Key: k-large\r\n"
        "Content-Type: application/json\r\nContent-Length: 99000000\r\n\r\n"
    )
    with socket.create_connection((host, port), timeout=20) as line:
        line.sendall(head.encode())
        for _ in range(26):
            line.sendall(b" " * 1024 * 1024)
        answer = HTTPResponse(line)
        answer.begin()
        body = answer.read()
        answer.close()
    assert answer.status == 400
    assert b'"invalid_request"' in body
    assert answer.getheader("failwell-outcome") == "not_started"


def test_a_body_of_25_mb_is_taken(town: Any) -> None:
    """2: up to 25 MB of JSON are taken; a byte more are not."""
    limit = 25 * 1024 * 1024
    text = '{"name": "n", "units": "mm", "stepFile": "ISO-10303-21;END-ISO-10303-21;%s"}'
    filled = (text % ("x" * (limit - len(text) + 2))).encode()
    assert len(filled) == limit
    assert town.call("POST", "/parts", content=filled).status_code == 202
    message = error_of(town.call("POST", "/parts", content=filled + b" "), 400, "invalid_request")
    assert "25" in message or str(limit) in message


@pytest.mark.parametrize("word", ["", "slow", "FAST", "fast,refined"])
def test_unknown_timings(town: Any, program: str, word: str) -> None:
    """4: a value of `timings` that there is not: 400."""
    response = town.call("GET", f"/programs/{program}/estimate", params={"timings": word})
    assert "timings" in error_of(response, 400, "invalid_request")


def test_a_write_needs_a_key(town: Any) -> None:
    """Box 9: a write without `Idempotency-Key` is 400, and does nothing."""
    before = town.created
    response = town.call("POST", "/parts", idem=None, json=town.new_part())
    assert "Idempotency-Key" in error_of(response, 400, "invalid_request")
    assert response.headers["failwell-outcome"] == "not_started"
    assert town.created == before


# --- 401, 403, 404, 405 --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Basic dXNlcjpwYXNz",
        "tp_live_0123",
        "Bearer tp_test_0123",
        "Bearer tp_live_" + "0" * 32,
        "Bearer tp_live_h\u00e4",
        "Bearer tp_live_' OR 1=1 --",
    ],
)
def test_a_key_that_is_none(town: Any, part: str, authorization: str | None) -> None:
    """4: a header that is missing or malformed, a wrong prefix, an unknown key: 401."""
    fields = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    response = town.call("GET", f"/parts/{part}", key=None, headers=fields)
    error_of(response, 401, "unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("key", ["expired", "revoked"])
def test_a_key_that_is_no_more(town: Any, part: str, key: str) -> None:
    """2: an expired and a revoked key fail, reads and writes alike."""
    error_of(town.call("GET", f"/parts/{part}", key=key), 401, "unauthorized")
    error_of(town.call("POST", "/parts", key=key, json=GOOD), 401, "unauthorized")


def test_all_keys_begin_as_toolpaths_do(town: Any) -> None:
    """2: every key starts with `tp_live_`."""
    assert {token[:8] for token in town.keys.values()} == {"tp_live_"}


def test_read_only_reads(town: Any, part: str) -> None:
    """2: a `read_only` key reads; whatever it writes is 403."""
    assert town.call("GET", f"/parts/{part}", key="read_only").status_code == 200
    before = town.created
    for path in ("/parts", "/programs"):
        error_of(town.call("POST", path, key="read_only", json=GOOD), 403, "forbidden")
    assert town.created == before


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/part",
        "/parts/",
        "/parts/part0001/",
        "/parts/part0001/x",
        "/Parts",
        "/programs/prog0001/estimates",
    ],
)
def test_an_unknown_route(town: Any, path: str) -> None:
    """4: no such route is 404, for every method, without a redirect to one that there is."""
    for method in ("GET", "POST", "DELETE"):
        response = town.call(method, path, json={} if method != "GET" else None)
        error_of(response, 404, "not_found")


@pytest.mark.parametrize(
    "identifier",
    [
        "part9999", "part0", "part00001", "prog0001", "part0001.fast", "part-001", "1",
        "part\u0660\u0660\u0660\u0661", "part99999999999999999999", "%00", "..%2fparts", "%ff",
    ],
)  # fmt: skip
def test_an_unknown_part(town: Any, part: str, identifier: str) -> None:
    """4: an id that names nothing is 404, whatever it looks like."""
    error_of(town.call("GET", f"/parts/{identifier}"), 404, "not_found")


def test_an_unknown_program(town: Any, part: str, program: str) -> None:
    """4: the same for programs and estimates, and for the part of a new program."""
    for identifier in ("prog9999", part, f"{program}.fast", "prog00001"):
        error_of(town.call("GET", f"/programs/{identifier}"), 404, "not_found")
        error_of(town.call("GET", f"/programs/{identifier}/estimate"), 404, "not_found")
        body = {"partId": identifier if identifier != part else program}
        error_of(town.call("POST", "/programs", json=body), 404, "not_found")
    for config in ("cfg99999", "z" * 100_000):
        body = {"partId": part, "cutConfigId": config}
        told = error_of(town.call("POST", "/programs", json=body), 404, "not_found")
        assert len(told) < 80


def test_what_is_another_teams_does_not_exist(town: Any, part: str, program: str) -> None:
    """Box 5: another team's resource is 404, never 403, and looks like one that there is not."""
    for path in (f"/parts/{part}", f"/programs/{program}", f"/programs/{program}/estimate"):
        foreign = town.call("GET", path, key="other_team")
        missing = town.call("GET", path.replace("0", "9"), key="other_team")
        told = error_of(foreign, 404, "not_found")
        assert re.sub(r"\d", "", told) == re.sub(r"\d", "", error_of(missing, 404, "not_found"))
    response = town.call("POST", "/programs", key="other_team", json={"partId": part})
    error_of(response, 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/parts", {"POST"}),
        ("DELETE", "/parts", {"POST"}),
        ("PUT", "/parts/part0001", {"GET", "HEAD"}),
        ("DELETE", "/parts/part0001", {"GET", "HEAD"}),
        ("PATCH", "/programs", {"POST"}),
        ("POST", "/programs/prog0001/estimate", {"GET", "HEAD"}),
        ("OPTIONS", "/cut-configs", {"GET", "HEAD"}),
        ("BREW", "/parts", {"POST"}),
    ],
)
def test_a_wrong_method(town: Any, method: str, path: str, allowed: set[str]) -> None:
    """Box 3: a known path with a wrong method is 405 `invalid_request`, with the right ones."""
    response = town.call(method, path)
    error_of(response, 405, "invalid_request")
    assert {word.strip() for word in response.headers["allow"].split(",")} == allowed


# --- 409 (boxes 6 and 7) -------------------------------------------------------------------------


def test_a_key_with_another_body_collides(town: Any) -> None:
    """Box 6: the same key on the same path with another body is 409; with the same it is replayed;
    on another path or of another API key it is independent."""
    key = str(uuid.uuid4())
    body = town.new_part()
    first = town.call("POST", "/parts", idem=key, json=body)
    clash = town.call("POST", "/parts", idem=key, json=body | {"name": "another"})
    error_of(clash, 409, "conflict")
    assert clash.headers["failwell-outcome"] == "not_started"
    spelt = town.call("POST", "/parts", idem=key, json=dict(reversed(body.items())))
    assert spelt.content == first.content
    other = town.call("POST", "/parts", idem=key, key="other_team", json=body | {"name": "mine"})
    assert (other.status_code, other.json()["data"]["name"]) == (202, "mine")
    elsewhere = town.call("POST", "/programs", idem=key, json={"partId": town.part()["id"]})
    assert elsewhere.status_code == 202


def test_a_part_that_is_not_ready(slow_town: Any) -> None:
    """Boxes 6 and 7: a program of a part that is processing is 409, told apart from a collision by
    its message alone; the same key and body are accepted once the part is ready."""
    created = slow_town.call("POST", "/parts", json=slow_town.new_part()).json()["data"]
    body, key = {"partId": created["id"]}, str(uuid.uuid4())
    early = slow_town.call("POST", "/programs", idem=key, json=body)
    message = error_of(early, 409, "conflict")
    assert created["id"] in message
    assert "processed" in message
    assert early.headers["failwell-outcome"] == "not_started"
    slow_town.settled(f"/parts/{created['id']}")
    late = slow_town.call("POST", "/programs", idem=key, json=body)
    assert late.status_code == 202
    assert "idempotent-replayed" not in late.headers


def test_a_failed_part_has_no_programs(town: Any) -> None:
    """4: a program of a failed part is 409."""
    failed = town.part("cut_off_bracket")
    assert failed["status"] == "failed"
    response = town.call("POST", "/programs", json={"partId": failed["id"]})
    assert "failed" in error_of(response, 409, "conflict")


# --- Replays (6) ---------------------------------------------------------------------------------


def test_a_replay_has_the_body_and_not_the_headers(town: Any) -> None:
    """5, 6: status and body of the first answer, no `Location`, this request's id; one part."""
    before = town.created["parts"]
    request = {"idem": str(uuid.uuid4()), "json": town.new_part()}
    first = town.call("POST", "/parts", headers={"X-Request-Id": "one"}, **request)
    town.settled(f"/parts/{first.json()['data']['id']}")
    again = town.call("POST", "/parts", headers={"X-Request-Id": "two"}, **request)
    assert (again.status_code, again.content) == (202, first.content)
    assert ("location" in first.headers, "location" in again.headers) == (True, False)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["x-request-id"] == "two"
    assert town.created["parts"] == before + 1


def test_twenty_at_once_make_one_part(town: Any) -> None:
    """6: the same write twenty times at the same moment creates one part."""
    before = town.created["parts"]
    request = {"idem": str(uuid.uuid4()), "json": town.new_part()}
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(town.call, "POST", "/parts", **request) for _ in range(20)]
    ids = {each.result().json()["data"]["id"] for each in asked if each.result().is_success}
    assert len(ids) == 1
    assert all(each.result().status_code in (202, 409) for each in asked)
    assert town.created["parts"] == before + 1


def test_reads_ignore_the_header(town: Any, part: str) -> None:
    """6: GET takes no notice of a key, not even of a malformed one."""
    assert town.call("GET", f"/parts/{part}", idem="a, b").status_code == 200


def test_only_what_took_effect_is_stored(town: Any) -> None:
    """6: a 400, 404 or 409 does not use the key up: a corrected request may go on with it."""
    key = str(uuid.uuid4())
    ready = town.part()["id"]
    for body, status in (
        ({"partId": 5}, 400),
        ({"partId": "part9999"}, 404),
        ({"partId": town.part("cut_off_bracket")["id"]}, 409),
        ({"partId": ready}, 202),
    ):
        assert town.call("POST", "/programs", idem=key, json=body).status_code == status


# --- 422, 500, 503 under one code (boxes 4 and 8) ------------------------------------------------


def test_the_estimate_of_a_failed_program(town: Any, failed_program: str) -> None:
    """Box 4: `internal_error` as 422: the Engine could not compute this program."""
    failed = town.call("GET", f"/programs/{failed_program}").json()["data"]
    assert failed["failureCode"] == "no_machinable_volume"
    response = town.call("GET", f"/programs/{failed_program}/estimate")
    assert failed["failureReason"] in error_of(response, 422, "internal_error")


def test_a_stopped_store_is_an_unexpected_error(
    town: Any, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Box 4: `internal_error` as 500: nothing of the database in the answer, all of it in the log;
    afterwards everything is as it was."""
    before, key = town.created, str(uuid.uuid4())
    with town.stopped("store"):
        read = town.call("GET", f"/parts/{part}")
        write = town.call("POST", "/parts", idem=key, json=town.new_part())
        assert town.created == before
    for response in (read, write):
        message = error_of(response, 500, "internal_error")
        assert not re.search(r"sqlite|database|closed", message, re.IGNORECASE)
    assert write.headers["failwell-outcome"] == "unknown"
    logged = [r for r in caplog.records if r.name == "failwell.server" and r.exc_info]
    assert any(isinstance(r.exc_info[1], sqlite3.Error) for r in logged if r.exc_info)
    assert town.call("GET", f"/parts/{part}").status_code == 200
    assert town.call("POST", "/parts", idem=key, json=town.new_part()).status_code == 202
    assert town.created["parts"] == before["parts"] + 1


def test_a_write_that_breaks_in_the_middle_is_undone(
    town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6: an exception in the middle of a write rolls it back and uses nothing up: the same key
    goes through afterwards, once."""
    before, key = town.created, str(uuid.uuid4())
    add_part = Records.add_part

    def broken(self: Records, *fields: Any) -> Any:
        add_part(self, *fields)
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(Records, "add_part", broken)
        for _ in range(2):
            response = town.call("POST", "/parts", idem=key, json=town.new_part())
            assert "disk" not in error_of(response, 500, "internal_error")
            assert response.headers["failwell-outcome"] == "rolled_back"
            assert "idempotent-replayed" not in response.headers
    assert town.created == before
    assert town.call("POST", "/parts", idem=key, json=town.new_part()).status_code == 202
    assert town.created["parts"] == before["parts"] + 1


def test_without_the_engine_a_write_leaves_no_trace(town: Any, part: str) -> None:
    """Box 8: `internal_error` as 503: the Engine is really stopped, nothing was created, nothing
    is used up: the same key goes through when it is back, as if for the first time."""
    before = town.created
    keys = {"/parts": str(uuid.uuid4()), "/programs": str(uuid.uuid4())}
    bodies = {"/parts": town.new_part(), "/programs": {"partId": part}}
    with town.stopped("engine"):
        for path, key in keys.items():
            for _ in range(2):
                response = town.call("POST", path, idem=key, json=bodies[path])
                error_of(response, 503, "internal_error")
                assert response.headers["failwell-outcome"] == "rolled_back"
                assert int(response.headers["retry-after"]) >= 1
        assert town.created == before
        assert town.call("GET", f"/parts/{part}").status_code == 200
    for path, key in keys.items():
        response = town.call("POST", path, idem=key, json=bodies[path])
        assert (response.status_code, "location" in response.headers) == (202, True)
    assert town.created == {kind: count + 1 for kind, count in before.items()}


def test_ids_do_not_tell_of_what_was_rolled_back(town: Any) -> None:
    """Box 8: a part after a rolled-back one has the next id: there is no gap."""
    first = int(town.part()["id"].removeprefix("part"))
    with town.stopped("engine"):
        town.call("POST", "/parts", json=town.new_part())
    assert int(town.part()["id"].removeprefix("part")) == first + 1


def test_what_the_engine_finds_too_late_is_nobodys(
    slow_town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Box 8: an Engine that freezes is a 503, too; what it finds for that write afterwards is not
    taken for the next one's, which has the same id."""
    engine = slow_town.service.parts["engine"]
    monkeypatch.setattr(engine, "_acknowledge_within", 0.2)
    os.kill(engine.pid, signal.SIGSTOP)
    try:
        frozen = slow_town.call("POST", "/parts", json=slow_town.new_part("formed_sheet"))
        error_of(frozen, 503, "internal_error")
    finally:
        os.kill(engine.pid, signal.SIGCONT)
    monkeypatch.undo()
    spacer = slow_town.part("standoff_spacer")
    assert slow_town.program(spacer["id"])["status"] == "ready"


@pytest.mark.parametrize("component", ["engine", "store"])
def test_what_was_under_way_is_taken_up_again(slow_town: Any, component: str) -> None:
    """A part and a program that were accepted get ready although the Engine is killed, or the
    store closed, while they are computed."""
    ready = slow_town.part()["id"]
    part = slow_town.call("POST", "/parts", json=slow_town.new_part()).json()["data"]["id"]
    made = slow_town.call("POST", "/programs", json={"partId": ready}).json()["data"]["id"]
    slow_town.set(component, "stopped")
    if component == "store":
        time.sleep(0.8)
    else:
        assert slow_town.call("GET", f"/parts/{part}").status_code == 202
    slow_town.set(component, "running")
    assert slow_town.settled(f"/parts/{part}")["status"] == "ready"
    assert slow_town.settled(f"/programs/{made}")["status"] == "ready"
    assert slow_town.settled(f"/programs/{made}/estimate?timings=refined")["costCents"] > 0


# --- Rate limits (6) -----------------------------------------------------------------------------


def test_every_answer_to_a_key_says_what_is_left(town: Any, part: str) -> None:
    """6: the `X-RateLimit-*` trio on successes, errors, refusals and replays; it counts down."""
    request = {"idem": str(uuid.uuid4()), "json": town.new_part()}
    answers = [
        town.call("GET", f"/parts/{part}"),
        town.call("GET", "/parts/part9999"),
        town.call("POST", "/parts", **request),
        town.call("POST", "/parts", **request),
        town.call("POST", "/parts", idem=None),
    ]
    left = [int(answer.headers["x-ratelimit-remaining"]) for answer in answers]
    assert left == list(range(left[0], left[0] - len(answers), -1))
    assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"100000"}
    refused = town.call("POST", "/parts", key="read_only", json=GOOD)
    assert refused.status_code == 403
    for answer in (*answers, refused):
        assert 0 <= float(answer.headers["x-ratelimit-reset"]) - time.time() <= 61


def test_one_too_many(town: Any, part: str) -> None:
    """4, 6: the quota used up is 429; what is refused is not counted, does nothing and does not
    use the key up; another API key has a quota of its own."""
    before, key = town.created, str(uuid.uuid4())
    with town.spent(more=2) as limit:
        left = [town.call("GET", f"/parts/{part}").headers["x-ratelimit-remaining"] for _ in "12"]
        assert left == ["1", "0"]
        for _ in range(3):
            response = town.call("POST", "/parts", idem=key, json=town.new_part())
            error_of(response, 429, "rate_limited")
            assert response.headers["failwell-outcome"] == "not_started"
            assert response.headers["x-ratelimit-remaining"] == "0"
            assert response.headers["x-ratelimit-limit"] == str(limit)
        assert town.created == before
        assert town.call("GET", f"/parts/{part}", key="other_team").status_code == 404
    assert town.call("POST", "/parts", idem=key, json=town.new_part()).status_code == 202


def test_retry_after_does_not_lie(town: Any, part: str) -> None:
    """6: `Retry-After` is whole seconds, ends with the window that `X-RateLimit-Reset` names, and
    does not grow from one refusal to the next."""
    with town.spent():
        waits, ends = [], []
        for _ in range(2):
            response = town.call("GET", f"/parts/{part}")
            error_of(response, 429, "rate_limited")
            waits.append(int(response.headers["retry-after"]))
            ends.append(float(response.headers["x-ratelimit-reset"]))
            assert abs(time.time() + waits[-1] - ends[-1]) < 2.5
            time.sleep(0.01)
    assert 1 <= waits[1] <= waits[0] <= 60
    assert abs(ends[1] - ends[0]) <= 1


# --- The order of checks (4) ---------------------------------------------------------------------


def _exhausted(key: str) -> Callable[[Any], Any]:
    return lambda town: town.spent(key)


def _without_engine(town: Any) -> Any:
    return town.stopped("engine")


@contextmanager
def _nothing(_: Any) -> Iterator[None]:
    yield


@pytest.mark.parametrize(
    ("status", "method", "path", "request_", "world"),
    [
        (404, "POST", "/nowhere", {"key": None, "idem": None}, _nothing),
        (404, "BREW", "/nowhere", {"key": None}, _nothing),
        (405, "DELETE", "/parts", {"key": None, "idem": None}, _nothing),
        (405, "PUT", "/parts", {"key": "read_only"}, _exhausted("read_only")),
        (401, "POST", "/parts", {"key": None, "idem": None}, _nothing),
        (401, "POST", "/parts", {"key": "expired", "idem": None, "content": b"?"}, _nothing),
        (403, "POST", "/parts", {"key": "read_only", "idem": None}, _nothing),
        (403, "POST", "/parts", {"key": "read_only"}, _exhausted("read_only")),
        (403, "POST", "/programs", {"key": "read_only", "content": b"?"}, _without_engine),
        (429, "POST", "/parts", {"idem": None}, _exhausted("read_write")),
        (429, "POST", "/parts", {"idem": "a,b", "content": b"?"}, _exhausted("read_write")),
        (429, "GET", "/parts/part9999", {}, _exhausted("read_write")),
        (400, "POST", "/parts", {"idem": None, "content": b"?"}, _without_engine),
        (400, "POST", "/parts", {"content": b"?"}, _without_engine),
        (400, "POST", "/programs", {"json": {"cutConfigId": "cfg99999"}}, _without_engine),
        (404, "POST", "/programs", {"json": {"partId": "part9999"}}, _without_engine),
        (409, "POST", "/programs", {"json": {"partId": "@failed"}}, _without_engine),
        (503, "POST", "/programs", {"json": {"partId": "@ready"}}, _without_engine),
        (503, "POST", "/parts", {"json": GOOD}, _without_engine),
    ],
)
def test_the_order_of_checks(
    town: Any, part: str, status: int, method: str, path: str, request_: Any, world: Any
) -> None:
    """4: route, method, API key, scope, rate limit, Idempotency-Key, replay, body, resource, state,
    Engine: where several are wrong, the first one answers."""
    ids = {"@ready": part}
    body = request_.get("json", {})
    if body.get("partId") == "@failed":
        ids["@failed"] = town.part("cut_off_bracket")["id"]
    if body.get("partId") in ids:
        request_ = {"json": body | {"partId": ids[body["partId"]]}}
    with world(town):
        assert town.call(method, path, **request_).status_code == status


def test_a_missing_key_is_told_before_the_body(town: Any) -> None:
    """4: of the two 400s, the missing key's comes first; a collision comes before both the body
    and the Engine, and so does a replay."""
    message = error_of(town.call("POST", "/parts", idem=None, content=b"?"), 400, "invalid_request")
    assert "Idempotency-Key" in message
    request = {"idem": str(uuid.uuid4()), "json": town.new_part()}
    first = town.call("POST", "/parts", **request)
    with town.stopped("engine"):
        clash = town.call("POST", "/parts", idem=request["idem"], content=b"?")
        error_of(clash, 409, "conflict")
        assert town.call("POST", "/parts", **request).content == first.content
    with town.spent():
        error_of(town.call("POST", "/parts", **request), 429, "rate_limited")


# --- Projects (7) --------------------------------------------------------------------------------


def test_the_first_program_makes_the_project(tmp_path: Path) -> None:
    """7: the first program of a part makes a project `API: <part-name> (<timestamp>)`; later ones
    reuse it, even where both were asked for at the same moment."""
    records = Records(lambda: tmp_path)
    asyncio.run(records.start())
    part = records.add_part(PartTask("part-1", ""), "team", "Bracket (v2)", "mm", None)
    records.keep_part("part-1", Failure("none", "none"))
    assert records.part(part.number).project is None
    records.add_program("prog-1", part, "cfg00001")
    project = records.part(part.number).project
    assert re.fullmatch(rf"API: Bracket \(v2\) \({STAMP}\)", project or "")
    time.sleep(0.002)
    records.add_program("prog-2", part, "cfg00001")
    records.add_program("prog-3", records.part(part.number), "cfg00001")
    assert records.part(part.number).project == project
    assert records.created() == {"parts": 1, "programs": 3}
    asyncio.run(records.stop())


# --- Documents (boxes 3 and 10) ------------------------------------------------------------------

DOCUMENTED = {
    ("POST", "/parts"): {400, 401, 403, 409, 429, 500, 503},
    ("GET", "/parts/{id}"): {401, 404, 429, 500},
    ("POST", "/programs"): {400, 401, 403, 404, 409, 429, 500, 503},
    ("GET", "/programs/{id}"): {401, 404, 429, 500},
    ("GET", "/programs/{id}/estimate"): {400, 401, 404, 422, 429, 500},
    ("GET", "/cut-configs"): {401, 429, 500},
}


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def test_openapi_is_valid_and_lists_the_codes(town: Any) -> None:
    """Box 10: the document is valid OpenAPI 3.1 and says for each endpoint which code each status
    returns, with an example in the envelope."""
    response = town.call("GET", "/openapi.json", key=None)
    document = response.json()
    OpenAPIV31SpecValidator(document).validate()
    assert document["servers"] == [{"url": town.base}]
    listed: dict[Any, set[int]] = {}
    for method, path, operation in _operations(document):
        answers = operation["responses"]
        errors = {int(status): it for status, it in answers.items() if int(status) >= 400}
        listed[method, path] = set(errors)
        for status, answer in errors.items():
            example = answer["content"]["application/json"]["example"]["error"]
            assert set(example) == {"code", "message", "requestId"}
            assert TOOLPATH.find(example["code"], status) is not None
            assert example["code"] in answer["description"]
    assert listed == DOCUMENTED


def test_each_endpoint_returns_exactly_what_is_documented(
    town: Any, part: str, program: str, failed_program: str
) -> None:
    """Boxes 3 and 10: every cause there is, tried on every endpoint, brings out just the statuses
    that the document lists: no more, no less."""
    failed = town.part("cut_off_bracket")["id"]
    collision = str(uuid.uuid4())
    reads = [
        ("/parts/{id}", [part, failed, "part9999"]),
        ("/programs/{id}", [program, failed_program, "prog9999"]),
        ("/programs/{id}/estimate", [program, failed_program, "prog9999"]),
        ("/cut-configs", [""]),
    ]
    writes: list[tuple[str, list[dict[str, Any]]]] = [
        ("/parts", [{"content": b"?"}, {"json": town.new_part()}, {"json": GOOD}]),
        (
            "/programs",
            [
                {"content": b"?"},
                {"json": {"partId": part}},
                {"json": {"partId": failed}},
                {"json": {"partId": "part9999"}},
            ],
        ),
    ]
    seen: dict[Any, set[int]] = {}

    def ask(method: str, template: str, path: str, **request: Any) -> None:
        status = town.call(method, path, **request).status_code
        seen.setdefault((method, template), set()).update({status} if status >= 400 else set())

    def everything(**request: Any) -> None:
        for template, ids in reads:
            for identifier in ids:
                path = template.replace("{id}", identifier)
                ask("GET", template, path, **request)
                ask("GET", template, path, params={"timings": "no"}, **request)
        for path, bodies in writes:
            for body in bodies:
                ask("POST", path, path, **body, **request)
                ask("POST", path, path, idem=None, **body, **request)
                ask("POST", path, path, idem=collision, **body, **request)

    everything()
    for key in ("expired", "read_only", "other_team"):
        everything(key=key)
    with town.spent():
        everything()
    for component in ("engine", "store"):
        with town.stopped(component):
            everything()
    assert seen == DOCUMENTED


def test_the_docs_page_shows_the_same(town: Any) -> None:
    """Box 10: the page renders, with a row for every status of every endpoint and no script."""
    response = town.call("GET", "/docs", key=None)
    assert response.headers["content-type"].startswith("text/html")
    page = response.text
    for (method, path), statuses in DOCUMENTED.items():
        section = page.partition(f"<h2><code>{method} {path}</code></h2>")[2].partition("<h2>")[0]
        assert {int(status) for status in re.findall(r"<tr><td>(\d+)", section)} == statuses
    assert "<script" not in page


def test_the_service_logs_no_key(town: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Refusals are logged without the credential that was refused."""
    with caplog.at_level(logging.DEBUG):
        town.call("GET", "/parts/part9999")
        town.call("GET", "/parts/part9999", key="expired")
    for token in town.keys.values():
        assert token not in caplog.text
