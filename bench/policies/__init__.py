"""Quotas, outages and dead services, over real HTTP on loopback; and what the policies cost.

A row's ratio is what its title says: seconds to the ideal, requests to calls, or time to the bare
case. Peers are set up as their documentation shows for this situation, and given every chance:
where they can be told the quota, or a `Retry-After`, they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.rounds import Table


def tables() -> Iterator[Table]:
    """The measures of the fourth issue, one after the other."""
    # The peers are heavy to import: not before their turn, nor in the processes of `shared`.
    from bench.policies import breaker, call, dead, outage, quota, stack

    yield Table("600 calls under a quota: s / ideal, 429s", list(quota.rows()))
    yield Table("50 workers, 4 s of 503: requests / 57", list(outage.rows()))
    yield Table("A dead service: requests / calls", list(dead.rows()))
    yield Table("The whole stack around a function", stack.rows())
    yield Table("The whole stack, awaited", stack.async_rows())
    yield Table("CircuitBreaker.call", breaker.rows())
    yield Table("A call over a mock transport, all on", call.rows())
