"""Write the tables of docs/linear-systems.md.

.venv/bin/python scripts/linear_systems.py
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from scipy.linalg import toeplitz

import amcspice as amc
from amcspice.algorithm import BlockInverse, CompensatedProduct, forecast, refine

PAGE = Path(__file__).resolve().parents[1] / "docs" / "linear-systems.md"
COARSE = {"levels": 8, "write_noise": 0.01, "gain": 1e5}


def wishart(n, m, seed=0):
    X = np.random.default_rng(seed).standard_normal((n, m))
    return X @ X.T / m


def harmonic(n):
    return toeplitz(1 / (1 + np.arange(n)))


def median_error(A, seed=0, stages=0, own_scale=False, count=20, **options):
    inverse = BlockInverse(amc.Chip(seed=seed, **options), A, stages=stages, own_scale=own_scale)
    b = np.random.default_rng(seed + 100).standard_normal((len(A), count))
    exact = np.linalg.solve(A, b)
    off = np.linalg.norm(inverse.solve(b) - exact, axis=0) / np.linalg.norm(exact, axis=0)
    return float(np.median(off))


def table(head, rows) -> str:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def counts_table() -> str:
    rows = []
    for stages in range(4):
        made = BlockInverse(amc.Chip(), harmonic(32), stages=stages).counts()
        rows.append(
            (stages, made["phases"], made["amplifiers"], made["amplifiers_unrolled"],
             made["cells"], made["cells_unrolled"])
        )  # fmt: skip
    head = ("stages", "phases", "amplifiers, one bank", "unrolled", "cells", "unrolled")
    return table(head, rows)


def effects_table() -> str:
    """Return errors of blocks over those of one array, by effect and matrix."""
    effects = {
        "wires, 1 ohm": {"wire_resistance": 1.0, "gain": 1e9},
        "gain 1e4": {"gain": 1e4},
        "write noise, 5 % of g": {"write_noise": 0.05, "noise_relative_to": "g", "gain": 1e9},
    }
    matrices = {"Toeplitz 1/(1+k)": lambda seed: harmonic(64), "Wishart, m = 2 n": lambda seed:
                wishart(64, 128, seed)}  # fmt: skip
    rows = []
    for effect, options in effects.items():
        for name, make in matrices.items():
            errors = [
                np.median([median_error(make(seed), seed, stages, **options) for seed in range(5)])
                for stages in (0, 1, 2)
            ]
            rows.append(
                (effect, name, f"{errors[0]:.3g}", *(f"{e / errors[0]:.2f}" for e in errors[1:]))
            )
    return table(("effect", "64 x 64", "one array", "one stage", "two stages"), rows)


def methods_table() -> str:
    rows = []
    for m, stages in ((1024, 1), (256, 1), (128, 1), (64, 1)):
        ran = {method: [] for method in ("plain", "line-search", "gcr")}
        radii, kappa = [], []
        for seed in range(5):
            A = wishart(32, m, seed)
            b = np.random.default_rng(seed).standard_normal((32, 1))
            inverse = BlockInverse(amc.Chip(seed=seed, **COARSE), A, stages=stages, own_scale=True)
            radii.append(forecast(A, inverse.transfer()).spectral_radius)
            kappa.append(np.linalg.cond(A))
            for method, found in ran.items():
                made = refine(inverse, A, b, method=method, bits=24)
                found.append(made.iterations if made.reason == "reached" else np.inf)
        cells = [
            "never" if np.isinf(min(found)) else f"{min(found):g} to {max(found):g}".replace(
                "inf", "never") for found in ran.values()
        ]  # fmt: skip
        rows.append((f"{np.median(kappa):.0f}", f"{min(radii):.2f} to {max(radii):.2f}", *cells))
    return table(("condition", "spectral radius", "plain", "line search", "GCR"), rows)


def slices_table() -> str:
    rows = []
    for n in (16, 32, 64):
        A, bits = wishart(n, 4 * n), []
        v = np.random.default_rng(0).standard_normal((n, 1))
        for slices in (1, 2, 4, 8, 9):
            chip = amc.Chip(
                levels=8, write_noise=0.01, g_max=35e-6, g_min=0.5e-6, wire_resistance=1.73,
                gain=1e5,
            )  # fmt: skip
            product = CompensatedProduct(chip, A, slices)
            off = np.linalg.norm(product @ v - A @ v) / np.linalg.norm(A @ v)
            bits.append(f"{-np.log2(off):.1f}")
        rows.append((n, *bits))
    return table(("n", *(f"{k} slices" for k in (1, 2, 4, 8, 9))), rows)


def gram(seed, users=16, antennas=128):
    draw, shape = np.random.default_rng(seed), (antennas, users)
    H = (draw.standard_normal(shape) + 1j * draw.standard_normal(shape)) / np.sqrt(2)
    return H.conj().T @ H / antennas


def solve_gram(seed, count=30, **options):
    """Return a run of a Gram matrix, and the symbols that it was to find."""
    A, draw = gram(seed), np.random.default_rng([seed, 1])
    x = draw.standard_normal((len(A), count)) + 1j * draw.standard_normal((len(A), count))
    return amc.solve("inv", A, A @ x, **{"fidelity": "dc", "gain": 1e9, "seed": seed, **options}), x


def gram_error(**options):
    """Return the root mean square of errors over channels."""
    squares = []
    for seed in range(12):
        run, x = solve_gram(seed, **options)
        squares.append(np.linalg.norm(run.x - x) ** 2 / np.linalg.norm(x) ** 2)
    return np.sqrt(np.mean(squares))


def fixed_table() -> str:
    """Return what a diagonal in fixed resistors brings, and what it costs."""
    both = ({"diagonal": "programmed"}, {"diagonal": "fixed"})
    cells = {
        "error, 1 % write noise": {"write_noise": 0.01},
        "error, 16 levels": {"levels": 16},
        "error, 64 levels and 0.5 %": {"levels": 64, "write_noise": 0.005},
    }
    rows = [
        (what, *(f"{gram_error(**options, **where):.2%}" for where in both))
        for what, options in cells.items()
    ]
    apart = gram_error(**both[1], diagonal_mismatch=0.01)
    rows.append(("error, resistors 1 % apart", "-", f"{apart:.2%}"))
    radii, runs = [], []
    for where in both:
        inverses = [
            BlockInverse(amc.Chip(levels=8, seed=seed, gain=1e6), gram(seed), stages=0, **where)
            for seed in range(12)
        ]
        found = [forecast(each.matrix, each.transfer()).spectral_radius for each in inverses]
        radii.append(f"{np.median(found):.2f}")
        timed = {"fidelity": "behavioural", "gbw": 1e9, "gain": 1e4, "count": 1, **where}
        runs.append([solve_gram(seed, **timed)[0] for seed in range(12)])
    rows.append(("spectral radius of a refinement, 8 levels", *radii))
    settling = ([run.settling_time[0] for run in each] for each in runs)
    power = ([run.power["total"][0] for run in each] for each in runs)
    rows.append(("settling, 1 GHz [ns]", *(f"{np.median(each) * 1e9:.1f}" for each in settling)))
    rows.append(("power, cells at 0.2 V [mW]", *(f"{np.median(each) * 1e3:.0f}" for each in power)))
    return table(("", "diagonal in cells", "in resistors"), rows)


SECTIONS = {
    "fixed": fixed_table,
    "counts": counts_table,
    "effects": effects_table,
    "methods": methods_table,
    "slices": slices_table,
}


def main() -> None:
    text = PAGE.read_text()
    for name, make in SECTIONS.items():
        marks = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        pattern = re.escape(marks[0]) + ".*?" + re.escape(marks[1])
        filled = f"{marks[0]}\n{make()}\n{marks[1]}"
        text = re.sub(pattern, lambda _, filled=filled: filled, text, flags=re.DOTALL)
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
