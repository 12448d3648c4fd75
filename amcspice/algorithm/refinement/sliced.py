"""`SlicedProduct`: a product by slices of digits, whose partial sums are rounded to whole numbers.

Entries are whole numbers of ``cell_bits`` digits, a slice of arrays for each digit, and vectors
are whole numbers that are sent digit by digit.  A partial sum is a whole number too, as long as
cells, lines and amplifiers move it by less than a half: a converter whose step is one level times
one input unit rounds all of their errors away.  Shifts and additions are digital.

Which sums round rightly is told by what was read in place: for random digits s of an input,
``sum_j D_ij s_j`` is near a normal variable, with D the deviation of a slice from its digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from amcspice.algorithm.refinement.floor import slices_for
from amcspice.algorithm.refinement.products import checked_slices, probed, real_matrix
from amcspice.algorithm.refinement.slicing import check_levels, digits_of, slicing_of
from amcspice.circuit.base import Array
from amcspice.system import Chip, ProgrammedMatrix

__all__ = ["SlicedProduct"]

SURE = 1e-9
"""Share of sums that round wrongly which a choice of rows lets be."""

QUANTILES = 4096
"""Of a normal distribution, in the place of its values."""

HALF = 0.5
"""Levels by which a sum may be off."""


@dataclass(frozen=True, eq=False)
class _Slice:
    """A digit of every entry.

    Parameters
    ----------
    arrays : ProgrammedMatrix
    gain : float
        Output for one level times one input unit, fitted to what was read in place.
    deviation : ndarray, shape (m, n)
        What was read over the gain, less the digits [levels].
    """

    arrays: ProgrammedMatrix
    gain: float
    deviation: Array


class SlicedProduct:
    """The product by slices of digits, rounded digit by digit.

    Signs stand on differential lines.  The converters of partial sums are its own: their step is
    one level times one input unit, by a gain that is fitted when slices are read in place.

    Parameters
    ----------
    chip : Chip
    matrix : array_like, shape (n, n)
        Complex too, by its real form.
    slices : int, optional
        None: as many as `slices_for` says.
    bits : float
        Of solutions with the matrix as it is given, which choose the number.
    **options
        Fields of `Slicing`.

    Attributes
    ----------
    slicing : Slicing
        With the rows at once that were chosen.
    slices : tuple of ProgrammedMatrix
        The coarsest digit first.
    matrix : ndarray, shape (n, n)
        What the digits hold; where sums are not rounded, what was read in place.
    wrong : float
        Share of the partial sums that will round wrongly, from what was read in place; nan where
        none is rounded.
    deviation : float
        Rms error of an output for a random vector of length one that these sums make, or, where
        none is rounded, that was found by probing.
    saturated : int
        Partial sums beyond the codes of their converters, so far.

    Raises
    ------
    InputError
        If cells have no levels for the digits, or inputs no codes.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> from amcspice.algorithm import SlicedProduct
    >>> product = SlicedProduct(amc.Chip(levels=8), np.array([[1.0, -0.3], [0.2, 0.7]]), slices=4)
    >>> v = np.array([[1.0], [-0.5]])
    >>> bool(abs(product @ v - product.matrix @ product.coded(v)).max() < 1e-12)
    True
    """

    deviates_by = "sums"

    def __init__(
        self,
        chip: Chip,
        matrix: ArrayLike,
        slices: int | None = None,
        *,
        bits: float = 24.0,
        **options: Any,
    ) -> None:
        checked_slices(slices, bits)
        self.slicing = slicing_of(options)
        check_levels(chip, self.slicing)
        self._chip, A = chip, real_matrix(matrix)
        if slices is None:
            slices = slices_for(A, bits, self.slicing.cell_bits, ledger=chip.ledger)
        digits, self._unit = digits_of(A, slices, self.slicing.cell_bits)
        self._weights = 2.0 ** (self.slicing.cell_bits * np.arange(slices - 1, -1, -1))
        self.matrix: Array = np.tensordot(self._weights, digits, 1) * self._unit
        self._held = [self._program(digit, number) for number, digit in enumerate(digits)]
        self.saturated = 0
        if self.slicing.rows_at_once is None:
            rows = self._rows_that_round_rightly()
            self.slicing = slicing_of({**vars(self.slicing), "rows_at_once": rows})
        self.wrong, self.deviation = float(self._wrong(self._rows).mean()), self._deviation()
        if not self.slicing.on_grid:
            read = [held.deviation if held else np.zeros(A.shape) for held in self._held]
            self.matrix = self.matrix + np.tensordot(self._weights, read, 1) * self._unit
            seed = chip.hardware.device.seed
            self.wrong, self.deviation = float("nan"), probed(self, self.matrix, seed, chip.ledger)
            self.deviates_by = "steps"

    # -- programming ---------------------------------------------------------------------------

    def _program(self, digit: Array, number: int) -> _Slice | None:
        """Program a digit of every entry and read it in place; None where all are zero."""
        if not digit.any():
            return None
        arrays = self._chip.program(
            digit, "mvm", label=f"digit {number}", largest_entry=float(self.slicing.largest_digit)
        )
        read = _volts(arrays, np.eye(digit.shape[1]), calibrates=True)
        gain = float((read * digit).sum() / (digit * digit).sum())
        self._chip.ledger.compute("reading in place", 4.0 * digit.size, prepares=True)
        return _Slice(arrays, gain, read / gain - digit)

    @property
    def slices(self) -> tuple[ProgrammedMatrix, ...]:
        """Arrays of the digits, the coarsest first; digits that are all zero have none."""
        return tuple(held.arrays for held in self._held if held is not None)

    @property
    def _rows(self) -> int:
        return min(self.slicing.rows_at_once or 1, int(self.matrix.shape[1]))

    def _rows_that_round_rightly(self) -> int:
        """Return the most inputs at once, halved so often, whose sums round rightly."""
        rows = int(self.matrix.shape[1])
        while rows > 1 and np.max(self._wrong(rows), initial=0.0) > SURE:
            rows = -(-rows // 2)
        return rows

    def _wrong(self, rows: int, variance: float | None = None) -> Array:
        """Return the share of wrong sums, shape (slices, groups, m), by what was read.

        Parameters
        ----------
        rows : int
            Inputs at once.
        variance : float, optional
            Mean square of the digits that are sent; None: all digits alike.
        """
        groups = _groups(self.matrix.shape[1], rows)
        shares = np.zeros((len(self._held), len(groups), len(self.matrix)))
        variance = self.slicing.input_variance if variance is None else variance
        for number, held in enumerate(self._held):
            if held is None:
                continue
            for place, group in enumerate(groups):
                off = held.deviation[:, group]
                sigma = np.sqrt(variance * (off * off).sum(axis=1))
                tail = scipy.special.erfc(HALF / (math.sqrt(2) * np.where(sigma > 0, sigma, 1.0)))
                # No sum is further off than all deviations together.
                most = self.slicing.largest_input * np.abs(off).sum(axis=1)
                shares[number, place] = np.where(most < HALF, 0.0, tail)
        return shares

    def _deviation(self) -> float:
        """Return the rms error of an output that wrong sums make, each off by one.

        Digits are those of normal vectors, whose largest entry is the full scale of the codes.
        """
        n = self.matrix.shape[1]
        peak = float(scipy.special.ndtri((1 + 0.5 ** (1 / n)) / 2))  # the median of the largest
        normal = scipy.special.ndtri((np.arange(QUANTILES) + 0.5) / QUANTILES)
        codes = np.rint(np.clip(normal / peak, -1, 1) * self._full_code)
        squares = 0.0
        for digit, worth in zip(*self._digits_sent(codes), strict=True):
            shares = self._wrong(self._rows, float(np.mean(digit**2)))
            squares += worth**2 * np.einsum("s,sgm->m", self._weights**2, shares).mean()
        return float(self._unit * peak / math.sqrt(n) / self._full_code * math.sqrt(squares))

    # -- multiplying ---------------------------------------------------------------------------

    @property
    def _full_code(self) -> float:
        return 2.0 ** (self.slicing.input_bits * self.slicing.steps) - 1

    def _codes(self, v: Array) -> tuple[Array, Array]:
        """Return whole numbers (n, K) and what one of them is worth, shape (K,)."""
        peak = np.abs(v).max(axis=0)
        unit = np.where(peak > 0, peak, 1.0) / self._full_code
        return np.rint(v / unit), unit

    def coded(self, v: Array) -> Array:
        """Return the vectors (n, K) that are multiplied in the place of those given.

        Each has a block exponent: its largest entry is the largest code.
        """
        codes, unit = self._codes(v)
        rounded: Array = codes * unit
        return rounded

    def __matmul__(self, v: Array) -> Array:
        if np.ndim(v) == 1:
            single: Array = (self @ np.asarray(v)[:, None])[:, 0]
            return single
        codes, unit = self._codes(v)
        sent, worth = self._sent(codes)
        total = np.zeros((len(self.matrix), v.shape[1]))
        for weight, held in zip(self._weights, self._held, strict=True):
            if held is not None:
                sums = self._sums(held, sent)  # (groups, digits, K, m)
                total += weight * np.einsum("gdkm,d->mk", sums, worth)
                self._chip.ledger.compute("shifts and additions", 2.0 * sums.size)
        return total * self._unit * unit

    def _digits_sent(self, codes: Array) -> tuple[Array, Array]:
        """Return digits of whole numbers with their signs, (digits, ...), and their worth."""
        base, places = self.slicing.largest_input + 1.0, np.arange(self.slicing.steps)
        digits = [np.sign(codes) * (np.abs(codes) // base**k % base) for k in places]
        return np.array(digits), np.asarray(base**places, float)

    def _sent(self, codes: Array) -> tuple[Array, Array]:
        """Return what follows each other at the inputs, (groups, digits, K, n), and its worth."""
        digits, worth = self._digits_sent(codes.T)
        groups = _groups(len(codes), self._rows)
        sent = np.zeros((len(groups), *digits.shape))
        for place, group in enumerate(groups):
            sent[place, ..., group] = digits[..., group]
        return sent, worth

    def _sums(self, held: _Slice, sent: Array) -> Array:
        """Return partial sums of a slice, whole numbers if they are rounded."""
        flat = sent.reshape(-1, sent.shape[-1])
        driven = flat.any(axis=1)  # digits that are all zero are not sent
        sums = np.zeros((len(flat), len(self.matrix)))
        if driven.any():
            if self.slicing.on_grid:
                sums[driven] = self._rounded(_volts(held.arrays, flat[driven].T).T / held.gain)
            else:
                sums[driven] = held.arrays.run(flat[driven].T).x.T / held.gain
        return sums.reshape(*sent.shape[:-1], -1)

    def _rounded(self, sums: Array) -> Array:
        largest, whole = self.slicing.codes(self._rows), np.rint(sums)
        if self.slicing.sum_bits is not None:
            self.saturated += int((np.abs(whole) > largest).sum())
        return np.clip(whole, -largest, largest)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What its products do not say by themselves, in sentences."""
        said = []
        if not self.slicing.on_grid:
            said.append(
                "converters of the product are off the grid of levels: sums are not rounded, and "
                "errors of cells and converters remain in them"
            )
        elif self.wrong > SURE:
            advice = (
                f"{self._rows} rows at once: take fewer, or" if self._rows > 1 else "one row: take"
            )
            said.append(
                f"{self.wrong:.1e} of the partial sums of the product will round wrongly, with "
                f"{advice} slices that compensate"
            )
        if self.saturated:
            said.append(
                f"{self.saturated} partial sums of the product were beyond the codes of their "
                "converters: give sum_bits or fewer rows at once"
            )
        return tuple(said)


def _groups(count: int, rows: int) -> list[slice]:
    """Return the inputs that are sent together."""
    return [slice(first, first + rows) for first in range(0, count, rows)]


def _volts(arrays: ProgrammedMatrix, vectors: Array, *, calibrates: bool = False) -> Array:
    """Return outputs (m, K) before the converters of the chip, in the unit of the product."""
    made = arrays.run(vectors, calibrates=calibrates).operations
    read: Array = made.circuit.read_out(made.measurement.sampled, made.volts_per_unit[:, None])
    return read.T
