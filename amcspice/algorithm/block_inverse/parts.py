"""Blocks in arrays of a chip: programmed, and solved by substitution."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amcspice.algorithm.block_inverse.partition import Halves, Whole
from amcspice.circuit.base import Array
from amcspice.circuit.parts.order import Order
from amcspice.device.hardware import hardware_names
from amcspice.errors import InputError, UnstableError
from amcspice.system import Chip, Mend, ProgrammedMatrix

__all__ = ["Ask", "Part", "Programmer"]

NOTHING = 1e-100
"""Largest entry of a vector that no circuit can tell from zero."""

Ask = Callable[[ProgrammedMatrix, Array], Array]
"""Runs operations of a matrix on vectors (m, K); returns solutions (n, K)."""


class Part(abc.ABC):
    """A block that can be solved for."""

    size: int

    @abc.abstractmethod
    def solve(self, vectors: Array, ask: Ask) -> Array:
        """Return solutions (n, K) of right-hand sides (n, K); ``ask`` runs operations."""

    @abc.abstractmethod
    def programmed(self) -> Iterator[ProgrammedMatrix]:
        """Yield every matrix that stands in arrays."""

    @property
    @abc.abstractmethod
    def held(self) -> int:
        """Values between phases that must be held at once, where they stay analog."""


@dataclass(eq=False)
class Leaf(Part):
    """A block in arrays of its own."""

    arrays: ProgrammedMatrix
    order: Order
    size: int

    def solve(self, vectors: Array, ask: Ask) -> Array:
        return self.order.back(ask(self.arrays, _sent(self.order.sent(vectors))))

    def programmed(self) -> Iterator[ProgrammedMatrix]:
        yield self.arrays

    @property
    def held(self) -> int:
        return 0


@dataclass(eq=False)
class Node(Part):
    """A block in blocks; products that are all zero are left out."""

    first: Part
    upper: tuple[ProgrammedMatrix, ...]
    lower: tuple[ProgrammedMatrix, ...]
    schur: Part
    order: Order
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = self.first.size + self.schur.size

    def solve(self, vectors: Array, ask: Ask) -> Array:
        vectors = self.order.sent(vectors)
        f, g = vectors[: self.first.size], vectors[self.first.size :]
        if self.lower:
            g = g - _product(self.lower, self.first.solve(f, ask), ask)
        z = self.schur.solve(g, ask)
        if self.upper:
            f = f - _product(self.upper, z, ask)
        return self.order.back(np.concatenate([self.first.solve(f, ask), z]))

    def programmed(self) -> Iterator[ProgrammedMatrix]:
        yield from self.first.programmed()
        yield from (*self.upper, *self.lower)
        yield from self.schur.programmed()

    @property
    def held(self) -> int:
        # z and what goes into A1 stay while A1 is solved for; else y' and what A3 makes of it.
        return self.size + max(self.first.held, self.schur.held - self.first.size)


def _sent(vectors: Array) -> Array:
    """Return vectors (m, K) with columns that are nothing but the rest of a decay set to zero."""
    none = np.abs(vectors).max(axis=0, initial=0.0) < NOTHING
    return np.where(none, 0.0, vectors) if none.any() else vectors


def _product(arrays: Sequence[ProgrammedMatrix], vectors: Array, ask: Ask) -> Array:
    """Return the product with matrices that stand one above the other, in turn."""
    vectors = _sent(vectors)
    return np.concatenate([ask(each, vectors) for each in arrays])


def _calibrating(arrays: ProgrammedMatrix, vectors: Array) -> Array:
    """Run operations whose solutions calibrate the blocks that come after them."""
    solutions: Array = arrays.run(vectors, calibrates=True).x
    return solutions


@dataclass(frozen=True)
class Programmer:
    """Programs blocks into a chip, each calibrated by what those before it give.

    Parameters
    ----------
    chip : Chip
    size : int
        Rows of the largest array.
    largest_entry : float
        Entry that g_max stands for; 0 is that of each block.
    parameters : mapping
        Of the inverting circuits; those of hardware, of all circuits.
    held : sequence of ProgrammedMatrix
        Arrays that blocks are written into where they have them already.
    mend : callable, optional
        See `amcspice.Chip.program`; of the inverses.
    """

    chip: Chip
    size: int
    largest_entry: float
    parameters: Mapping[str, Any]
    held: Sequence[ProgrammedMatrix] = ()
    mend: Mend | None = None

    def program(self, block: Whole | Halves, vectors: Array) -> Part:
        """Program a block, calibrated by right-hand sides (n, K).

        Raises
        ------
        InputError, UnstableError
            If a block cannot be programmed; the message names it.
        """
        vectors = block.order.sent(vectors)
        if isinstance(block, Whole):
            return self._leaf(block, vectors)
        prefix = "" if block.name == "A" else f"{block.name}."
        f, g = vectors[: block.first.size], vectors[block.first.size :]
        first = self.program(block.first, f)
        lower: tuple[ProgrammedMatrix, ...] = ()
        upper: tuple[ProgrammedMatrix, ...] = ()
        if block.lower.any():
            solutions = first.solve(f, _calibrating)
            lower = self._products(block.lower, solutions, f"{prefix}A3")
            g = g - _product(lower, solutions, _calibrating)
        schur = self.program(block.schur, g)
        if block.upper.any():
            upper = self._products(block.upper, schur.solve(g, _calibrating), f"{prefix}A2")
        return Node(first, upper, lower, schur, block.order)

    def _leaf(self, block: Whole, vectors: Array) -> Leaf:
        try:
            arrays = self._write(
                block.matrix, "inv", vectors, block.name, self.parameters, self.mend
            )
        except UnstableError as error:
            raise UnstableError(f"block {block.name}: {error}") from None
        except InputError as error:
            raise InputError(f"block {block.name}: {error}") from None
        return Leaf(arrays, block.order, block.size)

    def _products(self, block: Array, vectors: Array, name: str) -> tuple[ProgrammedMatrix, ...]:
        """Program a product, as many rows at a time as there are amplifiers for a block."""
        firsts = range(0, len(block), self.size)
        hardware = {
            name: self.parameters[name] for name in hardware_names() & self.parameters.keys()
        }
        return tuple(
            self._write(
                block[first : first + self.size], "mvm", vectors,
                name if len(firsts) == 1 else f"{name}[{number}]", hardware,
            )
            for number, first in enumerate(firsts)
        )  # fmt: skip

    def _write(
        self,
        matrix: Array,
        problem: str,
        vectors: Array,
        label: str,
        parameters: Mapping[str, Any],
        mend: Mend | None = None,
    ) -> ProgrammedMatrix:
        """Write a matrix into the arrays that hold its like, or into new ones."""
        options = {"largest_entry": self.largest_entry, **parameters}
        for each in self.held:
            alike = (each.problem, each.label, each.matrix.shape) == (problem, label, matrix.shape)
            if alike and each.arrays.parameters == options and each.takes(matrix):
                each.program(matrix, calibration=vectors, mend=mend)
                return each
        return self.chip.program(
            matrix, problem, calibration=vectors, label=label, mend=mend, **options
        )
