"""How a wait behaves towards whoever waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from failwell.clients.waiting.leave import OnInterrupt, Order, order_of
from failwell.clients.waiting.pending import Pending, watch_of
from failwell.clients.waiting.show import HookFor, Write, harmless, to_stderr
from failwell.drive import Rim
from failwell.flows.sight import Watch

Plan = list[tuple[Watch, Order | None]]
"""The watch over each job, and the request that calls it off."""


class Vigil(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown, where it is written (standard error, if None), and what an interrupt does."""

    verbose: bool = False
    progress: bool = False
    write: Write | None = None
    on_interrupt: OnInterrupt = "detach"

    def plan(self, jobs: Sequence[Pending[Any]]) -> Plan:
        """The watch over each job, and how it is called off. Raises `InvalidRequestError`."""
        watches = [watch_of(job) for job in jobs]
        return [(watch, order_of(watch, self.on_interrupt)) for watch in watches]

    def say(self, line: str) -> None:
        """Tell the user one line."""
        (self.write or to_stderr)(harmless(line))


def rim_for(pending: Pending[Any], watch: Watch, hook_for: HookFor) -> Rim:
    """The client's own rim, with what shows this job among the hooks."""
    rim: Rim = pending.client.rim
    return msgspec.structs.replace(rim, hooks=(*rim.hooks, *hook_for(watch)))
