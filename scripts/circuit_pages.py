"""Write docs/images/run-<circuit>.png, the figures of line capacitance, and the support matrix.

``--matrix`` writes the support matrix of docs/circuits/README.md only.  The runs are behavioural,
with 1 and 1.5 ohm wires; everything they draw at random has the seed below.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogFormatter

import amcspice as amc
from amcspice.engine import LinearModel
from amcspice.errors import AmcspiceError
from amcspice.measure import measure_settling
from amcspice.reduction import reduce_to_ports
from amcspice.view.style import COLOURS, DASHES, legend, save, styled

ROOT = Path(__file__).resolve().parents[1]
INDEX = ROOT / "docs" / "circuits" / "README.md"
IMAGES = ROOT / "docs" / "images"
SEED = 4
OPAMP = amc.OpAmp(gain=1e5, gbw=100e6)
WIRE = amc.Wire(row=1.0, column=1.5)

FIDELITIES = tuple(amc.BACKENDS)
OPTIONS = {
    "ridge": {"ridge": 0.1},
    "L1": {"lasso": 0.1, "constraint": amc.NonNegative(hold=False)},
    "row mask": {"rows": np.array([True, True, True, False])},
    "`hold`": {"constraint": amc.NonNegative(hold=True)},
    "`column_load`": {"column_load": 0.5},
    "conductance compensation": {"compensation": True},
    "feedback chosen": {"feedback": 2.0},
    "source conductance": {"input_conductance": 0.5},
    "diagonal in resistors": {"diagonal": "fixed"},
    "switches": {"switches": amc.Switches()},
    "line resistance": {"wire": amc.Wire(row=1.0, column=2.0, driver=3.0, termination=4.0)},
    "line capacitance": {"wire": amc.Wire(row_capacitance=1e-15, column_capacitance=1e-15)},
}
ALWAYS = np.array([[1.0, 0.2, 0.1], [0.2, 0.8, 0.5], [0.1, 0.5, 0.9]])
TALL = np.vstack([ALWAYS, [0.3, 0.3, 0.2]])


def works(name, matrix, **options):
    """Whether a circuit takes options and they can matter, by making it."""
    if "compensation" in options and not amc.CIRCUITS[name].signed:
        return False  # inherited by a mode of the macro, without effect there
    if "lasso" in options and needed(name):
        return True  # whatever the sign of x
    try:
        amc.CIRCUITS[name](matrix, **options).schematic  # noqa: B018
    except (AmcspiceError, TypeError):
        return False
    return True


def has_fidelity(name, fidelity):
    """Whether a circuit has a fidelity; decks are written, equations made."""
    kind = amc.CIRCUITS[name]
    circuit = kind(ALWAYS, **needed(name))
    if fidelity in ("flat", "reduced"):
        from amcspice.simulation.standalone import standalone_deck

        return bool(standalone_deck(circuit, np.ones(3), amc.Analysis(fidelity=fidelity)).text)
    return bool(amc.simulate(circuit, np.ones(3), fidelity=fidelity).all_settled)


def needed(name):
    """Return what a circuit is not what it is for without."""
    return {"lasso": 0.1} if amc.CIRCUITS[name].problems == ("lasso",) else {}


def amplifiers(name):
    """Return the number of amplifiers for an m x n matrix, found from three sizes."""
    kind, draw = amc.CIRCUITS[name], np.random.default_rng(0)
    shapes = [(4, 4), (6, 6)] if kind.square else [(4, 2), (5, 2), (4, 3)]
    counts = []
    for m, n in shapes:
        matrix = draw.random((m, n)) + np.eye(m, n)
        if kind.signed:
            matrix[0, 1] -= 2
        matrix = matrix + matrix.T if kind.square else matrix
        counts.append(kind(matrix, **needed(name)).amplifier_count)
    if kind.square:
        per = (counts[1] - counts[0]) / 2
        return "n" if per == 1 else f"{per:g} n"
    rows, columns = counts[1] - counts[0], counts[2] - counts[0]
    parts = (("m", rows), ("n", columns))
    return " + ".join(letter if per == 1 else f"{per} {letter}" for letter, per in parts if per)


def support_matrix():
    """Return the table circuit by circuit, from the circuits themselves."""
    names = list(amc.CIRCUITS)
    rows = {
        "problems": [", ".join(amc.CIRCUITS[name].problems) for name in names],
        "matrix": [
            ("square, " if amc.CIRCUITS[name].square else "")
            + ("signed" if amc.CIRCUITS[name].signed else "non-negative")
            for name in names
        ],
        "amplifiers, m x n": [amplifiers(name) for name in names],
    }
    for fidelity in FIDELITIES:
        rows[fidelity] = ["yes" if has_fidelity(name, fidelity) else "no" for name in names]
    for label, options in OPTIONS.items():
        rows[label] = [
            "yes" if works(name, ALWAYS if amc.CIRCUITS[name].square else TALL, **options) else "-"
            for name in names
        ]
    lines = ["| | " + " | ".join(f"[{name}]({page(name)})" for name in names) + " |"]
    lines.append("|---" * (len(names) + 1) + "|")
    lines += [f"| {label} | " + " | ".join(cells) + " |" for label, cells in rows.items()]
    return "\n".join(lines)


def page(name):
    """Return the file of a circuit's page."""
    shared = next((each for each in ("macro", "chain") if name.startswith(each)), name)
    return f"{shared}.md"


