"""``amcspice cost``, and what factorisations say of their costs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli_helpers import files, refused, run

FAST = ("--fidelity", "behavioural", "--opamp", "onchip-1g")
KEYS = {
    "writing", "operation", "counted", "ignored", "area_m2", "break_even_rhs", "digital", "parts",
}  # fmt: skip


def test_a_stated_workload(tmp_path):
    result = run(
        "cost", "nnls", "--shape", "32x8", "--rhs", 32, "--opamp", "onchip-1g",
        "--json", tmp_path / "c.json", "--plot", tmp_path / "c.png", "--tornado", "energy",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "writing ignored" in result.stdout
    assert "assumed figures" in result.stderr
    content = json.loads((tmp_path / "c.json").read_text())
    assert content.keys() >= KEYS
    assert content["work"]["operated"]["count"] == 32
    assert content["counted"]["energy_j"] == pytest.approx(
        sum(content["parts"]["energy_j"].values()), rel=1e-12
    )
    assert content["writing"]["time_s"] > 100 * content["operation"]["time_s"]
    assert content["digital"]["time_s"] > 0
    assert "idle_while_writing" in content["tornado"]
    assert (tmp_path / "c.png").stat().st_size > 10_000


def test_it_is_counted_as_often_as_it_is_written(tmp_path):
    times = []
    for count in (1, 50):
        options = ("--writings", count, "--json", tmp_path / "c.json", "--set", "macros=2")
        result = run("cost", "inv", "--shape", "4x4", "--rhs", 3, *FAST, *options)
        assert result.exit_code == 0, result.output
        content = json.loads((tmp_path / "c.json").read_text())
        times.append((content["counted"]["time_s"], content["break_even_rhs"]))
    assert times[1][0] == pytest.approx(50 * times[0][0])


@pytest.mark.parametrize("problem", ["mvm", "inv", "lstsq", "nnls", "eig"])
def test_every_problem_has_a_cost(problem):
    result = run("cost", problem, "--shape", "4x4", "--rhs", 2, *FAST)
    assert result.exit_code == 0, result.output


def test_a_stated_workload_is_verified(tmp_path):
    result = run(
        "cost", "nnls", "--shape", "8x3", "--rhs", 5, "--verify", 2, "--fidelity", "dc",
        "--json", tmp_path / "c.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "c.json").read_text())
    assert content["verification"]["passed"]
    assert content["verification"]["checked"] == 2


def test_the_cost_of_a_run(tmp_path):
    V = np.random.default_rng(0).random((12, 10))
    np.save(tmp_path / "V.npy", V)
    out = tmp_path / "out"
    result = run(
        "nmf", "matrix", tmp_path / "V.npy", "--rank", 2, "--iterations", 2, "--out", out, *FAST,
        "--technology", "best", "--json", tmp_path / "run.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "writing counted" in result.stdout
    metrics = json.loads((tmp_path / "run.json").read_text())
    assert metrics["cost"]["technology"] == "best"
    again = run(
        "cost", tmp_path / "run.json", "--technology", "best", "--json", tmp_path / "c.json"
    )
    assert again.exit_code == 0, again.output
    content = json.loads((tmp_path / "c.json").read_text())
    for name in ("counted", "ignored", "writing", "operation"):
        assert content[name] == pytest.approx(metrics["cost"][name])
    dearer = run("cost", out / "metrics.json", "--set", "adc-energy=50 pJ", "--json", "-")
    assert json.loads(dearer.stdout)["counted"]["energy_j"] > content["counted"]["energy_j"]


def test_a_factorisation_predicts_its_ranges(tmp_path):
    np.save(tmp_path / "V.npy", np.random.default_rng(0).random((12, 10)))
    result = run(
        "nmf", "matrix", tmp_path / "V.npy", "--rank", 2, "--iterations", 2, *FAST,
        "--predict-range", "--out", tmp_path / "out", "--json", tmp_path / "run.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "ideal answers" not in result.output
    metrics = json.loads((tmp_path / "run.json").read_text())
    assert {entry["range"] for entry in metrics["ledger"] if entry["entry"] == "operation"} == {
        "predicted"
    }


def test_at_ideal_nothing_is_run_and_costs_nothing(tmp_path):
    np.save(tmp_path / "V.npy", np.random.default_rng(0).random((6, 5)))
    result = run(
        "nmf", "matrix", tmp_path / "V.npy", "--rank", 2, "--iterations", 1, "--fidelity", "ideal",
        "--out", tmp_path / "out", "--json", tmp_path / "run.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "run.json").read_text())["cost"] is None
    refused(run("cost", tmp_path / "run.json"), "ledger is empty")
    refused(run("cost", "nnls", "--shape", "4x2", "--fidelity", "ideal"), "costs nothing")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nnls"], "give --shape"),
        (["nnls", "--shape", "32"], "write MxN"),
        (["nnls", "--shape", "0x8"], "write MxN"),
        (["inv", "--shape", "4x3"], "square"),
        (["nnsl", "--shape", "4x3"], "did you mean"),
        (["nnls", "--shape", "4x3", "--technology", "tpyical"], "did you mean"),
        (["nnls", "--shape", "4x3", "--set", "adcs"], "NAME=VALUE"),
        (["nnls", "--shape", "4x3", "--set", "adcz=3"], "did you mean"),
        (["nnls", "--shape", "4x3", "--set", "adc_energy=3 V"], "adc_energy"),
        (["nnls", "--shape", "4x3", "--set", "macros=0"], "above zero"),
        (["nnls", "--shape", "4x3", "--plot", "c.bmp"], "unknown type"),
        (["missing.json"], "cannot be read"),
        (["missing.json", "--shape", "4x3"], "of a stated workload"),
        (["missing.json", "--gbw", "1 MHz"], "of a stated workload"),
    ],
)
def test_what_it_refuses(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(run("cost", *options), message)
    assert files(tmp_path) == []


def test_files_without_a_ledger_are_refused(tmp_path):
    for text in ("[1, 2]", "{}", "no json", '{"ledger": null}'):
        (tmp_path / "run.json").write_text(text)
        refused(run("cost", tmp_path / "run.json"), "ledger")
    entry = {"label": "x", "kind": "nnls"}
    (tmp_path / "run.json").write_text(json.dumps({"ledger": [entry]}))
    refused(run("cost", tmp_path / "run.json"), "ledger")
