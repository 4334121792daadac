"""`failwell sandbox`: serve the systems until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, cast

from failwell import stores
from failwell.actions import Store
from failwell.cli import render
from failwell.cli.options import Several

if TYPE_CHECKING:
    from failwell.sandbox.wire import Server


def sandbox(
    *,
    port: int = 8765,
    only: Several = None,
    seed: int | None = None,
    store: str | None = None,
) -> None:
    """Serve the re-created systems on 127.0.0.1 until Ctrl-C.

    Prints "ready" and the URL when it serves; the URL + "/sandbox.json" lists the systems. Ctrl-C
    and SIGTERM are its proper end, with the exit status 0.

    Parameters
    ----------
    port
        The port; 0 takes any free one.
    only
        Serve just this system (may be given several times).
    seed
        Makes faults that come by chance repeat.
    store
        The URL of the store for quotas and idempotency records (Toolpath's quotas alone: it
        commits its records with its parts); in a temporary file if left out.
    """
    from failwell.sandbox.app import application, services
    from failwell.sandbox.wire import Server

    if not 0 <= port <= 65535:
        raise ValueError(f"there is no port {port}: use 1 to 65535, or 0 for any free one")
    with _records(store) as kept:
        systems = services(tuple(only or ()), store=kept)
        _serve(Server(application(systems, seed=seed), port=port), port)


def _serve(server: Server, port: int) -> None:
    """Serve until Ctrl-C or SIGTERM, of which the first counts: what it ends is not left half done.

    Raises `OSError` where the port is taken.
    """

    def stop(_: int, __: object) -> None:
        server.stop()

    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, stop)
    try:
        asyncio.run(server.serve(render.ready))
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
