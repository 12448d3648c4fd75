"""What is factorised: a dense matrix, with or without missing entries, or a sparse one.

Either kind gives the regressions of a half-step as right-hand sides, grouped by the word lines
that count for them, in the order of their numbers or of their selections.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
import scipy
from numpy.typing import NDArray

from amcspice.circuit import as_matrix
from amcspice.circuit.base import Array
from amcspice.errors import InputError

__all__ = [
    "Data", "DenseData", "Mask", "RightHandSides", "SparseData", "grouped", "inner_products",
    "separate", "stored_rows",
]  # fmt: skip

Mask = NDArray[np.bool_]

ENTRIES_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class RightHandSides:
    """Right-hand sides with the same word lines, streamed through one circuit in order.

    Parameters
    ----------
    numbers : ndarray of int, shape (K,)
        Of the regressions: rows of the factor that is solved for.
    values : ndarray, shape (K, lines)
        On the selected word lines.
    lines : ndarray of int, optional
        Word lines that are selected, ascending; None: every one.
    ridge : float
        Of each regression.
    """

    numbers: NDArray[np.intp]
    values: Array
    lines: NDArray[np.intp] | None
    ridge: float


class Data(Protocol):
    """What a factorisation is of: V, shape (m, n)."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of V."""
        ...

    @property
    def mean(self) -> float:
        """What the size of the first factors follows from."""
        ...

    @property
    def norm(self) -> float:
        """Frobenius norm that residuals are relative to; zero: there is nothing to factorise."""
        ...

    @property
    def array_parameters(self) -> dict[str, Any]:
        """What the circuit of a half-step is made with; of selections right-hand sides tell."""
        ...

    @property
    def separate(self) -> bool:
        """Whether every regression runs by itself, from rest."""
        ...

    @property
    def identity(self) -> list[Any]:
        """Everything that a result depends on."""
        ...

    def right_hand_sides(self, *, transpose: bool) -> Iterable[RightHandSides]:
        """Return one regression a row of V, or a column with ``transpose``."""
        ...

    def relative_residual(self, W: Array, H: Array) -> float:
        """Return the norm of V - W H' over that of V, known entries only."""
        ...


