"""Pipelines as real processes: codes 6, 17, 18 and 19 of Flow's contract, and what the runner does
when it is stopped, killed, and short of memory."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from apis.flow.conftest import READS, refused
from failwell.apis.flow.limits import MIB
from failwell.apis.flow.runner.host import run
from failwell.apis.flow.runner.messages import OUT_OF_MEMORY, Input, Job


def children() -> list[int]:
    """The processes of executions that run now."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        except (OSError, IndexError):
            continue
        if b"failwell.apis.flow.runner" in words and int(parent) == os.getpid():
            found.append(int(entry.name))
    return found


def shuffled(reads: int) -> bytes:
    rng = random.Random(reads)
    return b"".join(
        b"@r%d\n%b\n+\n%b\n" % (n, "".join(rng.choices("ACGT", k=100)).encode(), b"I" * 100)
        for n in range(reads)
    )


def test_a_pipeline_runs_and_leaves_files(flow: Any) -> None:
    """Every process really ran, in order; its files can be looked at and downloaded."""
    sample = flow.sequenced()
    execution = flow.run(sample, pipeline="RNA-Seq", params={"k": 4, "min_length": 10})
    body = flow.ended(execution)
    assert body["status"] == "OK"
    processes = body["process_executions"]
    assert [one["name"] for one in processes] == ["FASTQC", "TRIM", "KMERS"]
    assert {one["exit_code"] for one in processes} == {0}
    outputs = flow.call("GET", f"/executions/{execution}/outputs").json()["data"]
    names = ["reads.fastqc.json", "reads.trimmed.fastq.gz", "reads.kmers.tsv"]
    assert [one["filename"] for one in outputs] == names
    link = flow.call("POST", f"/data/{outputs[0]['id']}/download-link").json()["url"]
    report = flow.http.get(link).json()
    assert (report["reads"], report["bases"], report["gc"]) == (40, 960, 0.5)
    assert report["mean_quality"] == [40.0] * 24


def test_the_status_is_empty_until_it_has_ended(flow: Any) -> None:
    """A new execution is pending, and says so by an empty status."""
    with flow.limited(concurrent_executions=0):
        execution = flow.run(flow.sequenced())
        assert flow.call("GET", f"/executions/{execution}").json()["status"] == ""
        outputs = flow.call("GET", f"/executions/{execution}/outputs").json()
        assert outputs == {"status": "", "data": []}
        cancelled = flow.call("POST", f"/executions/{execution}/cancel").json()
    assert cancelled["status"] == "CANCELED"
    assert flow.call("GET", f"/executions/{execution}").json()["status"] == "CANCELED"


def test_a_process_out_of_memory(flow: Any) -> None:
    """EXECUTION_FAILED: the process met the cap of its address space, and says which it was."""
    sample = flow.sequenced()
    with flow.limited(process_memory_mb=16):
        execution = flow.run(sample, pipeline="RNA-Seq")
        body = flow.ended(execution)
    assert body["status"] == "ERROR"
    assert [one["exit_code"] for one in body["process_executions"]] == [OUT_OF_MEMORY]
    response = flow.call("GET", f"/executions/{execution}/outputs")
    details = refused(response, 500, "EXECUTION_FAILED")
    assert details == {
        "execution_id": int(execution), "failed_process": "FASTQC", "error": "Out of memory"
    }  # fmt: skip
    again = flow.run(sample, pipeline="RNA-Seq", params={"min_length": 10})
    assert flow.ended(again)["status"] == "OK"


def test_it_is_the_data_that_takes_the_memory(tmp_path: Path) -> None:
    """Under one cap a process that holds little ends well, and one that holds much does not."""
    probe = "import failwell.apis.flow.runner.process as p; print(p.taken())"
    told = subprocess.run([sys.executable, "-c", probe], capture_output=True, check=True)
    (tmp_path / "reads").write_bytes(shuffled(6000))
    inputs = [Input("reads.fastq", str(tmp_path / "reads"))]
    for process, code in (("TRIM", 0), ("KMERS", OUT_OF_MEMORY)):
        params = {"k": 31, "quality": 20, "min_length": 20}
        memory = int(told.stdout) + 24 * MIB
        job = Job(process=process, inputs=inputs, params=params, memory=memory)
        assert asyncio.run(run(job, tmp_path / process)).exit_code == code


def test_a_process_whose_input_is_no_fastq(flow: Any) -> None:
    """EXECUTION_FAILED: a file that was uploaded as anything is read as reads, and is none."""
    data = flow.chunk(b"not reads", filename="reads.fastq").json()["id"]
    execution = flow.run(data_params={"reads": data})
    body = flow.ended(execution)
    assert (body["status"], body["process_executions"][0]["exit_code"]) == ("ERROR", 1)
    response = flow.call("GET", f"/executions/{execution}/outputs")
    details = refused(response, 500, "EXECUTION_FAILED")
    assert "does not begin with @" in details["error"]


def test_who_may_not_run_pipelines(flow: Any) -> None:
    """NO_PIPELINE_PERMISSION for Bob, whatever he asks for."""
    for pipeline in ("FastQC", "nonsense"):
        path = f"/pipelines/versions/{pipeline}/run"
        refused(flow.call("POST", path, user="bob", json={}), 403, "NO_PIPELINE_PERMISSION")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/pipelines/versions/Custom-Analysis/run"),
        ("GET", "/pipelines/versions/Custom-Analysis"),
        ("GET", "/pipelines/Custom-Analysis"),
    ],
)
def test_a_pipeline_that_there_is_not(flow: Any, method: str, path: str) -> None:
    """PIPELINE_NOT_FOUND names it."""
    response = flow.call(method, path, json={} if method == "POST" else None)
    refused(response, 404, "PIPELINE_NOT_FOUND")
    assert response.json()["error"]["message"] == "Pipeline 'Custom-Analysis' not found"


