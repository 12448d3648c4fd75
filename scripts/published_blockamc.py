"""Run what docs/published/blockamc.md states, fill its tables and draw its figures.

Arguments name single tables or figures: ``scripts/published_blockamc.py law``.  All of them take a
few minutes of one core.
"""

from __future__ import annotations

import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.linalg import toeplitz
from threadpoolctl import threadpool_limits
from update_readme import fill, table

import amcspice as amc
from amcspice import view
from amcspice.algorithm import BlockInverse
from amcspice.algorithm.block_inverse import Counts
from amcspice.errors import UnstableError
from amcspice.system import Technology
from amcspice.view.style import COLOURS, DASHES, MARKERS, legend, save, styled

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "published" / "blockamc.md"
IMAGES = ROOT / "docs" / "images"

AREA, ENERGY = 0.4883, 0.40
"""What the publication states to be saved."""
NOTHING = 0.9
"""Error of blocks over that of one array from which on they bring nothing."""
SIZES = (16, 64, 256)
RIGHT_HAND_SIDES = 20


def wishart(n: int, m: int, seed: int):
    X = np.random.default_rng(seed).standard_normal((n, m))
    return X @ X.T / m


def uniform_wishart(n: int, m: int, seed: int):
    X = np.random.default_rng(seed).random((n, m))
    return X @ X.T / m


def harmonic(n: int):
    return toeplitz(1 / (1 + np.arange(n)))


MATRICES = {
    "Toeplitz 1/(1+k)": lambda n, seed: harmonic(n),
    "Wishart, m = 2 n": lambda n, seed: wishart(n, 2 * n, seed),
    "Toeplitz 0.9^k": lambda n, seed: toeplitz(0.9 ** np.arange(n)),
}
EFFECTS = {
    "wires, 1 ohm": {"wire_resistance": 1.0, "gain": 1e9},
    "gain 1e4": {"gain": 1e4},
    "write noise, 5 % of g": {"write_noise": 0.05, "noise_relative_to": "g", "gain": 1e9},
    "write noise, 1 % of g_max": {"write_noise": 0.01, "gain": 1e9},
    "16 levels": {"levels": 16, "gain": 1e9},
}
COLUMNS = (
    ("one array", {"stages": 0}),
    ("one stage", {"stages": 1}),
    ("two stages", {"stages": 2}),
    ("two stages, best order", {"stages": 2, "order": "best"}),
)


def right_hand_sides(n: int, seed: int, count: int = RIGHT_HAND_SIDES):
    return np.random.default_rng(seed + 100).standard_normal((n, count))


@cache
def error(effect: str, matrix: str, n: int, seed: int, column: int) -> float:
    """Return the median relative error; infinite where a block does not settle once written."""
    A, b = MATRICES[matrix](n, seed), right_hand_sides(n, seed)
    try:
        x = BlockInverse(amc.Chip(seed=seed, **EFFECTS[effect]), A, **COLUMNS[column][1]).solve(b)
    except UnstableError:
        return np.inf
    exact = np.linalg.solve(A, b)
    return float(np.median(np.linalg.norm(x - exact, axis=0) / np.linalg.norm(exact, axis=0)))


def draws(n: int) -> int:
    """Return of how many matrices and draws of the cells a median is taken."""
    return 5 if n <= 64 else 2


def median_error(effect: str, matrix: str, n: int, column: int) -> float:
    return float(np.median([error(effect, matrix, n, s, column) for s in range(draws(n))]))


def told(value: float, of: float) -> str:
    """Return an error over that of one array, or itself where that has none."""
    if value >= 1:
        return "above 1" if np.isfinite(value) else "does not settle"
    return f"{value / of:.2f}" if of < 1 else f"{value:.2g} itself"


def verdict(one: float, blocks: list[float]) -> str:
    """Say what blocks do in the order that is given, one and two stages."""
    if one >= 1:
        return "no inverse" if min(blocks) >= 1 else "blocks alone give one"
    ratios = [each / one for each in blocks]
    if max(ratios) < NOTHING:
        return "less error"
    return "nothing" if max(ratios) < 1 / NOTHING else "harm"


