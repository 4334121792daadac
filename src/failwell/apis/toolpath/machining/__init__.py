"""Plan and price the machining of a part with a simple, stated cost model.

Everything is milled and drilled in aluminium 6061 on one 3-axis vertical machining centre. The
model is for a sandbox: plausible, reproducible, and simple enough to check by hand. Lengths are in
mm, areas in mm², volumes in mm³, times in s, money in US cents.

**Plan.** With the part's box ``x × y × z``, volume ``V`` and area ``A``:

* stock = ``(x + 2a)(y + 2a)(z + 2a)`` with the allowance ``a = 2``; it must fit the envelope
  ``762 × 508 × 406`` in some axis-parallel position.
* Set-ups: one from each side of the main axis (the shortest side of the box), then one for each
  other axis a hole runs along. At most ``12``.
* Facing (each main set-up): ``F = stock area square to the main axis × a``.
* Drilling: each hole in the set-up of its axis; a hole wider than ``20`` is bored instead, with the
  volume ``π d² h / 4``. The volume of all holes is ``H``.
* Roughing: ``max(0, stock - V - 2F - H)``, half in each main set-up.
* Finishing: the area ``A`` less the walls of the holes, half in each main set-up; freeform,
  toroidal and spherical area is contoured, the rest is milled flat.

**Fast estimate.** Seconds of an operation:

* facing and roughing ``volume / 500``, boring ``volume / 250``;
* drilling, per hole, ``p h / f + 3`` with the feed ``f = 0.02 d n``, the speed
  ``n = min(10000, 60000 / (π d)) / 60`` turns per second (surface speed 60 m/min), the
  pecking factor ``p = 1 + max(0, h / d - 3) / 4``, and ``d`` taken as ``0.1`` at least;
* finishing ``area / 80``, contouring ``area / 20``.

A set-up takes its operations, ``8`` per tool change and ``120`` for handling. It costs its time at
``9000`` an hour. The stock costs ``volume × 2.7e-6 kg/mm³ × 880`` per kilogram.

**Refined estimate.** Adds acceleration, ``8 %`` of each operation; rapid moves, ``4`` per operation
and ``1.5`` per hole; probing, ``45`` per set-up; and tool wear, ``12`` per minute of cutting.

Seconds are rounded up per set-up and cents to the nearest per set-up, so the sums add up.
"""

from __future__ import annotations

from failwell.apis.toolpath.machining.planning import Units, plan
from failwell.apis.toolpath.machining.pricing import (
    Estimate,
    SetUpEstimate,
    Timings,
    estimate,
)
from failwell.apis.toolpath.machining.program import (
    MachiningError,
    Operation,
    OperationKind,
    Program,
    SetUp,
)

__all__ = [
    "Estimate",
    "MachiningError",
    "Operation",
    "OperationKind",
    "Program",
    "SetUp",
    "SetUpEstimate",
    "Timings",
    "Units",
    "estimate",
    "plan",
]
