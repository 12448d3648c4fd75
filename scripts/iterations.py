"""Write the tables of docs/iterations.md.

.venv/bin/python scripts/iterations.py
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spl
from scipy.linalg import toeplitz

import amcspice as amc
from amcspice.algorithm import AnalogPreconditioner, CompensatedProduct, iterate, solve_sparse
from amcspice.algorithm.sparse.grid import boxes

PAGE = Path(__file__).resolve().parents[1] / "docs" / "iterations.md"
SIDE = 316
HARDWARE = {"opamp": "onchip-1g", "levels": 16, "write_noise": 0.01, "seed": 1}
RESIDUAL = 1e-6
INVERSES = {}
"""Of the matrices that `Exact` was asked for."""


def table(head, rows) -> str:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def off(found, expected) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


# -- iterations on products --------------------------------------------------------------------


def usual_cg(P, b, most) -> float:
    """Return how many iterations conjugate gradients take with beta = r'r over the one before."""
    r, p = b, b
    for count in range(1, most + 1):
        alpha = r @ r / (p @ P @ p)
        new = r - alpha * (P @ p)
        p, r = new + (new @ new) / (r @ r) * p, new
        if np.linalg.norm(r) <= RESIDUAL * np.linalg.norm(b):
            return count
    return np.inf


def span(counts) -> str:
    low, high = min(counts), max(counts)
    if np.isinf(low):
        return "never"
    return f"{low:g}" if low == high else f"{low:g} to {high:g}".replace("inf", "never")


def methods_table() -> str:
    rows = []
    A = toeplitz(1 / (1 + np.arange(32)))
    for noise in (0.0, 0.01, 0.02, 0.04):
        took = {name: [] for name in ("cg", "usual", "chebyshev", "richardson")}
        errors, one_step = [], []
        for seed in range(5):
            b = np.random.default_rng(seed).standard_normal(32)
            chip = amc.Chip(gain=1e8, write_noise=noise, seed=seed)
            M = chip.program(A, circuit="macro", switch_on=1e-3, switch_off=1e14)
            exact = np.linalg.solve(A, b)
            for method, counts in took.items():
                if method == "usual":
                    counts.append(usual_cg(M.look(np.eye(32), "mvm"), b, 200))
                    continue
                made = iterate(M, A, b, method=method, residual=RESIDUAL)
                counts.append(made.iterations if made.reason == "reached" else np.inf)
            errors.append(off(made.x, exact))
            one_step.append(off(M.solve(b), exact))
        rows.append(
            (f"{noise:.0%}", *map(span, took.values()), f"{np.median(errors):.2g}",
             f"{np.median(one_step):.2g}")
        )  # fmt: skip
    head = ("write noise", "CG", "CG, usual beta", "Chebyshev", "Richardson", "error",
            "error, one step")  # fmt: skip
    return table(head, rows)


def slices_table() -> str:
    rows = []
    X = np.random.default_rng(0).standard_normal((32, 256))
    A, b = X @ X.T / 256, np.random.default_rng(1).standard_normal(32)
    for slices in (1, 2, 4, 8):
        chip = amc.Chip(levels=8, write_noise=0.01, gain=1e5, wire_resistance=1.0, seed=1)
        product = CompensatedProduct(chip, A, slices)
        made = iterate(product, A, b, residual=1e-10)
        error = off(made.x, np.linalg.solve(A, b))
        rows.append((slices, made.iterations, made.products, f"{-np.log2(error):.1f}"))
    return table(("slices", "iterations", "products", "bits of x"), rows)


# -- a preconditioner of a large sparse system -------------------------------------------------


class Timed(AnalogPreconditioner):
    """One that knows how long its arrays were simulated, in processor time."""

    asking = 0.0

    def ask(self, arrays, vectors):
        started = time.process_time()
        try:
            return self.answer(arrays, vectors)
        finally:
            Timed.asking += time.process_time() - started

    def answer(self, arrays, vectors):
        return super().ask(arrays, vectors)


class Exact(Timed):
    """The same in digital arithmetic: inverses worked out before, multiplied."""

    def answer(self, arrays, vectors):
        if arrays not in INVERSES:
            INVERSES[arrays] = np.linalg.inv(arrays.matrix)
        return INVERSES[arrays] @ vectors


def laplacian(n):
    line = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n))
    eye = sp.eye_array(n)
    return sp.csr_array(sp.kron(eye, line) + sp.kron(line, eye))


def timed(run):
    started = time.process_time()
    result = run()
    return result, time.process_time() - started


