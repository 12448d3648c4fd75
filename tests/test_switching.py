"""The switching cell in ngspice: against its own equations integrated by scipy."""

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

import amcspice as amc
from amcspice.errors import InputError
from amcspice.programming.pulse import Pulse
from amcspice.programming.pulsed import SelectedCells

CELL = amc.SwitchingCell()
SCHEDULE = amc.WriteVerify()
NOMINAL = {"gon": 150e-6, "vset": 0.7, "vreset": 0.7, "kset": 2e6, "kreset": 2e6}
KP, VTO, GAMMA, PHI, LAMBDA = 200e-6, 0.5, 0.4, 0.7, 0.02


def pulse(amplitude, state, cell=CELL, schedule=SCHEDULE):
    count = len(amplitude)
    drawn = {name: np.full(count, value) for name, value in NOMINAL.items()}
    return Pulse(
        SelectedCells(cell), schedule, np.asarray(amplitude, float), np.asarray(state, float), drawn
    )


def run(pulse, simulator):
    return pulse.evaluate(simulator.run(pulse.deck(), 60))


def transistor(drain, gate, source):
    """Level-1 drain current with the bulk grounded, drain above source."""
    threshold = VTO + GAMMA * (np.sqrt(PHI + source) - np.sqrt(PHI))
    over, drop = max(gate - source - threshold, 0.0), drain - source
    beta = KP * CELL.selector_width * (1 + LAMBDA * drop)
    return beta * (drop * (over - drop / 2) if drop < over else over**2 / 2)


def across(conductance, bit, source, gate):
    """Voltage across the memristor, of series memristor and selector."""

    def excess(middle):
        current = conductance * (bit - middle)
        if bit >= source:
            return current - transistor(middle, gate, source)
        return current + transistor(source, gate, middle)

    low, high = min(bit, source), max(bit, source)
    return bit - scipy.optimize.brentq(excess, low, high) if high > low else 0.0


def state_after(amplitude, state):
    """Integrate the state equation over one pulse."""
    edge, width = SCHEDULE.edge, SCHEDULE.set_width
    gate = SCHEDULE.set_gate if amplitude > 0 else SCHEDULE.reset_gate

    def slope(time, x):
        corners = [0, edge, edge + width, 2 * edge + width]
        level = abs(amplitude) * np.interp(time, corners, [0, 1, 1, 0])
        conductance = CELL.g_off + (CELL.g_on - CELL.g_off) * np.clip(x[0], 0, 1)
        bit, source = (level, 0.0) if amplitude > 0 else (0.0, level)
        drop = across(conductance, bit, source, gate)
        up = CELL.set_rate * max(drop / CELL.set_threshold - 1, 0) ** 3 * (1 - x[0] ** 2)
        down = CELL.reset_rate * max(-drop / CELL.reset_threshold - 1, 0) ** 3
        return [up - down * (1 - (1 - x[0]) ** 2)]

    end = 2 * edge + width
    solution = scipy.integrate.solve_ivp(
        slope, (0, end), [state], rtol=1e-8, atol=1e-10, max_step=end / 50
    )
    return solution.y[0, -1]


@pytest.mark.ngspice
@pytest.mark.parametrize("amplitude", [0.9, 1.3, 1.8, -0.9, -1.3, -1.8])
def test_a_pulse_follows_the_state_equation(simulator, amplitude, monkeypatch):
    states = [0.01, 0.3, 0.9]
    result = run(pulse([amplitude] * 3, states), simulator)
    expected = [state_after(amplitude, state) for state in states]
    np.testing.assert_allclose(result.state, expected, atol=1e-3)
    monkeypatch.setattr("amcspice.programming.pulse.STEPS_PER_PULSE", 1000)
    finer = run(pulse([amplitude] * 3, states), simulator)
    np.testing.assert_allclose(finer.state, expected, atol=5e-5)
    assert (np.sign(result.state - states) == np.sign(amplitude)).all()


