"""How far an attempt got before it raised: an auth or a redirect makes it of several requests.

This is read off the traceback, where httpx2 has the answers to those before in `history`, so that
it costs nothing where nothing is raised. What is not found there is not claimed.
"""

from __future__ import annotations

from collections.abc import Mapping
from traceback import walk_tb
from types import FrameType
from typing import Any

_AUTHENTICATING = "_send_handling_auth"
_FOLLOWING = "_send_handling_redirects"
_SENDING = "_send_single_request"
_BEFORE_THESE = ("send", "_build_request_auth")

_REFUSED_STREAM = 7


def is_first(error: BaseException) -> bool:
    """Whether it was raised by the first request that the attempt sent, whosever that was: an auth
    may begin by asking for a token."""
    following = _frames(error).get(_FOLLOWING)
    return following is not None and following.f_locals.get("history") == []


def is_unsent(error: BaseException) -> bool:
    """Whether it was raised before the attempt sent anything: by the client, an auth or a hook."""
    frames = _frames(error)
    if _SENDING in frames:
        return False
    if _FOLLOWING in frames:
        return is_first(error) and "response" not in frames[_FOLLOWING].f_locals
    if _AUTHENTICATING in frames:
        return "response" not in frames[_AUTHENTICATING].f_locals
    return bool(frames) and list(frames)[-1] in _BEFORE_THESE


def leave_word(error: BaseException) -> None:
    """Say in the traceback that nothing was sent, if that is so."""
    if is_unsent(error):
        from failwell.flows.account import NOTHING_SENT

        error.add_note(NOTHING_SENT)


def is_unprocessed(error: BaseException) -> bool:
    """Whether HTTP/2 has said that the request was not processed at all: its stream was refused,
    or the connection was left before its first one. RFC 9113, section 8.7."""
    below = error.__cause__
    event: Any = below.args[0] if below is not None and below.args else None
    if getattr(event, "remote_reset", False):
        return bool(event.error_code == _REFUSED_STREAM)
    return getattr(event, "last_stream_id", None) == 0


def _frames(error: BaseException) -> Mapping[str, FrameType]:
    """What the attempt was in, by name; nothing where a second client was called by a hook, an auth
    or a transport of the caller's, for then it is not certain which of the two has raised."""
    frames = [(frame.f_code.co_name, frame) for frame, _ in walk_tb(error.__traceback__)]
    clients = sum(name == _AUTHENTICATING for name, _ in frames)
    return dict(frames) if clients <= 1 else {}
