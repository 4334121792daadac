"""Samples and projects: permissions, validation, duplicates, locks, pages and keys."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from apis.flow.conftest import refused


@pytest.fixture
def shared(flow: Any) -> str:
    """The sample of Alice's that Carol may read from the start."""
    (sample,) = flow.call("GET", "/samples", user="carol").json()["samples"]
    return str(sample["id"])


def test_a_sample_is_created_as_described(flow: Any) -> None:
    """201, with the id as a string of digits; a space in the name is fine."""
    body = {"name": "Test Sample", "organism": "human", "metadata": {"strandedness": "reverse"}}
    response = flow.call("POST", "/samples/create", json=body)
    sample = response.json()
    assert (response.status_code, sample["name"]) == (201, "Test Sample")
    assert sample["id"].isdigit()
    assert (sample["organism"]["id"], sample["sample_type"]) == ("Hs", "generic")
    assert sample["metadata"] == {"strandedness": "reverse"}
    assert sample["private"] is True
    assert flow.call("GET", f"/samples/{sample['id']}").json() == sample


def test_all_that_is_wrong_is_said_at_once(flow: Any) -> None:
    """VALIDATION_ERROR lists every bad field with a message of its own."""
    body = {"name": " ", "organism": "martian", "sample_type": 7, "metadata": {"colour": "red"}}
    details = refused(flow.call("POST", "/samples/create", json=body), 400, "VALIDATION_ERROR")
    assert {"field": "name", "message": "Name is required"} in details["errors"]
    assert {"field": "organism", "message": "Invalid organism ID"} in details["errors"]
    fields = {error["field"] for error in details["errors"]}
    assert fields == {"name", "organism", "sample_type", "metadata.colour"}


@pytest.mark.parametrize("path", ["/samples/999999", "/projects/999999", "/data/999999"])
def test_an_unknown_id(flow: Any, path: str) -> None:
    """NOT_FOUND names the type and, as an integer, the id."""
    details = refused(flow.call("GET", path), 404, "NOT_FOUND")
    assert details == {"resource_type": path.split("/")[1].rstrip("s"), "resource_id": 999999}


def test_what_is_no_id(flow: Any) -> None:
    """NOT_FOUND, too, and no number is made up for it."""
    details = refused(flow.call("GET", "/samples/liver"), 404, "NOT_FOUND")
    assert details == {"resource_type": "sample", "resource_id": None}


def test_reading_takes_a_permission(flow: Any, shared: str) -> None:
    """FORBIDDEN, not 404, for Bob; Carol may read and not edit."""
    details = refused(flow.call("GET", f"/samples/{shared}", user="bob"), 403, "FORBIDDEN")
    assert details == {
        "resource_type": "sample",
        "resource_id": int(shared),
        "required_permission": "read",
        "user_permission": None,
    }
    assert flow.call("GET", f"/samples/{shared}", user="carol").status_code == 200
    edited = flow.call("POST", f"/samples/{shared}/edit", user="carol", json={"name": "Mine"})
    details = refused(edited, 403, "FORBIDDEN")
    assert (details["required_permission"], details["user_permission"]) == ("edit", "read")
    deleted = flow.call("DELETE", f"/samples/{shared}", user="carol")
    assert refused(deleted, 403, "FORBIDDEN")["required_permission"] == "owner"


def test_sharing_takes_the_share_permission(flow: Any) -> None:
    """CANNOT_SHARE with read or edit; with share it is passed on, and works at once."""
    sample = flow.sample()

    def share(user: str, to: str, level: str) -> Any:
        body = {"users": [to], "permission": level}
        return flow.call("POST", f"/samples/{sample}/share", user=user, json=body)

    refused(share("carol", "bob", "read"), 403, "FORBIDDEN")
    assert share("alice", "carol", "edit").status_code == 200
    refused(share("carol", "bob", "read"), 403, "CANNOT_SHARE")
    assert share("alice", "carol", "share").status_code == 200
    assert share("carol", "bob", "read").status_code == 200
    assert flow.call("GET", f"/samples/{sample}", user="bob").status_code == 200
    refused(share("alice", "nobody", "read"), 404, "NOT_FOUND")
    refused(share("alice", "bob", "own"), 400, "VALIDATION_ERROR")


