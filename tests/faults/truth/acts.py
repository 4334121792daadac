"""What a crooked server may show of a write, and what that proves to whoever reads it.

The proofs are written down here by hand from the table of DESIGN section 3 and from what an API
claims of itself. Nothing of failwell's own judgement is asked: it is what is on trial.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from faults.truth.apis import (
    APPLIED,
    MARKS,
    NOT_STARTED,
    PARTLY,
    ROLLED_BACK,
    SILENT,
    UNKNOWN,
    WELL,
    Api,
)

How = Literal[
    "whole", "cut", "cut_reset", "chunks_cut", "overlong", "garbled", "doubled", "trickle_body",
    "trickle_head", "hang", "close", "reset", "refused", "until_close",
]  # fmt: skip
"""How an answer ends: `cut` by a close, `overlong` where its length promises more than there is,
`garbled` in a content coding that it is not in, `doubled` with two lengths that differ,
`until_close` without any."""

Shape = Literal["record", "plain", "page", "own", "part", "empty"]
"""What the body is: the record (`plain` if it is not said to be JSON), a proxy's page, the API's
own envelope, JSON that breaks off."""


@dataclass(frozen=True)
class Act:
    """What one request meets. `commit` says whether it is carried out, `late` how many seconds
    afterwards; `reads` how much of it is read, and `interim` what is said before the answer.

    `states` is the outcome that the answer says in so many words, in `Failwell-Outcome`.
    """

    name: str
    how: How = "whole"
    status: int | None = None
    shape: Shape = "empty"
    code: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    interim: bytes = b""
    reads: Literal["all", "part", "head"] = "all"
    commit: bool = False
    late: float = 0.0
    states: str | None = None
    echoes: bool = False

    @property
    def is_answered(self) -> bool:
        """Whether a status is told at all."""
        return self.status is not None

    @property
    def is_race(self) -> bool:
        """Whether a reset or an unread body may overtake what is told."""
        is_early = self.reads != "all" and self.how != "refused"
        return self.how in ("cut_reset", "doubled") or is_early

    def proofs(self, api: Api) -> frozenset[str]:
        """What it may prove to a client that reads it, by what the API claims; several words where
        it is a matter of chance how much of it arrives."""
        sure = self._proof(api)
        if self.reads != "all" and self.how != "refused":
            cut_short = NOT_STARTED if api.whole else UNKNOWN
            return frozenset({sure, cut_short, UNKNOWN})
        if self.how in ("cut_reset", "doubled"):
            return frozenset({sure, UNKNOWN, APPLIED if sure == WELL else sure})
        return frozenset({sure})

    def _proof(self, api: Api) -> str:
        if self.how == "refused":
            return NOT_STARTED
        if self.status is None or self.how == "trickle_head":
            return UNKNOWN
        if self.status < 300:
            return self._proof_of_success(api)
        if self.status < 400:
            return SILENT
        return self._proof_of_refusal(api)

    def _proof_of_success(self, api: Api) -> str:
        if self.shape == "part" and self.how == "whole" and api.takes_anything:
            return WELL
        if self.shape == "page":
            return UNKNOWN if api.json else SILENT
        if api.json and self.status != 204 and self.shape in ("plain", "empty"):
            return UNKNOWN
        is_read = self.how in ("whole", "doubled", "until_close") and self.shape != "part"
        return WELL if is_read else APPLIED

    def _proof_of_refusal(self, api: Api) -> str:
        if self.states is not None:
            return self.states
        is_read = self.shape == "own" and self.how in (
            "whole", "overlong", "doubled", "until_close"
        )  # fmt: skip
        if api.generic:
            return self._proof_to_anybody(is_read)
        if not is_read:
            return UNKNOWN
        return MARKS.get((self.code or "", self.status or 0)) or UNKNOWN

    def _proof_to_anybody(self, is_read: bool) -> str:
        asks_to_wait = self.status == 429 and any(n == "Retry-After" for n, _ in self.headers)
        assert self.status is not None
        is_plain = self.status < 500 and self.status not in (408, 409)
        return NOT_STARTED if asks_to_wait or (is_read and is_plain) else UNKNOWN

    def honest(self, api: Api) -> tuple[Act, ...]:
        """The ways in which an API that keeps its claims may do this."""
        if api.whole and self.reads != "all" and self.name.startswith("ok"):
            return replace(self, reads="all").honest(api)
        words = self.proofs(api)
        if words & {NOT_STARTED, ROLLED_BACK}:
            return (self,)
        speaks_of_success = self.status is not None and self.status < 300 and self.shape != "page"
        if words & {WELL, APPLIED, PARTLY} or speaks_of_success:
            return (replace(self, commit=True),)
        if self.status in (307, 308):
            return (self,)
        return tuple(replace(self, commit=c, late=s) for c, s in ((True, 0), (False, 0), LATE))


LATE = (True, 0.06)
"""Carried out, so many seconds later."""