def effects_table() -> str:
    """Return errors of one array, and of blocks over them, by effect, matrix and size."""
    rows = []
    for effect in EFFECTS:
        for matrix in MATRICES:
            for n in SIZES:
                found = [median_error(effect, matrix, n, k) for k in range(len(COLUMNS))]
                single = f"{found[0]:.3g}" if found[0] < 1 else told(found[0], found[0])
                rows.append(
                    (effect, matrix, str(n), single, *(told(e, found[0]) for e in found[1:]),
                     verdict(found[0], found[1:3]))
                )  # fmt: skip
    return table(("effect", "matrix", "n", *(name for name, _ in COLUMNS), "here"), rows)


@cache
def wired(n: int, stages: int) -> float:
    """Return the median error of a Toeplitz matrix 1/(1+k) with lines of 1 ohm a segment."""
    A, b = harmonic(n), right_hand_sides(n, 0)
    chip = amc.Chip(wire_resistance=1.0, gain=1e9)
    x, exact = BlockInverse(chip, A, stages=stages).solve(b), np.linalg.solve(A, b)
    return float(np.median(np.linalg.norm(x - exact, axis=0) / np.linalg.norm(exact, axis=0)))


def law_table() -> str:
    """Return errors of s stages over those of one array of their size."""
    rows = []
    for n in (32, 64, 128, 256):
        made = [wired(n, stages) for stages in range(3)]
        rows.append(
            (str(n), *(f"{e:.3g}" for e in made), f"{made[1] / wired(n // 2, 0):.2f}",
             f"{made[2] / wired(n // 4, 0):.2f}", f"{made[2] / made[0]:.2f}")
        )  # fmt: skip
    head = ("n", "one array", "one stage", "two stages", "one stage over an array of n/2",
            "two stages over an array of n/4", "two stages over one array")  # fmt: skip
    return table(head, rows)


def time_table() -> str:
    """Return processor time of a two-stage solution of 256 x 256 with wires, at rest."""
    rows, n = [], 256
    amc.Technology.load("typical")  # units and figures are read once a process
    for name, make in MATRICES.items():
        A, b = make(n, 0), right_hand_sides(n, 0, 6)
        started = time.process_time()
        inverse = BlockInverse(amc.Chip(wire_resistance=1.0, gain=1e6), A, stages=2)
        inverse.solve(b[:, :1])
        whole, more = time.process_time() - started, []
        for k in range(1, 6):
            started = time.process_time()
            inverse.solve(b[:, k])
            more.append(time.process_time() - started)
        rows.append((name, f"{whole:.2f} s", f"{np.median(more) * 1e3:.0f} ms"))
    return table(("256 x 256, two stages", "programmed and solved", "a further one"), rows)


AMPLIFIERS = {
    "100 MHz, one pole": {},
    "AD823": {"opamp": "ad823"},
    "AD823, one pole, no slewing": {"opamp": amc.OpAmp.preset("ad823", second_pole=None,
                                                              slew_rate=None)},
}  # fmt: skip
SETTLED = {
    "Wishart, m = n": lambda n, seed: wishart(n, n, seed),
    "Wishart, m = 2 n": lambda n, seed: wishart(n, 2 * n, seed),
    "Wishart, m = 4 n": lambda n, seed: wishart(n, 4 * n, seed),
    "uniform Wishart, m = 2 n": lambda n, seed: uniform_wishart(n, 2 * n, seed),
    "Toeplitz 1/(1+k)": lambda n, seed: harmonic(n),
    "Toeplitz 0.9^k": lambda n, seed: toeplitz(0.9 ** np.arange(n)),
}


@cache
def settling(matrix: str, n: int, seed: int, stages: int, amplifier: str) -> float:
    """Return the sum of settling times of all phases [s], mean of ten right-hand sides."""
    chip = amc.Chip(fidelity="behavioural", **AMPLIFIERS[amplifier])
    b = right_hand_sides(n, seed, 10)
    inverse = BlockInverse(chip, SETTLED[matrix](n, seed), stages=stages, calibration=b)
    inverse.solve(b)
    operated = chip.cost().work.operated
    assert operated.count == len(inverse.phases) * b.shape[1], "only what solves counts"
    return operated.settling / b.shape[1]


