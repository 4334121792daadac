"""What the service tells a process, and what it learns from it."""

from __future__ import annotations

import msgspec

OUT_OF_MEMORY = 137
"""The exit code of a process that met its memory cap, as Nextflow reports it."""


class Input(msgspec.Struct, frozen=True):
    """A file to work on: the name it was uploaded by, and where it is."""

    filename: str
    path: str


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What one process is to do. `memory` is in bytes, of address space."""

    process: str
    inputs: list[Input]
    params: dict[str, int]
    memory: int


class Ended(msgspec.Struct, frozen=True):
    """How a process ended; `exit_code` is negative where a signal ended it."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """What went wrong, in its own last words."""
        said = [line for line in self.stderr.splitlines() if line.strip()]
        return said[-1][:500] if said else f"Exit code {self.exit_code}"
