"""Memristors, mapping, wires and amplifier parameters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from amcspice.device import PRESETS, Memristor, OpAmp, Wire, map_matrix

TARGET = np.random.default_rng(0).uniform(0, 1e-4, (200, 100))


def test_ideal_device_is_exact():
    np.testing.assert_array_equal(Memristor().program(TARGET, 0, 0), TARGET)


@pytest.mark.parametrize("levels", [2, 3, 16, 257])
@pytest.mark.parametrize("g_min", [0.0, 1e-6])
def test_levels_are_equally_spaced_and_nearest(levels, g_min):
    device = Memristor(levels=levels, g_min=g_min, selector=False)
    grid = np.linspace(g_min, device.g_max, levels)
    quantised = device.quantise(TARGET)
    nearest = grid[np.abs(TARGET[..., None] - grid).argmin(axis=-1)]
    np.testing.assert_allclose(quantised, nearest, rtol=1e-12, atol=1e-18)
    np.testing.assert_allclose(np.unique(quantised), grid, rtol=1e-12, atol=1e-18)
    np.testing.assert_allclose(device.quantise(quantised), quantised, rtol=1e-12)


def test_without_selector_zero_stays_at_g_min():
    device = Memristor(g_min=5e-6, selector=False)
    np.testing.assert_array_equal(device.quantise(np.array([0.0, 4e-6, 6e-6])), [5e-6, 5e-6, 6e-6])


def test_selector_switches_off_what_is_nearer_to_zero():
    device = Memristor(g_min=5e-6)
    np.testing.assert_array_equal(
        device.quantise(np.array([0.0, 2.4e-6, 2.6e-6, 6e-6])), [0.0, 0.0, 5e-6, 6e-6]
    )


@pytest.mark.parametrize("relative_to", ["g_max", "g"])
def test_write_noise_has_the_stated_deviation(relative_to):
    device = Memristor(write_noise=0.02, noise_relative_to=relative_to, seed=3)
    target = np.full((300, 300), 5e-5)
    conductance = device.program(target, 0)
    expected = 0.02 * (1e-4 if relative_to == "g_max" else 5e-5)
    # 90000 draws: the deviation is known to 0.24 %, the mean to 0.33 % of it (one sigma).
    assert conductance.std() == pytest.approx(expected, rel=0.01)
    assert conductance.mean() == pytest.approx(5e-5, abs=0.0135 * expected)
    third = (((conductance - 5e-5) / expected) ** 3).mean()
    assert abs(third) < 0.05


def test_noise_never_makes_a_conductance_negative_nor_switches_on():
    conductance = Memristor(write_noise=0.5).program(np.where(TARGET < 2e-5, 0.0, TARGET), 0)
    assert conductance.min() == 0
    assert (conductance[TARGET < 2e-5] == 0).all()
    assert (conductance[TARGET >= 2e-5] > 0).mean() > 0.5


def test_stuck_cells_have_the_stated_fractions():
    conductance = Memristor(stuck_on=0.03, stuck_off=0.05, seed=1).program(
        np.full((400, 250), 5e-5), 0
    )
    sigma = np.sqrt(0.05 * 0.95 / conductance.size)
    assert (conductance == 1e-4).mean() == pytest.approx(0.03, abs=4 * sigma)
    assert (conductance == 0.0).mean() == pytest.approx(0.05, abs=4 * sigma)
    assert ((conductance == 5e-5) | (conductance == 1e-4) | (conductance == 0)).all()


def test_stuck_off_without_selector_is_g_min():
    device = Memristor(stuck_off=1.0, g_min=1e-6, selector=False)
    np.testing.assert_array_equal(device.program(TARGET, 0), np.full(TARGET.shape, 1e-6))


def test_all_stuck_on():
    np.testing.assert_array_equal(Memristor(stuck_on=1.0).program(TARGET, 0), 1e-4)


def test_seeds_and_streams():
    noisy = Memristor(write_noise=0.1, seed=7)
    base = noisy.program(TARGET, 0, 0)
    np.testing.assert_array_equal(base, Memristor(write_noise=0.1, seed=7).program(TARGET, 0, 0))
    quiet = Memristor().program(TARGET, 0, 0)
    others = [
        noisy.program(TARGET, 1, 0),
        noisy.program(TARGET, 0, 1),
        Memristor(write_noise=0.1, seed=8).program(TARGET, 0, 0),
    ]
    free = (TARGET > 5e-5) & (base > 0)
    for other in others:
        assert (other != base).mean() > 0.9
        correlation = np.corrcoef((base - quiet)[free], (other - quiet)[free])[0, 1]
        assert abs(correlation) < 4 / np.sqrt(free.sum())


def test_noise_does_not_depend_on_stuck_cells():
    """The draws of noise and of fate are separate: one more defect leaves the others alone."""
    clean = Memristor(write_noise=0.05).program(TARGET, 0)
    stuck = Memristor(write_noise=0.05, stuck_on=0.1).program(TARGET, 0)
    alive = stuck != 1e-4
    np.testing.assert_array_equal(stuck[alive], clean[alive])


matrices = arrays(
    float, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.floats(0, 1e6)
).filter(lambda m: (m.max(axis=0) > 1e-6).all())


@settings(deadline=None, max_examples=60)
@given(matrices, st.sampled_from(["matrix", "columns"]), st.floats(1e-7, 1e-2))
def test_mapping_round_trip(matrix, scaling, g_max):
    mapping = map_matrix(matrix, g_max, scaling)
    assert mapping.target.max() == pytest.approx(g_max, rel=1e-12)
    assert mapping.target.min() >= 0
    np.testing.assert_allclose(
        mapping.target / mapping.scale / mapping.column_scale, matrix, rtol=1e-12, atol=1e-300
    )
    if scaling == "columns":
        np.testing.assert_allclose(mapping.target.max(axis=0), g_max, rtol=1e-12)
    else:
        np.testing.assert_array_equal(mapping.column_scale, 1.0)


def test_another_entry_shares_the_range():
    mapping = map_matrix(np.eye(2), 1e-4, largest=4.0)
    assert mapping.target.max() == pytest.approx(0.25e-4)
    assert mapping.scale == pytest.approx(0.25e-4)


def test_column_scaling_leaves_zero_columns_alone():
    mapping = map_matrix(np.array([[1.0, 0.0], [2.0, 0.0]]), 1e-4, "columns")
    np.testing.assert_array_equal(mapping.column_scale, 1.0)


def test_ideal_wire():
    assert Wire().ideal
    for name in ("row", "column", "driver", "termination"):
        assert not Wire(**{name: 1.0}).ideal


@pytest.mark.parametrize("name", PRESETS)
def test_presets_name_their_source_and_accept_changes(name):
    preset = OpAmp.preset(name)
    assert len(preset.source) > 20
    assert preset == OpAmp(**PRESETS[name])
    changed = OpAmp.preset(name, gain=123.0)
    assert changed.gain == 123.0
    assert changed.gbw == preset.gbw
    assert preset.lowest_output < 0 < preset.highest_output


def test_ad823_is_the_data_sheet():
    part = OpAmp.preset("ad823")
    assert (part.gbw, part.slew_rate, part.quiescent_current) == (16e6, 22e6, 2.6e-3)
    assert part.highest_output == pytest.approx(4.95)
    assert part.lowest_output == pytest.approx(-4.95)
