"""A call that goes well, over a mock transport: what failwell adds to bare httpx2.

Each peer is compared with the bare client that it sits on. The answer is a JSON record of a
typical size; nothing waits for a network, so all that is seen is the code around it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count, islice, repeat
from typing import Any, Protocol

import httpx
import httpx2

import failwell
from bench.peers import clientwright, httpware, httpx_retries
from bench.rounds import Case, Repeat, Row, Table, compare
from failwell.apis.toolpath.contract import TOOLPATH

ALONE, ALL_ON = 1.15, 1.25
"""The targets: of the client with its retries alone, and with budget, breaker and governor."""
ROUNDS = 200

URL = "https://api.example.org/v1/parts/prt_01HZX3"
SAME = repeat(URL)
SENT = {"name": "bracket", "units": "mm", "material": "6061-T6", "quantity": 12}
ANSWER = (
    b'{"id":"prt_01HZX3","name":"bracket","status":"ready","units":"mm","material":"6061-T6",'
    b'"quantity":12,"created_at":"2026-01-02T03:04:05Z","volume_mm3":18234.5}'
)
FIELDS = {"content-type": "application/json", "x-request-id": "req_01HZX3"}


def tables() -> Iterator[Table]:
    """Sync and async, a read and a write."""
    for method, options in (("GET", {}), ("POST", {"json": SENT})):
        yield Table(f"A call, sync, {method}", _rows(_sync(method, options), sync=True))
        with asyncio.Runner() as runner:
            rows = _rows(_async(runner, method, options), sync=False)
        yield Table(f"A call, async, {method}", rows)


class Many(Protocol):
    """Makes of a client, and of what it asks for, so many calls."""

    def __call__(self, client: Any, urls: Iterator[str] = SAME) -> Repeat: ...


def _sync(method: str, options: dict[str, Any]) -> Many:
    def many(client: Any, urls: Iterator[str] = SAME) -> Repeat:
        def calls(times: int) -> None:
            for url in islice(urls, times):
                client.request(method, url, **options)

        return calls

    return many


def _async(runner: asyncio.Runner, method: str, options: dict[str, Any]) -> Many:
    def many(client: Any, urls: Iterator[str] = SAME) -> Repeat:
        async def calls(times: int) -> None:
            for url in islice(urls, times):
                await client.request(method, url, **options)

        return lambda times: runner.run(calls(times))

    return many


def _rows(many: Many, *, sync: bool) -> list[Row]:
    mock, old = httpx2.MockTransport(_two), httpx.MockTransport(_one)
    ours: Any = failwell.Client if sync else failwell.AsyncClient
    bare: Any = httpx2.Client if sync else httpx2.AsyncClient
    bare_old: Any = httpx.Client if sync else httpx.AsyncClient
    alone = failwell.Policy(budget=None, breaker=None, governor=None)
    cases = [
        Case("failwell, retries alone", many(ours(transport=mock, policy=alone)), ALONE),
        Case("failwell, GENERIC", many(ours(transport=mock)), ALL_ON),
        Case("failwell, TOOLPATH", many(ours(transport=mock, contract=TOOLPATH)), ALL_ON),
        Case("httpware", many(httpware.over(mock, sync=sync))),
    ]
    if clientwright.HERE:
        cases.append(Case("clientwright", many(clientwright.over(mock, sync=sync))))
    rows = compare(Case("bare httpx2", many(bare(transport=mock))), cases, ROUNDS)
    if not clientwright.HERE:
        rows.append(Row("clientwright", note=clientwright.ABSENT))
    anew = [
        Case("failwell, retries alone", many(ours(transport=mock, policy=alone), _new()), ALONE),
        Case("failwell, GENERIC", many(ours(transport=mock), _new()), ALL_ON),
    ]
    rows += compare(Case("bare httpx2, new URLs", many(bare(transport=mock), _new())), anew, ROUNDS)
    retrying = Case("httpx-retries", many(httpx_retries.over(old, sync=sync)))
    rows += compare(Case("bare httpx", many(bare_old(transport=old))), [retrying], ROUNDS)
    return rows


def _new() -> Iterator[str]:
    """URLs of which none comes twice: a client remembers where one leads."""
    return (f"{URL}{number:06}" for number in count())


def _two(_: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, headers=FIELDS, content=ANSWER)


def _one(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers=FIELDS, content=ANSWER)
