"""`failwell.adopt`: the client object of an official SDK, made safe in one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from failwell.actions import AsyncStore, Store
from failwell.adoption.ledger import Ledger
from failwell.adoption.sdks import KNOWN, Known
from failwell.adoption.summary import Adoption, AdoptionError, log
from failwell.clients.origin import opened, run_of
from failwell.contract import Contract
from failwell.events import Hook
from failwell.settings import Policy

T = TypeVar("T")

_DEFAULT = Policy()


def adopt(
    client: T,
    *,
    contract: Contract | None = None,
    policy: Policy = _DEFAULT,
    store: Store | AsyncStore | str | None = None,
    run: str | None = None,
    hooks: Sequence[Hook] = (),
    tell: Callable[[Adoption], object] = log,
) -> T:
    """The same client object, whose calls go through failwell from now on.

    Known are the clients of ionq-core, ionworks-api and flowbio (v1 and v2), each with its API's
    own contract, and `httpx.Client`, `httpx.AsyncClient` and `requests.Session`, with `GENERIC`;
    `contract` takes the place of those. `run` names a run whose writes are kept in `store`, so that
    a script that is begun again buys nothing twice: see `failwell.Client`. The SDK's own retries
    are switched off; an `AdoptionWarning` names what may retry and could not be. `tell` is given
    the summary; left out, it is logged. To adopt a client again replaces the settings.

    The SDK's exceptions stay as they are; a fault is one of failwell's, too, and one that the SDK
    makes of an answer has failwell's `Account` of it as `failwell`. Raises `AdoptionError` for any
    other object, and `InvalidRequestError` for a run that cannot be, such as one without a store.
    """
    known, kept = _known(client), opened(store)
    book, _ = run_of(run, kept)
    settings = {
        "contract": known.contract() if contract is None else contract,
        "policy": policy,
        "store": kept,
        "run": book,
        "hooks": hooks,
    }
    ledger = Ledger(known.name, settings)
    known.adopt(client, ledger)
    tell(ledger.closed())
    return client


def _known(client: object) -> Known:
    for cls in type(client).__mro__:
        found = KNOWN.get(f"{cls.__module__}.{cls.__qualname__}")
        if found is not None:
            return found
    kind = f"{type(client).__module__}.{type(client).__qualname__}"
    raise AdoptionError(
        f"cannot adopt a {kind}: known are {', '.join(KNOWN)}. Give the httpx client or requests "
        "session inside it to adopt(), or mount the transport by hand: "
        "httpx.Client(transport=failwell.clients.httpx.Transport(contract=...)), or "
        'session.mount("https://", failwell.clients.requests.Adapter(contract=...)); then switch '
        "its own retries off."
    )
