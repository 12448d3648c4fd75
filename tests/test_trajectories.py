"""Series, pressed amplifiers and what is read from tracks, against independent integrations."""

from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
from kernel_probes import (
    HIGH,
    LOW,
    NODE,
    PRESSED,
    Circuit,
    Inside,
    amplifiers_of,
    inside,
    random_equations,
    random_places,
    testing,
)
from node_equations import G_MAX, Compact
from numpy.polynomial import polynomial
from oracles import random_problem
from scipy.integrate import solve_ivp

import amcspice as amc
from amcspice.engine import Batch, Drive, Integrator
from amcspice.engine.equations.arrays import Samples
from amcspice.engine.equations.piecewise import PiecewiseLinear
from amcspice.measure.power import source_power

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


def pressed_at_both_limits(name):
    circuit, inputs = real_circuit(name)
    eq, (places, state) = circuit.eq, start_of(circuit, "zero")
    places[0] = HIGH, HIGH, 0, 1, 1
    places[1] = LOW, LOW, 0, 1, 1
    state[0], state[1] = eq.highest[0] + 2e-3, eq.lowest[1] - 5e-4
    if eq.second:
        state[circuit.k :][:2] = state[:2] + 1e-3
    return circuit, inputs, places, state


@pytest.mark.parametrize("part", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("name", CIRCUITS)
def test_pressed_amplifiers_follow_their_clamps_by_series(name, part, measured):
    circuit, inputs, places, state = pressed_at_both_limits(name)
    eq = circuit.eq
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
    circuit, inputs, places, state = pressed_at_both_limits(name)
    eq = circuit.eq
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
        self.final = self.engine.voltages(self.found.final, self.found.local)[:, self.batch.outputs]

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
        local = self.found.local[:, number : number + 1]
        again, supply = self.engine._read(samples, alone, local, steps=False)
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


def test_series_of_what_is_far_from_its_bend_end_before_it():
    """An amplifier that slews and whose input is about to turn: coefficients tell nothing of it."""
    J = np.zeros((3, 3))
    J[0, 1], J[1, 2] = -40.0, 0.1
    circuit = Circuit(amplifiers_of(J, slew=1.0))
    inputs = Inside(np.array([40.0, 0.0, 30.0]), *np.zeros((2, 3)), np.zeros(0))
    unit, reach, states, *_ = circuit.probe.expand(
        inside(3), circuit.padded_response(inputs), np.zeros(8), True, 1e-10, 1e6, 10.0
    )
    made = circuit.plain(polynomial.polyval(reach / unit, states))
    exact = circuit.slewing(inside(3), np.zeros(3), inputs, reach)
    np.testing.assert_allclose(made, exact, atol=1e-9)


def test_series_whose_last_coefficient_is_nothing_end_by_the_one_before():
    """ln cosh of time: every second coefficient is zero."""
    J = np.zeros((2, 2))
    J[0, 1] = 1.0
    circuit = Circuit(amplifiers_of(J, slew=1.0))
    inputs = Inside(np.array([0.0, 30.0]), *np.zeros((2, 2)), np.zeros(0))
    unit, reach, states, *_ = circuit.probe.expand(
        inside(2), circuit.padded_response(inputs), np.zeros(8), True, 1e-10, 1e6, 10.0
    )
    made = circuit.plain(polynomial.polyval(reach / unit, states))
    np.testing.assert_allclose(made, [np.log(np.cosh(reach)), reach], rtol=0, atol=1e-10)
