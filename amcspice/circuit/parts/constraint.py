"""What a circuit is asked to hold its solution to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from amcspice.schema import Quantity, parameters

__all__ = ["Constraint", "NonNegative", "Unconstrained"]


@parameters
class Unconstrained:
    """Least squares without constraint."""


@parameters
class NonNegative:
    """Solution held at or above zero by the output range of the amplifiers."""

    hold: Annotated[
        bool | None,
        Field(
            description="Keep the column wire of an amplifier at zero at virtual ground by a "
            "one-way device into its output; none is the circuit's own default (compact: yes; "
            "classic: not needed)."
        ),
    ] = None
    hold_conductance: Annotated[
        float,
        Field(gt=0, description="Conductance of the one-way device when it conducts."),
        Quantity("S", (1e-6, 1e3)),
    ] = 0.1


Constraint = Unconstrained | NonNegative
