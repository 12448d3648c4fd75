"""Both ways side by side, on circuits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from amcspice.algorithm.low_rank.product import Averaged, LowRankProduct, orthogonal_inputs
from amcspice.circuit.base import Array
from amcspice.system import Answers, Chip

__all__ = ["LowRankTrial", "Way", "simulate"]


@dataclass(frozen=True, eq=False)
class Way:
    """What products took, in two steps or in one.

    Parameters
    ----------
    error : float
        Root of the summed square errors over that of the expected ``|A x|^2``.
    settled : float
        Fraction of the operations that came to rest.
    settling_time : float
        Of all steps, each the slowest of all inputs [s]; nan where there is no time.
    amplifiers, cells : int
        Of all arrays; cells with those that compensate word lines.
    chip : Chip
        Whose ledger has what everything took, writing and calibration too.
    cautions : tuple of str
    """

    error: float
    settled: float
    settling_time: float
    amplifiers: int
    cells: int
    chip: Chip
    cautions: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "error": self.error,
            "settled": self.settled,
            "settling_time_s": self.settling_time,
            "amplifiers": self.amplifiers,
            "cells": self.cells,
            "cautions": list(self.cautions),
        }


@dataclass(frozen=True, eq=False)
class LowRankTrial:
    """Both ways on circuits of the same hardware, with the same inputs.

    Parameters
    ----------
    two_steps, one_array : Way
    inputs : int
    fidelity : str
    """

    two_steps: Way
    one_array: Way
    inputs: int
    fidelity: str

    @property
    def helps(self) -> bool:
        """Whether these cells were better in two steps."""
        return self.two_steps.error < self.one_array.error

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "helps": self.helps,
            "fidelity": self.fidelity,
            "inputs": self.inputs,
            "two_steps": self.two_steps.to_json(),
            "one_array": self.one_array.to_json(),
        }


def simulate(
    matrix: Array, product: LowRankProduct, chip: Chip, count: int | None, seed: int
) -> LowRankTrial:
    """Run a programmed product, and one array on another chip; see `LowRank.simulate`."""
    inputs = orthogonal_inputs(matrix.shape[1], count, seed)
    array = Averaged.program(chip, matrix, 1, inputs[:, :16], "one array")
    count = inputs.shape[1]
    # With fewer inputs the realised |A x|^2 would be a matter of luck where the spectrum is steep.
    expected = float((matrix**2).sum()) * count / matrix.shape[1]

    def way(chip: Chip, arrays: list[Averaged], steps: list[Answers]) -> Way:
        circuits = [each.arrays.circuit() for each in arrays]
        off = ((steps[-1].x - matrix @ inputs) ** 2).sum()
        return Way(
            error=float(np.sqrt(off / expected)),
            settled=float(np.mean([step.settled for step in steps])),
            settling_time=float(sum(np.max(step.settling_time) for step in steps)),
            amplifiers=sum(circuit.amplifier_count for circuit in circuits),
            cells=sum(circuit.schematic.cells for circuit in circuits),
            chip=chip,
            cautions=tuple(caution for step in steps for caution in step.cautions),
        )

    return LowRankTrial(
        two_steps=way(product.chip, [product.first, product.second], [*product.run(inputs)]),
        one_array=way(chip, [array], [array.run(inputs)]),
        inputs=count,
        fidelity=chip.analysis.fidelity,
    )
