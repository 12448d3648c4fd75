"""Power: what the sources deliver is what every element dissipates, each computed by itself."""

import dataclasses

import numpy as np
import pytest
from oracles import dissipated, random_problem

import amcspice as amc
from amcspice.characterise import Conditions, measured_opamp
from amcspice.engine import Batch, Drive
from amcspice.measure import energy, measure_power
from amcspice.reduction import reduce_to_ports

WIRE = amc.Wire(row=1.0, column=2.5, driver=3.0, termination=4.0)

CASES = [
    pytest.param(circuit, constraint, id=f"{circuit.name} {name}")
    for circuit, constraint, name in [
        (amc.ClassicGINV, amc.Unconstrained(), "unconstrained"),
        (amc.ClassicGINV, amc.NonNegative(), "floor"),
        (amc.CompactGINV, amc.Unconstrained(), "unconstrained"),
        (amc.CompactGINV, amc.NonNegative(hold=False), "floor"),
        (amc.CompactGINV, amc.NonNegative(hold=True), "hold"),
    ]
]


@pytest.mark.ngspice
@pytest.mark.parametrize("quiescent", [0.0, 1e-4])
@pytest.mark.parametrize("amplifiers", ["elements", "subcircuits"])
@pytest.mark.parametrize(("circuit_type", "constraint"), CASES)
def test_source_power_equals_dissipated_power(
    circuit_type, constraint, amplifiers, quiescent, measured
):
    A, b = random_problem(3, rows=16, columns=5)
    opamp = amc.OpAmp(gain=1e5, quiescent_current=quiescent, supply_negative=-4.0)
    circuit = circuit_type(A, wire=WIRE, constraint=constraint, opamp=opamp)
    run = amc.simulate(circuit, b, fidelity="flat", amplifiers=amplifiers)
    last = run.waveforms.segments[0]
    currents = circuit.schematic.currents(b[None], run.volts_per_unit)[0]
    parts = dissipated(circuit, run.waveforms.names, last.voltages[-1], currents)
    sinks = parts["array"] + parts["stages"] + parts["hold"] + parts["quiescent"]
    sources = last.supply[-1] @ [opamp.supply_positive, opamp.supply_negative] + parts["input"]
    measured("relative imbalance", abs(sources / sinks - 1))
    assert sources == pytest.approx(sinks, rel=1e-6)
    if isinstance(constraint, amc.NonNegative):
        assert (run.reference == 0).any()
        if constraint.hold:
            assert parts["hold"] > 1e-4 * sinks
    power = run.power
    assert power["total"] == pytest.approx(sources, rel=1e-9)
    assert power["array"] == pytest.approx(parts["array"], rel=1e-6)
    assert power["input"] == pytest.approx(parts["input"], rel=1e-6, abs=1e-9 * sinks)
    assert power["amplifier_static"] == pytest.approx(parts["quiescent"], rel=1e-12)
    assert power["amplifier_output"] == pytest.approx(parts["stages"] + parts["hold"], rel=1e-6)


@pytest.mark.ngspice
@pytest.mark.parametrize(("circuit_type", "constraint"), CASES)
def test_flat_and_reduced_decks_report_the_same_power(circuit_type, constraint):
    A, b = random_problem(4, rows=12, columns=4)
    circuit = circuit_type(
        A, wire=WIRE, constraint=constraint, opamp=amc.OpAmp(quiescent_current=1e-5)
    )
    flat, reduced = (amc.simulate(circuit, b, fidelity=f) for f in ("flat", "reduced"))
    for name in flat.power:
        scale = flat.power["total"]
        assert reduced.power[name] == pytest.approx(flat.power[name], abs=1e-6 * scale)
    assert reduced.energy == pytest.approx(flat.energy, rel=2e-3)


