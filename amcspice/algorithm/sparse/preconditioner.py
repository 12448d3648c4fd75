"""`AnalogPreconditioner`: small inverses on a chip that make a large sparse system easy.

    z = sum over blocks R_i' A_i^-1 R_i r  +  P (P'A P)^-1 P'r

R_i picks the unknowns of a block, P interpolates from a coarse grid whose system is smaller, and is
treated in the same way where it is too large for an array (additive Schwarz in levels: B. Smith,
P. Bjorstad, W. Gropp, Domain Decomposition, 1996, chapter 3).  Errors of the analog inverses cost
iterations, not accuracy: residuals are digital.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import scipy
from numpy.typing import NDArray

from amcspice.algorithm.sparse.grid import boxes, coarsened, interpolation
from amcspice.circuit.base import Array
from amcspice.errors import InputError, UnstableError
from amcspice.system import Chip, ProgrammedMatrix

__all__ = ["AnalogPreconditioner", "Coarse"]

DIGITS = 10
"""Blocks that agree in so many digits are equal."""

AT_ONCE = 1000
"""Blocks that are dense at once."""


class Coarse(NamedTuple):
    """A coarse level.

    Parameters
    ----------
    interpolation : sparse array, shape (n, m)
        P.
    inverse : scipy.sparse.linalg.LinearOperator
        What solves P'A P, shape (m, m), coarsely.
    """

    interpolation: Any
    inverse: scipy.sparse.linalg.LinearOperator


class _Group(NamedTuple):
    """Blocks that are equal but for a factor."""

    arrays: ProgrammedMatrix
    places: NDArray[np.intp]  # (blocks, unknowns)
    factors: Array  # (blocks,)


class AnalogPreconditioner(scipy.sparse.linalg.LinearOperator):
    """Inverses of the blocks of a sparse matrix, in arrays of a chip, added up.

    Blocks that are equal but for a factor are programmed once, and their right-hand sides follow
    each other on the same arrays: a settling takes nanoseconds, a writing a tenth of a millisecond.

    Parameters
    ----------
    chip : Chip
    matrix : sparse array, shape (n, n)
    blocks : sequence of array_like of int
        Unknowns of each block, as many as an array has rows at most; they may overlap.
    coarse : Coarse, optional
        What takes away errors that are smooth across blocks.
    share : bool
        Whether equal blocks share arrays; otherwise each has cells of its own.
    **parameters
        Of the inverting circuits.  Blocks are divided by their largest entry, so that
        ``largest_entry=1.25`` leaves a fifth of the conductances unused.

    Attributes
    ----------
    arrays : tuple of ProgrammedMatrix
        Of this level.

    Raises
    ------
    InputError
        If something does not fit, or no circuit inverts a block; the message names it.

    Examples
    --------
    >>> import scipy.sparse as sp, amcspice as amc
    >>> from amcspice.algorithm import AnalogPreconditioner, solve_sparse
    >>> A = scipy.sparse.diags_array([-1.0, 3.0, -1.0], offsets=[-1, 0, 1], shape=(40, 40)).tocsr()
    >>> chip = amc.Chip(write_noise=0.01, seed=1)
    >>> inverse = AnalogPreconditioner(chip, A, [range(k, k + 8) for k in range(0, 40, 8)])
    >>> len(inverse.arrays)
    1
    >>> solve_sparse(A, A @ range(40), inverse, ledger=chip.ledger).reason
    'reached'
    """

    def __init__(
        self,
        chip: Chip,
        matrix: Any,
        blocks: Sequence[Any],
        *,
        coarse: Coarse | None = None,
        share: bool = True,
        label: str = "",
        **parameters: Any,
    ) -> None:
        values = scipy.sparse.csr_array(matrix)
        super().__init__(np.dtype(float), values.shape)  # type: ignore[call-arg]
        if values.shape[0] != values.shape[1]:
            raise InputError(f"matrix: {values.shape}: a linear system needs a square one")
        self.chip, self.coarse, self._parameters = chip, coarse, parameters
        n = values.shape[0]
        if coarse is not None and coarse.interpolation.shape != (n, coarse.inverse.shape[1]):
            raise InputError(
                f"coarse: interpolation of {coarse.interpolation.shape}, inverse of "
                f"{coarse.inverse.shape}, but the matrix has {n} unknowns"
            )
        self._groups = self._programmed(values, _places(blocks, n), share, label)

    @classmethod
    def on_grid(
        cls,
        chip: Chip,
        matrix: Any,
        shape: tuple[int, ...],
        width: int = 8,
        *,
        overlap: int = 0,
        share: bool = True,
        level: int = 0,
        **parameters: Any,
    ) -> Self:
        """Return that of a matrix on a rectangular grid: boxes, and grids ``width`` times coarser.

        Parameters
        ----------
        chip : Chip
        matrix : sparse array, shape (n, n)
            Its unknowns in row-major order.
        shape : tuple of int
            Of the grid; their product is n.
        width : int
            Of a box along each axis: an array has ``width ** len(shape)`` rows.
        overlap : int
            See `boxes`.
        share, **parameters
            As above.
        level : int
            Number of the level, for labels.
        """
        values = scipy.sparse.csr_array(matrix)
        if np.prod(shape) != values.shape[0]:
            raise InputError(f"shape = {shape}: the matrix has {values.shape[0]} unknowns")
        options = {"share": share, **parameters}
        cut = boxes(shape, width, overlap)
        coarse, few = None, coarsened(shape, width)
        if few != tuple(shape):
            P = interpolation(shape, width)
            half = values @ P
            below = scipy.sparse.csr_array(P.T @ half)
            flops = 2.0 * P.nnz * (values.nnz + half.nnz) / values.shape[0]
            chip.ledger.compute("coarse matrix", flops)
            inverse = cls.on_grid(
                chip, below, few, width, overlap=overlap, level=level + 1, **options
            )
            coarse = Coarse(P, inverse)
        return cls(chip, values, cut, coarse=coarse, label=f"level {level} ", **options)

    @property
    def arrays(self) -> tuple[ProgrammedMatrix, ...]:
        """Matrices that were programmed for this level."""
        return tuple(group.arrays for group in self._groups)

    # -- programming ---------------------------------------------------------------------------

    def _programmed(
        self,
        values: scipy.sparse.csr_array,
        blocks: list[NDArray[np.intp]],
        share: bool,
        label: str,
    ) -> list[_Group]:
        """Program each block that is different from all before it."""
        found: dict[Any, tuple[Array, list[NDArray[np.intp]], list[float]]] = {}
        for number, (places, block) in enumerate(zip(blocks, _dense(values, blocks), strict=True)):
            factor = float(np.abs(block).max())
            if not factor:
                raise InputError(f"block {label}{number}: all of it is zero")
            scaled = block / factor
            key = (scaled.shape, (scaled.round(DIGITS) + 0.0).tobytes()) if share else number
            _, members, factors = found.setdefault(key, (scaled, [], []))
            members.append(places)
            factors.append(factor)
        return [
            _Group(
                self._array(scaled, f"{label}block {number}"), np.array(members), np.array(scale)
            )
            for number, (scaled, members, scale) in enumerate(found.values())
        ]

    def _array(self, block: Array, label: str) -> ProgrammedMatrix:
        try:
            return self.chip.program(block, "inv", label=label, **self._parameters)
        except (InputError, UnstableError) as error:
            raise type(error)(f"{label}: {error}") from None

    # -- solving -------------------------------------------------------------------------------

    def ask(self, arrays: ProgrammedMatrix, vectors: Array) -> Array:
        """Return solutions (n, K) of right-hand sides (n, K) on the arrays of a block."""
        solutions: Array = arrays.solve(vectors)
        return solutions

    def _matvec(self, r: Array) -> Array:
        r = np.asarray(r, float).ravel()
        z = np.zeros_like(r)
        for arrays, places, factors in self._groups:
            asked = r[places] / factors[:, None]
            scale = np.linalg.norm(asked, axis=1)  # block exponents
            driven = scale > 0
            if driven.any():
                solved = self.ask(arrays, (asked[driven] / scale[driven, None]).T).T
                np.add.at(z, places[driven], solved * scale[driven, None])
            self.chip.ledger.compute("block exponents", 5.0 * asked.size, 16.0 * asked.size)
        if self.coarse is not None:
            P = self.coarse.interpolation
            z += P @ self.coarse.inverse.matvec(P.T @ r)
            self.chip.ledger.compute("interpolation", 4.0 * P.nnz, 24.0 * P.nnz)
        return z


def _dense(values: scipy.sparse.csr_array, blocks: list[NDArray[np.intp]]) -> Iterator[Array]:
    """Yield blocks as dense matrices; those of one size that follow each other are read at once."""
    for size, run in itertools.groupby(blocks, len):
        members = list(run)
        for first in range(0, len(members), AT_ONCE):
            places = np.array(members[first : first + AT_ONCE])
            rows = np.repeat(places.reshape(-1, 1), size, axis=1)
            columns = np.repeat(places, size, axis=0)
            stacked: Any = values[rows, columns]  # one block below the other
            yield from stacked.toarray().reshape(-1, size, size)


def _places(blocks: Sequence[Any], size: int) -> list[NDArray[np.intp]]:
    """Return the unknowns of blocks.

    Raises
    ------
    InputError
        If they are none, or some unknown is in no block.
    """
    made: list[NDArray[np.intp]] = []
    covered = np.zeros(size, bool)
    for number, block in enumerate(blocks):
        places = np.asarray(block)
        whole = places.ndim == 1 and places.size and np.issubdtype(places.dtype, np.integer)
        if not whole or places.min() < 0 or places.max() >= size:
            raise InputError(f"blocks[{number}]: must be numbers of unknowns from 0 to {size - 1}")
        if len(np.unique(places)) != len(places):
            raise InputError(f"blocks[{number}]: names an unknown twice")
        covered[places] = True
        made.append(places.astype(np.intp))
    if not covered.all():
        raise InputError(f"blocks: unknown {int(np.argmin(covered))} is in none of them")
    return made
