"""What the processes do with reads: look at them, trim them, count their k-mers."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from failwell.apis.flow.desk import fastq
from failwell.apis.flow.desk.fastq import Read
from failwell.apis.flow.runner.messages import Input, Job

_FIRST = 33
"""The character code of quality 0 (Sanger)."""

_SUFFIX = r"(?i)\.(?:fastq|fq)(?:\.gz)?$"
_OTHER_STRAND = bytes.maketrans(b"ACGTUacgtu", b"TGCAATGCAA")


def report(reads: Iterator[Read]) -> dict[str, Any]:
    """What is in some reads: their number, their bases, the fraction of G and C, the shortest and
    the longest, and the mean quality at each position."""
    lengths: Counter[int] = Counter()
    letters: Counter[int] = Counter()
    sums: list[int] = []
    for read in reads:
        lengths[len(read.bases)] += 1
        letters.update(read.bases.upper())
        sums += [0] * (len(read.bases) - len(sums))
        for at, quality in enumerate(read.qualities):
            sums[at] += quality - _FIRST
    bases, gc = letters.total(), letters[ord("G")] + letters[ord("C")]
    return {
        "reads": lengths.total(),
        "bases": bases,
        "gc": gc / bases if bases else 0.0,
        "shortest": min(lengths, default=0),
        "longest": max(lengths, default=0),
        "mean_quality": [total / n for total, n in zip(sums, _covering(lengths), strict=True)],
    }


def _covering(lengths: Counter[int]) -> list[int]:
    """How many reads reach each position."""
    longest = max(lengths, default=0)
    return [sum(n for length, n in lengths.items() if length > at) for at in range(longest)]


def trimmed(read: Read, quality: int) -> Read:
    """The read without the low quality at its 3' end: the end is cut where the sum of what the
    qualities are short of `quality` is largest, as BWA and Cutadapt do."""
    short = most = 0
    end = len(read.qualities)
    for at in range(len(read.qualities) - 1, -1, -1):
        short += quality - (read.qualities[at] - _FIRST)
        if short < 0:
            break
        if short > most:
            most, end = short, at
    return Read(read.name, read.bases[:end], read.qualities[:end])


def kmers(reads: Iterator[Read], k: int) -> Counter[bytes]:
    """How often each k-mer occurs, on whichever strand: the lesser of it and its reverse
    complement stands for both. What holds an N is left out."""
    found: Counter[bytes] = Counter()
    for read in reads:
        bases = read.bases.upper()
        for at in range(len(bases) - k + 1):
            word = bases[at : at + k]
            if b"N" not in word:
                found[min(word, word.translate(_OTHER_STRAND)[::-1])] += 1
    return found


def _fastqc(job: Job, out: Path) -> None:
    for one, stem in _named(job):
        said = report(_reads(one))
        (out / f"{stem}.fastqc.json").write_bytes(msgspec.json.encode(said))
        print(f"{one.filename}: {said['reads']} reads, {said['bases']} bases")


def _trim(job: Job, out: Path) -> None:
    for one, stem in _named(job):
        kept = 0
        with gzip.GzipFile(out / f"{stem}.trimmed.fastq.gz", "wb", mtime=0) as file:
            for read in _reads(one):
                short = trimmed(read, job.params["quality"])
                if len(short.bases) >= max(1, job.params["min_length"]):
                    file.write(b"@%b\n%b\n+\n%b\n" % short)
                    kept += 1
        print(f"{one.filename}: {kept} reads kept")


def _kmers(job: Job, out: Path) -> None:
    for one, stem in _named(job):
        found = kmers(_reads(one), job.params["k"])
        spectrum = sorted(Counter(found.values()).items())
        rows = "".join(f"{times}\t{number}\n" for times, number in spectrum)
        (out / f"{stem}.kmers.tsv").write_text("occurrences\tkmers\n" + rows, "utf-8")
        print(f"{one.filename}: {len(found)} k-mers")


PROCESSES: dict[str, Callable[[Job, Path], None]] = {
    "FASTQC": _fastqc,
    "TRIM": _trim,
    "KMERS": _kmers,
}


def _reads(one: Input) -> Iterator[Read]:
    return fastq.reads(Path(one.path), one.filename)


def _named(job: Job) -> Iterator[tuple[Input, str]]:
    """Each input with the name of what is made of it; of equal names the later get a number."""
    used: Counter[str] = Counter()
    for one in job.inputs:
        stem = re.sub(_SUFFIX, "", one.filename)
        used[stem] += 1
        yield one, stem if used[stem] == 1 else f"{stem}.{used[stem]}"
