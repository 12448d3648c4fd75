"""`simulate_each`: many circuits of one kind with one right-hand side each.

It gives what `simulate` gives for each of them.  In the behavioural fidelity, where a circuit
takes less than measuring it, all of a size are measured together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine import Stream
from amcspice.measure import relative_error
from amcspice.solver.attempt import Simulation
from amcspice.solver.found import Found, measure
from amcspice.solver.reference import reference
from amcspice.solver.result import Analysis, Run
from amcspice.solver.run import simulate

__all__ = ["simulate_each"]


def simulate_each(
    circuits: Sequence[Circuit],
    vectors: Sequence[Array],
    analysis: Analysis,
    report: Callable[[int], None] | None = None,
) -> list[Run]:
    """Simulate circuits of one topology, each with one right-hand side.

    Parameters
    ----------
    circuits : sequence of Circuit
        With equal devices, wires and amplifiers; matrices and selected lines may differ.
    vectors : sequence of ndarray
        A right-hand side for each, of its input size.
    analysis : Analysis
    report : callable, optional
        Called with the number finished since the last call.

    Returns
    -------
    list of Run
        Without waveforms.
    """
    pairs = list(zip(circuits, vectors, strict=True))

    def one_more(item: Any) -> Any:
        if report is not None:
            report(1)
        return item

    if analysis.fidelity != "behavioural" or analysis.converts:
        return [
            one_more(simulate(one, b, analysis=analysis, keep_waveforms=False)) for one, b in pairs
        ]
    prepared = [one_more(_Prepared.of(one, b, analysis)) for one, b in pairs]
    runs: list[Run | None] = [None] * len(pairs)
    for members in _of_one_size(prepared):
        found = _measured([prepared[index] for index in members], analysis)
        for row, index in enumerate(members):
            if not found.near_limit[row]:
                runs[index] = prepared[index].run(found, row)
    # Those that come near a limit start again in smaller ranges.
    return [
        simulate(*pair, analysis=analysis, keep_waveforms=False) if run is None else run
        for pair, run in zip(pairs, runs, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A circuit with its waveforms, not measured yet."""

    simulation: Simulation
    answer: Array
    vectors: Array
    volts_per_unit: float
    currents: Array
    stream: Stream
    started: float

    @classmethod
    def of(cls, circuit: Circuit, b: Array, analysis: Analysis) -> _Prepared:
        started = time.perf_counter()
        vectors = circuit.vectors(b)
        answer = reference(circuit, vectors)
        simulation = Simulation(circuit, analysis)
        volts = circuit.volts_per_unit(vectors, answer, analysis.full_scale)
        currents = circuit.schematic.currents(vectors, volts)
        (stream,) = simulation.engine.run(currents)
        return cls(simulation, answer, vectors, volts, currents, stream, started)

    def run(self, found: Found, row: int) -> Run:
        """Return one row of what was measured."""
        circuit, here = self.simulation.circuit, slice(row, row + 1)
        solution = circuit.read_out(found.outputs[here], self.volts_per_unit)
        return Run(
            x=solution[0],
            reference=self.answer[0],
            relative_error=relative_error(solution, self.answer),
            settled=found.settled[here],
            settling_time=found.settling_time[here],
            power={name: watts[here] for name, watts in found.power.items()},
            energy=found.energy[here],
            waveforms=None,
            volts_per_unit=self.volts_per_unit,
            range_halvings=0,
            near_limit=False,
            amplifiers=circuit.amplifier_count,
            cells=circuit.schematic.cells,
            provenance=self.simulation.provenance(self.vectors, self.volts_per_unit, self.started),
        )


def _of_one_size(prepared: Sequence[_Prepared]) -> Iterator[list[int]]:
    """Yield the indices of circuits that have the same ports."""
    sizes: dict[bytes, list[int]] = {}
    for index, one in enumerate(prepared):
        sizes.setdefault(one.simulation.model.nodes.tobytes(), []).append(index)
    yield from sizes.values()


@dataclass(frozen=True, eq=False)
class _Stacked:
    """Port models of circuits with equal ports, one right-hand side each; see `PortModel`."""

    nodes: NDArray[np.intp]
    conductance: Array
    into: Array
    driven: Array

    def port_currents(self, _currents: Array) -> Array:
        return self.into

    def driven_currents(self, _currents: Array) -> Array:
        return self.driven

    def into_network(self, voltages: Array) -> Array:
        flow: Array = np.einsum("kp,kpq->kq", voltages, self.conductance)
        return flow


def _measured(group: Sequence[_Prepared], analysis: Analysis) -> Found:
    models = [one.simulation.model for one in group]
    first, streams = group[0].simulation, [one.stream for one in group]
    stacked = _Stacked(
        nodes=models[0].nodes,
        conductance=np.stack([model.conductance for model in models]),
        into=np.concatenate(
            [model.port_currents(one.currents) for model, one in zip(models, group, strict=True)]
        ),
        driven=np.concatenate(
            [model.driven_currents(one.currents) for model, one in zip(models, group, strict=True)]
        ),
    )
    local = np.concatenate(
        [model.local_power(one.currents) for model, one in zip(models, group, strict=True)]
    )
    joined = Stream(
        time=np.concatenate([stream.time for stream in streams]),
        voltages=np.concatenate([stream.voltages for stream in streams]),
        supply=np.concatenate([stream.supply for stream in streams]),
        starts=np.cumsum([0, *(len(stream.time) for stream in streams)]),
        at_rest=np.concatenate([stream.at_rest for stream in streams]),
    )
    return measure(first.circuit, stacked, first.outputs, joined, local, local, analysis)