@pytest.mark.ngspice
def test_reading_disturbs_nothing_and_measures_cell_and_selector(batch):
    states = np.linspace(0, 1, 11)
    result = run(pulse(np.zeros(11), states), batch)
    np.testing.assert_allclose(result.state, states, atol=1e-6)
    # The selector is taken as its small-signal resistance: good to drain voltages of millivolts.
    expected = CELL.read_conductance(states, SCHEDULE.read_gate)
    np.testing.assert_allclose(result.conductance, expected, rtol=2e-3)
    # Flat top and half of each edge count: V^2 G t, and edges of V^2/3.
    time = SCHEDULE.read_width + 2 * SCHEDULE.edge / 3
    energy = result.conductance * SCHEDULE.read_voltage**2 * time
    np.testing.assert_allclose(result.read_energy, energy, rtol=0.01)
    np.testing.assert_allclose(result.pulse_energy, 0, atol=1e-20)


@pytest.mark.ngspice
def test_below_the_threshold_nothing_moves(batch):
    result = run(pulse([0.69, -0.69], [0.5, 0.5]), batch)
    np.testing.assert_allclose(result.state, 0.5, atol=1e-6)


@pytest.mark.ngspice
@pytest.mark.parametrize(("amplitude", "bound"), [(3.0, 1.0), (-3.0, 0.0)])
def test_no_cell_sticks_at_a_bound(batch, amplitude, bound):
    schedule = amc.WriteVerify(set_width=2e-6, reset_width=2e-6, set_gate=5.0, reset_gate=5.0)
    state = [0.5]
    for _ in range(3):
        state = run(pulse([amplitude], state, schedule=schedule), batch).state
        assert -1e-3 < state[0] < 1 + 1e-3
    assert state[0] == pytest.approx(bound, abs=0.02)
    back = run(pulse([-amplitude], state, schedule=schedule), batch).state[0]
    assert abs(back - bound) > 0.5


@pytest.mark.ngspice
def test_energy_of_a_pulse_is_that_of_a_resistor(batch):
    """With a wide selector and no switching: V^2 G over the trapezoid."""
    still = amc.SwitchingCell(selector_width=1e5, set_rate=1e-3, reset_rate=1e-3)
    drawn = {name: np.full(2, value) for name, value in NOMINAL.items()}
    drawn["kset"] = drawn["kreset"] = np.full(2, 1e-3)
    pulse_and_read = Pulse(
        SelectedCells(still), SCHEDULE, np.array([1.2, -1.2]), np.full(2, 0.5), drawn
    )
    result = run(pulse_and_read, batch)
    conductance = still.g_off + 0.5 * (still.g_on - still.g_off)
    expected = conductance * 1.2**2 * (SCHEDULE.set_width + 2 * SCHEDULE.edge / 3)
    np.testing.assert_allclose(result.pulse_energy, expected, rtol=5e-3)


def test_drawn_cells_differ_as_stated():
    cell = amc.SwitchingCell(threshold_spread=0.04, rate_spread=0.3, conductance_spread=0.02)
    drawn = cell.draw((200, 200), 5)
    for name, spread in (("vset", 0.04), ("vreset", 0.04), ("gon", 0.02)):
        assert (drawn[name] / NOMINAL[name]).std() == pytest.approx(spread, rel=0.02)
    for name in ("kset", "kreset"):
        assert np.log(drawn[name] / 2e6).std() == pytest.approx(0.3, rel=0.02)
    assert abs(np.corrcoef(drawn["vset"].ravel(), drawn["vreset"].ravel())[0, 1]) < 0.03
    again = cell.draw((200, 200), 5)
    assert all((drawn[name] == again[name]).all() for name in drawn)
    factors = [cell.pulse_factor((200, 200), 5, number) for number in (1, 2)]
    assert np.log(factors[0]).std() == pytest.approx(0.1, rel=0.02)
    assert (factors[0] != factors[1]).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"g_off": 2e-4}, "g_off = 0.0002 must be below"),
        ({"set_threshold": 0}, "set_threshold"),
        ({"initial_state": 1.5}, "initial_state"),
    ],
)
def test_bad_cells(parameters, message):
    with pytest.raises(InputError, match=message):
        amc.SwitchingCell(**parameters)
