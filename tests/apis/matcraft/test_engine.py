"""The real work against known true values: evaluation, Pareto sets, surrogate, search, workers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from failwell.apis.matcraft.engine import (
    Began,
    Ended,
    Event,
    Observation,
    Pool,
    Progress,
    Run,
    WorkerUnavailableError,
    space,
)
from failwell.apis.matcraft.engine.evaluation import (
    EvaluationError,
    Laboratory,
    optimum,
    properties,
)
from failwell.apis.matcraft.engine.network import Network
from failwell.apis.matcraft.engine.optimiser import Campaign
from failwell.apis.matcraft.engine.pareto import best
from failwell.apis.matcraft.engine.surrogate import Surrogate, TrainingError
from failwell.apis.matcraft.mdl import Document, Problem, parse
from failwell.apis.matcraft.mdl.model import Optimizer

X = {"name": "x", "type": "continuous", "bounds": [-2, 2]}
Y = {"name": "y", "type": "continuous", "bounds": [-2, 2]}


def problem(*objectives: str, parameters: Any = (X, Y), **fields: Any) -> Problem:
    """A problem whose objectives are these formulas, to be minimised."""
    stated = [
        {"name": f"f{n}", "direction": "minimize", "expression": text}
        for n, text in enumerate(objectives)
    ]
    optimizer = {"budget": 80, "batch_size": 10, "seed": 1} | fields.pop("optimizer", {})
    value = {"name": "t", "domain": "general", "parameters": list(parameters), **fields}
    return parse(Document({"objectives": stated, **value, "optimizer": optimizer}))


def run(stated: Problem, prior: tuple[Observation, ...] = ()) -> tuple[Campaign, Progress]:
    """The campaign when it is over, and the last that it told."""
    campaign = Campaign("job", stated, prior)
    *_, last = campaign.steps()
    return campaign, last


# --- Evaluation ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "values", "name", "value"),
    [
        ("water", {"pressure": 36, "recovery": 1}, "specific_energy", 1.0),
        ("water", {"pressure": 30, "osmotic_pressure": 10}, "flux", 40.0),
        ("battery", {"voltage": 4, "capacity": 3, "mass": 0.05}, "energy_density", 240.0),
        ("battery", {"capacity": 6, "current": 3}, "charging_time", 2.0),
        ("solar", {"cell_temperature": 25, "area": 0.0252}, "efficiency", 0.2),
    ],
)
def test_the_domains_formulas(domain: str, values: Any, name: str, value: float) -> None:
    """Hand-computed figures of each field."""
    assert properties(domain, values)[name] == pytest.approx(value)


def test_an_evaluation_that_raises_says_where() -> None:
    """The exception's name, the objective and the parameters."""
    with pytest.raises(EvaluationError, match=r"f0 raised ZeroDivisionError.*x=0.0"):
        Laboratory(problem("1 / x")).measured([0.5, 0.5])


def test_a_response_surface_has_a_known_optimum() -> None:
    """An objective that nobody can compute is 1 at the optimum that its names give, less beside."""
    value = {"name": "t", "domain": "water", "parameters": [X, Y]}
    stated = parse(Document(value | {"objectives": [{"name": "shine", "direction": "maximize"}]}))
    at = [optimum("water", "shine", "x"), optimum("water", "shine", "y")]
    laboratory = Laboratory(stated)
    assert laboratory.measured(at) == [1.0]
    assert laboratory.measured([0.0, 0.0])[0] < 0.9


# --- The cube ------------------------------------------------------------------------------------

SPACE = problem(
    "a",
    parameters=(
        {"name": "a", "type": "continuous", "bounds": [1, 100], "log_scale": True},
        {"name": "b", "type": "integer", "bounds": [2, 5]},
        {"name": "c", "type": "categorical", "choices": ["p", "q", "r"]},
    ),
)


@pytest.mark.parametrize(
    ("point", "values"),
    [
        ([0.0, 0.0, 0.0], {"a": 1.0, "b": 2, "c": "p"}),
        ([0.5, 0.5, 0.5], {"a": 10.0, "b": 4, "c": "q"}),
        ([1.0, 1.0, 1.0], {"a": 100.0, "b": 5, "c": "r"}),
    ],
)
def test_points_stand_for_values(point: list[float], values: dict[str, Any]) -> None:
    """Logarithmic, whole and worded parameters, at the corners and in the middle."""
    told = space.decode(SPACE, point)
    assert told["a"] == pytest.approx(values["a"])
    assert (told["b"], told["c"], type(told["b"])) == (values["b"], values["c"], int)
    again = space.decode(SPACE, space.encode(SPACE, told))
    assert (again["b"], again["c"]) == (told["b"], told["c"])
    assert again["a"] == pytest.approx(told["a"])


# --- Pareto sets ---------------------------------------------------------------------------------


