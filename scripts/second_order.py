"""Run what docs/inverses.md and docs/published/second-order.md state, fill their tables and draw
their figures.

Arguments name single tables or figures: ``scripts/second_order.py update``.  All of them take about
a minute of one core.  Times of a core are those of the machine at hand, in single precision.
"""

from __future__ import annotations

import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits
from update_readme import fill, table

import amcspice as amc
from amcspice.algorithm.curvature import (
    AnalogInverse,
    Core,
    Equilibrated,
    LayerStep,
    break_even_width,
    outlook,
    stated_factors,
    with_tiles,
)
from amcspice.errors import UnstableError
from amcspice.system import Cost, Technology
from amcspice.view import second_order as view
from amcspice.view.style import save

ROOT = Path(__file__).resolve().parents[1]
PAGE, CLAIMS = ROOT / "docs" / "inverses.md", ROOT / "docs" / "published" / "second-order.md"
IMAGES = ROOT / "docs" / "images"

CLAIMED, CLAIMED_ENERGY = 5.88, 6.9
"""Throughput, and energy efficiency, over a digital processor, as published."""
FACTORS = {"conv A": (26, 8), "conv G": (8, 26), "full A": (161, 26), "full G": (26, 161)}
"""Width of each factor of the network on letters, and right-hand sides that a step asks it."""
GROUPS = ("writing", "operations", "digital")
SHARES = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
DRAWS = 10
LARGEST = 256
"""Rows of the largest array."""


