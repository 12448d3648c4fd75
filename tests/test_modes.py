"""Modes of a region, in time and where their curves leave their bounds."""

from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
from kernel_probes import (
    Law,
    amplifiers_of,
    check_exit,
    first_beyond,
    inside,
    moved,
    probe_of,
    random_equations,
    testing,
)
from scipy.integrate import quad
from scipy.linalg import block_diag, expm

# Modes of a matrix: amplifiers with a unity gain frequency of 1 / (2 pi) whose network is it.


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
WAYS = [(name, few) for name in SPECTRA for few in (False, True) if not (few and "pair" in name)]
WAYS = [way for way in WAYS if way != ("mixed", True)]
"""Rows that are followed one by one, and those of real modes all at once as well."""


def matrix_of(spectrum, seed=0):
    parts = block_diag(*SPECTRA[spectrum])
    n = len(parts)
    basis = np.eye(n) + 0.4 * np.random.default_rng(seed).standard_normal((n, n)) / np.sqrt(n)
    return basis @ parts @ np.linalg.inv(basis)


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


@pytest.mark.parametrize(
    ("J", "usable"),
    [
        ([[-1.0, 1.0], [0.0, -1.0]], False),
        # One that drives another of exactly its own rate, beside one that does not.
        ([[-1.0, 0.0, 0.0], [1.0, -1.0, 0.0], [0.0, 0.0, -1.0]], False),
        ([[-1.0, 0.0, 0.0], [1.0, -2.0, 0.0], [0.0, 0.0, -1.0]], True),
        ([[-1.0, 0.0], [0.0, -1.0]], True),
    ],
)
def test_modes_of_a_defective_matrix_are_not_used(J, usable):
    J = np.array(J)
    assert probe_of(amplifiers_of(J)).modes(inside(len(J)))[0] == usable


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
    few: bool = False

    def law(self, start, stop, points=400):
        n, grid = len(self.J), np.linspace(start, stop, points)

        def both(t):
            whole = np.zeros((n + 1, n + 1))
            whole[:n, :n], whole[:n, n] = self.J, self.rate
            made = expm(whole * t)
            return self.base + self.G @ made[:n, n], self.G @ (made[:n, :n] @ self.rate)

        values, slopes = map(np.array, zip(*map(both, grid), strict=True))
        return Law(lambda t: both(t)[0], lambda t: both(t)[1], grid, values, slopes)

    def asked(self, bounds):
        n = len(self.J)
        probe = probe_of(amplifiers_of(self.J), np.hstack([self.G, np.zeros_like(self.G)]))
        low, high, unit = (
            np.ascontiguousarray(np.broadcast_to(np.asarray(b, float), len(self.G))) for b in bounds
        )
        return probe, (inside(n), np.pad(self.rate, (0, -n % 8)), self.base, low, high, unit)

    def follow(self, bounds, slack, start, stop):
        probe, asked = self.asked(bounds)
        return probe.follow_modes(*asked, slack, start, stop, self.few)

    def ahead(self, bounds, slack, until):
        probe, asked = self.asked(bounds)
        return probe.ahead(*asked, slack, until, self.few)


def modal_rows(spectrum, rows, seed, few=False):
    draw, J = np.random.default_rng(seed), matrix_of(spectrum)
    n = len(J)
    rows = min(rows, testing.FEW_ROWS) if few else rows
    rate = J @ draw.standard_normal(n) + (0.3 if "zero" in spectrum else 0.0)
    return ModalRows(J, rate, draw.standard_normal((rows, n)), draw.standard_normal(rows), few)


