"""A record whose fate is unknown is found by its name, in the real lists of the service."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

import failwell
from apis.ionworks.conftest import Lab
from failwell.apis.ionworks import IONWORKS
from failwell.apis.ionworks.lookup import existing, found, request
from failwell.model import Outcome, Response, Sent

URL = "https://api.ionworks.com/cell_specifications"


def sent(url: str = URL, body: bytes = b'{"name": "a b", "project_id": "p"}', **more: Any) -> Sent:
    return Sent(**{"method": "POST", "url": url, "at": 0.0, "body": body, **more})


@pytest.mark.parametrize(
    ("what", "asked", "read"),
    [
        (sent(), f"{URL}?name=eq.a%20b&project_id=p", f"{URL}/7"),
        (
            sent(URL + "/1/cell_instances", b'{"name": "c"}'),
            f"{URL}/1/cell_instances?name=eq.c",
            "https://api.ionworks.com/cell_instances/7",
        ),
        (
            sent(URL + "/1/cell_batches", b'{"name": "c"}'),
            f"{URL}/1/cell_batches?name=eq.c",
            "https://api.ionworks.com/cell_batches/7",
        ),
    ],
)
def test_the_questions(what: Sent, asked: str, read: str) -> None:
    """The list that would show the record by its name, and where the one that has it is read."""
    assert request(what) == ("GET", asked)
    assert existing(what, "7") == ("GET", read)


@pytest.mark.parametrize(
    "what",
    [
        sent(method="PUT"),
        sent("https://api.ionworks.com/simulations"),
        sent(URL + "/1/cell_instances/2"),
    ],
)
def test_nothing_to_ask(what: Sent) -> None:
    """What makes no record with a name cannot be looked up by one."""
    assert request(what) is None
    assert existing(what, "7") is None


def test_a_like_record_in_another_project_is_no_proof() -> None:
    """A specification that was sent without its project is not found in a list of all of them."""
    page = Response(status=200, body=b'{"items": [{"name": "a b", "project_id": "p"}]}')
    assert found(sent(), page)
    assert not found(sent(body=b'{"name": "a b"}'), page)
    assert not found(sent(body=b'{"name": "a b", "project_id": "q"}'), page)


def settings(lab: Lab) -> dict[str, Any]:
    headers = {"X-API-Key": lab.keys["key"]}
    return {"base_url": lab.base, "contract": IONWORKS, "headers": headers, "trust_env": False}


def test_a_specification_is_made_once(lab: Lab) -> None:
    """New, then there; with another form factor it is a conflict that says so."""
    name = lab.name()
    with failwell.Client(**settings(lab)) as client:
        body = {"name": name, "form_factor": "R2032"}
        made = failwell.create_or_get(client, "cell_specifications", json=body)
        there = failwell.create_or_get(client, "cell_specifications", json=body)
        assert (made.created, there.created) == (True, False)
        assert made.record["id"] == there.record["id"]
        other = {**body, "form_factor": "R18650"}
        with pytest.raises(failwell.ConflictError, match="form_factor was sent as 'R18650'") as no:
            failwell.create_or_get(client, "cell_specifications", json=other)
    assert no.value.outcome is Outcome.NOT_STARTED


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("fault", ["lose_answer", "reset"])
@pytest.mark.parametrize("names_project", [True, False])
def test_a_lost_answer_makes_one_record(
    lab: Lab, is_async: bool, fault: str, names_project: bool
) -> None:
    """Carried out or not, looked for in a list or told by the 409: there is one, and it is the
    answer."""
    match = {"method": "POST", "path": "/cell_specifications"}
    lab.suffer({"match": match, "fault": fault, "times": 1})
    body = {"name": lab.name()} | ({"project_id": lab.project} if names_project else {})
    retry = failwell.Retry(base=0.0, fast_base=0.0)
    how = {**settings(lab), "policy": failwell.Policy(retry=retry)}

    async def awaited() -> Any:
        async with failwell.AsyncClient(**how) as client:
            return await client.post("cell_specifications", json=body)

    if is_async:
        response = asyncio.run(awaited())
    else:
        with failwell.Client(**how) as client:
            response = client.post("cell_specifications", json=body)
    query = {"name": f"eq.{body['name']}"}
    page = lab.call("GET", "/cell_specifications", params=query).json()
    assert [item["id"] for item in page["items"]] == [response.json()["id"]]


def test_the_contract_still_compares_all_that_was_sent() -> None:
    """No member is left out."""
    assert IONWORKS.existing is not None
    assert msgspec.structs.asdict(IONWORKS.existing)["compare"] is None
