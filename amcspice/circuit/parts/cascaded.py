"""`CascadedCircuit`, what topologies have in common that are made of circuits in a row."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any, ClassVar

from amcspice.circuit.base import OUTPUT_USE, Array, Circuit, Swing
from amcspice.circuit.parts.cascade import Cascade, Question, Signal
from amcspice.device import Mapping

__all__ = ["CascadedCircuit"]


@dataclass(frozen=True, eq=False)
class CascadedCircuit(Circuit):
    """Circuits of which some drive others; see `Circuit` for the parameters."""

    signed: ClassVar[bool] = True
    predistorts: ClassVar[bool] = True

    @property
    @abc.abstractmethod
    def _cascade(self) -> tuple[Cascade, tuple[Signal, ...]]:
        """All circuits in their places, and the signals that the solution is made of."""

    @abc.abstractmethod
    def questions(self, vectors: Array, solutions: Array) -> dict[str, Question]:
        """Return what each circuit is asked, and its answer, for expected solutions.

        Parameters
        ----------
        vectors, solutions : ndarray, shapes (K, m) and (K, n)
            Of the whole.
        """

    @property
    def _mappings(self) -> tuple[Mapping, ...]:
        """How the matrices stand in their arrays."""
        return tuple(stage.circuit.mapping for stage in self._cascade[0].stages.values())

    def swing(self, vectors: Array, solutions: Array) -> Swing:
        """Return the largest voltages of all circuits; see `Circuit.swing`."""
        return self._cascade[0].swing(self.questions(vectors, solutions))

    def range_of(self, swing: Swing, read_voltage: float) -> float:
        """Leave room for the outputs of products, too, which no cell sees."""
        room = OUTPUT_USE * self.opamp.highest_output / (swing.outputs or 1.0)
        return min(super().range_of(swing, read_voltage), room)

    def describe(self) -> dict[str, Any]:
        """Return every parameter but the matrix, and how the circuits were designed."""
        circuits = {
            name: {
                "volts": stage.volts,
                **{
                    key: getattr(stage.circuit, key)
                    for key in ("input_conductance", "feedback")
                    if hasattr(stage.circuit, key)
                },
            }
            for name, stage in self._cascade[0].stages.items()
        }
        return {**super().describe(), "circuits": circuits}
