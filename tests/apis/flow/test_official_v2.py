"""The official REST client (`flowbio.v2`), unchanged, against the service: log-in, uploads in
chunks, samples, pages, imports, its own retries, and every error class."""

from __future__ import annotations

import gzip
import json
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apis.flow.conftest import READS
from failwell.apis.flow.desk.archive import ACCESSIONS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from flowbio.v2 import Client, ClientConfig
    from flowbio.v2.auth import TokenCredentials, UsernamePasswordCredentials
    from flowbio.v2.exceptions import (
        AuthenticationError,
        BadRequestError,
        FlowApiError,
        NotFoundError,
        UnprocessableError,
    )
    from flowbio.v2.samples import SampleImportSpec

Connect = Callable[..., Any]


@pytest.fixture
def connect(flow: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Make the official client, logged in as one of the users."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    opened: list[Any] = []

    def make(user: str | None = "alice", **settings: Any) -> Any:
        client = Client(flow.base, ClientConfig(show_progress=False, **settings))
        opened.append(client)
        if user is not None:
            client.log_in(UsernamePasswordCredentials(**flow.users[user]))
        return client

    yield make
    for client in opened:
        client._transport._client.close()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Reads as they are and compressed, a table, and something that is no reads."""
    (tmp_path / "reads.fastq").write_bytes(READS)
    for name in ("reads_R1.fastq.gz", "reads_R2.fastq.gz"):
        (tmp_path / name).write_bytes(gzip.compress(READS))
    (tmp_path / "table.tsv").write_bytes(b"a\tb\n" * 1000)
    (tmp_path / "bad.fastq").write_bytes(b"no reads")
    (tmp_path / "empty.txt").write_bytes(b"")
    return tmp_path


def ended(client: Any, job: Any) -> Any:
    ends = time.monotonic() + 30
    while job.status == "RUNNING":
        assert time.monotonic() < ends
        time.sleep(0.02)
        job = client.samples.get_import(job.id)
    return job


def test_what_samples_may_be(connect: Connect) -> None:
    """Its own models take types, attributes with their options, and organisms."""
    samples = connect().samples
    assert "RNA-Seq" in [one.identifier for one in samples.get_types()]
    attributes = {one.identifier: one for one in samples.get_metadata_attributes()}
    assert attributes["strandedness"].options == ["unstranded", "forward", "reverse"]
    assert attributes["purification_target"].required_for_sample_types == ["CLIP-Seq"]
    assert "Homo sapiens" in [one.latin_name for one in samples.get_organisms()]


def test_pages(connect: Connect) -> None:
    """Its lazy sequence walks all pages; its length is the total."""
    client = connect("bob")
    for number in range(23):
        body = json.dumps({"name": f"Project {number}", "description": "d"})
        client.post_raw("/projects/new", body.encode())
    projects = client.samples.get_owned_projects()
    assert len(projects) == 23
    assert [one.name for one in projects] == [f"Project {number}" for number in range(23)]


def test_a_sample_in_chunks(flow: Any, connect: Connect, files: Path) -> None:
    """Two files in many chunks become one sample, in a project, with what is said of it."""
    client = connect(chunk_size=50)
    project = json.loads(client.post_raw("/projects/new", b'{"name": "Official"}'))["id"]
    sample = client.samples.upload_sample(
        "Pair",
        "RNA-Seq",
        {"reads2": files / "reads_R2.fastq.gz", "reads1": files / "reads_R1.fastq.gz"},
        metadata={"strandedness": "reverse"},
        project_id=project,
        organism_id="Hs",
    )
    found = json.loads(client.get_raw(f"/samples/{sample.id}"))
    assert [one["filename"] for one in found["data"]] == ["reads_R1.fastq.gz", "reads_R2.fastq.gz"]
    assert (found["organism"]["id"], found["project"]["id"]) == ("Hs", project)
    assert found["metadata"] == {"strandedness": "reverse"}


def test_files(flow: Any, connect: Connect, files: Path) -> None:
    """Files in one chunk, in many, empty, and under another name."""
    client, small = connect(), connect(chunk_size=999)
    ids = [
        client.data.upload_data(files / "table.tsv", filename="other.tsv", data_type="tsv").id,
        small.data.upload_data(files / "table.tsv").id,
        client.data.upload_data(files / "empty.txt").id,
    ]
    sizes = [json.loads(client.get_raw(f"/data/{one}"))["size"] for one in ids]
    assert sizes == [4000, 4000, 0]


def test_its_own_retry_of_a_chunk_makes_no_second_file(
    flow: Any, connect: Connect, files: Path
) -> None:
    """A chunk whose 503 came after it was written is sent again, and is taken as the one it is."""
    client = connect(chunk_size=2000)
    before = flow.created
    fault = {"fault": "status", "status": 503, "committed": True, "times": 1}
    first = {"fault": "delay", "seconds": 0, "times": 1, "match": {"path": "/upload"}}
    faults = [first, {**fault, "match": {"path": "/upload"}}]
    assert flow.control("PUT", "/sandbox/flow/faults", json=faults).status_code == 200
    data = client.data.upload_data(files / "table.tsv")
    used = flow.control("GET", "/sandbox/flow/faults").json()["used"]
    assert used["status"] == 1
    assert flow.created["data"] == before["data"] + 1
    assert json.loads(client.get_raw(f"/data/{data.id}"))["size"] == 4000


def test_it_refreshes_an_expired_token(flow: Any, connect: Connect) -> None:
    """A 401 with its expired bearer makes it ask `/token`, and the call goes well."""
    with flow.limited(access_token_seconds=0):
        client = connect()
        with pytest.raises(AuthenticationError, match="Access token has expired"):
            client.get_raw("/me")
    assert json.loads(client.get_raw("/me"))["username"] == "alice"


def test_imports(connect: Connect) -> None:
    """Its import job is polled until it has ended, well or not."""
    client = connect()
    specs = [
        SampleImportSpec(ACCESSIONS[0], "RNA-Seq"),
        SampleImportSpec(ACCESSIONS[1], "RNA-Seq", name="Mine", organism_id="Hs", pubmed="123"),
    ]
    job = ended(client, client.samples.import_samples(specs))
    assert (job.status, len(job.sample_ids)) == ("COMPLETED", 2)
    assert job.created is not None
    assert job.created.tzinfo is not None
    spec = SampleImportSpec("ERR1160845", "RNA-Seq")
    assert ended(client, client.samples.import_samples([spec])).status == "FAILED"


def test_problems_fill_code_and_details(connect: Connect) -> None:
    """Under `/v2` it fills `code`, `problem` and `details` from the problem document."""
    client = connect()
    with pytest.raises(UnprocessableError) as caught:
        client.samples.import_samples([SampleImportSpec("nonsense", "RNA-Seq")])
    assert caught.value.code == "validation_error"
    assert caught.value.details == [
        {
            "pointer": "#/imports/0/accession",
            "code": "invalid",
            "detail": "Give an accession such as ERR1160845",
        }
    ]
    with pytest.raises(NotFoundError) as missing:
        client.samples.get_import("999999")
    assert missing.value.code == "not_found"
    assert missing.value.problem["status"] == 404


def test_bad_requests(connect: Connect, files: Path) -> None:
    """BadRequestError with message and details of the guide's envelope."""
    client = connect()
    with pytest.raises(BadRequestError) as caught:
        client.samples.upload_sample("Bad", "RNA-Seq", {"reads1": files / "bad.fastq"})
    assert caught.value.details == {"expected": ["fastq", "fastq.gz"], "received": "text"}
    with pytest.raises(BadRequestError, match="Validation failed"):
        client.data.upload_data(files / "table.tsv", filename="two words.tsv")
    with pytest.raises(BadRequestError):
        client.data.upload_data(files / "table.tsv", data_type="nonsense")
    with pytest.raises(BadRequestError) as lacking:
        client.samples.upload_sample("Clip", "CLIP-Seq", {"reads1": files / "reads.fastq"})
    assert "purification_target" in lacking.value.details["errors"][0]["field"]


def test_authentication_errors(flow: Any, connect: Connect) -> None:
    """AuthenticationError for a wrong password, no token, and one that is none."""
    stranger = connect(None)
    with pytest.raises(AuthenticationError, match="Invalid username or password"):
        stranger.log_in(UsernamePasswordCredentials("alice", "wrong"))
    with pytest.raises(AuthenticationError, match="Authentication required"):
        len(stranger.samples.get_owned_projects())
    stranger.log_in(TokenCredentials("nonsense"))
    with pytest.raises(AuthenticationError, match="Invalid authentication token"):
        stranger.get_raw("/me")
    stranger.log_in(TokenCredentials(flow.tokens["carol"]))
    assert json.loads(stranger.get_raw("/me"))["username"] == "carol"


def test_other_errors(flow: Any, connect: Connect, files: Path) -> None:
    """NotFoundError, and plain FlowApiError for 403, 413, 429 and 503, with our messages."""
    client, bob = connect(), connect("bob")
    with pytest.raises(NotFoundError, match="Sample not found") as missing:
        client.get_raw("/samples/999999")
    assert missing.value.details == {"resource_type": "sample", "resource_id": 999999}
    with pytest.raises(FlowApiError, match="do not have permission to run") as denied:
        bob.post_raw("/pipelines/versions/1/run", b"{}")
    assert denied.value.status_code == 403
    with flow.limited(max_upload_bytes=100), pytest.raises(FlowApiError) as large:
        client.data.upload_data(files / "table.tsv")
    assert large.value.details == {"max_size": 100, "file_size": 4000}
    with flow.limited(requests_per_hour=1), pytest.raises(FlowApiError, match="More than 1"):
        client.get_raw("/me")
    with flow.stopped("store"), pytest.raises(FlowApiError, match="database") as down:
        client.get_raw("/me")
    assert down.value.status_code == 503
