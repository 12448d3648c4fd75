"""A reconfigurable macro: one pair of arrays and one bank of amplifiers for four circuits.

Arrays 1 and 2 both hold the matrix (m x n).  The bank has m amplifiers R, whose inverting inputs
are the word lines of array 1 for good, and n amplifiers X.  Everything else is switched:

======================  ==========  ==========  ==============  ==============
line or branch          mvm         inv         ginv            eigen
======================  ==========  ==========  ==============  ==============
array 1, bit line j to  input j     output R_j  output X_j      output X_j
feedback of R_i         g_f         none        g_f             g_lambda
array 2, word line i    ground      ground      output R_i      ground
array 2, bit line j     ground      ground      input + of X_j  ground
input + of X_j          (off)       (off)       bit line 2      ground
input - of X_j          (off)       (off)       ground          inverter
inverter of X_j: two    open        open        open            closed
resistors, from R_j
and from X_j
======================  ==========  ==========  ==============  ==============

Every entry that changes along its row is a switch of its own, closed where it is named and open
in the other modes: three at a bit line of array 1, two feedback branches, two at a word line of
array 2, two at its bit lines, and at X_j one from the input + to ground, one from the input - to
ground, two in the inverter.  A closed one has the on-resistance in series, an open one leaks
through the off-resistance; where both ends of an open switch are at ground it is left out.
Switches between R_j and column j exist up to the smaller number of rows and columns.

Where the amplifiers X are not used they are powered down, with inputs and outputs clamped to
ground: they draw nothing, and switches that end there leak into ground.  So do those to array 2,
whose lines are at ground then; what passes through it is of second order in on/off resistance.
Input drivers that are not used stand at 0 V; current inputs of the word lines are high-ohmic.

Least squares take the classic circuit: the compact one saves the m amplifiers R, but products and
eigenvectors need them all the same.  The matrix must be non-negative.  What would need other cells
in the arrays is refused: ridge, selected rows, scaled columns.
"""

from __future__ import annotations

import collections.abc
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit.base import Amplifiers, Array, Circuit, Schematic
from amcspice.circuit.parts.effective import DrivenColumns
from amcspice.circuit.parts.macro_wiring import MacroWiring, first_array
from amcspice.circuit.parts.switches import Switches
from amcspice.circuit.topologies.eigen import Eigen
from amcspice.circuit.topologies.ginv_classic import ClassicGINV
from amcspice.circuit.topologies.inverse import INV
from amcspice.circuit.topologies.mvm import MVM
from amcspice.device import ADC, DAC, Cell, Hardware, Mapping, OpAmp, Wire, split_hardware
from amcspice.errors import InputError, UnsupportedError

__all__ = ["Macro", "MacroEigen", "MacroGINV", "MacroINV", "MacroMVM"]


