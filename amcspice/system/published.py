"""What others state of digital hardware, and bounds on it: nothing here was measured.

A bound is a roofline (Williams, Waterman, Patterson, CACM 52, 65 (2009)): work that moves more than
it computes takes the bytes that it moves over the bandwidth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from amcspice.model_files import models_folder
from amcspice.system.cost import Totals
from amcspice.system.entries import Entry, EntryReader

__all__ = ["FIGURES", "Published", "gathered_bytes", "regression_operations"]

FIGURES: Mapping[str, tuple[str, str]] = {
    "speed_movielens": ("", "Times faster than digital hardware, ratings of MovieLens 100k."),
    "speed_netflix": ("", "Times faster than digital hardware, ratings of Netflix shape."),
    "energy_netflix": ("", "Times less energy than digital hardware, ratings of Netflix shape."),
    "storage_picture": ("", "Pixels of a picture over entries of its factors."),
    "fpga_als_speed": ("", "Times faster than a board's processor, FPGA."),
    "fpga_als_energy": ("", "Times less energy than a board's processor, FPGA."),
    "gpu_nmf_speed": ("", "Times faster than one processor, GPU."),
    "gpu_power": ("W", "Of a GPU at work."),
    "gpu_bandwidth": ("1/s", "Bytes a second between a GPU and its memory."),
    "gpu_gather": ("", "Share of it that rows at random places reach."),
    "asic_energy": ("J", "Of an operation of a digital circuit made for it."),
}
"""Every figure: its SI unit, and what it is."""


@dataclass(frozen=True)
class Published:
    """Figures of other hardware, each with its range and source.

    Parameters
    ----------
    entries : mapping of str to Entry
        Every one of `FIGURES`.

    Examples
    --------
    >>> from amcspice.system.published import Published, gathered_bytes
    >>> gpu = Published.load().gpu(gathered_bytes(98_800_000, 8))  # Netflix: an iteration
    >>> f"{gpu.time * 1e3:.1f} ms, {gpu.energy:.2f} J"
    '17.6 ms, 5.27 J'
    """

    entries: Mapping[str, Entry]

    def __getitem__(self, name: str) -> float:
        return self.entries[name].value

    @classmethod
    def load(cls, path: Path | None = None) -> Published:
        """Read ``models/published.toml``, or another file of the same figures.

        Raises
        ------
        InputError
            If a figure is missing, unknown or without source; the line is told.
        """
        units = {name: unit for name, (unit, _) in FIGURES.items()}
        return cls(EntryReader(path or models_folder() / "published.toml", units).read())

    def gpu(self, moved: float, end: str = "value") -> Totals:
        """Return the least that a GPU takes to move so many bytes: a roofline.

        Parameters
        ----------
        moved : float
            Bytes.
        end : {"value", "low", "high"}
            With figures as they are taken, or at that end of their ranges.
        """
        bandwidth, gather, power = (
            getattr(self.entries[name], end)
            for name in ("gpu_bandwidth", "gpu_gather", "gpu_power")
        )
        seconds = moved / (bandwidth * gather)
        return Totals(seconds, seconds * power)


def gathered_bytes(ratings: int, rank: int, value: int = 4, index: int = 4) -> float:
    """Return the bytes that an iteration of alternating least squares on ratings gathers.

    Both half-steps visit every rating: its value, its place, and the row of the factor there.

    Parameters
    ----------
    ratings, rank : int
    value, index : int
        Bytes of a number and of a place.
    """
    return 2.0 * ratings * (rank * value + value + index)


def regression_operations(rows: int, columns: int, steps: int = 3) -> float:
    """Return the multiplications of a non-negative regression whose Gram matrix is at hand.

    The product with the matrix, and ``steps`` of block pivoting, a Cholesky decomposition and two
    triangular solutions each (Golub, Van Loan, "Matrix Computations", 4.2).
    """
    return float(rows * columns + steps * (columns**3 / 3 + columns**2))
