"""What is known of one call while it is under way."""

from __future__ import annotations

import msgspec

from failwell.contract.lookup import Flaw
from failwell.flows.account import attempt_of, with_differences
from failwell.flows.existing import is_clash
from failwell.flows.lookup import Sighting
from failwell.flows.terms import Done, How, Terms
from failwell.later import whole
from failwell.model import Attempt, Fault, Issue, Outcome, Reply, Request, Response
from failwell.policy import backoff, deadline, evidence
from failwell.policy.evidence import Verdict
from failwell.policy.retry import Again, Facts, Stop, decide, may_resend
from failwell.tokens import RefreshError


class Story:
    """What is known of a call under way: its attempts, and what became of it so far."""

    def __init__(
        self, request: Request, terms: Terms, first: float, outcome: Outcome | None
    ) -> None:
        self.request = request
        self.terms = terms
        self.first = first
        self.outcome = outcome
        self.attempts: list[Attempt] = []
        self.renewed = False
        self.is_told = False
        self.no_token: RefreshError | None = None
        self.before: Outcome | None = None
        self.most: int | None = None
        self.flaw: Flaw | None = None
        self.reply: Reply
        self.verdict: Verdict
        self.facts: Facts

    @property
    def longest(self) -> float | None:
        """Seconds that it may wait at a time where there is no deadline."""
        return None if self.terms.retry is None else self.terms.retry.max_wait

    @property
    def patient(self) -> float | None:
        """Until when (monotonic seconds) its retries wait for a circuit to close, where there is no
        deadline: as long as they would have waited without one."""
        retry, ends = self.terms.retry, self.terms.ends
        return None if retry is None or ends is not None else self.first + backoff.in_all(retry)

    def learn(self, reply: Reply, verdict: Verdict, took: float, now: float) -> Again | Stop:
        """Write down an attempt that failed; what is to be done about it."""
        self.before = self.outcome
        self.is_told = False
        self.reply, self.verdict = reply, verdict
        self.outcome = evidence.fold(self.before, self.request, verdict)
        self.attempts.append(attempt_of(len(self.attempts) + 1, verdict, reply, took))
        self.most = _fewer(self.most, verdict.max_retries, len(self.attempts))
        self.facts = _facts(self, self.before, now)
        return decide(self.terms.retry, self.facts)

    def look_again(self, decision: Again | Stop, seen: Sighting, now: float) -> Again | Stop:
        """What is to be done now that its record was looked for, and not found."""
        if self.outcome is Outcome.UNKNOWN:
            self.outcome = seen.outcome
        elif not seen.resend or self.terms.contract.existing is None:
            return decision
        left = deadline.left(self.terms.ends, now)
        return decide(self.terms.retry, _after(self.facts, seen, left))

    @property
    def meets_existing(self) -> bool:
        """Whether a record that is there already stands in its way, and may be its answer: where
        the caller said so, or where it may have been made by an attempt before this one."""
        contract, gets = self.terms.contract, self.terms.gets_existing
        may_be_ours = self.may_be_ours and contract.existing is not None
        return (gets or may_be_ours) and is_clash(contract, self.verdict)

    @property
    def may_be_ours(self) -> bool:
        """Whether an attempt before this one may have made the record."""
        return self.before in (Outcome.UNKNOWN, Outcome.APPLIED)

    def differ(self, issues: tuple[Issue, ...]) -> Stop:
        """Write down that the record which is there is not the one that was sent."""
        told = with_differences(self.verdict.failure, issues)
        self.verdict = msgspec.structs.replace(self.verdict, failure=told)
        return Stop("differs")

    def done(self, response: Response, how: How) -> Done:
        """Its end, with an answer that is not the last attempt's own."""
        return Done(response, tuple(map(whole, self.attempts)), how)

    def may_renew(self, decision: Again | Stop) -> bool:
        """Whether a fresh credential may help: the API says that this one is over, and sending
        again is safe."""
        failure = self.verdict.failure
        if not self.terms.renews or self.renewed or failure.status != 401:
            return False
        names = self.terms.contract.renew_on
        is_over = not names or failure.code in names
        return is_over and isinstance(decision, Stop) and may_resend(self.facts)


def _facts(story: Story, before: Outcome | None, now: float) -> Facts:
    terms, request, verdict, reply = story.terms, story.request, story.verdict, story.reply
    is_harmless = story.outcome is None or story.outcome.nothing_done
    repeats = terms.contract.repeats(request.method, str(request.url))
    rests_on_key = not is_harmless and not repeats
    age = now - story.first
    return Facts(
        transient=verdict.transient or evidence.still_running(request, before, verdict),
        repeatable=is_harmless or terms.contract.may_repeat(request),
        rewindable=terms.rewindable(),
        sent=not isinstance(reply, Fault) or reply.sent,
        retry_after=verdict.failure.retry_after,
        made=len(story.attempts),
        left=deadline.left(terms.ends, now),
        roll=terms.roll(),
        key_left=terms.contract.idempotency.retention - age if rests_on_key else None,
        most=story.most,
    )


def _fewer(most: int | None, more: int | None, made: int) -> int | None:
    """How many sends in all are allowed now that an answer allows so many `more`."""
    if more is None:
        return most
    return made + more if most is None else min(most, made + more)


def _after(facts: Facts, seen: Sighting, left: float | None) -> Facts:
    repeatable = seen.outcome.nothing_done or seen.resend
    return msgspec.structs.replace(facts, repeatable=repeatable, key_left=None, left=left)
