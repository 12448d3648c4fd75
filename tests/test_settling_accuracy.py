"""Settling times of decks against exact ones, over all kinds of linear circuits."""

import numpy as np
import pytest
from linear_settling import random_circuit

import amcspice as amc
from amcspice.engine import LinearModel
from amcspice.engine.integration import (
    LASTING,
    RATE_ERROR,
    TOLERANCE,
    Integration,
    allowed_error,
    choose_integration,
    lasting,
)
from amcspice.measure.settling import Settlings
from amcspice.reduction import reduce_to_ports
from amcspice.simulation.standalone import standalone_deck


def is_knife_edge(exact):
    """Whether the time moves by more than 2 % where the band does."""
    time = exact.settling_time(0.01)
    return any(abs(exact.settling_time(0.01 * part) / time - 1) > 0.02 for part in (0.98, 1.02))


@pytest.mark.ngspice
@pytest.mark.slow
def test_settling_of_random_linear_circuits_is_within_one_percent(measured):
    """All circuits, second poles, feedback of 0.01 to 3, stiff ones, input capacitance."""
    deviations, knife_edges, exact_ones = [], 0, []
    for seed in range(300):
        _, circuit, b, volts, exact = random_circuit(seed)
        run = amc.simulate(circuit, b, fidelity="reduced", range=volts)
        assert run.settled
        time = exact.settling_time(0.01)
        there = amc.simulate(circuit, b, fidelity="behavioural", range=volts)
        exact_ones.append(abs(there.settling_time / time - 1))
        if is_knife_edge(exact):
            knife_edges += 1
            continue
        deviation = abs(run.settling_time / time - 1)
        deviations.append(deviation)
        assert run.settling_error >= RATE_ERROR
    measured("knife edges", knife_edges)
    measured("median", np.median(deviations))
    measured("95th percentile", np.percentile(deviations, 95))
    measured("largest", max(deviations))
    measured("largest of the behavioural fidelity", max(exact_ones))
    assert knife_edges <= 45
    assert np.percentile(deviations, 95) < 0.01
    assert max(deviations) < 0.04
    assert max(exact_ones) < 1e-6


@pytest.mark.parametrize("ringing", [0.0, 0.5, 3.0, 20.0, 100.0])
def test_steps_decay_and_turn_as_the_mode_does(ringing):
    """The rule's own recursion, by hand: x_new = x + h ((1/2 + d) f_new + (1/2 - d) f)."""
    value = complex(-1.0, ringing)
    found = choose_integration(np.array([value, value.conjugate()]), 1 / 3)
    h, d = found.max_step, found.damping
    assert h <= 1 / 3
    count = 200
    x = 1.0 + 0j
    for _ in range(count):
        x *= (1 + (0.5 - d) * h * value) / (1 - (0.5 + d) * h * value)
    rate = np.log(abs(x)) / (count * h)
    assert abs(rate / value.real - 1) <= 1.001 * RATE_ERROR
    assert found.rate_error(np.array([value])) == pytest.approx(abs(rate + 1), abs=1e-6)


def test_damping_cancels_what_the_length_of_a_step_does():
    """d = h sigma/4 for what rings, h sigma/12 for what does not, to leading order."""
    for ringing, part in ((30.0, 4), (0.0, 12)):
        value = np.array([complex(-1.0, ringing)])
        h = 0.02
        errors = [Integration(h, d).rate_error(value) for d in (0.0, h / part, 2 * h / part)]
        assert errors[1] < 0.05 * min(errors[0], errors[2])


def test_modes_that_decay_faster_than_thrice_the_slowest_do_not_count():
    values = np.array([-1.0, -2.0 + 5j, -2.0 - 5j, -LASTING - 0.1 + 1e3j, -LASTING - 0.1 - 1e3j])
    np.testing.assert_array_equal(lasting(values), [-1.0, -2.0 + 5j])
    alone = choose_integration(values[:3], 1 / 3)
    assert choose_integration(values, 1 / 3) == alone


def test_modes_that_grow_and_rates_of_zero_are_taken():
    for values in ([1.0, -2.0], [0.0, -1.0], [0.1 + 3j, 0.1 - 3j]):
        found = choose_integration(np.array(values, complex), 0.3)
        assert 0 < found.max_step <= 0.3


@pytest.mark.ngspice
@pytest.mark.parametrize("slew", [100e6, 10e6, 3e6])
def test_settling_of_circuits_that_slew(slew):
    A = np.array([[1, 0.3, 0.1], [0.2, 1, 0.4], [0.1, 0.25, 1]])
    circuit = amc.INV(A, opamp=amc.OpAmp(gain=1e5, slew_rate=slew))
    here, there = (
        amc.simulate(circuit, [1, -0.5, 0.3], fidelity=f) for f in ("reduced", "behavioural")
    )
    assert here.settling_time == pytest.approx(there.settling_time, rel=0.01)
    assert here.energy == pytest.approx(there.energy, rel=0.01)


@pytest.mark.ngspice
def test_what_settling_is_worth_is_said():
    A = np.array([[1, 0.3, 0.1], [0.2, 1, 0.4], [0.1, 0.25, 1]])
    circuit = amc.CompensatedINV(A, opamp=amc.OpAmp(gain=1e5, second_pole=30e6))
    b = np.array([1, -0.5, 0.3])
    usual = amc.simulate(circuit, b)
    assert 0.01 <= usual.settling_error < 0.02
    assert "is worth only" not in str(usual)
    coarse = amc.simulate(circuit, b, max_step=usual.settling_time / 6)
    assert coarse.settling_error > 0.02
    assert "is worth only" in str(coarse)
    exact = amc.simulate(circuit, b, fidelity="behavioural")
    assert exact.settling_error == 1e-6
    assert abs(usual.settling_time / exact.settling_time - 1) < usual.settling_error
    assert abs(coarse.settling_time / exact.settling_time - 1) < coarse.settling_error
    assert np.isnan(amc.simulate(circuit, b, fidelity="dc").settling_error)


def test_errors_of_rates_go_with_the_square_of_the_step():
    """Steps go with the third root: eight times the tolerance is twice the step."""
    assert allowed_error(8 * TOLERANCE) == pytest.approx(4 * RATE_ERROR)


def test_the_band_that_moves_a_time_most_says_what_it_is_worth():
    def at(time):
        return Settlings(np.array([True]), np.array([time]), np.ones((1, 1)), np.array([0.01]))

    for others in ([at(1.0), at(1.5)], [at(1.5), at(1.0)]):
        assert at(1.0).error(others, 0.01)[0] == pytest.approx(0.5)


def test_decks_of_their_own_have_the_damping_of_their_step():
    A = np.array([[1, 0.3, 0.1], [0.2, 1, 0.4], [0.1, 0.25, 1]])
    circuit = amc.INV(A, opamp=amc.OpAmp(gain=1e5))
    linear = LinearModel.of(circuit, reduce_to_ports(circuit.schematic))
    step = 1e-11
    text = standalone_deck(circuit, [1, -0.5, 0.3], amc.Analysis(max_step=step))
    damping = Integration.of_step(linear.eigenvalues, step).damping
    assert f"xmu={0.5 - damping:.6g}" in str(text)
