"""How far an attempt got before it raised: an auth or a redirect makes it of several requests.

This is read off the traceback, where httpx2 has the answers to those before in `history`, so that
it costs nothing where nothing is raised. What is not found there is not claimed: nothing is where a
second client was called by a hook, an auth or a transport of the caller's, for then it is not
certain which of the two has raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from traceback import walk_tb
from types import FrameType
from typing import Any

import httpx2

from failwell.clients.httpx2.body import AsyncBody, SyncBody

_AUTHENTICATING = "_send_handling_auth"
_FOLLOWING = "_send_handling_redirects"
_SENDING = "_send_single_request"
_BEFORE_THESE = ("send", "_build_request_auth")
_STEPS = (*_BEFORE_THESE, _AUTHENTICATING, _FOLLOWING, _SENDING)

_HTTPX2 = httpx2.Client.build_request.__code__.co_filename
_BODIES = (SyncBody.__iter__.__code__, AsyncBody.__aiter__.__code__)

_REFUSED_STREAM = 7


def is_first(error: BaseException) -> bool:
    """Whether it was raised by the first request that the attempt sent, whosever that was: an auth
    may begin by asking for a token."""
    following = _frames(error).get(_FOLLOWING)
    return following is not None and following.f_locals.get("history") == []


def is_from_wire(error: BaseException) -> bool:
    """Whether it was raised by the transport over the first request, before an answer and before
    the body was asked for: what it says of the connection is then all that there is to say."""
    sending = _frames(error).get(_SENDING)
    if sending is None or "response" in sending.f_locals or not is_first(error):
        return False
    return all(frame.f_code not in _BODIES for frame, _ in walk_tb(error.__traceback__))


def is_unsent(error: BaseException) -> bool:
    """Whether it was raised before the attempt sent anything: by the client, an auth or a hook."""
    frames = _frames(error)
    if _SENDING in frames or not all(map(_is_usual, frames.values())):
        return False
    if _FOLLOWING in frames:
        return is_first(error) and "response" not in frames[_FOLLOWING].f_locals
    if _AUTHENTICATING in frames:
        return "response" not in frames[_AUTHENTICATING].f_locals
    return bool(frames) and _last(error) in frames.values()


def is_about(error: BaseException, response: httpx2.Response) -> bool:
    """Whether that is an answer to this attempt, and not one that a hook has got elsewhere."""
    frames = _frames(error)
    held = [frames[name].f_locals for name in (_FOLLOWING, _AUTHENTICATING) if name in frames]
    return any(names.get("response") is response for names in held)


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
    """What the attempt was in of httpx2's, by name; nothing where that is not certain."""
    steps = [frame for frame, _ in walk_tb(error.__traceback__) if _is_step(frame)]
    clients = sum(frame.f_code.co_name == _AUTHENTICATING for frame in steps)
    return {frame.f_code.co_name: frame for frame in steps} if clients <= 1 else {}


def _is_step(frame: FrameType) -> bool:
    return frame.f_code.co_name in _STEPS and frame.f_code.co_filename == _HTTPX2


def _is_usual(frame: FrameType) -> bool:
    """Whether its client goes on by httpx2's own steps, and by none that somebody put over them."""
    itself: object = frame.f_locals.get("self")
    client = type(itself)
    steps = (getattr(client, name, None) for name in (_AUTHENTICATING, _FOLLOWING, _SENDING))
    codes = (getattr(step, "__code__", None) for step in steps)
    return all(code is not None and code.co_filename == _HTTPX2 for code in codes)


def _last(error: BaseException) -> FrameType:
    *_, (frame, _) = walk_tb(error.__traceback__)
    return frame