def activations(n: int, seed: int = 0):
    """Return rows of rectified activations with a bias, some of them alike, shape (4 n, n)."""
    draw = np.random.default_rng(seed)
    common = draw.standard_normal((4 * n, max(n // 8, 1)))
    mixed = common @ draw.standard_normal((common.shape[1], n)) / np.sqrt(common.shape[1])
    a = np.maximum(0.6 * mixed + 0.8 * draw.standard_normal((4 * n, n)) + 0.5, 0.0)
    a[:, -1] = 1.0
    return a


def factor(n: int, damping: float = 0.1, seed: int = 0, *, centred: bool = False):
    """Return a damped factor and the mean that it holds; ``centred``: none, as of derivatives."""
    a = activations(n, seed)
    if centred:
        a = a - a.mean(axis=0)
    M = a.T @ a / len(a)
    return M + damping * np.trace(M) / n * np.eye(n), a.mean(axis=0)


# -- stability --------------------------------------------------------------------------------


def matrices():
    """Yield ten factors of different widths, sources and damping, equilibrated, with names."""
    for seed in range(10):
        draw = np.random.default_rng(seed)
        n = int(draw.integers(16, 49))
        M, m = factor(n, 10 ** draw.uniform(-1, 0.3), seed)
        kept = seed % 2 == 1
        made = Equilibrated.of(M, m if kept else None).matrix
        yield f"{n} rows, mean {'digital' if kept else 'in cells'}", made


@cache
def unstable(share: float) -> tuple[int, ...]:
    """Return how many of the draws of each matrix are unstable once they are written."""
    counts = []
    for number, (_, M) in enumerate(matrices()):
        noise = share / np.linalg.norm(np.linalg.inv(M))
        count = 0
        for draw in range(DRAWS):
            chip = amc.Chip(write_noise=noise, seed=100 * number + draw, opamp="onchip-1g")
            try:
                chip.program(M, "inv", circuit="inv-compensated")
            except UnstableError:
                count += 1
        counts.append(count)
    return tuple(counts)


def stability_table() -> str:
    rows = [
        (f"{share:g}", f"{sum(unstable(share))} of {10 * DRAWS}", *_extremes(unstable(share)))
        for share in SHARES
    ]
    return table(("σ ‖M~⁻¹‖_F", "unstable", "fewest of a matrix", "most of a matrix"), rows)


def _extremes(counts: tuple[int, ...]) -> tuple[str, str]:
    return str(min(counts)), str(max(counts))


# -- the mean -------------------------------------------------------------------------------------


@cache
def solved(n: int, kept: bool, levels: int | None, noise: float) -> tuple[float, ...]:
    """Return condition, share of the limit, error, settling [s], unstable writings of a factor."""
    M, m = factor(n)
    chip = amc.Chip(
        levels=levels, write_noise=noise, opamp="onchip-1g", seed=1, fidelity="behavioural"
    )
    inverse = AnalogInverse(chip, keep_mean=kept)
    aimed = Equilibrated.of(M, m if kept else None).matrix
    share = outlook(aimed, chip.hardware.device).share
    inverse.program(M, m)
    B = np.random.default_rng(5).standard_normal((n, 26))
    exact = np.linalg.solve(M, B)
    error = np.linalg.norm(inverse.solve(B) - exact) / np.linalg.norm(exact)
    (row,) = (row for held, row in chip.ledger.sums("operation") if held.kind == "inv")
    settling = float(row["settling"]) / int(row["count"])
    return np.linalg.cond(aimed), share, float(error), settling, inverse.unstable


def mean_table() -> str:
    rows = []
    for levels, noise, name in (
        (None, 1e-6, "ideal cells"),
        (None, 0.02, "2 %"),
        (16, 0.02, "16 levels, 2 %"),
    ):
        for kept in (False, True):
            condition, share, error, settling, count = solved(161, kept, levels, noise)
            told = "not definite" if np.isinf(share) else f"{share:.2g}"
            rows.append(
                (
                    name, "digital" if kept else "in cells", f"{condition:.3g}", told,
                    f"{100 * error:.2g} %" if not count else f"damped, {count} in vain",
                    f"{1e9 * settling:.2g} ns",
                )
            )  # fmt: skip
    return table(
        ("cells", "mean", "condition", "σ ‖M~⁻¹‖_F", "error of solutions", "settling"), rows
    )


# -- circuits in time and in ngspice ------------------------------------------------------------


@cache
def verified(n: int, count: int):
    """Return the verification of a sample of the solutions of a factor, run in ngspice."""
    M, m = factor(n, 0.3)
    chip = amc.Chip(opamp="onchip-1g", levels=16, write_noise=0.006, seed=1, fidelity="behavioural")
    inverse = AnalogInverse(chip)
    inverse.program(M, m)
    inverse.solve(np.random.default_rng(0).standard_normal((n, 26)))
    return chip.verify(count)


def verification_table() -> str:
    rows = []
    for n, count in ((8, 8), (26, 8), (161, 3)):
        made = verified(n, count)
        rows.append(
            (
                str(n), str(len(made)), f"{made.largest_solution_deviation:.1e}",
                f"{100 * made.largest_settling_deviation:.2f} %", str(made.passed).lower(),
            )
        )  # fmt: skip
    return table(("rows", "solutions in ngspice", "solutions off", "settling off", "passed"), rows)


# -- what an update takes -----------------------------------------------------------------------


@cache
def updated(technology: str, steps: int = 1) -> Cost:
    """Return what one update of all factors takes, and so many steps with it, at rest."""
    chip = amc.Chip(opamp="onchip-1g", levels=16, write_noise=0.006, seed=1, technology=technology)
    draw = np.random.default_rng(1)
    for name, (n, asked) in FACTORS.items():
        centred = name.endswith("G")
        M, m = factor(n, centred=centred)
        inverse = AnalogInverse(chip, name)
        inverse.program(M, None if centred else m)
        for _ in range(steps):
            inverse.solve(draw.standard_normal((n, asked)))
    return chip.cost()


@cache
def core() -> Core:
    return Core.measure((8, 26, 64, 161, 256, 512, 1024))


def update_table() -> str:
    rows = []
    for technology in ("typical", "best"):
        for steps in (1, 12):
            cost = updated(technology, steps)
            groups = cost.groups
            by_time, by_energy = cost.writing_over_operations
            rows.append(
                (
                    technology, str(steps), f"{cost.work.cells:,}", str(cost.work.operated.count),
                    *(_micro(groups[name].time, "s") for name in GROUPS),
                    f"{by_time:.3g}", f"{groups['writing'].time / cost.time['settle']:,.0f}",
                    *(_micro(groups[name].energy, "J") for name in GROUPS[:2]),
                    f"{by_energy:.3g}",
                )
            )  # fmt: skip
    inverted = sum(core().inverting(n) for n, _ in FACTORS.values())
    rows.append(("one core, all inverses", "", "", "", "", "", _micro(inverted, "s"), *[""] * 5))
    head = (
        "technology", "steps", "cells", "solutions", "writing", "solutions take", "digital",
        "writing over solutions", "over settling alone", "writing", "solutions take",
        "writing over solutions",
    )  # fmt: skip
    return table(head, rows)


def _micro(value: float, unit: str) -> str:
    if value < 1e-6:
        return f"{1e9 * value:.3g} n{unit}"
    return f"{1e6 * value:.3g} µ{unit}" if value < 1e-3 else f"{1e3 * value:.3g} m{unit}"


def core_table() -> str:
    made = core()
    rows = [
        (
            str(n), _micro(made.inversion[n], "s"), _micro(made.eigenvectors[n], "s"),
            *(_micro(_inverse_on_chip(n, name), "s") for name in ("typical", "best")),
        )
        for n in (26, 161, 256, 512, 1024)
    ]  # fmt: skip
    return table(
        ("width", "core, Cholesky", "core, eigenvectors", "chip, typical", "chip, best"), rows
    )


def _inverse_on_chip(n: int, technology: str) -> float:
    return Cost(stated_factors(n, 1, n), Technology.load(technology)).counted.time


def break_even_table() -> str:
    rows = []
    for technology in ("typical", "best"):
        widths = []
        for by_eigenvectors in (False, True):
            found = break_even_width(
                core(), Technology.load(technology), by_eigenvectors=by_eigenvectors
            )
            least = " or less" if found == min(core().inversion) else ""
            widths.append("never" if found is None else f"{found:,}{least}")
        rows.append((technology, *widths))
    return table(("technology", "core inverts by Cholesky", "core takes eigenvectors"), rows)


# -- what may be gained ---------------------------------------------------------------------------


def shares_table() -> str:
    rows = []
    for n in (256, 1024, 4096):
        cells = []
        for batch in (64, 1024, 8192):
            step = LayerStep(n, batch)
            cells.append(
                f"{100 * step.share(core()):.0f} %, {step.limit(core()):.2g} x; "
                f"{100 * step.share(core(), applies=True):.0f} %, "
                f"{step.limit(core(), applies=True):.2g} x"
            )
        rows.append((f"{n:,}", *cells))
    return table(("width", "N = 64", "N = 1,024", "N = 8,192"), rows)


CONDITIONS = (
    ("inverses on the chip, writing counted", {}, {}),
    ("gradients preconditioned on the chip, too", {"applies": True}, {}),
    ("all tiles of 256 rows written at once", {"applies": True}, {"tiles": True}),
    ("every figure at its best end", {"applies": True}, {"tiles": True, "technology": "best"}),
    ("writing ignored", {"applies": True, "writing": False}, {}),
    (
        "eigenvectors on the core, writing counted",
        {"applies": True, "by_eigenvectors": True},
        {"tiles": True},
    ),
)
"""Name, options of the gain, options of the technology."""
STEPS = (LayerStep(256, 64), LayerStep(1024, 64), LayerStep(1024, 1024), LayerStep(4096, 64),
         LayerStep(4096, 1024), LayerStep(1024, 64, 10))  # fmt: skip


def gain(step: LayerStep, number: int) -> float:
    """Return how much faster a step is under a condition."""
    _, options, changes = CONDITIONS[number]
    technology = Technology.load(changes.get("technology", "typical"))
    if changes.get("tiles"):
        technology = with_tiles(technology, step.width, LARGEST)
    return step.gain(core(), technology, **options)


def conditions_table() -> str:
    rows = []
    for number, (name, _, _) in enumerate(CONDITIONS):
        gains = [gain(step, number) for step in STEPS]
        rows.append((name, *(f"**{g:.2f}**" if g >= CLAIMED else f"{g:.2f}" for g in gains)))
    return table(("condition", *map(_step, STEPS)), rows)


def energy_table() -> str:
    rows = []
    for name, applies in (("inverses on the chip", False), ("preconditioned there, too", True)):
        gains = [
            step.energy_gain(core(), Technology.load("typical"), applies=applies) for step in STEPS
        ]
        rows.append((name, *(f"**{g:.2f}**" if g >= CLAIMED_ENERGY else f"{g:.2f}" for g in gains)))
    return table(("chip, writing counted", *map(_step, STEPS)), rows)


def claims_table() -> str:
    """Return what is left of the claims on speed and energy, with the conditions."""
    small, wide, square = STEPS[0], STEPS[1], STEPS[2]
    typical = Technology.load("typical")

    def energy(step: LayerStep) -> float:
        return step.energy_gain(core(), typical, applies=True)

    found = break_even_width(core(), typical)
    rows = [
        (
            "5.88 times the throughput", "layers of the width of that network, writing counted",
            f"slower than one core below a width of {found}", "not met",
        ),
        (
            "", f"{_step(wide)}, gradients preconditioned on the chip, all tiles written at once",
            f"{gain(wide, 2):.2f} times", "confined to conditions",
        ),
        ("", f"{_step(square)}, the same", f"{gain(square, 2):.2f} times", "not met"),
        (
            "6.9 times the energy efficiency",
            "a core of 10 W does the rest, gradients preconditioned on the chip, writing counted",
            f"{energy(small):.2f} times at {_step(small)}; {energy(wide):.1f} times at "
            f"{_step(wide)}", "confined to conditions",
        ),
        ("", f"{_step(square)}, the same", f"{energy(square):.2f} times", "not met"),
    ]  # fmt: skip
    return table(("claim", "condition", "here", "verdict"), rows)


def _step(step: LayerStep) -> str:
    every = f", every {step.every} steps" if step.every > 1 else ""
    return f"n = {step.width:,}, N = {step.batch:,}{every}"


# -- figures --------------------------------------------------------------------------------


def stability_figure():
    shares = (0.4, 0.6, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)
    counts = np.array([unstable(share) for share in shares]) / DRAWS
    kept = np.arange(10) % 2 == 1
    return view.stability(
        shares,
        {
            "mean in cells": counts[:, ~kept].mean(axis=1),
            "mean digital": counts[:, kept].mean(axis=1),
        },
    )


def update_figure():
    return view.update_cost(
        {
            "typical,\n1 step": updated("typical", 1).groups,
            "typical,\n12 steps": updated("typical", 12).groups,
            "best,\n1 step": updated("best", 1).groups,
        },
        title="one update of the factors of the network on letters",
    )


def maps_figure():
    widths, batches = 2 ** np.arange(6, 13), 2 ** np.arange(6, 14)
    typical = Technology.load("typical")

    def over(measure):
        return np.array([[measure(LayerStep(int(n), int(N))) for n in widths] for N in batches])

    return view.gain_maps(
        widths,
        batches,
        {
            "limit: the chip takes no time": over(lambda step: step.limit(core(), applies=True)),
            "typical, writing counted": over(lambda s: s.gain(core(), typical, applies=True)),
            "typical, inverted every 10 steps": over(
                lambda s: LayerStep(s.width, s.batch, 10).gain(core(), typical, applies=True)
            ),
        },
    )


def break_even_figure():
    widths = [int(n) for n in np.geomspace(16, 4096, 25)]
    made = core()
    return view.break_even(
        widths,
        {
            "one core, Cholesky": [made.inverting(n) for n in widths],
            "one core, eigenvectors": [made.inverting(n, by_eigenvectors=True) for n in widths],
            "chip, typical": [_inverse_on_chip(n, "typical") for n in widths],
            "chip, best": [_inverse_on_chip(n, "best") for n in widths],
        },
    )


TABLES = {
    "stability": stability_table, "mean": mean_table, "verification": verification_table,
    "update": update_table, "core": core_table, "break-even": break_even_table,
    "shares": shares_table, "conditions": conditions_table, "energy": energy_table,
    "claims": claims_table,
}  # fmt: skip
ON_CLAIMS = ("core", "break-even", "shares", "conditions", "energy", "claims")
FIGURES = {
    "second-order-stability": stability_figure, "second-order-update": update_figure,
    "second-order-gain": maps_figure, "second-order-break-even": break_even_figure,
}  # fmt: skip


def main(names: list[str]) -> None:
    for name in names or (*TABLES, *FIGURES):
        known = ", ".join((*TABLES, *FIGURES))
        assert name in TABLES or name in FIGURES, f"there is no {name!r}; choose from {known}"
        started = time.process_time()
        if name in TABLES:
            made = TABLES[name]()
            print(made)
            fill(CLAIMS if name in ON_CLAIMS else PAGE, name, made)
        else:
            save(FIGURES[name](), IMAGES / f"{name}.png")
        print(f"{name}: {time.process_time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    with threadpool_limits(1):
        main(sys.argv[1:])
