"""Cells with a sinh curve, and noise in time: against node equations and network theory."""

import re

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

import amcspice as amc
from amcspice import netlist
from amcspice.circuit.network import GROUND, Network
from amcspice.engine import Decks, Streamer
from amcspice.netlist import Deck, Stimulus, Transient, write_deck
from amcspice.netlist.noise import BOLTZMANN, noise_sources, thermal_currents
from amcspice.reduction import reduce_to_ports
from amcspice.simulation.standalone import standalone_deck

A = np.random.default_rng(1).random((5, 3)) + 0.1
B = A @ np.array([0.5, 0.2, 0.8])
OPAMP = amc.OpAmp(gain=1e4, gbw=50e6)
CIRCUITS = [amc.CompactGINV, amc.ClassicGINV]
HOT = 3e6
"""Kelvin: noise that stands far above what the simulator's tolerances leave."""


def amplifier_pins(schematic):
    return [
        np.concatenate([getattr(bank, pin) for bank in schematic.amplifiers])
        for pin in ("plus", "minus", "out")
    ]


def operating_point(circuit, volts_per_unit, vector):
    """Solve the node equations with the cells' own curve."""
    schematic, scale = circuit.schematic, circuit.device.sinh_voltage
    network = schematic.network
    a, b, conductance = network.elements
    cells = network.are_cells
    plus, minus, out = amplifier_pins(schematic)
    injected = np.zeros(len(network))
    np.add.at(injected, schematic.injected, schematic.currents(vector[None], volts_per_unit)[0])

    def residual(unknown):
        voltage = np.append(0.0, unknown)
        drop = voltage[a] - voltage[b]
        current = conductance * np.where(cells, scale * np.sinh(drop / scale), drop)
        balance = injected.copy()
        np.subtract.at(balance, a, current)
        np.add.at(balance, b, current)
        balance = balance / conductance.max()
        balance[out] = voltage[out] / circuit.opamp.gain - (voltage[plus] - voltage[minus])
        return balance[1:]

    solution = scipy.optimize.root(residual, np.zeros(len(network) - 1), tol=1e-13)
    assert solution.success
    return np.append(0.0, solution.x)[schematic.outputs]


@pytest.mark.ngspice
@pytest.mark.parametrize("wire", [amc.Wire(), amc.Wire(row=20.0, column=30.0)])
@pytest.mark.parametrize("kind", CIRCUITS)
def test_sinh_cells_solve_their_own_node_equations(kind, wire):
    circuit = kind(A, device=amc.Memristor(sinh_voltage=2.0), wire=wire, opamp=OPAMP)
    options = {"fidelity": "flat", "read_voltage": 1.25}
    run = amc.simulate(circuit, B, relative_tolerance=1e-5, **options)
    volts = operating_point(circuit, run.volts_per_unit, B)
    np.testing.assert_allclose(run.x * run.volts_per_unit, volts, atol=2e-5)
    linear = amc.simulate(kind(A, wire=wire, opamp=OPAMP), B, **options)
    # The curve matters: volts of several times sinh_voltage.
    assert np.abs(run.x - linear.x).max() > 0.02
    assert np.isfinite(run.energy).all()
    assert np.isfinite(run.power["supply"]).all()


@pytest.mark.filterwarnings("ignore::amcspice.errors.ImplausibleWarning")
@pytest.mark.ngspice
def test_a_wide_curve_is_a_resistor():
    runs = [
        amc.simulate(amc.CompactGINV(A, device=device, opamp=OPAMP), B, fidelity="flat")
        for device in (amc.Memristor(), amc.Memristor(sinh_voltage=1e3))
    ]
    np.testing.assert_allclose(runs[0].x, runs[1].x, rtol=1e-4)


@pytest.mark.parametrize("fidelity", ["reduced", "behavioural"])
def test_what_cannot_be_reduced_is_refused(fidelity):
    circuit = amc.CompactGINV(A, device=amc.Memristor(read_noise=0.1, noise_bandwidth=1e6))
    with pytest.raises(amc.UnsupportedError, match=f"so {fidelity} fidelity does not know them"):
        amc.simulate(circuit, B, fidelity=fidelity)
    with pytest.raises(amc.UnsupportedError, match="resistors only"):
        amc.to_pyspice(circuit, B)
    with pytest.raises(amc.UnsupportedError, match="use flat"):
        standalone_deck(circuit, B, amc.Analysis(fidelity="reduced"))
    assert "\nB0 " in standalone_deck(circuit, B).text


