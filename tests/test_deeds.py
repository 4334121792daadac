"""A generator of deeds, carried out in both worlds: the same story, the same end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import pytest

from failwell.deeds import acarry_out, carry_out

Story = Generator[str, Any, Any]
World = Callable[[Story, Callable[[str], Any]], Any]


def sync(story: Story, do: Callable[[str], Any]) -> Any:
    return carry_out(story, do)


def in_a_loop(story: Story, do: Callable[[str], Any]) -> Any:
    async def later(deed: str) -> Any:
        await asyncio.sleep(0)
        return do(deed)

    return asyncio.run(acarry_out(story, later))


both = pytest.mark.parametrize("world", [sync, in_a_loop])


def told(log: list[str]) -> Story:
    """Two deeds, of which the first may fail and is then done otherwise."""
    try:
        try:
            first = yield "first"
        except ValueError as error:
            first = yield f"instead, for {error}"
        return first, (yield "second")
    finally:
        log.append("closed")


@both
def test_what_a_deed_gives_is_sent_back(world: World) -> None:
    """In their order; the end is what the story returns."""
    log: list[str] = []
    assert world(told(log), str.upper) == ("FIRST", "SECOND")
    assert log == ["closed"]


@both
def test_what_a_deed_raises_is_thrown_in(world: World) -> None:
    """A story may do something else instead; what it does not catch comes out, and it is closed."""

    def do(deed: str) -> str:
        if deed in refused:
            raise refused[deed]
        return deed

    refused: dict[str, Exception] = {"first": ValueError("x")}
    log: list[str] = []
    assert world(told(log), do) == ("instead, for x", "second")
    refused = {"second": KeyError("y")}
    with pytest.raises(KeyError, match="y"):
        world(told(log), do)
    assert log == ["closed", "closed"]


@both
def test_an_interruption_is_not_thrown_in(world: World) -> None:
    """The story hears of it by being closed, and cannot take it for a failed deed."""

    def story() -> Story:
        try:
            yield "first"
        except BaseException as error:
            heard.append(type(error))
            raise

    def do(deed: str) -> None:
        raise SystemExit(deed)

    heard: list[type[BaseException]] = []
    with pytest.raises(SystemExit, match="first"):
        world(story(), do)
    assert heard == [GeneratorExit]
