"""`simulate_each` gives what `simulate` gives."""

import numpy as np
import pytest
from oracles import random_problem

import amcspice as amc
from amcspice.solver.each import simulate_each

FIELDS = ("x", "reference", "relative_error", "settled", "settling_time", "energy")


def selections(count, seed=4):
    A, b = random_problem(seed, rows=20, columns=4, vectors=count)
    whole = amc.CompactGINV(
        A, constraint=amc.NonNegative(hold=True), opamp=amc.OpAmp(quiescent_current=1e-4)
    )
    draw = np.random.default_rng(seed)
    rows = [np.sort(draw.choice(20, draw.integers(5, 20), replace=False)) for _ in range(count)]
    circuits = [whole.select(one, ridge=0.1 * len(one)) for one in rows]
    return circuits, [b[one, k] for k, one in enumerate(rows)]


@pytest.mark.parametrize(
    "fidelity", ["behavioural", pytest.param("reduced", marks=pytest.mark.ngspice)]
)
def test_each_is_what_it_is_alone(fidelity):
    circuits, vectors = selections(6)
    counted = []
    together = simulate_each(circuits, vectors, amc.Analysis(fidelity=fidelity), counted.append)
    assert counted == [1] * 6
    for circuit, b, run in zip(circuits, vectors, together, strict=True):
        alone = amc.simulate(circuit, b, fidelity=fidelity, keep_waveforms=False)
        for name in FIELDS:
            np.testing.assert_allclose(getattr(run, name), getattr(alone, name), rtol=1e-9)
        assert run.power.keys() == alone.power.keys()
        for name, watts in alone.power.items():
            np.testing.assert_allclose(run.power[name], watts, rtol=1e-6, atol=1e-12)
        assert run.volts_per_unit == alone.volts_per_unit
        assert run.amplifiers == alone.amplifiers
        assert run.cells == alone.cells


def test_circuits_of_several_sizes():
    circuits, vectors = selections(3)
    A, b = random_problem(1, rows=6, columns=2)
    circuits.insert(1, amc.CompactGINV(A, constraint=amc.NonNegative(hold=True)))
    vectors.insert(1, b)
    found = simulate_each(circuits, vectors, amc.Analysis(fidelity="behavioural"))
    assert [len(run.x) for run in found] == [4, 2, 4, 4]


def test_range_that_is_too_large_is_halved():
    """An output far above what the reference foretells, because the cells are noisy."""
    A, b = random_problem(2, rows=8, columns=2)
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative(hold=True))
    analysis = amc.Analysis(fidelity="behavioural", full_scale=0.99)
    (run,) = simulate_each([circuit], [b], analysis)
    alone = amc.simulate(circuit, b, analysis=analysis)
    assert run.range_halvings == alone.range_halvings == 1
    np.testing.assert_allclose(run.x, alone.x)
