"""Labelled pictures to train on: handwritten letters from a file, scikit-learn's digits."""

from __future__ import annotations

import io
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from numpy.typing import NDArray

from amcspice.circuit.base import Array
from amcspice.errors import InputError, brief
from amcspice.extras import extra
from amcspice.files import file_content

__all__ = ["Examples", "Pictures", "digits", "read_letters"]

Labels = NDArray[np.intp]

FIRST_LETTER = 11
"""Label of the letter A in binaryalphadigs.mat; 1 to 10 are the digits."""

HEIGHT, WIDTH = 20, 16
"""Of the pictures there [pixels]; a row of ``fea`` holds one column after the other."""

LARGEST = 1e100
"""Size of a pixel at most; that of the largest one is its inverse at least."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Pictures to train on and pictures held out.

    Parameters
    ----------
    inputs, held_out_inputs : ndarray, shapes (N, height, width, 1) and (M, height, width, 1)
        Shifted and scaled to mean 0 and deviation 1 of the pixels that are trained on.
    labels, held_out_labels : ndarray of int, shapes (N,) and (M,)
        Numbers of classes, from 0.
    classes : int
    """

    inputs: Array
    labels: Labels
    held_out_inputs: Array
    held_out_labels: Labels
    classes: int


@dataclass(frozen=True, eq=False)
class Pictures:
    """Labelled pictures.

    Parameters
    ----------
    name : str
    images : ndarray, shape (N, height, width)
    labels : ndarray of int, shape (N,)
        From 0.
    classes : tuple of str
        Their names.

    Raises
    ------
    InputError
        If there are fewer than two classes, or pixels are not finite, too large or small to
        be squared, or all equal.
    """

    name: str
    images: Array
    labels: Labels
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        bad = np.argwhere(~np.isfinite(self.images))
        if len(bad):
            place, row, column = (int(index) for index in bad[0])
            raise InputError(
                f"{self.name}: picture {place} holds {self.images[place, row, column]} at row "
                f"{row}, column {column}: pixels must be finite numbers"
            )
        if len(self.classes) < 2:
            raise InputError(
                f"{self.name}: {len(self.classes)} class in {len(self.labels)} pictures; training "
                "needs two or more"
            )
        largest = np.abs(self.images).max()
        if largest and not 1 / LARGEST <= largest <= LARGEST:
            raise InputError(
                f"{self.name}: the largest pixel, {largest:g}, must be from {1 / LARGEST:g} to "
                f"{LARGEST:g} in size, since squares are formed: choose another unit"
            )
        if np.ptp(self.images) == 0:
            raise InputError(f"{self.name}: all pixels are {self.images.flat[0]:g}: nothing to see")

    def split(self, held_out: float, draw: np.random.Generator) -> Examples:
        """Hold a part of every class out, drawn at random, and standardise the pixels.

        Parameters
        ----------
        held_out : float
            Fraction of every class.
        draw : Generator

        Raises
        ------
        InputError
            If a class would have no picture to train on, or none held out.
        """
        train, test = [], []
        for number, name in enumerate(self.classes):
            members = draw.permutation(np.flatnonzero(self.labels == number))
            count = round(held_out * len(members))
            if not 0 < count < len(members):
                raise InputError(
                    f"{self.name}: held_out = {held_out:g} of the {len(members)} pictures of class "
                    f"{name} leaves {len(members) - count} to train on and {count} held out: both "
                    "need one at least"
                )
            test.append(members[:count])
            train.append(members[count:])
        learned, kept = np.concatenate(train), np.concatenate(test)
        mean, deviation = self.images[learned].mean(), self.images[learned].std()
        scaled = ((self.images - mean) / (deviation or 1.0))[..., None]
        return Examples(
            scaled[learned], self.labels[learned], scaled[kept], self.labels[kept],
            len(self.classes),
        )  # fmt: skip


def read_letters(path: Path | str) -> Pictures:
    """Read the handwritten letters of ``binaryalphadigs.mat``: 26 classes of 39, 20 x 16 pixels.

    Parameters
    ----------
    path : path
        MATLAB file with ``fea``, a picture of 320 pixels a row, column after column, and ``gnd``,
        its label: 11 to 36 are the letters, others are left out.

    Raises
    ------
    InputError
        If it cannot be read, has other keys or shapes, or no letters of two classes.
    """
    content = file_content(Path(path))
    try:
        stream: Any = io.BytesIO(content)
        held: dict[str, Any] = scipy.io.loadmat(stream)
    except Exception as error:  # readers of damaged files raise all sorts
        raise InputError(f"{path}: cannot be read as a MATLAB file ({brief(error)})") from None
    missing = [key for key in ("fea", "gnd") if key not in held]
    if missing:
        there = ", ".join(key for key in held if not key.startswith("__")) or "nothing"
        raise InputError(
            f"{path}: has no {' and no '.join(missing)} but {there}; letters are read from fea "
            f"(pictures, {HEIGHT * WIDTH} pixels a row) and gnd (labels)"
        )
    pixels, labels = (np.asarray(held[key]) for key in ("fea", "gnd"))
    if pixels.dtype.kind not in "biuf" or labels.dtype.kind not in "biuf":
        raise InputError(f"{path}: fea and gnd must hold numbers")
    if pixels.ndim != 2 or pixels.shape[1] != HEIGHT * WIDTH or labels.size != len(pixels):
        raise InputError(
            f"{path}: fea is {pixels.shape}, gnd {labels.shape}; needed are N rows of "
            f"{HEIGHT * WIDTH} pixels ({HEIGHT} x {WIDTH}) and N labels"
        )
    with np.errstate(invalid="ignore"):  # infinite labels have no remainder
        odd = np.flatnonzero(~(labels.ravel() % 1 == 0))
    if odd.size:
        first = int(odd[0])
        raise InputError(
            f"{path}: label {first} of gnd is {labels.ravel()[first]:g}: all must be whole numbers"
        )
    letter = labels.ravel().astype(int) - FIRST_LETTER
    chosen = (letter >= 0) & (letter < 26)
    if not chosen.any():
        raise InputError(
            f"{path}: no label is a letter ({FIRST_LETTER} to {FIRST_LETTER + 25}); there are "
            f"{labels.min():g} to {labels.max():g}"
            if labels.size
            else f"{path}: holds no pictures"
        )
    images = pixels[chosen].astype(float).reshape(-1, WIDTH, HEIGHT).transpose(0, 2, 1)
    present, numbers = np.unique(letter[chosen], return_inverse=True)
    names = tuple(string.ascii_uppercase[each] for each in present)
    return Pictures(str(path), images, numbers, names)


def digits() -> Pictures:
    """Return the 1797 handwritten digits that come with scikit-learn, 8 x 8 pixels."""
    with extra("sklearn"):
        from sklearn.datasets import load_digits

    held = load_digits()
    return Pictures("digits", held.images, held.target.astype(np.intp), tuple("0123456789"))
