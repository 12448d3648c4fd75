"""The ideal fidelity against conditions of optimality and against other solvers."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import random_problem

import amcspice as amc
from amcspice.errors import InputError
from amcspice.problem import (
    nonnegative_least_squares,
    problem_of,
    unconstrained_least_squares,
)


def optimality(A, b, x, ridge, lasso):
    """Largest violation of the KKT conditions, as a fraction of the largest gradient at 0."""
    gradient = A.T @ (A @ x - b) + ridge * x + lasso
    scale = np.abs(A.T @ b).max() + lasso
    return max(
        -x.min(), -gradient.min() / scale, np.abs(np.where(x > 1e-12, gradient, 0)).max() / scale
    )


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 10_000),
    st.integers(1, 20),
    st.integers(1, 6),
    st.sampled_from([0.0, 1e-3, 1.0, 100.0]),
    st.sampled_from([0.0, 1e-2, 1.0]),
)
def test_nonnegative_solutions_are_optimal(seed, rows, columns, ridge, lasso):
    A, b = random_problem(seed, rows=max(rows, columns), columns=columns)
    (x,) = nonnegative_least_squares(A, b[None], ridge=ridge, lasso=lasso)
    assert optimality(A, b, x, ridge, lasso) < 1e-8


def test_lasso_agrees_with_a_bounded_quasi_newton_method():
    A, b = random_problem(1)
    lasso, ridge = 2.0, 0.3

    def objective(x):
        residual = A @ x - b
        value = residual @ residual / 2 + ridge * x @ x / 2 + lasso * x.sum()
        return value, A.T @ residual + ridge * x + lasso

    found = scipy.optimize.minimize(
        objective, np.ones(8), jac=True, bounds=[(0, None)] * 8, method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-10},
    )  # fmt: skip
    (x,) = nonnegative_least_squares(A, b[None], ridge=ridge, lasso=lasso)
    np.testing.assert_allclose(x, found.x, atol=1e-6)


def test_a_lasso_above_the_largest_gradient_gives_zero():
    A, b = random_problem(1)
    edge = (A.T @ b).max()
    assert not nonnegative_least_squares(A, b[None], lasso=1.001 * edge).any()
    assert nonnegative_least_squares(A, b[None], lasso=0.999 * edge).any()


def test_lasso_with_dependent_columns_asks_for_ridge():
    A = np.ones((4, 2))
    with pytest.raises(InputError, match="add a small ridge"):
        nonnegative_least_squares(A, np.ones((1, 4)), lasso=0.1)
    (x,) = nonnegative_least_squares(A, np.ones((1, 4)), lasso=0.1, ridge=1e-3)
    assert optimality(A, np.ones(4), x, 1e-3, 0.1) < 1e-8


@pytest.mark.parametrize("ridge", [0.0, 0.7])
def test_least_squares_solves_the_normal_equations(ridge):
    A, b = random_problem(2, vectors=3)
    x = unconstrained_least_squares(A, b.T, ridge=ridge)
    assert x.shape == (3, 8)
    np.testing.assert_allclose((A.T @ A + ridge * np.eye(8)) @ x.T, A.T @ b, atol=1e-9)


def test_reference_counts_selected_rows_only():
    A, b = random_problem(3, rows=10, columns=3)
    rows = np.arange(10) % 3 > 0
    circuit = amc.CompactGINV(A, rows=rows, constraint=amc.NonNegative(), ridge=0.1)
    np.testing.assert_array_equal(
        problem_of(circuit).answer(circuit, b[None]),
        nonnegative_least_squares(A[rows], b[None, rows], ridge=0.1),
    )


def test_clipping_is_not_the_answer():
    """Clipping the unconstrained solution is wrong by percents, section 4."""
    distances = []
    for seed in range(10):
        A, b = random_problem(seed)
        (x,) = nonnegative_least_squares(A, b[None])
        clipped = np.maximum(unconstrained_least_squares(A, b[None])[0], 0)
        distances.append(np.linalg.norm(clipped - x) / np.linalg.norm(x))
    assert np.median(distances) > 0.02
    assert max(distances) > 0.1


def test_scaling_columns_is_exact():
    A, b = random_problem(4)
    scale = np.geomspace(0.01, 10, 8)
    (plain,) = nonnegative_least_squares(A, b[None])
    (scaled,) = nonnegative_least_squares(A * scale, b[None])
    np.testing.assert_allclose(scaled * scale, plain, atol=1e-10)
