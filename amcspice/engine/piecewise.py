"""A circuit as equations for `amcspice.engine.kernel`: amplifiers on the reduced network.

The amplifiers are those of ``models/opamp.lib``: an input stage that is linear up to the slew
rate, an internal node that the output range limits, an output resistance, and for held outputs
a rectifier with a one-way device.  With the voltages ``a`` behind the output resistances and the
currents ``w`` of the hold devices given, the rest is the linear network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.equations import Equations
from amcspice.engine.pins import Pins
from amcspice.reduction import PortModel, PortStack

__all__ = ["PiecewiseLinear"]


@dataclass(frozen=True, eq=False)
class PiecewiseLinear:
    """A circuit's equations and what turns their states into port voltages; P ports.

    Of many circuits that differ in their networks only, every array that follows from the network
    has one more axis, the first.  Port voltages are
    ``from_sources @ a - from_held @ w + from_states @ q + local @ J + bias``.

    Parameters
    ----------
    equations : Equations
    from_sources, from_held : ndarray, shape (P, k)
    from_states : ndarray, shape (P, c)
    local : ndarray, shape (P, P)
        [ohm].
    bias : ndarray, shape (P,)
        From bias currents [V].
    difference, held, charge : ndarray, shapes (k, P), (k, P), (c, P)
        Input differences, held nodes and rates of the states for one ampere into a port.
    difference_0, held_0, charge_0 : ndarray
        The same without any current: offsets and bias currents.
    out : ndarray of int, shape (k,)
        Ports of the outputs.
    """

    equations: Equations
    from_sources: Array
    from_held: Array
    from_states: Array
    local: Array
    bias: Array
    difference: Array
    held: Array
    charge: Array
    difference_0: Array
    held_0: Array
    charge_0: Array
    out: NDArray[np.intp]

    @classmethod
    def of(cls, circuit: Circuit, model: PortModel | PortStack) -> PiecewiseLinear:
        """Return the equations of a circuit whose network has been reduced.

        They know no limit of the output current.

        Parameters
        ----------
        circuit : Circuit
            One of them, where the model is that of many.
        model : PortModel or PortStack
        """
        opamp, banks = circuit.opamp, circuit.schematic.amplifiers
        ports, rout = len(model.nodes), opamp.output_resistance
        pins = Pins.of(circuit, model)
        loaded, difference = pins.loaded, pins.difference
        capacitance = opamp.input_capacitance * pins.inputs
        nodes, farads = circuit.schematic.capacitors
        np.add.at(capacitance, np.searchsorted(model.nodes, nodes), farads)
        kept, free = np.flatnonzero(capacitance > 0), np.flatnonzero(capacitance == 0)
        # Without states a port follows at once: free ports are eliminated, states are given.
        inside = (..., free[:, None], free)
        resistance = np.zeros_like(loaded)
        resistance[inside] = np.linalg.inv(loaded[inside])
        from_states = -resistance @ loaded[..., kept]
        from_states[..., kept, :] += np.eye(len(kept))
        # Current into the states' ports for one ampere into each port.
        into = np.eye(ports)[kept] - loaded[..., kept, :] @ resistance
        rate = into / capacitance[kept][:, None]
        hold = np.concatenate([np.full(len(b.out), _series(b.hold, rout)) for b in banks])
        held = pins.minus * (hold > 0)[:, None]
        source, bias = pins.out.T / rout, -opamp.bias_current * pins.inputs
        grounded = np.repeat([b.floor_at_ground for b in banks], [len(b.out) for b in banks])
        unity = 2 * np.pi * opamp.gbw

        def apart(rows: Array) -> tuple[Array, Array, Array]:
            """Return the parts by sources, hold currents and states, in C order for the kernel."""
            parts = rows @ resistance @ source, -rows @ resistance @ held.T, rows @ from_states
            by_source, by_hold, by_state = map(np.ascontiguousarray, parts)
            return by_source, by_hold, by_state

        difference_parts, held_parts = apart(difference), apart(held)
        equations = Equations(
            difference_a=difference_parts[0],
            difference_w=difference_parts[1],
            difference_q=difference_parts[2],
            held_a=held_parts[0],
            held_w=held_parts[1],
            held_q=held_parts[2],
            charge_a=np.ascontiguousarray(rate @ source),
            charge_w=np.ascontiguousarray(-rate @ held.T),
            charge_q=np.ascontiguousarray(
                -(loaded[..., kept, :] @ from_states) / capacitance[kept, None]
            ),
            hold=hold,
            lowest=np.where(grounded, 0.0, opamp.supply_negative) + opamp.headroom_negative,
            highest=np.full(len(hold), opamp.highest_output),
            unity=unity,
            leak=unity / opamp.gains(len(hold)),
            slew=np.inf if opamp.slew_rate is None else opamp.slew_rate,
            second=2 * np.pi * (opamp.second_pole or 0.0),
            rout=rout,
        )
        return cls(
            equations=equations,
            from_sources=resistance @ source,
            from_held=resistance @ held.T,
            from_states=from_states,
            local=resistance,
            bias=resistance @ bias,
            difference=difference @ resistance,
            held=held @ resistance,
            charge=rate,
            difference_0=difference @ resistance @ bias + opamp.offsets(len(hold)),
            held_0=held @ resistance @ bias,
            charge_0=rate @ bias,
            out=np.concatenate([np.searchsorted(model.nodes, b.out) for b in banks]),
        )


def _series(hold: float | None, rout: float) -> float:
    """Hold device in series with the output resistance that it sinks into [S]."""
    return 0.0 if hold is None else 1 / (1 / hold + rout)
