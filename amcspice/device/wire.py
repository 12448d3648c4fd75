"""Wire resistances and capacitances of a crossbar."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from amcspice.errors import parameters

__all__ = ["Wire"]

Positive = Annotated[float, Field(gt=0)] | None


@parameters
class Wire:
    """Resistances and capacitances of the lines of an array.

    ``None`` is an ideal connection, or no capacitance.  Zero is refused: a simulator silently
    replaces it by a value of its own.

    Parameters
    ----------
    row, column : float, optional
        One segment of a word line (row) or bit line (column), between two neighbouring cells
        and between the terminal and the first cell [ohm].
    driver : float, optional
        Resistance in series with every line that is driven (amplifier or source) [ohm].
    termination : float, optional
        Resistance in series with every line that is sensed (amplifier input) [ohm].
    row_capacitance, column_capacitance : float, optional
        Capacitance to ground of a word line or a bit line at every crossing [F].
    capacitance : {"lumped", "distributed"}
        Where it stands: that of a whole line at its terminal, or at every crossing.
    sections : int
        Order of the reduction of distributed capacitance: flat decks have a capacitor at every
        crossing, reduced ones and the equations this many a line (no more than it has
        crossings).  See `amcspice.circuit.capacitance`.
    """

    row: Positive = None
    column: Positive = None
    driver: Positive = None
    termination: Positive = None
    row_capacitance: Positive = None
    column_capacitance: Positive = None
    capacitance: Literal["lumped", "distributed"] = "lumped"
    sections: Annotated[int, Field(ge=1)] = 4

    @property
    def ideal(self) -> bool:
        """True if neither resistance nor capacitance is modelled."""
        return self == Wire()
