"""MatCraft's clients in a bad world: lost answers, 429s, workers that are gone, by the contract's
retry rule. What was created is counted by the service. The numbers are sections of the contract."""

from __future__ import annotations

import itertools
import pickle
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import failwell
from failwell.apis.matcraft import RETRY, exceptions
from failwell.apis.matcraft.exceptions import MatCraftAPIError, RateLimitError
from failwell.model import Outcome
from failwell.sandbox.wire import running
from failwell.settings import Breaker, Policy, Retry

_names = (f"again-{number}" for number in itertools.count())
ONCE = Policy(retry=None)

FAULTS: list[dict[str, Any]] = [
    {"fault": "lose_answer"},
    {"fault": "reset"},
    {"fault": "cut_body"},
    {"fault": "truncate"},
    {"fault": "html_502"},
    {"fault": "html_502", "committed": True},
    {"fault": "status", "status": 429, "retry_after": "0"},
    {"fault": "status", "status": 503},
    {"fault": "delay", "seconds": 0.05},
]


def name_of(value: Any) -> str:
    return "-".join(str(word) for word in value.values()) if isinstance(value, dict) else str(value)


def text(name: str, bounds: str = "[0, 2]") -> str:
    """A document that is over in two batches."""
    return (
        f"name: {name}\ndomain: general\nparameters:\n"
        f"  - {{name: x, type: continuous, bounds: {bounds}}}\n"
        "objectives:\n  - {name: f, direction: minimize, expression: x * x}\n"
        "optimizer: {budget: 12, batch_size: 6, seed: 1}\n"
    )


def table(folder: Path, rows: int = 3) -> Path:
    """A CSV file with this many rows."""
    path = folder / f"{next(_names)}.csv"
    path.write_text("x,f\n" + "".join(f"{number},{number * number}\n" for number in range(rows)))
    return path


# --- Nothing is lost, nothing is done twice ------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS, ids=name_of)
def test_a_fault_neither_doubles_nor_loses(
    client: Any, bench: Any, tmp_path: Path, fault: dict[str, Any]
) -> None:
    """Each write and each read meets the fault once: one campaign, one job, one dataset."""
    before, once = bench.created, fault | {"times": 1}
    bench.suffer(once)
    dataset = client.datasets.create(table(tmp_path))
    bench.suffer(once)
    campaign = client.campaigns.create(mdl=text(next(_names)), dataset_id=dataset.id)
    bench.suffer(once)
    campaign.start()
    bench.suffer(once)
    assert campaign.wait(timeout=60).status == "completed"
    bench.suffer(once)
    assert campaign.results().evaluations_completed >= 12
    bench.suffer(once)
    campaign.delete()
    bench.suffer(once)
    client.datasets.delete(dataset.id)
    assert bench.created == {kind: count + 1 for kind, count in before.items()}
    assert client.campaigns.list(name=campaign.name).total == 0


def test_a_campaign_that_was_there_before_is_not_taken_for_ones_own(
    client: Any, bench: Any
) -> None:
    """A lost write under a taken name: the older record does not prove that it was made."""
    name = client.campaigns.create(mdl=text(next(_names))).name
    time.sleep(1.1)  # by so much two clocks may differ
    before = bench.created
    bench.suffer({"fault": "reset", "times": 1, "match": {"method": "POST"}})
    with pytest.raises(exceptions.ConflictError) as caught:
        client.campaigns.create(mdl=text(name, "[0, 1]"))
    assert caught.value.outcome is Outcome.UNKNOWN
    assert bench.created == before


def test_a_lost_stop_is_found(client: Any, bench: Any) -> None:
    """A stop is looked up by the campaign's state, and not sent to one that has ended."""
    campaign = client.campaigns.create(mdl=bench.LONG, name=next(_names), domain="general").start()
    bench.suffer({"fault": "lose_answer", "times": 1, "match": {"method": "POST"}})
    assert campaign.stop().status == "stopped"


def test_a_large_dataset_is_found_again(client: Any, bench: Any, tmp_path: Path) -> None:
    """More than an exception keeps of a body is looked up all the same."""
    large, before = table(tmp_path, 400_000), bench.created["datasets"]
    assert large.stat().st_size > 5_000_000
    bench.suffer({"fault": "lose_answer", "times": 1, "match": {"method": "POST"}})
    assert client.datasets.create(large).rows == 400_000
    assert bench.created["datasets"] == before + 1


def test_an_unknown_outcome_is_settled_later(clients: Any, bench: Any) -> None:
    """Answer and look-up are both lost: unknown; afterwards, from a pickle, the record is found."""
    client, name = clients(bench, policy=ONCE), next(_names)
    bench.suffer({"fault": "lose_answer", "times": 4})
    with pytest.raises(MatCraftAPIError) as caught:
        client.campaigns.create(mdl=text(name))
    assert caught.value.outcome is Outcome.UNKNOWN
    bench.suffer()
    settled = client.settle(pickle.loads(pickle.dumps(caught.value)))
    assert settled.outcome is Outcome.APPLIED
    assert settled.record["data"]["name"] == name


# --- The published rule (6) ----------------------------------------------------------------------