def test_a_project_shares_its_samples(flow: Any) -> None:
    """Who may read a project may read what is in it, and finds it there."""
    project = flow.call("POST", "/projects/new", json={"name": "Shared"}).json()["id"]
    sample = flow.sample(project=project)
    refused(flow.call("GET", f"/projects/{project}", user="bob"), 403, "FORBIDDEN")
    body = {"users": ["bob"], "permission": "read"}
    assert flow.call("POST", f"/projects/{project}/share", json=body).status_code == 200
    listed = flow.call("GET", f"/projects/{project}/samples", user="bob").json()
    assert [one["id"] for one in listed["samples"]] == [sample]
    assert flow.call("GET", f"/samples/{sample}", user="bob").status_code == 200
    assert flow.call("DELETE", f"/projects/{project}").status_code == 204
    refused(flow.call("GET", f"/samples/{sample}", user="bob"), 403, "FORBIDDEN")


@pytest.mark.parametrize("path", ["/projects/new", "/projects/create"])
def test_a_second_project_of_the_name(flow: Any, path: str) -> None:
    """ALREADY_EXISTS names the field; nothing was created. Another user may have the name."""
    body = {"name": f"Atlas {path}", "organism": "human"}
    assert flow.call("POST", path, json=body).status_code == 201
    before = flow.created
    response = flow.call("POST", path, json=body)
    details = refused(response, 409, "ALREADY_EXISTS")
    assert details == {"resource_type": "project", "field": "name", "value": body["name"]}
    assert response.headers["failwell-outcome"] == "not_started"
    assert flow.created == before
    assert flow.call("POST", path, user="bob", json=body).status_code == 201


def test_an_execution_locks_its_samples(flow: Any) -> None:
    """RESOURCE_LOCKED for editing, deleting and the project, until the execution has ended."""
    project = flow.call("POST", "/projects/new", json={"name": "Locked"}).json()["id"]
    sample = flow.sequenced(project=project)
    with flow.limited(concurrent_executions=0):
        execution = flow.run(sample)
        edited = flow.call("POST", f"/samples/{sample}/edit", json={"name": "New"})
        details = refused(edited, 409, "RESOURCE_LOCKED")
        assert details == {"locked_by": "system", "reason": "Pipeline execution in progress"}
        for path in (f"/samples/{sample}", f"/projects/{project}"):
            refused(flow.call("DELETE", path), 409, "RESOURCE_LOCKED")
    assert flow.ended(execution)["status"] == "OK"
    edited = flow.call("POST", f"/samples/{sample}/edit", json={"name": "New"})
    assert (edited.status_code, edited.json()["name"]) == (200, "New")
    assert flow.call("DELETE", f"/samples/{sample}").status_code == 204
    refused(flow.call("GET", f"/samples/{sample}"), 404, "NOT_FOUND")


def test_an_execution_locks_the_samples_of_its_files(flow: Any) -> None:
    """RESOURCE_LOCKED, too, where it was given a file of the sample and not the sample."""
    sample = flow.sequenced()
    (file,) = flow.call("GET", f"/samples/{sample}").json()["data"]
    with flow.limited(concurrent_executions=0):
        execution = flow.run(data_params={"reads": file["id"]})
        refused(flow.call("DELETE", f"/samples/{sample}"), 409, "RESOURCE_LOCKED")
    assert flow.ended(execution)["status"] == "OK"
    assert flow.call("DELETE", f"/samples/{sample}").status_code == 204


def test_what_is_deleted_was_created(flow: Any) -> None:
    """The effects count what ever was: a duplicate is not hidden by deleting it."""
    before = flow.created
    sample = flow.sequenced()
    project = flow.call("POST", "/projects/new", json={"name": "Short-lived"}).json()["id"]
    for path in (f"/samples/{sample}", f"/projects/{project}"):
        assert flow.call("DELETE", path).status_code == 204
    one_more = {kind: before[kind] + 1 for kind in ("samples", "projects", "data")}
    assert flow.created == before | one_more


