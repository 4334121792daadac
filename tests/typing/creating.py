"""Creating records and ending runs, as type checkers see it: never run, only checked."""

from __future__ import annotations

from typing import assert_type

import failwell


def sync(client: failwell.Client) -> None:
    got = failwell.create_or_get(client, "/specs", json={"name": "a"}, headers={"X-A": "b"})
    assert_type(got, failwell.Got)
    assert_type(got.created, bool | None)
    ended = client.end_run(force=True)
    assert ended is not None
    assert_type(ended.writes, int)


async def asynchronous(client: failwell.AsyncClient) -> None:
    assert_type(await failwell.create_or_get(client, "/specs", json=[1]), failwell.Got)
    ended = await client.end_run()
    assert ended is not None
    assert_type([write.what for write in ended.unfinished], list[str])
