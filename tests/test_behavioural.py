"""The behavioural engine against closed forms and against equations written by hand.

Its agreement with ngspice is in ``test_behavioural_ngspice.py``, its invariants in
``test_kernel.py``.
"""

import numpy as np
import pytest
import scipy.integrate
from node_equations import G_MAX, Classic, Compact
from oracles import compact_operating_point, random_problem

import amcspice as amc
from amcspice.engine import Batch, Drive, Integrator, LinearModel
from amcspice.engine.equations.linear import Modes
from amcspice.measure.settling import measure_settlings
from amcspice.reduction import reduce_to_ports

CIRCUITS = [amc.ClassicGINV, amc.CompactGINV]


def integrate(circuit, b, volts_per_unit=1.0, **options):
    """Waveforms of right-hand sides (m,) or (m, K) in a given range; positions of the outputs.

    With the steps of circuits that do not ring: they end nearest to the equilibrium.
    """
    batch = Batch.of([circuit])
    calm = Modes(-np.ones((1, 1)))
    engine = Integrator(batch, **{"longest": np.ones(1), "modes": calm, **options})
    drive = Drive.of(batch, [circuit.schematic.currents(np.atleast_2d(b.T), volts_per_unit)])
    segments = [segment for stream in engine.run(drive) for segment in stream]
    return segments, batch.outputs


# What is linear: the matrix exponential.


@pytest.mark.parametrize("circuit_type", CIRCUITS)
@pytest.mark.parametrize(
    ("opamp", "options"),
    [
        ({}, {}),
        ({"gain": 1e3, "output_resistance": 300.0}, {"compensation": False}),
        ({"offset": -2e-3, "bias_current": 1e-6}, {}),
        ({"input_resistance": 2e3, "gain": 1e3}, {}),
        ({"offset": 1e-3}, {"wire": amc.Wire(row=1.0, column=2.5, driver=3.0, termination=4.0)}),
        ({}, {"ridge": 2.0, "device": amc.Memristor(levels=32, write_noise=0.02, seed=1)}),
    ],
    ids=["plain", "weak amplifiers", "offset and bias", "input resistance", "wires", "write noise"],
)
def test_linear_circuits_follow_the_matrix_exponential(circuit_type, opamp, options, measured):
    A, b = random_problem(3)
    if circuit_type is amc.ClassicGINV:
        options = {key: value for key, value in options.items() if key != "compensation"}
    circuit = circuit_type(A, opamp=amc.OpAmp(**{"gain": 1e5, **opamp}), **options)
    (segment,), _ = integrate(circuit, b)
    model = reduce_to_ports(circuit.schematic)
    linear = LinearModel.of(circuit, model)
    current = model.port_currents(circuit.schematic.currents(b[None], 1.0))[0]
    expected = linear.step_response(current, segment.time)
    scale = np.abs(expected).max()
    distance = np.abs(segment.voltages - expected)[:-1].max() / scale
    rest = linear.operating_point(current)
    measured("largest distance, fraction of full scale", distance)
    measured("the same at rest", np.abs(segment.voltages[-1] - rest).max() / scale)
    assert len(segment.time) > 20
    assert distance < 1e-9
    assert np.abs(segment.voltages[-1] - rest).max() < 1e-10 * scale


def test_the_operating_point_is_that_of_the_circuit_written_by_hand():
    A, b = random_problem(3)
    circuit = amc.CompactGINV(A, opamp=amc.OpAmp(gain=1e3, output_resistance=300.0))
    (segment,), outputs = integrate(circuit, b)
    G = G_MAX * A / A.max()
    expected = compact_operating_point(
        G,
        -G_MAX / A.max() * b,
        row_total=np.full(32, 2 * G.sum(axis=1).max()),
        gain=1e3,
        output_resistance=300.0,
    )
    rest = segment.voltages[-1, outputs]
    np.testing.assert_allclose(rest, expected, rtol=0, atol=2e-6 * np.abs(expected).max())


