"""How an API takes a large file in chunks: what a plan says, and the plan of a multipart form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import httpx2
import msgspec


class Progressed(msgspec.Struct, frozen=True, kw_only=True):
    """How far an upload is: `name` and `size` (bytes) of the file, `offset` of the next chunk,
    and whatever the plan wants to remember in `state` (JSON)."""

    name: str
    size: int
    offset: int = 0
    state: Mapping[str, Any] = {}


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One request of an upload; `arguments` are those of `client.request`, such as `json`,
    `content`, `data`, `files`, `headers`."""

    method: str
    url: str
    arguments: Mapping[str, Any] = {}


class ChunkPlan(Protocol):
    """How one API takes a file in chunks. A chunk that may have arrived is sent once more, at its
    offset: an API that would take that for another chunk must be asked for its offset."""

    @property
    def chunk_size(self) -> int:
        """Bytes of a chunk."""
        ...

    def begin(self, upload: Progressed) -> Piece | None:
        """The request that opens the upload; None where the first chunk does."""
        ...

    def ask(self, upload: Progressed) -> Piece | None:
        """The request for the offset that the API is at; None where it has none."""
        ...

    def asked(self, upload: Progressed, answer: httpx2.Response) -> Progressed:
        """The upload at the offset that the API says."""
        ...

    def send(self, upload: Progressed, chunk: bytes, *, is_last: bool) -> Piece:
        """The request that sends the chunk at `upload.offset`."""
        ...

    def sent(self, upload: Progressed, answer: httpx2.Response) -> Mapping[str, Any]:
        """What to remember of the answer to `begin` or `send`; the offset is kept for you."""
        ...

    def finish(self, upload: Progressed) -> Piece | None:
        """The request that ends the upload; None where the last chunk does."""
        ...


class OffsetForm(msgspec.Struct, frozen=True, kw_only=True):
    """Chunks as multipart forms, each with its byte offset as text and the id that the answer to
    the first one gave. The defaults are Flow's `POST /upload`: a chunk that is repeated at its
    offset is taken once.

    `fields` are sent with each chunk. Source: the client `flowbio` 0.14.1, in 1 MB chunks.
    """

    url: str = "/upload"
    chunk_size: int = 1_000_000
    blob: str = "blob"
    offset: str = "expected_file_size"
    filename: str = "filename"
    is_last: str = "is_last"
    id_sent: str = "data"
    id_given: str = "data_id"
    fields: Mapping[str, str] = {}

    def begin(self, upload: Progressed) -> None:
        """The first chunk opens the upload."""

    def ask(self, upload: Progressed) -> None:
        """There is no way to ask; a repeated chunk is harmless."""

    def asked(self, upload: Progressed, answer: httpx2.Response) -> Progressed:
        """Nothing was asked."""
        return upload

    def send(self, upload: Progressed, chunk: bytes, *, is_last: bool) -> Piece:
        """The form with this chunk."""
        data = {
            **self.fields,
            self.filename: upload.name,
            self.offset: str(upload.offset),
            self.is_last: "true" if is_last else "false",
            self.id_sent: str(upload.state.get("id", "")),
        }
        files = {self.blob: (upload.name, chunk, "application/octet-stream")}
        return Piece(method="POST", url=self.url, arguments={"data": data, "files": files})

    def sent(self, upload: Progressed, answer: httpx2.Response) -> Mapping[str, Any]:
        """The id, from then on."""
        return {"id": str(answer.json()[self.id_given])}

    def finish(self, upload: Progressed) -> None:
        """The last chunk ends the upload."""
