"""What the processes find out about reads, against values that were worked out by hand."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell.apis.flow.desk import archive, fastq
from failwell.apis.flow.desk.fastq import NotFastqError, Read
from failwell.apis.flow.runner.work import kmers, report, trimmed


def reads(*pairs: tuple[str, str]) -> Iterator[Read]:
    return (Read(b"r", bases.encode(), qualities.encode()) for bases, qualities in pairs)


def test_a_report() -> None:
    """Two reads: 7 bases, 4 of them G or C; I is quality 40, # is 2, 5 is 20."""
    said = report(reads(("ACGT", "II##"), ("GGA", "55I")))
    assert said == {
        "reads": 2,
        "bases": 7,
        "gc": 4 / 7,
        "shortest": 3,
        "longest": 4,
        "mean_quality": [30.0, 30.0, 21.0, 2.0],
    }


def test_a_report_of_nothing() -> None:
    """No reads, no division by zero."""
    assert report(reads())["gc"] == 0.0


@pytest.mark.parametrize(
    ("qualities", "left"),
    [
        ([42, 40, 26, 27, 8, 7, 11, 4, 2, 3], 4),  # the example of Cutadapt's documentation
        ([40, 40, 40], 3),
        ([2, 2, 2], 0),
        ([2, 40, 40], 3),
        ([], 0),
    ],
)
def test_an_end_is_cut_where_bwa_cuts_it(qualities: list[int], left: int) -> None:
    """With threshold 10, what is left of a read with these qualities."""
    text = bytes(33 + quality for quality in qualities)
    assert len(trimmed(Read(b"r", b"A" * len(text), text), 10).bases) == left


def test_kmers_of_either_strand() -> None:
    """ACGT holds AC, CG and GT; GT is AC on the other strand."""
    assert dict(kmers(reads(("ACGT", "IIII")), 2)) == {b"AC": 2, b"CG": 1}
    assert dict(kmers(reads(("ANGT", "IIII")), 2)) == {b"AC": 1}
    assert dict(kmers(reads(("AC", "II")), 3)) == {}


@given(st.text("ACGT", min_size=1, max_size=60), st.integers(1, 8))
def test_kmers_are_those_of_the_reverse_complement(bases: str, k: int) -> None:
    """A read and its reverse complement have the same k-mers, each counted once a place."""
    other = bases[::-1].translate(str.maketrans("ACGT", "TGCA"))
    found = kmers(reads((bases, "I" * len(bases))), k)
    assert found == kmers(reads((other, "I" * len(bases))), k)
    assert found.total() == max(0, len(bases) - k + 1)


GOOD = b"@r one\nACGTN\n+r one\nIIII!\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.fastq", GOOD),
        ("a.FQ", GOOD * 3),
        ("a.fastq", GOOD.replace(b"\n", b"\r\n")),
        ("a.fastq", GOOD[:-1]),
        ("a.fq.gz", gzip.compress(GOOD)),
        ("a.fastq.gz", gzip.compress(GOOD) + gzip.compress(GOOD)),
    ],
)
def test_what_is_fastq(tmp_path: Path, name: str, content: bytes) -> None:
    """Any case of the suffix, either line end, gzip of one part or several."""
    path = tmp_path / "file"
    path.write_bytes(content)
    fastq.check_start(name, content[:512])
    assert fastq.count(path, name) >= 1


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (GOOD + b"r\nA\n+\nI\n", r"Read 2 \(from line 5\): it does not begin with @"),
        (GOOD + b"@r\nA\nI\n+\n", "its third line"),
        (GOOD + b"@r\nA1\n+\nII\n", "something else than bases"),
        (GOOD + b"@r\nAC\n+\nI\n", "2 bases and 1 qualities"),
        (GOOD + b"@r\nA\n+\n\x7f\n", "something else than qualities"),
        (GOOD + b"\n\n\n\n", "Read 2"),
        (b"@" + b"x" * (2 << 20), "longer than"),
    ],
)
def test_where_it_stops_being_fastq(tmp_path: Path, content: bytes, where: str) -> None:
    """The message has the number of the read, its line and what is wrong with it."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(NotFastqError, match=where):
        fastq.count(path, "file.fastq")


@given(st.binary(max_size=300))
def test_no_content_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, blob: bytes
) -> None:
    """Whatever a file holds, it is FASTQ or it is refused."""
    path = tmp_path_factory.getbasetemp() / "any"
    for name, content in (("x.fastq", b"@" + blob), ("x.fastq.gz", b"\x1f\x8b" + blob)):
        path.write_bytes(content)
        with contextlib.suppress(NotFastqError):
            assert fastq.count(path, name) > 0


def test_the_archive_is_the_same_each_time(tmp_path: Path) -> None:
    """Each accession has reads of its own, which are FASTQ."""
    texts = {accession: archive.reads_of(accession) for accession in archive.ACCESSIONS}
    assert len(set(texts.values())) == len(texts)
    assert texts == {accession: archive.reads_of(accession) for accession in archive.ACCESSIONS}
    path = tmp_path / "file"
    for text in texts.values():
        path.write_bytes(text)
        assert fastq.count(path, "file.fastq") == 250
