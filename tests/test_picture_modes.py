"""Every mode of a picture is read right, pixel by pixel, or refused."""

from __future__ import annotations

import gzip
import struct
import zlib

import numpy as np
import PIL.Image
import pytest
import tifffile

from amcspice.errors import InputError
from amcspice.workload import read_image

DRAW = np.random.default_rng(5)
GREY, OPACITY = DRAW.integers(0, 256, (2, 6, 9), dtype=np.uint8)
COLOUR = DRAW.integers(0, 256, (6, 9, 3), dtype=np.uint8)
WIDE = DRAW.integers(0, 65536, (6, 9), dtype=np.uint16)
WIDE_COLOUR = DRAW.integers(0, 65536, (6, 9, 3), dtype=np.uint16)
FRACTIONS = DRAW.random((6, 9)).astype(np.float32)
BITS = DRAW.random((6, 9)) < 0.5
PALETTE = PIL.Image.fromarray(COLOUR).quantize(8)
RESOLVED = np.asarray(PALETTE.convert("RGB")) / 255
IMAGE = PIL.Image.fromarray


def png(values, depth, kind):
    """Return a PNG of samples of ``depth`` bits and a colour type, written by hand."""

    def chunk(name, content):
        return (
            struct.pack(">I", len(content)) + name + content
            + struct.pack(">I", zlib.crc32(name + content))
        )  # fmt: skip

    rows = values.reshape(len(values), -1)
    bits = ["".join(f"{sample:0{depth}b}" for sample in row) for row in rows.tolist()]
    packed = [int(b + "0" * (-len(b) % 8), 2).to_bytes(-(-len(b) // 8), "big") for b in bits]
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], depth, kind, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in packed))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def netpbm(kind, values, full):
    head = f"P{kind} 9 6 {full}\n".encode()
    return head + values.astype(">u2" if full > 255 else np.uint8).tobytes()


PILLOW = {
    "bits.png": (IMAGE(BITS), {}, BITS),
    "opacity.png": (IMAGE(np.dstack([GREY, OPACITY]), "LA"), {}, GREY / 255),
    "palette.png": (PALETTE, {}, RESOLVED),
    "clear.png": (PALETTE, {"transparency": 0}, RESOLVED),
    "half.png": (PALETTE, {"transparency": bytes([0, 128])}, RESOLVED),
    "key.png": (IMAGE(COLOUR), {"transparency": tuple(COLOUR[0, 0].tolist())}, COLOUR / 255),
    "wide.png": (IMAGE(WIDE), {}, WIDE / 65535),
    "palette.gif": (PALETTE, {}, RESOLVED),
    "palette.bmp": (PALETTE, {}, RESOLVED),
    "bits.bmp": (IMAGE(BITS), {}, BITS),
    "grey.tga": (IMAGE(GREY), {}, GREY / 255),
    "exact.webp": (IMAGE(COLOUR), {"lossless": True}, COLOUR / 255),
    "exact.jp2": (IMAGE(COLOUR), {"irreversible": False}, COLOUR / 255),
    "fax.tif": (IMAGE(BITS), {"compression": "group4"}, BITS),
    "lzw.tif": (IMAGE(COLOUR), {"compression": "tiff_lzw"}, COLOUR / 255),
    "lzwgrey.tif": (IMAGE(GREY), {"compression": "tiff_lzw"}, GREY / 255),
    "lzwwide.tif": (IMAGE(WIDE), {"compression": "tiff_lzw"}, WIDE / 65535),
}


@pytest.mark.parametrize("name", PILLOW)
def test_what_pillow_writes_is_read(tmp_path, name):
    picture, options, expected = PILLOW[name]
    picture.save(tmp_path / name, **options)
    check(tmp_path / name, expected)


def check(path, expected):
    expected = expected if np.ndim(expected) == 3 else np.asarray(expected, float)[:, :, None]
    np.testing.assert_allclose(read_image(path), expected, rtol=0, atol=1e-7)


