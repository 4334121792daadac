"""All the policies at once around a function that returns 1; nopanic, the best there is, is bare.

The other peers have less to put around it: what of the stack is theirs, their files say.
"""

from __future__ import annotations

import asyncio

import failwell
from bench.peers import interlock, nopanic, redress, stamina, tenacity
from bench.policies.functions import async_one, many, many_async, one
from bench.rounds import Case, Row, compare

ROUNDS = 100
TARGET = 1.0


def rows() -> list[Row]:
    """Around a sync function."""
    guarded = failwell.guard(failwell.Policy(deadline=30.0), key="bench")(one)
    return compare(
        Case("nopanic", many(nopanic.stack(one))),
        [
            Case("failwell.guard", many(guarded), TARGET),
            Case("redress", many(redress.stack(one))),
            Case("interlock-cb", many(interlock.stack(one))),
            Case("stamina, retry alone", many(stamina.stack(one))),
            Case("tenacity, pybreaker", many(tenacity.stack(one))),
        ],
        ROUNDS,
    )


def async_rows() -> list[Row]:
    """Around an async function."""
    guarded = failwell.guard(failwell.Policy(deadline=30.0), key="bench async")(async_one)
    with asyncio.Runner() as runner:
        return compare(
            Case("nopanic", many_async(runner, nopanic.stack(async_one))),
            [
                Case("failwell.guard", many_async(runner, guarded), TARGET),
                Case("redress", many_async(runner, redress.async_stack(async_one))),
                Case("interlock-cb", many_async(runner, interlock.stack(async_one))),
                Case("stamina, retry alone", many_async(runner, stamina.stack(async_one))),
            ],
            ROUNDS,
        )
