"""A re-created system starts whole, or leaves nothing behind."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from failwell.apis.service import LocalService


class Part:
    """A component that may refuse to start or to stop."""

    def __init__(self, *, starts: bool = True, stops: bool = True) -> None:
        self.running = False
        self._starts = starts
        self._stops = stops

    async def start(self) -> None:
        if not self._starts:
            raise OSError("no room")
        self.running = True

    async def stop(self) -> None:
        self.running = False
        if not self._stops:
            raise OSError("it hangs")


class Limits(msgspec.Struct):
    """None."""


class Kiln(LocalService[Limits]):
    name = "kiln"

    def __init__(self, **parts: Part) -> None:
        super().__init__(Limits())
        self.parts = parts


def test_a_part_that_does_not_start_takes_the_others_down() -> None:
    """Its error comes out, no component runs on, and the folder is gone."""
    kiln = Kiln(fire=Part(), door=Part(starts=False))
    with pytest.raises(OSError, match="no room"):
        asyncio.run(kiln.start())
    assert kiln.components() == {"fire": "stopped", "door": "stopped"}
    assert not kiln.folder.exists()


def test_a_part_that_does_not_stop_leaves_no_folder() -> None:
    """Its error comes out, and the state is forgotten all the same."""
    kiln = Kiln(fire=Part(stops=False))

    async def live() -> None:
        await kiln.start()
        assert kiln.folder.is_dir()
        await kiln.stop()

    with pytest.raises(OSError, match="it hangs"):
        asyncio.run(live())
    assert not kiln.folder.exists()
