"""The stepping kernel: its matrix functions, its linearisation and its steps."""

import numpy as np
import pytest
from scipy.linalg import expm

from amcspice.engine.equations.arrays import BY_NETWORK, Control, Equations, Samples
from amcspice.native import compiled

testing = compiled.stepping.testing
testing.prepare()
CLAMP = compiled.stepping.CLAMP


def new_pieces(eq, n, most, *, bounded, large=100):
    return compiled.stepping.Pieces(
        states=n, most=most, slews=bool(eq.slew < np.inf), large=bounded and n >= large
    )


def integrate_each(eq, pieces, difference_j, held_j, charge_j, start, outputs, controls):
    rows, starts, at_rest = compiled.stepping.integrate(
        eq, pieces, difference_j, held_j, charge_j, start, outputs, np.array(controls, dtype=float)
    )
    k = difference_j.shape[-1]
    parts = rows[:, 1 : 1 + k], rows[:, 1 + k : 1 + 2 * k], rows[:, 1 + 2 * k :]
    return Samples(rows[:, 0], *parts, starts, at_rest.view(bool))


def integrate(eq, pieces, difference_j, held_j, charge_j, start, outputs, control):
    alone = eq._replace(**{name: getattr(eq, name)[None] for name in BY_NETWORK})
    inputs = difference_j[None], held_j[None], charge_j[None]
    return integrate_each(alone, pieces, *inputs, start, outputs, [control])


SIZES = [1, 3, 24, 25, 60]
"""Beyond 24 by BLAS and LAPACK."""


def stable_matrix(seed, n, stiffness=1.0):
    """Return a matrix with eigenvalues left of -1, spread over decades, some of them complex."""
    draw = np.random.default_rng(seed)
    basis = np.linalg.qr(draw.standard_normal((n, n)))[0]
    rates = -np.geomspace(1.0, stiffness, n)
    turns = np.triu(draw.standard_normal((n, n)), 1) / n
    return basis @ (np.diag(rates) + turns) @ basis.T


def exact_phis(rate, step):
    """Return h phi1, h phi2 and e^hJ - 1 as blocks of one exponential (Y. Saad, 1992)."""
    n = len(rate)
    whole = np.zeros((3 * n, 3 * n))
    whole[:n, :n] = rate * step
    whole[:n, n : 2 * n] = whole[n : 2 * n, 2 * n :] = np.eye(n)
    blocks = expm(whole)
    return blocks[:n, n : 2 * n] * step, blocks[:n, 2 * n :] * step, blocks[:n, :n] - np.eye(n)


# Dense matrices.


@pytest.mark.parametrize("n", SIZES)
def test_products_are_those_of_numpy(n):
    draw = np.random.default_rng(n)
    a, b = draw.standard_normal((n, n)), draw.standard_normal((n, 2 * n))
    np.testing.assert_allclose(testing.product(a, b), a @ b, rtol=0, atol=1e-13 * n)


@pytest.mark.parametrize("n", SIZES)
def test_inverses_exchange_rows(n):
    draw = np.random.default_rng(n)
    matrix = np.roll(np.eye(n) + 0.1 * draw.standard_normal((n, n)) / n, 1, axis=0)
    np.testing.assert_allclose(testing.inverse(matrix) @ matrix, np.eye(n), atol=1e-13)


@pytest.mark.parametrize("n", [3, 30])
def test_the_inverse_of_a_singular_matrix_is_not_finite(n):
    assert not np.isfinite(testing.inverse(np.diag(np.arange(float(n))))).all()


# Functions of matrices.


@pytest.mark.parametrize("step", [1e-4, 0.3, 20.0])
@pytest.mark.parametrize("n", SIZES)
def test_phi_functions_are_blocks_of_an_exponential(n, step, measured):
    rate = stable_matrix(1, n, stiffness=30.0)
    for made, exact in zip(testing.phis(rate, step), exact_phis(rate, step), strict=True):
        error = np.abs(made - exact).max() / np.abs(exact).max()
        measured("error", error)
        assert error < 1e-11
    np.testing.assert_allclose(testing.grow(rate, step), testing.phis(rate, step)[2], atol=1e-12)


def test_phi_functions_of_the_transpose_are_transposed():
    rate = stable_matrix(2, 12, stiffness=10.0)
    for plain, turned in zip(
        testing.phis(rate, 2.0), testing.phis(rate.T.copy(), 2.0), strict=True
    ):
        np.testing.assert_allclose(turned, plain.T, atol=1e-12)


