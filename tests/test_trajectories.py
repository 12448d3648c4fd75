"""The kernel of trajectories: vectors, curves, modes, series, regions, and what is read of them."""

from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from node_equations import G_MAX, Compact
from numpy.polynomial import polynomial
from oracles import random_problem
from scipy.integrate import quad, solve_ivp
from scipy.linalg import block_diag, expm
from scipy.optimize import brentq

import amcspice as amc
from amcspice.engine import Batch, Drive, Integrator
from amcspice.engine.equations.arrays import Equations, Samples
from amcspice.engine.equations.piecewise import PiecewiseLinear
from amcspice.measure.power import source_power
from amcspice.native import compiled

testing = compiled.trajectories_testing
testing.prepare()

LOW, INSIDE, HIGH = 0, 1, 2
STAGE, NODE, CONDUCTS, ABOVE, PRESSED = range(5)


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


@pytest.mark.parametrize("n", [0, 1, 2, 3, 8, 25])
def test_eigenvectors_reconstruct_their_matrix(n):
    matrix = np.random.default_rng(n).standard_normal((n, n))
    found, parts, columns = testing.eigenvectors(matrix.T.copy())
    assert found
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


# When curves leave their bounds: by monotone pieces, which extrema separate.


class Law(NamedTuple):
    """Rows as functions of time: value(t) and slope(t), shape (rows,), and both on a grid."""

    value: object
    slope: object
    grid: np.ndarray
    values: np.ndarray
    slopes: np.ndarray


def first_beyond(law, low, high, backwards):
    """Return when a row is first beyond its bounds, inf (or -inf backwards) for never."""
    sign, first = (-1 if backwards else 1), np.inf
    for row in range(len(low)):
        times, values = list(law.grid), list(law.values[:, row])
        slopes = law.slopes[:, row]
        for cell in np.flatnonzero(slopes[:-1] * slopes[1:] < 0):
            turn = brentq(
                lambda t, row=row: law.slope(t)[row], *law.grid[cell : cell + 2], xtol=1e-15
            )
            times.append(turn)
            values.append(law.value(turn)[row])
        order = np.argsort(times)[::sign]
        t, v = np.array(times)[order], np.array(values)[order]
        for side, bound in ((1, high[row]), (-1, -low[row])):
            outside = np.flatnonzero(side * v > bound)
            if not len(outside):
                continue
            at = outside[0]
            if at == 0:
                first = min(first, sign * t[0])
                continue

            def over(time, row=row, side=side, bound=bound):
                return side * law.value(time)[row] - bound

            crossing = t[at]
            if over(t[at - 1]) * over(t[at]) < 0:
                crossing = brentq(over, t[at - 1], t[at], xtol=1e-16, rtol=1e-15)
            first = min(first, sign * crossing)
    return sign * first


def check_exit(found, surely, law, bounds, slack, backwards):
    """Check an exit: not before half the slack is used up, not after twice the slack is."""
    low, high, unit = bounds
    early, late, never = (
        first_beyond(law, low - part * slack * unit, high + part * slack * unit, backwards)
        for part in (0.5, 2.0, 1.001)
    )
    sign = -1 if backwards else 1
    if surely:
        assert found is None
    if found is None:
        assert np.isinf(never)
        return
    time, row = found
    rounding = 1e-12 * np.abs(law.grid).max()
    assert sign * early - rounding <= sign * time <= sign * late + rounding
    value = law.value(time)[row]
    beyond = max(low[row] - value, value - high[row]) / (slack * unit[row])
    assert beyond > 0.49


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


def test_integrals_of_powers():
    integrals = testing.integral_of_series(6, 2.0, 3.0)
    for q, made in enumerate(integrals):
        assert made == pytest.approx(quad(lambda t, q=q: (t / 2.0) ** q, 0, 3.0)[0], rel=1e-12)


# Modes of a matrix: amplifiers with a unity gain frequency of 1 / (2 pi) whose network is it.


def amplifiers_of(J, **options):
    """Return equations whose states follow u' = J u."""
    n, none = len(J), np.zeros
    return Equations(
        difference_a=np.ascontiguousarray(J), difference_w=none((n, n)), difference_q=none((n, 0)),
        held_a=none((n, n)), held_w=none((n, n)), held_q=none((n, 0)),
        charge_a=none((0, n)), charge_w=none((0, n)), charge_q=none((0, 0)),
        hold=none(n), lowest=np.full(n, -1e9), highest=np.full(n, 1e9),
        unity=1.0, leak=none(n), slew=np.inf, second=0.0, rout=0.0,
    )._replace(**options)  # fmt: skip


def probe_of(eq, outputs=None, currents=None):
    k, c = eq.difference_q.shape[-2:]
    none = np.zeros((k, 2 * k + c))
    outputs, currents = (none if made is None else made for made in (outputs, currents))
    return testing.Probe(eq.stacked(), outputs, currents, np.zeros(k))


def inside(k):
    places = np.zeros((k, 5), np.uint8)
    places[:] = INSIDE, INSIDE, 0, 1, 0
    return places


def turning(rate, turn):
    return np.array([[rate, turn], [-turn, rate]])


SPECTRA = {
    "one": [-1.0],
    "real": [-0.3, -1.0, -2.5, -40.0],
    "stiff": [-0.5, -1e3],
    "one pair": [turning(-0.4, 3.0)],
    "pairs": [turning(-0.2, 1.0), turning(-1.0, 4.0)],
    "mixed": [-0.3, turning(-0.5, 3.0), -5.0, turning(-2.0, 0.5)],
    "growing": [0.3, -1.0, -3.0, 0.05],
    "growing pair": [turning(0.15, 2.0), -0.5],
    "zero": [0.0, -1.0, -2.0],
    "zero and pair": [0.0, turning(-0.3, 2.5), 0.2],
}
STABLE = [
    name for name, parts in SPECTRA.items() if np.linalg.eigvals(block_diag(*parts)).real.max() < 0
]


