"""What MatCraft promises about failing.

Sources: MatCraft's page "Error Handling" (envelope, fourteen codes, retry strategy, request ids)
and its pages "API overview", "Rate limits", "Campaigns" and "MDL specification". What no page says
is marked as decided here. The page lists 503 among the statuses, the overview does not: the page
holds.
"""

from __future__ import annotations

from failwell.apis.matcraft.exceptions import (
    BY_KIND,
    MatCraftCircuitOpenError,
    MatCraftDeadlineExceededError,
)
from failwell.apis.matcraft.lookup import found, record, request
from failwell.contract import Code, Contract, Idempotency, LookUp, RequestIds
from failwell.dialects.nested import Nested
from failwell.model import Outcome
from failwell.settings import Retry

_NOTHING = Outcome.NOT_STARTED

CLIENT_CODES = (
    Code(
        code="INVALID_REQUEST",
        status=400,
        proves=_NOTHING,
        means="The request is malformed: its JSON, its YAML, or a required field is missing.",
        advice="Correct the request; sending it again unchanged will fail again.",
    ),
    Code(
        code="INVALID_REQUEST",
        status=405,
        proves=_NOTHING,
        means="This path does not take this method.",
        advice="Use a method that the Allow header names.",
    ),
    Code(
        code="VALIDATION_FAILED",
        status=422,
        proves=_NOTHING,
        transient=False,
        means="The MDL document breaks one or more rules.",
        advice="Correct what details list, each by its path.",
    ),
    Code(
        code="UNAUTHORIZED",
        status=401,
        proves=_NOTHING,
        means="The API key is missing, malformed, unknown, revoked or expired.",
        advice="Replace the API key; keys begin with mc_live_, mc_test_ or mc_ci_.",
    ),
    Code(
        code="FORBIDDEN",
        status=403,
        proves=_NOTHING,
        means="The API key lacks the scope that this action needs.",
        advice="Use a key with the scope that the message names.",
    ),
    Code(
        code="NOT_FOUND",
        status=404,
        proves=_NOTHING,
        means="There is no such resource, or it is another account's.",
        advice="Check the id, and that the key is of the account that owns it.",
    ),
    Code(
        code="CONFLICT",
        status=409,
        proves=_NOTHING,
        transient=False,
        means="A resource of this name exists already.",
        advice="Choose another name, or use the one that exists.",
    ),
    Code(
        code="RATE_LIMITED",
        status=429,
        proves=_NOTHING,
        means="A request quota is used up.",
        advice="Wait as long as Retry-After says, then send fewer requests at a time.",
    ),
    Code(
        code="CAMPAIGN_NOT_STARTABLE",
        status=400,
        proves=_NOTHING,
        transient=False,
        means="The campaign is not in the created state.",
        advice="Read the campaign: it has been started before.",
    ),
    Code(
        code="CAMPAIGN_NOT_STOPPABLE",
        status=400,
        proves=_NOTHING,
        transient=False,
        means="The campaign is not in the running state.",
        advice="Read the campaign: it has not begun, or has ended.",
    ),
    Code(
        code="DATASET_SCHEMA_MISMATCH",
        status=422,
        proves=_NOTHING,
        transient=False,
        means="The dataset's columns are not the parameters and objectives of the MDL document.",
        advice="Correct the file's columns, which details list, or use another dataset.",
    ),
)

SERVER_CODES = (
    Code(
        code="INTERNAL_ERROR",
        status=500,
        means="MatCraft failed unexpectedly.",
        advice="Try again later; quote the request id to support.",
    ),
    # Decided here: a start is refused before anything is changed, and the two failures of a job
    # are answered only by reads and by routes that keep nothing. The 5xx rule covers these two,
    # which will usually repeat: one retry at most.
    Code(
        code="WORKER_UNAVAILABLE",
        status=503,
        proves=_NOTHING,
        means="No worker is available to process jobs.",
        advice="Try again later; the campaign is as it was.",
    ),
    Code(
        code="EVALUATION_FAILED",
        status=500,
        transient=False,
        max_retries=1,
        proves=Outcome.ROLLED_BACK,
        means="The domain's evaluation function raised an exception.",
        advice="Inspect the formula and the bounds: the same input is likely to fail again.",
    ),
    Code(
        code="SURROGATE_TRAINING_FAILED",
        status=500,
        transient=False,
        max_retries=1,
        proves=Outcome.ROLLED_BACK,
        means="Training the surrogate model produced NaN or failed.",
        advice="Inspect the objectives: they were constant, or not finite.",
    ),
)

RETRY = Retry(max_retries=5, base=1.0, cap=60.0, jitter=None)
"""5xx and 429: 1, 2, 4, 8, 16 s, at most 60, then give up; a Retry-After is a floor."""

MATCRAFT = Contract(
    name="matcraft",
    title="MatCraft",
    dialect=Nested(
        envelope="error",
        code="code",
        message="message",
        details="details",
        request_id="request_id",
        sparse=True,
    ),
    codes=CLIENT_CODES + SERVER_CODES,
    idempotency=Idempotency(header=None),
    request_ids=RequestIds(header="X-Request-ID", accepts=True, prefix="req_"),
    exceptions=BY_KIND,
    deadline_error=MatCraftDeadlineExceededError,
    circuit_error=MatCraftCircuitOpenError,
    retry=RETRY,
    reads_json=True,
    look_up=LookUp(request=request, found=found, record=record, enforced=True),
)
"""There are no idempotency keys: a repeated write meets the unique name or the campaign's state,
and is looked up by the same."""
