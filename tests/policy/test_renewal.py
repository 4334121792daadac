"""Who fetches a fresh token, and what the others do: tables, and a walk through all that may
happen."""

from __future__ import annotations

import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell.policy.renewal import (
    BASE,
    CAP,
    YOUNG,
    Barred,
    Busy,
    Claim,
    Fall,
    Land,
    Meet,
    Mine,
    Put,
    Read,
    Standing,
    is_due,
)
from failwell.stores.memory import MemoryStore
from failwell.tokens import RefreshError, Token

OLD, NEW = Token("old-token-1"), Token("new-token-2")
DAY = 1_800_000_000.0


def claim(holder: str = "a", spent: str | None = OLD.digest, at: float = DAY) -> Claim:
    return Claim(holder=holder, spent=spent, at=at, lease=30.0)


def after(*changes: object, now: float = 100.0, record: Standing | None = None) -> Standing | None:
    """The record once those changes were applied, one after another."""
    for change in changes:
        record = change(record, now).record  # type: ignore[operator]
    return record


def test_the_first_fetches_and_the_others_wait() -> None:
    """One is told to fetch; whoever comes then is told for how long to wait at most."""
    first = claim("a")(Standing(token=OLD), 100.0)
    assert first.answer == Mine()
    assert claim("b")(first.record, 110.0).answer == Busy(20.0)


def test_what_was_fetched_is_for_all() -> None:
    """The others get the token, also those who come with it later than it was fetched."""
    record = after(claim("a"), Land(holder="a", token=NEW), record=Standing(token=OLD))
    assert claim("b")(record, 101.0).answer == NEW
    assert claim("c", spent=None)(record, 101.0).answer == NEW


def test_a_token_whose_time_is_over_is_not_given_out() -> None:
    """What lies in the store and has expired is fetched anew."""
    record = Standing(token=msgspec.structs.replace(NEW, expires_at=DAY - 1))
    assert claim()(record, 100.0).answer == Mine()


@pytest.mark.parametrize(
    ("now", "answer"), [(130.0, Mine()), (131.0, Mine()), (60.0, Mine()), (129.0, Busy(1.0))]
)
def test_a_lease_ends_by_itself(now: float, answer: object) -> None:
    """Who fetches and dies is given up after the lease; a clock put back does not stretch it."""
    record = after(claim("a"), record=Standing(token=OLD))
    assert claim("b")(record, now).answer == answer


def test_a_late_holder_does_not_overwrite() -> None:
    """Whose lease has gone to another changes nothing, neither with a token nor with a failure."""
    record = after(claim("b"), now=200.0, record=after(claim("a"), record=Standing(token=OLD)))
    assert after(Land(holder="a", token=NEW), record=record) is record
    assert after(Fall(holder="a", why="no"), record=record) is record


def test_a_failure_is_for_all_and_pauses_the_fetching() -> None:
    """The others hear the same; the pause doubles with each failure in a row, up to its cap."""
    record, now, pauses = Standing(token=OLD), 0.0, []
    for _ in range(9):
        record = after(claim("a"), Fall(holder="a", why="it is down"), now=now, record=record)
        assert record is not None
        assert claim("b")(record, now + 0.01).answer == Barred("it is down")
        pauses.append(record.barred - now)
        now = record.barred
    assert pauses == [BASE, 2.0, 4.0, 8.0, 16.0, 32.0, CAP, CAP, CAP]
    landed = after(claim("a"), Land(holder="a", token=NEW), now=now, record=record)
    assert landed == Standing(token=NEW)


def test_who_breaks_off_leaves_no_pause() -> None:
    """A fetch that was cancelled is taken over by the next one at once."""
    record = after(claim("a"), Fall(holder="a", why=None), record=Standing(token=OLD))
    assert claim("b")(record, 100.0).answer == Mine()


def test_a_token_that_is_refused_while_it_is_young_is_not_replaced() -> None:
    """Where the API refuses what was fetched a moment ago, another one would fare no better."""
    record = Standing(token=msgspec.structs.replace(NEW, got_at=DAY))
    assert isinstance(claim(spent=NEW.digest, at=DAY + 0.5)(record, 1.0).answer, Barred)
    assert claim(spent=NEW.digest, at=DAY + YOUNG)(record, 1.0).answer == Mine()
    assert claim(spent=NEW.digest, at=DAY - 1.0)(record, 1.0).answer == Mine()
    brief = Standing(token=msgspec.structs.replace(NEW, got_at=DAY, expires_at=DAY + 0.2))
    assert claim(spent=NEW.digest, at=DAY + 0.5)(brief, 1.0).answer == Mine()


