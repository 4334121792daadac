"""Waiting for a job at IonQ, by `failwell.wait`.

Source: `ionq_core.polling` of IonQ's client 0.2.0.
"""

from __future__ import annotations

import msgspec

from failwell.apis.answers import read
from failwell.apis.ionq.client import IonQClient
from failwell.apis.ionq.contract import IONQ
from failwell.apis.ionq.job_errors import JobFailedError, JobTimeoutError
from failwell.apis.ionq.records import JobRecord
from failwell.apis.reach import seconds
from failwell.clients.waiting import wait
from failwell.job import Job
from failwell.settings import Policy

POLL_INTERVAL = 1.0
TIMEOUT = 300.0

JOB = Job(
    url="jobs/{id}",
    succeeded=frozenset({"completed"}),
    failed=frozenset({"failed"}),
    cancelled=frozenset({"canceled"}),
    reason="failure",
    code="failure.code",
    cancel=("PUT", "jobs/{id}/status/cancel"),
    first=POLL_INTERVAL,
    growth=1.5,
    cap=30.0,
    resume="wait_for_job(client, '{id}')",
    failed_error=JobFailedError,
    timeout_error=JobTimeoutError,
)
"""A job under way, for `failwell.wait(client.client, job.id, JOB)`, by which a cancelled one is a
failure; for `wait_for_job` it is an end like others."""


def wait_for_job(
    client: IonQClient,
    job_id: str,
    *,
    poll_interval: float = POLL_INTERVAL,
    timeout: float = TIMEOUT,
    raise_on_failure: bool = True,
) -> JobRecord:
    """The job when it has ended: completed or canceled, and failed without `raise_on_failure`.

    It is looked at after `poll_interval` seconds, then ever later by half, every 30 at most, for
    `timeout` seconds in all. Looks that fail and may pass are borne for a minute.

    Raises `JobFailedError` with IonQ's reason, `JobTimeoutError` with the last status.
    """
    job, patience = _job(poll_interval, raise_on_failure), _patience(client.client.policy)
    try:
        with client.extension.mapping():
            ended = wait(client.client, job_id, job, timeout=timeout, tolerate=patience)
    except JobTimeoutError as error:
        error.timeout = timeout
        raise
    return read(IONQ, ended.response, JobRecord)


async def async_wait_for_job(
    client: IonQClient,
    job_id: str,
    *,
    poll_interval: float = POLL_INTERVAL,
    timeout: float = TIMEOUT,
    raise_on_failure: bool = True,
) -> JobRecord:
    """The same, awaited: see `wait_for_job`."""
    job, patience = _job(poll_interval, raise_on_failure), _patience(client.client.policy)
    try:
        with client.extension.mapping():
            ended = await wait(client.async_client, job_id, job, timeout=timeout, tolerate=patience)
    except JobTimeoutError as error:
        error.timeout = timeout
        raise
    return read(IONQ, ended.response, JobRecord)


def _job(poll_interval: float, raise_on_failure: bool) -> Job:
    """A job whose end is what IonQ's client takes for one that went well."""
    failed = JOB.failed if raise_on_failure else frozenset[str]()
    return msgspec.structs.replace(
        JOB,
        succeeded=(JOB.succeeded | JOB.failed | JOB.cancelled) - failed,
        failed=failed,
        cancelled=frozenset[str](),
        first=seconds(poll_interval, "poll_interval"),
    )


def _patience(policy: Policy) -> float:
    """Seconds of failed looks that a wait bears; none where the caller has turned retries off."""
    return 60.0 if policy.retry is not None and policy.retry.max_retries else 0.0
