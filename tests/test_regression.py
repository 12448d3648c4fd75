"""Half-steps: the analog one against the digital one, with and without masks."""

import numpy as np
import pytest
from oracles import nnls

import amcspice as amc
from amcspice.errors import InputError
from amcspice.solver.regression import AnalogStep, DigitalStep
from amcspice.solver.statistics import Statistics

DRAW = np.random.default_rng(5)
MATRIX = DRAW.random((10, 3))
VECTORS = np.maximum(DRAW.uniform(-0.5, 1, (6, 3)), 0) @ MATRIX.T + 0.05 * DRAW.random((6, 10))
MASK = DRAW.random((6, 10)) > 0.3
MASK[1] = MASK[0]
GOOD = {"opamp": amc.OpAmp(gain=1e7)}
IDEAL = amc.Analysis(fidelity="ideal")


def test_digital_step_is_nnls():
    found, runs = DigitalStep()(MATRIX, VECTORS, None, 0)
    np.testing.assert_allclose(found, [nnls(MATRIX, v) for v in VECTORS], atol=1e-12)
    assert runs == []


def test_digital_step_with_masks():
    found, _ = DigitalStep(ridge=0.2)(MATRIX, VECTORS, MASK, 0)
    for x, vector, rows in zip(found, VECTORS, MASK, strict=True):
        tall = np.vstack([MATRIX[rows], np.sqrt(0.2) * np.eye(3)])
        np.testing.assert_allclose(x, nnls(tall, np.append(vector[rows], np.zeros(3))), atol=1e-10)


@pytest.mark.ngspice
@pytest.mark.parametrize("circuit", ["ginv-compact", "ginv-classic"])
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
def test_analog_step_agrees_with_the_digital_one(circuit, mask):
    seen = []
    analog = AnalogStep(circuit=circuit, parameters=GOOD, progress=seen.append)
    found, runs = analog(MATRIX, VECTORS, mask, 0)
    expected, _ = DigitalStep()(MATRIX, VECTORS, mask, 0)
    np.testing.assert_allclose(found, expected, atol=2e-4 * expected.max())
    assert sum(seen) == 6
    # Vectors that share their known rows share one programming of the array.
    assert len(runs) == (1 if mask is None else len(np.unique(mask, axis=0)))


@pytest.mark.ngspice
def test_factors_never_become_negative():
    offset = AnalogStep(parameters={"opamp": amc.OpAmp(offset=-5e-3)})
    found, runs = offset(MATRIX, VECTORS, None, 0)
    assert found.min() >= 0
    assert found.shape == (6, 3)
    assert len(runs) == 1


def test_vector_without_known_rows_is_zero():
    mask = MASK.copy()
    mask[2] = False
    for step in (DigitalStep(), AnalogStep(analysis=IDEAL)):
        found, _ = step(MATRIX, VECTORS, mask, 0)
        assert not found[2].any()
        assert found[3].any()


def test_column_unknown_in_the_selected_rows_is_zero():
    """A rating matrix may leave a component without any evidence; that is no bad input."""
    matrix = MATRIX.copy()
    matrix[:5, 1] = 0
    mask = np.ones((6, 10), bool)
    mask[0, 5:] = False
    expected, _ = DigitalStep()(matrix, VECTORS, mask, 0)
    found, _ = AnalogStep(analysis=IDEAL)(matrix, VECTORS, mask, 0)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert found[0, 1] == 0


def test_mask_of_another_shape_is_refused():
    for step in (DigitalStep(), AnalogStep(analysis=IDEAL)):
        with pytest.raises(InputError, match=r"mask: shape \(2, 10\) must be \(6, 10\)"):
            step(MATRIX, VECTORS, MASK[:2], 0)


@pytest.mark.ngspice
def test_each_cycle_draws_other_noise():
    device = amc.Memristor(write_noise=0.02)
    step = AnalogStep(parameters={"device": device, **GOOD})
    first, again, other = (step(MATRIX, VECTORS, None, cycle)[0] for cycle in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(other - first).max() > 1e-3


def test_column_scaling_uses_the_range_of_every_column():
    step = AnalogStep(analysis=IDEAL, parameters={"device": amc.Memristor(levels=4)})
    _, runs = step(MATRIX * [1, 1e-3, 1e3], VECTORS, None, 0)
    assert runs[0].provenance["circuit"]["scaling"] == "columns"


@pytest.mark.ngspice
def test_statistics_join_runs():
    _, runs = AnalogStep()(MATRIX, VECTORS, MASK, 0)
    joined = Statistics.of(runs)
    for name in ("relative_error", "settled", "settling_time", "energy", "power"):
        assert getattr(joined, name).shape == (6,)
    assert joined.settled.dtype == bool
    assert joined.energy.sum() == pytest.approx(sum(run.energy.sum() for run in runs))
    np.testing.assert_array_equal(
        joined.power, np.concatenate([run.power["total"] for run in runs])
    )


def test_statistics_of_nothing_and_of_ideal_runs():
    assert Statistics.of([]).settled.shape == (0,)
    _, runs = AnalogStep(analysis=IDEAL)(MATRIX, VECTORS, None, 0)
    assert np.isnan(Statistics.of(runs).power).all()
