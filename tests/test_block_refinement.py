"""Blocks refined: methods, forecasts, slices."""

from __future__ import annotations

import numpy as np
import pytest
from block_cases import off, right, wishart

import amcspice as amc
from amcspice.algorithm import (
    BlockInverse,
    CompensatedProduct,
    forecast,
    refine,
)
from amcspice.errors import InputError

COARSE = {"levels": 8, "write_noise": 0.01, "gain": 1e5}


def coarse(A, seed=1, **options):
    given = {"stages": 1, "own_scale": True, **options}
    return BlockInverse(amc.Chip(seed=seed, **COARSE), A, **given)


@pytest.mark.parametrize("method", ["plain", "line-search", "gcr"])
def test_every_method_reaches_the_bits_it_claims(method):
    for seed in range(4):
        A, b = wishart(16, 256, seed), right(16, seed=seed)
        refined = refine(coarse(A, seed), A, b, method=method, bits=24)
        assert refined.reason == "reached"
        assert off(refined.x, np.linalg.solve(A, b)) < 2.0**-23
        assert refined.iterations <= (14 if method == "gcr" else 40)


def test_orthogonal_directions_reach_what_plain_refinement_leaves():
    for columns in (64, 256):
        for seed in range(4):
            A, b = wishart(32, columns, seed), right(32, 1, seed)
            inverse = coarse(A, seed, stages=1)
            made = forecast(A, inverse.transfer())
            plain = refine(inverse, A, b, method="plain", bits=24, iterations=40)
            assert made.converges == (plain.reason != "diverges")
            assert made.converges == (columns == 256)
            assert bool(plain.caution) == (plain.reason != "reached")
            gcr = refine(inverse, A, b, method="gcr", bits=24, iterations=30)
            assert gcr.reason == "reached"
            assert off(gcr.x, np.linalg.solve(A, b)) < 2.0**-23


def test_a_forecast_knows_the_bits_of_an_iteration():
    for seed in range(4):
        A = wishart(16, 256, seed)
        inverse = coarse(A, seed)
        made = forecast(A, inverse.transfer())
        steps = refine(inverse, A, right(16, 1, seed), bits=40).steps
        gained = (steps[-2].bits - steps[3].bits) / (len(steps) - 5)
        assert gained == pytest.approx(made.bits_per_iteration, rel=0.15)


@pytest.mark.parametrize(("n", "slices"), [(16, 9), (32, 9)])
def test_slices_that_compensate_give_a_fine_product_on_coarse_cells(n, slices):
    A = wishart(n, 4 * n)
    chip = amc.Chip(
        levels=8, write_noise=0.01, g_max=35e-6, g_min=0.5e-6, wire_resistance=1.73, gain=1e5
    )
    product = CompensatedProduct(chip, A, slices)
    v = right(n, 1)
    assert off(product @ v, A @ v) < 2.0**-24
    rough = CompensatedProduct(chip, A, 2)
    assert off(rough @ v, A @ v) > 2.0**-12
    made = forecast(A, np.linalg.inv(A), rough.matrix)
    refined = refine(coarse(A), A, right(n, 4), product=rough, method="gcr", bits=30)
    found = off(refined.x, np.linalg.solve(A, right(n, 4)))
    assert -np.log2(found) == pytest.approx(made.floor_bits, abs=1.5)
    with pytest.raises(InputError, match="slices"):
        CompensatedProduct(chip, A, 0)


def test_an_unreachable_target_says_so():
    A = wishart(16, 256)
    refined = refine(coarse(A), A, right(16), bits=30, iterations=3)
    assert refined.reason == "iterations"
    assert "not reached" in refined.caution
    for wrong in ({"method": "newton"}, {"iterations": 0}, {"bits": 0}, {"bits": 99}):
        with pytest.raises(InputError):
            refine(coarse(A), A, right(16), **wrong)


@pytest.mark.slow
@pytest.mark.ngspice
def test_refinement_with_every_phase_in_ngspice():
    A, b = wishart(8, 128), right(8, 1)[:, 0]
    hardware = amc.Hardware(opamp="ad823").changed(
        levels=8, write_noise=0.01, g_max=35e-6, g_min=0.5e-6, wire_resistance=1.73
    )
    chip = amc.Chip(hardware, fidelity="reduced", dac_bits=4, adc_bits=4, seed=1)
    inverse = BlockInverse(chip, A, stages=1, own_scale=True, calibration=right(8, 4))
    refined = refine(inverse, A, b, method="gcr", bits=20, iterations=14)
    assert refined.reason == "reached"
    assert off(refined.x, np.linalg.solve(A, b)) < 2.0**-19
