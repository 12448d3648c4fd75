"""What a picture file says of its pixels, and readers of pixels leave out.

Number of pages or frames, which way is up, whether zero is white, whether colours are in a palette,
and the full scale of grey values that a reader hands over in a wider type.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from amcspice.errors import InputError

__all__ = ["as_seen"]

Pixels = NDArray[np.generic]

ORIENTATION = 274
"""Tag of EXIF, and of TIFF."""

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
"""Values of the TIFF tag PhotometricInterpretation that are pixels as they are."""

WIDE_GREY = ("PPM", "I")
"""Format and mode in which Pillow scales 16 bits, kept in 32, to 0 .. 65535."""


def as_seen(pixels: Pixels, path: Path) -> Pixels:
    """Return pixels as a viewer shows them: upright, zero black, in a type of their own scale.

    Parameters
    ----------
    pixels : ndarray, shape (rows, columns) or (rows, columns, channels)
        As they were read.
    path : Path

    Raises
    ------
    InputError
        If the file holds several pictures, or colours that are no grey values and no RGB.
    """
    if path.suffix.lower() in (".tif", ".tiff"):
        return _of_tiff(pixels, path)
    try:
        with PIL.Image.open(path) as picture:
            frames = getattr(picture, "n_frames", 1)
            kind, turned = (picture.format, picture.mode), picture.getexif().get(ORIENTATION, 1)
    except PIL.UnidentifiedImageError:
        return pixels
    _refuse_several(frames, path)
    if kind == WIDE_GREY:
        pixels = pixels.astype(np.uint16)
    return _turned(pixels, turned)


def _of_tiff(pixels: Pixels, path: Path) -> Pixels:
    import tifffile

    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        pages, kind = len(file.pages), int(page.photometric)
        tag = page.tags.get(ORIENTATION)
        turned = 1 if tag is None else int(tag.value)
    _refuse_several(pages, path)
    if kind == WHITE_IS_ZERO:
        pixels = _inverted(pixels)
    elif kind not in (BLACK_IS_ZERO, RGB):
        raise InputError(
            f"{path}: a TIFF whose values are neither grey nor RGB (photometric "
            f"interpretation {kind}, such as a palette or CIELAB); convert it to RGB"
        )
    return _turned(pixels, turned)


def _inverted(pixels: Any) -> Pixels:
    if pixels.dtype == bool:
        return np.asarray(~pixels)
    full = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "iu" else 1.0
    return np.asarray(full - pixels)


def _refuse_several(count: int, path: Path) -> None:
    if count > 1:
        raise InputError(f"{path}: a stack of pictures ({count} of them); save one of them")


def _turned(pixels: Pixels, orientation: int) -> Pixels:
    """Return pixels upright, by the eight orientations of EXIF."""
    if orientation in (5, 6, 7, 8):
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
