"""The behavioural engine for many circuits that differ in their networks only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.behavioural import (
    PIECES_PER_INPUT,
    describe,
    load_kernel,
    make_control,
    output_states,
    refuse_unless_known,
    state_count,
)
from amcspice.engine.linear import LinearModel
from amcspice.engine.piecewise import PiecewiseLinear
from amcspice.engine.supply import supply_currents
from amcspice.engine.transient import longest_window
from amcspice.engine.waveforms import Stream
from amcspice.reduction import PortStack

__all__ = ["BehaviouralStack"]


class BehaviouralStack:
    """Integrates the equations of C circuits; each gives what `Behavioural` gives of it.

    Parameters
    ----------
    circuit : Circuit
        One of them: amplifiers and wiring are those of all, and no node has a capacitance beside
        that of the amplifiers.
    stack : PortStack
    doublings : int
        How often the window of `amcspice.engine.choose_transient` may be doubled.
    window : float, optional
        Time after which a right-hand side is given up [s]; None follows from ``doublings``.
    settle_tolerance, tolerance
        See `Behavioural`.

    Attributes
    ----------
    rests : ndarray of bool, shape (C,)
        False: the circuit is unstable and nothing holds it; it is not integrated.
    """

    def __init__(
        self,
        circuit: Circuit,
        stack: PortStack,
        *,
        doublings: int,
        window: float | None,
        settle_tolerance: float,
        tolerance: float,
    ) -> None:
        refuse_unless_known(circuit)
        self.circuit, self.stack = circuit, stack
        self.piecewise = PiecewiseLinear.of(circuit, stack)
        modes = LinearModel.of_equations(self.piecewise).modes
        opamp = circuit.opamp
        swing = opamp.highest_output - opamp.lowest_output
        longest = 2**doublings * longest_window(circuit, modes, swing)
        self.rests = np.isfinite(longest)
        if window is not None:
            longest = np.full(len(longest), window)
        unity, rings = self.piecewise.equations.unity, modes.oscillation > 0
        self._controls = [
            make_control(unity, end, ring, stable, settle_tolerance, tolerance)
            for end, ring, stable in zip(
                np.where(self.rests, longest, 0.0), rings, modes.stable, strict=True
            )
        ]

    @property
    def options(self) -> list[str]:
        """What chose the steps, of every circuit."""
        return [describe(control) for control in self._controls]

    def run(self) -> Stream:
        """Return the segments of all circuits in order; K of each."""
        made, kernel = self.piecewise, load_kernel()
        count, each, _ = self.stack.into.shape
        states = state_count(made)
        into = self.stack.into
        samples = kernel.integrate_each(
            made.equations,
            kernel.new_pieces(
                made.equations, states, PIECES_PER_INPUT * each, bounded=self.circuit.bounded
            ),
            _along(into, made.difference, made.difference_0),
            _along(into, made.held, made.held_0),
            _along(into, made.charge, made.charge_0),
            np.zeros(states),
            output_states(self.circuit, made),
            self._controls,
        )
        starts: NDArray[np.intp] = samples.starts
        from_inputs = _along(into, made.local, made.bias).reshape(count * each, -1)
        voltages = np.repeat(from_inputs, np.diff(starts), axis=0)
        for one, (first, last) in enumerate(zip(starts[:-1:each], starts[each::each], strict=True)):
            own = voltages[first:last]
            own += samples.sources[first:last] @ made.from_sources[one].T
            own -= samples.held[first:last] @ made.from_held[one].T
            if samples.states.shape[1]:
                own += samples.states[first:last] @ made.from_states[one].T
        delivered = (samples.sources - voltages[:, made.out]) / self.circuit.opamp.output_resistance
        return Stream(
            time=samples.time,
            voltages=voltages,
            supply=supply_currents(self.circuit, delivered, samples.held),
            starts=starts,
            at_rest=samples.at_rest,
        )


def _along(into: Array, matrix: Array, constant: Array) -> Array:
    """Return ``matrix @ into + constant`` for every circuit and its sources, in C order."""
    found = into @ np.swapaxes(matrix, -1, -2)
    found += constant[..., None, :]
    return np.ascontiguousarray(found)