def test_incompatible_samples(flow: Any) -> None:
    """INCOMPATIBLE_SAMPLES lists them as integers, with the reason."""
    fly, fine = flow.sequenced(organism="Dm"), flow.sequenced()
    chip, bare = flow.sequenced(sample_type="ChIP-Seq"), flow.sample()
    for samples, unfit, reason in (
        ([fine, fly], [fly], "Wrong organism"),
        ([chip, fine], [chip], "Wrong sample type"),
        ([bare], [bare], "No reads"),
    ):
        response = flow.call("POST", "/pipelines/versions/RNA-Seq/run", json={"samples": samples})
        details = refused(response, 400, "INCOMPATIBLE_SAMPLES")
        wanted = {"incompatible_samples": [int(one) for one in unfit], "reason": reason}
        assert details == wanted


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "samples"),
        ({"samples": "1"}, "samples"),
        ({"samples": ["x"]}, "samples"),
        ({"params": []}, "params"),
        ({"params": {"k": 32}}, "params.k"),
        ({"params": {"k": True}}, "params.k"),
        ({"params": {"speed": 1}}, "params.speed"),
        ({"data_params": {"reads": "x"}}, "data_params.reads"),
        ({"csv_params": {"samplesheet": {"rows": [{}]}}}, "csv_params.samplesheet"),
        ({"nextflow_version": 24}, "nextflow_version"),
    ],
)
def test_a_run_that_makes_no_sense(flow: Any, body: dict[str, Any], field: str) -> None:
    """VALIDATION_ERROR names the field, and nothing is started."""
    before = flow.created
    response = flow.call("POST", "/pipelines/versions/RNA-Seq/run", json=body)
    details = refused(response, 400, "VALIDATION_ERROR")
    assert details["errors"][0]["field"] == field
    assert flow.created == before


def test_without_the_runner_nothing_is_started(flow: Any) -> None:
    """SERVER_ERROR, 503, with Retry-After; the execution is not kept."""
    sample = flow.sequenced()
    before = flow.created
    with flow.stopped("runner"):
        path = "/pipelines/versions/FastQC/run"
        response = flow.call("POST", path, json={"samples": [sample]})
        refused(response, 503, "SERVER_ERROR")
        assert response.headers["retry-after"] == "1"
        assert response.headers["failwell-outcome"] == "not_started"
        assert flow.call("GET", f"/samples/{sample}").status_code == 200
    assert flow.created == before


def test_an_execution_outlives_its_runner(flow: Any) -> None:
    """Stopping the runner kills its processes; what had not ended runs anew when it is back."""
    execution = flow.run(flow.sequenced(shuffled(3000)), pipeline="RNA-Seq")
    flow.when(f"/executions/{execution}", lambda body: body["process_executions"])
    with flow.stopped("runner"):
        assert children() == []
        assert flow.call("GET", f"/executions/{execution}").json()["status"] == ""
    body = flow.ended(execution)
    assert body["status"] == "OK"
    assert len(body["process_executions"]) == 3
    assert len(flow.call("GET", f"/executions/{execution}/outputs").json()["data"]) == 3


def test_a_process_that_is_killed(flow: Any) -> None:
    """A signal is a failure like any other: EXECUTION_FAILED with the exit code."""
    execution = flow.run(flow.sequenced(shuffled(20_000)), pipeline="FastQC")
    ends = time.monotonic() + 30
    while not (running := children()):
        assert time.monotonic() < ends
        time.sleep(0.01)
    os.kill(running[0], signal.SIGKILL)
    body = flow.ended(execution)
    assert (body["status"], body["error"]) == ("ERROR", "Exit code -9")


def test_outputs_of_files_of_one_name_are_told_apart(flow: Any) -> None:
    """Two samples with files of the same name have two reports."""
    execution = flow.run(flow.sequenced(READS), flow.sequenced(READS))
    flow.ended(execution)
    outputs = flow.call("GET", f"/executions/{execution}/outputs").json()["data"]
    names = {one["filename"] for one in outputs}
    assert names == {"reads.fastqc.json", "reads.2.fastqc.json"}


def test_pipelines_are_listed(flow: Any) -> None:
    """A tree of categories; the versions and the schema of one."""
    tree = flow.call("GET", "/pipelines", user=None).json()
    names = [p["name"] for c in tree for s in c["subcategories"] for p in s["pipelines"]]
    assert names == ["FastQC", "Read-Trimming", "RNA-Seq"]
    versions = flow.call("GET", "/pipelines/Read-Trimming", user=None).json()["versions"]
    assert [one["name"] for one in versions] == ["1.0", "1.1"]
    version = flow.call("GET", f"/pipelines/versions/{versions[0]['id']}", user=None).json()
    assert version["schema"]["properties"]["quality"]["default"] == 20


def test_an_execution_is_its_owners(flow: Any) -> None:
    """FORBIDDEN for another user."""
    execution = flow.run(flow.sequenced())
    refused(flow.call("GET", f"/executions/{execution}", user="carol"), 403, "FORBIDDEN")
    flow.ended(execution)
