"""A system: a chip tests itself by its product of the identity with every unit vector."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from amcspice.algorithm import System
from amcspice.schema import parameters


@parameters
class SelfTest(System):
    """How far the product with the identity is from it."""

    name: ClassVar[str] = "self-test"
    metrics: ClassVar = {"test_error": "", "test_voltage_v": "V"}

    test_lines: Annotated[int, Field(ge=1, description="Lines of the array that is tested.")] = 4

    def run(self, point):
        identity = np.eye(self.test_lines)
        answers = point.chip.program(identity, "mvm").run(identity)
        return {
            "test_error": float(abs(answers.x - identity).max()),
            "test_voltage_v": float(abs(answers.operations.measurement.outputs).max()),
        }