def matrix_of(spectrum, seed=0):
    parts = block_diag(*SPECTRA[spectrum])
    n = len(parts)
    basis = np.eye(n) + 0.4 * np.random.default_rng(seed).standard_normal((n, n)) / np.sqrt(n)
    return basis @ parts @ np.linalg.inv(basis)


def moved(J, rate, time):
    """Return the integral of e^Jt rate and the integral of that, by one exponential."""
    n = len(J)
    whole = np.zeros((n + 2, n + 2))
    whole[:n, :n], whole[:n, n], whole[n, n + 1] = J, rate, 1
    made = expm(whole * time)
    return made[:n, n], made[:n, n + 1]


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_modes_are_those_of_the_matrix(spectrum):
    J = matrix_of(spectrum)
    usable, stable, decaying, real, fastest, slowest, rate, turn = probe_of(amplifiers_of(J)).modes(
        inside(len(J))
    )
    values = np.linalg.eigvals(J)
    assert usable
    assert stable == (values.real.max() < 0)
    assert real == (values.imag == 0).sum()
    assert (rate[:decaying] < 0).all()
    assert (rate[decaying:real] > -1e-13).all()
    made = rate + 1j * turn
    made[real + 1 :: 2] = made[real::2].conj()
    np.testing.assert_allclose(np.sort_complex(made), np.sort_complex(values), atol=1e-11)
    assert fastest == pytest.approx(np.abs(values).max())
    assert slowest == pytest.approx(np.abs(values.real).min(), rel=1e-9, abs=1e-13)


def test_modes_of_a_defective_matrix_are_not_used():
    assert not probe_of(amplifiers_of(np.array([[-1.0, 1.0], [0.0, -1.0]]))).modes(inside(2))[0]


@pytest.mark.parametrize("time", [1e-12, 1e-6, 3e-3, 0.02, 0.3, 2.0, 20.0])
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_modes_move_as_the_matrix_exponential(spectrum, time):
    J = matrix_of(spectrum)
    n = len(J)
    rate = np.random.default_rng(1).standard_normal(n)
    value, slope, integral, columns, swing = probe_of(amplifiers_of(J)).modal_time(
        inside(n), np.pad(rate, (0, -n % 8)), time
    )
    assert not columns[:, n:].any()
    once, twice = moved(J, rate, time)
    exact = (once, expm(J * time) @ rate, twice)
    for made, expected in zip((value, slope, integral), exact, strict=True):
        size = np.abs(expected).max()
        np.testing.assert_allclose(made @ columns[:, :n], expected, atol=1e-10 * size)
    pairs = slope[n - 2 * len(swing) :].reshape(-1, 2)
    np.testing.assert_allclose(np.hypot(*pairs.T), swing, rtol=1e-12)


@pytest.mark.parametrize("spectrum", STABLE)
def test_modes_that_decay_end_at_the_equilibrium(spectrum):
    J = matrix_of(spectrum)
    n = len(J)
    rate = np.random.default_rng(1).standard_normal(n)
    value, slope, _, columns, _ = probe_of(amplifiers_of(J)).modal_time(
        inside(n), np.pad(rate, (0, -n % 8)), np.inf
    )
    np.testing.assert_allclose(value @ columns[:, :n], -np.linalg.solve(J, rate), atol=1e-11)
    assert not slope.any()


def test_integrals_of_modes_are_those_of_their_values():
    J = matrix_of("mixed")
    n = len(J)
    rate = np.random.default_rng(1).standard_normal(n)
    ask = partial(probe_of(amplifiers_of(J)).modal_time, inside(n), np.pad(rate, (0, -n % 8)))
    _, _, integral, _, _ = ask(1.7)
    for j in range(n):
        assert integral[j] == pytest.approx(quad(lambda t, j=j: ask(t)[0][j], 0, 1.7)[0], abs=1e-12)


class ModalRows(NamedTuple):
    """Rows base + G times the way of the modes, and the kernel's probe of them."""

    J: np.ndarray
    rate: np.ndarray
    G: np.ndarray
    base: np.ndarray

    def law(self, start, stop, points=400):
        n, grid = len(self.J), np.linspace(start, stop, points)

        def both(t):
            whole = np.zeros((n + 1, n + 1))
            whole[:n, :n], whole[:n, n] = self.J, self.rate
            made = expm(whole * t)
            return self.base + self.G @ made[:n, n], self.G @ (made[:n, :n] @ self.rate)

        values, slopes = map(np.array, zip(*map(both, grid), strict=True))
        return Law(lambda t: both(t)[0], lambda t: both(t)[1], grid, values, slopes)

    def follow(self, bounds, slack, start, stop):
        n = len(self.J)
        probe = probe_of(amplifiers_of(self.J), np.hstack([self.G, np.zeros_like(self.G)]))
        low, high, unit = (
            np.ascontiguousarray(np.broadcast_to(np.asarray(b, float), len(self.G))) for b in bounds
        )
        return probe.follow_modes(
            inside(n), np.pad(self.rate, (0, -n % 8)), self.base, low, high, unit, slack, start,
            stop,
        )  # fmt: skip


