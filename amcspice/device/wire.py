"""Wire resistances and capacitances of a crossbar."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from amcspice.schema import Name, Quantity, parameters

__all__ = ["Wire"]


def _none_for_zero(value: Any) -> Any:
    """Take zero for an ideal line: a simulator silently replaces it by a value of its own."""
    return value or None


_IDEAL = AfterValidator(_none_for_zero)
_OHM, _FARAD = Quantity("ohm", (1e-6, 1e7)), Quantity("F", (1e-21, 1e-9))


@parameters
class Wire:
    """Resistances and capacitances of the lines of an array, and what is done against them.

    ``None`` and zero are an ideal connection, or no capacitance.

    Examples
    --------
    >>> import amcspice as amc
    >>> circuit = amc.INV([[2.0, 1.0], [1.0, 3.0]], wire=amc.Wire(row="10 ohm", column="10 ohm"))
    >>> amc.simulate(circuit, [3.0, 5.0], fidelity="dc").x.round(3)
    array([0.8  , 1.407])
    """

    row: Annotated[
        float | None,
        Field(
            ge=0,
            description="Resistance of one segment of a word line, between two neighbouring cells "
            "and between the terminal and the first cell.",
        ),
        _IDEAL,
        _OHM,
        Name("row_resistance", together="wire_resistance"),
    ] = None
    column: Annotated[
        float | None,
        Field(ge=0, description="Resistance of one segment of a bit line."),
        _IDEAL,
        _OHM,
        Name("column_resistance", together="wire_resistance"),
    ] = None
    driver: Annotated[
        float | None,
        Field(
            ge=0,
            description="Resistance in series with every line that is driven (by an amplifier or "
            "a source).",
        ),
        _IDEAL,
        _OHM,
        Name("driver_resistance"),
    ] = None
    termination: Annotated[
        float | None,
        Field(
            ge=0,
            description="Resistance in series with every line that is sensed (by the input of an "
            "amplifier).",
        ),
        _IDEAL,
        _OHM,
        Name("termination_resistance"),
    ] = None
    row_capacitance: Annotated[
        float | None,
        Field(ge=0, description="Capacitance of a word line to ground, at every crossing."),
        _IDEAL,
        _FARAD,
        Name(together="wire_capacitance"),
    ] = None
    column_capacitance: Annotated[
        float | None,
        Field(ge=0, description="Capacitance of a bit line to ground, at every crossing."),
        _IDEAL,
        _FARAD,
        Name(together="wire_capacitance"),
    ] = None
    capacitance: Annotated[
        Literal["lumped", "distributed"],
        Field(
            description="Where line capacitance stands: that of a whole line at its terminal, or "
            "at every crossing."
        ),
        Name("line_capacitance"),
    ] = "lumped"
    sections: Annotated[
        int,
        Field(
            ge=1,
            description="Order of the reduction of distributed capacitance: flat decks have a "
            "capacitor at every crossing, reduced ones and the equations this many a line (no "
            "more than it has crossings).",
        ),
    ] = 4
    predistort: Annotated[
        int,
        Field(
            ge=0,
            le=100,
            description="Steps of pre-distortion: conductances are corrected before they are "
            "programmed, so that the array behind its resistances applies what is wanted; the "
            "step with the least predicted error is kept.",
        ),
    ] = 0

    @property
    def resistive(self) -> bool:
        """True if a line, a driver or a termination has resistance."""
        return any((self.row, self.column, self.driver, self.termination))

    @property
    def ideal(self) -> bool:
        """True if neither resistance nor capacitance is modelled."""
        return self == Wire()
