"""A circuit as equations for compiled code: amplifiers on the reduced network.

The amplifiers are those of ``models/opamp.lib``: an input stage that is linear up to the slew
rate, an internal node that the output range limits, an output resistance, and for held outputs
a rectifier with a one-way device.  With the voltages ``a`` behind the output resistances and the
currents ``w`` of the hold devices given, the rest is the linear network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.device import OpAmp
from amcspice.engine.batch import Batch
from amcspice.engine.equations.arrays import Equations
from amcspice.engine.equations.pins import Pins, output_ranges
from amcspice.errors import UnsupportedError
from amcspice.netlist.subcircuit import check_banks
from amcspice.reduction import PortModel

__all__ = ["PiecewiseLinear", "refuse_unknown_physics"]

AT_ONCE = 1e-6
"""Time constant of a charged port over that of an amplifier by itself, below which it is no state:
it follows within that fraction of every other time, and rates so far apart cannot be told in
double precision."""


def refuse_unknown_physics(circuit: Circuit, fidelity: str) -> None:
    """Refuse amplifiers and cells with properties that the equations do not know.

    Parameters
    ----------
    circuit : Circuit
    fidelity : str
        Name in the message.

    Raises
    ------
    UnsupportedError
        If there are such.
    """
    check_banks(circuit.schematic.amplifiers, circuit.opamp)
    circuit.device.refuse_fluctuations(fidelity)
    if circuit.device.curve is not None and circuit.rail_limited:
        raise UnsupportedError(
            f"cells with {circuit.device.curve.words} in a circuit that grows to its rails: "
            f"{fidelity} fidelity knows no rest of them; use flat fidelity"
        )
    if circuit.device.thermal_noise:
        raise UnsupportedError(
            f"{fidelity} fidelity has no noise in time; use reduced or flat for thermal noise"
        )
    if circuit.opamp.output_current_limit is not None:
        raise UnsupportedError(
            f"the {fidelity} fidelity has no output current limit; use reduced or flat"
        )


@dataclass(frozen=True, eq=False)
class PiecewiseLinear:
    """A circuit's equations and what turns their states into port voltages; P ports.

    Of many circuits that differ in their networks only, every array that follows from the network
    has one more axis, the first.  Port voltages are
    ``from_sources @ a - from_held @ w + from_states @ q + local @ J + bias``.

    Parameters
    ----------
    arrays : Equations
    from_sources, from_held : ndarray, shape (P, k)
    from_states : ndarray, shape (P, c)
    local : ndarray, shape (P, P)
        [ohm].
    bias : ndarray, shape (P,)
        Port voltages from bias currents [V].
    charging : ndarray, shape (k, 2 k + c)
        Current out of the outputs into capacitors that follow at once, for one volt (ampere) a
        second of the sources, hold currents and states [F].
    difference, held, charge : ndarray, shapes (k, P), (k, P), (c, P)
        Input differences, held nodes and rates of the states for one ampere into a port.
    difference_0, held_0, charge_0 : ndarray
        The same without any current: offsets and bias currents.
    out : ndarray of int, shape (k,)
        Ports of the outputs.
    """

    arrays: Equations
    from_sources: Array
    from_held: Array
    from_states: Array
    local: Array
    bias: Array
    charging: Array
    difference: Array
    held: Array
    charge: Array
    difference_0: Array
    held_0: Array
    charge_0: Array
    out: NDArray[np.intp]

    @classmethod
    def of(
        cls, circuit: Circuit, model: PortModel | Batch, opamp: OpAmp | None = None
    ) -> PiecewiseLinear:
        """Return the equations of a circuit whose network has been reduced.

        They know no limit of the output current.

        Parameters
        ----------
        circuit : Circuit
            One of them, where the model is that of many.
        model : PortModel or Batch
            A batch of one circuit gives what its model gives, without an axis for circuits.
        opamp : OpAmp, optional
            Another amplifier in the place of the circuit's own.
        """
        if isinstance(model, Batch) and len(model) == 1:
            model = model.models[0]
        opamp, banks = opamp or circuit.opamp, circuit.schematic.amplifiers
        ports, rout = len(model.nodes), opamp.output_resistance
        pins = Pins.of(circuit, model, opamp)
        loaded = pins.loaded
        capacitance = opamp.input_capacitance * pins.inputs
        nodes, farads = circuit.schematic.capacitors
        np.add.at(capacitance, np.searchsorted(model.nodes, nodes), farads)
        unity = 2 * np.pi * opamp.gbw
        states = (capacitance > 0) & ~_at_once(loaded, capacitance, unity)
        kept, free = np.flatnonzero(states), np.flatnonzero(~states)
        # Without states a port follows at once: free ports are eliminated, states are given.
        if kept.size:
            inside = (..., free[:, None], free)
            resistance = np.zeros_like(loaded)
            resistance[inside] = np.linalg.inv(loaded[inside])
        else:
            resistance = pins.resistance
        from_states = -resistance @ loaded[..., kept]
        from_states[..., kept, :] += np.eye(len(kept))
        # Current into the states' ports for one ampere into each port.
        into = np.eye(ports)[kept] - loaded[..., kept, :] @ resistance
        rate = into / capacitance[kept][:, None]
        hold = np.concatenate([np.full(len(b.out), _series(b.hold, rout)) for b in banks])
        held_pins = np.where(hold > 0, pins.minus, -1)  # nothing is held of other amplifiers
        bias = -opamp.bias_current * pins.inputs
        lowest, highest = output_ranges(circuit, opamp)
        difference, held = pins.across(resistance), pins.at(held_pins, resistance)

        def split_by_unknown(rows: Array, by_state: Array) -> tuple[Array, Array, Array]:
            """Return the parts by sources, hold currents and states, in C order for the kernel."""
            parts = pins.into(pins.out, rows) / rout, -pins.into(held_pins, rows), by_state
            by_source, by_hold, by_states = map(np.ascontiguousarray, parts)
            return by_source, by_hold, by_states

        difference_parts = split_by_unknown(difference, pins.across(from_states))
        held_parts = split_by_unknown(held, pins.at(held_pins, from_states))
        charge_parts = split_by_unknown(
            rate, -(loaded[..., kept, :] @ from_states) / capacitance[kept, None]
        )
        # What stands at free ports is charged as fast as these move; the outputs deliver it.
        charged = np.where(states, 0.0, capacitance)
        moves = resistance[..., pins.out, :] * charged / rout
        moved = moves @ resistance if charged.any() else moves
        charging = np.concatenate(split_by_unknown(moved, moves @ from_states), axis=-1)
        arrays = Equations(
            difference_a=difference_parts[0],
            difference_w=difference_parts[1],
            difference_q=difference_parts[2],
            held_a=held_parts[0],
            held_w=held_parts[1],
            held_q=held_parts[2],
            charge_a=charge_parts[0],
            charge_w=charge_parts[1],
            charge_q=charge_parts[2],
            hold=hold,
            lowest=lowest,
            highest=highest,
            unity=unity,
            leak=unity / opamp.gains(len(hold)),
            slew=np.inf if opamp.slew_rate is None else opamp.slew_rate,
            second=2 * np.pi * (opamp.second_pole or 0.0),
            rout=rout,
        )
        return cls(
            arrays=arrays,
            from_sources=pins.into(pins.out, resistance) / rout,
            from_held=pins.into(held_pins, resistance),
            from_states=from_states,
            local=resistance,
            bias=resistance @ bias,
            charging=charging,
            difference=difference,
            held=held,
            charge=rate,
            difference_0=difference @ bias + opamp.offsets(len(hold)),
            held_0=held @ bias,
            charge_0=rate @ bias,
            out=pins.out,
        )

    @property
    def state_count(self) -> int:
        """Number of states: internal nodes, those of second poles, charged ports."""
        k, c = map(int, self.arrays.difference_q.shape[-2:])
        return (2 * k if self.arrays.second else k) + c

    def of_circuit(self, number: int) -> PiecewiseLinear:
        """Return those of one circuit of many, or of the only one."""
        if self.bias.ndim == 1:
            return self
        fields = {name: getattr(self, name)[number] for name in _BY_NETWORK}
        return replace(self, arrays=self.arrays.of_circuit(number), **fields)


_BY_NETWORK = (
    "from_sources", "from_held", "from_states", "local", "bias", "charging", "difference", "held",
    "charge", "difference_0", "held_0", "charge_0",
)  # fmt: skip
"""Fields of `PiecewiseLinear` that follow from a circuit's network."""


def _at_once(loaded: Array, capacitance: Array, unity: float) -> NDArray[np.bool_]:
    """Tell which charged ports follow at once, shape (P,), in every circuit.

    What is charged together is as slow as what charges it: only the conductance beside that to
    other charged ports counts, which bounds all rates from below (S. Gershgorin).

    Parameters
    ----------
    loaded : ndarray, shape (P, P), or (C, P, P) of many networks
        Conductance matrix of the ports [S].
    capacitance : ndarray, shape (P,)
        [F].
    unity : float
        Of an amplifier by itself [1/s].
    """
    size = np.abs(loaded)
    beside = 2 * np.diagonal(size, axis1=-2, axis2=-1) - size[..., capacitance > 0].sum(axis=-1)
    fast = capacitance * unity < AT_ONCE * beside
    return np.asarray(fast.reshape(-1, len(capacitance)).all(axis=0))


def _series(hold: float | None, rout: float) -> float:
    """Hold device in series with the output resistance that it sinks into [S]."""
    return 0.0 if hold is None else 1 / (1 / hold + rout)
