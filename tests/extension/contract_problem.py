"""The problem passes what every problem must; and its answer satisfies what is asked."""

import numpy as np

import amcspice as amc
from amcspice.contract import check_problem

draw = np.random.default_rng(0)
A, B = draw.random((5, 5)) + 2 * np.eye(5), draw.uniform(-1, 1, (5, 3))


def test_it_passes_what_every_problem_must():
    check_problem("loaded-inv", A, B, loading=0.7)


def test_its_answer_satisfies_what_is_asked():
    circuit = amc.make_circuit("loaded-inv", A)
    x = amc.PROBLEMS["loaded-inv"].answer(circuit, B.T).T
    np.testing.assert_allclose(A @ x + circuit.loading * x, B, atol=1e-12)
