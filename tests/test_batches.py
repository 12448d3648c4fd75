"""`simulate_many` gives what `simulate` gives: a batch changes nothing."""

import dataclasses

import numpy as np
import pytest
from oracles import random_problem

import amcspice as amc
from amcspice.engine import BACKENDS, Batch, Stream
from amcspice.engine.headway import heard_by, tell
from amcspice.engine.waveforms import Segment
from amcspice.errors import UnstableError
from amcspice.simulation import simulate_many
from amcspice.simulation.once import drive_of

NGSPICE = pytest.param("reduced", marks=pytest.mark.ngspice)
FIELDS = ("x", "reference", "relative_error", "settled", "settling_time", "energy")


def selections(count, seed=4):
    A, b = random_problem(seed, rows=20, columns=4, vectors=count)
    whole = amc.CompactGINV(
        A, constraint=amc.NonNegative(hold=True), opamp=amc.OpAmp(quiescent_current=1e-4)
    )
    draw = np.random.default_rng(seed)
    rows = [np.sort(draw.choice(20, draw.integers(5, 20), replace=False)) for _ in range(count)]
    circuits = [whole.select(one, ridge=0.1 * len(one)) for one in rows]
    return circuits, [b[one, k] for k, one in enumerate(rows)]


@pytest.mark.parametrize("fidelity", ["behavioural", NGSPICE])
def test_each_is_what_it_is_alone(fidelity):
    circuits, vectors = selections(6)
    counted = []
    together = simulate_many(circuits, vectors, amc.Analysis(fidelity=fidelity), counted.append)
    assert sum(counted) == pytest.approx(6)
    for circuit, b, run in zip(circuits, vectors, together, strict=True):
        alone = amc.simulate(circuit, b, fidelity=fidelity, keep_waveforms=False)
        for name in FIELDS:
            np.testing.assert_allclose(getattr(run, name), getattr(alone, name), rtol=1e-9)
        assert run.power.keys() == alone.power.keys()
        for name, watts in alone.power.items():
            np.testing.assert_allclose(run.power[name], watts, rtol=1e-6, atol=1e-12)
        assert run.volts_per_unit == alone.volts_per_unit
        assert run.amplifiers == alone.amplifiers
        assert run.cells == alone.cells


def test_circuits_of_several_sizes():
    circuits, vectors = selections(3)
    A, b = random_problem(1, rows=6, columns=2)
    circuits.insert(1, amc.CompactGINV(A, constraint=amc.NonNegative(hold=True)))
    vectors.insert(1, b)
    found = simulate_many(circuits, vectors, amc.Analysis(fidelity="behavioural"))
    assert [len(run.x) for run in found] == [4, 2, 4, 4]


def test_range_that_is_too_large_is_halved():
    """An output far above what the reference foretells, because the cells are noisy."""
    A, b = random_problem(2, rows=8, columns=2)
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative(hold=True))
    analysis = amc.Analysis(fidelity="behavioural", read_voltage=4.95)
    (run,) = simulate_many([circuit], [b], analysis)
    alone = amc.simulate(circuit, b, analysis=analysis)
    assert run.range_halvings == alone.range_halvings == 1
    np.testing.assert_allclose(run.x, alone.x)


@pytest.mark.parametrize("fidelity", ["behavioural", "dc", NGSPICE])
def test_in_a_batch_each_range_is_halved_as_often_as_alone(fidelity):
    draw = np.random.default_rng(5)
    circuits, vectors = [], []
    for seed, noise in enumerate([0.0, 0.3, 0.0, 0.5]):
        A, b = random_problem(seed, rows=8, columns=2)
        device = amc.Memristor(write_noise=noise, seed=seed)
        circuits.append(amc.CompactGINV(A, device=device))
        vectors.append(b if seed != 2 else b + 0.1 * draw.standard_normal(8))
    analysis = amc.Analysis(fidelity=fidelity, read_voltage=4.5)
    found = simulate_many(circuits, vectors, analysis)
    alone = [amc.simulate(*one, analysis=analysis) for one in zip(circuits, vectors, strict=True)]
    assert [run.range for run in found] == [run.range for run in alone]
    assert min(run.range_halvings for run in found) == 0
    assert max(run.range_halvings for run in found) > 0


