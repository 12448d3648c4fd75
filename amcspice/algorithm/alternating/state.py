"""What one iteration of a factorisation hands to the next (`State`), also over a checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from amcspice.algorithm.alternating.factorisation import (
    Factorisation,
    Iteration,
    Scores,
    has_converged,
)
from amcspice.algorithm.alternating.task import FactorisationTask
from amcspice.circuit.base import Array
from amcspice.measure import Measurement
from amcspice.system.ledger import Ledger

__all__ = ["Factors", "State"]


@dataclass(frozen=True, eq=False)
class Factors:
    """A pair of factors after an iteration; H has a row for every column of V."""

    W: Array
    H: Array
    measured: Measurement
    provenance: dict[str, Any]
    ledger: Ledger
    reseeded: int


@dataclass(frozen=True, eq=False)
class State:
    """Everything that one iteration hands to the next; H has a row for every column of V."""

    W: Array
    H: Array
    digital_W: Array
    digital_H: Array
    measured: Measurement = field(default_factory=Measurement.blank)
    history: tuple[Iteration, ...] = ()
    scores: tuple[Scores, ...] = ()
    digital_scores: tuple[Scores, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)

    @classmethod
    def start(cls, task: FactorisationTask) -> State:
        """Draw W such that W H has the size of V for an H of about one; H is not used yet."""
        m, n = task.data.shape
        draw = np.random.default_rng(task.seed)
        W = draw.random((m, task.rank)) * 2 * task.data.mean / task.rank
        H = np.zeros((n, task.rank))
        return cls(W, H, W, H)

    def is_over(self, task: FactorisationTask) -> bool:
        """Tell whether there is nothing more to do."""
        return (
            len(self.history) >= task.iterations
            or not task.data.norm
            or has_converged(self.history, task.tolerance)
        )

    def after(self, task: FactorisationTask, analog: Factors, digital: Factors) -> State:
        """Return the state with one more iteration."""
        residual = task.data.relative_residual
        iteration = Iteration.of(
            analog.measured,
            relative_residual=residual(analog.W, analog.H),
            digital_relative_residual=residual(digital.W, digital.H),
            reseeded=analog.reseeded,
        )
        return State(
            W=analog.W,
            H=analog.H,
            digital_W=digital.W,
            digital_H=digital.H,
            measured=Measurement.join([self.measured, analog.measured]),
            history=(*self.history, iteration),
            scores=self.scores + task.scores(analog.W, analog.H),
            digital_scores=self.digital_scores + task.scores(digital.W, digital.H),
            provenance=analog.provenance or self.provenance,
            ledger=self.ledger.joined(analog.ledger),
        )

    def factorisation(self) -> Factorisation:
        """Return it as a result."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return Factorisation(**{**values, "H": self.H.T, "digital_H": self.digital_H.T})

    def to_checkpoint(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return arrays and plain values."""
        arrays = {name: getattr(self, name) for name in ("W", "H", "digital_W", "digital_H")}
        measured = {f"measured_{name}": a for name, a in self.measured.to_arrays().items()}
        values = {
            "history": [asdict(iteration) for iteration in self.history],
            "scores": self.scores,
            "digital_scores": self.digital_scores,
            "provenance": self.provenance,
            "ledger": self.ledger.to_json(),
        }
        return arrays | measured, values

    @classmethod
    def from_checkpoint(cls, arrays: dict[str, Array], values: dict[str, Any]) -> State:
        """Reverse `to_checkpoint`."""
        names = [name for name in arrays if name.startswith("measured_")]
        figures = {name.removeprefix("measured_"): arrays.pop(name) for name in names}
        return cls(
            **arrays,
            measured=Measurement.from_arrays(figures),
            history=tuple(Iteration(**figures) for figures in values["history"]),
            scores=tuple(values["scores"]),
            digital_scores=tuple(values["digital_scores"]),
            provenance=values["provenance"],
            ledger=Ledger.from_json(values["ledger"]),
        )
