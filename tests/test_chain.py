"""Chains of matched filter, inverse and product: algebra, modes, ngspice, and settling."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli_helpers import refused, run

import amcspice as amc
from amcspice.circuit.parts.cascade import Cascade
from amcspice.engine import LinearModel
from amcspice.errors import InputError, UnsupportedError
from amcspice.reduction import reduce_to_ports
from amcspice.workload.wireless import LatencyStudy, Rayleigh

PRECISE = amc.OpAmp(gain=1e9, gbw=1e9)
G_MAX = amc.Memristor().g_max


def channel(antennas=24, users=3, number=0):
    return Rayleigh(antennas, users).draw(number)


def symbols(users=3, count=4):
    draw = np.random.default_rng(7)
    return (draw.choice([-1, 1], (2, users, count)).T @ [1, 1j]).T / np.sqrt(2)


@pytest.mark.parametrize("ridge", [0.0, 5.0])
@pytest.mark.parametrize("fidelity", ["dc", "behavioural"])
def test_complex_chains_are_the_algebra(fidelity, ridge):
    H, s = channel(), symbols()
    gram = H.conj().T @ H + ridge * np.eye(3)
    y = H @ s + 0.1 * channel(24, 4, 1)
    common = {"opamp": PRECISE, "fidelity": fidelity, "ridge": ridge}
    precoded = amc.solve("precode", H, s, **common)
    np.testing.assert_allclose(precoded.x, H @ np.linalg.inv(gram) @ s, atol=1e-7)
    detected = amc.solve("lstsq", H, y, circuit="chain-detector", **common)
    np.testing.assert_allclose(detected.x, np.linalg.inv(gram) @ H.conj().T @ y, atol=1e-7)
    projected = amc.solve("project", H, y, **common)
    np.testing.assert_allclose(projected.x, H @ detected.x, atol=1e-6)
    assert precoded.all_settled
    assert detected.all_settled
    assert projected.all_settled
    assert [run.amplifiers for run in (precoded, detected, projected)] == [54, 12, 60]


def test_users_receive_what_was_meant_for_them():
    """Zero forcing is the shortest of all that do: numpy's least norm solution."""
    H, s = channel(), symbols()
    run = amc.solve("precode", H, s, opamp=PRECISE, fidelity="dc")
    np.testing.assert_allclose(H.conj().T @ run.x, s, atol=1e-7)
    shortest = np.linalg.lstsq(H.conj().T, s, rcond=None)[0]
    np.testing.assert_allclose(run.x, shortest, atol=1e-7)


@pytest.mark.parametrize("name", ["chain-detector", "chain-precoder", "chain-projector"])
def test_modes_are_those_of_products_and_inverse(name):
    """dv/dt = -w_u g_f / (g_f + G_i) v of products, -w_u U (G + g_d) x of the inverse."""
    draw = np.random.default_rng(2)
    A = np.abs(draw.standard_normal((6, 3)))  # no compensation: totals are plain sums
    opamp = amc.OpAmp(gain=1e6, gbw=1e8, output_resistance=1e-6)
    circuit = amc.CIRCUITS[name](A, opamp=opamp, feedback=2.0, diagonal="programmed",
                                 input_conductance=0.5)  # fmt: skip
    found = LinearModel.of(circuit, reduce_to_ports(circuit.schematic)).eigenvalues
    scaled, gram = A / A.max(), A.T @ A / (A.T @ A).max()
    loops = list(np.linalg.eigvals(gram / (gram.sum(axis=1) + 0.5)[:, None]))
    if "precoder" not in name:
        loops += [2 / (2 + total) for total in scaled.sum(axis=0)]
    if "detector" not in name:
        loops += [2 / (2 + total) for total in scaled.sum(axis=1)]
    expected = -2 * np.pi * 1e8 * (np.array(loops).real + 1e-6)
    np.testing.assert_allclose(np.sort(found.real), np.sort(expected), rtol=1e-5)


def test_volts_of_signals():
    """A source of one volt: V g_in / s_G behind the inverse, V s_G / g_f behind a product."""
    A = np.array([[1.0, 0.2], [0.4, 0.9], [0.3, -0.6]])
    circuit = amc.CIRCUITS["chain-projector"](A, feedback=3.0, input_conductance=0.7)
    stages, inner = circuit._cascade[0].stages, circuit._inverse
    product, inverse = G_MAX / np.abs(A).max(), inner.mapping.scale
    assert stages["z"].volts == pytest.approx(product / (3 * G_MAX))
    assert stages["x"].volts == pytest.approx(-stages["z"].volts * 0.7 * G_MAX / inverse)
    assert stages["y"].volts == pytest.approx(-stages["x"].volts * product / (3 * G_MAX))
    assert circuit.output_scale == pytest.approx(1 / stages["y"].volts)
    assert circuit.fixed_conductance == pytest.approx(
        inverse * (np.diag(A.T @ A).max() + np.diag(A.T @ A).min()) / 2
    )


