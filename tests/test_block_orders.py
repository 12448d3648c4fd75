"""Orders of rows: which blocks settle, and how rows are halved."""

from __future__ import annotations

import numpy as np
import pytest
from block_cases import as_matrix, dominant, harmonic, off, right, wishart
from scipy.linalg import toeplitz
from scipy.linalg.lapack import dpstrf

import amcspice as amc
from amcspice.algorithm import (
    BlockInverse,
)
from amcspice.algorithm.block_inverse import ORDERS
from amcspice.algorithm.block_inverse.partition import _Cutter, partition
from amcspice.errors import InputError


def test_rows_are_taken_in_another_order_where_the_leading_block_is_singular():
    A = np.array([[1, 1, -2, 0], [1, 1, 0, -2], [1, 0, 5, 0], [0, 1, 0, 5.0]])
    assert np.linalg.matrix_rank(A[:2, :2]) == 1
    inverse = BlockInverse(amc.Chip(gain=1e10), A, stages=1)
    assert off(inverse.solve(right(4)), np.linalg.solve(A, right(4))) < 3e-9


@pytest.mark.parametrize("kind", ["standard_normal", "random"])
@pytest.mark.parametrize(("n", "size"), [(16, 8), (33, 4)])
def test_general_matrices_are_cut_into_blocks_that_settle(kind, n, size):
    A, b = getattr(np.random.default_rng(0), kind)((n, n)), right(n)
    inverse = BlockInverse(amc.Chip(gain=1e10), A, array_size=size)
    assert off(inverse.solve(b), np.linalg.solve(A, b)) < 1e-6
    assert inverse.counts()["order_flops"] > 0
    worse = []
    for seed in range(20):
        A = getattr(np.random.default_rng(seed), kind)((n, n))
        made = partition(A, size)
        np.testing.assert_allclose(as_matrix(made.root), made.root.order.of(A), atol=1e-8)
        leaves = [block for block in blocks_of(made.root) if not hasattr(block, "schur")]
        for leaf in leaves:
            totals = np.maximum(
                leaf.matrix.clip(0).sum(axis=1), -leaf.matrix.clip(None, 0).sum(axis=1)
            )
            assert (np.linalg.eigvals(leaf.matrix / totals[:, None]).real > 0).all()
        worse.append(max(np.linalg.cond(leaf.matrix) for leaf in leaves) / np.linalg.cond(A))
    assert np.median(worse) < 1


def blocks_of(block):
    yield block
    if hasattr(block, "schur"):
        yield from blocks_of(block.first)
        yield from blocks_of(block.schur)


def test_blocks_of_definite_matrices_keep_the_order_that_was_given():
    for A in (wishart(16, 20), harmonic(16), toeplitz(0.9 ** np.arange(16))):
        made = partition(A, 4)
        assert {block.order_name for block in made.halves} == {"given"}
        for block in made.halves:  # interlacing: a part is conditioned no worse than the whole
            assert np.linalg.cond(as_matrix(block)) <= np.linalg.cond(A) * (1 + 1e-9)


def test_the_best_order_takes_neighbours_apart():
    A, b = toeplitz(0.9 ** np.arange(32)), right(32, 20)
    errors, conditions = {}, {}
    for order in ("given", "best"):
        inverse = BlockInverse(amc.Chip(wire_resistance=1.0, gain=1e9), A, stages=1, order=order)
        arrays = [each.matrix for each in inverse.arrays if each.problem == "inv"]
        conditions[order] = max(np.linalg.cond(block) for block in arrays)
        errors[order] = off(inverse.solve(b), np.linalg.solve(A, b))
    assert conditions["best"] < conditions["given"] / 2
    assert errors["best"] < errors["given"] / 2


