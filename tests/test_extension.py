"""A package from outside adds a topology, a problem, an amplifier and a backend by entry points."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import run

EXTENSION = Path(__file__).parent / "extension"
A = np.array([[1.0, 0.2, 0.1], [0.1, 0.8, 0.3], [0.2, 0.1, 0.9]])
B = np.array([[0.5, 0.1], [0.2, -0.4], [0.3, 0.6]])
ANSWER = np.linalg.solve(A + 0.7 * np.eye(3), B)

COMMAND = ("-c", "from amcspice.cli import main; main()")

EVERY_BACKEND = """
import numpy as np, amcspice as amc
A, B, circuits = np.array({A}), np.array({B}), []
for fidelity in amc.BACKENDS:
    run = amc.solve("loaded-inv", A, B, loading=0.7, opamp="invented", fidelity=fidelity)
    assert (run.circuit, run.problem) == ("loaded-inv", "loaded-inv")
    assert np.asarray(run.relative_error).max() < 1e-3, (fidelity, run.relative_error)
    assert np.abs(run.x - np.array({answer})).max() < 1e-3
    assert run.settled.all()
assert "invented" in amc.OpAmp.preset("invented").source
"""


def python(*arguments, cwd):
    """Run Python with the package from outside on its path."""
    environment = {**os.environ, "PYTHONPATH": str(EXTENSION)}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, cwd=cwd
    )


@pytest.mark.ngspice
def test_every_backend_runs_it(tmp_path):
    text = EVERY_BACKEND.format(A=A.tolist(), B=B.tolist(), answer=ANSWER.tolist())
    result = python("-c", text, cwd=tmp_path)
    assert result.returncode == 0, result.stderr


def test_the_command_line_runs_it(tmp_path):
    np.save(tmp_path / "A.npy", A)
    np.save(tmp_path / "B.npy", B)
    result = python(
        *COMMAND, "solve", "loaded-inv", "--matrix", "A.npy", "--rhs", "B.npy",
        "--fidelity", "dc", "--opamp", "invented", "--json", "out.json", cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    content = json.loads((tmp_path / "out.json").read_text())
    expected = np.linalg.solve(A + 0.5 * np.eye(3), B)
    np.testing.assert_allclose(np.array(content["solution"]).T, expected, atol=1e-3)
    assert content["circuit"] == "loaded-inv"


def test_a_sweep_runs_it(tmp_path):
    (tmp_path / "spec.toml").write_text(
        'name = "outside"\n[base]\nproblem = "loaded-inv"\nfidelity = "dc"\nopamp = "invented"\n'
        "[axes]\ncolumns = [2, 4]\n"
    )
    result = python(*COMMAND, "sweep", "run", "spec.toml", "--store", "s.sqlite",
                    "--jobs", "1", cwd=tmp_path)  # fmt: skip
    assert result.returncode == 0, result.stderr
    exported = python(*COMMAND, "sweep", "export", "s.sqlite", "--out", "s.csv", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    with (tmp_path / "s.csv").open() as stream:
        points = list(csv.DictReader(stream))
    assert len(points) == 2
    assert all(float(point["relative_error_max"]) < 1e-3 for point in points)


def test_a_sweep_runs_a_system_on_two_processes(tmp_path):
    """Of finite gain alone, the error of a product falls as one over it."""
    (tmp_path / "spec.toml").write_text(
        'name = "tests"\n[base]\nproblem = "self-test"\nfidelity = "dc"\n'
        'technology = "typical"\n[axes]\ntest_lines = [2, 5]\ngain = [1e3, 1e5]\n'
    )
    result = python(*COMMAND, "sweep", "run", "spec.toml", "--store", "s.sqlite", "--jobs", "2",
                    "--watch", "test_error", cwd=tmp_path)  # fmt: skip
    assert result.returncode == 0, result.stderr
    # A store says by itself what stands in it: the package is not needed any more.
    for arguments in (
        ("export", tmp_path / "s.sqlite", "--out", tmp_path / "s.csv"),
        ("plot", tmp_path / "s.sqlite", "--x", "gain", "--y", "test_voltage_v", "--out",
         tmp_path / "p.svg"),
        ("status", tmp_path / "s.sqlite", "--json", tmp_path / "status.json"),
    ):  # fmt: skip
        made = run("sweep", *arguments)
        assert made.exit_code == 0, made.output
    with (tmp_path / "s.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    points = {(row["test_lines"], float(row["gain_V_per_V"])): row for row in rows}
    for lines in ("2", "5"):
        low, high = (float(points[lines, gain]["test_error"]) for gain in (1e3, 1e5))
        assert low == pytest.approx(100 * high, rel=0.02)
        assert float(points[lines, 1e3]["cost_energy_j"]) > 0
        assert points[lines, 1e3]["columns"] == points[lines, 1e3]["circuit"] == ""
    figure = (tmp_path / "p.svg").read_text()
    assert "<!-- test voltage -->" in figure
    assert " mV -->" in figure
    assert json.loads((tmp_path / "status.json").read_text())["watched"] == "test_error"


REFUSED = """
import amcspice as amc
from amcspice.sweep.spec.experiment import Experiment
for more, message in (
    ({"columns": 4}, "columns: of matrices; self-test makes what it needs"),
    ({"stages": 1}, "stages: of inv, forecast; problem is self-test"),
    ({"test_lines": 0}, "test_lines = 0: must be at least 1"),
):
    try:
        Experiment.of({"problem": "self-test", **more})
    except amc.InputError as error:
        assert message in str(error), error
    else:
        raise AssertionError(more)
