"""`simulate`: one circuit, any number of right-hand sides, one fidelity."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import Circuit, as_vectors
from amcspice.circuit.base import Array
from amcspice.engine import (
    LinearModel,
    Segment,
    Streamer,
    Waveforms,
    choose_transient,
    get_simulator,
)
from amcspice.errors import InputError
from amcspice.measure import energy, measure_power, measure_settling, relative_error
from amcspice.reduction import PortModel, reduce_to_ports
from amcspice.solver.provenance import provenance
from amcspice.solver.reference import reference
from amcspice.solver.result import Analysis, Run

__all__ = ["simulate"]

MAX_HALVINGS = 12
RAIL_MARGIN = 0.05
"""An output this close to a rail, as a fraction of it, asks for a smaller range."""


def simulate(
    circuit: Circuit,
    b: ArrayLike,
    *,
    analysis: Analysis | None = None,
    keep_waveforms: bool = True,
    progress: Callable[[int], None] | None = None,
    **options: Any,
) -> Run:
    """Simulate a circuit for one or many right-hand sides.

    Parameters
    ----------
    circuit : Circuit
        Such as `amcspice.CompactGINV`.
    b : array_like, shape (m,) or (m, K)
        Right-hand sides; they are streamed through one transient, column after column.
    analysis : Analysis, optional
        Or its fields as keywords: ``fidelity="flat"``.
    keep_waveforms : bool
        False saves memory.
    progress : callable, optional
        Called with the number of right-hand sides finished.
    **options
        Fields of `Analysis`.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If the input cannot be used.
    SimulationError
        If a simulation fails.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> A = np.array([[1.0, 0.2], [0.3, 0.8], [0.5, 0.5]])
    >>> run = amc.simulate(amc.CompactGINV(A), A @ [0.5, 0.25])
    >>> bool(run.settled.all()), bool(run.relative_error.max() < 1e-3)
    (True, True)
    """
    if analysis is None:
        analysis = Analysis(**options)
    elif options:
        raise InputError("give either an analysis or its fields as keywords, not both")
    started = time.perf_counter()
    vectors = as_vectors(b, len(circuit.matrix))
    answer = reference(circuit, vectors)
    shape: Callable[[Array], Array] = (lambda a: a[0]) if np.ndim(b) == 1 else np.transpose
    if analysis.fidelity == "ideal":
        return _ideal(circuit, analysis, answer, shape, started)
    simulation = _Simulation(circuit, analysis, keep_waveforms, progress)
    volts_per_unit = circuit.volts_per_unit(vectors, answer, analysis.full_scale)
    halvings = 0
    found = simulation.attempt(vectors, volts_per_unit, give_up=True)
    while found.near_limit:
        volts_per_unit, halvings = volts_per_unit / 2, halvings + 1
        found = simulation.attempt(vectors, volts_per_unit, give_up=halvings < MAX_HALVINGS)
        if halvings == MAX_HALVINGS:
            break
    solutions = found.outputs / volts_per_unit * circuit.mapping.column_scale
    return Run(
        x=shape(solutions),
        reference=shape(answer),
        relative_error=relative_error(solutions, answer),
        settled=np.array(found.settled),
        settling_time=np.array(found.settling_time),
        power={name: np.array([p[name] for p in found.power]) for name in found.power[0]},
        energy=np.array(found.energy),
        waveforms=simulation.waveforms(found.segments) if keep_waveforms else None,
        volts_per_unit=volts_per_unit,
        range_halvings=halvings,
        near_limit=found.near_limit,
        amplifiers=circuit.amplifier_count,
        cells=circuit.schematic.cells,
        provenance=simulation.provenance(vectors, volts_per_unit, started),
    )


@dataclass(eq=False)
class _Found:
    """Measurements of one attempt, a value a right-hand side."""

    voltages: list[Array] = field(default_factory=list)
    settled: list[bool] = field(default_factory=list)
    settling_time: list[float] = field(default_factory=list)
    power: list[dict[str, float]] = field(default_factory=list)
    energy: list[float] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    near_limit: bool = False

    @property
    def outputs(self) -> Array:
        """Solution voltages at the end of each window, shape (K, n)."""
        return np.array(self.voltages)


class _Simulation:
    """One circuit made ready: reduced, with its transient chosen."""

    def __init__(
        self,
        circuit: Circuit,
        analysis: Analysis,
        keep_waveforms: bool,
        progress: Callable[[int], None] | None,
    ) -> None:
        self.circuit, self.analysis = circuit, analysis
        self.keep, self.progress = keep_waveforms, progress
        self.model: PortModel = reduce_to_ports(circuit.schematic)
        self.linear = LinearModel.of(circuit, self.model)
        self.simulator = get_simulator(analysis.simulator)
        self.outputs = np.searchsorted(self.model.nodes, circuit.schematic.outputs)
        opamp = circuit.opamp
        transient = choose_transient(
            circuit,
            self.linear,
            klu=self.simulator.installation.klu,
            fidelity=analysis.fidelity,  # type: ignore[arg-type]
            relative_tolerance=analysis.relative_tolerance,
            swing=opamp.highest_output - opamp.lowest_output,
        )
        self.streamer = Streamer(
            circuit=circuit,
            model=self.model,
            simulator=self.simulator,
            fidelity=analysis.fidelity,  # type: ignore[arg-type]
            transient=transient.with_changes(
                window=analysis.window, max_step=analysis.max_step, solver=analysis.matrix_solver
            ),
            at_rest=lambda segment: self._settling(segment).settled,
            timeout=analysis.timeout,
        )

    def _settling(self, segment: Segment) -> Any:
        return measure_settling(
            segment.time, segment.voltages[:, self.outputs], self.analysis.settle_tolerance
        )

    def attempt(self, vectors: Array, volts_per_unit: float, *, give_up: bool) -> _Found:
        """Run every right-hand side in one range; on request only until a limit is near."""
        found = _Found()
        currents = self.circuit.schematic.currents(vectors, volts_per_unit)
        local = self.model.local_power(currents)
        for index, segment in enumerate(self.streamer.run(currents)):
            if self._near_limit(segment, currents[index]):
                found.near_limit = True
                if give_up:
                    return found
            settling = self._settling(segment)
            power = measure_power(
                self.circuit,
                self.model,
                segment.voltages,
                segment.supply,
                currents[index],
                local[index],
            )
            found.voltages.append(settling.final)
            found.settled.append(settling.settled)
            found.settling_time.append(settling.time)
            found.power.append(power.at_end())
            found.energy.append(energy(segment.time, power.total, settling.time))
            if self.keep:
                found.segments.append(segment)
            if self.progress is not None:
                self.progress(index + 1)
        return found

    def _near_limit(self, segment: Segment, currents: Array) -> bool:
        """Whether an amplifier comes to rest close to a limit that is no constraint.

        What reaches a rail is the stage behind the output resistance, not the output itself.
        """
        opamp = self.circuit.opamp
        final = segment.voltages[-1]
        delivered = final @ self.model.conductance - self.model.port_currents(currents[None])[0]
        for bank in self.circuit.schematic.amplifiers:
            at = np.searchsorted(self.model.nodes, bank.out)
            stage = final[at] + opamp.output_resistance * delivered[at]
            if stage.max() > (1 - RAIL_MARGIN) * opamp.highest_output:
                return True
            bounded = bank.floor_at_ground or bank.hold is not None
            if not bounded and stage.min() < (1 - RAIL_MARGIN) * opamp.lowest_output:
                return True
            limit = opamp.output_current_limit
            if limit is not None and np.abs(delivered[at]).max() > (1 - RAIL_MARGIN) * limit:
                return True
        return False

    def waveforms(self, segments: list[Segment]) -> Waveforms:
        """Return the kept segments."""
        return Waveforms(
            names=self.model.names,
            segments=tuple(segments),
            outputs=tuple(int(k) for k in self.outputs),
        )

    def provenance(self, vectors: Array, volts_per_unit: float, started: float) -> dict[str, Any]:
        """Return what is needed to repeat the run; the hash is of the first chunk's deck."""
        currents = self.circuit.schematic.currents(vectors, volts_per_unit)
        deck = self.streamer.deck(currents[: self.streamer.chunk])
        transient = self.streamer.transient
        return provenance(
            self.circuit,
            installation=self.simulator.installation,
            simulator=self.simulator.name,
            solver=transient.solver,
            options=f"{transient.options} window={transient.window:.4g} "
            f"max_step={transient.max_step:.4g}",
            deck_sha256=deck.sha256,
            started=started,
        )


def _ideal(
    circuit: Circuit,
    analysis: Analysis,
    answer: Array,
    shape: Callable[[Array], Array],
    started: float,
) -> Run:
    count = len(answer)
    unknown = np.full(count, np.nan)
    return Run(
        x=shape(answer),
        reference=shape(answer),
        relative_error=np.zeros(count),
        settled=np.ones(count, bool),
        settling_time=unknown,
        power={},
        energy=unknown,
        waveforms=None,
        volts_per_unit=1.0,
        range_halvings=0,
        near_limit=False,
        amplifiers=circuit.amplifier_count,
        cells=circuit.schematic.cells,
        provenance=provenance(circuit, started=started),
    )
