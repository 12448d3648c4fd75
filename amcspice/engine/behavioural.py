"""The behavioural engine: a circuit's own equations instead of a deck.

The network is the reduced one and the amplifiers are those of ``models/opamp.lib``, so that it
gives what ngspice gives, without its models' smooth edges and numerical damping.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.chunks import check_chunk, chunks
from amcspice.engine.equations import Control, Samples
from amcspice.engine.piecewise import PiecewiseLinear
from amcspice.engine.supply import supply_currents
from amcspice.engine.waveforms import Stream
from amcspice.errors import UnsupportedError
from amcspice.reduction import PortModel

__all__ = ["Behavioural"]

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


def refuse_unless_known(circuit: Circuit) -> None:
    """Refuse amplifiers and cells with properties that the equations do not know.

    Raises
    ------
    UnsupportedError
        If there are such.
    """
    circuit.device.refuse_unless_linear("behavioural")
    if circuit.device.thermal_noise:
        raise UnsupportedError(
            "behavioural fidelity has no noise in time; use reduced or flat for thermal noise"
        )
    if circuit.opamp.output_current_limit is not None:
        raise UnsupportedError(
            "the behavioural fidelity has no output current limit; use reduced or flat"
        )


def load_kernel() -> Any:
    """Return the compiled code, which takes a second to load: only those who run it wait."""
    from amcspice.engine import kernel

    return kernel


def make_control(
    unity: float,
    longest: float,
    rings: bool,
    stable: bool,
    settle_tolerance: float,
    tolerance: float,
) -> Control:
    """Return accuracy and limits for one circuit; see `Behavioural`."""
    return Control(
        tolerance=tolerance,
        resolution=RINGING_RESOLUTION if rings else RESOLUTION,
        band=settle_tolerance,
        rest=REST,
        longest=longest,
        base=BASE_STEP / (load_kernel().CLAMP * unity),
        stable=float(stable),
    )


def describe(control: Control) -> str:
    """Say what chose the steps, for the provenance."""
    return (
        f"exponential Runge-Kutta resolution={control.resolution:g} "
        f"tolerance={control.tolerance:g} rest={control.rest:g} "
        f"base={control.base:.4g} longest={control.longest:.4g}"
    )


def state_count(made: PiecewiseLinear) -> int:
    """Return the number of states: internal nodes, those of second poles, charged ports."""
    k, c = map(int, made.equations.difference_q.shape[-2:])
    return (2 * k if made.equations.second else k) + c


def output_states(circuit: Circuit, made: PiecewiseLinear) -> NDArray[np.intp]:
    """Return the states whose settling counts: the last stage before each output that is read."""
    out = np.concatenate([bank.out for bank in circuit.schematic.amplifiers])
    behind = len(out) if made.equations.second else 0
    return behind + np.flatnonzero(np.isin(out, circuit.schematic.outputs))


class Behavioural:
    """Integrates the equations of one circuit.

    Parameters
    ----------
    circuit : Circuit
    model : PortModel
        Its network, reduced.
    longest : float
        Time after which a right-hand side is given up [s].
    rings : bool
        Whether its slow modes oscillate.
    stable : bool
        Whether every mode decays while nothing is at a limit.
    settle_tolerance : float
        Steps are finer around this fraction of the final value.
    tolerance : float
        Error of a step while an amplifier slews, as a fraction of the largest voltage.
    chunk : int
        Right-hand sides in one call of the compiled kernel.
    piecewise : PiecewiseLinear, optional
        The equations, where they were made before.

    Raises
    ------
    UnsupportedError
        If the amplifier has limits, or the cells properties, that the equations do not know.
    """

    def __init__(
        self,
        circuit: Circuit,
        model: PortModel,
        *,
        longest: float,
        rings: bool = False,
        stable: bool = True,
        settle_tolerance: float = 0.01,
        tolerance: float = 1e-4,
        chunk: int = CHUNK,
        piecewise: PiecewiseLinear | None = None,
    ) -> None:
        check_chunk(chunk)
        refuse_unless_known(circuit)
        self.circuit, self.model, self.chunk = circuit, model, chunk
        self.piecewise = piecewise or PiecewiseLinear.of(circuit, model)
        self._kernel = load_kernel()
        self._control = make_control(
            self.piecewise.equations.unity, longest, rings, stable, settle_tolerance, tolerance
        )
        self._pieces: Any = None
        self._outputs = output_states(circuit, self.piecewise)
        out = np.concatenate([bank.out for bank in circuit.schematic.amplifiers])
        nodes, farads = circuit.schematic.capacitors
        at_nodes = np.zeros(len(circuit.schematic.network) if len(nodes) else out.max() + 1)
        at_nodes[nodes] = farads
        self._capacitance = at_nodes[out]

    @property
    def options(self) -> str:
        """What chose the steps, for the provenance."""
        return describe(self._control)

    def run(self, currents: Array, lead: int = 0) -> Iterator[Stream]:
        """Yield streams of segments, one a right-hand side; `chunks` explains the arguments."""
        for _, block, before in chunks(currents, self.chunk, lead):
            yield self._stream(block, before, len(currents))

    def rest_times(self, currents: Array) -> Array:
        """Return when each right-hand side is at rest, inf where it never is, shape (K,) [s]."""
        samples, _ = self._integrate(currents)
        # Those at rest have samples after it.
        last = samples.starts[1:] - 1 - self._kernel.TAIL * samples.at_rest
        times: Array = np.where(samples.at_rest, samples.time[last], np.inf)
        return times

    def _integrate(self, currents: Array, expected: int = 0) -> tuple[Samples, Array]:
        made = self.piecewise
        injected = self.model.port_currents(currents)
        states = state_count(made)
        if self._pieces is None:
            most = PIECES_PER_INPUT * max(expected, len(currents))
            self._pieces = self._kernel.new_pieces(
                made.equations, states, most, bounded=self.circuit.bounded
            )
        samples: Samples = self._kernel.integrate(
            made.equations,
            self._pieces,
            injected @ made.difference.T + made.difference_0,
            injected @ made.held.T + made.held_0,
            injected @ made.charge.T + made.charge_0,
            np.zeros(states),
            self._outputs,
            self._control,
        )
        return samples, injected

    def _stream(self, currents: Array, lead: int, expected: int) -> Stream:
        samples, injected = self._integrate(currents, expected)
        made = self.piecewise
        from_inputs = injected @ made.local.T + made.bias
        begin = int(samples.starts[lead])
        starts = samples.starts[lead:] - begin
        sources, held = samples.sources[begin:], samples.held[begin:]
        voltages = sources @ made.from_sources.T - held @ made.from_held.T
        if samples.states.shape[1]:
            voltages += samples.states[begin:] @ made.from_states.T
        voltages += np.repeat(from_inputs[lead:], np.diff(starts), axis=0)
        delivered = (sources - voltages[:, made.out]) / self.circuit.opamp.output_resistance
        charged = np.flatnonzero(self._capacitance > 0)
        if charged.size:
            # Behind a small output resistance that difference is lost in the error of a step; the
            # current into network and capacitor is not.
            at = made.out[charged]
            into = voltages @ self.model.conductance[:, at]
            into -= np.repeat(injected[lead:, at], np.diff(starts), axis=0)
            rate = _slopes(samples.time[begin:], voltages[:, at], starts)
            delivered[:, charged] = into + self._capacitance[charged] * rate
        return Stream(
            time=samples.time[begin:],
            voltages=voltages,
            supply=supply_currents(self.circuit, delivered, held),
            starts=starts,
            at_rest=samples.at_rest[lead:],
        )


def _slopes(time: Array, values: Array, starts: NDArray[np.intp]) -> Array:
    """Return the time derivative of samples (T, p), each segment by itself."""
    slopes = np.zeros_like(values)
    for first, last in pairwise(starts):
        at, kept = np.unique(time[first:last], return_index=True)
        if len(at) > 1:
            rate = np.gradient(values[first:last][kept], at, axis=0)
            slopes[first:last] = rate[np.searchsorted(at, time[first:last])]
    return slopes
