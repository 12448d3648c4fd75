"""Settling, energy and solutions of constrained circuits against an oracle of their elements."""

import zlib

import numpy as np
import pytest
import scipy.integrate
from node_equations import G_MAX, Classic, Compact
from oracles import random_problem
from transient_oracle import BAND, SMALLEST, Elements

import amcspice as amc

pytestmark = [
    pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning"),
    pytest.mark.filterwarnings("ignore::amcspice.errors.ImplausibleWarning"),
]

SETTLING, ENERGY, SOLUTION = 3e-4, 1e-3, 1e-7
"""Allowed deviations: relative, of settling times, energies, and the largest entry of solutions."""

VECTORS = 9
"""Right-hand sides of every circuit, in a stream."""

TOPOLOGIES = {
    "hold": (amc.CompactGINV, amc.NonNegative(hold=True)),
    "rail": (amc.CompactGINV, amc.NonNegative(hold=False)),
    "classic": (amc.ClassicGINV, amc.NonNegative()),
}


def log_uniform(draw, low, high):
    return float(np.exp(draw.uniform(np.log(low), np.log(high))))


def ideal(draw, topology):
    return {}, {}


def offset(draw, topology):
    return {"offset": float(draw.uniform(-2e-3, 2e-3)), "offset_sigma": 1e-3}, {}


def finite_gain(draw, topology):
    return {"gain": log_uniform(draw, 1e3, 1e5), "gain_sigma": 0.1}, {}


def output_resistance(draw, topology):
    return {"output_resistance": log_uniform(draw, 10, 500), "quiescent_current": 1e-5}, {}


def tight_rails(draw, topology):
    """Outputs rest inside; residuals meet them on the way, or what rings because of slow poles."""
    rails = {"supply_positive": 0.225, "supply_negative": -0.225, "headroom_positive": 0.01}
    if topology == "classic":
        return {**rails, "supply_negative": -0.012}, {"noise": 0.02}
    pole, capacitance = 1e8 * log_uniform(draw, 3e-3, 3e-2), log_uniform(draw, 1e-11, 1e-10)
    slow = {"second_pole": pole} if draw.random() < 0.5 else {"input_capacitance": capacitance}
    return {**rails, **slow}, {}


def slewing(draw, topology):
    """So slow that it is not lost in the time that the linear circuit takes."""
    return {"slew_rate": 1e8 * slew_share(draw, topology)}, {}


def slew_share(draw, topology):
    """Volts in a period of the gain-bandwidth product; compact circuits divide them first."""
    return log_uniform(draw, *((0.03, 0.2) if topology == "classic" else (0.002, 0.03)))


def second_pole(draw, topology):
    # The slowest ones make the classic circuit oscillate.
    return {"second_pole": 1e8 * log_uniform(draw, 4 if topology == "classic" else 0.5, 5)}, {}


def input_capacitance(draw, topology):
    most = 3e-14 if topology == "classic" else 3e-13
    return {"input_capacitance": log_uniform(draw, most / 10, most)}, {}


def mismatch(draw, topology):
    """The two arrays differ."""
    seed = int(draw.integers(1000))
    return {}, {"device": amc.Memristor(levels=32, write_noise=0.02, seed=seed)}


def combination(draw, topology):
    """All at once, on a slower amplifier."""
    gbw = log_uniform(draw, 5e6, 5e7)
    opamp = {
        "gbw": gbw,
        "gain": log_uniform(draw, 3e3, 1e5),
        "offset_sigma": 5e-4,
        "output_resistance": log_uniform(draw, 1, 100),
        "slew_rate": gbw * slew_share(draw, topology),
        "supply_positive": 0.6,
        "supply_negative": -0.6,
        "quiescent_current": 1e-5,
        "bias_current": 1e-8,
    }
    if draw.random() < 0.5:
        opamp["second_pole"] = gbw * draw.uniform(3, 5)
    else:
        opamp["input_capacitance"] = log_uniform(draw, 1e-14, 1e-13)
    return opamp, mismatch(draw, topology)[1]


AMPLIFIERS = {
    kind.__name__.replace("_", " "): kind
    for kind in (ideal, offset, finite_gain, output_resistance, tight_rails, slewing, second_pole,
                 input_capacitance, mismatch, combination)
}  # fmt: skip

