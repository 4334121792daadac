"""The official GraphQL client (`flowbio.Client`), unchanged, against the service: bare tokens,
files in forms, pipelines, and its one error class."""

from __future__ import annotations

import gc
import pickle
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import failwell
from apis.flow.conftest import QUICK, READS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import flowbio
    from flowbio.client import GraphQlError

Connect = Callable[..., Any]


@pytest.fixture
def connect(flow: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Make the official client, logged in as one of the users."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    opened: list[Any] = []

    def make(user: str | None = "alice") -> Any:
        client = flowbio.Client(flow.base + "/graphql")
        opened.append(client)
        if user is not None:
            client.login(**flow.users[user])
        return client

    yield make
    for client in opened:
        client.session.close()


@pytest.fixture
def reads(tmp_path: Path) -> str:
    """A file of reads."""
    path = tmp_path / "reads.fastq"
    path.write_bytes(READS)
    return str(path)


def ended(client: Any, execution: Any) -> Any:
    ends = time.monotonic() + 60
    while not execution["status"]:
        assert time.monotonic() < ends
        time.sleep(0.05)
        execution = client.execution(execution["id"])
    return execution


def codes(caught: Any) -> list[str]:
    return [error["extensions"]["code"] for error in caught.value.args[0]]


def test_logging_in_and_refreshing(connect: Connect) -> None:
    """It sends its token bare, and gets a new one for its cookie."""
    client = connect()
    assert client.user("bob") == {"id": "2", "username": "bob", "name": "Bob Brewer"}
    before = client.headers["Authorization"]
    client.refresh_token()
    assert client.headers["Authorization"] != before
    assert client.user("alice")["id"] == "1"


def test_files_in_chunks(connect: Connect, reads: str) -> None:
    """A file in many chunks comes back with all that its query asks for."""
    client = connect()
    data = client.upload_data(reads, chunk_size=500)
    assert (data["filename"], data["size"], data["filetype"]) == (
        "reads.fastq",
        len(READS),
        "fastq",
    )
    assert data["owner"]["username"] == "alice"
    assert client.upload_multiplexed(reads)["filetype"] == "multiplexed"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_sample_a_pipeline_and_its_files(connect: Connect, reads: str) -> None:
    """From reads to results by its own methods; the query for an execution asks for everything."""
    # its `upload_sample` makes a second client and leaves that one's connection open
    client = connect()
    metadata = {"sample_type": "RNA-Seq", "organism": "Hs", "strandedness": "forward"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        sample = client.upload_sample("Old way", reads, metadata=metadata)
    gc.collect()
    assert (sample["sampleType"], sample["strandedness"]) == ("RNA-Seq", "forward")
    rows = {"samplesheet": {"rows": [{"sample": sample["id"]}]}}
    started = client.run_pipeline("RNA-Seq", "1.0", "24.04.2", params={"k": 5}, sample_params=rows)
    assert started["upstreamSamples"] == [{"id": sample["id"], "name": "Old way"}]
    execution = ended(client, started)
    assert execution["status"] == "OK"
    made = [file for one in execution["processExecutions"] for file in one["downstreamData"]]
    assert [file["filename"] for file in made][-1] == "reads.kmers.tsv"
    data = client.data(made[-1]["id"])
    assert data["upstreamProcessExecution"]["execution"]["id"] == execution["id"]


def test_every_failure_is_its_one_error(flow: Any, connect: Connect, reads: str) -> None:
    """Its error holds the list, from which the code is read; all of them are JSON."""
    client, bob = connect(), connect("bob")
    with pytest.raises(GraphQlError) as missing:
        client.sample("999999")
    assert codes(missing) == ["NOT_FOUND"]
    with pytest.raises(GraphQlError) as wrong:
        client.login("alice", "wrong")
    assert codes(wrong) == ["INVALID_CREDENTIALS"]
    with pytest.raises(GraphQlError) as stranger:
        connect(None).sample("1")
    assert codes(stranger) == ["UNAUTHENTICATED"]
    with pytest.raises(GraphQlError) as denied:
        bob.run_pipeline("FastQC", "1.0", "24.04.2")
    assert codes(denied) == ["NO_PIPELINE_PERMISSION"]
    with flow.limited(max_upload_bytes=10), pytest.raises(GraphQlError) as large:
        client.upload_data(reads)
    assert codes(large) == ["FILE_TOO_LARGE"]
    with flow.limited(requests_per_hour=1), pytest.raises(GraphQlError) as limited:
        client.user("bob")
    assert codes(limited) == ["RATE_LIMITED"]
    with flow.stopped("store"), pytest.raises(GraphQlError) as down:
        client.user("bob")
    assert codes(down) == ["SERVER_ERROR"]


def test_an_expired_token(flow: Any, connect: Connect) -> None:
    """TOKEN_EXPIRED, which its `refresh_token` mends."""
    with flow.limited(access_token_seconds=0):
        client = connect()
    with pytest.raises(GraphQlError) as expired:
        client.user("bob")
    assert codes(expired) == ["TOKEN_EXPIRED"]
    client.refresh_token()
    assert client.user("bob")["username"] == "bob"


def test_a_pipeline_that_there_is_not(connect: Connect) -> None:
    """It looks the name up itself, in our list of pipelines."""
    with pytest.raises(ValueError, match="Pipeline not found"):
        connect().run_pipeline("Custom-Analysis", "1.0", "24.04.2")


# --- Adopted -------------------------------------------------------------------------------------


def test_adopted_it_sends_a_mutation_once(flow: Any, connect: Connect, reads: str) -> None:
    """GraphQL takes no keys: a file whose answer was lost is not sent again, and the error says so;
    what is proven not to have begun is."""
    client = failwell.adopt(connect(), policy=QUICK)
    before = flow.created["data"]
    flow.suffer({"fault": "lose_answer", "times": 1, "match": {"path": "/graphql"}})
    with pytest.raises(failwell.APIConnectionError) as lost:
        client.upload_data(reads)
    flow.suffer()
    assert lost.value.outcome == "unknown"
    assert flow.created["data"] == before + 1
    flow.suffer({"fault": "status", "status": 429, "times": 1, "match": {"path": "/graphql"}})
    client.upload_data(reads)
    assert flow.created["data"] == before + 2


def test_adopted_its_queries_are_asked_again(flow: Any, connect: Connect) -> None:
    """A document without a mutation only reads, whatever befalls it; to adopt anew changes nothing
    of that, nor does a pickled session."""
    client = connect()
    for _ in range(2):
        assert failwell.adopt(client, policy=QUICK) is client
        flow.suffer({"fault": "lose_answer", "times": 2, "match": {"path": "/graphql"}})
        assert client.user("alice")["username"] == "alice"
    client.session = pickle.loads(pickle.dumps(client.session))
    flow.suffer({"fault": "reset", "times": 2, "match": {"path": "/graphql"}})
    assert client.user("alice")["username"] == "alice"
    flow.suffer()
