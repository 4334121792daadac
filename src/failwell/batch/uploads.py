"""A large file sent in chunks; what broke goes on with the chunk that broke.

The story is told once, as a generator of `Piece` (send it), `Pause` (sleep) and `Note` (write down
how far it is), and carried out in the sync world and in the async one.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from failwell.batch.calls import write_whole
from failwell.batch.patience import Patience
from failwell.batch.plans import ChunkPlan, Piece, Progressed
from failwell.batch.progress import Bar, bar
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.deeds import acarry_out, carry_out
from failwell.errors import FailwellError, InvalidRequestError


class Pause(msgspec.Struct, frozen=True):
    """Sleep for `seconds`."""

    seconds: float


class Note(msgspec.Struct, frozen=True):
    """So far it is."""

    upload: Progressed


Deed = Piece | Pause | Note
Deeds = Generator[Deed, Any, httpx2.Response]


def upload(
    client: Client,
    path: str | os.PathLike[str],
    plan: ChunkPlan,
    *,
    progress: bool = True,
) -> httpx2.Response:
    """Send the file at `path` as `plan` says; the answer to its last request.

    A chunk that failed is sent again, after the client's own waits. How far it is stands in
    `<path>.upload` until the file is there, so that the same call in another process goes on where
    this one broke off. A file that has changed since is sent from its beginning.

    Raises `FailwellError` where it cannot go on; `InvalidRequestError` for a bad chunk size.
    """
    with _Source(Path(path), plan) as file, _shown(file, progress) as shown:

        def do(deed: Deed) -> httpx2.Response | None:
            match deed:
                case Piece():
                    return client.request(deed.method, deed.url, **deed.arguments)
                case Pause(seconds):
                    time.sleep(seconds)
                case Note(reached):
                    file.note(reached, shown)
            return None

        answer = carry_out(_story(file, plan, _patience(client)), do)
        file.forget()
        return answer


async def aupload(
    client: AsyncClient,
    path: str | os.PathLike[str],
    plan: ChunkPlan,
    *,
    progress: bool = True,
) -> httpx2.Response:
    """Send the file at `path` as `plan` says; the answer to its last request. As `upload`."""
    import anyio.to_thread

    with _Source(Path(path), plan) as file, _shown(file, progress) as shown:

        async def do(deed: Deed) -> httpx2.Response | None:
            match deed:
                case Piece():
                    return await client.request(deed.method, deed.url, **deed.arguments)
                case Pause(seconds):
                    await anyio.sleep(seconds)
                case Note(reached):
                    await anyio.to_thread.run_sync(file.note, reached, shown)
            return None

        answer = await acarry_out(_story(file, plan, _patience(client)), do)
        file.forget()
        return answer


def _shown(file: _Source, progress: bool) -> AbstractContextManager[Bar]:
    return bar(file.size, file.path.name, shown=progress, in_bytes=True)


def forget(path: str | os.PathLike[str]) -> None:
    """Forget how far an upload of this file came: the next one begins at its beginning."""
    _notes_of(Path(path)).unlink(missing_ok=True)


class _Noted(msgspec.Struct, frozen=True):
    """The file `<path>.upload`: how far it is, and of which version of the file."""

    upload: Progressed
    modified: int
    plan: str


class _Source:
    """The file that is sent, and the note of how far it is."""

    def __init__(self, path: Path, plan: ChunkPlan) -> None:
        if plan.chunk_size < 1:
            raise InvalidRequestError.of(f"chunk_size={plan.chunk_size}: it must be 1 or more")
        found = path.stat()
        self.path = path
        self.size = found.st_size
        self._modified = found.st_mtime_ns
        self._plan = repr(type(plan).__qualname__)
        self._notes = _notes_of(path)
        self._file = path.open("rb")

    def __enter__(self) -> _Source:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def progressed(self) -> Progressed:
        """How far an earlier call came; at the beginning where there was none for this file."""
        fresh = Progressed(name=self.path.name, size=self.size)
        try:
            noted = msgspec.json.decode(self._notes.read_bytes(), type=_Noted)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return fresh
        is_same = (noted.modified, noted.upload.size) == (self._modified, self.size)
        return noted.upload if is_same and noted.plan == self._plan else fresh

    def read(self, offset: int, size: int) -> bytes:
        """The bytes from `offset` on."""
        self._file.seek(offset)
        return self._file.read(size)

    def note(self, upload: Progressed, shown: Bar) -> None:
        """Write down how far it is."""
        noted = _Noted(upload, self._modified, self._plan)
        write_whole(self._notes, msgspec.json.encode(noted))
        shown.restart(upload.offset, self.size)

    def forget(self) -> None:
        """It is there."""
        self._notes.unlink(missing_ok=True)


def _notes_of(path: Path) -> Path:
    return path.with_name(path.name + ".upload")


def _patience(client: Client | AsyncClient) -> Patience:
    return Patience(client.policy.retry)


def _story(file: _Source, plan: ChunkPlan, patience: Patience) -> Deeds:
    upload, answer = yield from _begun(file.progressed(), plan)
    while upload.offset < upload.size or answer is None:
        chunk = file.read(upload.offset, plan.chunk_size)
        ends = upload.offset + len(chunk)
        try:
            answer = yield from _sent(plan.send(upload, chunk, is_last=ends >= upload.size))
        except FailwellError as error:
            wait = patience.wait(error, random.random())
            if wait is None:
                raise
            yield Pause(wait)
            upload = yield from _where(upload, plan)
            continue
        patience.reach(ends)
        upload = msgspec.structs.replace(upload, offset=ends, state=plan.sent(upload, answer))
        yield Note(upload)
    closing = plan.finish(upload)
    if closing is not None:
        answer = yield from _sent(closing)
    return answer


def _begun(
    upload: Progressed, plan: ChunkPlan
) -> Generator[Deed, Any, tuple[Progressed, httpx2.Response | None]]:
    """Where it begins, and the answer to the request that opened it, if there was one."""
    if upload != Progressed(name=upload.name, size=upload.size):
        return (yield from _where(upload, plan)), None
    opening = plan.begin(upload)
    if opening is None:
        return upload, None
    answer = yield from _sent(opening)
    upload = msgspec.structs.replace(upload, state=plan.sent(upload, answer))
    yield Note(upload)
    return upload, answer


def _where(upload: Progressed, plan: ChunkPlan) -> Generator[Deed, Any, Progressed]:
    """The upload at the offset that the API says, where it can be asked."""
    question = plan.ask(upload)
    if question is None:
        return upload
    answer = yield from _sent(question)
    return plan.asked(upload, answer)


def _sent(piece: Piece) -> Deeds:
    answer: httpx2.Response = yield piece
    return answer