QUICK = {
    ("hold", "finite gain", 0), ("hold", "slewing", 0), ("hold", "combination", 0),
    ("rail", "tight rails", 0), ("rail", "second pole", 0),
    ("classic", "output resistance", 0), ("classic", "slewing", 1),
}  # fmt: skip

CASES = [
    pytest.param(topology, kind, number, id=f"{topology}, {kind}, {number}",
                 marks=[] if (topology, kind, number) in QUICK else pytest.mark.slow)
    for topology in TOPOLOGIES
    for kind in AMPLIFIERS
    for number in range(2)
]  # fmt: skip


def random_case(topology, kind, number):
    """Return a circuit of 6 x 3 to 12 x 5, and right-hand sides with active constraints."""
    draw = np.random.default_rng(zlib.crc32(f"{topology} {kind} {number}".encode()))
    columns = int(draw.integers(3, 6))
    rows = int(draw.integers(2 * columns, 13))
    A = draw.random((rows, columns))
    x = draw.uniform(-0.6, 1.0, (columns, VECTORS))
    x[:, 0] = np.abs(x[:, 0])
    opamp, options = AMPLIFIERS[kind](draw, topology)
    noise = options.pop("noise", draw.uniform(0.05, 0.5))
    b = A @ np.maximum(x, 0) + noise * draw.standard_normal((rows, VECTORS))
    b *= np.exp(draw.uniform(-1.0, 0.0, VECTORS))
    circuit_type, constraint = TOPOLOGIES[topology]
    opamp = amc.OpAmp(**{"gain": 1e5, "mismatch_seed": number, **opamp})
    return circuit_type(A, opamp=opamp, constraint=constraint, **options), b


def deviations(circuit, b, **options):
    """Return the oracle's transients, and the engine's deviations of each right-hand side."""
    run = amc.simulate(circuit, b, fidelity="behavioural", **options)
    found = Elements(circuit).stream(b, run.volts_per_unit)
    settling, energy = (np.array([getattr(t, name) for t in found])
                        for name in ("settling", "energy"))  # fmt: skip
    x = circuit.read_out(np.array([t.outputs for t in found]), run.volts_per_unit).T
    assert run.all_settled
    return found, {
        "settling": run.settling_time / settling - 1,
        "energy": run.energy / energy - 1,
        "solution": np.abs(run.x - x).max(axis=0)
        / np.maximum(np.abs(x).max(axis=0), SMALLEST / run.volts_per_unit),
    }


def judge(found, deviation, measured):
    """Hold deviations to their bars; settling and energy but where an output grazes the band."""
    judged = np.array([not transient.knife_edge for transient in found])
    for name, values in deviation.items():
        measured(f"largest deviation of {name}", np.abs(values[judged]).max(initial=0))
    measured("knife edges", (~judged).sum())
    assert (~judged).sum() <= 1
    bars = {"settling": SETTLING, "energy": ENERGY, "solution": SOLUTION}
    wrong = np.zeros(len(found), bool)
    for name, bar in bars.items():
        counts = judged | (name == "solution")
        wrong |= counts & ~(np.abs(deviation[name]) <= bar)
    assert not wrong.any(), {
        int(k): {name: f"{values[k]:.1e}" for name, values in deviation.items()}
        for k in np.flatnonzero(wrong)
    }


# The engine.


@pytest.mark.parametrize(("topology", "kind", "number"), CASES)
def test_transients_are_those_of_the_elements(topology, kind, number, measured):
    judge(*deviations(*random_case(topology, kind, number)), measured)


RAMP = np.array([
    [0.229920986325021, 0.1673981179849654, 0.12346504639795375],
    [0.3237816570198878, 0.18236607758375867, 0.2523632156928155],
    [0.8774772915995553, 0.8211737884986476, 0.29994868938649766],
    [0.8557591608779632, 0.597774773392483, 0.2847035163293282],
    [0.2537486844025304, 0.14666535575406936, 0.231752307998347],
    [0.6062818200538663, 0.08596777354989371, 0.7967969451446278],
])  # fmt: skip
RAMP_INPUT = np.array([
    0.22885317407558348, 0.4768577553627518, 0.5138895556665254, 0.4634024131648843,
    0.4694653121365473, 1.1783421275151542,
])  # fmt: skip
RAMP_READ, RAMP_SETTLING = 0.5, 3489.229e-9
"""Settling by a deck of ngspice at two step sizes, and by equations written by hand [s]."""


