"""MDL: what is read, and every rule that a document can break, each with its path and value."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell.apis.matcraft.mdl import (
    Document,
    MalformedError,
    MistakesError,
    Problem,
    parse,
    read,
)
from failwell.apis.matcraft.mdl.expression import FormulaError, comparison, formula
from failwell.apis.matcraft.templates import TEMPLATES

GOOD: dict[str, Any] = {
    "name": "alloy-1",
    "domain": "general",
    "parameters": [
        {"name": "temperature", "type": "continuous", "bounds": [300, 1200]},
        {"name": "solvent", "type": "categorical", "choices": ["water", "ethanol"]},
    ],
    "objectives": [{"name": "strength", "direction": "maximize"}],
}


def mistakes(value: Any) -> list[tuple[str, str]]:
    """The path and the rule of every mistake."""
    with pytest.raises(MistakesError) as caught:
        parse(Document(value))
    assert all({"path", "message", "value", "code"} <= set(one) for one in caught.value.details)
    return [(one["path"], one["code"]) for one in caught.value.details]


def parameter(**fields: Any) -> dict[str, Any]:
    return {"name": "x", "type": "continuous", "bounds": [0, 1]} | fields


# --- Rules ---------------------------------------------------------------------------------------

TOP = [
    ({"name": None}, "name", "name.required"),
    ({"name": "two words"}, "name", "name.pattern"),
    ({"name": "x" * 129}, "name", "name.pattern"),
    ({"name": "ü"}, "name", "name.pattern"),
    ({"name": 3}, "name", "name.pattern"),
    ({"domain": None}, "domain", "domain.required"),
    ({"domain": "cheese"}, "domain", "domain.choice"),
    ({"description": "x" * 1025}, "description", "description.text"),
    ({"version": "2.0"}, "version", "version.choice"),
    ({"parameters": None}, "parameters", "parameters.required"),
    ({"parameters": []}, "parameters", "parameters.count"),
    ({"parameters": {}}, "parameters", "parameters.type"),
    ({"parameters": [3]}, "parameters[0]", "parameter.type"),
    ({"objectives": []}, "objectives", "objectives.count"),
    ({"constraints": "x > 1"}, "constraints", "constraints.type"),
    ({"optimizer": []}, "optimizer", "optimizer.type"),
]
PARAMETER = [
    ({"name": "1x"}, "name", "pattern"),
    ({"name": "x" * 65}, "name", "pattern"),
    ({"type": "discrete"}, "type", "choice"),
    ({"type": None}, "type", "required"),
    ({"bounds": None}, "bounds", "required"),
    ({"bounds": [1]}, "bounds", "numbers"),
    ({"bounds": ["0", "1"]}, "bounds", "numbers"),
    ({"bounds": [0, math.inf]}, "bounds", "numbers"),
    ({"bounds": [0, 10**400]}, "bounds", "numbers"),
    ({"bounds": [False, True]}, "bounds", "numbers"),
    ({"bounds": [1, 0]}, "bounds", "order"),
    ({"bounds": [1, 1]}, "bounds", "order"),
    ({"bounds": [0, 1], "log_scale": True}, "bounds", "positive"),
    ({"log_scale": "yes"}, "log_scale", "flag"),
    ({"type": "integer", "bounds": [0, 1.5]}, "bounds", "whole"),
    ({"type": "integer", "log_scale": True}, "log_scale", "continuous"),
    ({"type": "categorical"}, "choices", "required"),
    ({"type": "categorical", "choices": ["a"]}, "choices", "count"),
    ({"type": "categorical", "choices": [f"c{n}" for n in range(51)]}, "choices", "count"),
    ({"type": "categorical", "choices": ["a", "a"]}, "choices", "unique"),
    ({"type": "categorical", "choices": ["a", 2]}, "choices", "words"),
]
OBJECTIVE = [
    ({"name": "a b"}, "name", "pattern"),
    ({"name": "x"}, "name", "unique"),
    ({"direction": "up"}, "direction", "choice"),
    ({"direction": None}, "direction", "required"),
    ({"weight": 0}, "weight", "range"),
    ({"weight": "heavy"}, "weight", "range"),
    ({"reference_point": "here"}, "reference_point", "range"),
    ({"expression": "x +"}, "expression", "syntax"),
    ({"expression": "x >= 1"}, "expression", "syntax"),
    ({"expression": "y"}, "expression", "names"),
]
CONSTRAINT = [
    ({"expression": None}, "expression", "required"),
    ({"expression": "x"}, "expression", "syntax"),
    ({"expression": "x < 1 < 2"}, "expression", "syntax"),
    ({"expression": "(x < 1"}, "expression", "syntax"),
    ({"expression": "import_os() > 1"}, "expression", "syntax"),
    ({"expression": "x ** 2 > 1"}, "expression", "syntax"),
    ({"expression": "y > 1"}, "expression", "names"),
    ({"expression": "x > 1", "tolerance": -1}, "tolerance", "range"),
]
OPTIMIZER = [
    ("method", "magic", "choice"),
    ("budget", 0, "range"),
    ("budget", 2.5, "range"),
    ("batch_size", 0, "range"),
    ("surrogate", "oracle", "choice"),
    ("seed", -1, "range"),
    ("sigma0", 0.6, "range"),
    ("population", 9, "range"),
    ("learning_rate", 0.1, "range"),
    ("epochs", 49, "range"),
    ("dropout", 0.51, "range"),
    ("activation", "gelu", "choice"),
]


@pytest.mark.parametrize(("change", "path", "rule"), TOP)
def test_rules_of_the_top(change: dict[str, Any], path: str, rule: str) -> None:
    """Each broken rule is told by its name and its path."""
    assert mistakes(GOOD | change) == [(path, rule)]


@pytest.mark.parametrize(("change", "field", "rule"), PARAMETER)
def test_rules_of_a_parameter(change: dict[str, Any], field: str, rule: str) -> None:
    """The same, with the parameter's place."""
    value = GOOD | {"parameters": [parameter(name="first"), parameter(**change)]}
    assert mistakes(value) == [(f"parameters[1].{field}", f"parameter.{field}.{rule}")]


