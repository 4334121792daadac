"""Files in chunks, and links to download them: codes 9, 10, 14, 15 and 16 of Flow's contract."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from typing import Any

import pytest

from apis.flow.conftest import READS, refused


def content(flow: Any, data: str) -> bytes:
    """A file as it is downloaded by a new link."""
    link = flow.call("POST", f"/data/{data}/download-link")
    assert link.status_code == 201
    response = flow.http.get(link.json()["url"])
    assert response.status_code == 200, response.text
    return bytes(response.content)


def test_a_file_in_chunks_comes_back_whole(flow: Any) -> None:
    """Each chunk at its offset, the id threaded through; the same bytes come back."""
    text, data = bytes(range(256)) * 20, ""
    for offset in range(0, len(text), 1000):
        piece, last = text[offset : offset + 1000], offset + 1000 >= len(text)
        response = flow.chunk(
            piece, filename="bytes.bin", expected_file_size=str(offset), is_last=str(last).lower(),
            data=data,
        )  # fmt: skip
        assert response.status_code == 200
        data = response.json()["id"]
        assert response.json() == {"id": data, "data_id": data}
    assert content(flow, data) == text
    about = flow.call("GET", f"/data/{data}").json()
    assert (about["filename"], about["size"], about["complete"]) == ("bytes.bin", 5120, True)


def test_a_chunk_that_comes_again_is_taken_once(flow: Any) -> None:
    """The protocol is idempotent on the offset, at the last chunk too."""
    first = flow.chunk(b"abc", is_last="false", filename="x.txt").json()["id"]
    again = flow.chunk(b"abc", is_last="false", filename="x.txt", data=first)
    assert again.json()["id"] == first
    before = flow.created
    for _ in range(2):
        end = flow.chunk(b"def", filename="x.txt", data=first, expected_file_size="3")
        assert end.json()["id"] == first
    assert flow.created["data"] == before["data"] + 1
    assert content(flow, first) == b"abcdef"


@pytest.mark.parametrize(("offset", "blob"), [("2", b"def"), ("4", b"def"), ("0", b"xyz")])
def test_another_offset(flow: Any, offset: str, blob: bytes) -> None:
    """UPLOAD_FAILED says which offset was expected; the upload goes on from there."""
    data = flow.chunk(b"abc", is_last="false", filename="x.txt").json()["id"]
    response = flow.chunk(blob, filename="x.txt", data=data, expected_file_size=offset)
    details = refused(response, 400, "UPLOAD_FAILED")
    assert details == {
        "reason": "Offset mismatch", "expected_offset": 3, "received_offset": int(offset)
    }  # fmt: skip
    end = flow.chunk(b"def", filename="x.txt", data=data, expected_file_size="3")
    assert content(flow, end.json()["id"]) == b"abcdef"


def test_a_wrong_checksum(flow: Any) -> None:
    """UPLOAD_FAILED with both sums; nothing is left, and the whole file may be sent again."""
    right = hashlib.md5(b"abc").hexdigest()
    before = flow.created
    response = flow.chunk(b"abc", filename="x.txt", md5="0" * 32)
    details = refused(response, 400, "UPLOAD_FAILED")
    assert details == {
        "reason": "Checksum mismatch", "expected_md5": "0" * 32, "received_md5": right
    }  # fmt: skip
    assert response.headers["failwell-outcome"] == "rolled_back"
    assert flow.created == before
    assert flow.chunk(b"abc", filename="x.txt", md5=right.upper()).status_code == 200


def test_too_large(flow: Any) -> None:
    """FILE_TOO_LARGE for what is declared and for what comes; sizes in bytes."""
    most = 50 * 1024**3
    response = flow.chunk(b"abc", filename="x.txt", file_size=str(60 * 1024**3))
    assert refused(response, 413, "FILE_TOO_LARGE") == {
        "max_size": most, "file_size": 60 * 1024**3
    }  # fmt: skip
    assert response.json()["error"]["message"] == "File exceeds maximum size of 50GB"
    data = flow.chunk(b"abc", is_last="false", filename="x.txt").json()["id"]
    with flow.limited(max_upload_bytes=5):
        response = flow.chunk(b"def", filename="x.txt", data=data, expected_file_size="3")
        assert refused(response, 413, "FILE_TOO_LARGE") == {"max_size": 5, "file_size": 6}


def test_a_chunk_that_is_too_large_is_refused_while_it_arrives(flow: Any) -> None:
    """FILE_TOO_LARGE for a body over the limit of a chunk."""
    with flow.limited(max_chunk_bytes=1000, max_body_bytes=1000):
        refused(flow.chunk(b"x" * 50_000, filename="x.txt"), 413, "FILE_TOO_LARGE")


@pytest.mark.parametrize("name", ["two words.txt", "../x", "a/b", "x\\y", "n" * 201, "\u2028"])
def test_a_name_that_is_refused(flow: Any, name: str) -> None:
    """VALIDATION_ERROR for spaces, slashes, and what is too long."""
    details = refused(flow.chunk(b"x", filename=name), 400, "VALIDATION_ERROR")
    assert details["errors"][0]["field"] == "filename"


def test_reads_become_a_sample(flow: Any) -> None:
    """Two files, the second with the first as `previous_data`: one sample with both."""
    about = {"sample_name": "Pair", "sample_type": "RNA-Seq", "strandedness": "reverse"}
    first = flow.chunk(
        gzip.compress(READS), "/upload/sample", filename="a_R1.fastq.gz", is_last_sample="false",
        **about,
    ).json()  # fmt: skip
    assert first["sample_id"] is None
    second = flow.chunk(
        READS, "/upload/sample", filename="a_R2.fq", is_last_sample="true",
        previous_data=first["data_id"], **about,
    ).json()  # fmt: skip
    sample = flow.call("GET", f"/samples/{second['sample_id']}").json()
    assert [one["filename"] for one in sample["data"]] == ["a_R1.fastq.gz", "a_R2.fq"]
    assert sample["metadata"] == {"strandedness": "reverse"}
    assert flow.call("GET", f"/data/{first['data_id']}").json()["reads"] == 40


def test_a_lost_answer_makes_no_second_sample(flow: Any) -> None:
    """The last chunk of a sample that comes again is answered with the same sample."""
    about = {"sample_name": "Once", "sample_type": "RNA-Seq", "is_last_sample": "true"}
    half = len(READS) // 2
    data = flow.chunk(READS[:half], "/upload/sample", is_last="false", **about).json()["data_id"]
    before = flow.created
    ends = [
        flow.chunk(
            READS[half:], "/upload/sample", data=data, expected_file_size=str(half), **about
        ).json()
        for _ in range(2)
    ]
    assert ends[0] == ends[1]
    assert ends[0]["sample_id"]
    assert flow.created["samples"] == before["samples"] + 1


@pytest.mark.parametrize(
    ("name", "blob", "received"),
    [
        ("reads.txt", READS, "txt"),
        ("reads.pdf", b"%PDF-1.7", "pdf"),
        ("reads.fastq", b"%PDF-1.7", "pdf"),
        ("reads.fastq", gzip.compress(READS), "gzip"),
        ("reads.fastq.gz", READS, "text"),
        ("reads.fastq", b">seq\nACGT\n", "fasta"),
        ("reads.fastq", b"", "nothing"),
        ("reads.fastq", b"@r\nACGT\n+\nIII\n", "text"),
        ("reads.fastq", READS + b"@r\nACGT\n-\nIIII\n", "broken FASTQ"),
        ("reads.fastq.gz", gzip.compress(READS)[:-9], "broken gzip"),
    ],
)
def test_what_is_no_fastq(flow: Any, name: str, blob: bytes, received: str) -> None:
    """INVALID_FORMAT by the name or the content; nothing is left behind."""
    before = flow.created
    about = {"sample_name": "Bad", "sample_type": "RNA-Seq", "is_last_sample": "true"}
    response = flow.chunk(blob, "/upload/sample", filename=name, **about)
    details = refused(response, 400, "INVALID_FORMAT")
    assert details == {"expected": ["fastq", "fastq.gz"], "received": received}
    assert flow.created == before


def test_a_sample_needs_a_type(flow: Any) -> None:
    """MISSING_REQUIRED_FIELD names it."""
    response = flow.chunk(READS, "/upload/sample", sample_name="x", is_last_sample="true")
    details = refused(response, 400, "MISSING_REQUIRED_FIELD")
    assert details == {"field": "sample_type", "message": "Sample type is required"}


def test_other_samples_take_any_file(flow: Any) -> None:
    """A generic sample is not asked for reads."""
    sample = flow.sequenced(b"a\tb\n", sample_type="generic", filename="table.tsv")
    assert flow.call("GET", f"/samples/{sample}").json()["data"][0]["filename"] == "table.tsv"


def test_a_directory_is_an_archive(flow: Any) -> None:
    """INVALID_FORMAT for anything else."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    fine = flow.chunk(buffer.getvalue(), filename="d.tar.gz", is_directory="true")
    assert flow.call("GET", f"/data/{fine.json()['id']}").json()["is_directory"] is True
    response = flow.chunk(b"text", filename="d.zip", is_directory="true")
    assert refused(response, 400, "INVALID_FORMAT")["expected"] == ["zip", "tar", "tar.gz"]


