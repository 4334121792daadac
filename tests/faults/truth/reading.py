"""Requests, read off a socket byte by byte."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import NamedTuple


class Asked(NamedTuple):
    """One request: its head, and as much of its body as was read."""

    method: str
    path: str
    headers: dict[str, str]
    rest: bytes

    @property
    def has_body(self) -> bool:
        """Whether a body follows its head."""
        length = self.headers.get("content-length", "0")
        return length != "0" or "transfer-encoding" in self.headers

    @property
    def name(self) -> str:
        """The record that it is about."""
        return self.path.partition("?")[0].rpartition("/")[2]


def read_head(line: socket.socket) -> Asked | None:
    """The head of the next request; None where there is none."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = line.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    fields = {n.strip().lower(): v.strip() for n, _, v in (x.partition(":") for x in lines)}
    return Asked(method, path, fields, rest)


def read_body(line: socket.socket, headers: Mapping[str, str], rest: bytes) -> bytes:
    """The whole body, of which the `rest` came with its head. Raises `ValueError` where its sender
    gives it up."""
    if "chunked" in headers.get("transfer-encoding", ""):
        return _chunks(line, rest)
    length = int(headers.get("content-length", 0))
    return read_more(line, rest, length)[:length]


def _chunks(line: socket.socket, data: bytes) -> bytes:
    got = b""
    while True:
        while b"\r\n" not in data:
            data = read_more(line, data, len(data) + 1)
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        data = read_more(line, data, length + 2)
        got, data = got + data[:length], data[length + 2 :]
        if length == 0:
            return got


def read_more(line: socket.socket, data: bytes, length: int) -> bytes:
    """These bytes and as many more as make that length. Raises `ValueError` where they end."""
    got = bytearray(data)
    while len(got) < length:
        chunk = line.recv(1 << 20)
        if not chunk:
            raise ValueError("the request was cut")
        got += chunk
    return bytes(got)
