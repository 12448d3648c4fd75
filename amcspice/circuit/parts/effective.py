"""What a wired array applies between the lines that drive it and those that sense it.

With Y the conductance matrix of its terminals, and sensed lines s at virtual ground, driven lines
d send E = -Y_sd into them.  Where lines end at both inputs of an amplifier, s and p, both rest at
one voltage u, and no current leaves the line p:

    Y_pd d + (Y_pp + Y_ps) u = 0,    E = -Y_sd + (Y_ss + Y_sp + c) (Y_pp + Y_ps)^-1 Y_pd,

with c what else hangs on the line s.  Infinite gain is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amcspice.circuit.base import Array
from amcspice.circuit.network import Network, Nodes
from amcspice.circuit.parts.differential import DifferentialLines, column_compensation, parts
from amcspice.circuit.parts.predistortion import Arrays
from amcspice.crossbar import Crossbar, CrossbarReduction
from amcspice.device import Cell

__all__ = ["DrivenColumns", "InvertedColumns", "SensedColumns"]


@dataclass(frozen=True)
class DrivenColumns(Arrays):
    """Bit lines are driven, word lines end at amplifiers; see `DifferentialLines`.

    Parameters
    ----------
    extra : float or tuple of float, length m
        What else hangs on the inverting lines [S].
    compensation : bool
        Whether the totals of both lines of a row are made equal.
    switch : float
        Resistance in series with every bit line, beside its driver [ohm].
    inverse : bool
        Whether the array is inverted: errors are predicted of the inverse then.
    diagonal : float
        Conductance from every driven line to the sensed line of the same number, beside the array;
        matched at its partner where totals are made equal [S].
    """

    extra: float | tuple[float, ...] = 0.0
    compensation: bool = True
    switch: float = 0.0
    inverse: bool = False
    diagonal: float = 0.0

    def lines(self, target: Array) -> tuple[int, int]:
        """Return the word lines and bit lines; see `Arrays`."""
        m, n = target.shape
        return (2 * m if (target < 0).any() else m), n

    def effective(
        self, targets: tuple[Array, ...], cells: Cell, scale: float = 1.0
    ) -> tuple[Array, ...]:
        """Return what the array applies; see `Arrays`."""
        (target,) = targets
        lines = self._lines(target, cells, scale)
        conductance = self._terminals(lines.cells, lines.lines, lines.grounded)
        rows = np.arange(len(lines.lines)).reshape(-1, len(target))
        driven = np.arange(len(lines.lines), len(conductance))
        beside, matched = self._beside(scale)
        return (_between(conductance, rows, driven, beside + matched, matched),)

    def _beside(self, scale: float) -> tuple[Array, float]:
        """Return what hangs on the sensed lines alone, and what on their partners as well [S]."""
        extra, diagonal = np.asarray(self.extra, float), scale * self.diagonal
        return (extra, diagonal) if self.compensation else (extra + diagonal, 0.0)

    def _lines(self, target: Array, cells: Cell, scale: float) -> DifferentialLines:
        beside, matched = self._beside(scale)
        return DifferentialLines.of(
            Network(),
            ("s", "p"),
            target,
            cells,
            cycle=0,
            arrays=(0, 1, 2),
            extra=beside,
            matched=matched,
            compensation=self.compensation,
        )

    def _terminals(self, cells: Array, rows: Nodes, grounded: Array) -> Array:
        crossbar = Crossbar.of(
            self.wire,
            cells,
            rows,
            np.arange(cells.shape[1]),
            row_lead=self.wire.termination,
            column_leads=(self.wire.driver or 0.0) + self.switch,
            row_ground=grounded,
        )
        return CrossbarReduction(crossbar).all_terminals

    def deviations(
        self,
        effective: tuple[Array, ...],
        targets: tuple[Array, ...],
        wanted: Array,
        scale: float = 1.0,
    ) -> tuple[float, float]:
        """Return predicted errors, of the inverse where it is one; see `Arrays`.

        A cell with variance s^2 changes an inverse T by -T_ki s T_jl, to first order.  Where the
        inverse would not be stable the error is infinite: modes are the eigenvalues of E over the
        totals of the rows.
        """
        if not self.inverse:
            return super().deviations(effective, targets, wanted)
        diagonal = scale * self.diagonal * np.eye(len(wanted))
        whole = effective[0] + diagonal
        totals = np.abs(targets[0]).sum(axis=1) + np.asarray(self.extra) + scale * self.diagonal
        if np.linalg.eigvals(whole / totals[:, None]).real.min() <= 0:
            return np.inf, np.inf
        inverse, aimed = np.linalg.inv(whole), np.linalg.inv(wanted + diagonal)
        size = float(np.linalg.norm(aimed))
        variance = self._variance(targets[0])
        cells = np.sum(inverse**2, axis=0) @ variance @ np.sum(inverse**2, axis=1)
        return float(np.linalg.norm(inverse - aimed)) / size, float(np.sqrt(cells)) / size


@dataclass(frozen=True)
class InvertedColumns(DrivenColumns):
    """The negative part on bit lines of its own, which inverters drive."""

    def lines(self, target: Array) -> tuple[int, int]:
        """Return the word lines and bit lines; see `Arrays`."""
        return _signed_columns(target)

    def effective(
        self, targets: tuple[Array, ...], cells: Cell, scale: float = 1.0
    ) -> tuple[Array, ...]:
        """Return what the array applies; see `Arrays`."""
        (target,) = targets
        if not (target < 0).any():
            return super().effective(targets, cells, scale)
        m, n = target.shape
        both = np.hstack([cells.program(part) for part in parts(target)])
        between = self._terminals(both, np.arange(m), np.zeros(m))[:m, m:]
        return (between[:, n:] - between[:, :n],)


@dataclass(frozen=True)
class SensedColumns(Arrays):
    """Word lines are driven, bit lines end at amplifiers that draw no current.

    Parameters
    ----------
    compensation : bool
        Whether both bit lines of a column carry the same.
    switch : float
        Resistance in series with every line [ohm].
    extra : float
        What else hangs on every bit line [S].
    """

    compensation: bool = True
    switch: float = 0.0
    extra: float = 0.0

    def lines(self, target: Array) -> tuple[int, int]:
        """Return the word lines and bit lines; see `Arrays`."""
        return _signed_columns(target)

    def effective(
        self, targets: tuple[Array, ...], cells: Cell, scale: float = 1.0
    ) -> tuple[Array, ...]:
        """Return what the array applies; see `Arrays`."""
        (target,) = targets
        m, n = target.shape
        positive, negative = (cells.program(part) for part in parts(target))
        signed = bool(negative.any())
        both = np.hstack([positive, negative]) if signed else positive
        crossbar = Crossbar.of(
            self.wire,
            both,
            np.arange(m),
            np.arange(both.shape[1]),
            row_lead=(self.wire.driver or 0.0) + self.switch,
            column_leads=(self.wire.termination or 0.0) + self.switch,
        )
        conductance = CrossbarReduction(crossbar).all_terminals
        columns = np.arange(m, len(conductance))
        if signed and self.compensation:
            conductance[columns, columns] += column_compensation(positive, negative)
        conductance[columns, columns] += self.extra
        return (_between(conductance, columns.reshape(-1, n), np.arange(m)).T,)


def _signed_columns(target: Array) -> tuple[int, int]:
    m, n = target.shape
    return m, (2 * n if (target < 0).any() else n)


def _between(
    conductance: Array, sensed: Nodes, driven: Nodes, extra: Array | float = 0.0, other: float = 0.0
) -> Array:
    """Return E for sensed lines s, or s and p, shape (1 or 2, k); see the module.

    ``extra`` hangs on lines s beside the array, ``other`` on lines p [S].
    """
    direct: Array = -conductance[np.ix_(sensed[0], driven)]
    if len(sensed) == 1:
        return direct
    both, own = _held(conductance, *sensed), _held(conductance, *sensed[::-1])
    both, own = both + extra * np.eye(len(both)), own + other * np.eye(len(both))
    shifted: Array = both @ np.linalg.solve(own, conductance[np.ix_(sensed[1], driven)])
    return direct + shifted


def _held(conductance: Array, at: Nodes, other: Nodes) -> Array:
    """Return the currents into lines whose partners have the same voltage, for one volt."""
    held: Array = conductance[np.ix_(at, at)] + conductance[np.ix_(at, other)]
    return held