@dataclass(frozen=True, eq=False)
class DenseData:
    """A dense matrix.

    Parameters
    ----------
    V : array_like, shape (m, n)
        Not negative.
    mask : array_like of bool, shape (m, n), optional
        Entries that are known.
    ridge : float
        Of every regression.

    Raises
    ------
    InputError
        If an entry is negative or the shapes do not fit.
    """

    V: Any
    mask: Any = None
    ridge: float = 0.0

    separate: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Validate."""
        V = as_matrix(self.V, "V")
        mask = None if self.mask is None else np.asarray(self.mask, dtype=bool)
        if V.min() < 0:
            where = tuple(int(k) for k in np.argwhere(V < 0)[0])
            raise InputError(f"V: entry {where} is negative ({V[where]:g}); NMF needs V >= 0")
        if mask is not None and mask.shape != V.shape:
            raise InputError(f"mask: shape {mask.shape} must be {V.shape}, as V")
        object.__setattr__(self, "V", V)
        object.__setattr__(self, "mask", mask)

    @property
    def shape(self) -> tuple[int, int]:
        """See `Data`."""
        m, n = self.V.shape
        return m, n

    @property
    def mean(self) -> float:
        """See `Data`."""
        return float(self.V.mean())

    @cached_property
    def norm(self) -> float:
        """See `Data`."""
        return float(np.linalg.norm(self.V if self.mask is None else self.V[self.mask]))

    @property
    def array_parameters(self) -> dict[str, Any]:
        """See `Data`."""
        return {"ridge": self.ridge}

    @property
    def identity(self) -> list[Any]:
        """See `Data`."""
        return [self.V, np.empty(0) if self.mask is None else self.mask, self.ridge]

    def right_hand_sides(self, *, transpose: bool) -> Iterable[RightHandSides]:
        """See `Data`."""
        return self._columns if transpose else self._rows

    @cached_property
    def _rows(self) -> list[RightHandSides]:
        return list(grouped(self.V, self.mask, self.ridge))

    @cached_property
    def _columns(self) -> list[RightHandSides]:
        return list(grouped(self.V.T, None if self.mask is None else self.mask.T, self.ridge))

    def relative_residual(self, W: Array, H: Array) -> float:
        """See `Data`."""
        error = self.V - W @ H.T
        return float(np.linalg.norm(error if self.mask is None else error[self.mask]) / self.norm)


def grouped(vectors: Array, mask: Mask | None, ridge: float) -> Iterator[RightHandSides]:
    """Group dense right-hand sides by the word lines that count for them.

    Parameters
    ----------
    vectors, mask : ndarray, shape (K, m)
        Those without any known entry are left out.
    ridge : float
    """
    if mask is None:
        yield RightHandSides(np.arange(len(vectors)), np.ascontiguousarray(vectors), None, ridge)
        return
    selections, group = np.unique(mask, axis=0, return_inverse=True)
    for index, selected in enumerate(selections):
        numbers, lines = np.flatnonzero(group.ravel() == index), np.flatnonzero(selected)
        if lines.size:
            values = vectors[np.ix_(numbers, lines)]
            yield RightHandSides(numbers, values, None if selected.all() else lines, ridge)


def separate(vectors: Array, mask: Mask | None, ridge: float) -> Iterator[RightHandSides]:
    """Return dense right-hand sides each by itself: none depends on the one before."""
    for number, vector in enumerate(vectors):
        for single in grouped(vector[None], None if mask is None else mask[number][None], ridge):
            yield RightHandSides(np.array([number]), single.values, single.lines, ridge)


@dataclass(frozen=True, eq=False)
class SparseData:
    """A sparse matrix of which only the stored entries are known, explicit zeros too.

    It may lie on disk (``numpy.memmap``): it is read batch after batch.  Every regression runs by
    itself on its word lines, and its ridge grows with their number (Zhou et al., "Large-scale
    parallel collaborative filtering for the Netflix prize", AAIM 2008, weight the penalty so).

    Parameters
    ----------
    V : csr_array, shape (m, n)
    transpose : csr_array, shape (n, m), optional
        Where it is at hand; None works it out.
    ridge : float
        For each known entry of a regression.

    Raises
    ------
    InputError
        If nothing is known, or an entry is negative or not finite.
    """

    V: scipy.sparse.csr_array
    transpose: Any = None
    ridge: float = 0.0

    separate: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Validate."""
        try:
            V, transpose = scipy.sparse.csr_array(self.V), self.transpose
            V.check_format(full_check=True)
        except (ValueError, TypeError) as error:
            raise InputError(f"V: not a sparse matrix ({error})") from None
        if np.iscomplexobj(V):
            raise InputError("V: complex; NMF needs V >= 0")
        if not V.has_canonical_format:  # unsorted, or stored twice: added up, as by scipy
            V = V.copy()
            V.sum_duplicates()
        if not V.nnz:
            raise InputError("V: no entry is known; there is nothing to factorise")
        if not (np.isfinite(V.data).all() and V.data.min() >= 0):
            raise InputError("V: a known entry is negative or not finite; NMF needs V >= 0")
        if transpose is not None and (transpose.shape, transpose.nnz) != (V.shape[::-1], V.nnz):
            raise InputError(f"transpose: {transpose.shape} is not the transpose of {V.shape}")
        if not (np.isfinite(self.ridge) and self.ridge >= 0):
            raise InputError(f"ridge = {self.ridge} must be zero or positive")
        object.__setattr__(self, "V", V)
        object.__setattr__(
            self, "transpose", scipy.sparse.csr_array(V.T) if transpose is None else transpose
        )

    @property
    def shape(self) -> tuple[int, int]:
        """See `Data`."""
        m, n = self.V.shape
        return m, n

    @property
    def mean(self) -> float:
        """See `Data`."""
        return float(self.V.data.mean(dtype=float)) or 1.0

    @cached_property
    def norm(self) -> float:
        """See `Data`; 1 where all that is known is zero, which can be factorised too."""
        return float(np.sqrt(np.square(self.V.data, dtype=float).sum())) or 1.0

    @property
    def array_parameters(self) -> dict[str, Any]:
        """See `Data`."""
        return {}

    @property
    def identity(self) -> list[Any]:
        """See `Data`."""
        return [self.V.indptr, self.V.indices, self.V.data, self.V.shape, self.ridge]

    def right_hand_sides(self, *, transpose: bool) -> Iterator[RightHandSides]:
        """See `Data`; what has no known entry is left out."""
        return stored_rows(self.transpose if transpose else self.V, self.ridge)

    def relative_residual(self, W: Array, H: Array) -> float:
        """See `Data`."""
        rows = np.repeat(np.arange(self.V.shape[0]), np.diff(self.V.indptr))
        error = self.V.data - inner_products(W, H, rows, self.V.indices)
        return float(np.linalg.norm(error) / self.norm)


def stored_rows(matrix: scipy.sparse.csr_array, ridge: float) -> Iterator[RightHandSides]:
    """Return the rows of a sparse matrix each by itself, on the word lines that it stores.

    Parameters
    ----------
    matrix : csr_array, shape (K, m)
    ridge : float
        For each stored entry of a row.
    """
    for number in np.flatnonzero(np.diff(matrix.indptr)).tolist():
        row = slice(matrix.indptr[number], matrix.indptr[number + 1])
        lines = np.asarray(matrix.indices[row], dtype=np.intp)
        values = np.asarray(matrix.data[row], dtype=float)
        order = np.argsort(lines)
        yield RightHandSides(
            np.array([number]), values[order][None], lines[order], ridge * len(lines)
        )


def inner_products(W: Array, H: Array, rows: Any, columns: Any) -> Array:
    """Return single entries of W H', a bounded number at a time, shape (N,)."""
    parts = [
        np.einsum("kr,kr->k", W[rows[k : k + ENTRIES_AT_ONCE]], H[columns[k : k + ENTRIES_AT_ONCE]])
        for k in range(0, len(rows), ENTRIES_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.empty(0)
