"""A real HTTP/2 server on loopback, in clear text, that does to a stream what its path says.

`/hang` is not answered before the server is closed, `/slow` once somebody sets `released`, and
`/refused` once, with a stream that was not begun, `/torn` with one that was; `/goaway` ends the
connection before the stream, `/left` after it; all else is answered at once.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import h2.connection
import h2.events
import h2.exceptions
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.settings import SettingCodes, Settings

SECONDS = 10.0


class Http2Server:
    """A context manager; `streams` is how many the server takes at once on a connection."""

    def __init__(self, streams: int = 100) -> None:
        self._streams = streams
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.paths: list[str] = []
        self.arrived = threading.Semaphore(0)
        self.released = threading.Event()

    @property
    def connections(self) -> int:
        """How many there were."""
        return len(self._open)

    def __enter__(self) -> Http2Server:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(SECONDS)

    def _spawn(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        state = h2.connection.H2Connection(H2Configuration(client_side=False))
        values = {SettingCodes.MAX_CONCURRENT_STREAMS: self._streams}
        state.local_settings = Settings(client=False, initial_values=values)
        state.initiate_connection()
        with suppress(OSError, h2.exceptions.ProtocolError):
            connection.sendall(state.data_to_send())
            while data := connection.recv(65536):
                for event in state.receive_data(data):
                    self._react(state, event)
                connection.sendall(state.data_to_send())

    def _react(self, state: h2.connection.H2Connection, event: h2.events.Event) -> None:
        if not isinstance(event, h2.events.RequestReceived):
            return
        path = dict(event.headers)[b":path"].decode()
        is_first = path not in self.paths
        self.paths.append(path)
        stream = event.stream_id
        if path == "/refused" and is_first:
            state.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
        elif path == "/torn":
            state.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
        elif path == "/goaway" and is_first:
            state.close_connection(last_stream_id=0)
        elif path == "/left":
            state.close_connection(last_stream_id=stream)
        elif path != "/hang":
            if path == "/slow":
                self.released.wait(SECONDS)
            state.send_headers(stream, [(":status", "200"), ("content-type", "application/json")])
            state.send_data(stream, b'{"ok": true}', end_stream=True)
        self.arrived.release()
