"""Maintenance: a component that, while it runs, keeps everybody out."""

from __future__ import annotations


class Maintenance:
    """While it is running, every request is answered with 503."""

    def __init__(self) -> None:
        self.running = False

    async def start(self) -> None:
        """Close Flow for maintenance."""
        self.running = True

    async def stop(self) -> None:
        """Open Flow again."""
        self.running = False
