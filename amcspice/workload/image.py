"""Pictures: reading, cropping, writing and scoring."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.errors import InputError, brief
from amcspice.extras import extra
from amcspice.files import replacing
from amcspice.workload.picture_file import read_pixels

__all__ = ["Crop", "Score", "read_image", "score", "write_image"]

Picture = NDArray[np.float64]

SSIM_WINDOW = 7
"""Side of the window of structural similarity [pixels]; smaller pictures get a smaller one."""


WIDE = ("uint32", "uint64")
"""Types of pixels of which no one says what white is."""


def _skimage() -> Any:
    """Return scikit-image, which takes long to import: few commands look at pictures."""
    with extra("images"):
        import skimage

    return skimage


@dataclass(frozen=True)
class Crop:
    """A rectangle of a picture [pixels]."""

    row: int
    column: int
    height: int
    width: int

    def of(self, picture: Picture) -> Picture:
        """Return the part of the picture.

        Raises
        ------
        InputError
            If it does not lie inside the picture.
        """
        rows, columns = picture.shape[:2]
        inside = (
            0 <= self.row < self.row + self.height <= rows
            and 0 <= self.column < self.column + self.width <= columns
        )
        if not inside:
            raise InputError(
                f"crop {self.row} {self.column} {self.height} {self.width} (row, column, height, "
                f"width) does not lie inside the picture of {rows} rows and {columns} columns"
            )
        return picture[self.row : self.row + self.height, self.column : self.column + self.width]


@dataclass(frozen=True)
class Score:
    """How much a picture is like the original.

    Parameters
    ----------
    psnr_db : float
        Peak signal-to-noise ratio over all channels, peak 1 [dB].
    ssim : float
        Structural similarity, mean of the channels; nan where the picture is below 3 x 3.
    relative_residual : float
        2-norm of the difference over that of the original.
    """

    psnr_db: float
    ssim: float
    relative_residual: float


def read_image(path: Path | str) -> Picture:
    """Read a picture as fractions of full scale.

    Parameters
    ----------
    path : path
        PNG, JPEG, TIFF, GIF, WebP, BMP, PGM and PPM, and other formats that Pillow reads: grey
        or RGB, 8 or 16 bits or fractions; transparency is dropped, a palette resolved, what EXIF
        has turned is turned back.

    Returns
    -------
    ndarray, shape (rows, columns, channels)
        From 0 to 1; one channel or three.

    Raises
    ------
    InputError
        If the file is missing, is not one picture, or its pixels have no full scale that is known.
    """
    _skimage()  # refused before anything is read
    with extra("images"):
        from PIL import UnidentifiedImageError

    path = Path(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels = read_pixels(path)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"{path}: not a picture that can be read (unknown format)") from None
    except Exception as error:  # readers of damaged files raise all sorts
        raise InputError(f"{path}: not a picture that can be read ({brief(error)})") from None
    if pixels.size == 0 or pixels.dtype.kind not in "buf" or pixels.dtype.name in WIDE:
        raise InputError(
            f"{path}: not a picture that can be read (shape {pixels.shape}, {pixels.dtype}); save "
            "it with 8 or 16 bits, or as fractions"
        )
    values = _fractions(pixels, path)
    return values[:, :, None] if values.ndim == 2 else values


def _fractions(pixels: NDArray[np.generic], path: Path) -> Picture:
    """Scale by the data type's range; pictures of floats must be fractions already."""
    values: Picture = _skimage().util.img_as_float64(pixels)
    if not np.isfinite(values).all():
        raise InputError(f"{path}: holds pixels that are not finite")
    if values.min() < 0 or values.max() > 1:
        raise InputError(
            f"{path}: pixels from {values.min():g} to {values.max():g}; must be from 0 to 1"
        )
    return values


def write_image(path: Path, picture: Picture) -> None:
    """Write a picture with 8 bits a channel, whole or not at all; values are clipped to 0..1."""
    pixels = np.rint(np.clip(picture, 0.0, 1.0) * 255).astype(np.uint8)
    with replacing(path) as temporary:
        grey = pixels.shape[2] == 1
        _skimage().io.imsave(
            temporary, pixels.squeeze(-1) if grey else pixels, check_contrast=False
        )


def score(original: Picture, reconstruction: Picture) -> Score:
    """Compare a reconstruction, clipped to 0..1 as a display would, with the original.

    Parameters
    ----------
    original, reconstruction : ndarray, shape (rows, columns, channels)
        Fractions of full scale.

    Returns
    -------
    Score
    """
    shown = np.clip(reconstruction, 0.0, 1.0)
    size = float(np.linalg.norm(original))
    distance = float(np.linalg.norm(original - reconstruction))
    return Score(
        psnr_db=_psnr(original, shown) if (original != shown).any() else float("inf"),
        ssim=_ssim(original, shown),
        relative_residual=distance / size if size else float(distance > 0),
    )


def _psnr(original: Picture, shown: Picture) -> float:
    compare = _skimage().metrics.peak_signal_noise_ratio
    return float(compare(original, shown, data_range=1.0))


def _ssim(original: Picture, shown: Picture) -> float:
    side = min(SSIM_WINDOW, *original.shape[:2])
    if side < 3:
        return float("nan")
    odd = side - 1 + side % 2
    compare = _skimage().metrics.structural_similarity
    return float(compare(original, shown, data_range=1.0, channel_axis=2, win_size=odd))
