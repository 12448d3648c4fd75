"""Rests of many right-hand sides on one prepared batch, and bare numerical solutions of the same.

The reference answers, the measurement of power and the report are left out on our side.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import amcspice as amc
from amcspice.bench.problems import regressions, scipy_nnls
from amcspice.bench.row import Row
from amcspice.bench.timing import side_by_side
from amcspice.engine import Batch, Drive, get_backend

__all__ = ["compare_inverse", "compare_nnls", "rows"]

NAME = "dc"
OURS, LINEAR_PEER, NNLS_PEER = "dc", "numpy solve", "scipy nnls"
TOLERANCE = 1e-3
"""Deviation of the solutions, over the largest, that finite gain of amplifiers may cause."""

COUNT, QUICK_COUNT = 10_000, 1_000
WANTED_LINEAR, WANTED_NNLS = 1 / 3, 1.0

Array = NDArray[np.float64]


def rows(quick: bool) -> Iterator[Row]:
    """Yield a linear circuit and one with a constraint."""
    count = QUICK_COUNT if quick else COUNT
    yield compare_inverse(32, count, quick=quick)
    yield compare_nnls(32, 8, count, quick=quick)


def compare_inverse(n: int, count: int, *, quick: bool = False) -> Row:
    """Solve linear systems: rests of a compensated inverse, and `numpy.linalg.solve`."""
    draw = np.random.default_rng(0)
    A = draw.uniform(-1, 1, (n, n)) + n / 2 * np.eye(n)
    B = draw.uniform(-1, 1, (n, count))
    rests = _Rests(amc.CompensatedINV(A), B, volts_per_unit=0.5)

    def theirs() -> Array:
        return np.asarray(np.linalg.solve(A, B).T, dtype=float)

    return _row(
        f"{count} linear systems {n} x {n}", rests, LINEAR_PEER, theirs, quick, WANTED_LINEAR
    )


def compare_nnls(m: int, n: int, count: int, *, quick: bool = False) -> Row:
    """Solve non-negative regressions: rests with hold devices, and a loop over scipy's nnls."""
    matrix, b = regressions(m, n, count)
    circuit = amc.CompactGINV(matrix, constraint=amc.NonNegative(hold=True))
    rests = _Rests(circuit, b, volts_per_unit=0.5)

    def theirs() -> Array:
        return scipy_nnls(matrix, b).T

    return _row(f"{count} nnls regressions {m} x {n}", rests, NNLS_PEER, theirs, quick, WANTED_NNLS)


class _Rests:
    """A batch of one circuit, prepared, with its right-hand sides.

    Parameters
    ----------
    circuit : Circuit
    vectors : ndarray, shape (m, K)
    volts_per_unit : float
    """

    def __init__(self, circuit: amc.Circuit, vectors: Array, volts_per_unit: float) -> None:
        self.circuit, self.volts = circuit, volts_per_unit
        batch = Batch.of([circuit])
        self.prepared = get_backend(amc.Analysis(fidelity="dc")).prepare(batch)
        currents = circuit.schematic.currents(circuit.vectors(vectors), volts_per_unit)
        self.drive = Drive.of(batch, [currents])
        self.outputs = batch.outputs

    def __call__(self) -> Array:
        """Return the stages behind the outputs at rest, shape (K, k) [V]."""
        (rest,) = self.prepared.run(self.drive)
        sources: Array = rest.sources  # type: ignore[attr-defined]
        return sources

    def solutions(self) -> Array:
        """Return what is read from the outputs, shape (K, n)."""
        (rest,) = self.prepared.run(self.drive)
        return self.circuit.read_out(rest.voltages[:, self.outputs], self.volts)


def _row(case: str, rests: _Rests, peer: str, theirs: object, quick: bool, wanted: float) -> Row:
    assert callable(theirs)
    rests()
    measured = side_by_side({OURS: rests, peer: theirs}, quick=quick)
    expected = measured[peer].answer
    return Row.of(
        NAME,
        case,
        measured,
        ours=OURS,
        peer=peer,
        deviation=float(np.abs(rests.solutions() - expected).max() / np.abs(expected).max()),
        tolerance=TOLERANCE,
        note="prepared before; reference, power and report left out",
        headline=True,
        **({} if quick else {"wanted_ratio": wanted}),
    )
