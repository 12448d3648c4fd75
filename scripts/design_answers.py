"""Write the tables and pictures of docs/design.md, and print what they are judged by.

.venv/bin/python scripts/design_answers.py [budget closed compare margin require]
"""

from __future__ import annotations

import dataclasses
import re
import sys
import time
import warnings
from pathlib import Path

import numpy as np

import amcspice as amc
from amcspice.algorithm import BlockInverse
from amcspice.design import stability_margin
from amcspice.design.trials import ProblemSet
from amcspice.problem.generators import GENERATORS, GeneratedProblem

DOCS = Path(__file__).resolve().parents[1] / "docs"
USUAL = {
    "levels": 32, "write_noise": 0.01, "wire_resistance": 0.5, "gain": 1e4, "offset_sigma": 2e-5,
    "dac_bits": 8, "adc_bits": 8,
}  # fmt: skip


def table(head, rows) -> str:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def generated(problem, rows, columns, seed=0, *, signed=False, count=4):
    """Return a problem of the usual kind: a matrix and right-hand sides."""
    asked = amc.PROBLEMS[problem]
    made = GeneratedProblem(
        problem, asked.generator, rows, columns, signed=signed,
        setting=GENERATORS[asked.generator].default, right_hand_sides=count,
        zeros=asked.planted_zeros, noise=asked.planted_noise, seed=seed,
    )  # fmt: skip
    matrix = made.make()
    return matrix, made.vectors(matrix)


# -- error budgets ---------------------------------------------------------------------------

KINDS = (
    ("nnls", "ginv-compact", 32, 8, False),
    ("nnls", "ginv-classic", 32, 8, False),
    ("lstsq", "ginv-compact", 32, 8, True),
    ("inv", "inv", 16, 16, False),
)


def budget_table() -> str:
    """Twenty problems: what the shares of ten seeds come to, and the time of a budget."""
    rows, every = [], []
    for problem, circuit, m, n, signed in KINDS:
        sums, spent, weights = [], [], []
        for seed in range(5):
            A, b = generated(problem, m, n, seed, signed=signed)
            made = amc.make_circuit(problem, A, circuit=circuit, **USUAL)
            started = time.process_time()
            budget = amc.error_budget(made, b)
            spent.append(time.process_time() - started)
            sums.append(1 - budget.unexplained)
            weights.append(budget.error**2)
        every += list(zip(sums, weights, strict=True))
        ranked = sorted(budget.shares.items(), key=lambda pair: -pair[1].share)[:3]
        largest = ", ".join(f"{name.replace('_', ' ')} {each.share:.0%}" for name, each in ranked)
        mean = np.average(sums, weights=weights)
        rows.append((
            f"{problem} on {circuit}, {m} x {n}{', signed' if signed else ''}",
            f"{min(sums):.3f} to {max(sums):.3f}", f"{mean:.3f}", largest,
            f"{max(spent):.2f} s",
        ))  # fmt: skip
    sums, weights = np.transpose(every)
    print(
        f"sums of the shares of 20 problems, 10 seeds each: {sums.min():.3f} to {sums.max():.3f}; "
        f"over all, by mean square: {np.average(sums, weights=weights):.3f}; "
        f"plain mean {sums.mean():.3f}"
    )
    return table(
        ("five problems each", "sum of the shares", "over all", "largest shares of the last one",
         "CPU time, longest"), rows,
    )  # fmt: skip


def budget_picture() -> None:
    from amcspice.view.budget import budget_bars
    from amcspice.view.style import save

    A, b = generated("nnls", 32, 8)
    budget = amc.error_budget(amc.make_circuit("nnls", A, circuit="ginv-classic", **USUAL), b)
    save(budget_bars(budget), DOCS / "images" / "error-budget.png")


def linear_system(size=12, seed=0):
    """Return a system without small entries, which levels would switch off."""
    made = GeneratedProblem("inv", "dominant", size, size, setting=1.2, seed=seed)
    return made.make() + 0.05, np.random.default_rng(seed).uniform(-1, 1, (size, 6))


def closed_form(circuit, b, volts):
    """Return shares of an inverse circuit to first order, from Kirchhoff's law of its rows.

    sum_j G_ij (V_j - v_i) = g_in v_i + I_i with v_i = offset_i - V_i / gain: levels and gain give
    fixed vectors, write noise and offsets independent ones, whose mean squares add up.
    """
    A, device, opamp = circuit.matrix, circuit.device, circuit.opamp
    top = abs(A).max()
    x, inverse = np.linalg.solve(A, b), np.linalg.inv(A)
    step = top / (device.levels - 1)
    by_levels = -inverse @ (step * np.rint(A / step) - A) @ x
    totals = (A.sum(axis=1) + circuit.input_conductance * top)[:, None]
    by_gain = -inverse @ (totals * x) / opamp.gain
    size = (x**2).sum(axis=0)
    squares = {
        "quantisation": (by_levels * (by_levels + by_gain)).sum(axis=0),
        "gain": (by_gain * (by_levels + by_gain)).sum(axis=0),
        "write_noise": (device.write_noise * top) ** 2 * (inverse**2).sum() * size,
        "offset": np.full(
            len(size), (opamp.offset_sigma / volts) ** 2 * ((inverse * totals.T) ** 2).sum()
        ),
    }
    relative = {name: float((square / size).mean()) for name, square in squares.items()}
    return {name: square / sum(relative.values()) for name, square in relative.items()}


