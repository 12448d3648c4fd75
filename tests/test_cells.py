"""Cell models: the protocol, what is drawn, cells of publications."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import amcspice as amc

GOLDEN = json.loads((Path(__file__).parent / "golden" / "memristor-draws.json").read_text())


@pytest.mark.parametrize("name", GOLDEN)
def test_draws_of_memristors_stay_bit_by_bit(name):
    """A seed of an earlier version meets the same cells."""
    case = GOLDEN[name]
    target = np.linspace(0, 1e-4, 60).reshape(3, 20)
    cells = amc.Memristor(**case["options"]).program(target, 1, 2)
    assert [value.hex() for value in cells.ravel().tolist()] == case["cells"]
