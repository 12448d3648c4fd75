"""Cells: memristors whose conductance fades with their age."""

from typing import Annotated

import numpy as np
from pydantic import Field

from amcspice import Memristor
from amcspice.schema import Quantity, parameters


@parameters
class AgeingMemristor(Memristor):
    """A memristor that loses conductance as it gets older: g exp(-age / 1e9 s)."""

    age: Annotated[
        float, Field(ge=0, description="Time since the cell was made."), Quantity("s", (1, 1e10))
    ] = 0.0

    def read(self, written, array=0, cycle=0):
        return super().read(written, array, cycle) * np.exp(-self.age / 1e9)
