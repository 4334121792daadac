"""`MatCraftClient` and `AsyncMatCraftClient` over the sandbox: one scenario, both worlds.

What the client believes is never the proof: what was created is counted by the service. The
numbers in the docstrings are sections of the contract.
"""

from __future__ import annotations

import inspect
import itertools
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import failwell
from failwell.apis.matcraft import (
    AsyncMatCraftClient,
    MatCraftClient,
    async_campaigns,
    campaigns,
    exceptions,
)
from failwell.apis.matcraft import async_client as async_side
from failwell.apis.matcraft import client as sync_side
from failwell.apis.matcraft.exceptions import (
    MatCraftAPIError,
    NotFoundError,
    RateLimitError,
    ValidationError,
)
from failwell.errors import InvalidRequestError
from failwell.model import Outcome

_names = (f"mine-{number}" for number in itertools.count())


def document(name: str | None = None, *, expression: str = "(x - 1) * (x - 1)") -> str:
    """An MDL document that is over in two batches, in YAML."""
    return (
        f"name: {name or next(_names)}  # by whoever\n"
        "domain: general\n"
        "parameters:\n  - {name: x, type: continuous, bounds: [0, 2]}\n"
        f'objectives:\n  - {{name: f, direction: minimize, expression: "{expression}"}}\n'
        "optimizer: {budget: 12, batch_size: 6, seed: 1}\n"
    )


@pytest.fixture
def material(tmp_path: Path) -> Path:
    """The file of such a document."""
    path = tmp_path / "material.yaml"
    path.write_text(document())
    return path


# --- From document to results (7, 8) -------------------------------------------------------------


def test_from_document_to_results(client: Any, bench: Any, material: Path) -> None:
    """8: created from a file, started, waited for, read: one campaign, one job."""
    before = bench.created
    campaign = client.campaigns.create(mdl_path=str(material))
    assert (campaign.status, campaign.job_id, campaign.error) == ("created", None, None)
    assert campaign.id.startswith("camp_")
    assert campaign.record.budget == 12
    campaign.start()
    assert campaign.job_id.startswith("job_")
    campaign.wait(timeout=60)
    assert (campaign.status, campaign.record.evaluations_completed) == ("completed", 12)
    (best,) = campaign.results().pareto_front
    assert best.objectives["f"] == pytest.approx((best.parameters["x"] - 1) ** 2)
    after = bench.created
    assert after == before | {"campaigns": before["campaigns"] + 1, "jobs": before["jobs"] + 1}


@pytest.mark.parametrize("form", ["path", "text", "members"])
def test_a_document_in_any_form(client: Any, bench: Any, material: Path, form: str) -> None:
    """A path, the text or the members; a name that is given stands over the document's own."""
    name = next(_names)
    document_as: dict[str, Any] = {
        "path": {"mdl_path": material},
        "text": {"mdl": material.read_text()},
        "members": {"mdl": bench.SPHERE, "domain": "general"},
    }[form]
    made = client.campaigns.create(**document_as, name=name)
    assert (made.name, made.record.domain) == (name, "general")
    assert client.campaigns.get(made.id).record == made.record