def test_the_pareto_set_is_what_nothing_dominates() -> None:
    """Dominated, repeated and infinite evaluations are left out; the rest is in order."""
    values = np.array([[3.0, 1], [1, 3], [2, 2], [3, 3], [2, 2], [np.inf, 0], [0, np.nan]])
    assert best(values, np.zeros(7)) == [1, 2, 0]


def test_feasible_comes_before_better() -> None:
    """What breaks a constraint is kept only where everything does: that which fails least."""
    values = np.array([[0.0], [1.0]])
    assert best(values, np.array([0.5, 0.0])) == [1]
    assert best(values, np.array([0.5, 0.4])) == [1]
    assert best(np.array([[np.nan]]), np.zeros(1)) == []


# --- The surrogate -------------------------------------------------------------------------------


GP = Optimizer()
MLP = Optimizer(surrogate="mlp", learning_rate=0.01, epochs=500)
BOTH = pytest.mark.parametrize("settings", [GP, MLP], ids=["gp", "mlp"])


@BOTH
def test_the_surrogate_learns(settings: Optimizer) -> None:
    """Trained on a plane, it predicts the plane."""
    points = np.random.default_rng(0).random((30, 2))
    plane = points @ np.array([[2.0, -1.0], [1.0, 3.0]]) + 5
    surrogate = Surrogate(settings)
    surrogate.train(points, plane, ("f", "g"))
    at = np.array([[0.4, 0.6], [0.2, 0.3]])
    expected = at @ np.array([[2.0, -1.0], [1.0, 3.0]]) + 5
    assert surrogate.predict(at) == pytest.approx(expected, abs=0.02 if settings is GP else 0.2)


@pytest.mark.parametrize("activation", ["relu", "tanh", "silu"])
def test_the_network_trains_as_it_is_told(activation: str) -> None:
    """Each activation learns a curve, better with more epochs; dropout counts; a seed repeats."""
    points = np.random.default_rng(0).random((64, 1))
    curve = np.sin(4 * points)

    def missed(epochs: int, dropout: float = 0.0) -> float:
        network = Network(Optimizer(activation=activation, epochs=epochs, dropout=dropout))
        network.fit(points, curve)
        return float(((network.predict(points) - curve) ** 2).mean())

    few = missed(50)
    assert missed(1000) < min(few, 0.05)
    assert missed(50) == few
    assert missed(50, dropout=0.5) != few


@pytest.mark.parametrize("activation", ["relu", "tanh", "silu"])
def test_the_networks_slopes_are_those_of_its_error(activation: str) -> None:
    """Each weight's slope is what a small change of the weight does to the mean squared error."""
    dice = np.random.default_rng(3)
    points, objectives = dice.random((6, 2)), dice.normal(size=(6, 2))
    network = Network(Optimizer(activation=activation, epochs=50))
    network.fit(points, objectives)
    arrays = [*network._weights, *network._biases]

    def error() -> float:
        return float(((network.predict(points) - objectives) ** 2).mean())

    for array, slopes in zip(arrays, network._slopes(dice, points, objectives), strict=True):
        for place in list(np.ndindex(array.shape))[:5]:
            before = array[place]
            array[place] = before + 1e-6
            above = error()
            array[place] = before - 1e-6
            slope, array[place] = (above - error()) / 2e-6, before
            assert slopes[place] == pytest.approx(slope, abs=1e-6)


@BOTH
@pytest.mark.parametrize(
    ("column", "words"),
    [([1.0, 1.0, 1.0], "constant"), ([1.0, np.nan, 2.0], "finite"), ([1, np.inf, 2], "finite")],
)
def test_what_cannot_be_learnt(settings: Optimizer, column: list[float], words: str) -> None:
    """The objective and its fault are named."""
    points = np.array([[0.1], [0.5], [0.9]])
    with pytest.raises(TrainingError, match=f"objective f .*{words}"):
        Surrogate(settings).train(points, np.array([column]).T, ("f",))


# --- The search ----------------------------------------------------------------------------------


def test_the_minimum_is_found() -> None:
    """A bowl with its bottom at (0.5, -1): 80 evaluations come within a hundredth."""
    _, last = run(problem("(x - 0.5) * (x - 0.5) + (y + 1) * (y + 1)"))
    (point,) = last.pareto
    assert point.objectives["f0"] < 0.01
    assert last.evaluations == 80


def test_the_search_beats_chance() -> None:
    """On a narrow valley, CMA-ES with its surrogate ends lower than random search without."""
    valley = "(1 - x) * (1 - x) + 100 * (y - x * x) * (y - x * x)"
    rng = np.random.default_rng(1)
    laboratory = Laboratory(problem(valley))
    by_chance = min(laboratory.measured(point)[0] for point in rng.random((80, 2)).tolist())
    _, last = run(problem(valley))
    assert last.pareto[0].objectives["f0"] < by_chance


