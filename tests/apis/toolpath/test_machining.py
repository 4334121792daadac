"""The cost model does what its docstring states."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from failwell.apis.toolpath import step
from failwell.apis.toolpath.machining import (
    Estimate,
    MachiningError,
    OperationKind,
    Program,
    estimate,
    plan,
    pricing,
)
from failwell.apis.toolpath.step import Box, Hole, StepPart, SurfaceTally, parse

DATA = Path(step.__file__).parents[3] / "sandbox" / "data"
X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
BAD = ("formed_sheet", "cut_off_bracket")
GOOD = sorted(path.stem for path in DATA.glob("*.step") if path.stem not in BAD)


def load(name: str) -> StepPart:
    return parse((DATA / f"{name}.step").read_text("utf-8"))


def block(**changes: Any) -> StepPart:
    """Return a 96 × 46 × 16 mm block, so that its stock is 100 × 50 × 20 mm."""
    size = (96.0, 46.0, 16.0)
    values: dict[str, Any] = {
        "name": "block.step",
        "schema": "AUTOMOTIVE_DESIGN",
        "mm_per_unit": 1.0,
        "entities": 1,
        "solids": 1,
        "surface_bodies": 0,
        "box": Box((0.0, 0.0, 0.0), size),
        "volume": math.prod(size),
        "surfaces": {"planar": SurfaceTally(6, 13_376.0)},
        "holes": (),
    }
    return StepPart(**values | changes)


def kinds(program: Program, index: int) -> list[str]:
    return [operation.kind.value for operation in program.set_ups[index].operations]


def refusal(part: StepPart) -> MachiningError:
    with pytest.raises(MachiningError) as caught:
        plan(part)
    return caught.value


class TestPlan:
    """A plan follows from box, volume, area and holes."""

    def test_plain_block(self) -> None:
        """A block is faced, roughed and finished from both sides of its shortest axis."""
        program = plan(block())
        assert program.stock == (100.0, 50.0, 20.0)
        assert [set_up.approach for set_up in program.set_ups] == [Z, (0.0, 0.0, -1.0)]
        assert kinds(program, 0) == kinds(program, 1) == ["facing", "roughing", "finishing"]
        facing, roughing, finishing = program.set_ups[0].operations
        assert facing.volume == pytest.approx(100 * 50 * 2)
        assert roughing.volume == pytest.approx((100_000 - 96 * 46 * 16 - 20_000) / 2)
        assert finishing.area == pytest.approx(13_376 / 2)

    def test_removed_volume_balances(self) -> None:
        """What the operations remove is the stock less the part."""
        part = load("angle_bracket")
        program = plan(part)
        removed = sum(
            operation.volume for set_up in program.set_ups for operation in set_up.operations
        )
        assert removed == pytest.approx(program.stock_volume - part.volume, rel=1e-9)

    def test_main_axis(self) -> None:
        """The main axis is the shortest side, whichever it is."""
        assert plan(block(box=Box((0.0, 0.0, 0.0), (9.0, 90.0, 90.0)))).set_ups[0].approach == X
        assert plan(block(box=Box((0.0, 0.0, 0.0), (90.0, 9.0, 90.0)))).set_ups[0].approach == Y

    def test_holes_alike_share_an_operation(self) -> None:
        """Holes of one diameter and depth are one operation; another diameter is another."""
        holes = (*(Hole(6.0, 16.0, (at, 9.0, 0.0), Z) for at in (9.0, 29.0)), Hole(4, 16, X, Z))
        drilling = plan(block(holes=holes)).set_ups[0].operations[2:4]
        assert [(it.kind, it.holes, it.diameter) for it in drilling] == [
            (OperationKind.DRILLING, 1, 4.0),
            (OperationKind.DRILLING, 2, 6.0),
        ]

    def test_cross_holes_need_set_ups(self) -> None:
        """Each further axis of a hole adds one set-up; a reversed axis is the same one."""
        holes = tuple(Hole(5.0, 9.0, X, axis) for axis in (Z, X, (-1.0, 0.0, 0.0), Y))
        program = plan(block(holes=holes))
        assert [set_up.approach for set_up in program.set_ups[2:]] == [X, Y]
        assert program.set_ups[2].operations[0].holes == 2

    def test_wide_holes_are_bored(self) -> None:
        """A hole wider than the widest drill is bored by volume."""
        holes = (Hole(20.0, 16.0, X, Z), Hole(20.1, 16.0, X, Z))
        _, _, drilled, bored, *_ = plan(block(holes=holes)).set_ups[0].operations
        assert (drilled.kind, bored.kind) == (OperationKind.DRILLING, OperationKind.BORING)
        assert bored.volume == pytest.approx(math.pi / 4 * 20.1**2 * 16)

    def test_contouring(self) -> None:
        """Curved area is contoured with a ball end mill, apart from the flat area."""
        surfaces = {"planar": SurfaceTally(5, 1000.0), "spherical": SurfaceTally(1, 400.0)}
        finishing, contouring = plan(block(surfaces=surfaces)).set_ups[1].operations[-2:]
        assert (finishing.area, contouring.area) == (500.0, 200.0)

    def test_units_hint(self) -> None:
        """The hint counts only for a file that states no unit."""
        small = block(mm_per_unit=None, box=Box((0.0, 0.0, 0.0), (4.0, 2.0, 1.0)), volume=8.0)
        assert plan(small, "in").stock == pytest.approx((105.6, 54.8, 29.4))
        assert small.scaled(25.4).volume == pytest.approx(8 * 25.4**3)
        assert plan(small, "mm").stock == (8.0, 6.0, 5.0)
        assert plan(block(), "in") == plan(block(), "mm")

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"solids": 0, "surface_bodies": 1, "volume": 0.0}, "no_machinable_volume"),
            ({"box": Box((0.0, 0.0, 0.0), (90.0, 40.0, 0.05))}, "no_machinable_volume"),
            ({"volume": 0.5}, "no_machinable_volume"),
            ({"solids": 2}, "not_a_single_part"),
            ({"box": Box((0.0, 0.0, 0.0), (759.0, 46.0, 16.0))}, "exceeds_envelope"),
            ({"box": Box((0.0, 0.0, 0.0), (410.0, 410.0, 410.0))}, "exceeds_envelope"),
        ],
    )
    def test_refusals(self, changes: dict[str, Any], code: str) -> None:
        """A part that cannot be machined is refused with the code of the reason."""
        assert refusal(block(**changes)).code == code

    def test_envelope_in_any_position(self) -> None:
        """A part fits if it fits in some position."""
        assert plan(block(box=Box((0.0, 0.0, 0.0), (16.0, 46.0, 758.0)))).stock[2] == 762.0

    def test_too_many_axes(self) -> None:
        """Holes along more axes than there are set-ups are refused."""
        angles = [math.radians(5 * step) for step in range(1, 20)]
        holes = tuple(Hole(3.0, 5.0, X, (math.cos(at), math.sin(at), 0.0)) for at in angles)
        assert refusal(block(holes=holes)).code == "too_many_setups"

    def test_sheet_file(self) -> None:
        """The sandbox's surface-only file has no machinable volume."""
        assert refusal(load("formed_sheet")).code == "no_machinable_volume"


