"""Make the reads and the battery measurements of the sandbox's data: every figure is made up, by
models that are stated here and with noise from a fixed seed, so two runs give the same bytes.

Run it from the repository root, with failwell's `sandbox` extra installed::

    python scripts/make_demo_data.py
"""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import numpy as np

from failwell.apis.ionworks.battery.chemistry import quick_model
from failwell.apis.ionworks.battery.circuit import circuit_of
from failwell.apis.ionworks.battery.protocol import bind, parse
from failwell.apis.ionworks.battery.simulate import simulate

DATA = Path(__file__).resolve().parents[1] / "src" / "failwell" / "sandbox" / "data"

PULSES = """
global: {initial_state_type: soc_percentage, initial_state_value: 100, resolution: {time: 10}}
steps:
  - Rest: {duration: 60}
  - Discharge: {mode: C-rate, value: 1, duration: 240}
  - Rest: {duration: 300}
  - Discharge: {mode: C-rate, value: 0.5, duration: 480}
  - Rest: {duration: 300}
"""
COLUMNS = ("Time [s]", "Step count", "Current [A]", "Voltage [V]")


def reads(name: str, count: int, gc: float, seed: int) -> bytes:
    """Reads of 76 bases out of a random sequence of 4000 with this share of G and C. A quality
    falls along its read, from about 38 to 22, and says how probable an error is at its place."""
    dice = random.Random(seed)
    genome = dice.choices("ACGT", [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2], k=4000)
    return "".join(_read(f"{name}:{n + 1}", genome, dice) for n in range(count)).encode()


def _read(name: str, genome: list[str], dice: random.Random) -> str:
    begin = dice.randrange(len(genome) - 76)
    bases, qualities = "", ""
    for at in range(76):
        quality = max(2, min(40, round(dice.gauss(38 - 16 * at / 75, 3))))
        is_wrong = dice.random() < 10 ** (-quality / 10)
        bases += dice.choice("ACGT") if is_wrong else genome[begin + at]
        qualities += chr(33 + quality)
    return f"@{name}\n{bases}\n+\n{qualities}\n"


def pulses(chemistry: str, capacity: float, resistance_pct: float, seed: int) -> str:
    """A pulse test of a cell with these resistances (percent of the usual), with noise of 1 mV."""
    cell = circuit_of(quick_model(capacity, chemistry, resistance_pct))
    series, _ = simulate(cell, bind(parse(PULSES), {}))
    noisy = series["Voltage [V]"] + np.random.default_rng(seed).normal(
        0, 1e-3, len(series[COLUMNS[0]])
    )
    table = zip(*(series[name] for name in COLUMNS[:3]), noisy, strict=True)
    rows = (f"{time:g},{step:.0f},{amps:.4f},{volts:.4f}" for time, step, amps, volts in table)
    return "\n".join([",".join(COLUMNS), *rows]) + "\n"


def main() -> None:
    flow, ionworks = DATA / "flow", DATA / "ionworks"
    (flow / "liver.fastq").write_bytes(reads("LIVER", 300, 0.46, 1))
    (flow / "kidney.fastq").write_bytes(reads("KIDNEY", 240, 0.52, 2))
    (flow / "yeast.fastq").write_bytes(reads("YEAST", 200, 0.38, 3))
    spleen = gzip.compress(reads("SPLEEN", 300, 0.49, 4), mtime=0)
    (flow / "spleen.fastq.gz").write_bytes(spleen)
    lines = reads("BROKEN", 120, 0.45, 5).splitlines(keepends=True)
    lines[4 * 83 + 3] = lines[4 * 83 + 3][:40] + b"\n"
    (flow / "short_quality.fastq").write_bytes(b"".join(lines))
    (ionworks / "nmc_pulses.csv").write_text(pulses("NMC/Graphite", 2.0, 120, 6), "utf-8")
    (ionworks / "lfp_pulses.csv").write_text(pulses("LFP/Graphite", 2.6, 90, 7), "utf-8")


if __name__ == "__main__":
    main()
