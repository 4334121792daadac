"""The end of a run, for whoever has none of its clients at hand."""

from __future__ import annotations

from collections.abc import Callable

from failwell.actions import Store
from failwell.clients.origin import only_sync, opened
from failwell.clients.runs import end
from failwell.errors import InvalidRequestError
from failwell.flows.runs import Summary


def end_run(run: str, *, store: Store | str, force: bool = False) -> Summary | None:
    """End a run, whoever has made its writes: forget them; what it was, None where there is none.

    `store` is where it was kept: an object, or a URL for `failwell.stores.open`. Raises `RunError`
    where the end of a write is not known, unless `force` says to forget it; `StoreError` where the
    store cannot be used.
    """
    kept = only_sync(opened(store))
    if kept is None:
        raise InvalidRequestError.of(f"Say where the run {run!r} is kept: store=…")
    try:
        return end(kept, run, force=force)
    finally:
        if isinstance(store, str):
            close: Callable[[], object] = getattr(kept, "close", _nothing)
            close()


def _nothing() -> None:
    """A store that has nothing to close."""
