"""Handwritten letters for tests: binaryalphadigs.mat where it is at hand; made up ones always."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import scipy.io

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
LETTERS = Path(os.environ.get("AMCSPICE_DATA", BESIDE)) / "binaryalphadigs.mat"

needs_letters = pytest.mark.skipif(not LETTERS.is_file(), reason="binaryalphadigs.mat is not here")


def write(path, *, classes=3, each=8, seed=0, **changes):
    """Write a file of the same layout: noisy copies of one random picture a class."""
    draw = np.random.default_rng(seed)
    true = draw.random((classes, 20, 16)) < 0.5
    labels = np.repeat(np.arange(classes), each)
    pictures = true[labels] ^ (draw.random((len(labels), 20, 16)) < 0.05)
    rows = pictures.transpose(0, 2, 1).reshape(len(labels), 320)
    held = {"fea": rows.astype(np.uint8), "gnd": (labels + 11)[:, None], **changes}
    scipy.io.savemat(path, {name: value for name, value in held.items() if value is not None})
    return pictures, labels
