"""Figures of other hardware: their sources, and the bounds that are worked out from them."""

from __future__ import annotations

import pytest

import amcspice as amc
from amcspice.model_files import models_folder
from amcspice.system.published import FIGURES, Published, gathered_bytes, regression_operations

TEXT = (models_folder() / "published.toml").read_text()


def test_every_figure_has_a_source_or_says_that_it_is_assumed():
    published = Published.load()
    assert set(published.entries) == set(FIGURES)
    for name, entry in published.entries.items():
        assert entry.low <= entry.value <= entry.high, name
        nothing = any(words in entry.source for words in ("no source", "no data sheet"))
        assert entry.assumed == nothing, name
        assert entry.source.strip(), name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('source = "abstract of NMF-mGPU: four GPUs against a single CPU"\n', "",
         r"published.toml, line \d+: gpu_nmf_speed: source is missing"),
        ('source = "abstract of NMF-mGPU: four GPUs against a single CPU"', 'source = " "',
         r"line \d+: gpu_nmf_speed.source: must be a text that is not empty"),
        ("[gpu_power]", "[gpu_powr]", r"line \d+: gpu_powr: .*did you mean gpu_power"),
        ('unit = "W"', 'unit = "V"', r"line \d+: gpu_power.unit"),
        ("value = 0.5", "value = 0.2", "gpu_gather.value: must lie between low and high"),
        ("value = 12\n", "value = 0\n", "speed_netflix.value: must be above zero"),
        ("assumed = true", 'assumed = "yes"', "gpu_power.assumed: must be true or false"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_say_all_is_refused(tmp_path, old, new, message):
    assert old in TEXT
    path = tmp_path / "published.toml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(amc.InputError, match=message):
        Published.load(path)


def test_a_gpu_takes_at_least_what_it_moves():
    """Netflix: 98.8 million ratings, twice, 8 values, the rating and its place of 4 bytes each."""
    moved = gathered_bytes(98_800_000, 8)
    assert moved == 98.8e6 * 2 * 40
    published = Published.load()
    gpu = published.gpu(moved)
    assert gpu.time == pytest.approx(7.904e9 / 450e9, rel=1e-12)
    assert gpu.energy == pytest.approx(300 * gpu.time, rel=1e-12)
    fastest, slowest = published.gpu(moved, "high"), published.gpu(moved, "low")
    assert 9e-3 < fastest.time < gpu.time < slowest.time < 30e-3


def test_operations_of_a_regression():
    assert regression_operations(32, 8, steps=0) == 256
    assert regression_operations(32, 8) == pytest.approx(256 + 3 * (512 / 3 + 64))