@pytest.mark.ngspice
def test_parts_add_up_at_every_instant():
    A, b = random_problem(4, rows=12, columns=4)
    circuit = amc.CompactGINV(A, wire=WIRE, constraint=amc.NonNegative())
    run = amc.simulate(circuit, b)
    segment = run.waveforms.segments[0]
    currents = circuit.schematic.currents(b[None], run.volts_per_unit)
    batch = Batch.of([circuit])
    drive = Drive.of(batch, [currents])
    power = power_at(batch, segment.voltages, segment.supply, drive)
    np.testing.assert_allclose(power.total, power.supply + power.input, rtol=1e-12)
    spent = power.amplifier_static + power.amplifier_output + power.array
    np.testing.assert_allclose(power.total, spent, rtol=1e-12)
    assert (power.array >= 0).all()
    assert power.by_name()["total"][-1] == pytest.approx(run.power["total"], rel=1e-9)
    assert energy(segment.time, power.total, run.settling_time) == pytest.approx(run.energy)


@pytest.mark.ngspice
def test_power_scales_with_the_square_of_the_range():
    """Array and inputs see voltages only: half the range is a quarter of the power."""
    A, b = random_problem(5, rows=12, columns=4)
    circuit = amc.CompactGINV(A, wire=WIRE)
    full, half = (amc.simulate(circuit, b, read_voltage=volts).power for volts in (2.0, 1.0))
    for name in ("array", "input"):
        assert full[name] == pytest.approx(4 * half[name], rel=1e-5)


def test_array_power_of_a_known_network():
    """One volt across two known conductances, no amplifier current at all."""
    circuit = amc.CompactGINV([[1.0]], compensation=False)
    model = reduce_to_ports(circuit.schematic)
    # x -- 100 uS -- r -- 100 uS -- c: 50 uS between the ports x and c.
    voltages = np.zeros((1, 2))
    voltages[0, model.names.index("x0")] = 1.0
    batch = Batch.of([circuit])
    none = Drive.of(batch, [np.zeros((1, 1))])
    power = power_at(batch, voltages, np.zeros((1, 2)), none)
    assert power.array[0] == pytest.approx(50e-6, rel=1e-12)
    assert power.input[0] == 0
    # 10 uA into the row node alone, both ports grounded: 1e-10 / 200 uS.
    drive = Drive.of(batch, [np.array([[1e-5]])])
    power = power_at(batch, np.zeros((1, 2)), np.zeros((1, 2)), drive)
    assert power.array[0] == pytest.approx(1e-10 / 200e-6, rel=1e-12)
    assert power.input[0] == pytest.approx(1e-10 / 200e-6, rel=1e-12)


def power_at(batch, voltages, supply, drive):
    delivered = batch.delivered(voltages, np.broadcast_to(drive.into[0], voltages.shape))
    return measure_power(batch, voltages, supply, drive, delivered)


def test_energy_integrates_up_to_the_instant():
    time = np.array([0.0, 1.0, 2.0, 4.0])
    assert energy(time, 2 * time, 3.0) == pytest.approx(9.0)
    assert energy(time, np.full(4, 5.0), 0.5) == pytest.approx(2.5)
    assert energy(time, time, 4.0) == pytest.approx(8.0)
    assert energy(time, time, 0.0) == 0
    assert np.isnan(energy(time, time, np.nan))


def test_energy_of_segments_is_that_of_each():
    times = [np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.5]), np.array([0.0, 2.0, 3.0, 7.0])]
    starts = np.cumsum([0, 3, 2, 4])
    time, until = np.concatenate(times), np.array([1.5, 0.5, np.nan])
    joules = energy(time, 3 * time + 1, until, starts)
    np.testing.assert_allclose(joules, 1.5 * until**2 + until, rtol=1e-12)


@pytest.mark.parametrize("circuit_type", [amc.CompactGINV, amc.MVM])
def test_power_of_a_long_stream_is_that_of_each_input(circuit_type):
    """Right-hand sides beyond the first chunk are charged with what their own sources give."""
    draw = np.random.default_rng(8)
    A, inputs = draw.random((6, 3)), draw.random((6, 131))
    circuit = circuit_type(A.T if circuit_type is amc.MVM else A)
    run = amc.simulate(circuit, inputs, fidelity="behavioural")
    currents = circuit.schematic.currents(inputs.T, run.volts_per_unit)
    for k in (0, 1, 127, 128, 130):
        voltages = run.waveforms.segments[k].voltages[-1]
        parts = dissipated(circuit, run.waveforms.names, voltages, currents[k])
        for name in ("input", "array"):
            assert run.power[name][k] == pytest.approx(parts[name], rel=1e-9)


