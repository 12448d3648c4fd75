"""Decks in which a cell's sub-circuit is measured by itself, in many states at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcspice.device import CellModel
from amcspice.engine import BatchSimulator
from amcspice.netlist.cell_circuit import CellCircuit

__all__ = ["CellFixture", "Ramp"]

Array = NDArray[np.float64]

QUARTER = 1e-11
"""Time from 0 V to the reach [s]: states have no time to move."""

STEPS = 24
"""Time steps in it, and in a hold."""

HOLD = 1e-6
"""Time for which a voltage is held to see how fast states move [s]."""

TIMEOUT = 120.0
"""Seconds for one deck."""

SETTLED = 1e-3
"""Share of a hold after which currents into capacitances have ended."""

DEGREE, OF_WAY = 14, 6
"""Of the polynomials over voltage that are fitted to currents, and to what has the sign of the way:
near a turn, only one of both ways is left."""

ROUNDING = 1e-6
"""Current into capacitances, over the largest of its cell, that is none."""

CHARGED, SLOWER = 1e-3, 100
"""Current into capacitances, over the largest of its cell, from which on the triangle takes longer
by the factor: nodes inside the cell have to follow."""

TURN = 0.02
"""Share of a quarter after a turn in which nodes inside the cell may lag behind."""

OPTIONS = ".options reltol=1e-6 abstol=1e-16 vntol=1e-9 chgtol=1e-20 method=gear"


@dataclass(frozen=True, eq=False)
class Ramp:
    """Currents through cells in S states, down from the reach and up again.

    Those into capacitances, which have the other sign on the other way, are taken off.

    Parameters
    ----------
    voltage : ndarray, shape (T,)
        [V].
    current : ndarray, shape (T, S)
        [A].
    """

    voltage: Array
    current: Array


@dataclass(frozen=True, eq=False)
class CellFixture:
    """A cell ready to be measured.

    Parameters
    ----------
    circuit : CellCircuit
    """

    circuit: CellCircuit

    @classmethod
    def of(cls, model: CellModel) -> CellFixture:
        """Read the cell's file.

        Raises
        ------
        InputError
            See `CellCircuit.of`.
        """
        return cls(CellCircuit.of(model))

    def ramp(self, states: Array, reach: float) -> Ramp:
        """Return the currents of cells over a triangle of voltage.

        On the way down and up again the current into capacitances has both signs: what is
        different on both ways is no part of the result.

        Parameters
        ----------
        states : ndarray, shape (S,)
        reach : float
            Largest voltage, of both signs [V].

        Raises
        ------
        SimulationError
            If ngspice fails.
        """
        voltage, current, part = self._triangle(states, reach, QUARTER)
        if (np.abs(part).max(axis=0) > CHARGED * np.abs(current).max(axis=0)).any():
            voltage, current, part = self._triangle(states, reach, SLOWER * QUARTER)
        return Ramp(voltage, current - part)

    def _triangle(self, states: Array, reach: float, quarter: float) -> tuple[Array, Array, Array]:
        """Return voltages (T,), currents, and what of them goes into capacitances, both (T, S)."""
        times = np.array([0, 1, 3, 5]) * quarter
        volts = np.array([0, 1, -1, 1]) * reach
        time, current = self._currents(states, times, volts, quarter / STEPS)
        kept = time >= quarter
        time, current = time[kept], current[kept]
        voltage = np.interp(time, times, volts)
        # A sample belongs to the way that leads to it: the first one to that up before.
        corners = times[1:3] * (1 + 1e-9)
        way = np.where((time > corners[0]) & (time <= corners[1]), -1.0, 1.0)
        since = time[:, None] - corners
        follows = ((since <= 0) | (since > TURN * quarter)).all(axis=1)
        voltage, way, current = voltage[follows], way[follows], current[follows]
        return voltage, current, _into_capacitances(voltage / reach, way, current)

    def held(self, states: Array, voltage: float) -> Array:
        """Return how fast the currents of cells change in a `HOLD`, from its begin on (S,) [A/s].

        Raises
        ------
        SimulationError
            If ngspice fails.
        """
        times = np.array([0, QUARTER, QUARTER + HOLD])
        time, current = self._currents(states, times, np.array([0, voltage, voltage]), HOLD / STEPS)
        first = int(np.searchsorted(time, QUARTER + SETTLED * HOLD))
        change: Array = (current[-1] - current[first]) / (time[-1] - time[first])
        return change

    def _currents(
        self, states: Array, times: Array, volts: Array, step: float
    ) -> tuple[Array, Array]:
        points = " ".join(
            f"{t!r} {v!r}" for t, v in zip(times.tolist(), volts.tolist(), strict=True)
        )
        lines = [f"* sub-circuit {self.circuit.model.name}", *self.circuit.library]
        lines.append(f"Vin a 0 PWL({points})")
        for k, state in enumerate(states.tolist()):
            lines += [*self.circuit.instance(str(k), "a", f"b{k}", state), f"Vb{k} b{k} 0 0"]
        names = [f"vb{k}#branch" for k in range(len(states))]
        lines += [OPTIONS, *(f".save i(vb{k})" for k in range(len(states)))]
        lines += [f".tran {step!r} {float(times[-1])!r} 0 {step!r} uic", ".end"]
        plots, _ = BatchSimulator().run_text(
            "\n".join(lines) + "\n", TIMEOUT, compat=self.circuit.model.compat
        )
        vectors = plots[-1].vectors
        return vectors["time"], np.stack([vectors[name] for name in names], axis=1)


def _into_capacitances(share: Array, way: Array, current: Array) -> Array:
    """Return the part of currents (T, S) that has the sign of the way [A].

    Parameters
    ----------
    share : ndarray, shape (T,)
        Of the reach, from -1 to 1.
    way : ndarray, shape (T,)
        1 up, -1 down.
    current : ndarray, shape (T, S)
        [A].
    """
    powers = np.polynomial.chebyshev.chebvander(share, DEGREE)
    on_way = way[:, None] * powers[:, : OF_WAY + 1]
    fit = np.linalg.lstsq(np.hstack([powers, on_way]), current, rcond=None)[0]
    part = on_way @ fit[powers.shape[1] :]
    noticed = np.abs(part).max(axis=0) > ROUNDING * np.abs(current).max(axis=0)
    return np.where(noticed, part, 0.0)
