"""``amcspice program``, and its files as input of the other commands."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli_helpers import files, refused, run, write


@pytest.mark.ngspice
def test_every_file(tmp_path):
    result = run(
        "program",
        "--size",
        4,
        5,
        "--levels",
        3,
        "--seed",
        2,
        "--jobs",
        1,
        "--out",
        tmp_path / "G.npy",
        "--errors",
        tmp_path / "E.json",
        "--plot",
        tmp_path / "G.png",
        "--json",
        tmp_path / "G.json",
    )
    assert result.exit_code == 0, result.output
    assert "20 of 20 within the tolerance" in result.stdout
    assert "within half a level: 100 %" in result.stdout
    conductances = np.load(tmp_path / "G.npy")
    content = json.loads((tmp_path / "G.json").read_text())
    levels = np.array([5e-6, 52.5e-6, 100e-6])
    error = np.abs(conductances[..., None] - levels).min(axis=-1)
    assert error.max() == pytest.approx(content["error_largest_s"])
    assert error.max() <= 1e-6
    assert content["half_level_s"] == pytest.approx(23.75e-6)
    assert sum(content["pulse_histogram"]) == 20
    assert content["provenance"]["seed"] == 2
    assert content["provenance"]["schedule"]["max_pulses"] == 100
    assert content["energy_j"]["mean"] * 20 == pytest.approx(content["total_energy_j"])
    errors = json.loads((tmp_path / "E.json").read_text())
    np.testing.assert_allclose(errors["levels_s"], levels)
    assert sum(map(len, errors["errors_s"])) == 20
    assert (tmp_path / "G.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.ngspice
def test_a_target_from_a_file(tmp_path):
    np.savetxt(tmp_path / "G.csv", [[2e-5, 0.0], [5e-5, 8e-5]], delimiter=",")
    result = run(
        "program",
        "--target",
        tmp_path / "G.csv",
        "--json",
        "-",
        "--tolerance",
        2e-6,
        "--set-width",
        5e-8,
        "--threshold-spread",
        0,
        "--simulator",
        "batch",
    )
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert (content["cells"], content["programmed"]) == (4, 3)
    assert "within_half_level" not in content
    assert content["error_largest_s"] <= 2e-6
    assert content["provenance"]["simulator"] == "batch"
    assert content["provenance"]["schedule"]["set_width"] == 5e-8
    assert content["provenance"]["cell"]["threshold_spread"] == 0


@pytest.mark.ngspice
def test_running_out_of_pulses_is_noted(tmp_path):
    result = run("program", "--size", 2, 2, "--max-pulses", 1, "--g-min", 8e-5)
    assert result.exit_code == 0
    assert "note: 4 cells ran out of pulses" in result.stderr


@pytest.mark.ngspice
def test_the_outcome_serves_a_circuit(tmp_path):
    """Conductances far from the matrix's own give a solution that far away."""
    options = write(tmp_path)
    matrix = np.load(tmp_path / "A.npy")
    np.save(tmp_path / "G.npy", matrix / matrix.max() * 1e-4 * 0.9)
    option = ["--programmed", tmp_path / "G.npy"]
    shared = ["solve", "lstsq", *options, "--circuit", "ginv-classic", "--json", "-"]
    plain, held = (json.loads(run(*shared, *more).stdout) for more in ([], option * 2))
    np.testing.assert_allclose(np.multiply(held["solution"], 0.9), plain["solution"], rtol=2e-3)
    errors = {"levels_s": [1e-4], "errors_s": [[-1e-5]]}
    (tmp_path / "E.json").write_text(json.dumps(errors))
    drawn = json.loads(run(*shared, "--write-errors", tmp_path / "E.json").stdout)
    real = np.where(matrix > 0, np.maximum(matrix - 0.1, 0), 0)
    expected = np.linalg.lstsq(real, np.loadtxt(tmp_path / "b.csv", delimiter=","), rcond=None)[0]
    np.testing.assert_allclose(drawn["solution"], expected.T, rtol=5e-3, atol=5e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either --target FILE or --size M N"),
        (["--size", 2, 2, "--target", "x.npy"], "give either"),
        (["--target", "absent.npy"], "absent.npy: no such file"),
        (["--size", 2, 2, "--g-min", 2e-4], "must be below --g-max"),
        (["--size", 2, 2, "--g-max", 2e-4], "a nominal cell reaches"),
        (["--size", 2, 2, "--out", "G.csv"], "unknown type '.csv'; use .npy"),
        (["--size", 2, 2, "--plot", "G.txt"], "unknown type '.txt'"),
        (["--size", 2, 2, "--errors", "no/E.json"], "there is no folder no"),
        (["--size", 2, 2, "--set-voltage", 2.5], "set_limit = 2.0 is below set_voltage = 2.5"),
        (["--size", 0, 2], "0 is not in the range"),
        (
            ["--size", 2, 2, "--tolerance", 0],
            "'--tolerance': '0': must be above 0 S",
        ),
    ],
)
def test_what_is_refused(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    refused(run("program", *arguments), message)
    assert files(tmp_path) == []


def test_a_target_without_anything_to_program(tmp_path):
    np.save(tmp_path / "G.npy", np.zeros((2, 2)))
    refused(run("program", "--target", tmp_path / "G.npy"), "nothing to program")


@pytest.mark.ngspice
def test_every_device_option_reaches_the_device(tmp_path):
    np.save(tmp_path / "on.npy", np.zeros((2, 4, 3), bool))
    fields = {
        "g_max": 5e-5,
        "g_min": 1e-6,
        "levels": 32,
        "write_noise": 0.01,
        "noise_relative_to": "g",
        "device_variation": 0.02,
        "cycle_variation": 0.03,
        "stuck_off": 0.01,
        "drift_exponent": 0.02,
        "drift_spread": 0.001,
        "drift_time": 100.0,
        "temperature": 350.0,
        "temperature_coefficient": -1e-4,
        "read_noise": 0.01,
        "noise_bandwidth": 1e6,
        "sinh_voltage": 20.0,
    }
    options = []
    for name, value in fields.items():
        options += [f"--{name.replace('_', '-')}", value]
    result = run(
        "solve",
        "lstsq",
        *write(tmp_path),
        *options,
        "--no-selector",
        "--thermal-noise",
        "--stuck-on",
        tmp_path / "on.npy",
        "--fidelity",
        "flat",
        "--json",
        "-",
        "--seed",
        5,
    )
    assert result.exit_code == 0, result.output
    device = json.loads(result.stdout)["provenance"]["circuit"]["device"]
    for name, value in {**fields, "selector": False, "thermal_noise": True, "seed": 5}.items():
        assert device[name] == value
    assert np.shape(device["stuck_on"]) == (2, 4, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--stuck-on", "1.5"], "from 0 to 1"),
        (["--stuck-on", "absent.npy"], "absent.npy cannot be read"),
        (["--stuck-on", "A.npy"], "must be booleans"),
        (["--programmed", "b.csv"], "not a NumPy array"),
        (["--programmed", "A.npy", "--programmed", "G.npy"], "the same for every array"),
        (["--write-errors", "b.csv"], "not a file of write errors"),
        (["--write-errors", "absent.json"], "absent.json cannot be read"),
        (["--read-noise", "0.1", "--noise-bandwidth", "1e6"], "use flat fidelity"),
        (["--thermal-noise"], "needs noise_bandwidth"),
        (["--drift-time", "0.5"], "at least 1"),
        (["--device", "best"], "'best': choose from ideal, hfo2-16"),
    ],
)
@pytest.mark.ngspice
def test_device_options_that_are_refused(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    problem = write(tmp_path)
    np.save(tmp_path / "G.npy", np.ones((2, 2)))
    refused(run("solve", "nnls", *problem, *options), message)


@pytest.mark.ngspice
@pytest.mark.slow
def test_the_tolerance_follows_the_levels(tmp_path):
    """Cells within 1 uS of levels 1.5 uS apart would read as their neighbours."""
    arguments = ("program", "--levels", 64, "--size", 8, 8, "--json")
    fitted = run(*arguments, tmp_path / "a.json")
    assert fitted.exit_code == 0
    content = json.loads((tmp_path / "a.json").read_text())
    half = (100e-6 - 5e-6) / 63 / 2
    assert content["provenance"]["schedule"]["tolerance"] == pytest.approx(2 / 3 * half)
    assert "within half a level: 100 %" in fitted.stdout
    wide = run(*arguments, tmp_path / "b.json", "--tolerance", "1 uS")
    assert "wider than half a level, 753.97 nS" in wide.stderr
    few = run("program", "--size", 2, 2, "--json", tmp_path / "c.json")
    assert few.exit_code == 0
    content = json.loads((tmp_path / "c.json").read_text())
    assert content["provenance"]["schedule"]["tolerance"] == 1e-6
