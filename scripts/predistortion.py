"""Write the tables of docs/wires.md.

.venv/bin/python scripts/predistortion.py
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
from scipy.linalg import toeplitz

import amcspice as amc
from amcspice.circuit import CIRCUITS
from amcspice.device import Wire

PAGE = Path(__file__).resolve().parents[1] / "docs" / "wires.md"
STEPS = (0, 1, 2, 3)
DRAWS = 5


def harmonic(n=64):
    return toeplitz(1 / (1 + np.arange(n)))


def signed(n=64):
    """Return a symmetric matrix of either sign, with a strong diagonal."""
    X = np.random.default_rng(0).standard_normal((n, 4 * n))
    return X @ X.T / (4 * n)


def uniform(n=64, m=256):
    X = np.random.default_rng(0).uniform(size=(n, m))
    return X @ X.T / m


def tall(low, m=64, n=16):
    return np.random.default_rng(0).uniform(low, 1.0, (m, n))


def table(head, rows) -> str:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def error(name, A, steps, draws=1, **options):
    """Return the median error over right-hand sides and draws, and the last circuit."""
    found = []
    for seed in range(draws):
        device = amc.Memristor(seed=seed)
        circuit = CIRCUITS[name](A, device=device, predistort=steps, gain=1e9, **options)
        b = np.random.default_rng(100).standard_normal((circuit.input_size, 20))
        found.extend(amc.simulate(circuit, b, fidelity="dc").relative_error)
    return float(np.median(found)), circuit


def cells_table() -> str:
    cells = {
        "exact": {},
        "0.1 % of g_max": {"write_noise": 0.001},
        "1 % of g_max": {"write_noise": 0.01},
        "1 % of g": {"write_noise": 0.01, "noise_relative_to": "g"},
        "64 levels": {"levels": 64},
        "16 levels": {"levels": 16},
    }
    rows = []
    for name, options in cells.items():
        draws = DRAWS if "write_noise" in options else 1
        ran = [error("inv", harmonic(), k, draws, wire_resistance=1.0, **options) for k in STEPS]
        rows.append((name, *(f"{each:.2g}" for each, _ in ran)))
    return table(("cells", "0 steps", *(f"{k}" for k in STEPS[1:])), rows)


def circuits_table() -> str:
    cases = [
        ("inv", "Toeplitz 1/(1+k), 64 x 64", harmonic(), 1.0),
        ("inv", "Toeplitz 1/(1+k), 128 x 128", harmonic(128), 1.0),
        ("inv", "uniform Wishart, 64 x 64", uniform(), 5.0),
        ("inv-compensated", "Wishart, 64 x 64", signed(), 1.0),
        ("inv-inverters", "Wishart, 64 x 64", signed(), 1.0),
        ("mvm", "Wishart, 64 x 64", signed(), 1.0),
        ("ginv-classic", "uniform, 64 x 16", tall(0.0), 1.0),
        ("ginv-compact", "uniform, 64 x 16", tall(0.0), 1.0),
        ("ginv-compact", "uniform from 0.2, 64 x 16", tall(0.2), 1.0),
        ("macro-inv", "Toeplitz 1/(1+k), 64 x 64", harmonic(), 1.0),
    ]
    rows = []
    for name, what, A, ohms in cases:
        ran = [error(name, A, steps, wire_resistance=ohms) for steps in STEPS]
        arrays = ran[-1][1].predistortions
        kept = ", ".join(f"{each.kept}" for each in arrays)
        scale = ", ".join(f"{each.scale:.3f}" for each in arrays)
        errors = (f"{each:.2g}" for each, _ in ran)
        rows.append((f"`{name}`", what, f"{ohms:g}", *errors, kept, scale))
    head = ("circuit", "matrix", "ohm", "0 steps", "1", "2", "3", "kept of 3", "scale")
    return table(head, rows)


def seconds() -> str:
    """Return the CPU time of a step at n = 256, in words."""
    wire, A = Wire(row=1.0, column=1.0, predistort=2), harmonic(256)
    started = time.process_time()
    _ = amc.INV(A, wire=wire).mapping
    return f"A step takes {(time.process_time() - started) / 3:.1f} s of one core at n = 256."


def main() -> None:
    text = PAGE.read_text()
    made = {"cells": cells_table(), "circuits": circuits_table(), "seconds": seconds()}
    for name, content in made.items():
        pattern = f"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
        text, found = re.subn(pattern, rf"\g<1>{content}\n\g<2>", text, flags=re.DOTALL)
        assert found == 1, name
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
