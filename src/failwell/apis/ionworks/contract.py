"""What Ionworks promises about failing.

Sources: Ionworks' guide "Error Handling" (five statuses, one exception, `x-correlation-id`), its
client documentation "Authentication" and "Errors", and the behaviour of the Python client
`ionworks-api` 0.38 (envelope, retries, limits). Where they give no code for a status, the name is
ours and the entry says so.
"""

from __future__ import annotations

import msgspec

from failwell.apis.ionworks.exceptions import BY_KIND, CIRCUIT_ERROR, DEADLINE_ERROR
from failwell.apis.ionworks.lookup import EXISTING, LOOK_UP, repeatable
from failwell.contract import Code, Contract, Idempotency, RequestIds
from failwell.dialects.flat import Flat
from failwell.model import Outcome
from failwell.settings import Retry

BASE_URL = "https://api.ionworks.com"
API_KEY_HEADER = "X-API-Key"
ORGANIZATION_HEADER = "X-Organization-Id"
CORRELATION_HEADER = "x-correlation-id"

TIMEOUT = 10.0
"""Seconds that one attempt may take."""

RETRY = Retry(max_retries=5, base=0.3, cap=4.8)
"""Five retries: 0.3, 0.6, 1.2, 2.4, 4.8 seconds at most between them."""

GZIP_THRESHOLD = 512 * 1024
"""Bytes of JSON from which on the client sends a body compressed."""

LARGEST_PAGE = 1000
"""Records that one page holds at most."""

_NOTHING = Outcome.NOT_STARTED

CODES = (
    Code(
        code="BAD_REQUEST",
        status=400,
        proves=_NOTHING,
        means="The request is malformed, or it contradicts what is stored.",
        advice="Correct the request; sending it again unchanged will fail again.",
    ),
    # The guide groups "invalid or expired"; the name of the code is ours.
    Code(
        code="UNAUTHORIZED",
        status=401,
        proves=_NOTHING,
        means="The API key is missing, unknown, revoked or expired.",
        advice="Replace or renew the API key (IONWORKS_API_KEY).",
    ),
    Code(
        code="FORBIDDEN",
        status=403,
        proves=_NOTHING,
        means="The API key's user has no access to this project or organization.",
        advice="Ask for access to the project, or use a key of someone who has it.",
    ),
    Code(
        code="NOT_FOUND",
        status=404,
        proves=_NOTHING,
        means="There is no such resource, or it is not in a project of yours.",
        advice="Check the id.",
    ),
    # Not documented; the name is ours.
    Code(
        code="METHOD_NOT_ALLOWED",
        status=405,
        proves=_NOTHING,
        means="This path does not take this method.",
        advice="Use a method that the Allow header names.",
    ),
    Code(
        code="CONFLICT",
        status=409,
        proves=_NOTHING,
        transient=False,
        means="The name is in use already; detail.existing_id is the record that has it.",
        advice="Use create_or_get(), or choose another name.",
    ),
    # The client's documentation has the status; the name is ours.
    Code(
        code="GONE",
        status=410,
        proves=_NOTHING,
        means="This is no longer accepted, or the signed link has expired.",
        advice="Start jobs as simulations or pipelines; ask for a new upload link.",
    ),
    # Not documented; the name is ours.
    Code(
        code="PAYLOAD_TOO_LARGE",
        status=413,
        proves=_NOTHING,
        means="The body is larger than this API takes.",
        advice="Send less at a time; time series are uploaded as Parquet.",
    ),
    # The guide has the status; the name is ours.
    Code(
        code="VALIDATION_ERROR",
        status=422,
        proves=_NOTHING,
        transient=False,
        means="The payload does not fit the schema; detail lists what is wrong and where.",
        advice="Fix the fields that detail names.",
    ),
    # Not in the guide, and no rates are published; the name is ours.
    Code(
        code="RATE_LIMITED",
        status=429,
        proves=_NOTHING,
        means="More requests came than this API key may send.",
        advice="Wait as long as Retry-After says.",
    ),
    # The guide has the status; the name is ours.
    Code(
        code="INTERNAL_ERROR",
        status=500,
        means="Ionworks failed unexpectedly.",
        advice="Quote the correlation id to support.",
    ),
    # The client retries this status; the name is ours, and what it proves is not said.
    Code(
        code="SERVICE_UNAVAILABLE",
        status=503,
        means="A component behind the API is down.",
        advice="Try again later.",
    ),
)

IONWORKS = Contract(
    name="ionworks",
    title="Ionworks",
    dialect=Flat(code="error_code", message="message", details="detail"),
    codes=CODES,
    idempotency=Idempotency(header=None, keys="ignored"),
    request_ids=RequestIds(header=CORRELATION_HEADER, accepts=True),
    exceptions=BY_KIND,
    deadline_error=DEADLINE_ERROR,
    circuit_error=CIRCUIT_ERROR,
    retry=RETRY,
    reads_json=True,
    transient=frozenset({429, 500, 502, 503, 504}),
    look_up=LOOK_UP,
    repeatable=repeatable,
    existing=EXISTING,
)
"""No idempotency keys: names are unique within their scope, and a 409 names the record that has
the name. Reads and deletes are repeated after a 5xx; a create is looked up first, a pipeline by a
tag in its description."""

STORAGE = msgspec.structs.replace(IONWORKS, reads_json=False, look_up=None, existing=None)
"""Where signed links lead: files come and go there, and no credential goes along."""
