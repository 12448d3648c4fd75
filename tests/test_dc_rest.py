"""The rest solver against the behavioural engine's rest and against Kirchhoff's laws."""

from __future__ import annotations

import time

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse.linalg
from oracles import random_problem
from test_contract import WIRES, every_case

import amcspice as amc
from amcspice.engine import Batch, Drive, Integrator
from amcspice.engine.behavioural import followed
from amcspice.engine.dc import RestSolver
from amcspice.engine.dc.codes import ABOVE, HIGHEST, INSIDE, LOWEST
from amcspice.engine.dc.grown import grown_rest
from amcspice.engine.dc.stability import growth, saddles
from amcspice.engine.equations.linear import LinearModel
from amcspice.engine.equations.piecewise import PiecewiseLinear
from amcspice.errors import UnstableError, UnsupportedError
from amcspice.reduction import reduce_to_ports

pytestmark = pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")

HOLD = amc.NonNegative(hold=True)


def rest_of(circuit, b, volts_per_unit, **options):
    """Return the rests of right-hand sides (m, K), the model and the currents of the sources."""
    model = reduce_to_ports(circuit.schematic)
    currents = circuit.schematic.currents(circuit.vectors(b), volts_per_unit)
    rest = RestSolver(circuit, model, **options).solve(model.port_currents(currents))
    return rest, model, currents


def distance(circuit, b, *, volts_per_unit=None, most=None):
    """Return how far the rest is from where the behavioural engine ends, over its largest output.

    With a range given every right-hand side is simulated in it, halved nowhere.
    """
    if volts_per_unit is None:
        run = amc.simulate(circuit, b, fidelity="behavioural")
        assert run.all_settled
        volts_per_unit = run.volts_per_unit
    expected = ends(circuit, b, volts_per_unit)
    rest, model, currents = rest_of(circuit, b, volts_per_unit)
    assert rest.found.all()
    check_laws(circuit, rest, model, currents)
    outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
    deviation = np.abs(rest.voltages - expected)[:, outputs].max()
    return deviation / np.abs(expected[:, outputs]).max()


def ends(circuit, b, volts_per_unit):
    batch = Batch.of([circuit])
    drive = Drive.of(batch, [circuit.schematic.currents(circuit.vectors(b), volts_per_unit)])
    integrator = Integrator(batch, longest=np.ones(1))
    return np.concatenate([last(stream, "voltages") for stream in integrator.run(drive)])


def last(stream, what):
    """Voltages or supply currents at the end of each segment, better than its samples if known."""
    if stream.exact is None:
        return getattr(stream, what)[stream.starts[1:] - 1]
    return stream.exact.final if what == "voltages" else stream.exact.supply