def test_a_campaign_that_is_there_already_is_found_in_lists(client: Any) -> None:
    """By name, and page by page; the items are campaigns that can be started."""
    made = [client.campaigns.create(mdl=document()) for _ in range(3)]
    (one,) = client.campaigns.list(name=made[0].name).items
    assert one.start().status == "running"
    page = client.campaigns.list(sort="-created_at", per_page=2, page=2, status="created")
    assert (len(page.items), page.page) == (min(2, page.total - 2), 2)
    assert page.pages == -(-page.total // 2)


def test_a_campaign_is_stopped_and_deleted(client: Any, bench: Any) -> None:
    """A stopped one is over for whoever waits for it; a deleted one is not found."""
    campaign = client.campaigns.create(mdl=bench.LONG, name=next(_names), domain="general")
    assert campaign.start().stop().status == "stopped"
    with pytest.raises(failwell.JobFailedError) as caught:
        campaign.wait(timeout=10)
    assert isinstance(caught.value, MatCraftAPIError)
    assert caught.value.state == "stopped"
    campaign.delete()
    with pytest.raises(NotFoundError):
        campaign.refresh()


def test_a_campaign_that_fails(client: Any) -> None:
    """4: its own code and reason when it is waited for; its results are asked for twice at most."""
    campaign = client.campaigns.create(mdl=document(expression="x / 0"))
    with pytest.raises(failwell.JobFailedError, match="zero") as caught:
        campaign.start().wait(timeout=60)
    assert isinstance(caught.value, MatCraftAPIError)
    assert caught.value.code == "EVALUATION_FAILED"
    assert campaign.refresh().error.code == "EVALUATION_FAILED"
    with pytest.raises(exceptions.ServerError) as refused:
        campaign.results()
    assert (refused.value.code, refused.value.status_code) == ("EVALUATION_FAILED", 500)
    assert len(refused.value.attempts) == 2


def test_a_surrogate_that_cannot_be_trained(client: Any) -> None:
    """4: a constant objective; retried once at most, as the contract says."""
    campaign = client.campaigns.create(mdl=document(expression="0 * x"))
    with pytest.raises(failwell.JobFailedError) as caught:
        campaign.start().wait(timeout=60)
    assert caught.value.code == "SURROGATE_TRAINING_FAILED"
    with pytest.raises(exceptions.ServerError) as refused:
        campaign.results()
    assert len(refused.value.attempts) == 2


def test_a_wait_has_an_end(client: Any, bench: Any) -> None:
    """When the time is up: the last state, as both families; the campaign goes on."""
    campaign = client.campaigns.create(mdl=bench.LONG, name=next(_names), domain="general")
    with pytest.raises(failwell.JobTimeoutError, match="running") as caught:
        campaign.start().wait(timeout=0)
    assert isinstance(caught.value, MatCraftAPIError)
    assert f"client.campaigns.get('{campaign.id}').wait()" in caught.value.advice
    assert campaign.refresh().status == "running"
    campaign.stop()


# --- Jobs, datasets, templates, evaluations (7) --------------------------------------------------


def test_jobs_and_their_logs(client: Any) -> None:
    """A job by its id and in lists, with its progress and the end of its log."""
    campaign = client.campaigns.create(mdl=document())
    campaign.start().wait(timeout=60)
    job = client.jobs.get(campaign.job_id)
    assert (job.status, job.campaign_id) == ("completed", campaign.id)
    assert (job.progress.iteration, job.progress.evaluations_completed) == (2, 12)
    assert client.jobs.list(campaign_id=campaign.id).items == (job,)
    (last,) = client.jobs.logs(job.id, tail=1)
    assert (last.level, last.message) == ("info", "completed")
    assert client.jobs.logs(job.id, level="error") == ()


def test_a_dataset_from_upload_to_warm_start(client: Any, tmp_path: Path) -> None:
    """Uploaded under its file's name, listed, read, downloaded as it was, started from, deleted."""
    table = tmp_path / f"{next(_names)}.csv"
    table.write_bytes(b"x,f\n0.5,0.25\n1.5,0.25\n0.25,0.5625\n")
    made = client.datasets.create(table, description="measured")
    assert (made.name, made.rows, made.columns) == (table.stem, 3, ("x", "f"))
    assert client.datasets.list(name=made.name).items == (made,)
    assert client.datasets.get(made.id).preview[0] == {"x": "0.5", "f": "0.25"}
    assert client.datasets.download(made.id) == table.read_bytes()
    campaign = client.campaigns.create(mdl=document(), dataset_id=made.id)
    assert campaign.record.dataset_id == made.id
    assert campaign.start().wait(timeout=60).status == "completed"
    client.datasets.delete(made.id)
    with pytest.raises(NotFoundError):
        client.datasets.get(made.id)


def test_a_dataset_that_does_not_match(client: Any, tmp_path: Path) -> None:
    """4: DATASET_SCHEMA_MISMATCH is a ValidationError, with a detail for each column."""
    table = tmp_path / f"{next(_names)}.csv"
    table.write_text("x,g\n0.5,0.25\n")
    made = client.datasets.create(table)
    with pytest.raises(ValidationError) as caught:
        client.campaigns.create(mdl=document(), dataset_id=made.id)
    assert caught.value.code == "DATASET_SCHEMA_MISMATCH"
    assert all({"path", "message"} <= set(detail) for detail in caught.value.details)


def test_templates_are_documents_to_begin_with(client: Any) -> None:
    """A template's document makes a campaign as it is."""
    page = client.templates.list()
    template = client.templates.get(page.items[0].id)
    assert template == page.items[0]
    made = client.campaigns.create(mdl=template.mdl, name=next(_names))
    assert made.record.domain == template.domain


def test_an_evaluation(client: Any) -> None:
    """The domain's formulas; one that cannot be computed is asked for twice, and left no trace."""
    at = {"pressure": 60.0, "permeability": 2.0, "thickness": 1.0}
    assert set(client.evaluate("water", at)) >= {"flux"}
    with pytest.raises(exceptions.ServerError) as caught:
        client.evaluate("water", at | {"thickness": 0.0})
    assert (caught.value.code, len(caught.value.attempts)) == ("EVALUATION_FAILED", 2)
    assert caught.value.outcome is Outcome.ROLLED_BACK


# --- Errors (3, 4, 5, 8) -------------------------------------------------------------------------


def handled(act: Any) -> str:
    """Which handler of the published order takes it."""
    try:
        act()
    except ValidationError as e:
        return f"validation {[detail['path'] for detail in e.details]}"
    except NotFoundError:
        return "not found"
    except RateLimitError as e:
        return f"rate limited {e.retry_after}"
    except MatCraftAPIError as e:
        return f"{e.code}"
    return "nothing"


def test_the_handlers_in_their_published_order(client: Any, clients: Any, bench: Any) -> None:
    """8: the first three take what is theirs, and the base all else that MatCraft does."""
    broken = document().replace("[0, 2]", "[2, 0]")
    assert handled(lambda: client.campaigns.create(mdl=broken)) == (
        "validation ['parameters[0].bounds']"
    )
    assert handled(lambda: client.campaigns.get("camp_0")) == "not found"
    bench.suffer({"fault": "status", "status": 429, "retry_after": "900"})
    assert handled(lambda: client.campaigns.list()) == "rate limited 900.0"
    bench.suffer()
    made = client.campaigns.create(mdl=document())
    assert handled(lambda: client.campaigns.create(mdl=document(made.name))) == "CONFLICT"
    assert handled(made.stop) == "CAMPAIGN_NOT_STOPPABLE"
    assert handled(lambda: (made.start(), made.start())) == "CAMPAIGN_NOT_STARTABLE"
    for key, code in (("read_only", "FORBIDDEN"), ("expired", "UNAUTHORIZED")):
        other = clients(bench, key=key)
        assert handled(lambda other=other: other.campaigns.create(mdl=document())) == code
    assert handled(lambda: clients.at("http://127.0.0.1:9", "k").campaigns.list()) == "None"


def test_what_a_mistake_in_a_file_tells(client: Any) -> None:
    """3: message, path, value, and the line of the file, for the text goes as it is."""
    broken = document().replace("[0, 2]", "[1200, 300]")
    with pytest.raises(ValidationError) as caught:
        client.campaigns.create(mdl=broken)
    error = caught.value
    assert error.message == "Parameter 'x' has inverted bounds [1200, 300]"
    (detail,) = error.details
    assert (detail["path"], detail["value"]) == ("parameters[0].bounds", [1200, 300])
    assert detail["line"] == 4
    assert error.outcome is Outcome.NOT_STARTED
    assert error.request_id == error.data["error"]["request_id"]


def test_details_are_never_none(client: Any) -> None:
    """8: an error without any has an empty list."""
    with pytest.raises(NotFoundError) as caught:
        client.jobs.get("job_0")
    assert caught.value.details == []
    assert (caught.value.code, caught.value.status_code) == ("NOT_FOUND", 404)


def test_errors_travel(client: Any) -> None:
    """An error survives pickling, with details and attempts, and shows no key."""
    with pytest.raises(ValidationError) as caught:
        client.campaigns.create(mdl="name: a\n")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again, again.details) == (caught.value, caught.value.details)
    assert "mc_live_" not in repr(again) + str(again.__notes__)


