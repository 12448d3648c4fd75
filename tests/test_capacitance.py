"""Line capacitance: in decks, in equations, in power, and what it does to stability."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.linalg
from cli_helpers import run as command
from cli_helpers import write
from hypothesis import given, settings
from hypothesis import strategies as st

import amcspice as amc
from amcspice.circuit import MVM
from amcspice.engine import LinearModel
from amcspice.errors import InputError
from amcspice.reduction import reduce_to_ports
from amcspice.simulation.standalone import standalone_deck

DRAW = np.random.default_rng(7)
A = DRAW.random((8, 4))
B = A @ [0.5, 0.2, 0.7, 0.1]
SQUARE = DRAW.random((4, 4)) + 2 * np.eye(4)
SIGNED = SQUARE - 0.3 * np.ones((4, 4))
OPAMP = amc.OpAmp(gain=1e5, gbw=50e6, quiescent_current=1e-4)
RESISTANCES = {"row": 40.0, "column": 60.0, "driver": 3.0, "termination": 4.0}
FARADS = {"row_capacitance": 2e-14, "column_capacitance": 3e-14}
LUMPED = amc.Wire(**RESISTANCES, **FARADS)
CASES = {
    "ginv-compact": ("lstsq", A, B),
    "ginv-classic": ("lstsq", A, B),
    "mvm": ("mvm", A, DRAW.random(4)),
    "inv": ("inv", SQUARE, DRAW.random(4)),
    "inv-compensated": ("inv", SIGNED, DRAW.random(4)),
    "inv-inverters": ("inv", SIGNED, DRAW.random(4)),
    "eigen": ("eig", SQUARE + SQUARE.T, DRAW.random(4)),
}


def circuit_of(name, wire=LUMPED, **changes):
    problem, matrix, _ = CASES[name]
    return amc.make_circuit(problem, matrix, circuit=name, wire=wire, opamp=OPAMP, **changes)


def distributed(sections, **changes):
    return amc.Wire(
        **{**RESISTANCES, **FARADS, **changes}, capacitance="distributed", sections=sections
    )


def all_nodes(circuit):
    """Eigenvalues from the equations of every node of the flat network, nothing eliminated."""
    schematic, opamp = circuit.schematic, circuit.opamp
    driven = schematic.inputs if schematic.driven else schematic.inputs[:0]
    network = schematic.network
    size = len(network) - 1
    G, C = network.laplacian().toarray(), np.zeros(size)
    nodes, farads = schematic.flat_capacitors or schematic.capacitors
    C[nodes - 1] += farads
    plus, minus, out = (
        np.concatenate([getattr(bank, pin) for bank in schematic.amplifiers])
        for pin in ("plus", "minus", "out")
    )
    k, unity, rout = len(out), 2 * np.pi * opamp.gbw, opamp.output_resistance
    unit = np.vstack([np.zeros(size), np.eye(size)])
    G += unit[out].T @ unit[out] / rout
    capacitance = opamp.input_capacitance * (unit[plus] + unit[minus]).sum(axis=0)
    state = np.block(
        [
            [-np.eye(k) * unity / opamp.gain, unity * (unit[plus] - unit[minus])],
            [unit[out].T / rout, -G],
        ]
    )
    mass = np.concatenate([np.ones(k), C + capacitance])
    keep = np.setdiff1d(np.arange(k + size), k + driven - 1)
    # In units of the amplifiers' time, and with rows of like size: QZ is not invariant to either.
    state, mass = state[np.ix_(keep, keep)], mass[keep] * unity
    size_of = np.abs(state).max(axis=1)
    values = scipy.linalg.eig(state / size_of[:, None], np.diag(mass / size_of), right=False)
    return unity * values[np.isfinite(values)]


def away(eigenvalues, expected, count=8):
    """Return the relative distance of the slowest expected values from those found."""
    slow = expected[np.argsort(np.abs(expected))[:count]]
    return max(np.abs(eigenvalues - value).min() / abs(value) for value in slow)


@pytest.mark.parametrize("wire", [LUMPED, distributed(99)], ids=["lumped", "every crossing"])
@pytest.mark.parametrize("name", CASES)
def test_time_constants_are_those_of_every_node(name, wire, measured):
    """The reduction keeps nodes with capacitors: it is exact."""
    circuit = circuit_of(name, wire)
    model = LinearModel.of(circuit, reduce_to_ports(circuit.schematic))
    deviation = away(model.eigenvalues, all_nodes(circuit))
    measured("deviation", deviation)
    assert deviation < 1e-5


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    sections=st.integers(1, 8),
    wired=st.booleans(),
    kind=st.sampled_from(["lumped", "distributed"]),
)
def test_no_capacitance_is_lost(shape, sections, wired, kind):
    """Whatever the place, a line has the capacitance of its crossings."""
    matrix = np.random.default_rng(0).random(shape) + 0.1
    wire = amc.Wire(**(RESISTANCES if wired else {}), **FARADS, capacitance=kind, sections=sections)
    for circuit in (amc.CompactGINV(matrix, wire=wire), amc.ClassicGINV(matrix, wire=wire)):
        crossings = 2 * matrix.size
        expected = crossings * sum(FARADS.values())
        for nodes, farads in (
            circuit.schematic.capacitors,
            circuit.schematic.flat_capacitors or circuit.schematic.capacitors,
        ):
            assert len(np.unique(nodes)) == len(nodes)
            assert farads.sum() == pytest.approx(expected, rel=1e-12)


def test_driven_inputs_need_none():
    """A voltage source holds its node: a capacitor there changes nothing."""
    circuit = circuit_of("mvm", amc.Wire(column_capacitance=1e-14))
    assert not len(circuit.schematic.capacitors[0])


def test_word_lines_that_are_off_keep_their_share_of_the_bit_lines():
    wire = amc.Wire(column_capacitance=1e-14)
    whole = amc.CompactGINV(A, wire=wire)
    assert whole.select([0, 2, 5, 7]).schematic.capacitors[1] == pytest.approx(
        whole.schematic.capacitors[1]
    )


def test_decks_and_exports_hold_the_capacitors():
    circuit = circuit_of("ginv-compact")
    nodes, _ = circuit.schematic.capacitors
    deck = standalone_deck(circuit, B).text
    cards = [line for line in deck.splitlines() if line.startswith("Cline_")]
    assert len(cards) == len(nodes) == 8 + 2 * 4
    assert f"Cline_x0 x0 0 {8 * 3e-14!r}" in cards
    assert f"Cline_r0 r0 0 {8 * 2e-14!r}" in cards
    assert "word 2e-14 F, bit 3e-14 F" in deck
    assert f"Cline_x0 x0 0 {8 * 3e-14!r}" in str(amc.to_pyspice(circuit, B))
    assert "Cline_" not in standalone_deck(circuit_of("ginv-compact", amc.Wire(row=1.0)), B).text


@pytest.mark.ngspice
@pytest.mark.parametrize("name", CASES)
def test_fidelities_agree(name, measured):
    circuit, vector = circuit_of(name), CASES[name][2]
    runs = {f: amc.simulate(circuit, vector, fidelity=f) for f in ("flat", "reduced")}
    flat, reduced = (run.waveforms.segments[0] for run in runs.values())
    scale = np.abs(flat.voltages).max()
    time = np.linspace(0, min(flat.time[-1], reduced.time[-1]), 300)
    for port in range(flat.voltages.shape[1]):
        cell_by_cell, by_ports = (
            np.interp(time, s.time, s.voltages[:, port]) for s in (flat, reduced)
        )
        assert np.abs(cell_by_cell - by_ports).max() < 1e-3 * scale
    behavioural = amc.simulate(circuit, vector, fidelity="behavioural")
    measured("settling", behavioural.settling_time / runs["reduced"].settling_time - 1)
    assert behavioural.settling_time == pytest.approx(runs["reduced"].settling_time, rel=0.05)
    np.testing.assert_allclose(behavioural.x, runs["reduced"].x, rtol=2e-4, atol=2e-4)
    for run in runs.values():
        assert run.energy == pytest.approx(behavioural.energy, rel=0.05)


@pytest.mark.ngspice
@pytest.mark.parametrize("wire", [LUMPED, distributed(2)], ids=["lumped", "distributed"])
@pytest.mark.parametrize("hold", [True, False])
def test_fidelities_agree_at_the_constraint(hold, wire):
    """Hold devices and rails with states at every port."""
    circuit = amc.CompactGINV(A, wire=wire, opamp=OPAMP, constraint=amc.NonNegative(hold=hold))
    vectors = np.stack([B - 0.6 * A[:, 0], B], axis=1)
    reduced, behavioural = (
        amc.simulate(circuit, vectors, fidelity=f) for f in ("reduced", "behavioural")
    )
    assert (reduced.reference == 0).any()
    np.testing.assert_allclose(behavioural.x, reduced.x, rtol=0, atol=3e-4)
    np.testing.assert_allclose(behavioural.settling_time, reduced.settling_time, rtol=0.05)
    np.testing.assert_allclose(behavioural.energy, reduced.energy, rtol=0.05)


@pytest.mark.ngspice
def test_supplies_charge_the_lines(measured):
    """Charge out of the supplies, against the charge that reaches cells and capacitors.

    Outputs rise from 0 V and stay positive, so all of it comes out of the positive supply.
    """
    wire = amc.Wire(column_capacitance=2e-11)
    opamp = amc.OpAmp(gain=1e5, gbw=20e6)
    circuit = MVM([[1.0, 0.5], [0.25, 1.0]], wire=amc.Wire(row_capacitance=1e-15), opamp=opamp)
    assert len(circuit.schematic.capacitors[0]) == 2
    loaded = amc.CompactGINV(np.eye(2), wire=wire, opamp=opamp)
    for amplifiers in ("elements", "subcircuits"):
        run = amc.simulate(loaded, [1.0, 1.0], amplifiers=amplifiers)
        segment = run.waveforms.segments[0]
        at = [run.waveforms.names.index(name) for name in ("x0", "x1")]
        model = reduce_to_ports(loaded.schematic)
        currents = loaded.schematic.currents(np.ones((1, 2)), run.volts_per_unit)
        delivered = segment.voltages @ model.conductance - model.port_currents(currents)
        into_cells = delivered[:, at].sum(axis=1)
        rising = segment.voltages[:, at].sum(axis=1) < 0.7 * segment.voltages[-1, at].sum()
        last = int(np.argmin(rising))
        upto = slice(0, last + 1)
        from_supply = np.trapezoid(segment.supply[upto, 0], segment.time[upto])
        charge = 2 * wire.column_capacitance * segment.voltages[last, at].sum()
        cells = np.trapezoid(into_cells[upto], segment.time[upto])
        measured(f"{amplifiers}: share of the lines", charge / from_supply)
        assert charge > 0.05 * from_supply
        assert from_supply - cells == pytest.approx(charge, rel=0.02)


def slow_lines(sections):
    """Return a circuit whose lines are slow enough to be seen, and a right-hand side."""
    draw = np.random.default_rng(1)
    matrix = draw.random((16, 6))
    wire = distributed(
        sections, row=200.0, column=200.0, row_capacitance=2e-13, column_capacitance=2e-13
    )
    opamp = amc.OpAmp(gain=1e5, gbw=50e6)
    return amc.CompactGINV(matrix, wire=wire, opamp=opamp), matrix @ draw.random(6)


def test_waveform_error_falls_with_the_order(measured):
    """Exact step responses: with a section a crossing it is the flat network, see above."""

    def wave(sections):
        circuit, vector = slow_lines(sections)
        model = reduce_to_ports(circuit.schematic)
        linear = LinearModel.of(circuit, model)
        current = model.port_currents(circuit.schematic.currents(vector[None], 0.1))[0]
        outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
        return linear.step_response(current, np.linspace(0, 5e-7, 400))[:, outputs]

    flat = wave(99)
    errors = []
    for sections in (1, 2, 4, 8):
        errors.append(np.abs(wave(sections) - flat).max() / np.abs(flat).max())
        measured(f"{sections} sections", errors[-1])
    assert errors[0] < 0.1
    assert all(after < 0.6 * before for before, after in pairwise(errors))
    assert errors[-1] < 2e-3


@pytest.mark.slow
@pytest.mark.ngspice
def test_flat_deck_agrees_with_four_sections(measured):
    circuit, vector = slow_lines(4)
    time, waves = np.linspace(0, 5e-7, 200), []
    for fidelity in ("flat", "reduced"):
        run = amc.simulate(circuit, vector, fidelity=fidelity, max_step=4e-9, read_voltage=1.25)
        outputs = [run.waveforms.names.index(f"x{k}") for k in range(6)]
        segment = run.waveforms.segments[0]
        waves.append(
            np.array([np.interp(time, segment.time, segment.voltages[:, k]) for k in outputs])
        )
    error = np.abs(waves[0] - waves[1]).max() / np.abs(waves[0]).max()
    measured("waveform error", error)
    assert error < 5e-3


@pytest.mark.parametrize("name", ["ginv-classic", "ginv-compact"])
def test_line_capacitance_slows_and_destabilises(name, measured):
    """The classic circuit has two amplifiers in a row: a line adds phase, and it breaks out."""
    growth = []
    for farad in (1e-16, 1e-14, 1e-13, 1e-12):
        wire = amc.Wire(column_capacitance=farad, row_capacitance=farad)
        circuit = amc.make_circuit(
            "lstsq", A, circuit=name, wire=wire, opamp=amc.OpAmp(gain=1e5, gbw=500e6)
        )
        model = LinearModel.of(circuit, reduce_to_ports(circuit.schematic))
        growth.append(model.eigenvalues.real.max())
        measured(f"{farad:g} F", growth[-1])
    assert growth[0] < 0
    if name == "ginv-classic":
        assert growth[-1] > 0
        with pytest.raises(amc.UnsupportedError, match="unstable: eigenvalue"):
            amc.simulate(circuit, B, fidelity="behavioural")


def test_input_capacitance_destabilises_like_that_of_lines():
    def worst(**changes):
        circuit = amc.ClassicGINV(A, opamp=amc.OpAmp(gain=1e5, gbw=500e6, **changes))
        model = LinearModel.of(circuit, reduce_to_ports(circuit.schematic))
        return model.eigenvalues.real.max()

    assert worst() < 0 < worst(input_capacitance=1e-11)


@pytest.mark.parametrize(
    "changes",
    [
        {"row_capacitance": -1e-15},
        {"column_capacitance": -1e-15},
        {"sections": 0},
        {"capacitance": 3},
    ],
)
def test_bad_values_are_refused(changes):
    with pytest.raises(InputError, match="Wire"):
        amc.Wire(**changes)


def test_command_line(tmp_path):
    deck = tmp_path / "deck.cir"
    words = ["generate", "ginv-compact", *write(tmp_path), "--out", deck, "--wire-resistance", 2,
             "--fidelity", "flat"]  # fmt: skip
    assert command(*words, "--wire-capacitance", 1e-15).exit_code == 0
    text = deck.read_text()
    assert text.count("\nCline_") == 4 + 2 * 3
    assert "at its end" in text
    distributed_words = ("--row-capacitance", 1e-15, "--sections", 2)
    assert command(*words, *distributed_words).exit_code == 0
    text = deck.read_text()
    assert text.count("\nCline_") == 4 * 6
    assert "distributed" in text
    assert command(*words, *distributed_words, "--fidelity", "reduced").exit_code == 0
    assert deck.read_text().count("\nCline_") == 4 * 2
    for wrong, message in (
        (("--sections", 2), "sections needs a line capacitance"),
        (("--wire-capacitance", 1e-15, "--row-capacitance", 2e-15), "give either"),
        (("--wire-capacitance", -1e-15), "must be at least 0 F"),
    ):
        refused = command(*words, *wrong)
        assert refused.exit_code == 2
        assert message in refused.output


@pytest.mark.ngspice
def test_what_charges_the_lines_comes_out_of_the_supplies():
    """Decks with capacitors have supplies of their own; the equations work their currents out."""
    wire = amc.Wire(**RESISTANCES, row_capacitance=1e-13, column_capacitance=1.5e-13)
    _, matrix, b = CASES["inv"]
    circuit = amc.make_circuit("inv", matrix, wire=wire, opamp=amc.OpAmp(gain=1e4, gbw=50e6))
    runs = [amc.simulate(circuit, b, fidelity=name) for name in ("behavioural", "reduced")]
    time = np.linspace(0.05, 1.0, 200) * runs[0].settling_time
    currents = [
        np.interp(time, run.waveforms.segments[0].time, run.waveforms.segments[0].supply[:, 0])
        for run in runs
    ]
    assert np.abs(currents[0] - currents[1]).max() < 0.08 * np.abs(currents[1]).max()
    assert runs[0].energy == pytest.approx(runs[1].energy, rel=0.02)
