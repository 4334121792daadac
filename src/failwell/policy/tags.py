"""A tag in a request's body, by which its record is found at an API without idempotency keys."""

from __future__ import annotations

import msgspec

from failwell.contract import Contract
from failwell.contract.lookup import told
from failwell.model import Request, Sent


def takes_tags(contract: Contract) -> bool:
    """Whether this API's records are found by a tag that their requests carry."""
    return contract.look_up is not None and contract.look_up.tag is not None


def tagged(contract: Contract, request: Request, tag: str) -> Request:
    """The request with the tag in its body; as it is where the API, or the body, has no room."""
    how = contract.look_up
    if how is None or how.tag is None or request.body is None or request.method in contract.safe:
        return request
    sent = Sent(method=request.method, url=str(request.url), at=0.0, body=request.body)
    body = how.tag(sent, tag)
    return request if body is None else msgspec.structs.replace(request, body=body, tag=tag)


def why_unfindable(contract: Contract, sent: Sent) -> str | None:
    """Why nobody can look for the record of this write, at an API whose records carry tags."""
    if sent.tag is not None or contract.look_up is None or contract.look_up.tag is None:
        return None
    if told("LookUp.request", contract.look_up.request, sent) is not None:
        return None
    return f"{contract.title} takes no idempotency keys, and this request had no room for a tag"
