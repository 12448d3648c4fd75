"""`to_pyspice`: a circuit as a ``PySpice.Spice.Netlist.Circuit``.

The export is for small circuits that someone wants to take apart, change and simulate with
PySpice; element objects are slow (200 ms for 64 x 64 cells), so nothing in amcspice uses it.

Sources carry their values as text: PySpice would append the unit, and ``2A`` means 2 amperes to
one version of ngspice and 2e-18 to another.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit.base import Circuit, as_vectors
from amcspice.device import OpAmp
from amcspice.errors import InputError, UnsupportedError
from amcspice.netlist.instances import Instance, amplifier_library, instances
from amcspice.netlist.testbench import PortNetwork, Testbench, Transient, make_testbench

__all__ = ["to_pyspice"]


def to_pyspice(
    circuit: Circuit,
    vector: ArrayLike,
    *,
    volts_per_unit: float = 1.0,
    model: PortNetwork | None = None,
    transient: Transient | None = None,
) -> Any:
    """Return a circuit as a PySpice ``Circuit``.

    Parameters
    ----------
    circuit : Circuit
    vector : array_like, shape (m,) or (m, K)
        Right-hand sides.
    volts_per_unit : float
        Volts for one unit of the solution (of the column-scaled one, see `Mapping`).  The default
        lets the outputs read directly; ``run.volts_per_unit`` of a simulation is the range in
        which nothing comes near a rail.
    model : PortNetwork, optional
        The network reduced to its ports, from `amcspice.reduction.reduce_to_ports`; None exports
        every cell.
    transient : Transient, optional
        Windows of the right-hand sides.  None is one right-hand side, applied at t = 0 and kept.

    Returns
    -------
    PySpice.Spice.Netlist.Circuit
        Circuit of elements R, C, I, V and X; the amplifier models are raw SPICE.

    Raises
    ------
    InputError
        If several right-hand sides are given without their windows.
    UnsupportedError
        If cells are no constant resistors, or have noise in time, or if the sub-circuit of the
        amplifier has the syntax of another simulator.

    Notes
    -----
    ``str(result)`` with ``.save``, ``.tran ... uic`` and ``.end`` appended is a deck that
    ``ngspice -b`` runs.  PySpice's own ``result.simulator(simulator="ngspice-shared")`` runs it
    too (``transient(..., use_initial_condition=True)``; libngspice 42 and 43 excepted);
    its ``ngspice-subprocess`` cannot read the output of any ngspice tried.

    Examples
    --------
    >>> import amcspice as amc
    >>> netlist = amc.to_pyspice(amc.CompactGINV([[1.0, 0.5], [0.2, 1.0]]), [1.0, 0.0])
    >>> netlist.title
    'amcspice ginv-compact 2x2'
    """
    vectors = as_vectors(vector, circuit.input_size)
    if transient is None and len(vectors) > 1:
        raise InputError(f"{len(vectors)} right-hand sides need a transient that gives the windows")
    if not (np.isfinite(volts_per_unit) and volts_per_unit > 0):
        raise InputError(f"volts_per_unit = {volts_per_unit} must be positive")
    if not circuit.device.linear or circuit.device.thermal_noise:
        raise UnsupportedError(
            "the export to PySpice has resistors only: no I-V curve of cells and no noise in time"
        )
    subcircuit = circuit.opamp.subcircuit
    if subcircuit is not None and subcircuit.compat is not None:
        raise UnsupportedError(
            f"the export to PySpice cannot say that sub-circuit {subcircuit.name} has the syntax "
            f"{subcircuit.compat}; use amcspice generate"
        )
    schematic = circuit.in_range(volts_per_unit).schematic
    testbench = make_testbench(schematic, schematic.currents(vectors, volts_per_unit), model)
    m, n = circuit.matrix.shape
    return _build(f"amcspice {circuit.name} {m}x{n}", testbench, circuit.opamp, transient)


def _build(title: str, testbench: Testbench, opamp: OpAmp, transient: Transient | None) -> Any:
    from PySpice.Spice.Netlist import Circuit as Netlist

    netlist = Netlist(title)
    netlist.raw_spice = amplifier_library(opamp) + "\n"
    netlist.V("vdd", "vdd", netlist.gnd, repr(float(opamp.supply_positive)))
    netlist.V("vss", "vss", netlist.gnd, repr(float(opamp.supply_negative)))
    a, b, conductance = testbench.network.elements
    names = testbench.network.names
    for index, (at, to, ohm) in enumerate(
        zip(a.tolist(), b.tolist(), (1 / conductance).tolist(), strict=True)
    ):
        netlist.R(index, names[at], names[to], repr(ohm))
    for node, farad in zip(*(part.tolist() for part in testbench.capacitors), strict=True):
        netlist.C(f"line_{names[node]}", names[node], netlist.gnd, repr(farad))
    for instance in instances(names, testbench.amplifiers, opamp):
        _add_instance(netlist, instance)
    driven = testbench.stimulus.is_driven
    if driven is not None and driven.any():
        raise UnsupportedError(
            "the export to PySpice has current inputs only; use fidelity reduced"
        )
    for node, values in zip(testbench.stimulus.nodes, testbench.stimulus.currents.T, strict=True):
        if values.any():
            points = _points(values.tolist(), transient, opamp)
            netlist.I(names[node], netlist.gnd, names[node], f"PWL({' '.join(map(repr, points))})")
    return netlist


def _add_instance(netlist: Any, instance: Instance) -> None:
    nodes = [netlist.gnd if node == "0" else node for node in instance.nodes]
    if instance.series:
        netlist.V(f"os_{instance.label}", f"os_{instance.label}", nodes[0], repr(instance.series))
        nodes[0] = f"os_{instance.label}"
    values = {key: repr(value) for key, value in instance.values.items()}
    netlist.X(instance.label, instance.model, *nodes, **values)


def _points(values: list[float], transient: Transient | None, opamp: OpAmp) -> list[float]:
    """Return times and values of a piecewise linear source, alternating."""
    if transient is None:
        # A thousandth of the fastest time constant an amplifier can have.
        return [0.0, 0.0, 1e-3 / (2 * np.pi * opamp.gbw), values[0]]
    points = [0.0, 0.0]
    for index, value in enumerate(values):
        start = index * transient.window
        points += [start + transient.rise, value, start + transient.window, value]
    return points
