"""A step that was written down, done and undone by whichever process holds its transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from failwell import redaction
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.errors import APIConnectionError, InvalidRequestError
from failwell.flows.saga import Finding
from failwell.flows.settle import Settled
from failwell.ids import minted
from failwell.model import Failure, Kind, Outcome, Sent, read_json
from failwell.model import Request as Asked
from failwell.policy.saga import Step
from failwell.settings import Options
from failwell.transactions.declared import Function, Request
from failwell.transactions.work import APPLIED, KEY, MISSING

JSON = {"Content-Type": "application/json"}


class Written(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step, in full, as it is kept: what it does, how it is undone and looked for.

    `at` is the time of day at which it began (epoch seconds); `settle_time` (seconds) that after
    which a record that is not found will not appear any more; `result` is JSON.
    """

    act: Function | Request
    at: float
    undo: Function | Request | None = None
    look_up: str | None = None
    settle_time: float | None = None
    result: bytes | None = None


class World(msgspec.Struct, frozen=True):
    """What written steps are done with: how functions are found, and the client for requests."""

    find: Callable[[str], Callable[..., Any]]
    client: Client | AsyncClient | None = None


class Durable:
    """The work of a written step."""

    made = True

    def __init__(self, written: Written, step: Step, world: World) -> None:
        self.written = written
        self.step = step
        self.flaw: str | None = None
        self._world = world

    @property
    def result(self) -> Any:
        """The result as JSON gives it back, in this process and in any other."""
        kept = self.written.result
        return None if kept is None else msgspec.json.decode(kept)

    def act(self) -> Any:
        """Call the function, or send the request."""
        return self._perform(self.written.act)

    def take(self, answer: Any) -> Any:
        """The result: what the function returned, or the answer's JSON."""
        result = answer if isinstance(self.written.act, Function) else _body_of(answer)
        try:
            self._remember(result)
        except (TypeError, ValueError, RecursionError) as error:
            self.flaw = (
                f"What {self.step.label} returned is not JSON, so nobody can undo it: {error}"
            )
        return result

    def undo(self) -> Any:
        """Call the compensation with the result, or send its request for it."""
        undo = self.written.undo
        assert undo is not None
        if isinstance(undo, Function):
            return self._world.find(undo.place)(self.result)
        return self._send(undo.filled(self.result))

    def ask(self) -> Any:
        """Look for the record, or send the same again with the same key."""
        act = self.written.act
        if isinstance(act, Request):
            return self._settle(act)
        if self.written.look_up is None:
            return self._perform(act)
        positional, named = act.decoded
        return self._world.find(self.written.look_up)(*positional, **named)

    def find(self, answer: Any) -> Finding:
        """What is known now; a result is remembered. Raises what stood in the way of knowing."""
        if isinstance(answer, Settled):
            return self._settled(answer)
        if answer is not None or self.written.look_up is None:
            self._remember(answer)
            return APPLIED
        settle_time = self.written.settle_time
        if settle_time is not None and time.time() - self.written.at >= settle_time:
            return Finding(outcome=Outcome.NOT_STARTED, why="It is not there, and will not appear")
        return MISSING

    def _settled(self, settled: Settled) -> Finding:
        if settled.error is not None and settled.outcome is Outcome.UNKNOWN:
            raise settled.error
        if settled.response is not None:
            self._remember(_body_of(settled.response))
        elif settled.outcome is Outcome.APPLIED:
            why = "It took effect, and what it gave could not be read"
            return Finding(outcome=Outcome.PARTIALLY_APPLIED, why=why)
        return Finding(outcome=settled.outcome or Outcome.UNKNOWN, why=settled.why)

    def _remember(self, result: Any) -> None:
        kept = redaction.scrub(msgspec.json.encode(result))
        self.written = msgspec.structs.replace(self.written, result=kept)

    def _perform(self, act: Function | Request) -> Any:
        if isinstance(act, Request):
            return self._send(act)
        positional, named = act.decoded
        return self._world.find(act.place)(*positional, **named)

    def _send(self, request: Request) -> Any:
        options = Options(idempotency_key=request.key)
        return client_of(self._world).request(
            request.method,
            request.url,
            content=request.body,
            headers=JSON if request.body is not None else None,
            extensions={"failwell": options},
        )

    def _settle(self, request: Request) -> Any:
        client = client_of(self._world)
        url = str(client.build_request(request.method, request.url).url)
        media = JSON["Content-Type"] if request.body is not None else None
        sent = Sent(
            method=request.method,
            url=url,
            at=self.written.at,
            key=request.key,
            content_type=media,
            body=request.body or b"",
        )
        failure = Failure(
            kind=Kind.CONNECTION,
            message="It was under way when it was interrupted",
            outcome=Outcome.UNKNOWN,
            method=request.method,
            url=url,
        )
        return client.settle(APIConnectionError(failure, (), sent))


def client_of(world: World) -> Client | AsyncClient:
    """The client for requests. Raises `InvalidRequestError` where there is none."""
    if world.client is None:
        raise InvalidRequestError.of(
            "A declared request needs a client: transaction(..., client=client), and "
            "failwell recover --app module:client"
        )
    return world.client


def with_key(request: Request, client: Client | AsyncClient) -> Request:
    """The request with a key, where its method takes one and it has none."""
    rules = client.contract.idempotency
    wants = request.key is None and rules.header is not None and request.method in rules.methods
    return msgspec.structs.replace(request, key=minted()) if wants else request


def is_keyed(request: Request, client: Client | AsyncClient) -> bool:
    """Whether sending the request again has the effect of sending it once."""
    asked = Asked(method=request.method, url=request.url, key=request.key)
    return client.contract.may_repeat(asked)


def is_settleable(written: Written, client: Client | AsyncClient | None) -> bool:
    """Whether it can be asked what became of the step: by key or natural key."""
    if isinstance(written.act, Function):
        return written.look_up is not None or KEY in written.act.decoded[1]
    assert client is not None
    return is_keyed(written.act, client) or client.contract.look_up is not None


def _body_of(response: Any) -> Any:
    return read_json(response.content) if response.content else None