def test_two_objectives_give_a_front() -> None:
    """Between the minima of x² and (x - 1)², every point is kept and none outside."""
    _, last = run(problem("x * x", "(x - 1) * (x - 1)", parameters=(X,)))
    at = [float(point.parameters["x"]) for point in last.pareto]
    assert len(at) > 10
    assert min(at) > -0.1
    assert max(at) < 1.1
    assert all(
        point.objectives["f1"] == pytest.approx((float(point.parameters["x"]) - 1) ** 2)
        for point in last.pareto
    )


def test_constraints_hold() -> None:
    """The least x² + y² on x + y >= 1 is a half."""
    stated = problem("x * x + y * y", constraints=[{"expression": "x + y >= 1"}])
    _, last = run(stated)
    (point,) = last.pareto
    assert point.violation == 0
    assert 0.5 <= point.objectives["f0"] + 1e-6 < 0.6


def test_a_search_that_has_arrived_says_so() -> None:
    """Nowhere left to go is `converged`, before the budget is used up."""
    plain = problem("x * x", parameters=(X,), optimizer={"budget": 5000, "batch_size": 4})
    campaign, last = run(plain)
    assert campaign.end == "converged"
    assert last.evaluations < 5000


@pytest.mark.parametrize("method", ["cma-es", "random"])
def test_the_same_seed_finds_the_same(method: str) -> None:
    """A campaign that is run again is the same campaign."""
    stated = problem("x * x + y", optimizer={"method": method, "budget": 30})
    assert run(stated)[1] == run(stated)[1]


@pytest.mark.parametrize("budget", [1, 3, 7, 11])
def test_the_budget_is_exact(budget: int) -> None:
    """Not an evaluation more, whatever the size of a batch."""
    _, last = run(problem("x + y", optimizer={"budget": budget, "batch_size": 3}))
    assert last.evaluations == budget
    assert last.iteration == last.total_iterations or budget < 4


# --- Workers -------------------------------------------------------------------------------------


class Heard:
    """A pool, and what it told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.lost: list[str] = []
        self.pool = Pool(lambda _, event: self.events.append(event), self.lost.append)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                await asyncio.sleep(0.01)

    def ended(self, run_id: str) -> bool:
        return any(isinstance(one, Ended) and one.id == run_id for one in self.events)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_workers_start_when_they_are_needed(heard: Heard) -> None:
    """None before the first campaign, at most two for three, and none is left behind."""

    async def story() -> list[int]:
        assert heard.pool.pids == []
        await heard.pool.ready()
        assert len(heard.pool.pids) == 1
        for name in "abc":
            heard.pool.submit(Run(name, problem("x * x + y", optimizer={"budget": 20})))
        await heard.until(lambda: all(heard.ended(name) for name in "abc"))
        pids = heard.pool.pids
        await heard.pool.stop()
        return pids

    pids = asyncio.run(story())
    assert len(pids) == 2
    assert not any(is_alive(pid) for pid in pids)
    kinds = [type(one) for one in heard.events if one.id == "a"]
    assert (kinds[0], kinds[1], kinds[-1]) == (Began, Progress, Ended)
    assert heard.lost == []


def test_a_run_that_is_under_way_is_lost_with_its_worker(heard: Heard) -> None:
    """Whoever waits for it is told, once."""

    async def story() -> None:
        await heard.pool.ready()
        long = problem("x", optimizer={"budget": 10_000, "method": "random"})
        heard.pool.submit(Run("long", long))
        await heard.until(lambda: bool(heard.events))
        assert heard.pool.holds("long")
        await heard.pool.stop()
        assert not heard.pool.holds("long")

    asyncio.run(story())
    assert heard.lost == ["long"]


def test_a_stopped_pool_has_no_workers(heard: Heard) -> None:
    """It says so until it is started again."""

    async def story() -> None:
        await heard.pool.stop()
        assert not heard.pool.running
        with pytest.raises(WorkerUnavailableError, match="stopped"):
            await heard.pool.ready()
        await heard.pool.start()
        await heard.pool.ready()
        await heard.pool.stop()

    asyncio.run(story())


def test_what_waits_can_be_cancelled(heard: Heard) -> None:
    """A run that no worker has yet is forgotten; one under way ends as stopped."""

    async def story() -> None:
        await heard.pool.ready()
        long = problem("x", optimizer={"budget": 10_000, "method": "random"})
        for name in "abc":
            heard.pool.submit(Run(name, long))
        heard.pool.cancel("c")
        await heard.until(lambda: {one.id for one in heard.events} == {"a", "b"})
        for name in "ab":
            heard.pool.cancel(name)
        await heard.until(lambda: heard.ended("a") and heard.ended("b"))
        await heard.pool.stop()

    asyncio.run(story())
    ends = {one.id: one.status for one in heard.events if isinstance(one, Ended)}
    assert ends == {"a": "stopped", "b": "stopped"}
