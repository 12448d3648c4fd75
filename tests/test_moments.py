"""Mean and variance of cells in closed form, against integrals and against what cells draw."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import amcspice as amc
from amcspice.device.moments import cell_moments, censored_moments
from amcspice.errors import UnsupportedError


@pytest.mark.parametrize("mean", [0.0, 0.02, 0.1, 1.0])
@pytest.mark.parametrize("spread", [0.05, 0.3])
def test_moments_of_a_normal_variable_cut_off_at_zero(mean, spread):
    def integral(power):
        return quad(
            lambda g: g**power * norm.pdf(g, mean, spread), 0, mean + 12 * spread, epsabs=1e-13
        )[0]

    first, second = censored_moments(np.array([mean]), spread)
    assert first[0] == pytest.approx(integral(1), rel=1e-9)
    assert second[0] == pytest.approx(integral(2), rel=1e-9)
    exact = censored_moments(np.array([mean]), 0.0)
    assert [value[0] for value in exact] == [mean, mean**2]


ERRORS = amc.WriteErrors(
    levels=(1e-5, 6e-5), errors=((-2e-5, 0.0, 3e-6), (-1e-6, 4e-6, 5e-6, -8e-6))
)


@pytest.mark.parametrize(
    "options",
    [
        {"write_noise": 0.2},
        {"write_noise": 0.3, "noise_relative_to": "g"},
        {"write_noise": 0.1, "levels": 4, "g_min": 2e-6},
        {"write_noise": 0.1, "levels": 4, "g_min": 2e-6, "selector": False},
        {"write_errors": ERRORS},
        {"device_variation": 0.4, "cycle_variation": 0.3, "write_noise": 0.05},
        {"stuck_on": 0.05, "stuck_off": 0.1, "write_noise": 0.05},
        {"stuck_off": 0.3, "g_min": 5e-6, "selector": False},
        {"drift_time": 1e4, "drift_exponent": 0.05, "drift_spread": 0.04, "write_noise": 0.05},
        {"drift_time": 100.0, "drift_exponent": 0.05},
        {"read_noise": 0.5, "temperature": 350.0, "temperature_coefficient": 1e-3},
    ],
)
def test_moments_are_those_of_what_cells_draw(options):
    device, side = amc.Memristor(seed=3, **options), 250
    for part in (0.0, 0.04, 0.3, 1.0):
        target = np.full((side, side), part * device.g_max)
        drawn = device.program(target)
        mean, variance = (value[0, 0] for value in cell_moments(device, target))
        error = drawn.std() / side
        assert drawn.mean() == pytest.approx(mean, abs=4 * error + 1e-12 * device.g_max)
        spread = ((drawn - drawn.mean()) ** 2).std() / side
        assert drawn.var() == pytest.approx(variance, abs=4 * spread + 1e-24)


@pytest.mark.parametrize("options", [{"programmed": [[[1e-5]]]}, {"stuck_on": [[[True]]]}])
def test_single_cells_that_are_given_have_no_mean(options):
    with pytest.raises(UnsupportedError, match="closed form"):
        cell_moments(amc.Memristor(**options), np.full((1, 1), 1e-5))


def test_cells_that_write_in_their_own_way_have_none():
    class Own(amc.Memristor):
        def write(self, target, array=0, cycle=0):
            return target

    with pytest.raises(UnsupportedError, match="class Own"):
        cell_moments(Own(), np.full((1, 1), 1e-5))
