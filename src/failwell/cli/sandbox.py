"""`failwell sandbox`: serve the systems until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable

from failwell.sandbox import app
from failwell.sandbox.wire import Server


def serve(
    *, port: int, only: tuple[str, ...], seed: int | None, ready: Callable[[str], None]
) -> None:
    """Serve until Ctrl-C or SIGTERM; `ready` is told the URL.

    Raises `ValueError` for a system that is not known, `OSError` where the port is taken.
    """
    server = Server(app.application(app.services(only), seed=seed), port=port)
    signal.signal(signal.SIGTERM, lambda *_: server.stop())
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(server.serve(ready))
