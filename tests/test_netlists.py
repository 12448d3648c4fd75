"""The decks under netlists/ are what the script writes, and run as they are."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.optimize
from plain_ngspice import read_listing, run_plain

import amcspice as amc

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script():
    """Return the script as a module."""
    path = ROOT / "scripts" / "make_netlists.py"
    specification = importlib.util.spec_from_file_location("make_netlists", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", list(amc.CIRCUITS))
def test_every_circuit_has_its_deck(script, name):
    """After a change to circuits or decks: make netlists."""
    assert (ROOT / "netlists" / f"{name}.cir").read_text() == script.deck_of(name).text


def test_no_deck_without_a_circuit():
    assert {path.stem for path in (ROOT / "netlists").glob("*.cir")} == set(amc.CIRCUITS)


@pytest.mark.ngspice
@pytest.mark.parametrize("name", list(amc.CIRCUITS))
def test_plain_ngspice_solves_the_problem(script, name, tmp_path):
    path = Path(shutil.copy(ROOT / "netlists" / f"{name}.cir", tmp_path))
    code, output = run_plain(path)
    assert code == 0, output
    found = read_listing(output)
    problem, A, b = script.problem_of(name)
    assert len(found) == b.shape[1]
    for measured, column in zip(found, b.T, strict=True):
        assert measured["settling_time"] is not None
        if problem == "nnls":
            expected = scipy.optimize.nnls(A, column)[0]
        elif problem == "lstsq":
            expected = np.linalg.lstsq(A, column, rcond=None)[0]
        else:
            expected = amc.simulate(script.circuit_of(name), column, fidelity="ideal").x
        # The wires (1 and 1.5 ohm a segment, cells of 10 kohm and more) account for 0.6 %, the
        # detuning of the eigenvector circuit for more.
        share = 0.03 if problem == "eig" else 0.01
        np.testing.assert_allclose(measured["x"], expected, atol=share * np.abs(expected).max())


def test_check_tells_what_differs(script, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    assert script.main(["--check"]) == 1
    assert list(tmp_path.iterdir()) == []
    assert script.main([]) == 0
    assert script.main(["--check"]) == 0
    (tmp_path / "ginv-compact.cir").write_text("* changed\n")
    capsys.readouterr()
    assert script.main(["--check"]) == 1
    assert capsys.readouterr().out == "differ: ginv-compact.cir\n"
