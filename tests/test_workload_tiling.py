"""Tiles: a round trip for any size, and every pixel where plain slicing finds it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import amcspice as amc
from amcspice.workload import Tiling


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    tile=st.integers(1, 17),
    padding=st.sampled_from(["edge", "reflect"]),
)
def test_join_reverses_split(rows, columns, channels, tile, padding):
    picture = np.random.default_rng(rows).random((rows, columns, channels))
    tiling = Tiling(picture.shape, tile, padding)
    tiles = tiling.split(picture)
    assert tiles.shape == (tiling.count, tile, tile)
    np.testing.assert_array_equal(tiling.join(tiles), picture)


def test_tiles_are_slices_in_row_order_with_channels_innermost():
    picture = np.random.default_rng(0).random((8, 12, 3))
    tiles = iter(Tiling(picture.shape, 4).split(picture))
    for row in range(0, 8, 4):
        for column in range(0, 12, 4):
            for channel in range(3):
                expected = picture[row : row + 4, column : column + 4, channel]
                np.testing.assert_array_equal(next(tiles), expected)


@pytest.mark.parametrize("padding", ["edge", "reflect"])
def test_last_tile_is_padded_as_numpy_pads(padding):
    picture = np.random.default_rng(1).random((5, 7, 1))
    last = Tiling(picture.shape, 4, padding).split(picture)[-1]
    expected = np.pad(picture[:, :, 0], ((0, 3), (0, 1)), mode=padding)[4:, 4:]
    np.testing.assert_array_equal(last, expected)


def test_tile_below_one_pixel_is_refused():
    with pytest.raises(amc.InputError, match="at least 1"):
        Tiling((4, 4, 1), 0)
