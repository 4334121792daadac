"""No write is ever sent twice unless that is proven safe, and every failure says what is known.

The table below says, cell by cell, what a client that tells the truth must do. It was written by
hand from the rules (DESIGN section 3), not from the code:

- an attempt is `unknown` unless something proves otherwise;
- with a key that the server honours, or DELETE, whatever may pass is sent again;
- without, only what is proven to have done nothing is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

import failwell
from clients.fault_server import PAGE, Act, Server, refusal
from clients.world import API, Face, World
from failwell import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    BadResponseError,
    Code,
    ConflictError,
    Idempotency,
    NotFoundError,
    Outcome,
    RateLimitError,
    ServerError,
    ServiceUnavailableError,
)

UNKNOWN, APPLIED = Outcome.UNKNOWN, Outcome.APPLIED
NOT_STARTED, ROLLED_BACK = Outcome.NOT_STARTED, Outcome.ROLLED_BACK

HONEST = msgspec.structs.replace(
    API,
    codes=(
        *(c for c in API.codes if c.status != 503),
        Code(code="unavailable", status=503, proves=ROLLED_BACK),
    ),
)
"""What a server promises that undoes everything before it says 503, and that says 409 and 429
before it does anything."""

HASTY = msgspec.structs.replace(
    API,
    codes=tuple(
        Code(code=c.code, status=c.status) if c.status in (409, 429) else c for c in API.codes
    ),
)
"""What a server promises that may have done its work before it says 409, 429 or 503."""

KEYS = {
    "honoured": Idempotency(keys="honoured"),
    "ignored": Idempotency(keys="ignored"),
    "none": Idempotency(header=None),
    "DELETE": Idempotency(keys="ignored"),
}


@dataclass(frozen=True)
class Cell:
    """One fault, with what must come of it.

    `unsafe` is what a write is raised with that cannot be repeated; None where it is sent again.
    `repeated` is whether a write that can be repeated is; if not, it is raised like the others.
    """

    act: Act
    unsafe: tuple[type[Exception], Outcome] | None
    repeated: bool = True


def both(act: Act, unsafe: tuple[type[Exception], Outcome]) -> dict[bool, Cell]:
    """The same for a server that had committed and for one that had not: nobody can tell."""
    return {done: Cell(done_or_not(act, done), unsafe) for done in (True, False)}


def done_or_not(act: Act, commit: bool) -> Act:
    return Act(**{**act.__dict__, "commit": commit})


CUT_ERROR = Act("cut", False, 500, b'{"error": {"code": "internal", "message": "It failed"}}')
BROKEN_ERROR = Act("answer", False, 500, b'{"error": {"code": "internal", "mess')

TABLE: dict[str, dict[bool, Cell]] = {
    "500": both(refusal(500, "internal"), (ServerError, UNKNOWN)),
    "502": both(refusal(502, "gateway"), (ServerError, UNKNOWN)),
    "503": {
        True: Cell(refusal(503, "unavailable", commit=True), (ServiceUnavailableError, UNKNOWN)),
        False: Cell(refusal(503, "unavailable"), None),
    },
    "504": both(refusal(504, "upstream"), (ServerError, UNKNOWN)),
    "429": {
        True: Cell(refusal(429, "busy", commit=True), (RateLimitError, UNKNOWN)),
        False: Cell(refusal(429, "busy"), None),
    },
    "409": {
        True: Cell(refusal(409, "clash", commit=True), (ConflictError, UNKNOWN), repeated=False),
        False: Cell(refusal(409, "clash"), (ConflictError, NOT_STARTED), repeated=False),
    },
    "408": both(refusal(408, "slow"), (APIError, UNKNOWN)),
    "HTML 502": both(Act(status=502, body=PAGE, content_type="text/html"), (ServerError, UNKNOWN)),
    "HTML 200": both(
        Act(status=200, body=PAGE, content_type="text/html"), (BadResponseError, UNKNOWN)
    ),
    "refused": {False: Cell(Act(), None)},
    "reset before the answer": both(Act("reset"), (APIConnectionError, UNKNOWN)),
    "answer lost after commit": both(Act("close"), (APIConnectionError, UNKNOWN)),
    "cut in mid-body": {
        True: Cell(Act("cut"), (APIConnectionError, APPLIED)),
        False: Cell(CUT_ERROR, (ServerError, UNKNOWN)),
    },
    "truncated JSON": {
        True: Cell(Act(body=b'{"id": "rec'), (BadResponseError, APPLIED)),
        False: Cell(BROKEN_ERROR, (ServerError, UNKNOWN)),
    },
    "read timeout": both(Act("hang"), (APITimeoutError, UNKNOWN)),
}
CELLS = [
    pytest.param(cell, committed, mode, id=f"{fault}-{'done' if committed else 'undone'}-{mode}")
    for fault, cells in TABLE.items()
    for committed, cell in cells.items()
    for mode in KEYS
]


async def write(client: Face, mode: str) -> Any:
    if mode == "DELETE":
        return await client.delete("/records/7")
    return await client.post("/records", json={"name": "a"})


async def outcome_of(client: Face, mode: str) -> Any:
    try:
        return await write(client, mode)
    except failwell.FailwellError as error:
        return error


@pytest.mark.parametrize(("cell", "committed", "mode"), CELLS)
def test_every_cell(world: World, cell: Cell, committed: bool, mode: str) -> None:
    """No effect twice, every provably safe resend made, all else raised with the right outcome."""
    is_refused = cell is TABLE["refused"][False]
    contract = msgspec.structs.replace(HASTY if committed else HONEST, idempotency=KEYS[mode])
    script = [] if is_refused else [cell.act]
    with Server(script, honours_keys=mode == "honoured", listening=not is_refused) as server:

        def open_up(_: float) -> None:
            if is_refused:
                server.open()

        async def scenario(client: Face) -> Any:
            return await outcome_of(client, mode)

        result = world.run(
            scenario,
            contract=contract,
            base_url=server.url,
            timeout=0.15 if cell.act.how == "hang" else 5,
            on_sleep=open_up,
        )

    assert server.done <= 1, "an effect was duplicated"
    attempts = len(server.requests) + is_refused
    is_repeatable = mode in ("honoured", "DELETE")
    if cell.unsafe is None or (is_repeatable and cell.repeated):
        assert attempts == 2
        if mode == "DELETE" and committed:
            assert_raised(result, NotFoundError, APPLIED, 2)
        else:
            assert result.status_code == 201, result
        assert server.done == 1
        return
    assert attempts == 1
    assert_raised(result, *cell.unsafe, 1)
    assert server.done == committed


def assert_raised(error: Any, cls: type[Exception], outcome: Outcome, attempts: int) -> None:
    assert type(error) is cls, error
    assert error.outcome is outcome
    assert len(error.attempts) == attempts


def test_the_table_is_whole() -> None:
    """Each fault stands for both servers, except where nothing can have been committed."""
    assert {name for name, cells in TABLE.items() if set(cells) != {True, False}} == {"refused"}
    assert len(CELLS) == 29 * 4


LOST = Act("reset")
LATER = {
    401: (refusal(401, "no_auth"), AuthenticationError),
    409: (refusal(409, "clash"), ConflictError),
    429: (refusal(429, "busy"), RateLimitError),
    404: (refusal(404, "not_found"), NotFoundError),
}


@pytest.mark.parametrize("status", LATER)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_later_refusal_takes_nothing_back(world: World, method: str, status: int) -> None:
    """A lost answer, then refusals to the end: still unknown, but for the 404 after our DELETE."""
    act, cls = LATER[status]
    with Server([LOST, *[act] * 9], honours_keys=True) as server:
        error = world.run(
            lambda client: outcome_of(client, method),
            base_url=server.url,
            policy=failwell.Policy(retry=failwell.Retry(max_retries=3)),
        )
    resolved = (method, status) == ("DELETE", 404)
    assert type(error) is cls
    assert error.outcome is (APPLIED if resolved else UNKNOWN)
    asked_on = status == 429 or (status == 409 and method == "POST")
    assert len(server.requests) == (4 if asked_on else 2)
    assert [a.outcome for a in error.attempts][:2] == [UNKNOWN, NOT_STARTED]
    assert server.done == 1


@pytest.mark.parametrize("status", [409, 429])
def test_a_keyed_write_is_asked_for_until_it_is_replayed(world: World, status: int) -> None:
    """The first attempt may still run (409), or the gate may be shut (429): then the replay."""
    act, _ = LATER[status]
    with Server([LOST, act, act], honours_keys=True) as server:
        response = world.run(lambda client: write(client, "POST"), base_url=server.url)
    assert response.json() == {"id": "rec_1"}
    assert response.headers["idempotent-replayed"] == "true"
    assert len(server.requests) == 4
    assert len(set(server.keys)) == 1
    assert server.done == 1


@pytest.mark.parametrize("status", [401, 404, 422])
def test_a_404_without_the_apis_own_words_proves_nothing(world: World, status: int) -> None:
    """A lost DELETE and then a proxy's page, whatever its status, stays unknown."""
    page = Act(status=status, body=PAGE, content_type="text/html", commit=False)
    with Server([LOST, page]) as server:
        error = world.run(lambda client: outcome_of(client, "DELETE"), base_url=server.url)
    assert error.outcome is UNKNOWN