def check_laws(circuit, rest, model, currents):
    """Kirchhoff's current law at every node of the flat network, and every amplifier's law.

    From the schematic alone; laws in input differences, because gain multiplies rounding errors.
    """
    schematic, opamp = circuit.schematic, circuit.opamp
    laplacian, size = schematic.network.laplacian().tocsr(), len(schematic.network)
    plus, minus, out = (
        np.concatenate([getattr(bank, pin) for bank in schematic.amplifiers])
        for pin in ("plus", "minus", "out")
    )
    hold = np.concatenate([np.full(len(b.out), b.hold or 0.0) for b in schematic.amplifiers])
    floor = np.concatenate([np.full(len(b.out), b.floor_at_ground) for b in schematic.amplifiers])
    low = np.where(floor, 0.0, opamp.supply_negative) + opamp.headroom_negative
    clamp = np.concatenate(
        [np.full(len(b.out), np.inf if b.clamp is None else b.clamp) for b in schematic.amplifiers]
    )
    low = np.maximum(low, -clamp)
    high = np.minimum(opamp.supply_positive - opamp.headroom_positive, clamp)
    gain, offset = opamp.gains(len(out)), opamp.offsets(len(out))
    for k in range(len(rest)):
        v, into = np.zeros(size), np.zeros(size)
        v[model.nodes] = rest.voltages[k]
        fixed = np.union1d(np.append(model.nodes, 0), schematic.injected[schematic.is_driven])
        v[schematic.injected[schematic.is_driven]] = currents[k, schematic.is_driven]
        injecting = ~schematic.is_driven
        np.add.at(into, schematic.injected[injecting], currents[k, injecting])
        sources, held = rest.sources[k], rest.held[k]
        np.add.at(into, out, (sources - v[out]) / opamp.output_resistance)
        np.add.at(into, minus, -held)
        for pin, sign in ((plus, 1.0), (minus, -1.0)):
            np.add.at(into, pin, -opamp.bias_current)
            if opamp.input_resistance is not None:
                np.add.at(into, pin, -sign * (v[plus] - v[minus]) / opamp.input_resistance)
        free = np.setdiff1d(np.arange(size), fixed)
        full = np.zeros(size)
        if free.size:
            at = laplacian[free - 1]
            from_fixed = at[:, fixed[1:] - 1] @ v[fixed[1:]]
            inner = at[:, free - 1].tocsc()
            v[free] = scipy.sparse.linalg.spsolve(inner, into[free] - from_fixed)
        full[1:] = laplacian @ v[1:]
        largest = np.abs(full[1:]).max() + np.abs(v).max() * 1e-15 / opamp.output_resistance
        ports = model.nodes
        # A voltage of 1 V is rounded to 1e-16 V, across the output resistance.
        rounding = 1e-15 * np.abs(v).max() / opamp.output_resistance
        assert np.abs(full - into)[ports].max() <= 1e-9 * largest + 10 * rounding

        slack = 1e-11 * max(np.abs(v).max(), 1e-3)
        along = np.where(plus > 0, v[plus], 0.0) - v[minus] + offset
        for i in range(len(out)):

            def needs(stage, i=i):
                """Input difference for a stage inside the range."""
                if opamp.slew_rate is None:
                    return stage / gain[i]
                knee = opamp.slew_rate / (2 * np.pi * opamp.gbw)
                with np.errstate(divide="ignore"):
                    return knee * np.arctanh(np.clip(stage / gain[i] / knee, -1, 1))

            a, w, c = sources[i], held[i], v[minus[i]]
            assert w >= 0
            if hold[i] and a == 0 and w == 0:  # an offset keeps it below zero
                assert along[i] < slack
                assert needs(c) - along[i] < slack
                continue
            stage = a
            if hold[i]:
                assert a >= 0
                series = 1 / hold[i] + opamp.output_resistance
                if w > 0:
                    stage = a - opamp.output_resistance * w if a > 0 else c - series * w
                    assert stage <= slack or a > 0
                    assert c - stage == pytest.approx(series * w, abs=slack)
                else:
                    assert c - stage < slack
            else:
                assert w == 0
            assert low[i] - slack <= stage <= high[i] + slack
            if stage > high[i] - 1e-12:
                assert along[i] > needs(high[i]) - slack
            elif stage < low[i] + 1e-12:
                assert along[i] < needs(low[i]) + slack
            else:
                knee = (opamp.slew_rate or np.inf) / (2 * np.pi * opamp.gbw)
                reached = gain[i] * (
                    along[i] if np.isinf(knee) else knee * np.tanh(along[i] / knee)
                )
                deviation = min(abs(along[i] - needs(stage)), abs(stage - reached))
                assert deviation < slack


@pytest.fixture
def tight(monkeypatch):
    """Let the behavioural engine come nearer to its rest than it needs to."""
    monkeypatch.setattr(followed, "REST", 1e-12)


@pytest.mark.parametrize("wire", WIRES)
@every_case
def test_every_circuit_rests_where_the_behavioural_engine_ends(case, wire, tight, measured):
    deviation = distance(*case.make(wire))
    measured("apart", deviation)
    assert deviation < 1e-8


@every_case
def test_what_the_behavioural_engine_calls_rest_is_near(case, measured):
    deviation = distance(*case.make())
    measured("apart", deviation)
    assert deviation < 1e-7