point = Experiment.of({"problem": "self-test"}).parameters()
assert Experiment.of(point).parameters() == point
assert point["test_lines"] == 4
"""


def test_a_system_refuses_what_is_of_matrices(tmp_path):
    result = python("-c", REFUSED, cwd=tmp_path)
    assert result.returncode == 0, result.stderr


NULLOR_IS_THE_LIMIT = """
import numpy as np, amcspice as amc
A, B, distances = np.array({A}), np.array({B}), []
nullor = amc.solve("loaded-inv", A, B, fidelity="nullor", verify=2)
assert nullor.verification.fidelity == "dc" and nullor.verification.passed
assert np.abs(nullor.x - nullor.reference).max() < 1e-12
for gain in (1e4, 1e6):
    run = amc.solve("loaded-inv", A, B, fidelity="dc", opamp=amc.OpAmp(gain=gain))
    distances.append(np.abs(run.x - nullor.x).max())
assert 90 < distances[0] / distances[1] < 110
try:
    amc.simulate(amc.CompactGINV(A, constraint=amc.NonNegative()), B, fidelity="nullor")
except amc.UnsupportedError as error:
    assert "no limits of outputs" in str(error)
else:
    raise AssertionError("not refused")
"""


def test_its_backend_is_the_limit_of_large_gain(tmp_path):
    text = NULLOR_IS_THE_LIMIT.format(A=A.tolist(), B=B.tolist())
    result = python("-c", text, cwd=tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.mark.ngspice
def test_it_passes_what_every_new_one_must(tmp_path):
    contracts = sorted(map(str, EXTENSION.glob("contract_*.py")))
    assert len(contracts) == 6
    result = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path),
                    "-c", os.devnull, *contracts, cwd=tmp_path)  # fmt: skip
    assert result.returncode == 0, result.stdout
    assert "13 passed" in result.stdout


@pytest.mark.parametrize(("name", "most"), [("topology", 40), ("problem", 40), ("backend", 70)])
def test_it_is_short(name, most):
    lines = (EXTENSION / "amcspice_extension" / f"{name}.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) < most


A_FIELD_FROM_OUTSIDE = """
import amcspice as amc
run = amc.solve("lstsq", {A}, {B}, device="ageing", age="10 years", fidelity="dc")
assert run.provenance["circuit"]["device"]["age"] == 315576000.0, run.provenance
cells = amc.Memristor.preset("ageing", age="10 years")
same = amc.solve("lstsq", {A}, {B}, device=cells, fidelity="dc")
assert (run.x == same.x).all()
print(run.provenance["circuit"]["device"]["age"])
"""


def test_a_field_of_a_subclass_is_option_axis_and_line_of_a_file(tmp_path):
    """Cells with a parameter of their own, and a topology with one: nothing else is edited."""
    np.save(tmp_path / "A.npy", A)
    np.save(tmp_path / "B.npy", B)
    problem = ("--matrix", "A.npy", "--rhs", "B.npy", "--fidelity", "dc", "--json", "-")
    text = python(*COMMAND, "solve", "--help", cwd=tmp_path)
    shown = " ".join(text.stdout.split())
    assert "--age s Time since the cell was made." in shown, text.stderr
    assert "--loading NUMBER Conductance from each output to its row" in shown

    typed = python(*COMMAND, "solve", "lstsq", *problem, "--device", "ageing", "--age", "10 years",
                   "--write-config", "e.toml", cwd=tmp_path)  # fmt: skip
    assert typed.returncode == 0, typed.stderr
    assert json.loads(typed.stdout)["provenance"]["circuit"]["device"]["age"] == 315576000.0
    assert (
        "age = 315576000.0  # [s] Time since the cell was made."
        in (tmp_path / "e.toml").read_text()
    )
    read = python(*COMMAND, "solve", "--config", "e.toml", *problem, cwd=tmp_path)
    assert read.returncode == 0, read.stderr
    first, second = (json.loads(result.stdout) for result in (typed, read))
    assert first["solution"] == second["solution"]

    (tmp_path / "spec.toml").write_text(
        '[base]\nproblem = "lstsq"\nfidelity = "dc"\ndevice = "ageing"\n'
        '[axes]\nage = ["0 s", "10 years"]\n'
    )
    swept = python(*COMMAND, "sweep", "run", "spec.toml", "--store", "s.sqlite", "--jobs", "1",
                   cwd=tmp_path)  # fmt: skip
    assert swept.returncode == 0, swept.stderr
    exported = python(*COMMAND, "sweep", "export", "s.sqlite", "--out", "s.csv", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    with (tmp_path / "s.csv").open() as stream:
        young, old = sorted(csv.DictReader(stream), key=lambda point: float(point["age_s"]))
    # What fades is s G: x is read larger by exp(age / 1e9), 37.1 %.
    assert float(young["relative_error_max"]) < 1e-3
    assert abs(float(old["relative_error_max"]) - (np.exp(0.315576) - 1)) < 1e-3

    refused = python(*COMMAND, "solve", "lstsq", *problem, "--age", "1 year", cwd=tmp_path)
    assert refused.returncode == 2
    assert "age: device is a Memristor, which has no such parameter" in refused.stderr
    text = A_FIELD_FROM_OUTSIDE.format(A=A.tolist(), B=B.tolist())
    scripted = python("-c", text, cwd=tmp_path)
    assert scripted.returncode == 0, scripted.stderr


CELLS_OF_THEIR_OWN = """
import numpy as np, amcspice as amc
from amcspice.device.moments import cell_moments
cells = amc.cell("binary", on_spread=0.2, seed=3)
assert isinstance(cells, amc.Cell) and not isinstance(cells, amc.Memristor)
target = np.full((200, 200), 8e-5)
drawn = cells.program(target)
mean, variance = (value[0, 0] for value in cell_moments(cells, target))
assert abs(drawn.mean() - mean) < 4 * drawn.std() / 200
assert abs(drawn.var() / variance - 1) < 0.05
A = np.where(np.array({A}) > 0.5, 1.0, 0.0)
run = amc.solve("lstsq", A, {B}, device="binary", on_spread=0.0, fidelity="dc")
assert run.relative_error.max() < 1e-3, run.relative_error
chip = amc.Chip(amc.Hardware(device=cells), fidelity="dc")
matrix = chip.program(A, "lstsq")
chip.wait("1 h")
chip.save("chip.npz")
again = amc.Chip.load("chip.npz")
assert again.hardware.device == cells
assert (again.matrices[0].run({B}).x == matrix.run({B}).x).all()
"""


@pytest.mark.slow
def test_cells_that_are_no_memristors(tmp_path):
    """A protocol of few methods: Python, saved chips, command line, a sweep on two processes."""
    text = CELLS_OF_THEIR_OWN.replace("{A}", str(A.tolist())).replace("{B}", str(B.tolist()))
    scripted = python("-c", text, cwd=tmp_path)
    assert scripted.returncode == 0, scripted.stderr
    np.save(tmp_path / "A.npy", np.round(A))
    np.save(tmp_path / "B.npy", B)
    typed = python(*COMMAND, "solve", "lstsq", "--matrix", "A.npy", "--rhs", "B.npy",
                   "--fidelity", "dc", "--device", "binary", "--on-spread", "5 %", "--json", "-",
                   cwd=tmp_path)  # fmt: skip
    assert typed.returncode == 0, typed.stderr
    assert json.loads(typed.stdout)["provenance"]["circuit"]["device"]["on_spread"] == 0.05
    (tmp_path / "spec.toml").write_text(
        '[base]\nproblem = "lstsq"\nfidelity = "dc"\ndevice = "binary"\nmatrix = "A.npy"\n'
        'rhs = "B.npy"\n[axes]\non_spread = [0.0, 0.1]\nseed = [1, 2]\n'
    )
    swept = python(*COMMAND, "sweep", "run", "spec.toml", "--store", "s.sqlite", "--jobs", "2",
                   cwd=tmp_path)  # fmt: skip
    assert swept.returncode == 0, swept.stderr
    exported = run("sweep", "export", tmp_path / "s.sqlite", "--out", tmp_path / "s.csv")
    assert exported.exit_code == 0, exported.output
    with (tmp_path / "s.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    errors = [(float(row["on_spread"]), float(row["relative_error_max"])) for row in rows]
    assert len(errors) == 4
    assert all((error > 1e-3) == (spread > 0) for spread, error in errors)