def test_phi_functions_of_numbers_have_a_closed_form_however_stiff():
    rates = -np.array([1e-9, 1e-3, 1.0, 1e3, 1e9])
    phi1, phi2, growth = testing.phis(np.diag(rates), 1.0)
    exact = np.expm1(rates) / rates
    np.testing.assert_allclose(np.diag(growth), np.expm1(rates), rtol=1e-12)
    np.testing.assert_allclose(np.diag(phi1), exact, rtol=1e-12)
    # The closed form of phi2 cancels for small arguments; there the series tells.
    by_form, by_series = (exact - 1) / rates, 1 / 2 + rates / 6 + rates**2 / 24 + rates**3 / 120
    expected = np.where(np.abs(rates) < 1e-2, by_series, by_form)
    np.testing.assert_allclose(np.diag(phi2), expected, rtol=1e-11)


# Krylov spaces.


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("step", [0.01, 0.1, 1.0])
def test_krylov_spaces_give_what_dense_functions_give(order, step, measured):
    n, pole, allowed = 70, 0.02, 1e-11
    rate = stable_matrix(3, n, stiffness=1e4)
    vector = np.random.default_rng(3).standard_normal(n)
    vector /= np.linalg.norm(vector)
    resolvent = np.linalg.inv(np.eye(n) - pole * rate)
    found, exact, dimensions = testing.krylov_phi(
        order, resolvent.T.copy(), pole, step, allowed, vector
    )
    assert exact
    measured("dimensions", dimensions)
    assert dimensions < n
    np.testing.assert_allclose(found, exact_phis(rate, step)[order - 1] @ vector, atol=1e-9)


def test_a_mode_spans_its_own_krylov_space():
    rates = -np.geomspace(1.0, 1e3, 30)
    resolvent = np.diag(1 / (1 - 0.1 * rates))
    mode = np.eye(30)[7]
    found, exact, dimensions = testing.krylov_phi(1, resolvent, 0.1, 1.0, 1e-12, mode)
    assert exact
    assert dimensions == 1
    np.testing.assert_allclose(found, mode * np.expm1(rates) / rates, atol=1e-13)


# The linearised circuit.


def random_equations(seed, k, c, *, hold, second):
    draw = np.random.default_rng(seed)

    def part(rows, columns):
        return 0.2 * draw.standard_normal((1, rows, columns))

    return Equations(
        difference_a=part(k, k), difference_w=part(k, k), difference_q=part(k, c),
        held_a=part(k, k), held_w=-np.abs(part(k, k)), held_q=part(k, c),
        charge_a=part(c, k), charge_w=part(c, k), charge_q=part(c, c),
        hold=draw.uniform(0.5, 1.0, k) * hold,
        lowest=-draw.uniform(0.5, 1.0, k), highest=draw.uniform(0.5, 1.0, k),
        unity=3.0, leak=draw.uniform(0.0, 0.1, k), slew=np.inf, second=7.0 * second, rout=0.3,
    )  # fmt: skip


def evaluate(eq, places, state, held_j):
    """Return rates, differences and what is watched, by Kirchhoff's laws all at once."""
    k, c = eq.difference_q.shape[1:]
    inner, stage, charged = state[:k], state[k : 2 * k] if eq.second else state[:k], state[-c:]
    if c == 0:
        charged = np.zeros(0)
    at, node_at, conducts, positive = places.T
    stage = np.choose(at, [eq.lowest, stage, eq.highest])
    # Unknown: voltages behind the output resistances, currents and nodes of the hold devices.
    one, none = np.eye(k), np.zeros((k, k))
    resistance = np.divide(1, eq.hold, out=np.ones(k), where=eq.hold > 0)
    system = np.block([
        [one, -eq.rout * np.diag(1.0 * positive), none],
        [-eq.held_a[0], -eq.held_w[0], one],
        [none, np.diag(np.where(conducts, resistance, 1.0)), -np.diag(1.0 * conducts)],
    ])  # fmt: skip
    known = [positive * stage, eq.held_q[0] @ charged + held_j, -conducts * stage]
    sources, currents, nodes = np.linalg.solve(system, np.concatenate(known)).reshape(3, k)

    def answer(name):
        by_source, by_current, by_charge = (getattr(eq, f"{name}_{x}")[0] for x in "awq")
        return by_source @ sources + by_current @ currents + by_charge @ charged

    difference = answer("difference")
    limit = np.choose(node_at, [eq.lowest, inner, eq.highest])
    rates = [eq.unity * difference - eq.leak * inner + CLAMP * eq.unity * (limit - inner)]
    if eq.second:
        rates.append(eq.second * (inner - state[k : 2 * k]))
    rates.append(answer("charge"))
    watched = np.where(conducts, currents, nodes) if eq.hold.any() else np.zeros(0)
    return np.concatenate(rates), difference, watched


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize(("k", "c"), [(4, 0), (4, 3), (30, 2)])
def test_a_linearised_circuit_has_the_differences_of_the_circuit(k, c, hold, second):
    eq = random_equations(k + c, k, c, hold=hold, second=second)
    draw = np.random.default_rng(1)
    places = np.column_stack([draw.integers(0, 3, (k, 2)), draw.integers(0, 2, (k, 2))])
    if not hold:
        places[:, 2:] = 0, 1
    n = (2 if second else 1) * k + c
    state, held_j = draw.standard_normal(n), draw.standard_normal(k)
    linear = testing.linearise(eq, places.astype(np.uint8))
    base = evaluate(eq, places, state, held_j)
    for number, (by_state, by_held, fixed) in enumerate(linear):
        held = by_held.T @ held_j if hold else 0.0
        np.testing.assert_allclose(by_state.T @ state + held + fixed, base[number], atol=1e-9)
        for j in range(n):
            moved = evaluate(eq, places, state + np.eye(n)[j], held_j)[number]
            np.testing.assert_allclose(by_state[j], moved - base[number], atol=1e-9)