@pytest.mark.parametrize(("change", "field", "rule"), OBJECTIVE)
def test_rules_of_an_objective(change: dict[str, Any], field: str, rule: str) -> None:
    """The same, for objectives."""
    one = {"name": "f", "direction": "minimize"} | change
    value = GOOD | {"parameters": [parameter()], "objectives": [one]}
    assert mistakes(value) == [(f"objectives[0].{field}", f"objective.{field}.{rule}")]


@pytest.mark.parametrize(("change", "field", "rule"), CONSTRAINT)
def test_rules_of_a_constraint(change: dict[str, Any], field: str, rule: str) -> None:
    """The same, for constraints."""
    value = GOOD | {"parameters": [parameter()], "constraints": [change]}
    assert mistakes(value) == [(f"constraints[0].{field}", f"constraint.{field}.{rule}")]


@pytest.mark.parametrize(("field", "value", "rule"), OPTIMIZER)
def test_rules_of_the_optimizer(field: str, value: Any, rule: str) -> None:
    """The same, for the optimiser's settings."""
    told = mistakes(GOOD | {"optimizer": {field: value}})
    assert told == [(f"optimizer.{field}", f"optimizer.{field}.{rule}")]


def test_names_are_unique() -> None:
    """Parameters among themselves, and objectives."""
    twice = [parameter(), parameter()]
    assert mistakes(GOOD | {"parameters": twice}) == [
        ("parameters[1].name", "parameter.name.unique")
    ]


def test_a_word_is_no_number() -> None:
    """A categorical parameter cannot be reckoned with."""
    value = GOOD | {"constraints": [{"expression": "solvent > 1"}]}
    assert mistakes(value) == [("constraints[0].expression", "constraint.expression.names")]


def test_all_mistakes_are_told_at_once() -> None:
    """Both levels, each mistake once, and a sum of them on top."""
    value = GOOD | {
        "name": "a b",
        "parameters": [parameter(), parameter(bounds=[2, 1])],
        "constraints": [{"expression": "1 +"}],
    }
    with pytest.raises(MistakesError, match="4 problems") as caught:
        parse(Document(value))
    assert len(caught.value.details) == 4


def test_one_mistake_is_the_message() -> None:
    """The published sentence, for the published mistake."""
    bad = {"name": "temperature", "type": "continuous", "bounds": [1200, 300]}
    with pytest.raises(MistakesError) as caught:
        parse(Document(GOOD | {"parameters": [bad]}))
    assert str(caught.value) == "Parameter 'temperature' has inverted bounds [1200, 300]"
    (detail,) = caught.value.details
    assert detail["path"] == "parameters[0].bounds"
    assert detail["message"] == "Lower bound must be less than upper bound"
    assert detail["value"] == [1200, 300]


@pytest.mark.parametrize("value", [None, 3, "text", [], [GOOD]])
def test_what_is_no_document(value: Any) -> None:
    """A value that is no mapping is one mistake."""
    assert mistakes(value) == [("", "type")]


def test_huge_values_are_not_sent_back() -> None:
    """What is told of a value has an end, and so has the list of mistakes."""
    long = GOOD | {"name": "x" * 100_000, "parameters": [{"name": "1", "type": "y"}] * 5000}
    with pytest.raises(MistakesError) as caught:
        parse(Document(long))
    assert len(str(caught.value.details)) < 50_000


# --- What is right -------------------------------------------------------------------------------


def test_a_good_document_reads_as_it_is_meant() -> None:
    """Defaults are those of the specification, but for the surrogate: a Gaussian process."""
    problem = parse(Document(GOOD))
    assert isinstance(problem, Problem)
    assert problem.columns == ("temperature", "solvent", "strength")
    settings = problem.optimizer
    assert (settings.method, settings.batch_size, settings.sigma0) == ("cma-es", 10, 0.3)
    assert settings.surrogate == "gp"