def test_a_link_expires(flow: Any) -> None:
    """DOWNLOAD_EXPIRED says when; a new link works, and no link leads to another file."""
    data = flow.chunk(b"abc", filename="x.txt").json()["id"]
    with flow.limited(download_link_seconds=0):
        old = flow.call("POST", f"/data/{data}/download-link").json()
    details = refused(flow.http.get(old["url"]), 410, "DOWNLOAD_EXPIRED")
    assert details == {"expired_at": old["expires_at"]}
    assert content(flow, data) == b"abc"
    other = flow.chunk(b"def", filename="x.txt").json()["id"]
    good = flow.call("POST", f"/data/{data}/download-link").json()["url"]
    crossed = good.replace(f"/downloads/{data}/", f"/downloads/{other}/")
    refused(flow.http.get(crossed), 401, "TOKEN_INVALID")
    refused(flow.http.get(good.partition("?")[0]), 401, "UNAUTHENTICATED")
    refused(flow.http.get(good + "x"), 401, "TOKEN_INVALID")


def test_a_file_is_its_owners(flow: Any) -> None:
    """FORBIDDEN to look at, to link to; another's upload cannot be continued."""
    data = flow.chunk(b"abc", is_last="false", filename="x.txt").json()["id"]
    refused(flow.call("GET", f"/data/{data}", user="bob"), 403, "FORBIDDEN")
    refused(flow.call("POST", f"/data/{data}/download-link", user="bob"), 403, "FORBIDDEN")
    more = flow.chunk(b"def", user="bob", filename="x.txt", data=data, expected_file_size="3")
    refused(more, 404, "NOT_FOUND")