def modal_rows(spectrum, rows, seed):
    draw, J = np.random.default_rng(seed), matrix_of(spectrum)
    n = len(J)
    rate = J @ draw.standard_normal(n) + (0.3 if "zero" in spectrum else 0.0)
    return ModalRows(J, rate, draw.standard_normal((rows, n)), draw.standard_normal(rows))


def check_modal(rows, bounds, start, stop, slack=1e-7):
    bounds = tuple(np.broadcast_to(np.asarray(b, float), len(rows.G)) for b in bounds)
    (found, surely, *ends), for_good = rows.follow(bounds, slack, start, stop)
    law = rows.law(min(start, stop), max(start, stop))
    for at, values, slopes in ((start, *ends[:2]), (stop, *ends[2:])):
        scale = 1e-10 * (1 + np.abs(law.values).max())
        np.testing.assert_allclose(values, law.value(at), atol=scale)
        steep = 1e-10 * (1 + np.abs(law.slopes).max())
        np.testing.assert_allclose(slopes, law.slope(at), atol=steep)
    check_exit(found, surely, law, bounds, slack, stop < start)
    return found, for_good, law


@pytest.mark.parametrize("tight", [0.5, 0.97, 1.1])
@pytest.mark.parametrize("way", [(0.0, 5.0), (0.7, 6.0), (5.0, 0.0)])
@pytest.mark.parametrize("rows", [1, 5, 17])
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_modal_curves_leave_when_dense_evaluation_says_so(spectrum, rows, way, tight):
    made = modal_rows(spectrum, rows, seed=rows)
    law = made.law(min(way), max(way), points=100)
    at = law.value(way[0])
    low, high = law.values.min(axis=0), law.values.max(axis=0)
    margin = 0.01 * (high - low).max()
    bounds = at + tight * (low - at) - margin, at + tight * (high - at) + margin, 1.0
    found, _, _ = check_modal(made, bounds, *way)
    assert tight > 1 or rows == 1 or found is not None


@pytest.mark.parametrize("over", [1e-1, 1e-4, 1e-6])
@pytest.mark.parametrize("kind", ["real", "pair"])
def test_modal_rows_that_leave_and_come_back_within_an_interval_are_seen(kind, over):
    """A difference of two decays, and a sine: both are inside at both ends."""
    if kind == "real":  # e^-t - e^-2t, which is 1/4 at ln 2
        J, G, stop = np.diag([-1.0, -2.0]), np.array([[1.0, 1.0]]), 8.0
        rate, base, top, peak = np.array([-1.0, 2.0]), np.array([0.0]), 0.25, np.log(2)
    else:
        J, G, stop = turning(-1e-3, 1.0), np.array([[1.0, 0.0]]), 3.0
        rate, base = np.array([0.0, -1.0]), np.array([0.0])
        law = ModalRows(J, rate, G, base).law(0.0, stop)
        peak = law.grid[np.abs(law.values[:, 0]).argmax()]
        sign = np.sign(law.values[np.abs(law.values[:, 0]).argmax(), 0])
        G = sign * G
        top = abs(law.values[:, 0]).max()
    found, _, _ = check_modal(
        ModalRows(J, rate, G, base), (-np.inf, top - over, 1.0), 0.0, stop, slack=1e-8
    )
    assert found is not None
    assert found[0] < peak
    assert check_modal(ModalRows(J, rate, G, base), (-1e3, top + 1e-4, 1.0), 0.0, stop)[0] is None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("spectrum", STABLE)
def test_rows_that_stay_for_good_do_and_all_do_some_time(spectrum, seed):
    made = modal_rows(spectrum, 9, seed)
    end = made.base - made.G @ np.linalg.solve(made.J, made.rate)
    bounds = end - 0.2, end + 0.3, 1.0
    law = made.law(0.0, 60.0, points=2000)
    outside = ((law.values < bounds[0] - 1e-6) | (law.values > bounds[1] + 1e-6)).any(axis=1)
    last = law.grid[outside].max(initial=-1.0)
    since = []
    for time in np.linspace(0.0, 59.0, 60):
        _, for_good = made.follow(bounds, 1e-7, time, time + 0.1)
        if for_good:
            assert time > last
            since.append(time)
    assert 59.0 in since


# Regions: Kirchhoff's laws of a circuit, all at once.


def random_equations(seed, k, c, *, hold, second, slews=False):
    draw = np.random.default_rng(seed)

    def part(rows, columns):
        return 0.2 * draw.standard_normal((rows, columns))

    return Equations(
        difference_a=part(k, k) - 0.5 * np.eye(k), difference_w=part(k, k),
        difference_q=part(k, c), held_a=part(k, k), held_w=-np.abs(part(k, k)), held_q=part(k, c),
        charge_a=part(c, k), charge_w=part(c, k), charge_q=part(c, c) - np.eye(c),
        hold=draw.uniform(0.5, 1.0, k) * hold * (draw.uniform(size=k) > 0.2),
        lowest=-draw.uniform(0.5, 1.0, k), highest=draw.uniform(0.5, 1.0, k),
        unity=3.0, leak=draw.uniform(0.01, 0.1, k), slew=0.7 if slews else np.inf,
        second=7.0 * second, rout=0.3,
    )  # fmt: skip


def random_places(eq, seed, *, pressed=True, limits=True):
    """Return places, consistent in what is pressed and who has hold devices."""
    k, draw = len(eq.hold), np.random.default_rng(seed)
    places = inside(k)
    if limits:
        places[:, STAGE] = draw.integers(0, 3, k)
        places[:, NODE] = draw.integers(0, 3, k) if eq.second else places[:, STAGE]
    if eq.hold.any():
        places[:, CONDUCTS] = draw.integers(0, 2, k) * (eq.hold > 0)
        places[:, ABOVE] = np.where(eq.hold > 0, draw.integers(0, 2, k), 1)
    if pressed:
        at_limit = (places[:, STAGE] == places[:, NODE]) & (places[:, STAGE] != INSIDE)
        places[:, PRESSED] = at_limit * draw.integers(0, 2, k)
    return places


