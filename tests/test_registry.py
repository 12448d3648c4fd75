"""`Registry`: names that are built in, that a script adds, and that installed packages bring."""

from __future__ import annotations

from importlib import metadata

import pytest

from amcspice.errors import InputError
from amcspice.registry import Registry

GROUP = "amcspice.tests"


def fault(entry):
    return None if isinstance(entry, float) else "it is no number"


@pytest.fixture
def registry(monkeypatch):
    """Return a registry of constants, as if a package with entry points were installed."""
    points = [
        metadata.EntryPoint(name, value, GROUP)
        for name, value in (
            ("tau", "math:tau"), ("e", "math:pi"), ("sine", "math:sin"), ("gone", "math:nothing"),
        )
    ]  # fmt: skip
    monkeypatch.setattr("amcspice.registry._installed", lambda: metadata.EntryPoints(points))
    return Registry("constant", GROUP, {"e": 2.718, "one": 1.0}, fault)


def test_entry_points_are_found_and_what_is_built_in_comes_first(registry):
    assert registry["tau"] == pytest.approx(6.2832, abs=1e-4)
    assert registry["e"] == 2.718
    assert sorted(registry) == ["e", "gone", "one", "sine", "tau"]
    assert len(registry) == 5
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