BYTES = {
    **{
        f"grey{n}.png": (png(GREY & (2**n - 1), n, 0), (GREY & (2**n - 1)) / (2**n - 1))
        for n in (1, 2, 4, 8)
    },
    "wide.png": (png(WIDE_COLOUR, 16, 2), WIDE_COLOUR / 65535),
    "opaque.png": (png(np.dstack([WIDE_COLOUR, WIDE]), 16, 6), WIDE_COLOUR / 65535),
    "name": (png(GREY, 8, 0), GREY / 255),
    "png.tif": (png(GREY, 8, 0), GREY / 255),
    "grey.png.gz": (gzip.compress(png(GREY, 8, 0), mtime=0), GREY / 255),
    **{
        f"{full}.pgm": (netpbm(5, WIDE % (full + 1), full), WIDE % (full + 1) / full)
        for full in (1, 15, 100, 255, 1023, 65534)
    },
    "65535.pgm": (netpbm(5, WIDE, 65535), WIDE / 65535),
    **{
        f"{full}.ppm": (netpbm(6, WIDE_COLOUR % (full + 1), full), WIDE_COLOUR % (full + 1) / full)
        for full in (15, 100, 255, 1023)
    },
    "65535.ppm": (netpbm(6, WIDE_COLOUR, 65535), WIDE_COLOUR / 65535),
    "f.pfm": (b"Pf 9 6 -1.0\n" + FRACTIONS[::-1].tobytes(), FRACTIONS),
    "bits.pbm": (b"P4 9 6\n" + np.packbits(~BITS, axis=1).tobytes(), BITS),
}


@pytest.mark.parametrize("name", BYTES)
def test_bits_and_full_scales_are_those_of_the_file(tmp_path, name):
    content, expected = BYTES[name]
    (tmp_path / name).write_bytes(content)
    check(tmp_path / name, expected)


TIFF = {
    "wide": (WIDE_COLOUR, {"photometric": "rgb"}, WIDE_COLOUR / 65535),
    "big": (WIDE, {"bigtiff": True, "byteorder": ">"}, WIDE / 65535),
    "half": (FRACTIONS.astype(np.float16), {}, FRACTIONS.astype(np.float16)),
    "double": (FRACTIONS.astype(float), {}, FRACTIONS),
    "tiles": (GREY, {"tile": (16, 16)}, GREY / 255),
    "white": (FRACTIONS, {"photometric": "miniswhite"}, 1 - FRACTIONS),
    "bits": (BITS, {"photometric": "miniswhite"}, ~BITS),
    "planes": (np.moveaxis(COLOUR, 2, 0), {"photometric": "rgb", "planarconfig": "separate"},
               COLOUR / 255),
    # Three columns, which look like three channels.
    "narrow": (np.moveaxis(COLOUR[:, :3], 2, 0),
               {"photometric": "rgb", "planarconfig": "separate"}, COLOUR[:, :3] / 255),
    "opacity": (np.dstack([COLOUR, OPACITY]),
                {"photometric": "rgb", "extrasamples": ["unassalpha"]}, COLOUR / 255),
    "greyopacity": (np.dstack([GREY, OPACITY]),
                    {"photometric": "minisblack", "extrasamples": ["unassalpha"],
                     "planarconfig": "contig"}, GREY / 255),
}  # fmt: skip


@pytest.mark.parametrize("name", TIFF)
def test_kinds_of_tiff_are_read(tmp_path, name):
    pixels, options, expected = TIFF[name]
    tifffile.imwrite(tmp_path / "p.tif", pixels, **options)
    check(tmp_path / "p.tif", expected)


