"""Write the tables and pictures of docs/cost.md.

    .venv/bin/python scripts/cost_page.py [--check]

``--check`` compares the tables that do not depend on the machine and writes nothing.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np

import amcspice as amc
from amcspice import view
from amcspice.problem.generators import GeneratedProblem
from amcspice.system import Cost, Technology, Work
from amcspice.system.work import Operated, Writing

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "cost.md"


def generated(problem: str, rows: int, columns: int, count: int, seed: int = 0, **more):
    made = GeneratedProblem(
        problem=problem, matrix=more.pop("matrix", "uniform"), rows=rows, columns=columns,
        right_hand_sides=count, seed=seed, **more,
    )  # fmt: skip
    A = made.make()
    return A, made.vectors(A)


def chip_of_regressions(count: int = 32) -> amc.Chip:
    """Return a chip that solved non-negative regressions of 32 x 8."""
    A, B = generated("nnls", 32, 8, count, zeros=0.4, noise=0.1)
    chip = amc.Chip(opamp="onchip-1g", fidelity="behavioural", seed=0)
    chip.program(A, "nnls", label="W").solve(B)
    return chip


def table(head, rows) -> str:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def programming_table() -> str:
    """Return one writing and one operation of 32 x 8 beside figures by hand."""
    chip = chip_of_regressions()
    cost, statistics = chip.cost(), chip.technology.writing
    work, count = cost.work, cost.work.operated.count
    (written,) = work.writings
    alone = Cost(
        Work(writings=(Writing(1, 32, 512, 256, 0.0),), operated=Operated()), chip.technology
    )
    pulses = alone.energy["write_pulses"] + alone.energy["write_verify"]
    eight = 32 * statistics.slowest_pulses(8) * statistics.slot
    settling, energy = work.operated.settling / count, (
        work.operated.amplifiers + work.operated.array
    ) / count  # fmt: skip
    width, extra = written.cells // 32, written.cells - 512
    writing = cost.energy["write_pulses"] + cost.energy["write_verify"]
    quiescent = work.operated.amplifiers / count
    rows = [
        ("cells", "512: two arrays", "512, in rows of 8",
         f"{written.cells}: compensation takes {extra} more"),
        ("time of a writing", "153 us", f"{eight * 1e6:.0f} us",
         f"{cost.time['write'] * 1e6:.0f} us: the slowest of {width} cells in a row, not of 8"),
        ("energy of a writing", "49.9 nJ", f"{pulses * 1e9:.1f} nJ",
         f"{writing * 1e9:.1f} nJ, as all cells count"),
        ("settling of an operation", "76 ns", "", f"{settling * 1e9:.0f} ns"),
        ("energy of an operation", "368 pJ (1.24 V)", "",
         f"{energy * 1e12:.0f} pJ (0.2 V): {quiescent * 1e12:.0f} pJ of them quiescent, which no "
         "swing changes"),
    ]  # fmt: skip
    return table(("", "by hand", "by hand, with the statistics here", "the chip"), rows)


def share_table() -> str:
    """Return what writing is of the whole, by right-hand sides a writing."""
    rows = []
    for count in (1, 32, 1000, 10_000):
        cost = chip_of_regressions(count).cost()
        counted, ignored = cost.counted, cost.ignored
        rows.append(
            (count, f"{counted.time / count * 1e9:,.0f} ns", f"{ignored.time / count * 1e9:.0f} ns",
             f"{counted.energy / count * 1e9:.2f} nJ", f"{ignored.energy / count * 1e9:.2f} nJ")
        )  # fmt: skip
    head = ("right-hand sides", "time of one, counted", "ignored", "energy, counted", "ignored")
    return table(head, rows)


def range_table() -> str:
    """Return what predicted ranges lose against an oracle."""
    rows = []
    for problem in ("nnls", "inv"):
        ratios, repeats, total = [], 0, 0
        for seed in range(10):
            shape = (32, 8) if problem == "nnls" else (16, 16)
            more = {"zeros": 0.4, "noise": 0.1} if problem == "nnls" else {}
            matrix = "uniform" if problem == "nnls" else "conditioned"
            A, B = generated(problem, *shape, 116, seed, matrix=matrix, setting=10.0, **more)
            errors = {}
            for choice in ("predicted", "reference"):
                chip = amc.Chip(opamp="onchip-1g", range=choice, dac_bits=8, adc_bits=8, seed=seed)
                made = chip.program(A, problem, calibration=B[:, :16]).run(B[:, 16:])
                errors[choice] = made.relative_error
                if choice == "predicted":
                    repeats, total = repeats + int(made.repeats.sum()), total + 100
            ratios.append(errors["predicted"] / errors["reference"])
        rows.append(
            (f"{problem}, {shape[0]} x {shape[1]}", f"{np.median(ratios):.3f}",
             f"{np.percentile(ratios, 95):.2f}", f"{repeats} of {total}")
        )  # fmt: skip
    head = ("1,000 operations, 8 bits", "error over the oracle's, median", "95 %", "repeated")
    return table(head, rows)


def technology_table() -> str:
    """Return every figure of the technologies."""
    made = [Technology.load(name) for name in ("best", "typical", "board-ad823")]
    rows = []
    for name, entry in made[1].entries.items():
        unit = f" {entry.unit}" if entry.unit else ""
        typical = f"{entry.value:.3g}{unit} ({entry.low:.3g} to {entry.high:.3g})"
        rows.append(
            (f"`{name}`", f"{made[0][name]:.3g}", typical, f"{made[2][name]:.3g}",
             "assumed" if entry.assumed else "")
        )  # fmt: skip
    return table(("figure", "best", "typical (range)", "board-ad823", ""), rows)


SECTIONS = {
    "programming": programming_table,
    "share": share_table,
    "range": range_table,
    "technology": technology_table,
}


def replaced(text: str, name: str, content: str) -> str:
    marks = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    pattern = re.escape(marks[0]) + ".*?" + re.escape(marks[1])
    return re.sub(pattern, lambda _: f"{marks[0]}\n{content}\n{marks[1]}", text, flags=re.DOTALL)


def draw() -> None:
    chip = chip_of_regressions()
    view.save(view.cost(chip.cost()), DOCS / "images" / "cost.png")
    A, B = generated("inv", 16, 16, 60, matrix="conditioned", setting=5.0)
    chip = amc.Chip(opamp="onchip-1g", seed=1)
    inverse = chip.program(A, "inv", calibration=B, label="inverse")
    product = chip.program(A, "mvm", label="product")
    for first in range(0, 60, 20):
        product @ inverse.solve(np.tile(B[:, first : first + 20], 20))
    view.save(view.timeline(chip.schedule()), DOCS / "images" / "timeline.png")


def main() -> int:
    text = old = PAGE.read_text()
    for name, make in SECTIONS.items():
        text = replaced(text, name, make())
    if "--check" in sys.argv:
        return int(text != old)
    PAGE.write_text(text)
    draw()
    return 0


if __name__ == "__main__":
    sys.exit(main())