# --- Bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({}, "either mdl_path=, its file, or mdl="),
        ({"mdl_path": "a.yaml", "mdl": {}}, "either mdl_path=, its file, or mdl="),
        ({"mdl_path": "no-such-file.yaml"}, "'no-such-file.yaml' cannot be read: No such file"),
        ({"mdl_path": "/"}, "cannot be read"),
        ({"mdl_path": "\0"}, "cannot be read"),
        ({"mdl_path": "x" * 5000}, "cannot be read"),
        ({"mdl": {"name": "a", "parameters": [float("nan")]}}, "cannot be sent as JSON"),
        ({"mdl": {"name": "a", "parameters": object()}}, "cannot be sent as JSON"),
        ({"mdl": 3}, "mdl is a int: give its text or its members"),
    ],
)
def test_a_document_that_is_refused_here(
    client: Any, bench: Any, wrong: dict[str, Any], told: str
) -> None:
    """What is wrong on this side is told before anything is sent."""
    before = bench.control("GET", "/sandbox/matcraft/effects").json()["requests"]
    with pytest.raises(InvalidRequestError, match=told):
        client.campaigns.create(**wrong)
    assert bench.control("GET", "/sandbox/matcraft/effects").json()["requests"] == before


@pytest.mark.parametrize("identifier", ["", ".", "../jobs", "a/b", "ü", "a" * 129, 3.5])
def test_what_is_no_id(client: Any, identifier: Any) -> None:
    """Refused here, for it would name another resource."""
    with pytest.raises(InvalidRequestError, match="is not an id"):
        client.campaigns.get(identifier)


