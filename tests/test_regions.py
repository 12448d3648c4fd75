"""Regions of a circuit against Kirchhoff's laws."""

import numpy as np
import pytest
from kernel_probes import (
    HIGH,
    LOW,
    PRESSED,
    Circuit,
    Inside,
    inside,
    random_equations,
    random_places,
)

# Regions: Kirchhoff's laws of a circuit, all at once.


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
