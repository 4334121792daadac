"""`kill -9` at random instants of keyed writes: effects are distinct keys, exactly.

Twenty clients write as fast as they can and retry with their keys; the server dies again and
again. `FAILWELL_KILLS` makes it more often than the twenty times of the tests.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from faults.supervisor import Works, kill_at_random, patient, works
from faults.works import TABLE, effects

KILLS = int(os.environ.get("FAILWELL_KILLS", "20"))
CLIENTS = 20


async def writes(server: Works, name: str, stop: asyncio.Event) -> list[str]:
    """One client's writes until told to stop; the tags of those that were confirmed, which are all
    that it began."""
    done: list[str] = []
    async with patient(server.url) as client:
        while not stop.is_set():
            tag = f"{name}-{len(done)}"
            response = await client.post("/", json={"tag": tag})
            assert (response.status_code, response.json()) == (201, {"tag": tag})
            done.append(tag)
    return done


async def storm(server: Works, kills: int, rng: random.Random) -> list[str]:
    """Every confirmed tag of twenty clients, through so many kills."""
    stop = asyncio.Event()
    async with asyncio.timeout(60 + kills), asyncio.TaskGroup() as group:
        clients = [group.create_task(writes(server, str(n), stop)) for n in range(CLIENTS)]
        await asyncio.to_thread(kill_at_random, server, kills, rng)
        stop.set()
    return [tag for client in clients for tag in client.result()]


@pytest.mark.timeout(180 + 4 * KILLS)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_effects_are_distinct_keys(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """Each write that was begun ends with its 2xx and has one effect, however often its server was
    killed: before the claim, before, in and after the transaction, before and while answering."""
    database = f"sqlite:///{tmp_path / 'works.db'}"
    if kind == "postgres":
        database = request.getfixturevalue("postgres_url")
        emptied(database)
    with works(database) as server:
        confirmed = asyncio.run(storm(server, KILLS, random.Random(20)))
        found = Counter(effects(database))
    doubled = sum(found.values()) - len(found)
    lost = len(set(confirmed) - set(found))
    print(
        f"\n{kind}: {KILLS} kills, {len(set(confirmed))} keys confirmed, "
        f"{sum(found.values())} effects, {doubled} doubled, {lost} lost"
    )
    assert len(confirmed) == len(set(confirmed)) >= CLIENTS
    assert found == Counter(confirmed)


def emptied(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(TABLE)
        connection.execute("TRUNCATE effects")