def compact_problem(seed):
    """Return a random selection of rows through a compact circuit of random hardware."""
    draw = np.random.default_rng(seed)
    rows, columns = int(draw.integers(12, 81)), int(draw.integers(2, 9))
    A = draw.random((rows, columns))
    choice = draw.choice
    opamp = amc.OpAmp(
        gain=choice([1e3, 1e4, 1e5]),
        output_resistance=choice([0.1, 10.0]),
        offset=choice([0.0, 1e-3]),
        offset_sigma=choice([0.0, 1e-3]),
        gain_sigma=choice([0.0, 0.2]),
        mismatch_seed=seed,
        input_resistance=choice([None, 1e6]),
        bias_current=choice([0.0, 1e-8]),
    )
    device = amc.Memristor(
        write_noise=choice([0.0, 0.01, 0.05]), levels=choice([None, 16, 64, 256]), seed=seed
    )
    whole = amc.CompactGINV(
        A,
        device=device,
        opamp=opamp,
        constraint=HOLD,
        compensation=bool(choice([True, True, False])),
        column_load=choice([0.0, 0.5]),
    )
    count = int(draw.integers(columns + 2, rows + 1))
    chosen = np.sort(draw.choice(rows, count, replace=False))
    circuit = whole.select(chosen, ridge=choice([0.0, 0.1, 1.0]))
    b = A[chosen] @ np.maximum(draw.uniform(-0.5, 1.0, columns), 0)
    b += 0.1 * draw.standard_normal(count)
    return circuit, (b if draw.random() < 0.8 else np.abs(b))[:, None]


@pytest.mark.parametrize("block", range(8))
def test_random_compact_circuits_with_hold(block, tight, measured):
    deviation = [distance(*compact_problem(seed)) for seed in range(25 * block, 25 * block + 25)]
    measured("largest distance", max(deviation))
    assert max(deviation) < 1e-9


KINDS = {
    "classic": (amc.ClassicGINV, {}),
    "classic floor": (amc.ClassicGINV, {"constraint": amc.NonNegative()}),
    "compact": (amc.CompactGINV, {}),
    "hold": (amc.CompactGINV, {"constraint": HOLD}),
    "floor": (amc.CompactGINV, {"constraint": amc.NonNegative(hold=False)}),
}
ONE_POLE = {"second_pole": None, "input_capacitance": 0.0}
"""With those of a real part the classic circuit has no stable rest."""


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("ad823", ONE_POLE),
        ("onchip-1g", {"offset_sigma": 1e-3}),
        ("miller-cmos", {}),
        ("ideal", {"second_pole": 2e9, "input_capacitance": 2e-14}),
        ("ad823", {**ONE_POLE, "slew_rate": 4e6, "gain": 3e3, "offset_sigma": 3e-3}),
    ],
    ids=["ad823", "onchip-1g", "miller-cmos", "second pole", "bent input stage"],
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 1.5], ids=["inside", "beyond the range"])
def test_presets_inside_and_beyond_their_range(kind, preset, changes, share, tight, measured):
    circuit_type, more = KINDS[kind]
    opamp = amc.OpAmp.preset(preset, **changes)
    A, b = random_problem(4, rows=12, columns=4, vectors=4)
    circuit = circuit_type(A, opamp=opamp, **more)
    if kind == "classic" and preset == "miller-cmos":  # two amplifiers and their second poles
        with pytest.raises(UnstableError):
            RestSolver(circuit, reduce_to_ports(circuit.schematic))
        return
    deviation = distance(circuit, b, volts_per_unit=share * opamp.highest_output)
    measured("apart", deviation)
    assert deviation < 1e-8


def test_a_stage_that_its_slew_limit_keeps_from_its_range():
    """The input stage gives at most its slew rate: knee A0 = 0.32 V at the output."""
    opamp = amc.OpAmp(gain=1e4, gbw=1e8, slew_rate=2e4)
    circuit = amc.CompactGINV([[1.0]], opamp=opamp)
    for volts in (0.1, 0.3, 1.0, -1.0):
        rest, model, currents = rest_of(circuit, np.array([volts]), 1.0)
        assert rest.found.all()
        check_laws(circuit, rest, model, currents)
        assert abs(rest.sources[0, 0]) <= 2e4 / (2 * np.pi * 1e8) * 1e4
    assert rest.sources[0, 0] == pytest.approx(-0.3183, rel=1e-4)


@pytest.mark.parametrize("volts", [-8e-3, -5e-3, -2e-3])
def test_a_stage_between_zero_and_its_offset_is_held(volts):
    """Its inverting input stands at the offset, above the stage: the hold device conducts."""
    circuit = amc.CompactGINV([[1.0]], constraint=HOLD, opamp=amc.OpAmp(gain=1e4, offset=1e-2))
    rest, model, currents = rest_of(circuit, np.array([volts]), 1.0)
    assert rest.found.all()
    check_laws(circuit, rest, model, currents)


