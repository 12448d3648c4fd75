"""Refinements: bits, directions, forecasts, accounts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from refinement_cases import COARSE, Applied, coarse, errors, right, wishart
from scipy.linalg import block_diag

import amcspice as amc
from amcspice.algorithm import (
    BlockInverse,
    CompensatedProduct,
    SlicedProduct,
    forecast,
    refine,
    rehearse,
)
from amcspice.algorithm.refinement import loop
from amcspice.errors import InputError
from amcspice.system import Ledger


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


def test_bits_are_those_of_the_solution_and_not_of_a_better_iteration_before():
    A = wishart(8, 64)
    exact, inverse = right(8), Applied(np.linalg.inv(A) + 1e-4 * right(8, 8))
    product = CompensatedProduct(amc.Chip(levels=8, write_noise=0.01, seed=3), A, 1)
    # The first step ends beside the exact answer, the last one at that of what the product holds.
    refined = refine(inverse, A, A @ exact, product=product, bits=20)
    assert refined.reason == "floor"
    assert refined.bits == pytest.approx(-np.log2(errors(refined.x, exact).max()))
    assert refined.bits < refined.steps[0].bits - 5


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
