"""Run the ready sweeps and draw what docs/sweep-results.md shows.

``scripts/sweep_figures.py run``      runs every spec under ``sweeps/`` that the page needs, each
                                      into a store of its own under ``out/sweeps`` (hours; it may
                                      be interrupted and goes on where it was)
``scripts/sweep_figures.py collect``  copies what the page needs from the stores to ``docs/data``
``scripts/sweep_figures.py theory``   computes slowest time constants from the matrices, minutes
``scripts/sweep_figures.py draw``     draws the figures and fills the tables, from ``docs/data``

Without an argument: collect and draw.  ``--stores DIR`` takes stores from somewhere else.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from settling_theory import slowest
from update_readme import fill, table

from amcspice.sweep.point import units
from amcspice.sweep.spec.experiment import PARAMETERS, Experiment
from amcspice.sweep.spec.plan import make_grid, make_plan
from amcspice.sweep.spec.specification import read_spec
from amcspice.sweep.store.store import Store
from amcspice.view.choice import choose
from amcspice.view.points import Points, engineering
from amcspice.view.style import COLOURS, MARKERS, legend, save, styled
from amcspice.view.sweep_curves import PowerLaw
from amcspice.view.sweep_plots import sweep_plot

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "sweep-results.md"
DATA, IMAGES = ROOT / "docs" / "data", ROOT / "docs" / "images"
SPECS = {
    "settling": (
        "settling-inverse", "settling-least-squares", "settling-classic-equations",
        "settling-nnls", "settling-nnls-classic", "settling-eigen", "settling-macro",
    ),
    "feedback": ("feedback",),
    "wires": ("wires",),
    "levels": ("levels",),
    "power": ("power",),
}  # fmt: skip
KEPT = {
    "settling": (
        "problem", "circuit", "matrix", "signed", "columns", "rows", "gbw", "seed", "fidelity",
        "status", "settling_time_median_s", "settled", "near_limit", "relative_error_median",
        "matrix_condition", "largest_row_total", "wall_time_s",
    ),
    "feedback": (
        "circuit", "matrix", "columns", "feedback", "gbw", "status", "settling_time_median_s",
        "relative_error_median", "settled",
    ),
    "wires": (
        "circuit", "columns", "wire_resistance", "seed", "status", "relative_error_median",
        "settled", "near_limit",
    ),
    "levels": (
        "circuit", "levels", "write_noise", "seed", "status", "relative_error_median", "settled",
    ),
    "power": (
        "circuit", "columns", "rows", "seed", "status", "power_total_w",
        "power_amplifier_static_w", "power_amplifier_output_w", "power_array_w",
        "energy_median_j", "settling_time_median_s", "relative_error_median", "amplifiers",
    ),
}  # fmt: skip
AXES = {
    "feedback": ("columns", "feedback"),
    "wires": ("circuit", "columns", "wire_resistance", "seed"),
    "levels": ("circuit", "levels", "write_noise", "seed"),
    "power": ("circuit", "columns", "seed"),
}

PLOTS = {
    "feedback": {"x": "columns", "y": "settling_time_median_s", "by": "feedback"},
    "wires": {"x": "wire_resistance", "y": "relative_error_median", "by": "columns",
              "panel": "circuit"},
    "levels": {"x": "levels", "y": "relative_error_median", "by": "write_noise",
               "panel": "circuit", "kind": "heat"},
    "power": {"x": "columns", "y": "power_total_w", "by": "circuit"},
    "power-energy": {"x": "columns", "y": "energy_median_j", "by": "circuit"},
}  # fmt: skip
CASES = {
    ("inv", "conditioned", "inv"): "inv, conditioned",
    ("inv-compensated", "conditioned", "inv"): "inv-compensated, conditioned",
    ("inv-inverters", "conditioned", "inv"): "inv-inverters, conditioned",
    ("ginv-classic", "conditioned", "lstsq"): "ginv-classic, conditioned",
    ("ginv-compact", "conditioned", "lstsq"): "ginv-compact, conditioned",
    ("inv", "covariance", "inv"): "inv, covariance",
    ("inv-compensated", "covariance", "inv"): "inv-compensated, covariance",
    ("inv-inverters", "covariance", "inv"): "inv-inverters, covariance",
    ("ginv-classic", "uniform", "lstsq"): "ginv-classic, uniform",
    ("ginv-compact", "uniform", "lstsq"): "ginv-compact, uniform",
    ("ginv-compact", "uniform", "nnls"): "ginv-compact, uniform, nnls",
    ("ginv-classic", "uniform", "nnls"): "ginv-classic, uniform, nnls",
    ("eigen", "covariance", "eig"): "eigen, covariance",
    ("macro-inv", "conditioned", "inv"): "macro-inv, conditioned",
    ("macro-ginv", "conditioned", "lstsq"): "macro-ginv, conditioned",
    ("macro-eigen", "covariance", "eig"): "macro-eigen, covariance",
}
"""Circuit, matrix and problem, and how the page calls them."""

LARGE = 64
"""Columns from which on growth is fitted by itself, too."""

THEORY_GBW = 10e6
"""At which nothing slews, so that settling is that of the linear circuit."""


def run(stores):
    """Run the specs, one store each."""
    stores.mkdir(parents=True, exist_ok=True)
    for spec in (name for names in SPECS.values() for name in names):
        amcspice = str(Path(sys.executable).with_name("amcspice"))
        source, store = ROOT / "sweeps" / f"{spec}.toml", stores / f"{spec}.sqlite"
        command = [amcspice, "sweep", "run", str(source), "--store", str(store)]
        print(" ".join(command), flush=True)
        subprocess.run(command, check=True)


def collect(stores):
    """Copy what the page needs from the stores; six digits are enough there."""
    DATA.mkdir(parents=True, exist_ok=True)
    for name, specs in SPECS.items():
        paths = [path for spec in specs for path in sorted(stores.glob(f"{spec}*.sqlite"))]
        if not paths:
            print(f"{stores}: no store of {' or '.join(specs)}, left out")
            continue
        frames = []
        for path in paths:
            with Store.open(path, read_only=True) as store:
                frames.append(store.frame())
        whole = pd.concat(frames, ignore_index=True).drop_duplicates("key")
        kept = list(KEPT[name])
        real = [column for column in kept if column in PARAMETERS
                and PARAMETERS[column].kind == "number"]  # fmt: skip
        numbers = (
            whole[kept]
            .astype(dict.fromkeys(real, float))
            .sort_values([column for column in kept if column in PARAMETERS])
        )
        numbers.to_csv(DATA / f"sweep-{name}.csv", index=False, float_format="%.6g")
        failed = int((whole["status"] == "failed").sum())
        print(f"sweep-{name}.csv: {len(whole)} points, {failed} failed")


def read(name):
    return pd.read_csv(DATA / f"sweep-{name}.csv")


def settling():
    """Return the settling sweeps with their case; comparisons at one size left out."""
    frame = read("settling")
    keys = zip(frame["circuit"], frame["matrix"], frame["problem"], strict=True)
    frame["case"] = [CASES.get(key, "") for key in keys]
    return frame


def by_size(frame):
    """Leave out the equations where ngspice has run the same point."""
    ordered = frame.sort_values("fidelity", ascending=False, kind="stable")  # reduced comes first
    return ordered.drop_duplicates(["case", "columns", "gbw", "seed"]).sort_index()


def by_case(frame):
    """Yield the cases that there are, in order, each with its points."""
    for case in CASES.values():
        chosen = frame[frame["case"] == case]
        if not chosen.empty:
            yield case, chosen


def theory():
    """Write slowest time constants of the same matrices, times GBW in radians a second."""
    names = ("problem", "circuit", "matrix", "signed", "columns", "rows", "seed")
    points = {}
    for spec in ("settling-inverse", "settling-least-squares", "settling-eigen"):
        plan = make_plan(make_grid(read_spec(ROOT / "sweeps" / f"{spec}.toml")))
        for index in range(len(plan)):
            point = plan.parameters(index)
            points.setdefault(tuple(point[name] for name in names), point)
    rows = []
    for key in sorted(points, key=lambda key: key[names.index("columns")]):
        A = Experiment.of(points[key]).matrix()
        rows.append({**dict(zip(names, key, strict=True)), "time_constant": slowest(key[1], A)})
        print(rows[-1], flush=True)
    pd.DataFrame(rows).to_csv(DATA / "sweep-theory.csv", index=False, float_format="%.6g")


def points_of(frame, axes):
    frame = frame.assign(key=[str(k) for k in range(len(frame))], error=None)
    values = {name: sorted(frame[name].unique()) for name in axes}
    return Points(frame, values, units(), axes)


def figure(name, points, **choice):
    """Draw with the plots of ``amcspice sweep plot``."""
    drawing = sweep_plot(points, choose(points, **choice))
    for axis in drawing.axes:
        if choice["x"] == "wire_resistance":
            axis.tick_params(axis="x", labelrotation=35)
        if choice["by"] != "gbw" and axis.get_legend() is not None:  # exponents are of settling
            for text in axis.get_legend().get_texts():
                text.set_text(text.get_text().partition(", ∝")[0])
    save(drawing, IMAGES / f"sweep-{name}.svg")


def draw():
    """Draw every figure and fill every table that there are data for."""
    mpl.rcParams["svg.hashsalt"] = "amcspice"
    frame = by_size(settling())
    for family, dense in (("conditioned", False), ("dense", True)):
        chosen = frame[(frame["matrix"] != "conditioned") == dense]
        chosen = chosen.assign(case=pd.Categorical(chosen["case"], list(CASES.values())))
        chosen = chosen.sort_values("case").assign(case=lambda table: table["case"].astype(str))
        axes = ("case", "columns", "gbw", "seed")
        points = points_of(chosen, axes)
        points.axes["case"] = [case for case in CASES.values() if case in set(chosen["case"])]
        figure(f"settling-{family}", points, x="columns", y="settling_time_median_s", by="gbw",
               panel="case")  # fmt: skip
    for name, choice in PLOTS.items():
        data = name.partition("-")[0]
        figure(name, points_of(read(data), AXES[data]), **choice)
    save(theory_figure(against_theory(frame)), IMAGES / "sweep-theory.svg")
    for name, content in tables().items():
        fill(PAGE, name, content)


def tables():
    """Return every table of the page by its name."""
    frame = by_size(settling())
    return {
        "growth": growth_table(frame),
        "settling": settling_table(frame),
        "theory": theory_table(against_theory(frame)),
        "power": power_table(read("power")),
        "wires": wires_table(read("wires")),
        "macro": macro_table(frame),
        "check": check_table(settling()),
    }


def exponent(x, y):
    found = PowerLaw.of(np.asarray(x, float), np.asarray(y, float))
    return "-" if found is None else str(found)


def two_digits(value, unit):
    return engineering(float(f"{value:.2g}"), unit)


def medians(frame, *names):
    """Return medians over seeds, of what settled."""
    return frame.groupby(list(names))["settling_time_median_s"].median().dropna()


def growth_table(frame):
    """Exponents p of settling time ~ columns^p."""
    gbws = sorted(frame["gbw"].unique())
    rows = []
    for case, chosen in by_case(frame):
        fits = []
        for gbw in gbws:
            times = medians(chosen[chosen["gbw"] == gbw], "columns")
            fits.append(exponent(times.index, times))
        large = medians(chosen[(chosen["gbw"] == 1e8) & (chosen["columns"] >= LARGE)], "columns")
        sizes = f"{chosen['columns'].min()} to {chosen['columns'].max()}"
        rows.append([case, sizes, *fits, exponent(large.index, large)])
    head = ["circuit, matrix", "columns", *(engineering(g, "Hz") for g in gbws)]
    return table([*head, f"100 MHz, from {LARGE} columns on"], rows)


def settling_table(frame):
    """Settling times at 100 MHz."""
    sizes = sorted(frame["columns"].unique())
    rows = []
    for case, chosen in by_case(frame[frame["gbw"] == 1e8]):
        times = medians(chosen, "columns")
        if len(times):
            rows.append([case, *(two_digits(times[n], "s") if n in times else "-" for n in sizes)])
    return table(["circuit, matrix", *map(str, sizes)], rows)


def against_theory(frame):
    """Return settling at the lowest GBW beside time constants, in units of 1 / (2 pi GBW)."""
    keys = ["problem", "circuit", "matrix", "columns", "seed"]
    slow = frame[frame["gbw"] == THEORY_GBW]
    both = slow.merge(pd.read_csv(DATA / "sweep-theory.csv")[[*keys, "time_constant"]], on=keys)
    both["settling"] = both["settling_time_median_s"] * 2 * np.pi * both["gbw"]
    return both.dropna(subset=["settling"])


@styled
def theory_figure(both):
    """Settling against the slowest time constant from the matrix."""
    drawing = Figure(figsize=(6.4, 4.8), layout="constrained")
    axis = drawing.subplots()
    for k, (case, chosen) in enumerate(by_case(both)):
        axis.loglog(chosen["time_constant"], chosen["settling"], linestyle="none", label=case,
                    marker=MARKERS[k % len(MARKERS)], color=COLOURS[k % len(COLOURS)],
                    markerfacecolor=COLOURS[k] if k < len(COLOURS) else "none",
                    markersize=5, alpha=0.8)  # fmt: skip
    ends = np.array([both["time_constant"].min() / 1.5, both["time_constant"].max() * 1.5])
    for factor, style in ((np.log(100), "-"), (1.0, ":")):
        axis.plot(ends, factor * ends, style, color="0.5", linewidth=1)
        axis.annotate(f"{factor:.2g} τ", (ends[1], factor * ends[1]), color="0.4", fontsize=8)
    axis.set_xlabel("slowest time constant from the matrix, times 2π GBW")
    axis.set_ylabel("settling time in the simulation, times 2π GBW")
    legend(drawing, columns=3)
    return drawing


def theory_table(both):
    """Growth of the time constants, and settling in units of them."""
    rows = []
    for case, chosen in by_case(both):
        names = ["settling", "time_constant", "matrix_condition", "largest_row_total"]
        middle = chosen.groupby("columns")[names].median()
        ratio = chosen["settling"] / chosen["time_constant"]
        growth = (exponent(middle.index, middle[name]) for name in names)
        rows.append([case, *growth, f"{ratio.min():.1f} to {ratio.max():.1f}"])
    head = ["circuit, matrix", "settling", "time constant", "condition number", "row total",
            "settling / time constant"]  # fmt: skip
    return table(head, rows)


def power_table(frame):
    """Power and energy of a solution, classic beside compact."""
    rows = []
    middle = frame.groupby(["columns", "circuit"]).median(numeric_only=True)
    for columns in sorted(frame["columns"].unique()):
        classic, compact = (
            middle.loc[(columns, f"ginv-{kind}")] for kind in ("classic", "compact")
        )
        cells = [f"{int(classic['rows'])} x {columns}"]
        for name, unit in (("amplifiers", ""), ("power_total_w", "W"),
                           ("settling_time_median_s", "s"), ("energy_median_j", "J"),
                           ("relative_error_median", "")):  # fmt: skip
            for found in (classic, compact):
                plain = f"{found[name]:.0f}" if name == "amplifiers" else f"{found[name]:.1e}"
                cells.append(two_digits(found[name], unit) if unit else plain)
        rows.append(cells)
    head = ["matrix", "amplifiers: classic", "compact", "power: classic", "compact",
            "settling: classic", "compact", "energy: classic", "compact", "error: classic",
            "compact"]  # fmt: skip
    return table(head, rows)


def wires_table(frame):
    """Largest resistance of a segment that leaves the median error at or below one percent."""
    sizes = sorted(frame["columns"].unique())
    middle = frame.groupby(["circuit", "columns", "wire_resistance"])["relative_error_median"]
    middle = middle.median().dropna()
    rows = []
    for circuit in sorted(frame["circuit"].unique()):
        cells = []
        for columns in sizes:
            found = middle[circuit][columns]
            error, ohms = found.to_numpy(), found.index.to_numpy()
            at = np.exp(np.interp(np.log(0.01), np.log(error), np.log(ohms)))
            inside = error.min() <= 0.01 <= error.max()
            cells.append(two_digits(at, "ohm") if inside else "-")
        one = middle.xs(1.0, level="wire_resistance")[circuit]
        rows.append([circuit, *cells, exponent(one.index, one)])
    head = ["circuit", *(f"{n} columns" for n in sizes), "error at 1 Ω ~ columns^p"]
    return table(head, rows)


def macro_table(frame):
    """Settling of the macro's modes at 100 MHz, and their errors."""
    frame = frame[(frame["gbw"] == 1e8) & frame["circuit"].str.startswith("macro")]
    sizes = sorted(frame["columns"].unique())
    rows = []
    for circuit in ("macro-inv", "macro-ginv", "macro-eigen"):
        found = frame[frame["circuit"] == circuit].set_index("columns")
        times = found["settling_time_median_s"]
        cells = [
            f"{two_digits(times[n], 's')}, {found['relative_error_median'][n]:.1e}" for n in sizes
        ]
        rows.append([circuit, *cells])
    return table(["settling, error", *(f"{n} columns" for n in sizes)], rows)