def random_places(draw, k, *, hold):
    """Return places of amplifiers: stage, internal node, hold device, sign, full slew rate."""
    places = np.column_stack(
        [draw.integers(0, 3, (k, 2)), draw.integers(0, 2, (k, 2)), draw.integers(0, 3, k)]
    )
    if not hold:
        places[:, 2:4] = 0, 1
    return places.astype(np.uint8)


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize(("k", "c"), [(4, 0), (4, 3), (40, 2)])
def test_factors_give_what_matrices_give(k, c, hold, second):
    eq = random_equations(k + c, k, c, hold=hold, second=second)._replace(slew=2.0)
    draw = np.random.default_rng(2)
    places = random_places(draw, k, hold=hold)
    n = (2 if second else 1) * k + c
    state, difference, charge = (draw.standard_normal(size) for size in (n, k, c))
    held = draw.standard_normal(k) * hold
    watched, along, rates = testing.factored(eq, places, state, difference, held, charge)
    made = []
    for by_state, by_held, fixed in testing.linearise(eq, places):
        by_drive = by_held.T @ held if hold else 0.0
        made.append(by_state.T @ state + by_drive + fixed)
    made[0][:k] += np.where(places[:, 4] == 1, eq.unity * difference, 0.0)
    made[0][n - c :] += charge
    np.testing.assert_allclose(rates, made[0], atol=1e-9)
    np.testing.assert_allclose(along, made[1] + difference, atol=1e-10)
    np.testing.assert_allclose(watched, made[2], atol=1e-10)


# Inverses that follow from others.


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("column", [None, 0, 1, 2, 3, 4])
def test_an_inverse_follows_from_that_of_another_piece(column, hold, second, measured):
    """Amplifiers are elsewhere by their stage, node, hold device, sign, slewing, or all of them."""
    k, c = 50, 3
    eq = random_equations(7, k, c, hold=hold, second=second)._replace(slew=2.0)
    draw = np.random.default_rng(3)
    before = random_places(draw, k, hold=hold)
    now, chosen = before.copy(), draw.permutation(k)[:4]
    columns = slice(None) if column is None else column
    now[chosen, columns] = random_places(draw, k, hold=hold)[chosen, columns]
    old, new = (testing.linearise(eq, places)[0][0] for places in (before, now))
    shifted = [np.eye(len(old)) - 0.05 * rate for rate in (old, new)]
    left, right, followed = testing.follow(eq, now, before, np.linalg.inv(shifted[0]), -0.05)
    measured("rank", len(left))
    assert len(left) >= np.linalg.matrix_rank(new - old, tol=1e-9)
    np.testing.assert_allclose(left.T @ right, new - old, atol=1e-11 * np.abs(old).max())
    expected = np.linalg.inv(shifted[1])
    np.testing.assert_allclose(followed, expected, atol=1e-10 * np.abs(expected).max())


def test_pieces_that_differ_in_too_much_follow_from_each_other_no_more():
    eq = random_equations(7, 80, 0, hold=True, second=False)
    before = np.tile(np.array([1, 1, 0, 1, 1], np.uint8), (80, 1))
    now = before.copy()
    now[:, 2] = 1
    assert testing.follow(eq, now, before, np.eye(80), 1.0) is None


# Steps.