@pytest.mark.parametrize("text", ["", "%", "name: [", "- 1", "\0", "name: a\n---\nname: b\n"])
def test_a_text_that_is_no_document(client: Any, text: str) -> None:
    """MatCraft says what is wrong with it."""
    with pytest.raises(MatCraftAPIError) as caught:
        client.campaigns.create(mdl=text)
    assert caught.value.code in ("INVALID_REQUEST", "VALIDATION_FAILED")


# --- Two worlds ----------------------------------------------------------------------------------

TWINS = [
    (MatCraftClient, AsyncMatCraftClient),
    (campaigns.Campaign, async_campaigns.AsyncCampaign),
    (campaigns.Campaigns, async_campaigns.AsyncCampaigns),
    *(
        (getattr(sync_side, name), getattr(async_side, f"Async{name}"))
        for name in ("Jobs", "Datasets", "Templates")
    ),
]


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_both_worlds_take_the_same(one: type, other: type) -> None:
    """Every method of the one is a method of the other, with the same parameters, awaited."""
    assert public(one) == public(other)
    methods = [member for name, member in vars(other).items() if not name.startswith("_")]
    assert all(map(inspect.iscoroutinefunction, methods))


def public(cls: type) -> dict[str, Any]:
    """Its public methods with their parameters and defaults, and its properties."""
    named = {
        "close" if name == "aclose" else name: getattr(cls, name)
        for name in dir(cls)
        if not name.startswith("_")
    }
    return {name: _parameters(member) for name, member in named.items()}


def _parameters(member: Any) -> Any:
    if isinstance(member, property):
        return member
    found = inspect.signature(member).parameters.values()
    return [(one.name, one.kind, one.default, one.annotation) for one in found]


def test_the_client_needs_nothing_that_only_the_sandbox_needs() -> None:
    """To import it brings in no YAML, no server, no numbers."""
    heavy = "yaml", "starlette", "uvicorn", "numpy", "scipy", "sklearn", "cmaes"
    script = f"import sys, failwell.apis.matcraft\nprint(sys.modules.keys() & {set(heavy)!r})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "set()\n", done.stderr


# --- Key and address (2, 8) ----------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["MATCRAFT_API_KEY", "MATERIA_API_KEY"])
def test_the_key_comes_from_the_environment(
    clients: Any, bench: Any, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """8: no arguments are needed; the address comes from there, too."""
    monkeypatch.setenv(variable, bench.keys["admin"])
    monkeypatch.setenv("MATCRAFT_BASE_URL", bench.base)
    client = clients.at(None, None)
    assert client.templates.list().items
    assert bench.keys["admin"] not in repr(client.it)


def test_the_other_published_path_serves_as_well(clients: Any, bench: Any) -> None:
    """2: /api/v1, where the published address ends; a lost answer is found there, too."""
    before = bench.created["campaigns"]
    client = clients.at(bench.base.replace("/v1", "/api/v1"), bench.keys["admin"])
    bench.suffer({"fault": "lose_answer", "times": 1, "match": {"method": "POST"}})
    assert client.campaigns.create(mdl=document()).start().status == "running"
    assert bench.created["campaigns"] == before + 1


def test_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ValueError that says where it is looked for."""
    for variable in ("MATCRAFT_API_KEY", "MATERIA_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ValueError, match="api_key=, or set MATCRAFT_API_KEY or MATERIA_API_KEY"):
        MatCraftClient()
    for key in ("a b", "a\n", "ключ"):
        with pytest.raises(ValueError, match="characters that no API key has") as caught:
            MatCraftClient(key)
        assert key not in str(caught.value)


def test_the_address_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """2: the published one."""
    monkeypatch.delenv("MATCRAFT_BASE_URL", raising=False)
    with MatCraftClient("mc_test_1") as client:
        assert str(client.client.base_url) == "https://api.matcraft.ai/api/v1/"