@pytest.mark.parametrize("circuit_type", CIRCUITS)
def test_second_pole_and_input_capacitance_are_states_of_their_own(circuit_type, measured):
    """With both the circuit is still linear; its equations again, from the full node equations."""
    A, b = random_problem(4, rows=6, columns=3)
    opamp = amc.OpAmp(gain=1e4, second_pole=2e9, input_capacitance=2e-14, output_resistance=50.0)
    circuit = circuit_type(A, opamp=opamp)
    (segment,), _ = integrate(circuit, b)
    model = reduce_to_ports(circuit.schematic)
    plus, minus, out = (
        np.concatenate([getattr(bank, pin) for bank in circuit.schematic.amplifiers])
        for pin in ("plus", "minus", "out")
    )
    k, ports = len(out), len(model.nodes)

    def at(pins):
        return (pins[:, None] == model.nodes).astype(float)

    # Ports, internal nodes and second stages in one system M dz/dt = K z + f.
    R, unity, second = opamp.output_resistance, 2 * np.pi * 1e8, 2 * np.pi * 2e9
    mass = np.diag(np.r_[2e-14 * (at(plus) + at(minus)).sum(axis=0), np.ones(2 * k)])
    K = np.zeros((ports + 2 * k, ports + 2 * k))
    K[:ports, :ports] = -model.conductance - at(out).T @ at(out) / R
    K[:ports, ports + k :] = at(out).T / R
    K[ports : ports + k, :ports] = unity * (at(plus) - at(minus))
    K[ports : ports + k, ports : ports + k] = -unity / opamp.gain * np.eye(k)
    K[ports + k :, ports:] = second * np.hstack([np.eye(k), -np.eye(k)])
    f = np.zeros(ports + 2 * k)
    f[:ports] = model.port_currents(circuit.schematic.currents(b[None], 1.0))[0]
    free = np.flatnonzero(mass.diagonal() == 0)
    kept = np.flatnonzero(mass.diagonal())
    solve = np.linalg.solve(K[np.ix_(free, free)], np.c_[K[np.ix_(free, kept)], f[free]])
    J = (K[np.ix_(kept, kept)] - K[np.ix_(kept, free)] @ solve[:, :-1]) / mass[kept, kept][:, None]
    g = (f[kept] - K[np.ix_(kept, free)] @ solve[:, -1]) / mass[kept, kept]
    values, vectors = np.linalg.eig(J)
    forced = np.linalg.solve(vectors, g)
    z = ((np.expm1(np.outer(segment.time, values)) / values * forced) @ vectors.T).real
    expected = np.empty((len(z), ports + 2 * k))
    expected[:, kept], expected[:, free] = z, -z @ solve[:, :-1].T - solve[:, -1]
    distance = np.abs(segment.voltages - expected[:, :ports])[:-1].max() / np.abs(expected).max()
    measured("largest distance, fraction of full scale", distance)
    assert distance < 1e-9


# What is not linear: an implicit integrator on equations written by hand.

SMALL = np.array([[1.0, 0.3], [0.2, 0.9], [0.6, 0.5]])
TOWARDS = np.array([1.0, 0.5, -0.2])
"""A positive solution; turned round it is all zero, and one of each sign for the last."""
RIGHT_SIDES = {"both": TOWARDS, "one": np.array([0.9, -0.6, 0.3]), "none": -TOWARDS}