def assert_equal_runs(found, alone):
    for name in FIELDS:
        np.testing.assert_allclose(getattr(found, name), getattr(alone, name), rtol=1e-9)
    for name, watts in alone.power.items():
        np.testing.assert_allclose(found.power[name], watts, rtol=1e-6, atol=1e-12)
    assert found.provenance["options"] == alone.provenance["options"]
    assert found.provenance["circuit"] == alone.provenance["circuit"]


PLAIN = amc.OpAmp(quiescent_current=1e-4, gain=1e4)
VARIANTS = {
    "slew": (amc.CompactGINV, {"opamp": amc.OpAmp.preset("ad823")}),
    "second-pole": (amc.CompactGINV, {"opamp": amc.OpAmp(gbw=1e8, second_pole=5e8)}),
    "one-rings": (amc.CompactGINV, {"opamp": amc.OpAmp(gbw=1e8, second_pole=3e7)}),
    "input-capacitance": (amc.CompactGINV, {"opamp": amc.OpAmp(input_capacitance=1e-12)}),
    "offset": (amc.CompactGINV, {"opamp": amc.OpAmp(offset_sigma=1e-4, gain_sigma=0.2)}),
    "wires": (amc.CompactGINV, {"wire": amc.Wire(row=2.0, column=3.0, driver=10.0)}),
    "leads": (amc.CompactGINV, {"wire": amc.Wire(termination=20.0)}),
    "no-hold": (amc.CompactGINV, {"constraint": amc.NonNegative(hold=False), "opamp": PLAIN}),
    "unconstrained": (amc.CompactGINV, {"constraint": amc.Unconstrained(), "opamp": PLAIN}),
    "lasso": (amc.CompactGINV, {"lasso": 0.05, "ridge": 0.01}),
    "classic": (amc.ClassicGINV, {"opamp": PLAIN}),
}


@pytest.mark.parametrize("fidelity", ["behavioural", NGSPICE])
@pytest.mark.parametrize("name", VARIANTS)
def test_several_right_hand_sides_of_every_kind_of_circuit(name, fidelity):
    topology, options = VARIANTS[name]
    problems = [random_problem(seed, rows=9, columns=3, vectors=4) for seed in range(3)]
    circuits = [
        topology(A, **{"constraint": amc.NonNegative(), **options}, device=amc.Memristor(seed=seed))
        for seed, (A, _) in enumerate(problems)
    ]
    # Volts that the slew rate limits.
    analysis = amc.Analysis(fidelity=fidelity, read_voltage=1.25)
    together = simulate_many(circuits, [b for _, b in problems], analysis)
    for circuit, (_, b), run in zip(circuits, problems, together, strict=True):
        alone = amc.simulate(circuit, b, analysis=analysis, keep_waveforms=False)
        assert run.x.shape == (3, 4)
        assert_equal_runs(run, alone)


def test_circuits_with_line_capacitance_run_by_themselves():
    A, b = random_problem(3, rows=6, columns=2)
    wire = amc.Wire(row=1.0, column=1.0, row_capacitance=1e-15, column_capacitance=1e-15)
    circuits = [amc.CompactGINV(A, constraint=amc.NonNegative(), wire=wire)] * 2
    for run in simulate_many(circuits, [b, 2 * b], amc.Analysis(fidelity="behavioural")):
        assert run.settled.all()


@pytest.mark.parametrize("fidelity", ["behavioural", NGSPICE])
def test_what_stands_beside_a_circuit_changes_nothing(monkeypatch, fidelity):
    circuits, vectors = selections(9)
    analysis = amc.Analysis(fidelity=fidelity)
    found = {}
    for count in (1, 2, 9):
        monkeypatch.setattr(BACKENDS[fidelity], "largest_batch", count)
        found[count] = simulate_many(circuits, vectors, analysis)
    for count in (1, 2):
        for one, other in zip(found[count], found[9], strict=True):
            for name in FIELDS:
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            assert one.provenance["deck_sha256"] == other.provenance["deck_sha256"]


