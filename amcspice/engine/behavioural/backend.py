"""The behavioural backend: circuits' own equations instead of decks.

The networks are the reduced ones and the amplifiers are those of ``models/opamp.lib``, so that it
gives what ngspice gives, without its models' smooth edges and numerical damping.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.backend import Backend, Forecast, Origin
from amcspice.engine.batch import Batch, Drive
from amcspice.engine.behavioural.followed import Limits
from amcspice.engine.chunks import check_chunk, chunks
from amcspice.engine.equations.arrays import Samples
from amcspice.engine.equations.linear import LinearModel, Modes
from amcspice.engine.equations.piecewise import PiecewiseLinear, refuse_unknown_physics
from amcspice.engine.supply import supply_currents
from amcspice.engine.timing import choose_windows, longest_windows, runs_away
from amcspice.engine.waveforms import Exact, Stream, flat_tails
from amcspice.threads import one_thread

__all__ = ["Behavioural", "Integrator"]

CHUNK, SMALL_CHUNK, STEPPED_CHUNK = 1024, 4096, 128
"""Right-hand sides in one call of compiled code, which come one after the other in one process:
some tens of milliseconds; of circuits of few states, and in steps."""

SMALL = 8
"""States that are few."""

STEPS_ERROR = 0.02
"""What settling times are worth that are sampled in steps: of 23 right-hand sides of circuits of
104 to 200 states most are within 1e-3 of the exact ones and the worst is 1.3 % off."""

STIFF = 20.0
"""Fastest rate over that of an amplifier by itself, from which on circuits that slew take steps:
series would have to be as short as that."""

LONG = 3e5
"""Time to slew through the whole output range over that of an amplifier by itself, from which on
circuits take steps: series, as short as the latter, would become too many."""


class Behavioural(Backend):
    """Amplifier equations on the reduced network, in time, without ngspice."""

    name: ClassVar[str] = "behavioural"
    title: ClassVar[str] = "amplifier equations integrated without ngspice"
    verified_by: ClassVar[str | None] = "reduced"
    largest_batch: ClassVar[int] = 64
    largest_count: ClassVar[int | None] = STEPPED_CHUNK

    def check(self, circuit: Circuit) -> None:
        """Refuse cells and amplifiers that the equations do not know; see `Backend.check`."""
        refuse_unknown_physics(circuit, self.name)

    def prepare(self, batch: Batch) -> Integrator:
        """See `Backend.prepare`."""
        analysis = self.analysis
        self.check(batch.circuit)
        equations = PiecewiseLinear.of(batch.circuit, batch)
        modes = LinearModel.of_equations(equations).modes
        windows = choose_windows(batch.circuit, modes, allow_unstable=analysis.allow_unstable)
        longest = longest_windows(windows, runs_away(batch.circuit, modes))
        if analysis.window is not None:
            longest = np.full(len(batch), analysis.window)
        return Integrator(
            batch, longest=longest, modes=modes, equations=equations,
            settle_tolerance=analysis.settle_tolerance, tolerance=analysis.relative_tolerance,
            given=analysis.window is not None,
            limits=Limits(analysis.most_steps, analysis.max_step or np.inf),
        )  # fmt: skip


class Integrator:
    """The equations of a batch of circuits, ready to be integrated; a `Prepared`.

    Parameters
    ----------
    batch : Batch
    longest : ndarray, shape (C,)
        Time after which a right-hand side is given up [s].
    modes : Modes, optional
        Of all circuits, shape (C, s); None takes those of the equations.
    equations : PiecewiseLinear, optional
        Of all circuits; None makes them.
    settle_tolerance : float
        Steps are finer around this fraction of the final value.
    tolerance : float
        Error of a step while an amplifier slews, as a fraction of the largest voltage.
    given : bool
        Whether `longest` is a window that was asked for: outputs that are flat at its end are at
        rest then, as in ngspice, whatever is to come.
    limits : Limits
    chunk : int, optional
        Right-hand sides in one call of compiled code; None takes what suits the circuit.
    """

    def __init__(
        self,
        batch: Batch,
        *,
        longest: Array,
        modes: Modes | None = None,
        equations: PiecewiseLinear | None = None,
        settle_tolerance: float = 0.01,
        tolerance: float = 1e-4,
        given: bool = False,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        chunk: int | None = None,
    ) -> None:
        # Whoever does not run it does without compiled code.
        from amcspice.engine.behavioural.stepping import Stepper
        from amcspice.engine.behavioural.trajectories import Trajectories

        self.batch, self._longest = batch, longest
        self._flat = settle_tolerance if given else None
        self.equations = equations or PiecewiseLinear.of(batch.circuit, batch)
        modes = modes or LinearModel.of_equations(self.equations).modes
        self.runs_away = runs_away(batch.circuit, modes)
        self._way: Stepper | Trajectories
        steps = takes_steps(batch.circuit, self.equations, modes)
        if steps:
            self._way = Stepper(
                batch, self.equations, modes, longest, settle_tolerance, tolerance, limits
            )
        else:
            self._way = Trajectories(
                batch, self.equations, longest, settle_tolerance, limits, given=given
            )
        if chunk is None:
            few = self.equations.state_count <= SMALL
            chunk = STEPPED_CHUNK if steps else SMALL_CHUNK if few else CHUNK
        check_chunk(chunk)
        self.chunk = chunk
        self._capacitance = _output_capacitance(batch.circuit)

    def forecast(self, drive: Drive, lead: int = 0) -> Iterator[Forecast]:
        """Yield nothing: what could be foretold is the run itself."""
        return iter(())

    def origin(self, drive: Drive, forecast: Forecast | None = None) -> list[Origin]:
        """See `Prepared.origin`."""
        options = (f"{self._way.options} longest={end:.4g}" for end in self._longest)
        return [Origin("behavioural", "exponential", each) for each in options]

    def run(
        self,
        drive: Drive,
        lead: int = 0,
        forecast: Forecast | None = None,
        *,
        waveforms: bool = True,
    ) -> Iterator[Stream]:
        """See `Prepared.run`; chunks are of single circuits, several run all at once."""
        for rows, before in chunks(len(drive), self.chunk, lead):
            yield self._stream(drive.take(rows), before, len(drive), waveforms)

    def rests(self, drive: Drive, expected: int = 0) -> tuple[Array, Array]:
        """Return when right-hand sides are at rest, and where they end.

        Parameters
        ----------
        drive : Drive
        expected : int
            Right-hand sides that are still to come with these, at the least.

        Returns
        -------
        rest_times : ndarray, shape (N,)
            inf where it never is [s].
        final : ndarray, shape (N, P)
            Port voltages [V].
        """
        with one_thread():  # of the library, too, that came with this circuit
            followed = self._way.follow(drive, expected, waveforms=False, rest_times=True)
        last = followed.samples.starts[1:] - 1
        return followed.rest_times, self.voltages(followed.samples, followed.local)[last]

    def voltages(self, samples: Samples, local: Array) -> Array:
        """Return the port voltages of samples, shape (T, P), with `Followed.local` [V]."""
        parts, count = self.equations, local.shape[1]
        voltages = np.repeat(local.reshape(-1, local.shape[-1]), np.diff(samples.starts), axis=0)
        edges, holds = samples.starts[::count], bool(parts.arrays.hold.any())
        sources, held, states = (
            each.reshape(len(edges) - 1, *each.shape[-2:])
            for each in (parts.from_sources, parts.from_held, parts.from_states)
        )
        for circuit, (first, last) in enumerate(pairwise(edges)):
            own = voltages[first:last]
            own += samples.sources[first:last] @ sources[circuit].T
            if holds:
                own -= samples.held[first:last] @ held[circuit].T
            if samples.states.shape[1]:
                own += samples.states[first:last] @ states[circuit].T
        return voltages

    def _stream(self, drive: Drive, lead: int, expected: int, waveforms: bool) -> Stream:
        with one_thread():
            followed = self._way.follow(drive, expected, waveforms=waveforms)
        samples, last = followed.samples, followed.final
        begin, exact = int(samples.starts[lead]), None
        local = followed.local
        voltages, supply = self._read(samples, drive, local, steps=last is None)
        if last is not None and followed.settling_time is not None and followed.energy is not None:
            final, current = voltages, supply
            if waveforms:
                final, current = self._read(last, drive, local, steps=False)
            sampled = followed.sampled
            exact = Exact(
                final[lead:],
                current[lead:],
                followed.settling_time[lead:],
                followed.energy[lead:],
                None if sampled is None else sampled[lead:],
            )
        at_rest = samples.at_rest
        if exact is None and self._flat is not None:
            outputs = voltages[:, self.batch.outputs]
            at_rest = at_rest | flat_tails(samples.time, outputs, samples.starts, self._flat)
        return Stream(
            time=samples.time[begin:],
            voltages=voltages[begin:],
            supply=supply[begin:],
            starts=samples.starts[lead:] - begin,
            at_rest=at_rest[lead:],
            exact=exact,
            rate_error=0.0 if exact is not None else STEPS_ERROR,
        )

    def _read(
        self, samples: Samples, drive: Drive, local: Array, *, steps: bool
    ) -> tuple[Array, Array]:
        """Return the port voltages and the supply currents of samples."""
        voltages = self.voltages(samples, local)
        circuit, out = self.batch.circuit, self.equations.out
        delivered = (samples.sources - voltages[:, out]) / circuit.opamp.output_resistance
        charged = np.flatnonzero(self._capacitance > 0)
        if charged.size and steps:
            # Behind a small output resistance that difference is lost in the error of a step; the
            # current into network and capacitor is not.
            at, conductance = out[charged], self.batch.conductance[0]
            into = voltages @ conductance[:, at]
            into -= np.repeat(drive.into[0][:, at], np.diff(samples.starts), axis=0)
            rate = _slopes(samples.time, voltages[:, at], samples.starts)
            delivered[:, charged] = into + self._capacitance[charged] * rate
        return voltages, supply_currents(circuit, delivered, samples.held)


def takes_steps(circuit: Circuit, equations: PiecewiseLinear, modes: Modes) -> bool:
    """Tell whether circuits are integrated in steps.

    Large ones with many regions are, and those that slew if they are stiff, too, as charged ports
    make them: a hold device discharges one in no time.
    """
    from amcspice.engine.behavioural import stepping

    if circuit.bounded and equations.state_count >= stepping.LARGE:
        return True
    arrays = equations.arrays
    fastest = float(np.abs(modes.eigenvalues).max(initial=0.0))
    stiff = arrays.charge_q.size > 0 or fastest > STIFF * arrays.unity
    ramp = float((arrays.highest - arrays.lowest).max()) / arrays.slew
    return bool(arrays.slew < np.inf and (stiff or ramp * arrays.unity > LONG))


def _output_capacitance(circuit: Circuit) -> Array:
    """Return what stands at every amplifier's output beside the network, shape (k,) [F]."""
    out = np.concatenate([bank.out for bank in circuit.schematic.amplifiers])
    nodes, farads = circuit.schematic.capacitors
    at_nodes = np.zeros(len(circuit.schematic.network) if len(nodes) else out.max() + 1)
    at_nodes[nodes] = farads
    capacitance: Array = at_nodes[out]
    return capacitance


def _slopes(time: Array, values: Array, starts: NDArray[np.intp]) -> Array:
    """Return the time derivative of samples (T, p), each segment by itself."""
    slopes = np.zeros_like(values)
    for first, last in pairwise(starts):
        at, kept = np.unique(time[first:last], return_index=True)
        if len(at) > 1:
            rate = np.gradient(values[first:last][kept], at, axis=0)
            slopes[first:last] = rate[np.searchsorted(at, time[first:last])]
    return slopes
