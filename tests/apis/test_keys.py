"""API keys, as clients are given them."""

from __future__ import annotations

import pytest

from failwell.apis.keys import api_key, sendable
from failwell.errors import InvalidRequestError

VARIABLES = ("FIRST_KEY", "SECOND_KEY")


def test_what_is_given_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the variables, in their order; an empty one is none."""
    monkeypatch.setenv("FIRST_KEY", "")
    monkeypatch.setenv("SECOND_KEY", "second")
    assert api_key("given", VARIABLES, "advice") == "given"
    assert api_key(None, VARIABLES, "advice") == "second"
    monkeypatch.setenv("FIRST_KEY", "first")
    assert api_key(None, VARIABLES, "advice") == "first"


def test_without_a_key_one_is_told_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names every variable, and the advice says where a key is made."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InvalidRequestError, match="FIRST_KEY or SECOND_KEY") as caught:
        api_key(None, VARIABLES, "Make one.")
    assert caught.value.advice == "Make one."


@pytest.mark.parametrize("bad", ["a b", "a\nb", "schlüssel", "\x7f"])
def test_what_no_header_carries_is_refused_unshown(bad: str) -> None:
    """A credential with a space, a control character or a letter beyond ASCII is not sent."""
    with pytest.raises(ValueError, match="The token holds characters") as caught:
        sendable(bad, "token")
    assert bad not in str(caught.value)
