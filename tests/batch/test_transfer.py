"""Downloads and uploads that break and go on, over real connections."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, Router

import failwell
from failwell.batch import OffsetForm, adownload, aupload, download, upload
from failwell.batch.partial import Check, Partial
from failwell.batch.plans import Piece, Progressed
from failwell.errors import BadResponseError, FailwellError, InvalidRequestError, NotFoundError
from failwell.sandbox.wire import WIRE, running
from failwell.settings import Policy, Retry

CONTENT = random.Random(1).randbytes(600_000)
QUICK = Policy(retry=Retry(max_retries=2, base=0.0, fast_base=0.0))
both = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


class Depot:
    """Serves one file by ranges and takes one in chunks; breaks where it is told to."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.etag: str | None = '"v1"'
        self.breaks: list[int] = []
        self.shift = 0
        self.asked: list[str | None] = []
        self.drops: list[str] = []
        self.received = bytearray()
        self.last: tuple[int, bytes] = (0, b"")
        self.chunks: list[tuple[int, str, bool]] = []

    def router(self) -> Router:
        return Router(
            [Route("/file", self.serve), Route("/upload", self.take, methods=["POST"])],
            lifespan=None,
        )

    async def serve(self, request: Request) -> Response:
        field = request.headers.get("range")
        self.asked.append(field)
        fields = {"ETag": self.etag} if self.etag else {}
        if self.etag and request.headers.get("if-none-match") == self.etag:
            return Response(status_code=304, headers=fields)
        start, size = 0, len(self.content)
        is_same = request.headers.get("if-range") == self.etag
        if field is not None and is_same:
            start = int(field.removeprefix("bytes=").rstrip("-")) - self.shift
            if start >= size:
                return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
            fields["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        fields["Content-Length"] = str(size - start)
        body = self.body(request, start)
        return StreamingResponse(body, 206 if start else 200, fields)

    async def body(self, request: Request, start: int) -> AsyncIterator[bytes]:
        ends = start + self.breaks.pop(0) if self.breaks else len(self.content)
        for at in range(start, ends, 50_000):
            yield self.content[at : min(at + 50_000, ends)]
            await asyncio.sleep(0)
        if ends < len(self.content):
            await asyncio.sleep(0.05)
            await request.scope["extensions"][WIRE].reset()

    async def take(self, request: Request) -> Response:
        async with request.form() as form:
            offset, data = int(str(form["expected_file_size"])), str(form["data"])
            blob: Any = form["blob"]
            chunk = await blob.read()
        self.chunks.append((offset, data, form["is_last"] == "true"))
        drop = self.drops.pop(0) if self.drops else ""
        if drop == "before":
            await request.scope["extensions"][WIRE].reset()
        if offset == len(self.received):
            self.received += chunk
            self.last = (offset, chunk)
        elif (offset, chunk) != self.last:
            error = {"code": "UPLOAD_FAILED", "message": "offset", "details": {}}
            return JSONResponse({"error": error}, 400)
        if drop == "after":
            await request.scope["extensions"][WIRE].reset()
        return JSONResponse({"id": "7", "data_id": "7"})


@pytest.fixture
def depot() -> Depot:
    return Depot()


@pytest.fixture
def url(depot: Depot) -> Iterator[str]:
    with running(depot.router()) as url:
        yield url


def fetched(
    url: str, path: Path, *, is_async: bool, policy: Policy = QUICK, check: Check | None = None
) -> Path:
    async def later() -> Path:
        async with failwell.AsyncClient(base_url=url, policy=policy, trust_env=False) as client:
            return await adownload(client, "/file", path, check=check)

    if is_async:
        return asyncio.run(later())
    with failwell.Client(base_url=url, policy=policy, trust_env=False) as client:
        return download(client, "/file", path, check=check)


def sent(
    url: str, path: Path, *, is_async: bool, policy: Policy = QUICK, size: int = 100_000
) -> Any:
    plan = OffsetForm(chunk_size=size)

    async def later() -> Any:
        async with failwell.AsyncClient(base_url=url, policy=policy, trust_env=False) as client:
            return await aupload(client, path, plan)

    if is_async:
        return asyncio.run(later()).json()
    with failwell.Client(base_url=url, policy=policy, trust_env=False) as client:
        return upload(client, path, plan).json()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


WANTED = hashlib.sha256(CONTENT).hexdigest()


@both
def test_a_download_that_breaks_goes_on(
    depot: Depot, url: str, tmp_path: Path, is_async: bool
) -> None:
    """It asks for the rest alone, and the file is there to the byte, without leftovers."""
    depot.breaks = [250_000, 150_000]
    path = fetched(url, tmp_path / "f", is_async=is_async)
    assert digest(path) == WANTED
    assert depot.asked[0] is None
    assert all(field is not None for field in depot.asked[1:])
    assert len(depot.asked) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


@both
def test_another_process_goes_on_where_one_broke_off(
    depot: Depot, url: str, tmp_path: Path, is_async: bool
) -> None:
    """What had arrived stays beside the file's place, and nothing is at its place until then."""
    depot.breaks = [250_000]
    with pytest.raises(FailwellError):
        fetched(url, tmp_path / "f", is_async=is_async, policy=Policy(retry=None))
    assert not (tmp_path / "f").exists()
    assert (tmp_path / "f.part").stat().st_size > 0
    assert digest(fetched(url, tmp_path / "f", is_async=is_async)) == WANTED
    assert depot.asked[1] is not None


@both
def test_a_file_that_changed_is_fetched_anew(
    depot: Depot, url: str, tmp_path: Path, is_async: bool
) -> None:
    """Never is a file put together from two versions."""
    depot.breaks = [250_000]
    with pytest.raises(FailwellError):
        fetched(url, tmp_path / "f", is_async=is_async, policy=Policy(retry=None))
    depot.content, depot.etag = CONTENT[::-1], '"v2"'
    path = fetched(url, tmp_path / "f", is_async=is_async)
    assert path.read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("etag", [None, 'W/"v1"'])
def test_without_a_strong_tag_it_begins_again(
    depot: Depot, url: str, tmp_path: Path, etag: str | None
) -> None:
    """A weak tag does not promise the same bytes (RFC 9110 section 8.8.1)."""
    depot.etag, depot.breaks = etag, [250_000]
    assert digest(fetched(url, tmp_path / "f", is_async=False)) == WANTED
    assert depot.asked == [None, None]


def test_a_part_that_is_whole_is_only_confirmed(depot: Depot, url: str, tmp_path: Path) -> None:
    """A process that died before the file took its place fetches nothing again."""
    broken_off(depot, url, tmp_path / "f")
    (tmp_path / "f.part").write_bytes(CONTENT)
    depot.breaks = [0]  # would break if it sent a body
    assert digest(fetched(url, tmp_path / "f", is_async=False)) == WANTED


def broken_off(depot: Depot, url: str, path: Path) -> None:
    """The beginning of the file is there, and its process is gone."""
    depot.breaks = [250_000]
    with pytest.raises(FailwellError):
        fetched(url, path, is_async=False, policy=Policy(retry=None))


@both
def test_a_part_that_is_too_long_is_thrown_away(
    depot: Depot, url: str, tmp_path: Path, is_async: bool
) -> None:
    """The server refuses the range, and the file is fetched from its beginning."""
    broken_off(depot, url, tmp_path / "f")
    (tmp_path / "f.part").write_bytes(CONTENT + b"more")
    assert digest(fetched(url, tmp_path / "f", is_async=is_async)) == WANTED


def test_a_range_that_was_not_asked_for_is_refused(depot: Depot, url: str, tmp_path: Path) -> None:
    """Bytes are never put where they do not belong; the next call begins again."""
    broken_off(depot, url, tmp_path / "f")
    depot.shift = 10
    with pytest.raises(failwell.BadResponseError, match="were asked for"):
        fetched(url, tmp_path / "f", is_async=False)
    assert not (tmp_path / "f").exists()
    assert digest(fetched(url, tmp_path / "f", is_async=False)) == WANTED


@both
def test_a_file_that_fails_its_check_is_not_kept(
    depot: Depot, url: str, tmp_path: Path, is_async: bool
) -> None:
    """It is checked before it takes its place: what was there stays, and no part is left."""

    def check(path: Path) -> None:
        if digest(path) != WANTED:
            raise ValueError("another file")

    (tmp_path / "f").write_bytes(b"before")
    depot.content = CONTENT[::-1]
    with pytest.raises(ValueError, match="another file"):
        fetched(url, tmp_path / "f", is_async=is_async, check=check)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("f", b"before")]
    depot.content = CONTENT
    assert digest(fetched(url, tmp_path / "f", is_async=is_async, check=check)) == WANTED


