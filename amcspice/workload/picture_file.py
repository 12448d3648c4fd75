"""The pixels of a picture file as a viewer shows them: upright, zero black, with their full scale.

What readers leave out is looked at here: number of pages or frames, which way is up, whether zero
is white, whether colours are in a palette, and samples of 16 bits, of which Pillow keeps eight.
"""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.errors import InputError
from amcspice.extras import extra
from amcspice.files import check_memory, file_content

__all__ = ["read_pixels"]

Pixels = NDArray[np.generic]

FORMATS = (
    "PNG", "JPEG", "JPEG2000", "GIF", "WEBP", "AVIF", "BMP", "DIB", "PPM", "TGA", "ICO", "PCX",
    "SGI", "TIFF",
)  # fmt: skip
"""What Pillow is asked to read, as far as it can: no pages of text, which it would have drawn."""

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How TIFF and BigTIFF begin, in either order of bytes."""

ORIENTATION = 274
"""Tag of EXIF, and of TIFF."""

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
"""Values of the TIFF tag PhotometricInterpretation that are pixels as they are."""

CHANNELS = {"1": 1, "L": 1, "LA": 1, "P": 3, "PA": 3, "RGB": 3, "RGBA": 3, "RGBX": 3, "F": 1}
"""Modes of Pillow that are grey or colours, and how many channels they are without opacity."""

WIDE_GREY = ("I;16", "I;16B", "I;16L")
WIDE_COLOUR = ("RGB;16B", "RGBA;16B")
"""Raw modes of a PNG of which Pillow keeps the upper bytes; of a PGM it keeps 16 bits in 32 (I)."""

SIZE = 8
"""Bytes of a value: pictures become fractions of full scale."""


def read_pixels(path: Path) -> Pixels:
    """Return the pixels of a file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    ndarray of bool, uint8, uint16 or float, shape (rows, columns) or (rows, columns, channels)
        Opacity is dropped.

    Raises
    ------
    InputError
        If the file is missing, empty or too large, holds several pictures, or colours that are no
        grey values and no RGB.
    Exception
        What the libraries raise of a damaged file.
    """
    content = file_content(path)
    if not content:
        raise InputError(f"{path}: an empty file")
    return (_of_tiff if content.startswith(TIFF) else _by_pillow)(content, path)


def _by_pillow(content: bytes, path: Path) -> Pixels:
    with _opened(content) as picture:
        # The others of a camera's MPO are previews, depths and gains of the first.
        frames = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)
        _refuse_several(frames, path)
        check_memory(SIZE * math.prod(picture.size) * CHANNELS.get(picture.mode, 1), str(path))
        tiles = picture.tile
        if picture.format == "PNG" and tiles and tiles[0].args in WIDE_COLOUR:
            pixels = _wide_colours(picture, content)
        elif picture.format == "PPM" and tiles and tiles[0].codec_name == "ppm":
            pixels = _netpbm(picture, content)
        elif picture.format == "PPM" and tiles and tiles[0].codec_name == "ppm_plain":
            pixels = _netpbm_text(picture, content, path)
        else:
            pixels = _plain(picture, path)
        # Asked for last: Pillow turns a TIFF itself, and then says so.
        return _turned(pixels, picture.getexif().get(ORIENTATION, 1))


def _opened(content: bytes) -> Any:
    with extra("images"):
        import PIL.Image  # takes long, and few commands look at pictures

    PIL.Image.init()
    known = [name for name in FORMATS if name in PIL.Image.OPEN]
    return PIL.Image.open(io.BytesIO(content), formats=known)


def _plain(picture: Any, path: Path) -> Pixels:
    """Return what Pillow decodes, if it is grey or RGB."""
    if picture.mode in WIDE_GREY or (picture.format, picture.mode) == ("PPM", "I"):
        return np.asarray(picture).astype(np.uint16)
    wide_opacity = bool(picture.tile) and picture.tile[0].args == "LA;16B"
    if picture.mode not in CHANNELS or wide_opacity:
        kind = "16-bit grey with opacity" if wide_opacity else picture.mode
        raise InputError(f"{path}: a {kind} picture; convert it to RGB")
    in_palette = picture.mode in ("P", "PA")
    pixels = np.asarray(picture.convert("RGB") if in_palette else picture)
    channels = CHANNELS[picture.mode]
    return pixels[:, :, :channels] if pixels.ndim == 3 else pixels


def _wide_colours(picture: Any, content: bytes) -> Pixels:
    """Return colours of 16 bits, decoded twice: the upper bytes, then the lower ones."""
    tile: Any = picture.tile[0]
    upper = np.asarray(picture).astype(np.uint16)
    with _opened(content) as again:
        # In the other order of bytes the lower one is where Pillow looks for the upper one.
        again.tile = [tile._replace(args=tile.args.replace("16B", "16L"))]
        lower = np.asarray(again)
    pixels: Pixels = (upper * 256 + lower)[:, :, :3]
    return pixels


def _netpbm(picture: Any, content: bytes) -> Pixels:
    """Return the fractions of a binary PGM or PPM whose full scale is not 255."""
    tile: Any = picture.tile[0]
    mode, full = tile.args
    columns, rows = picture.size
    shape = (rows, columns, 3) if mode == "RGB" else (rows, columns)
    kind = np.dtype(">u2" if full > 255 else "u1")
    values = np.frombuffer(content, kind, math.prod(shape), tile.offset).reshape(shape)
    return np.asarray(np.minimum(values / full, 1.0))


def _netpbm_text(picture: Any, content: bytes, path: Path) -> Pixels:
    """Return the fractions of a PGM or PPM in digits, or the bits of a PBM."""
    tile: Any = picture.tile[0]
    if picture.mode == "1":
        return _plain(picture, path)
    full = tile.args[1]
    columns, rows = picture.size
    shape = (rows, columns, 3) if picture.mode == "RGB" else (rows, columns)
    words = re.sub(rb"#[^\r\n]*", b" ", content[tile.offset :]).split()[: math.prod(shape)]
    if not all(map(bytes.isdigit, words)) or len(words) < math.prod(shape):
        raise InputError(f"{path}: it holds {len(words)} of {math.prod(shape)} values")
    values = np.array([min(int(word), full) for word in words], dtype=float)
    return np.asarray(values.reshape(shape) / full)


def _of_tiff(content: bytes, path: Path) -> Pixels:
    with extra("images"):
        import tifffile

    with tifffile.TiffFile(io.BytesIO(content)) as file:
        # Smaller copies of a page are not another picture.
        pages: list[Any] = [page for page in file.pages if not getattr(page, "is_reduced", False)]
        _refuse_several(len(pages), path)
        page: Any = (pages or file.pages)[0]
        kind = int(page.photometric)
        if kind not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
            raise InputError(
                f"{path}: a TIFF whose values are neither grey nor RGB (photometric "
                f"interpretation {kind}, such as CMYK, a palette or CIELAB); convert it to RGB"
            )
        colours = 3 if kind == RGB else 1
        channels = page.shape[page.axes.index("S")] if "S" in page.axes else 1
        opacity = len(page.extrasamples)
        if page.axes not in ("YX", "YXS", "SYX") or opacity > 1 or channels != colours + opacity:
            raise InputError(f"{path}: a stack of pictures (shape {page.shape}); save one of them")
        check_memory(SIZE * math.prod(page.shape), str(path))
        try:
            pixels = page.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            return _by_pillow(content, path)
        tag = page.tags.get(ORIENTATION)
        turned = 1 if tag is None else int(tag.value)
    if page.axes == "SYX":
        pixels = np.moveaxis(pixels, 0, 2)
    if kind == WHITE_IS_ZERO:
        pixels = _inverted(pixels)
    return _turned(pixels[:, :, :colours] if pixels.ndim == 3 else pixels, turned)


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
