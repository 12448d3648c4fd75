"""`LowRank`: whether a product is better done by two arrays of low rank, and how.

An array adds its write noise to every entry of A.  Two factors of rank r have fewer entries, so
that the same cells hold several copies of each, whose mean is less noisy; but the factors miss a
part of A.  Which is more depends on how fast its singular values fall (arXiv 2510.04402).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.algorithm.low_rank.draws import Draws, draw_errors
from amcspice.algorithm.low_rank.errors import Cells, Moments, array_error
from amcspice.algorithm.low_rank.factors import (
    NMF,
    SVD,
    Factors,
    cells_an_entry,
    nonnegative_factors,
    singular_factors,
)
from amcspice.algorithm.low_rank.plan import ROUNDING, LowRankPlan
from amcspice.algorithm.low_rank.product import LowRankProduct
from amcspice.algorithm.low_rank.search import (
    Budget,
    Choice,
    break_even,
    choose,
    find_choices,
    white_break_even,
)
from amcspice.algorithm.low_rank.trial import LowRankTrial, simulate
from amcspice.circuit import as_matrix
from amcspice.circuit.base import Array, are_complex
from amcspice.device import Hardware, Memristor, split_hardware
from amcspice.device.hardware import hardware_names
from amcspice.errors import InputError, did_you_mean
from amcspice.system import Chip

__all__ = ["LowRank"]


class LowRank:
    """A matrix to be multiplied with in two steps, y = B (C x), both of low rank.

    Parameters
    ----------
    matrix : array_like, shape (m, n)
        Real; of a complex one give the real form [Re -Im; Im Re].
    rank : int, optional
        None takes the smallest whose error is within 1.5 % of the least.
    repeats : (int, int), optional
        Copies of the arrays of the first and the second step; None shares the cells out.
    cells : int, optional
        For both factors and their copies; None are those of one array.  A matrix with signs takes
        two an entry, and so do singular vectors of one without.
    factors : {"svd", "nmf"}
        Singular vectors, or non-negative factors of a non-negative matrix: one cell an entry.
    hardware : Hardware, optional
        Or its parts, or single parameters, by name (``write_noise=0.05``).

    Raises
    ------
    InputError
        If something cannot be used, or no rank leaves a copy of both factors.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> k = np.arange(64)
    >>> A = np.exp(-(((k[:, None] - k) / 20.0) ** 2))
    >>> plan = amc.LowRank(A, write_noise=0.05).plan()
    >>> plan.helps, plan.rank
    (True, 4)
    """

    def __init__(
        self,
        matrix: ArrayLike,
        *,
        rank: int | None = None,
        repeats: tuple[int, int] | None = None,
        cells: int | None = None,
        factors: str = SVD,
        hardware: Hardware | None = None,
        **options: Any,
    ) -> None:
        if are_complex(matrix):
            raise InputError(
                "matrix: complex; give its real form [Re -Im; Im Re], which takes the real and "
                "imaginary parts of x one below the other"
            )
        self.matrix: Array = as_matrix(matrix)
        if not self.matrix.any():
            raise InputError("matrix: every entry is zero; there is nothing to multiply with")
        given = {} if hardware is None else {"hardware": hardware}
        parts, unknown = split_hardware({**given, **options})
        if unknown:
            raise InputError(f"LowRank: {did_you_mean(sorted(unknown)[0], hardware_names())}")
        self.hardware = Hardware(**parts)
        if factors not in (SVD, NMF):
            raise InputError(f"factors = {factors!r}: choose from {SVD}, {NMF}")
        self.kind = factors
        self.rank = None if rank is None else _whole("rank", rank, min(self.matrix.shape))
        copies = None if repeats is None else _pair(repeats)
        self.baseline_cells = cells_an_entry(self.matrix) * self.matrix.size
        count = self.baseline_cells if cells is None else _whole("cells", cells)
        m, n = self.matrix.shape
        self.budget = Budget((m, n), count, copies)

    # -- what is best ------------------------------------------------------------------------

    @cached_property
    def candidates(self) -> tuple[Factors, ...]:
        """Factors of the ranks that come into question."""
        m, n = self.matrix.shape
        # One copy of each is the least that a rank takes; all singular vectors but the first of a
        # matrix without signs have signs, and so take pairs of cells.
        least = (m + n) * (1 if self.kind == NMF else 2)
        largest = self.rank or max(1, min(m, n, self.budget.cells // least))
        if self.kind == NMF:
            ranks = _spread(largest) if self.rank is None else [self.rank]
            return tuple(nonnegative_factors(self.matrix, rank) for rank in ranks)
        made = singular_factors(self.matrix, largest)
        if self.rank is None:
            return (made,)
        return (replace(made, ranks=made.ranks[-1:]),)

    @cached_property
    def choice(self) -> Choice:
        """The rank and its copies for these cells."""
        return choose(self._choices(Cells(self.hardware.device)), self.baseline_error)

    @cached_property
    def baseline_error(self) -> float:
        """Relative error of one array of these cells with a gain for every line."""
        return array_error(self.matrix, Cells(self.hardware.device))

    def choose(self, moments: Moments) -> Choice:
        """Return the best rank and its copies for entries that come to other means and variances.

        Raises
        ------
        InputError
            If no rank leaves a copy of both factors.
        """
        return choose(self._choices(moments), array_error(self.matrix, moments))

    def _choices(self, moments: Moments) -> list[Choice]:
        return find_choices(self.matrix, self.candidates, moments, self.budget)

    def plan(self) -> LowRankPlan:
        """Return the best rank, its copies, and what both ways are off by.

        Write noise, levels, variation, drift and read noise of cells count; wires, amplifiers and
        converters do not: `simulate` shows what they add.

        Raises
        ------
        InputError
            If no rank leaves a copy of both factors.
        UnsupportedError
            If the mean of the errors of such cells is not known.
        """
        made, device = self.choice, self.hardware.device
        sizes = self.budget.sizes(made.factors, made.rank)
        return LowRankPlan(
            rank=made.rank,
            repeats=made.repeats,
            terms=made.terms.at(made.rank, made.repeats),
            baseline_error=self.baseline_error,
            baseline_error_one_gain=array_error(self.matrix, Cells(device), row_gain=False),
            break_even_write_noise=self.break_even(),
            write_noise=getattr(device, "write_noise", None),
            cells=sum(size * copies for size, copies in zip(sizes, made.repeats, strict=True)),
            baseline_cells=self.baseline_cells,
            cautions=self._left_out(),
        )

    def _left_out(self) -> tuple[str, ...]:
        hardware = self.hardware
        wire, converters = hardware.wire, (hardware.dac, hardware.adc)
        there = {
            "wires": any((wire.row, wire.column, wire.driver, wire.termination)),
            "converters": any(part is not None for part in converters),
        }
        names = " and ".join(name for name, is_there in there.items() if is_there)
        return (f"the plan leaves out {names}: run the circuits",) if names else ()

    def break_even(self, law: Callable[[float], Moments] | None = None) -> float | None:
        """Return the least write noise at which two steps help, see `LowRankPlan`.

        Parameters
        ----------
        law : callable, optional
            Of the noise, such as `WhiteNoise`; None are these cells with that write noise, which
            have no break-even where their write errors are measured or published ones.
        """
        device = self.hardware.device
        cells = device if isinstance(device, Memristor) and device.write_errors is None else None
        if law is None and cells is None:
            return None

        floor = min(float(factors.floor[-1]) for factors in self.candidates)
        least = floor / float((self.matrix**2).sum())

        def advantage(noise: float) -> float:
            if law:
                moments = law(noise)
            else:
                assert cells is not None
                moments = Cells(replace(cells, write_noise=noise))
            baseline = max(array_error(self.matrix, moments), ROUNDING)
            square = least  # not below one array: it need not be worked out
            if square < baseline**2:
                square = min(choice.square for choice in self._choices(moments))
            return float(np.log(max(square, ROUNDING**2)) / 2 - np.log(baseline))

        # Cells are not white noise, but not far from it.
        expected = min(white_break_even(self.matrix, f, self.budget) for f in self.candidates)
        return break_even(advantage, expected)

    def draw(self, draws: int = 20, *, seed: int = 0) -> Draws:
        """Draw the cells of both ways by algebra, without circuits, to compare with the plan.

        Parameters
        ----------
        draws : int
            From 2 on.
        seed : int
        """
        if _whole("draws", draws) < 2:
            raise InputError(f"draws = {draws}: must be at least 2")
        return draw_errors(self.matrix, self.choice, self.hardware.device, draws, seed)

    # -- on a chip ---------------------------------------------------------------------------

    def program(self, chip: Chip | None = None, **options: Any) -> LowRankProduct:
        """Write the planned factors and their copies into arrays of a chip.

        Parameters
        ----------
        chip : Chip, optional
            None makes one of this hardware.
        **options
            Of `Chip`, such as ``fidelity`` and ``seed``.

        Returns
        -------
        LowRankProduct
            ``product @ x``.
        """
        made = self.choice
        chip = Chip(self.hardware, **options) if chip is None else chip
        return LowRankProduct(chip, made.factors, made.rank, made.repeats)

    def simulate(self, inputs: int | None = None, *, seed: int = 0, **options: Any) -> LowRankTrial:
        """Run both ways, each on a chip of its own, with the same orthogonal inputs.

        Parameters
        ----------
        inputs : int, optional
            How many; None takes n, which weigh every direction alike.
        seed : int
            Of cells, amplifiers and inputs.
        **options
            Of `Chip`, such as ``fidelity``.

        Returns
        -------
        LowRankTrial
        """
        product = self.program(seed=seed, **options)
        single = Chip(self.hardware, seed=seed, **options)
        return simulate(self.matrix, product, single, inputs, seed)


def _whole(name: str, value: Any, most: int | None = None) -> int:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < 1 or (most is not None and value > most):
        limit = "" if most is None else f" to {most}"
        raise InputError(f"{name} = {value!r}: must be a whole number from 1{limit}")
    return int(value)


def _pair(repeats: Any) -> tuple[int, int]:
    try:
        one, two = repeats
    except (TypeError, ValueError):
        raise InputError(f"repeats = {repeats!r}: must be two numbers of copies") from None
    return _whole("repeats", one), _whole("repeats", two)


def _spread(largest: int) -> list[int]:
    """Return ranks from 1 on, two for each octave: factors of each are found anew."""
    ranks = {round(2 ** (k / 2)) for k in range(2 * int(np.log2(largest)) + 1)}
    return sorted(rank for rank in ranks if rank <= largest)