def energies(matrix: str, n: int, amplifier: str) -> tuple[list[float], list[float], float]:
    """Return energy ratios of one and of two stages, and the median condition number."""
    one, two, condition = [], [], []
    for seed in range(1 if matrix.startswith("Toeplitz") else 5):
        whole = settling(matrix, n, seed, 0, amplifier)
        one.append(settling(matrix, n, seed, 1, amplifier) / whole / 2)
        two.append(settling(matrix, n, seed, 2, amplifier) / whole / 4)
        condition.append(np.linalg.cond(SETTLED[matrix](n, seed)))
    return one, two, float(np.median(condition))


def between(found: list[float]) -> str:
    if len(found) == 1:
        return f"{found[0]:.2f}"
    return f"{np.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


def energy_table() -> str:
    """Return energy of a shared bank over that of one array: sum of phases times amplifiers."""
    rows = []
    for matrix in SETTLED:
        for n in (16, 64):
            one, two, condition = energies(matrix, n, "100 MHz, one pole")
            rows.append((matrix, str(n), f"{condition:.3g}", between(one), between(two)))
    return table(("matrix", "n", "condition", "one stage", "two stages"), rows)


def amplifiers_table() -> str:
    """Return the same by amplifier, with the time that one array takes."""
    rows = []
    for matrix in ("Wishart, m = 2 n", "Wishart, m = 4 n", "Toeplitz 1/(1+k)"):
        for amplifier in AMPLIFIERS:
            one, two, _ = energies(matrix, 16, amplifier)
            seeds = range(len(one))
            whole = np.median([settling(matrix, 16, s, 0, amplifier) for s in seeds])
            rows.append((matrix, amplifier, f"{whole * 1e9:.3g} ns", between(one), between(two)))
    return table(("16 x 16", "amplifier", "one array settles in", "one stage", "two stages"), rows)


@cache
def hardware(n: int, stages: int) -> tuple[Counts, Counts]:
    """Return the counts of a non-negative matrix with one bank, and unrolled."""
    return BlockInverse(amc.Chip(), harmonic(n), stages=stages).hardware()


def counts_table() -> str:
    """Return what an arrangement needs, and the digital work, n = 64."""
    rows, n = [], 64
    for stages in range(3):
        inverse = BlockInverse(amc.Chip(), harmonic(n), stages=stages)
        schur = inverse.partition.schur_flops / (2 / 3 * n**3)
        for name, made in zip(("one bank", "unrolled"), inverse.hardware(), strict=True):
            if stages or name == "one bank":
                rows.append(
                    (
                        str(stages),
                        name if stages else "",
                        *(str(value) for value in vars(made).values()),
                        f"{schur:.3g}",
                    )
                )
    head = ("stages", "", "amplifiers", "cells", "lines driven", "lines read", "switches",
            "sample-and-holds", "phases", "S over an LU of A")  # fmt: skip
    return table(head, rows)


def area(n: int, stages: int, name: str, *, shared: bool = True) -> float:
    counts = hardware(n, stages)[0 if shared else 1]
    return sum(counts.area(Technology.load(name)).values())


def area_table() -> str:
    """Return what is saved in each technology, with a converter at every line."""
    rows = []
    names = sorted(path.stem for path in (ROOT / "models" / "technology").glob("*.toml"))
    for name in names:
        for n in (64, 256):
            whole = area(n, 0, name)
            cells = hardware(n, 0)[0].area(Technology.load(name))["cells"]
            saved = [1 - area(n, stages, name) / whole for stages in (1, 2)]
            grown = area(n, 1, name, shared=False) / whole
            rows.append((name, str(n), f"{100 * cells / whole:.2g} %",
                         *(f"{100 * part:.1f} %" for part in saved), f"{grown:.2f}"))  # fmt: skip
    return table(("technology", "n", "share of the cells", "saved, one stage", "two stages",
                  "area, one stage unrolled"), rows)  # fmt: skip