class Inside(NamedTuple):
    """Input differences, held nodes, currents out of the outputs and rates of charged ports."""

    difference: np.ndarray
    held: np.ndarray
    flow: np.ndarray
    rate: np.ndarray

    @classmethod
    def random(cls, eq, seed):
        k, c = eq.difference_q.shape
        draw = np.random.default_rng(seed)
        return cls(*(draw.standard_normal(n) for n in (k, k, k, c)))


class Circuit:
    """A circuit as vectors of its own states, and the same as the kernel pads them."""

    def __init__(self, eq, *, currents=None, seed=0):
        self.eq, (self.k, self.c) = eq, eq.difference_q.shape
        width = 2 * self.k + self.c
        draw = np.random.default_rng(seed)
        self.currents = draw.standard_normal((self.k, width)) if currents is None else currents
        self.probe = probe_of(eq, currents=np.ascontiguousarray(self.currents))
        (self.kp, self.cp, _, self.states, self.width, self.held, self.flow, self.rate,
         self.response, _) = self.probe.layout()  # fmt: skip
        self.n = (2 if eq.second else 1) * self.k + self.c

    def padded(self, state):
        out = np.zeros(self.states)
        out[: self.k] = state[: self.k]
        if self.eq.second:
            out[self.kp : self.kp + self.k] = state[self.k : 2 * self.k]
        out[self.states - self.cp :][: self.c] = state[self.n - self.c :]
        return out

    def plain(self, state):
        parts = [state[: self.k]]
        if self.eq.second:
            parts.append(state[self.kp : self.kp + self.k])
        parts.append(state[self.states - self.cp :][: self.c])
        plain = np.concatenate(parts)
        np.testing.assert_array_equal(self.padded(plain), state)  # nothing in between
        return plain

    def padded_response(self, inputs):
        out = np.zeros(self.response)
        out[: self.k], out[self.flow :][: self.k] = inputs.difference, inputs.flow
        if self.eq.hold.any():
            out[self.held :][: self.k] = inputs.held
        out[self.rate :][: self.c] = inputs.rate
        return out

    def evaluate(self, places, state, inputs):
        """Return response, rows by kind, sources, and rates but for those by the drive."""
        eq, k = self.eq, self.k
        inner, last = state[:k], state[k : 2 * k] if eq.second else state[:k]
        charged = state[self.n - self.c :]
        at, node_at, conducts, above, pressed = places.T.astype(int)
        stage = np.choose(at, [eq.lowest, last, eq.highest])
        # Unknown: voltages behind the output resistances, currents and nodes of the hold devices.
        one, none = np.eye(k), np.zeros((k, k))
        resistance = np.divide(1, eq.hold, out=np.ones(k), where=eq.hold > 0)
        system = np.block([
            [one, -eq.rout * np.diag(1.0 * above), none],
            [-eq.held_a, -eq.held_w, one],
            [none, np.diag(np.where(conducts, resistance, 1.0)), -np.diag(1.0 * conducts)],
        ])  # fmt: skip
        known = [above * stage, eq.held_q @ charged + inputs.held, -conducts * stage]
        sources, hold, nodes = np.linalg.solve(system, np.concatenate(known)).reshape(3, k)
        x = np.concatenate([sources, hold, charged])
        difference = np.hstack([eq.difference_a, eq.difference_w, eq.difference_q]) @ x
        difference += inputs.difference
        charge = np.hstack([eq.charge_a, eq.charge_w, eq.charge_q]) @ x + inputs.rate
        response = Inside(difference, nodes, self.currents @ x + inputs.flow, charge)
        limit = np.choose(node_at, [eq.lowest, inner, eq.highest])
        active = 1 - pressed
        rest = [active * (-eq.leak * inner + 100 * eq.unity * (limit - inner))]
        rows = [last]
        if eq.second:
            rest.append(active * eq.second * (inner - last))
            rows.append(inner)
        rest.append(charge)
        if eq.slew < np.inf or (node_at != INSIDE).any():
            rows.append(difference)
        if eq.hold.any():
            rows += [np.where(conducts, hold, nodes - stage), stage + eq.rout * hold]
        return response, rows, x, np.concatenate(rest)

    def rates(self, places, state, inputs, drive):
        response, _, _, rest = self.evaluate(places, state, inputs)
        rest[: self.k] += (1 - places[:, PRESSED]) * drive(response.difference)
        return rest

    def linear(self, places, inputs):
        """Return J and c of u' = J u + c."""
        rates = partial(self.rates, places, inputs=inputs, drive=lambda d: self.eq.unity * d)
        constant = rates(np.zeros(self.n))
        return np.array([rates(u) - constant for u in np.eye(self.n)]).T, constant

    def exactly(self, places, state, inputs, time):
        J, constant = self.linear(places, inputs)
        return state + moved(J, J @ state + constant, time)[0]

    def slewing(self, places, state, inputs, time):
        eq = self.eq
        none = np.zeros(self.n)
        first, _, _, constant = self.evaluate(places, none, inputs)
        each = [self.evaluate(places, unit, inputs) for unit in np.eye(self.n)]
        by_state = np.array([made[0].difference - first.difference for made in each]).T
        rest = np.array([made[3] - constant for made in each]).T
        active = 1 - places[:, PRESSED]

        def rates(s, u):
            rate = rest @ u + constant
            drive = eq.slew * np.tanh(eq.unity * (by_state @ u + first.difference) / eq.slew)
            rate[: self.k] += active * drive
            return rate / eq.unity

        # With a time of 1 / unity.
        made = solve_ivp(
            rates, (0, time * eq.unity), state, method="DOP853", rtol=3e-13,
            atol=1e-14,
        )  # fmt: skip
        assert made.success
        return made.y[:, -1]


