"""`LowRankStudy`: whether low-rank products help, with all that may be chosen.

The fields are options of ``amcspice lowrank``, and parameters of sweeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from amcspice.algorithm.low_rank.matrix import LowRank
from amcspice.algorithm.low_rank.trial import LowRankTrial, simulate
from amcspice.algorithm.system import Figures, Point, System
from amcspice.device import Hardware
from amcspice.errors import InputError, UnsupportedError
from amcspice.schema import parameters

__all__ = ["LowRankStudy"]


@parameters
class LowRankStudy(System):
    """How a low-rank product is planned, drawn and run.

    Raises
    ------
    InputError
        If values do not fit together.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> from amcspice.algorithm.low_rank import LowRankStudy
    >>> A = np.exp(-(np.subtract.outer(np.arange(32), np.arange(32)) / 9.0) ** 2)
    >>> hardware = amc.Hardware(device=amc.Memristor(write_noise=0.05))
    >>> LowRankStudy(rank=4).of(A, hardware).plan().helps
    True
    """

    name: ClassVar[str] = "lowrank"
    asks: ClassVar[str | None] = "mvm"
    metrics: ClassVar[Mapping[str, str]] = {
        "helps": "",
        "rank": "",
        "first_copies": "",
        "second_copies": "",
        "lowrank_error": "",
        "baseline_error": "",
        "break_even_write_noise": "",
        "cells": "",
        "baseline_cells": "",
        "drawn_lowrank_error": "",
        "drawn_baseline_error": "",
        "run_helps": "",
        "run_lowrank_error": "",
        "run_baseline_error": "",
        "settled": "",
        "settling_time_s": "s",
        "baseline_settling_time_s": "s",
        "amplifiers": "",
        "baseline_amplifiers": "",
    }
    """Those of the plan, ``drawn`` with ``draws``, and the rest, from ``run_helps`` on, with
    ``simulate``; the baseline is one array.  A break-even that there is none of is nan.
    """
    higher_is_better: ClassVar[tuple[str, ...]] = ("helps", "run_helps")

    rank: Annotated[int | None, Field(ge=1, description="Of the factors; default: the best.")] = (
        None
    )
    first_copies: Annotated[
        int | None,
        Field(ge=1, description="Copies of the array of the first step; default: as cells allow."),
    ] = None
    second_copies: Annotated[
        int | None, Field(ge=1, description="The same of the second step; give both or none.")
    ] = None
    cells: Annotated[
        int | None, Field(ge=1, description="Cells for both factors; default: those of one array.")
    ] = None
    factors: Annotated[
        Literal["svd", "nmf"],
        Field(description="Singular vectors, or non-negative factors of a non-negative matrix."),
    ] = "svd"
    draws: Annotated[
        int | None,
        Field(ge=2, description="Monte Carlo of the cells alone: so many draws of both ways."),
    ] = None
    simulate: Annotated[bool, Field(description="Run both ways on circuits.")] = False
    inputs: Annotated[
        int | None,
        Field(ge=1, description="Orthogonal inputs of such a run; default: as many as there are."),
    ] = None

    def __post_init__(self) -> None:
        if (self.first_copies is None) != (self.second_copies is None):
            raise InputError("first_copies, second_copies: give both, or none")
        if self.inputs is not None and not self.simulate:
            raise InputError("inputs: of a run; give simulate, too")

    def of(self, matrix: ArrayLike, hardware: Hardware) -> LowRank:
        """Return the low-rank product of a matrix with these choices.

        Raises
        ------
        InputError
            See `LowRank`.
        """
        copies = None
        if self.first_copies is not None and self.second_copies is not None:
            copies = self.first_copies, self.second_copies
        return LowRank(
            matrix, rank=self.rank, repeats=copies, cells=self.cells, factors=self.factors,
            hardware=hardware,
        )  # fmt: skip

    def run(self, point: Point) -> Figures:
        """Plan a point, and draw and run it where that was asked for; see `System.run`."""
        if point.circuit_options:
            name = min(point.circuit_options)
            raise UnsupportedError(f"{name}: a low-rank product sets it itself")
        low = self.of(point.matrix(), point.hardware())
        plan = low.plan()
        level = plan.break_even_write_noise
        figures: dict[str, Any] = {
            "helps": plan.helps,
            "rank": plan.rank,
            "first_copies": plan.repeats[0],
            "second_copies": plan.repeats[1],
            "lowrank_error": plan.error,
            "baseline_error": plan.baseline_error,
            "break_even_write_noise": np.nan if level is None else level,
            "cells": plan.cells,
            "baseline_cells": plan.baseline_cells,
        }
        if self.draws is not None:
            drawn = low.draw(self.draws, seed=point["seed"]).to_json()
            figures["drawn_lowrank_error"] = drawn["error"]
            figures["drawn_baseline_error"] = drawn["baseline_error"]
        if self.simulate:
            product = low.program(point.chip)
            single = point.new_chip()
            figures |= _of_run(simulate(low.matrix, product, single, self.inputs, point["seed"]))
        return figures


def _of_run(trial: LowRankTrial) -> dict[str, Any]:
    two_steps, one_array = trial.two_steps, trial.one_array
    return {
        "run_helps": trial.helps,
        "run_lowrank_error": two_steps.error,
        "run_baseline_error": one_array.error,
        "settled": min(two_steps.settled, one_array.settled),
        "settling_time_s": two_steps.settling_time,
        "baseline_settling_time_s": one_array.settling_time,
        "amplifiers": two_steps.amplifiers,
        "baseline_amplifiers": one_array.amplifiers,
    }
