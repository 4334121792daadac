"""What our client really sends: which credential where, how often, and how large."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

import failwell
from apis.ionworks.conftest import Lab
from apis.ionworks.test_client import SERIES
from apis.ionworks.worlds import Clients
from failwell.apis.ionworks import RecordDiffersWarning
from failwell.apis.ionworks.client.compression import compress
from failwell.apis.ionworks.service import IonworksService
from failwell.clients import origin
from failwell.sandbox.app import application
from failwell.sandbox.wire import running

Seen = list[tuple[str, str, dict[str, str]]]


def recorded(app: Any, seen: Seen) -> Any:
    """The app, which notes method, path and header fields of each request to Ionworks."""

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/ionworks"):
            fields = {name.decode(): value.decode() for name, value in scope["headers"]}
            seen.append((scope["method"], scope["path"].removeprefix("/ionworks"), fields))
        await app(scope, receive, send)

    return inside


@pytest.fixture(scope="module")
def watched() -> Iterator[tuple[Lab, Seen]]:
    """A sandbox whose requests are noted."""
    seen: Seen = []
    with ExitStack() as stack:
        http = stack.enter_context(httpx2.Client(trust_env=False, timeout=30))
        service = IonworksService()
        app = recorded(application([service], seed=1), seen)
        yield Lab(stack.enter_context(running(app)), http, service), seen


@pytest.fixture(params=["sync", "async"])
def clients(request: pytest.FixtureRequest) -> Iterator[Clients]:
    origin.forget()
    made = Clients(request.param)
    yield made
    made.close()


def test_who_gets_the_key(clients: Clients, watched: tuple[Lab, Seen]) -> None:
    """The API gets it, with an id of ours; storage gets nothing but the link's own token."""
    lab, seen = watched
    client = clients(lab, organization_id=None, headers={"X-Extra": "1"})
    spec = client.cell_spec.create({"name": lab.name()})
    cell = client.cell_instance.create(spec.id, {"name": "c"})
    seen.clear()
    detail = {"measurement": {"name": "m"}, "time_series": SERIES, "steps": {"a": [1]}}
    made = client.cell_measurement.create(cell.id, detail)
    client.cell_measurement.time_series(made.id)
    stored = [fields for _, path, fields in seen if path.startswith("/storage/")]
    asked = [fields for _, path, fields in seen if not path.startswith("/storage/")]
    assert len(stored) == 3
    assert all({"x-api-key", "authorization", "x-extra"}.isdisjoint(fields) for fields in stored)
    assert all(fields["x-api-key"] == lab.keys["key"] for fields in asked)
    assert all(fields["x-extra"] and fields["x-correlation-id"] for fields in asked)


def test_each_write_is_sent_once(clients: Clients, watched: tuple[Lab, Seen]) -> None:
    """What goes well is one request; a lost create is one look, and no second create."""
    lab, seen = watched
    client = clients(lab, project_id=lab.project)
    seen.clear()
    client.cell_spec.create({"name": lab.name()})
    assert [(method, path) for method, path, _ in seen] == [("POST", "/cell_specifications")]
    fault = {"match": {"method": "POST"}, "fault": "lose_answer", "times": 1}
    lab.suffer(fault)
    seen.clear()
    client.cell_spec.create({"name": lab.name()})
    assert [method for method, _, _ in seen] == ["POST", "GET"]


def test_a_compressed_body(clients: Clients, watched: tuple[Lab, Seen]) -> None:
    """From half a megabyte on it is gzip on the wire, also when it is sent again."""
    lab, seen = watched
    client = clients(lab, project_id=lab.project)
    lab.suffer({"match": {"method": "POST"}, "fault": "reset", "times": 1})
    seen.clear()
    spec = client.cell_spec.create({"name": lab.name(), "notes": "n" * 600_000})
    assert len(spec.notes) == 600_000
    posts = [fields for method, _, fields in seen if method == "POST"]
    assert [fields["content-encoding"] for fields in posts] == ["gzip", "gzip"]
    assert all(int(fields["content-length"]) < 10_000 for fields in posts)


def test_only_large_json_is_compressed() -> None:
    """Files and small bodies go as they are; what is compressed is not compressed again."""
    large = json.dumps({"a": "x" * 600_000}).encode()
    for content, media in ((b"{}", "application/json"), (large, "application/octet-stream")):
        request = httpx2.Request(
            "POST", "http://x", content=content, headers={"Content-Type": media}
        )
        compress(request)
        assert "content-encoding" not in request.headers
    request = httpx2.Request(
        "POST", "http://x", content=large, headers={"Content-Type": "application/json"}
    )
    compress(request)
    compress(request)
    assert isinstance(request.stream, httpx2.ByteStream)
    assert gzip.decompress(b"".join(request.stream)) == large


def test_the_circuit_is_open(clients: Clients, watched: tuple[Lab, Seen]) -> None:
    """An API that keeps failing is not asked for a while: that is an `IonworksError`, too."""
    lab, _ = watched
    policy = failwell.Policy(retry=None, breaker=failwell.Breaker(), governor=None)
    client = clients(lab, policy=policy, print_correlation_id=False)
    lab.suffer({"fault": "status", "status": 503})
    try:
        for _ in range(200):
            with pytest.raises(failwell.apis.ionworks.IonworksError) as caught:
                client.whoami()
            if isinstance(caught.value, failwell.CircuitOpenError):
                break
        assert isinstance(caught.value, failwell.CircuitOpenError)
    finally:
        lab.suffer()


def test_times_and_tags_are_compared_by_what_they_mean(
    clients: Clients, watched: tuple[Lab, Seen]
) -> None:
    """The same instant and the same tags, spelled otherwise, are the same measurement."""
    lab, _ = watched
    client = clients(lab)
    spec = client.cell_spec.create({"name": lab.name()})
    cell = client.cell_instance.create(spec.id, {"name": "c"})
    fields: dict[str, Any] = {"name": "m", "start_time": "2026-01-01T12:00:00Z", "tags": ["a", "B"]}
    first = client.cell_measurement.create(cell.id, {"measurement": fields, "time_series": SERIES})
    same = {**fields, "start_time": "2026-01-01T13:00:00+01:00", "tags": ["b ", "a"]}
    detail = {"measurement": same, "time_series": SERIES}
    assert client.cell_measurement.create_or_get(cell.id, detail).id == first.id
    later = {"measurement": {**fields, "start_time": "2026-01-02"}, "time_series": SERIES}
    with pytest.warns(RecordDiffersWarning, match="start_time"):
        assert client.cell_measurement.create_or_get(cell.id, later).id == first.id
