"""What Toolpath promises about failing.

Sources: Toolpath's page "Errors" (envelope, seven codes, ten statuses, handling) and its pages
"Authentication", "Idempotency" and "Create a part". Where they are silent, the entry says so.
"""

from __future__ import annotations

from failwell.apis.toolpath.exceptions import BY_KIND, ToolpathDeadlineExceededError
from failwell.contract import Code, Contract, Idempotency, RequestIds
from failwell.dialects.nested import Nested
from failwell.model import Outcome

_NOTHING = Outcome.NOT_STARTED

CODES = (
    Code(
        code="invalid_request",
        status=400,
        proves=_NOTHING,
        means="The request is malformed: its body, its parameters, or a missing Idempotency-Key.",
        advice="Correct the request; sending it again unchanged will fail again.",
    ),
    Code(
        code="invalid_request",
        status=405,
        proves=_NOTHING,
        means="This path does not take this method.",
        advice="Use a method that the Allow header names.",
    ),
    Code(
        code="unauthorized",
        status=401,
        proves=_NOTHING,
        means="The API key is missing, malformed, unknown, revoked or expired.",
        advice="Replace the API key; keys begin with tp_live_.",
    ),
    Code(
        code="forbidden",
        status=403,
        proves=_NOTHING,
        means="The API key's scope does not allow this.",
        advice="Use a read_write key.",
    ),
    Code(
        code="not_found",
        status=404,
        proves=_NOTHING,
        means="There is no such resource, or it is not your team's.",
        advice="Check the id, and that the key is of the team that owns it.",
    ),
    Code(
        code="conflict",
        status=409,
        proves=_NOTHING,
        transient=False,
        means="The Idempotency-Key came with another body, or the resource is not in that state.",
        advice="If the part is still processing, wait until it is ready and send the same request "
        "with the same key. If the key was used for another body, send a new key.",
    ),
    Code(
        code="rate_limited",
        status=429,
        proves=_NOTHING,
        means="The request quota is used up.",
        advice="Wait as long as Retry-After says, then send fewer requests at a time.",
    ),
    Code(
        code="internal_error",
        status=422,
        proves=_NOTHING,
        transient=False,
        means="The Engine could not compute a result for this input.",
        advice="Change the input: the same part will fail in the Engine again.",
    ),
    Code(
        code="internal_error",
        status=500,
        means="Toolpath failed unexpectedly.",
        advice="Try again later with the same key; quote the request id to support.",
    ),
    Code(
        code="internal_error",
        status=503,
        proves=Outcome.ROLLED_BACK,
        means="The Engine is unavailable; the write was rolled back.",
        advice="Try again later; the same key is still good.",
    ),
)

TOOLPATH = Contract(
    name="toolpath",
    title="Toolpath",
    dialect=Nested(envelope="error", code="code", message="message", request_id="requestId"),
    codes=CODES,
    idempotency=Idempotency(
        keys="required",
        methods=frozenset({"POST", "PUT", "DELETE"}),
        retention=86400.0,
        conflict=("conflict", 409),
        missing=("invalid_request", 400),
        replays=frozenset({"content-type"}),
    ),
    request_ids=RequestIds(header="X-Request-Id", accepts=True, alphabet=r"[\x21-\x7e]{1,128}"),
    exceptions=BY_KIND,
    deadline_error=ToolpathDeadlineExceededError,
    reads_json=True,
    whole_requests=True,
)
"""Every write needs a key and is replayed for 24 h without its original headers; a 409 or a 503
does not use the key up; a part of another team does not exist."""