@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
@pytest.mark.parametrize("right_side", RIGHT_SIDES)
@pytest.mark.parametrize(
    "opamp",
    [
        {},
        {"slew_rate": 2e6},
        {"slew_rate": 2e7, "offset": 1e-3, "output_resistance": 100.0, "gain": 1e4},
        {"supply_positive": 0.7, "slew_rate": 5e6, "headroom_negative": 0.02},
    ],
    ids=["rails", "slewing", "slewing a little", "too large a range"],
)
@pytest.mark.parametrize("topology", ["classic", "hold", "rail only"])
def test_every_piece_agrees_with_an_implicit_integrator(topology, opamp, right_side, measured):
    opamp, b = amc.OpAmp(**{"gain": 1e5, **opamp}), RIGHT_SIDES[right_side]
    if topology == "classic":
        circuit, by_hand = amc.ClassicGINV, Classic
        constraint = amc.NonNegative()
    else:
        circuit, by_hand = amc.CompactGINV, Compact
        constraint = amc.NonNegative(hold=topology == "hold")
    circuit = circuit(SMALL, opamp=opamp, constraint=constraint)
    (segment,), outputs = integrate(circuit, b, tolerance=1e-6)
    some = np.append(np.arange(0, len(segment.time) - 1, 1 + len(segment.time) // 300), -1)
    time, voltages = segment.time[some], segment.voltages[some][:, outputs]
    oracle = by_hand(SMALL, -G_MAX * b, opamp, topology == "hold")
    solved = scipy.integrate.solve_ivp(
        oracle.rates,
        (0, time[-1]),
        np.zeros(circuit.amplifier_count),
        method="Radau",
        t_eval=time,
        rtol=1e-7,
        atol=1e-9,
    )
    expected = np.array([oracle.outputs(y) for y in solved.y.T])
    distance = np.abs(voltages - expected)
    measured("largest distance [V]", distance.max())
    measured("the same at rest [V]", distance[-1].max())
    assert distance.max() < 1e-4
    assert distance[-1].max() < 1e-6


@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
@pytest.mark.parametrize("preset", ["ad823", "onchip-1g"])
def test_a_limit_lets_go_at_once(preset, measured):
    """Streamed, so that outputs which rest at a limit have to leave it; the start is beyond it."""
    A, b = random_problem(3, rows=16, columns=4, vectors=3)
    opamp = amc.OpAmp.preset(preset, second_pole=None, input_capacitance=0.0)  # as the oracle
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative(hold=False), opamp=opamp)
    volts = 0.2 * opamp.highest_output
    segments, outputs = integrate(circuit, b, volts)
    y, distance = np.zeros(4), []
    for segment, vector in zip(segments, b.T, strict=True):
        oracle = Compact(A, -G_MAX / A.max() * volts * vector, opamp, hold=False)
        solved = scipy.integrate.solve_ivp(
            oracle.rates,
            (0, segment.time[-1]),
            y,
            method="Radau",
            t_eval=segment.time,
            rtol=1e-7,
            atol=1e-9,
        )
        expected = np.array([oracle.outputs(y) for y in solved.y.T])
        y = solved.y[:, -1]
        deviation = np.abs(segment.voltages[:, outputs] - expected).max()
        distance.append(deviation / np.abs(expected).max())
    at_limit = [(s.voltages[-1, outputs] < opamp.headroom_negative).any() for s in segments]
    assert any(at_limit)
    measured("largest distance, fraction of full scale", max(distance))
    assert max(distance) < 5e-4


@pytest.mark.parametrize(("slew", "tolerance"), [(1e5, 1e-4), (1e7, 1e-4), (1e7, 1e-6)])
def test_a_slewing_output_is_a_ramp(slew, tolerance, measured):
    """1 x 1: the output leaves at the slew rate until it is within reach of the answer."""
    circuit = amc.CompactGINV([[1.0]], opamp=amc.OpAmp(slew_rate=slew))
    (segment,), (x,) = integrate(circuit, np.array([2.0]), tolerance=tolerance)
    ramp = (segment.voltages[:, x] > 0.1) & (segment.voltages[:, x] < 1.5)
    assert ramp.sum() > 5
    distance = np.abs(segment.voltages[ramp, x] - slew * segment.time[ramp]).max()
    measured("distance from the ramp [V]", distance)
    assert distance < (2e-2 if tolerance > 1e-6 else 3e-4)
    assert segment.voltages[-1, x] == pytest.approx(2.0, rel=1e-4)


@pytest.mark.filterwarnings("ignore::amcspice.errors.ImplausibleWarning")
@pytest.mark.parametrize("slew", [1e1, 1e3])
def test_slewing_is_not_taken_for_rest(slew):
    """However slow: the distance to go is not what the linear circuit would make of the rate."""
    circuit = amc.CompactGINV([[1.0]], opamp=amc.OpAmp(slew_rate=slew, gbw=1e9))
    batch = Batch.of([circuit])
    engine = Integrator(batch, longest=np.array([1e-7]))
    drive = Drive.of(batch, [circuit.schematic.currents(np.array([[2.0]]), 1.0)])
    rest_times, _ = engine.rests(drive)
    assert rest_times == np.inf


@pytest.mark.parametrize("circuit_type", CIRCUITS)
def test_a_rail_stops_the_output_and_lets_go_without_windup(circuit_type):
    """Four times the rail, then a fifth of it: as fast as an output that was never at the rail."""
    opamp = amc.OpAmp(gain=1e5, supply_positive=1.0, supply_negative=-1.0)
    circuit = circuit_type([[1.0]], opamp=opamp)
    (saturated, back), (*_, x) = integrate(circuit, np.array([[4.0, 0.2]]))
    assert saturated.voltages[-1, x] == pytest.approx(1.0, abs=1e-3)
    assert saturated.voltages[:, x].max() < 1.0 + 1e-9
    assert back.voltages[-1, x] == pytest.approx(0.2, rel=1e-3)
    (_, fresh), _ = integrate(circuit, np.array([[0.99, 0.2]]))

    def settling(segment):
        starts, at_rest = np.array([0, len(segment.time)]), np.array([True])
        outputs = segment.voltages[:, [x]]
        return measure_settlings(segment.time, outputs, starts, at_rest=at_rest).time[0]

    assert settling(back) == pytest.approx(settling(fresh), rel=0.1)


def test_a_small_right_hand_side_after_a_large_one_is_as_exact():
    A, b = random_problem(3, rows=16, columns=4)
    circuit = amc.CompactGINV(A, opamp=amc.OpAmp(gain=1e5))
    run = amc.simulate(circuit, np.stack([b, 1e-2 * b], axis=1), fidelity="behavioural")
    np.testing.assert_allclose(
        100 * run.x[:, 1], run.x[:, 0], atol=1e-4 * np.abs(run.x[:, 0]).max()
    )


@pytest.mark.parametrize("columns", [3, 8])
def test_straight_lines_between_samples_look_like_the_waveform(columns):
    A, b = random_problem(3, rows=12, columns=columns)
    circuit = amc.CompactGINV(A, opamp=amc.OpAmp(gain=1e5))
    batch = Batch.of([circuit])
    drive = Drive.of(batch, [circuit.schematic.currents(b[None], 1.0)])
    (segment,) = (s for stream in Integrator(batch, longest=np.ones(1)).run(drive) for s in stream)
    model = reduce_to_ports(circuit.schematic)
    current = model.port_currents(circuit.schematic.currents(b[None], 1.0))[0]
    between = (segment.time[1:] + segment.time[:-1]) / 2
    exact = LinearModel.of(circuit, model).step_response(current, between)[:, batch.outputs]
    shown = segment.voltages[:, batch.outputs]
    distance = np.abs((shown[1:] + shown[:-1]) / 2 - exact).max() / np.abs(shown[-1]).max()
    assert distance < 2e-3


def test_kept_waveforms_of_what_turns_for_ever_stay_few():
    """An oscillation between limits: no band tells of its end, and it is shown all the same."""
    A, b = [[1, 0.5], [0.5, 1], [0.3, 0.7]], [1, 0.2, 0.4]
    with pytest.warns(amc.CautionWarning, match="did not settle"):
        run = amc.solve(
            "nnls", A, b, fidelity="behavioural", circuit="ginv-classic", second_pole=1e7
        )
    assert not run.settled
    time, outputs = run.waveforms.solution()
    assert 1000 < len(time) < 100_000
    assert (np.diff(time) > 0).all()
    assert np.ptp(outputs[-500:], axis=0).max() > 0.05 * np.abs(outputs).max()


def test_an_amplifier_that_drives_another_of_its_own_rate_is_followed():
    """Cells that are off leave rates that are equal to the last bit, and no eigenvectors."""
    A = np.array(
        [
            [0.9085419453108107, 0.002705766374996181, -0.04503735430221124, -0.015728170730890837],
            [0.002705766374996181, 1.1390512051109656, 0.040910874807970836, 0.12600743869051748],
            [-0.04503735430221124, 0.040910874807970836, 0.9811065412701149, 0.058204334003351586],
            [-0.015728170730890837, 0.12600743869051748, 0.058204334003351586, 1.0513522244780993],
        ]
    )
    options = {
        "circuit": "inv-compensated", "levels": 8, "write_noise": 0.01, "seed": 2968811710,
        "keep_waveforms": False,
    }  # fmt: skip
    run = amc.solve("inv", A, np.ones(4), fidelity="behavioural", **options)
    rest = amc.solve("inv", A, np.ones(4), fidelity="dc", **options)
    np.testing.assert_allclose(run.x, rest.x, rtol=1e-9)
    assert run.settling_time == pytest.approx(7.426125306e-9, rel=1e-6)
