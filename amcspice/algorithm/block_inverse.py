"""Linear systems in blocks: inverses and products of parts, on arrays of a chip.

With ``A = [A1 A2; A3 A4]``, ``b = [f; g]`` and the Schur complement ``S = A4 - A3 A1^-1 A2``,

    y' = A1^-1 f;   z = S^-1 (g - A3 y');   y = A1^-1 (f - A2 z),   x = [y; z]:

three inverses and two products, in phases that follow each other; A1 and S may be blocked again.
S is formed digitally, which the ledger counts: it is most of the work of an LU decomposition, and
pays where many right-hand sides share a matrix.  All blocks stand on one scale, unless each is
asked to have its own: only on one do wires disturb a block as they disturb an array of its size.

Pan et al., arXiv 2401.10042, name it BlockAMC.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from amcspice.circuit import as_matrix, as_vectors
from amcspice.circuit.base import Array, are_complex
from amcspice.circuit.parts.fixed_diagonal import FixedDiagonal
from amcspice.device.hardware import hardware_names
from amcspice.errors import InputError, UnstableError
from amcspice.measure import Measurement
from amcspice.problem.complex_form import as_complex_matrix, complex_form, join_parts
from amcspice.system import Answers, Chip, ProgrammedMatrix
from amcspice.system.prediction import CALIBRATIONS

__all__ = ["BlockInverse", "BlockPhase"]

CONDITION = 1e8
"""Condition number from which on a leading block counts as singular."""

Ask = Callable[[ProgrammedMatrix, Array], Array]
"""Runs operations of a matrix on vectors (m, K); returns solutions (n, K)."""


@dataclass(frozen=True)
class BlockPhase:
    """One operation of a block solution.

    Parameters
    ----------
    operation : {"inv", "mvm"}
    block : str
        Such as ``A1`` or ``S.A2``.
    settling_time : float
        Largest of all right-hand sides [s]; nan where there is no time.
    voltage : float
        Largest output [V].
    repeats : int
        Of all right-hand sides, because something saturated.
    """

    operation: str
    block: str
    settling_time: float
    voltage: float
    repeats: int


class _Part(abc.ABC):
    """A block that can be solved for."""

    size: int

    @abc.abstractmethod
    def solve(self, vectors: Array, ask: Ask) -> Array:
        """Return solutions (n, K) of right-hand sides (n, K); ``ask`` runs operations."""

    @abc.abstractmethod
    def programmed(self) -> Iterator[ProgrammedMatrix]:
        """Yield every matrix that stands in arrays."""


@dataclass(eq=False)
class _Leaf(_Part):
    """A block in arrays of its own."""

    arrays: ProgrammedMatrix
    size: int

    def solve(self, vectors: Array, ask: Ask) -> Array:
        return ask(self.arrays, vectors)

    def programmed(self) -> Iterator[ProgrammedMatrix]:
        yield self.arrays


@dataclass(eq=False)
class _Node(_Part):
    """A block in blocks; products that are all zero are left out."""

    first: _Part
    upper: tuple[ProgrammedMatrix, ...]
    lower: tuple[ProgrammedMatrix, ...]
    schur: _Part
    order: NDArray[np.intp]
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = self.first.size + self.schur.size

    def solve(self, vectors: Array, ask: Ask) -> Array:
        vectors = vectors[self.order]
        f, g = vectors[: self.first.size], vectors[self.first.size :]
        if self.lower:
            g = g - _product(self.lower, self.first.solve(f, ask), ask)
        z = self.schur.solve(g, ask)
        if self.upper:
            f = f - _product(self.upper, z, ask)
        solution = np.empty_like(vectors)
        solution[self.order] = np.concatenate([self.first.solve(f, ask), z])
        return solution

    def programmed(self) -> Iterator[ProgrammedMatrix]:
        yield from self.first.programmed()
        yield from (*self.upper, *self.lower)
        yield from self.schur.programmed()


def _product(arrays: Sequence[ProgrammedMatrix], vectors: Array, ask: Ask) -> Array:
    """Return the product with matrices that stand one above the other, in turn."""
    return np.concatenate([ask(each, vectors) for each in arrays])


def _calibrating(arrays: ProgrammedMatrix, vectors: Array) -> Array:
    """Run operations whose solutions calibrate the blocks that come after them."""
    solutions: Array = arrays.run(vectors).x
    return solutions


def _looking(arrays: ProgrammedMatrix, vectors: Array) -> Array:
    """Return what operations would give, in no account."""
    solutions: Array = arrays.look(vectors)
    return solutions


def _phase(arrays: ProgrammedMatrix, answers: Answers) -> BlockPhase:
    made = answers.operations
    times = made.measurement.settling_time
    return BlockPhase(
        arrays.problem,
        arrays.label,
        float(np.nanmax(times)) if np.isfinite(times).any() else float("nan"),
        float(np.abs(made.measurement.outputs).max()),
        int(made.repeats.sum()),
    )


class BlockInverse:
    """The inverse of a matrix in blocks, programmed into arrays of a chip.

    Parameters
    ----------
    chip : Chip
    matrix : array_like, shape (n, n)
        Complex too, by its real form.
    stages : int, optional
        How often blocks are halved; 0 is a single array.
    array_size : int, optional
        In the place of stages: halved until no block is larger.
    own_scale : bool
        Every block uses the whole range of conductances, instead of one scale for all.
    calibration : array_like, shape (n, K), optional
        Right-hand sides like those to come, see `amcspice.Chip.program`.
    **parameters
        Of the inverting circuits, such as ``diagonal="fixed"``; those of hardware, such as
        ``predistort``, of all circuits.

    Attributes
    ----------
    phases : tuple of BlockPhase
        Of the last solution.
    measurements : tuple of Measurement
        What was measured in each of them, an entry a right-hand side.

    Raises
    ------
    InputError
        If the matrix cannot be used, or a block has no inverse that circuits can settle to, in the
        order of the rows that was given or in a better one; the message names the block.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> from amcspice.algorithm import BlockInverse
    >>> A = np.eye(6) + 0.1
    >>> inverse = BlockInverse(amc.Chip(gain=1e9), A, stages=1)
    >>> bool(abs(A @ inverse.solve(np.ones(6)) - 1).max() < 1e-5)
    True
    """

    def __init__(
        self,
        chip: Chip,
        matrix: ArrayLike,
        *,
        stages: int | None = None,
        array_size: int | None = None,
        own_scale: bool = False,
        calibration: ArrayLike | None = None,
        **parameters: Any,
    ) -> None:
        self.chip = chip
        self.phases: tuple[BlockPhase, ...] = ()
        self.measurements: tuple[Measurement, ...] = ()
        self._complex = are_complex(matrix)
        if self._complex:
            self._given = as_complex_matrix(matrix)
            matrix = complex_form("inv", matrix, None, {}).matrix
        values = as_matrix(matrix)
        if values.shape[0] != values.shape[1]:
            raise InputError(f"matrix: {values.shape}: a linear system needs a square one")
        self.matrix, self._parameters = values, parameters
        self._hardware = {name: parameters[name] for name in parameters if name in hardware_names()}
        self._largest_entry = 0.0 if own_scale else _largest_in_cells(values, parameters)
        size = _leaf_size(len(values), stages, array_size)
        if calibration is None:
            draw = np.random.default_rng([chip.hardware.device.seed, len(values)])
            vectors: Array = draw.uniform(-1.0, 1.0, (len(values), CALIBRATIONS))
        else:
            vectors = self._vectors(calibration)[:, :CALIBRATIONS]
        self._root = self._made(values, size, vectors, "")

    # -- programming ---------------------------------------------------------------------------

    def _made(self, block: Array, size: int, vectors: Array, name: str) -> _Part:
        """Program a block, calibrated by right-hand sides (n, K)."""
        if len(block) <= size:
            return self._leaf(block, vectors, name)
        half = (len(block) + 1) // 2
        order = _order(block, half)
        if order is None:
            raise InputError(
                f"block {name or 'A'}: no {half} of its {len(block)} rows and columns that were "
                "tried make a leading block that circuits can invert: take a single array, or "
                "another order of rows"
            )
        ordered = block[np.ix_(order, order)]
        A1, A2 = ordered[:half, :half], ordered[:half, half:]
        A3, A4 = ordered[half:, :half], ordered[half:, half:]
        f, g = vectors[order][:half], vectors[order][half:]
        prefix = f"{name}." if name else ""
        first = self._made(A1, size, f, f"{prefix}A1")
        inner = scipy.linalg.solve(A1, A2)
        self.chip.ledger.compute(
            f"Schur complement of {name or 'A'}", _schur_flops(half, len(block) - half)
        )
        lower: tuple[ProgrammedMatrix, ...] = ()
        upper: tuple[ProgrammedMatrix, ...] = ()
        if A3.any():
            found = first.solve(f, _calibrating)
            lower = self._products(A3, size, found, f"{prefix}A3")
            g = g - _product(lower, found, _calibrating)
        schur = self._made(A4 - A3 @ inner, size, g, f"{prefix}S")
        if A2.any():
            upper = self._products(A2, size, schur.solve(g, _calibrating), f"{prefix}A2")
        return _Node(first, upper, lower, schur, order)

    def _leaf(self, block: Array, vectors: Array, name: str) -> _Leaf:
        label = name or "A"
        try:
            arrays = self.chip.program(
                block, "inv", calibration=vectors, label=label, largest_entry=self._largest_entry,
                **self._parameters,
            )  # fmt: skip
        except UnstableError as error:
            raise UnstableError(f"block {label}: {error}") from None
        except InputError as error:
            raise InputError(f"block {label}: {error}") from None
        return _Leaf(arrays, len(block))

    def _products(
        self, block: Array, size: int, vectors: Array, name: str
    ) -> tuple[ProgrammedMatrix, ...]:
        """Program a product, as many rows at a time as there are amplifiers for a block."""
        firsts = range(0, len(block), size)
        return tuple(
            self.chip.program(
                block[first : first + size], "mvm", calibration=vectors,
                label=name if len(firsts) == 1 else f"{name}[{number}]",
                largest_entry=self._largest_entry, **self._hardware,
            )
            for number, first in enumerate(firsts)
        )  # fmt: skip

    # -- solving -------------------------------------------------------------------------------

    def _vectors(self, b: ArrayLike) -> Array:
        """Return right-hand sides (n, K), real."""
        if self._complex:
            form = complex_form("inv", self._given, b, {})
            assert form.vectors is not None
            b = form.vectors
        elif are_complex(b):
            raise InputError("right-hand side: complex, but the matrix is real")
        return as_vectors(b, len(self.matrix)).T

    def solve(self, b: ArrayLike) -> Any:
        """Return solutions of right-hand sides (n,) or (n, K).

        Raises
        ------
        InputError
            If they do not fit.
        """
        phases: list[BlockPhase] = []
        measured: list[Measurement] = []

        def ask(arrays: ProgrammedMatrix, vectors: Array) -> Array:
            answers = arrays.run(vectors)
            phases.append(_phase(arrays, answers))
            measured.append(answers.operations.measurement)
            found: Array = answers.x
            return found

        solutions: Any = self._root.solve(self._vectors(b), ask)
        self.phases, self.measurements = tuple(phases), tuple(measured)
        if self._complex:
            solutions = join_parts(solutions.T).T
        return solutions[:, 0] if np.ndim(b) == 1 else solutions

    @property
    def arrays(self) -> tuple[ProgrammedMatrix, ...]:
        """Every matrix that was programmed."""
        return tuple(self._root.programmed())

    def transfer(self) -> Array:
        """Return what it applies to right-hand sides, shape (n, n), real: ``x = T b``.

        It is worked out by solving for every unit vector, without the account.
        """
        return self._root.solve(np.eye(len(self.matrix)), _looking)

    def counts(self) -> dict[str, int]:
        """Return the hardware with one bank of amplifiers that all blocks share, and unrolled.

        Returns
        -------
        dict
            ``amplifiers`` and ``amplifiers_unrolled``, ``cells`` and ``cells_unrolled`` (A1 stands
            twice there, as nothing is used twice), ``phases``.
        """
        asked: list[ProgrammedMatrix] = []

        def ask(arrays: ProgrammedMatrix, vectors: Array) -> Array:
            asked.append(arrays)
            rows = arrays.matrix.shape[0 if arrays.problem == "mvm" else 1]
            return np.zeros((rows, vectors.shape[1]))

        self._root.solve(np.zeros((len(self.matrix), 1)), ask)
        circuits = {each.ident: each.circuit() for each in self.arrays}
        unrolled = [circuits[each.ident] for each in asked]
        return {
            "amplifiers": max(circuit.amplifier_count for circuit in circuits.values()),
            "amplifiers_unrolled": sum(circuit.amplifier_count for circuit in unrolled),
            "cells": sum(circuit.schematic.cells for circuit in circuits.values()),
            "cells_unrolled": sum(circuit.schematic.cells for circuit in unrolled),
            "phases": len(asked),
        }


def _largest_in_cells(matrix: Array, parameters: Mapping[str, Any]) -> float:
    """Return the largest entry that one array of all of it would program."""
    if parameters.get("diagonal") == "fixed":
        return FixedDiagonal.of(matrix, signed=bool(matrix.min() < 0)).largest
    return float(np.abs(matrix).max())


def _leaf_size(n: int, stages: int | None, array_size: int | None) -> int:
    if (stages is None) == (array_size is None):
        raise InputError("give either stages or array_size")
    given: Any = stages if array_size is None else array_size
    name, least = ("stages", 0) if array_size is None else ("array_size", 1)
    if not isinstance(given, int) or isinstance(given, bool) or given < least:
        raise InputError(f"{name} = {given!r}: must be a whole number from {least}")
    if array_size is not None:
        return array_size
    if 2**given > n:
        raise InputError(f"stages = {given}: {n} rows cannot be halved so often")
    return -(-n // int(2**given))


def _schur_flops(first: int, second: int) -> float:
    """Return multiplications and additions of A4 - A3 A1^-1 A2, of sizes n1 and n2."""
    return 2 / 3 * first**3 + 2 * first**2 * second + 2 * second**2 * first


def _order(block: Array, half: int) -> NDArray[np.intp] | None:
    """Return an order of rows and columns whose leading block circuits can invert.

    The order that was given comes first; then rows by how much their diagonal outweighs the rest.
    """
    rest = np.abs(block).sum(axis=1) - np.abs(np.diag(block))
    weight = np.diag(block) / np.where(rest > 0, rest, 1.0)
    for order in (np.arange(len(block)), np.argsort(-weight, kind="stable")):
        leading = block[np.ix_(order, order)][:half, :half]
        if _invertible(leading):
            return order
    return None


def _invertible(block: Array) -> bool:
    """Whether a circuit that inverts a block settles: rows over their totals, to the right."""
    totals = np.abs(block).sum(axis=1)
    if not totals.all() or np.linalg.cond(block) > CONDITION:
        return False
    growth = np.linalg.eigvals(block / totals[:, None]).real
    return bool((growth > 0).all())