def test_behavioural_has_no_thermal_noise():
    device = amc.Memristor(thermal_noise=True, noise_bandwidth=1e6)
    with pytest.raises(amc.UnsupportedError, match="no noise in time"):
        amc.simulate(amc.CompactGINV(A, device=device), B, fidelity="behavioural")


def test_thermal_currents_have_nyquists_covariance():
    """Of the flat network seen from its ports, and of the reduced one: 4 k T B Y, both."""
    device = amc.Memristor(thermal_noise=True, noise_bandwidth=1e6, temperature=350.0)
    circuit = amc.CompactGINV(A, device=device, wire=amc.Wire(row=500.0, column=800.0))
    model = reduce_to_ports(circuit.schematic)
    expected = 4 * BOLTZMANN * 350.0 * 1e6 * model.conductance
    count = 40_000
    reduced = thermal_currents(model.network, device, count, 0)[1:]
    laplacian = circuit.schematic.network.laplacian().toarray()
    ports = model.nodes - 1
    inner = np.setdiff1d(np.arange(len(laplacian)), ports)
    carried = np.linalg.solve(laplacian[np.ix_(inner, inner)], laplacian[np.ix_(inner, ports)]).T
    every = thermal_currents(circuit.schematic.network, device, count, 1)[1:]
    flat = every[ports] - carried @ every[inner]
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    for currents in (flat, reduced):
        np.testing.assert_allclose(
            currents @ currents.T / count / scale, expected / scale, atol=0.03
        )


def streamed(circuit, fidelity, window):
    """Return time and output voltages of one window, however much they still move."""
    model = reduce_to_ports(circuit.schematic)
    streamer = Streamer(
        decks=Decks(circuit, model, flat=fidelity == "flat"),
        simulator=amc.engine.get_simulator("batch"),
        transient=Transient(window=window, max_step=5e-8, rise=1e-9, relative_tolerance=1e-5),
        doublings=0,
        timeout=60,
    )
    (stream,) = streamer.run(circuit.schematic.currents(B[None], 0.1))
    outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
    return stream.time, stream.voltages[:, outputs]


def output_deviation(circuit):
    """Integrate the noise of every conductance through the circuit, over frequency [V]."""
    schematic, device = circuit.schematic, circuit.device
    network = schematic.network
    a, b, conductance = network.elements
    plus, minus, out = amplifier_pins(schematic)
    size = len(network)
    laplacian = np.zeros((size, size))
    laplacian[1:, 1:] = network.laplacian().toarray()
    sources = np.zeros((size, len(a)))
    sources[a, np.arange(len(a))] += 1
    sources[b, np.arange(len(b))] -= 1
    sources *= np.sqrt(4 * BOLTZMANN * device.temperature * conductance)
    sources[np.append(out, GROUND)] = 0

    def density(frequency):
        system = laplacian.astype(complex)
        system[np.append(out, GROUND)] = 0
        system[GROUND, GROUND] = 1
        gain = 1 / (1 / circuit.opamp.gain + 1j * frequency / circuit.opamp.gbw)
        system[out, out] = 1 / gain
        np.add.at(system, (out, plus), -1)
        np.add.at(system, (out, minus), 1)
        output = np.linalg.solve(system, sources)[schematic.outputs]
        joined = np.sinc(frequency / (2 * device.noise_bandwidth)) ** 4
        return (np.abs(output) ** 2).sum(axis=1) * joined

    frequency = np.concatenate([[0.0], np.geomspace(1e2, 4 * device.noise_bandwidth, 400)])
    values = np.array([density(f) for f in frequency])
    return np.sqrt(scipy.integrate.trapezoid(values, frequency, axis=0))


