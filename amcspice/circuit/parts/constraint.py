"""What a circuit is asked to hold its solution to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from amcspice.errors import parameters

__all__ = ["Constraint", "NonNegative", "Unconstrained"]


@parameters
class Unconstrained:
    """Least squares without constraint."""


@parameters
class NonNegative:
    """Solution held at or above zero by the output range of the amplifiers.

    Parameters
    ----------
    hold : bool, optional
        Keep the column wire of an amplifier at zero at virtual ground by a one-way device into
        its output; None is the circuit's own default (compact: yes; classic: not needed).
    hold_conductance : float
        Conductance of the one-way device when it conducts [S].
    """

    hold: bool | None = None
    hold_conductance: Annotated[float, Field(gt=0)] = 0.1


Constraint = Unconstrained | NonNegative
