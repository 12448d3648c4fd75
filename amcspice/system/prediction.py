"""`Prediction`: the range of an operation from its right-hand side alone, without its answer.

A chip does not know what an operation will come to.  It knows the matrix that it programmed, the
right-hand side, and what its outputs read for a few vectors when it was programmed: the calibration
set.  Volts per unit are such that in the middle of these, scaled to the size of the right-hand
side, the largest voltage across a cell is the read voltage, and in none of them twice that: output
converters have one bit above it.  Where an output saturates even so, the operation is repeated in
half the range.

The prediction is frozen when the matrix is programmed, so that no operation depends on others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array

__all__ = [
    "CALIBRATIONS",
    "Prediction",
    "by_size",
    "calibrate",
    "first_range",
    "generic_vectors",
    "middle_of",
]

CALIBRATIONS = 16
"""Vectors of a calibration set; of more that are given the first ones are taken."""

MOST_TRIALS = 20
"""Ranges that are tried for a calibration vector."""

HEADROOM = 2.0
"""Largest voltage across a cell in a calibration, over the read voltage, that is let be."""

USED = 0.5
"""Share of the range that a calibration must have used to be taken as it was read."""

FAR = 1e6
"""Factor that makes constants next to nothing."""

Attempt = Callable[[Array, Array], tuple[Array, NDArray[np.bool_]]]
"""Runs vectors (K, m) in ranges (K,); returns what was read (K, n), and what saturated (K,)."""


@dataclass(frozen=True)
class Prediction:
    """What the calibration of a matrix says of the range of any right-hand side.

    Parameters
    ----------
    by_size : float
        Inverse of the volts per unit for a right-hand side of length one [1/V].
    least : float
        The same whatever the right-hand side is, where constants are injected [1/V].
    trials : int
        Operations that the calibration took.
    full_scale : float
        Of output converters where it follows the outputs [V]; 0 where it does not.
    """

    by_size: float
    least: float
    trials: int
    full_scale: float = 0.0

    def volts(self, vectors: Array) -> Array:
        """Return the volts per unit of each right-hand side (K, m), shape (K,)."""
        return self.volts_of(np.sqrt(np.einsum("km,km->k", vectors, vectors)))

    def volts_of(self, size: Array) -> Array:
        """Return the volts per unit of right-hand sides by their lengths, shape (K,)."""
        needed = np.maximum(self.by_size * size, self.least)
        return 1 / np.where(needed > 0, needed, 1.0)


def first_range(circuit: Circuit, vectors: Array, read_voltage: float) -> float:
    """Return a range in which the injected currents of right-hand sides (K, m) alone leave room."""
    none = np.zeros((len(vectors), len(circuit.output_scale)))
    return circuit.volts_per_unit(vectors, none, read_voltage)


def by_size(circuit: Circuit, vectors: Array, solutions: Array, read_voltage: float) -> list[float]:
    """Return what each right-hand side asks for, for one of its direction and length one [1/V]."""
    size = np.linalg.norm(vectors, axis=1)
    scale = FAR if len(circuit.schematic.bias) else 1.0
    return [
        1 / circuit.volts_per_unit(scale * b[None], scale * x[None], read_voltage) / scale / length
        for b, x, length in zip(vectors, solutions, size, strict=True)
        if length
    ]


def middle_of(needed: Sequence[float], least: float = 0.0, trials: int = 0) -> Prediction:
    """Return the prediction of what calibrations ask for; see `Prediction`."""
    if not needed:
        return Prediction(0.0, least, trials)
    middle = max(float(np.median(needed)), max(needed) / HEADROOM)
    return Prediction(middle, least, trials)


def generic_vectors(circuit: Circuit, seed: int) -> Array:
    """Return a calibration set where none was given, shape (CALIBRATIONS, m).

    Entries are uniform from -1 to 1, or from 0 to 1 where solutions are not negative.
    """
    draw = np.random.default_rng([seed, circuit.input_size])
    lowest = 0.0 if circuit.non_negative else -1.0
    return draw.uniform(lowest, 1.0, (CALIBRATIONS, circuit.input_size))


def calibrate(
    circuit: Circuit, vectors: Array, attempt: Attempt, read_voltage: float
) -> Prediction:
    """Calibrate a programmed matrix on the circuit itself.

    The first vector starts in the range in which the injected currents alone leave room, which the
    matrix tells, and is repeated in half of it while something saturates; one that used little
    of its range is repeated in the one that it asks for, so that converters resolve it.  The
    others start in the range of the first.

    Parameters
    ----------
    circuit : Circuit
    vectors : ndarray, shape (K, m)
        The first `CALIBRATIONS` that are not zero count.
    attempt : callable
        See `Attempt`.
    read_voltage : float
        Largest voltage across a cell that is aimed at [V].
    """
    if circuit.range_sets_limits:  # a threshold was given, and there is no other range
        return Prediction(0.0, 1 / first_range(circuit, vectors[:1], read_voltage), 0)
    if circuit.rail_limited:  # outputs end at a rail by design, whatever the size of the start
        ones = np.ones((1, len(circuit.matrix)))
        return Prediction(0.0, 1 / circuit.volts_per_unit(ones, ones, read_voltage), 0)
    chosen = vectors[vectors.any(axis=1)][:CALIBRATIONS]
    if not len(chosen):
        return Prediction(0.0, 0.0, 0)
    size = np.linalg.norm(chosen, axis=1)

    def try_all(rows: NDArray[np.intp], volts: Array) -> tuple[Array, int]:
        """Run vectors until nothing saturates and little of the range is unused."""
        found, waiting, trials = np.zeros((len(rows), len(none))), np.arange(len(rows)), 0
        for _ in range(MOST_TRIALS):
            if not waiting.size:
                break
            found[waiting], saturated = attempt(chosen[rows[waiting]], volts[waiting])
            trials += len(waiting)
            asked = np.array([volts_of(int(rows[k]), found[k]) for k in waiting])
            good = ~saturated & (asked <= volts[waiting] / USED)
            volts[waiting] = np.where(saturated, volts[waiting] / 2, asked)
            waiting = waiting[~good]
        return found, trials

    def volts_of(number: int, solution: Array, scale: float = 1.0) -> float:
        vector = chosen[number : number + 1] * scale
        return circuit.volts_per_unit(vector, solution[None] * scale, read_voltage)

    none = np.zeros(len(circuit.output_scale))
    solutions, trials = np.zeros((len(chosen), len(none))), 0
    # The first one is found by trying, and says where the others begin.
    for rows in (np.arange(1), np.arange(1, len(chosen))):
        volts = volts_of(0, none)
        if rows.size and rows[0]:
            volts = volts_of(0, solutions[0]) * size[0] / size[rows]
        tried = try_all(rows, np.zeros(len(rows)) + volts)
        solutions[rows], trials = tried[0], trials + tried[1]
    # What is injected whatever the right-hand side is must not count as what grows with it.
    least = 1 / volts_of(0, none, 0.0) if len(circuit.schematic.bias) else 0.0
    return middle_of(by_size(circuit, chosen, solutions, read_voltage), least, trials)
