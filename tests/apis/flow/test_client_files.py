"""Files, pipelines, imports and GraphQL through both clients."""

from __future__ import annotations

import gzip
import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import failwell
from apis.flow.conftest import ONCE, READS, World, served
from failwell.apis.flow import exceptions, patterns
from failwell.apis.flow.client.queries import contract_of
from failwell.apis.flow.contract import FLOW_GRAPHQL, FLOW_QUERIES
from failwell.apis.flow.desk.archive import ACCESSIONS
from failwell.errors import InvalidRequestError
from failwell.model import Outcome

QUIET: dict[str, Any] = {"progress": False}


@pytest.fixture
def reads(tmp_path: Path) -> Path:
    """A file of reads."""
    path = tmp_path / "reads.fastq"
    path.write_bytes(READS)
    return path


def test_a_file_goes_up_and_comes_back(alice: Any, world: World, reads: Path) -> None:
    """In chunks, with its checksum; by a link, in one piece."""
    data = world(alice.upload, reads, chunk_size=500, **QUIET)
    assert (data.filename, data.size, data.data_type) == ("reads.fastq", len(READS), "fastq")
    assert world(alice.get_data, data) == data
    back = world(alice.download, data, reads.with_name("back.fastq"), **QUIET)
    assert back.read_bytes() == READS
    again = world(data.download, reads.with_name("again.fastq"))
    assert again.read_bytes() == READS
    assert sorted(path.suffix for path in reads.parent.iterdir()) == [".fastq"] * 3


@pytest.mark.parametrize(("arrives", "told"), [(READS[::-1], "MD5"), (READS + b"@", "bytes")])
def test_a_download_is_the_file_that_flow_speaks_of(
    alice: Any, world: World, reads: Path, arrives: bytes, told: str
) -> None:
    """Other bytes, or more of them: an error, no file, and what was there before stays."""
    data = world(alice.upload, reads, **QUIET)
    assert data.md5 == hashlib.md5(READS).hexdigest()
    kept = world.flow.service._desk.uploads.path(data.id)
    kept.write_bytes(arrives)
    back = reads.with_name("back.fastq")
    back.write_bytes(b"before")
    with pytest.raises(exceptions.FlowBadResponseError, match=f"another one: it.*{told}"):
        world(alice.download, data, back, **QUIET)
    assert back.read_bytes() == b"before"
    assert sorted(path.name for path in reads.parent.iterdir()) == ["back.fastq", "reads.fastq"]
    kept.write_bytes(READS)
    assert world(alice.download, data, back, **QUIET).read_bytes() == READS


