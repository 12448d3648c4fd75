"""Cutting a picture into square tiles, and putting it together again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from amcspice.errors import InputError

__all__ = ["Tiling"]

Picture = NDArray[np.float64]


@dataclass(frozen=True)
class Tiling:
    """Square tiles of every channel of a picture.

    A picture whose sides are no multiple of the tile is padded at its right and lower edge;
    `join` cuts the padding off again.

    Parameters
    ----------
    shape : tuple of int
        Rows, columns and channels of the picture.
    tile : int
        Side of a tile [pixels].
    padding : {"edge", "reflect"}
        What the padding repeats: the last pixel, or the picture mirrored.
    """

    shape: tuple[int, int, int]
    tile: int
    padding: Literal["edge", "reflect"] = "edge"

    def __post_init__(self) -> None:
        """Validate."""
        if self.tile < 1:
            raise InputError(f"tile = {self.tile} must be at least 1 pixel")

    @property
    def grid(self) -> tuple[int, int, int]:
        """Tiles down, across, and channels."""
        rows, columns, channels = self.shape
        return -(-rows // self.tile), -(-columns // self.tile), channels

    @property
    def count(self) -> int:
        """Number of tiles."""
        return int(np.prod(self.grid))

    def split(self, picture: Picture) -> Picture:
        """Return the tiles, shape (count, tile, tile): row by row, channels innermost."""
        down, across, channels = self.grid
        margin = [
            (0, down * self.tile - self.shape[0]),
            (0, across * self.tile - self.shape[1]),
            (0, 0),
        ]
        padded = np.pad(picture, margin, mode=self.padding)
        blocks = padded.reshape(down, self.tile, across, self.tile, channels)
        tiles: Picture = blocks.transpose(0, 2, 4, 1, 3).reshape(-1, self.tile, self.tile).copy()
        return tiles

    def join(self, tiles: Picture) -> Picture:
        """Return the picture made of the tiles; reverses `split`."""
        down, across, channels = self.grid
        blocks = tiles.reshape(down, across, channels, self.tile, self.tile)
        padded = blocks.transpose(0, 3, 1, 4, 2).reshape(
            down * self.tile, across * self.tile, channels
        )
        return np.ascontiguousarray(padded[: self.shape[0], : self.shape[1]])
