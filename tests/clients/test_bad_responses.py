"""A success that cannot be read is a failure: retried where that is safe, said where it is not."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import msgspec
import pytest

import failwell
from clients.fault_server import PAGE, Act, Server, refusal
from clients.world import API, Face, World, chunks, read
from failwell import BadResponseError, FailwellError, Idempotency, Options, Outcome, Policy

ONCE = Policy(retry=None)
HTML = Act(status=200, body=PAGE, content_type="text/html")
CUT_JSON = Act(status=200, body=b'{"id": "rec_')
LOOSE = msgspec.structs.replace(API, reads_json=False)
UNKEYED = msgspec.structs.replace(API, idempotency=Idempotency(header=None))
WANTS_JSON = {"failwell": Options(expect="json")}
WANTS_ANY = {"failwell": Options(expect="any")}


def one(world: World, act: Act, method: str = "GET", **how: Any) -> Any:
    """What a single attempt that meets `act` comes to."""
    arguments = {key: how.pop(key) for key in ("contract", "policy") if key in how}
    with Server([act]) as server:

        async def scenario(client: Face) -> Any:
            try:
                return await client.request(method, "/records", **how)
            except FailwellError as error:
                return error

        return world.run(scenario, base_url=server.url, **({"policy": ONCE} | arguments))


@pytest.mark.parametrize("act", [HTML, CUT_JSON, Act(status=200, body=b"", content_type=None)])
def test_what_the_contract_promised_is_held_to(world: World, act: Act) -> None:
    """With `reads_json`, HTML, half a JSON text and nothing at all are no success."""
    error = one(world, act)
    assert type(error) is BadResponseError
    assert error.status_code == 200
    assert error.kind is failwell.Kind.BAD_RESPONSE
    assert error.outcome is None


def test_what_one_call_expects_is_held_to(world: World) -> None:
    """`expect="json"` promises it for one call where the contract does not."""
    assert one(world, HTML, contract=LOOSE).status_code == 200
    error = one(world, HTML, contract=LOOSE, extensions=WANTS_JSON)
    assert type(error) is BadResponseError
    assert "Bad Gateway" in error.message
    assert "Bad Gateway" in error.body


def test_what_the_content_type_says_is_held_to(world: World) -> None:
    """An answer that calls itself JSON and is not is a failure under any contract."""
    for media in (
        "application/json",
        "application/problem+json",
        "Application/JSON; charset=utf-8",
    ):
        act = Act(status=200, body=b'{"id": "rec_', content_type=media)
        assert type(one(world, act, contract=failwell.GENERIC)) is BadResponseError


PART = Act(status=206, body=b'"id": 5, "na', headers=(("Content-Range", "bytes 1-12/200"),))


@pytest.mark.parametrize("contract", [API, failwell.GENERIC], ids=["declared", "generic"])
def test_a_part_is_no_whole_json(world: World, contract: failwell.Contract) -> None:
    """A 206 holds the bytes that were asked for, be they of a JSON text."""
    how = {"headers": {"Range": "bytes=1-12"}, "contract": contract}
    assert one(world, PART, **how).content == b'"id": 5, "na'


@pytest.mark.parametrize(
    "media",
    [
        *("application/stream+json", "application/x-ndjson", "application/jsonl"),
        *("application/json-seq", "application/geo+json-seq"),
        "application/vnd.github.raw+json; charset=utf-8",
    ],
)
def test_a_sequence_of_json_texts_is_not_one(world: World, media: str) -> None:
    """Lines of JSON, and GitHub's files as they are, are not read as one JSON text; a call that
    expects JSON has not got it."""
    act = Act(status=200, body=b'{"a": 1}\n{"a": 2}\n', content_type=media)
    assert one(world, act, contract=failwell.GENERIC).content == act.body
    error = one(world, act, contract=failwell.GENERIC, extensions=WANTS_JSON)
    assert type(error) is BadResponseError


def test_a_call_may_expect_anything(world: World) -> None:
    """`expect="any"` takes a page, or nothing, where the contract promises JSON."""
    assert one(world, HTML, extensions=WANTS_ANY).content == PAGE
    empty = Act(status=200, body=b"", content_type=None)
    assert one(world, empty, extensions=WANTS_ANY).content == b""


@pytest.mark.parametrize(
    ("act", "method"),
    [
        (Act(status=204, body=b""), "GET"),
        (Act(status=205, body=b"", content_type=None), "POST"),
        (Act(status=304, body=b"", content_type=None), "GET"),
        (Act(status=302, body=PAGE, content_type="text/html"), "GET"),
        (Act(status=200, body=b'{"a": 1}'), "HEAD"),
        (Act(status=200, body=b"x", content_type="text/html"), "HEAD"),
    ],
)
def test_where_no_body_is_due_none_is_missed(world: World, act: Act, method: str) -> None:
    """204, 205, 3xx and HEAD have no body to be JSON."""
    assert one(world, act, method).status_code == act.status


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ('{"name": "Ä"}'.encode(), {"name": "Ä"}),
        ('{"name": "Ä"}'.encode("utf-16"), {"name": "Ä"}),
        ('{"name": "Ä"}'.encode("utf-32-le"), {"name": "Ä"}),
        (b"\xef\xbb\xbf" + b'{"a": 1}', {"a": 1}),
        (b'{"a": NaN, "b": [Infinity]}', None),
        (b" [1, 2]\n", [1, 2]),
        (b"null", None),
        (b'"just text"', "just text"),
        (b"1" + b"0" * 400, 10**400),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"[" * 200 + b"]" * 200, None),
    ],
)
def test_json_is_what_pythons_reader_takes(world: World, body: bytes, value: Any) -> None:
    """UTF-16, a byte order mark, NaN and plain values are JSON to `response.json()`, and to us."""
    response = one(world, Act(status=200, body=body))
    assert response.status_code == 200
    assert value is None or json.loads(response.content) == value


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"a": 1}}', b'{"a": 1} {"b": 2}', b"{'a': 1}", b"undefined", b'"', b"\x00", PAGE],
)
def test_all_else_is_not_json(world: World, body: bytes) -> None:
    """Cut, doubled, single-quoted and binary bodies are caught before they get to the caller."""
    assert type(one(world, Act(status=200, body=body))) is BadResponseError


def test_a_read_is_asked_for_again(world: World) -> None:
    """A page, then half a text, then the answer: the caller sees only that."""
    with Server([HTML, CUT_JSON, Act("cut")]) as server:
        response = world.run(lambda client: client.get("/records"), base_url=server.url)
    assert response.json() == {"read": True}
    assert len(server.requests) == 4


@pytest.mark.parametrize(("act", "outcome"), [(HTML, Outcome.UNKNOWN), (CUT_JSON, Outcome.APPLIED)])
def test_a_write_without_a_key_is_not(world: World, act: Act, outcome: Outcome) -> None:
    """A proxy's 200 proves nothing, half a JSON text under 2xx shows that it was done."""
    error = one(world, act, "POST", contract=UNKEYED, policy=Policy())
    assert type(error) is BadResponseError
    assert error.outcome is outcome
    assert len(error.attempts) == 1


