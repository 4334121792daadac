"""The local archive, which stands for the public ones: accessions whose reads are made here.

The reads are of no organism: they are drawn at random, the same for an accession each time.
"""

from __future__ import annotations

import random
import re

ACCESSIONS = ("ERR999999901", "ERR999999902", "SRR999999903")
"""What the archive holds."""

_ACCESSION = r"[ESD]R[RX][0-9]{6,9}"
_READS, _LENGTH = 250, 75


def is_accession(text: str) -> bool:
    """Whether this is an accession of a run or an experiment, in the archive or not."""
    return re.fullmatch(_ACCESSION, text) is not None


def reads_of(accession: str) -> bytes:
    """The FASTQ text of an accession. Raises `LookupError` for one that the archive lacks."""
    if accession not in ACCESSIONS:
        raise LookupError(f"{accession} is not in the local archive")
    rng = random.Random(accession)
    return b"".join(_read(rng, f"{accession}.{number}") for number in range(1, _READS + 1))


def _read(rng: random.Random, name: str) -> bytes:
    bases = "".join(rng.choices("ACGT", k=_LENGTH))
    qualities = "".join(chr(33 + _quality(rng, at)) for at in range(_LENGTH))
    return f"@{name}\n{bases}\n+\n{qualities}\n".encode()


def _quality(rng: random.Random, at: int) -> int:
    """Quality falls towards the end of a read, as a sequencer's does."""
    return max(2, min(40, round(rng.gauss(38 - 14 * (at / _LENGTH) ** 2, 2))))