def check_modal(rows, bounds, start, stop, slack=1e-7):
    bounds = tuple(np.broadcast_to(np.asarray(b, float), len(rows.G)) for b in bounds)
    (found, surely, *ends), for_good, _ = rows.follow(bounds, slack, start, stop)
    law = rows.law(min(start, stop), max(start, stop))
    for at, values, slopes in ((start, *ends[:2]), (stop, *ends[2:])):
        scale = 1e-10 * (1 + np.abs(law.values).max())
        np.testing.assert_allclose(values, law.value(at), atol=scale)
        steep = 1e-10 * (1 + np.abs(law.slopes).max())
        np.testing.assert_allclose(slopes, law.slope(at), atol=steep)
    check_exit(found, surely, law, bounds, slack, stop < start)
    return found, for_good, law


@pytest.mark.parametrize("time", [0.0, 1e-4, 0.9, 7.0])
@pytest.mark.parametrize(("spectrum", "few"), WAYS)
def test_a_row_by_itself_looks_as_it_does_among_others(spectrum, few, time):
    made = modal_rows(spectrum, 11, seed=3, few=few)
    n = len(made.J)
    probe = probe_of(amplifiers_of(made.J), np.hstack([made.G, np.zeros_like(made.G)]))
    size = 1e-10 * (1 + np.abs(made.law(0.0, 8.0).values).max())
    for number in (0, 7, 10):
        alone, integral, among = probe.looks_of_modes(
            inside(n), np.pad(made.rate, (0, -n % 8)), made.base, number, time, few
        )
        np.testing.assert_allclose(alone, among, rtol=1e-9, atol=size)
        whole = made.base * time + made.G @ moved(made.J, made.rate, time)[1]
        assert integral == pytest.approx(whole[number], abs=size * max(time, 1.0))


@pytest.mark.parametrize("tight", [0.5, 0.97, 1.1])
@pytest.mark.parametrize("way", [(0.0, 5.0), (0.7, 6.0), (5.0, 0.0)])
@pytest.mark.parametrize("rows", [1, 5, 17])
@pytest.mark.parametrize(("spectrum", "few"), WAYS)
def test_modal_curves_leave_when_dense_evaluation_says_so(spectrum, few, rows, way, tight):
    made = modal_rows(spectrum, rows, seed=rows, few=few)
    law = made.law(min(way), max(way), points=100)
    at = law.value(way[0])
    low, high = law.values.min(axis=0), law.values.max(axis=0)
    margin = 0.01 * (high - low).max()
    bounds = at + tight * (low - at) - margin, at + tight * (high - at) + margin, 1.0
    found, _, _ = check_modal(made, bounds, *way)
    assert tight > 1 or rows == 1 or found is not None


@pytest.mark.parametrize("over", [1e-1, 1e-4, 1e-6])
@pytest.mark.parametrize("kind", ["real", "few", "pair"])
def test_modal_rows_that_leave_and_come_back_within_an_interval_are_seen(kind, over):
    """A difference of two decays, and a sine: both are inside at both ends."""
    if kind != "pair":  # e^-t - e^-2t, which is 1/4 at ln 2
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
    made = ModalRows(J, rate, G, base, kind == "few")
    found, _, _ = check_modal(made, (-np.inf, top - over, 1.0), 0.0, stop, slack=1e-8)
    assert found is not None
    assert found[0] < peak
    assert check_modal(made, (-1e3, top + 1e-4, 1.0), 0.0, stop)[0] is None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("spectrum", "few"), [way for way in WAYS if way[0] in STABLE])
def test_rows_that_stay_for_good_do_and_all_do_some_time(spectrum, few, seed):
    made = modal_rows(spectrum, 9, seed, few)
    end = made.base - made.G @ np.linalg.solve(made.J, made.rate)
    bounds = end - 0.2, end + 0.3, 1.0
    law = made.law(0.0, 60.0, points=2000)
    outside = ((law.values < bounds[0] - 1e-6) | (law.values > bounds[1] + 1e-6)).any(axis=1)
    last = law.grid[outside].max(initial=-1.0)
    since = []
    for time in np.linspace(0.0, 59.0, 60):
        _, for_good, _ = made.follow(bounds, 1e-7, time, time + 0.1)
        if for_good:
            assert time > last
            since.append(time)
    assert 59.0 in since


