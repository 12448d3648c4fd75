"""`Comparison`: the error of blocks beside that of one array, foretold from what both apply."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GAIN", "Comparison"]

GAIN = 0.9
"""Error of the blocks over that of one array from which on they bring nothing."""

FAR = 0.5
"""Error of the blocks from which on they are told to be far off, even where one array is worse."""


@dataclass(frozen=True)
class Comparison:
    """Errors of solutions, foretold without a right-hand side and without its answer.

    With T what programmed arrays apply, the error is ``|T - A^-1| / |A^-1|`` in the Frobenius norm:
    the root mean square over right-hand sides of independent entries.  A^-1 is worked out
    digitally, in no account, for this figure alone: nothing is chosen by it.  Medians of several
    draws of the cells, the same for both.

    Parameters
    ----------
    blocks : float
    one_array : float
        Infinite where no draw of one array settles.
    draws : int
        Draws of the cells, of which some may not settle and count as infinite.
    """

    blocks: float
    one_array: float
    draws: int

    @property
    def ratio(self) -> float:
        """Error of the blocks over that of one array."""
        return self.blocks / self.one_array if self.one_array else 1.0

    @property
    def caution(self) -> str:
        """A sentence where blocks bring nothing, harm or stay far off; empty where they help."""
        found = f"error {self.blocks:.3g} foretold, one array {self.one_array:.3g}"
        if self.blocks >= 1:
            return f"blocks are no inverse on this hardware: {found}"
        if self.ratio <= GAIN:
            return (
                f"blocks are far off, too, on this hardware: {found}" if self.blocks >= FAR else ""
            )
        if self.ratio < 1 / GAIN:
            return f"blocks bring nothing in accuracy here: {found}"
        return f"blocks harm here: {found}"

    def __str__(self) -> str:
        return (
            f"error of blocks {self.blocks:.3g}, of one array {self.one_array:.3g} "
            f"(median of {self.draws} draws of the cells)"
        )