def write_matrix():
    text = INDEX.read_text()
    marked = r"(<!-- matrix:begin -->\n).*?(<!-- matrix:end -->)"
    table = support_matrix() + "\n"
    INDEX.write_text(re.sub(marked, lambda m: m[1] + table + m[2], text, flags=re.S))


def problem_of(name):
    """Return a circuit and right-hand side that show what it does."""
    draw = np.random.default_rng(SEED)
    kind = amc.CIRCUITS[name]
    common = {"wire": WIRE, "opamp": OPAMP}
    if "eig" in kind.problems:
        samples = draw.standard_normal((5, 40)) * np.arange(1, 6)[:, None]
        A = np.cov(samples)
        A = A if kind.signed else np.abs(A)
        return kind(A, **common), draw.uniform(-1, 1, 5)
    if kind.square:
        A = draw.random((6, 6)) + 3 * np.eye(6)
        A = A - 0.5 * (1 - np.eye(6)) if kind.signed else A
        return kind(A, **common), draw.uniform(-1, 1, 6)
    if name.startswith("chain") or kind.problems == ("precode",):
        A = draw.uniform(-1, 1, (12, 4))
        circuit = kind(A, **common)
        return circuit, draw.uniform(-1, 1, circuit.input_size)
    if kind.problems == ("mvm",):
        A = draw.uniform(-1 if kind.signed else 0, 1, (6, 4))
        return kind(A, **common), draw.uniform(-1, 1, 4)
    if kind.problems == ("lasso",):
        A, x = draw.standard_normal((6, 10)), np.zeros(10)
        x[[2, 5, 8]] = 0.8, -0.5, 0.3
        return kind(A, **needed(name), **common), A @ x
    A = draw.random((12, 5))
    b = A @ [0.8, 0.3, -0.3, 0.6, 0.1] + 0.05 * draw.standard_normal(12)
    return kind(A, constraint=amc.NonNegative(), **common), b


