"""Write the tables of docs/circuits/inv-blocks.md: the circuit against its phases in turn.

.venv/bin/python scripts/unrolled_blocks.py
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
from scipy.linalg import toeplitz

import amcspice as amc
from amcspice.algorithm import BlockInverse
from amcspice.engine import LinearModel
from amcspice.errors import AmcspiceError
from amcspice.reduction import reduce_to_ports

PAGE = Path(__file__).resolve().parents[1] / "docs" / "circuits" / "inv-blocks.md"
SIZE, COUNT = 16, 5
PRESETS = ("ideal", "onchip-1g", "ad823", "opa690")


def matrices():
    draw = np.random.default_rng(0)
    X = draw.standard_normal((SIZE, 4 * SIZE))
    return {
        "Toeplitz 1/(1+k)": toeplitz(1 / (1 + np.arange(SIZE))),
        "Wishart, m = 4 n": X @ X.T / (4 * SIZE),
        "signed, diagonally dominant": draw.uniform(-1, 1, (SIZE, SIZE)) + SIZE * np.eye(SIZE),
    }


def damping(circuit):
    """Return the least damping of its modes, -Re / |eigenvalue|: 1 is a mode without ringing."""
    modes = LinearModel.of(circuit, reduce_to_ports(circuit.schematic)).eigenvalues
    return float((-modes.real / np.abs(modes)).min())


def one_array(A, b, preset):
    try:
        run = amc.simulate(amc.CompensatedINV(A, opamp=preset), b)
    except AmcspiceError:
        return None
    return np.median(run.settling_time)


def phases(A, b, preset, **parameters):
    """Return sums of the settling times of the phases, and their answers."""
    chip = amc.Chip(opamp=preset, fidelity="reduced")
    try:
        inverse = BlockInverse(chip, A, stages=1, calibration=b[:, :1], **parameters)
    except AmcspiceError:
        return None
    sums, answers = [], []
    for column in b.T:
        answers.append(inverse.solve(column))
        sums.append(sum(phase.settling_time for phase in inverse.phases))
    return np.median(sums), np.array(answers).T


def settling_table() -> str:
    lines = [
        "| amplifier | 16 x 16 | one array [ns] | five phases [ns] | inv-blocks [ns] | ratio | "
        "least damping | apart from the phases |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    b = np.random.default_rng(1).uniform(-1, 1, (SIZE, COUNT))
    for preset in PRESETS:
        for name, A in matrices().items():
            circuit = amc.UnrolledBlockINV(A, opamp=preset)
            run = amc.simulate(circuit, b)
            settled = np.median(run.settling_time)
            turns, alone = phases(A, b, preset), one_array(A, b, preset)
            in_turn, ratio, apart = "unstable", "-", "-"
            if turns is not None:
                in_turn, ratio = f"{turns[0] * 1e9:.3g}", f"{settled / turns[0]:.2f}"
                apart = f"{np.linalg.norm(run.x - turns[1]) / np.linalg.norm(turns[1]):.1e}"
            single = "unstable" if alone is None else f"{alone * 1e9:.3g}"
            lines.append(
                f"| {preset} | {name} | {single} | {in_turn} | {settled * 1e9:.3g} | {ratio} | "
                f"{damping(circuit):.2g} | {apart} |"
            )
    return "\n".join(lines)


def main() -> None:
    warnings.simplefilter("ignore", amc.CautionWarning)
    text = PAGE.read_text()
    marked = r"(<!-- settling:begin -->\n).*?(<!-- settling:end -->)"
    table = settling_table() + "\n"
    PAGE.write_text(re.sub(marked, lambda m: m[1] + table + m[2], text, flags=re.S))


if __name__ == "__main__":
    main()
