"""When curves leave their bounds, and the vectors that they are made of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_probes import Law, check_exit, testing
from numpy.polynomial import polynomial
from scipy.integrate import quad

# Vectors and dense matrices.


@pytest.mark.parametrize(
    "x",
    [
        np.linspace(-1, 1, 4001),
        np.linspace(-700, 700, 9999),
        np.concatenate([[0.0], np.geomspace(1e-300, 1, 100), -np.geomspace(1e-300, 1, 100)]),
        np.log(2) * (np.arange(-40, 40) / 2),
    ],
    ids=["around zero", "all", "tiny", "where halves change"],
)
def test_exponentials_are_right_to_some_units_in_the_last_place(x, measured):
    for made, exact in zip(testing.exponential(x), (np.exp(x), np.expm1(x)), strict=True):
        error = np.abs(made - exact) / np.spacing(np.abs(exact))
        measured("units in the last place", error.max())
        assert error.max() <= 4


def test_exponentials_end_at_700():
    x = np.array([-1e300, -np.inf, -701.0, 701.0, np.inf])
    clipped = np.clip(x, -700, 700)
    grown, growth = testing.exponential(x)
    np.testing.assert_allclose(grown, np.exp(clipped), rtol=1e-15)
    np.testing.assert_allclose(growth, np.expm1(clipped), rtol=1e-15)


@pytest.mark.parametrize("rows", [1, 8, 9, 16, 24, 32, 40, 48, 56, 61, 104])
@pytest.mark.parametrize("count", [0, 1, 2, 5, 8])
def test_sums_of_columns_are_those_of_numpy(rows, count):
    draw = np.random.default_rng(rows + count)
    columns, times = draw.standard_normal((8, rows)), draw.standard_normal(8)
    start = draw.standard_normal(rows)
    first = testing.sum_of_columns(columns, None, count, times, start)
    np.testing.assert_allclose(first, start + times[:count] @ columns[:count], atol=1e-14)
    some = draw.permutation(8)[:count].astype(np.int32)
    made = testing.sum_of_columns(columns, some, count, times, start)
    np.testing.assert_allclose(made, start + times[some] @ columns[some], atol=1e-14)


@pytest.mark.parametrize("rows", [1, 8, 23])
def test_dot_products_and_largest_magnitudes(rows):
    a, b = np.random.default_rng(rows).standard_normal((2, rows))
    assert testing.dot(a, b) == pytest.approx(a @ b, abs=1e-14)
    for sign in (1, -1):
        for at in range(rows):
            peak = np.where(np.arange(rows) == at, sign * 9.0, a)
            assert testing.largest_magnitude(peak) == 9.0


@pytest.mark.parametrize("n", [0, 1, 2, 7, 30])
def test_inverses_exchange_rows(n):
    draw = np.random.default_rng(n)
    matrix = np.roll(np.eye(n) + 0.3 * draw.standard_normal((n, n)) / max(n, 1), 1, axis=0)
    made = testing.inverse(matrix.T.copy()).T
    np.testing.assert_allclose(made @ matrix, np.eye(n), atol=1e-12)


def test_the_inverse_of_a_singular_matrix_is_not_finite():
    for matrix in (np.zeros((1, 1)), np.diag([1.0, 0.0, 2.0]), np.ones((4, 4))):
        assert not np.isfinite(testing.inverse(matrix)).all()


def check_eigenvectors(matrix):
    n = len(matrix)
    found, parts, columns, back = testing.eigenvectors(matrix.T.copy())
    assert found
    condition = np.linalg.cond(columns) if n else 1
    np.testing.assert_allclose(back.T @ columns.T, np.eye(n), atol=1e-14 * max(n, 1) * condition)
    values = parts[:, 0] + 1j * parts[:, 1]
    vectors = columns.T.astype(complex)
    for j in np.flatnonzero(values.imag > 0):
        real, imaginary = columns[j], columns[j + 1]
        assert values[j + 1] == values[j].conjugate()
        vectors[:, j], vectors[:, j + 1] = real + 1j * imaginary, real - 1j * imaginary
    np.testing.assert_allclose(matrix @ vectors, vectors * values, atol=1e-13 * max(n, 1))
    expected = np.sort_complex(np.linalg.eigvals(matrix)) if n else values
    np.testing.assert_allclose(np.sort_complex(values), expected, atol=1e-12)
    assert n == 0 or np.linalg.cond(vectors) < 1e6


@pytest.mark.parametrize("n", [0, 1, 2, 3, 8, 25])
def test_eigenvectors_reconstruct_their_matrix(n):
    check_eigenvectors(np.random.default_rng(n).standard_normal((n, n)))


@pytest.mark.parametrize("n", [1, 2, 5, 9])
@pytest.mark.parametrize("passive", [[0], [1, 3], [8], range(9)])
def test_eigenvectors_of_what_acts_on_nothing_else_are_its_own(n, passive):
    draw = np.random.default_rng(n)
    matrix = draw.standard_normal((n, n))
    for j in passive:
        if j < n:
            matrix[:, j] = 0
            matrix[j, j] = -4 - draw.uniform(0, 3)
    check_eigenvectors(matrix)


@pytest.mark.parametrize("passive", [[], [0], [2, 5]])
@pytest.mark.parametrize("n", [1, 2, 3, 8, 13])
def test_eigenvectors_of_circuits_of_resistors(n, passive):
    """Of what is symmetric but for factors, and of what it drives."""
    draw = np.random.default_rng(n)
    part = draw.standard_normal((n, n))
    factors = 10.0 ** draw.uniform(-1, 1, n)
    matrix = -(part @ part.T + 0.1 * np.eye(n))
    if n == 13:  # of two that have nothing to do with each other, and states that do not meet
        matrix[np.add.outer(range(n), range(n)) % 3 == 1] = 0
    matrix *= factors / factors[:, None]
    for j in passive:
        if j < n:
            matrix[:, j] = 0
            matrix[j, j] = -0.05
    check_eigenvectors(matrix)


@pytest.mark.parametrize("slow", [1e-6, 1e-12, 1e-18])
def test_slow_rates_are_not_lost_beside_fast_ones(slow):
    """A node that hardly moves: symmetric but for factors, which are far apart."""
    matrix = np.array([[-1.0, 0.0, -0.5], [0.0, -2.0, 0.3], [slow, 0.0, -slow]])
    matrix[2, 1] = slow / 2
    matrix[:2, :2] += 0.1
    found, parts, *_ = testing.eigenvectors(matrix.T.copy())
    expected = np.sort(np.linalg.eigvals(matrix).real)
    assert found
    np.testing.assert_allclose(np.sort(parts[:, 0]), expected, rtol=1e-9)


SYMMETRIC = {
    "random": lambda draw, n: draw.standard_normal((n, n)),
    "equal values": lambda draw, n: np.outer(*(2 * [draw.standard_normal(n)])) + 3 * np.eye(n),
    "graded": lambda draw, n: draw.standard_normal((n, n)) * np.outer(*2 * [0.1 ** np.arange(n)]),
    "diagonal": lambda draw, n: np.diag(draw.standard_normal(n)),
    "none": lambda draw, n: np.zeros((n, n)),
    "huge": lambda draw, n: 1e200 * draw.standard_normal((n, n)),
    "tiny": lambda draw, n: 1e-200 * draw.standard_normal((n, n)),
}


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 8, 16, 25])
@pytest.mark.parametrize("kind", SYMMETRIC)
def test_symmetric_eigenvectors_are_those_of_lapack(kind, n):
    matrix = SYMMETRIC[kind](np.random.default_rng(n), n)
    matrix = matrix + matrix.T
    found, values, columns = testing.symmetric_eigenvectors(matrix)
    assert found
    size = np.abs(matrix).max(initial=0.0) or 1.0
    np.testing.assert_allclose(columns @ columns.T, np.eye(n), atol=1e-14 * max(n, 1))
    np.testing.assert_allclose(
        matrix / size @ columns.T, columns.T * (values / size), atol=3e-15 * max(n, 1)
    )
    np.testing.assert_allclose(
        np.sort(values) / size, np.linalg.eigvalsh(matrix) / size, atol=3e-15 * max(n, 1)
    )


def test_what_is_not_a_number_has_no_eigenvectors():
    assert not testing.symmetric_eigenvectors(np.array([[1.0, np.nan], [np.nan, 2.0]]))[0]
    assert not testing.symmetric_eigenvectors(np.array([[1.0, np.inf], [np.inf, 2.0]]))[0]


# When curves leave their bounds: by monotone pieces, which extrema separate.


def polynomial_law(coefficients, unit, start, stop):
    slopes = polynomial.polyder(coefficients) / unit
    grid = np.linspace(start, stop, 201)

    def value(t):
        return polynomial.polyval(t / unit, coefficients)

    def slope(t):
        return polynomial.polyval(t / unit, slopes)

    return Law(value, slope, grid, value(grid).T, slope(grid).T)


def check_series(coefficients, bounds, start, stop, *, unit=1.0, slack=1e-6):
    """Compare the exit of polynomials on the way from one time to another with the oracle."""
    bounds = tuple(np.broadcast_to(np.asarray(b, float), coefficients.shape[1]) for b in bounds)
    low, high, units = (np.ascontiguousarray(b) for b in bounds)
    found, surely, *ends = testing.follow_series(
        coefficients, unit, low, high, units, slack, start, stop
    )
    law = polynomial_law(coefficients, unit, min(start, stop), max(start, stop))
    scale = 1e-12 * (1 + polynomial.polyval(max(start, stop) / unit, np.abs(coefficients)).max())
    for at, values, slopes in ((start, *ends[:2]), (stop, *ends[2:])):
        np.testing.assert_allclose(values, law.value(at), atol=scale)
        np.testing.assert_allclose(slopes * unit, law.slope(at) * unit, atol=20 * scale)
    check_exit(found, surely, law, bounds, slack, stop < start)
    return found


def bump(height, middle=0.5, width=0.1, terms=5):
    """Return coefficients of 0.5 + height (1 - ((s - middle) / width)^2), in some more terms."""
    parabola = [1 - (middle / width) ** 2, 2 * middle / width**2, -1 / width**2]
    column = np.zeros(terms)
    column[:3] = height * np.array(parabola)
    column[0] += 0.5
    return column[:, None]


EVER = (-np.inf, 1.0, 1.0)


@pytest.mark.parametrize("around", ["first", "later", "backwards"])
@pytest.mark.parametrize("over", [1e-1, 1e-3, 1e-5, 3e-6])
def test_a_row_that_leaves_and_comes_back_within_an_interval_is_seen(over, around):
    start, stop = {"first": (0.0, 1.0), "later": (0.2, 0.9), "backwards": (1.0, 0.0)}[around]
    curve = bump(0.5 + over)
    assert check_series(curve, EVER, start, stop) is not None
    flipped = -curve
    assert check_series(flipped, (-1.0, np.inf, 1.0), start, stop) is not None


@pytest.mark.parametrize("side", [1, -1], ids=["above", "below"])
@pytest.mark.parametrize("ends", [(0.2, 0.8), (0.8, 0.2)], ids=["forwards", "backwards"])
def test_a_bow_that_values_and_slopes_at_both_ends_do_not_show_is_seen(side, ends):
    """The cubic through both ends is constant; only the fourth derivative tells."""
    bow = polynomial.polypow(polynomial.polymul([-0.2, 1], [0.8, -1]), 2)
    column = side * bow / 0.3**4
    bounds = (-np.inf, 0.5, 1.0) if side > 0 else (-0.5, np.inf, 1.0)
    found = check_series(column[:, None], bounds, *ends)
    assert abs(found[0] - 0.5) < 0.2


@pytest.mark.parametrize("start", [0.0, 0.1])
@pytest.mark.parametrize("over", [0.0, -1e-9, -1e-3, 4e-7])
def test_a_row_that_touches_its_bound_stays(over, start):
    assert check_series(bump(0.5 + over), EVER, start, 1.0) is None


@pytest.mark.parametrize("start", [0.0, 2.0])
@pytest.mark.parametrize("used", [0.0, 0.3, -1e-3])
def test_a_crossing_right_after_the_start_is_the_exit(used, start):
    """From what is used of the slack on; the row goes back later, so that the end is inside."""
    slope, curvature = 1.0, -1.0
    column = np.zeros((4, 1))
    column[:3, 0] = 1 + used * 1e-6 - slope * start + curvature * start**2, slope, curvature
    column[1, 0] -= 2 * curvature * start
    found = check_series(column, EVER, start, start + 2.0)
    assert found[0] == pytest.approx(start, abs=2e-3)


@pytest.mark.parametrize("crossing", [0, 1, 7, 8, 12, 20])
@pytest.mark.parametrize("rows", [9, 16, 21])
@pytest.mark.parametrize("backwards", [False, True])
def test_many_rows_give_the_first_that_leaves(rows, crossing, backwards):
    """``crossing`` of them leave, one after the other; others come near or cross no bound."""
    draw = np.random.default_rng(rows + crossing)
    heights = np.where(draw.permutation(rows) < crossing, 0.51, 0.49)
    middles = draw.permutation(np.linspace(0.3, 0.7, rows))
    curves = np.hstack([bump(h, m) for h, m in zip(heights, middles, strict=True)])
    found = check_series(curves, EVER, *((1.0, 0.0) if backwards else (0.0, 1.0)), slack=1e-7)
    if crossing == 0:
        assert found is None
    else:
        leaving = np.where(heights > 0.5, middles, np.inf * (1 - 2 * backwards))
        assert found[1] == (leaving.argmax() if backwards else leaving.argmin())


def test_what_counts_as_a_volt_is_by_row():
    ramps = np.array([[0.0, 0.0], [1.0, 1.0]])
    time, row = check_series(ramps, (-np.inf, [1.0, 1.0], [1.0, 1e-3]), 0.0, 2.0, slack=1e-2)
    assert row == 1
    assert 1 + 4e-6 < time < 1 + 2.1e-5


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    terms=st.integers(2, testing.MOST_TERMS),
    rows=st.integers(1, 19),
    tight=st.floats(0.3, 1.2),
    way=st.sampled_from(["first", "later", "backwards", "back to a later time"]),
)
def test_polynomials_leave_when_their_roots_say_so(seed, terms, rows, tight, way):
    draw = np.random.default_rng(seed)
    unit = 10 ** draw.uniform(-9, 1)
    coefficients = draw.standard_normal((terms, rows)) * draw.uniform(0.3, 1.3) ** np.arange(
        terms
    ).reshape(-1, 1)
    start, stop = {
        "first": (0.0, 1.5), "later": (0.4, 1.5), "backwards": (1.5, 0.0),
        "back to a later time": (1.5, 0.4),
    }[way]  # fmt: skip
    grid = np.linspace(start, stop, 300)
    values = polynomial.polyval(grid, coefficients)
    at = values[:, 0]
    size = np.abs(values).max(axis=1)
    low = at + tight * (values.min(axis=1) - at) - 1e-3 * size
    high = at + tight * (values.max(axis=1) - at) + 1e-3 * size
    slack = 10 ** draw.uniform(-8, -5)
    check_series(coefficients, (low, high, size), start * unit, stop * unit, unit=unit, slack=slack)


@pytest.mark.parametrize("time", [0.0, 0.7, 2.5])
@pytest.mark.parametrize("terms", [2, 5, testing.MOST_TERMS])
def test_a_row_of_powers_by_itself_looks_as_it_does_among_others(terms, time):
    coefficients = np.random.default_rng(terms).standard_normal((terms, 10))
    for number in (0, 9):
        alone, integral, among = testing.looks_of_series(coefficients, 2.0, number, time)
        own = coefficients[:, number]
        fourth = polynomial.polyval(time / 2, polynomial.polyder(np.abs(own), 4)) / 2**4
        assert alone[:3] == pytest.approx(
            (
                polynomial.polyval(time / 2, own),
                polynomial.polyval(time / 2, polynomial.polyder(own)) / 2,
                fourth if time else alone[2],
            ),
            rel=1e-10,
            abs=1e-12,
        )
        if time:  # nothing is bound by what bends before
            np.testing.assert_allclose(alone[:5], among[:5], rtol=1e-12, atol=1e-12)
        whole = 2 * polynomial.polyval(time / 2, polynomial.polyint(own))
        assert integral == pytest.approx(whole, rel=1e-10, abs=1e-12)


def test_integrals_of_powers():
    integrals = testing.integral_of_series(6, 2.0, 3.0)
    for q, made in enumerate(integrals):
        assert made == pytest.approx(quad(lambda t, q=q: (t / 2.0) ** q, 0, 3.0)[0], rel=1e-12)
