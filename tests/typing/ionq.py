"""How IonQ's client is typed. Never executed: mypy and pyright read it, both strict."""

# pyright: reportUnusedFunction=false

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

import failwell
from failwell.apis import ionq
from failwell.apis.ionq.records import Backend, JobCreated, JobPage, JobRecord


class Payload:
    """A body such as IonQ's own client makes."""

    def to_dict(self) -> dict[str, Any]:
        return {}


def calls() -> None:
    """An endpoint knows its arguments and its record."""
    with ionq.IonQClient(max_retries=3, timeout=5.0) as client:
        assert_type(client, ionq.IonQClient)
        assert_type(ionq.create_job.sync(client=client, body=Payload()), JobCreated)
        assert_type(ionq.create_job.sync(client=client, body={"type": "x"}), JobCreated)
        answer = ionq.get_jobs.sync_detailed(client=client, limit=5, status="failed")
        assert_type(answer, ionq.Response[JobPage])
        assert_type(answer.parsed.jobs, tuple[JobRecord, ...])
        assert_type(ionq.get_backends.sync(client=client), tuple[Backend, ...])
        assert_type(ionq.get_job_probabilities.sync("j", client=client), dict[str, float])
        assert_type(ionq.wait_for_job(client, "j", timeout=5), JobRecord)
        assert_type(ionq.iter_jobs(client), Iterator[JobRecord])
        ionq.get_job.sync(7, client=client)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        ionq.get_job.sync("j")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def async_calls() -> None:
    """The async forms take and give the same."""
    async with ionq.IonQClient() as client:
        assert_type(await ionq.create_job.asyncio(client=client, body=Payload()), JobCreated)
        assert_type(await ionq.async_wait_for_job(client, "j"), JobRecord)
        assert_type(ionq.aiter_jobs(client), AsyncIterator[JobRecord])
        async with ionq.SessionManager(client, "qpu.forte-1") as session:
            assert_type(session.session_id, str | None)


def failures(client: ionq.IonQClient) -> None:
    """Each exception is IonQ's and failwell's."""
    try:
        ionq.wait_for_job(client, "j")
    except ionq.JobTimeoutError as error:
        assert_type(error.timeout, float | None)
        assert_type(error.last_status, str | None)
    except ionq.JobFailedError as error:
        assert_type(error.failure, failwell.Failure)
        assert_type(error.job_id, str | None)
    except ionq.RateLimitError as error:
        assert_type(error.retry_after, float | None)
    except ionq.IonQError as error:
        assert_type(client.settle(error), failwell.Settled)
    ionq.JobFailedError("j", {"code": "TooManyGates"})
    ionq.JobTimeoutError("j", 2.5, "started")
