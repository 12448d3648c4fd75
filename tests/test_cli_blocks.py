"""`amcspice solve inv` and `forecast` in blocks."""

from __future__ import annotations

import json

import numpy as np
import pytest
from block_cases import harmonic, off, right, wishart
from cli_helpers import files, refused, run


@pytest.fixture
def problem(tmp_path):
    np.save(tmp_path / "A.npy", wishart(8, 128))
    np.save(tmp_path / "b.npy", right(8, 2))
    return ["--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.npy", "--fidelity", "dc"]


def test_solve_refines_in_blocks(problem, tmp_path):
    result = run(
        "solve", "inv", *problem, "--stages", 1, "--refine", 24, "--slices", 9, "--levels", 8,
        "--write-noise", 0.01, "--own-scale", "--json", tmp_path / "r.json", "--out",
        tmp_path / "x.npy", "--verify", 2,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "r.json").read_text())
    exact = np.linalg.solve(np.load(tmp_path / "A.npy"), np.load(tmp_path / "b.npy"))
    assert off(np.load(tmp_path / "x.npy"), exact) < 2.0**-23
    assert len(content["history"]) == content["iterations"]
    assert content["history"][-1].keys() >= {
        "iteration", "error", "residual", "bits", "exponent", "repeats", "saturated",
    }  # fmt: skip
    assert content["phases"] == len(content["schedule"]) == 5
    phase = content["schedule"][2]
    assert (phase["phase"], phase["operation"], phase["matrix"]) == (3, "inv", "S")
    assert (phase["bank"], phase["bank_unrolled"], phase["repeats"]) == (1, 3, 0)
    assert phase["sampled"] >= 2 * content["iterations"]
    assert phase["settling_time_s"] > 0
    assert content["comparison"]["error"] < content["comparison"]["error_one_array"]
    assert "samples" in result.output
    assert content["verification"]["passed"]
    assert content["bits"] > 23
    promised = {
        "problem", "circuit", "fidelity", "simulator", "solution", "reference", "relative_error",
        "settled", "settling_time_s", "power_w", "energy_j", "amplifiers", "cells", "range",
        "provenance", "iterations", "bits", "history", "phases", "schedule",
    }  # fmt: skip
    assert promised <= content.keys()
    assert {"amcspice", "ngspice", "solver", "options", "deck_sha256", "seed", "wall_time_s"} <= (
        content["provenance"].keys()
    )
    assert content["amplifiers"] == 4
    assert content["cells"] == content["counts"]["cells"]
    assert content["range"] == {"choice": "predicted", "volts_per_unit": None, "repeats": 0}
    assert content["settling_time_s"] == [None, None]  # no time at dc
    np.testing.assert_allclose(np.array(content["solution"]).T, exact, rtol=1e-5)


def test_blocks_in_time_say_what_a_pass_takes(problem, tmp_path):
    """Settling of the phases one after the other, each the largest of the right-hand sides."""
    result = run("solve", "inv", *problem[:4], "--fidelity", "behavioural", "--stages", 1,
                 "--json", tmp_path / "r.json", "--verify", 1, "--jobs", 2)  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "r.json").read_text())
    phases = [phase["settling_time_s"] for phase in content["schedule"]]
    assert max(phases) < max(content["settling_time_s"]) <= sum(phases) * (1 + 1e-12)
    assert content["settled"] == [True, True]
    np.testing.assert_allclose(
        np.array(content["power_w"]["total"]) * content["settling_time_s"], content["energy_j"]
    )
    assert "iterations" not in content
    assert content["simulator"] == "behavioural"