# Circuits that grow.


def eigen_circuit(seed, n=5, **more):
    draw = np.random.default_rng(seed)
    A = np.cov(draw.standard_normal((n, 30)) * np.arange(1, n + 1)[:, None])
    return amc.Eigen(A, opamp=amc.OpAmp(gain=1e5), **more), draw


@pytest.mark.parametrize("detuning", [0.002, 0.01, 0.05])
@pytest.mark.parametrize("seed", range(6))
def test_eigenvector_circuits_grow_into_the_rest_of_their_start(seed, detuning, tight, measured):
    circuit, draw = eigen_circuit(seed, detuning=detuning)
    start = draw.uniform(-1, 1, (5, 1))
    deviation = [distance(circuit, sign * start) for sign in (1.0, -1.0)]
    rest, opposite = (rest_of(circuit, sign * start, 1.0)[0].sources for sign in (1.0, -1.0))
    np.testing.assert_allclose(rest, -opposite, rtol=1e-9)
    measured("apart", max(deviation))
    assert max(deviation) < 1e-8


@pytest.mark.parametrize(
    "changes",
    [
        {"kick": 0.3},
        {"kick": 1e-12},
        {"opamp": amc.OpAmp.preset("ad823")},
        {"opamp": amc.OpAmp.preset("onchip-1g", second_pole=5e9)},
        {"opamp": amc.OpAmp(gain=1e4, offset_sigma=1e-3, input_capacitance=1e-14)},
        {"wire": amc.Wire(row=1.0, column=2.5)},
        {"opamp": amc.OpAmp(gain=1e5, supply_negative=-1.5)},
    ],
    ids=["large kick", "small kick", "ad823", "onchip-1g", "offsets", "wires", "supplies"],
)
def test_eigenvector_circuits_of_all_kinds(changes, tight, measured):
    deviation = []
    for seed in range(4):
        circuit, draw = eigen_circuit(seed)
        circuit = amc.Eigen(circuit.matrix, **{"opamp": circuit.opamp, **changes})
        deviation += [distance(circuit, draw.uniform(-1, 1, (5, 1))) for _ in range(3)]
    measured("apart", max(deviation))
    assert max(deviation) < 1e-8


@pytest.mark.parametrize("seed", range(6))
def test_where_several_modes_grow_the_trajectory_is_followed(seed, tight, measured):
    circuit, draw = eigen_circuit(seed, detuning=0.7)
    model = reduce_to_ports(circuit.schematic)
    assert (LinearModel.of(circuit, model).eigenvalues.real > 0).sum() > 1
    deviation = [distance(circuit, draw.uniform(-1, 1, (5, 1))) for _ in range(4)]
    measured("apart", max(deviation))
    assert max(deviation) < 1e-8


@pytest.mark.parametrize("first", ["no rest", "the opposite rest"])
def test_the_trajectory_leads_to_the_rest_that_the_growing_mode_tells(first):
    circuit, draw = eigen_circuit(2)
    rest, model, currents = rest_of(circuit, draw.uniform(-1, 1, (5, 1)), 1.0)
    piecewise = PiecewiseLinear.of(circuit, model)
    solver = RestSolver(circuit, model)
    found = []

    def search(code):
        if not found and first == "the opposite rest":
            at_limit = code & 3 != INSIDE
            code[at_limit] = HIGHEST + LOWEST + 2 * ABOVE - code[at_limit]
        sources = np.zeros((1, len(code)))
        injected = model.port_currents(currents)
        _, at_rest = solver._search(code[None], np.array([0]), injected, sources)
        found.append(sources[0])
        if len(found) == 1 and first == "no rest":
            return None
        return sources[0] if at_rest[0] else None

    followed = grown_rest(piecewise, model.port_currents(currents)[0], search)
    np.testing.assert_allclose(followed, rest.sources[0], rtol=1e-12)
    assert (found[0] @ followed < 0) == (first == "the opposite rest")