def gzipped(body: bytes) -> Act:
    return Act(status=200, body=body, headers=(("Content-Encoding", "gzip"),))


def test_a_broken_encoding_is_a_bad_response(world: World) -> None:
    """What says gzip and is not is `BadResponseError`; a read is asked for again."""
    error = one(world, gzipped(b"this is not gzip"))
    assert type(error) is BadResponseError
    with Server([gzipped(b"this is not gzip")]) as server:
        response = world.run(lambda client: client.get("/records"), base_url=server.url)
    assert response.status_code == 200
    assert one(world, gzipped(gzip.compress(b'{"a": 1}'))).json() == {"a": 1}


def test_a_broken_encoding_gives_its_connection_back(world: World) -> None:
    """After an answer that cannot be decoded, a pool of one connection still serves."""
    with Server([gzipped(b"no"), gzipped(b"no"), gzipped(b"no")]) as server:
        response = world.run(
            lambda client: client.get("/records"),
            base_url=server.url,
            limits=httpx2.Limits(max_connections=1),
            timeout=2,
        )
    assert response.status_code == 200


async def consume(client: Face, how: str = "stream") -> bytes:
    """All of a streamed GET."""
    if how == "send":
        return await read(await client.send(client.build_request("GET", "/records"), stream=True))
    async with client.stream("GET", "/records") as response:
        return await read(response)


