"""Contracts with a look-up, for the seams of other HTTP libraries."""

from __future__ import annotations

import json
from typing import Any

import msgspec

import failwell
from clients.fault_server import Act
from clients.world import API
from failwell.model import Response, Sent

TAGGED = Act(status=200, body=b'{"id": "rec_1", "status": "queued"}')
"""The record, as the look-up below shows it."""


def tag(sent: Sent, word: str) -> bytes | None:
    """The body with the word in it; None where that is not a JSON object."""
    try:
        members = json.loads(sent.body or b"")
    except ValueError:
        return None
    return json.dumps({**members, "tag": word}).encode()


def by_tag(**settings: Any) -> failwell.Contract:
    """An API without keys, whose records are found by a tag."""
    look_up = failwell.LookUp(
        request=lambda sent: ("GET", f"{sent.url}?tag={sent.tag}") if sent.tag else None,
        found=lambda sent, answer: b"rec_1" in (answer.body or b""),
        tag=tag,
        **{"status": lambda sent: 201, **settings},
    )
    no_keys = failwell.Idempotency(header=None)
    return msgspec.structs.replace(API, idempotency=no_keys, look_up=look_up)


def elsewhere(url: str) -> failwell.Contract:
    """The same, whose record would be looked for at another origin."""

    def request(sent: Sent) -> tuple[str, str]:
        return "GET", f"{url}/records"

    def found(sent: Sent, answer: Response) -> bool:
        return True

    look_up = failwell.LookUp(request=request, found=found)
    return msgspec.structs.replace(by_tag(), look_up=look_up)
