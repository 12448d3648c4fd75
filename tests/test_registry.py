"""`Registry`: names that are built in, that a script adds, and that installed packages bring."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from amcspice.errors import InputError
from amcspice.registry import Registry

GROUP = "amcspice.tests"
EXTENSION = Path(__file__).parent / "extension"


def fault(entry):
    return None if isinstance(entry, float) else "it is no number"


OFFERED = {
    "greek": {"tau": "math:tau", "sine": "math:sin", "gone": "math:nothing", "pi": "math:pi"},
    "latin": {"e": "math:e", "pi": "cmath:pi"},
}
"""What packages offer, by their names."""


@pytest.fixture
def registry(monkeypatch, tmp_path):
    """Return a registry of constants, as if packages with entry points were installed."""
    for package, offered in OFFERED.items():
        folder = tmp_path / f"{package}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"[{GROUP}]", *(f"{name} = {value}" for name, value in offered.items())]
        (folder / "entry_points.txt").write_text("\n".join(lines))
    points = metadata.EntryPoints(
        point
        for package in metadata.distributions(path=[str(tmp_path)])
        for point in package.entry_points
    )
    monkeypatch.setattr("amcspice.registry._installed", lambda: points)
    return Registry("constant", GROUP, {"e": 2.718, "one": 1.0}, fault)


def test_entry_points_are_found_beside_what_is_built_in(registry):
    assert registry["tau"] == pytest.approx(6.2832, abs=1e-4)
    assert registry["one"] == 1.0
    assert sorted(registry) == ["e", "gone", "one", "pi", "sine", "tau"]
    assert len(registry) == 6
    assert "tau" in registry
    assert "two" not in registry


def test_entries_of_scripts_and_packages_are_checked(registry):
    registry.add("two", 2.0)
    assert registry.choose("two") == 2.0
    with pytest.raises(InputError, match="constant 'two' is there already"):
        registry.add("two", 3.0)
    with pytest.raises(InputError, match="constant 'text': it is no number"):
        registry.add("text", "three")
    with pytest.raises(InputError, match="constant 'sine': it is no number"):
        registry.choose("sine")
    with pytest.raises(InputError, match="constant 'gone' of entry point math:nothing cannot be"):
        registry.choose("gone")
    assert registry["two"] == 2.0
    assert "text" not in registry


def test_an_unknown_name_is_told_the_nearest(registry):
    with pytest.raises(InputError, match=r"unknown constant 'tay'; did you mean.*tau"):
        registry.choose("tay")
    with pytest.raises(KeyError):
        registry["tay"]


def test_a_name_of_two_things_is_refused_when_it_is_used(registry):
    """Two packages, or one and amcspice: neither takes the name silently."""
    with pytest.raises(InputError) as refused:
        registry.choose("pi")
    first, second = sorted(["greek (math:pi)", "latin (cmath:pi)"], key=str(refused.value).find)
    assert str(refused.value) == (
        f"constant 'pi' is offered by {first} and by {second}: uninstall a package, or rename what "
        f"it offers in its entry points ({GROUP})"
    )
    with pytest.raises(InputError, match=r"'e' is offered by amcspice itself and by latin"):
        registry["e"]
    with pytest.raises(InputError, match="constant 'pi' is there already"):
        registry.add("pi", 3.0)
    assert registry.built_in == [2.718, 1.0]


TWICE = """
import amcspice as amc
try:
    amc.solve("loaded-inv", [[1.0, 0.2], [0.3, 1.0]], [1.0, 1.0], fidelity="dc")
except amc.InputError as error:
    assert "'loaded-inv' is offered by amcspice-extension (" in str(error), error
    assert "by other (other:LoadedINV)" in str(error) and "uninstall" in str(error), error
else:
    raise AssertionError("not refused")
assert amc.solve("inv", [[1.0, 0.2], [0.3, 1.0]], [1.0, 1.0], fidelity="dc").relative_error < 1e-2
"""


def test_two_installed_packages_with_one_name(tmp_path):
    """As Python finds them: one is the extension of the documentation."""
    folder = tmp_path / "other-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[amcspice.circuits]\nloaded-inv = other:LoadedINV\n")
    paths = os.pathsep.join([str(EXTENSION), str(tmp_path)])
    environment = {**os.environ, "PYTHONPATH": paths}
    scripted = subprocess.run(
        [sys.executable, "-c", TWICE], capture_output=True, text=True, env=environment
    )
    assert scripted.returncode == 0, scripted.stderr
    command = [sys.executable, "-c", "from amcspice.cli import main; main()"]
    typed = subprocess.run(
        [*command, "solve", "inv", "--columns", "4", "--fidelity", "dc"],
        capture_output=True, text=True, env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert typed.returncode == 2
    assert typed.stderr.count("is offered by") == 1
    assert "Traceback" not in typed.stderr
