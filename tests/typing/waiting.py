"""Waiting, as type checkers see it: never run, only checked."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import assert_type

import failwell


def sync(client: failwell.Client) -> None:
    assert_type(failwell.wait(client, "j-1"), failwell.Finished)
    assert_type(failwell.wait(client, client.post("/jobs"), timeout=5), failwell.Finished)
    pending = [failwell.Pending(client, "j-1", failwell.Job(url="jobs/{id}"))]
    assert_type(failwell.as_completed(pending), Generator[failwell.Finished])


async def asynchronous(client: failwell.AsyncClient) -> None:
    assert_type(await failwell.wait(client, {"id": "j-1"}), failwell.Finished)
    pending = [failwell.Pending(client, "j-1")]
    assert_type(failwell.as_completed(pending), AsyncGenerator[failwell.Finished])


def failed(error: failwell.JobFailedError) -> None:
    assert_type(error.job_id, str | None)
    assert_type(error.state, str | None)
