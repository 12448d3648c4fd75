"""Variation, stuck cells, drift, temperature and read noise of memristors; what cells hold."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amcspice.device import Memristor, WriteErrors
from amcspice.device.draws import normals, uniforms
from amcspice.errors import InputError, UnsupportedError

HALF = np.full((300, 200), 5e-5)


def relative(device, array=0, cycle=0):
    """Return the factor that a device puts on 50 uS."""
    return device.program(HALF, array, cycle) / HALF


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def test_device_variation_is_the_same_in_every_cycle():
    device = Memristor(device_variation=0.05, seed=2)
    factor = relative(device)
    assert factor.std() == pytest.approx(0.05, rel=0.01)
    np.testing.assert_array_equal(factor, relative(device, cycle=7))
    assert abs(correlation(factor, relative(device, array=1))) < 4 / np.sqrt(HALF.size)


def test_cycle_variation_is_drawn_anew():
    device = Memristor(cycle_variation=0.05, seed=2)
    factor = relative(device, cycle=3)
    assert factor.std() == pytest.approx(0.05, rel=0.01)
    np.testing.assert_array_equal(factor, relative(device, cycle=3))
    assert abs(correlation(factor, relative(device, cycle=4))) < 4 / np.sqrt(HALF.size)


def test_variances_add():
    device = Memristor(device_variation=0.03, cycle_variation=0.04, seed=5)
    assert relative(device).std() == pytest.approx(0.05, rel=0.02)


def test_variation_leaves_cells_off():
    device = Memristor(device_variation=0.3, cycle_variation=0.3, read_noise=0.3, write_noise=0.1)
    assert (device.program(np.zeros((20, 20))) == 0).all()


def test_stuck_cells_stay_from_cycle_to_cycle():
    device = Memristor(stuck_on=0.1, stuck_off=0.2, write_noise=0.1, seed=1)
    first, second = device.program(HALF, 0, 0), device.program(HALF, 0, 1)
    np.testing.assert_array_equal(first == 1e-4, second == 1e-4)
    np.testing.assert_array_equal(first == 0, second == 0)
    alive = (first != 1e-4) & (first != 0)
    assert (first[alive] != second[alive]).all()
    assert ((first == 0) != (device.program(HALF, 1, 0) == 0)).any()


def test_a_larger_array_meets_the_same_cells():
    device = Memristor(stuck_off=0.2, device_variation=0.1, write_noise=0.1, read_noise=0.1)
    small = device.program(HALF[:40, :20])
    np.testing.assert_array_equal(small, device.program(HALF[:70, :50])[:40, :20])


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from([normals, uniforms]), st.integers(1, 40), st.integers(1, 40),
    st.integers(0, 2**32), st.integers(0, 3),
)  # fmt: skip
def test_draws_do_not_depend_on_the_size(draw, m, n, seed, array):
    large = draw(seed, "write", (45, 45), array, 1)
    np.testing.assert_array_equal(draw(seed, "write", (m, n), array, 1), large[:m, :n])


def test_streams_are_independent():
    draws = [normals(3, purpose, (100, 100), 0) for purpose in ("write", "cell", "read", "drift")]
    draws += [normals(3, "write", (100, 100), 1), normals(4, "write", (100, 100), 0)]
    for index, draw in enumerate(draws):
        for other in draws[:index]:
            assert abs(correlation(draw, other)) < 0.04


def test_stuck_maps_by_array():
    on = np.zeros((2, 4, 3), bool)
    on[0, 1, 2] = on[1, 0, 0] = True
    device = Memristor(stuck_on=on, write_noise=0.01)
    target = np.full((3, 3), 5e-5)
    for array in (0, 1):
        stuck_on = device.program(target, array) == device.g_max
        np.testing.assert_array_equal(stuck_on, on[array, :3])
    assert not (device.program(target, 2) == device.g_max).any()
    off = Memristor(stuck_on=on, stuck_off=on).program(target, 0)
    assert off[1, 2] == 0


def test_map_beside_a_fraction():
    on = np.zeros((1, 300, 200), bool)
    on[0, :, :10] = True
    conductance = Memristor(stuck_on=on, stuck_off=0.25).program(HALF)
    assert (conductance == 0).mean() == pytest.approx(0.25, abs=0.01)
    assert ((conductance[:, :10] == 1e-4) | (conductance[:, :10] == 0)).all()


@pytest.mark.parametrize(
    ("stuck", "message"),
    [
        (np.zeros((4, 3), bool), "add a leading axis"),
        (np.zeros((1, 4, 3)), "must be booleans"),
        (1.5, "from 0 to 1"),
        (True, "must be a fraction"),
        ("many", "many cannot be read"),
    ],
)
def test_bad_stuck_maps(stuck, message):
    with pytest.raises(InputError, match=message):
        Memristor(stuck_on=stuck)


def test_a_map_that_is_too_small():
    device = Memristor(stuck_off=np.zeros((1, 3, 3), bool))
    with pytest.raises(InputError, match=r"stuck_off: the map of array 0 has shape \(3, 3\)"):
        device.program(HALF)


def test_devices_with_maps_can_be_compared():
    on = np.eye(3, dtype=bool)[None]
    assert Memristor(stuck_on=on) == Memristor(stuck_on=on)
    assert Memristor(stuck_on=on) != Memristor(stuck_on=~on)
    assert hash(Memristor(stuck_on=on)) == hash(dataclasses.replace(Memristor(stuck_on=on)))


def test_drift_is_a_power_of_time():
    device = Memristor(drift_exponent=0.05, drift_time=1e4)
    np.testing.assert_allclose(relative(device), 1e4**-0.05, rtol=1e-12)
    np.testing.assert_array_equal(relative(dataclasses.replace(device, drift_time=1)), 1)


def test_drift_exponents_belong_to_the_cell():
    device = Memristor(drift_exponent=0.05, drift_spread=0.01, drift_time=100.0, seed=3)
    exponent = -np.log(relative(device)) / np.log(100.0)
    assert exponent.mean() == pytest.approx(0.05, rel=0.01)
    assert exponent.std() == pytest.approx(0.01, rel=0.02)
    later = -np.log(relative(dataclasses.replace(device, drift_time=1e6), cycle=5)) / np.log(1e6)
    np.testing.assert_allclose(later, exponent, rtol=1e-9, atol=1e-12)
    wide = Memristor(drift_exponent=0.01, drift_spread=0.05, drift_time=100.0)
    assert relative(wide).max() == 1  # no cell drifts upwards


def test_temperature():
    device = Memristor(temperature=350.0, temperature_coefficient=-1e-3)
    np.testing.assert_allclose(relative(device), 0.95)
    np.testing.assert_array_equal(relative(Memristor(temperature_coefficient=-1e-3)), 1)
    with pytest.raises(InputError, match="leaves no conductance"):
        Memristor(temperature=400.0, temperature_coefficient=-0.01)


def test_read_noise_is_frozen_or_left_to_the_deck():
    device = Memristor(read_noise=0.02, seed=4)
    assert relative(device).std() == pytest.approx(0.02, rel=0.01)
    assert abs(correlation(relative(device), relative(device, cycle=1))) < 0.02
    assert (relative(dataclasses.replace(device, noise_bandwidth=1e6)) == 1).all()


def test_write_then_read_is_program():
    device = Memristor(
        levels=16, write_noise=0.02, device_variation=0.03, stuck_off=0.01, drift_exponent=0.02,
        drift_time=50.0, temperature=320.0, temperature_coefficient=1e-3, read_noise=0.01, seed=8,
    )  # fmt: skip
    written = device.write(HALF, 1, 2)
    np.testing.assert_array_equal(device.read(written, 1, 2), device.program(HALF, 1, 2))


def test_programmed_cells_take_the_place_of_writing():
    held = np.random.default_rng(0).uniform(0, 1e-4, (1, 4, 3))
    device = Memristor(programmed=held, write_noise=0.1, stuck_off=0.5)
    target = np.full((4, 3), 5e-5)
    np.testing.assert_array_equal(device.write(target, 0, 9), held[0])
    assert (device.write(target, 1) != held[0]).all()
    drifted = dataclasses.replace(device, drift_exponent=0.1, drift_time=10.0)
    np.testing.assert_allclose(drifted.program(target), held[0] * 10**-0.1)
    with pytest.raises(InputError, match="array 0 of the circuit has shape"):
        device.program(target[:2])
    with pytest.raises(InputError, match="negative"):
        Memristor(programmed=-held)


def test_write_errors_are_drawn_by_level():
    errors = WriteErrors(levels=(2e-5, 6e-5), errors=((-1e-6, 0.0, 1e-6), (4e-6,)))
    device = Memristor(write_errors=errors, seed=1)
    conductance = device.write(np.where(np.arange(9000).reshape(90, 100) % 2, 2.5e-5, 7e-5))
    low = np.round(conductance[:, 1::2] * 1e6, 6)
    values, counts = np.unique(low, return_counts=True)
    np.testing.assert_allclose(values, [24, 25, 26])
    np.testing.assert_allclose(counts / low.size, 1 / 3, atol=0.03)
    np.testing.assert_allclose(conductance[:, ::2], 7.4e-5)
    assert (device.write(np.zeros((2, 2))) == 0).all()


@pytest.mark.parametrize(
    ("levels", "errors", "message"),
    [
        ((2e-5,), ((0.0,), (0.0,)), "1 levels, but errors of 2"),
        ((2e-5, 1e-5), ((0.0,), (0.0,)), "ascend"),
        ((2e-5,), ((),), "at least 1"),
    ],
)
def test_bad_write_errors(levels, errors, message):
    with pytest.raises(InputError, match=message):
        WriteErrors(levels=levels, errors=errors)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"write_noise": 0.1, "write_errors": WriteErrors(levels=(1e-5,), errors=((0.0,),))},
            "either write_noise or write_errors",
        ),
        ({"noise_bandwidth": 1e6}, "noise_bandwidth needs"),
        ({"thermal_noise": True}, "thermal_noise needs noise_bandwidth"),
        ({"drift_time": 0.5}, "drift_time"),
        ({"sinh_voltage": 0.0}, "sinh_voltage"),
    ],
)
def test_combinations_that_make_no_sense(parameters, message):
    with pytest.raises(InputError, match=message):
        Memristor(**parameters)


def test_what_is_not_linear_says_so():
    Memristor(thermal_noise=True, noise_bandwidth=1e6).refuse_fluctuations("reduced")
    Memristor(sinh_voltage=0.3).refuse_fluctuations("reduced")
    with pytest.raises(UnsupportedError, match="sinh"):
        Memristor(sinh_voltage=0.3).refuse_unless_linear("nullor")
    with pytest.raises(UnsupportedError, match="fluctuate"):
        Memristor(read_noise=0.1, noise_bandwidth=1e6).refuse_fluctuations("reduced")
