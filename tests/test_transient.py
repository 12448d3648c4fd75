"""Streaming through transients: fidelities agree, the step does not matter, chunks do not show."""

import contextlib
import itertools
import warnings

import numpy as np
import pytest
from oracles import random_problem

import amcspice as amc
from amcspice.engine import (
    Decks,
    LinearModel,
    Streamer,
    choose_transient,
    get_simulator,
)
from amcspice.errors import InputError
from amcspice.measure import measure_settling
from amcspice.reduction import reduce_to_ports

pytestmark = pytest.mark.ngspice

UNEQUAL = amc.Wire(row=1.0, column=2.5, driver=3.0, termination=4.0)


def largest_distance(first, second):
    """Largest distance of two waveforms at all their instants, as a fraction of full scale."""
    time, outputs = first.waveforms.solution()
    other_time, other_outputs = second.waveforms.solution()
    instants = np.union1d(time, other_time)
    distance = max(
        np.abs(
            np.interp(instants, time, outputs[:, k])
            - np.interp(instants, other_time, other_outputs[:, k])
        ).max()
        for k in range(outputs.shape[1])
    )
    return distance / np.abs(outputs).max()


def chosen(circuit, fidelity="reduced"):
    """Window and largest step that would be chosen for a circuit."""
    linear = LinearModel.of(circuit, reduce_to_ports(circuit.schematic))
    return choose_transient(circuit, linear, klu=False, flat=fidelity == "flat")


@pytest.mark.slow
@pytest.mark.parametrize("constraint", [amc.NonNegative(), amc.Unconstrained()])
@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_flat_and_reduced_waveforms_agree(circuit_type, constraint, measured):
    """The largest step governs, so that both runs stop at the same instants."""
    A, b = random_problem(3)
    circuit = circuit_type(A, wire=UNEQUAL, constraint=constraint, opamp=amc.OpAmp(gain=1e5))
    window = 0.5 * chosen(circuit).window
    accuracy = {"window": window, "max_step": window / 1000, "relative_tolerance": 1e-3}
    flat, reduced = (
        amc.simulate(circuit, b, fidelity=fidelity, **accuracy) for fidelity in ("flat", "reduced")
    )
    distance = largest_distance(flat, reduced)
    measured("largest distance of the waveforms", distance)
    assert distance < 1e-5
    assert flat.settling_time == pytest.approx(reduced.settling_time, rel=1e-3)


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_shared_and_batch_waveforms_agree(circuit_type, measured):
    A, b = random_problem(3, vectors=2)
    circuit = circuit_type(A, wire=UNEQUAL, constraint=amc.NonNegative())
    shared, batch = (amc.simulate(circuit, b, simulator=name) for name in ("shared", "batch"))
    distance = largest_distance(shared, batch)
    measured("largest distance of the waveforms", distance)
    assert distance < 1e-6
    assert shared.provenance["deck_sha256"] == batch.provenance["deck_sha256"]