class Macro:
    """One pair of arrays and one bank of amplifiers, switched between circuits.

    Parameters
    ----------
    matrix : array_like, shape (m, n)
        Non-negative; square for ``inv`` and ``eigen``.
    device : Cell, optional
        Cells of both arrays.
    wire : Wire, optional
        Lines of both arrays.
    opamp : OpAmp, optional
        Every amplifier.
    dac, adc : DAC, ADC, optional
        Converters of inputs and outputs.
    hardware : Hardware, optional
        All of these, in their place.
    switch_on, switch_off : float, optional
        See `Switches` [ohm].
    cycle : int
        Number of the programming cycle: the same cells in every mode.

    Raises
    ------
    InputError
        If the matrix or a value cannot be used.
    UnsupportedError
        If the matrix has negative entries.

    Examples
    --------
    >>> import amcspice as amc
    >>> macro = amc.Macro([[1.0, 0.2], [0.3, 0.8]], switch_on=50.0, switch_off=1e9)
    >>> [amc.simulate(macro.circuit(mode), [0.5, 0.4]).x.round(2) for mode in ("mvm", "inv")]
    [array([0.58, 0.47]), array([0.44, 0.34])]
    """

    def __init__(
        self,
        matrix: ArrayLike,
        *,
        device: Cell | None = None,
        wire: Wire | None = None,
        opamp: OpAmp | None = None,
        dac: DAC | None = None,
        adc: ADC | None = None,
        hardware: Hardware | None = None,
        switch_on: float | None = 100.0,
        switch_off: float | None = 1e9,
        cycle: int = 0,
    ) -> None:
        given = {"device": device, "wire": wire, "opamp": opamp, "dac": dac, "adc": adc}
        parts = {name: part for name, part in given.items() if part is not None}
        if hardware is not None:
            parts, _ = split_hardware({"hardware": hardware, **parts})
        self.parameters: collections.abc.Mapping[str, Any] = {
            **parts,
            "switches": Switches(on=switch_on, off=switch_off),
            "cycle": cycle,
        }
        self.matrix: Array = MacroMVM(matrix, **self.parameters).matrix

    def circuit(self, mode: str, **options: Any) -> Circuit:
        """Return the circuit that the macro is switched to.

        Parameters
        ----------
        mode : {"mvm", "inv", "ginv", "eigen"}
        **options
            Parameters of that circuit, such as ``constraint`` or ``detuning``.

        Raises
        ------
        InputError
            If there is no such mode.
        UnsupportedError
            If the mode does not support what is asked for.
        """
        if mode not in MODES:
            raise InputError(f"macro has no mode {mode!r}; choose from {', '.join(MODES)}")
        return MODES[mode](self.matrix, **self.parameters, **options)


@dataclass(frozen=True, eq=False)
class MacroMVM(MVM):
    """The macro as `MVM`; ``switches`` are described in `amcspice.circuit.topologies.macro`."""

    name: ClassVar[str] = "macro-mvm"
    signed: ClassVar[bool] = False

    switches: Switches = field(default_factory=Switches, kw_only=True)

    def _array(self, mapping: Mapping) -> DrivenColumns:
        return first_array(self, self.switches)

    def _wire_up(self) -> Schematic:
        wiring = MacroWiring(self, self.switches, "y")
        m, n = self.matrix.shape
        inputs, feedback = wiring.network.nodes("u", n), self.feedback * self.device.g_max
        bits = self.switches.closed(wiring.network, "t", inputs)
        wiring.leak(bits, from_r=True, others=1)
        wiring.feed_back(feedback, branches=1)
        wiring.leave_x()
        return Schematic(
            peripheral=wiring.network,
            crossbars=(wiring.first(bits),),
            amplifiers=(wiring.bank("y"),),
            inputs=inputs,
            input_gain=np.full(n, -self._input_volts),
            outputs=wiring.r,
            cells=m * n,
            driven=True,
        )


@dataclass(frozen=True, eq=False)
class MacroINV(INV):
    """The macro as `INV`; ``switches`` are described in `amcspice.circuit.topologies.macro`."""

    name: ClassVar[str] = "macro-inv"

    switches: Switches = field(default_factory=Switches, kw_only=True)

    def _array(self, mapping: Mapping) -> DrivenColumns:
        return first_array(self, self.switches)

    def __post_init__(self) -> None:
        """Refuse what the other modes have no use for."""
        super().__post_init__()
        if self.diagonal != "programmed":
            raise UnsupportedError(
                "the arrays of the macro hold the whole matrix, for every mode: diagonal = 'fixed' "
                "needs inv, inv-compensated or inv-inverters"
            )

    def _wire_up(self) -> Schematic:
        wiring = MacroWiring(self, self.switches, "x")
        bits = self.switches.closed(wiring.network, "t", wiring.r)
        wiring.leak(bits, from_r=False, others=2)
        wiring.feed_back(None, branches=2)
        wiring.leave_x()
        return Schematic(
            peripheral=wiring.network,
            crossbars=(wiring.first(bits),),
            amplifiers=(wiring.bank("x"),),
            inputs=wiring.summing,
            input_gain=np.full(len(wiring.r), -self.mapping.scale),
            outputs=wiring.r,
            cells=self.matrix.size,
            source_conductance=np.full(len(wiring.r), self._source),
        )