def test_a_signed_order_is_the_permutation_next_to_the_polar_factor():
    turned = np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0.0]])
    H = wishart(3, 9) + np.diag([1.0, 2.0, 3.0])
    order = ORDERS["signed"](turned @ H, 0)
    np.testing.assert_allclose(order.of(turned @ H), H, atol=1e-12)
    x = right(3)
    np.testing.assert_allclose(order.back(np.linalg.solve(H, order.sent(turned @ H @ x))), x)


def lu_and_products(first, second):
    """Return the work of S: an LU of A1, a solution a column of A2, a product and a difference."""
    return 2 / 3 * first**3 + 2 * first**2 * second + 2 * second * first * second


def test_halves_that_are_not_equal_count_as_large_as_they_are():
    """Seven rows are four and three; these are twice two, and two and one."""
    chip = amc.Chip()
    one = BlockInverse(amc.Chip(), harmonic(7), stages=1).counts()
    assert (one["dacs_unrolled"], one["adcs_unrolled"]) == (4 + 3 + 4, 7)  # f enters twice
    assert one["schur_flops"] == pytest.approx(lu_and_products(4, 3))
    two = BlockInverse(chip, harmonic(7), stages=2).counts()
    parts = {"A": (4, 3), "A1": (2, 2), "S": (2, 1)}
    entered = {
        held.label.removeprefix("Schur complement of "): row["flops"]
        for held, row in chip.ledger.sums("digital")
        if held.label.startswith("Schur")
    }
    assert entered == pytest.approx({name: lu_and_products(*n) for name, n in parts.items()})
    assert two["schur_flops"] == pytest.approx(sum(entered.values()))


def test_what_an_order_takes_is_what_was_decomposed():
    """Singular values of A, and these and eigenvalues of A1 and S, none of them symmetric."""
    made = partition(dominant(8), 4)
    assert [block.order_name for block in made.halves] == ["given"]
    assert made.order_flops == pytest.approx(8 / 3 * 8**3 + 2 * (8 / 3 + 10) * 4**3)


def test_orders_do_what_their_names_say():
    weights = np.array([[1.0, 2.0, 0.0], [0.0, 4.0, 1.0], [1.0, 0.0, -3.0]])  # 1/2, 4, -3
    assert ORDERS["dominant"](weights, 2).rows.tolist() == [1, 0, 2]
    A = wishart(9, 12)
    pivots = dpstrf(A)[1] - 1  # Cholesky's with pivots
    assert ORDERS["pivoted"](A, 5).rows[:5].tolist() == pivots[:5].tolist()
    # Rows 0 and 1 are alike where the two large columns are, and differ where nothing counts.
    rank = np.array([[3, 2, 0, 1e-3], [3, 2, 1e-3, 0], [1, -2, 0, 0], [0, 0, 0, 0.0]])
    order = ORDERS["revealing"](rank, 2)
    assert set(order.columns[:2]) == {0, 1}
    assert 2 in order.rows[:2]


def test_orders_whose_blocks_settle_are_tried_first():
    """Even where others are conditioned better: rows of these would have to be turned."""
    worse = 0
    for seed in range(6):
        A = np.random.default_rng(seed).standard_normal((8, 8))
        cuts = _Cutter(4, "best", allow_unstable=False)._cuts(A)
        settles = [cut.settles for cut in cuts]
        assert settles == sorted(settles, reverse=True)
        for part in (settles.count(True), len(cuts)):
            conditions = [cut.condition for cut in cuts[:part]][settles.count(True) % part :]
            assert conditions == sorted(conditions)
        worse += cuts[0].condition > min(cut.condition for cut in cuts)
    assert worse


@pytest.mark.parametrize(("n", "most"), [(1, 0), (2, 1), (7, 2), (8, 3), (9, 3)])
def test_rows_are_halved_as_often_as_there_are_any(n, most):
    assert BlockInverse(amc.Chip(), harmonic(n), stages=most).counts()["phases"] >= 1
    for stages in (most + 1, 10**300):
        with pytest.raises(InputError, match="cannot be halved so often"):
            BlockInverse(amc.Chip(), harmonic(n), stages=stages)