def test_an_unstable_circuit_is_refused_and_one_that_is_allowed_runs_away():
    A = np.array([[1.0, 0.9], [0.9, 0.1]])
    stable = amc.INV(np.array([[1.0, 0.1], [0.1, 1.0]]))
    unstable = amc.INV(A)
    b = np.array([0.3, 0.2])
    with pytest.raises(UnstableError):
        simulate_many([stable, unstable], [b, b], amc.Analysis(fidelity="behavioural"))
    allowed = amc.Analysis(fidelity="behavioural", allow_unstable=True)
    first, second = simulate_many([stable, unstable], [b, b], allowed)
    assert not first.near_limit
    assert second.near_limit
    np.testing.assert_array_equal(second.x, amc.simulate(unstable, b, analysis=allowed).x)


@pytest.mark.parametrize(
    "second",
    [
        {"opamp": amc.OpAmp(offset=2e-4)},
        {"opamp": amc.OpAmp(gbw=3e7)},
        {"opamp": amc.OpAmp(offset_sigma=1e-3, mismatch_seed=4)},
        {"constraint": amc.NonNegative(hold=True)},
        {"constraint": amc.Unconstrained()},
    ],
)
def test_circuits_that_differ_in_more_than_their_networks_share_nothing(second):
    A, b = random_problem(3, rows=8, columns=3)
    given = {"opamp": amc.OpAmp(), "constraint": amc.NonNegative(hold=False)}
    circuits = [amc.CompactGINV(A, **given), amc.CompactGINV(A, **{**given, **second})]
    for fidelity in ("behavioural", "dc"):
        analysis = amc.Analysis(fidelity=fidelity)
        for circuit, run in zip(circuits, simulate_many(circuits, [b, b], analysis), strict=True):
            assert_equal_runs(run, amc.simulate(circuit, b, analysis=analysis))


def test_streams_of_a_batch_keep_what_each_is_worth():
    draw, parts = np.random.default_rng(3), []
    for rate_error, counts in ((0.01, [3, 2]), (0.05, [4, 6])):
        segments = [
            Segment(np.arange(float(k)), draw.random((k, 2)), draw.random((k, 2))) for k in counts
        ]
        made = Stream.join(segments, np.array([True, rate_error > 0.02]))
        parts.append(dataclasses.replace(made, rate_error=rate_error))
    chained = Stream.chain(parts)
    np.testing.assert_array_equal(chained.rate_error, [0.01, 0.01, 0.05, 0.05])
    np.testing.assert_array_equal(chained.at_rest, [True, False, True, True])
    for segment, own in zip(chained, [one for part in parts for one in part], strict=True):
        for name in ("time", "voltages", "supply"):
            np.testing.assert_array_equal(getattr(segment, name), getattr(own, name))


class Telling:
    """A streamer that tells twice how far it is."""

    def __init__(self, streamer):
        self.streamer = streamer

    def run(self, *given):
        for stream in self.streamer.run(*given):
            tell(0.5)
            tell(1.0)
            yield stream


@pytest.mark.ngspice
def test_how_far_a_batch_is_counts_its_circuits():
    circuits, vectors = selections(3)
    batch = Batch.of(circuits)
    prepared = BACKENDS["reduced"](amc.Analysis(fidelity="reduced")).prepare(batch)
    prepared.streamers = [Telling(each) for each in prepared.streamers]
    told = []
    with heard_by(told.append):
        list(prepared.run(drive_of(batch, [b[None] for b in vectors], [0.1] * 3)))
    assert told == sorted(told)
    twice = np.unique(np.round(told, 9))
    assert {0.166666667, 0.333333333, 0.5, 0.666666667, 0.833333333, 1.0} <= set(twice)


@pytest.mark.parametrize("fidelity", ["behavioural", NGSPICE])
def test_a_range_that_was_given_is_kept_by_every_circuit_of_a_batch(fidelity):
    circuits, vectors = selections(3)
    analysis = amc.Analysis(fidelity=fidelity, range=30.0)
    for run in simulate_many(circuits, vectors, analysis):
        assert run.near_limit
        assert run.range.volts_per_unit == 30.0
        assert run.range_halvings == 0