def ramp_circuit():
    opamp = amc.OpAmp(gain=2e4, gbw=20e6, output_resistance=25, supply_positive=2,
                      supply_negative=-1.5, slew_rate=8e6)  # fmt: skip
    return amc.CompactGINV(RAMP, opamp=opamp, constraint=amc.NonNegative(hold=True))


def test_an_output_that_runs_into_its_constraint_as_a_ramp(measured):
    found, deviation = deviations(ramp_circuit(), RAMP_INPUT[:, None], read_voltage=RAMP_READ)
    judge(found, deviation, measured)


@pytest.mark.parametrize("seed", [17, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 27))])
def test_hold_devices_that_let_go_between_samples(seed, measured):
    A, b = random_problem(seed, vectors=16)
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative(hold=True))
    judge(*deviations(circuit, b), measured)


# The oracle by itself.


def test_the_oracle_settles_as_a_deck_does(measured):
    circuit, b = ramp_circuit(), RAMP_INPUT[:, None]
    volts = amc.simulate(circuit, b, fidelity="dc", read_voltage=RAMP_READ).volts_per_unit
    (found,) = Elements(circuit).stream(b, volts)
    measured("deviation", found.settling / RAMP_SETTLING - 1)
    assert found.settling == pytest.approx(RAMP_SETTLING, rel=5e-5)


CHECKED = [
    pytest.param(topology, kind, marks=[] if kind == "offset" else pytest.mark.slow)
    for topology in TOPOLOGIES
    for kind in ("offset", "slewing", "combination")
]


def some_states(elements, draw):
    """States beyond all limits as well as inside."""
    return draw.uniform(-1.3, 1.3, (60, elements.n)) * elements.high.max()


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("kind", AMPLIFIERS)
def test_every_element_obeys_its_law(topology, kind):
    circuit, b = random_case(topology, kind, 1)
    elements, opamp, schematic = Elements(circuit), circuit.opamp, circuit.schematic
    (injected,) = elements.sources(b.T[:1], 0.1)
    first, second, siemens = schematic.network.elements
    k, R = elements.k, opamp.output_resistance
    for state in some_states(elements, np.random.default_rng(1)):
        piece = elements.piece(elements.region(state, injected), injected)
        v = np.append(0.0, piece.nodes(state))
        behind, held = piece.behind(state), piece.held(state)
        into = np.zeros(len(v))
        np.add.at(into, schematic.injected, injected)
        np.add.at(into, second, siemens * (v[first] - v[second]))
        np.add.at(into, first, siemens * (v[second] - v[first]))
        rates, number = elements.rate(state, injected), 0
        capacitance = np.zeros(len(v))
        for bank in schematic.amplifiers:
            floor = opamp.headroom_negative if bank.floor_at_ground else opamp.lowest_output
            for plus, minus, out in zip(bank.plus, bank.minus, bank.out, strict=True):
                inner = state[number]
                last = state[number + k] if opamp.second_pole else inner
                stage = min(max(last, floor), opamp.highest_output)
                current = 0.0
                if bank.hold is not None:
                    stage += R * held[number]
                    current = bank.hold * max(v[minus] - stage, 0.0)
                    stage = max(stage, 0.0)
                assert held[number] == pytest.approx(current, abs=1e-12)
                assert behind[number] == pytest.approx(stage, abs=1e-12)
                difference = v[plus] - v[minus] + opamp.offsets(k)[number]
                drive = 2 * np.pi * opamp.gbw * difference
                if opamp.slew_rate is not None:
                    drive = opamp.slew_rate * np.tanh(drive / opamp.slew_rate)
                outside = inner - min(max(inner, floor), opamp.highest_output)
                leak = inner / opamp.gains(k)[number] + 100 * outside
                rate = drive - 2 * np.pi * opamp.gbw * leak
                assert rates[number] == pytest.approx(rate, rel=1e-9)
                if opamp.second_pole:
                    rate = 2 * np.pi * opamp.second_pole * (inner - last)
                    assert rates[number + k] == pytest.approx(rate, rel=1e-9)
                into[minus] -= current
                into[out] += (stage - v[out]) / R
                for pin in (plus, minus):
                    into[pin] -= opamp.bias_current
                    capacitance[pin] += opamp.input_capacitance
                number += 1
        into, capacitance = into[1:], capacitance[1:]
        charging = np.zeros_like(into)
        charging[capacitance > 0] = rates[-(capacitance > 0).sum() :] if capacitance.any() else 0
        np.testing.assert_allclose(into, capacitance * charging, atol=1e-12)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_rates_are_those_of_the_node_equations(topology):
    draw = np.random.default_rng(2)
    A, current = draw.random((6, 3)), draw.uniform(-1e-5, 1e-5, 6)
    opamp = amc.OpAmp(gain=1e4, offset=1e-3, output_resistance=100.0, slew_rate=1e7,
                      supply_positive=0.7, headroom_negative=0.02)  # fmt: skip
    circuit_type, constraint = TOPOLOGIES[topology]
    elements = Elements(circuit_type(A, opamp=opamp, constraint=constraint))
    by_hand = Classic if topology == "classic" else Compact
    by_hand = by_hand(A, current, opamp, topology == "hold")
    for state in some_states(elements, draw):
        expected = by_hand.rates(0.0, state)
        np.testing.assert_allclose(
            elements.rate(state, current), expected, rtol=1e-8, atol=1e-8 * np.abs(expected).max()
        )
    assert elements.schematic.input_gain == pytest.approx(np.full(6, -G_MAX / A.max()))


