"""The process's side: caps its own memory, does the job, and says how it went."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import msgspec

from failwell.apis.flow.desk.fastq import NotFastqError
from failwell.apis.flow.runner.messages import OUT_OF_MEMORY, Job
from failwell.apis.flow.runner.work import PROCESSES


def main(path: str) -> int:
    """Do the job that the file at `path` describes, in the working directory; the exit code."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    job = msgspec.json.decode(Path(path).read_bytes(), type=Job)
    try:
        _cap_memory(job.memory)
        PROCESSES[job.process](job, Path.cwd())
    except MemoryError:
        os.write(2, b"Out of memory\n")
        os._exit(OUT_OF_MEMORY)
    except NotFastqError as error:
        print(f"The input is not FASTQ: {error}", file=sys.stderr)
        return 1
    return 0


def _cap_memory(size: int) -> None:
    """Allow this process so many bytes of address space (POSIX `setrlimit`).

    Raises `MemoryError` where the interpreter alone takes more: the limit itself tells only whoever
    asks for more from then on.
    """
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    if taken() > size:
        raise MemoryError


def taken() -> int:
    """Bytes of address space that this process has (Linux, proc(5)); 0 elsewhere."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _die_with_parent() -> None:
    while os.read(0, 64):
        pass
    os._exit(1)