class TestEstimate:
    """An estimate is the sum of the stated terms, in whole seconds and cents."""

    def test_fast_by_hand(self) -> None:
        """The fast estimate of a plain block is what a calculator gives."""
        cutting = 10_000 / 500 + (80_000 - 70_656) / 2 / 500 + 6_688 / 80
        seconds = math.ceil(cutting + 120 + 3 * 8)
        material = round(100_000 * 2.7e-6 * 880)
        cost = estimate(plan(block()))
        assert [it.seconds for it in cost.set_ups] == [seconds, seconds]
        assert cost.seconds == 2 * seconds
        assert cost.material_cents == material == 238
        assert cost.cents == 2 * math.floor(seconds * 2.5 + 0.5) + material

    def test_refined_by_hand(self) -> None:
        """The refined estimate adds acceleration, rapid moves, probing and tool wear."""
        cutting = 10_000 / 500 + (80_000 - 70_656) / 2 / 500 + 6_688 / 80
        seconds = math.ceil(cutting * 1.08 + 120 + 3 * 8 + 3 * 4 + 45)
        cost = estimate(plan(block()), "refined")
        assert cost.seconds == 2 * seconds
        assert cost.set_ups[0].cents == math.floor(seconds * 2.5 + cutting / 5 + 0.5)

    def test_drilling_by_hand(self) -> None:
        """Drilling takes depth by feed, more when deep, and an approach for each hole."""
        holes = (Hole(6.0, 16.0, X, Z), Hole(6.0, 16.0, (30.0, 9.0, 0.0), Z))
        plain, drilled = (estimate(plan(block(holes=some))).set_ups[0] for some in ((), holes))
        turns = 60_000 / (math.pi * 6) / 60
        drilling = 2 * (16 / (0.12 * turns) + 3)
        saved = (2 * math.pi / 4 * 36 * 16) / 2 / 500 + 2 * math.pi * 6 * 16 / 2 / 80
        expected = plain.seconds + drilling - saved + 8
        assert drilled.seconds == pytest.approx(expected, abs=1.0)

    def test_deep_holes_are_pecked(self) -> None:
        """A hole deeper than three diameters takes more than its share of time."""

        def seconds(depth: float) -> float:
            return pricing._drilling_seconds(5.0, depth) - pricing.HOLE_APPROACH_S

        assert seconds(10.0) == pytest.approx(2 * seconds(5.0))
        assert seconds(35.0) == pytest.approx(2 * 7 * seconds(5.0))

    @pytest.mark.parametrize("name", GOOD)
    def test_sandbox_parts(self, name: str) -> None:
        """Every good part gets a whole, positive estimate whose sums add up."""
        program = plan(load(name))
        fast, refined = estimate(program), estimate(program, "refined")
        for cost in (fast, refined):
            assert cost.seconds == sum(it.seconds for it in cost.set_ups)
            assert cost.cents == sum(it.cents for it in cost.set_ups) + cost.material_cents
            assert len(cost.set_ups) == len(program.set_ups)
            assert all(type(it) is int for it in (cost.seconds, cost.cents, cost.material_cents))
        assert 0 < fast.seconds < refined.seconds
        assert 0 < fast.cents < refined.cents

    def test_json(self) -> None:
        """Program and estimate survive the way to JSON and back, with the same estimate."""
        program = plan(load("manifold_block"))
        cost = estimate(program)
        again = msgspec.json.decode(msgspec.json.encode(program), type=Program)
        assert again == program
        assert msgspec.convert(msgspec.to_builtins(cost), Estimate) == cost == estimate(again)