GROUNDED = """\
.subckt grounded p n o vdd vss
G1 0 y p n 1e-3
R1 y 0 1e8
C1 y 0 5p
B1 s 0 V=min(max(v(y),v(vss)+0.1),v(vdd)-0.1)
Ro s o 20
Iq vdd vss 1m
.ends
"""
"""An output stage that stands on ground, as in most macro-models of vendors."""


@pytest.fixture(scope="module")
def grounded(tmp_path_factory):
    """Return such an amplifier, as it was measured."""
    path = tmp_path_factory.mktemp("grounded") / "grounded.lib"
    path.write_text(GROUNDED)
    return measured_opamp(path, "grounded", Conditions(supply_positive=2.5, supply_negative=-2.5))


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["flat", "reduced"])
@pytest.mark.parametrize(
    ("circuit_type", "constraint"),
    [
        pytest.param(amc.CompactGINV, amc.Unconstrained(), id="compact"),
        pytest.param(amc.ClassicGINV, amc.Unconstrained(), id="classic"),
        pytest.param(amc.CompactGINV, amc.NonNegative(hold=True), id="hold"),
    ],
)
def test_power_of_an_output_stage_on_ground(grounded, circuit_type, constraint, fidelity, measured):
    """What its supplies do not give is counted at the rail that it would come from."""
    A, b = random_problem(3, rows=12, columns=4)
    assert grounded.subcircuit.supply_share == 0
    circuit = circuit_type(A, wire=WIRE, constraint=constraint, opamp=grounded)
    run = amc.simulate(circuit, b, fidelity=fidelity)
    currents = circuit.schematic.currents(b[None], run.volts_per_unit)[0]
    last = run.waveforms.segments[0].voltages[-1]
    parts = dissipated(circuit, run.waveforms.names, last, currents)
    expected = parts["stages"] + parts["hold"]
    measured("output stages, relative", abs(run.power["amplifier_output"] / expected - 1))
    assert run.power["amplifier_output"] == pytest.approx(expected, rel=1e-4)
    macro = dataclasses.replace(grounded, subcircuit=None)
    there = amc.simulate(dataclasses.replace(circuit, opamp=macro), b, fidelity=fidelity)
    assert run.power["total"] == pytest.approx(there.power["total"], rel=1e-5)
    assert run.energy == pytest.approx(there.energy, rel=5e-3)
    (said,) = run.cautions
    assert "takes 0% of its output current out of its supply pins" in said
    assert there.cautions == ()


@pytest.mark.ngspice
def test_output_stages_that_give_power_are_named(grounded):
    """Nothing was known of it: what was reported before, but not without a word."""
    named = dataclasses.replace(grounded.subcircuit, supply_share=1.0)
    A, b = random_problem(3, rows=12, columns=4)
    circuit = amc.CompactGINV(A, opamp=dataclasses.replace(grounded, subcircuit=named))
    run = amc.simulate(circuit, b)
    assert run.power["amplifier_output"] < 0
    assert "give power to the array" in repr(run)
    equations = amc.simulate(circuit, b, fidelity="behavioural")
    assert equations.power["amplifier_output"] > 0
    assert "give power to the array" not in repr(equations)


@pytest.mark.ngspice
def test_power_of_cells_that_are_not_linear_is_not_known_there(grounded):
    """What outputs deliver follows from the reduced network only."""
    A, b = random_problem(3, rows=6, columns=2)
    cells = amc.Memristor(sinh_voltage=0.5)
    run = amc.simulate(amc.CompactGINV(A, opamp=grounded, device=cells), b, fidelity="flat")
    assert np.isnan(run.power["supply"])
    assert np.isnan(run.power["total"])
