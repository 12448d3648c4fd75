"""The behavioural backend: circuits' own equations instead of decks.

The networks are the reduced ones and the amplifiers are those of ``models/opamp.lib``, so that it
gives what ngspice gives, without its models' smooth edges and numerical damping.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.backend import Backend, Forecast, Origin
from amcspice.engine.batch import Batch, Drive
from amcspice.engine.chunks import check_chunk, chunks
from amcspice.engine.equations.arrays import Control, Samples
from amcspice.engine.equations.linear import LinearModel, Modes
from amcspice.engine.equations.piecewise import PiecewiseLinear, refuse_unknown_physics
from amcspice.engine.supply import supply_currents
from amcspice.engine.timing import choose_windows, longest_windows, runs_away
from amcspice.engine.waveforms import Stream
from amcspice.errors import UnsupportedError

__all__ = ["Behavioural", "Integrator"]

CHUNK = 128
"""Right-hand sides in one call of the compiled kernel."""

BASE_STEP = 0.03
"""Smallest step, over the time constant of an internal node that its output range limits."""

RESOLUTION, RINGING_RESOLUTION = 0.4, 0.1
"""Largest part of the way to equilibrium in one step; finer where outputs ring, because they may
leave the settling band again."""

PIECES_PER_INPUT = 16
"""Pieces of the circuit to keep for each right-hand side; most of them serve many."""

REST = 1e-6
"""Distance from equilibrium that is rest, as a fraction of the largest voltage."""


class Behavioural(Backend):
    """Amplifier equations on the reduced network, in time, without ngspice."""

    name: ClassVar[str] = "behavioural"
    title: ClassVar[str] = "amplifier equations integrated without ngspice"
    verified_by: ClassVar[str | None] = "reduced"
    largest_batch: ClassVar[int] = 64
    largest_count: ClassVar[int | None] = CHUNK

    def check(self, circuit: Circuit) -> None:
        """Refuse cells and amplifiers that the equations do not know; see `Backend.check`."""
        refuse_unknown_physics(circuit, self.name)
        if self.analysis.max_step is not None:
            raise UnsupportedError(
                "the behavioural fidelity chooses its steps itself (it is exact between events): "
                "leave max_step out, or use reduced or flat"
            )

    def prepare(self, batch: Batch) -> Integrator:
        """See `Backend.prepare`."""
        analysis = self.analysis
        self.check(batch.circuit)
        equations = PiecewiseLinear.of(batch.circuit, batch)
        modes = LinearModel.of_equations(equations).modes
        windows = choose_windows(batch.circuit, modes, allow_unstable=analysis.allow_unstable)
        longest = longest_windows(windows, runs_away(batch.circuit, modes))
        if analysis.window is not None:
            longest = np.full(len(batch), analysis.window)
        return Integrator(
            batch, longest=longest, modes=modes, equations=equations,
            settle_tolerance=analysis.settle_tolerance, tolerance=analysis.relative_tolerance,
        )  # fmt: skip


class Integrator:
    """The equations of a batch of circuits, ready to be integrated; a `Prepared`.

    Parameters
    ----------
    batch : Batch
    longest : ndarray, shape (C,)
        Time after which a right-hand side is given up [s].
    modes : Modes, optional
        Of all circuits, shape (C, s); None takes those of the equations.
    equations : PiecewiseLinear, optional
        Of all circuits; None makes them.
    settle_tolerance : float
        Steps are finer around this fraction of the final value.
    tolerance : float
        Error of a step while an amplifier slews, as a fraction of the largest voltage.
    chunk : int
        Right-hand sides in one call of the compiled kernel.
    """

    def __init__(
        self,
        batch: Batch,
        *,
        longest: Array,
        modes: Modes | None = None,
        equations: PiecewiseLinear | None = None,
        settle_tolerance: float = 0.01,
        tolerance: float = 1e-4,
        chunk: int = CHUNK,
    ) -> None:
        # It takes a second to load: only those who run it wait.
        from amcspice.engine.behavioural import stepping as kernel

        check_chunk(chunk)
        self.batch, self.chunk, self._kernel = batch, chunk, kernel
        self.equations = equations or PiecewiseLinear.of(batch.circuit, batch)
        modes = modes or LinearModel.of_equations(self.equations).modes
        self.runs_away = runs_away(batch.circuit, modes)
        self._controls = [
            Control(
                tolerance=tolerance,
                resolution=RINGING_RESOLUTION if rings else RESOLUTION,
                band=settle_tolerance,
                rest=REST,
                longest=float(end),
                base=BASE_STEP / (kernel.CLAMP * self.equations.arrays.unity),
                stable=float(stable),
            )
            for end, rings, stable in zip(
                longest,
                np.atleast_1d(modes.oscillation > 0),
                np.atleast_1d(modes.stable),
                strict=True,
            )
        ]
        self._pieces: Any = None
        self._states = _state_count(self.equations)
        self._settling_states = _output_states(batch.circuit, self.equations)
        self._capacitance = _output_capacitance(batch.circuit)

    def forecast(self, drive: Drive, lead: int = 0) -> Iterator[Forecast]:
        """Yield nothing: what could be foretold is the run itself."""
        return iter(())

    def origin(self, drive: Drive, forecast: Forecast | None = None) -> list[Origin]:
        """See `Prepared.origin`."""
        return [Origin("behavioural", "exponential", _options(each)) for each in self._controls]

    def run(
        self, drive: Drive, lead: int = 0, forecast: Forecast | None = None
    ) -> Iterator[Stream]:
        """See `Prepared.run`; chunks are of single circuits, several run all at once."""
        for rows, before in chunks(len(drive), self.chunk, lead):
            yield self._stream(drive.take(rows), before, len(drive))

    def integrate(self, drive: Drive, expected: int = 0) -> Samples:
        """Return the samples of all right-hand sides, circuit after circuit.

        Parameters
        ----------
        drive : Drive
        expected : int
            Right-hand sides that are still to come with these, at the least.
        """
        parts, kernel = self.equations, self._kernel
        inputs = [
            _along(drive.into, matrix, constant)
            for matrix, constant in (
                (parts.difference, parts.difference_0),
                (parts.held, parts.held_0),
                (parts.charge, parts.charge_0),
            )
        ]
        start, settling = np.zeros(self._states), self._settling_states
        samples: Samples
        if len(self.batch) > 1:
            pieces = self._new_pieces(len(drive))
            samples = kernel.integrate_each(
                parts.arrays, pieces, *inputs, start, settling, self._controls
            )
            return samples
        if self._pieces is None:
            self._pieces = self._new_pieces(max(expected, len(drive)))
        single = [values[0] for values in inputs]
        samples = kernel.integrate(
            parts.arrays, self._pieces, *single, start, settling, self._controls[0]
        )
        return samples

    def _new_pieces(self, count: int) -> Any:
        return self._kernel.new_pieces(
            self.equations.arrays, self._states, PIECES_PER_INPUT * count,
            bounded=self.batch.circuit.bounded,
        )  # fmt: skip

    def rest_times(self, samples: Samples) -> Array:
        """Return when each right-hand side is at rest, inf where it never is, shape (N,) [s]."""
        # Those at rest have samples after it.
        last = samples.starts[1:] - 1 - self._kernel.TAIL * samples.at_rest
        times: Array = np.where(samples.at_rest, samples.time[last], np.inf)
        return times

    def voltages(self, samples: Samples, drive: Drive) -> Array:
        """Return the port voltages of samples, shape (T, P) [V]."""
        parts, count = self.equations, len(drive)
        from_inputs = _along(drive.into, parts.local, parts.bias)
        from_inputs = from_inputs.reshape(-1, from_inputs.shape[-1])
        voltages = np.repeat(from_inputs, np.diff(samples.starts), axis=0)
        edges = samples.starts[::count]
        for circuit, (first, last) in enumerate(pairwise(edges)):
            own, by = voltages[first:last], parts.of_circuit(circuit)
            own += samples.sources[first:last] @ by.from_sources.T
            own -= samples.held[first:last] @ by.from_held.T
            if samples.states.shape[1]:
                own += samples.states[first:last] @ by.from_states.T
        return voltages

    def _stream(self, drive: Drive, lead: int, expected: int) -> Stream:
        samples = self.integrate(drive, expected)
        voltages = self.voltages(samples, drive)
        circuit, out = self.batch.circuit, self.equations.out
        delivered = (samples.sources - voltages[:, out]) / circuit.opamp.output_resistance
        charged = np.flatnonzero(self._capacitance > 0)
        if charged.size:
            # Behind a small output resistance that difference is lost in the error of a step; the
            # current into network and capacitor is not.
            at, conductance = out[charged], self.batch.conductance[0]
            into = voltages @ conductance[:, at]
            into -= np.repeat(drive.into[0][:, at], np.diff(samples.starts), axis=0)
            rate = _slopes(samples.time, voltages[:, at], samples.starts)
            delivered[:, charged] = into + self._capacitance[charged] * rate
        begin = int(samples.starts[lead])
        return Stream(
            time=samples.time[begin:],
            voltages=voltages[begin:],
            supply=supply_currents(circuit, delivered[begin:], samples.held[begin:]),
            starts=samples.starts[lead:] - begin,
            at_rest=samples.at_rest[lead:],
        )


def _options(control: Control) -> str:
    """Say what chose the steps, for the provenance."""
    return (
        f"exponential Runge-Kutta resolution={control.resolution:g} "
        f"tolerance={control.tolerance:g} rest={control.rest:g} "
        f"base={control.base:.4g} longest={control.longest:.4g}"
    )


def _state_count(equations: PiecewiseLinear) -> int:
    """Return the number of states: internal nodes, those of second poles, charged ports."""
    k, c = map(int, equations.arrays.difference_q.shape[-2:])
    return (2 * k if equations.arrays.second else k) + c


def _output_states(circuit: Circuit, equations: PiecewiseLinear) -> NDArray[np.intp]:
    """Return the states whose settling counts: the last stage before each output that is read."""
    out = np.concatenate([bank.out for bank in circuit.schematic.amplifiers])
    behind = len(out) if equations.arrays.second else 0
    return behind + np.flatnonzero(np.isin(out, circuit.schematic.outputs))


def _output_capacitance(circuit: Circuit) -> Array:
    """Return what stands at every amplifier's output beside the network, shape (k,) [F]."""
    out = np.concatenate([bank.out for bank in circuit.schematic.amplifiers])
    nodes, farads = circuit.schematic.capacitors
    at_nodes = np.zeros(len(circuit.schematic.network) if len(nodes) else out.max() + 1)
    at_nodes[nodes] = farads
    capacitance: Array = at_nodes[out]
    return capacitance


def _along(into: Array, matrix: Array, constant: Array) -> Array:
    """Return ``matrix @ into + constant`` for every circuit and its sources, in C order."""
    values = into @ np.swapaxes(matrix, -1, -2)
    values += constant[..., None, :]
    return np.ascontiguousarray(values)


def _slopes(time: Array, values: Array, starts: NDArray[np.intp]) -> Array:
    """Return the time derivative of samples (T, p), each segment by itself."""
    slopes = np.zeros_like(values)
    for first, last in pairwise(starts):
        at, kept = np.unique(time[first:last], return_index=True)
        if len(at) > 1:
            rate = np.gradient(values[first:last][kept], at, axis=0)
            slopes[first:last] = rate[np.searchsorted(at, time[first:last])]
    return slopes