def test_complex_systems_and_zero_right_hand_sides(tmp_path):
    A, b = wishart(6, 96) + 0.2j * np.diag(np.arange(6)), right(6, 3) + 0j
    b[:, 1] = 0
    np.save(tmp_path / "A.npy", A)
    np.save(tmp_path / "b.npy", b)
    result = run(
        "solve", "inv", "--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.npy", "--stages", 1,
        "--refine", 30, "--fidelity", "dc", "--out", tmp_path / "x.csv", "--json",
        tmp_path / "r.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "Warning" not in result.output
    x = np.loadtxt(tmp_path / "x.csv", delimiter=",", dtype=complex)
    np.testing.assert_allclose(x, np.linalg.solve(A, b), atol=1e-8)
    assert json.loads((tmp_path / "r.json").read_text())["relative_error"][1] == 0


def test_what_did_not_settle_says_so(problem, tmp_path):
    result = run("solve", "inv", *problem[:4], "--fidelity", "behavioural", "--stages", 1,
                 "--window", "1 ns", "--json", tmp_path / "r.json")  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "r.json").read_text())
    assert content["settled"] == [False, False]
    assert any("did not settle in every phase" in said for said in content["cautions"])
    assert "note: 2 of 2 right-hand sides did not settle" in result.stderr


def test_forecast_needs_no_transient(problem, tmp_path):
    result = run(
        "forecast", *problem[:2], "--stages", 1, "--levels", 8, "--write-noise", 0.01,
        "--slices", 8, "--refine", 20, "--json", tmp_path / "f.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "f.json").read_text())
    assert content["converges"]
    assert content["bits_per_iteration"] == pytest.approx(-np.log2(content["spectral_radius"]))
    assert content["iterations"] == int(np.ceil(20 / content["bits_per_iteration"]))
    assert content["floor_bits"] > 20
    for option in (("--verify", 1), ("--fidelity", "reduced")):
        refused(run("forecast", *problem[:2], *option), "a forecast is of the rest")
    assert content["comparison"]["draws"] == 9
    np.save(tmp_path / "T.npy", harmonic(32))
    told = run(
        "forecast", "--matrix", tmp_path / "T.npy", "--stages", 1, "--write-noise", 0.05,
        "--noise-relative-to", "g",
    )  # fmt: skip
    assert "blocks bring nothing" in told.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--stages", 1, "--array-size", 2], "stages, array_size: give one of them"),
        (["--method", "gcr"], "method: of refinement; give refine"),
        (["--slices", 3], "give refine"),
        (["--stages", 9], "halved"),
        (["--stages", 1, "--circuit", "inv"], "--circuit"),
        (["--stages", 1, "--trials", 3], "--trials"),
        (["--stages", 1, "--waveforms", "w.csv"], "--waveforms: not of a solution in blocks"),
        (["--stages", 1, "--plot", "p.png"], "--plot: not of a solution in blocks"),
        (["--stages", 1, "--cycle", 2], "cycle: a chip counts its writings itself"),
        (["--stages", 1, "--ridge", 0.1], "does not take ridge"),
        (["--stages", 1, "--largest-entry", 5], "largest_entry: blocks share"),
        (["--stages", 1, "--json", "absent/r.json", "--write-config", "c.toml"], "no folder"),
    ],
)
def test_options_that_do_not_fit_are_refused(problem, options, message, tmp_path):
    before = files(tmp_path)
    refused(run("solve", "inv", *problem, *options), message)
    refused(run("solve", "lstsq", *problem, "--stages", 1), "of problem inv")
    assert files(tmp_path) == before


def test_a_refinement_that_diverges_is_no_answer(tmp_path):
    np.save(tmp_path / "A.npy", wishart(16, 32))
    np.save(tmp_path / "b.npy", right(16, 2))
    words = ["solve", "inv", "--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.npy",
             "--stages", 1, "--refine", 20, "--fidelity", "dc", "--write-noise", 0.05, "--seed", 1,
             "--gain", 1e6, "--json", tmp_path / "r.json", "--out", tmp_path / "x.npy"]  # fmt: skip
    result = run(*words, "--method", "plain")
    assert result.exit_code == 1, result.output
    assert "diverges" in result.output
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["ended"] == "diverges"
    assert told["history"][-1]["residual"] > 1
    assert not (tmp_path / "x.npy").exists()
    assert run(*words, "--method", "gcr").exit_code == 0
    assert (tmp_path / "x.npy").exists()