def test_without_start_nothing_grows(monkeypatch):
    circuit, _ = eigen_circuit(0)
    monkeypatch.setattr(amc.Eigen, "vectors", amc.Circuit.vectors)  # a converter may round to zero
    rest, model, currents = rest_of(circuit, np.zeros((5, 1)), 1.0)
    assert rest.found.all()
    assert not rest.sources.any()
    into = model.port_currents(currents)
    assert saddles(Batch.of([circuit]), rest.voltages, into, rest.found).all()


def test_an_eigenvector_circuit_whose_loop_gain_is_below_one_rests_at_once(tight):
    circuit, draw = eigen_circuit(0)
    value = 1.5 * np.linalg.eigvalsh(circuit.matrix)[-1]
    circuit = amc.Eigen(circuit.matrix, opamp=circuit.opamp, eigenvalue=value)
    b = draw.uniform(-1, 1, (5, 1))
    assert distance(circuit, b, volts_per_unit=1.0) < 1e-8


def test_where_no_active_set_ends_the_trajectory_is_followed(monkeypatch, tight, measured):
    """Two stages with many outputs near their rails: no problem of a P-matrix."""
    draw = np.random.default_rng(3)
    A = draw.random((12, 6))
    opamp = amc.OpAmp(gain=1e4, offset_sigma=1e-3, slew_rate=1e8)
    circuit = amc.ClassicGINV(A, constraint=amc.NonNegative(), opamp=opamp)
    b = draw.standard_normal((12, 6))
    ends_at = ends(circuit, b, 4.0)
    direct, model, currents = rest_of(circuit, b, 4.0)
    search = RestSolver._search

    def refuse(self, codes, *more):
        suggested = (codes == 255).all()
        held, at_rest = search(self, codes, *more)
        return held, at_rest & ~suggested

    monkeypatch.setattr(RestSolver, "_search", refuse)
    rest, model, currents = rest_of(circuit, b, 4.0)
    assert rest.found.all()
    check_laws(circuit, rest, model, currents)
    outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
    np.testing.assert_allclose(rest.sources, direct.sources, atol=1e-9)
    np.testing.assert_allclose(rest.voltages[:, outputs], ends_at[:, outputs], atol=1e-8)


# What has no rest.


def unstable_circuit(**more):
    return amc.INV(np.array([[0.0, 1.0], [1.0, 0.0]]), **more)


def test_unstable_circuits_are_refused():
    circuit = unstable_circuit()
    model = reduce_to_ports(circuit.schematic)
    with pytest.raises(UnstableError, match="the circuit is unstable: eigenvalue"):
        RestSolver(circuit, model)


def test_of_a_stack_only_the_unstable_circuit_has_no_rest():
    good = amc.INV(np.array([[1.0, 0.2], [0.1, 1.0]]))
    circuits = [good, unstable_circuit(), good]
    batch = Batch.of(circuits)
    drive = Drive.of(batch, [c.schematic.currents(np.ones((2, 2)), 0.1) for c in circuits])
    solver = RestSolver(good, batch)
    rest = solver.solve(drive.into)
    np.testing.assert_array_equal(solver.rests, [True, False, True])
    np.testing.assert_array_equal(rest.found, [True, True, False, False, True, True])
    assert np.isnan(rest.sources[2:4]).all()
    np.testing.assert_array_equal(rest.sources[:2], rest.sources[4:])


def test_of_a_stack_a_constraint_makes_some_right_hand_sides_rest():
    """What rings while its outputs are active stands still while they are held at zero."""
    draw, opamp = np.random.default_rng(7), amc.OpAmp(gain=1e4, gbw=100e6, input_capacitance=3e-12)
    matrices = [draw.random((3, 2)) for _ in range(2)]
    circuits = [amc.ClassicGINV(A, constraint=amc.NonNegative(), opamp=opamp) for A in matrices]
    x = np.array([[1.0, 0.5], [-1.0, -0.5]])
    batch = Batch.of(circuits)
    currents = [
        circuit.schematic.currents(vectors @ circuit.matrix.T, 0.1)
        for circuit, vectors in zip(circuits, (x, x[::-1]), strict=True)
    ]
    rest = RestSolver(circuits[0], batch).solve(Drive.of(batch, currents).into)
    np.testing.assert_array_equal(rest.found, [False, True, True, False])
    np.testing.assert_array_equal(np.isnan(rest.sources).all(axis=1), ~rest.found)


