"""`partition`: a matrix cut into blocks, in an order whose blocks circuits can invert.

All of it is digital, and done before anything is written.  At every level the order that was given
is kept where neither the leading block nor the Schur complement is conditioned much worse than the
whole, and where what stays an array settles: always so for symmetric positive definite matrices.
Otherwise every order of `ORDERS` is tried, and the one is taken that leaves the larger of the two
condition numbers smallest.  Where no order works deeper down, the next best one is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy

from amcspice.circuit.base import Array
from amcspice.circuit.parts.halves import schur_flops
from amcspice.circuit.parts.order import ORDERS, Fitness, Order, fitness, order_flops
from amcspice.errors import InputError, UnstableError, did_you_mean

__all__ = ["CHOICES", "Halves", "Partition", "Whole", "partition"]

CONDITION = 1e8
"""Condition number from which on a leading block counts as singular."""

SINGULAR = 1 / np.finfo(float).eps
"""Condition number from which on a matrix has no solution in double precision."""

WORSE = 10.0
"""Condition number of a block over that of the whole up to which the given order is kept."""

CHOICES = ("auto", "best", *ORDERS)
"""How the order is chosen: given where it is good; the best one at every level; one by name."""


@dataclass(frozen=True, eq=False)
class Whole:
    """A block for arrays of its own.

    Parameters
    ----------
    name : str
        Such as ``A1`` or ``S.A1``; ``A`` is the whole matrix.
    matrix : ndarray, shape (n, n)
        In its order.
    order : Order
    """

    name: str
    matrix: Array
    order: Order

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.matrix)


@dataclass(frozen=True, eq=False)
class Halves:
    """A block in blocks.

    Parameters
    ----------
    name : str
    order : Order
        In which it is cut.
    order_name : str
    first, schur : Whole or Halves
        A1 and S.
    upper, lower : ndarray
        A2 and A3.
    """

    name: str
    order: Order
    order_name: str
    first: Whole | Halves
    upper: Array
    lower: Array
    schur: Whole | Halves

    @cached_property
    def size(self) -> int:
        """Number of rows."""
        return self.first.size + self.schur.size

    @property
    def schur_flops(self) -> float:
        """Digital operations that form S."""
        return schur_flops(self.first.size, self.schur.size)


@dataclass(frozen=True, eq=False)
class Partition:
    """A matrix in blocks, and what it took.

    Parameters
    ----------
    root : Whole or Halves
    order_flops : float
        Digital operations that chose the orders: conditions, eigenvalues, Schur complements of
        orders that were not taken.
    """

    root: Whole | Halves
    order_flops: float

    @property
    def halves(self) -> Iterator[Halves]:
        """Every block that is cut, from the whole on."""
        waiting = [self.root]
        while waiting:
            block = waiting.pop()
            if isinstance(block, Halves):
                yield block
                waiting += [block.schur, block.first]

    @property
    def schur_flops(self) -> float:
        """Digital operations that form all Schur complements."""
        return sum(block.schur_flops for block in self.halves)


def partition(
    matrix: Array, size: int, order: str = "auto", *, allow_unstable: bool = False
) -> Partition:
    """Cut a matrix until no block has more than ``size`` rows.

    Parameters
    ----------
    matrix : ndarray, shape (n, n)
    size : int
    order : str
        One of `CHOICES`; a block that has no circuit in the order by name is refused.
    allow_unstable : bool
        Keep blocks whose circuits do not settle.

    Raises
    ------
    InputError
        If the matrix is singular, or a block in every order that was tried, or the order is
        unknown.
    UnstableError
        If no circuit that inverts a block is stable in any of them; the message names the block.
    """
    if order not in CHOICES:
        raise InputError(f"order: {did_you_mean(str(order), list(CHOICES))}")
    cutter = _Cutter(size, order, allow_unstable)
    root = cutter.cut(matrix, "", None)
    return Partition(root, cutter.flops - Partition(root, 0.0).schur_flops)


class _Cut(NamedTuple):
    """A block cut in an order, and what its parts are good for."""

    name: str
    order: Order
    ordered: Array
    schur: Array
    first_fitness: Fitness
    schur_fitness: Fitness

    @property
    def condition(self) -> float:
        """The larger condition number of A1 and S."""
        return max(self.first_fitness.condition, self.schur_fitness.condition)

    @property
    def settles(self) -> bool:
        """Whether what stays an array settles in this order."""
        return self.first_fitness.settles and self.schur_fitness.settles


@dataclass
class _Cutter:
    """Cuts blocks and counts what that takes."""

    size: int
    choice: str
    allow_unstable: bool
    flops: float = field(default=0.0, init=False)
    whole: float = field(default=np.inf, init=False)

    def cut(self, block: Array, name: str, known: Fitness | None) -> Whole | Halves:
        """Return a block cut as far as it must be; ``known`` is what it is good for."""
        if known is None:
            known = self._fitness(block)
            self.whole = known.condition
            if known.condition > SINGULAR:
                raise InputError("matrix: it is singular; there is no solution to settle to")
        if len(block) <= self.size:
            return self._whole(block, name or "A", known)
        failure: InputError | UnstableError | None = None
        for made in self._cuts(block):
            try:
                return self._halves(made, name)
            except (InputError, UnstableError) as error:
                failure = failure or error
        if failure is not None:
            raise failure
        half, tried = (len(block) + 1) // 2, ", ".join(self._names)
        raise InputError(
            f"block {name or 'A'}: no {half} of its {len(block)} rows and columns that were tried "
            f"({tried}) make a leading block with an inverse: take a single array, or another "
            "order of rows"
        )

    @property
    def _names(self) -> Sequence[str]:
        return tuple(ORDERS) if self.choice in ("auto", "best") else (self.choice,)

    def _fitness(self, block: Array) -> Fitness:
        made = fitness(block, stays=len(block) <= self.size)
        self.flops += made.flops
        return made

    def _whole(self, block: Array, name: str, known: Fitness) -> Whole:
        """Return a block as it is, or with rows in a signed order where only that settles."""
        order = ORDERS["given"](block, 0)
        if not known.settles and not self.allow_unstable and "signed" in self._names:
            order = ORDERS["signed"](block, 0)
            self.flops += order_flops("signed", len(block))
            known = self._fitness(order.of(block))
        if not (known.settles or self.allow_unstable):
            raise UnstableError(
                f"block {name}: a circuit that inverts its {len(block)} rows has modes that grow "
                "or hardly decay, in every order that was tried: smaller blocks (more stages) or "
                "another order of rows may settle"
            )
        return Whole(name, order.of(block), order)

    def _cuts(self, block: Array) -> list[_Cut]:
        """Return cuts to try, the best first; one alone where the given order is good."""
        cuts: list[_Cut] = []
        for name in self._names:
            made = self._cut_in(block, name)
            if made is None:
                continue
            good = made.settles and made.condition <= WORSE * self.whole
            if self.choice == "auto" and name == "given" and good:
                return [made]
            cuts.append(made)
        # Rows in a signed order may settle even so; what settles as it is comes first.
        return sorted(cuts, key=lambda cut: (not cut.settles, cut.condition))

    def _cut_in(self, block: Array, name: str) -> _Cut | None:
        """Return a block cut in an order; None where a part has no inverse."""
        half = (len(block) + 1) // 2
        order = ORDERS[name](block, half)
        self.flops += order_flops(name, len(block))
        ordered = order.of(block)
        first = self._fitness(ordered[:half, :half])
        if first.condition > CONDITION:
            return None
        inner = scipy.linalg.solve(ordered[:half, :half], ordered[:half, half:])
        schur = ordered[half:, half:] - ordered[half:, :half] @ inner
        self.flops += schur_flops(half, len(block) - half)
        last = self._fitness(schur)
        if last.condition > CONDITION:
            return None
        return _Cut(name, order, ordered, schur, first, last)

    def _halves(self, made: _Cut, name: str) -> Halves:
        half, prefix = len(made.ordered) - len(made.schur), f"{name}." if name else ""
        return Halves(
            name or "A", made.order, made.name,
            self.cut(made.ordered[:half, :half], f"{prefix}A1", made.first_fitness),
            made.ordered[:half, half:], made.ordered[half:, :half],
            self.cut(made.schur, f"{prefix}S", made.schur_fitness),
        )  # fmt: skip
