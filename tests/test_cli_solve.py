"""``amcspice solve``: results, files, and everything that is refused."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import subprocess
import sys
import time

import numpy as np
import pytest
import scipy.optimize
import xarray
from cli_helpers import MATRIX, RIGHT, fake_ngspice, files, refused, run, write

import amcspice as amc

KEYS = {
    "problem", "circuit", "fidelity", "simulator", "solution", "reference", "relative_error",
    "settled", "settling_time_s", "power_w", "energy_j", "amplifiers", "cells", "provenance",
}  # fmt: skip
PROVENANCE = {
    "amcspice", "ngspice", "solver", "options", "deck_sha256", "seed", "wall_time_s",
}  # fmt: skip


@pytest.mark.ngspice
@pytest.mark.parametrize("simulator", ["shared", "batch"])
def test_json_holds_the_contract(tmp_path, simulator):
    target = tmp_path / "result.json"
    result = run("solve", "nnls", *write(tmp_path), "--simulator", simulator, "--json", target,
                 "--seed", 7)  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads(target.read_text())
    assert set(content) >= KEYS
    assert set(content["provenance"]) >= PROVENANCE
    assert content["problem"] == "nnls"
    assert content["circuit"] == "ginv-compact"
    assert content["fidelity"] == "reduced"
    assert content["simulator"] == simulator
    assert content["amplifiers"] == 3
    assert content["provenance"]["seed"] == 7
    assert re.fullmatch("[0-9a-f]{64}", content["provenance"]["deck_sha256"])
    expected = [scipy.optimize.nnls(MATRIX, column)[0] for column in RIGHT.T]
    np.testing.assert_allclose(content["reference"], expected, atol=1e-12)
    np.testing.assert_allclose(content["solution"], expected, atol=1e-3)
    assert content["settled"] == [True, True]
    for name in ("relative_error", "settling_time_s", "energy_j"):
        assert len(content[name]) == 2
        assert all(value > 0 for value in content[name])
    power = content["power_w"]
    assert all(len(values) == 2 for values in power.values())
    np.testing.assert_allclose(np.add(power["supply"], power["input"]), power["total"])


@pytest.mark.ngspice
def test_the_table_names_what_was_measured(tmp_path):
    result = run("solve", "lstsq", *write(tmp_path), "--circuit", "ginv-classic")
    assert result.exit_code == 0, result.output
    assert "lstsq on ginv-classic: 7 amplifiers" in result.stdout
    for word in ("relative error", "settling time", "energy", "total", "supply", "array"):
        assert word in result.stdout
    assert result.stderr == ""


@pytest.mark.ngspice
def test_every_file(tmp_path):
    result = run(
        "solve", "nnls", *write(tmp_path), "--out", tmp_path / "x.npy", "--plot",
        tmp_path / "x.png", "--waveforms", tmp_path / "w.nc", "--json", "-",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), np.transpose(content["solution"]))
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    with xarray.open_dataset(tmp_path / "w.nc", engine="scipy") as waves:
        assert waves["v(x0)"].attrs["units"] == "V"
        last = int(np.flatnonzero(waves["rhs"].values == 0)[-1])
        final = float(waves["v(x0)"][last]) / content["volts_per_unit"]
    assert final == pytest.approx(content["solution"][0][0], rel=1e-9)


@pytest.mark.ngspice
@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_waveforms_and_solution_in_other_formats(tmp_path, suffix):
    waves = tmp_path / f"w{suffix}"
    result = run("solve", "nnls", *write(tmp_path), "--out", tmp_path / "x.csv",
                 "--waveforms", waves)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert np.loadtxt(tmp_path / "x.csv", delimiter=",").shape == (3, 2)
    if suffix == ".npz":
        with np.load(waves) as stored:
            assert {"rhs", "time_s", "v(x0)", "i(vdd)"} <= set(stored.files)
    else:
        head = waves.read_text().splitlines()[0].split(",")
        assert head[:3] == ["rhs", "time_s", "v(x0)"]


def test_ideal_needs_no_simulator(tmp_path, monkeypatch):
    monkeypatch.setenv("AMCSPICE_NGSPICE", str(tmp_path / "nowhere"))
    result = run("solve", "nnls", *write(tmp_path), "--fidelity", "ideal", "--json", "-")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["relative_error"] == [0.0, 0.0]
    assert content["settling_time_s"] == [None, None]
    assert content["power_w"]["total"] == [None, None]


@pytest.mark.ngspice
def test_same_seed_same_solution(tmp_path):
    noisy = ["--write-noise", "0.05", "--json", "-"]
    first, second, third = (
        json.loads(run("solve", "nnls", *write(tmp_path), *noisy, "--seed", seed).stdout)
        for seed in (1, 1, 2)
    )
    assert first["solution"] == second["solution"]
    assert first["provenance"]["deck_sha256"] == second["provenance"]["deck_sha256"]
    assert first["solution"] != third["solution"]


@pytest.mark.parametrize(
    ("halvings", "near", "told"),
    [
        (0, False, ""),
        (1, False, "note: the range was halved once to keep amplifiers off their limits"),
        (0, True, "note: an amplifier ends at a limit, so that x is wrong"),
        (12, True, "so that x is wrong, although the range was halved 12 times"),
    ],
)
def test_amplifiers_at_their_limits_are_told_of(
    tmp_path, monkeypatch, halvings, near, told
):  # fmt: skip
    simulate = amc.simulate

    def at_limits(*args, **options):
        found = simulate(*args, **options)
        scale = dataclasses.replace(found.range, repeats=halvings)
        limits = np.full(len(found), near)
        measurement = dataclasses.replace(found.measurement, near_limit=limits)
        return dataclasses.replace(found, range=scale, measurement=measurement)

    monkeypatch.setattr(amc, "simulate", at_limits)
    result = run("solve", "lstsq", *write(tmp_path), "--fidelity", "ideal")
    assert result.exit_code == 0, result.output
    assert told in result.stderr
    assert ("limit" in result.stderr) == bool(told)


def test_help_has_an_example():
    result = run("solve", "--help")
    assert result.exit_code == 0
    assert "Example: amcspice solve nnls --matrix A.csv" in result.stdout


def test_unknown_problem(tmp_path):
    refused(run("solve", "fft", *write(tmp_path)), "unknown problem 'fft'; choose from mvm, inv")


def test_right_hand_sides_are_needed(tmp_path):
    matrix = write(tmp_path)[:2]
    refused(run("solve", "nnls", *matrix), "problem nnls needs right-hand sides: --rhs FILE")


@pytest.mark.ngspice
@pytest.mark.parametrize("problem", ["mvm", "inv", "eig"])
def test_other_problems(tmp_path, problem):
    draw = np.random.default_rng(4)
    A = draw.uniform(-1, 1, (4, 4))
    A = A + A.T + 6 * np.eye(4)
    b = draw.uniform(-1, 1, (4, 1 if problem == "eig" else 3))
    np.save(tmp_path / "A.npy", A)
    np.save(tmp_path / "b.npy", b)
    files = ["--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.npy"]
    result = run("solve", problem, *files, "--json", "-")
    assert result.exit_code == 0, result.stderr
    content = json.loads(result.stdout)
    expected = {
        "mvm": lambda: A @ b,
        "inv": lambda: np.linalg.solve(A, b),
        "eig": lambda: np.linalg.eigh(A)[1][:, -1:],
    }[problem]()
    found = np.array(content["solution"]).T
    found = found * np.sign((found * expected).sum()) if problem == "eig" else found
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())
    assert content["settled"] == [True] * b.shape[1]


def test_start_of_an_eigenvector_may_be_left_out(tmp_path):
    np.save(tmp_path / "A.npy", np.array([[3.0, 1.0], [1.0, 2.0]]))
    options = ["--matrix", tmp_path / "A.npy", "--fidelity", "behavioural", "--json", "-"]
    first, again, other = (
        json.loads(run("solve", "eig", *options, *seed).stdout)["solution"]
        for seed in ([], [], ["--seed", "3"])
    )
    assert first == again
    assert np.abs(np.array(first) @ np.array(other).T) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--circuit", "nosuch"], "'--circuit': 'nosuch': choose from"),
        (["--opamp", "741"], "'--opamp': '741': choose from"),
        (["--device", "nosuch"], "'--device': 'nosuch': choose from"),
        (["--row-resistance", "-1"], "must be at least 0 ohm"),
        (["--wire-resistance", "nan"], "must be finite"),
        (["--gbw", "inf"], "must be finite"),
        (["--levels", "1"], "--levels"),
        (["--g-min", "1"], "g_min = 1.0 must be below g_max"),
        (["--circuit", "ginv-classic", "--hold"], "ginv-classic does not take hold"),
        (["--circuit", "eigen"], "eigen does not solve nnls"),
        (["--settle-tolerance", "2"], "must be below 1"),
        (["--waveforms", "w.mat"], "unknown type '.mat'; use .csv, .npz, .nc"),
        (["--plot", "p.bmp"], "unknown type '.bmp'; use .png, .pdf, .svg"),
        (["--out", "x.mat"], "unknown type '.mat'; use .npy, .csv"),
        (["--out", "nowhere/x.npy"], "there is no folder nowhere"),
        (["--plot", "nowhere/p.png"], "there is no folder nowhere"),
        (["--waveforms", "nowhere/w.csv"], "there is no folder nowhere"),
        (["--json", "nowhere/r.json"], "there is no folder nowhere"),
        (["--json", "."], "is a folder; name a file"),
        (["--fidelity", "ideal", "--plot", "p.png"], "the ideal fidelity has no waveforms"),
        (["--no-such-option"], "No such option"),
    ],
)
def test_refused_options(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    problem = write(tmp_path)
    before = files(tmp_path)
    refused(run("solve", "nnls", *problem, *options), message)
    assert files(tmp_path) == before


def test_lasso_needs_the_constraint(tmp_path):
    refused(run("solve", "lstsq", *write(tmp_path), "--lasso", 1), "lasso needs the non-negative")


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ("1,2\nnan,1\n", "entry (1, 0) is not finite"),
        ("1,2\ninf,1\n", "entry (1, 0) is not finite"),
        ("", "it holds no numbers"),
        ("1,2\n3\n", "line 2 has 1 numbers, the first has 2"),
        ("1,two\n", "line 1: 'two' is not a number"),
        ("1,0\n1,0\n", "column 1 of the matrix is all zero"),
        ("1,2\n3,4\n5,6\n", "2 rows, but the matrix has 3"),
    ],
)
def test_refused_matrices(tmp_path, matrix, message):
    (tmp_path / "A.csv").write_text(matrix)
    (tmp_path / "b.csv").write_text("1\n1\n")
    target = tmp_path / "r.json"
    options = ["--matrix", tmp_path / "A.csv", "--rhs", tmp_path / "b.csv", "--json", target]
    refused(run("solve", "nnls", *options), message)
    assert files(tmp_path) == ["A.csv", "b.csv"]


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY broken", b"PK\x03\x04"])
def test_broken_npy(tmp_path, content):
    options = write(tmp_path)
    (tmp_path / "A.npy").write_bytes(content)
    refused(run("solve", "nnls", *options), "A.npy: cannot be read")


def test_missing_file(tmp_path):
    options = ["--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.npy"]
    refused(run("solve", "nnls", *options), "A.npy: no such file")


def test_missing_option(tmp_path):
    refused(run("solve", "nnls", "--rhs", tmp_path / "b.npy"), "--matrix: give a file")


def test_no_ngspice(tmp_path, monkeypatch):
    monkeypatch.setenv("AMCSPICE_NGSPICE", "/nonexistent")
    target = tmp_path / "r.json"
    refused(
        run("solve", "nnls", *write(tmp_path), "--json", target),
        "ngspice not found in the folder that AMCSPICE_NGSPICE names (/nonexistent)",
    )
    assert not target.exists()


def failed(result, cause):
    """Check that a run failed: exit code 1, cause, kept deck and command."""
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("amcspice: simulation failed: ")
    assert cause in result.stderr
    deck = re.search(r"deck kept: (.+)", result.stderr).group(1)
    command = re.search(r"run again: (.+)", result.stderr).group(1)
    with open(deck) as stream:
        text = stream.read()
    return text, command


def test_ngspice_that_fails(tmp_path, monkeypatch):
    prefix = fake_ngspice(tmp_path, "echo 'Error: unknown subckt: x1 a b'; exit 1\n")
    monkeypatch.setenv("AMCSPICE_NGSPICE", prefix)
    target = tmp_path / "r.json"
    result = run("solve", "nnls", *write(tmp_path), "--json", target)
    text, command = failed(result, "sub-circuit not defined: x1 a b (ngspice ended with exit code")
    assert text.startswith("* amcspice ginv-compact 4x3")
    assert not target.exists()
    words = shlex.split(command)
    again = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert again.returncode == 1
    assert "unknown subckt" in again.stdout


def test_ngspice_that_hangs(tmp_path, monkeypatch):
    monkeypatch.setenv("AMCSPICE_NGSPICE", fake_ngspice(tmp_path, "sleep 60\n"))
    started = time.monotonic()
    result = run("solve", "nnls", *write(tmp_path), "--timeout", "0.5")
    assert time.monotonic() - started < 20
    failed(result, "ngspice took longer than 0.5 s")


@pytest.mark.ngspice
def test_as_a_process(tmp_path):
    """Exit code and streams, as a shell sees them."""
    command = [sys.executable, "-c", "from amcspice.cli import main; main()", "solve"]
    good = subprocess.run(
        [*command, "nnls", *map(str, write(tmp_path)), "--json", "-"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)["settled"] == [True, True]
    bad = subprocess.run(
        [*command, "nnls", "--matrix", "nosuch.npy", "--rhs", "nosuch.npy"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert bad.returncode == 2
    assert bad.stderr == "amcspice: nosuch.npy: no such file\n"


def test_an_answer_of_zero_is_told_of_in_numbers(tmp_path):
    (tmp_path / "A.csv").write_text("2,0.5\n0.5,1\n")
    (tmp_path / "b.csv").write_text("0,1\n0,0.5\n")
    done = run("solve", "inv", "--matrix", tmp_path / "A.csv", "--rhs", tmp_path / "b.csv",
               "--fidelity", "dc", "--offset", "1mV", "--json", tmp_path / "r.json")  # fmt: skip
    assert done.exit_code == 0, done.output
    content = json.loads((tmp_path / "r.json").read_text())
    first, second = content["absolute_error"]
    assert content["relative_error"][0] is None
    assert first == pytest.approx(np.linalg.norm(content["solution"][0]))
    size = np.linalg.norm(content["reference"][1])
    assert content["relative_error"][1] == pytest.approx(second / size)
    assert f"{first:.2e} of 0" in done.stdout
    assert "inf" not in done.stdout
    assert "no relative error is defined" in done.stderr
