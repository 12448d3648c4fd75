"""Fill the tables of docs/published/refinement.md, and draw its figure.

Arguments name single ones: ``scripts/published_refinement.py wires``.
"""

from __future__ import annotations

import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from update_readme import fill, table

import amcspice as amc
from amcspice.algorithm import (
    BlockInverse,
    CompensatedProduct,
    SlicedProduct,
    forecast,
    refine,
)
from amcspice.errors import InputError, UnstableError
from amcspice.view.style import COLOURS, MARKERS, legend, save, styled

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "published" / "refinement.md"
IMAGE = ROOT / "docs" / "images" / "refinement.png"

LEVELS = {"levels": 8, "write_noise": 0.01, "gain": 1e5}
"""Cells of three bits with a write noise of 1 % of g_max; one scale a block."""
FORMED = {**LEVELS, "g_max": 35e-6, "g_min": 0.5e-6}
WIRES = {**FORMED, "wire_resistance": 1.73}
SEEDS = range(5)
SHOWN = (1, 2, 3, 4, 6, 8, 10, 12)
"""Iterations in the table of bits."""
TARGET = 24.0


def wishart(n, m, seed=0):
    X = np.random.default_rng(seed).standard_normal((n, m))
    return X @ X.T / m


def conditioned(n, kappa, seed=0):
    """Return a symmetric matrix with eigenvalues from 1 to kappa, equally spaced in logarithm."""
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]
    return Q * np.geomspace(1, kappa, n) @ Q.T


def right(n, seed=0, count=1):
    return np.random.default_rng([seed, n]).standard_normal((n, count))


def coarse(A, seed=0, stages=1, **options):
    chip = amc.Chip(seed=seed, **{**LEVELS, **options})
    return BlockInverse(chip, A, stages=stages, own_scale=True)


