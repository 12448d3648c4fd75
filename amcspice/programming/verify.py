"""Write-verify: pulse, read, and again, until every cell reads within the tolerance.

Every round is one transient with a pulse and a read of all cells that are not done; the states
of the memristors pass from one deck to the next.  What the next pulse is depends on the read,
so the loop is outside the simulator, where a real controller's would be.
"""

from __future__ import annotations

import dataclasses
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.circuit import as_matrix
from amcspice.device import CellTable, SwitchingCell, WriteVerify
from amcspice.device.draws import normals
from amcspice.engine import Simulator, get_simulator
from amcspice.errors import InputError
from amcspice.pool import Report, map_tasks
from amcspice.programming.pulse import Pulse, PulseResult
from amcspice.programming.pulsed import PulsedCells, pulsed
from amcspice.programming.result import Programmed

__all__ = ["write_verify"]

Array = NDArray[np.float64]

CHUNK = 128
"""Cells in one deck; fixed, because cells that share a time axis must not depend on jobs."""

REACH = 0.95
"""A target may not come closer to the range of a nominal cell than this fraction of its top."""


def write_verify(
    target: ArrayLike,
    *,
    cell: SwitchingCell | CellTable | None = None,
    schedule: WriteVerify | None = None,
    seed: int = 0,
    simulator: str | None = None,
    jobs: int = 1,
    timeout: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> Programmed:
    """Program an array by write-verify in ngspice: of 1T1R cells, or of a sub-circuit of your own.

    Parameters
    ----------
    target : array_like, shape (m, n)
        Conductances aimed at; 0 is a cell that its selector switches off and that gets no
        pulse [S].
    cell : SwitchingCell or CellTable, optional
        Default: `SwitchingCell` as it is.  A table is that of a sub-circuit,
        `amcspice.characterise.measured_table`: pulses go to its pins, SET positive at the first.
    schedule : WriteVerify, optional
        Default: `WriteVerify` as it is.
    seed : int
        Seed of cells, pulses and verify reads.
    simulator : {"shared", "batch"}, optional
        See `amcspice.engine.get_simulator`.
    jobs : int
        Processes; changes no result.
    timeout : float, optional
        Time for one simulation [s].
    progress : callable, optional
        Called with the number of cells finished since the last call.

    Returns
    -------
    Programmed

    Raises
    ------
    InputError
        If a target cannot be reached by a nominal cell, or every target is 0.
    SimulationError
        If a simulation fails.

    Notes
    -----
    The verify read measures memristor and selector in series: that is the conductance which a
    circuit with this word-line voltage sees.  Left out: capacitance and resistance of the lines,
    energy of the word lines, disturb of unselected cells (their selectors are off).

    Examples
    --------
    >>> import amcspice as amc
    >>> programmed = amc.write_verify([[20e-6, 60e-6]], seed=1)
    >>> bool(abs(programmed.error).max() <= 1e-6)
    True
    """
    started = time.perf_counter()
    cells, schedule = pulsed(cell), schedule or WriteVerify()
    targets = as_matrix(target, "target conductances")
    _check_reach(targets, cells, schedule)
    if not targets.any():
        raise InputError("target conductances: all are 0 (switched off); nothing to program")
    cell_parameters = cells.draw((targets.shape[0], targets.shape[1]), seed)
    programmed_cells = np.flatnonzero(targets.ravel() > 0)
    groups = [
        programmed_cells[first : first + CHUNK] for first in range(0, len(programmed_cells), CHUNK)
    ]
    tasks = [
        _Chunk(group, targets, cells, schedule, cell_parameters, seed, simulator, timeout)
        for group in groups
    ]
    chunk_states = map_tasks(_program_chunk, tasks, jobs, progress)
    columns = _assemble(targets, cells, programmed_cells, chunk_states)
    return Programmed(
        target=targets,
        **columns,
        provenance=_provenance(cells, schedule, seed, simulator, chunk_states, started),
    )


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Some cells of an array, by their flat indices, for a process of its own."""

    at: NDArray[np.intp]
    target: Array
    cells: PulsedCells
    schedule: WriteVerify
    drawn: dict[str, Array]
    seed: int
    simulator: str | None
    timeout: float | None


@dataclass(eq=False)
class _ChunkState:
    """State of the cells of a chunk between rounds; every array has shape (k,)."""

    conductance: Array
    state: Array
    set_pulses: NDArray[np.int_]
    reset_pulses: NDArray[np.int_]
    converged: NDArray[np.bool_]
    pulse_energy: Array
    read_energy: Array
    deck_sha256: str = ""

    @classmethod
    def start(cls, count: int, state: float) -> _ChunkState:
        zeros = np.zeros(count)
        return cls(
            conductance=zeros.copy(),
            state=np.full(count, state),
            set_pulses=zeros.astype(int),
            reset_pulses=zeros.astype(int),
            converged=zeros.astype(bool),
            pulse_energy=zeros.copy(),
            read_energy=zeros.copy(),
        )

    def note(self, active: NDArray[np.intp], result: PulseResult) -> None:
        """Take over what a pulse did to some of the cells."""
        self.conductance[active], self.state[active] = result.conductance, result.state
        self.pulse_energy[active] += result.pulse_energy
        self.read_energy[active] += result.read_energy


def _program_chunk(chunk: _Chunk, report: Report) -> _ChunkState:
    """Run the rounds of one chunk; round 0 reads only."""
    simulator, schedule = get_simulator(chunk.simulator), chunk.schedule
    target = chunk.target.ravel()[chunk.at]
    chunk_state = _ChunkState.start(len(target), chunk.cells.initial_state)
    active = np.arange(len(target))
    direction, train = np.zeros(len(target), int), np.zeros(len(target), int)
    for number in range(schedule.max_pulses + 1):
        amplitude = np.zeros(len(active))
        if number:
            amplitude = schedule.amplitude(direction[active], train[active])
        pulse = _pulse(chunk, active, amplitude, chunk_state.state[active], number)
        chunk_state.note(active, _run(pulse, simulator, chunk.timeout, chunk_state))
        error = _verify(chunk, chunk_state.conductance, number) - target
        chunk_state.converged[active] = np.abs(error[active]) <= schedule.tolerance
        report(int(chunk_state.converged[active].sum()))
        active = active[~chunk_state.converged[active]]
        if not active.size or number == schedule.max_pulses:
            break
        polarity = np.where(error[active] < 0, 1, -1)
        train[active] = np.where(polarity == direction[active], train[active] + 1, 0)
        direction[active] = polarity
        chunk_state.set_pulses[active] += polarity > 0
        chunk_state.reset_pulses[active] += polarity < 0
    report(len(active))
    return chunk_state


def _pulse(
    chunk: _Chunk, active: NDArray[np.intp], amplitude: Array, state: Array, number: int
) -> Pulse:
    at = chunk.at[active]
    shape = (chunk.target.shape[0], chunk.target.shape[1])
    factor = chunk.cells.pulse_factor(shape, chunk.seed, number).ravel()[at]
    drawn = {name: values.ravel()[at] for name, values in chunk.drawn.items()}
    for name in drawn.keys() & {"kset", "kreset"}:
        drawn[name] = drawn[name] * factor
    return Pulse(chunk.cells, chunk.schedule, amplitude, state, drawn)


def _run(
    pulse: Pulse, simulator: Simulator, timeout: float | None, chunk_state: _ChunkState
) -> PulseResult:
    deck = pulse.deck()
    chunk_state.deck_sha256 = chunk_state.deck_sha256 or deck.sha256
    return pulse.evaluate(simulator.run(deck, timeout))


def _verify(chunk: _Chunk, conductance: Array, number: int) -> Array:
    """Return what the controller reads."""
    if not chunk.schedule.read_noise:
        return conductance
    noise = normals(chunk.seed, "read", chunk.target.shape, number).ravel()[chunk.at]
    return conductance * (1 + chunk.schedule.read_noise * noise)


def _check_reach(targets: Array, cells: PulsedCells, schedule: WriteVerify) -> None:
    lowest, highest = cells.reach(schedule)
    lowest, highest = lowest / REACH, REACH * highest
    outside = (targets != 0) & ((targets < lowest) | (targets > highest))
    if outside.any():
        where = tuple(int(k) for k in np.argwhere(outside)[0])
        raise InputError(
            f"target conductances: entry {where} is {targets[where]:.4g} S; a nominal cell reaches "
            f"{lowest:.3g} to {highest:.3g} S (or 0: switched off)"
        )


def _assemble(
    targets: Array,
    cells: PulsedCells,
    programmed_cells: NDArray[np.intp],
    chunk_states: list[_ChunkState],
) -> dict[str, Any]:
    """Return the fields of `Programmed` that the chunks hold, in the shape of the array."""
    array_state = _ChunkState.start(targets.size, cells.initial_state)
    array_state.converged[:] = True
    columns = {}
    for field in dataclasses.fields(_ChunkState):
        if field.name == "deck_sha256":
            continue
        values = getattr(array_state, field.name)
        values[programmed_cells] = np.concatenate(
            [getattr(part, field.name) for part in chunk_states]
        )
        columns[field.name] = values.reshape(targets.shape)
    return columns


def _provenance(
    cells: PulsedCells,
    schedule: WriteVerify,
    seed: int,
    simulator: str | None,
    chunk_states: list[_ChunkState],
    started: float,
) -> dict[str, Any]:
    backend = get_simulator(simulator)
    return {
        "amcspice": metadata.version("amcspice"),
        "ngspice": backend.installation.version,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "simulator": backend.name,
        "deck_sha256": chunk_states[0].deck_sha256,
        "cell": cells.summary(),
        "schedule": dataclasses.asdict(schedule),
        "seed": seed,
        "wall_time_s": time.perf_counter() - started,
    }
