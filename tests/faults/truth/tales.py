"""What is told: one logical call, and all that goes wrong on its way.

`draw` makes one out of any chooser, a seeded generator's or Hypothesis': what comes first in a
list of choices is the simplest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from faults.truth.acts import Act
from faults.truth.apis import APIS, Api
from faults.truth.books import Books
from faults.truth.repertoire import QUICK, SLOW

CALLERS = ("client", "async client", "httpx", "async httpx", "requests")
BODIES = ("bytes", "file", "generator", "form", "large", "large generator")
MARK = "s3cr3t"
TOKEN, COOKIE, API_KEY = f"tok-{MARK}-authorization", f"{MARK}-cookie-9", f"{MARK}-x-api-key"
PASSWORD, QUERY = f"pw-{MARK}-password", f"q-{MARK}-query"

FLAGS = (
    "follows", "streams", "renews", "guarded", "settles_late", "keyed", "hides", "gets",
)  # fmt: skip

Choose = Callable[[Sequence[Any]], Any]


@dataclass(frozen=True)
class Tale:
    """One logical call."""

    api: Api
    caller: str
    method: str
    body: str
    script: tuple[Act, ...]
    looks: tuple[str, ...] = ()
    taken: str = ""
    follows: bool = False
    streams: bool = False
    renews: bool = False
    guarded: bool = False
    deadline: float | None = None
    settles_late: bool = False
    keyed: bool = False
    hides: bool = False
    gets: bool = False
    expects: str = ""

    def __str__(self) -> str:
        acts = ", ".join(
            act.name + ("!" if act.commit else "") + (" late" if act.late else "")
            for act in self.script
        )
        flags = [name for name in FLAGS if getattr(self, name)]
        return (
            f"{self.caller} {self.method} {self.body} to {self.api.name!r}: [{acts}] "
            f"looks={self.looks} taken={self.taken!r} "
            f"deadline={self.deadline} expects={self.expects!r} {' '.join(flags)}"
        )

    @property
    def is_async(self) -> bool:
        """Whether its caller awaits."""
        return self.caller.startswith("async")

    @property
    def is_own_client(self) -> bool:
        """Whether its caller is one of failwell's own clients."""
        return "client" in self.caller

    @property
    def hops(self) -> bool:
        """Whether each redirect that it follows is a call of its own, made above failwell."""
        return self.follows and not self.is_own_client

    @property
    def content(self) -> bytes:
        """The bytes of its body, or of the file in its form."""
        return b"" if self.method == "DELETE" else _content(self.body.startswith("large"))

    def books(self) -> Books:
        """The truth of it, before it begins."""
        return Books(self.api, self.script, self.looks, self.method, self.taken)


@cache
def _content(is_large: bool) -> bytes:
    pad = 3_000_000 if is_large else 10
    return json.dumps({"name": "a", "n": 7, "password": PASSWORD, "pad": "x" * pad}).encode()


def draw(choose: Choose, *, slow: bool = False) -> Tale:
    """A tale of up to six attempts."""
    api: Api = choose(APIS)
    caller = choose(CALLERS)
    is_own = "client" in caller
    expects = choose(("", "", "", "json", "any")) if is_own else ""
    if expects:
        api = replace(api, json=expects == "json", takes_anything=expects == "any")
    method = choose(("POST", "POST", "POST", "PATCH", "PUT", "DELETE"))
    pool = (*QUICK, *SLOW * 4) if slow else QUICK
    acts = [_act(choose, api, pool) for _ in range(choose((1, 2, 3, 4, 5, 6)))]
    looks = [choose(LOOKS) for _ in range(choose((0, 0, 1, 2, 4)))] if api.look else []
    is_natural = api.look == "natural" and method == "POST"
    has_slow = any(act in SLOW or act.how in _ENDLESS for act in acts)
    return Tale(
        api=api,
        caller=caller,
        method=method,
        body="bytes" if method == "DELETE" else choose(_bodies(caller)),
        script=tuple(acts),
        looks=tuple(looks),
        taken=choose(("", "", "", "equals", "differs")) if is_natural else "",
        follows=choose((False, True)),
        streams=choose((False, False, True)),
        renews=is_own and choose((False, True)),
        guarded=choose((False, False, True)),
        deadline=0.3 if has_slow else choose((None, None, 20.0)),
        settles_late=choose((True, False)),
        keyed=api.keys != "none" and choose((False, False, True)),
        hides=choose((False, False, False, True)),
        expects=expects,
        gets=api.existing and caller != "requests" and choose((False, True)),
    )


LOOKS = ("truth", "missing", "down", "reset", "page")
_ENDLESS = ("hang", "trickle_body", "trickle_head")


def _act(choose: Choose, api: Api, pool: Sequence[Act]) -> Act:
    act: Act = choose(pool)
    honest: Act = choose(act.honest(api))
    return honest


def _bodies(caller: str) -> tuple[str, ...]:
    """An async client of httpx2's cannot read a file; a large body is dear, and comes seldom."""
    bodies = BODIES if not caller.startswith("async") else BODIES[:1] + BODIES[2:]
    return (*bodies[:-2], *bodies)
