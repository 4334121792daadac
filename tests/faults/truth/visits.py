"""Requests under one key, one after another and side by side, over raw sockets, and whether the
server told them the truth.

A visitor waits for its answer, hangs up before it comes, sends half of its body, or sends another
body under the same key; two may come at once.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from faults.truth.workshop import LEASE, PLANS, SECRET, Workshop

Choose = Callable[[Sequence[Any]], Any]
MANNERS = ("waits", "waits", "waits", "hangs up", "hangs up late", "half", "resets", "other body",
           "too large", "chunks", "cancelled", "cancelled late")  # fmt: skip
CHANGING = ("commit empty", "commit stream", "commit broken_stream")
"""Plans whose handler gives another success than the one that it had committed: who comes in
between is told that one."""

NOTHING = ("not_started", "rolled_back")


@dataclass(frozen=True)
class Visit:
    """One request; `beside` says that it comes while the one before is under way."""

    plan: str
    manner: str
    beside: bool = False
    after_lease: bool = False


@dataclass
class Answer:
    """What one visit was told; no status where nothing whole came."""

    visit: Visit
    attempt: str
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_whole: bool = False

    @property
    def outcome(self) -> str | None:
        return self.headers.get("failwell-outcome")

    @property
    def is_replay(self) -> bool:
        return self.headers.get("idempotent-replayed") == "true"


@dataclass(frozen=True)
class Story:
    """All that happens under one key."""

    path: str
    visits: tuple[Visit, ...]

    @property
    def kind(self) -> str:
        """What its route promises of its handlers."""
        return self.path.rpartition("/")[2]

    def __str__(self) -> str:
        told = [
            f"{'(beside) ' if v.beside else ''}{'(later) ' if v.after_lease else ''}"
            f"{v.manner}: {v.plan}"
            for v in self.visits
        ]
        return f"{self.path} [{'; '.join(told)}]"


def draw(choose: Choose) -> Story:
    """A story of up to four visits, of which the last one waits for its answer."""
    edge, kind = choose(("", "/edge", "/wsgi")), choose(tuple(PLANS))
    visits = [
        Visit(
            choose(PLANS[kind]),
            choose(MANNERS),
            beside=n > 0 and choose((False, False, True)),
            after_lease=n > 0 and choose((False, False, False, True)),
        )
        for n in range(choose((1, 2, 3)))
    ]
    plain = PLANS[kind][0]
    return Story(f"{edge}/{kind}", (*visits, Visit(plain, "waits", after_lease=True)))


class Visitor:
    """Goes through a story under one key."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._place = (parts.hostname, parts.port)
        self._key = key

    def visit(self, story: Story) -> list[Answer]:
        """What each visit was told, in the order that they came."""
        told: list[Answer] = []
        threads: list[threading.Thread] = []
        for number, visit in enumerate(story.visits):
            if not visit.beside:
                for thread in threads:
                    thread.join(20)
            if visit.after_lease:
                time.sleep(LEASE + 0.1)
            answer = Answer(visit, f"{self._key}-{number}")
            told.append(answer)
            threads.append(threading.Thread(target=self._ask, args=(story, answer), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join(20)
        return told

    def _ask(self, story: Story, answer: Answer) -> None:
        manner = answer.visit.manner
        patience = 1.0 if "cancel" in answer.visit.plan else 15.0  # some servers never answer then
        with closing(socket.create_connection(self._place, timeout=patience)) as line:
            head, body = self._request(story, answer)
            if manner == "half":
                line.sendall(head + body[: len(body) // 2])
                return
            line.sendall(head)
            with suppress(OSError):
                line.sendall(body)
            if manner in ("hangs up", "hangs up late", "resets"):
                time.sleep(0.02 if manner == "hangs up late" else 0)
                return
            with suppress(OSError, HTTPException):
                self._read(line, answer)

    def _request(self, story: Story, answer: Answer) -> tuple[bytes, bytes]:
        visit = answer.visit
        body = json.dumps({"n": 8 if visit.manner == "other body" else 7}).encode()
        if visit.manner == "too large":
            body = b"[" + b" " * 200_000 + b"]"
        lines = [
            f"POST {story.path} HTTP/1.1", "Host: x", "Content-Type: application/json",
            f"Idempotency-Key: {self._key}", f"X-Plan: {visit.plan}",
            f"X-Attempt: {answer.attempt}", "Connection: close",
        ]  # fmt: skip
        if visit.manner.startswith("cancelled"):
            lines.append(f"X-Cancel-After: {0.05 if 'late' in visit.manner else 0.01}")
        if visit.manner == "chunks":
            lines.append("Transfer-Encoding: chunked")
            body = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
        else:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n", body

    def _read(self, line: socket.socket, answer: Answer) -> None:
        response = HTTPResponse(line, method="POST")
        response.begin()
        answer.status = response.status
        answer.headers = {name.lower(): value for name, value in response.getheaders()}
        answer.body = response.read()
        answer.is_whole = True


def findings(story: Story, told: list[Answer], workshop: Workshop, key: str) -> list[str]:
    """All that is not true of what was told, once everything is over."""
    effects = workshop.effects(key)
    found = [f"{len(effects)} effects of one key: {effects}"] if len(effects) > 1 else []
    for answer in told:
        found += [f"{answer.attempt}: {wrong}" for wrong in _wrong(story, answer, effects)]
    if not any(visit.plan in CHANGING or "large" in visit.plan for visit in story.visits):
        found += _of_replays(told)
    if told[-1].status is None:
        found.append("the last visitor got no answer")
    return found


def _wrong(story: Story, answer: Answer, effects: list[str]) -> Iterator[str]:
    if answer.status is None:
        return
    if SECRET.encode() in answer.body or SECRET in repr(answer.headers):
        yield f"it tells what is secret: {answer.body[:200]!r}"
    if answer.status < 400:
        if not effects:
            yield f"it was told {answer.status}, and there is no effect"
        return
    outcome = answer.outcome
    is_bare = answer.visit.manner.startswith("cancelled") or "cancel" in answer.visit.plan
    if outcome is None:
        if not is_bare:
            yield f"a {answer.status} says nothing of its outcome: {answer.body[:200]!r}"
        return
    if outcome in NOTHING and answer.attempt in effects:
        yield f"it was told {outcome} ({answer.status}), and it had an effect"
    if outcome == "applied" and not effects:
        yield f"it was told applied ({answer.status}), and there is no effect"
    yield from _unsaid(story, answer, effects)


def _unsaid(story: Story, answer: Answer, effects: list[str]) -> Iterator[str]:
    """What is proven is said."""
    is_own_run = not answer.is_replay and answer.visit.manner in ("waits", "chunks")
    words = answer.visit.plan.split()
    is_refused = words[-1] in ("refuse", "undo", "missing", "invalid")
    if answer.outcome != "unknown" or not is_own_run or answer.status == 409:
        return
    if story.kind == "joined" or (is_refused and "effect" not in words):
        yield f"it was told unknown ({answer.status}), where more is known: {answer.body[:200]!r}"


def _of_replays(told: list[Answer]) -> Iterator[str]:
    """Whoever gets the answer of this write gets the same one, to the byte."""
    given = {
        (answer.status, answer.body)
        for answer in told
        if answer.status is not None and answer.status < 300 and answer.is_whole
    }  # fmt: skip
    if len(given) > 1:
        yield f"one write was answered in several ways: {sorted(given)}"
