"""Wire resistances of a crossbar."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from amcspice.errors import parameters

__all__ = ["Wire"]

Resistance = Annotated[float, Field(gt=0)] | None


@parameters
class Wire:
    """Resistances of the lines of an array.

    ``None`` is an ideal connection.  Zero is refused: a simulator silently replaces it
    by a value of its own.

    Parameters
    ----------
    row, column : float, optional
        One segment of a word line (row) or bit line (column), between two neighbouring cells
        and between the terminal and the first cell [ohm].
    driver : float, optional
        In series at the terminal of every line that is driven (amplifier or source) [ohm].
    termination : float, optional
        In series at the terminal of every line that is sensed (amplifier input) [ohm].
    """

    row: Resistance = None
    column: Resistance = None
    driver: Resistance = None
    termination: Resistance = None

    @property
    def ideal(self) -> bool:
        """True if no resistance is modelled."""
        return self == Wire()
