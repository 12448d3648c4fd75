"""Run a few problems in all five fidelities and fill the tables of docs/fidelities.md.

Each is compared with the next higher one, as ``--verify`` does it.  Arguments name single tables:
``scripts/fidelities.py example``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from update_readme import fill, table

import amcspice as amc
from amcspice.engine import Decks, LinearModel
from amcspice.reduction import reduce_to_ports

PAGE = Path(__file__).resolve().parents[1] / "docs" / "fidelities.md"
FIDELITIES = tuple(amc.BACKENDS)
"""From the deck cell by cell down to the ideal answer."""
TIMELESS = ("dc", "ideal")
OPAMP = amc.OpAmp(gain=1e5, gbw=100e6)
REPEATS = 5
"""The median of the run times counts."""

EXAMPLE = np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([1.0, 0.0])
EXAMPLE_OPAMP = amc.OpAmp(gain=1e4, gbw=100e6, output_resistance=1e-3)


def problems():
    """Yield name, circuit and right-hand side."""
    draw = np.random.default_rng(0)
    A = draw.random((16, 16)) + 4 * np.eye(16)
    yield "inv 16 x 16", amc.INV(A, opamp=OPAMP), A @ draw.uniform(-1, 1, 16)
    draw = np.random.default_rng(0)
    A = draw.random((32, 8))
    b = A @ (draw.random(8) * (draw.random(8) > 0.4)) + 0.1 * draw.standard_normal(32)
    common = {"constraint": amc.NonNegative(), "opamp": OPAMP}
    yield "nnls 32 x 8, ginv-classic", amc.ClassicGINV(A, **common), b
    wire = amc.Wire(row=1.0, column=1.0)
    yield "nnls 32 x 8, ginv-compact, 1 ohm", amc.CompactGINV(A, wire=wire, **common), b
    samples = draw.standard_normal((12, 40)) * np.arange(1, 13)[:, None]
    yield "eigen 12 x 12", amc.Eigen(np.cov(samples), opamp=OPAMP), draw.uniform(-1, 1, 12)


def unknowns(circuit):
    """Return what each fidelity solves for."""
    model = reduce_to_ports(circuit.schematic)
    states = len(LinearModel.of(circuit, model).state)
    nodes, ports = len(circuit.schematic.network) - 1, len(model.nodes)
    held = Decks(circuit, model).nodes
    reduced = f"{ports} ports" if held == ports else f"{held} of {ports} ports"
    return [f"{nodes} nodes", reduced, f"{states} states",
            f"{circuit.amplifier_count} stages", f"{circuit.matrix.shape[1]} entries"]  # fmt: skip


def timed(circuit, b, repeats):
    """Return a run of every fidelity and its median run time [s]; they take turns."""
    runs, seconds = {}, {fidelity: [] for fidelity in FIDELITIES}
    for _ in range(repeats):
        for fidelity in FIDELITIES:
            started = time.perf_counter()
            runs[fidelity] = amc.simulate(circuit, b, fidelity=fidelity)
            seconds[fidelity].append(time.perf_counter() - started)
            assert runs[fidelity].all_settled
    return runs, {fidelity: np.median(seconds[fidelity]) for fidelity in FIDELITIES}


def fidelities_table(repeats=REPEATS):
    """Compare every fidelity with the one above it."""
    timed(amc.INV(EXAMPLE[0]), EXAMPLE[1], 1)  # nothing is loaded or compiled on the clock
    rows = []
    for name, circuit, b in problems():
        runs, seconds = timed(circuit, b, repeats)
        above = None
        for fidelity, size in zip(FIDELITIES, unknowns(circuit), strict=True):
            run = runs[fidelity]
            solution = settling = apart = "-"
            if above is not None:
                distance = np.linalg.norm(run.x - above.x) / np.linalg.norm(above.x)
                solution = f"{distance:.1e}"
            if fidelity not in TIMELESS:
                settling = f"{run.settling_time * 1e9:.5g} ns"
                if above is not None:
                    apart = f"{abs(run.settling_time / above.settling_time - 1):.1e}"
            milliseconds = float(f"{seconds[fidelity] * 1e3:.2g}")
            rows.append((name, fidelity, size, solution, settling, apart, f"{milliseconds:g} ms"))
            above, name = run, ""
    head = ("problem", "fidelity", "unknowns", "solution apart", "settling", "settling apart",
            "run time")  # fmt: skip
    return table(head, rows)


def by_hand():
    """Return solution, slowest time constant and settling time of the example, without a tool.

    Both rows have the same total, so the modes are (1, 1) and (1, -1), with eigenvalues 3/2 and
    1/2 of A, and b is half of their sum.
    """
    unity, leak = 2 * np.pi * EXAMPLE_OPAMP.gbw, 1 / EXAMPLE_OPAMP.gain
    total = 1.5
    fast, slow = unity * (1.5 / total + leak), unity * (0.5 / total + leak)
    same, opposite = 0.5 / (1.5 + total * leak), 0.5 / (0.5 + total * leak)
    x = np.array([same + opposite, same - opposite])
    # The first output is the last to enter the band; the fast mode is a small correction.
    settled = np.log(opposite / (0.01 * x[0])) / slow
    for _ in range(20):
        rest = opposite + same * np.exp((slow - fast) * settled)
        settled = np.log(rest / (0.01 * x[0])) / slow
    return x, 1 / slow, settled


def example_table():
    """Return the worked example, by hand and in every fidelity."""
    A, b = EXAMPLE
    x, _, settled = by_hand()
    rows = [("by hand", *(f"{value:.6f}" for value in x), f"{settled * 1e9:.3f} ns")]
    options = {name: {"fidelity": name} for name in FIDELITIES}
    tight = {"relative_tolerance=1e-6": {"fidelity": "reduced", "relative_tolerance": 1e-6}}
    for name, given in {**options, **tight}.items():
        run = amc.simulate(amc.INV(A, opamp=EXAMPLE_OPAMP), b, **given)
        label = f"reduced, `{name}`" if name in tight else name
        shown = f"{run.settling_time * 1e9:.3f} ns" if name not in TIMELESS else "-"
        rows.append((label, *(f"{value:.6f}" for value in run.x), shown))
    return table(("", "x_1", "x_2", "settling"), rows)


TABLES = {"fidelities": fidelities_table, "example": example_table}


def main(names):
    for name in names or TABLES:
        assert name in TABLES, f"there is no table {name!r}; choose from {', '.join(TABLES)}"
        fill(PAGE, name, TABLES[name]())


if __name__ == "__main__":
    main(sys.argv[1:])
