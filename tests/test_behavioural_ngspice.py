"""The behavioural engine against ngspice: the same circuits, each by itself."""

import numpy as np
import pytest
from oracles import random_problem
from test_transient import chosen

import amcspice as amc
from amcspice.engine import Batch, get_backend
from amcspice.engine.ngspice.streamer import SHORTEST_WINDOW
from amcspice.errors import InputError
from amcspice.simulation.once import drive_of, join_forecasts, run_once

pytestmark = pytest.mark.ngspice

UNEQUAL = amc.Wire(row=1.0, column=2.5, driver=3.0, termination=4.0)


def good(**parameters):
    return amc.OpAmp(**{"gain": 1e5, **parameters})


OPTIONS = {
    "ideal": {"opamp": amc.OpAmp.preset("ideal", gain=1e5)},
    "onchip-1g": {"opamp": amc.OpAmp.preset("onchip-1g")},
    "ad823": {"opamp": amc.OpAmp.preset("ad823")},
    "slew rate": {"opamp": amc.OpAmp.preset("ad823", second_pole=None, input_capacitance=0.0)},
    "second pole": {"opamp": good(second_pole=1e9)},
    "input capacitance": {"opamp": good(input_capacitance=3e-14)},
    "offset": {"opamp": good(offset=1e-3, bias_current=1e-7, input_resistance=1e5)},
    "ridge": {"opamp": good(), "ridge": 2.0},
    "lasso": {"opamp": good(), "lasso": 1.0},
    "rows": {"opamp": good(), "rows": np.arange(16) % 5 != 0},
    "write noise": {
        "opamp": good(),
        "device": amc.Memristor(levels=32, write_noise=0.02, seed=1),
    },
    "wires": {"opamp": good(quiescent_current=1e-4), "wire": UNEQUAL},
    "column load": {"opamp": good(), "column_load": 2.0},
    "slow poles": {"opamp": good(second_pole=3e8, input_capacitance=1e-12)},
}
QUICK = ("onchip-1g", "ad823", "slew rate", "second pole", "slow poles", "input capacitance")
"""What slews during the input step, which takes no time here, or dips below zero so shortly that
no step ends there: apart by more, for a short time."""

CIRCUITS = {
    "compact, hold": (amc.CompactGINV, amc.NonNegative()),
    "compact, rail": (amc.CompactGINV, amc.NonNegative(hold=False)),
    "compact": (amc.CompactGINV, amc.Unconstrained()),
    "classic, rail": (amc.ClassicGINV, amc.NonNegative()),
    "classic": (amc.ClassicGINV, amc.Unconstrained()),
}
CASES = [
    pytest.param(circuit, options, id=f"{circuit}, {options}")
    for circuit in CIRCUITS
    for options in OPTIONS
    # What does not exist, and what rings for ever.
    if not (options == "lasso" and "," not in circuit)
    and not (options in ("column load", "slow poles", "ad823") and "classic" in circuit)
]


def waveform_distance(first, second, rise):
    """Largest distance at the first one's instants, as a fraction of full scale.

    The input step of the second one takes ``rise``; it arrives half of that later.
    """
    distance = 0.0
    for segment, other in zip(first.waveforms.segments, second.waveforms.segments, strict=True):
        common = (segment.time > 2 * rise) & (segment.time < other.time[-1] - rise)
        there = [
            np.interp(segment.time[common] + rise / 2, other.time, v) for v in other.voltages.T
        ]
        deviation = np.abs(np.stack(there, axis=1) - segment.voltages[common]).max()
        distance = max(distance, deviation / np.abs(other.voltages).max())
    return distance


@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "options"), CASES)
def test_waveforms_solutions_energy_and_power_agree(kind, options, measured):
    A, b = random_problem(3, rows=16, columns=4, vectors=2)
    circuit_type, constraint = CIRCUITS[kind]
    circuit = circuit_type(A, constraint=constraint, **OPTIONS[options])
    transient = chosen(circuit)
    common = {"read_voltage": 0.4 * circuit.opamp.highest_output, "settle_tolerance": 0.01}
    here = amc.simulate(circuit, b, fidelity="behavioural", **common)
    tight = {"relative_tolerance": 1e-5, "max_step": transient.max_step / 8}
    there = amc.simulate(circuit, b, window=transient.window, **tight, **common)
    assert here.all_settled
    assert there.all_settled
    assert here.volts_per_unit == there.volts_per_unit
    distance = waveform_distance(here, there, transient.rise)
    measured("waveforms", distance)
    solutions = np.linalg.norm(here.x - there.x, axis=0) / np.linalg.norm(there.x, axis=0)
    measured("solutions", solutions.max())
    read = ~here.below_floor  # what cannot be read has no times
    np.testing.assert_array_equal(here.below_floor, there.below_floor)
    assert read.any()
    energy = np.abs(here.energy / there.energy - 1)[read].max()
    measured("energy", energy)
    total = np.abs(there.power["total"])
    power = max((np.abs(here.power[name] - there.power[name]) / total).max() for name in here.power)
    measured("power", power)
    times = (here.settling_time + transient.rise / 2) / there.settling_time
    settling = np.abs(times - 1)[read].max()
    measured("settling", settling)
    assert distance < (8e-3 if options in QUICK else 2e-3)
    assert solutions.max() < 1e-4
    assert power < 1e-4
    for segment, other in zip(here.waveforms.segments, there.waveforms.segments, strict=True):
        # Out of the positive supply, into the negative one.
        assert (segment.supply[:, 0] >= 0).all()
        assert (segment.supply[:, 1] <= 0).all()
        deviation = np.abs(segment.supply[-1] - other.supply[-1]).max()
        assert deviation < 1e-4 * np.abs(other.supply[-1]).max()
    # Where outputs ring, an excursion that just leaves the band, or just does not, decides.
    rings = "classic" in kind
    assert settling < (0.1 if rings else 0.01)
    assert energy < (0.1 if rings else 0.01)