def digital_row(name, A, b, make, method="gmres"):
    inverse, setup = timed(make)
    applied = [0]

    def apply(v):
        applied[0] += 1
        return inverse(v)

    M = spl.LinearOperator(A.shape, apply)
    if method == "cg":
        (x, failed), took = timed(lambda: spl.cg(A, b, rtol=RESIDUAL, M=M, maxiter=2000))
    else:
        (x, failed), took = timed(
            lambda: spl.gmres(A, b, rtol=RESIDUAL, restart=30, M=M, maxiter=33)
        )
    count = f"{applied[0]}" if not failed else f"residual {off(A @ x, b):.1g} after {applied[0]}"
    return (name, "", count, f"{setup:.2f}", f"{took:.2f}", *[""] * 5)


def levels_row(name, A, b, kind, width, coarse=True):
    chip, shape = amc.Chip(**HARDWARE), (SIDE, SIDE)
    Timed.asking, programs = 0.0, []

    def make():
        # The simulation of writing is no digital work of the system.
        started, program = time.process_time(), chip.program

        def counted(*args, **options):
            begun = time.process_time()
            try:
                return program(*args, **options)
            finally:
                programs.append(time.process_time() - begun)

        chip.program = counted
        if coarse:
            made = kind.on_grid(chip, A, shape, width, largest_entry=1.25)
        else:
            made = kind(chip, A, boxes(shape, width), largest_entry=1.25)
        return made, time.process_time() - started - sum(programs)

    inverse, setup = make()
    solved, took = timed(lambda: solve_sparse(A, b, inverse, ledger=chip.ledger))
    count = solved.iterations if solved.reason == "reached" else f"not in {solved.iterations}"
    rest = took - Timed.asking
    if kind is Exact:
        digital = f"{took:.2f}, blocks {Timed.asking:.3f}"
        return (name, "", count, f"{setup:.2f}", digital, *[""] * 5)
    cost = chip.cost()
    counted, ignored = cost.counted, cost.ignored
    bare = cost.without_writing
    seconds = sum(bare.time[part] for part in ("dac", "settle", "adc"))
    joules = sum(bare.energy[part] for part in ("amplifiers", "array", "dac", "adc"))
    moved = (
        bare.work.values
        * chip.technology["value_bytes"]
        * (chip.technology["buffer_energy"] + chip.technology["dram_energy"])
    )
    return (
        name, len(chip.matrices), count, f"{setup:.2f}", f"{rest:.2f}",
        f"{seconds * 1e3:.1f} ms", f"{joules * 1e6:.0f} uJ", f"{moved * 1e6:.0f} uJ",
        f"{(counted.time - ignored.time) * 1e3:.1f} ms",
        f"{(counted.energy - ignored.energy) * 1e6:.1f} uJ",
    )  # fmt: skip


def poisson_table() -> str:
    A, b = laplacian(SIDE), np.ones(SIDE * SIDE)
    columns = A.tocsc()
    ordered = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0,
               "options": {"SymmetricMode": True}}  # fmt: skip
    factor, setup = timed(lambda: spl.splu(columns, **ordered))
    x, took = timed(lambda: factor.solve(b))
    assert off(A @ x, b) < RESIDUAL
    rows = [
        ("direct, sparse LU, symmetric order", "", "", f"{setup:.2f}", f"{took:.3f}", *[""] * 5),
        digital_row("CG", A, b, lambda: lambda v: v, "cg"),
        digital_row("GMRES(30)", A, b, lambda: lambda v: v),
        digital_row("GMRES(30), ILU as it comes", A, b, lambda: spl.spilu(columns).solve),
        digital_row(
            "GMRES(30), ILU, symmetric order, 1e-3", A, b,
            lambda: spl.spilu(columns, drop_tol=1e-3, fill_factor=10, **ordered).solve,
        ),
        digital_row(
            "GMRES(30), ILU, symmetric order, 1e-4", A, b,
            lambda: spl.spilu(columns, drop_tol=1e-4, fill_factor=20, **ordered).solve,
        ),
    ]  # fmt: skip
    for width in (4, 8):
        size = f"{width} x {width}"
        rows += [
            levels_row(f"flexible GMRES, digital blocks {size}, levels", A, b, Exact, width),
            levels_row(f"flexible GMRES, analog blocks {size}, levels", A, b, Timed, width),
        ]
    rows.append(levels_row("flexible GMRES, analog blocks 8 x 8 alone", A, b, Timed, 8, False))
    head = ("", "arrays", "iterations", "set-up, digital [s]", "solution, digital [s]",
            "analog: time", "energy", "values in and out", "writing: time", "energy")  # fmt: skip
    return table(head, rows)


SECTIONS = {"methods": methods_table, "slices": slices_table, "poisson": poisson_table}


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
