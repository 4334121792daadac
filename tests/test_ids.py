"""Ids are unique: in one process, and in those that it forks."""

import os
import threading
import uuid

import pytest

from failwell.ids import minted


def test_an_id_is_a_random_uuid() -> None:
    """RFC 9562: version 4, and its variant."""
    for _ in range(200):
        made = uuid.UUID(minted())
        assert made.version == 4
        assert made.variant == uuid.RFC_4122


def test_no_two_threads_get_the_same() -> None:
    """However many ids are made at once."""
    made: list[str] = []

    def make() -> None:
        for _ in range(500):
            made.append(minted())

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == len(made) == 4000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is nothing to fork")
def test_no_two_processes_get_the_same() -> None:
    """A fork takes over what its parent had ready, and must not give it again."""
    minted()
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        os.write(writes, minted().encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reads, 36).decode()
    os.close(reads)
    os.close(writes)
    assert theirs not in {minted() for _ in range(200)}
