"""Formulas over names: numbers, names, + - * / and parentheses, and one comparison.

A formula is translated once into postfix order (Dijkstra's shunting yard), so that neither
translating nor computing recurses, whatever its depth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

LONGEST = 1000
"""Characters of a formula."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<name>[A-Za-z]\w*)|(?P<sign>>=|<=|==|[-+*/()<>]))",
    re.ASCII,
)
_NEGATE = "~"
_BINDS = {"+": 1, "-": 1, "*": 2, "/": 2, _NEGATE: 3}
_COMPARISONS = frozenset({">=", "<=", ">", "<", "=="})


class FormulaError(ValueError):
    """The text is not a formula; the message says where and why."""


class Formula(msgspec.Struct, frozen=True):
    """A formula in postfix order: numbers, names and operators."""

    text: str
    postfix: tuple[float | str, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names that it mentions."""
        words = (step for step in self.postfix if isinstance(step, str))
        return frozenset(word for word in words if word not in _BINDS)

    def value(self, values: Mapping[str, float]) -> float:
        """What it comes to. Raises `ZeroDivisionError`, and `KeyError` for a missing name."""
        stack: list[float] = []
        for step in self.postfix:
            if not isinstance(step, str):
                stack.append(step)
            elif step == _NEGATE:
                stack.append(-stack.pop())
            elif step in _BINDS:
                right = stack.pop()
                stack.append(_applied(step, stack.pop(), right))
            else:
                stack.append(values[step])
        return stack[0]


class Comparison(msgspec.Struct, frozen=True):
    """Two formulas and the sign between them."""

    left: Formula
    sign: str
    right: Formula

    @property
    def names(self) -> frozenset[str]:
        """The names that both sides mention."""
        return self.left.names | self.right.names

    def violation(self, values: Mapping[str, float], tolerance: float) -> float:
        """By how much it fails to hold; 0 where it holds within the tolerance."""
        excess = self.left.value(values) - self.right.value(values)
        if self.sign == "==":
            excess = abs(excess)
        elif self.sign in (">=", ">"):
            excess = -excess
        return excess if excess > tolerance else 0.0


def formula(text: str) -> Formula:
    """The formula that this text spells. Raises `FormulaError`."""
    tokens = list(_tokens(text))
    if any(token in _COMPARISONS for token in tokens):
        raise FormulaError("A formula has no comparison")
    return Formula(text, _postfix(tokens))


def comparison(text: str) -> Comparison:
    """The comparison that this text spells. Raises `FormulaError`."""
    tokens = list(_tokens(text))
    signs = [place for place, token in enumerate(tokens) if token in _COMPARISONS]
    if len(signs) != 1:
        raise FormulaError("Give one of >= <= > < == between two formulas")
    (at,) = signs
    left, right = _postfix(tokens[:at]), _postfix(tokens[at + 1 :])
    return Comparison(Formula(text, left), str(tokens[at]), Formula(text, right))


def _applied(operator: str, left: float, right: float) -> float:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return left / right


def _tokens(text: str) -> Iterator[float | str]:
    if len(text) > LONGEST:
        raise FormulaError(f"It is longer than {LONGEST} characters")
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise FormulaError(f"Character {at + 1} ({text[at : at + 10]!r}) cannot be read")
        at = found.end()
        yield float(found["number"]) if found["number"] else found["name"] or found["sign"]


def _postfix(tokens: list[float | str]) -> tuple[float | str, ...]:
    yard = _Yard()
    for token in tokens:
        yard.take(token)
    return yard.whole()


class _Yard:
    """Operators wait here until those that bind less come by."""

    def __init__(self) -> None:
        self._done: list[float | str] = []
        self._waiting: list[str] = []
        self._wants_value = True

    def take(self, token: float | str) -> None:
        """The next token."""
        if token == ")":
            self._close()
        elif token in _BINDS:
            self._operator(str(token))
        elif not self._wants_value:
            raise FormulaError(f"An operator is missing before {token}")
        elif token == "(":
            self._waiting.append("(")
        else:
            self._done.append(token)
            self._wants_value = False

    def whole(self) -> tuple[float | str, ...]:
        """All of it, now that there are no more tokens."""
        if self._wants_value:
            raise FormulaError("A value is missing at the end")
        while self._waiting:
            if self._waiting[-1] == "(":
                raise FormulaError("A parenthesis is not closed")
            self._done.append(self._waiting.pop())
        return tuple(self._done)

    def _operator(self, token: str) -> None:
        if self._wants_value:
            if token not in "+-":
                raise FormulaError(f"A value is missing before {token}")
            if token == "-":
                self._waiting.append(_NEGATE)
            return
        while self._waiting and _BINDS.get(self._waiting[-1], 0) >= _BINDS[token]:
            self._done.append(self._waiting.pop())
        self._waiting.append(token)
        self._wants_value = True

    def _close(self) -> None:
        if self._wants_value:
            raise FormulaError("A value is missing before )")
        while self._waiting and self._waiting[-1] != "(":
            self._done.append(self._waiting.pop())
        if not self._waiting:
            raise FormulaError("A parenthesis is closed that was not opened")
        self._waiting.pop()
