"""Analog preconditioners of large sparse systems, against scipy with exact ones."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spl

import amcspice as amc
from amcspice.algorithm import AnalogPreconditioner, Coarse, solve_sparse
from amcspice.algorithm.sparse.grid import boxes, coarsened, interpolation
from amcspice.errors import InputError, UnstableError
from amcspice.system import Ledger


def laplacian(*shape):
    """Return the five-point stencil, or that of other dimensions, with zeros around."""
    total = sp.csr_array((int(np.prod(shape)),) * 2)
    for axis, length in enumerate(shape):
        line = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(length, length))
        factors = [sp.eye_array(n) for n in shape]
        factors[axis] = line
        term = factors[0]
        for factor in factors[1:]:
            term = sp.kron(term, factor)
        total = total + term
    return sp.csr_array(total)


def right(n, seed=1):
    return np.random.default_rng(seed).standard_normal(n)


def as_matrix(operator):
    return np.array([operator.matvec(unit) for unit in np.eye(operator.shape[0])]).T


def schwarz(A, blocks, P=None, coarse=None):
    """Return the additive Schwarz inverse, dense."""
    A, total = A.toarray(), 0
    for places in blocks:
        R = np.eye(len(A))[np.asarray(places)]
        total = total + R.T @ np.linalg.inv(R @ A @ R.T) @ R
    return total if P is None else total + P @ coarse @ P.T


# -- what it applies ---------------------------------------------------------------------------


def test_it_is_the_additive_schwarz_inverse():
    A = laplacian(10, 7) + sp.diags_array(np.arange(70.0) / 30)  # no two blocks are alike
    blocks = boxes((10, 7), 4, overlap=1)
    chip = amc.Chip(gain=1e10)
    found = as_matrix(AnalogPreconditioner(chip, A, blocks))
    np.testing.assert_allclose(found, schwarz(A, blocks), rtol=1e-6, atol=1e-7)


def test_levels_are_those_of_the_coarse_matrices():
    shape = (13, 8)
    A, P = laplacian(*shape), interpolation(shape, 4).toarray()
    few = coarsened(shape, 4)
    assert few == (3, 2)
    assert P.shape == (104, 6)
    made = AnalogPreconditioner.on_grid(amc.Chip(gain=1e10), A, shape, 4)
    expected = schwarz(A, boxes(shape, 4), P, np.linalg.inv(P.T @ A @ P))
    np.testing.assert_allclose(as_matrix(made), expected, rtol=1e-6, atol=1e-7)


def test_boxes_cover_a_grid_and_interpolation_is_exact_for_what_is_linear():
    for shape, width, overlap in (((9,), 4, 1), ((5, 6), 3, 0), ((4, 3, 5), 3, 1)):
        cut = boxes(shape, width, overlap)
        assert max(map(len, cut)) <= width ** len(shape)
        assert set(np.concatenate(cut)) == set(range(int(np.prod(shape))))
    # On 4 k - 1 points every interval is as long: hats between zeros at both ends.
    P = interpolation((15,), 4)
    np.testing.assert_allclose(P @ np.array([4.0, 8.0, 4.0]), 8 - abs(np.arange(15) - 7.0))
    assert interpolation((15, 2), 4).shape == (30, 6)  # the short axis stays
    assert coarsened((7, 4), 4) == (1, 4)  # so that the last level is one box
    with pytest.raises(InputError, match="of their own"):
        boxes((9,), 4, 2)


def test_equal_blocks_are_programmed_once_whatever_their_factor():
    A = sp.block_diag([laplacian(4), 3 * laplacian(4), laplacian(3)]).tocsr()
    blocks = [range(4), range(4, 8), range(8, 11)]
    chip = amc.Chip(gain=1e10)
    made = AnalogPreconditioner(chip, A, blocks)
    assert len(made.arrays) == 2
    assert chip.cost().work.programmings == 2
    np.testing.assert_allclose(made.matvec(right(11)), spl.spsolve(A.tocsc(), right(11)), rtol=1e-6)
    alone = AnalogPreconditioner(amc.Chip(write_noise=0.01), A, blocks, share=False)
    assert len(alone.arrays) == 3
    z = alone.matvec(np.tile([1.0, 2.0, 3.0, 4.0], 3)[:11])
    assert abs(3 * z[4:8] - z[:4]).max() > 1e-3 * abs(z[:4]).max()  # cells of their own


# -- solutions ---------------------------------------------------------------------------------


def test_with_exact_blocks_it_takes_the_iterations_of_scipys_gmres():
    A, b = laplacian(24, 24), right(576)
    blocks = boxes((24, 24), 4)
    exact = spl.LinearOperator(A.shape, schwarz(A, blocks).__matmul__)
    sizes = []
    x, info = spl.gmres(
        A, b, M=exact, rtol=1e-6, restart=100, callback=sizes.append, callback_type="pr_norm"
    )
    made = solve_sparse(A, b, AnalogPreconditioner(amc.Chip(gain=1e9), A, blocks))
    assert info == 0
    assert made.reason == "reached"
    assert made.iterations <= 40  # a cycle: no direction was let go
    assert abs(made.iterations - len(sizes)) <= 1
    np.testing.assert_allclose(made.x, x, atol=1e-4 * abs(x).max())


def test_errors_of_cells_and_converters_cost_iterations_and_no_accuracy():
    A, b = laplacian(40, 40), np.ones(1600)
    exact = spl.spsolve(A.tocsc(), b)
    took = {}
    for name, options in {
        "exact": {"gain": 1e9},
        "cells": {"levels": 16, "write_noise": 0.02, "seed": 2},
        "converters": {"levels": 16, "write_noise": 0.02, "seed": 2, "dac_bits": 6, "adc_bits": 6},
        "noise": {"levels": 16, "write_noise": 0.02, "seed": 2, "input_noise": 1e-8, "noise": True},
    }.items():
        made = AnalogPreconditioner.on_grid(amc.Chip(**options), A, (40, 40), 4, largest_entry=1.25)
        solved = solve_sparse(A, b, made, residual=1e-9)
        assert solved.reason == "reached"
        assert not solved.caution
        assert np.linalg.norm(solved.x - exact) < 1e-6 * np.linalg.norm(exact)
        took[name] = solved.iterations
    assert took["cells"] <= took["exact"] + 4
    assert took["converters"] <= 2 * took["exact"]
    assert took["noise"] <= 2 * took["exact"]


def test_a_coarse_grid_keeps_iterations_from_growing():
    took = {}
    for n in (16, 48):
        A, b = laplacian(n, n), np.ones(n * n)
        chip = amc.Chip(write_noise=0.01, seed=1)
        levels = AnalogPreconditioner.on_grid(chip, A, (n, n), 4)
        blocks = AnalogPreconditioner(chip, A, boxes((n, n), 4))
        took[n] = [solve_sparse(A, b, made).iterations for made in (levels, blocks)]
    assert took[48][0] <= 1.5 * took[16][0]
    assert took[48][1] >= 2 * took[16][1]


@pytest.mark.parametrize(("shape", "width"), [((300,), 8), ((31, 7), 4), ((12, 9, 12), 3)])
def test_grids_have_any_dimension(shape, width):
    A, chip = laplacian(*shape), amc.Chip(levels=16, write_noise=0.01, seed=1)
    made = AnalogPreconditioner.on_grid(chip, A, shape, width, largest_entry=1.25)
    b = np.ones(A.shape[0])
    solved = solve_sparse(A, b, made, residual=1e-8)
    assert solved.iterations <= 25
    np.testing.assert_allclose(solved.x, spl.spsolve(A.tocsc(), b), rtol=1e-5)


def test_the_account_has_operations_products_and_orthogonalisation():
    A, b = laplacian(16, 16), right(256)
    chip = amc.Chip(gain=1e9)
    made = AnalogPreconditioner(chip, A, boxes((16, 16), 4))
    before = chip.cost().work
    solved = solve_sparse(A, b, made, ledger=chip.ledger)
    work = chip.cost().work
    assert work.operated.count - before.operated.count == 16 * solved.iterations
    names = {held.label: row for held, row in chip.ledger.sums("digital")}
    products = names["sparse product"]
    assert products["flops"] == 2 * A.nnz * products["count"]
    assert solved.iterations + 1 <= products["count"] <= solved.iterations + 4
    k = solved.iterations  # directions of one cycle
    assert names["orthogonalisation"]["flops"] == pytest.approx(4 * 256 * k * (k + 1) / 2)


def test_the_account_has_scales_interpolation_and_the_coarse_matrix():
    shape, n = (16, 12), 192
    A, P, chip = laplacian(*shape), interpolation(shape, 4), amc.Chip(gain=1e9)
    made = AnalogPreconditioner.on_grid(chip, A, shape, 4)

    def digital():
        return {held.label: row for held, row in chip.ledger.sums("digital")}

    # A multiplication and an addition for every pair of entries that meet, in A P and P'(A P).
    stored, few, half = ((M.toarray() != 0).astype(float) for M in (A, P, A @ P))
    pairs = (stored @ few).sum() + (few.T @ half).sum()
    assert digital()["coarse matrix"]["flops"] == pytest.approx(2 * pairs, rel=0.1)
    made.matvec(right(n))
    coarse = int(np.prod(coarsened(shape, 4)))
    # Divided by the factor of its block, squared and added, divided and multiplied by the length.
    assert digital()["block exponents"]["flops"] == 5 * (n + coarse)
    assert digital()["interpolation"]["flops"] == 4 * few.sum()  # there and back
    assert interpolation((8, 8, 8), 4).data.all()


def test_directions_that_are_kept_are_orthogonalised_against_as_well():
    """A cycle adds 20 directions, and as many more as are missing in the 20 that are kept."""
    A, b, ledger = laplacian(40, 40), right(1600), Ledger()
    solved = solve_sparse(A, b, ledger=ledger)
    (entered,) = (row for held, row in ledger.sums("digital") if held.label == "orthogonalisation")
    left, cycle, dots = solved.iterations, 0, 0
    while left:
        length = min(left, 40 - cycle)
        dots += sum(range(1 + cycle, 1 + cycle + length))
        left, cycle = left - length, cycle + 1
    assert cycle > 2
    assert entered["flops"] == 4 * 1600 * dots


def test_entries_off_the_levels_can_make_a_block_unstable():
    A, chip = laplacian(8, 8), amc.Chip(levels=16)
    rounded = np.rint(A.toarray() / 4 * 15) / 15  # 1/4 of the range becomes 4/15
    assert np.linalg.eigvalsh(rounded).min() < 0
    with pytest.raises(UnstableError, match="block 0"):
        AnalogPreconditioner(chip, A, [range(64)])
    AnalogPreconditioner(chip, A, [range(64)], largest_entry=1.25)


def test_what_does_not_suffice_is_told():
    A, b = laplacian(60, 60), np.ones(3600)
    made = solve_sparse(A, b, iterations=20)
    assert made.reason == "iterations"
    assert "residual" in made.caution
    assert made.residual == pytest.approx(np.linalg.norm(b - A @ made.x) / 60)
    assert solve_sparse(A, np.zeros(3600)).reason == "reached"


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([range(3)], "unknown 3 is in none"),
        ([range(4), [4, 4, 5]], "twice"),
        ([range(4), [4, 5, 6]], "from 0 to 5"),
        ([range(6), []], r"blocks\[1\]"),
        ([range(6), [0.5]], r"blocks\[1\]"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(blocks, message):
    with pytest.raises(InputError, match=message):
        AnalogPreconditioner(amc.Chip(), laplacian(6), blocks)


def test_what_does_not_fit_is_refused():
    A, chip = laplacian(6), amc.Chip()
    with pytest.raises(InputError, match="square"):
        AnalogPreconditioner(chip, np.ones((3, 2)), [range(3)])
    with pytest.raises(InputError, match="shape"):
        AnalogPreconditioner.on_grid(chip, A, (5, 2))
    with pytest.raises(InputError, match="all of it is zero"):
        AnalogPreconditioner(chip, sp.csr_array((2, 2)), [range(2)])
    whole = AnalogPreconditioner(chip, A, [range(6)])
    with pytest.raises(InputError, match="coarse"):
        AnalogPreconditioner(chip, A, [range(6)], coarse=Coarse(np.ones((6, 2)), whole))
    with pytest.raises(InputError, match="block 0"):
        AnalogPreconditioner(chip, sp.csr_array(np.fliplr(np.eye(4))), [range(4)])
    for options, message in (
        ({"residual": 2.0}, "residual"),
        ({"iterations": 0}, "iterations"),
        ({"preconditioner": spl.aslinearoperator(np.eye(5))}, "preconditioner"),
    ):
        with pytest.raises(InputError, match=message):
            solve_sparse(A, right(6), **options)
    with pytest.raises(InputError, match="one right-hand side"):
        solve_sparse(A, np.ones((6, 2)))


@pytest.mark.slow
def test_poisson_with_a_hundred_thousand_unknowns():
    n = 316
    A, b = laplacian(n, n), np.ones(n * n)
    chip = amc.Chip(opamp="onchip-1g", levels=16, write_noise=0.01, seed=1)
    made = AnalogPreconditioner.on_grid(chip, A, (n, n), 4, largest_entry=1.25)
    solved = solve_sparse(A, b, made, ledger=chip.ledger)
    assert solved.reason == "reached"
    assert solved.iterations <= 25
    exact = spl.spsolve(A.tocsc(), b)
    assert np.linalg.norm(solved.x - exact) < 1e-4 * np.linalg.norm(exact)
    assert chip.cost().work.programmings <= 12