def test_a_file_that_is_not_there_is_not_tried_again(url: str, tmp_path: Path) -> None:
    """A final answer ends the download at once, and leaves nothing."""
    with failwell.Client(base_url=url, policy=QUICK, trust_env=False) as client:
        with pytest.raises(NotFoundError):
            download(client, "/nothing", tmp_path / "f")
        assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_a_file(depot: Depot, url: str, tmp_path: Path) -> None:
    """Zero bytes arrive, too."""
    depot.content = b""
    assert fetched(url, tmp_path / "f", is_async=False).read_bytes() == b""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "reads.fastq"
    path.write_bytes(CONTENT)
    return path


@both
def test_a_download_that_gets_no_further_comes_to_its_end(
    depot: Depot, url: str, tmp_path: Path, is_async: bool
) -> None:
    """Without a tag each try begins anew; that some bytes come each time is no progress."""
    depot.etag = None
    depot.breaks = [100_000, 50_000] * 20
    with pytest.raises(FailwellError):
        fetched(url, tmp_path / "file", is_async=is_async)
    assert len(depot.asked) == 3


def test_a_compressed_form_is_not_resumed(tmp_path: Path) -> None:
    """Its ranges would be those of other bytes."""
    part = Partial(tmp_path / "file", "https://api.example.org/file")
    assert part.begin(200, {"etag": '"v1"', "content-encoding": "gzip"})
    part.write(b"1234")
    assert "Range" not in part.asks()
    assert part.begin(200, {"etag": '"v1"', "content-length": "9"})
    part.write(b"1234")
    assert part.asks()["Range"] == "bytes=4-"
    coded = {"content-range": "bytes 4-8/9", "content-encoding": "gzip"}
    with pytest.raises(BadResponseError):
        part.begin(206, coded)


