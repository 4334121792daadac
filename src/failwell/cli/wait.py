"""`failwell wait`: go on waiting for a job that another program has left."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from typing import Any

import msgspec

from failwell import redaction
from failwell.clients.httpx2 import Client
from failwell.clients.waiting import wait as wait_for
from failwell.flows.ending import Finished
from failwell.job import Job, resumption


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
    *,
    record: str,
    state: str,
    reason: str,
    succeeded: Sequence[str] | None,
    failed: Sequence[str] | None,
    cancelled: Sequence[str] | None,
) -> Job:
    """The declaration that the options spell. Raises `ValueError` where it contradicts itself."""
    given = {"succeeded": succeeded, "failed": failed, "cancelled": cancelled}
    states: dict[str, Any] = {
        name: frozenset(words) for name, words in given.items() if words is not None
    }
    return Job(record=record, state=state or None, reason=reason, **states)


def wait(url: str, job: Job, access: Access, *, timeout: float | None, tolerate: float) -> Finished:
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
