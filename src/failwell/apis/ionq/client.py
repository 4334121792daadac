"""`IonQClient`: circuits are submitted once, and run.

>>> from failwell.apis.ionq import IonQClient, create_job, get_job_probabilities, wait_for_job
>>> client = IonQClient(api_key="…")
>>> job = create_job.sync(client=client, body=payload)
>>> wait_for_job(client, job.id)
>>> get_job_probabilities.sync(job.id, client=client)
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import httpx2
import msgspec

from failwell.apis import reach
from failwell.apis.ionq import connection
from failwell.apis.ionq.contract import IONQ, RETRY
from failwell.apis.ionq.extensions import ClientExtension
from failwell.apis.ionq.search import searched
from failwell.apis.operation import Operation, T, arun, run
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.clients.runs import book_of
from failwell.contract import Contract
from failwell.errors import FailwellError
from failwell.flows.settle import Settled
from failwell.settings import Policy

_DEFAULT = Policy()
_NONE = ClientExtension()


class IonQClient:
    """IonQ's API, for `create_job` and the other endpoints, in sync and in async code.

    What may pass is tried again twice (`max_retries`); a job whose answer is lost is looked up by a
    tag in its metadata, and never sent twice. In a `run`, sync and async jobs count together. The
    key comes from `api_key` or the variable `IONQ_API_KEY`. `timeout` is httpx2's, or seconds.
    Other arguments are those of `failwell.Client`. Close it, or use it as a context manager, sync
    or async.

    Raises `IonQError` (and failwell's class of that kind) for whatever fails at IonQ;
    `InvalidRequestError`, a `ValueError`, for what is refused before it is sent. Warns
    (`UserWarning`) of a base URL to which the key would go in cleartext.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str = connection.BASE_URL,
        max_retries: int | None = None,
        timeout: httpx2.Timeout | float | None = None,
        additional_user_agent: str | None = None,
        extension: ClientExtension | None = None,
        policy: Policy = _DEFAULT,
        **arguments: Any,
    ) -> None:
        self.extension = added = reach.instance(
            _NONE if extension is None else extension,
            ClientExtension,
            "a ClientExtension(...)",
            "extension",
        )
        headers = httpx2.Headers(added.default_headers)
        headers.update(arguments.get("headers"))
        own = reach.text(additional_user_agent, "additional_user_agent")
        tokens = (own, added.user_agent_token)
        headers.update(connection.headers(api_key, *tokens))
        address = reach.address(base_url)
        connection.warn_of_cleartext(address, level=2)
        patience = added.timeout if timeout is None else timeout
        ruled = reach.policy(policy)
        if arguments.get("run") is not None:
            arguments["run"] = book_of(arguments["run"])
        self._arguments: dict[str, Any] = {
            **arguments,
            "base_url": address,
            "timeout": connection.TIMEOUT if patience is None else reach.timeout(patience),
            "headers": headers,
            "contract": _contract(added),
            "policy": _policy(ruled, added.max_retries if max_retries is None else max_retries),
        }
        self.client = Client(**self._arguments, **added.sync_arguments(arguments))

    @cached_property
    def async_client(self) -> AsyncClient:
        """What makes the async calls; there is none before the first."""
        added = self.extension.async_arguments(self._arguments)
        return AsyncClient(**self._arguments, **added)

    def perform(self, operation: Operation[T]) -> T:
        """Carry an operation out; its result."""
        with self.extension.mapping():
            return run(self.client, operation)

    async def aperform(self, operation: Operation[T]) -> T:
        """Carry an operation out; its result."""
        with self.extension.mapping():
            return await arun(self.async_client, operation)

    def settle(self, error: FailwellError) -> Settled:
        """What became of a failed write, found out now: see `failwell.Client.settle`. A job is
        looked for among all that were submitted since."""
        return self.perform(searched(error.sent, self.client.settle(error)))

    async def asettle(self, error: FailwellError) -> Settled:
        """The same, awaited: see `settle`."""
        return await self.aperform(searched(error.sent, await self.async_client.settle(error)))

    def close(self) -> None:
        """Close the connections of sync calls."""
        self.client.close()

    async def aclose(self) -> None:
        """Close all connections."""
        self.close()
        if "async_client" in self.__dict__:
            await self.async_client.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _contract(extension: ClientExtension) -> Contract:
    statuses = extension.retryable_status_codes
    return IONQ if statuses is None else msgspec.structs.replace(IONQ, transient=statuses)


def _policy(policy: Policy, max_retries: int | None) -> Policy:
    """The policy, with so many retries where their number is given."""
    if max_retries is None:
        return policy
    rule = policy.under(IONQ).retry or RETRY
    retry = msgspec.structs.replace(rule, max_retries=max_retries)
    return msgspec.structs.replace(policy, retry=retry)