def follower(slew, limit=100.0):
    """Return the equations of one amplifier that follows its input."""
    line, none = np.ones((1, 1)), np.zeros((1, 1))
    return Equations(
        difference_a=-line, difference_w=none, difference_q=np.zeros((1, 0)),
        held_a=none, held_w=none, held_q=np.zeros((1, 0)),
        charge_a=np.zeros((0, 1)), charge_w=np.zeros((0, 1)), charge_q=np.zeros((0, 0)),
        hold=np.zeros(1), lowest=np.array([-limit]), highest=np.array([limit]),
        unity=2.0, leak=np.zeros(1), slew=slew, second=0.0, rout=0.0,
    )  # fmt: skip


def follow(eq, inputs, *, large=100, tolerance=1e-4):
    control = Control(
        tolerance=tolerance,
        resolution=0.1,
        band=0.01,
        rest=1e-7,
        longest=1e6,
        base=1e-5,
        stable=1.0,
    )
    pieces = new_pieces(eq, 1, 16, bounded=True, large=large)
    difference = np.array(inputs, float)[:, None]
    arguments = difference, np.zeros_like(difference), np.zeros((len(inputs), 0))
    return integrate(eq, pieces, *arguments, np.zeros(1), np.array([0]), control)


@pytest.mark.parametrize("large", [1, 100], ids=["krylov", "matrices"])
@pytest.mark.parametrize("slew", [np.inf, 0.5])
def test_a_follower_settles_as_its_closed_form(slew, large, measured):
    """With y = unity (x - u) / slew: sinh y = sinh y0 e^(-unity t)."""
    eq = follower(slew)
    samples = follow(eq, [1.0, -0.5], large=large, tolerance=1e-6)
    assert samples.at_rest.all()
    for r, (start, end) in enumerate([(0.0, 1.0), (1.0, -0.5)]):
        rows = slice(samples.starts[r], samples.starts[r + 1] - 3)
        decay = np.exp(-eq.unity * samples.time[rows])
        if slew < np.inf:
            share = eq.unity * (end - start) / slew
            expected = end - slew / eq.unity * np.arcsinh(np.sinh(share) * decay)
        else:
            expected = end - (end - start) * decay
        error = np.abs(samples.sources[rows, 0] - expected).max()
        measured("error", error)
        assert error < 1e-5


def test_smaller_tolerances_make_slewing_steps_better():
    eq = follower(0.5)
    errors = []
    for tolerance in (1e-3, 1e-5):
        samples = follow(eq, [1.0], tolerance=tolerance)
        decay = np.exp(-eq.unity * samples.time[:-3])
        expected = 1 - 0.25 * np.arcsinh(np.sinh(4.0) * decay)
        errors.append(np.abs(samples.sources[:-3, 0] - expected).max())
    assert errors[1] < 0.1 * errors[0]


def test_an_output_stops_at_its_rail():
    samples = follow(follower(np.inf, limit=0.5), [1.0])
    outside = samples.sources[:, 0] > 0.5
    assert samples.at_rest.all()
    assert not outside[1:-1].any()
    assert samples.sources[-1, 0] == pytest.approx(0.5)
    # Up to there it is free.
    free = samples.sources[:, 0] < 0.49
    expected = -np.expm1(-2.0 * samples.time[free])
    np.testing.assert_allclose(samples.sources[free, 0], expected, atol=1e-12)


def test_many_circuits_are_each_by_itself():
    eq = follower(0.5)
    slow = eq._replace(difference_a=0.5 * eq.difference_a)
    control = Control(1e-4, 0.1, 0.01, 1e-7, 1e6, 1e-5, 1.0)
    inputs = np.array([[[1.0], [0.3]], [[-0.2], [0.7]]])
    stacked = eq._replace(
        **{
            name: np.stack([getattr(eq, name), getattr(slow, name)])
            for name in Equations._fields[:9]
        }
    )
    rest = np.zeros(1), np.array([0])
    together = integrate_each(
        stacked, new_pieces(eq, 1, 16, bounded=True), inputs, np.zeros_like(inputs),
        np.zeros((2, 2, 0)), *rest, [control] * 2,
    )  # fmt: skip
    for one, own in enumerate((eq, slow)):
        alone = integrate(
            own, new_pieces(eq, 1, 16, bounded=True), inputs[one], np.zeros((2, 1)),
            np.zeros((2, 0)), *rest, control,
        )  # fmt: skip
        rows = slice(together.starts[2 * one], together.starts[2 * one + 2])
        np.testing.assert_array_equal(together.time[rows], alone.time)
        np.testing.assert_array_equal(together.sources[rows], alone.sources)