REFUSED_TIFF = {
    "int8": ((GREY // 2).astype(np.int8), {}, "int8"),
    "int16": ((WIDE // 2).astype(np.int16), {}, "int16"),
    "int32": (WIDE.astype(np.int32), {}, "int32"),
    "uint32": (WIDE.astype(np.uint32), {}, "uint32.*save it with 8 or 16 bits"),
    "complex": (FRACTIONS.astype(np.complex64), {}, "complex64"),
    "cmyk": (np.dstack([COLOUR, GREY]), {"photometric": "separated"}, "neither grey nor RGB"),
    "ycbcr": (COLOUR, {"photometric": "ycbcr"}, "neither grey nor RGB"),
    "samples": (COLOUR, {"photometric": "minisblack", "planarconfig": "contig"}, "a stack of p"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_TIFF)
def test_pixels_without_a_meaning_of_white_are_refused(tmp_path, name):
    pixels, options, reason = REFUSED_TIFF[name]
    tifffile.imwrite(tmp_path / "p.tif", pixels, **options)
    with pytest.raises(InputError, match=reason):
        read_image(tmp_path / "p.tif")


def test_a_smaller_copy_of_a_page_is_no_other_picture(tmp_path):
    with tifffile.TiffWriter(tmp_path / "p.tif") as file:
        file.write(GREY, photometric="minisblack")
        file.write(GREY[::2, ::2], photometric="minisblack", subfiletype=1)
    check(tmp_path / "p.tif", GREY / 255)


def test_the_first_picture_of_a_camera_is_the_picture(tmp_path):
    first, other = IMAGE(COLOUR), IMAGE(COLOUR[::-1])
    first.save(tmp_path / "m.jpg", format="MPO", save_all=True, append_images=[other])
    first.save(tmp_path / "alone.jpg")
    check(tmp_path / "m.jpg", np.asarray(PIL.Image.open(tmp_path / "alone.jpg")) / 255)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (png(np.dstack([WIDE, WIDE]), 16, 4), "16-bit grey with opacity"),
        (
            png(GREY, 8, 0).replace(struct.pack(">II", 9, 6), struct.pack(">II", 90000, 90000)),
            "unknown format",
        ),
        (b"P5 90000 90000 100\n", "GB in memory|exceeds limit"),
        (netpbm(5, GREY, 100)[:-1], "buffer"),
    ],
)
def test_damaged_and_oversized_pictures_are_refused(tmp_path, content, reason):
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read_image(tmp_path / "p")


@pytest.mark.parametrize("full", [1, 100, 255, 1023, 65535])
@pytest.mark.parametrize("kind", ["P2", "P3"])
def test_full_scales_of_files_in_digits_are_exact(tmp_path, kind, full):
    shape = (4, 5, 3) if kind == "P3" else (4, 5)
    values = np.random.default_rng(full).integers(0, full + 1, shape)
    words = " ".join(map(str, values.ravel())).replace(" ", " # remark 7\n", 1)
    (tmp_path / "p").write_text(f"{kind}\n# remark 8\n5 4\n{full}\n{words}\n")
    assert np.array_equal(read_image(tmp_path / "p").reshape(shape), values / full)
    less = words.rsplit(" ", 1)[0]
    (tmp_path / "p").write_text(f"{kind} 5 4 {full}\n{less}")
    with pytest.raises(InputError, match=r"holds \d+ of \d+ values"):
        read_image(tmp_path / "p")


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(tmp_path, kind, orientation):
    picture = IMAGE(COLOUR)
    exif = picture.getexif()
    exif[274] = orientation
    picture.save(tmp_path / "p", kind, exif=exif)
    upright = {
        1: COLOUR, 2: COLOUR[:, ::-1], 3: COLOUR[::-1, ::-1], 4: COLOUR[::-1],
        5: COLOUR.swapaxes(0, 1), 6: np.rot90(COLOUR, -1),
        7: COLOUR[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(COLOUR),
    }  # fmt: skip
    assert np.allclose(read_image(tmp_path / "p"), upright[orientation] / 255, atol=1e-12)


def test_a_value_beyond_the_full_scale_is_white(tmp_path):
    (tmp_path / "p").write_bytes(b"P5 3 1 100\n" + bytes([0, 50, 200]))
    assert read_image(tmp_path / "p").ravel().tolist() == [0.0, 0.5, 1.0]
