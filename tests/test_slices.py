"""Products by slices of digits: sums that round rightly, converters, floors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from refinement_cases import COARSE, Applied, coarse, errors, right, wishart

import amcspice as amc
from amcspice.algorithm import (
    CompensatedProduct,
    SlicedProduct,
    forecast,
    refine,
    slices_for,
)
from amcspice.errors import InputError

FORMED = {"levels": 8, "g_max": 35e-6, "g_min": 0.5e-6, "gain": 1e5}


def conditioned(n, kappa, seed=0):
    """Return a symmetric matrix with eigenvalues from 1 to kappa, equally spaced in logarithm."""
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]
    return Q * np.geomspace(1, kappa, n) @ Q.T


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


def test_a_target_beyond_the_digits_of_the_matrix_says_so():
    A = conditioned(8, 1e6)
    refined = refine(Applied(np.linalg.inv(A)), A, right(8), bits=45)
    assert (refined.reason, refined.floor) == ("floor", "digits")
    assert refined.floor_bits == pytest.approx(53 - np.log2(1e6), abs=0.01)


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
