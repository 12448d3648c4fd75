"""The feedback of transimpedance amplifiers, a parameter of every circuit that has them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from amcspice.schema import Quantity

__all__ = ["Feedback"]

Feedback = Annotated[
    float,
    Field(
        gt=0,
        description="Conductance of every transimpedance amplifier, as a multiple of g_max.",
    ),
    Quantity("", (1e-4, 1e4)),
]