SHAPES = [(1, 0), (3, 0), (3, 2), (8, 1), (9, 0), (11, 9), (18, 2)]


@pytest.mark.parametrize("slews", [False, True])
@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize(("k", "c"), SHAPES)
def test_regions_answer_as_kirchhoff_has_it(k, c, hold, second, slews):
    circuit = Circuit(random_equations(k + c, k, c, hold=hold, second=second, slews=slews))
    draw = np.random.default_rng(1)
    for seed in range(5):
        places = random_places(circuit.eq, seed)
        inputs = Inside.random(circuit.eq, seed)
        state, change = draw.standard_normal((2, circuit.n))
        response, rows, x, _ = circuit.evaluate(places, state, inputs)
        made = circuit.probe.respond(places, circuit.padded(state), circuit.padded_response(inputs))
        np.testing.assert_allclose(made[0], circuit.padded_response(response), atol=1e-12)
        found = made[1].reshape(-1, circuit.kp)
        np.testing.assert_allclose(found[:, :k], rows, atol=1e-12)
        width = circuit.width - circuit.cp
        sources = np.concatenate(
            [made[2][:k], made[2][circuit.kp :][:k] if hold else np.zeros(k), made[2][width:][:c]]
        )
        np.testing.assert_allclose(sources, x, atol=1e-12)
        # A change of the state alone.
        after = circuit.probe.respond(
            places, circuit.padded(state + change), circuit.padded_response(inputs)
        )
        alone = circuit.probe.respond(places, circuit.padded(change), None)
        for one, two, difference in zip(made, after, alone, strict=True):
            np.testing.assert_allclose(two - one, difference, atol=1e-12)


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize(("k", "c"), SHAPES)
def test_rates_are_those_of_the_elements(k, c, second):
    circuit = Circuit(random_equations(k + c, k, c, hold=True, second=second))
    eq, draw = circuit.eq, np.random.default_rng(2)
    for seed in range(5):
        places = random_places(eq, seed)
        inputs = Inside.random(eq, seed)
        state, change = draw.standard_normal((2, circuit.n))
        drive = draw.standard_normal(k)
        u, given = circuit.padded(state), circuit.padded_response(inputs)
        response = circuit.probe.respond(places, u, given)[0]
        for by, expected in ((None, lambda d: eq.unity * d), (drive, lambda d, drive=drive: drive)):
            made = circuit.probe.rates(places, u, by, response, False)
            exact = circuit.rates(places, state, inputs, expected)
            np.testing.assert_allclose(circuit.plain(made), exact, atol=1e-10)
        alone = circuit.padded(change)
        made = circuit.probe.rates(
            places, alone, None, circuit.probe.respond(places, alone, None)[0], True
        )
        J, _ = circuit.linear(places, inputs)
        np.testing.assert_allclose(circuit.plain(made), J @ change, atol=1e-10)


@pytest.mark.parametrize("slews", [False, True])
def test_pressing_on_ends_where_a_stage_would_leave_its_limit(slews):
    eq = random_equations(0, 6, 0, hold=False, second=False, slews=slews)
    eq = eq._replace(leak=np.array([0.01, 0.2, 0.4, 0.01, 0.9, 5.0]))
    circuit = Circuit(eq)
    places = inside(6)
    for limit, bound in ((HIGH, eq.highest), (LOW, eq.lowest)):
        for pressed in (0, 1):
            places[:, :2], places[:, PRESSED] = limit, pressed
            low, high, unit = (
                b.reshape(-1, circuit.kp)[:, :6] for b in circuit.probe.bounds(places)
            )
            if pressed:
                assert np.isinf(low[0]).all()
                assert np.isinf(high[0]).all()
            else:
                np.testing.assert_array_equal((low if limit == HIGH else high)[0], bound)
                np.testing.assert_array_equal(unit[0], 0.01)
            end = (low if (limit == HIGH) == bool(pressed) else high)[1]
            reached = eq.slew * np.tanh(eq.unity * end / eq.slew) if slews else eq.unity * end
            never = np.abs(eq.leak * bound) >= eq.slew
            np.testing.assert_allclose(reached[~never], (eq.leak * bound)[~never], rtol=1e-12)
            np.testing.assert_array_equal(end[never], np.copysign(np.inf, bound[never]))


# Series.

SMALL = np.array([[1.0, 0.3, 0.6], [0.2, 0.9, 0.1], [0.5, 0.4, 0.8], [0.7, 0.1, 0.2],
                  [0.3, 0.8, 0.4], [0.1, 0.5, 0.9]])  # fmt: skip
RIGHT_SIDE = np.array([0.7, -0.3, 0.5, 0.2, -0.1, 0.4])

CIRCUITS = {
    "hold": (amc.CompactGINV, {}, {"constraint": amc.NonNegative()}),
    "rail": (amc.CompactGINV, {}, {"constraint": amc.NonNegative(hold=False)}),
    "classic": (amc.ClassicGINV, {}, {}),
    "slew": (amc.CompactGINV, {"slew_rate": 5e6}, {"constraint": amc.NonNegative()}),
    "second pole": (amc.CompactGINV, {"second_pole": 3e8}, {"constraint": amc.NonNegative()}),
    "second pole and slew": (amc.ClassicGINV, {"second_pole": 3e8, "slew_rate": 2e7}, {}),
    "input capacitance": (amc.CompactGINV, {"input_capacitance": 1e-12}, {}),
    "weak": (amc.ClassicGINV, {"gain": 1e3, "output_resistance": 300.0, "offset": 2e-3}, {}),
}