def test_row_and_column_wires_are_not_swapped():
    """Transposed wires give another answer, and both agree with a flat deck."""
    A, b = random_problem(12, rows=24, columns=4)
    answers = {}
    for row, column in ((20.0, 1.0), (1.0, 20.0)):
        circuit = amc.CompactGINV(A, wire=amc.Wire(row=row, column=column))
        flat, reduced = (amc.simulate(circuit, b, fidelity=f) for f in ("flat", "reduced"))
        np.testing.assert_allclose(flat.x, reduced.x, atol=1e-6 * np.abs(flat.x).max())
        answers[row] = flat.x
    difference = np.linalg.norm(answers[20.0] - answers[1.0])
    assert difference > 0.02 * np.linalg.norm(answers[1.0])
    # Long columns (24 cells) drop more than short rows (8 cells of both arrays).
    exact = np.linalg.lstsq(A, b)[0]
    assert np.linalg.norm(answers[1.0] - exact) > np.linalg.norm(answers[20.0] - exact)


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_matrix_solvers_agree(circuit_type):
    """Asking for KLU where it is not compiled in is harmless: ngspice then takes SPARSE."""
    A, b = random_problem(3, rows=16, columns=4)
    circuit = circuit_type(A, wire=UNEQUAL)
    sparse, klu = (
        amc.simulate(circuit, b, fidelity="flat", matrix_solver=name) for name in ("sparse", "klu")
    )
    np.testing.assert_allclose(klu.x, sparse.x, rtol=0, atol=1e-6 * np.abs(sparse.x).max())
    assert klu.settling_time == pytest.approx(sparse.settling_time, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_halving_the_step_keeps_settling_times(circuit_type, measured):
    A, b = random_problem(3, vectors=6)
    circuit = circuit_type(A, constraint=amc.NonNegative(), opamp=amc.OpAmp(gain=1e5))
    full = amc.simulate(circuit, b)
    half = amc.simulate(circuit, b, max_step=chosen(circuit).max_step / 2)
    assert full.all_settled
    moved = np.abs(half.settling_time / full.settling_time - 1).max()
    measured("largest relative change", moved)
    assert moved < 0.02


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_settling_agrees_with_the_linear_model(circuit_type, measured):
    """Every streamed right-hand side starts where the last one rested; superposition gives it."""
    A, b = random_problem(3, vectors=6)
    circuit = circuit_type(A, opamp=amc.OpAmp(gain=1e5))
    model = reduce_to_ports(circuit.schematic)
    linear = LinearModel.of(circuit, model)
    outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
    run = amc.simulate(circuit, b)
    currents = model.port_currents(circuit.schematic.currents(b.T, run.volts_per_unit))
    times = np.linspace(0, chosen(circuit).window, 20001)
    before = np.zeros_like(currents[0])
    expected = []
    for current in currents:
        change = linear.step_response(current - before, times)
        waveforms = change + linear.operating_point(before)
        expected.append(measure_settling(times, waveforms[:, outputs]).time)
        before = current
    distance = np.abs(run.settling_time / expected - 1).max()
    measured("largest relative distance", distance)
    assert distance < 0.02


def test_chunks_and_windows_do_not_show():
    A, b = random_problem(13, rows=12, columns=3, vectors=7)
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative())
    model = reduce_to_ports(circuit.schematic)
    outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
    transient = chosen(circuit).with_changes(max_step=chosen(circuit).window / 200)
    currents = circuit.schematic.currents(b.T, 0.5)

    def stream(chunk):
        streamer = Streamer(
            decks=Decks(circuit, model),
            simulator=get_simulator(),
            transient=transient,
            doublings=0,
            chunk=chunk,
        )
        return [segment for stream in streamer.run(currents) for segment in stream]

    whole, in_chunks = stream(64), stream(3)
    assert len(whole) == len(in_chunks) == 7
    for single, other in zip(whole, in_chunks, strict=True):
        settled, chunked = (
            measure_settling(segment.time, segment.voltages[:, outputs])
            for segment in (single, other)
        )
        np.testing.assert_allclose(chunked.final, settled.final, atol=1e-6)
        assert chunked.time == pytest.approx(settled.time, rel=5e-3)
        assert 0 <= single.time[0] <= transient.rise
        assert single.time[-1] == pytest.approx(transient.window)
    with pytest.raises(InputError, match="chunk"):
        stream(0)


def test_segments_follow_each_other_without_a_jump():
    A, b = random_problem(13, rows=12, columns=3, vectors=4)
    run = amc.simulate(amc.CompactGINV(A), b)
    segments = run.waveforms.segments
    full_scale = np.abs(segments[0].voltages).max()
    for before, after in itertools.pairwise(segments):
        np.testing.assert_allclose(after.voltages[0], before.voltages[-1], atol=1e-3 * full_scale)


def test_a_window_that_is_too_short_is_doubled_until_at_rest():
    """From where the last input ended: what does not rest is run again behind its predecessor."""
    A, b = random_problem(14, rows=12, columns=3)
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative())
    vectors = np.stack([b, 0.0 * b, b], axis=1)
    good = amc.simulate(circuit, vectors)
    model, window = reduce_to_ports(circuit.schematic), chosen(circuit).window / 8
    streamer = Streamer(
        decks=Decks(circuit, model), simulator=get_simulator(),
        transient=chosen(circuit).with_changes(window=window),
    )  # fmt: skip
    (stream,) = streamer.run(circuit.schematic.currents(vectors.T, good.volts_per_unit))
    outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
    assert stream.at_rest.all()
    assert max(segment.time[-1] for segment in stream) > 1.99 * window
    for number, segment in enumerate(stream):
        settled = measure_settling(segment.time, segment.voltages[:, outputs])
        # A tail that is flat to a tenth of the band may still be a fifth of the band from its end.
        assert settled.time == pytest.approx(good.settling_time[number], rel=0.15)
        np.testing.assert_allclose(settled.final, good.measurement.outputs[number], atol=2e-3)