def test_limits_are_included() -> None:
    """As many as there may be, and the ends of every range."""
    many = [parameter(name=f"x{n}") for n in range(100)]
    ends = {"sigma0": 0.05, "population": 200, "epochs": 1000, "dropout": 0.5, "budget": 1}
    parse(Document(GOOD | {"name": "x" * 128, "parameters": many, "optimizer": ends}))


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_templates_are_right(template: dict[str, Any]) -> None:
    """What is offered can be used."""
    assert parse(Document(template["mdl"])).domain == template["domain"]


# --- YAML ----------------------------------------------------------------------------------------


def test_yaml_is_read_with_its_lines() -> None:
    """Values by the core schema, and the line of every part."""
    document = read("a: 1e-6\nb: [on, 'off', true, ~, 0x1, -3, .inf]\nc:\n  - {d: 1.0}\n")
    assert document.value == {
        "a": 1e-6,
        "b": ["on", "off", True, None, "0x1", -3, math.inf],
        "c": [{"d": 1.0}],
    }
    assert document.lines[("c", 0, "d")] == 4


def test_a_mistake_carries_the_nearest_line() -> None:
    """What is missing is told with the line of what it is missing from."""
    text = (
        "name: a\ndomain: general\nparameters:\n- name: x\nobjectives:\n- {name: f, direction: x}\n"
    )
    with pytest.raises(MistakesError) as caught:
        parse(read(text))
    lines = {one["path"]: one["line"] for one in caught.value.details}
    assert lines == {"parameters[0].type": 4, "objectives[0].direction": 6}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("# nothing\n", "empty"),
        ("a: [1,", "line"),
        ("a: 1\n b: 2", "line 2"),
        ("a: 1\na: 2", "Line 2 repeats a"),
        ("a: &x 1\nb: *x", "Line 2 refers to an anchor"),
        ("a: !!python/object:os.system ls", "Line 1 has a tag"),
        ("a: 1\n---\nb: 2", "one YAML document"),
        ("? [1]\n: 2", "no word"),
        ("\x00", "control characters|special characters"),
        ("a: \ud800", "surrogates"),
        ("[" * 1000, "nested too deeply"),
    ],
)
def test_what_is_no_mdl_yaml(text: str, words: str) -> None:
    """Malformed text says where; anchors, tags and depth without end are no part of MDL."""
    with pytest.raises(MalformedError, match=words):
        read(text)


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_no_text_breaks_the_reader(text: str | bytes) -> None:
    """Whatever comes is a document or malformed."""
    with contextlib.suppress(MalformedError):
        assert read(text).lines


_KEYS = "name type bounds choices parameters objectives constraints expression direction weight "
_KEYS += "optimizer budget domain tolerance"
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(_KEYS.split()), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(_JSON)
def test_no_value_breaks_the_rules(value: Any) -> None:
    """Whatever is stated is right or has mistakes."""
    whole = GOOD | value if isinstance(value, dict) else value
    with contextlib.suppress(MistakesError):
        assert isinstance(parse(Document(whole)), Problem)


# --- Formulas ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("2 - 3 - 4", -5.0),
        ("8 / 4 / 2", 1.0),
        ("-a * 2", -4.0),
        ("--a", 2.0),
        ("+a", 2.0),
        ("2 * -a", -4.0),
        ("1e2 + .5", 100.5),
        ("a_1 / a", 5.0),
    ],
)
def test_formulas_come_to_their_values(text: str, value: float) -> None:
    """Precedence, signs, numbers and names are those of arithmetic."""
    assert formula(text).value({"a": 2.0, "a_1": 10.0}) == value


@pytest.mark.parametrize(
    "text", ["", "1 +", "* 2", "a b", "(", ")", "()", "(1))", "1 ** 2", "a.b", "f(1)", "1 = 2", "ä"]
)
def test_what_is_no_formula(text: str) -> None:
    """The message says what is wrong."""
    with pytest.raises(FormulaError, match=r"\w"):
        formula(text)


def test_depth_is_no_danger() -> None:
    """Nothing recurses."""
    assert formula("(" * 499 + "1" + ")" * 499).value({}) == 1.0
    assert formula("-" * 998 + "1").value({}) == 1.0
    with pytest.raises(FormulaError, match="1000"):
        formula("1" * 1001)


@pytest.mark.parametrize(
    ("text", "violation"),
    [("x >= 1", 0.5), ("x <= 1", 0.0), ("x == 1", 0.5), ("x > 0.5", 0.0), ("1 - x < 0.25", 0.25)],
)
def test_a_comparison_says_by_how_much_it_fails(text: str, violation: float) -> None:
    """Zero where it holds, within the tolerance."""
    assert comparison(text).violation({"x": 0.5}, 1e-6) == violation


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 50))
def test_formulas_reckon_as_python_does(a: int, b: int, c: int) -> None:
    """The same expression, the same value."""
    text = "(a - b) * c + a / c - -b"
    assert formula(text).value({"a": a, "b": b, "c": c}) == (a - b) * c + a / c - -b
