"""Request bodies: each attempt sends the whole of it, or there is no further attempt."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

import failwell
from clients.fault_server import Act, Server, refusal
from clients.world import API, Face, World, body_for
from failwell import APIConnectionError, FailwellError, InvalidRequestError, Outcome

BUSY = refusal(429, "busy")
ONLY_SYNC = pytest.mark.parametrize("world", [World("sync")], ids=["sync"])
ONLY_ASYNC = pytest.mark.parametrize("world", [World("async")], ids=["async"])


def post(world: World, script: list[Act], **request: Any) -> tuple[Any, list[bytes]]:
    """What a write with this body comes to, and the bodies that the server read."""
    with Server(script, honours_keys=True) as server:

        async def scenario(client: Face) -> Any:
            try:
                return await client.post("/records", **request)
            except FailwellError as error:
                return error

        result = world.run(scenario, base_url=server.url)
    assert server.done <= 1
    return result, [seen.body for seen in server.requests]


class Plain:
    """An iterable that is read once, as tqdm over a file is: its iterators share one source."""

    def __init__(self, *parts: bytes) -> None:
        self._source = iter(parts)

    def __iter__(self) -> Iterator[bytes]:
        yield from self._source


class APlain:
    """The same for the async world."""

    def __init__(self, *parts: bytes) -> None:
        self._source = iter(parts)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._source:
            yield part


@pytest.mark.parametrize("first", [BUSY, Act("reset"), refusal(500, "internal", commit=True)])
@pytest.mark.parametrize("kind", ["generator", "one-shot"])
def test_a_body_that_runs_once_is_sent_once(world: World, kind: str, first: Act) -> None:
    """A generator, or an iterable over one, is never sent again half-read or empty."""
    one_shot = APlain(b"0123", b"4567") if world.is_async else Plain(b"0123", b"4567")
    body = body_for(world, [b"0123", b"4567"]) if kind == "generator" else one_shot
    error, bodies = post(world, [first], content=body)
    assert isinstance(error, FailwellError)
    assert bodies == [b"01234567"]
    assert len(error.attempts) == 1


@ONLY_SYNC
def test_a_plain_iterator_is_sent_once(world: World) -> None:
    """An iterator that is no generator gives nothing the second time: it is not asked to."""
    error, bodies = post(world, [BUSY], content=iter([b"01", b"23"]))
    assert type(error) is failwell.RateLimitError
    assert error.outcome is Outcome.NOT_STARTED
    assert bodies == [b"0123"]


@ONLY_SYNC
def test_a_list_is_sent_again_whole(world: World) -> None:
    """A list of chunks can be read as often as it takes."""
    response, bodies = post(world, [BUSY, BUSY], content=[b"01", b"23"])
    assert response.status_code == 201
    assert bodies == [b"0123"] * 3


@ONLY_SYNC
@pytest.mark.parametrize("start", [0, 4, 10])
def test_a_file_is_rewound_to_where_it_stood(world: World, text_file: Path, start: int) -> None:
    """A file that can seek is sent again from the position that it was given at."""
    with text_file.open("rb") as file:
        file.seek(start)
        response, bodies = post(world, [BUSY, Act("reset")], content=file)
    assert response.status_code == 201
    assert bodies == [b"0123456789"[start:]] * 3


@ONLY_SYNC
def test_a_file_in_memory_is_rewound(world: World) -> None:
    """`BytesIO` likewise."""
    file = io.BytesIO(b"0123456789")
    file.read(3)
    response, bodies = post(world, [BUSY], content=file)
    assert response.status_code == 201
    assert bodies == [b"3456789"] * 2


@ONLY_SYNC
def test_a_pipe_is_sent_once(world: World) -> None:
    """A file that cannot seek is never sent again."""
    reader, writer = os.pipe()
    os.write(writer, b"0123456789")
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        error, bodies = post(world, [BUSY], content=pipe)
    assert type(error) is failwell.RateLimitError
    assert bodies == [b"0123456789"]


def test_a_body_that_was_not_begun_is_sent(world: World) -> None:
    """A refused connection has not touched a generator: it is sent, whole, at the next attempt."""
    with Server(listening=False) as server:
        response = world.run(
            lambda client: client.post("/records", content=body_for(world, [b"01", b"23"])),
            base_url=server.url,
            on_sleep=lambda _: server.open(),
        )
    assert response.status_code == 201
    assert [seen.body for seen in server.requests] == [b"0123"]


@pytest.mark.parametrize("body", [{"content": b"0123"}, {"json": [1]}, {"data": {"a": "1"}}])
def test_what_is_in_memory_is_sent_again_whole(world: World, body: dict[str, Any]) -> None:
    """Bytes, JSON and forms are the same at every attempt."""
    response, bodies = post(world, [BUSY, Act("reset")], **body)
    assert response.status_code == 201
    assert len(bodies) == 3
    assert len(set(bodies)) == 1
    assert bodies[0] != b""


def test_multipart_is_sent_again_whole(world: World, text_file: Path) -> None:
    """A form with a file from disk and bytes is the same at every attempt, boundary and all."""
    with text_file.open("rb") as file:
        response, bodies = post(
            world,
            [BUSY, Act("reset")],
            data={"name": "a"},
            files={"part": ("part.step", file), "note": b"bytes"},
        )
    assert response.status_code == 201
    assert len(set(bodies)) == 1
    assert b"0123456789" in bodies[0]
    assert len(bodies) == 3


def test_multipart_with_a_file_that_cannot_seek_is_sent_once(world: World) -> None:
    """A form with a file that cannot seek is not sent again."""

    class Once(io.RawIOBase):
        left = b"0123456789"

        def read(self, size: int = -1) -> bytes:
            taken, self.left = self.left, b""
            return taken

        def fileno(self) -> int:
            raise OSError("no descriptor")

    error, bodies = post(world, [BUSY], files={"part": ("p", Once())})
    assert type(error) is failwell.RateLimitError
    assert len(bodies) == 1
    assert b"0123456789" in bodies[0]


@ONLY_ASYNC
def test_an_async_file_is_sent_once(world: World, text_file: Path) -> None:
    """A file of anyio's is read line by line, asynchronously; its position is nobody's to set."""
    import anyio

    with Server([BUSY], honours_keys=True) as server:

        async def scenario(client: Face) -> None:
            async with await anyio.open_file(text_file, "rb") as file:
                with pytest.raises(failwell.RateLimitError):
                    await client.post("/records", content=file)

        world.run(scenario, base_url=server.url)
    assert [seen.body for seen in server.requests] == [b"0123456789"]


def test_the_other_worlds_body_is_refused_before_anything_is_sent(world: World) -> None:
    """A sync client cannot read an async generator, nor the other way round: refused at once."""
    other = World("sync" if world.is_async else "async")
    with Server() as server:

        async def scenario(client: Face) -> None:
            with pytest.raises(InvalidRequestError, match="cannot read"):
                await client.post("/records", content=body_for(other, [b"a"]))

        world.run(scenario, base_url=server.url)
    assert server.connections == 0


MOVED = Act(status=307, commit=False, headers=(("Location", "/elsewhere"),), content_type=None)


def test_a_307_sends_the_body_again(world: World) -> None:
    """A redirect that keeps the method keeps the body, and the key: one call."""
    with Server([MOVED]) as server:
        response = world.run(
            lambda client: client.post("/records", json={"a": 1}),
            base_url=server.url,
            follow_redirects=True,
        )
    assert response.status_code == 201
    first, second = server.requests
    assert (first.path, second.path) == ("/records", "/elsewhere")
    assert first.body == second.body == b'{"a":1}'
    assert first.key == second.key is not None


@ONLY_SYNC
def test_a_307_rewinds_a_file(world: World) -> None:
    """A file is sent to the second address from where it stood."""
    file = io.BytesIO(b"0123456789")
    file.seek(2)
    with Server([MOVED]) as server:
        world.run(
            lambda client: client.post("/records", content=file),
            base_url=server.url,
            follow_redirects=True,
        )
    assert [seen.body for seen in server.requests] == [b"23456789"] * 2


@pytest.mark.parametrize("kind", ["generator", "one-shot"])
def test_a_307_does_not_send_half_a_generator(world: World, kind: str) -> None:
    """A generator is spent after the first address: an error in words, nothing empty is sent."""
    one_shot = APlain(b"01") if world.is_async else Plain(b"01")
    body = body_for(world, [b"01"]) if kind == "generator" else one_shot
    with Server([MOVED]) as server:

        async def scenario(client: Face) -> FailwellError:
            with pytest.raises(FailwellError, match="second time") as caught:
                await client.post("/records", content=body)
            return caught.value

        world.run(scenario, base_url=server.url, follow_redirects=True)
    assert [seen.body for seen in server.requests][:1] == [b"01"]
    assert server.done == 0


def test_a_wrong_content_length_is_the_callers_mistake(world: World) -> None:
    """A length that does not fit the body is no exception of h11's, and is not tried again; that
    nothing was sent is not claimed, for the head was."""
    with Server() as server:

        async def scenario(client: Face) -> None:
            for length in ("3", "30"):
                with pytest.raises(APIConnectionError, match="Content-Length") as caught:
                    await client.post(
                        "/records", content=b"0123456789", headers={"Content-Length": length}
                    )
                assert len(caught.value.attempts) == 1

        world.run(scenario, base_url=server.url)
    assert server.done == 0


@pytest.mark.parametrize(
    "text",
    [
        lambda path: io.StringIO("ten digits"),
        lambda path: path.open("r"),
        lambda path: ["0123", "4567"],
    ],
    ids=["in_memory", "file", "list"],
)
def test_text_is_refused_before_anything_is_sent(world: World, text: Any, text_file: Path) -> None:
    """It has no bytes; the caller is told to open the file in binary mode."""
    body = text(text_file)
    error, bodies = post(world, [], content=body)
    getattr(body, "close", list)()
    assert type(error) is InvalidRequestError
    assert "'rb'" in error.message
    assert error.outcome is Outcome.NOT_STARTED
    assert bodies == []


def test_a_body_that_is_refused_leaves_its_key(world: World) -> None:
    """Corrected, the write goes out under the key that was given for it."""

    async def scenario(client: Face) -> None:
        view = client.with_options(idempotency_key="order-17")
        with pytest.raises(InvalidRequestError, match="binary"):
            await view.post("/records", content=io.StringIO("text"))
        await view.post("/records", content=b"text")

    with Server() as server:
        world.run(scenario, base_url=server.url)
    assert server.keys == ["order-17"]


def test_text_out_of_a_generator_is_the_callers_mistake(world: World) -> None:
    """It is found once the head was sent, so it is not claimed that nothing was; with a server that
    acts on whole requests only, that nothing was done."""

    def told(whole: bool) -> FailwellError:
        contract = msgspec.structs.replace(API, whole_requests=whole)

        async def scenario(client: Face) -> FailwellError:
            with pytest.raises(FailwellError) as caught:
                await client.post("/records", content=body_for(world, ["ab", "cd"]))  # type: ignore[list-item]
            return caught.value

        with Server() as server:
            error = world.run(scenario, base_url=server.url, contract=contract)
        assert server.done == 0
        assert "'rb'" in error.message
        assert len(error.attempts) == 1
        return error

    assert type(told(False)) is APIConnectionError
    assert type(told(True)) is InvalidRequestError


def test_a_generator_that_has_run_is_refused_before_anything_is_sent(world: World) -> None:
    """A request that is sent a second time would arrive without its body."""

    async def scenario(client: Face) -> FailwellError:
        request = client.build_request("POST", "/records", content=body_for(world, [b"ab"]))
        await client.send(request)
        with pytest.raises(InvalidRequestError, match="generator") as caught:
            await client.send(request)
        return caught.value

    with Server() as server:
        error = world.run(scenario, base_url=server.url)
    assert error.outcome is Outcome.NOT_STARTED
    assert [seen.body for seen in server.requests] == [b"ab"]


def test_an_error_in_the_callers_generator_is_the_callers(world: World) -> None:
    """What a body of the caller's raises goes through as it is, with a word on the write."""

    def broken() -> Iterator[bytes]:
        yield b"01"
        raise LookupError("no more")

    async def abroken() -> AsyncIterator[bytes]:
        yield b"01"
        raise LookupError("no more")

    with Server() as server:

        async def scenario(client: Face) -> BaseException:
            with pytest.raises(LookupError) as caught:
                await client.post("/records", content=abroken() if world.is_async else broken())
            return caught.value

        error = world.run(scenario, base_url=server.url)
    assert "may or may not have taken effect" in error.__notes__[0]
    assert server.done == 0


