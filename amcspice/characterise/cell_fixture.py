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

OPTIONS = ".options reltol=1e-6 abstol=1e-16 vntol=1e-9 chgtol=1e-20"


@dataclass(frozen=True, eq=False)
class Ramp:
    """Currents of cells in S states, down from the reach and up again.

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

        On the way down and up again the current into capacitances has both signs, so that it is
        no part of a curve fitted to both.

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
        times = np.array([0, 1, 3, 5]) * QUARTER
        volts = np.array([0, 1, -1, 1]) * reach
        time, current = self._currents(states, times, volts, QUARTER / STEPS)
        kept = time >= QUARTER
        return Ramp(np.interp(time[kept], times, volts), current[kept])

    def held(self, states: Array, voltage: float) -> tuple[Array, Array]:
        """Return the currents of cells at the beginning and at the end of `HOLD`, both (S,) [A].

        Raises
        ------
        SimulationError
            If ngspice fails.
        """
        times = np.array([0, QUARTER, QUARTER + HOLD])
        time, current = self._currents(states, times, np.array([0, voltage, voltage]), HOLD / STEPS)
        first = int(np.searchsorted(time, QUARTER * (1 - 1e-9)))
        return current[first], current[-1]

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
