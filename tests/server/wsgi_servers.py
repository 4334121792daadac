"""Real WSGI servers in threads: the standard library's, werkzeug's and waitress."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import StringIO
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None: ...

    def get_stderr(self) -> Any:
        return StringIO()


class _Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


@contextmanager
def wsgiref(app: Any) -> Iterator[str]:
    """The standard library's server (HTTP/1.0)."""
    server = make_server("127.0.0.1", 0, app, _Threaded, _Quiet)
    with _in_thread(partial(server.serve_forever, 0.01), server.shutdown):
        yield f"http://127.0.0.1:{server.server_port}"
    server.server_close()


@contextmanager
def werkzeug(app: Any) -> Iterator[str]:
    """Werkzeug's server: HTTP/1.1, chunked."""
    import logging

    from werkzeug.serving import make_server as make

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = make("127.0.0.1", 0, app, threaded=True)
    with _in_thread(partial(server.serve_forever, 0.01), server.shutdown):
        yield f"http://127.0.0.1:{server.server_port}"
    server.server_close()


@contextmanager
def waitress(app: Any) -> Iterator[str]:
    """Waitress: HTTP/1.1, keep-alive, a pool of threads."""
    import logging

    from waitress.server import create_server

    logging.getLogger("waitress").setLevel(logging.CRITICAL)
    server: Any = create_server(
        app, host="127.0.0.1", port=0, threads=24, clear_untrusted_proxy_headers=True
    )
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            server.asyncore.loop(timeout=0.05, map=server._map, count=1)

    with _in_thread(serve, stopping.set):
        yield f"http://127.0.0.1:{server.effective_port}"
    server.task_dispatcher.shutdown()
    for channel in list(server._map.values()):
        channel.close()


SERVERS: dict[str, Any] = {"wsgiref": wsgiref, "werkzeug": werkzeug, "waitress": waitress}


@contextmanager
def _in_thread(serve: Callable[[], None], stop: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join(10)
