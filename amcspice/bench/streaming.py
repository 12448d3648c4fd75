"""Many regressions in ngspice: streamed by `amcspice.simulate`, and a PySpice circuit for each."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import amcspice as amc
from amcspice.bench.child import run_in_child
from amcspice.bench.problems import regressions
from amcspice.bench.row import NotRun, Row
from amcspice.bench.timing import Timed, side_by_side
from amcspice.engine import find_installation, get_simulator
from amcspice.netlist.deck import model_library

__all__ = ["compare", "rows"]

NAME = "streaming"
OURS, PEER = "streamed", "PySpice"
TOLERANCE = 1e-3
"""Deviation of the solutions, as a fraction of the largest."""


def rows(quick: bool) -> Iterator[Row]:
    """Yield the only case."""
    shape, count = ((16, 4), 16) if quick else ((32, 8), 128)
    yield compare(*shape, count, quick=quick)


def compare(m: int, n: int, count: int, *, quick: bool = False) -> Row:
    """Solve the same regressions both ways, with the same window, steps and accuracy.

    Raises
    ------
    NotRun
        If PySpice cannot drive the installed ngspice.
    """
    installation = find_installation()
    if not installation.shared_works:
        raise NotRun(f"PySpice cannot drive the shared library of ngspice {installation.version}")
    matrix, b = regressions(m, n, count)
    circuit = amc.CompactGINV(matrix, constraint=amc.NonNegative(hold=True))
    # The longest window that one of them needs, so that neither side runs anything again.
    probe = amc.simulate(circuit, b)  # also warms up
    assert probe.waveforms is not None
    window = max(float(segment.time[-1]) for segment in probe.waveforms.segments)
    analysis = amc.Analysis(window=window, max_step=window / 48)
    inside: list[float] = []
    elapsed: list[float] = []

    def ours() -> amc.Run:
        started = time.perf_counter()
        with _time_inside_ngspice() as spent:
            run = amc.simulate(circuit, b, analysis=analysis, keep_waveforms=False)
        elapsed.append(time.perf_counter() - started)
        inside.append(sum(spent))
        return run

    def theirs() -> Timed:
        answer = run_in_child(
            "amcspice.bench.pyspice_peer:regress",
            matrix=matrix.tolist(),
            right_hand_sides=b.T.tolist(),
            library=installation.library,
            script_directory=installation.script_directory,
            amplifiers=model_library(),
            volts=probe.volts_per_unit,
            g_max=circuit.device.g_max,
            window=window,
            max_step=analysis.max_step,
            relative_tolerance=analysis.relative_tolerance,
        )
        return Timed(np.array(answer.result["solutions"]).T, answer.result["seconds"])

    measured = side_by_side({OURS: ours, PEER: theirs}, quick=quick)
    solutions = measured[OURS].answer.x
    share = float(np.median(np.array(inside) / elapsed))
    return Row.of(
        NAME,
        f"{count} nnls regressions {m} x {n}",
        measured,
        ours=OURS,
        peer=PEER,
        deviation=float(np.abs(solutions - measured[PEER].answer).max() / np.abs(solutions).max()),
        tolerance=TOLERANCE,
        headline=True,
        note=f"{100 * share:.0f} % of our time is spent inside ngspice",
    )


@contextlib.contextmanager
def _time_inside_ngspice() -> Iterator[list[float]]:
    """Yield a list that receives the time of every run of the simulator [s]."""
    simulator: Any = type(get_simulator())
    original = simulator.run
    spent: list[float] = []

    def run(*args: Any, **options: Any) -> Any:
        started = time.perf_counter()
        try:
            return original(*args, **options)
        finally:
            spent.append(time.perf_counter() - started)

    simulator.run = run
    try:
        yield spent
    finally:
        simulator.run = original
