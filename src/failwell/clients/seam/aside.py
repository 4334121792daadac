"""Requests that a flow makes up itself, to look for the record of a write: they carry its
credentials (see `failwell.clients.asides`), and go nowhere but where it went."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from failwell.contract import Contract
from failwell.model import Sent


def looks_at_home(contract: Contract) -> Contract:
    """The contract, whose look-ups do not leave the origin of the write that they look for: they
    carry its credentials. A URL that only a client's base URL would make whole is not asked for.
    """
    look_up, existing = contract.look_up, contract.existing
    if look_up is not None:
        look_up = msgspec.structs.replace(look_up, request=_at_home(look_up.request))
    if existing is not None:
        existing = msgspec.structs.replace(existing, request=_at_home(existing.request))
    return msgspec.structs.replace(contract, look_up=look_up, existing=existing)


def _at_home(request: Callable[..., tuple[str, str] | None]) -> Any:
    def asked(sent: Sent, *named: str) -> tuple[str, str] | None:
        question = request(sent, *named)
        is_home = question is not None and _origin(question[1]) == _origin(sent.url)
        return question if is_home else None

    return asked


def _origin(url: str) -> tuple[str, str | None, int | None]:
    there = urlsplit(url)
    return there.scheme, there.hostname, there.port
