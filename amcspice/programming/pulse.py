"""One pulse and one verify read of many cells: the deck, and what its waveforms say.

What stands between the lines of a cell: `amcspice.programming.pulsed`.  A selected 1T1R cell has a
word line of its own kind (SET, RESET) and its own bit and source line; unselected cells are cut off
by their selectors.  So the cells of a deck are independent circuits that share a time axis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcspice.device import WriteVerify
from amcspice.engine.ngspice.simulator import Vectors
from amcspice.netlist.deck import Deck
from amcspice.programming.pulsed import PulsedCells

__all__ = ["Pulse", "PulseResult"]

Array = NDArray[np.float64]
Points = tuple[tuple[float, float], ...]

STEPS_PER_PULSE = 25
"""Gives a pulse to a thousandth of the state's range, an energy to a hundredth; the errors fall
with the square of the step."""

OPTIONS = "reltol=1e-4 abstol=1e-12 vntol=1e-6 chgtol=1e-16 method=trap"


@dataclass(frozen=True, eq=False)
class PulseResult:
    """What one pulse did to k cells.

    Parameters
    ----------
    conductance : ndarray, shape (k,)
        Read after the pulse, in the middle of the read pulse [S].
    state : ndarray, shape (k,)
        State at the end.
    pulse_energy, read_energy : ndarray, shape (k,)
        Delivered by bit and source line before and after the read starts [J].
    """

    conductance: Array
    state: Array
    pulse_energy: Array
    read_energy: Array


@dataclass(frozen=True, eq=False)
class Pulse:
    """One pulse and one read of k cells.

    Parameters
    ----------
    cells : PulsedCells
    schedule : WriteVerify
    amplitude : ndarray, shape (k,)
        Positive for SET, negative for RESET, zero for a read without a pulse [V].
    state : ndarray, shape (k,)
        State before the pulse.
    drawn : dict of str to ndarray, each shape (k,)
        Parameters of the sub-circuit that vary from cell to cell.
    """

    cells: PulsedCells
    schedule: WriteVerify
    amplitude: Array
    state: Array
    drawn: dict[str, Array]

    @property
    def read_start(self) -> float:
        """Time at which the bit line starts to rise for the read [s]."""
        return self.schedule.read_start

    @property
    def stop_time(self) -> float:
        """End of the transient [s]."""
        return self.schedule.slot

    def deck(self) -> Deck:
        """Return the deck."""
        schedule = self.schedule
        step = min(schedule.set_width, schedule.reset_width) / STEPS_PER_PULSE
        saved: list[str] = []
        lines = [
            f"* amcspice write-verify, {len(self.state)} cells",
            self.cells.library,
            self._gate("wset", schedule.set_gate),
            self._gate("wreset", schedule.reset_gate),
        ]
        for k in range(len(self.state)):
            lines += self._cell(k)
            saved += [self.cells.state_vector(k), f"vb{k}#branch"]
            saved += [f"vs{k}#branch"] if self.amplitude[k] < 0 else []
        vectors = [f"i({name[:-7]})" if "#" in name else f"v({name})" for name in saved]
        lines += [f".options {OPTIONS}", ".save"]
        lines += ["+ " + " ".join(vectors[k : k + 8]) for k in range(0, len(vectors), 8)]
        lines += [f".tran {step!r} {self.stop_time!r} 0 {step!r} uic", ".end"]
        return Deck("\n".join(lines) + "\n", tuple(saved), self.stop_time)

    def evaluate(self, vectors: Vectors) -> PulseResult:
        """Return what the waveforms of the deck say."""
        time = vectors["time"]
        schedule = self.schedule
        instant = self.read_start + schedule.edge + schedule.read_width / 2
        pulse = time <= self.read_start * (1 + 1e-12)
        count = len(self.state)
        conductance, state, energies = np.empty(count), np.empty(count), np.empty((2, count))
        for k in range(count):
            bit = -vectors[f"vb{k}#branch"]
            power = np.interp(time, *np.transpose(self._bit_line(k))) * bit
            if self.amplitude[k] < 0:
                source = -vectors[f"vs{k}#branch"]
                power = power + np.interp(time, *np.transpose(self._source_line(k))) * source
            conductance[k] = np.interp(instant, time, bit) / schedule.read_voltage
            state[k] = vectors[self.cells.state_vector(k)][-1]
            energies[0, k] = np.trapezoid(power[pulse], time[pulse])
            energies[1, k] = np.trapezoid(power[~pulse], time[~pulse])
        return PulseResult(conductance, state, energies[0], energies[1])

    def _gate(self, name: str, level: float) -> str:
        points = (
            (0.0, level),
            (self.read_start - self.schedule.edge, level),
            (self.read_start, self.schedule.read_gate),
        )
        return f"V{name} {name} 0 {_pwl(points)}"

    def _cell(self, k: int) -> Iterator[str]:
        down, drawn = bool(self.amplitude[k] < 0), {n: v[k] for n, v in self.drawn.items()}
        yield from self.cells.instance(k, down=down, state=float(self.state[k]), drawn=drawn)
        yield f"Vb{k} b{k} 0 {_pwl(self._bit_line(k))}"
        if down:
            yield f"Vs{k} s{k} 0 {_pwl(self._source_line(k))}"

    def _bit_line(self, k: int) -> Points:
        schedule, start = self.schedule, self.read_start
        read_pulse = _trapezoid(start, schedule.edge, schedule.read_width, schedule.read_voltage)
        amplitude = float(self.amplitude[k])
        if amplitude <= 0:
            return ((0.0, 0.0), *read_pulse)
        return (*_trapezoid(0.0, schedule.edge, schedule.set_width, amplitude), *read_pulse)

    def _source_line(self, k: int) -> Points:
        schedule = self.schedule
        return _trapezoid(0.0, schedule.edge, schedule.reset_width, -float(self.amplitude[k]))


def _trapezoid(start: float, edge: float, width: float, level: float) -> Points:
    return (
        (start, 0.0),
        (start + edge, level),
        (start + edge + width, level),
        (start + 2 * edge + width, 0.0),
    )


def _pwl(points: Points) -> str:
    return f"PWL({' '.join(f'{time!r} {level!r}' for time, level in points)})"
