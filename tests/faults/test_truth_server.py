"""What a wrapped server says of a keyed write is true, and no key has two effects.

Visitors over raw sockets wait, hang up, come twice, or send half a body, while the handlers return,
raise, commit, stream and are cancelled; the effects are counted in the database that they are in.
`FAILWELL_TALES` makes it more stories than those of the tests, from `FAILWELL_SEED` on.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from failwell.sandbox.wire import running
from faults.truth.visits import Answer, Story, Visitor, draw, findings
from faults.truth.workshop import PAUSE, Workshop
from server.wsgi_servers import waitress

STORIES = int(os.environ.get("FAILWELL_TALES", "60"))
SEED = int(os.environ.get("FAILWELL_SEED", "0"))
AT_ONCE = 20


@pytest.fixture(autouse=True)
def _tracebacks_stay_unsaid() -> Iterator[None]:
    """Hundreds of handlers raise, as they are told to."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.timeout(120 + STORIES)
def test_whatever_a_handler_does_the_server_tells_the_truth(tmp_path: Path) -> None:
    """One effect a key at most, and a 2xx stands for one; what `Failwell-Outcome` says is so, and
    every failure has it; a replay equals the answer to the byte; no cause of a 500 is told."""
    with (
        closing(Workshop(tmp_path / "workshop.db")) as workshop,
        running(workshop.app()) as url,
        waitress(workshop.wsgi()) as blocking,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):

        def heard(seed: int) -> tuple[int, Story, list[Answer]]:
            story = draw(random.Random(seed).choice)
            base = blocking if story.path.startswith("/wsgi") else url
            return seed, story, Visitor(base, f"key-{seed}").visit(story)

        told = list(pool.map(heard, range(SEED, SEED + STORIES)))
        time.sleep(10 * PAUSE)  # for what nobody waited for
        wrong = [
            f"{seed}: {story}\n    {found}"
            for seed, story, answers in told
            for found in findings(story, answers, workshop, f"key-{seed}")
        ]
    assert not wrong, "\n".join(wrong)