@pytest.mark.ngspice
@pytest.mark.parametrize("name", ["chain-detector", "chain-precoder", "chain-projector"])
def test_ngspice_confirms_settling_within_two_percent(name):
    H, s = channel(32, 4), symbols(4, 3)
    problem = amc.CIRCUITS[name].problems[0]
    b = s if problem == "precode" else H @ s
    run = amc.solve(
        problem, H, b, circuit=name, opamp=amc.OpAmp(gbw=1e9), fidelity="behavioural", verify=3
    )
    assert run.verification.fidelity == "reduced"
    assert run.verification.largest_settling_deviation < 0.02
    assert run.verification.largest_solution_deviation < 1e-4


def test_what_does_not_fit_is_refused():
    twice = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    with pytest.raises(InputError, match="columns depend on each other"):
        amc.PrecoderChain(twice)
    amc.PrecoderChain(twice, ridge=0.1)
    with pytest.raises(UnsupportedError, match="give it an input_conductance"):
        amc.DetectorChain(np.eye(2), input_conductance=0.0)
    cascade = Cascade()
    cascade.inject("x", amc.INV(np.eye(2)))
    with pytest.raises(InputError, match="is currents into another circuit already"):
        cascade.source("b", 2)
    with pytest.raises(InputError, match="currents into mvm must be the whole"):
        Cascade().inject("x", amc.MVM(np.eye(2)))


def test_digital_work_is_half_of_the_gram_matrix():
    draw = np.random.default_rng(1)
    assert amc.DetectorChain(draw.random((7, 3))).digital_work == {"Gram matrix": 7 * 3 * 4}
    chip, H = amc.Chip(), channel(8, 2)
    chip.program(H, "precode")
    row = chip.ledger.table().set_index("label").loc["Gram matrix of matrix 0"]
    # Of 16 x 4 real numbers, 16 * 4 * 5 operations without the symmetry of the real form.
    assert row["flops"] == 16 * 4 * 5 / 2


# -- latency -----------------------------------------------------------------------------------


def test_faster_amplifiers_stop_helping_where_lines_have_capacitance():
    """A mode s (1 + s C/S) + w_u l = 0 decays with S/2C at most: ten times the GBW is slower.

    Resistors of a fixed diagonal raise S, so that it takes more capacitance.
    """
    study = LatencyStudy(channels=1, users=8, antennas=64, symbol_vectors=1)

    def settle(diagonal, **opamp):
        chip = amc.Chip(fidelity="behavioural", **opamp)
        return study.run_on(chip, circuit={"diagonal": diagonal}).from_rest.max()

    for diagonal, enough in (("programmed", 1e-13), ("fixed", 4e-13)):
        one = settle(diagonal, gbw=1e9)
        assert settle(diagonal, gbw=1e10) == pytest.approx(one / 10, rel=0.02)
        assert settle(diagonal, gbw=1e10, input_capacitance=enough) > one


def test_figures_of_a_study():
    study = LatencyStudy(channels=2, users=2, antennas=8, symbol_vectors=3)
    made = study.run_on(amc.Chip(opamp="onchip-1g", fidelity="behavioural"), seed=1)
    assert made.settling.shape == (2, 3)
    np.testing.assert_array_equal(made.streamed, made.settling.max(axis=1))
    single = LatencyStudy(channels=1, users=2, antennas=8, symbol_vectors=1)
    alone = single.run_on(amc.Chip(opamp="onchip-1g", fidelity="behavioural"), seed=1)
    np.testing.assert_array_equal(alone.streamed, alone.from_rest)
    assert made.damping == pytest.approx(1.0, abs=1e-3)
    assert made.bits == 2 * 6
    assert made.amplifiers == 4 + 16
    content = made.to_json()
    assert (
        content["writing"]["energy_per_bit_j"]["counted"]
        > (content["writing"]["energy_per_bit_j"]["ignored"])
    )
    assert made.cost.work.programmings == 2
    with pytest.raises(UnsupportedError, match="has no time"):
        study.run_on(amc.Chip())


def test_command(tmp_path):
    target = tmp_path / "latency.json"
    result = run(
        "mimo", "latency", "--channels", "2", "--users", "2", "--antennas", "8",
        "--opamp", "onchip-1g", "--speeds", "3,120", "--json", str(target),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "settling from rest" in result.output
    content = json.loads(target.read_text())
    assert len(content["settling_time_s"]) == 2
    assert content["median_s"] <= content["largest_s"]
    assert [row["fits"] for row in content["updates"]] == [True, False]
    assert run("mimo", "latency", "--speeds", "fast").exit_code == 2
    short = run(
        "mimo", "latency", "--users", "2", "--antennas", "8", "--channels", "1", "--window", "0.1ns"
    )
    assert short.exit_code == 1
    assert "note: 8 of 8 vectors did not settle" in short.stderr
    refused(run("mimo", "latency", "--ageing-evm", "300 %", "--antennas", "1000"), "less than")
    refused(run("mimo", "latency", "--users", "4", "--antennas", "4"), "fewer users")
