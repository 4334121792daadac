"""What a call that fails will need, read while there is something to read it with.

Most programs import failwell more often than they fail, so much of it is left out until the first
client is made. It is not left out any longer: a process that is out of file descriptors can open
no module, and that is when calls fail.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

_NEEDED = (
    "failwell.dialects.anything",
    "failwell.flows.intended",
    "failwell.flows.settle",
    "failwell.flows.standing",
    "failwell.hooks.logging",
    "failwell.narrative",
    "failwell.policy.governor.traffic",
)


@cache
def read_ahead(*others: str) -> None:
    """Import what any failing call needs, and the `others` that the caller names."""
    for name in (*_NEEDED, *others):
        import_module(name)