def test_an_output_held_at_zero_closes_no_loop():
    """Its stage decays as that of the amplifier alone, at GBW over gain."""
    opamp = amc.OpAmp(gain=1e4, gbw=1e7)
    circuit = amc.CompactGINV([[1.0]], constraint=HOLD, opamp=opamp)
    eq = PiecewiseLinear.of(circuit, reduce_to_ports(circuit.schematic)).arrays
    alone = -2 * np.pi * opamp.gbw / opamp.gain
    assert growth(eq, np.array([INSIDE], np.uint8)) == pytest.approx(alone)
    assert growth(eq, np.array([INSIDE + ABOVE], np.uint8)) < 1000 * alone


def test_of_a_stack_some_circuits_grow_and_others_rest_at_once():
    growing, draw = eigen_circuit(0)
    value = 1.5 * np.linalg.eigvalsh(growing.matrix)[-1]
    at_once = amc.Eigen(growing.matrix, opamp=growing.opamp, eigenvalue=value)
    starts = [draw.uniform(-1, 1, (2, 5)) for _ in range(2)]
    batch = Batch.of([growing, at_once])
    currents = [
        circuit.schematic.currents(start, 1.0)
        for circuit, start in zip(batch.circuits, starts, strict=True)
    ]
    together = RestSolver(growing, batch).solve(Drive.of(batch, currents).into)
    alone = [
        RestSolver(*pair).solve_sources(sources).sources
        for *pair, sources in zip(batch.circuits, batch.models, currents, strict=True)
    ]
    np.testing.assert_allclose(together.sources, np.vstack(alone), rtol=1e-9)


@pytest.mark.parametrize("changes", [{"output_current_limit": 1e-3}])
def test_what_the_equations_do_not_know_is_refused(changes):
    circuit = amc.MVM(np.eye(2), opamp=amc.OpAmp(**changes))
    with pytest.raises(UnsupportedError, match="output current limit"):
        RestSolver(circuit, reduce_to_ports(circuit.schematic))


# Many at once.


def random_stack(kind, count=5, vectors=7):
    circuit_type, more = KINDS[kind]
    A, b = random_problem(6, rows=16, columns=4, vectors=count * vectors)
    opamp = amc.OpAmp(gain=1e4, offset_sigma=1e-3, slew_rate=1e8, bias_current=1e-6)
    circuits = [
        circuit_type(A, opamp=opamp, device=amc.Memristor(write_noise=0.05, seed=seed), **more)
        for seed in range(count)
    ]
    models = [reduce_to_ports(circuit.schematic) for circuit in circuits]
    currents = [
        circuit.schematic.currents(part, 0.8 * opamp.highest_output)
        for circuit, part in zip(circuits, np.split(b.T, count), strict=True)
    ]
    return circuits, models, currents


