"""A system cut into halves: what is worked out digitally before its blocks are programmed."""

from __future__ import annotations

__all__ = ["schur_flops"]


def schur_flops(first: int, second: int) -> float:
    """Return multiplications and additions of S = A4 - A3 A1^-1 A2, of sizes n1 and n2.

    An LU decomposition of A1, solutions for the columns of A2, a product and a difference.
    """
    return 2 / 3 * first**3 + 2 * first**2 * second + 2 * second**2 * first
