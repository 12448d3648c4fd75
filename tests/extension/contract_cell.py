"""The cells pass what every cell must; and fade as their formula says."""

import numpy as np
import pytest

import amcspice as amc
from amcspice.contract import check_cell

CELLS = {"ageing": {"write_noise": 0.02, "age": 1e8}, "binary": {"on_spread": 0.05}}


@pytest.mark.parametrize("name", CELLS)
def test_they_pass_what_every_cell_must(name):
    check_cell(amc.cell(name, **CELLS[name]))


def test_they_fade():
    target = np.full((2, 2), 5e-5)
    aged = amc.cell("ageing", age="1e8 s").program(target)
    np.testing.assert_allclose(aged, np.exp(-0.1) * target)
