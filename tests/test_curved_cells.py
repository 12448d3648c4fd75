"""Cells that are no straight lines in every fidelity: against node equations, and flat decks."""

import numpy as np
import pytest
import scipy.optimize

import amcspice as amc
from amcspice.device.curve import Polynomial, Sinh
from amcspice.engine.dc.mixing import Anderson
from amcspice.problem import make_circuit
from amcspice.reduction import Interior, reduce_to_ports

SINH = amc.Memristor(sinh_voltage=0.15)
MILO = amc.cell("rram-milo-2021", nonlinear=True)
WIRED = amc.Wire(row=20.0, column=30.0)
GAIN = amc.OpAmp(gain=1e4, gbw=50e6, supply_negative=-5.0)


def problem(rows, columns, seed=0):
    draw = np.random.default_rng(seed)
    return draw.random((rows, columns)) + 0.1, draw.random((columns, 2))


def rest_of(circuit, vector, volts):
    """Return node voltages and element currents by the node equations of the whole network.

    Amplifiers are out = gain (plus - minus): there are no limits, and no output resistance.
    """
    schematic = circuit.schematic
    network = schematic.network
    a, b, conductance = network.elements
    cells, curve = network.are_cells, circuit.device.curve
    pins = [
        np.concatenate([getattr(bank, pin) for bank in schematic.amplifiers])
        for pin in ("plus", "minus", "out")
    ]
    sources = schematic.currents(vector[None], volts)[0]
    driven = schematic.is_driven
    injected = np.zeros(len(network))
    np.add.at(injected, schematic.injected[~driven], sources[~driven])

    def currents(voltage):
        drop = voltage[a] - voltage[b]
        return np.where(cells, curve.current(conductance, drop), conductance * drop), drop

    def residual(unknown):
        voltage = np.append(0.0, unknown)
        balance = injected.copy()
        np.subtract.at(balance, a, currents(voltage)[0])
        np.add.at(balance, b, currents(voltage)[0])
        balance = balance / conductance.max()
        plus, minus, out = pins
        balance[out] = voltage[out] / circuit.opamp.gain - (voltage[plus] - voltage[minus])
        at = schematic.injected[driven]
        balance[at] = voltage[at] - sources[driven]
        return balance[1:]

    solution = scipy.optimize.root(residual, np.zeros(len(network) - 1), tol=1e-13)
    assert solution.success
    voltage = np.append(0.0, solution.x)
    current, drop = currents(voltage)
    return voltage, float(current @ drop)


@pytest.mark.parametrize("wire", [amc.Wire(), WIRED], ids=["plain", "wired"])
@pytest.mark.parametrize("device", [SINH, MILO], ids=["sinh", "polynomial"])
@pytest.mark.parametrize("name", ["lstsq", "inv", "mvm", "ginv-classic"])
def test_dc_solves_the_node_equations_of_its_cells(name, device, wire):
    A, x = problem(4, 4) if name == "inv" else problem(6, 3)
    A = A + 4 * np.eye(4) if name == "inv" else A
    kind = "lstsq" if name == "ginv-classic" else name
    more = {"circuit": name} if name == "ginv-classic" else {}
    b = x if name == "mvm" else A @ x
    amplifier = amc.OpAmp(gain=1e4, gbw=50e6, output_resistance=1e-3)
    circuit = make_circuit(kind, A, device=device, wire=wire, opamp=amplifier, **more)
    run = amc.simulate(circuit, b, fidelity="dc")
    for k, vector in enumerate(circuit.vectors(b)):
        voltage, power = rest_of(circuit, vector, run.volts_per_unit)
        expected = circuit.read_out(voltage[circuit.schematic.outputs][None], run.volts_per_unit)
        np.testing.assert_allclose(run.x.T[k], expected[0], rtol=1e-6, atol=1e-8)
        assert run.power["array"][k] == pytest.approx(power, rel=1e-5)
    straight = amc.simulate(
        make_circuit(kind, A, wire=wire, opamp=amplifier, **more), b, fidelity="dc",
        range=run.volts_per_unit,
    )  # fmt: skip
    assert np.abs(run.x - straight.x).max() > 1e-3 * np.abs(run.x).max()


@pytest.mark.ngspice
@pytest.mark.parametrize("hold", [False, True], ids=["floor", "hold"])
def test_every_fidelity_finds_the_same_rest_with_constraints(hold):
    draw = np.random.default_rng(5)
    A, b = draw.random((12, 5)) + 0.1, draw.standard_normal((12, 3))
    circuit = make_circuit("nnls", A, device=SINH, wire=WIRED, hold=hold)
    runs = {
        fidelity: amc.simulate(circuit, b, fidelity=fidelity, relative_tolerance=1e-6)
        for fidelity in ("dc", "behavioural", "reduced", "flat")
    }
    x = runs["flat"].x
    assert (x < 1e-3 * x.max()).any()  # a constraint is active
    for fidelity, run in runs.items():
        assert np.linalg.norm(run.x - x) < 2e-5 * np.linalg.norm(x), fidelity
        np.testing.assert_allclose(run.power["array"], runs["flat"].power["array"], rtol=1e-4)
        np.testing.assert_allclose(run.power["input"], runs["flat"].power["input"], rtol=1e-3)
    for fidelity in ("behavioural", "reduced"):  # slopes are means of all right-hand sides
        for figure in ("settling_time", "energy"):
            ours, theirs = (getattr(runs[each], figure) for each in (fidelity, "flat"))
            np.testing.assert_allclose(ours, theirs, rtol=0.15, atol=0.01 * theirs.max())


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["behavioural", "reduced"])
def test_slopes_make_the_way_to_the_rest(fidelity):
    A, x = problem(4, 4)
    A += 4 * np.eye(4)
    flat, ours = (
        amc.solve("inv", A, A @ x[:, 0], device=SINH, fidelity=each, relative_tolerance=1e-5)
        for each in ("flat", fidelity)
    )
    assert ours.settling_time == pytest.approx(flat.settling_time, rel=0.03)
    assert ours.energy == pytest.approx(flat.energy, rel=0.03)
    assert any("slopes that their curves have" in each for each in ours.cautions)
    assert not any("slopes that their curves have" in each for each in flat.cautions)


