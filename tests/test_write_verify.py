"""Write-verify of whole arrays in ngspice, and what becomes of its result."""

import dataclasses

import numpy as np
import pytest

import amcspice as amc
from amcspice.errors import InputError

LEVELS = np.linspace(5e-6, 100e-6, 16)
HALF_LEVEL = (LEVELS[1] - LEVELS[0]) / 2
TARGET = np.random.default_rng(0).choice(LEVELS, (6, 8))
TARGET[0, :2] = 0.0


@pytest.fixture(scope="module")
def programmed():
    return amc.write_verify(TARGET, seed=3)


@pytest.mark.ngspice
def test_every_cell_ends_within_the_tolerance(programmed):
    assert programmed.converged.all()
    assert np.abs(programmed.error).max() <= amc.WriteVerify().tolerance
    assert programmed.fraction_within(HALF_LEVEL) == 1
    assert programmed.fraction_within(1e-9) < 1
    on = programmed.selected
    assert (programmed.pulses[on] > 0).all()
    assert programmed.reset_pulses.sum() > 0
    assert (programmed.energy[on] > programmed.read_energy[on]).all()
    assert (programmed.read_energy[on] > 0).all()


@pytest.mark.ngspice
def test_cells_that_are_off_get_nothing(programmed):
    off = ~programmed.selected
    assert off.sum() == 2
    for values in (programmed.conductance, programmed.pulses, programmed.energy):
        assert (values[off] == 0).all()
    assert (programmed.state[off] == amc.SwitchingCell().initial_state).all()


@pytest.mark.ngspice
def test_same_seed_same_array_whatever_the_rest(programmed):
    again = amc.write_verify(TARGET, seed=3)
    np.testing.assert_array_equal(again.conductance, programmed.conductance)
    np.testing.assert_array_equal(again.pulses, programmed.pulses)
    other = amc.write_verify(TARGET[:2], seed=4)
    assert (other.conductance[other.selected] != programmed.conductance[:2][other.selected]).all()


@pytest.mark.ngspice
@pytest.mark.slow
def test_jobs_change_no_result():
    target = np.full((10, 30), 3e-5)
    schedule = amc.WriteVerify(max_pulses=2)
    done = []
    arrays = [
        amc.write_verify(target, schedule=schedule, seed=1, jobs=jobs, progress=done.append)
        for jobs in (1, 2)
    ]
    np.testing.assert_array_equal(arrays[0].conductance, arrays[1].conductance)
    np.testing.assert_array_equal(arrays[0].energy, arrays[1].energy)
    assert sum(done) == 2 * target.size


@pytest.mark.ngspice
def test_out_of_pulses_is_told():
    array = amc.write_verify([[90e-6, 5e-6]], schedule=amc.WriteVerify(max_pulses=3), seed=1)
    assert not array.converged[0, 0]
    assert array.pulses[0, 0] == 3
    assert array.error[0, 0] < -1e-6
    assert array.summary()["converged"] == int(array.converged.sum())


@pytest.mark.ngspice
def test_without_variation_equal_cells_need_equal_pulses():
    still = amc.SwitchingCell(
        threshold_spread=0, conductance_spread=0, rate_spread=0, pulse_spread=0
    )
    array = amc.write_verify([[40e-6, 40e-6], [40e-6, 40e-6]], cell=still)
    assert len(np.unique(array.pulses)) == 1
    np.testing.assert_allclose(array.conductance, array.conductance[0, 0], rtol=1e-9)


@pytest.mark.ngspice
def test_noisy_reads_leave_larger_errors():
    target = TARGET[1:4]
    clean = amc.write_verify(target, seed=2)
    noisy = amc.write_verify(target, seed=2, schedule=amc.WriteVerify(read_noise=0.05))
    assert noisy.converged.all()
    assert np.abs(noisy.error).max() > 1e-6 >= np.abs(clean.error).max()


@pytest.mark.ngspice
def test_the_array_in_a_circuit(programmed):
    """Cells that miss their targets by delta give the solution of the array as it is."""
    held = np.where(programmed.selected, programmed.conductance, 0)
    matrix = TARGET[:, 2:] / TARGET.max()
    device = amc.Memristor(programmed=np.stack([held[:, 2:]] * 2))
    right = matrix @ np.linspace(0.2, 1, 6) + 0.05
    circuit = amc.ClassicGINV(matrix, device=device, opamp=amc.OpAmp(gain=1e7))
    run = amc.simulate(circuit, right)
    real = held[:, 2:] / TARGET.max()
    expected = np.linalg.lstsq(real, right, rcond=None)[0]
    np.testing.assert_allclose(run.x, expected, atol=2e-4)
    assert run.relative_error > 1e-3