def real_circuit(name):
    """Return a circuit, and what its inputs amount to."""
    kind, opamp, options = CIRCUITS[name]
    circuit = kind(SMALL, opamp=amc.OpAmp(**{"gain": 1e5, **opamp}), **options)
    batch = Batch.of([circuit])
    drive = Drive.of(batch, [circuit.schematic.currents(RIGHT_SIDE[None], 1.0)])
    parts = PiecewiseLinear.of(circuit, batch)
    into = drive.into[0, 0]
    inputs = Inside(
        parts.difference @ into + parts.difference_0,
        parts.held @ into + parts.held_0,
        np.zeros(len(parts.out)),
        parts.charge @ into + parts.charge_0,
    )
    return Circuit(parts.arrays), inputs


def start_of(circuit, kind):
    """Return places and a state: at rest at 0 V, or some that are at limits and pressed, too."""
    if kind == "zero":
        return inside(circuit.k), np.zeros(circuit.n)
    draw = np.random.default_rng(3)
    places = random_places(circuit.eq, 3, limits=kind != "conducting", pressed=kind == "pressed")
    state = draw.uniform(0.0, 0.2, circuit.n)
    inner = state[: circuit.k]
    for at, limits in ((LOW, circuit.eq.lowest), (HIGH, circuit.eq.highest)):
        there = places[:, NODE] == at
        inner[there] = limits[there] + (-1 if at == LOW else 1) * 3e-3
    return places, state


@pytest.mark.parametrize("kind", ["zero", "conducting", "limits", "pressed"])
@pytest.mark.parametrize("name", CIRCUITS)
def test_series_are_exact_up_to_their_reach(name, kind, measured):
    circuit, inputs = real_circuit(name)
    eq, (places, state) = circuit.eq, start_of(circuit, kind)
    given, u = circuit.padded_response(inputs), circuit.padded(state)
    scales = state, inputs.difference, inputs.rate / eq.unity
    size = max(np.abs(scale).max(initial=0) for scale in scales)
    smallest, wanted = 1e-10 * size, 3 / eq.unity
    for bends in {False, bool(eq.slew < np.inf)}:
        unit, reach, states, rows, sources, currents, drive = circuit.probe.expand(
            places, given, u, bends, smallest, 1e6, wanted
        )
        assert 0 < reach <= wanted
        assert len(states) <= testing.MOST_TERMS
        measured("reach x unity", reach * eq.unity)
        measured("terms", len(states))
        assert reach * eq.unity > 1e-3
        exact = (circuit.slewing if bends else circuit.exactly)(places, state, inputs, reach)
        at_end = partial(polynomial.polyval, reach / unit)
        error = np.abs(circuit.plain(at_end(states)) - exact).max()
        measured("error over the largest voltage", error / size)
        assert error < 2e-9 * size
        # What follows from the states: rows, sources, currents, drive.
        response, expected, x, _ = circuit.evaluate(places, exact, inputs)
        k = circuit.k
        made = at_end(rows).reshape(-1, circuit.kp)[: len(expected), :k]
        scale = 1e-7 * max(size, np.abs(expected).max())
        np.testing.assert_allclose(made, expected, atol=scale)
        np.testing.assert_allclose(at_end(sources)[:k], x[:k], atol=scale)
        np.testing.assert_allclose(at_end(currents)[:k], response.flow, atol=1e2 * scale)
        if drive is not None:
            force = eq.unity * response.difference
            force = eq.slew * np.tanh(force / eq.slew) if bends else force
            np.testing.assert_allclose(at_end(drive)[:k], force, atol=eq.unity * scale)


def test_series_end_soon_after_a_row_is_to_leave():
    """A ramp to its bound, seen from 0 V: 1.25 times the way, not all that is wanted."""
    eq = amplifiers_of(np.array([[-1e-9]]), highest=np.array([0.5]), lowest=np.array([-0.5]))
    circuit = Circuit(eq)
    inputs = Inside(np.ones(1), np.zeros(1), np.zeros(1), np.zeros(0))
    given = circuit.padded_response(inputs)
    reach = circuit.probe.expand(inside(1), given, np.zeros(8), False, 1e-10, 1e-9, 100.0)[1]
    assert 0.5 < reach <= 1.25 * 0.5 * 1.001


# Pressed amplifiers, against the same circuit with its clamps.


def unpressed(places):
    free = places.copy()
    free[:, PRESSED] = 0
    return free


