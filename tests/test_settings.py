"""The settings of a client: which of several holds."""

from __future__ import annotations

import msgspec
import pytest

from failwell.settings import Options, Policy, Retry
from samples import OWN

RULE = Retry(max_retries=2, base=0.5, jitter=None)


@pytest.mark.parametrize(
    ("policy", "published", "holds"),
    [
        (Policy(), RULE, RULE),
        (Policy(deadline=9.0), RULE, RULE),
        (Policy(retry=None), RULE, None),
        (Policy(retry=Retry()), RULE, Retry()),
        (Policy(retry=Retry(base=9.0)), RULE, Retry(base=9.0)),
        (Policy(), None, Retry()),
    ],
)
def test_a_published_retry_rule_holds_where_no_other_was_asked_for(
    policy: Policy, published: Retry | None, holds: Retry | None
) -> None:
    """To ask for none, or for failwell's usual one by name, is to ask; all else stays."""
    ruled = policy.under(msgspec.structs.replace(OWN, retry=published))
    assert ruled.retry == holds
    assert ruled == msgspec.structs.replace(policy, retry=holds)


def test_options_are_laid_over_one_another() -> None:
    """What one call sets wins; what it leaves out stays; None is a setting too."""
    below = Options(idempotency_key="a", deadline=9.0, retry=Retry(max_retries=1), expect="json")
    assert Options().over(below) == below
    assert Options(deadline=None, retry=None).over(below) == Options(
        idempotency_key="a", deadline=None, retry=None, expect="json"
    )
    assert Options(idempotency_key="b", expect="any").over(below).idempotency_key == "b"


def test_an_empty_key_is_not_taken_for_no_key() -> None:
    """An empty key is the caller's mistake: it stays, so that the client can refuse it."""
    assert Options(idempotency_key="").over(Options(idempotency_key="a")).idempotency_key == ""