def test_a_token_that_is_put_forgets_the_failures() -> None:
    """After a new log-in nothing of the old session holds anybody back."""
    record = after(claim("a"), Fall(holder="a", why="it is down"), Put(NEW))
    assert claim(spent=NEW.digest)(record, 100.0).answer == Mine()
    assert Read()(record, 100.0).answer == Standing(token=NEW)


@pytest.mark.parametrize(
    ("ours", "kept", "stays"),
    [
        (None, NEW, NEW),
        (OLD, None, None),
        (OLD, NEW, NEW),
        (Token("mine", got_at=2.0), None, Token("mine", got_at=2.0)),
        (Token("mine", got_at=2.0), NEW, Token("mine", got_at=2.0)),
        (Token("mine", got_at=2.0), Token("theirs", got_at=3.0), Token("theirs", got_at=3.0)),
    ],
)
def test_of_two_tokens_the_later_one_stays(
    ours: Token | None, kept: Token | None, stays: Token | None
) -> None:
    """A process that looks at the token of the others takes it, unless it has a newer one."""
    step = Meet(ours)(Standing(token=kept), 1.0)
    assert step.answer == stays
    assert step.record is not None
    assert step.record.token == stays


@pytest.mark.parametrize(
    ("token", "due"),
    [
        (None, True),
        (Token("t"), False),
        (Token("t", DAY + 31), False),
        (Token("t", DAY + 30), True),
        (Token("t", DAY - 1), True),
        (Token("t", DAY + 11, got_at=DAY - 9), False),  # of twenty seconds, ten are left
        (Token("t", DAY + 9, got_at=DAY - 11), True),
    ],
)
def test_when_a_token_is_due(token: Token | None, due: bool) -> None:
    """Half a minute before it is over; a short-lived one at half of its time."""
    assert is_due(Standing(token=token), 30.0, DAY) is due


STEPS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["claim", "land", "fall", "drop", "tick"])),
    max_size=60,
)


@given(STEPS)
def test_never_two_at_a_time(steps: list[tuple[str, str]]) -> None:
    """Whatever happens, nobody is told to fetch while another one's lease runs."""
    now, numbers = [0.0], iter(range(10_000))
    store = MemoryStore(lambda: now[0])
    spent, running = dict.fromkeys("abc"), {}
    for who, what in steps:
        running = {holder: ends for holder, ends in running.items() if ends > now[0]}
        match what:
            case "claim":
                asked = Claim(holder=who, spent=spent[who], at=DAY + now[0], lease=5.0)
                answer = store.update("k", asked)
                if isinstance(answer, Token):
                    spent[who] = answer.digest  # type: ignore[assignment]
                if isinstance(answer, Mine):
                    assert not running, "two fetch at a time"
                    running[who] = now[0] + 5.0
            case "land" if who in running:
                store.update("k", Land(holder=who, token=Token(f"t{next(numbers)}")))
                del running[who]
            case "fall" | "drop" if who in running:
                store.update("k", Fall(holder=who, why="no" if what == "fall" else None))
                del running[who]
            case "tick":
                now[0] += 1.7


def test_a_token_is_shown_nowhere() -> None:
    """Neither `repr` nor a record, nor a pickle, gives it away."""
    token = Token("tok-secret-1", DAY, refresh="ref-secret-2")
    shown = f"{token!r} {token} {Standing(token=token)!r} {Put(token)!r} {claim()!r}"
    assert "secret" not in shown + repr(Land(holder="a", token=token)) + str(token.__rich_repr__())
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(token)


@pytest.mark.parametrize("value", ["", "a b", "a\r\nX: y", "<html>\n", "ä", "x" * 20_000])
def test_what_no_header_can_carry_is_no_token(value: str) -> None:
    """A page of HTML, a line break, nothing: the refusal does not quote it."""
    with pytest.raises(ValueError, match="visible ASCII") as caught:
        Token(value)
    assert value not in str(caught.value) or not value
    with pytest.raises(ValueError, match="expires_at=nan"):
        Token("t", float("nan"))


def test_the_failure_pickles() -> None:
    """Why there is no token travels with the error that it caused."""
    assert str(pickle.loads(pickle.dumps(RefreshError("it is down")))) == "it is down"
