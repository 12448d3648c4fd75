"""``amcspice doctor``: says what works, what does not, and what to install."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from cli_helpers import fake_ngspice, files, refused, run

from amcspice import native
from amcspice.engine import find_installation

EXTENSION = Path(__file__).parent / "extension"


@pytest.mark.ngspice
def test_all_is_well(tmp_path):
    target = tmp_path / "doctor.json"
    result = run("doctor", "--json", target)
    assert result.exit_code == 0, result.output
    installation = find_installation()
    content = json.loads(target.read_text())
    assert content["usable"]
    assert content["ngspice"] == {
        "version": installation.version,
        "executable": installation.executable,
        "library": installation.library,
        "klu": installation.klu,
    }
    assert {"amcspice", "Python", "PySpice", "numpy", "scipy"} <= set(content["versions"])
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        name = requirement.partition(">")[0]
        assert content["versions"][name] == metadata.version(name)
        assert re.search(rf"^{re.escape(name)} +{metadata.version(name)}$", result.stdout, re.M)
    assert content["compiled"] == native.choose_level()
    assert f"level {native.choose_level()}" in result.stdout
    for simulator in ("batch", "shared", "behavioural"):
        assert content["simulators"][simulator]["ok"]
        assert content["simulators"][simulator]["wall_time_s"] > 0
        assert f"{simulator} simulator" in result.stdout
    assert installation.executable in result.stdout


def test_no_ngspice(monkeypatch):
    monkeypatch.setenv("AMCSPICE_NGSPICE", "/nonexistent")
    result = run("doctor")
    assert result.exit_code == 1
    assert "ngspice not found" in result.stdout
    assert "run scripts/install-ngspice.sh" in result.stdout
    content = json.loads(run("doctor", "--json", "-").stdout)
    assert content["ngspice"] is None
    assert not content["usable"]
    assert content["simulators"]["behavioural"]["ok"]


def test_ngspice_without_library_that_fails(tmp_path, monkeypatch):
    prefix = fake_ngspice(tmp_path, "echo 'Error: out of order'; exit 1\n")
    monkeypatch.setenv("AMCSPICE_NGSPICE", prefix)
    result = run("doctor")
    assert result.exit_code == 1
    assert "out of order (ngspice ended with exit code 1)" in result.stdout
    assert "libngspice not found: run scripts/install-ngspice.sh" in result.stdout


def test_a_wrong_answer_is_noticed(tmp_path, monkeypatch):
    script = r"""
printf 'Title: t\nPlotname: Transient Analysis\nFlags: real\nNo. Variables: 2\n' > "$4"
printf 'No. Points: 2\nVariables:\n\t0\ttime\ttime\n\t1\tv(out)\tvoltage\nBinary:\n' >> "$4"
printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\361\150\343\210\265\370\344\076\0\0\0\0\0\0\0\0' >> "$4"
"""
    monkeypatch.setenv("AMCSPICE_NGSPICE", fake_ngspice(tmp_path, script))
    result = run("doctor")
    assert result.exit_code == 1
    assert "it answers 0 V where 1 V is right" in result.stdout


def test_missing_compiled_code_is_named(monkeypatch):
    monkeypatch.setattr(native, "compiled_levels", lambda: ())
    result = run("doctor")
    assert result.exit_code == 1
    assert "MISSING: run `make setup`" in result.stdout
    assert json.loads(run("doctor", "--json", "-").stdout)["compiled"] is None


@pytest.mark.ngspice
def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("amcspice.engine.diagnosis.PACKAGES", ("numpy", "no-such-package"))
    result = run("doctor")
    assert result.exit_code == 1
    assert "no-such-package" in result.stdout
    assert "MISSING" in result.stdout


def test_json_that_cannot_be_written(tmp_path):
    refused(run("doctor", "--json", tmp_path / "nowhere" / "d.json"), "there is no folder")
    assert files(tmp_path) == []


def test_help_has_an_example():
    result = run("doctor", "--help")
    assert result.exit_code == 0
    assert "Example: amcspice doctor" in result.stdout


def doctor_with(folder, package):
    """Return what doctor says with a package on the path."""
    target = folder / "doctor.json"
    command = "from amcspice.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", command, "doctor", "--json", target],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(package)},
    )  # fmt: skip
    return json.loads(target.read_text()), result


@pytest.mark.ngspice
def test_what_packages_add_is_loaded(tmp_path):
    """A cell that means another thing by a name stops every command: doctor says which."""
    content, result = doctor_with(tmp_path, EXTENSION)
    assert (result.returncode, content["usable"], content["clash"]) == (0, True, "")
    assert {
        "kind": "circuit", "name": "loaded-inv", "package": "amcspice-extension", "fault": ""
    } in content["extensions"]  # fmt: skip
    other = tmp_path / "other"
    (other / "other-1.dist-info").mkdir(parents=True)
    (other / "other-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: other\nVersion: 1\n"
    )
    points = other / "other-1.dist-info" / "entry_points.txt"
    points.write_text("[amcspice.cells]\nsmall = other_cells:Small\n")
    content, result = doctor_with(tmp_path, other)
    assert (result.returncode, content["usable"]) == (1, False)
    assert "No module named 'other_cells'" in content["extensions"][0]["fault"]
    (other / "other_cells.py").write_text(
        "import amcspice as amc\nfrom amcspice.schema import parameters\n\n\n@parameters\n"
        "class Small(amc.Memristor):\n    g_max: int = 1\n"
    )
    content, result = doctor_with(tmp_path, other)
    assert (result.returncode, content["usable"]) == (1, False)
    assert content["extensions"][0]["fault"] == ""
    assert "Memristor.g_max and Small.g_max have one name" in content["clash"]
