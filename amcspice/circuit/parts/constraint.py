"""What a circuit is asked to hold its solution to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from amcspice.schema import Quantity, parameters

__all__ = ["Constraint", "NonNegative", "Unconstrained"]


@parameters
class Unconstrained:
    """Least squares without constraint.

    Examples
    --------
    >>> import amcspice as amc
    >>> A, b = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], [1.0, 0.0, -1.0]
    >>> circuit = amc.CompactGINV(A, constraint=amc.Unconstrained())
    >>> amc.simulate(circuit, b, fidelity="dc").x.round(2)
    array([ 1., -1.])
    """


@parameters
class NonNegative:
    """Solution held at or above zero by the output range of the amplifiers.

    Examples
    --------
    >>> import amcspice as amc
    >>> A, b = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], [1.0, 0.0, -1.0]
    >>> for constraint in (amc.Unconstrained(), amc.NonNegative()):
    ...     circuit = amc.ClassicGINV(A, constraint=constraint)
    ...     print(amc.simulate(circuit, b, fidelity="dc").x.round(3) + 0)
    [ 1. -1.]
    [0.5 0. ]
    """

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