@both
def test_an_upload_goes_in_chunks(depot: Depot, url: str, source: Path, is_async: bool) -> None:
    """Each with its offset, the first without an id, the last marked as such."""
    assert sent(url, source, is_async=is_async) == {"id": "7", "data_id": "7"}
    assert depot.received == CONTENT
    assert depot.chunks[0] == (0, "", False)
    assert depot.chunks[-1] == (500_000, "7", True)
    assert [p.name for p in source.parent.iterdir()] == [source.name]


@both
@pytest.mark.parametrize("drop", ["before", "after"])
def test_a_chunk_whose_answer_is_lost_is_sent_again(
    depot: Depot, url: str, source: Path, is_async: bool, drop: str
) -> None:
    """At its own offset, where the API takes it once."""
    depot.drops = ["", drop, "", drop, drop]
    sent(url, source, is_async=is_async)
    assert depot.received == CONTENT
    assert [c[0] for c in depot.chunks].count(100_000) == 2


@both
def test_an_upload_goes_on_in_another_process(
    depot: Depot, url: str, source: Path, is_async: bool
) -> None:
    """How far it is stands beside the file; a call later sends the rest under the same id."""
    depot.drops = ["", "", "after"]
    with pytest.raises(FailwellError):
        sent(url, source, is_async=is_async, policy=Policy(retry=None))
    before = len(depot.chunks)
    sent(url, source, is_async=is_async)
    assert depot.received == CONTENT
    assert depot.chunks[before] == (200_000, "7", False)


def test_a_file_that_changed_is_sent_anew(depot: Depot, url: str, source: Path) -> None:
    """What was noted for another version of the file is not gone on with."""
    depot.drops = ["", "", "before"]
    with pytest.raises(FailwellError):
        sent(url, source, is_async=False, policy=Policy(retry=None))
    source.write_bytes(CONTENT[::-1] + b"!")
    depot.received.clear()
    sent(url, source, is_async=False)
    assert depot.received == CONTENT[::-1] + b"!"


def test_an_api_that_refuses_a_chunk_ends_the_upload(depot: Depot, url: str, source: Path) -> None:
    """A final answer is raised at once."""
    depot.received += b"something else is there"
    with pytest.raises(failwell.BadRequestError):
        sent(url, source, is_async=False)
    assert len(depot.chunks) == 1


def test_a_small_file_is_one_chunk(depot: Depot, url: str, tmp_path: Path) -> None:
    """And so is an empty one."""
    for content in (b"x", b""):
        depot.received.clear()
        (tmp_path / "f").write_bytes(content)
        sent(url, tmp_path / "f", is_async=False)
        assert depot.received == content
        assert depot.chunks[-1] == (0, "", True)


def test_a_chunk_must_have_a_size(url: str, source: Path) -> None:
    """Nothing is sent for a plan that would not come to an end."""
    with pytest.raises(InvalidRequestError, match="chunk_size=0"):
        sent(url, source, is_async=False, size=0)


class Forgetful(OffsetForm, frozen=True, kw_only=True):
    """A plan of an API that is back at its beginning whenever it is asked."""

    def ask(self, upload: Progressed) -> Piece:
        return Piece(method="GET", url="/file")

    def asked(self, upload: Progressed, answer: Any) -> Progressed:
        return Progressed(name=upload.name, size=upload.size)


def test_an_upload_that_gets_no_further_comes_to_its_end(
    depot: Depot, url: str, source: Path
) -> None:
    """A first chunk that goes well each time is no progress."""
    depot.drops = ["", "before"] * 40
    plan = Forgetful(chunk_size=100_000)
    once = msgspec.structs.replace(QUICK, breaker=None, budget=None)
    with (
        failwell.Client(base_url=url, policy=once, trust_env=False) as client,
        pytest.raises(FailwellError),
    ):
        upload(client, source, plan)
    assert len(depot.chunks) < 20
