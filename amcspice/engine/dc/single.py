"""Rests of many circuits with one right-hand side each; the code is in ``single.cpp``.

It is the search of `amcspice.engine.dc.active_set` on the equations of
`amcspice.engine.dc.static`, which compiled code makes circuit by circuit: of hundred thousands of
networks that differ, the equations take longer than the search.  The ports are outputs and
inverting inputs, as between arrays with ideal wires.  Where the search begins is given: with the
pieces that the rest will have, one small system is all that is solved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Array
from amcspice.engine.backend import Forecast, Origin
from amcspice.engine.batch import Batch, Drive
from amcspice.engine.dc.active_set import NUMBERS, Stages
from amcspice.engine.dc.codes import CONDUCTS, INSIDE, START
from amcspice.engine.dc.rest import ORIGIN
from amcspice.engine.dc.solver import RestSolver
from amcspice.engine.equations.piecewise import refuse_unknown_physics
from amcspice.engine.equations.pins import output_ranges
from amcspice.engine.supply import supply_currents
from amcspice.errors import UnsupportedError
from amcspice.native import compiled

__all__ = ["SingleRest", "SingleRests"]


@dataclass(frozen=True, eq=False)
class SingleRest:
    """Rests of C circuits; a `Response` with one sample each.

    Parameters
    ----------
    voltages : ndarray, shape (C, P)
        Of the ports [V].
    supply : ndarray, shape (C, 2)
        Currents out of both supplies [A].
    at_rest : ndarray of bool, shape (C,)
        Whether there is a rest that the search found, of a circuit that is sure to be stable; of
        others nothing is known.
    """

    voltages: Array
    supply: Array
    at_rest: NDArray[np.bool_]

    timeless: ClassVar[bool] = True
    exact: ClassVar[None] = None
    rate_error: ClassVar[float] = 0.0

    @property
    def time(self) -> Array:
        """Zeros: there is no time, shape (C,)."""
        return np.zeros(len(self.at_rest))

    @property
    def starts(self) -> NDArray[np.intp]:
        """Each right-hand side has one sample, shape (C + 1,)."""
        return np.arange(len(self.at_rest) + 1)


class SingleRests:
    """Finds the rests of a batch of circuits with one right-hand side each.

    Parameters
    ----------
    batch : Batch
        Of C circuits whose only ports are outputs and, after them in the same order, inverting
        inputs with hold devices.
    positive : ndarray of bool, shape (C, k)
        Outputs that are expected above zero, where the search begins; changes no rest.

    Raises
    ------
    UnsupportedError
        If amplifiers or ports are others.
    """

    def __init__(self, batch: Batch, positive: NDArray[np.bool_]) -> None:
        circuit = batch.circuit
        refuse_unknown_physics(circuit, "dc")
        banks = circuit.schematic.amplifiers
        bank, opamp = banks[0], circuit.opamp
        ports = np.concatenate([bank.out, bank.minus])
        if len(banks) > 1 or bank.hold is None or not np.array_equal(batch.nodes, ports):
            raise UnsupportedError(
                "single rests are known of one bank of amplifiers with hold devices, whose pins "
                "are the only ports"
            )
        self.batch, self._positive, k = batch, positive, len(bank.out)
        lowest, highest = output_ranges(circuit, opamp)
        knee = np.inf
        if opamp.slew_rate is not None:
            knee = opamp.slew_rate / (2 * np.pi * opamp.gbw)
        rin = opamp.input_resistance
        self._input = 0.0 if rin is None else 1 / rin
        self._stages = Stages(
            gain=opamp.gains(k),
            offset=opamp.offsets(k),
            hold=np.full(k, 1 / (1 / bank.hold + opamp.output_resistance)),
            lowest=lowest,
            highest=highest,
            rout=opamp.output_resistance,
            knee=knee,
        )
        self._bias = np.repeat([0.0, opamp.bias_current], k)
        self._stable = np.ones(len(batch), bool)
        if opamp.second_pole or opamp.input_capacitance:  # with one pole each, nothing can ring
            self._stable = RestSolver(circuit, batch).stable

    def origin(self, drive: Drive, forecast: Forecast | None = None) -> list[Origin]:
        """See `Prepared.origin`."""
        return [ORIGIN] * len(self.batch)

    def forecast(self, drive: Drive, lead: int = 0) -> Iterator[Forecast]:
        """Yield nothing; see `Prepared.forecast`."""
        return iter(())

    def run(
        self,
        drive: Drive,
        lead: int = 0,
        forecast: Forecast | None = None,
        *,
        waveforms: bool = True,
    ) -> Iterator[SingleRest]:
        """Yield the rests of all circuits at once."""
        circuit, positive = self.batch.circuit, self._positive
        codes = np.where(positive, START, np.uint8(INSIDE + CONDUCTS)).astype(np.uint8)
        sources, held = np.empty(positive.shape), np.empty(positive.shape)
        into = drive.into[:, 0] - self._bias
        voltages, at_rest = np.empty(into.shape), np.empty(len(into), bool)
        compiled.find_single_rests(
            self.batch.conductance, into, *self._stages, self._input, NUMBERS, codes, sources,
            held, voltages, at_rest,
        )  # fmt: skip
        at_rest &= self._stable
        for found in (sources, held, voltages):
            found[~at_rest] = np.nan
        delivered = (sources - voltages[:, : positive.shape[1]]) / circuit.opamp.output_resistance
        yield SingleRest(voltages, supply_currents(circuit, delivered, held), at_rest)
