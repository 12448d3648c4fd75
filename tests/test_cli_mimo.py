"""`amcspice mimo ber`: what it writes, refuses, reads from files, and where points end."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli_helpers import refused, run
from link_cases import chip

import amcspice as amc
from amcspice.workload.wireless import (
    BitErrorStudy,
    FileChannel,
    Rayleigh,
)

SMALL = ["mimo", "ber", "--users", "4", "--antennas", "24", "--channels", "6", "--gain", "1e5"]


def test_command_writes_what_it_promises(tmp_path):
    target = tmp_path / "ber.json"
    made = run(
        *SMALL, "--modulation", "16qam", "--snr", "0:8:4", "--write-noise", "2%", "--vectors", "50",
        "--verify", "4", "--json", str(target), "--plot", str(tmp_path / "ber.png"),
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    content = json.loads(target.read_text())
    assert content["snr_db"] == [0.0, 4.0, 8.0]
    assert all(
        low < rate < high
        for low, rate, high in np.transpose([content[n] for n in ("ber_low", "ber", "ber_high")])
    )
    assert content["ber"] == sorted(content["ber"], reverse=True)
    assert content["bits"] == [6 * 50 * 4 * 4] * 3
    assert 0.005 < content["evm_hardware"][0] < content["evm"][0]
    assert len(content["digital"]["ber"]) == 3
    assert content["verification"]["passed"]
    writing = content["writing"]
    # A 4 x 4 complex matrix is 8 x 8 real, with two arrays, and compensation.
    assert writing["writings"] == 6
    assert writing["cells"] >= 2 * 64
    assert writing["energy_per_bit_j"]["counted"] > writing["energy_per_bit_j"]["ignored"] > 0
    assert (tmp_path / "ber.png").stat().st_size > 1000
    assert "16 antennas" not in made.output
    assert "uplink, 4 users, 24 antennas, 16qam, zf" in made.output


def test_several_modulations_are_curves_of_one_file(tmp_path):
    target = tmp_path / "ber.json"
    made = run(*SMALL, "--modulation", "qpsk,64qam", "--snr", "4", "--vectors", "5",
               "--solver", "digital", "--json", str(target))  # fmt: skip
    assert made.exit_code == 0, made.output
    content = json.loads(target.read_text())
    assert list(content["curves"]) == ["qpsk", "64qam"]
    assert content["curves"]["qpsk"]["ber"] == content["curves"]["qpsk"]["digital"]["ber"]
    assert content["curves"]["qpsk"]["writing"]["writings"] == 0


def test_command_leaves_with_an_error_where_there_is_no_rate(tmp_path):
    target = tmp_path / "ber.json"
    made = run("mimo", "ber", "--channels", "1", "--vectors", "2", "--snr", "3", "--solver",
               "jacobi", "--channel", "kronecker", "--json", str(target))  # fmt: skip
    assert made.exit_code == 1
    assert json.loads(target.read_text())["ber"] == [None]
    assert "the iteration diverges" in made.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--snr", "0:5"], "--snr 0:5: give low:high:step"),
        (["--snr", "5:0:1"], "give low:high:step"),
        (["--snr", "a,b"], "give low:high:step"),
        (["--modulation", "8psk"], "modulation = '8psk': did you mean qpsk?"),
        (["--modulation", "QPSK"], "modulation = 'QPSK': choose from qpsk"),
        (["--plot", "ber.xyz"], "ber.xyz: unknown type '.xyz'"),
        (["--detector", "slnr"], "detector slnr precodes"),
        (["--rho", "0.5"], "rho: of channel kronecker"),
        (["--users", "30"], "30 users, 24 antennas"),
        (["--refine", "8"], "refine: of solver refined"),
        (["--residual", "0.1"], "residual: of iterations on products; solver is inv"),
        (["--iterations", "4"], "iterations: solver inv has none"),
        (["--diagonal", "fixed"], "diagonal: mapping says where it stands"),
        (["--ridge", "1"], "ridge: the detector says"),
        (["--solver", "cg", "--diagonal-mismatch", "0.01"], "solver cg has no circuit with it"),
        (["--channel-file", "none.npy"], "the matrices of channel_file say it"),
        (["--solver", "ginv", "--products", "analog"], "products: solver ginv has none"),
        (["--solver", "ginv", "--mapping", "programmed"], "mapping: solver ginv has no Gram"),
        (["--solver", "digital", "--mapping", "programmed"], "mapping: solver digital has no"),
    ],
)
def test_what_does_not_fit_is_refused(options, message, tmp_path):
    target = tmp_path / "ber.json"
    refused(run(*SMALL, *options, "--json", str(target)), message)
    assert not target.exists()


def test_help_says_what_options_are_of_this_command():
    shown = " ".join(run("mimo", "ber", "--help").output.split())
    assert "Of iterations on products; default: 1e-4." in shown
    assert shown.index("--detector") < shown.index("Circuit:")


def test_channels_from_a_file(tmp_path):
    H = np.array([Rayleigh(16, 2).draw(number) for number in range(2)])
    np.save(tmp_path / "H.npy", H)
    study = BitErrorStudy(channel_file=str(tmp_path / "H.npy"), modulation="qpsk", channels=4)
    assert isinstance(study.source(), FileChannel)
    curve = study.curve(chip(), [0.0])
    assert curve.link.channel.antennas == 16
    # The same channels come twice.
    first = curve.points[0].analog
    assert len(first.bits) == 4


@pytest.mark.parametrize(
    ("solver", "direction"),
    [(name, "uplink") for name in ("inv", "ginv", "cg", "refined", "digital")]
    + [("inv", "downlink"), ("ginv", "downlink")],
)
def test_users_whom_nothing_tells_apart_are_refused(solver, direction, tmp_path):
    H = Rayleigh(8, 2).draw(0)
    np.save(tmp_path / "H.npy", np.stack([H, H[:, [0, 0]]]))
    study = BitErrorStudy(channel_file=str(tmp_path / "H.npy"), channels=2, solver=solver,
                          direction=direction, symbol_vectors=2)  # fmt: skip
    with pytest.raises(amc.errors.InputError, match="channel 1: columns of its users depend"):
        study.curve(chip(), [10.0])


def test_enough_errors_end_a_point():
    study = BitErrorStudy(users=2, antennas=8, modulation="qpsk", channels=60, symbol_vectors=20,
                          bit_errors=30, solver="digital")  # fmt: skip
    noisy, clear = study.curve(chip(), [-9.0, 6.0]).points
    assert len(noisy.analog.bits) == 20
    assert sum(noisy.analog.errors) >= 30
    assert len(clear.analog.bits) == 60


def test_command_ends_points_with_enough_errors(tmp_path):
    target = tmp_path / "ber.json"
    made = run("mimo", "ber", "--users", "2", "--antennas", "8", "--modulation", "qpsk", "--snr",
               "-9,6", "--channels", "30", "--vectors", "20", "--errors", "30", "--solver",
               "digital", "--json", str(target))  # fmt: skip
    assert made.exit_code == 0, made.output
    assert json.loads(target.read_text())["channels"] == [20, 30]


def test_a_point_of_a_sweep_is_a_point_of_the_curve():
    from amcspice.sweep.point import run_point

    chosen = {"users": 3, "antennas": 16, "channels": 5, "modulation": "16qam", "write_noise": 0.02}
    found = run_point(
        {"problem": "ber", "snr": 4.0, "seed": 3, "gain": 1e5, "fidelity": "dc", **chosen}
    ).metrics
    study = BitErrorStudy(**{k: v for k, v in chosen.items() if k != "write_noise"})
    point = study.curve(amc.Chip(write_noise=0.02, seed=3, gain=1e5), [0.0, 4.0], seed=3).points[1]
    assert found["ber"] == point.analog.rate
    assert found["evm_hardware"] == pytest.approx(point.evm("hardware"))
    assert (found["answered"], found["link_bits"]) == (1.0, sum(point.analog.bits))
