"""`failwell wait`: go on waiting for a job that another program has left."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from failwell import redaction
from failwell.cli import render
from failwell.cli.options import Several
from failwell.clients.httpx2 import Client
from failwell.clients.waiting import wait as wait_for
from failwell.flows.ending import Finished
from failwell.job import Job, resumption


def wait(
    url: str,
    /,
    *,
    record: str = "",
    state: str = "status",
    reason: str = "error",
    succeeded: Several = None,
    failed: Several = None,
    cancelled: Several = None,
    token_env: str | None = None,
    header_env: Several = None,
    timeout: float | None = None,
    tolerate: float = 60.0,
) -> None:
    """Wait for a job that another program has left running, and print its record as JSON.

    Each change of its state is told on standard error. The exit status is 1 where the job failed.

    Parameters
    ----------
    url
        The URL of the job's record.
    record
        The member of the answer that holds the record (data, data.job); the answer itself if
        left out.
    state
        The member of the record that tells the state; empty to go by 202 and 200 alone.
    reason
        The member that says why the job failed.
    succeeded
        A state that is success (may be given several times); common words if left out.
    failed
        A state that is failure (may be given several times); common words if left out.
    cancelled
        A state that is cancellation (may be given several times); common words if left out.
    token_env
        The environment variable with the token for "Authorization: Bearer".
    header_env
        A header and the environment variable that holds its value, as X-Api-Key=MY_KEY (may be
        given several times).
    timeout
        Give up after so many seconds.
    tolerate
        Bear a streak of failed looks for so many seconds.
    """
    states = {"succeeded": succeeded, "failed": failed, "cancelled": cancelled}
    job = declared(record=record, state=state, reason=reason, states=states)
    access = Access(token_env=token_env, header_env=tuple(header_env or ()))
    render.job(ended(url, job, access, timeout=timeout, tolerate=tolerate))


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Where the credentials are: in the environment, never on the command line."""

    token_env: str | None = None
    header_env: tuple[str, ...] = ()

    def headers(self) -> dict[str, str]:
        """The header fields. Raises `ValueError` for a variable that is not set."""
        fields = {"Authorization": f"Bearer {_value(self.token_env)}"} if self.token_env else {}
        for pair in self.header_env:
            name, equals, variable = pair.partition("=")
            if not (name and equals and variable):
                raise ValueError(f"--header-env {pair!r}: must be HEADER=VARIABLE")
            fields[name] = _value(variable)
        return fields

    def words(self) -> str:
        """The options that say the same."""
        token = [f"--token-env={self.token_env}"] if self.token_env else []
        words = [*token, *(f"--header-env={pair}" for pair in self.header_env)]
        return "".join(f" {word}" for word in map(shlex.quote, words))


def declared(
    *, record: str, state: str, reason: str, states: Mapping[str, Sequence[str] | None]
) -> Job:
    """The declaration that the options spell. Raises `ValueError` where it contradicts itself."""
    told: dict[str, Any] = {
        name: frozenset(words) for name, words in states.items() if words is not None
    }
    return Job(record=record, state=state or None, reason=reason, **told)


def ended(
    url: str, job: Job, access: Access, *, timeout: float | None, tolerate: float
) -> Finished:
    """The job when it has succeeded; each change of its state is told on standard error.

    Raises `ValueError` for what is no URL, or a variable that is not set; `FailwellError`.
    """
    if not re.match(r"(?i)https?://[^/]", url):
        raise ValueError(f"{redaction.url(url)!r} is not the URL of a job: begin with https://")
    line = resumption(job, "", redaction.url(url)) + access.words()
    job = msgspec.structs.replace(job, resume=line)
    with Client(headers=access.headers()) as client:
        return wait_for(client, url, job, timeout=timeout, tolerate=tolerate, verbose=True)


def _value(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise ValueError(f"the environment variable {variable} is not set")
    return value
