"""The settings of a client: which of several holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest

from failwell.settings import Breaker, Budget, Governor, Limit, Options, Policy, Retry
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


@pytest.mark.parametrize("number", [-1, 1.5, float("nan"), "3", None])
def test_retries_are_counted(number: Any) -> None:
    """Their number is whole."""
    with pytest.raises(ValueError, match=r"max_retries=.*a whole number, 0 or more"):
        Retry(max_retries=number)


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


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Budget(ratio=cast("Any", "0.1")), "ratio"),
        (lambda: Budget(ratio=float("nan")), "ratio"),
        (lambda: Budget(floor=cast("Any", 1.5)), "floor"),
        (lambda: Budget(window=cast("Any", "10")), "window"),
        (lambda: Breaker(failures=cast("Any", 2.5)), "failures"),
        (lambda: Breaker(failures=True), "failures"),
        (lambda: Breaker(open_for=float("inf")), "open_for"),
        (lambda: Breaker(failures=None), "failures"),
        (lambda: Limit(0), "limit"),
        (lambda: Limit(cast("Any", float("nan"))), "limit"),
        (lambda: Limit(cast("Any", "5")), "limit"),
        (lambda: Limit(5, -1.0), "seconds"),
        (lambda: Governor(limits=cast("Any", (5,))), "limits"),
        (lambda: Governor(limits=cast("Any", "60/m")), "limits"),
        (lambda: Governor(limits=cast("Any", 60)), "limits"),
        (lambda: Retry(base=cast("Any", "1")), "base"),
        (lambda: Policy(deadline=cast("Any", "3")), "deadline"),
        (lambda: Policy(deadline=0.0), "deadline"),
        (lambda: Policy(retry=cast("Any", 5)), "retry"),
        (lambda: Policy(budget=cast("Any", 0.1)), "budget"),
        (lambda: Policy(breaker=cast("Any", Budget())), "breaker"),
        (lambda: Policy(governor=cast("Any", Limit(5, 1.0))), "governor"),
        (lambda: Options(retry=cast("Any", 3)), "retry"),
        (lambda: Options(deadline=-1.0), "deadline"),
        (lambda: Options(expect=cast("Any", "xml")), "expect"),
    ],
)
def test_what_cannot_be_a_setting_is_refused_where_it_is_written(
    make: Callable[[], object], name: str
) -> None:
    """A value from a configuration file may be anything: the error names the setting."""
    with pytest.raises(ValueError, match=f"^{name}=.*: must be "):
        make()


@pytest.mark.parametrize("given", [[Limit(5, 1.0)], Limit(5, 1.0), (Limit(5, 1.0),)])
def test_limits_may_come_in_a_list_or_alone(given: Any) -> None:
    """They are kept as a tuple: settings are values, and may be keys."""
    assert Governor(limits=given) == Governor(limits=(Limit(5, 1.0),))
    assert hash(Governor(limits=given)) == hash(Governor(limits=(Limit(5, 1.0),)))