LINEAR = {"levels": 256, "write_noise": 0.001, "gain": 1e3, "offset_sigma": 1e-4}


def closed_table() -> str:
    """Shares of inverse circuits against first-order theory."""
    rows, worst = [], 0.0
    for seed in range(5):
        A, b = linear_system(seed=seed)
        circuit = amc.make_circuit("inv", A, circuit="inv", **LINEAR)
        volts = amc.simulate(circuit, b, fidelity="dc").range.volts_per_unit
        expected = closed_form(circuit, b, volts)
        for seeds in (10, 40):
            found = amc.error_budget(circuit, b, seeds=seeds).shares
            off = {name: found[name].share / share - 1 for name, share in expected.items()}
            if seeds == 40:
                worst = max(worst, *map(abs, off.values()))
            rows.append((
                seed, seeds,
                *(
                    f"{found[name].share:.3f} ({share:.3f})" for name, share in expected.items()
                ),
                f"{max(map(abs, off.values())):.1%}",
            ))  # fmt: skip
    print(f"shares against the closed form, 40 seeds: at most {worst:.1%} off")
    names = [name.replace("_", " ") for name in expected]
    return table(("system", "seeds", *names, "farthest off"), rows)


def blocks_table() -> str:
    """The budget of a block inverse beside that of one array."""
    A, b = linear_system(16)
    hardware = amc.Hardware().changed(levels=64, write_noise=0.005, gain=1e3)
    rows = []
    for stages in (0, 1):
        budget = amc.program_budget(
            lambda chip, stages=stages: BlockInverse(chip, A, stages=stages).solve(b),
            np.linalg.solve(A, b), hardware, seeds=5,
        )  # fmt: skip
        shares = (f"{budget.shares[name].share:.0%}" for name in
                  ("quantisation", "write_noise", "gain"))  # fmt: skip
        what = "one array" if not stages else "blocks, one stage"
        rows.append((what, f"{budget.error:.3f}", *shares, f"{budget.unexplained:.0%}"))
    head = ("16 x 16", "error", "quantisation", "write noise", "gain", "unexplained")
    return table(head, rows)


# -- circuits side by side -------------------------------------------------------------------

QUESTION = {"levels": 8, "write_noise": 0.03, "wire_resistance": 2.0, "gbw": 50e6}


def compare_table() -> str:
    from amcspice.view.comparison import pareto_plot
    from amcspice.view.style import save

    A, b = generated("lstsq", 64, 16, signed=True)
    started = time.process_time()
    found = amc.compare("lstsq", A, b, **QUESTION)
    print(f"compare, 64 x 16 signed: {time.process_time() - started:.1f} s CPU; {found.advice}")
    corrected = amc.compare("lstsq", A, b, predistort=10, **QUESTION)
    A, b = generated("nnls", 32, 8)
    save(pareto_plot(amc.compare("nnls", A, b, **USUAL)), DOCS / "images" / "compare.png")
    rows = []
    for what, each in (("", found), (", predistort = 10", corrected)):
        for name, one in each.circuits.items():
            largest, margin = one.budget.largest(), one.margin
            capacitance, pole = margin.input_capacitance, margin.second_pole
            rows.append((
                f"{name}{what}", f"{one.budget.error:.3f}", largest.replace("_", " "),
                f"{one.settling_time * 1e9:.0f} ns", f"{one.power * 1e3:.1f} mW",
                f"{one.energy * 1e9:.2f} nJ", one.amplifiers, one.cells, f"{margin.damping:.2f}",
                f"{capacitance * 1e15:.0f} fF" if np.isfinite(capacitance) else "any",
                f"{pole * 1e-6:.0f} MHz" if pole else "any",
            ))  # fmt: skip
    return table(
        ("circuit", "error", "mostly by", "settling", "power", "energy", "amplifiers", "cells",
         "damping", "input capacitance up to", "second pole from"), rows,
    )  # fmt: skip


MARGINS = (
    ("lstsq", "ginv-classic", 12, 4, False),
    ("nnls", "ginv-classic", 12, 4, False),
    ("lstsq", "ginv-classic", 16, 5, True),
    ("lstsq", "ginv-compact", 16, 5, True),
    ("inv", "inv-inverters", 8, 8, True),
)