def test_a_file_of_its_own_name_stays_here(
    alice: Any, world: World, reads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever uploaded it chose the name: one that leads elsewhere is not followed."""
    data = world(alice.upload, reads, **QUIET)
    (reads.parent / "here").mkdir()
    monkeypatch.chdir(reads.parent / "here")
    assert world(data.download, **QUIET) == Path("reads.fastq")
    for name in ("../reads.fastq", "/tmp/x", "..", "", "a\\b", "c:x", "a\nb"):
        data.filename = name
        with pytest.raises(InvalidRequestError, match="give a path"):
            world(data.download, **QUIET)


def test_a_folder_is_not_uploaded(alice: Any, world: World, tmp_path: Path) -> None:
    """It says what to do instead."""
    with pytest.raises(InvalidRequestError, match="upload an archive"):
        world(alice.upload, tmp_path, **QUIET)


def test_an_upload_lives_through_a_bad_network(alice: Any, world: World, reads: Path) -> None:
    """Lost and cut answers on the way: one file, and the bytes that were sent."""
    before = world.flow.created["data"]
    match = {"match": {"path": "/upload"}, "times": 2}
    world.flow.suffer(*({"fault": name, **match} for name in ("lose_answer", "cut_body", "reset")))
    data = world(alice.upload, reads, chunk_size=400, **QUIET)
    assert data.size == len(READS)
    assert world.flow.created["data"] == before + 1
    back = world(alice.download, data, reads.with_name("back"), **QUIET)
    assert back.read_bytes() == READS


def test_an_upload_goes_on_where_it_broke(world: World, reads: Path) -> None:
    """Another client, of another process, say: the chunks that are there are not sent again."""
    client = world.as_user(policy=ONCE)
    delay = {"fault": "delay", "seconds": 0, "times": 3, "match": {"path": "/upload"}}
    broken = {"fault": "reset", "times": 1, "match": {"path": "/upload"}}
    world.flow.suffer(delay, broken)
    with pytest.raises(exceptions.FlowConnectionError):
        world(client.upload, reads, chunk_size=400, **QUIET)
    assert reads.with_name("reads.fastq.upload").exists()
    before = served(world.flow)
    other = world.as_user()
    data = world(other.upload, reads, chunk_size=400, **QUIET)
    assert data.size == len(READS)
    assert served(world.flow) - before <= 1 + 3 + 1  # log-in, the rest, the look at the file
    assert not reads.with_name("reads.fastq.upload").exists()


def test_what_is_refused_begins_anew(alice: Any, world: World, tmp_path: Path) -> None:
    """No reads, a name with spaces, a file that is too large: each says so, and leaves nothing."""
    bad = tmp_path / "bad.fastq"
    bad.write_bytes(b"no reads at all")
    about = {"sample_type": "RNA-Seq", "organism": "Hs"}
    with pytest.raises(exceptions.ValidationError) as caught:
        world(alice.upload_sample, "Bad", bad, **about, **QUIET)
    assert caught.value.code == "INVALID_FORMAT"
    bad.write_bytes(READS)
    assert world(alice.upload_sample, "Good", bad, **about, **QUIET).name == "Good"
    spaced = tmp_path / "two words.fastq"
    spaced.write_bytes(READS)
    before = served(world.flow)
    with pytest.raises(InvalidRequestError, match="spaces"):
        world(alice.upload, spaced, **QUIET)
    with pytest.raises(InvalidRequestError, match="a pair"):
        world(alice.upload_sample, "Many", bad, bad, bad, **about, **QUIET)
    assert served(world.flow) == before
    with (
        world.flow.limited(max_upload_bytes=1000),
        pytest.raises(exceptions.PayloadTooLargeError) as large,
    ):
        world(alice.upload, bad, chunk_size=100, **QUIET)
    assert large.value.details == {"max_size": 1000, "file_size": len(READS)}
    assert list(tmp_path.glob("*.upload")) == []


def test_a_pair_of_reads_becomes_one_sample(alice: Any, world: World, tmp_path: Path) -> None:
    """Both files, in their order, in a project, with what is said of the sample."""
    paths = [tmp_path / "pair_R1.fastq.gz", tmp_path / "pair_R2.fastq.gz"]
    for path in paths:
        path.write_bytes(gzip.compress(READS))
    project = world(alice.create_project, name=f"Pairs of {type(alice).__name__}")
    sample = world(
        alice.upload_sample, "Pair", *paths, sample_type="RNA-Seq", organism="Hs",
        project=project, metadata={"strandedness": "reverse"}, chunk_size=100, **QUIET,
    )  # fmt: skip
    assert [one.filename for one in sample.data] == [path.name for path in paths]
    assert (sample.project.id, sample.metadata) == (project.id, {"strandedness": "reverse"})


def test_a_download_goes_on_with_another_link(
    alice: Any, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link expires while the connection is away: the rest comes by a new one."""
    content = bytes(range(256)) * 4096
    source = tmp_path / "bytes.bin"
    source.write_bytes(content)
    data = world(alice.upload, source, **QUIET)
    links, opened = world.flow.service._desk.links, []
    look = links.opened

    def expiring(number: Any, filename: str, token: Any) -> Any:
        opened.append(token)
        if len(opened) == 2:
            raise exceptions_of_flow("DOWNLOAD_EXPIRED")
        return look(number, filename, token)

    monkeypatch.setattr(links, "opened", expiring)
    path = f"/downloads/{data.id}/bytes.bin"
    world.flow.suffer({"fault": "cut_body", "times": 1, "match": {"path": path}})
    back = world(alice.download, data, tmp_path / "back", **QUIET)
    assert back.read_bytes() == content
    assert len(set(opened)) == 2


def exceptions_of_flow(code: str) -> Exception:
    from failwell.apis.flow import FLOW

    return FLOW.fail(code, details={"expired_at": "2026-01-02T03:04:05Z"})


def test_links_that_are_over_at_once_are_given_up(alice: Any, world: World, reads: Path) -> None:
    """410 `DOWNLOAD_EXPIRED`, after a handful of links; no file is left behind."""
    data = world(alice.upload, reads, **QUIET)
    with (
        world.flow.limited(download_link_seconds=0),
        pytest.raises(exceptions.GoneError) as caught,
    ):
        world(alice.download, data, reads.with_name("never"), **QUIET)
    assert (caught.value.code, caught.value.status_code) == ("DOWNLOAD_EXPIRED", 410)
    assert not reads.with_name("never").exists()


# --- Pipelines -----------------------------------------------------------------------------------


def test_a_pipeline_is_run_and_waited_for(alice: Any, world: World, reads: Path) -> None:
    """From reads to the files that the pipeline makes."""
    about = {"sample_type": "RNA-Seq", "organism": "Hs"}
    sample = world(alice.upload_sample, "Run", reads, **about, **QUIET)
    execution = world(alice.run_pipeline, "FastQC", samples=[sample])
    assert execution.samples == (sample.id,)
    ended = world(execution.wait, timeout=60)
    assert (ended.status, ended.pipeline.name) == ("OK", "FastQC")
    assert world(alice.get_execution, execution.id) == ended
    outputs = world(ended.get_outputs)
    assert [one.filename for one in outputs] == ["reads.fastqc.json"]
    assert world(outputs[0].download, reads.with_name("report.json")).stat().st_size > 0


def test_a_pipeline_that_fails_says_which_process_and_why(
    alice: Any, world: World, reads: Path
) -> None:
    """`ExecutionFailedError` from the wait, `EXECUTION_FAILED` from its outputs; no retries."""
    about = {"sample_type": "RNA-Seq", "organism": "Hs"}
    sample = world(alice.upload_sample, "Fails", reads, **about, **QUIET)
    with world.flow.limited(process_memory_mb=1):
        execution = world(alice.run_pipeline, "FastQC", samples=[sample])
        with pytest.raises(exceptions.ExecutionFailedError) as failed:
            world(alice.wait, execution, timeout=60)
    assert isinstance(failed.value, failwell.JobFailedError)
    assert (failed.value.code, failed.value.state) == ("EXECUTION_FAILED", "ERROR")
    assert "FASTQC" in str(failed.value)
    before = served(world.flow)
    with pytest.raises(exceptions.ServerError) as outputs:
        world(alice.get_outputs, execution)
    assert outputs.value.details["execution_id"] == execution.id
    assert outputs.value.request_id
    assert served(world.flow) == before + 1


def test_an_execution_that_waits_is_called_off(alice: Any, world: World, reads: Path) -> None:
    """A time-out has the last state; cancelling ends it; meanwhile its sample is locked."""
    about = {"sample_type": "RNA-Seq", "organism": "Hs"}
    sample = world(alice.upload_sample, "Waits", reads, **about, **QUIET)
    with world.flow.limited(concurrent_executions=0):
        execution = world(alice.run_pipeline, "FastQC", samples=[sample])
        with pytest.raises(exceptions.ExecutionTimeoutError):
            world(alice.wait, execution, timeout=0)
        with pytest.raises(exceptions.ConflictError) as locked:
            world(sample.delete)
        assert (locked.value.code, locked.value.outcome) == ("RESOURCE_LOCKED", Outcome.NOT_STARTED)
        assert world(execution.cancel).status == "CANCELED"
    with pytest.raises(exceptions.ExecutionFailedError, match="cancelled"):
        world(execution.wait)
    world(sample.delete)


def test_who_may_run_what(alice: Any, world: World) -> None:
    """Bob may run nothing, nobody an unknown pipeline, and none takes every sample."""
    with pytest.raises(exceptions.PermissionError) as forbidden:
        world(world.as_user("bob").run_pipeline, "FastQC", samples=[1])
    assert forbidden.value.code == "NO_PIPELINE_PERMISSION"
    with pytest.raises(exceptions.NotFoundError, match="Custom-Analysis") as unknown:
        world(alice.run_pipeline, "Custom-Analysis", samples=[1])
    assert unknown.value.code == "PIPELINE_NOT_FOUND"
    with pytest.raises(exceptions.ValidationError) as unfit:
        world(alice.run_pipeline, "FastQC", samples=[1])
    assert unfit.value.details == {"incompatible_samples": [1], "reason": "No reads"}
    assert [one["name"] for one in world(alice.get_pipelines)]


def test_a_lost_run_is_not_run_twice(alice: Any, world: World, reads: Path) -> None:
    """The answer that was lost comes back with the replay."""
    about = {"sample_type": "RNA-Seq", "organism": "Hs"}
    sample = world(alice.upload_sample, "Paid", reads, **about, **QUIET)
    before = world.flow.created["executions"]
    match = {"method": "POST", "path": "/pipelines/*"}
    world.flow.suffer({"fault": "lose_answer", "times": 1, "match": match})
    execution = world(alice.run_pipeline, "FastQC", samples=[sample])
    assert world(execution.wait, timeout=60).status == "OK"
    assert world.flow.created["executions"] == before + 1


def test_imports(alice: Any, world: World) -> None:
    """Accessions become samples; under `/v2` the errors are problems, and read the same."""
    specs = [{"accession": one, "sample_type": "RNA-Seq"} for one in ACCESSIONS[:2]]
    done = world(alice.wait_for_import, world(alice.import_samples, specs), timeout=60)
    assert (done.status, len(done.sample_ids)) == ("COMPLETED", 2)
    with pytest.raises(exceptions.UnprocessableError) as caught:
        world(alice.import_samples, [{"accession": "nonsense", "sample_type": "RNA-Seq"}])
    assert caught.value.code == "VALIDATION_ERROR"
    assert caught.value.errors[0]["field"] == "imports.0.accession"
    unknown = [{"accession": "ERR1160845", "sample_type": "RNA-Seq"}]
    with pytest.raises(exceptions.ExecutionFailedError):
        world(alice.wait_for_import, world(alice.import_samples, unknown), timeout=60)


# --- GraphQL -------------------------------------------------------------------------------------


def test_graphql_answers_its_data(alice: Any, world: World) -> None:
    """With variables and without."""
    document = "query ($id: ID!) { sample(id: $id) { id name } }"
    assert world(alice.graphql, document, {"id": "1"}) == {"sample": {"id": "1", "name": "Liver 1"}}
    assert world(alice.graphql, "{ me { username } }") == {"me": {"username": "alice"}}


def test_a_document_is_text(alice: Any, world: World) -> None:
    """Anything else is refused here."""
    with pytest.raises(InvalidRequestError, match="query is a dict"):
        world(alice.graphql, {"query": "{ me { id } }"})


def test_graphqls_errors_are_exceptions(alice: Any, world: World) -> None:
    """A 200 with `errors`, each of the guide's codes: the class that REST has for it."""
    with pytest.raises(exceptions.NotFoundError) as missing:
        world(alice.graphql, '{ sample(id: "99999") { name } }')
    error = missing.value
    assert (error.code, error.resource_id, error.outcome) == ("NOT_FOUND", 99999, None)
    assert error.request_id is not None
    assert error.request_id.startswith("req_")
    assert error.timestamp is not None
    with pytest.raises(exceptions.ValidationError):
        world(alice.graphql, "{ nonsense }")
    with pytest.raises(exceptions.AuthenticationError) as bare:
        world(world.client().graphql, "{ me { username } }")
    assert bare.value.code == "UNAUTHENTICATED"
    with pytest.raises(exceptions.PermissionError):
        world(world.as_user("bob").graphql, '{ sample(id: "1") { name } }')


def test_graphql_renews_a_token_that_is_over(world: World) -> None:
    """The 200 that says so is asked again, once for all who are asking."""
    with world.flow.limited(access_token_seconds=0):
        client = world.as_user()
    found = world.at_once(4, lambda: client.graphql("{ me { username } }"))
    assert found == [{"me": {"username": "alice"}}] * 4


RUN = 'mutation { runPipeline(id: "%s") { execution { id } } }'


def test_a_mutation_says_what_became_of_it(alice: Any, world: World) -> None:
    """Refused: nothing was done. Lost: unknown, and it is not sent again; one of two: partly."""
    with pytest.raises(exceptions.NotFoundError) as refused:
        world(alice.graphql, RUN % "Custom")
    assert (refused.value.code, refused.value.outcome) == (
        "PIPELINE_NOT_FOUND", Outcome.NOT_STARTED
    )  # fmt: skip
    with pytest.raises(exceptions.ValidationError) as never:
        world(alice.graphql, "mutation { nonsense }")
    assert never.value.outcome is Outcome.NOT_STARTED
    user = world.flow.users["bob"]
    document = (
        "mutation ($u: String!, $p: String!) { login(username: $u, password: $p)"
        ' { user { id } } runPipeline(id: "Custom") { execution { id } } }'
    )
    with pytest.raises(exceptions.NotFoundError) as partly:
        world(alice.graphql, document, {"u": user["username"], "p": user["password"]})
    assert partly.value.outcome is Outcome.PARTIALLY_APPLIED
    before = served(world.flow)
    world.flow.suffer({"fault": "lose_answer", "times": 1, "match": {"path": "/graphql"}})
    with pytest.raises(exceptions.FlowConnectionError) as lost:
        world(alice.graphql, RUN % "FastQC")
    assert lost.value.outcome is Outcome.UNKNOWN
    assert served(world.flow) == before + 1


def test_a_mutation_by_hand_is_sent_once(alice: Any, world: World) -> None:
    """Whichever way it goes to `/graphql`, which knows no keys: a key there would be believed for
    nothing."""
    by_hand = (
        lambda body: alice.request("POST", "/graphql?from=here", json=body),
        lambda body: patterns.make_api_request("/graphql", "POST", body, client=alice),
    )
    for post in by_hand:
        before = served(world.flow)
        world.flow.suffer({"fault": "lose_answer", "times": 1, "match": {"path": "/graphql"}})
        with suppress(exceptions.FlowConnectionError):
            assert world(post, {"query": RUN % "FastQC"}) is None
        assert served(world.flow) == before + 1


def test_a_query_is_asked_again(alice: Any, world: World) -> None:
    """It only reads, though it is a POST."""
    world.flow.suffer({"fault": "lose_answer", "times": 2, "match": {"path": "/graphql"}})
    assert world(alice.graphql, "{ me { username } }") == {"me": {"username": "alice"}}


@pytest.mark.parametrize(
    ("document", "writes"),
    [
        ("{ me { id } }", False),
        ("query mutations { me { id } }", False),
        ('{ sample(id: "mutation") { id } }', False),
        ('{ a(t: """ mutation "x" """) } # mutation', False),
        ("mutation { x }", True),
        ("fragment F on User { id }\nmutation M($a: ID!) { x }", True),
        ("query Q { a } mutation M { b }", True),
    ],
)
def test_which_documents_write(document: str, writes: bool) -> None:
    """Those with a mutation outside of strings and comments."""
    assert contract_of(document) is (FLOW_GRAPHQL if writes else FLOW_QUERIES)
