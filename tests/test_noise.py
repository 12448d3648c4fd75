"""Noise from the linear model against integrals over frequency, ngspice and time."""

import dataclasses

import numpy as np
import pytest
import scipy.integrate
from oracles import random_problem

import amcspice as amc
from amcspice.engine import LinearModel
from amcspice.netlist import make_testbench
from amcspice.netlist.instances import model_library, opamp_parameters
from amcspice.reduction import reduce_to_ports

NOISY = amc.OpAmp(gain=1e4, gbw=1e7, input_noise=20e-9, output_resistance=1e-3)
TEMPERATURE = 300.15  # of ngspice


def small(opamp, seed=0):
    A, _ = random_problem(seed, rows=4, columns=2)
    return amc.CompactGINV(A + np.eye(4, 2), opamp=opamp)


def transfer(circuit, frequency):
    """Return gains from the input noise of each amplifier to each output, by nodal analysis.

    S v = G (x + u),  T u = G' v,  x = A(f) (e - u) with the poles in A(f).
    """
    opamp, A = circuit.opamp, circuit.matrix
    G = 100e-6 * A / A.max()
    S, T = (2 * G.sum(axis=1)).max(), np.diag(G.sum(axis=0))
    gain = opamp.gain / (1 + 1j * frequency * opamp.gain / opamp.gbw)
    if opamp.second_pole:
        gain /= 1 + 1j * frequency / opamp.second_pole
    # T u = G'G (x + u) / S
    gram, n = G.T @ G / S, A.shape[1]
    to_u = np.linalg.solve(T - gram, gram)  # u = to_u @ x
    return np.linalg.solve(np.eye(n) / gain + to_u, np.eye(n))


@pytest.mark.parametrize("second_pole", [None, 3e7])
def test_it_is_the_integral_over_all_frequencies(second_pole):
    circuit = small(dataclasses.replace(NOISY, second_pole=second_pole))

    def density(logarithm):
        gains = transfer(circuit, np.exp(logarithm))
        return np.exp(logarithm) * (np.abs(gains) ** 2).sum(axis=1)

    integral, _ = scipy.integrate.quad_vec(density, np.log(1.0), np.log(1e12), epsrel=1e-8)
    np.testing.assert_allclose(amc.output_noise(circuit), 20e-9 * np.sqrt(integral), rtol=1e-3)


def test_one_amplifier_alone():
    """A follower's bandwidth is GBW and its noise bandwidth pi/2 times that."""
    wide = amc.CompactGINV([[1.0]], opamp=NOISY)
    model = reduce_to_ports(wide.schematic)
    rate = -LinearModel.of(wide, model).eigenvalues.real[0]
    unity = 2 * np.pi * NOISY.gbw
    # White noise through unity/(s + rate): e^2 unity^2 / (4 rate).
    expected = NOISY.input_noise * unity / np.sqrt(4 * rate)
    assert amc.output_noise(wide)[0] == pytest.approx(expected, rel=1e-3)


def test_it_scales_with_the_density_and_knows_no_signal():
    circuit = small(NOISY)
    double = small(dataclasses.replace(NOISY, input_noise=40e-9, offset=1e-3))
    np.testing.assert_allclose(amc.output_noise(double), 2 * amc.output_noise(circuit), rtol=1e-12)
    assert (amc.output_noise(small(amc.OpAmp())) == 0).all()


def test_what_is_no_temperature_is_refused():
    with pytest.raises(amc.InputError, match="temperature"):
        amc.output_noise(small(NOISY), temperature=-1.0)


@pytest.mark.ngspice
@pytest.mark.parametrize("capacitance", [0.0, 2e-12])
def test_thermal_noise_of_the_array_against_ngspice(batch, capacitance):
    """ngspice integrates the noise of every resistor.

    Up to 1 GHz: beyond it there is nothing but the white noise of resistors in the macro-model.
    """
    opamp = dataclasses.replace(NOISY, input_noise=0.0, input_capacitance=capacitance)
    circuit = small(opamp)
    expected = amc.output_noise(circuit, temperature=TEMPERATURE)
    drawing = make_testbench(circuit.schematic, np.zeros((1, 4)))
    names, (a, b, conductance) = drawing.network.names, drawing.network.elements
    lines = [
        f"R{k} {names[p]} {names[q]} {float(1 / g)!r}"
        for k, (p, q, g) in enumerate(zip(a, b, conductance, strict=True))
    ]
    model, values = opamp_parameters(opamp)
    words = " ".join(f"{key}={value!r}" for key, value in values.items())
    lines += [f"X{k} 0 c{k} x{k} vdd vss {model} {words}" for k in range(2)]
    cards = "\n".join([*lines, "Vvdd vdd 0 5", "Vvss vss 0 -5", "Iin 0 r0 dc 0 ac 1"])
    for k in range(2):
        card = f".noise v(x{k}) Iin dec 40 1 1e9"
        plots, _ = batch.run_text(f"* noise\n{model_library()}\n{cards}\n{card}\n.end\n", 60)
        spectrum = next(p.vectors for p in plots if "onoise_spectrum" in p.vectors)
        power = np.real(spectrum["onoise_spectrum"]) ** 2
        total = scipy.integrate.trapezoid(power, np.real(spectrum["frequency"]))
        assert np.sqrt(total) == pytest.approx(expected[k], rel=0.01)


@pytest.mark.ngspice
def test_transients_with_noise_sources(measured):
    circuit = small(NOISY)
    linear = LinearModel.of(circuit, reduce_to_ports(circuit.schematic))
    span = 100 * linear.slowest
    time, outputs = amc.noise_transient(
        circuit, np.zeros(4), seed=3, volts_per_unit=0.1, duration=span
    )
    assert time[0] >= 0
    assert time[-1] == pytest.approx(span, rel=1e-3)
    even = np.linspace(time[0], time[-1], 20000)
    rms = [np.interp(even, time, values).std() for values in outputs.T]
    # 100 time constants are about 100 independent values: 7 % (one sigma).
    measured("rms over expected", max(rms / amc.output_noise(circuit)))
    np.testing.assert_allclose(rms, amc.output_noise(circuit), rtol=0.25)


@pytest.mark.ngspice
def test_noise_transients_follow_the_seed():
    circuit = small(NOISY)
    linear = LinearModel.of(circuit, reduce_to_ports(circuit.schematic))
    options = {"volts_per_unit": 0.1, "duration": 2 * linear.slowest}
    first, again, other = (
        amc.noise_transient(circuit, np.zeros(4), seed=seed, **options)[1] for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(other[-1] - first[-1]).max() > 0


@pytest.mark.ngspice
def test_noise_transients_that_cannot_be_are_refused():
    circuit = small(NOISY)
    with pytest.raises(amc.InputError, match="choose at most"):
        amc.noise_transient(circuit, np.zeros(4), volts_per_unit=1.0, duration=1.0, seed=0)
    with pytest.raises(amc.InputError, match="duration = -1"):
        amc.noise_transient(circuit, np.zeros(4), volts_per_unit=1.0, duration=-1, seed=0)
    with pytest.raises(amc.InputError, match="no noise"):
        amc.noise_transient(
            small(amc.OpAmp()), np.zeros(4), volts_per_unit=1.0, duration=1e-6, seed=0
        )
    with pytest.raises(amc.InputError, match="2 right-hand sides"):
        amc.noise_transient(circuit, np.zeros((4, 2)), volts_per_unit=1.0, duration=1e-6, seed=0)
