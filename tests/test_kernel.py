"""Invariants of the behavioural engine, and what measures many segments at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import nnls, random_problem

import amcspice as amc
from amcspice.engine import Batch, Drive, Integrator, Segment, Stream
from amcspice.engine.behavioural import backend, stepping
from amcspice.errors import InputError, UnsupportedError
from amcspice.measure import measure_settling
from amcspice.measure.settling import measure_settlings

GOOD = amc.OpAmp(gain=1e5)
CIRCUITS = [amc.ClassicGINV, amc.CompactGINV]


def behavioural(circuit, b, **options):
    return amc.simulate(circuit, b, fidelity="behavioural", **options)


def take_steps(monkeypatch, large):
    """Integrate all circuits in steps, in Krylov spaces from a number of states on."""
    monkeypatch.setattr(backend, "takes_steps", lambda *_: True)
    monkeypatch.setattr(stepping, "LARGE", large)


def same_waveforms(first, second):
    for segment, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(segment.time, other.time)
        np.testing.assert_array_equal(segment.voltages, other.voltages)
        np.testing.assert_array_equal(segment.supply, other.supply)


@pytest.mark.parametrize("circuit_type", CIRCUITS)
def test_chunks_change_nothing(circuit_type):
    A, b = random_problem(13, rows=12, columns=3, vectors=11)
    circuit = circuit_type(A, constraint=amc.NonNegative(), opamp=GOOD)
    batch = Batch.of([circuit])
    drive = Drive.of(batch, [circuit.schematic.currents(b.T, 0.5)])

    def run(chunk):
        engine = Integrator(batch, longest=np.ones(1), chunk=chunk)
        rests, times = [], []
        for stream in engine.run(drive):
            solution = stream.voltages[:, batch.outputs]
            settlings = measure_settlings(
                stream.time, solution, stream.starts, 0.01, stream.at_rest
            )
            rests.append(settlings.final)
            times.append(settlings.time)
        return np.concatenate(rests), np.concatenate(times)

    whole, times = run(256)
    for chunk in (1, 4):
        chunked, other_times = run(chunk)
        np.testing.assert_allclose(chunked, whole, rtol=0, atol=1e-5 * np.abs(whole).max())
        np.testing.assert_allclose(other_times, times, rtol=2e-3)
    with pytest.raises(InputError, match="chunk = 0"):
        run(0)


def test_jobs_change_nothing():
    A, b = random_problem(13, rows=8, columns=3, vectors=2500)
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative(), opamp=GOOD)
    alone, shared = (behavioural(circuit, b, jobs=jobs) for jobs in (1, 2))
    np.testing.assert_array_equal(alone.x, shared.x)
    np.testing.assert_array_equal(alone.settling_time, shared.settling_time)
    np.testing.assert_array_equal(alone.energy, shared.energy)
    for name, values in alone.power.items():
        np.testing.assert_array_equal(values, shared.power[name])
    same_waveforms(alone.waveforms.segments, shared.waveforms.segments)


@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
@pytest.mark.parametrize("opamp", [GOOD, amc.OpAmp.preset("onchip-1g")], ids=["linear", "slewing"])
@pytest.mark.parametrize("circuit_type", CIRCUITS)
@pytest.mark.parametrize("large", [None, 10**9, 1], ids=["trajectories", "matrices", "krylov"])
def test_regions_met_before_change_nothing(circuit_type, opamp, large, monkeypatch):
    if large is not None:
        take_steps(monkeypatch, large)
    A, b = random_problem(13, rows=12, columns=4, vectors=20)
    circuit = circuit_type(A, constraint=amc.NonNegative(), opamp=opamp)
    batch = Batch.of([circuit])
    currents = circuit.schematic.currents(b.T, 0.1 * opamp.highest_output)
    drive = Drive.of(batch, [currents])

    def fresh():
        return Integrator(batch, longest=np.ones(1))

    used = fresh()
    first, again, other = (
        [segment for stream in engine.run(drive) for segment in stream]
        for engine in (used, used, fresh())
    )
    same_waveforms(first, again)
    same_waveforms(first, other)
    # Others in between fill the room for pieces with theirs.
    list(used.run(Drive.of(batch, [-currents[::-1]])))
    same_waveforms(first, [segment for stream in used.run(drive) for segment in stream])


SLEWING = amc.OpAmp(gain=1e4, gbw=1e9, slew_rate=2e8)
TWO_POLES = amc.OpAmp(gain=1e5, gbw=1e8, second_pole=2e9, slew_rate=2e7, input_capacitance=1e-14)


@pytest.mark.parametrize(
    "opamp", [GOOD, SLEWING, TWO_POLES], ids=["linear", "slewing", "two poles"]
)
@pytest.mark.parametrize("circuit_type", [*CIRCUITS, amc.Eigen])
def test_krylov_spaces_give_what_matrices_give(circuit_type, opamp, monkeypatch):
    draw = np.random.default_rng(4)
    if circuit_type is amc.Eigen:
        spread = draw.random((12, 30))
        circuit, vectors = amc.Eigen(spread @ spread.T, opamp=opamp), draw.random((12, 1))
    else:
        A, vectors = random_problem(14, rows=24, columns=6, vectors=3)
        device = amc.Memristor(levels=None)
        circuit = circuit_type(A, constraint=amc.NonNegative(), opamp=opamp, device=device)

    def run(large):
        take_steps(monkeypatch, large)
        return behavioural(circuit, vectors, read_voltage=1.25)

    matrices, spaces = run(10**9), run(1)
    scale = np.abs(matrices.x).max()
    np.testing.assert_allclose(spaces.x, matrices.x, rtol=0, atol=1e-7 * scale)
    assert spaces.settled.all()
    assert matrices.settled.all()
    np.testing.assert_allclose(spaces.settling_time, matrices.settling_time, rtol=1e-5)
    np.testing.assert_allclose(spaces.energy, matrices.energy, rtol=1e-5)
    assert not np.array_equal(spaces.x, matrices.x)


@pytest.mark.parametrize("circuit_type", CIRCUITS)
def test_voltages_scale_with_the_currents(circuit_type):
    """Without slew limit and upper rail a constraint at zero has no scale."""
    A, b = random_problem(5, rows=12, columns=4, vectors=3)
    circuit = circuit_type(A, constraint=amc.NonNegative(), opamp=GOOD)
    full, half = (behavioural(circuit, b, read_voltage=volts) for volts in (2.0, 1.0))
    np.testing.assert_allclose(full.x, half.x, atol=1e-6 * np.abs(full.x).max())
    np.testing.assert_allclose(full.settling_time, half.settling_time, rtol=1e-6)


@pytest.mark.parametrize("circuit_type", CIRCUITS)
def test_permuting_rows_and_columns_permutes_the_answer(circuit_type):
    A, b = random_problem(6, rows=16, columns=5)
    draw = np.random.default_rng(0)
    rows, columns = draw.permutation(16), draw.permutation(5)
    options = {"constraint": amc.NonNegative(), "opamp": GOOD}
    plain = behavioural(circuit_type(A, **options), b)
    moved = behavioural(circuit_type(A[rows][:, columns], **options), b[rows])
    np.testing.assert_allclose(moved.x, plain.x[columns], atol=1e-7 * np.abs(plain.x).max())
    np.testing.assert_allclose(moved.settling_time, plain.settling_time, rtol=1e-3)


@pytest.mark.parametrize("circuit_type", CIRCUITS)
def test_the_order_of_right_hand_sides_changes_the_way_but_no_answer(circuit_type):
    A, b = random_problem(7, rows=16, columns=4, vectors=12)
    circuit = circuit_type(A, constraint=amc.NonNegative(), opamp=GOOD)
    forward, backward = behavioural(circuit, b), behavioural(circuit, b[:, ::-1])
    scale = np.abs(forward.x).max()
    np.testing.assert_allclose(backward.x[:, ::-1], forward.x, atol=1e-5 * scale)
    assert not np.array_equal(backward.settling_time[::-1], forward.settling_time)


def test_an_amplifier_with_a_current_limit_is_refused():
    A, b = random_problem(7, rows=6, columns=2)
    circuit = amc.CompactGINV(A, opamp=amc.OpAmp(output_current_limit=1e-2))
    with pytest.raises(UnsupportedError, match="no output current limit; use reduced or flat"):
        behavioural(circuit, b)


def test_an_unstable_circuit_is_refused_unless_a_constraint_holds_it():
    """The same circuit as in ngspice: unequal write noise makes a mode grow."""
    draw = np.random.default_rng(3)
    column = draw.random((5, 1))
    A = np.hstack([column, column + 0.02 * draw.random((5, 1)), draw.random((5, 2))])
    device = amc.Memristor(levels=16, write_noise=0.03, seed=3)
    b = A @ draw.random(4)
    with pytest.raises(UnsupportedError, match="unstable: eigenvalue"):
        behavioural(amc.CompactGINV(A, device=device), b)
    run = behavioural(amc.CompactGINV(A, device=device, constraint=amc.NonNegative()), b)
    assert run.all_settled
    assert run.x.min() > -1e-6


def test_too_short_a_window_is_told():
    A, b = random_problem(14, rows=12, columns=3, vectors=2)
    with pytest.warns(amc.CautionWarning, match="2 of 2 right-hand sides did not settle"):
        run = behavioural(amc.CompactGINV(A), b, window=1e-9)
    assert not run.settled.any()
    assert np.isnan(run.settling_time).all()
    assert np.isnan(run.energy).all()


@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
@pytest.mark.parametrize(
    "opamp",
    [
        amc.OpAmp.preset("onchip-1g"),
        amc.OpAmp(gain=1e5, input_capacitance=1e-13),
        amc.OpAmp(gain=1e5, second_pole=1e9),
    ],
    ids=["slewing", "input capacitance", "second pole"],
)
@pytest.mark.parametrize("hold", [True, False])
def test_stiff_pieces_keep_their_digits(opamp, hold, measured):
    """Limits and capacitances are a thousand times faster than the circuit; all come to rest."""
    A, b = random_problem(3, rows=16, columns=4, vectors=60)
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative(hold=hold), opamp=opamp)
    run = behavioural(circuit, b)
    samples = [len(segment.time) for segment in run.waveforms.segments]
    measured("most samples", max(samples))
    assert run.all_settled
    assert max(samples) < 600


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(64, 24), (128, 32)])
def test_more_columns_agree_with_scipy(shape, measured):
    """More than 24 states: matrices go through BLAS and LAPACK."""
    A, b = random_problem(2, *shape, vectors=5)
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative(), opamp=amc.OpAmp(gain=1e6))
    run = behavioural(circuit, b)
    assert run.all_settled
    for x, vector in zip(run.x.T, b.T, strict=True):
        expected = nnls(A, vector)
        error = np.linalg.norm(x - expected) / np.linalg.norm(expected)
        measured("relative error", error)
        assert error < 1e-3
    better = amc.CompactGINV(A, constraint=amc.NonNegative(), opamp=amc.OpAmp(gain=1e7))
    # What remains is the finite gain.
    assert (behavioural(better, b).relative_error < 0.2 * run.relative_error).all()


@pytest.mark.parametrize("vectors", [40])
def test_classic_circuits_of_forty_states_agree_with_scipy(vectors, measured):
    A, b = random_problem(3, vectors=vectors)
    run = behavioural(amc.ClassicGINV(A, constraint=amc.NonNegative(), opamp=GOOD), b)
    assert run.all_settled
    measured("largest relative error", run.relative_error.max())
    assert run.relative_error.max() < 5e-4


# Many segments at once.


@st.composite
def segments(draw):
    """One to six segments of random lengths: steps that decay, ring, or do not end."""
    waves = []
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    for _ in range(draw(st.integers(1, 6))):
        count = draw(st.integers(2, 40))
        time = np.append(0.0, np.cumsum(random.uniform(1e-9, 1e-7, count - 1)))
        rate = random.uniform(0.1, 20, 3) / time[-1]
        turn = random.uniform(0, 30) / time[-1]
        decay = np.exp(-np.outer(time, rate)) * np.cos(turn * time)[:, None]
        voltages = random.standard_normal(3) + decay * random.standard_normal(3)
        waves.append(Segment(time, voltages, random.standard_normal((count, 2))))
    return waves


@settings(max_examples=200, deadline=None, derandomize=True)
@given(segments(), st.sampled_from([0.1, 0.01, 0.001]))
def test_segments_measured_at_once_are_those_measured_one_by_one(waves, tolerance):
    stream = Stream.join(waves, np.ones(len(waves), bool))
    settlings = measure_settlings(stream.time, stream.voltages, stream.starts, tolerance)
    for index, segment in enumerate(waves):
        alone = measure_settling(segment.time, segment.voltages, tolerance)
        assert settlings.settled[index] == alone.settled
        np.testing.assert_array_equal(settlings.time[index], alone.time)
        np.testing.assert_array_equal(settlings.final[index], alone.final)
        assert settlings.band[index] == alone.band


@settings(max_examples=50, deadline=None, derandomize=True)
@given(segments())
def test_joined_segments_come_back(waves):
    stream = Stream.join(waves, np.ones(len(waves), bool))
    assert len(stream) == len(waves)
    assert stream.starts[-1] == len(stream.time)
    same_waveforms(stream, waves)
    same_waveforms([stream[len(waves) - 1]], waves[-1:])


def test_what_the_engine_knows_to_rest_needs_no_flat_tail():
    time, outputs = np.array([0.0, 1.0, 2.0]), np.array([[0.0], [0.9], [1.0]])
    starts = np.array([0, 3])
    judged = measure_settlings(time, outputs, starts, 0.01)
    resting = measure_settlings(time, outputs, starts, 0.01, np.array([True]))
    assert not judged.settled[0]
    assert resting.settled[0]
    assert 1 < resting.time[0] <= 2
    moving = measure_settlings(time, outputs, starts, 0.01, np.array([False]))
    assert np.isnan(moving.time[0])


@pytest.mark.parametrize("gain", [1.25, 50.0])
def test_starts_of_either_sign_slew_alike(gain, monkeypatch):
    """Inverters move the other way, and with a large gain nothing else comes near the limit."""
    draw = np.random.default_rng(4)
    spread = draw.random((6, 30))
    opamp = amc.OpAmp(gain=1e5, slew_rate=2e7)
    circuit = amc.Eigen(spread @ spread.T, opamp=opamp, inverter_gain=gain)
    start = draw.random(6)
    one, other = (amc.simulate(circuit, s, fidelity="behavioural") for s in (start, -start))
    monkeypatch.setattr(backend, "takes_steps", lambda *_: True)
    steps = amc.simulate(circuit, start, fidelity="behavioural")
    assert other.settling_time == pytest.approx(float(one.settling_time), rel=1e-6)
    assert steps.settling_time == pytest.approx(float(one.settling_time), rel=1e-4)


def test_what_is_out_of_time_ends_at_its_own_circuit_s():
    A, b = random_problem(14, rows=12, columns=3, vectors=2)
    circuits = [amc.CompactGINV(A), amc.CompactGINV(A[::-1])]
    batch = Batch.of(circuits)
    drive = Drive.of(batch, [each.schematic.currents(b.T, 0.5) for each in circuits])
    longest = np.array([1e-9, 2e-9])
    for waveforms in (True, False):
        ends = []
        for stream in Integrator(batch, longest=longest).run(drive, waveforms=waveforms):
            assert not stream.at_rest.any()
            ends += list(stream.time[stream.starts[1:] - 1])
        np.testing.assert_allclose(ends, np.repeat(longest, 2))


def test_chunks_change_nothing_of_what_converters_sample():
    A, b = random_problem(13, rows=12, columns=3, vectors=7)
    circuit = amc.CompactGINV(
        A, constraint=amc.NonNegative(), opamp=amc.OpAmp(gain=1e5), adc=amc.ADC(sample_time=2e-7)
    )
    batch = Batch.of([circuit])
    drive = Drive.of(batch, [circuit.schematic.currents(b.T, 0.5)])

    def run(chunk):
        engine = Integrator(batch, longest=np.ones(1), chunk=chunk)
        exact = [stream.exact for stream in engine.run(drive, waveforms=False)]
        return [
            np.concatenate([getattr(each, name) for each in exact])
            for name in ("sampled", "settling_time", "energy")
        ]

    for whole, chunked in zip(run(256), run(2), strict=True):
        np.testing.assert_allclose(chunked, whole, rtol=2e-3, atol=1e-5 * np.abs(whole).max())
