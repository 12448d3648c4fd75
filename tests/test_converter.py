"""Converters: rounding, saturation, sampling, and whose share of the error is whose."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
from cli_helpers import MATRIX, RIGHT, refused, run, write
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from oracles import random_problem

import amcspice as amc
from amcspice.circuit import INV, MVM, Eigen
from amcspice.circuit.parts.switches import Switches
from amcspice.device.converter import Quantiser
from amcspice.engine import LinearModel
from amcspice.measure import measure_settling, sample
from amcspice.reduction import reduce_to_ports
from amcspice.simulation.standalone import standalone_deck

BEHAVIOURAL = "behavioural"
FIDELITIES = [BEHAVIOURAL, pytest.param("reduced", marks=pytest.mark.ngspice)]


@settings(deadline=None)
@given(
    st.integers(2, 24),
    st.floats(1e-9, 1e9),
    st.booleans(),
    arrays(float, 20, elements=st.floats(-1.5, 1.5)),
)
def test_rounding(bits, full_scale, bipolar, relative):
    quantiser = Quantiser(bits, full_scale, bipolar)
    values = relative * full_scale
    codes, saturated = quantiser.codes(values)
    assert codes.max() <= 2**bits - 1
    assert quantiser.largest * (1 + bipolar) + 1 <= 2**bits
    lowest = -1.0 if bipolar else 0.0
    inside = (relative >= lowest) & (relative <= 1.0)
    away = np.abs(codes * quantiser.step - values)
    assert (away[inside] <= quantiser.step * (0.5 + 1e-6)).all()
    assert not saturated[inside].any()
    half = 0.5 / quantiser.largest
    assert saturated[(relative > 1 + 1.01 * half) | (relative < lowest - 1.01 * half)].all()
    np.testing.assert_array_equal(quantiser.codes(codes * quantiser.step)[0], codes)


def test_zero_and_both_ends_are_codes():
    for bipolar, ends in ((True, [-1.0, 0.0, 1.0]), (False, [0.0, 1.0])):
        quantiser = Quantiser(3, 1.0, bipolar)
        np.testing.assert_allclose(quantiser.codes(np.array(ends))[0] * quantiser.step, ends)
    assert Quantiser(3, 1.0, True).largest == 3
    assert Quantiser(3, 1.0, False).largest == 7


def test_inputs_are_rounded_to_the_largest_right_hand_side():
    A = np.array([[1.0, 0.5, 0.2], [0.3, 0.9, 0.4]])
    x = np.array([0.93, -0.41, 0.07])
    circuit = MVM(A, opamp=amc.OpAmp(gain=1e8), dac=amc.DAC(bits=4))
    run = amc.simulate(circuit, x, fidelity=BEHAVIOURAL)
    step = 0.93 / 7  # negative values: codes from -7 to 7
    sent = np.rint(x / step) * step
    np.testing.assert_allclose(run.x, A @ sent, rtol=1e-6)
    conversion = run.conversion
    np.testing.assert_allclose(conversion.sent, [sent], rtol=1e-12)
    expected = np.linalg.norm(A @ (sent - x)) / np.linalg.norm(A @ x)
    assert conversion.input_error == pytest.approx(expected)
    assert run.relative_error == pytest.approx(expected, rel=1e-5)
    assert conversion.analog_error < 1e-6
    assert conversion.sampling_error == conversion.output_error == 0
    # mvm drives voltages: the scale is in volts.
    assert conversion.input_full_scale == pytest.approx(
        0.93 * circuit._input_volts * run.volts_per_unit
    )
    assert np.isnan(conversion.output_step)


def test_offset_is_in_steps():
    A = np.array([[1.0, 0.5], [0.3, 0.9]])
    circuit, x = MVM(A, opamp=amc.OpAmp(gain=1e8)), np.array([1.0, 0.25])
    plain, shifted = (
        amc.simulate(
            replace(circuit, dac=amc.DAC(bits=6, offset=offset)), x, fidelity=BEHAVIOURAL
        ).x
        for offset in (0.0, 2.0)
    )
    np.testing.assert_allclose(shifted - plain, A @ [2 / 63, 2 / 63], rtol=1e-5)
    plain, shifted = (
        amc.simulate(replace(circuit, adc=amc.ADC(bits=8, offset=offset)), x, fidelity=BEHAVIOURAL)
        for offset in (0.0, -3.0)
    )
    step = shifted.conversion.output_step / shifted.volts_per_unit
    np.testing.assert_allclose(plain.x - shifted.x, 3 * step)


def test_what_is_beyond_full_scale_saturates_and_is_counted():
    A = np.array([[2.0, 0.5], [0.3, 1.5]])
    circuit, b = INV(A), np.array([[1.0, 0.1], [0.2, 0.3]])
    plain = amc.simulate(circuit, b, fidelity=BEHAVIOURAL)
    unit = circuit.mapping.scale * plain.volts_per_unit  # amperes for one unit of b
    limited = replace(circuit, dac=amc.DAC(bits=12, full_scale=0.25 * unit))
    cut = amc.simulate(limited, b, fidelity=BEHAVIOURAL).conversion
    assert cut.input_saturated.tolist() == [1, 1]
    np.testing.assert_allclose(cut.sent, np.minimum(b, 0.25).T, atol=0.5 * cut.input_step / unit)
    top = 0.5 * plain.x.max()
    limited = replace(circuit, adc=amc.ADC(bits=12, full_scale=top * plain.volts_per_unit))
    capped = amc.simulate(limited, b, fidelity=BEHAVIOURAL)
    assert capped.conversion.output_saturated.tolist() == (plain.x > top).sum(axis=0).tolist()
    assert capped.x.max() == pytest.approx(top)


def test_unipolar_converters_know_no_negative_values():
    A, b = np.array([[2.0, 0.5], [0.3, 1.5]]), np.array([1.0, -0.5])
    unipolar = INV(A, dac=amc.DAC(bits=8, bipolar=False), adc=amc.ADC(bits=8, bipolar=False))
    run = amc.simulate(unipolar, b, fidelity=BEHAVIOURAL)
    assert run.conversion.input_saturated == 1
    np.testing.assert_allclose(run.conversion.sent, [[1.0, 0.0]])
    assert run.x.min() == 0
    # Chosen by the problem: codes for negative values where there are any.
    circuit = INV(A, dac=amc.DAC(bits=8), adc=amc.ADC(bits=8))
    chosen = amc.simulate(circuit, b, fidelity=BEHAVIOURAL)
    assert not chosen.conversion.input_saturated.any()
    assert chosen.x.min() < 0
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative(), adc=amc.ADC(bits=8))
    above = amc.simulate(circuit, b, fidelity=BEHAVIOURAL).conversion
    assert above.output_step == pytest.approx(2 * 0.2 / 255)
    assert not above.output_saturated.any()


@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_shares_of_a_constrained_regression(fidelity, measured):
    A, b = random_problem(7, rows=12, columns=4, vectors=3)
    circuit = amc.CompactGINV(
        A, constraint=amc.NonNegative(), device=amc.Memristor(levels=16), opamp=amc.OpAmp(gain=1e5)
    )
    plain = amc.simulate(circuit, b, fidelity=fidelity)
    converting = replace(circuit, dac=amc.DAC(bits=6), adc=amc.ADC(bits=8))
    run = amc.simulate(converting, b, fidelity=fidelity)
    conversion = run.conversion
    step = np.abs(b).max() / (31 if b.min() < 0 else 63)
    sent = np.rint(b / step) * step
    np.testing.assert_allclose(conversion.sent.T, sent, atol=1e-12)
    ideal = np.array([scipy.optimize.nnls(A, column)[0] for column in sent.T]).T
    size = np.linalg.norm(plain.reference, axis=0)
    input_error = np.linalg.norm(ideal - plain.reference, axis=0) / size
    np.testing.assert_allclose(conversion.input_error, input_error, rtol=1e-9)
    analog = np.linalg.norm(conversion.at_rest.T - ideal, axis=0) / size
    np.testing.assert_allclose(conversion.analog_error, analog, rtol=1e-9)
    # Rounding: half a step an output at the most; the default scale is twice the read voltage.
    volts = run.x * run.volts_per_unit / conversion.output_step
    np.testing.assert_allclose(volts, np.rint(volts), atol=1e-6)
    away = np.abs(run.x - conversion.at_rest.T) * run.volts_per_unit
    assert away.max() <= 0.5 * conversion.output_step * (1 + 1e-9)
    total = input_error + analog + conversion.output_error
    assert (run.relative_error <= total * (1 + 1e-9)).all()
    expected = np.linalg.norm(run.x - plain.reference, axis=0) / size
    np.testing.assert_allclose(run.relative_error, expected, rtol=1e-9)
    measured("input share", conversion.input_error.max())
    measured("output share", conversion.output_error.max())


@pytest.mark.parametrize("fidelity", ["ideal", "dc"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mvm", {}),
        ("inv", {}),
        ("inv-compensated", {}),
        ("ginv-compact", {}),
        ("ginv-classic", {}),
        ("ginv-compact", {"constraint": amc.NonNegative()}),
        ("ginv-classic", {"constraint": amc.NonNegative()}),
        ("ginv-compact", {"scaling": "columns", "ridge": 0.2}),
        ("macro-mvm", {"switches": Switches(on=None, off=None)}),
        ("macro-ginv", {"switches": Switches(on=None, off=None)}),
    ],
)
def test_fidelities_without_time_pass_through_converters(name, options, fidelity):
    """Behavioural, with an amplifier that is all but ideal, gives the same codes."""
    A, b = random_problem(4, rows=6, columns=6, vectors=5)
    A = A + 2 * np.eye(6)
    circuit = amc.CIRCUITS[name](
        A,
        opamp=amc.OpAmp(gain=1e9, output_resistance=1e-3),
        dac=amc.DAC(bits=6, offset=0.25),
        adc=amc.ADC(bits=7, offset=-0.5),
        **options,
    )
    timed = amc.simulate(circuit, b, fidelity=BEHAVIOURAL)
    run = amc.simulate(circuit, b, fidelity=fidelity)
    scale = np.abs(timed.x).max()
    np.testing.assert_allclose(run.x, timed.x, rtol=0, atol=1e-6 * scale)
    assert run.volts_per_unit == pytest.approx(timed.volts_per_unit, rel=1e-12)
    np.testing.assert_allclose(run.relative_error, timed.relative_error, atol=1e-6)
    for share in ("input_error", "output_error", "sampling_error", "analog_error"):
        found, expected = (getattr(one.conversion, share) for one in (run, timed))
        np.testing.assert_allclose(found, expected, atol=1e-6, err_msg=share)
    for figure in ("sent", "at_rest"):
        found, expected = (getattr(one.conversion, figure) for one in (run, timed))
        np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())
    for figure in ("input_saturated", "output_saturated"):
        found, expected = (getattr(one.conversion, figure) for one in (run, timed))
        np.testing.assert_array_equal(found, expected)
    assert run.conversion.input_step == pytest.approx(timed.conversion.input_step)
    assert run.conversion.output_step == pytest.approx(timed.conversion.output_step)
    assert run.conversion.input_error.min() > 1e-4
    assert run.conversion.output_error.min() > 1e-4


def test_the_ideal_answer_of_an_eigenvector_is_converted_at_the_rail():
    A = np.array([[1.0, 0.2, 0.3], [0.2, 0.9, 0.1], [0.3, 0.1, 0.8]])
    circuit = Eigen(A, adc=amc.ADC(bits=5))
    run = amc.simulate(circuit, np.ones(3), fidelity="ideal")
    direction = np.linalg.eigh(A)[1][:, -1]
    assert run.conversion.output_full_scale == circuit.opamp.highest_output
    read = np.rint(15 * direction / direction[np.abs(direction).argmax()] / circuit.inverter_gain)
    np.testing.assert_allclose(run.x, read / np.linalg.norm(read) * np.sign(run.x[0]), rtol=1e-12)


@pytest.mark.parametrize("fidelity", ["ideal", BEHAVIOURAL])
def test_the_full_scale_of_outputs_follows_the_read_voltage(fidelity):
    A, adc = np.array([[1.0, 0.2], [0.3, 0.9]]), amc.ADC(bits=8)

    def full_scale(topology, volts):
        circuit = topology(A, adc=adc)
        run = amc.simulate(circuit, [0.6, 0.4], fidelity=fidelity, read_voltage=volts)
        assert not run.conversion.output_saturated.any()
        return run.conversion.output_full_scale

    for topology in (INV, amc.CompactGINV, amc.ClassicGINV):
        scales = [full_scale(topology, volts) for volts in (0.1, 0.2, 1.0, 4.0)]
        np.testing.assert_allclose(scales, [0.2, 0.4, 2.0, 5.0])
    np.testing.assert_allclose([full_scale(MVM, volts) for volts in (0.1, 1.0)], 5.0)
    stated = amc.simulate(
        INV(A, adc=amc.ADC(bits=8, full_scale="300 mV")), [0.6, 0.4], fidelity=fidelity
    )
    assert stated.conversion.output_full_scale == pytest.approx(0.3)


def test_they_are_described_with_the_circuit():
    circuit = INV(np.eye(2), dac=amc.DAC(bits=8), adc=amc.ADC(bits=10, sample_time=1e-6))
    assert circuit.converts
    assert not INV(np.eye(2)).converts
    told = json.loads(json.dumps(circuit.describe()))
    assert told["dac"] == {
        "type": "DAC", "bits": 8, "full_scale": None, "offset": 0.0, "bipolar": None
    }  # fmt: skip
    assert (told["adc"]["bits"], told["adc"]["sample_time"]) == (10, 1e-6)
    assert json.loads(json.dumps(INV(np.eye(2)).describe()))["adc"] is None


@pytest.mark.parametrize("share", ["input_error", "output_error"])
def test_six_decibels_a_bit(share):
    A, b = random_problem(1, rows=16, columns=6, vectors=40)
    errors = []
    for bits in (6, 10, 14):
        circuit = amc.CompactGINV(A, dac=amc.DAC(bits=bits), adc=amc.ADC(bits=bits))
        run = amc.simulate(circuit, b, fidelity=BEHAVIOURAL, keep_waveforms=False)
        errors.append(np.median(getattr(run.conversion, share)))
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 4, atol=0.3)


def test_sampling_an_exponential_is_exact_between_samples():
    time = np.linspace(0, 5.0, 11)
    outputs = np.exp(-time)[:, None] * [1.0, -2.0] + [0.0, 3.0]
    outputs[-1] = [0.0, 3.0]  # at rest
    for at in (0.0, 0.2, 1.37, 4.0):
        sampled = sample(time, outputs, np.array([0, 11]), at, np.array([True]))
        expected = np.exp(-at) * np.array([1.0, -2.0]) + [0.0, 3.0]
        np.testing.assert_allclose(sampled, [expected], atol=1e-12)


def test_sampling_where_an_output_passes_its_final_value():
    time, outputs = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.5, 0.5, 1.0])[:, None]
    starts = np.array([0, 4])
    assert sample(time, outputs, starts, 0.5, np.array([True])) == pytest.approx(0.75)
    assert sample(time, outputs, starts, 1.5, np.array([True])) == pytest.approx(1.0)


def test_sampling_after_the_end_is_known_at_rest_only():
    time = np.array([0.0, 1.0, 2.0, 0.0, 1.0])
    outputs = np.arange(5.0)[:, None]
    sampled = sample(time, outputs, np.array([0, 3, 5]), 1.5, np.array([True, False]))
    np.testing.assert_allclose(sampled, [[1.5], [np.nan]])
    sampled = sample(time, outputs, np.array([0, 3, 5]), 9.0, np.array([True, False]))
    np.testing.assert_allclose(sampled, [[2.0], [np.nan]])


def test_sampled_at_the_settling_time_an_output_stands_at_the_band():
    A, b = random_problem(2, rows=10, columns=3)
    run = amc.simulate(amc.CompactGINV(A), b, fidelity=BEHAVIOURAL)
    time, outputs = run.waveforms.solution()
    settled = measure_settling(time, outputs)
    sampled = sample(time, outputs, np.array([0, len(time)]), settled.time, np.array([True]))
    assert np.abs(sampled - settled.final).max() == pytest.approx(settled.band, rel=1e-6)


@pytest.mark.parametrize("fidelity", FIDELITIES)
@pytest.mark.parametrize("time_constants", [0.5, 2.0, 5.0])
def test_sampled_outputs_follow_the_linear_step_response(fidelity, time_constants):
    A, b = random_problem(3, rows=12, columns=4)
    circuit = amc.CompactGINV(A)
    model = reduce_to_ports(circuit.schematic)
    linear = LinearModel.of(circuit, model)
    at = time_constants * linear.slowest
    run = amc.simulate(replace(circuit, adc=amc.ADC(sample_time=at)), b, fidelity=fidelity)
    currents = circuit.schematic.currents(b[None], run.volts_per_unit)
    response = linear.step_response(model.port_currents(currents)[0], np.array([at]))
    outputs = np.searchsorted(model.nodes, circuit.schematic.outputs)
    expected = response[0, outputs] / run.volts_per_unit
    away = np.linalg.norm(run.conversion.at_rest[0] - expected)
    assert np.linalg.norm(run.x - expected) < 0.05 * away
    assert run.conversion.sampling_error == pytest.approx(
        away / np.linalg.norm(run.reference), rel=0.05
    )
    assert run.settled.all()


def test_long_after_settling_sampling_costs_nothing():
    A, b = random_problem(3, rows=12, columns=4, vectors=3)
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative())
    plain = amc.simulate(circuit, b, fidelity=BEHAVIOURAL)
    sampling = replace(circuit, adc=amc.ADC(sample_time=1.0))
    late = amc.simulate(sampling, b, fidelity=BEHAVIOURAL)
    np.testing.assert_array_equal(late.x, plain.x)
    assert not late.conversion.sampling_error.any()


@pytest.mark.ngspice
def test_jobs_change_nothing_and_converters_are_not_verified():
    A, b = random_problem(3, rows=8, columns=3, vectors=130)
    converters = {"dac": amc.DAC(bits=5), "adc": amc.ADC(bits=5, sample_time=300e-9)}
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative(), **converters)
    alone, shared = (
        amc.simulate(circuit, b, jobs=jobs, verify=3, keep_waveforms=False) for jobs in (1, 2)
    )
    np.testing.assert_array_equal(alone.x, shared.x)
    np.testing.assert_array_equal(alone.conversion.sampling_error, shared.conversion.sampling_error)
    assert alone.provenance["deck_sha256"] == shared.provenance["deck_sha256"]
    # Five bits are off by percents, the circuit between them is not.
    assert np.median(alone.relative_error) > 1e-2
    assert alone.verification.largest_solution_deviation < 1e-4


def test_trials_see_converters():
    A, b = random_problem(3, rows=8, columns=3)
    circuit = amc.CompactGINV(A, device=amc.Memristor(write_noise=1e-4))
    fine, coarse = (
        amc.monte_carlo(replace(circuit, adc=adc), b, trials=3, fidelity=BEHAVIOURAL).relative_error
        for adc in (None, amc.ADC(bits=5))
    )
    assert fine.max() < 0.1 * coarse.min()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: amc.DAC(bits=0), "DAC.bits = 0"),
        (lambda: amc.DAC(bits=1, bipolar=True), "one bit holds no negative codes"),
        (lambda: amc.DAC(bits=8, full_scale=-1.0), "DAC.full_scale"),
        (lambda: amc.ADC(full_scale=1.0), "full_scale and offset need bits"),
        (lambda: amc.ADC(bits=8, sample_time=0.0), "ADC.sample_time"),
        (lambda: amc.simulate(INV(np.eye(2), dac=amc.DAC(bits=1)), [1, -1], fidelity=BEHAVIOURAL),
         "a DAC of one bit has no negative codes"),
        (lambda: amc.simulate(INV(np.eye(2), adc=amc.ADC(bits=1)), [1, -1], fidelity=BEHAVIOURAL),
         "an ADC of one bit has no negative codes"),
        (lambda: amc.simulate(INV(np.eye(2), adc=amc.ADC(sample_time=1e-6)), [1, 1],
                              fidelity="ideal"), "the ideal fidelity has no time"),
        (lambda: amc.simulate(INV(np.eye(2), adc=amc.ADC(sample_time=1e-6)), [1, 1],
                              fidelity="dc"), "the dc fidelity has no time"),
        (lambda: standalone_deck(INV(np.eye(2), adc=amc.ADC(bits=8)), [1, 1]),
         "holds no converters"),
        (lambda: amc.simulate(INV(np.eye(2)), [1, 1], dac=amc.DAC(bits=8)),
         "Analysis.dac: converters are hardware: give them to the circuit"),
    ],
)  # fmt: skip
def test_refused(make, message):
    with pytest.raises(amc.InputError, match=message):
        make()


def test_command_line(tmp_path):
    result = run("solve", "nnls", *write(tmp_path), "--fidelity", BEHAVIOURAL, "--dac-bits", 10,
                 "--adc-bits", 8, "--adc-full-scale", 2.0, "--sample-time", 1e-3,
                 "--json", tmp_path / "r.json")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "power of converters is not included" in result.stdout
    content = json.loads((tmp_path / "r.json").read_text())
    conversion = content["conversion"]
    assert conversion["output_step_v"] == pytest.approx(2 / 255)
    assert conversion["sampling_error"] == pytest.approx([0, 0], abs=1e-12)
    assert conversion["output_saturated"] == [0, 0]
    assert all(0 < value < 1e-2 for value in conversion["input_error"])
    volts = np.array(content["solution"]) * content["volts_per_unit"] / (2 / 255)
    np.testing.assert_allclose(volts, np.rint(volts), atol=1e-6)
    expected = np.array([scipy.optimize.nnls(MATRIX, column)[0] for column in RIGHT.T])
    np.testing.assert_allclose(content["reference"], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dac-full-scale", 1e-3], "dac_bits is needed"),
        (["--adc-offset", 1], "full_scale and offset need bits"),
        (["--adc-bits", 0], "--adc-bits"),
        (["--sample-time", 0], "must be above 0 s"),
        (["--sample-time", 1e-6, "--fidelity", "ideal"], "has no time"),
    ],
)
def test_refused_on_the_command_line(tmp_path, options, message):
    refused(run("solve", "nnls", *write(tmp_path), *options), message)


@pytest.mark.parametrize("fidelity", ["ideal", "behavioural"])
def test_a_range_that_is_given_is_that_of_converters(fidelity):
    B = [0.6, 0.4]
    circuit = INV([[1.0, 0.2], [0.3, 0.9]], dac=amc.DAC(bits=8), adc=amc.ADC(bits=8))
    run = amc.simulate(circuit, B, fidelity=fidelity, range=0.05)
    assert run.volts_per_unit == 0.05
    gain = np.abs(circuit.schematic.input_gain).max()
    assert run.conversion.input_full_scale == pytest.approx(0.05 * gain * max(B))
    # Nobody said that such a range comes near the read voltage.
    assert run.conversion.output_full_scale == circuit.opamp.highest_output
