"""`stability_margin`: how far a circuit is from oscillating.

Data sheets seldom say what the loops of a circuit rest on: second pole and input capacitance of its
amplifiers.  Each of them is made worse, until a mode grows where right-hand sides rest: with every
output inside its range, or with those at a limit that a constraint holds there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.circuit import Circuit
from amcspice.engine import DC, Analysis, Batch, PiecewiseLinear
from amcspice.engine.dc.codes import ABOVE, CONDUCTS, HIGHEST, INSIDE, LOWEST, START
from amcspice.engine.dc.stability import AT_LIMIT, piece_modes
from amcspice.simulation import Run
from amcspice.simulation.conversion import Inputs
from amcspice.simulation.once import drive_of

__all__ = ["StabilityMargin", "stability_margin"]

FARTHEST_CAPACITANCE = 1e3
"""Extra capacitance that is tried: so many times what a full cell charges as fast as an amplifier
by itself, g_max / (2 pi GBW), and its inverse."""

FARTHEST_POLE = 1e2
"""Second poles that are tried: so many times the gain-bandwidth product, and its inverse."""

STRIDE, CLOSE = 10**0.5, 1.02
"""Factor from one try to the next, and how closely the edge is found."""

MOST_PIECES = 8
"""Rests of right-hand sides that are looked at."""


@dataclass(frozen=True)
class StabilityMargin:
    """How far a circuit is from oscillating.

    Parameters
    ----------
    damping : float
        Least damping ratio of the slowest modes at rest; 1 is no ringing.
    input_capacitance : float
        What every amplifier input bears beside what is there [F]; infinite where nothing that was
        tried makes a mode grow.
    second_pole : float
        Lowest second pole that it bears [Hz]; 0 where none that was tried makes a mode grow.
    """

    damping: float
    input_capacitance: float
    second_pole: float

    def to_json(self) -> dict[str, float]:
        """Return it as plain values."""
        return {
            "damping": self.damping,
            "input_capacitance_f": self.input_capacitance,
            "second_pole_hz": self.second_pole,
        }


def stability_margin(circuit: Circuit, b: ArrayLike, run: Run) -> StabilityMargin:
    """Return how much worse its amplifiers may be before a circuit is unstable.

    Parameters
    ----------
    circuit : Circuit
        A stable one; of circuits that grow to a rail by design there is no margin.
    b : array_like, shape (m,) or (m, K)
    run : Run
        Of the circuit with these right-hand sides, at any fidelity: its range.

    Returns
    -------
    StabilityMargin

    Notes
    -----
    The edge is that of the linear equations around a rest, found by steps of half a decade and
    bisection: the first one that is met on the way from a good amplifier to a bad one.
    """
    batch, opamp = Batch.of([circuit]), circuit.opamp
    pieces = _pieces(circuit, batch, b, run)

    def grows(**changes: Any) -> bool:
        other = dataclasses.replace(opamp, **changes)
        eq = PiecewiseLinear.of(circuit, batch, other).arrays
        return any(float(piece_modes(eq, piece).growth) >= 0 for piece in pieces)

    eq = PiecewiseLinear.of(circuit, batch).arrays
    own, unit = opamp.input_capacitance, circuit.device.g_max / (2 * np.pi * opamp.gbw)
    capacitance = _edge(
        lambda farads: grows(input_capacitance=own + farads),
        unit / FARTHEST_CAPACITANCE, unit * FARTHEST_CAPACITANCE,
    )  # fmt: skip
    best = FARTHEST_POLE * opamp.gbw
    if opamp.second_pole is not None:
        best = opamp.second_pole
    pole = _edge(lambda hertz: grows(second_pole=hertz), best, opamp.gbw / FARTHEST_POLE)
    return StabilityMargin(
        damping=min(float(piece_modes(eq, piece).damping) for piece in pieces),
        input_capacitance=np.inf if capacitance is None else capacitance,
        second_pole=0.0 if pole is None else pole,
    )


def _edge(grows: Callable[[float], bool], good: float, bad: float) -> float | None:
    """Return the last value without growth on the way from a good to a bad one; None: no edge."""
    if grows(good):
        return good
    stride = STRIDE if bad > good else 1 / STRIDE
    steps = int(np.ceil(np.log(bad / good) / np.log(stride)))
    for step in range(1, steps + 1):
        tried = good * stride
        if step == steps:
            tried = bad
        if grows(tried):
            break
        good = tried
    else:
        return None
    while max(tried / good, good / tried) > CLOSE:
        middle = float(np.sqrt(good * tried))
        good, tried = (good, middle) if grows(middle) else (middle, tried)
    return good


def _pieces(circuit: Circuit, batch: Batch, b: ArrayLike, run: Run) -> list[NDArray[np.uint8]]:
    """Return the pieces of the equations in which right-hand sides rest, each shape (k,)."""
    eq = PiecewiseLinear.of(circuit, batch).arrays
    if not circuit.non_negative:
        return [np.full(len(eq.hold), START)]
    volts = run.range.volts_per_unit
    sent = Inputs(circuit, circuit.vectors(b)).at(volts)
    drive = drive_of(batch, [sent], np.array([volts]))
    (rest,) = DC(Analysis(fidelity="dc")).prepare(batch).run(drive)
    margin = AT_LIMIT * (eq.highest - eq.lowest)
    place = np.where(rest.sources > eq.highest - margin, HIGHEST, INSIDE)
    place = np.where((rest.sources < eq.lowest + margin) & (eq.hold == 0), LOWEST, place)
    above = (rest.sources > margin) | (eq.hold == 0)
    codes = place + np.where(above, ABOVE, 0) + np.where(rest.held > 0, CONDUCTS, 0)
    return list(np.unique(codes[rest.found].astype(np.uint8), axis=0)[:MOST_PIECES])