def test_a_request_may_carry_a_stream_of_the_callers_own(world: World) -> None:
    """`httpx2.Request(stream=…)` with a class of one's own is sent once."""

    class Own(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        def __init__(self) -> None:
            self._stream = [b"01", b"23"]

        def __iter__(self) -> Iterator[bytes]:
            while self._stream:
                yield self._stream.pop(0)

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for part in self:
                yield part

    with Server([BUSY]) as server:

        async def scenario(client: Face) -> None:
            request = httpx2.Request(
                "POST",
                server.url,
                stream=Own(),
                headers={"Host": "x", "Transfer-Encoding": "chunked"},
            )
            with pytest.raises(failwell.RateLimitError):
                await client.send(request)

        world.run(scenario)
    assert [seen.body for seen in server.requests] == [b"0123"]


class Takes(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """A network that takes so many pieces of a body and then fails so."""

    def __init__(self, pieces: int, fault: type[Exception]) -> None:
        self.pieces = pieces
        self.fault = fault

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        assert isinstance(request.stream, httpx2.SyncByteStream)
        taken = iter(request.stream)
        for _ in range(self.pieces):
            next(taken)
        raise self.fault("it broke")

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        assert isinstance(request.stream, httpx2.AsyncByteStream)
        taken = request.stream.__aiter__()
        for _ in range(self.pieces):
            await anext(taken)
        raise self.fault("it broke")


@pytest.mark.parametrize(
    ("pieces", "fault", "outcome"),
    [
        (0, httpx2.ReadError, Outcome.NOT_STARTED),
        (3, httpx2.ReadError, Outcome.NOT_STARTED),
        (3, httpx2.WriteTimeout, Outcome.NOT_STARTED),
        (4, httpx2.WriteError, Outcome.NOT_STARTED),
        (4, httpx2.WriteTimeout, Outcome.UNKNOWN),
    ],
)
def test_how_much_of_a_body_was_handed_over(
    world: World, pieces: int, fault: type[Exception], outcome: Outcome
) -> None:
    """Of four pieces, fewer are proof; after the last, a time-out proves nothing: an event loop
    may go on writing what it was given."""
    contract = msgspec.structs.replace(
        API, whole_requests=True, idempotency=failwell.Idempotency(header=None)
    )

    async def scenario(client: Face) -> FailwellError:
        with pytest.raises(FailwellError) as caught:
            await client.post("http://x.test", content=b"x" * (3 * 64 * 1024 + 1))
        return caught.value

    found = world.run(
        scenario,
        transport=Takes(pieces, fault),
        contract=contract,
        policy=failwell.Policy(retry=None),
    )
    assert found.outcome is outcome
