"""One look at a job over httpx2: one call of the client, of one attempt.

A retry inside a look would sleep where nobody sees it: uncounted by the wait's own patience, and
holding up the looks at other jobs. The wait itself looks again soon.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import httpx2

from failwell.actions import AsyncSender, Send, Sender
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.model import Reply, Response
from failwell.settings import Options, Policy

LONGEST_LOOK = 60.0
"""Seconds that a look takes at most, where the client's policy states no deadline."""

_LEAST = 0.001


def look(client: Client) -> Sender:
    """Looks, performed by this client."""

    def send(action: Send) -> Reply:
        how = extensions(client.policy, action.within)
        return reply(client.request(action.request.method, _url(action), extensions=how))

    return send


def alook(client: AsyncClient) -> AsyncSender:
    """Looks, performed by this client."""

    async def send(action: Send) -> Reply:
        how = extensions(client.policy, action.within)
        return reply(await client.request(action.request.method, _url(action), extensions=how))

    return send


def extensions(policy: Policy, within: float | None) -> Mapping[str, Any]:
    """The options of a call that is over `within` seconds, and leaves patience to the wait."""
    longest = LONGEST_LOOK if policy.deadline is None else policy.deadline
    deadline = longest if within is None else max(min(within, longest), _LEAST)
    return {"failwell": Options(deadline=deadline, retry=None)}


def reply(native: httpx2.Response) -> Response:
    """The answer, as a flow reads it."""
    return Response(
        status=native.status_code,
        headers=native.headers,
        body=native.content,
        at=time.time(),
        native=native,
        asked=native.request.headers,
    )


def _url(action: Send) -> str:
    return str(action.request.url)
