"""Write the tables of docs/read-voltage.md: what depends on the voltage that cells are read with.

    scripts/read_voltage.py [--picture FILE] [--train FILE --test FILE]

Without files the table of the workloads stays as it is.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import amcspice as amc
from amcspice.problem import PROBLEMS, make_circuit
from amcspice.problem.generators import GENERATORS, GeneratedProblem

PAGE = Path(__file__).resolve().parents[1] / "docs" / "read-voltage.md"
VOLTAGES = (1.25, 0.2)
PROBLEM_COUNT, RIGHT_HAND_SIDES = 10, 4


def problems(name, rows, columns):
    """Yield matrices with right-hand sides of a problem, from seeds 0, 1, ..."""
    matrix = PROBLEMS[name].generator
    for seed in range(PROBLEM_COUNT):
        generated = GeneratedProblem(
            problem=name, matrix=matrix, rows=rows, columns=columns, seed=seed,
            setting=GENERATORS[matrix].default, right_hand_sides=RIGHT_HAND_SIDES,
            zeros=PROBLEMS[name].planted_zeros, noise=PROBLEMS[name].planted_noise,
        )  # fmt: skip
        made = generated.make()
        yield seed, made, generated.vectors(made)


def runs(name, rows, columns, voltage, **options):
    return [
        amc.solve(name, A, B, fidelity="behavioural", read_voltage=voltage, mismatch_seed=seed,
                  keep_waveforms=False, **options)
        for seed, A, B in problems(name, rows, columns)
    ]  # fmt: skip


def median(found, figure):
    return float(np.median(np.concatenate([np.atleast_1d(figure(run)) for run in found])))


def noise(name, rows, columns, voltage, **options):
    """Return the output noise over the largest output, median over problems."""
    shares = []
    for _, A, B in problems(name, rows, columns):
        run = amc.solve(name, A, B, fidelity="dc", read_voltage=voltage, **options)
        circuit = make_circuit(name, A, **options)
        shares.append(amc.output_noise(circuit).max() / np.abs(run.measurement.outputs).max())
    return float(np.median(shares))


def si(value, unit):
    power = int(np.floor(np.log10(value) / 3)) * 3
    prefix = {-15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: ""}[power]
    return f"{value / 10.0**power:.3g} {prefix}{unit}"


def share(value):
    return f"{value:.1e}"


NNLS, INV = ("nnls", 32, 8), ("inv", 16, 16)
ROWS = (
    ("nnls 32 x 8, gain 1e4: error", share,
     lambda v: median(runs(*NNLS, v, gain=1e4), lambda run: run.relative_error)),
    ("nnls 32 x 8, offsets of 0.2 mV (standard deviation): error", share,
     lambda v: median(runs(*NNLS, v, offset_sigma="0.2 mV"), lambda run: run.relative_error)),
    ("inv 16 x 16, offsets of 0.2 mV: error", share,
     lambda v: median(runs(*INV, v, offset_sigma="0.2 mV"), lambda run: run.relative_error)),
    ("inv 8 x 8, cells g 0.25 V sinh(v / 0.25 V), flat: error", share,
     lambda v: median([amc.solve("inv", A, B, fidelity="flat", read_voltage=v, sinh_voltage=0.25)
                       for _, A, B in problems("inv", 8, 8)], lambda run: run.relative_error)),
    ("inv 16 x 16, `ad823`: noise over the largest output", share,
     lambda v: noise(*INV, v, opamp="ad823")),
    ("inv 16 x 16, `ad823` without slew limit: settling time", lambda x: si(x, "s"),
     lambda v: median(runs(*INV, v, opamp="ad823", slew_rate=None), lambda r: r.settling_time)),
    ("inv 16 x 16, `ad823`: settling time", lambda x: si(x, "s"),
     lambda v: median(runs(*INV, v, opamp="ad823"), lambda r: r.settling_time)),
    ("nnls 32 x 8: power of the array", lambda x: si(x, "W"),
     lambda v: median(runs(*NNLS, v), lambda run: run.power["array"])),
    ("nnls 32 x 8, `ideal` (no quiescent current): energy", lambda x: si(x, "J"),
     lambda v: median(runs(*NNLS, v), lambda run: run.energy)),
    ("nnls 32 x 8, `ad823`: energy", lambda x: si(x, "J"),
     lambda v: median(runs(*NNLS, v, opamp="ad823"), lambda run: run.energy)),
)  # fmt: skip


def circuits_table():
    rows = [(label, *(shown(figure(voltage)) for voltage in VOLTAGES))
            for label, shown, figure in ROWS]  # fmt: skip
    return table(("", *(f"{voltage:g} V" for voltage in VOLTAGES)), rows)


def factorise(arguments, voltage, opamp):
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "amcspice", "nmf", *arguments, "--fidelity", "behavioural",
            "--opamp", opamp, "--read-voltage", str(voltage), "--out", folder,
        ]  # fmt: skip
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return json.loads((Path(folder) / "metrics.json").read_text())


def workload_table(picture, train, test):
    rows = []
    for opamp in ("ideal", "ad823"):
        for label, arguments, quality, unit in (
            ("picture, PSNR", ["image", picture, "--iterations", "4"], "psnr_db", "dB"),
            ("ratings, held-out RMSE", ["ratings", train, "--test", test, "--ridge", "0.1"],
             "rmse_test", ""),
        ):  # fmt: skip
            if None in arguments:
                continue
            found = [factorise(arguments, voltage, opamp) for voltage in VOLTAGES]
            digital = found[0]["digital"][quality]
            figures = [f"{metrics[quality]:.4f} {unit}".rstrip() for metrics in found]
            energies = [si(metrics["energy_j"]["per_regression"], "J") for metrics in found]
            rows.append((f"{label}, `{opamp}`", *figures, f"{digital:.4f} {unit}".rstrip(),
                         *energies))  # fmt: skip
    volts = [f"{voltage:g} V" for voltage in VOLTAGES]
    return table(("", *volts, "digital twin", *(f"energy, {volt}" for volt in volts)), rows)


def table(head, rows):
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def put(text, name, content):
    before, mark, rest = text.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end {name} -->")
    if not (mark and end):
        raise SystemExit(f"{PAGE} has no place for {name}")
    return f"{before}{mark}{content}{end}{after}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--picture", "--train", "--test"):
        parser.add_argument(name)
    given = parser.parse_args()
    text = put(PAGE.read_text(), "circuits", circuits_table())
    if given.picture or given.train:
        found = workload_table(given.picture, given.train, given.test)
        text = put(text, "workloads", found)
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
