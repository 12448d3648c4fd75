"""`AnalogInverse`: the inverse of a factor in arrays of a chip."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.algorithm.block_inverse import BlockInverse
from amcspice.algorithm.curvature.equilibrated import Equilibrated
from amcspice.algorithm.curvature.stability import SAFE, Outlook, damping_for, outlook
from amcspice.circuit import as_vectors
from amcspice.circuit.base import Array
from amcspice.errors import InputError, UnstableError, counted
from amcspice.system import Chip, ProgrammedMatrix

__all__ = ["AnalogInverse"]

LIKELY = 1.0
"""Share of the limit up to which most draws of other errors settle."""


class AnalogInverse:
    """The inverse of a symmetric positive definite factor, programmed into arrays of a chip.

    Where the circuit does not settle with the cells as they came out, they are written again while
    draws of other errors are likely to settle, and with more damping otherwise; the ledger of the
    chip counts every writing, those in vain too.

    Parameters
    ----------
    chip : Chip
    label : str
        What the ledger calls it.
    keep_mean : bool
        Whether a mean that is given stays digital; if not, the whole factor stands in the array.
    refine : int
        Refinement steps of every solution, ``x += T (b - M x)`` with digital products; one that
        makes a residual larger is not taken.
    array_size : int, optional
        Rows of the largest array: larger factors stand in blocks (`BlockInverse`).
    retries : int
        Writings of the same factor after one that is unstable, before it is given up.
    foresee : bool
        Whether stability is predicted before every writing, which takes a digital inverse, and
        damping raised where it is not safe; otherwise it is where a writing was in vain.
    **parameters
        Of the inverting circuits.

    Attributes
    ----------
    damping : float
        What was added to the diagonal of the equilibrated factor; not there in blocks, each of
        which is damped by itself.
    unstable, damped : int
        Writings in vain, and how often damping was raised, so far.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> from amcspice.algorithm import AnalogInverse
    >>> M = np.array([[4.0, 1.0], [1.0, 2.0]])
    >>> inverse = AnalogInverse(amc.Chip(write_noise=0.01, seed=1))
    >>> inverse.program(M)
    >>> bool(abs(M @ inverse.solve([1.0, 0.0]) - [1.0, 0.0]).max() < 0.05)
    True
    """

    def __init__(
        self,
        chip: Chip,
        label: str = "factor",
        *,
        keep_mean: bool = True,
        refine: int = 0,
        array_size: int | None = None,
        retries: int = 4,
        foresee: bool = False,
        **parameters: Any,
    ) -> None:
        for name, count in (("refine", refine), ("retries", retries)):
            if not isinstance(count, int) or isinstance(count, bool) or count < 0:
                raise InputError(f"{name} = {count!r}: must be a whole number, not negative")
        size = array_size
        if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 1):
            raise InputError(f"array_size = {size!r}: must be a whole number from 1")
        self.chip, self.label = chip, label
        self.keep_mean, self.refine, self.array_size = keep_mean, refine, array_size
        self.retries, self.foresee = retries, foresee
        self.damping, self.unstable, self.damped = 0.0, 0, 0
        self._parameters = parameters
        self._factor: Equilibrated | None = None
        self._whole = np.empty((0, 0))
        self._by_mean: Array | None = None
        self._arrays: ProgrammedMatrix | BlockInverse | None = None
        self._tries = 0

    # -- programming -------------------------------------------------------------------------

    def program(self, matrix: ArrayLike, mean: ArrayLike | None = None) -> None:
        """Write a factor; another one of the same size goes into the same arrays.

        Parameters
        ----------
        matrix : array_like, shape (n, n)
            Symmetric, positive definite; with its damping and its mean.
        mean : array_like, shape (n,), optional
            m of ``M = K + m m'``.

        Raises
        ------
        InputError
            If it cannot be used.
        UnstableError
            If no writing settles, with its reason.
        """
        factor = Equilibrated.of(matrix, mean if self.keep_mean else None)
        self._factor = None  # nothing can be asked of what is half written
        self._compute("equilibration", factor.flops, prepares=True)
        self.damping, self._tries = 0.0, 0
        aimed = self._damp(factor.matrix, SAFE) if self.foresee else factor.matrix
        self._write(aimed)
        self._by_mean = None
        if factor.mean is not None:
            self._by_mean = self._ask(factor.mean[:, None], calibrates=True)[:, 0]
        self._factor, self._whole = factor, factor.whole

    def _write(self, matrix: Array) -> None:
        arrays, n = self._arrays, len(matrix)
        if self._in_blocks(n):
            self._arrays = BlockInverse(
                self.chip, matrix, array_size=self.array_size, held=self.arrays, mend=self._mend,
                **self._parameters,
            )  # fmt: skip
        elif isinstance(arrays, ProgrammedMatrix) and arrays.matrix.shape == matrix.shape:
            arrays.program(matrix, mend=self._mend)
        else:
            self._arrays = self.chip.program(
                matrix, "inv", circuit="inv-compensated", label=self.label, mend=self._mend,
                **self._parameters,
            )  # fmt: skip

    def _in_blocks(self, n: int) -> bool:
        return self.array_size is not None and n > self.array_size

    def outlook(self, matrix: ArrayLike, mean: ArrayLike | None = None) -> Outlook:
        """Return what is foretold of a factor: sigma ||M~^-1||_F, before anything is written."""
        factor = Equilibrated.of(matrix, mean if self.keep_mean else None)
        return outlook(factor.matrix, self.chip.hardware.device)

    def _mend(self, matrix: NDArray[Any], error: UnstableError) -> Array:
        """Return what to write after a writing in vain; see `Chip.program`."""
        self.unstable += 1
        self._tries += 1
        if self._tries > self.retries:
            raise UnstableError(
                f"{self.label}: unstable after {counted(self._tries, 'writing')}: {error}"
            )
        return self._damp(matrix, LIKELY)

    def _damp(self, matrix: Array, most: float) -> Array:
        """Return a matrix, with more on its diagonal where its share of the limit is larger."""
        device = self.chip.hardware.device
        made = outlook(matrix, device)
        self._compute("outlook on stability", made.flops, prepares=True)
        if made.share <= most:
            return matrix
        if not self._in_blocks(len(matrix)) and not _is_definite(matrix):
            raise InputError(
                f"{self.label}: what is to stand in the array is not positive definite: "
                "damp it more, or take less off for the mean"
            )
        damping, flops = damping_for(matrix, device)
        self._compute("outlook on stability", flops, prepares=True)
        if damping is None:
            raise UnstableError(
                f"{self.label}: these cells make {len(matrix)} rows unstable whatever the damping "
                f"(sigma ||M^-1||_F is {made.share:.3g}, its limit 1): less write noise or more "
                "levels, blocks (array_size), or the mean kept digital"
            )
        self.damping += damping
        self.damped += 1
        return matrix + damping * np.eye(len(matrix))

    # -- solving -----------------------------------------------------------------------------

    def solve(self, b: ArrayLike) -> Any:
        """Return solutions of right-hand sides (n,) or (n, K), in one batch.

        Raises
        ------
        InputError
            If they do not fit, or nothing was programmed.
        """
        factor = self.factor
        right = factor.scale[:, None] * as_vectors(b, len(factor.matrix)).T
        x = self._coarse(right)
        for _ in range(self.refine):
            x = self._refined(x, right)
        self._compute("scaling and mean", factor.flops_a_vector * right.shape[1])
        solutions: Any = factor.scale[:, None] * x
        return solutions[:, 0] if np.ndim(b) == 1 else solutions

    def _coarse(self, right: Array, *, calibrates: bool = False) -> Array:
        """Return solutions (n, K) of the equilibrated factor, as the arrays give them."""
        return self.factor.with_mean(self._ask(right, calibrates=calibrates), self._by_mean)

    def _refined(self, x: Array, right: Array) -> Array:
        """Return solutions after one step of refinement, where that makes residuals smaller."""
        whole, before = self._whole, right - self._whole @ x
        moved = x + self._coarse(before)
        after = right - whole @ moved
        worse = np.linalg.norm(after, axis=0) > np.linalg.norm(before, axis=0)
        moved[:, worse] = x[:, worse]
        self._compute("refinement", (4.0 * whole.size + 4 * len(x)) * x.shape[1])
        return moved

    def _ask(self, vectors: Array, *, calibrates: bool = False) -> Array:
        """Return solutions (n, K) of what stands in the arrays; zeros need no operation."""
        arrays, driven = self._arrays, vectors.any(axis=0)
        solutions = np.zeros_like(vectors)
        if not driven.any():
            return solutions
        asked = vectors[:, driven]
        if isinstance(arrays, ProgrammedMatrix):
            solutions[:, driven] = arrays.run(asked, calibrates=calibrates).x
        else:
            assert arrays is not None
            solutions[:, driven] = arrays.solve(asked)
        return solutions

    def _compute(self, what: str, flops: float, *, prepares: bool = False) -> None:
        self.chip.ledger.compute(f"{what} of {self.label}", flops, prepares=prepares)

    def explicit(self) -> Array:
        """Return the inverse that it applies, shape (n, n), by a solution for every unit vector."""
        solved: Array = self.solve(np.eye(len(self.factor.matrix)))
        return solved

    @property
    def factor(self) -> Equilibrated:
        """What was programmed last.

        Raises
        ------
        InputError
            If nothing was.
        """
        if self._factor is None:
            raise InputError(f"{self.label}: program it first")
        return self._factor

    @property
    def arrays(self) -> tuple[ProgrammedMatrix, ...]:
        """What stands in arrays."""
        if isinstance(self._arrays, BlockInverse):
            return self._arrays.arrays
        return () if self._arrays is None else (self._arrays,)


def _is_definite(matrix: Array) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True
