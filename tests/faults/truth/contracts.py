"""The claims of an API, as failwell is told of them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import failwell
from failwell.dialects import Nested
from faults.truth.apis import MARKS, SETTLE_TIME, Api

DIALECT = Nested(details="details", request_id="request_id")
CODES = tuple(
    failwell.Code(code=code, status=status, proves=proves and failwell.Outcome(proves))
    for (code, status), proves in MARKS.items()
)


def contract_of(api: Api) -> failwell.Contract:
    """The claims, as failwell is told of them."""
    if api.generic:
        return failwell.GENERIC.trusting_keys() if api.trusted else failwell.GENERIC
    header = None if api.keys == "none" else "Idempotency-Key"
    keys: Any = "honoured" if api.trusted else "ignored"
    rules = failwell.Idempotency(header=header, keys=keys)
    if api.keys == "result":
        rules = failwell.Idempotency(keys="honoured", replay="result", conflict=("key_used", 409))
    return failwell.Contract(
        name=api.name,
        dialect=DIALECT,
        codes=CODES,
        idempotency=rules,
        reads_json=api.json,
        whole_requests=api.whole,
        look_up=_look_up(api),
        existing=_EXISTING if api.existing else None,
    )


def _look_up(api: Api) -> failwell.LookUp | None:
    if api.look is None:
        return None
    is_settled = "settled" in api.name
    return failwell.LookUp(
        request=_tagged_question if api.look == "tag" else _question,
        found=lambda sent, answer: (_record(answer) or {}).get("n") == 7,
        record=lambda sent, answer: _record(answer),
        settle_time=SETTLE_TIME if is_settled else None,
        enforced=lambda sent: api.look == "natural" and sent.method == "POST",
        tag=tagged if api.look == "tag" else None,
    )


def _record(answer: Any) -> Any:
    return json.loads(answer.body or b"{}").get("record")


def _question(sent: Any) -> tuple[str, str]:
    parts = urlsplit(sent.url)
    return "GET", f"{parts.scheme}://{parts.netloc}/look/a"


def _tagged_question(sent: Any) -> tuple[str, str] | None:
    return ("GET", f"{_question(sent)[1]}?tag={sent.tag}") if sent.tag else None


def tagged(sent: Any, word: str) -> bytes | None:
    """The body with the word in it; None where that is not a JSON object."""
    try:
        return json.dumps({**json.loads(sent.body or b""), "tag": word}).encode()
    except ValueError:
        return None


def _read(sent: Any, found: str) -> tuple[str, str]:
    parts = urlsplit(sent.url)
    return "GET", f"{parts.scheme}://{parts.netloc}/records/{found}"


_EXISTING = failwell.Existing(
    request=_read, codes=frozenset({"exists"}), compare=frozenset({"name", "n"})
)