@pytest.mark.slow
def test_settling_of_many_problems_agrees(measured):
    """What the defaults of both give, 100 problems of 32 x 8 with active constraints."""
    settling, solutions, energy = [], [], []
    for seed in range(100):
        A, b = random_problem(seed)
        circuit = amc.CompactGINV(A, constraint=amc.NonNegative(), opamp=good())
        here, there = (amc.simulate(circuit, b, fidelity=f) for f in ("behavioural", "reduced"))
        assert here.all_settled
        solutions.append(np.linalg.norm(here.x - there.x) / np.linalg.norm(there.x))
        difference = abs(here.settling_time - there.settling_time)
        if not here.reference.any():
            # What does not move is at rest once the input has risen.
            assert difference < 2 * chosen(circuit).rise
            continue
        settling.append(difference / there.settling_time)
        energy.append(abs(here.energy / there.energy - 1))
    assert len(settling) > 90
    measured("settling, 95th percentile", np.percentile(settling, 95))
    measured("settling, largest", max(settling))
    measured("solutions, largest", max(solutions))
    measured("energy, largest", max(energy))
    assert np.percentile(settling, 95) < 0.02
    assert max(settling) < 0.05
    assert max(solutions) < 1e-4
    assert max(energy) < 0.03


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_forecast_windows_change_no_answer(circuit_type, measured):
    A, b = random_problem(6, rows=12, columns=4, vectors=12)
    circuit = circuit_type(A, constraint=amc.NonNegative(), opamp=good())
    batch, analysis = Batch.of([circuit]), amc.Analysis()
    prepared = get_backend(analysis).prepare(batch)
    drive = drive_of(batch, [b.T], np.ones(1))
    forecast = join_forecasts(list(prepared.forecast(drive)))
    (windows,), window = forecast.windows, prepared.streamers[0].transient.window
    assert (windows >= SHORTEST_WINDOW * window).all()
    assert (windows <= window).all()
    if circuit_type is amc.CompactGINV:  # in the classic one every mode decays alike
        assert windows.min() < window
    short = run_once(prepared, drive, analysis, forecast=forecast).measurement
    full = run_once(prepared, drive, analysis).measurement
    assert short.settled.all()
    deviation = np.abs(short.settling_time / full.settling_time - 1).max()
    measured("settling", deviation)
    assert deviation < 0.01
    np.testing.assert_allclose(short.outputs, full.outputs, atol=1e-5 * np.abs(full.outputs).max())


def test_a_current_limit_needs_ngspice_and_has_no_forecast():
    A, b = random_problem(6, rows=12, columns=4)
    circuit = amc.CompactGINV(A, opamp=good(output_current_limit=10e-3))
    batch = Batch.of([circuit])
    prepared = get_backend(amc.Analysis()).prepare(batch)
    assert not list(prepared.forecast(drive_of(batch, [b[None]], np.ones(1))))
    run = amc.simulate(circuit, b)
    assert run.all_settled
    free = amc.simulate(amc.CompactGINV(A, opamp=good()), b, fidelity="behavioural")
    np.testing.assert_allclose(run.x, free.x, atol=1e-5 * np.abs(free.x).max())


@pytest.mark.parametrize(("fidelity", "higher"), [("behavioural", "reduced"), ("reduced", "flat")])
def test_verification_runs_some_again_at_the_next_fidelity(fidelity, higher, measured):
    A, b = random_problem(6, rows=8, columns=3, vectors=9)
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative(), opamp=good(), wire=UNEQUAL)
    runs = [amc.simulate(circuit, b, fidelity=fidelity, verify=3) for _ in range(2)]
    verification, again = (run.verification for run in runs)
    assert verification.fidelity == higher
    assert verification.solution_deviation.shape == verification.settling_deviation.shape == (3,)
    measured("solutions", verification.solution_deviation.max())
    measured("settling", np.abs(verification.settling_deviation).max())
    assert verification.solution_deviation.max() < 1e-4
    assert np.abs(verification.settling_deviation).max() < 0.02
    np.testing.assert_array_equal(verification.solution_deviation, again.solution_deviation)
    np.testing.assert_array_equal(verification.settling_deviation, again.settling_deviation)
    plain = amc.simulate(circuit, b, fidelity=fidelity)
    assert plain.verification is None
    np.testing.assert_array_equal(plain.x, runs[0].x)


@pytest.mark.parametrize("fidelity", ["flat", "ideal"])
def test_nothing_verifies_the_highest_fidelity(fidelity):
    A, b = random_problem(6, rows=8, columns=3)
    with pytest.raises(InputError, match=f"nothing to verify the {fidelity} fidelity"):
        amc.simulate(amc.CompactGINV(A), b, fidelity=fidelity, verify=1)