@pytest.mark.parametrize(("topology", "kind"), CHECKED)
def test_the_solution_is_that_of_another_integrator(topology, kind, measured):
    """One that knows nothing of pieces, on the same rates."""
    circuit, b = random_case(topology, kind, 1)
    b = b[:, 1:3]
    elements = Elements(circuit)
    volts, distance, at_settling = 0.15, 0.0, 0.0
    transients = elements.stream(b, volts)
    state = np.zeros(elements.n)
    for transient, injected in zip(transients, elements.sources(b.T, volts), strict=True):
        settling, last = transient.settling, transient.steps[-1]
        end = last.begin + last.share * last.length
        times = np.append(np.geomspace(1e-3, 1, 40) * min(2 * settling, end), [settling, end])
        solved = scipy.integrate.solve_ivp(
            lambda _, y, injected=injected: elements.rate(y, injected),
            (0, end), state, method="Radau", t_eval=np.unique(times), rtol=1e-8, atol=1e-10,
            first_step=1e-4 * settling, jac=lambda _, y, injected=injected: elements.rates(
                elements.piece(elements.region(y, injected), injected), y)[1],
        )  # fmt: skip
        outputs = np.array([
            elements.piece(elements.region(y, injected), injected).nodes(y)[elements.outputs]
            for y in solved.y.T
        ])  # fmt: skip
        scale = max(np.abs(transient.outputs).max(), SMALLEST)
        expected = elements.waveforms(transient, solved.t)
        distance = max(distance, np.abs(outputs - expected).max() / scale)
        (there,) = np.abs(outputs[solved.t == settling] - transient.outputs)
        at_settling = max(at_settling, abs(there.max() / (BAND * scale) - 1))
        state = solved.y[:, -1]
    measured("largest distance, fraction of full scale", distance)
    measured("distance from the band when settled, fraction of it", at_settling)
    assert distance < 1e-6
    assert at_settling < 1e-4


@pytest.mark.parametrize(("topology", "kind"), CHECKED)
@pytest.mark.parametrize("control", [{"tolerance": 1e-8}, {"longest": 0.1}])
def test_the_oracle_has_converged(topology, kind, control, measured):
    """With looser steps, and with steps that are a small part of the settling time at most."""
    circuit, b = random_case(topology, kind, 1)
    elements, b = Elements(circuit), b[:, :3]
    found = elements.stream(b, 0.15)
    if "longest" in control:
        control = {"longest": control["longest"] * min(t.settling for t in found if t.settling)}
    others = elements.stream(b, 0.15, **control)
    pairs = list(zip(found, others, strict=True))
    for name, limit in (("settling", 1e-6), ("energy", 1e-4)):
        moved = [abs(getattr(o, name) / getattr(t, name) - 1) for t, o in pairs]
        measured(f"change of {name}", max(moved))
        assert max(moved) < limit
    for transient, other in pairs:
        np.testing.assert_allclose(other.outputs, transient.outputs, rtol=0, atol=1e-10)
