"""The rest solver: one linear solution for all, an active set where something is at a limit.

With nothing at a limit and nothing held the stages s obey (1/A0 - by_source) s = d_J + offset,
with d_J the input differences from injected currents alone: one matrix product for any number of
right-hand sides.  The others go to `amcspice.engine.dc.active_set`; what that does not end for (two
stages with many outputs at their rails are no problem of a P-matrix), or has several ends, is
followed from zero in time.

A slew limit makes d = knee atanh(s/(A0 knee)) of d = s/A0, which is (s/(A0 knee))^2/3 more: 7e-8 of
d for an AD823 at its rail, of which the loop leaves 1e-12 of the output, but without bound for a
slower amplifier.  It is solved for exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.batch import Batch
from amcspice.engine.dc.codes import ABOVE, HIGHEST, START, SUGGESTED
from amcspice.engine.dc.grown import followed_rest, grown_rest
from amcspice.engine.dc.raised import RaisedSources
from amcspice.engine.dc.rest import Injected, Rest
from amcspice.engine.dc.several import MOST_HELD, has_one_rest, have_several_rests
from amcspice.engine.dc.stability import growth, surely_decay
from amcspice.engine.dc.static import StaticPorts
from amcspice.engine.equations.linear import LinearModel, Modes, refuse_growth
from amcspice.engine.equations.piecewise import PiecewiseLinear, refuse_unknown_physics
from amcspice.reduction import PortModel

__all__ = ["RestSolver"]

Codes = NDArray[np.uint8]

BATCH = 4096
"""Right-hand sides in one call of compiled code, which no signal interrupts."""

MOST_BENT = 0.1
"""Stages up to this fraction of what their slew limit lets them reach are solved for together."""

MOST_ITERATIONS, ITERATION_ERROR = 12, 1e-15
"""Iterations for the slew limit, and change that ends them, as a fraction of the largest stage."""


class RestSolver:
    """Finds the rests of C circuits that differ in their networks only.

    Parameters
    ----------
    circuit : Circuit
        One of them.
    model : PortModel or Batch
        Their networks, reduced; a `PortModel` is that of one circuit.
    piecewise : PiecewiseLinear, optional
        The behavioural equations, where they were made before; they tell what is stable.
    check_stability : bool
        False where it is known that circuits with a constraint are stable, or were written to be:
        it spares the eigenvalues of every circuit.  The others are always checked.

    Attributes
    ----------
    rests : ndarray of bool, shape (C,)
        False: the circuit is unstable and nothing holds it.
    follows : bool
        Whether right-hand sides for which the active set does not end are followed in time, which
        takes long with many amplifiers; if not, no rest is known of them.

    Raises
    ------
    UnsupportedError
        If amplifiers or cells have properties that the behavioural equations do not know.
    UnstableError
        If the circuit is unstable and nothing holds it; of many only ``rests`` tells.
    """

    def __init__(
        self,
        circuit: Circuit,
        model: PortModel | Batch,
        *,
        piecewise: PiecewiseLinear | None = None,
        check_stability: bool = True,
    ) -> None:
        refuse_unknown_physics(circuit, "dc")
        self.circuit, self.model = circuit, model
        self._piecewise = piecewise
        self.follows = True
        self.ports = StaticPorts.of(circuit, model)
        self._checks = check_stability or not circuit.non_negative
        self.rests = np.ones(len(self.ports.resistance), bool)
        if not circuit.bounded:
            self.rests = self._active_stable
            if not self.rests.all() and len(self.rests) == 1:
                refuse_growth(float(np.max(self._modes.growth)))
        self._make_linear()

    @cached_property
    def piecewise(self) -> PiecewiseLinear:
        """The behavioural equations with their states."""
        return self._piecewise or PiecewiseLinear.of(self.circuit, self.model)

    @cached_property
    def _linear(self) -> LinearModel:
        return LinearModel.of_equations(self.piecewise)

    @cached_property
    def _modes(self) -> Modes:
        return self._linear.modes

    @property
    def stable(self) -> NDArray[np.bool_]:
        """Whether each circuit is stable, with nothing at a limit and with all clamped, (C,)."""
        return self._active_stable & self._clamped_stable

    @cached_property
    def _active_stable(self) -> NDArray[np.bool_]:
        """Whether each circuit is stable with nothing at a limit, shape (C,)."""
        opamp, charged = self.circuit.opamp, self.circuit.schematic.capacitors[0]
        if not (opamp.second_pole or opamp.input_capacitance or len(charged)):
            sure = surely_decay(self.ports.by_source, self.ports.gain)
            if sure.all():
                return sure
        return np.atleast_1d(self._modes.stable)

    @cached_property
    def _clamped_stable(self) -> NDArray[np.bool_]:
        """Whether each circuit is stable with every clamped output at its limit, shape (C,)."""
        clamped = self.ports.clamped
        if not clamped.any():
            return np.ones(len(self.rests), bool)
        code = np.where(clamped, HIGHEST + ABOVE, START).astype(np.uint8)
        each = (self.piecewise.of_circuit(k).arrays for k in range(len(self.rests)))
        return np.array([growth(arrays, code) < 0 for arrays in each])

    def _make_linear(self) -> None:
        ports = self.ports
        system = np.diag(1 / ports.gain) - ports.by_source
        inverse = _inverse(system)
        self._bend = inverse
        self._by_current = inverse @ ports.along
        constant = ports.along_bias + ports.offset
        self._constant = (inverse @ constant[..., None])[..., 0]
        high, low = ports.highest.copy(), ports.lowest.copy()
        # Held: above zero, and with the inverting input below the stage.
        holds = ports.hold > 0
        low[holds] = np.maximum(0.0, ports.offset * ports.gain / (1 + ports.gain))[holds]
        if np.isfinite(ports.knee):
            reach = MOST_BENT * ports.gain * ports.knee
            high, low = np.minimum(high, reach), np.maximum(low, -reach)
        self._high, self._low = high, low

    @cached_property
    def _by_injection(self) -> Array:
        """Stages for one ampere, or volt, of each source, shape (q, k)."""
        product: Array = self._transfer @ self._by_current[0].T
        return product

    @property
    def _transfer(self) -> Array:
        """That of the only circuit."""
        model = self.model if isinstance(self.model, PortModel) else self.model.models[0]
        return model.transfer

    def solve(self, into: Array) -> Rest:
        """Return the rests for currents into the ports.

        Parameters
        ----------
        into : ndarray, shape (K, P), or (C, K, P) of C circuits
            `PortModel.port_currents` [A].
        """
        injected = Injected(into if into.ndim == 3 else into[None])
        return self._rest(injected.by(self._by_current), injected)

    def solve_sources(self, currents: Array) -> Rest:
        """Return the rests of one circuit for what its sources give.

        While nothing is at a limit that is one matrix product.

        Parameters
        ----------
        currents : ndarray, shape (K, q)
            `Schematic.currents` [A], or [V] of voltage sources.
        """
        injected = Injected(currents[None], self._transfer)
        return self._rest((currents @ self._by_injection)[None], injected)

    def _rest(self, stage: Array, injected: Injected) -> Rest:
        """Return the rests, given the stages without offsets and with nothing at a limit."""
        circuit = self.circuit
        stage += self._constant[:, None, :]
        count, per_circuit, k = stage.shape
        within = self._straighten(stage)
        sources = stage.reshape(-1, k)
        held, at_rest = np.zeros((count * per_circuit, k)), np.repeat(self.rests, per_circuit)
        several = self._several(at_rest, injected)
        todo = at_rest & ~within | several
        if circuit.rail_limited:
            grows = np.repeat(~self._active_stable, per_circuit)
            todo &= ~grows
            for row in np.flatnonzero(grows):
                rest, _ = self._from_zero(int(row), per_circuit, injected, grown_rest)
                at_rest[row] = rest is not None
                sources[row] = np.nan if rest is None else rest
        rows, codes = np.flatnonzero(todo), np.full((0, k), START)
        if rows.size:
            member, at = divmod(rows, per_circuit)
            codes, start = np.full((len(rows), k), SUGGESTED), sources[rows]
            if self._chooses:
                self._raise(codes, member, injected.rows(member, at))
            held[rows], at_rest[rows] = self._search(
                codes, member, injected.rows(member, at), start
            )
            sources[rows] = start
            lost = ~at_rest[rows] & self.follows
            for at in np.flatnonzero(lost | several[rows]):
                rest, pieces = self._from_zero(int(rows[at]), per_circuit, injected, followed_rest)
                if rest is not None:
                    codes[at] = pieces
                    sources[rows[at]], held[rows[at]], at_rest[rows[at]] = rest, 0.0, True
        if circuit.bounded and not circuit.rail_limited and self._checks:
            self._check(codes, rows, at_rest, per_circuit)
        if not at_rest.all():
            sources[~at_rest], held[~at_rest] = np.nan, np.nan
        return Rest(sources, held, at_rest, circuit, self.ports, injected)

    @property
    def _chooses(self) -> bool:
        """Whether limits choose among columns that depend on each other, by an L1 term."""
        ports, circuit = self.ports, self.circuit
        if ports.hold.any() or not getattr(circuit, "lasso", 0.0):
            return False
        rows, columns = circuit.matrix.shape
        return bool(ports.clamped.any() or (ports.constrained.any() and rows < columns))

    def _raise(self, codes: Codes, member: NDArray[np.intp], injected: Array) -> None:
        """Fill in the pieces that raised sources lead to."""
        for number in np.unique(member):
            raised, own = RaisedSources(self.ports, int(number)), np.flatnonzero(member == number)
            for row, drive in zip(own, self.ports.drive(member[own], injected[own]), strict=True):
                pieces = raised.pieces(drive)
                if pieces is not None:
                    codes[row] = pieces

    @cached_property
    def _one_rest(self) -> NDArray[np.bool_]:
        """Whether each circuit has one rest for every right-hand side, as far as is known."""
        ports = self.ports
        if ports.hold.any() or not ports.constrained.all() or len(ports.gain) > MOST_HELD:
            return np.ones(len(self.rests), bool)
        return has_one_rest(np.diag(1 / ports.gain) - ports.by_source)

    def _several(self, at_rest: NDArray[np.bool_], injected: Injected) -> NDArray[np.bool_]:
        """Tell which right-hand sides have several rests: time says to which one it comes."""
        ports, per_circuit = self.ports, len(at_rest) // len(self.rests)
        several = np.zeros(len(at_rest), bool)
        for number in np.flatnonzero(~self._one_rest):
            at = np.arange(per_circuit)
            member = np.full(per_circuit, number)
            drive = ports.drive(member, injected.rows(member, at)) + ports.offset
            system = np.diag(1 / ports.gain) - ports.by_source[number]
            own = slice(number * per_circuit, (number + 1) * per_circuit)
            several[own] = have_several_rests(system, drive, ports.lowest)
        return several & at_rest

    def _straighten(self, stage: Array) -> NDArray[np.bool_]:
        """Account for the slew limit in stages inside their ranges; tell which rows are these."""
        ports = self.ports
        inside = self._inside(stage)
        if np.isinf(ports.knee) or not inside.any():
            return inside
        reach, turn = ports.gain * ports.knee, self._bend.swapaxes(-1, -2)
        straight, limit = stage.copy(), MOST_BENT * reach
        rest = False
        for _ in range(MOST_ITERATIONS):
            ratio = np.clip(stage, -limit, limit) / reach
            before = stage.copy()
            np.subtract(straight, (ports.knee * (np.arctanh(ratio) - ratio)) @ turn, out=stage)
            within = inside.reshape(stage.shape[:2])
            change = np.abs(stage - before)[within].max(initial=0.0)
            if change <= ITERATION_ERROR * np.abs(stage)[within].max(initial=1e-3):
                rest = True
                break
        if not rest:
            return np.zeros_like(inside)
        return np.logical_and(inside, self._inside(stage))

    def _inside(self, stage: Array) -> NDArray[np.bool_]:
        """Tell where nothing is at a limit and nothing held, shape (C K,)."""
        flat = stage.reshape(-1, stage.shape[-1])
        # By columns first: that is far faster than by rows.
        if (flat.max(axis=0) <= self._high).all() and (flat.min(axis=0) >= self._low).all():
            return np.ones(len(flat), bool)
        within = (flat <= self._high) & (flat >= self._low)
        return np.asarray(within.all(axis=1))

    def _search(
        self, codes: Codes, member: NDArray[np.intp], injected: Array, sources: Array
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Find rests by the active set; return currents of the hold devices and what was found.

        Pieces ``codes`` and ``sources`` are filled in, see `find_rests`.
        """
        from amcspice.engine.dc import active_set

        ports = self.ports
        held, at_rest = np.empty(sources.shape), np.empty(len(sources), bool)
        drive = ports.drive(member, injected)
        stages = active_set.Stages(
            gain=ports.gain,
            offset=ports.offset,
            hold=ports.hold,
            lowest=ports.lowest,
            highest=ports.highest,
            rout=ports.rout,
            knee=ports.knee,
        )
        for first in range(0, len(sources), BATCH):
            part = slice(first, first + BATCH)
            active_set.find_rests(
                ports.by_source, ports.by_hold, drive[part], member[part], stages,
                ports.constrained, codes[part], sources[part], held[part], at_rest[part],
            )  # fmt: skip
        return held, at_rest

    def _check(
        self, codes: Codes, rows: NDArray[np.intp], at_rest: NDArray[np.bool_], per_circuit: int
    ) -> None:
        """Give up rests that are unstable, of circuits that are so with nothing at a limit.

        Or with everything clamped, which is where loops through clamped outputs are fastest.
        """
        unstable = ~self.stable
        if not unstable.any():
            return
        every = np.full((len(at_rest), len(self.ports.gain)), START)
        every[rows] = codes
        for number in np.flatnonzero(unstable):
            eq = self.piecewise.of_circuit(int(number)).arrays
            part = slice(number * per_circuit, (number + 1) * per_circuit)
            pieces, which = np.unique(every[part], axis=0, return_inverse=True)
            stable = np.array([growth(eq, code) < 0 for code in pieces])
            at_rest[part] &= stable[which.ravel()]

    def _from_zero(
        self, row: int, per_circuit: int, injected: Injected, lead: Callable[..., Array | None]
    ) -> tuple[Array | None, Codes]:
        """Return what a trajectory from zero leads to, None if that is not known, and its pieces.

        Parameters
        ----------
        row : int
            Number of the right-hand side.
        each : int
            Right-hand sides of every circuit.
        injected : Injected
        lead : callable
            `grown_rest` or `followed_rest`.
        """
        member, at = np.array([row // per_circuit]), np.array([row % per_circuit])
        into = injected.rows(member, at)
        pieces = np.full((1, len(self.ports.gain)), START)

        def search(code: Codes) -> Array | None:
            pieces[0], sources = code, np.zeros((1, len(code)))
            _, at_rest = self._search(pieces, member, into, sources)
            code[:] = pieces[0]
            return sources[0] if at_rest[0] else None

        return lead(self.piecewise.of_circuit(row // per_circuit), into[0], search), pieces[0]


def _inverse(matrices: Array) -> Array:
    """Invert matrices (C, k, k); nan for those that are singular."""
    try:
        return np.asarray(np.linalg.inv(matrices))
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.full(matrices.shape, np.nan)
    return np.concatenate([_inverse(matrix[None]) for matrix in matrices])
