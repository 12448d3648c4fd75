"""`simulate_each`: many circuits of one kind, each with right-hand sides of its own.

It gives what `simulate` gives for each of them.  In the behavioural fidelity, where a small
circuit takes less than the calls around it, all of a size are worked out together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine import BehaviouralStack
from amcspice.engine.behavioural import CHUNK
from amcspice.measure import relative_error
from amcspice.netlist.subcircuit import check_banks
from amcspice.pool import Pool
from amcspice.reduction import PortModel, PortStack, reduce_to_ports
from amcspice.solver.attempt import DOUBLINGS
from amcspice.solver.found import Found, measure
from amcspice.solver.provenance import provenance
from amcspice.solver.reference import reference
from amcspice.solver.result import Analysis, Run
from amcspice.solver.run import simulate

__all__ = ["simulate_each"]

AT_ONCE = 64
"""Circuits that are worked out together: enough to share the cost of calls among."""


def simulate_each(
    circuits: Sequence[Circuit],
    b: Sequence[ArrayLike],
    analysis: Analysis,
    report: Callable[[int], None] | None = None,
    jobs: int | Pool = 1,
) -> list[Run]:
    """Simulate circuits of one topology, each with its right-hand sides.

    Parameters
    ----------
    circuits : sequence of Circuit
        Matrices, selected lines and seeds may differ.
    b : sequence of array_like, shapes (m,) or (m, K)
        Right-hand sides of each, of its input size.
    analysis : Analysis
    report : callable, optional
        Called with the number of right-hand sides finished since the last call.
    jobs : int or Pool
        Processes that share the right-hand sides of a circuit which is simulated by itself.

    Returns
    -------
    list of Run
        Without waveforms.
    """
    runs: list[Run | None] = [None] * len(circuits)
    pairs = list(zip(circuits, b, strict=True))
    if analysis.fidelity == "behavioural" and not analysis.converts:
        for group in _alike(pairs):
            for first in range(0, len(group), AT_ONCE):
                numbers = group[first : first + AT_ONCE]
                found = _together([pairs[number] for number in numbers], analysis)
                for number, run in zip(numbers, found, strict=True):
                    runs[number] = run
                    if run is not None and report is not None:
                        report(len(run.settled))
    done = []
    for (circuit, right), made in zip(pairs, runs, strict=True):
        run = made
        if run is None:
            run = simulate(circuit, right, analysis=analysis, keep_waveforms=False, jobs=jobs)
            if report is not None:
                report(len(run.settled))
        done.append(run)
    return done


def _alike(pairs: Sequence[tuple[Circuit, ArrayLike]]) -> list[list[int]]:
    """Return the numbers of circuits that differ in their networks only, group by group."""
    groups: list[tuple[Circuit, int, list[int]]] = []
    for number, (circuit, b) in enumerate(pairs):
        count = 1 if np.ndim(b) == 1 else np.shape(b)[-1]
        schematic = circuit.schematic
        if circuit.rail_limited or count > CHUNK or len(schematic.capacitors[0]):
            continue
        for first, each, members in groups:
            if each == count and _equal_wiring(first, circuit):
                members.append(number)
                break
        else:
            groups.append((circuit, count, [number]))
    return [members for _, _, members in groups]


def _equal_wiring(one: Circuit, other: Circuit) -> bool:
    first, second = one.schematic, other.schematic
    if type(one) is not type(other) or len(first.amplifiers) != len(second.amplifiers):
        return False
    banks = zip(first.amplifiers, second.amplifiers, strict=True)
    return (
        (one.opamp is other.opamp or one.opamp == other.opamp)
        and one.non_negative == other.non_negative
        and one.device.linear == other.device.linear
        and one.device.thermal_noise == other.device.thermal_noise
        and np.array_equal(first.outputs, second.outputs)
        and all(_equal_banks(*pair) for pair in banks)
    )


def _equal_banks(one: Any, other: Any) -> bool:
    return one.hold == other.hold and one.floor_at_ground == other.floor_at_ground and all(
        np.array_equal(getattr(one, pin), getattr(other, pin)) for pin in ("plus", "minus", "out")
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A circuit with its right-hand sides, not simulated yet."""

    circuit: Circuit
    single: bool
    answer: Array
    volts_per_unit: float
    currents: Array
    model: PortModel

    @classmethod
    def of(cls, circuit: Circuit, b: ArrayLike, analysis: Analysis) -> _Prepared:
        vectors = circuit.vectors(b)
        answer = reference(circuit, vectors)
        volts = circuit.volts_per_unit(vectors, answer, analysis.full_scale)
        schematic = circuit.schematic
        currents, model = schematic.currents(vectors, volts), reduce_to_ports(schematic)
        return cls(circuit, np.ndim(b) == 1, answer, volts, currents, model)

    def run(self, found: Found, here: slice, origin: dict[str, Any]) -> Run:
        """Return its rows of what was measured."""
        circuit = self.circuit
        solutions = circuit.read_out(found.outputs[here], self.volts_per_unit)
        return Run(
            x=solutions[0] if self.single else solutions.T,
            reference=self.answer[0] if self.single else self.answer.T,
            relative_error=relative_error(solutions, self.answer),
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
            provenance=origin,
        )


def _together(pairs: Sequence[tuple[Circuit, ArrayLike]], analysis: Analysis) -> list[Run | None]:
    """Simulate circuits that differ in their networks only; None where one needs a run of its own.

    That is one which nothing keeps from running away, and one which comes near a limit and has to
    start again in a smaller range.
    """
    started = time.perf_counter()
    check_banks(pairs[0][0].schematic.amplifiers, pairs[0][0].opamp)
    prepared = [_Prepared.of(circuit, b, analysis) for circuit, b in pairs]
    first = prepared[0]
    stack = PortStack.of([one.model for one in prepared], [one.currents for one in prepared])
    engine = BehaviouralStack(
        first.circuit,
        stack,
        doublings=DOUBLINGS,
        window=analysis.window,
        settle_tolerance=analysis.settle_tolerance,
        tolerance=analysis.relative_tolerance,
    )
    stream = engine.run()
    local = np.concatenate([one.model.local_power(one.currents) for one in prepared])
    outputs = np.searchsorted(stack.nodes, first.circuit.schematic.outputs)
    found = measure(first.circuit, stack, outputs, stream, local, local, analysis)
    each = len(first.currents)
    runs: list[Run | None] = []
    for number, (one, rests, options) in enumerate(
        zip(prepared, engine.rests, engine.options, strict=True)
    ):
        here = slice(number * each, (number + 1) * each)
        if not rests or found.near_limit[here].any():
            runs.append(None)
            continue
        origin = provenance(
            one.circuit, simulator="behavioural", solver="exponential", options=options,
            started=started,
        )  # fmt: skip
        runs.append(one.run(found, here, origin))
    return runs
