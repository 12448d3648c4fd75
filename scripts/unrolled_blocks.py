"""Write the tables of docs/circuits/inv-blocks.md: the circuit against its phases in turn.

.venv/bin/python scripts/unrolled_blocks.py [settling] [errors]
"""

from __future__ import annotations

import re
import sys
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
SIZE, COUNT, LARGE = 16, 5, 64
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
        "| amplifier | 16 x 16 | one array [ns] | phases, current inputs [ns] | phases, resistors "
        "[ns] | inv-blocks [ns] | ratios | least damping | apart from the phases |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    b = np.random.default_rng(1).uniform(-1, 1, (SIZE, COUNT))
    for preset in PRESETS:
        for name, A in matrices().items():
            circuit = amc.UnrolledBlockINV(A, opamp=preset)
            run = amc.simulate(circuit, b)
            settled = np.median(run.settling_time)
            turns = [phases(A, b, preset), phases(A, b, preset, input_conductance=1.0)]
            alone = [one_array(A, b, preset), *(each and each[0] for each in turns)]
            times = ["unstable" if each is None else f"{each * 1e9:.4g}" for each in alone]
            ratios = ", ".join(f"{settled / each[0]:.2f}" if each else "-" for each in turns)
            x = turns[1][1]
            apart = np.linalg.norm(run.x - x) / np.linalg.norm(x)
            lines.append(
                f"| {preset} | {name} | {' | '.join(times)} | {settled * 1e9:.4g} | {ratios} | "
                f"{damping(circuit):.2g} | {apart:.1e} |"
            )
    return "\n".join(lines)


def errors_table() -> str:
    """Return medians of errors over those of one array, by effect, at dc."""
    effects = {
        "wires, 1 ohm": {"wire_resistance": 1.0, "gain": 1e9},
        "gain 1e4": {"gain": 1e4},
        "write noise, 5 % of g": {"write_noise": 0.05, "noise_relative_to": "g", "gain": 1e9},
    }
    n = LARGE
    X = np.random.default_rng(0).standard_normal((n, 2 * n))
    made = {"Toeplitz 1/(1+k)": toeplitz(1 / (1 + np.arange(n))), "Wishart": X @ X.T / (2 * n)}
    b = np.random.default_rng(1).standard_normal((n, 20))
    lines = [
        f"| effect | {n} x {n} | one array | phases | inv-blocks |",
        "| --- | --- | --- | --- | --- |",
    ]
    for effect, options in effects.items():
        for name, A in made.items():
            errors = np.array([errors_of(A, b, seed, options) for seed in range(5)])
            array, turns, whole = np.median(errors, axis=0)
            lines.append(
                f"| {effect} | {name} | {array:.3g} | {turns / array:.2f} | {whole / array:.2f} |"
            )
    return "\n".join(lines)


def errors_of(A, b, seed, options):
    """Return median errors of one array, of the phases in turn, and of inv-blocks."""
    exact = np.linalg.solve(A, b)
    found = [
        BlockInverse(amc.Chip(seed=seed, fidelity="dc", **options), A, stages=stages).solve(b)
        for stages in (0, 1)
    ]
    circuit = amc.UnrolledBlockINV(A, seed=seed, **options)
    found.append(amc.simulate(circuit, b, fidelity="dc").x)
    sizes = np.linalg.norm(exact, axis=0)
    return [np.median(np.linalg.norm(x - exact, axis=0) / sizes) for x in found]


TABLES = {"settling": settling_table, "errors": errors_table}


def main(chosen: list[str]) -> None:
    warnings.simplefilter("ignore", amc.CautionWarning)
    for name in chosen or TABLES:
        filled = TABLES[name]() + "\n"
        marked = rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
        text = PAGE.read_text()
        PAGE.write_text(re.sub(marked, lambda m, new=filled: m[1] + new + m[2], text, flags=re.S))


if __name__ == "__main__":
    main(sys.argv[1:])