def check_table(frame):
    """Points that both ngspice and the circuit's own equations have settled."""
    keys = ["problem", "circuit", "matrix", "columns", "gbw", "seed"]
    both = frame[frame["fidelity"] == "reduced"].merge(
        frame[frame["fidelity"] == "behavioural"], on=keys, suffixes=("", "_equations")
    )
    both["off"] = both["settling_time_median_s_equations"] / both["settling_time_median_s"] - 1
    rows = []
    for (matrix, columns), found in both.groupby(["matrix", "columns"]):
        usual = found[found["gbw"] == 1e8].iloc[0]
        times = (usual["settling_time_median_s" + who] for who in ("", "_equations"))
        low, high = found["off"].min(), found["off"].max()
        rows.append([
            f"{usual['circuit']}, {matrix}, {columns} columns",
            *(f"{time * 1e9:.4g} ns" for time in times), f"{low:+.1%} to {high:+.1%}",
            *(span(found["wall_time_s" + who]) for who in ("", "_equations")),
        ])  # fmt: skip
    return table(
        ["point", "ngspice, 100 MHz", "equations, 100 MHz", "equations off by, all GBW",
         "run time: ngspice", "equations"], rows
    )  # fmt: skip


def span(seconds):
    return f"{seconds.min():.0f} to {seconds.max():.0f} s"


STEPS = {"run": run, "collect": collect, "theory": lambda _: theory(), "draw": lambda _: draw()}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("steps", nargs="*", metavar="STEP", help=", ".join(STEPS))
    parser.add_argument("--stores", type=Path, default=ROOT / "out" / "sweeps")
    chosen = parser.parse_args()
    for step in chosen.steps or ("collect", "draw"):
        STEPS[step](chosen.stores)