def conditions_table() -> str:
    """Return what must hold for the stated figures to come out: shares, and areas of a line."""
    cell = Technology.load("typical")["cell_area"]
    rows = []
    for stages, left in ((1, 0.5), (2, 0.25)):
        share = 1 - AREA / (1 - left)
        lines = [256 * cell * (1 - share) / share, 512 * cell * (1 - share) / share]
        power = 1 - ENERGY / (1 - left)
        rows.append(
            (str(stages), f"{100 * share:.3g} %",
             *(f"{value * 1e12:.3g} um^2" for value in lines),
             f"{(1 - ENERGY) / left:.3g}", f"{100 * power:.3g} %")
        )  # fmt: skip
    head = ("stages", "48.83 % of area: share of what does not shrink",
            "periphery of a line, n = 256", "n = 512",
            "40 % of energy: sum of phases over one array",
            "40 % of power: share of what does not shrink")  # fmt: skip
    return table(head, rows)


@styled
def errors_figure() -> Figure:
    """Draw errors over size by effect, and energy ratios over the condition number."""
    figure = Figure(figsize=(10.5, 4.6), layout="constrained")
    panels = figure.subplots(1, 3)
    shown = (("wires, 1 ohm", "Toeplitz 1/(1+k)"), ("write noise, 5 % of g", "Toeplitz 1/(1+k)"))
    for axes, (effect, matrix) in zip(panels, shown, strict=False):
        for k, (name, _) in enumerate(COLUMNS):
            axes.loglog(SIZES, [median_error(effect, matrix, n, k) for n in SIZES],
                        marker=MARKERS[k], color=COLOURS[k], linestyle=DASHES[k],
                        label=name)  # fmt: skip
        axes.set_title(f"{effect}; {matrix}")
        axes.set_xlabel("n")
        axes.set_xticks(SIZES, [str(n) for n in SIZES])
        axes.minorticks_off()
    panels[0].set_ylabel("relative error")
    panels[1].set_ylim(0.03, 0.5)
    panels[1].set_yticks((0.03, 0.1, 0.3), ("0.03", "0.1", "0.3"))
    axes = panels[2]
    for k, matrix in enumerate(SETTLED):
        points = [energies(matrix, n, "100 MHz, one pole") for n in (16, 64)]
        axes.loglog(
            [point[2] for point in points],
            [np.median(point[0]) for point in points],
            marker=MARKERS[k],
            color=COLOURS[k],
            linestyle="none",
            label=matrix,
        )
    axes.axhline(1.0, color="0.3", linewidth=1)
    axes.axhline(1 - ENERGY, color="0.3", linewidth=1, linestyle=":")
    axes.annotate("stated", (1, 1 - ENERGY), xycoords=("axes fraction", "data"), ha="right",
                  va="bottom", fontsize=8)  # fmt: skip
    axes.set_xlabel("condition number of A")
    axes.set_title("energy of one stage over one array")
    axes.set_yticks((0.1, 0.3, 1, 2), ("0.1", "0.3", "1", "2"))
    axes.minorticks_off()
    legend(figure, place="under each", columns=1)
    return figure


def timeline_figure() -> Figure:
    """Draw the phases of two stages: what follows what, on which arrays."""
    A, b = wishart(16, 64, 0), right_hand_sides(16, 0, 1)
    chip = amc.Chip(fidelity="behavioural")
    inverse = BlockInverse(chip, A, stages=2, calibration=b)
    inverse.solve(b)
    return view.timeline(
        inverse.schedule().timeline(), title="two stages, 16 x 16: settling of one right-hand side"
    )


TABLES = {
    "effects": effects_table, "law": law_table, "time": time_table, "energy": energy_table,
    "amplifiers": amplifiers_table, "counts": counts_table, "area": area_table,
    "conditions": conditions_table,
}  # fmt: skip
FIGURES = {"blockamc": errors_figure, "blockamc-timeline": timeline_figure}


def main(names: list[str]) -> None:
    for name in names or (*TABLES, *FIGURES):
        known = ", ".join((*TABLES, *FIGURES))
        assert name in TABLES or name in FIGURES, f"there is no {name!r}; choose from {known}"
        started = time.process_time()
        if name in TABLES:
            fill(PAGE, name, TABLES[name]())
        else:
            save(FIGURES[name](), IMAGES / f"{name}.png")
        print(f"{name}: {time.process_time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    with threadpool_limits(1):
        main(sys.argv[1:])