def test_batches_and_processes_change_nothing():
    A, _ = problem(6, 3)
    B = A @ np.random.default_rng(2).random((3, 300))
    one = amc.solve("lstsq", A, B, device=SINH, fidelity="behavioural")
    two = amc.solve("lstsq", A, B, device=SINH, fidelity="behavioural", jobs=2)
    assert (one.x == two.x).all()
    assert (one.energy == two.energy).all()


def test_a_chip_carries_curves():
    A, x = problem(6, 3)
    chip = amc.Chip(amc.Hardware(device=SINH), fidelity="dc", range=0.2)
    answer = chip.program(A, "lstsq").solve(A @ x)
    expected = amc.solve("lstsq", A, A @ x, device=SINH, fidelity="dc", range=0.2).x
    np.testing.assert_allclose(answer, expected, rtol=1e-9)


def test_interior_nodes_follow_from_the_terminals():
    """Of a wired array: against a dense solution of all nodes."""
    circuit = amc.CompactGINV(problem(5, 3)[0], wire=WIRED)
    schematic = circuit.schematic
    laplacian = schematic.network.laplacian().toarray()
    interior, draw = Interior.of(schematic), np.random.default_rng(1)
    voltage = draw.standard_normal((2, len(laplacian) + 1))
    voltage[:, 0] = 0.0
    current = np.hstack([np.zeros((2, 1)), voltage[:, 1:] @ laplacian])
    inside = current.copy()
    inside[:, interior.terminals] = 0.0
    held = voltage[:, interior.terminals]
    np.testing.assert_allclose(interior.voltages(inside, held), voltage, atol=1e-12)
    leaving = current[:, interior.terminals] + interior.into(inside)
    model = reduce_to_ports(schematic)
    np.testing.assert_allclose(leaving, held @ model.conductance, atol=1e-15)


def test_mixing_finds_fixed_points_that_iteration_leaves():
    draw = np.random.default_rng(0)
    matrix = draw.standard_normal((40, 40)) / 40**0.5
    matrix = 0.2 * (matrix + matrix.T) - 1.5 * np.outer(np.ones(40), np.ones(40)) / 40
    assert np.linalg.eigvalsh(matrix).min() < -1.3
    shift = draw.standard_normal((3, 40))
    expected = np.linalg.solve(np.eye(40) - matrix, shift.T).T
    point, mixing = np.zeros((3, 40)), Anderson()
    for _ in range(40):
        point = mixing.next(point, point @ matrix.T + shift)
    np.testing.assert_allclose(point, expected, atol=1e-8)


def test_a_conductance_beyond_the_largest_is_several_cells():
    curve = Polynomial((1e-4, 7e-4), (2e-4, 1.3e-3), 10e-6, 100e-6, 0.5)
    volts = np.linspace(-0.6, 0.6, 7)
    many = curve.current(np.full(7, 350e-6), volts)
    np.testing.assert_allclose(many, 4 * curve.current(np.full(7, 87.5e-6), volts), rtol=1e-12)


@pytest.mark.parametrize("curve", [Sinh(0.2), MILO.curve])
def test_the_excess_is_what_is_beyond_a_resistor(curve):
    g, volts = np.full(9, 80e-6), np.linspace(-0.5, 0.5, 9)
    np.testing.assert_allclose(g * volts + curve.excess(g)(volts), curve.current(g, volts))
    small = curve.current(g, np.full(9, 1e-6)) / (g * 1e-6)
    np.testing.assert_allclose(small, 1.0, rtol=1e-4)


def test_growing_circuits_keep_their_cells_to_flat_decks():
    circuit = make_circuit("eig", np.array([[2.0, 0.5], [0.5, 1.0]]), device=SINH)
    with pytest.raises(amc.UnsupportedError, match="grows to its rails"):
        amc.simulate(circuit, [1.0, 0.5], fidelity="dc")


def test_what_does_not_come_to_rest_is_told():
    A, x = problem(16, 8)
    for scale in (0.05, 0.02):
        with pytest.raises(
            amc.SimulationError, match=r"come to no rest in .* smaller read_voltage"
        ):
            amc.solve(
                "lstsq", A, A @ x, device=amc.Memristor(sinh_voltage=scale), fidelity="dc",
                read_voltage=0.6,
            )  # fmt: skip
