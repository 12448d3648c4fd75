"""Fill the tables of docs/cells.md: published cells side by side, and circuits of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from update_readme import fill

import amcspice as amc
from amcspice.device import PUBLISHED
from amcspice.device.moments import cell_moments
from amcspice.schema import to_text

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "cells.md"
PARTS = (0.1, 0.25, 0.5, 0.75, 1.0)
DAY = 86400.0
PROBLEMS = range(10)


def table(head, rows):
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def after(name, seconds):
    """Return cells that long after they were written."""
    cells = amc.cell(name)
    return amc.cell(name, drift_time=1 + seconds / cells.drift_unit)


def percent(values):
    return " / ".join(f"{round(100 * value, 1) + 0:g}" for value in values)


def sources():
    """Who measured the cells, and what is assumed of them."""
    rows = []
    for name, kind in PUBLISHED.items():
        low, high = kind.measured_range
        assumed = "; ".join(kind.assumed) or "-"
        rows.append((f"`{name}`", f"{to_text(low, 'S')} to {to_text(high, 'S')}", kind.source,
                     assumed))  # fmt: skip
    return table(("cells", "measured", "source", "assumed"), rows)


def laws():
    """Write error, change after a day and noise of a read, by the conductance."""
    rows = []
    for name in PUBLISHED:
        young, old = amc.cell(name), after(name, DAY)
        parts = np.array([part for part in PARTS if part * young.g_max >= young.g_min])
        target = parts * young.g_max
        mean, variance = cell_moments(old, target)
        rows.append((
            f"`{name}`", " / ".join(f"{100 * part:g}" for part in parts),
            percent(young.write_spread(target) / young.g_max),
            percent(np.broadcast_to(young.read_spread(target), target.shape)),
            percent(mean / target - 1), percent(np.sqrt(variance) / young.g_max),
        ))  # fmt: skip
    head = ("cells", "g (% of g_max)", "write error (% of g_max)", "read noise (% of g)",
            "mean after a day (% of g)", "deviation after a day (% of g_max)")  # fmt: skip
    return table(head, rows)


def problem(seed):
    draw = np.random.default_rng(seed)
    A = draw.random((32, 8))
    return A, A @ (draw.random(8) * (draw.random(8) > 0.4)) + 0.1 * draw.standard_normal(32)


def error(device, seed):
    """Return the relative error of a regression on a circuit with such cells."""
    A, b = problem(seed)
    circuit = amc.ClassicGINV(A, constraint="nonnegative", device=device)
    return amc.simulate(circuit, b, fidelity="dc").relative_error


def circuits():
    """Regressions of 32 x 8 on cells right after writing, and a day later."""
    rows = []
    for name in (*PUBLISHED, "hfo2-16"):
        found = []
        for cells in (amc.cell(name), after(name, DAY) if name in PUBLISHED else None):
            if cells is None:
                found.append("-")
                continue
            errors = [
                error(amc.cell(name, drift_time=cells.drift_time, seed=seed), seed)
                for seed in PROBLEMS
            ]
            found.append(f"{np.median(errors):.2e}")
        rows.append((f"`{name}`", *found))
    return table(("cells", "median error when written", "a day later"), rows)


def main() -> None:
    for make in (sources, laws, circuits):
        fill(PAGE, make.__name__, make())


if __name__ == "__main__":
    main()