@pytest.mark.parametrize("kind", KINDS)
def test_many_circuits_rest_as_each_alone(kind):
    circuits, models, currents = random_stack(kind)
    batch = Batch(tuple(circuits), tuple(models))
    together = RestSolver(circuits[0], batch).solve(Drive.of(batch, currents).into)
    assert together.found.all()
    for number, (circuit, model, sources) in enumerate(
        zip(circuits, models, currents, strict=True)
    ):
        solver = RestSolver(circuit, model)
        alone, part = solver.solve(model.port_currents(sources)), slice(7 * number, 7 * number + 7)
        np.testing.assert_allclose(together.sources[part], alone.sources, atol=1e-13)
        np.testing.assert_allclose(together.held[part], alone.held, atol=1e-15)
        np.testing.assert_allclose(together.voltages[part], alone.voltages, atol=1e-13)
        np.testing.assert_allclose(together.supply[part], alone.supply, atol=1e-12)
        by_sources = solver.solve_sources(sources)
        np.testing.assert_allclose(by_sources.sources, alone.sources, atol=1e-13)
        np.testing.assert_allclose(by_sources.voltages, alone.voltages, atol=1e-13)
        some = np.array([2, 0])
        np.testing.assert_allclose(by_sources.at(some), by_sources.voltages[:, some], atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rest_does_not_depend_on_what_stands_beside_it(kind):
    circuits, models, currents = random_stack(kind, count=1, vectors=60)
    solver = RestSolver(circuits[0], models[0])
    together = solver.solve_sources(currents[0])
    for k in (0, 17, 59):
        alone = solver.solve_sources(currents[0][k : k + 1])
        np.testing.assert_allclose(together.sources[k], alone.sources[0], atol=1e-13)


def test_supply_currents_are_those_of_the_behavioural_engine(tight):
    circuits, models, currents = random_stack("hold", count=1)
    batch = Batch.of(circuits)
    streams = Integrator(batch, longest=np.ones(1)).run(Drive.of(batch, currents))
    expected = np.concatenate([last(stream, "supply") for stream in streams])
    rest = RestSolver(circuits[0], models[0]).solve_sources(currents[0])
    np.testing.assert_allclose(rest.supply, expected, rtol=1e-8)


@pytest.mark.parametrize("size", [49, 120])
def test_elimination_by_blocks(size):
    """More amplifiers than one block, so many at a limit that every one is an unknown."""
    draw = np.random.default_rng(0)
    A = draw.random((size + 30, size))
    b = A @ np.maximum(draw.uniform(-0.5, 1, (size, 2)), 0) + draw.standard_normal((size + 30, 2))
    circuit = amc.CompactGINV(A, constraint=HOLD, opamp=amc.OpAmp(gain=1e6))
    rest, model, currents = rest_of(circuit, b, 0.5, check_stability=False)
    assert rest.found.all()
    assert (rest.held > 0).any(axis=1).all()
    check_laws(circuit, rest, model, currents)


# Cost.


def fastest(function, times=5):
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        function()
        taken.append(time.perf_counter() - begin)
    return min(taken)


def test_linear_rests_cost_no_more_than_solving_the_equations(measured):
    draw = np.random.default_rng(0)
    A, B = draw.uniform(-1, 1, (32, 32)) + 8 * np.eye(32), draw.uniform(-1, 1, (32, 10_000))
    circuit = amc.CompensatedINV(A)
    model = reduce_to_ports(circuit.schematic)
    currents = circuit.schematic.currents(B.T, 0.3)
    solver = RestSolver(circuit, model)
    ratio = fastest(lambda: solver.solve_sources(currents)) / fastest(lambda: np.linalg.solve(A, B))
    measured("times numpy.linalg.solve", ratio)
    assert ratio < 3


def test_rests_with_a_constraint_cost_less_than_nnls(measured):
    A, b = random_problem(0, vectors=10_000)
    circuit = amc.CompactGINV(A, constraint=HOLD, opamp=amc.OpAmp(gain=1e6))
    model = reduce_to_ports(circuit.schematic)
    currents = circuit.schematic.currents(b.T, 1.0)
    solver = RestSolver(circuit, model)
    rest = solver.solve_sources(currents)
    expected = np.array([scipy.optimize.nnls(A, vector)[0] for vector in b.T])
    outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
    assert rest.found.all()
    np.testing.assert_allclose(circuit.read_out(rest.at(outputs), 1.0), expected, atol=1e-3)
    loop = fastest(lambda: [scipy.optimize.nnls(A, vector) for vector in b.T], 2)
    ratio = fastest(lambda: solver.solve_sources(currents)) / loop
    measured("times a loop of nnls", ratio)
    assert ratio < 1


def test_what_the_slew_rate_lets_an_amplifier_reach_is_a_limit():
    opamp = amc.OpAmp(gain=1e3, gbw=1e8, slew_rate=1e6)
    assert opamp.reach == pytest.approx(1e9 / (2 * np.pi * 1e8))  # 1.6 V; the rails are at 5 V
    circuit = amc.INV([[1, 0.2], [0.3, 0.8]], opamp=opamp)
    chosen = amc.simulate(circuit, [0.9, 0.3], fidelity="dc", read_voltage=2.5)
    assert chosen.range_halvings == 1
    assert not chosen.near_limit
    np.testing.assert_allclose(chosen.x, chosen.reference, atol=3e-3)
    fixed = amc.simulate(circuit, [0.9, 0.3], fidelity="dc", range=2 * chosen.volts_per_unit)
    assert fixed.near_limit
