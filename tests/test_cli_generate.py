"""``amcspice generate``: decks that plain ngspice and ``amcspice simulate`` run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.optimize
from cli_helpers import MATRIX, RIGHT, files, refused, run, write
from plain_ngspice import read_listing, run_plain

NETLISTS = Path(__file__).parents[1] / "netlists"

PSPICE_AMPLIFIER = """\
.subckt OTHER inp inn out vdd vss PARAMS: A0=1e5 GBW=10Meg
GIN 0 N1 VALUE = {V(inp,inn)*A0*1u}
RP1 N1 0 1Meg
CP1 N1 0 {A0/(6.2831853*GBW*1e6)}
EOUT NO 0 VALUE = {IF(V(N1) > V(vdd), V(vdd), IF(V(N1) < V(vss), V(vss), V(N1)))}
ROUT NO out 10
.ends
"""


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["flat", "reduced"])
@pytest.mark.parametrize("circuit", ["ginv-compact", "ginv-classic"])
def test_plain_ngspice_solves_it(tmp_path, circuit, fidelity):
    target = tmp_path / "deck.cir"
    result = run("generate", circuit, "--problem", "nnls", *write(tmp_path), "--out", target,
                 "--fidelity", fidelity, "--wire-resistance", "0.5")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert f"run it: ngspice -b {target}" in result.stdout
    code, output = run_plain(target)
    assert code == 0, output
    solutions = [item["x"] for item in read_listing(output)]
    expected = [scipy.optimize.nnls(MATRIX, column)[0] for column in RIGHT.T]
    np.testing.assert_allclose(solutions, expected, atol=5e-3)


@pytest.mark.ngspice
def test_simulate_runs_it_too(tmp_path):
    deck, report = tmp_path / "deck.cir", tmp_path / "report.json"
    options = ["--problem", "nnls", *write(tmp_path), "--out", deck, "--json", tmp_path / "g.json"]
    assert run("generate", "ginv-compact", *options).exit_code == 0
    content = json.loads((tmp_path / "g.json").read_text())
    result = run("simulate", deck, "--json", report)
    assert result.exit_code == 0, result.output
    assert "the .control block is left out" in result.stderr
    windows = json.loads(report.read_text())["windows"]
    assert [window["start_s"] for window in windows] == [0.0, content["window_s"]]
    _, output = run_plain(deck)
    for window, printed in zip(windows, read_listing(output), strict=True):
        volts = [window["nodes"][f"x{k}"]["final_v"] for k in range(3)]
        np.testing.assert_allclose(volts, printed["volt"], rtol=1e-9, atol=1e-12)
        slowest = max(window["nodes"][f"x{k}"]["settling_time_s"] for k in range(2))
        assert slowest == pytest.approx(printed["settling_time"], rel=0.3)


def test_json_describes_the_deck(tmp_path):
    deck = tmp_path / "deck.cir"
    result = run("generate", "ginv-compact", *write(tmp_path), "--out", deck, "--json", "-")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["circuit"] == "ginv-compact"
    assert content["problem"] == "lstsq"
    assert content["shape"] == [4, 3]
    assert content["right_hand_sides"] == 2
    assert content["amplifiers"] == 3
    assert f"x_j = v(xj) / {content['volts_per_unit']!r}" in deck.read_text()
    assert f"G = A * {content['siemens_per_unit']!r} S" in deck.read_text()


def test_it_needs_no_ngspice(tmp_path, monkeypatch):
    monkeypatch.setenv("AMCSPICE_NGSPICE", "/nonexistent")
    result = run("generate", "ginv-compact", *write(tmp_path), "--out", tmp_path / "deck.cir")
    assert result.exit_code == 0, result.output


def test_small_decks_hold_every_cell(tmp_path):
    options = ["--json", "-", "--out", tmp_path / "deck.cir"]
    content = json.loads(run("generate", "ginv-compact", *write(tmp_path), *options).stdout)
    assert (content["fidelity"], content["cells"]) == ("flat", 32)
    text = (tmp_path / "deck.cir").read_text()
    asked = ["--fidelity", "flat", *options]
    assert run("generate", "ginv-compact", *write(tmp_path), *asked).exit_code == 0
    assert (tmp_path / "deck.cir").read_text() == text
    asked = ["--fidelity", "reduced", *options]
    content = json.loads(run("generate", "ginv-compact", *write(tmp_path), *asked).stdout)
    assert content["fidelity"] == "reduced"
    draw = np.random.default_rng(0)
    np.save(tmp_path / "L.npy", draw.random((64, 20)))
    np.save(tmp_path / "r.npy", draw.random(64))
    large = ["--matrix", tmp_path / "L.npy", "--rhs", tmp_path / "r.npy"]
    content = json.loads(run("generate", "ginv-compact", *large, *options).stdout)
    assert content["cells"] > 1024
    assert content["fidelity"] == "reduced"


def test_what_a_file_of_options_asks_for_in_vain_is_refused(tmp_path):
    (tmp_path / "all.toml").write_text("timeout = 3\n")
    options = ["--config", tmp_path / "all.toml", "--out", tmp_path / "deck.cir"]
    refused(run("generate", "ginv-compact", *write(tmp_path), *options), "--timeout: whoever")
    assert not (tmp_path / "deck.cir").exists()
    allowed = ["--amplifiers", "subcircuits", "--out", tmp_path / "deck.cir"]
    assert run("generate", "ginv-compact", *write(tmp_path), *allowed).exit_code == 0


@pytest.mark.ngspice
@pytest.mark.parametrize("circuit", ["ginv-classic", "inv-compensated", "eigen", "mvm"])
def test_simulate_shows_what_the_deck_prints_itself(tmp_path, circuit):
    """For the decks of ``netlists/``, of which one knows x up to its length only."""
    deck = NETLISTS / f"{circuit}.cir"
    result = run("simulate", deck, "--json", tmp_path / "report.json")
    assert result.exit_code == 0, result.output
    assert "settling time" in result.stdout
    content = json.loads((tmp_path / "report.json").read_text())
    _, output = run_plain(deck)
    printed = read_listing(output)
    assert len(content["solution"]) == len(printed)
    np.testing.assert_allclose(
        content["solution"], [block["x"] for block in printed], rtol=1e-9, atol=1e-12
    )
    assert content["settled"] == [True] * len(printed)
    for time, block in zip(content["settling_time_s"], printed, strict=True):
        assert time == pytest.approx(block["settling_time"], rel=0.02)
    for window, block in zip(content["windows"], printed, strict=True):  # no virtual ground
        finals = [node["final_v"] for node in window["nodes"].values()]
        np.testing.assert_allclose(finals, block["volt"], rtol=1e-9, atol=1e-12)


@pytest.mark.ngspice
def test_simulate_shows_x_as_solve_does(tmp_path):
    deck, solved = tmp_path / "deck.cir", tmp_path / "solve.json"
    problem = write(tmp_path)
    options = ["--problem", "nnls", *problem, "--out", deck, "--settle-tolerance", "0.003"]
    assert run("generate", "ginv-compact", *options).exit_code == 0
    result = run("simulate", deck, "--json", tmp_path / "deck.json")
    assert result.exit_code == 0, result.output
    shared = [*problem, "--circuit", "ginv-compact", "--settle-tolerance", "0.003"]
    assert run("solve", "nnls", *shared, "--json", solved).exit_code == 0
    content, expected = (
        json.loads((tmp_path / f"{n}.json").read_text()) for n in ("deck", "solve")
    )
    assert content["settle_tolerance"] == 0.003
    np.testing.assert_allclose(content["solution"], expected["solution"], atol=1e-5)
    np.testing.assert_allclose(content["settling_time_s"], expected["settling_time_s"], rtol=0.05)
    for entry in content["solution"][0]:
        assert f"{entry:.4g}" in result.stdout
    wider = run("simulate", deck, "--settle-tolerance", "0.1", "--json", "-")
    times = json.loads(wider.stdout)["settling_time_s"]
    assert all(a < b for a, b in zip(times, content["settling_time_s"], strict=True))


@pytest.mark.ngspice
def test_the_command_says_the_syntax_of_the_amplifier(tmp_path):
    library = tmp_path / "other.lib"
    library.write_text(PSPICE_AMPLIFIER)
    deck = tmp_path / "deck.cir"
    own = ["--opamp-lib", library, "--opamp-subckt", "OTHER", "--opamp-compat", "psa"]
    options = ["--problem", "nnls", *write(tmp_path), *own, "--out", deck]
    result = run("generate", "ginv-compact", *options)
    assert result.exit_code == 0, result.output
    assert "ngspice -D ngbehavior=psa -b FILE" in deck.read_text()
    assert f"run it: ngspice -D ngbehavior=psa -b {deck}" in result.stdout
    code, output = run_plain(deck, "-D", "ngbehavior=psa")
    assert code == 0, output
    expected = [scipy.optimize.nnls(MATRIX, column)[0] for column in RIGHT.T]
    np.testing.assert_allclose([item["x"] for item in read_listing(output)], expected, atol=5e-3)
    result = run("simulate", deck, "--compat", "psa", "--json", "-")
    np.testing.assert_allclose(json.loads(result.stdout)["solution"], expected, atol=5e-3)


def test_same_options_same_deck(tmp_path):
    decks = []
    for name in ("first.cir", "second.cir"):
        options = ["--device", "hfo2-16", "--seed", "3", "--out", tmp_path / name]
        assert run("generate", "ginv-compact", *write(tmp_path), *options).exit_code == 0
        decks.append((tmp_path / name).read_text())
    assert decks[0] == decks[1]


def test_help_has_an_example():
    result = run("generate", "--help")
    assert result.exit_code == 0
    assert "Example: amcspice generate ginv-compact --problem nnls" in result.stdout


@pytest.mark.parametrize(
    ("circuit", "options", "message"),
    [
        ("nosuch", [], "unknown circuit 'nosuch'; choose from mvm, inv"),
        ("ginv-compact", ["--problem", "nosuch"], "nosuch"),
        ("ginv-compact", ["--circuit", "ginv-classic"], "the circuit is the argument of generate"),
        ("ginv-compact", ["--lasso", "1"], "lasso needs the non-negative constraint"),
        ("ginv-compact", ["--hold"], "hold needs the non-negative constraint"),
        ("ginv-classic", ["--hold", "--problem", "nnls"], "ginv-classic does not take hold"),
        ("ginv-compact", ["--fidelity", "ideal"], "ideal has no deck; choose flat or reduced"),
        ("ginv-compact", ["--wire-resistance", "-1"], "must be at least 0 ohm"),
        ("ginv-compact", ["--jobs", "2"], "--jobs: a deck is one process"),
        ("ginv-compact", ["--verify", "1"], "--verify: nothing is run"),
        ("ginv-compact", ["--verify", "1", "--verify-fidelity", "flat"], "nothing is run"),
        ("ginv-compact", ["--verify", "1", "--verify-limit", "1e-3"], "nothing is run"),
        ("ginv-compact", ["--simulator", "batch"], "--simulator: whoever runs the deck"),
        ("ginv-compact", ["--timeout", "3"], "--timeout: whoever runs the deck"),
        ("ginv-compact", ["--amplifiers", "elements"], "so it holds sub-circuits"),
    ],
)
def test_refused(tmp_path, circuit, options, message):
    problem = write(tmp_path)
    before = files(tmp_path)
    refused(run("generate", circuit, *problem, "--out", tmp_path / "deck.cir", *options), message)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("out", "message"),
    [("nowhere/deck.cir", "there is no folder"), (".", "is a folder; name a file")],
)
def test_output_that_cannot_be_written(tmp_path, out, message):
    problem = write(tmp_path)
    before = files(tmp_path)
    refused(run("generate", "ginv-compact", *problem, "--out", tmp_path / out), message)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("matrix", "rhs", "message"),
    [
        ("1,nan\n1,1\n", "1\n1\n", "entry (0, 1) is not finite"),
        ("1,1\n1,2\n", "1\n1\n1\n", "right-hand side: 3 rows, but the matrix has 2"),
        ("1,1\n1,2\n", "1\ninf\n", "entry (1, 0) is not finite"),
        ("", "1\n", "A.csv: cannot be read"),
    ],
)
def test_bad_problem(tmp_path, matrix, rhs, message):
    (tmp_path / "A.csv").write_text(matrix)
    (tmp_path / "b.csv").write_text(rhs)
    options = ["--matrix", tmp_path / "A.csv", "--rhs", tmp_path / "b.csv"]
    refused(run("generate", "ginv-compact", *options, "--out", tmp_path / "d.cir"), message)
    assert files(tmp_path) == ["A.csv", "b.csv"]