def span(values) -> str:
    """Return the smallest and the largest of iterations; what is not reached is infinite."""
    low, high = (f"{v:g}".replace("inf", "never") for v in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def needed(refined) -> float:
    return refined.iterations if refined.reason == "reached" else np.inf


# -- bits over iterations --------------------------------------------------------------------------


@cache
def gains(n: int, kappa: str, stages: int, method: str) -> np.ndarray:
    """Return bits after each iteration, the median of five draws, and of the last as far as it got.

    ``kappa`` names the matrices: a Wishart matrix of m = 16 n has a condition number near 2.5.
    """
    found = np.full((len(SEEDS), max(SHOWN)), np.nan)
    for seed in SEEDS:
        A = wishart(n, (16 if kappa == "2.5" else 4) * n, seed)
        made = refine(
            coarse(A, seed, stages, wire_resistance=1.73, g_max=35e-6, g_min=0.5e-6,
                   dac_bits=4, adc_bits=4),
            A, right(n, seed), method=method, bits=40, iterations=max(SHOWN),
        )  # fmt: skip
        bits = [step.bits for step in made.steps]
        found[seed, : len(bits)] = bits
        found[seed, len(bits) :] = bits[-1]
    return np.median(found, axis=0)


CASES = {
    "4 x 4, one array": (4, "2.5", 0),
    "16 x 16, one array": (16, "2.5", 0),
    "16 x 16, one stage": (16, "2.5", 1),
    "16 x 16, one stage, m = 4 n": (16, "6", 1),
}


def bits_table() -> str:
    rows = [
        (name, method, *(f"{gains(*case, method)[k - 1]:.1f}" for k in SHOWN))
        for name, case in CASES.items()
        for method in ("plain", "gcr")
    ]
    return table(("system", "method", *(str(k) for k in SHOWN)), rows)


@cache
def in_ngspice(fidelity: str):
    """Refine with every phase in ngspice, or its twin at dc; return it, and seconds."""
    A, b = wishart(16, 256, 0), right(16, 1)[:, 0]
    hardware = amc.Hardware(opamp="ad823").changed(
        **{name: value for name, value in WIRES.items() if name != "gain"},
        dac_bits=4, adc_bits=4,
    )  # fmt: skip
    chip = amc.Chip(hardware, fidelity=fidelity, seed=1)
    started = time.process_time()
    inverse = BlockInverse(chip, A, stages=1, own_scale=True, calibration=right(16, 3, 4))
    refined = refine(inverse, A, b, method="gcr", bits=TARGET, iterations=20)
    return refined, time.process_time() - started


def ngspice_table() -> str:
    rows = []
    for fidelity, name in (("reduced", "every phase in ngspice"), ("dc", "the same at dc")):
        refined, seconds = in_ngspice(fidelity)
        bits = " ".join(f"{step.bits:.1f}" for step in refined.steps)
        rows.append((name, bits, str(refined.iterations), f"{seconds:.1f} s"))
    return table(("run", "bits after each iteration", "iterations", "processor time"), rows)


# -- condition and write errors --------------------------------------------------------------------


@cache
def by_condition(kappa: float, noise: float) -> tuple[list[float], list[float], list[float]]:
    """Return spectral radii, and iterations of plain refinement and of GCR, five draws."""
    radii, plain, gcr = [], [], []
    for seed in SEEDS:
        A, b = conditioned(16, kappa, seed), right(16, seed)
        try:
            inverse = coarse(A, seed, 0, levels=None, write_noise=noise)
        except InputError:  # no circuit settles to it
            radii.append(np.inf)
            plain.append(np.inf)
            gcr.append(np.inf)
            continue
        radii.append(forecast(A, inverse.transfer()).spectral_radius)
        plain.append(needed(refine(inverse, A, b, bits=TARGET)))
        gcr.append(needed(refine(inverse, A, b, method="gcr", bits=TARGET)))
    return radii, plain, gcr


KAPPAS, NOISES = (3, 10, 30, 100), (0.01, 0.05)


def condition_table() -> str:
    rows = []
    for kappa in KAPPAS:
        for noise in NOISES:
            radii, plain, gcr = by_condition(kappa, noise)
            rows.append((str(kappa), f"{noise * 100:g} %", f"{np.median(radii):.2g}", span(plain),
                         span(gcr)))  # fmt: skip
    head = ("condition", "write noise", "spectral radius, median", "plain", "GCR")
    return table(head, rows)


# -- wires -----------------------------------------------------------------------------------------


SIZES = (16, 32, 64, 128)


@cache
def radius(n: int, ohm: float) -> float:
    A = wishart(n, 16 * n)
    wires = {"wire_resistance": ohm} if ohm else {}
    inverse = coarse(A, 0, 0, levels=None, write_noise=0.05, noise_relative_to="g", **wires)
    return forecast(A, inverse.transfer()).spectral_radius


@cache
def sums(n: int) -> tuple[float, int, float, str]:
    """Return what wires make of the sums of a product by slices of rounded digits.

    The share that is wrong with all rows at once, in cells without noise; then, with a write noise
    of 0.5 %, the most rows that round rightly, the bits that follow and what sets them.
    """
    A = wishart(n, 16 * n)
    quiet = amc.Chip(**{**WIRES, "write_noise": 0.0})
    wrong = SlicedProduct(quiet, A, 8, rows_at_once=n).wrong
    chip = amc.Chip(**{**WIRES, "write_noise": 0.005})
    product = SlicedProduct(chip, A)
    refined = refine(coarse(A), A, right(n, 1, 4), product=product, method="gcr", bits=40)
    bits = -np.log2(max(refined.steps[-1].error, 2.0**-53))
    return wrong, int(product.slicing.rows_at_once), bits, refined.floor


@cache
def compensating(n: int) -> tuple[int, float]:
    A = wishart(n, 16 * n)
    product = CompensatedProduct(amc.Chip(**WIRES), A)
    refined = refine(coarse(A), A, right(n, 1, 4), product=product, method="gcr", bits=TARGET)
    return len(product.slices), refined.bits


def wires_table() -> str:
    rows = []
    for n in SIZES:
        wrong, at_once, bits, floor = sums(n)
        slices, reached = compensating(n)
        radii = (f"{radius(n, ohm):.3f}" for ohm in (0.0, 1.73))
        rows.append((str(n), *radii, f"{wrong:.2g}", str(at_once), f"{bits:.1f}, by {floor}",
                     f"{slices}: {reached:.1f}"))  # fmt: skip
    head = ("n", "spectral radius, no wires", "1.73 ohm", "sums wrong, all rows at once",
            "rows that round rightly", "bits", "compensating slices: bits")  # fmt: skip
    return table(head, rows)


# -- converters ------------------------------------------------------------------------------------


@cache
def converters(bits: int) -> tuple[list[float], list[float], float]:
    """Return iterations of plain refinement and GCR with ranged converters, and the fixed floor."""
    plain, gcr, floors = [], [], []
    for seed in range(8):
        A, b = wishart(16, 256, seed), right(16, seed)
        inverse = coarse(A, seed, dac_bits=bits, adc_bits=bits)
        plain.append(needed(refine(inverse, A, b, bits=TARGET)))
        gcr.append(needed(refine(inverse, A, b, method="gcr", bits=TARGET)))
        fixed = refine(inverse, A, b, method="gcr", bits=TARGET, ranged=False)
        floors.append(fixed.bits)
    return plain, gcr, float(np.median(floors))


def converters_table() -> str:
    rows = []
    for bits in (3, 4, 6, 8, 12):
        plain, gcr, floor = converters(bits)
        rows.append((str(bits), span(plain), span(gcr), f"{floor:.1f}"))
    return table(("bits", "ranged: plain", "ranged: GCR", "not ranged: bits of x, GCR"), rows)


def grid_table() -> str:
    """Return what a product reaches whose converters are on the grid of levels, or off it."""
    A, b, rows = wishart(16, 256), right(16, 1, 8), []
    exact = np.linalg.solve(A, b)

    def row(name, bits, product):
        refined = refine(coarse(A), A, b, product=product, method="gcr", bits=45)
        off = np.linalg.norm(refined.x - exact, axis=0) / np.linalg.norm(exact, axis=0)
        told = refined.floor or "reached"
        if np.isfinite(refined.floor_bits) and refined.floor:
            told += f", {refined.floor_bits:.1f}"
        rows.append((name, str(bits), f"{-np.log2(np.median(off)):.1f}", told))

    for bits in (7, 6, 5, 4):
        chip = amc.Chip(levels=8, gain=1e8)
        row("on the grid", bits, SlicedProduct(chip, A, 16, rows_at_once=16, sum_bits=bits))
    for bits in (7, 10, 14):
        chip = amc.Chip(levels=8, gain=1e8, adc_bits=bits)
        row("off it", bits, SlicedProduct(chip, A, 16, rows_at_once=16, on_grid=False))
    return table(("converter", "bits", "bits of x", "told"), rows)


# -- settling and links ----------------------------------------------------------------------------


ONE_POLE = {"second_pole": None, "input_capacitance": 0.0}
OPAMPS = {
    "ad823": ("ad823", {}),
    "ad823, one pole": ("ad823", ONE_POLE),
    "opa690": ("opa690", {}),
    "opa690, one pole": ("opa690", ONE_POLE),
}
"""Amplifiers: presets, and these without what their data sheets do not give."""


@cache
def settling(opamp: str, n: int) -> tuple[float, float]:
    """Return the median settling time of an inverse and of a product, 20 right-hand sides [s].

    It is not a number where the circuit is unstable.
    """
    A, b = wishart(n, 16 * n), right(n, 2, 20)
    cells, found = {name: value for name, value in WIRES.items() if name != "gain"}, []
    preset, changes = OPAMPS[opamp]
    for problem in ("inv", "mvm"):
        try:
            run = amc.solve(problem, A, b, fidelity="behavioural", opamp=preset, **cells, **changes)
            found.append(float(np.median(run.settling_time)))
        except UnstableError:
            found.append(np.nan)
    return tuple(found)


def in_ns(seconds: float) -> str:
    return "unstable" if np.isnan(seconds) else f"{seconds * 1e9:.3g} ns"


def settling_table() -> str:
    rows = [
        (opamp, f"{n} x {n}", *map(in_ns, settling(opamp, n))) for opamp in OPAMPS for n in (8, 16)
    ]
    return table(("amplifier", "matrix", "inverse", "product"), rows)


@cache
def link(antennas: int, users: int, stages: int) -> dict[str, tuple[list[float], list[float]]]:
    """Return iterations to 24 bits, and largest errors after each, by method; five channels."""
    found = {method: ([], []) for method in ("plain", "gcr")}
    for seed in SEEDS:
        draw = np.random.default_rng([seed, antennas, users])
        parts = draw.standard_normal((2, antennas, users))
        H, b = parts[0] + 1j * parts[1], draw.standard_normal((users, 1)) + 0j
        C = H.conj().T @ H / (2 * antennas)
        inverse = coarse(C, seed, stages)
        for method, (iterations, errors) in found.items():
            refined = refine(inverse, C, b, method=method, bits=TARGET)
            iterations.append(needed(refined))
            errors.append([step.error for step in refined.steps[:3]])
    return {method: (its, list(np.max(errors, axis=0))) for method, (its, errors) in found.items()}


LINKS = {(16, 4): 2, (128, 8): 3}
"""Antennas and users, and iterations that are stated."""
MODULATION = 0.035
"""Error vector of 256-QAM that a transmitter may have (3GPP TS 38.104)."""


def links_table() -> str:
    rows = []
    for antennas, users in LINKS:
        for stages in (0, 1, 2):
            for method, (iterations, errors) in link(antennas, users, stages).items():
                rows.append((f"{antennas} x {users}", str(stages), method,
                             *(f"{100 * error:.2g} %" for error in errors),
                             span(iterations)))  # fmt: skip
    head = ("antennas x users", "stages", "method", "error after 1", "2", "3 iterations", "24 bits")
    return table(head, rows)


# -- claims ----------------------------------------------------------------------------------------


VERDICTS = ("confirmed", "confined to conditions", "not met")


def verdict(reached: list[bool]) -> str:
    """Return confirmed if a claim holds in all conditions, not met if in none."""
    return VERDICTS[0 if all(reached) else 1 if any(reached) else 2]


def claims() -> list[tuple[str, str, dict[str, bool], str, str]]:
    """Return each claim: what is stated, conditions and whether it holds there, figure, table."""
    plain = CASES["16 x 16, one array"]
    small = {m: 2.0 ** -gains(*CASES["4 x 4, one array"], m)[2] for m in ("plain", "gcr")}
    steps = {m: gains(*plain, m)[9] for m in ("plain", "gcr")}
    blocks = {m: gains(*CASES["16 x 16, one stage"], m) for m in ("plain", "gcr")}
    slope = {f"one array, {m}": gains(*plain, m)[5] / 6 for m in ("plain", "gcr")}
    slope |= {f"one stage, {m}": blocks[m][5] / 6 for m in ("plain", "gcr")}
    ran, seconds = in_ngspice("reduced")
    within = {(kappa, noise): by_condition(kappa, noise) for kappa in KAPPAS for noise in NOISES}
    inside = {
        f"condition {kappa}, {noise * 100:g} %, {method}": max(found[place]) < np.inf
        for (kappa, noise), found in within.items()
        for method, place in (("plain", 1), ("GCR", 2))
        if kappa <= 30
    }
    good = {
        f"{antennas} x {users}, stages {stages}, {method}": errors[count - 1]
        for (antennas, users), count in LINKS.items()
        for stages in (1, 2)
        for method, (_, errors) in link(antennas, users, stages).items()
    }
    return [
        ("16 x 16 to 24 bits with cells of 3 bits", "24 bits",
         {"every phase in ngspice, GCR": ran.bits >= TARGET},
         f"{ran.bits:.1f} bits after {ran.iterations} iterations, {seconds:.0f} s", "ngspice"),
        ("about 3 bits an iteration", "3 bits",
         {name: value >= 2.5 for name, value in slope.items()},
         f"{min(slope.values()):.1f} to {max(slope.values()):.1f} bits, first six", "bits"),
        ("24 bits in 9 to 10 iterations, 16 x 16", "10",
         {f"one array, {m}": value >= TARGET for m, value in steps.items()}
         | {f"one stage, {m}": blocks[m][9] >= TARGET for m in blocks},
         f"{min(*steps.values(), *(blocks[m][9] for m in blocks)):.1f} to "
         f"{max(*steps.values(), *(blocks[m][9] for m in blocks)):.1f} bits after ten", "bits"),
        ("4 x 4: 1e-3 after 3 iterations", "1e-3",
         {m: value <= 1e-3 for m, value in small.items()},
         f"{min(small.values()):.1e} to {max(small.values()):.1e}", "bits"),
        ("converges to condition 30 and write errors of 5 %", "all", inside,
         f"{sum(inside.values())} of {len(inside)} cases", "condition"),
        ("1.73 ohm a segment is harmless to 128 x 128: inverse", "128",
         {"spectral radius below one": radius(128, 1.73) < 1},
         f"{radius(128, 0.0):.2f} becomes {radius(128, 1.73):.2f}", "wires"),
        ("1.73 ohm a segment is harmless to 128 x 128: product of rounded digits", "128",
         {f"{n} x {n}, all rows at once": sums(n)[0] < 1e-6 for n in SIZES},
         f"{sums(16)[0]:.1g} to {sums(128)[0]:.1g} of the sums wrong", "wires"),
        ("the same: product of slices that compensate", "128",
         {f"{n} x {n}": compensating(n)[1] >= TARGET for n in SIZES},
         f"{min(compensating(n)[0] for n in SIZES)} to {max(compensating(n)[0] for n in SIZES)} "
         "slices for 24 bits", "wires"),
        *((f"settling of {what}", f"{stated * 1e9:g} ns",
           {f"{name}, {n} x {n}": settling(name, n)[place] <= stated
            for name in OPAMPS for n in (8, 16)},
           "; ".join(f"{name} {in_ns(settling(name, 8)[place])}" for name in OPAMPS), "settling")
          for place, (what, stated) in enumerate((("an inverse", 120e-9), ("a product", 60e-9)))),
        ("zero forcing as single precision for 256-QAM, 16 x 4 in 2 and 128 x 8 in 3 iterations",
         "3.5 %", {name: error <= MODULATION for name, error in good.items()},
         f"errors of {100 * min(good.values()):.2g} to {100 * max(good.values()):.2g} %", "links"),
    ]  # fmt: skip


def claims_table() -> str:
    rows = [
        (claim, stated, found, verdict(list(holds.values())),
         "; ".join(name for name, good in holds.items() if good)
         if 0 < sum(holds.values()) < len(holds) else "", f"`{name}`")
        for claim, stated, holds, found, name in claims()
    ]  # fmt: skip
    return table(("claim", "stated", "found here", "verdict", "holds for", "table"), rows)


# -- figure ----------------------------------------------------------------------------------------


@styled
def draw() -> Figure:
    """Draw log2 of the error over iterations with the forecast, and with the floor of slices."""
    A, b = wishart(16, 256), right(16, 1)
    inverse = coarse(A)
    most = 16
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    left, right_axis = figure.subplots(1, 2, sharey=True)
    made = forecast(A, inverse.transfer())
    for index, method in enumerate(("plain", "line-search", "gcr")):
        steps = refine(inverse, A, b, method=method, bits=40, iterations=most).steps
        left.plot(range(1, len(steps) + 1), [-step.bits for step in steps], "-",
                  marker=MARKERS[index], color=COLOURS[index], label=method)  # fmt: skip
    count = np.arange(1, most + 1)
    first = refine(inverse, A, b, bits=40, iterations=1).steps[0].bits
    left.plot(count, -first - (count - 1) * made.bits_per_iteration, "--", color="0.4",
              label=f"forecast, {made.bits_per_iteration:.1f} bits an iteration")  # fmt: skip
    for index, slices in enumerate((3, 5, 8)):
        product = SlicedProduct(amc.Chip(**{**LEVELS, "write_noise": 0.002}), A, slices)
        run = _whole(inverse, A, b, product, most)
        right_axis.plot(range(1, most + 1), run, "-", marker=MARKERS[index], color=COLOURS[index],
                        label=f"{slices} slices")  # fmt: skip
        floor = forecast(A, inverse.transfer(), product.matrix).floor_bits
        right_axis.axhline(-floor, linestyle=":", color=COLOURS[index])
    for axis in (left, right_axis):
        axis.set_xlabel("iteration")
    left.set_ylabel("log2 of the relative error of x")
    left.set_title("exact product")
    right_axis.set_title("slices of rounded digits, GCR; floors dotted")
    legend(figure, place="under each", columns=2)
    return figure


def _whole(inverse, A, b, product, most: int) -> list[float]:
    """Return log2 of the error over iterations, those at the floor too."""
    exact = np.linalg.solve(A, b)
    found = []
    for count in range(1, most + 1):
        x = refine(inverse, A, b, product=product, method="gcr", bits=50, iterations=count).x
        found.append(float(np.log2(np.linalg.norm(x - exact) / np.linalg.norm(exact))))
    return found


TABLES = {
    "bits": bits_table, "ngspice": ngspice_table, "condition": condition_table,
    "wires": wires_table, "converters": converters_table, "grid": grid_table,
    "settling": settling_table, "links": links_table, "claims": claims_table,
}  # fmt: skip


def main(names):
    for name in names or [*TABLES, "figure"]:
        if name == "figure":
            save(draw(), IMAGE)
            continue
        assert name in TABLES, f"there is no table {name!r}; choose from {', '.join(TABLES)}"
        fill(PAGE, name, TABLES[name]())


if __name__ == "__main__":
    main(sys.argv[1:])