def test_a_run_that_never_rests_says_so():
    A, b = random_problem(14, rows=12, columns=3)
    circuit = amc.CompactGINV(A)
    with pytest.warns(amc.CautionWarning, match="1 of 1 right-hand sides did not settle"):
        hopeless = amc.simulate(circuit, b, window=chosen(circuit).window / 1000)
    assert not hopeless.settled
    assert not hopeless.all_settled
    assert np.isnan(hopeless.settling_time)
    assert np.isnan(hopeless.energy)


def test_window_follows_the_slowest_time_constant_and_the_slew_rate():
    A, _ = random_problem(0)
    slow, fast = (chosen(amc.CompactGINV(A, opamp=amc.OpAmp(gbw=f))) for f in (1e7, 1e9))
    assert slow.window == pytest.approx(100 * fast.window, rel=1e-9)
    assert slow.max_step < slow.window / 10
    slewing = amc.OpAmp(gbw=1e7, slew_rate=1e6)
    assert chosen(amc.CompactGINV(A, opamp=slewing)).window > slow.window + 1.0 / 1e6


def test_klu_is_chosen_where_it_gains():
    A, _ = random_problem(0)
    circuit = amc.CompactGINV(A)
    linear = LinearModel.of(circuit, reduce_to_ports(circuit.schematic))
    choose = {
        (klu, fidelity): choose_transient(circuit, linear, klu=klu, flat=fidelity == "flat").solver
        for klu in (True, False)
        for fidelity in ("flat", "reduced")
    }
    assert choose[True, "flat"] == "klu"
    assert choose[True, "reduced"] == "sparse"
    assert choose[False, "flat"] == choose[False, "reduced"] == "sparse"
    large = amc.CompactGINV(np.eye(20))
    decks = Decks(large, reduce_to_ports(large.schematic))
    assert decks.nodes == 20
    linear = LinearModel.of(large, decks.model)
    solvers = [
        choose_transient(large, linear, klu=True, flat=False, nodes=nodes).solver
        for nodes in (decks.nodes, None)
    ]
    assert solvers == ["sparse", "klu"]


@pytest.mark.ngspice
def test_an_unstable_mode_is_refused_only_where_no_constraint_can_hold_it():
    """Unequal write noise in the two arrays of nearly dependent columns makes a mode grow."""
    draw = np.random.default_rng(3)
    column = draw.random((5, 1))
    A = np.hstack([column, column + 0.02 * draw.random((5, 1)), draw.random((5, 2))])
    device = amc.Memristor(levels=16, write_noise=0.03, seed=3)
    b = A @ draw.random(4)
    with pytest.raises(amc.UnsupportedError, match="unstable: eigenvalue"):
        amc.simulate(amc.CompactGINV(A, device=device), b)
    run = amc.simulate(amc.CompactGINV(A, device=device, constraint=amc.NonNegative()), b)
    assert run.all_settled
    assert not run.near_limit
    assert run.x.min() > -1e-6


@pytest.mark.parametrize("fidelity", ["reduced", "behavioural"])
def test_a_window_that_is_given_is_kept(fidelity):
    """Long enough for nothing, for the settling time, and for all of rest."""
    A, b = random_problem(3, rows=12, columns=3)
    vectors = np.stack([b, 0.8 * b, b], axis=1)
    circuit = amc.CompactGINV(A)
    whole = amc.simulate(circuit, vectors, fidelity="behavioural")
    longest = float(whole.settling_time.max())
    for part, settles in ((0.5, False), (2.5, True), (12.0, True)):
        window = part * longest
        with (
            contextlib.nullcontext()
            if settles
            else pytest.warns(amc.CautionWarning, match="3 of 3 right-hand sides did not settle")
        ):
            run = amc.simulate(circuit, vectors, window=window, fidelity=fidelity)
        assert (run.settled == settles).all()
        if settles:
            # From another instant: a tail is flat to a tenth of the band.
            np.testing.assert_allclose(run.settling_time, whole.settling_time, rtol=0.05)
        if fidelity == "reduced" or not settles:
            ends = [segment.time[-1] for segment in run.waveforms.segments]
            np.testing.assert_allclose(ends, window, rtol=1e-6)


@pytest.mark.parametrize("part", [0.5, 2.5, 12.0])
def test_a_window_that_is_given_is_verified_at_the_same_instants(part):
    A, b = random_problem(3, rows=12, columns=3)
    circuit = amc.CompactGINV(A)
    window = part * float(amc.simulate(circuit, b, fidelity="behavioural").settling_time)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "1 of 1 right-hand sides did not settle")
        run = amc.simulate(circuit, b, fidelity="behavioural", window=window, verify=1)
    assert run.verification.passed
    assert np.isnan(run.settling_time) == (part < 1)
