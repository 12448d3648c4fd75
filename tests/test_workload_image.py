"""Pictures: what is read, what is refused, and scores that agree with scikit-image."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import skimage.io
import skimage.metrics

import amcspice as amc
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
