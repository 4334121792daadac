"""GraphQL over HTTP: each answer in the media type that was asked for, with the status that the
media type calls for. It knows no GraphQL library.

Source: GraphQL over HTTP, draft of August 2026, sections 4.1 and 6.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from failwell.headers import OUTCOME, media_type
from failwell.model import Outcome, read_json
from failwell.server.context import lines
from failwell.server.types import App, Fields, Message, Receive, Scope, SendMessage

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"


def over_http(app: App) -> App:
    """The GraphQL app, whose answers follow GraphQL over HTTP.

    For `application/graphql-response+json`, which a client must ask for, a request that was not
    carried out is a 4xx and has no `data`; for `application/json` whatever is GraphQL is a 200. An
    answer that is not GraphQL (unreadable JSON, a wrong method) is left as it is.
    """

    async def told(scope: Scope, receive: Receive, send: SendMessage) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        answer = _Answer(preferred(", ".join(lines("accept", scope["headers"]))), send)
        await app(scope, receive, answer.send)

    return told


def preferred(accept: str) -> str:
    """The media type that an `Accept` field asks for; JSON where it names neither."""
    asked = {JSON: 0.0, GRAPHQL: 0.0}
    for one in accept.split(","):
        media, _, parameters = one.partition(";")
        quality = parameters.strip().removeprefix("q=") if "q=" in parameters else "1"
        if media.strip().lower() in asked:
            asked[media.strip().lower()] = float(quality) if quality[:1].isdigit() else 1.0
    return GRAPHQL if asked[GRAPHQL] and asked[GRAPHQL] >= asked[JSON] else JSON


def spoken(body: dict[str, Any], media: str) -> tuple[int, dict[str, Any]]:
    """The status and body of a GraphQL response in this media type."""
    errors = cast("list[dict[str, Any]]", body.get("errors") or [])
    is_refused = body.get("data") is None and errors and not any("path" in one for one in errors)
    if media == JSON or not is_refused:
        return 200, body
    is_unreadable = any(str(one.get("message", "")).startswith("Syntax Error") for one in errors)
    left = {name: value for name, value in body.items() if name != "data"}
    return 400 if is_unreadable else 422, left


class _Answer:
    """One answer: held until its body is whole where it may be GraphQL."""

    def __init__(self, media: str, send: SendMessage) -> None:
        self._media = media
        self._send = send
        self._start: Message | None = None
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        """Take a message of the app."""
        if message["type"] == "http.response.start":
            fields = Fields(message.get("headers", ()))
            kind = next((v for k, v in fields if k.lower() == b"content-type"), b"")
            if media_type(kind.decode("latin-1")) == JSON:
                self._start = message
                return
        elif self._start is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)
            return
        await self._send(message)

    async def _finish(self, start: Message) -> None:
        status, body, fields = start["status"], bytes(self._body), Fields(start.get("headers", ()))
        decoded = read_json(body)
        if isinstance(decoded, dict) and ("data" in decoded or "errors" in decoded):
            status, said = spoken(cast("dict[str, Any]", decoded), self._media)
            body = msgspec.json.encode(said)
            replaced = (b"content-type", b"content-length")
            fields = [pair for pair in fields if pair[0].lower() not in replaced]
            fields.append((b"content-type", self._media.encode()))
            fields.append((b"content-length", str(len(body)).encode()))
            if status >= 400:
                fields.append((OUTCOME.lower().encode(), Outcome.NOT_STARTED.value.encode()))
        await self._send({**start, "status": status, "headers": fields})
        await self._send({"type": "http.response.body", "body": body})
