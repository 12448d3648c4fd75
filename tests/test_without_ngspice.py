"""Where there is no ngspice: what runs, what is said, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli_helpers import files, refused, run, write

import amcspice as amc
from amcspice.engine.ngspice.installation import PREFIX_VARIABLE


@pytest.fixture
def no_ngspice(tmp_path, monkeypatch):
    monkeypatch.delenv(PREFIX_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))


def test_solve_runs_behaviourally_and_says_so(no_ngspice, tmp_path):
    problem = write(tmp_path)
    target, config = tmp_path / "run.json", tmp_path / "run.toml"
    result = run("solve", "nnls", *problem, "--json", target, "--write-config", config)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("there is no ngspice here, so the fidelity is behavioural") == 1
    content = json.loads(target.read_text())
    assert content["fidelity"] == "behavioural"
    assert 'fidelity = "behavioural"' in config.read_text()
    asked = run("solve", "nnls", *problem, "--fidelity", "behavioural", "--json", "-")
    assert "no ngspice" not in asked.stderr
    assert json.loads(asked.stdout)["solution"] == content["solution"]


def test_nmf_runs_behaviourally_and_says_so(no_ngspice, tmp_path):
    np.save(tmp_path / "V.npy", np.outer([1, 2, 3], [1, 0.5, 2]))
    out = tmp_path / "out"
    result = run(
        "nmf",
        "matrix",
        tmp_path / "V.npy",
        "--rank",
        1,
        "--iterations",
        1,
        "--jobs",
        1,
        "--out",
        out,
    )
    assert result.exit_code == 0, result.output
    assert "there is no ngspice here" in result.stderr
    assert json.loads((out / "metrics.json").read_text())["fidelity"] == "behavioural"


@pytest.mark.parametrize(
    "asked",
    [["--fidelity", "reduced"], ["--simulator", "batch"], ["--verify", 1]],
    ids=["fidelity", "simulator", "verification"],
)
def test_what_asks_for_ngspice_is_refused(asked, no_ngspice, tmp_path):
    problem = write(tmp_path)
    before = files(tmp_path)
    result = run("solve", "nnls", *problem, *asked, "--json", tmp_path / "run.json")
    assert result.exit_code == 2
    assert "ngspice not found on this machine" in result.stderr
    assert "behavioural, dc and ideal need none" in result.stderr
    assert files(tmp_path) == before


def test_an_ngspice_that_is_named_has_to_be_there(no_ngspice, tmp_path, monkeypatch):
    monkeypatch.setenv(PREFIX_VARIABLE, str(tmp_path))
    refused(run("solve", "nnls", *write(tmp_path)), "in the folder that AMCSPICE_NGSPICE names")


def test_python_says_what_needs_none(no_ngspice):
    with pytest.raises(amc.InputError, match="behavioural, dc and ideal need none"):
        amc.solve("inv", [[2.0]], [1.0])
    assert amc.solve("inv", [[2.0]], [1.0], fidelity="dc").x == pytest.approx(0.5, rel=1e-4)


def test_doctor_says_what_it_adds(no_ngspice):
    result = run("doctor")
    assert result.exit_code == 1
    assert "MISSING: behavioural, dc and ideal run without; it adds" in result.stdout
    content = json.loads(run("doctor", "--json", "-").stdout)
    assert content["simulators"]["behavioural"]["ok"]
    assert content["extras"]["sweep"]["pandas"]


def test_a_generated_problem_is_told(tmp_path):
    result = run("solve", "inv", "--columns", 3, "--fidelity", "dc", "--seed", 4)
    assert result.exit_code == 0
    said = "note: a generated problem: matrix conditioned, 3 x 3, 4 right-hand sides, seed {}\n"
    assert said.format(4) in result.stderr
    result = run("compare", "inv", "--columns", 3, "--problem-seed", 7)
    assert said.format(7) in result.stderr
    required = run("require", "inv", "--shape", "2x2", "--error", "5%", "--seeds", 1)
    assert "a generated problem" not in required.stderr  # it draws many
    assert "generated" not in run("solve", "nnls", *write(tmp_path), "--fidelity", "dc").stderr