def test_pages(flow: Any) -> None:
    """`count` is the size of a page in the query and the total in the answer."""
    for number in range(13):
        flow.call("POST", "/projects/new", user="carol", json={"name": f"Page {number}"})
    first = flow.call("GET", "/projects/owned", user="carol").json()
    assert (first["count"], first["page"], len(first["projects"])) == (13, 1, 10)
    second = flow.call("GET", "/projects/owned?page=2&count=10", user="carol").json()
    assert [one["name"] for one in second["projects"]] == ["Page 10", "Page 11", "Page 12"]
    assert flow.call("GET", "/projects/owned?page=9", user="carol").json()["projects"] == []


@pytest.mark.parametrize("query", ["count=101", "count=0", "page=0", "page=x", "count=-1"])
def test_a_page_that_there_is_not(flow: Any, query: str) -> None:
    """VALIDATION_ERROR for more than 100 and for what is no number."""
    details = refused(flow.call("GET", f"/samples?{query}"), 400, "VALIDATION_ERROR")
    assert details["errors"][0]["field"] == query.partition("=")[0]


def test_samples_are_found(flow: Any) -> None:
    """By a part of the name, by project, by `filter`, and only one's own."""
    sample = flow.sample(name="Needle in hay")

    def found(query: str, user: str = "alice") -> list[str]:
        body = flow.call("GET", f"/samples/search?{query}", user=user).json()
        return [str(one["id"]) for one in body["samples"]]

    assert found("name=needle") == [sample]
    assert found(f"filter=id:{sample}") == [sample]
    assert found("filter=id:999999") == []
    assert found("name=needle", user="bob") == []
    assert sample not in found("owned=true", user="carol")
    refused(flow.call("GET", "/samples/search?filter=colour:red"), 400, "VALIDATION_ERROR")


def test_a_used_key_is_answered_with_the_first_result(flow: Any) -> None:
    """409, the envelope, and the first answer's body as `result`; nothing is created again."""
    key, body = str(uuid.uuid4()), {"name": "Keyed", "organism": "human"}
    headers = {"Idempotency-Key": key}
    first = flow.call("POST", "/samples/create", json=body, headers=headers)
    before = flow.created
    again = flow.call("POST", "/samples/create", json=body, headers=headers)
    details = refused(again, 409, "ALREADY_EXISTS")
    wanted = {"resource_type": "idempotency_key", "field": "Idempotency-Key", "value": key}
    assert details == wanted
    assert again.json()["result"] == first.json()
    assert again.headers["failwell-outcome"] == "applied"
    other = flow.call("POST", "/samples/create", json={"name": "Other"}, headers=headers)
    assert refused(other, 409, "ALREADY_EXISTS") == wanted
    assert "result" not in other.json()
    assert flow.created == before


def test_a_key_is_ones_own_and_free_after_a_failure(flow: Any) -> None:
    """Another user has the key for themselves; a refused request does not use it up."""
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    bad = flow.call("POST", "/samples/create", json={"name": ""}, headers=headers)
    refused(bad, 400, "VALIDATION_ERROR")
    for user in ("alice", "bob"):
        response = flow.call(
            "POST", "/samples/create", user=user, json={"name": "x"}, headers=headers
        )
        assert response.status_code == 201


def test_what_samples_may_be(flow: Any) -> None:
    """Bare lists, in the shape that the official client reads, open to everybody."""
    types = flow.call("GET", "/samples/types", user=None).json()
    assert set(types[0]) == {"identifier", "name", "description"}
    attributes = flow.call("GET", "/samples/metadata", user=None).json()
    options = [one["identifier"] for one in attributes if one["has_options"]]
    found = flow.call("GET", f"/samples/metadata/{options[0]}/options", user=None).json()
    assert found["options"][0]["value"]
    refused(flow.call("GET", "/samples/metadata/nope/options"), 404, "NOT_FOUND")
    organisms = flow.call("GET", "/organisms", user=None).json()
    assert {"id": "Hs", "name": "Human", "latin_name": "Homo sapiens"} in organisms
