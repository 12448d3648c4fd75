"""What docs/amplifiers.md says of presets and parameters is what there is."""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import pytest

from amcspice.device import PRESETS, OpAmp

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "amplifiers.md").read_text()


@pytest.fixture
def script(monkeypatch):
    """Return scripts/characterise_models.py as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    path = ROOT / "scripts" / "characterise_models.py"
    spec = importlib.util.spec_from_file_location("characterise_models", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("update_readme", None)


def test_the_table_of_presets_is_up_to_date(script):
    assert script.presets_table() in PAGE, "run scripts/characterise_models.py presets"


def test_every_parameter_is_in_the_table():
    missing = {item.name for item in dataclasses.fields(OpAmp)} - {"source"}
    assert [name for name in missing if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_states_its_source_and_noise(name):
    opamp = OpAmp.preset(name)
    assert len(opamp.source) > 20
    assert (opamp.input_noise > 0) == (name != "ideal")
