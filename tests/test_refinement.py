"""Refinement: products by slices, floors and the parts that set them, methods, forecasts."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from cli_helpers import files, refused, run
from scipy.linalg import block_diag

import amcspice as amc
from amcspice.algorithm import (
    BlockInverse,
    CompensatedProduct,
    SlicedProduct,
    forecast,
    refine,
    rehearse,
    slices_for,
)
from amcspice.algorithm.refinement import loop
from amcspice.errors import InputError
from amcspice.system import Ledger

COARSE = {"levels": 8, "write_noise": 0.01, "gain": 1e5}
FORMED = {"levels": 8, "g_max": 35e-6, "g_min": 0.5e-6, "gain": 1e5}


def wishart(n, m, seed=0):
    X = np.random.default_rng(seed).standard_normal((n, m))
    return X @ X.T / m


def conditioned(n, kappa, seed=0):
    """Return a symmetric matrix with eigenvalues from 1 to kappa, equally spaced in logarithm."""
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]
    return Q * np.geomspace(1, kappa, n) @ Q.T


def right(n, count=1, seed=1):
    return np.random.default_rng(seed).standard_normal((n, count))


def errors(found, expected):
    return np.linalg.norm(found - expected, axis=0) / np.linalg.norm(expected, axis=0)


def coarse(A, seed=1, stages=1, **options):
    chip = amc.Chip(seed=seed, **{**COARSE, **options})
    return BlockInverse(chip, A, stages=stages, own_scale=True)


class Applied:
    """A coarse inverse that is a matrix."""

    def __init__(self, transfer):
        self.transfer = transfer

    def solve(self, b):
        return self.transfer @ b


# -- products by slices --------------------------------------------------------------------------


@pytest.mark.parametrize(("cell_bits", "input_bits"), [(1, 1), (2, 3), (3, 1), (3, 2), (4, 4)])
def test_digits_are_multiplied_exactly(cell_bits, input_bits):
    A, v = np.random.default_rng(0).standard_normal((7, 7)), right(7, 3)
    product = SlicedProduct(
        amc.Chip(gain=1e9), A, 5, cell_bits=cell_bits, input_bits=input_bits, vector_bits=11
    )
    last = np.abs(A).max() / (2.0 ** (5 * cell_bits) - 1)
    assert np.abs(product.matrix - A).max() <= last / 2 * (1 + 1e-9)
    np.testing.assert_allclose(product.matrix / last, np.rint(product.matrix / last), atol=1e-6)
    coded = product.coded(v)
    step = np.abs(v).max(axis=0) / (2 ** (input_bits * -(-11 // input_bits)) - 1)
    assert (np.abs(coded - v) <= step / 2 * (1 + 1e-9)).all()
    np.testing.assert_allclose(product @ v, product.matrix @ coded, rtol=0, atol=1e-13)
    np.testing.assert_allclose(product @ v[:, 0], (product @ v)[:, 0], rtol=0, atol=1e-15)
    assert product.cautions == ()


@pytest.mark.parametrize("rows", [1, 3, 7])
def test_sums_that_round_rightly_hide_cells_and_wires(rows):
    A, v = wishart(7, 28), right(7, 2)
    chip = amc.Chip(**FORMED, write_noise=0.004, wire_resistance=1.73, seed=3)
    product = SlicedProduct(chip, A, 8, rows_at_once=rows)
    assert product.wrong < 1e-4
    np.testing.assert_allclose(product @ v, product.matrix @ product.coded(v), atol=1e-13)
    held = product.slices[-1].look(np.eye(7))
    assert np.abs(held / held.max() - np.rint(held)).max() > 1e-3  # the cells are not digits


@pytest.mark.parametrize(("kappa", "slices"), [(3, 8), (30, 8), (300, 8), (30, 4)])
def test_rounded_digits_leave_the_floor_of_the_rule(kappa, slices):
    A, b = conditioned(16, kappa), right(16, 40)
    product = SlicedProduct(amc.Chip(gain=1e9), A, slices)
    exact = np.linalg.solve(A, b)
    left = np.median(errors(np.linalg.solve(product.matrix, b), exact))
    inverse = np.linalg.norm(np.linalg.inv(A))
    rule = np.abs(A).max() * 2.0 ** (-3 * slices) * inverse / math.sqrt(12)
    assert left == pytest.approx(rule, rel=0.45)
    made = forecast(A, np.linalg.inv(A), product.matrix)
    assert 1 / 1.5 < left / 2.0**-made.floor_bits < 1.5
    refined = refine(Applied(np.linalg.inv(A)), A, b, product=product, bits=40)
    assert (refined.reason, refined.floor) == ("floor", "product")
    assert refined.floor_bits == pytest.approx(made.floor_bits)
    assert 1 / 1.5 < np.median(errors(refined.x, exact)) / 2.0**-refined.floor_bits < 1.5
    assert "more slices" in refined.caution


@pytest.mark.parametrize(("n", "lowest", "highest"), [(16, 0, 2e-3), (32, 0.05, 0.2), (64, 0.8, 1)])
def test_wires_break_sums_of_many_rows(n, lowest, highest):
    """35 uS, 1.73 ohm a segment: 16 x 16 rounds rightly after a fitted gain, 32 x 32 does not."""
    draw = np.random.default_rng(0)
    digits, bits = draw.integers(0, 8, (n, n)), draw.integers(0, 2, (n, 2000))
    chip = amc.Chip(**FORMED, wire_resistance=1.73)
    held = chip.program(digits, "mvm", largest_entry=7.0).look(np.eye(n))
    gain = held.sum() / digits.sum()
    wrong = np.mean(np.rint(held @ bits / gain) != digits @ bits)
    assert lowest <= wrong <= highest


def test_wrong_sums_are_predicted_from_what_was_read():
    A, draw = np.random.default_rng(5).uniform(-1, 1, (32, 32)), np.random.default_rng(6)
    for options in ({}, {"write_noise": 0.01}):
        product = SlicedProduct(
            amc.Chip(**FORMED, wire_resistance=1.73, **options), A, 1, rows_at_once=32
        )
        digits = np.rint(product.matrix * 7 / np.abs(A).max())
        held = product.slices[0].look(np.eye(32))
        gain = (held * digits).sum() / (digits**2).sum()
        sent = draw.integers(0, 2, (32, 4000)) * draw.choice([-1, 1], (32, 4000))
        wrong = np.mean(np.rint(held @ sent / gain) != digits @ sent)
        assert product.wrong == pytest.approx(wrong, rel=0.15)
        assert "32 rows at once: take fewer" in product.cautions[0]
    one = SlicedProduct(amc.Chip(**FORMED, wire_resistance=170.0), A, 1, rows_at_once=1)
    assert "fewer" not in one.cautions[0]


def test_rows_are_taken_as_many_as_round_rightly():
    A, b = wishart(16, 256), right(16, 4)
    rows = {}
    for noise in (0.0, 0.005, 0.01):
        chip = amc.Chip(levels=8, gain=1e6, write_noise=noise, seed=2)
        product = SlicedProduct(chip, A)
        rows[noise] = product.slicing.rows_at_once
        assert product.wrong < 1e-9
        refined = refine(coarse(A), A, b, product=product, method="gcr")
        assert refined.reason == "reached"
        assert errors(refined.x, np.linalg.solve(A, b)).max() < 2.0**-24
    assert rows[0.0] == 16 > rows[0.005] > rows[0.01]


def test_wrong_sums_set_a_floor_that_is_predicted():
    A, v = wishart(32, 512), right(32, 40)
    for noise in (0.01, 0.02):
        chip = amc.Chip(levels=8, gain=1e6, write_noise=noise, seed=2)
        product = SlicedProduct(chip, A, 8, rows_at_once=32)
        off = product @ v - product.matrix @ product.coded(v)
        rms = math.sqrt(np.mean(off**2) / np.mean((v**2).sum(axis=0)))
        assert 2 / 3 < rms / product.deviation < 3 / 2
        refined = refine(coarse(A), A, right(32, 8), product=product, method="gcr")
        assert (refined.reason, refined.floor) == ("floor", "sums")
        exact = np.linalg.solve(A, right(32, 8))
        assert abs(-np.log2(np.median(errors(refined.x, exact))) - refined.floor_bits) < 1.5
        assert "rows at once: take fewer" in refined.caution


def test_a_converter_off_the_grid_of_levels_stops_early():
    """Off the grid a converter of 14 bits gives less than its bits, on it one of 7 gives 45."""
    A, b = wishart(16, 256), right(16, 8)
    exact = np.linalg.solve(A, b)
    found = {}
    for bits in (7, 14):
        chip = amc.Chip(levels=8, gain=1e8, adc_bits=bits)
        product = SlicedProduct(chip, A, 8, on_grid=False, rows_at_once=16)
        assert "off the grid" in product.cautions[0]
        refined = refine(coarse(A), A, b, product=product, method="gcr")
        assert (refined.reason, refined.floor) == ("floor", "steps")
        found[bits] = -np.log2(np.median(errors(refined.x, exact)))
        assert abs(found[bits] - refined.floor_bits) < 1.5
    assert found[7] < 8 < found[14] < 14
    for bits, reached in ((7, True), (5, False)):
        product = SlicedProduct(amc.Chip(levels=8, gain=1e8), A, 16, rows_at_once=16, sum_bits=bits)
        refined = refine(coarse(A), A, b[:, :2], product=product, method="gcr", bits=45)
        assert (refined.bits > 45) is reached
        assert (refined.reason, refined.floor) == (
            ("reached", "") if reached else ("floor", "range")
        )
        assert (refined.caution == "") is reached
        assert (product.saturated == 0) is reached


@pytest.mark.parametrize("kind", [SlicedProduct, CompensatedProduct])
def test_bits_of_the_given_matrix_choose_the_slices(kind):
    for kappa in (3, 100):
        A, b = conditioned(8, kappa), right(8, 8)
        exact = np.linalg.solve(A, b)
        chip = amc.Chip(levels=8, gain=1e6, seed=1)
        product = kind(chip, A, bits=20)
        chosen = refine(Applied(np.linalg.inv(A)), A, b, product=product, bits=20)
        assert chosen.reason == "reached"
        assert np.median(errors(chosen.x, exact)) < 2.0**-20
        fewer = kind(chip, A, len(product.slices) - 1)
        made = forecast(A, np.linalg.inv(A), fewer.matrix, deviation=fewer.deviation)
        assert made.floor_bits < 21
        assert chip.cost().work.prepared > 0


@pytest.mark.parametrize(("n", "most"), [(16, 9), (32, 9), (64, 10)])
def test_slices_that_compensate_reach_24_bits_on_wires(n, most):
    A, b = wishart(n, 4 * n), right(n, 4)
    chip = amc.Chip(**FORMED, write_noise=0.01, wire_resistance=1.73)
    product = CompensatedProduct(chip, A)
    assert len(product.slices) <= most
    refined = refine(coarse(A), A, b, product=product, method="gcr")
    assert refined.reason == "reached"
    assert errors(refined.x, np.linalg.solve(A, b)).max() < 2.0**-24


def test_what_products_cannot_be_is_refused():
    A = wishart(6, 24)
    for options, message in (
        ({"slices": 0}, "slices"),
        ({"slices": 2.5}, "slices"),
        ({"bits": 0}, "bits"),
        ({"cell_bits": 0}, "cell_bits"),
        ({"rows": 3}, "no parameter rows"),
        ({"cell_bits": 4}, "levels = 8"),
        ({"cell_bits": 1, "bits": 40}, "slices"),
    ):
        with pytest.raises(InputError, match=message):
            SlicedProduct(amc.Chip(levels=8), A, **options)
    with pytest.raises(InputError, match="input_bits"):
        SlicedProduct(amc.Chip(dac_bits=4), A, 4, input_bits=2)
    with pytest.raises(InputError, match="all zero"):
        SlicedProduct(amc.Chip(), np.zeros((3, 3)), 4)
    for kind in (SlicedProduct, CompensatedProduct):
        with pytest.raises(InputError, match="square"):
            kind(amc.Chip(), A[:3])
    with pytest.raises(InputError, match="singular"):
        slices_for(np.ones((3, 3)), 24)
    with pytest.raises(InputError, match="bits"):
        CompensatedProduct(amc.Chip(levels=8, write_noise=0.2), wishart(16, 18), bits=50)


def test_shifts_readings_and_choices_enter_the_account():
    A = wishart(6, 24)
    chip = amc.Chip(levels=8)
    product = SlicedProduct(chip, A, 4, rows_at_once=3, vector_bits=5)
    read = chip.ledger.operations
    product @ np.full((6, 2), 1.0)  # 31 in five bits, none of them zero
    assert chip.ledger.operations - read == 4 * 2 * 5 * 2  # slices, groups, digits, vectors
    labels = {held.label for held, _ in chip.ledger.sums("digital")}
    assert {"reading in place", "shifts and additions"} <= labels


# -- floors and converters -----------------------------------------------------------------------


def test_a_target_beyond_the_digits_of_the_matrix_says_so():
    A = conditioned(8, 1e6)
    refined = refine(Applied(np.linalg.inv(A)), A, right(8), bits=45)
    assert (refined.reason, refined.floor) == ("floor", "digits")
    assert refined.floor_bits == pytest.approx(53 - np.log2(1e6), abs=0.01)


def test_noise_in_time_sets_a_floor_only_in_the_product():
    A, b = wishart(16, 256), right(16)
    chip = amc.Chip(**COARSE, noise=True, input_noise=4e-8)
    inverse = BlockInverse(chip, A, stages=1, own_scale=True)
    product = CompensatedProduct(chip, A, 8)
    refined = refine(inverse, A, b, product=product, method="gcr")
    assert (refined.reason, refined.floor) == ("floor", "noise")
    assert abs(refined.bits - refined.floor_bits) < 1.5
    assert "fluctuate" in refined.caution
    assert refine(inverse, A, b, method="gcr").reason == "reached"


@pytest.mark.parametrize("kind", ["compensated", "programmed"])
@pytest.mark.parametrize("bits", [{"dac_bits": 8}, {"adc_bits": 8}, {"dac_bits": 5, "adc_bits": 6}])
def test_converters_of_a_product_set_a_floor_that_is_told(kind, bits):
    # Readings of unit vectors, whose entries are codes, know nothing of it.
    A, b = wishart(12, 96), right(12, 4)
    chip = amc.Chip(seed=1, gain=1e9, **({"levels": 8} if kind == "compensated" else {}), **bits)
    if kind == "compensated":
        product = CompensatedProduct(chip, A, 8)
        assert product.deviation > 0
    else:
        product = chip.program(A, "mvm")
    refined = refine(coarse(A), A, b, product=product, method="gcr", bits=16)
    found = errors(refined.x, np.linalg.solve(A, b))
    assert found.min() > 2**-12
    assert (refined.reason, refined.floor) == ("floor", "steps")
    assert abs(refined.floor_bits + np.log2(np.median(found))) < 1


def test_bits_are_those_of_the_solution_and_not_of_a_better_iteration_before():
    A = wishart(8, 64)
    exact, inverse = right(8), Applied(np.linalg.inv(A) + 1e-4 * right(8, 8))
    product = CompensatedProduct(amc.Chip(levels=8, write_noise=0.01, seed=3), A, 1)
    # The first step ends beside the exact answer, the last one at that of what the product holds.
    refined = refine(inverse, A, A @ exact, product=product, bits=20)
    assert refined.reason == "floor"
    assert refined.bits == pytest.approx(-np.log2(errors(refined.x, exact).max()))
    assert refined.bits < refined.steps[0].bits - 5


def test_a_programmed_matrix_multiplies_as_it_is_read():
    A, b = wishart(8, 128), right(8, 4)
    chip = amc.Chip(**COARSE)
    refined = refine(coarse(A), A, b, product=chip.program(A, "mvm"), method="gcr")
    assert (refined.reason, refined.floor) == ("floor", "product")
    found = np.median(errors(refined.x, np.linalg.solve(A, b)))
    assert abs(-np.log2(found) - refined.floor_bits) < 1


def test_ranged_converters_of_four_bits_are_as_good_as_of_twelve():
    for seed in range(2):
        A, b = wishart(16, 256, seed), right(16, seed=seed)
        needed = {}
        for bits in (4, 12):
            inverse = coarse(A, seed, dac_bits=bits, adc_bits=bits)
            for method in ("plain", "gcr"):
                refined = refine(inverse, A, b, method=method)
                assert refined.reason == "reached"
                needed[bits, method] = refined.iterations
        for method in ("plain", "gcr"):
            assert abs(needed[4, method] - needed[12, method]) <= 2
        exponents = [step.exponent for step in refined.steps]
        assert exponents == sorted(exponents, reverse=True)
        assert exponents[0] == 1
        assert exponents[-1] < -15


@pytest.mark.parametrize(("bits", "floor"), [(4, 2.8), (8, 7.1), (12, 11.0)])
def test_converters_that_are_not_ranged_set_the_floor(bits, floor):
    found = []
    for seed in range(16):
        A, b = wishart(16, 256, seed), right(16, seed=seed + 50)
        inverse = coarse(A, seed, dac_bits=bits, adc_bits=bits)
        refined = refine(inverse, A, b, method="gcr", ranged=False)
        assert (refined.reason, refined.floor) == ("floor", "converters")
        assert "not ranged" in refined.caution
        found.append(refined.bits)
    assert np.median(found) == pytest.approx(floor, abs=0.6)


def test_converters_that_are_not_there_are_not_ranged():
    A = wishart(6, 96)
    for inverse in (coarse(A), Applied(np.linalg.inv(A))):
        with pytest.raises(InputError, match="converters"):
            refine(inverse, A, right(6), ranged=False)


# -- methods and forecasts -----------------------------------------------------------------------


def test_a_rotation_is_told_as_what_it_is():
    """A T turns by a right angle in every plane: no step along it makes the residual smaller."""
    A, b = wishart(16, 256), right(16, 2)
    turn = block_diag(*[[[0.0, -1.0], [1.0, 0.0]]] * 8)
    inverse = Applied(np.linalg.solve(A, turn))
    made = forecast(A, inverse.transfer)
    assert made.spectral_radius == pytest.approx(math.sqrt(2))
    assert made.definiteness == pytest.approx(0, abs=1e-12)
    ends = {m: refine(inverse, A, b, method=m) for m in ("plain", "line-search", "gcr", "gmres")}
    assert ends["plain"].reason == "diverges"
    assert ends["line-search"].reason == ends["gcr"].reason == "breakdown"
    assert "rotation" in ends["gcr"].caution
    assert ends["gmres"].reason == "reached"
    # The minimal polynomial of a right angle has degree two: two steps span the solution.
    assert ends["gmres"].iterations <= 4
    assert errors(ends["gmres"].x, np.linalg.solve(A, b)).max() < 2.0**-40


def test_gmres_that_stands_still_is_not_sent_to_itself():
    A, b = wishart(8, 64), right(8)
    flat = Applied(np.outer(np.ones(8), np.eye(8)[0]) * 1e-3)  # knows a single direction
    made = refine(flat, A, b, method="gmres")
    assert (made.reason, made.floor) == ("floor", "inverse")
    assert "gmres" not in made.caution


def test_a_singular_matrix_is_refused():
    with pytest.raises(InputError, match="singular"):
        refine(Applied(np.eye(4)), np.ones((4, 4)), right(4))


def test_a_rehearsal_ends_after_the_iterations_that_are_allowed():
    A = wishart(8, 64)
    inverse = np.linalg.inv(A + 0.05 * np.diag(np.arange(8)))
    needed = rehearse(A, inverse)
    assert needed is not None
    assert needed > 2
    assert rehearse(A, inverse, iterations=needed) == needed
    assert rehearse(A, inverse, iterations=needed - 1) is None


@pytest.mark.parametrize("method", ["gcr", "gmres"])
def test_residuals_are_the_smallest_of_the_krylov_space(method):
    """Against least squares over the space that GMRES spans, and no iteration more than n."""
    n = 8
    A, b = wishart(n, 32), right(n)
    T = np.linalg.inv(A) + 0.2 * np.random.default_rng(0).standard_normal((n, n))
    steps = refine(Applied(T), A, b, method=method, bits=40).steps
    assert len(steps) <= n + 2
    basis = b
    for step in steps[: n - 1]:
        images = A @ T @ basis
        best = np.linalg.lstsq(images, b, rcond=None)[0]
        left = np.linalg.norm(b - images @ best) / np.linalg.norm(b)
        assert step.residual == pytest.approx(left, rel=1e-6, abs=1e-10)
        basis = np.column_stack([basis, images[:, -1] / np.linalg.norm(images[:, -1])])


def test_gcr_reaches_what_plain_refinement_leaves():
    """Spectral radii of two and more, symmetric part of A T definite: twenty of them."""
    done, seed = 0, 0
    while done < 20:
        A, b = wishart(32, 128, seed), right(32, seed=seed)
        seed += 1
        try:
            inverse = coarse(A, seed, stages=0)
        except InputError:  # no circuit settles to it
            continue
        made = forecast(A, inverse.transfer())
        if made.spectral_radius < 2 or not made.gcr_converges:
            continue
        done += 1
        assert refine(inverse, A, b, method="plain").reason == "diverges"
        gcr = refine(inverse, A, b, method="gcr")
        assert gcr.reason == "reached"
        assert errors(gcr.x, np.linalg.solve(A, b)).max() < 2.0**-24
        assert abs(rehearse(A, inverse.transfer()) - gcr.iterations) <= 3


@pytest.mark.slow
def test_forecasts_are_right():
    """Fifty random cases outside spectral radii of 0.9 to 1.1: convergence, and bits gained."""
    draw, told = np.random.default_rng(11), []
    while len(told) < 50:
        n, seed = int(draw.choice([6, 8, 12, 24])), int(draw.integers(10**6))
        A = wishart(n, int(n * draw.choice([2, 3, 4, 16])), seed)
        noise, levels = float(draw.choice([0.0, 0.01, 0.03])), int(draw.choice([4, 8, 16]))
        try:
            inverse = coarse(
                A, seed, stages=int(draw.choice([0, 1])), write_noise=noise, levels=levels
            )
        except InputError:
            continue
        made = forecast(A, inverse.transfer())
        if 0.9 < made.spectral_radius < 1.1:
            continue
        refined = refine(inverse, A, right(n, seed=seed), bits=44, iterations=400)
        assert (refined.reason == "reached") is made.converges
        told.append(made.converges)
        if made.converges and refined.iterations >= 10:
            half = refined.iterations // 2
            gained = refined.steps[-1].bits - refined.steps[half].bits
            slope = gained / (refined.iterations - 1 - half)
            assert slope == pytest.approx(made.bits_per_iteration, rel=0.15)
            assert refined.iterations == pytest.approx(made.iterations(44), rel=0.2, abs=2)
    assert 15 <= sum(told) <= 40


@pytest.mark.parametrize("kind", [None, CompensatedProduct, SlicedProduct])
def test_complex_systems_are_refined(kind):
    X = right(8, 64) + 1j * right(8, 64, 2)
    C, b = X @ X.conj().T / 64, right(8, 2) + 1j * right(8, 2, 3)
    chip = amc.Chip(**COARSE)
    inverse = BlockInverse(chip, C, stages=1, own_scale=True)
    product = None if kind is None else kind(chip, C)
    for given in (b, b[:, 0]):
        refined = refine(inverse, C, given, product=product, method="gcr")
        assert refined.reason == "reached"
        assert refined.x.shape == given.shape
        assert errors(refined.x, np.linalg.solve(C, given)).max() < 2.0**-24


def test_digital_work_enters_the_account_of_the_inverse():
    A = wishart(6, 96)
    inverse = coarse(A)
    before = inverse.chip.cost().work.flops
    refine(inverse, A, right(6), method="gcr")
    assert inverse.chip.cost().work.flops > before


@pytest.mark.slow
def test_large_systems_in_small_blocks():
    """128 x 128 in blocks of 8, 8 levels, 1 % write noise."""
    A, b = wishart(128, 2048), right(128)
    inverse = coarse(A, stages=4)
    for method, most in (("plain", 12), ("gcr", 10)):
        refined = refine(inverse, A, b, method=method)
        assert refined.reason == "reached"
        assert refined.iterations <= most
        assert errors(refined.x, np.linalg.solve(A, b)).max() < 2.0**-24


@pytest.mark.slow
@pytest.mark.ngspice
def test_24_bits_with_every_phase_in_ngspice():
    """16 x 16, 8 levels, 1 % write noise, 1.73 ohm a segment, converters of four bits."""
    A, b = wishart(16, 256), right(16)[:, 0]
    hardware = amc.Hardware(opamp="ad823").changed(
        levels=8, write_noise=0.01, g_max=35e-6, g_min=0.5e-6, wire_resistance=1.73, dac_bits=4,
        adc_bits=4,
    )  # fmt: skip
    chip = amc.Chip(hardware, fidelity="reduced", seed=1)
    inverse = BlockInverse(chip, A, stages=1, own_scale=True, calibration=right(16, 4, 3))
    refined = refine(inverse, A, b, method="gcr")
    assert refined.reason == "reached"
    assert refined.iterations <= 14
    assert errors(refined.x, np.linalg.solve(A, b)) < 2.0**-24


def test_the_account_of_a_refinement_is_that_of_its_iterations():
    """Of K right-hand sides: x and r, a dot and an update twice for each direction before."""
    A, b = wishart(8, 128), right(8, 3)
    n, size = len(A), b.size
    for method in ("plain", "line-search", "gcr"):
        ledger = Ledger()
        refined = refine(coarse(A), A, b, method=method, ledger=ledger)
        assert refined.reason == "reached"
        k = refined.iterations
        own = {"plain": 4 * k, "line-search": 8 * k, "gcr": 8 * k + 8 * k * (k - 1) / 2}
        entered = {held.label: row["flops"] for held, row in ledger.sums("digital")}
        floor = 2 / 3 * n**3 + 2 * n**3  # a decomposition, and n solutions
        assert entered == {
            "floor": pytest.approx(floor), "product": 2 * n * size * k,
            "refinement": own[method] * size,
        }  # fmt: skip
    chip = amc.Chip(gain=1e9)
    product = SlicedProduct(chip, A, 8, rows_at_once=4, vector_bits=5)
    before = {held.label: row["flops"] for held, row in chip.ledger.sums("digital")}
    assert "shifts and additions" not in before
    product @ np.full((8, 2), 1.0)
    ledger = {held.label: row["flops"] for held, row in chip.ledger.sums("digital")}
    assert ledger["shifts and additions"] == 2 * 8 * (8 * 2 * 5 * 2)  # outputs, and what they sum
    refine(coarse(A), A, b, product=product, ledger=chip.ledger, iterations=1)
    ledger = {held.label: row["flops"] for held, row in chip.ledger.sums("digital")}
    assert ledger["floor"] == pytest.approx(2 * floor)  # of the digits of A and of the product


def test_the_number_of_slices_is_the_least_that_leaves_a_bit():
    for kappa, cell_bits, bits in ((3, 3, 20), (300, 2, 17), (30, 1, 9), (3, 4, 31)):
        A = conditioned(6, kappa)
        found = slices_for(A, bits, cell_bits)
        # Digits that are cut off are even over a step, to either side.
        error = np.abs(A).max() * np.linalg.norm(np.linalg.inv(A)) / math.sqrt(12)
        left = [error * 2.0 ** (-cell_bits * slices) for slices in (found, found - 1)]
        assert left[0] <= 2.0 ** -(bits + 1) < left[1]


def test_readings_that_fluctuate_deviate_as_the_product_says():
    A = wishart(12, 48)
    chip = amc.Chip(**COARSE, noise=True, input_noise=1e-6)
    product = CompensatedProduct(chip, A, 2)
    reads = np.array([product @ np.eye(12) for _ in range(12)])
    assert product.deviation == pytest.approx(math.sqrt(reads.var(axis=0, ddof=1).mean()), rel=0.15)


def test_where_it_ends_does_not_rest_on_the_answer(monkeypatch):
    A, b = wishart(16, 256), right(16, 2)
    made = refine(coarse(A), A, b)

    class Blind(loop._Run):
        def __init__(self, inverse, product, right, exact, *others):
            super().__init__(inverse, product, right, np.ones_like(exact), *others)

    monkeypatch.setattr(loop, "_Run", Blind)
    blind = refine(coarse(A), A, b)
    assert (blind.reason, blind.iterations) == (made.reason, made.iterations)
    np.testing.assert_array_equal(blind.x, made.x)


def test_one_right_hand_side_that_is_solved_does_not_stand_for_all():
    """The inverse knows nothing of the second half: corrections end, the residual stays."""
    A = np.eye(8)
    inverse = Applied(np.diag([1.0] * 4 + [0.0] * 4))
    b = np.column_stack([np.repeat([1.0, 0.0], 4), np.ones(8)])
    refined = refine(inverse, A, b)
    assert (refined.reason, refined.floor) == ("floor", "inverse")
    assert refine(inverse, A, b[:, 0]).reason == "reached"


def test_one_good_step_promises_no_other():
    """Every other step leaves half of what residuals hardly show: its correction is small, too."""

    class Fickle:
        shares = iter([0.5, 0.999] * 20)

        def solve(self, b):
            return np.array([[1.0], [1e6 * next(self.shares)]]) * b

    A = np.diag([1.0, 1e-6])
    refined = refine(Fickle(), A, np.array([1.0, 1e-6]), bits=15)
    assert refined.reason == "reached"
    assert np.abs(refined.x - 1).max() < 2.0**-15


def test_a_rehearsal_ends_at_the_floor_of_the_product():
    A = wishart(8, 128)
    inverse, product = coarse(A).transfer(), SlicedProduct(amc.Chip(gain=1e9), A, 4)
    made = rehearse(A, inverse, product.matrix, bits=24)
    assert made is None
    assert rehearse(A, inverse, bits=24) is not None
    assert rehearse(A, inverse, product.matrix, bits=6) is not None


def test_wrong_sums_of_larger_digits_are_predicted():
    A, draw = np.random.default_rng(5).uniform(-1, 1, (24, 24)), np.random.default_rng(6)
    chip = amc.Chip(levels=8, gain=1e6, write_noise=0.01, seed=1)
    product = SlicedProduct(chip, A, 1, rows_at_once=24, input_bits=2)
    digits = np.rint(product.matrix * 7 / np.abs(A).max())
    held = product.slices[0].look(np.eye(24))
    gain = (held * digits).sum() / (digits**2).sum()
    sent = draw.integers(0, 4, (24, 4000)) * draw.choice([-1, 1], (24, 4000))
    wrong = np.mean(np.rint(held @ sent / gain) != digits @ sent)
    assert 0.01 < wrong < 0.5
    assert product.wrong == pytest.approx(wrong, rel=0.15)


def test_sums_beyond_their_codes_are_told_in_the_iteration_that_had_them():
    A, b = wishart(8, 128), right(8, 2)
    product = SlicedProduct(amc.Chip(levels=8, gain=1e8), A, 8, rows_at_once=8, sum_bits=4)
    before = product.saturated
    refined = refine(coarse(A), A, b, product=product, method="gcr")
    told = [step.saturated for step in refined.steps]
    assert sum(told) == product.saturated - before > 0


# -- command line --------------------------------------------------------------------------------


@pytest.fixture
def problem(tmp_path):
    np.save(tmp_path / "A.npy", wishart(8, 128))
    np.save(tmp_path / "b.npy", right(8, 2))
    return ["--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.npy", "--fidelity", "dc"]


def solved(problem, tmp_path, *options):
    result = run("solve", "inv", *problem, *options, "--json", tmp_path / "r.json")
    assert result.exit_code == 0, result.output
    return json.loads((tmp_path / "r.json").read_text()), result.output


def test_solve_takes_products_by_slices(problem, tmp_path):
    cells = ["--stages", 1, "--levels", 8, "--write-noise", 0.01, "--own-scale"]
    for product in ("sliced", "compensated"):
        made, _ = solved(problem, tmp_path, *cells, "--refine", 24, "--product", product)
        assert (made["ended"], made["floor"]) == ("reached", None)
        assert made["bits"] > 24
        assert made["floor_bits"] >= 25
        exact = np.linalg.solve(np.load(tmp_path / "A.npy"), np.load(tmp_path / "b.npy"))
        assert errors(np.array(made["solution"]).T, exact).max() < 2.0**-24
    made, told = solved(problem, tmp_path, *cells, "--refine", 24, "--slices", 2)
    assert (made["ended"], made["floor"]) == ("floor", "product")
    assert "more slices" in told
    assert "more slices" in made["cautions"][0]
    made, told = solved(
        problem, tmp_path, *cells, "--refine", 24, "--no-ranged", "--dac-bits", 6, "--adc-bits", 6
    )
    assert (made["ended"], made["floor"], made["floor_bits"]) == ("floor", "converters", None)
    assert made["history"][0]["exponent"] == 1


def test_forecast_says_where_gcr_is_sure(problem, tmp_path):
    result = run(
        "forecast", *problem[:2], "--stages", 1, "--levels", 8, "--write-noise", 0.01, "--refine",
        24, "--product", "sliced", "--json", tmp_path / "f.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "f.json").read_text())
    assert content["gcr_converges"] is (content["definiteness"] > 0) is True
    assert content["slices"] == slices_for(np.load(tmp_path / "A.npy"), 24)
    assert content["method"] == "gcr"
    assert content["method_iterations"] < content["iterations"]
    assert "gcr is sure to converge" in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--product", "sliced"], "give refine"),
        (["--no-ranged"], "give refine"),
        (["--refine", 20, "--no-ranged"], "converters"),
        (["--refine", 20, "--cell-bits", 2], "product sliced"),
        (["--refine", 20, "--product", "digital", "--slices", 3], "not digital"),
        (["--refine", 20, "--product", "sliced", "--levels", 8, "--cell-bits", 4], "levels = 8"),
        (["--refine", 20, "--product", "sliced", "--cell-bits", 9], "cell"),
        (["--refine", 20, "--method", "newton"], "method"),
    ],
)
def test_options_of_refinement_that_do_not_fit_are_refused(problem, options, message, tmp_path):
    before = files(tmp_path)
    refused(run("solve", "inv", *problem, *options), message)
    assert files(tmp_path) == before
