"""Bodies that end at a limit while they arrive, whatever length they claim."""

from __future__ import annotations

from collections.abc import Callable

from failwell.server.types import App, Message, Receive, Scope, SendMessage

TooLarge = Callable[[int, int], Exception]
"""The refusal of a body: given the limit and the size so far, in bytes."""


def bounded(most: Callable[[], int], too_large: TooLarge) -> Callable[[App], App]:
    """A layer that lets bodies of `most()` bytes through, and raises `too_large` past them."""

    def around(app: App) -> App:
        async def inside(scope: Scope, receive: Receive, send: SendMessage) -> None:
            await app(scope, counted(receive, most(), too_large), send)

        return inside

    return around


def counted(receive: Receive, most: int, too_large: TooLarge) -> Receive:
    """What a request receives, as long as its body has no more than `most` bytes."""
    size = 0

    async def counting() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise too_large(most, size)
        return message

    return counting