@pytest.mark.filterwarnings("ignore::amcspice.errors.ImplausibleWarning")
@pytest.mark.ngspice
@pytest.mark.slow
@pytest.mark.parametrize("fidelity", ["flat", "reduced"])
@pytest.mark.parametrize("kind", CIRCUITS)
def test_thermal_noise_at_the_outputs(kind, fidelity, measured):
    device = amc.Memristor(
        thermal_noise=True, noise_bandwidth=20e6, temperature=HOT, seed=3, g_max=1e-4
    )
    circuit = kind(A, device=device, opamp=OPAMP)
    time, volts = streamed(circuit, fidelity, 20e-6)
    grid = np.linspace(2e-6, time[-1], 40_000)
    deviation = np.array([np.interp(grid, time, column).std() for column in volts.T])
    expected = output_deviation(circuit)
    for index, ratio in enumerate(deviation / expected):
        measured(f"deviation over theory, output {index}", ratio)
    # Some hundred independent samples: 5 % each way is one deviation.
    np.testing.assert_allclose(deviation, expected, rtol=0.2)


@pytest.mark.ngspice
def test_read_noise_fluctuates_with_the_voltage_across_the_cell():
    """One cell between 1 V and a resistor a hundred times smaller: current g (1 + z)."""
    device = amc.Memristor(read_noise=0.05, noise_bandwidth=1e6, seed=2)
    network = Network()
    top, node = network.nodes("top", 1), network.nodes("node", 1)
    network.connect(top, node, 1e-5, cells=True)
    network.connect(node, GROUND, 1e-3)
    network.connect(top, GROUND, 1.0)
    stimulus = Stimulus(top, np.ones((1, 1)))
    text = write_deck(
        "one cell",
        netlist.Testbench(network, (), stimulus, node, (node[:0], np.empty(0))),
        amc.OpAmp(),
        Transient(window=200e-6, max_step=1e-7, rise=1e-9),
        device,
    ).text
    vectors = amc.engine.get_simulator("batch").run(Deck(text, ("node0",), 200e-6))
    points = re.search(r"Vnoise0 noise0 0 PWL\(([^)]*)\)", text)[1].replace("\n+", " ").split()
    instants, noise = np.array(points, dtype=float).reshape(-1, 2).T
    inside = (instants > 1e-6) & (instants < 199e-6)
    current = np.interp(instants[inside], vectors["time"], vectors["node0"]) * 1e-3
    expected = 1e-5 * (1 + noise[inside])
    np.testing.assert_allclose(current, expected / 1.01, rtol=5e-3)
    assert noise.std() == pytest.approx(0.05, rel=0.1)


@pytest.mark.filterwarnings("ignore::amcspice.errors.ImplausibleWarning")
@pytest.mark.ngspice
def test_noise_repeats_with_the_seed_and_not_without():
    def volts(seed):
        device = amc.Memristor(
            read_noise=0.02, thermal_noise=True, noise_bandwidth=5e6, temperature=HOT, seed=seed
        )
        return streamed(amc.ClassicGINV(A, device=device, opamp=OPAMP), "flat", 1e-6)[1][-1]

    first = volts(1)
    np.testing.assert_array_equal(first, volts(1))
    assert (first != volts(2)).all()


def test_too_much_noise_is_refused():
    device = amc.Memristor(thermal_noise=True, noise_bandwidth=1e12)
    network = Network()
    network.connect(network.nodes("a", 100), GROUND, 1e-3)
    with pytest.raises(amc.InputError, match="lower the noise bandwidth"):
        list(noise_sources(network, device, 1e-6, 0))


@pytest.mark.parametrize("scale", [0.05, 0.1])
@pytest.mark.parametrize("volts", [0.2, 1.0])
def test_curved_cells_come_to_their_rest(scale, volts):
    """Driven hard, time constants are longer than those that the window is chosen by."""
    draw = np.random.default_rng(0)
    square, b = draw.random((8, 8)) + 2 * np.eye(8), np.arange(1, 9) / 8
    circuit = amc.INV(square, device=amc.Memristor(sinh_voltage=scale))
    run = amc.simulate(circuit, b, fidelity="flat", read_voltage=volts)
    long = amc.simulate(
        circuit, b, fidelity="flat", range=run.volts_per_unit,
        window=20 * run.waveforms.segments[0].time[-1],
    )  # fmt: skip
    assert run.settled
    assert np.linalg.norm(run.x - long.x) < 1e-5 * np.linalg.norm(long.x)
    assert run.settling_time == pytest.approx(long.settling_time, rel=1e-3)