def margin_table() -> str:
    """Stability margins against ngspice, on both sides of them."""
    rows = []
    for problem, name, m, n, signed in MARGINS:
        A, b = generated(problem, m, n, signed=signed, count=2)
        circuit = amc.make_circuit(problem, A, circuit=name, gbw=50e6, gain=1e5)
        run = amc.simulate(circuit, b, fidelity="dc")
        margin = stability_margin(circuit, b, run)
        volts = run.range.volts_per_unit
        for field, edge, unit, scale, worse in (
            ("input_capacitance", margin.input_capacitance, "fF", 1e15, 1.1),
            ("second_pole", margin.second_pole, "MHz", 1e-6, 1 / 1.1),
        ):
            if not (np.isfinite(edge) and edge):
                rows.append((f"{problem} on {name}", field.replace("_", " "), "any", "", ""))
                continue
            there, beyond = (
                settles(circuit, b, volts, **{field: edge * factor})
                for factor in (1 / worse, worse)
            )
            rows.append((
                f"{problem} on {name}", field.replace("_", " "), f"{edge * scale:.0f} {unit}",
                there, beyond,
            ))  # fmt: skip
    for row in rows:
        print("margin:", *row)
    head = ("", "limit of", "found", "ngspice 10 % before", "10 % beyond")
    return table(head, rows)


def settles(circuit, b, volts, **changes) -> str:
    """Return how many right-hand sides come to rest in ngspice."""
    other = dataclasses.replace(circuit, opamp=dataclasses.replace(circuit.opamp, **changes))
    run = amc.simulate(
        other, b, fidelity="reduced", allow_unstable=True, range=volts, window="5 us"
    )
    right = run.settled & (run.relative_error < 0.01)
    return f"{right.sum()} of {len(right)} settle"


# -- what parts have to be --------------------------------------------------------------------

QUESTIONS = (
    ("lstsq", None, 64, 16, 0.01, 2e-6, {}),
    ("lstsq", "ginv-classic", 64, 16, 0.05, 5e-7, {}),
    ("nnls", None, 32, 8, 0.02, 1e-6, {}),
    ("nnls", "ginv-classic", 32, 8, 0.03, 2e-7, {}),
    ("inv", None, 16, 16, 0.05, 1e-6, {}),
    ("inv", None, 8, 8, 0.02, 2e-7, {"levels": 256}),
    ("mvm", None, 32, 32, 0.01, 1e-7, {}),
    ("lstsq", None, 16, 4, 0.05, 1e-6, {"levels": 64, "write_noise": 0.005}),
    ("nnls", None, 16, 4, 0.03, 1e-6, {"hold": True, "gain": 1e5}),
    ("mvm", None, 16, 16, 0.03, 1e-7, {"wire_resistance": 2.0}),
)


def require_table() -> str:
    """Ten questions, and what behavioural runs and other problems give at and beyond answers."""
    rows, right, count = [], 0, 0
    for problem, circuit, m, n, error, settle, given in QUESTIONS:
        problems = [generated(problem, m, n, seed) for seed in range(10)]
        started = time.process_time()
        found = amc.require(problem, problems, error=error, settle=settle, circuit=circuit, **given)
        spent = time.process_time() - started
        print(f"{found}\n  {spent:.1f} s CPU")
        fresh = [generated(problem, m, n, seed) for seed in range(100, 110)]
        same, others = (
            ProblemSet.of(problem, each, circuit, given, {}, 3, number)
            for number, each in enumerate((problems, fresh))
        )
        for name, answer in found.answers.items():
            what = f"{problem} on {found.circuit}, {m} x {n}, {error:.0%}, {settle * 1e9:.0f} ns"
            if not answer.reachable or not np.isfinite(answer.beyond):
                rows.append((what, name, "-", "", "", "", answer.reason))
                continue
            beyond = int(answer.beyond) if name == "levels" else answer.beyond
            there, past, other = (
                trials.run(trials.circuits({name: value}), in_time=True)
                for trials, value in ((same, answer.value), (same, beyond), (others, answer.value))
            )
            use = [used(each, name, error, settle) for each in (there, past, other)]
            count, right = count + 1, right + (use[0] <= 1 < use[1])
            value = f"{answer.value:.4g} ± {answer.spread:.2g}"
            rows.append((what, name, value, *(f"{each:.3f}" for each in use), f"{spent:.1f} s"))
    print(f"require: {right} of {count} answers meet the limit behaviourally and miss it beyond")
    head = (
        "question", "parameter", "answer", "use of the limit there", "beyond", "other problems",
        "CPU time",
    )  # fmt: skip
    return table(head, rows)


def used(outcome, name, error, settle) -> float:
    """Return how much of its limit an outcome uses."""
    return outcome.settling_time / settle if name == "gbw" else outcome.error / error


SECTIONS = {
    "budget": budget_table, "closed": closed_table, "blocks": blocks_table,
    "compare": compare_table, "margin": margin_table, "require": require_table,
}  # fmt: skip


def main() -> None:
    chosen = sys.argv[1:] or list(SECTIONS)
    warnings.simplefilter("ignore")
    page = DOCS / "design.md"
    for name in chosen:
        marks = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        pattern = re.escape(marks[0]) + ".*?" + re.escape(marks[1])
        filled = f"{marks[0]}\n{SECTIONS[name]()}\n{marks[1]}"
        text = page.read_text()
        page.write_text(re.sub(pattern, lambda _, filled=filled: filled, text, flags=re.DOTALL))
    if "budget" in chosen:
        budget_picture()


if __name__ == "__main__":
    main()
