"""All that a crooked server can do: each code of the catalogue, pages of proxies, faults and
successes, whole and in every broken way."""

from __future__ import annotations

from dataclasses import replace

from faults.truth.acts import Act, How
from faults.truth.apis import APPLIED, MARKS, NOT_STARTED, ROLLED_BACK, UNKNOWN

BROKEN: tuple[How, ...] = (
    "cut", "chunks_cut", "overlong", "garbled", "doubled", "cut_reset", "until_close",
)  # fmt: skip


def _refusals() -> list[Act]:
    """Each code of the catalogue, whole; some of them in every broken way."""
    acts = [Act(code, status=status, shape="own", code=code) for code, status in MARKS]
    acts.append(Act("unlisted", status=418, shape="own", code="teapot"))
    for name in ("internal", "away", "bad_input", "busy"):
        whole = next(act for act in acts if act.name == name)
        for how in BROKEN:
            acts.append(replace(whole, name=f"{name} {how}", how=how))
        acts.append(replace(whole, name=f"{name} broken off", shape="part"))
        acts.append(replace(whole, name=f"{name} echoing", echoes=True))
        acts.append(replace(whole, name=f"{name} early", reads="head"))
    return acts


def _pages() -> list[Act]:
    acts = [Act(f"page {s}", status=s, shape="page") for s in (502, 503, 504, 429, 404, 403, 401)]
    return [*acts, Act("empty 503", status=503), Act("empty 400", status=400)]


def _stated() -> list[Act]:
    words = (NOT_STARTED, ROLLED_BACK, APPLIED, UNKNOWN)
    return [
        Act(f"states {w}", status=s, shape=shape, code="internal", states=w)
        for w in words
        for s, shape in ((500, "own"), (503, "page"))
    ]


def _waits() -> list[Act]:
    asked = ("0", "0.01", "600", "soon", "Sun, 06 Nov 1994 08:49:37 GMT", "-1")
    return [
        Act(f"429 {shape} after {s}", status=429, shape=shape, code="busy",
            headers=(("Retry-After", s),))
        for s in asked
        for shape in ("own", "page")
    ]  # fmt: skip


def _faults() -> list[Act]:
    return [
        Act("refused", "refused"),
        Act("reset", "reset"),
        Act("close", "close"),
        Act("reset before the body", "reset", reads="head"),
        Act("reset in the body", "reset", reads="part"),
        Act("close in the body", "close", reads="part"),
        Act("continue, reset", "reset", interim=b"HTTP/1.1 100 Continue\r\n\r\n"),
        Act("too large, early", status=413, shape="own", code="too_large", reads="head"),
    ]


def _successes() -> list[Act]:
    ok = Act("ok", status=201, shape="record")
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n"
    return [
        ok,
        replace(ok, name="ok 200", status=200),
        Act("no content", status=204),
        replace(ok, name="continue, ok", interim=b"HTTP/1.1 100 Continue\r\n\r\n"),
        replace(ok, name="hints, ok", interim=hints),
        replace(ok, name="ok part", shape="part"),
        replace(ok, name="ok plain", shape="plain"),
        replace(ok, name="ok early", reads="head"),
        Act("empty 200", status=200),
        Act("page 200", status=200, shape="page"),
        *(replace(ok, name=f"ok {how}", how=how) for how in BROKEN),
    ]


def _moves() -> list[Act]:
    return [Act(f"moved {s}", status=s) for s in (307, 308, 303)]


OK, *_ = _successes()
EXISTS = Act("exists", status=409, shape="own", code="exists")
GONE = Act("not_found", status=404, shape="own", code="not_found")

QUICK = (*_faults(), *_refusals(), *_pages(), *_stated(), *_waits(), *_successes(), *_moves())
SLOW = (
    Act("trickle body", "trickle_body", status=201, shape="record"),
    Act("trickle page", "trickle_body", status=502, shape="page"),
    Act("trickle head", "trickle_head"),
    Act("hang", "hang"),
)
"""Those that only a time-out or a deadline ends."""
