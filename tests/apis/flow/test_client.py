"""`Client` and `AsyncClient` over the sandbox: one scenario, both worlds.

What the client believes is never the proof: what was created is counted by the service.
"""

from __future__ import annotations

import base64
import json
import pickle
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

import failwell
from apis.flow.conftest import ONCE, QUICK, World, served
from failwell.apis.flow import exceptions
from failwell.apis.flow.client.auth import lifetime_in
from failwell.apis.flow.client.resources import bound
from failwell.errors import InvalidRequestError
from failwell.model import Outcome
from failwell.settings import Policy


@pytest.fixture
def refreshes(flow: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each access token that Flow gives for a cookie, as it is given."""
    given: list[str] = []
    lock, refresh = threading.Lock(), flow.service._desk.accounts.refresh

    def counted(cookie: str | None) -> str:
        token = refresh(cookie)
        with lock:
            given.append(token)
        return str(token)

    monkeypatch.setattr(flow.service._desk.accounts, "refresh", counted)
    return given


# --- Who is asking -------------------------------------------------------------------------------


def test_logging_in_and_out(world: World) -> None:
    """Before and after the session Flow asks for one; in it, it knows who is asking."""
    client = world.client()
    with pytest.raises(exceptions.AuthenticationError) as bare:
        world(client.me)
    assert bare.value.code == "UNAUTHENTICATED"
    assert client.current_user is None
    user = world(client.login, **world.flow.users["bob"])
    assert (user.username, user.can_run_pipelines) == ("bob", False)
    assert json.loads(json.dumps(client.current_user))["username"] == "bob"
    assert world(client.me) == user
    world(client.logout)
    assert client.current_user is None
    with pytest.raises(exceptions.AuthenticationError):
        world(client.me)


def test_a_wrong_password(world: World) -> None:
    """`INVALID_CREDENTIALS`, and nothing of the password in what can be printed."""
    with pytest.raises(exceptions.AuthenticationError) as caught:
        world(world.client().login, "alice", "hunter2-hunter2")
    error = caught.value
    assert (error.code, error.status_code) == ("INVALID_CREDENTIALS", 401)
    shown = f"{error!r} {error} {error.__notes__} {error.sent!r} {error.body}"
    assert b"hunter2" not in pickle.dumps(error)
    assert "hunter2" not in shown


def test_a_token_from_elsewhere(world: World, monkeypatch: Any, tmp_path: Path) -> None:
    """As an argument, in the environment, in a file that it names; the address, too."""
    token = world.flow.tokens["bob"]
    monkeypatch.setenv("FLOW_API_URL", world.flow.base)
    kind = type(world.client())
    assert world(world.client(token=token).me).username == "bob"
    monkeypatch.setenv("FLOW_API_TOKEN", world.flow.tokens["carol"])
    from_environment = kind(trust_env=False)
    assert world(from_environment.me).username == "carol"
    monkeypatch.delenv("FLOW_API_TOKEN")
    file = tmp_path / "token"
    file.write_text(token + "\n")
    monkeypatch.setenv("FLOW_TOKEN_FILE", str(file))
    from_file = kind(trust_env=False)
    assert world(from_file.me).username == "bob"
    for client in (from_environment, from_file):
        world(getattr(client, "close", None) or client.aclose)
    file.write_text("")
    for unusable in (file, tmp_path / "missing", tmp_path):
        monkeypatch.setenv("FLOW_TOKEN_FILE", str(unusable))
        with pytest.raises(InvalidRequestError, match="FLOW_TOKEN_FILE"):
            kind()
    for wrong in ("two words", 7):
        with pytest.raises(InvalidRequestError, match="token"):
            world.client(token=wrong)


def test_eight_at_once_with_a_token_that_is_over_make_one_refresh(
    world: World, refreshes: list[str]
) -> None:
    """Threads or tasks: one of them asks, and all of their calls go well."""
    with world.flow.limited(access_token_seconds=0):
        client = world.as_user()
    found = world.at_once(8, lambda: client.get_sample(1))
    assert [sample.id for sample in found] == [1] * 8
    assert len(refreshes) == 1


def test_a_write_with_a_token_that_is_over_is_made_once(world: World, refreshes: list[str]) -> None:
    """The refused one did nothing, and the one with the fresh token does it."""
    with world.flow.limited(access_token_seconds=0):
        client = world.as_user()
    before = world.flow.created["samples"]
    world(client.create_sample, name="After the refresh", organism="human")
    assert (world.flow.created["samples"], len(refreshes)) == (before + 1, 1)


def test_a_session_that_is_over(world: World, refreshes: list[str]) -> None:
    """Neither token is good any more: the API's own error, and why there is no fresh token."""
    with world.flow.limited(access_token_seconds=0, refresh_token_seconds=0):
        client = world.as_user()
    with pytest.raises(exceptions.AuthenticationError) as caught:
        world(client.me)
    assert caught.value.code == "TOKEN_EXPIRED"
    assert "log in again" in str(caught.value.__cause__)
    with pytest.raises(exceptions.AuthenticationError):
        world(client.refresh_token)
    assert refreshes == []


@pytest.mark.parametrize("fault", ["reset", "html_502", "status"])
def test_a_refresh_that_flow_could_not_answer(world: World, fault: str) -> None:
    """Flow's own 401, whose cause says that it was away: nobody is told to log in again, and the
    session goes on."""
    unbroken = msgspec.structs.replace(QUICK, breaker=None)
    with world.flow.limited(access_token_seconds=0):
        client = world.as_user(policy=unbroken)
    away = {"fault": fault, "times": 50, "match": {"path": "/token"}}
    world.flow.suffer(away | ({"status": 503} if fault == "status" else {}))
    with pytest.raises(exceptions.AuthenticationError) as caught:
        world(client.create_sample, name="Refused", organism="human")
    assert (caught.value.code, caught.value.outcome) == ("TOKEN_EXPIRED", Outcome.NOT_STARTED)
    assert "you are still logged in: try again" in str(caught.value.__cause__)
    world.flow.suffer()
    world(client.refresh_token)
    assert world(client.me).username == "alice"


def test_a_refresh_by_hand(alice: Any, world: World, refreshes: list[str]) -> None:
    """`refresh_token` is a method, as the guide says; each call brings a fresh token."""
    world(alice.refresh_token)
    world(alice.refresh_token)
    assert len(refreshes) == 2
    assert world(alice.me).username == "alice"


def test_a_revoked_token_is_not_renewed(alice: Any, world: World, refreshes: list[str]) -> None:
    """`TOKEN_INVALID` is not a matter of time."""
    asked = alice._auth.asked()["Authorization"]
    response = world.flow.call("POST", "/logout", user=asked.removeprefix("Bearer "))
    assert response.status_code == 204
    with pytest.raises(exceptions.AuthenticationError) as caught:
        world(alice.me)
    assert (caught.value.code, refreshes) == ("TOKEN_INVALID", [])


def test_a_link_to_another_host_goes_without_the_token(alice: Any) -> None:
    """The token is for Flow's own origin."""
    for url, carries in ((alice.client.base_url, True), ("https://else.test/x", False)):
        request = alice.client.build_request("GET", str(url))
        next(alice._auth.auth_flow(request))
        assert ("authorization" in request.headers) is carries


def test_nothing_of_the_session_is_shown(alice: Any) -> None:
    """Neither the token nor its client is in a repr."""
    token = alice._auth.token.value
    shown = f"{alice!r} {alice._auth!r} {alice._auth.token!r} {vars(alice)}"
    assert token not in shown


# --- Samples and projects ------------------------------------------------------------------------


def test_the_life_of_a_sample(alice: Any, world: World) -> None:
    """Made, found, changed, shared, deleted; its id is a number. What is gone was created, too."""
    before = world.flow.created["samples"]
    made = world(
        alice.create_sample,
        name="Test Sample",
        organism="human",
        sample_type="RNA-Seq",
        metadata={"strandedness": "reverse"},
    )
    assert (made.name, made.organism.id, made.metadata) == (
        "Test Sample", "Hs", {"strandedness": "reverse"}
    )  # fmt: skip
    assert isinstance(made.id, int)
    assert world(alice.get_sample, str(made.id)) == made
    found = world(alice.search_samples, filter=f"id:{made.id}")
    assert found[0] == made
    assert not world(alice.search_samples, filter="id:999999")
    assert world(made.edit, name="Renamed").name == "Renamed"
    world(made.share, users=["bob"], permission="edit")
    bobs = world(world.as_user("bob").get_sample, made)
    assert world(bobs.edit, name="By Bob").name == "By Bob"
    with pytest.raises(exceptions.PermissionError) as caught:
        world(bobs.delete)
    assert (caught.value.required_permission, caught.value.user_permission) == ("owner", "edit")
    assert (caught.value.resource_type, caught.value.resource_id) == ("sample", made.id)
    world(made.delete)
    with pytest.raises(exceptions.NotFoundError) as gone:
        world(alice.get_sample, made.id)
    assert (gone.value.resource_type, gone.value.resource_id) == ("sample", made.id)
    assert world.flow.created["samples"] == before + 1


def test_users_are_a_list(alice: Any, world: World) -> None:
    """One name as a text would be shared with each of its letters: nothing is sent."""
    before = served(world.flow)
    with pytest.raises(InvalidRequestError, match="'carol': give a list"):
        world(alice.share_sample, 1, "carol")
    assert served(world.flow) == before


def test_the_life_of_a_project(alice: Any, world: World) -> None:
    """Made, listed, shared with its samples, deleted; a second one of its name is refused."""
    project = world(alice.create_project, name="Livers", organism="human", description="d")
    sample = world(alice.create_sample, name="In it", organism="Hs", project=project)
    assert sample.project.id == project.id
    assert world(project.get_samples) == [sample]
    assert project in world(alice.get_projects)
    assert project in world(alice.get_projects, owned=True)
    assert world(alice.get_project, project.id) == project
    with pytest.raises(exceptions.ConflictError) as caught:
        world(alice.create_project, name="Livers")
    assert (caught.value.code, caught.value.outcome) == ("ALREADY_EXISTS", Outcome.NOT_STARTED)
    world(project.share, ["carol"])
    assert project.id in {one.id for one in world(world.as_user("carol").get_projects)}
    world(project.delete)
    assert project not in world(alice.get_projects)
    world(sample.delete)


def test_lists_go_over_all_pages(world: World) -> None:
    """More things than a page holds: all of them come, each once."""
    bob = world.as_user("bob")
    before = {sample.id for sample in world(bob.search_samples, owned=True)}
    made = [
        world(bob.create_sample, name=f"Sample {number}", organism="Hs") for number in range(101)
    ]
    found = world(bob.search_samples, owned=True, name="Sample")
    assert [sample.id for sample in found if sample.id not in before] == [s.id for s in made]


def test_ids_that_are_none_are_refused_at_once(alice: Any, world: World) -> None:
    """Nothing is sent for them."""
    before = served(world.flow)
    for wrong in ("", "1/edit", "../me", "１", -1, True, None, "1.0"):
        with pytest.raises(InvalidRequestError, match="is not the id"):
            world(alice.get_sample, wrong)
    assert served(world.flow) == before


def test_a_thing_that_was_pickled_has_lost_its_client(alice: Any, world: World) -> None:
    """It is the same thing; whoever wants to do something with it is told to get it anew."""
    sample = world(alice.get_sample, 1)
    copy = pickle.loads(pickle.dumps(sample))
    assert copy == sample
    with pytest.raises(InvalidRequestError, match="get_"):
        world(copy.delete)
    assert world(bound(copy, alice).edit).id == 1


def test_what_flow_refuses_says_which_field(alice: Any, world: World) -> None:
    """`errors` is a list of field and message."""
    with pytest.raises(exceptions.ValidationError) as caught:
        world(alice.create_sample, name="", organism="unicorn")
    assert {issue["field"] for issue in caught.value.errors} == {"name", "organism"}
    assert caught.value.outcome is Outcome.NOT_STARTED


# --- Lost answers, quotas, outages ---------------------------------------------------------------


@pytest.mark.parametrize("fault", ["lose_answer", "cut_body", "truncate"])
def test_a_lost_answer_is_read_from_the_replay(alice: Any, world: World, fault: str) -> None:
    """The sample is made once, and the 409 with its `result` is the answer."""
    before = world.flow.created["samples"]
    world.flow.suffer({"fault": fault, "times": 1, "match": {"method": "POST"}})
    sample = world(alice.create_sample, name="Once", organism="human")
    assert sample.name == "Once"
    assert world(alice.get_sample, sample) == sample
    assert world.flow.created["samples"] == before + 1


def test_a_key_of_ones_own(alice: Any, world: World) -> None:
    """The same key and body: the first sample; another body: a conflict, and nothing made."""
    key = f"my-own-key-{type(alice).__name__}"
    first = world(alice.create_sample, name="Mine", organism="Hs", idempotency_key=key)
    assert world(alice.create_sample, name="Mine", organism="Hs", idempotency_key=key) == first
    before = world.flow.created["samples"]
    with pytest.raises(exceptions.ConflictError) as caught:
        world(alice.create_sample, name="Other", organism="Hs", idempotency_key=key)
    assert caught.value.code == "ALREADY_EXISTS"
    assert world.flow.created["samples"] == before


def test_an_unknown_outcome_is_settled_later(world: World) -> None:
    """With retries off the error says that it may have been made; settling finds it."""
    client = world.as_user(policy=ONCE)
    world.flow.suffer({"fault": "lose_answer", "times": 1, "match": {"method": "POST"}})
    with pytest.raises(exceptions.FlowConnectionError) as caught:
        world(client.create_sample, name="Lost", organism="Hs")
    assert isinstance(caught.value, ConnectionError)
    assert caught.value.outcome is Outcome.UNKNOWN
    settled = world(client.settle, pickle.loads(pickle.dumps(caught.value)))
    assert (settled.outcome, settled.record["name"]) == (Outcome.APPLIED, "Lost")


def test_a_delete_whose_answer_was_lost_has_worked(alice: Any, world: World) -> None:
    """The second one finds nothing, which is what was wanted."""
    sample = world(alice.create_sample, name="Gone", organism="Hs")
    world.flow.suffer({"fault": "lose_answer", "times": 1, "match": {"method": "DELETE"}})
    assert world(sample.delete) is None


def test_an_outage_is_borne_until_it_is_over_or_told(world: World) -> None:
    """503 with Flow's own code; nothing was done, and the breaker has an error of the family."""
    client = world.as_user()
    with world.flow.stopped("store"):
        with pytest.raises(exceptions.ServiceUnavailableError) as away:
            world(client.create_sample, name="Never", organism="Hs")
        with pytest.raises(exceptions.FlowCircuitOpenError) as shut:
            world(client.get_sample, 1)
    assert (away.value.code, away.value.outcome) == ("SERVER_ERROR", Outcome.NOT_STARTED)
    assert isinstance(shut.value, failwell.CircuitOpenError)


def test_a_quota_that_is_used_up_says_when_to_come_back(world: World) -> None:
    """An hour is longer than anybody waits: raised at once."""
    client = world.as_user(policy=Policy(breaker=None))
    fields = world.flow.call("GET", "/me").headers
    used = int(fields["x-ratelimit-limit"]) - int(fields["x-ratelimit-remaining"])
    with world.flow.limited(requests_per_hour=used), pytest.raises(failwell.RateLimitError) as full:
        world(client.get_sample, 1)
    assert isinstance(full.value, exceptions.RateLimitError)
    assert full.value.retry_after is not None
    assert 0 < full.value.retry_after <= 3600


def test_one_users_quota_is_not_the_others(world: World) -> None:
    """In one process: what holds Alice back lets Carol through."""
    plain = Policy(breaker=None)
    alice, carol = world.as_user(policy=plain), world.as_user("carol", policy=plain)
    for _ in range(10):
        fields = world(alice.request, "GET", "me").headers
    used = int(fields["x-ratelimit-limit"]) - int(fields["x-ratelimit-remaining"])
    with world.flow.limited(requests_per_hour=used):
        for _ in range(2):
            with pytest.raises(failwell.RateLimitError):
                world(alice.me)
        assert world(carol.me).username == "carol"


def test_a_deadline_has_an_error_of_the_family(world: World) -> None:
    """An answer that takes longer than the call may last."""
    client = world.as_user(policy=Policy(deadline=0.3, breaker=None))
    world.flow.suffer({"fault": "delay", "seconds": 2, "times": 1})
    with pytest.raises(exceptions.FlowDeadlineExceededError):
        world(client.me)


@pytest.mark.parametrize(
    ("claims", "lifetime"),
    [
        (b'{"iat": 100, "exp": 1900}', 1800.0),
        (b'{"iat": 100.5, "exp": 100}', -0.5),
        (b'{"exp": 1900}', None),
        (b'{"iat": "x", "exp": 1900}', None),
        (b'{"iat": 0, "exp": 1' + b"0" * 400 + b"}", None),
        (b"[1]", None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_the_lifetime_that_a_token_claims(claims: bytes, lifetime: float | None) -> None:
    """Of a JSON Web Token, as far as it can be read; hostile ones claim none."""
    payload = base64.urlsafe_b64encode(claims).rstrip(b"=").decode()
    assert lifetime_in(f"head.{payload}.sign") == lifetime
    assert lifetime_in("an-api-key") is None
    assert lifetime_in("a.%%%.b") is None
