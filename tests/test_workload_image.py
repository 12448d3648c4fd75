"""Pictures: what is read, what is refused, and scores that agree with scikit-image."""

from __future__ import annotations

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import skimage.io
import skimage.metrics
import tifffile

import amcspice as amc
from amcspice.errors import InputError
from amcspice.workload import Crop, read_image, score, write_image

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)


def saved(folder, pixels, name="picture.png"):
    path = folder / name
    skimage.io.imsave(path, pixels, check_contrast=False)
    return path


def test_eight_bits_are_fractions_of_255(tmp_path):
    np.testing.assert_allclose(read_image(saved(tmp_path, PIXELS)), PIXELS / 255, rtol=1e-15)


def test_sixteen_bits_are_fractions_of_65535(tmp_path):
    wide = PIXELS[:, :, 0].astype(np.uint16) * 200 + 17
    picture = read_image(saved(tmp_path, wide))
    np.testing.assert_allclose(picture[:, :, 0], wide / 65535, rtol=1e-12)


def test_transparency_is_dropped(tmp_path):
    opaque = PIXELS / 255
    colour = saved(tmp_path, np.dstack([PIXELS, PIXELS[:, :, :1]]), "rgba.png")
    grey = saved(tmp_path, PIXELS[:, :, :2], "la.png")
    np.testing.assert_allclose(read_image(colour), opaque, rtol=1e-15)
    np.testing.assert_allclose(read_image(grey), opaque[:, :, :1], rtol=1e-15)


def test_floats_that_are_fractions_are_read_as_they_are(tmp_path):
    fractions = (PIXELS / 255).astype(np.float32)
    np.testing.assert_array_equal(read_image(saved(tmp_path, fractions, "f.tif")), fractions)


def test_gif_of_one_frame_is_a_picture(tmp_path):
    PIL.Image.fromarray(PIXELS).save(tmp_path / "one.gif")
    assert read_image(tmp_path / "one.gif").shape == (12, 10, 3)


def bad_pictures(folder):
    nan = (PIXELS[:, :, 0] / 255).astype(np.float32)
    nan[3, 4] = np.nan
    saved(folder, nan, "nan.tif")
    saved(folder, PIXELS.astype(np.float32), "range.tif")
    saved(folder, np.zeros((4, 12, 10, 3), np.float32), "stack.tif")
    PIL.Image.fromarray(PIXELS).convert("CMYK").save(folder / "cmyk.jpg")
    (folder / "text.png").write_text("not a picture")
    (folder / "empty.png").touch()
    whole = saved(folder, PIXELS, "whole.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.png", "no such file"),
        (".", "not a file"),
        ("text.png", "unknown format"),
        ("empty.png", "empty file"),
        ("cut.png", "truncated"),
        ("nan.tif", "not finite"),
        ("range.tif", "from 0 to 1"),
        ("stack.tif", "stack of pictures"),
        ("cmyk.jpg", "convert it to RGB"),
    ],
)
def test_what_is_not_a_picture_is_refused_with_the_reason(tmp_path, name, reason):
    bad_pictures(tmp_path)
    with pytest.raises(amc.InputError, match=reason):
        read_image(tmp_path / name)


def test_crop_is_a_slice():
    picture = PIXELS / 255
    np.testing.assert_array_equal(Crop(2, 3, 4, 5).of(picture), picture[2:6, 3:8])


@pytest.mark.parametrize("crop", [(-1, 0, 2, 2), (0, 0, 0, 2), (9, 0, 4, 2), (0, 9, 2, 2)])
def test_crop_outside_the_picture_is_refused(crop):
    with pytest.raises(amc.InputError, match="12 rows and 10 columns"):
        Crop(*crop).of(PIXELS / 255)


