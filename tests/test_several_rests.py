"""Circuits that have several rests for some right-hand sides: dc comes to that of time."""

import itertools

import numpy as np
import pytest

import amcspice as amc
from amcspice.engine.dc.several import has_one_rest, have_several_rests

WRITE_NOISE = 0.3


def test_one_rest_takes_positive_principal_minors():
    draw = np.random.default_rng(3)
    systems = np.eye(4) + 0.9 * draw.standard_normal((200, 4, 4))
    expected = [
        all(
            np.prod(np.linalg.eigvals(system[np.ix_(some, some)])).real > 0
            for size in range(1, 5)
            for some in itertools.combinations(range(4), size)
        )
        for system in systems
    ]
    assert 20 < sum(expected) < 180
    np.testing.assert_array_equal(has_one_rest(systems), expected)


def test_rests_of_two_outputs_that_push_each_other_down():
    # Both at 1/3, or one of them at 1; a second drive leaves one of these, the third moves all.
    system, lowest = np.array([[1.0, 2.0], [2.0, 1.0]]), np.zeros(2)
    drive = np.array([[1.0, 1.0], [1.0, 3.0], [1.0, 1.9], [-1.0, -1.0]])
    found = have_several_rests(system, drive, lowest)
    np.testing.assert_array_equal(found, [True, False, True, False])
    level = np.array([0.5, -0.25])
    np.testing.assert_array_equal(have_several_rests(system, drive + system @ level, level), found)
    assert not have_several_rests(np.eye(2), drive, lowest).any()


@pytest.mark.filterwarnings("ignore::amcspice.AccuracyWarning", "ignore::amcspice.CautionWarning")
@pytest.mark.parametrize(("seed", "m", "n"), [(9, 8, 4), (18, 12, 6), (28, 6, 3), (74, 12, 6)])
def test_dc_comes_to_the_rest_of_the_trajectory_from_zero(seed, m, n):
    draw = np.random.default_rng(seed)
    matrix = draw.random((m, n))
    if seed % 2:
        b = draw.standard_normal((m, 20))
    else:
        b = matrix @ (draw.random((n, 20)) * (draw.random((n, 20)) > 0.4))
        b += 0.1 * draw.standard_normal((m, 20))
    cells = amc.Memristor(write_noise=WRITE_NOISE, seed=seed)
    circuit = amc.CompactGINV(matrix, constraint=amc.NonNegative(hold=False), device=cells)
    rest = amc.simulate(circuit, b, fidelity="dc")
    in_time = [
        amc.simulate(
            circuit, column, fidelity="behavioural", range=rest.range.volts_per_unit,
            keep_waveforms=False,
        )
        for column in b.T
    ]  # fmt: skip
    settled = np.array([run.settled for run in in_time])
    np.testing.assert_array_equal(rest.settled, settled)
    x = np.array([run.x for run in in_time])[settled]
    np.testing.assert_allclose(rest.x.T[settled], x, atol=1e-6 * np.abs(x).max())
