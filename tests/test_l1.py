"""The signed lasso against conditions of optimality and two other solvers."""

import warnings

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

import amcspice as amc
from amcspice.errors import AmcspiceError, InputError
from amcspice.problem.l1 import lasso


def violation(A, b, x, penalty, ridge):
    """Return by how much x misses the KKT conditions, over what rounding may do to them."""
    gradient = A.T @ (A @ x - b) + ridge * x
    sizes = np.sqrt(np.square(A).sum(axis=0) + ridge)
    rounding = 1e-9 * penalty + 1e-12 * sizes * (np.linalg.norm(b) + sizes @ np.abs(x))
    held = x != 0
    missed = np.abs(gradient) - penalty
    missed[held] = np.abs(gradient + penalty * np.sign(x))[held]
    return (missed / rounding).max()


@settings(deadline=None, max_examples=150)
@given(
    st.integers(0, 2**32),
    st.integers(1, 30),
    st.integers(1, 30),
    st.sampled_from([1 - 1e-12, 0.5, 0.1, 1e-3, 1e-7]),
    st.sampled_from([0.0, 1e-3]),
    st.sampled_from(["normal", "uniform", "ties", "repeated"]),
)
def test_satisfies_the_conditions_of_optimality(seed, m, n, share, ridge, kind):
    draw = np.random.default_rng(seed)
    A, b = draw.standard_normal((m, n)), draw.standard_normal(m)
    if kind == "uniform":
        A = draw.random((m, n))
    elif kind == "ties":
        A, b = draw.integers(-1, 2, (m, n)).astype(float), draw.integers(-2, 3, m).astype(float)
    elif kind == "repeated":
        A[:, draw.integers(0, n, n // 2)] = A[:, :1]
    A, b = A * 10 ** draw.uniform(-9, 9), b * 10 ** draw.uniform(-9, 9)
    penalty = share * np.abs(A.T @ b).max()
    if penalty:
        ridge *= np.square(A).max()
        (x,) = lasso(A, [b], penalty=penalty, ridge=ridge)
        assert violation(A, b, x, penalty, ridge) <= 1


@pytest.mark.parametrize("shape", [(20, 6), (8, 14)])
def test_agrees_with_a_bounded_quasi_newton_method(shape):
    draw = np.random.default_rng(shape)
    A, b, n = draw.standard_normal(shape), draw.standard_normal(shape[0]), shape[1]
    penalty, ridge = 0.7, 0.2
    split = np.hstack([A, -A])

    def objective(parts):
        residual, x = split @ parts - b, parts[:n] - parts[n:]
        slope = split.T @ residual + penalty + ridge * np.append(x, -x)
        return residual @ residual / 2 + ridge * x @ x / 2 + penalty * parts.sum(), slope

    found = scipy.optimize.minimize(
        objective, np.ones(2 * n), jac=True, bounds=[(0, None)] * (2 * n), method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 10_000},
    )  # fmt: skip
    (x,) = lasso(A, [b], penalty=penalty, ridge=ridge)
    np.testing.assert_allclose(x, found.x[:n] - found.x[n:], atol=1e-6)


def test_agrees_with_least_angle_regression():
    from sklearn.linear_model import lars_path

    draw = np.random.default_rng(3)
    A, B = draw.standard_normal((24, 60)), draw.standard_normal((5, 24))
    found = lasso(A, B, penalty=1.5)
    assert found.shape == (5, 60)
    for b, x in zip(B, found, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = lars_path(A, b, method="lasso", alpha_min=1.5 / 24)[2][:, -1]
        np.testing.assert_allclose(x, wanted, rtol=0, atol=1e-10)


def test_orthogonal_columns_shrink_by_the_penalty():
    b = np.array([3.0, -2.0, 0.4, 0.0])
    (x,) = lasso(np.eye(4), [b], penalty=0.5)
    np.testing.assert_allclose(x, [2.5, -1.5, 0, 0], rtol=1e-14)
    (x,) = lasso(np.eye(4), [b], penalty=0.5, ridge=0.25)
    np.testing.assert_allclose(x, [2.0, -1.2, 0, 0], rtol=1e-14)


def test_nothing_to_solve():
    A = np.random.default_rng(1).random((3, 2))
    assert lasso(A, np.zeros((0, 3)), penalty=1).shape == (0, 2)
    assert not lasso(A, np.zeros((2, 3)), penalty=1).any()
    assert not lasso(np.zeros((3, 2)), np.ones((2, 3)), penalty=1).any()
    assert not lasso(A, np.ones((2, 3)), penalty=1.001 * A.sum(axis=0).max()).any()


def test_an_answer_that_is_not_optimal_is_refused(monkeypatch):
    monkeypatch.setattr(scipy.optimize, "nnls", lambda matrix, vector, **_: (matrix[0] * 0, 0.0))
    with pytest.raises(AmcspiceError, match="conditions of optimality"):
        lasso(np.eye(2), [[1.0, 2.0]], penalty=0.1)


@pytest.mark.parametrize(
    ("vectors", "options", "message"),
    [
        (np.ones((1, 3)), {"penalty": 1}, "shape"),
        (np.full((1, 2), np.inf), {"penalty": 1}, "finite"),
        (np.ones((1, 2)), {"penalty": 0}, "penalty=0"),
        (np.ones((1, 2)), {"penalty": 1, "ridge": -1}, "ridge=-1"),
    ],
)
def test_wrong_input_is_named(vectors, options, message):
    with pytest.raises(InputError, match=message):
        lasso(np.eye(2), vectors, **options)


def test_a_ridge_counts_beside_the_l1_term():
    """The answer of the problem, to which circuits are compared, has both."""
    draw = np.random.default_rng(2)
    A, b, penalty, ridge = draw.standard_normal((9, 4)), draw.standard_normal((9, 2)), 2.0, 0.8
    x = amc.solve("lasso", A, b, lasso=penalty, ridge=ridge, fidelity="ideal").x
    gradient = A.T @ (A @ x - b) + ridge * x
    assert (x == 0).any()
    assert (x < 0).any()
    np.testing.assert_allclose(gradient[x != 0], -penalty * np.sign(x[x != 0]), rtol=1e-9)
    assert (np.abs(gradient[x == 0]) <= penalty).all()
