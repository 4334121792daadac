"""What IonQ promises about failing.

Sources: IonQ's API description v0.4 (envelope, short names, statuses of each operation), its page
"v0.3 Error Codes", the reference of its client's exceptions, and its client 0.2.0 (what is
transient). Where they are silent, the entry says so.
"""

from __future__ import annotations

from failwell.apis.ionq.envelope import Envelope
from failwell.apis.ionq.kinds import BY_KIND, CircuitOpenError, DeadlineExceededError
from failwell.apis.ionq.lookup import BY_TAG
from failwell.contract import Code, Contract, Idempotency, RequestIds
from failwell.model import Outcome
from failwell.settings import Retry

_NOTHING = Outcome.NOT_STARTED

CODES = (
    Code(
        code="Bad Request",
        status=400,
        proves=_NOTHING,
        means="The body or the query failed validation.",
        advice='Correct the keys that body["validation"] names; sent again unchanged, it will '
        "fail again.",
    ),
    Code(
        code="Unauthorized Error",
        status=401,
        proves=_NOTHING,
        means="The API key is missing, unknown or revoked.",
        advice="Replace the API key; the header is Authorization: apiKey <key>.",
    ),
    Code(
        code="Forbidden",
        status=403,
        proves=_NOTHING,
        means="The API key has not this right.",
        advice="Ask for access to the backend or the organization.",
    ),
    Code(
        code="Not Found Error",
        status=404,
        proves=_NOTHING,
        means="There is no such job, session or backend, or it has no results.",
        advice="Check the id; a job has results once it is completed.",
    ),
    Code(
        code="Method Not Allowed",
        status=405,
        proves=_NOTHING,
        means="This path does not take this method.",
        advice="Use a method that the Allow header names.",
    ),
    # Not documented; decided here: what is finished cannot be ended once more.
    Code(
        code="Conflict",
        status=409,
        proves=_NOTHING,
        transient=False,
        means="The job is finished, or the session has ended.",
        advice="Read the job or the session as it is now.",
    ),
    Code(
        code="Request Entity Too Large",
        status=413,
        proves=_NOTHING,
        means="The job is too large in bytes, circuits or gates.",
        advice="Split the job.",
    ),
    Code(
        code="Too Many Requests",
        status=429,
        proves=_NOTHING,
        means="The request quota is used up.",
        advice="Wait as long as Retry-After says, then send fewer requests at a time.",
    ),
    Code(
        code="Internal Server Error",
        status=500,
        means="A part of IonQ failed unexpectedly.",
        advice="Try again later; quote the request id to IonQ's support.",
    ),
    # IonQ names proxies as its cause: it comes from in front of the service, not out of it.
    Code(
        code="Bad Gateway",
        status=502,
        means="Something between you and IonQ got no valid answer.",
        advice="Try again later.",
    ),
    Code(
        code="Service Unavailable",
        status=503,
        means="A part of IonQ is away for now.",
        advice="Try again later; IonQ's status page tells of outages.",
    ),
)

RETRY = Retry(max_retries=2, base=1.0, cap=60.0, jitter="equal", fast_base=1.0, max_wait=60.0)
"""IonQ's client's own rule: two retries, after 0.5 to 1 and 1 to 2 seconds, none later than 60."""

IONQ = Contract(
    name="ionq",
    title="IonQ",
    dialect=Envelope(),
    codes=CODES,
    idempotency=Idempotency(header=None, keys="ignored"),
    request_ids=RequestIds(header="x-request-id", accepts=True),
    exceptions=BY_KIND,
    deadline_error=DeadlineExceededError,
    circuit_error=CircuitOpenError,
    retry=RETRY,
    reads_json=True,
    whole_requests=True,
    transient=frozenset({429, 500, 502, 503, *range(520, 530)}),
    look_up=BY_TAG,
)
"""No idempotency keys: a job whose fate is unknown is looked up by a tag in its metadata. A 504 is
final for IonQ's own client, and so it is here. A job is one JSON document, of which a part does
nothing."""