async def streamed(client: Face, how: str) -> FailwellError:
    with pytest.raises(FailwellError) as caught:
        await consume(client, how)
    return caught.value


@pytest.mark.parametrize("how", ["stream", "send"])
@pytest.mark.parametrize(
    ("name", "cls"),
    [("cut", failwell.APIConnectionError), ("gzip", BadResponseError)],
)
def test_a_stream_raises_failwells_exceptions_and_is_not_asked_again(
    world: World, how: str, name: str, cls: type[Exception]
) -> None:
    """A stream that breaks while it is read raises at once: its first bytes were handed out."""
    act = Act("cut", body=b'{"a": 1}' * 99) if name == "cut" else gzipped(b"this is not gzip")
    with Server([act]) as server:
        error = world.run(lambda client: streamed(client, how), base_url=server.url)
    assert type(error) is cls
    assert len(server.requests) == 1
    assert len(error.attempts) == 1


def test_a_streamed_write_that_is_cut_took_effect(world: World) -> None:
    """A 2xx in the promised type had begun: applied, and it can be settled."""
    with Server([Act("cut", body=b'{"a": 1}' * 99)], honours_keys=True) as server:

        async def scenario(client: Face) -> Any:
            with pytest.raises(failwell.APIConnectionError) as caught:
                async with client.stream("POST", "/records", json={"name": "a"}) as response:
                    await read(response)
            assert caught.value.outcome is Outcome.APPLIED
            return await client.settle(caught.value)

        settled = world.run(scenario, base_url=server.url)
    assert settled.record == {"id": "rec_1"}
    assert server.done == 1


def test_a_stream_that_breaks_off_tells_all_attempts(world: World) -> None:
    """Those before the one whose answer was handed out, too; the age of its key counts from the
    first."""
    cut = Act("cut", body=b'{"a": 1}' * 99)

    async def scenario(client: Face) -> FailwellError:
        with pytest.raises(failwell.APIConnectionError) as caught:
            async with client.stream("POST", "/records", json={"name": "a"}) as response:
                await read(response)
        return caught.value

    with Server([refusal(429, "busy"), cut]) as server:
        error = world.run(scenario, base_url=server.url)
    assert [(a.number, a.status) for a in error.attempts] == [(1, 429), (2, 201)]
    assert error.sent is not None
    assert error.sent.at == error.attempts[0].at
    assert error.outcome is Outcome.APPLIED


def test_a_stream_is_asked_for_again_before_its_first_byte(world: World) -> None:
    """Faults and refusals before anything was handed out are retried under `stream()`, too."""
    page = Act(status=502, body=PAGE, content_type="text/html")
    with Server([Act("reset"), page]) as server:
        assert world.run(consume, base_url=server.url) == b'{"read": true}'
    assert len(server.requests) == 3


def test_a_streamed_page_is_not_handed_out_for_json(world: World) -> None:
    """`stream()` too refuses HTML where JSON was promised, and asks again for a read."""
    with Server([HTML]) as server:
        assert world.run(consume, base_url=server.url) == b'{"read": true}'
    with Server([HTML]) as server, pytest.raises(BadResponseError, match="Bad Gateway"):
        world.run(consume, base_url=server.url, policy=ONCE)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_stream_that_is_read_whole_is_what_was_promised(world: World, method: str) -> None:
    """`read()` of a stream raises for JSON that is broken, as a call does; chunks go by as they
    come."""
    with Server([CUT_JSON, CUT_JSON, Act(status=200, body=b'{"a": 1}')]) as server:

        async def whole(client: Face) -> Any:
            async with client.stream(method, "/records", extensions=WANTS_JSON) as response:
                body = await response.aread() if world.is_async else response.read()
                assert body == response.content
                return response.json()

        async def scenario(client: Face) -> Any:
            with pytest.raises(BadResponseError) as caught:
                await whole(client)
            async with client.stream(method, "/records", extensions=WANTS_JSON) as response:
                assert await read(response) == CUT_JSON.body
            return caught.value, await whole(client)

        error, value = world.run(scenario, base_url=server.url, contract=LOOSE)
    assert "cut or broken" in error.message
    assert error.status_code == 200
    assert error.outcome is (Outcome.APPLIED if method == "POST" else None)
    assert value == {"a": 1}