@pytest.mark.parametrize("tight", [0.3, 1e-2, 1e-5])
@pytest.mark.parametrize(("spectrum", "few"), [way for way in WAYS if way[0] in STABLE])
def test_the_time_from_which_rows_stay_for_good_is_found_in_few_looks(spectrum, few, tight):
    """Nor is it far: rows that only decay are at their bounds a little before."""
    made = modal_rows(spectrum, 9, seed=1, few=few)
    end = made.base - made.G @ np.linalg.solve(made.J, made.rate)
    bounds = end - tight, end + tight, 1.0
    looks, for_good = [0.0], False
    while not for_good:
        _, for_good, later = made.follow(bounds, 1e-9, looks[-1], looks[-1] + 0.1)
        assert later > looks[-1]
        looks.append(later)
        assert len(looks) < 40
    slowest = -np.linalg.eigvals(made.J).real.max()
    law = made.law(0.0, looks[-2], points=4000)
    outside = ((law.values < bounds[0]) | (law.values > bounds[1])).any(axis=1)
    last = law.grid[outside].max(initial=0.0)
    assert last <= looks[-2] <= last + 6 / slowest


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("tight", [0.02, 0.6, 0.95, 1.05])
@pytest.mark.parametrize(("spectrum", "few"), WAYS)
def test_rows_go_on_to_their_first_exit(spectrum, few, tight, seed):
    made, until = modal_rows(spectrum, 7, seed, few), 9.0
    law = made.law(0.0, until)
    ways = law.values - made.base
    margin = 0.01 * np.abs(ways).max()
    bounds = (
        made.base + tight * ways.min(axis=0) - margin,
        made.base + tight * ways.max(axis=0) + margin,
        np.linspace(0.3, 3.0, 7)[: len(made.base)],
    )
    found, for_good = made.ahead(bounds, 1e-7, until)
    low, high, unit = bounds
    early, late = (
        first_beyond(law, low - part * 1e-7 * unit, high + part * 1e-7 * unit, backwards=False)
        for part in (0.5, 2.0)
    )
    if found is None:
        assert np.isinf(late)
        assert not for_good or "growing" not in spectrum
    else:
        assert early * (1 - 1e-12) <= found[0] <= late * (1 + 1e-12) or np.isclose(late, found[0])
        value = law.value(found[0])[found[1]]
        at = found[1]
        assert max(low[at] - value, value - high[at]) > 0.49e-7 * unit[at]
    assert (found is None) == (tight > 1)


@pytest.mark.parametrize("few", [False, True])
def test_a_row_that_starts_at_its_bound_and_turns_back_is_followed_on(few):
    """It has just come from beyond the bound, which it meets again much later."""
    J, rate = np.diag([-30.0, -1.0]), np.array([-30.0, 1.3])
    made = ModalRows(J, rate, np.array([[1.0, 1.0]]), np.zeros(1), few)
    found, _ = made.ahead((-10.0, 1e-9, 1.0), 1e-8, 50.0)
    law = made.law(0.0, 10.0, points=4000)
    assert law.slopes[0] < 0
    crossing = first_beyond(law, np.array([-10.0]), np.array([2e-9]), backwards=False)
    assert found[0] == pytest.approx(crossing, rel=1e-6)


