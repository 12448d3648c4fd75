"""`ChipState`: what the matrices of a chip share: hardware, account, time, ranges."""

from __future__ import annotations

import contextlib
import numbers
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.device import Hardware, split_hardware
from amcspice.device.hardware import hardware_names
from amcspice.engine import Analysis, choose_analysis, split_options
from amcspice.errors import InputError, did_you_mean
from amcspice.pool import Pool
from amcspice.problem import PROBLEMS
from amcspice.system.ledger import Ledger
from amcspice.system.prediction import Prediction
from amcspice.system.record import Record
from amcspice.system.technology import Technology
from amcspice.system.work import Estimate

__all__ = ["ChipState", "RangeChoice"]

RangeChoice = Literal["predicted", "reference"]


class ChipState:
    """What the matrices of a chip share; parameters are those of `amcspice.Chip`.

    Attributes
    ----------
    matrices : list
        Programmed matrices, in the order in which they were made.
    """

    def __init__(
        self,
        hardware: Hardware | None = None,
        *,
        fidelity: str = "dc",
        seed: int | None = None,
        technology: str | Technology | None = None,
        range: RangeChoice | float = "predicted",
        cost_sample: int = 32,
        noise: bool = False,
        jobs: int | Pool = 1,
        **options: Any,
    ) -> None:
        fields, others = split_options(options)
        given = {} if hardware is None else {"hardware": hardware}
        parts, unknown = split_hardware({**given, **others})
        if unknown:
            names = [*hardware_names(), *Analysis.__dataclass_fields__]
            raise InputError(f"Chip: {did_you_mean(sorted(unknown)[0], names)}")
        made = Hardware(**parts)
        if hardware is not None:
            made = replace(made, technology=hardware.technology)
        if seed is not None:
            made = made.changed(seed=seed, mismatch_seed=seed)
        count: Any = cost_sample
        if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < 0:
            raise InputError(f"cost_sample = {cost_sample!r}: must be a whole number, not negative")
        asked: Any = range
        number = isinstance(asked, numbers.Real) and not isinstance(asked, bool)
        if not number and asked not in ("predicted", "reference"):
            raise InputError(
                f"range = {range!r}: must be predicted, reference or a number of volts"
            )
        if not isinstance(noise, bool):
            raise InputError(f"noise = {noise!r}: must be true or false")
        self.hardware = made
        self.range = range
        fixed = {"range": float(range)} if not isinstance(range, str) else {}
        self.analysis = choose_analysis(None, {"fidelity": fidelity, **fields, **fixed})
        self.technology = Technology.load(technology or made.technology)
        self.cost_sample, self.noise = int(cost_sample), noise
        self.pool = jobs if isinstance(jobs, Pool) else None if jobs == 1 else Pool(jobs)
        self.ledger = Ledger()
        self.now = 0.0
        self.temperature: float | None = None
        self.matrices: list[Any] = []
        self.kept_estimates: dict[tuple[int, str], Estimate] = {}
        self.watch: Callable[[str], None] | None = None
        """Is told what begins, in words: programs take long and are of unknown length."""
        self._record = Record()
        self._modes_made = 0

    def noise_seed(self, seed: int, problem: int) -> tuple[int, ...] | None:
        """Return the seed of a circuit's noise, another one every time; None if there is none."""
        self._modes_made += 1
        return (seed, problem, self._modes_made) if self.noise else None

    @contextlib.contextmanager
    def entering(self) -> Iterator[None]:
        """Enter everything that happens in a block, or nothing if it fails or is interrupted."""
        kept, self.ledger = self.ledger, Ledger()
        try:
            yield
        except BaseException:
            self.ledger = kept
            raise
        made, self.ledger = self.ledger, kept
        kept.merge(made)

    # -- ranges ------------------------------------------------------------------------------

    @property
    def range_choice(self) -> str:
        """How ranges are chosen: predicted, reference or fixed."""
        return self.range if isinstance(self.range, str) else "fixed"

    @property
    def may_repeat(self) -> bool:
        """Whether an operation that saturates is repeated in half its range."""
        return isinstance(self.range, str)

    def volts(self, circuit: Circuit, vectors: Array, prediction: Prediction) -> Array:
        """Return the range in which each right-hand side is tried first, shape (K,)."""
        if not isinstance(self.range, str):
            circuit.in_range(float(self.range))  # refused where it is set for another one
            return np.full(len(vectors), float(self.range))
        if self.range == "predicted":
            return prediction.volts(vectors)
        answers = PROBLEMS.choose(circuit.problem).answer(circuit, vectors)
        read = self.analysis.read_voltage
        return np.array(
            [
                circuit.volts_per_unit(vectors[k : k + 1], answers[k : k + 1], read)
                for k in np.arange(len(vectors))
            ]
        )

    def record(self, circuit: Circuit, vectors: Array, volts: Array) -> None:
        """Keep operations for `deck`."""
        self._record.add(circuit, vectors, volts)