def test_a_streamed_refusal_is_read_and_raised(world: World) -> None:
    """A 404 under `stream()` is raised with its message, like any other."""
    body = b'{"error": {"code": "not_found", "message": "No such record."}}'
    with Server([Act(status=404, body=body)]) as server:

        async def scenario(client: Face) -> None:
            async with client.stream("GET", "/records"):
                pass

        with pytest.raises(failwell.NotFoundError, match=r"No such record\."):
            world.run(scenario, base_url=server.url)


def test_a_stream_may_be_left_early(world: World) -> None:
    """Leaving a stream after its first chunk raises nothing and closes it."""
    with Server([Act(status=200, body=b"[" + b"1," * 200_000 + b"1]")]) as server:

        async def scenario(client: Face) -> bool:
            async with client.stream("GET", "/records") as response:
                async for _ in chunks(response, "iter_raw"):
                    break
            closed: bool = response.is_closed
            return closed

        assert world.run(scenario, base_url=server.url)


def test_a_streams_other_readers_work(world: World) -> None:
    """`iter_lines`, `iter_text`, `elapsed` and a whole read are httpx2's own."""
    with Server() as server:

        async def scenario(client: Face) -> None:
            for how in ("iter_lines", "iter_text"):
                async with client.stream("GET", "/records") as response:
                    assert [c async for c in chunks(response, how)] == ['{"read": true}']
                assert response.elapsed.total_seconds() > 0
            async with client.stream("GET", "/records") as response:
                body = await response.aread() if world.is_async else response.read()
            assert response.json() == json.loads(body)

        world.run(scenario, base_url=server.url)


def test_an_answer_that_is_not_http_is_a_connection_fault(world: World) -> None:
    """Garbage where the status line should be: `APIConnectionError`, never httpx2's own."""
    import socket
    import threading

    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(5)

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    async def scenario(client: Face) -> FailwellError:
        with pytest.raises(failwell.APIConnectionError) as caught:
            await client.post(url)
        return caught.value

    error = world.run(scenario, policy=ONCE)
    thread.join(5)
    listener.close()
    assert error.outcome is Outcome.UNKNOWN


def test_a_switch_of_protocols_is_no_bad_response(world: World) -> None:
    """101 has no body to be JSON: a websocket's handshake is handed out."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(101)

    async def scenario(client: Face) -> int:
        async with client.stream("GET", "http://x.test") as response:
            status: int = response.status_code
            return status

    assert world.run(scenario, transport=httpx2.MockTransport(handle)) == 101


def test_a_cut_stream_behind_a_303_proves_nothing(world: World) -> None:
    """Half a 200 to the GET that a 303 made of a POST is not the POST's own 2xx."""
    moved = Act(status=303, body=b"", content_type=None, headers=(("Location", "/b"),))
    with Server([moved, Act("cut", body=b'{"a": 1}' * 99)]) as server:

        async def post(client: Face) -> None:
            async with client.stream("POST", "/a") as response:
                await read(response)

        async def scenario(client: Face) -> FailwellError:
            with pytest.raises(failwell.APIConnectionError) as caught:
                await post(client)
            return caught.value

        error = world.run(scenario, base_url=server.url, follow_redirects=True)
    assert error.outcome is Outcome.UNKNOWN


class Breaks(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """An answer that breaks while it is read, and notes that it was closed."""

    closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield b"not gzip"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"not gzip"

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def test_what_cannot_be_read_is_closed(world: World) -> None:
    """An answer whose reading failed is closed at once, not when it is collected."""
    stream = Breaks()

    def handle(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"Content-Encoding": "gzip"}, stream=stream)

    async def scenario(client: Face) -> None:
        with pytest.raises(BadResponseError):
            await client.get("http://x.test")

    transport = httpx2.MockTransport(handle)
    world.run(scenario, transport=transport, policy=ONCE, contract=LOOSE)
    assert stream.closed


def test_any_takes_broken_json_too() -> None:
    """`expect="any"` looks at nothing: JSON that is cut is the caller's to read."""

    def cut(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=b'{"a":')

    with failwell.Client(transport=httpx2.MockTransport(cut)) as client:
        answer = client.get("http://api.test/", extensions=WANTS_ANY)
    assert answer.content == b'{"a":'