@dataclass(frozen=True, eq=False)
class MacroGINV(ClassicGINV):
    """The macro as `ClassicGINV`; ``switches`` are described in this module."""

    name: ClassVar[str] = "macro-ginv"
    signed: ClassVar[bool] = False

    switches: Switches = field(default_factory=Switches, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse what the arrays have no place for."""
        super().__post_init__()
        if self.ridge or not self.rows.all() or self.scaling != "matrix":
            raise UnsupportedError(
                "the arrays of the macro hold the matrix as it is, for every mode: no ridge, no "
                "selected rows, no scaled columns; use ginv-classic or ginv-compact"
            )

    @property
    def _switch(self) -> float:
        return self.switches.on or 0.0

    def _wire_up(self) -> Schematic:
        switches, device = self.switches, self.device
        wiring = MacroWiring(self, switches, "r")
        network, n = wiring.network, self.matrix.shape[1]
        x, plus = network.nodes("x", n), network.nodes("c", n)
        bits = switches.closed(network, "t", x)
        wiring.leak(bits, from_r=True, others=1)
        wiring.feed_back(self.feedback * device.g_max, branches=1)
        words, sense = switches.closed(network, "h", wiring.r), switches.closed(network, "k", plus)
        minus = switches.grounded(network, "d", n)
        switches.opened(network, words)
        switches.opened(network, sense)
        switches.opened(network, plus)
        switches.opened(network, minus, x)  # the inverter's two branches
        wiring.opened_from_r(minus)
        second = wiring.crossbar(
            "a2",
            device.program(self._second.target, 1, self.cycle),
            words,
            sense,
            self.wire.driver,
            self.wire.termination,
        )
        return Schematic(
            peripheral=network,
            crossbars=(wiring.first(bits, "a1"), second),
            amplifiers=(
                wiring.bank("r"),
                Amplifiers(
                    "x", plus=plus, minus=minus, out=x, floor_at_ground=self.floor_at_ground
                ),
            ),
            inputs=wiring.summing,
            input_gain=np.full(len(wiring.r), -self.mapping.scale),
            outputs=x,
            bias=sense if self.lasso else sense[:0],
            bias_gain=self._bias_gain() if self.lasso else np.empty(0),
            cells=2 * self.matrix.size,
        )


@dataclass(frozen=True, eq=False)
class MacroEigen(Eigen):
    """The macro as `Eigen`; ``switches`` are described in `amcspice.circuit.topologies.macro`."""

    name: ClassVar[str] = "macro-eigen"
    signed: ClassVar[bool] = False

    switches: Switches = field(default_factory=Switches, kw_only=True)

    def _array(self, mapping: Mapping) -> DrivenColumns:
        return first_array(self, self.switches)

    def _wire_up(self) -> Schematic:
        switches, g_max = self.switches, self.device.g_max
        feedback = (1 - self.detuning) * self.set_by * self.mapping.scale
        wiring = MacroWiring(self, switches, "r")
        network, n = wiring.network, len(self.matrix)
        x, minus = network.nodes("x", n), network.nodes("m", n)
        bits = switches.closed(network, "t", x)
        wiring.leak(bits, from_r=True, others=1)
        wiring.feed_back(self.inverter_gain * feedback, branches=1)
        switches.opened(network, wiring.r)  # to array 2
        network.connect(minus, wiring.r, switches.in_series(g_max))
        network.connect(minus, x, switches.in_series(g_max / self.inverter_gain))
        switches.opened(network, minus)
        plus = switches.grounded(network, "c", n)
        switches.opened(network, plus)
        return Schematic(
            peripheral=network,
            crossbars=(wiring.first(bits),),
            amplifiers=(wiring.bank("r"), Amplifiers("x", plus=plus, minus=minus, out=x)),
            inputs=wiring.summing,
            input_gain=np.full(n, self.kick * self.mapping.scale),
            outputs=wiring.r,
            cells=self.matrix.size,
        )


MODES: dict[str, type[Circuit]] = {
    "mvm": MacroMVM,
    "inv": MacroINV,
    "ginv": MacroGINV,
    "eigen": MacroEigen,
}