@styled
def settling_plot(name):
    """Plot the outputs of one run, in units of the problem, with the ideal answers."""
    circuit, b = problem_of(name)
    run = amc.simulate(circuit, b, fidelity="behavioural")
    segment = run.waveforms.segments[0]
    outputs = segment.voltages[:, list(run.waveforms.outputs)]
    values = outputs / run.volts_per_unit * circuit.output_scale
    reference = run.reference
    if circuit.rail_limited:
        reference = reference * np.linalg.norm(values[-1])
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.subplots()
    until = min(segment.time[-1], 2.5 * run.settling_time)
    for j in range(values.shape[1]):
        (drawn,) = axes.plot(
            segment.time * 1e9, values[:, j], DASHES[j // len(COLOURS) % len(DASHES)],
            color=COLOURS[j % len(COLOURS)],
        )  # fmt: skip
        axes.plot(until * 1e9, reference[j], "o", color=drawn.get_color(), clip_on=False)
    axes.axvline(run.settling_time * 1e9, color="0.6", lw=0.8)
    axes.set_xlim(0, until * 1e9)
    shown = values[segment.time <= until]
    low, high = min(shown.min(), reference.min()), max(shown.max(), reference.max())
    axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    axes.set_xlabel("time (ns)")
    axes.set_ylabel("outputs (units of x)")
    axes.set_title(
        f"{name}, {' x '.join(map(str, circuit.matrix.shape))}: settled after "
        f"{run.settling_time * 1e9:.3g} ns, error {run.relative_error:.1e}",
        fontsize=10,
    )
    return figure


@styled
def capacitance_plot():
    """Plot stability and settling against line capacitance and input capacitance."""
    draw = np.random.default_rng(SEED)
    A = draw.random((12, 5))
    b = A @ [0.8, 0.3, -0.3, 0.6, 0.1]
    farads = np.geomspace(1e-17, 1e-12, 26)
    figure = Figure(figsize=(8.6, 5.6), layout="constrained")
    panels = figure.subplots(2, 2, sharex="col")
    for column, (what, of) in enumerate(
        [
            ("line capacitance, a crossing",
             lambda c: {"wire": amc.Wire(row_capacitance=c, column_capacitance=c)}),
            ("input capacitance of an amplifier",
             lambda c: {"opamp": amc.OpAmp(gain=1e5, gbw=100e6, input_capacitance=c)}),
        ]
    ):  # fmt: skip
        at = farads * (1 if column == 0 else 30)
        for kind, colour in ((amc.ClassicGINV, COLOURS[0]), (amc.CompactGINV, COLOURS[1])):
            rates, settling = [], []
            for farad in at:
                circuit = kind(A, **{"opamp": OPAMP, **of(farad)})
                model = reduce_to_ports(circuit.schematic)
                linear = LinearModel.of(circuit, model)
                rates.append(linear.eigenvalues.real.max())
                settling.append(np.nan if rates[-1] >= 0 else settles(circuit, model, linear, b))
            panels[0, column].plot(at, np.array(rates) / 1e6, color=colour, label=kind.name)
            panels[1, column].plot(at, np.array(settling) * 1e9, color=colour, label=kind.name)
        panels[0, column].axhline(0, color="0.5", lw=0.8)
        panels[0, column].set_yscale("symlog", linthresh=1)
        panels[1, column].set_xlabel(what)
        panels[1, column].set_yscale("log")
        panels[1, column].set_xscale("log")
        panels[1, column].xaxis.set_major_formatter(EngFormatter("F"))
        for each in (
            panels[1, column].yaxis.set_major_formatter,
            panels[1, column].yaxis.set_minor_formatter,
        ):
            each(LogFormatter(minor_thresholds=(2, 0.5)))
    panels[0, 0].set_ylabel("largest Re of eigenvalues (1/µs)\nunstable above 0")
    panels[1, 0].set_ylabel("settling to 1 % (ns)")
    legend(figure, panels[0, 0])
    return figure


def settles(circuit, model, linear, b):
    """Return the settling time of the exact step response."""
    current = model.port_currents(circuit.schematic.currents(b[None], 0.1))[0]
    time = np.linspace(0, 12 * linear.slowest, 20001)
    outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
    return measure_settling(time, linear.step_response(current, time)[:, outputs]).time


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--matrix", action="store_true", help="the support matrix only")
    only_matrix = parser.parse_args(arguments).matrix
    write_matrix()
    if only_matrix:
        return
    for name in amc.CIRCUITS:
        figure = settling_plot(name)
        save(figure, IMAGES / f"run-{name}.png")
    save(capacitance_plot(), IMAGES / "line-capacitance.png")


if __name__ == "__main__":
    main()
