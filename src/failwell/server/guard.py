"""What a keyed write is served under, for every kind of server.

A `Guard` holds the settings that an author gives once; `Asked` is what one request brings. Neither
knows how a server spells a request.
"""

from __future__ import annotations

import logging
from typing import Literal, TypedDict

import msgspec

from failwell.contract import Contract
from failwell.errors import FailwellError
from failwell.flows.serve import Served, Terms
from failwell.headers import OUTCOME, parse_idempotency_key
from failwell.ids import minted
from failwell.model import Outcome
from failwell.policy.idempotency import fingerprint, slot
from failwell.server.context import current, lines
from failwell.server.types import Fields
from failwell.server.write import Write

logger = logging.getLogger("failwell.server")

KEPT_ANSWER = 1024 * 1024
"""Bytes of an answer that are kept for replays."""


class Settings(TypedDict, total=False):
    """`lease` is how long, in seconds, a running write holds its key without a sign of life (it is
    renewed while the handler runs; 30), `wait` how long a second request waits for the first
    one's answer (10).

    `transactional=True` says that the handler commits its answer with its effects, by
    `context.idempotency().commit(...)`: then a claim without an answer is proof that nothing was
    left, and after a crash the request runs again. `on_error="release"` says, without that, that
    an exception undoes everything. `on_outage` is what happens while the store is down: "refuse"
    (503, and nothing was started) or "run" (without protection).
    """

    lease: float
    wait: float
    transactional: bool
    on_error: Literal["keep", "release"]
    on_outage: Literal["refuse", "run"]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One keyed write as it came in; `query` and `media` (the content type) are raw text."""

    caller: str
    method: str
    path: str
    query: str
    media: str
    body: bytes
    key: str


class Guard:
    """The settings of keyed writes.

    Raises `ValueError` for a setting that is out of range, and for a contract whose catalogue
    lacks the codes that its `idempotency` names.
    """

    def __init__(
        self,
        contract: Contract,
        *,
        lease: float = 30.0,
        wait: float = 10.0,
        transactional: bool = False,
        on_error: Literal["keep", "release"] = "keep",
        on_outage: Literal["refuse", "run"] = "refuse",
    ) -> None:
        if lease <= 0 or wait < 0:
            raise ValueError(f"lease={lease!r}, wait={wait!r}: lease above 0, wait 0 or more")
        for code in contract.idempotency.entries:
            contract.entry(*code)
        self.contract = contract
        self.lease = lease
        self._wait = wait
        self._transactional = transactional
        self._on_error: Literal["keep", "release"] = on_error
        self._on_outage: Literal["refuse", "run"] = on_outage

    def key_of(self, method: str, fields: Fields) -> str | None:
        """The key of a request; None where its method takes none, or it has none and needs none.

        Raises the contract's own failure for a key that is malformed, or missing where it is
        required.
        """
        rules = self.contract.idempotency
        if method not in rules.methods:
            return None
        try:
            key = parse_idempotency_key(lines(rules.header or "Idempotency-Key", fields))
        except ValueError as error:
            raise self.contract.fail(*rules.missing, message=str(error)) from None
        if key is None and rules.keys == "required":
            message = f"The {rules.header} header is missing: every write needs one"
            raise self.contract.fail(*rules.missing, message=message)
        return key

    def cut_off(self) -> FailwellError:
        """The failure of a write whose caller has gone before it was whole."""
        return self.contract.refusal(
            self.contract.of_status(400),
            message="The request ended before it was whole",
            outcome=Outcome.NOT_STARTED,
        )

    def terms(self, asked: Asked) -> Terms:
        """What this write is served under; the journal is told who asked, in a digest."""
        request = current()
        if request is not None and request.caller is None:
            request.caller = fingerprint("", "", "", "", asked.caller.encode())[:16]
        method, path = asked.method, asked.path
        return Terms(
            contract=self.contract,
            slot=slot(asked.caller, method, path, asked.key),
            fingerprint=fingerprint(method, path, asked.query, asked.media, asked.body),
            token=minted(),
            lease=self.lease,
            wait=self._wait,
            transactional=self._transactional,
            on_error=self._on_error,
            on_outage=self._on_outage,
            signed=request.signed if request else lambda failure: failure,
        )

    def write(self, terms: Terms, key: str | None) -> Write:
        """The write as its handler sees it; one without a key where it runs unprotected."""
        return Write(None) if key is None else Write(key, self.contract, terms.slot, terms.token)


def single_tenant(scope: object) -> str:
    """The caller of a service that has only one: give it where callers need not be told apart."""
    return "single tenant"


def fields_of(served: Served) -> list[tuple[str, str]]:
    """The header fields of an answer that is given out of the record."""
    fields = list(served.answer.headers)
    if served.replayed:
        fields.append(("idempotent-replayed", "true"))
    if served.answer.status not in (204, 304):
        fields.append(("content-length", str(len(served.answer.body))))
    return fields


def outcome_of(served: Served) -> list[tuple[str, str]]:
    """The header field that the handler's own answer still lacks, if any."""
    return [] if served.outcome is None else [(OUTCOME.lower(), served.outcome.value)]