@pytest.mark.ngspice
def test_the_distribution_in_a_device(programmed):
    errors = programmed.write_errors()
    assert errors.levels == tuple(np.unique(TARGET[TARGET > 0]))
    every = np.concatenate([np.array(deviations) for deviations in errors.errors])
    np.testing.assert_array_equal(np.sort(every), np.sort(programmed.error[programmed.selected]))
    device = amc.Memristor(write_errors=errors, seed=1)
    target = np.random.default_rng(2).choice(errors.levels, (100, 100))
    deviations = device.write(target) - target
    for level, level_errors in zip(errors.levels, errors.errors, strict=True):
        distance = np.abs(deviations[target == level][:, None] - np.array(level_errors)).min(axis=1)
        assert distance.max() < 1e-15
    with pytest.raises(InputError, match=r"no cell was programmed to 0.0002 S"):
        programmed.write_errors([2e-5, 5e-5, 8e-5, 2e-4])


def test_levels_may_be_collected_from_nearby_targets():
    ones = np.ones((1, 3))
    array = amc.Programmed(
        target=np.array([[1e-5, 1.2e-5, 5e-5]]),
        conductance=np.array([[1.1e-5, 1.2e-5, 4e-5]]),
        state=ones,
        set_pulses=ones.astype(int),
        reset_pulses=ones.astype(int),
        converged=ones.astype(bool),
        pulse_energy=ones,
        read_energy=ones,
        provenance={},
    )
    errors = array.write_errors([1e-5, 5e-5])
    np.testing.assert_allclose(errors.errors[0], (0, 1e-6), atol=1e-18)
    np.testing.assert_allclose(errors.errors[1], (-1e-5,))
    assert array.fraction_within(2e-6) == pytest.approx(2 / 3)
    summary = array.summary(2e-6)
    assert summary["within_half_level"] == pytest.approx(2 / 3)
    assert summary["pulse_histogram"].tolist() == [0, 0, 3]
    assert summary["total_energy_j"] == 6


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ([[1e-5, 5e-4]], r"entry \(0, 1\) is 0.0005 S; a nominal cell reaches"),
        ([[1e-9]], "a nominal cell reaches"),
        ([[-1e-5]], r"entry \(0, 0\) is -1e-05"),
        ([1e-5], "two-dimensional"),
        ([[0.0, 0.0]], "nothing to program"),
        ([[float("nan")]], "not finite"),
    ],
)
def test_targets_that_cannot_be_reached(target, message):
    with pytest.raises(InputError, match=message):
        amc.write_verify(target)


def test_a_schedule_whose_trains_cannot_run():
    with pytest.raises(InputError, match=r"set_limit = 0.5 is below set_voltage = 0.9"):
        amc.WriteVerify(set_limit=0.5)
    with pytest.raises(InputError, match="max_pulses"):
        amc.WriteVerify(max_pulses=0)


def test_trains_rise_step_by_step_up_to_the_limit():
    schedule = amc.WriteVerify(set_voltage=1.0, set_step=0.1, set_limit=1.25, reset_step=0.2)
    amplitudes = schedule.amplitude(np.array([1, 1, 1, -1, -1]), np.array([0, 2, 9, 0, 1]))
    np.testing.assert_allclose(amplitudes, [1.0, 1.2, 1.25, -0.9, -1.1])
    free = dataclasses.replace(schedule, set_limit=2.0)
    assert free.amplitude(np.array([1]), np.array([9])) == pytest.approx(1.9)


@pytest.mark.ngspice
@pytest.mark.slow
def test_sixteen_levels_of_a_whole_array(measured):
    """A quarter of the array of docs/devices.md, with verify reads of 1 % noise."""
    target = np.random.default_rng(0).choice(LEVELS, (16, 16))
    schedule = amc.WriteVerify(read_noise=0.01)
    array = amc.write_verify(target, schedule=schedule, seed=1, jobs=2)
    measured("within half a level", array.fraction_within(HALF_LEVEL))
    measured("mean pulses", array.pulses.mean())
    measured("mean energy [J]", array.energy.mean())
    assert array.fraction_within(HALF_LEVEL) >= 0.99
    assert array.converged.mean() >= 0.99
