"""`failwell sandbox`: serve the systems until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import Callable, Generator
from typing import Any, cast

from failwell import stores
from failwell.actions import Store
from failwell.sandbox import app
from failwell.sandbox.wire import Server


def serve(
    *,
    port: int,
    only: tuple[str, ...],
    seed: int | None,
    store: str | None,
    ready: Callable[[str], None],
) -> None:
    """Serve until Ctrl-C or SIGTERM; `ready` is told the URL. `store` is the URL of where quotas
    and idempotency records live; without it they live in a file, which goes with the sandbox.

    Raises `ValueError` for a system that is not known, a port that there is not or a URL of no
    store, `StoreError` where that cannot be opened, `OSError` where the port is taken.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"there is no port {port}: use 1 to 65535, or 0 for any free one")
    with _records(store) as kept:
        server = Server(app.application(app.services(only, store=kept), seed=seed), port=port)

        def stop(_: int, __: object) -> None:
            server.stop()

        signal.signal(signal.SIGTERM, stop)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                asyncio.run(server.serve(ready))
        except OSError as error:
            reason = error.strerror or error
            raise OSError(f"port {port} cannot be served: {reason} (--port 0 takes any)") from error


@contextlib.contextmanager
def _records(url: str | None) -> Generator[Store]:
    """The store at that URL, else one in a file that goes afterwards; closed at the end."""
    with contextlib.ExitStack() as stack:
        if url is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="failwell-records-"))
            url = f"sqlite:///{folder}/records.db"
        kept = stores.open(url)
        stack.callback(cast("Any", kept).close)
        yield kept
