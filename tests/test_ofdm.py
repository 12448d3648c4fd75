"""Fourier transforms in arrays: against numpy's, and the laws of what disturbs them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli_helpers import run

import amcspice as amc
from amcspice.algorithm.dft import SplitDFT, applied_dft, dft_matrix, law_of_errors, radices_of
from amcspice.errors import InputError, UnsupportedError
from amcspice.workload.wireless import OfdmStudy

NUMPY = {False: np.fft.fft, True: np.fft.ifft}


def vectors(points, count=3):
    parts = np.random.default_rng(points).standard_normal((2, points, count))
    return parts[0] + 1j * parts[1]


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize(
    ("points", "radices"), [(12, (3, 4)), (24, (2, 3, 4)), (16, (16,)), (27, (3, 3, 3))]
)
def test_splits_are_numpys_transform(points, radices, inverse):
    x = vectors(points)
    transform = SplitDFT(amc.Chip(fidelity="ideal"), points, radices, inverse=inverse)
    expected = NUMPY[inverse](x, axis=0, norm="ortho")
    np.testing.assert_allclose(transform @ x, expected, atol=1e-13)


def test_split_on_circuits_with_its_account():
    x = vectors(64, 5)
    chip = amc.Chip(opamp=amc.OpAmp(gain=1e8))
    transform = SplitDFT(chip, 64, (8, 8), calibration=x[:, :1])
    expected = np.fft.fft(x, axis=0, norm="ortho")
    np.testing.assert_allclose(transform @ x, expected, atol=1e-5)
    table = chip.ledger.table()
    ran = table[(table["entry"] == "operation") & (table["activity"] == "mvm")]
    assert list(ran["count"]) == [8 * 5, 8 * 5]  # eight transforms of eight points, twice
    assert table.set_index("label").loc["twiddle factors", "flops"] == 6 * 64 * 5


def test_radices():
    assert radices_of(64) == (64,)
    assert radices_of(1024) == (32, 32)
    assert radices_of(4096) == (64, 64)
    assert sorted(radices_of(128)) == [8, 16]
    assert radices_of(4096, "16x16X16") == (16, 16, 16)
    for text in ("32x16", "two", "1x1024", ""):
        with pytest.raises(InputError, match="such as 32x32"):
            radices_of(1024, text)
    with pytest.raises(InputError, match="no factor up to 64"):
        radices_of(67)


def test_what_is_applied_at_rest_is_what_the_circuit_does():
    """The same cells and wires, solved as a circuit of large gain."""
    hardware = amc.Hardware(
        device=amc.Memristor(write_noise=0.02, levels=16, seed=3),
        wire=amc.Wire(row=1.0, column=2.0, driver=5.0),
        opamp=amc.OpAmp(gain=1e10, output_resistance=1e-6),
    )
    circuit = amc.make_circuit(
        "mvm", np.block([[dft_matrix(8).real, -dft_matrix(8).imag],
                         [dft_matrix(8).imag, dft_matrix(8).real]]),
        hardware=hardware, feedback=np.sqrt(8),
    )  # fmt: skip
    x = np.random.default_rng(0).standard_normal((16, 4))
    run = amc.simulate(circuit, x, fidelity="dc")
    applied = applied_dft(8, hardware)
    np.testing.assert_allclose(applied @ x, run.x / np.sqrt(8), atol=1e-6)
    assert abs(run.relative_error).min() > 1e-3


def off(points, device=None, wire=None):
    hardware = amc.Hardware(device=device or amc.Memristor(), wire=wire or amc.Wire())
    ideal = dft_matrix(points) / np.sqrt(points)
    real = np.block([[ideal.real, -ideal.imag], [ideal.imag, ideal.real]])
    error = applied_dft(points, hardware) - real
    return np.linalg.norm(error) / np.linalg.norm(real), law_of_errors((points,), hardware)


@pytest.mark.parametrize(
    ("points", "share"),
    [(64, 0.90625), (256, 0.96875), pytest.param(1024, 0.99023, marks=pytest.mark.slow)],
)
def test_noise_of_cells_that_are_on(points, share):
    """sqrt(2 p) sigma: sqrt(2) sigma within 3 % from 256 points on, 5 % below it at 64."""
    found, law = off(points, device=amc.Memristor(write_noise=0.01, seed=2))
    assert law["noise"] == pytest.approx(np.sqrt(2 * share) * 0.01, rel=1e-4)
    assert found == pytest.approx(law["noise"], rel=0.02)
    assert found == pytest.approx(np.sqrt(2) * 0.01, rel=0.03 if points >= 256 else 0.06)


@pytest.mark.parametrize("levels", [16, 64])
def test_levels(levels):
    found, law = off(256, device=amc.Memristor(levels=levels))
    assert law["levels"] == pytest.approx(1 / np.sqrt(6) / (levels - 1))
    assert found == pytest.approx(law["levels"], rel=0.06)


@pytest.mark.parametrize(("points", "ohm"), [(16, 0.2), (32, 0.05), (64, 0.02)])
def test_wires(points, ohm):
    found, law = off(points, wire=amc.Wire(row=ohm, column=ohm))
    assert found == pytest.approx(law["wires"], rel=0.08)


def test_split_of_1024_points_stays_below_two_percent():
    made = OfdmStudy(points=1024, radix="32x32").run_on(amc.Chip(write_noise=0.01, seed=1))
    assert made.evm <= 0.02
    assert made.evm == pytest.approx(made.law["noise"], rel=0.08)
    assert made.limits["256qam"] == (0.035, True)


def test_equaliser_takes_out_what_is_common_to_a_subcarrier():
    study = OfdmStudy(points=32, ofdm_symbols=16)
    made = study.run_on(amc.Chip(gain=300.0, gbw=1e9))
    assert made.evm > 0.01  # the error of finite gain, the same for a row
    assert made.evm_equalised < 0.05 * made.evm
    assert made.by_subcarrier.shape == (32,)
    assert np.sqrt(np.mean(made.by_subcarrier**2)) == pytest.approx(made.evm_equalised, rel=0.2)


def test_subcarriers_that_nothing_arrives_of_are_refused():
    with pytest.raises(InputError, match="nothing arrives of 4 subcarriers"):
        OfdmStudy(points=4).run_on(amc.Chip(stuck_off=1.0))


def test_both_transforms_add_their_squares():
    alone, both = (
        OfdmStudy(points=64, transform=name).run_on(amc.Chip(write_noise=0.01, seed=4))
        for name in ("dft", "both")
    )
    assert both.law["noise"] == pytest.approx(np.sqrt(2) * alone.law["noise"])
    assert both.evm == pytest.approx(both.law["noise"], rel=0.06)


def test_large_arrays_say_what_they_are():
    study = OfdmStudy(points=512, radix="512", ofdm_symbols=4, pilots=2)
    made = study.run_on(amc.Chip(write_noise=0.01, seed=1))
    assert made.evm == pytest.approx(made.law["noise"], rel=0.03)
    assert "at rest" in made.to_json()["cautions"][0]
    assert "writing" not in made.to_json()
    with pytest.raises(UnsupportedError, match="known at fidelity dc"):
        study.run_on(amc.Chip(fidelity="behavioural"))
    with pytest.raises(InputError, match="none may have more than 256"):
        OfdmStudy(points=1024, radix="512x2").run_on(amc.Chip())


def test_command(tmp_path):
    target = tmp_path / "evm.json"
    result = run(
        "ofdm", "evm", "--points", "64", "--radix", "8x8", "--levels", "16", "--opamp",
        "onchip-1g", "--json", str(target),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads(target.read_text())
    assert content["evm"] == pytest.approx(content["law"]["levels"], rel=0.5)
    assert content["limits"]["qpsk"] == {"evm": 0.175, "met": True}
    assert content["writing"]["symbols"] == 40  # pilots too
    assert content["writing"]["energy_per_bit_j"]["counted"] > 0
    refused = run("ofdm", "evm", "--points", "64", "--radix", "8x7")
    assert refused.exit_code == 2