@pytest.mark.parametrize("part", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("name", CIRCUITS)
def test_pressed_amplifiers_follow_their_clamps_by_series(name, part, measured):
    circuit, inputs = real_circuit(name)
    eq, (places, state) = circuit.eq, start_of(circuit, "zero")
    places[0] = HIGH, HIGH, 0, 1, 1
    places[1] = LOW, LOW, 0, 1, 1
    state[0], state[1] = eq.highest[0] + 2e-3, eq.lowest[1] - 5e-4
    if eq.second:
        state[circuit.k :][:2] = state[:2] + 1e-3
    for bends in {False, bool(eq.slew < np.inf)}:
        time, made = circuit.probe.advance_by_series(
            places, circuit.padded_response(inputs), circuit.padded(state), bends, 1e-11,
            1 / eq.unity, part,
        )  # fmt: skip
        exact = (circuit.slewing if bends else circuit.exactly)(
            unpressed(places), state, inputs, time
        )
        error = np.abs(circuit.plain(made) - exact).max()
        measured("error [V]", error)
        assert error < 1e-8


@pytest.mark.parametrize("time", [1e-4, 0.01, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("name", [n for n in CIRCUITS if "slew" not in n])
def test_pressed_amplifiers_follow_their_clamps_by_modes(name, time, measured):
    circuit, inputs = real_circuit(name)
    eq, (places, state) = circuit.eq, start_of(circuit, "zero")
    places[0] = HIGH, HIGH, 0, 1, 1
    places[1] = LOW, LOW, 0, 1, 1
    state[0], state[1] = eq.highest[0] + 2e-3, eq.lowest[1] - 5e-4
    if eq.second:
        state[circuit.k :][:2] = state[:2] + 1e-3
    made = circuit.probe.advance_by_modes(
        places, circuit.padded_response(inputs), circuit.padded(state), time / eq.unity
    )
    exact = circuit.exactly(unpressed(places), state, inputs, time / eq.unity)
    error = np.abs(circuit.plain(made) - exact).max()
    measured("error [V]", error)
    assert error < 1e-8 * max(1.0, np.abs(exact).max())


RESONANCES = {
    "none": (-1.0, 0.0),
    "mode and decay": (-100.0, 0.0),
    "mode nearly the decay": (-100.0 * (1 + 3e-8), 0.0),
    "mode around the decay": (-100.0 * (1 + 1e-5), 0.0),
    "mode and second pole": (0.0, 5.0),
    "second pole and decay": (-0.2, 100.0),
    "second pole nearly the decay": (-0.2, 100.0 * (1 - 1e-6)),
    "second pole faster than the decay": (-0.2, 250.0),
    "mode and decay, second pole": (1900.0, 5.0),
}


@pytest.mark.parametrize("time", [1e-3, 0.01, 0.05, 0.2])
@pytest.mark.parametrize("resonance", RESONANCES)
def test_rates_that_meet_those_of_a_pressed_amplifier_resonate(resonance, time, measured):
    rate, second = RESONANCES[resonance]
    J = np.array([[-0.2, 0.7], [0.0, rate]])
    circuit = Circuit(
        amplifiers_of(
            J, lowest=np.full(2, -1.0), highest=np.ones(2), second=second,
            leak=np.array([0.0, 1e-5 if rate == 0 else 0.0]),
        )
    )  # fmt: skip
    inputs = Inside(np.array([1.0, 0.3]), *np.zeros((2, 2)), np.zeros(0))
    places = inside(2)
    places[0] = HIGH, HIGH, 0, 1, 1
    state = np.array([1.02, 0.5, 1.05, 0.4])[: circuit.n]
    exact = circuit.exactly(unpressed(places), state, inputs, time)
    given, u = circuit.padded_response(inputs), circuit.padded(state)
    by_modes = circuit.plain(circuit.probe.advance_by_modes(places, given, u, time))
    size = np.abs(exact).max()
    measured("error by modes", np.abs(by_modes - exact).max() / size)
    np.testing.assert_allclose(by_modes, exact, atol=3e-8 * size)
    reach, _ = circuit.probe.advance_by_series(places, given, u, False, 1e-11, 1.0, 1.0)
    part = min(1.0, time / reach)
    at, by_series = circuit.probe.advance_by_series(places, given, u, False, 1e-11, 1.0, part)
    exact = circuit.exactly(unpressed(places), state, inputs, at)
    np.testing.assert_allclose(circuit.plain(by_series), exact, atol=1e-9 * np.abs(exact).max())


@pytest.mark.parametrize("time", [0.1, 1.0, 1.5, 1.7, 3.0, 10.0, 1e3])
@pytest.mark.parametrize("second", [0.5, 5.0, 90.0, 250.0])
def test_series_that_reach_far_bring_pressed_amplifiers_to_rest(second, time):
    """Nothing else moves, so that a series reaches many times what a second pole takes."""
    eq = amplifiers_of(
        np.diag([-0.2, -0.5]), lowest=np.full(2, -1.0), highest=np.ones(2), second=second
    )
    circuit = Circuit(eq)
    inputs = Inside(np.array([1.0, 0.3]), *np.zeros((2, 2)), np.zeros(0))
    places, state = inside(2), np.array([1.02, 0.6, 1.05, 0.6])
    places[0] = HIGH, HIGH, 0, 1, 1
    at, made = circuit.probe.advance_by_series(
        places, circuit.padded_response(inputs), circuit.padded(state), False, 1e-11, time, 1.0
    )
    assert at == pytest.approx(time)
    exact = circuit.exactly(unpressed(places), state, inputs, at)
    np.testing.assert_allclose(circuit.plain(made), exact, atol=1e-11)


@pytest.mark.parametrize("second", [False, True])
def test_pressed_amplifiers_rest_where_their_clamps_balance_the_drive(second):
    circuit = Circuit(random_equations(4, 5, 1, hold=False, second=second))
    eq, places = circuit.eq, inside(5)
    places[1], places[3] = (HIGH, HIGH, 0, 1, 1), (LOW, LOW, 0, 1, 1)
    state = np.linspace(-1, 1, circuit.n)
    drive = np.array([9.0, 2.0, 9.0, -4.0, 9.0])
    made = circuit.plain(circuit.probe.rest(places, drive, circuit.padded(state)))
    for i in range(5):
        if i not in (1, 3):
            assert made[i] == state[i]
            continue
        limit = eq.highest[i] if i == 1 else eq.lowest[i]
        rate = drive[i] - eq.leak[i] * made[i] + 100 * eq.unity * (limit - made[i])
        assert abs(rate) < 1e-12 * eq.unity
        if second:
            assert made[5 + i] == made[i]


# What is read from tracks: settling times, energies and samples.

BAND = 0.01


class Recorder:
    """A kernel that keeps the sources at the time of sampling."""

    def __init__(self, kernel):
        self._kernel = kernel

    def run(self, *arguments):
        found = self._kernel.run(*arguments)
        self.sampled = found[5]
        return found


class Track:
    """One circuit and some right-hand sides, sampled wherever one likes."""

    def __init__(self, circuit, vectors):
        self.batch = Batch.of([circuit])
        self.drive = Drive.of(self.batch, [circuit.schematic.currents(vectors, 1.0)])
        self.engine = Integrator(self.batch, longest=np.ones(1), settle_tolerance=BAND)
        self.way = self.engine._way
        self.recorder = Recorder(self.way._kernel)
        self.way.__dict__["_kernel"] = self.recorder
        self.found = self.way.follow(self.drive, waveforms=False)
        assert self.found.final.at_rest.all()
        self.final = self.engine.voltages(self.found.final, self.drive)[:, self.batch.outputs]

    def at(self, times, number):
        """Return port voltages and supply currents at some times of a right-hand side."""
        rows = []
        for time in times:
            self.way._sample_time = time
            sampled = self.way.follow(self.drive, waveforms=False).sampled
            rows.append((sampled[number], self.recorder.sampled[number]))
        voltages, sources = map(np.array, zip(*rows, strict=True))
        k, count = len(self.engine.equations.out), len(times)
        samples = Samples(
            np.asarray(times), sources[:, :k], sources[:, k : 2 * k], sources[:, 2 * k :],
            np.array([0, count]), np.ones(1, bool),
        )  # fmt: skip
        alone = self.drive.take(slice(number, number + 1))
        again, supply = self.engine._read(samples, alone, steps=False)
        np.testing.assert_allclose(voltages, again, atol=1e-12)
        return voltages, supply, samples, alone


class Answer(NamedTuple):
    """As much of a response as `source_power` needs."""

    voltages: np.ndarray
    supply: np.ndarray
    starts: np.ndarray


VECTORS = np.array([RIGHT_SIDE, -0.5 * RIGHT_SIDE[::-1]])
READ = [name for name in CIRCUITS if name != "input capacitance"]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("name", [*READ, "input capacitance"])
def test_settling_times_are_the_last_entry_into_the_band(name, number, measured):
    kind, opamp, options = CIRCUITS[name]
    track = Track(kind(SMALL, opamp=amc.OpAmp(**{"gain": 1e5, **opamp}), **options), VECTORS)
    settling, final = track.found.settling_time[number], track.final[number]
    band = BAND * max(np.abs(final).max(), 1e-3)
    outputs = track.batch.outputs

    def distance(times):
        return np.abs(track.at(times, number)[0][:, outputs] - final).max(axis=1) / band

    edge = distance(settling * (1 + np.array([-1e-5, 0.0])))
    measured("distance at the time of settling, over the band", edge[1])
    assert edge[0] > 1
    assert edge[1] == pytest.approx(1, abs=1e-6)
    later = np.concatenate([np.linspace(1 + 1e-6, 2, 60), np.linspace(2, 10, 60)])
    assert (distance(settling * later) < 1 + 1e-6).all()


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("name", READ)
def test_energies_are_the_integral_of_what_sources_deliver(name, number, measured):
    """Of densely sampled power, by the trapezoidal rule."""
    kind, opamp, options = CIRCUITS[name]
    opamp = {"quiescent_current": 1e-5, **opamp}
    track = Track(kind(SMALL, opamp=amc.OpAmp(**{"gain": 1e5, **opamp}), **options), VECTORS)
    until = track.found.settling_time[number]
    times = until * np.linspace(0, 1, 401) ** 2
    voltages, supply, samples, alone = track.at(times, number)
    power = source_power(track.batch, Answer(voltages, supply, samples.starts), alone)
    fine, coarse = np.trapezoid(power, times), np.trapezoid(power[::2], times[::2])
    error = abs(track.found.energy[number] / fine - 1)
    measured("error", error)
    measured("error of the quadrature", abs(coarse / fine - 1))
    assert error < 1e-4


@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
@pytest.mark.parametrize("hold", [False, True])
def test_converters_sample_what_an_implicit_integrator_has_then(hold, measured):
    A, _ = random_problem(3, rows=5, columns=2)
    A, b = A / A.max(), np.array([0.7, -0.3, 0.5, 0.2, 0.4])
    opamp = amc.OpAmp(gain=1e5)
    circuit = amc.CompactGINV(A, opamp=opamp, constraint=amc.NonNegative(hold=hold))
    track = Track(circuit, b[None])
    oracle = Compact(A, -G_MAX * b, opamp, hold)
    times = track.found.settling_time[0] * np.linspace(0.05, 1.5, 12)
    made = track.at(times, 0)[0][:, track.batch.outputs]
    solved = solve_ivp(
        oracle.rates, (0, times[-1]), np.zeros(2), method="Radau", t_eval=times, rtol=1e-8,
        atol=1e-10,
    )  # fmt: skip
    expected = np.array([oracle.outputs(y) for y in solved.y.T])
    measured("largest distance [V]", np.abs(made - expected).max())
    np.testing.assert_allclose(made, expected, atol=1e-6)
