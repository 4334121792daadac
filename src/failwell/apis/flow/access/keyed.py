"""Keyed writes of Flow: a used key is told in the details of its 409, beside the `result`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from failwell.actions import Store
from failwell.apis.flow.contract import FLOW
from failwell.errors import ConflictError
from failwell.model import read_json
from failwell.server.asgi import idempotent
from failwell.server.context import lines
from failwell.server.types import App, Fields, Message, Receive, Scope, SendMessage

_CODE, _STATUS = FLOW.idempotency.conflict


def keyed(app: App, store: Store, caller: Callable[[Scope], str]) -> App:
    """The app, whose writes with an `Idempotency-Key` run once; `caller` says whose key it is."""
    once = idempotent(FLOW, store, caller=caller, on_error="release")(app)

    async def told(scope: Scope, receive: Receive, send: SendMessage) -> None:
        key = ", ".join(lines("idempotency-key", scope["headers"]))
        if not key:
            await app(scope, receive, send)
            return
        answer = _Answer(send, _details(key))
        try:
            await once(scope, receive, answer.send)
        except ConflictError as error:
            if error.code != _CODE or error.details is not None:
                raise
            raise _named(error, key) from error.__cause__

    return told


def _details(key: str) -> dict[str, Any]:
    return {"resource_type": "idempotency_key", "field": "Idempotency-Key", "value": key[:255]}


def _named(error: ConflictError, key: str) -> Exception:
    return FLOW.fail(
        _CODE,
        message=error.message,
        details=_details(key),
        retry_after=error.retry_after,
        outcome=error.outcome,
    )


class _Answer:
    """An answer on its way out, whose 409 with a `result` gets its details."""

    def __init__(self, send: SendMessage, details: dict[str, Any]) -> None:
        self._send = send
        self._details = details
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        """Pass a message on, or keep it until the body is whole."""
        if message["type"] == "http.response.start" and message["status"] == _STATUS:
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        body: Any = read_json(self._body)
        if isinstance(body, dict) and "result" in body:
            body["error"]["details"] = self._details
            self._body = msgspec.json.encode(body)
        fields: Fields = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
        fields.append((b"content-length", str(len(self._body)).encode()))
        await self._send({**start, "headers": fields})
        await self._send({"type": "http.response.body", "body": self._body})
