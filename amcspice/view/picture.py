"""A picture beside its reconstruction."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from amcspice.view.style import styled

__all__ = ["reconstruction"]

Picture = NDArray[np.float64]


@styled
def reconstruction(
    original: Picture,
    analog: Picture,
    digital: Picture,
    *,
    analog_psnr: float,
    digital_psnr: float,
) -> Figure:
    """Draw the original, both reconstructions and the map of the circuit's error.

    Parameters
    ----------
    original, analog, digital : ndarray, shape (rows, columns, channels)
        Fractions of full scale; one channel or three.
    analog_psnr, digital_psnr : float
        Peak signal-to-noise ratios [dB].

    Returns
    -------
    Figure
    """
    rows, columns = original.shape[:2]
    height = min(max(3.0 * rows / columns, 1.5), 8.0)
    figure = Figure(figsize=(13.0, height + 0.5), layout="constrained")
    axes = figure.subplots(1, 4)
    shown = [
        (f"original, {columns} × {rows} pixels", original),
        (f"analog circuit, PSNR {analog_psnr:.2f} dB", analog),
        (f"digital twin, PSNR {digital_psnr:.2f} dB", digital),
    ]
    for axis, (title, picture) in zip(axes[:3], shown, strict=True):
        axis.imshow(_displayable(picture), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_title(title)
    error = np.abs(original - np.clip(analog, 0, 1)).mean(axis=2)
    image = axes[3].imshow(error, cmap="cividis", vmin=0, interpolation="nearest")
    axes[3].set_title("error of the circuit, mean of channels")
    scale = axes[3].inset_axes((1.03, 0.0, 0.05, 1.0))
    for axis in axes:
        axis.set_axis_off()
    figure.colorbar(image, cax=scale, label="fraction of full scale")
    return figure


def _displayable(picture: Picture) -> Picture:
    clipped = np.clip(picture, 0.0, 1.0)
    return clipped[:, :, 0] if clipped.shape[2] == 1 else clipped
