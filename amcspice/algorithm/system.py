"""`System`: a program on a chip that sweeps run by its name, with its parameters and figures."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from amcspice.circuit.base import Array
from amcspice.device import Hardware

if TYPE_CHECKING:
    from amcspice.system import Chip

__all__ = ["Figures", "Point", "System"]

Figures = Mapping[str, float | int | bool]
"""What was measured, by the names of metrics; nan is not known."""


class Point(Protocol):
    """What a system is asked: a point of a sweep."""

    @property
    def chip(self) -> Chip:
        """The chip of the point; what its ledger says is what the point costs."""
        ...

    def new_chip(self, fidelity: str | None = None) -> Chip:
        """Return another chip of the same hardware, which is in no account."""
        ...

    def hardware(self) -> Hardware:
        """Return cells, wires, amplifiers and converters."""
        ...

    def matrix(self) -> Array:
        """Return the matrix of the problem that the system asks, shape (m, n)."""
        ...

    def vectors(self, matrix: Array | None = None) -> Array:
        """Return the inputs that belong to it, a column each."""
        ...

    @property
    def circuit_options(self) -> dict[str, Any]:
        """Parameters of circuits that were given."""
        ...

    def __getitem__(self, name: str) -> Any:
        """Return a parameter."""
        ...


class System(abc.ABC):
    """A program on a chip: the fields are its parameters, `run` gives its metrics.

    A subclass is made with `amcspice.schema.parameters`.  It is registered under its name, which is
    a ``problem`` of sweeps; under the name of a single circuit's problem it is what a point runs
    where one of its parameters is given.
    """

    name: ClassVar[str]
    asks: ClassVar[str | None] = None
    """Problem whose matrix and inputs it takes; None: it makes what it needs by itself."""
    chosen_by: ClassVar[str | None] = None
    """Its parameter that asks for it under the name of the problem that it asks, too."""
    metrics: ClassVar[Mapping[str, str]]
    """Name and unit of everything that `run` may return."""
    higher_is_better: ClassVar[tuple[str, ...]] = ()
    """Metrics whose largest value is the best; of all others it is the least."""

    @abc.abstractmethod
    def run(self, point: Point) -> Figures:
        """Run a point and return what was measured of it.

        Raises
        ------
        InputError, SimulationError
            If that fails: the point is stored as failed.
        """