def test_score_is_that_of_scikit_image_for_the_picture_as_it_is_shown():
    draw = np.random.default_rng(3)
    original = draw.random((20, 30, 3))
    rebuilt = original + 0.2 * draw.standard_normal(original.shape)
    shown = np.clip(rebuilt, 0, 1)
    found = score(original, rebuilt)
    assert found.psnr_db == skimage.metrics.peak_signal_noise_ratio(original, shown, data_range=1)
    assert found.ssim == skimage.metrics.structural_similarity(
        original, shown, data_range=1, channel_axis=2
    )
    assert found.relative_residual == pytest.approx(
        np.sqrt(((rebuilt - original) ** 2).sum() / (original**2).sum()), rel=1e-12
    )


def test_score_of_degenerate_pictures():
    tiny = np.full((2, 2, 1), 0.5)
    assert score(tiny, tiny).psnr_db == np.inf
    assert np.isnan(score(tiny, tiny).ssim)
    assert score(np.zeros((9, 9, 1)), np.zeros((9, 9, 1))).relative_residual == 0


@pytest.mark.parametrize("channels", [1, 3])
def test_written_picture_reads_back_within_half_a_step(tmp_path, channels):
    picture = np.random.default_rng(4).random((6, 5, channels))
    write_image(tmp_path / "p.png", picture)
    assert np.abs(read_image(tmp_path / "p.png") - picture).max() <= 0.5 / 255 + 1e-12


GREY = np.random.default_rng(3).integers(0, 256, (6, 9)).astype(np.uint8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_picture_stands_upright(tmp_path, orientation, suffix):
    path = tmp_path / f"turned.{suffix}"
    picture = PIL.Image.fromarray(GREY)
    exif = picture.getexif()
    exif[274] = orientation
    picture.save(path, exif=exif)
    picture.save(tmp_path / "oracle.png", exif=exif)
    with PIL.Image.open(tmp_path / "oracle.png") as saved_picture:
        upright = np.asarray(PIL.ImageOps.exif_transpose(saved_picture))
    np.testing.assert_allclose(read_image(path)[:, :, 0], upright / 255, rtol=1e-12)


def test_grey_of_sixteen_bits_has_a_full_scale_of_its_own(tmp_path):
    wide = GREY.astype(np.uint16) * 257
    (tmp_path / "wide.pgm").write_bytes(b"P5 9 6 65535\n" + wide.astype(">u2").tobytes())
    PIL.Image.fromarray(wide).save(tmp_path / "wide.png")
    for name in ("wide.pgm", "wide.png"):
        np.testing.assert_allclose(read_image(tmp_path / name)[:, :, 0], GREY / 255, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_in_which_zero_is_white_is_inverted(tmp_path, dtype):
    values = GREY.astype(dtype)
    tifffile.imwrite(tmp_path / "w.tif", values, photometric="miniswhite")
    full = np.iinfo(dtype).max
    np.testing.assert_allclose(read_image(tmp_path / "w.tif")[:, :, 0], (full - values) / full)


def test_what_is_not_one_grey_or_rgb_picture_is_refused(tmp_path):
    pages = [PIL.Image.fromarray(np.roll(GREY, k)) for k in range(3)]
    for count in (2, 3, 4):
        path = tmp_path / f"{count}.tif"
        tifffile.imwrite(path, np.stack([np.asarray(page) for page in pages][:1] * count),
                         photometric="minisblack")  # fmt: skip
        with pytest.raises(InputError, match=rf"a stack of pictures \({count} of them"):
            read_image(path)
    for name in ("moving.webp", "moving.gif"):
        pages[0].convert("RGB").save(tmp_path / name, save_all=True, append_images=pages[1:])
        with pytest.raises(InputError, match=r"a stack of pictures \(3 of them"):
            read_image(tmp_path / name)
    palette = np.zeros((3, 256), np.uint16)
    tifffile.imwrite(tmp_path / "p.tif", GREY, photometric="palette", colormap=palette)
    tifffile.imwrite(tmp_path / "l.tif", np.stack([GREY] * 3, axis=2), photometric="cielab")
    for name in ("p.tif", "l.tif"):
        with pytest.raises(InputError, match="neither grey nor RGB"):
            read_image(tmp_path / name)