def test_what_did_nothing_is_forgotten(world: World) -> None:
    """Attempts proven to have done nothing leave the call as it was: not started."""
    with Server([refusal(429, "busy"), refusal(422, "invalid")]) as server:
        error = world.run(
            lambda client: outcome_of(client, "POST"),
            base_url=server.url,
            contract=msgspec.structs.replace(API, idempotency=Idempotency(header=None)),
        )
    assert error.outcome is NOT_STARTED
    assert len(error.attempts) == 2
    assert server.done == 0


def test_reads_are_repeated_and_say_nothing_of_effects(world: World) -> None:
    """A GET is asked again whenever the fault may pass; it has no outcome."""
    with Server([LOST, refusal(500, "internal"), Act("cut")]) as server:
        response = world.run(lambda client: client.get("/records"), base_url=server.url)
    assert response.json() == {"read": True}
    with Server([refusal(404, "not_found")]) as server:

        async def scenario(client: Face) -> Any:
            with pytest.raises(NotFoundError) as caught:
                await client.get("/records/7")
            return caught.value

        error = world.run(scenario, base_url=server.url)
    assert error.outcome is None
    assert error.sent is None


def test_a_request_that_was_cut_short_did_nothing_where_whole_ones_count(world: World) -> None:
    """A reset while the body is on its way is not_started, if the contract says whole requests."""
    contract = msgspec.structs.replace(
        API, whole_requests=True, idempotency=Idempotency(header=None)
    )
    big = b"x" * (16 * 1024 * 1024)
    with Server([Act("reset", commit=False, reads=False)]) as server:
        response = world.run(
            lambda client: client.post("/records", content=big),
            base_url=server.url,
            contract=contract,
        )
    assert response.status_code == 201
    assert [len(seen.body) for seen in server.requests] == [0, len(big)]
    with Server([Act("reset", reads=False, commit=False)]) as server:

        async def scenario(client: Face) -> Any:
            with pytest.raises(APIConnectionError) as caught:
                await client.post("/records", content=big)
            return caught.value

        loose = msgspec.structs.replace(contract, whole_requests=False)
        error = world.run(scenario, base_url=server.url, contract=loose)
    assert error.outcome is UNKNOWN


@pytest.mark.parametrize("name", ["trio"])
def test_trio_too(name: str) -> None:
    """The async client lives under trio as under asyncio."""
    with Server([LOST, refusal(503, "unavailable")], honours_keys=True) as server:
        response = World(name).run(
            lambda client: write(client, "POST"),
            base_url=server.url,
            really_sleeps=True,
            policy=failwell.Policy(retry=failwell.Retry(base=0.01), deadline=5),
        )
    assert response.json() == {"id": "rec_1"}
    assert server.done == 1