@pytest.mark.parametrize("few", [False, True])
def test_a_row_that_has_no_slope_at_first_may_still_leave(few):
    """It rises to 0.0417 and comes back, as nodes behind a second pole do."""
    J, rate = np.diag([-3.0, -2.0, -1.0]), np.array([-2.0, 3.0, -1.0])
    for side in (1, -1):
        made = ModalRows(J, rate, np.full((1, 3), float(side)), np.zeros(1), few)
        law = made.law(0.0, 8.0)
        peak = (side * law.values[:, 0]).argmax()
        bounds = (*sorted((0.7 * law.values[peak, 0], -side * 10.0)), 1.0)
        found, for_good = made.ahead(bounds, 1e-9, 8.0)
        assert not for_good
        assert 0 < found[0] < law.grid[peak]
        check_modal(made, bounds, 0.0, 8.0, slack=1e-9)


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("fast", [90.0, 1e3, 1e6])
def test_rows_turn_after_the_fastest_modes_are_gone(few, fast):
    """Where e^(rate t) is no number any more it tells nothing of how often a row turns."""
    J, rate = np.diag([-fast, -3.0, -2.0, -1.0]), np.array([0.1, -2.0, 3.2, -1.0])
    made = ModalRows(J, rate, np.ones((1, 4)), np.zeros(1), few)
    law = made.law(0.0, 8.0, points=2000)
    top, bottom = law.values.max(), law.values.min()
    for bounds in ((-10.0, 0.5 * top, 1.0), (0.5 * bottom, 10.0, 1.0)):
        for way in ((0.0, 8.0), (8.0, 0.0)):
            if (law.value(way[0]) > bounds[1]).any() or (law.value(way[0]) < bounds[0]).any():
                continue
            found, _, _ = check_modal(made, bounds, *way, slack=1e-9)
            assert found is not None


@pytest.mark.parametrize("k", [3, 8, 11])
def test_modes_that_are_known_are_those_that_were_made(k):
    draw = np.random.default_rng(k)
    eq = random_equations(k, k, 0, hold=True, second=False)
    regions = []
    for _ in range(300):
        places = inside(k)
        places[:, 2:4] = draw.integers(0, 2, (k, 2))
        regions.append(places)
    known = probe_of(eq)
    first = [known.modes(places) for places in regions]
    for at in draw.permutation(len(regions)):
        again, fresh = known.modes(regions[at]), probe_of(eq).modes(regions[at])
        for one, two, three in zip(first[at], again, fresh, strict=True):
            np.testing.assert_array_equal(one, two)
            np.testing.assert_array_equal(two, three)


@pytest.mark.parametrize("side", [1, -1], ids=["above", "below"])
@pytest.mark.parametrize("way", [(0.0, 8.0), (8.0, 0.0)], ids=["forwards", "backwards"])
def test_a_bow_that_is_over_at_the_later_end_is_seen(way, side):
    """Two pairs that decay: value and slope are nothing at both ends, and so is what bends at the
    later one; only the fourth derivative at the earlier one tells."""
    J = block_diag(turning(-2.0, 0.5), turning(-4.0, 1.0))
    G = np.array([[1.0, 0.0, 1.0, 0.0]])
    # Of rates that make the slope nothing at first, those that bring the row back to where it was.
    start = np.array([1.0, 0.0, -1.0, 0.0]), np.array([0.0, 1.0, 0.0, 0.0])
    ends = [(G @ np.linalg.solve(J, s)).item() for s in start]
    rate = start[0] - ends[0] / ends[1] * start[1]
    bow = ModalRows(J, rate, G, np.zeros(1))
    values = bow.law(0.0, 8.0).values[:, 0]
    top = values[np.abs(values).argmax()]
    bow = bow._replace(G=side / top * G)
    assert abs(values[-1] / top) < 1e-4
    bounds = (-10.0, 0.5, 1.0) if side > 0 else (-0.5, 10.0, 1.0)
    found, _, _ = check_modal(bow, bounds, *way)
    assert found is not None


@pytest.mark.parametrize("time", [1e-4, 0.3, 2.0, 9.0])
def test_integrals_of_what_turns_long_before_it_decays(time):
    """Series are for times that are short for the turning, too."""
    J, rate = turning(-1e-3, 3.0), np.array([0.3, -1.0])
    _, _, integral, columns, _ = probe_of(amplifiers_of(J)).modal_time(
        inside(2), np.pad(rate, (0, 6)), time
    )
    np.testing.assert_allclose(
        integral @ columns[:, :2], moved(J, rate, time)[1], atol=1e-10 * time
    )
