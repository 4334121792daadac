"""What the Toolpath service keeps, row by row."""

from __future__ import annotations

from typing import Literal

import msgspec

Scope = Literal["read_only", "read_write"]
Timings = Literal["fast", "refined"]
Status = Literal["processing", "ready", "failed"]


class Key(msgspec.Struct, frozen=True):
    """An API key: what it is called, whose it is, what it may do, until when, and since when it
    may no more."""

    name: str
    token: str
    team: str
    scope: Scope
    expires: float | None = None
    revoked: float | None = None

    def is_good(self, now: float) -> bool:
        """Whether it opens anything at `now` (epoch seconds)."""
        return self.revoked is None and (self.expires is None or self.expires > now)


class PartRow(msgspec.Struct, frozen=True, kw_only=True):
    """A part as it is kept; `task` is what the Engine knows it by."""

    number: int
    task: str
    team: str
    name: str
    units: Literal["mm", "in"]
    source_file: str | None
    step: str
    created: str
    status: Status
    failure_code: str | None
    failure_reason: str | None
    geometry: bytes | None
    project: str | None

    @property
    def id(self) -> str:
        return f"part{self.number:04d}"


class ProgramRow(msgspec.Struct, frozen=True, kw_only=True):
    """A program as it is kept; `task` is what the Engine knows it by."""

    number: int
    task: str
    part: int
    team: str
    cut_config: str
    created: str
    updated: str
    status: Status
    failure_code: str | None
    failure_reason: str | None
    plan: bytes | None

    @property
    def id(self) -> str:
        return f"prog{self.number:04d}"
