"""The ideal backend: the algebraic answer, without cells, wires or amplifiers."""

from __future__ import annotations

from typing import ClassVar, NoReturn

from amcspice.circuit import Circuit
from amcspice.engine.backend import Backend, refuse_time
from amcspice.engine.batch import Batch
from amcspice.errors import UnsupportedError

__all__ = ["Ideal"]


class Ideal(Backend):
    """The algebraic answer."""

    name: ClassVar[str] = "ideal"
    title: ClassVar[str] = "the algebraic answer"
    simulates: ClassVar[bool] = False
    in_time: ClassVar[bool] = False

    def check(self, circuit: Circuit) -> None:
        """Refuse what needs time; see `Backend.check`."""
        refuse_time(circuit, self.analysis, self.name)

    def prepare(self, batch: Batch) -> NoReturn:
        """Refuse: there is nothing to run."""
        raise UnsupportedError("the ideal fidelity runs nothing: its answer is the problem's own")