def test_the_rule_is_the_contracts_where_none_is_given(clients: Any, bench: Any) -> None:
    """6: 1, 2, 4, 8 and 16 s after a 503, then it is reported; what one asks for stands over it."""
    client = clients.patient(bench)
    assert client.it.client.policy.retry == RETRY
    campaign = client.campaigns.create(mdl=text(next(_names)))
    with bench.stopped("worker"), pytest.raises(exceptions.WorkerUnavailableError) as caught:
        campaign.start()
    assert clients.sleeps == [1, 2, 4, 8, 16]
    assert len(caught.value.attempts) == 6
    assert caught.value.outcome is Outcome.NOT_STARTED
    assert campaign.refresh().status == "created"
    own = clients(bench, policy=Policy(retry=Retry(max_retries=1)))
    assert own.it.client.policy.retry == Retry(max_retries=1)


@pytest.mark.parametrize(("asked", "wait"), [("0", 1.0), ("7", 7.0)])
def test_retry_after_is_a_floor(clients: Any, bench: Any, asked: str, wait: float) -> None:
    """6: at least as long as the header says, and at least as long as the rule."""
    client = clients.patient(bench)
    bench.suffer({"fault": "status", "status": 429, "retry_after": asked, "times": 1})
    client.campaigns.list()
    assert clients.sleeps == [wait]


def test_a_quota_that_is_used_up(clients: Any, bench: Any) -> None:
    """8: `retry_after` tells the seconds, where they are more than anybody waits."""
    client = clients(bench)
    with bench.limited(campaigns_per_hour=1):
        made = [None, None]
        with pytest.raises(RateLimitError) as caught:
            made = [client.campaigns.create(mdl=text(next(_names))) for _ in made]
    assert caught.value.code == "RATE_LIMITED"
    assert 120 < caught.value.retry_after <= 3600
    assert caught.value.outcome is Outcome.NOT_STARTED


@pytest.mark.parametrize(("status", "sends"), [(500, 1), (404, 1)])
def test_what_is_not_proven_safe_is_not_sent_again(
    client: Any, bench: Any, status: int, sends: int
) -> None:
    """A 500 without a mark proves nothing, and /evaluate has nothing that could be looked up."""
    bench.suffer({"fault": "status", "status": status, "times": 3})
    with pytest.raises(MatCraftAPIError) as caught:
        client.evaluate("water", {"pressure": 60.0})
    assert len(caught.value.attempts) == sends


def test_a_formula_that_fails_is_no_outage(client: Any) -> None:
    """However often it fails, MatCraft is asked for other things; the 500 is about the request."""
    at = {"pressure": 60.0, "permeability": 2.0, "thickness": 0.0}
    for _ in range(6):
        with pytest.raises(exceptions.ServerError) as caught:
            client.evaluate("water", at)
        assert caught.value.code == "EVALUATION_FAILED"
    assert client.templates.list().items


# --- One family (8) ------------------------------------------------------------------------------


def test_an_open_circuit_is_of_the_family(clients: Any, bench: Any) -> None:
    """`except MatCraftAPIError` catches it; it says when MatCraft is asked again."""
    policy = Policy(retry=None, breaker=Breaker(failures=1, on_open="raise"))
    client = clients(bench, policy=policy)
    bench.suffer({"fault": "status", "status": 500, "times": 1})
    with pytest.raises(exceptions.ServerError):
        client.campaigns.list()
    with pytest.raises(MatCraftAPIError) as caught:
        client.campaigns.create(mdl=text(next(_names)))
    assert isinstance(caught.value, failwell.CircuitOpenError)
    assert caught.value.outcome is Outcome.NOT_STARTED
    assert caught.value.retry_after


def test_a_deadline_is_of_the_family(clients: Any, bench: Any) -> None:
    """The call's own deadline ends it as a kind of time-out of MatCraft's."""
    client = clients(bench, policy=Policy(deadline=0.2, retry=None))
    bench.suffer({"fault": "delay", "seconds": 2.0, "times": 1})
    with pytest.raises(exceptions.MatCraftDeadlineExceededError) as caught:
        client.campaigns.list()
    assert isinstance(caught.value, failwell.DeadlineExceededError)


@pytest.mark.parametrize(
    "body", [[], {}, {"data": None}, {"data": [3]}, {"data": []}, {"data": {"id": 3}}, "text"]
)
def test_an_answer_of_another_shape(clients: Any, body: Any) -> None:
    """It is told, with what it proves: a write that got its 201 was done."""

    async def answered(_: Any) -> Response:
        return JSONResponse(body, 201, {"X-Request-ID": "req_1"})

    paths = [Route("/{rest:path}", answered, methods=["GET", "POST"])]
    with running(Starlette(routes=paths)) as url:
        client = clients.at(url, "mc_test_1")
        for act, outcome in (
            (lambda: client.campaigns.create(mdl=text("a")), Outcome.APPLIED),
            (lambda: client.campaigns.get("camp_1"), None),
            (client.campaigns.list, None),
        ):
            with pytest.raises(exceptions.MatCraftBadResponseError) as caught:
                act()
            assert (caught.value.outcome, caught.value.request_id) == (outcome, "req_1")
