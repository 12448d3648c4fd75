"""Fill the tables and draw the figure of docs/sparse.md.

Arguments name single tables, or the figure: ``scripts/sparse_recovery.py circuits figure``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from update_readme import fill, table

import amcspice as amc
from amcspice.view.style import COLOURS, DASHES, MARKERS, legend, save, styled
from amcspice.workload.wireless import BeamChannel, EstimationStudy

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "sparse.md"
PICTURE = ROOT / "docs" / "images" / "sparse-recovery.svg"

RATIOS = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)
STUDY = EstimationStudy(estimates=40)
CELLS = {"levels": 16, "write_noise": 0.02}
AMPLIFIERS = {"gain": 1e6, "gbw": 1e9}
SEED = 3


def circuits_table() -> str:
    """Return both circuits on one channel of 64 beams, 24 pilots, 20 dB."""
    channel, snr = BeamChannel(), 20.0
    pilots = channel.pilot_matrix(SEED)
    received = (pilots @ channel.draw(1, SEED) + channel.noise(1, snr, SEED))[:, 0]
    rows = []
    for name, fidelity, amplifiers in (
        ("ginv-classic", "behavioural", {"gain": 1e5, "gbw": 1e9}),
        ("lca", "behavioural", {"gain": 1e6, "gbw": 1e9, "output_resistance": 1e-3}),
    ):
        run = amc.solve(
            "lasso", pilots, received, circuit=name, lasso=channel.penalty(snr),
            fidelity=fidelity, keep_waveforms=False, **amplifiers,
        )  # fmt: skip
        assert run.settled
        rows.append((
            name, f"{amplifiers['gain']:.0e}".replace("e+0", "e"), str(run.amplifiers),
            str(run.cells), f"{run.relative_error:.1e}", f"{run.settling_time * 1e9:.0f} ns",
        ))  # fmt: skip
    return table(("circuit", "gain", "amplifiers", "cells", "error", "settling"), rows)


@cache
def estimates() -> tuple[dict[str, float], ...]:
    """Return what was estimated at every ratio, on cells of 16 levels and 2 % noise."""
    made = []
    for ratio in RATIOS:
        chip = amc.Chip(fidelity="dc", seed=1, **CELLS, **AMPLIFIERS)
        made.append(STUDY.estimate(chip, ratio, seed=SEED).figures())
    return tuple(made)


SERIES = {
    "biased_nmse_db": "circuit",
    "nmse_db": "circuit, debiased",
    "lasso_nmse_db": "exact lasso of parts, debiased",
    "fista_nmse_db": "FISTA on magnitudes, debiased",
    "omp_nmse_db": "OMP",
    "oracle_nmse_db": "paths known",
}


def estimates_table() -> str:
    """Return errors in dB by signal-to-noise ratio."""
    rows = [
        (f"{ratio:g}", *(f"{made[name]:.1f}" for name in SERIES), f"{made['paths_found']:.1%}")
        for ratio, made in zip(RATIOS, estimates(), strict=True)
    ]
    return table(("SNR, dB", *SERIES.values(), "all paths found"), rows)


@styled
def figure() -> Figure:
    """Draw these errors."""
    drawn = Figure(figsize=(6.4, 4.2), layout="constrained")
    axis = drawn.subplots()
    for number, (name, label) in enumerate(SERIES.items()):
        axis.plot(
            RATIOS, [made[name] for made in estimates()], color=COLOURS[number],
            marker=MARKERS[number], markersize=4, linestyle=DASHES[min(number // 2, 3)],
            label=label,
        )  # fmt: skip
    axis.set_xlabel("signal-to-noise ratio of a pilot (dB)")
    axis.set_ylabel("mean squared error of channels (dB)")
    legend(drawn, columns=3)
    return drawn


def beams_table() -> str:
    """Return errors of beamforming vectors: 20 covariances of 8 antennas, by detuning."""
    rows = []
    for detuning in (0.05, 0.01, 0.002):
        errors = []
        for number in range(20):
            draw = np.random.default_rng([SEED, number])
            angles = draw.uniform(-np.pi / 2, np.pi / 2, 4)
            steering = np.exp(1j * np.pi * np.outer(np.arange(8), np.sin(angles)))
            powers = 10 ** (-np.array([0.0, 5.0, 10.0, 15.0]) / 10)
            covariance = (steering * powers) @ steering.conj().T / 8
            run = amc.solve(
                "eig", covariance, fidelity="dc", gain=1e5, detuning=detuning, seed=number
            )
            assert run.settled
            best = np.linalg.eigvalsh(covariance)[-1]
            errors.append((
                float(run.relative_error),
                1 - (np.vdot(run.x, covariance @ run.x).real / best),
            ))  # fmt: skip
        size, lost = np.transpose(errors)
        rows.append((
            f"{detuning:g}", f"{np.median(size):.1e}", f"{size.max():.1e}",
            f"{-10 * np.log10(1 - lost.max()):.1e} dB",
        ))  # fmt: skip
    return table(("detuning", "error, median", "largest", "largest loss of power"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "circuits": circuits_table,
    "estimates": estimates_table,
    "beams": beams_table,
}


def main(names: list[str]) -> None:
    for name in names or [*TABLES, "figure"]:
        if name == "figure":
            save(figure(), PICTURE)
        else:
            fill(PAGE, name, TABLES[name]())


if __name__ == "__main__":
    main(sys.argv[1:])
