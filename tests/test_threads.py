"""Linear algebra of circuits takes one thread, and leaves that of others as it is."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import amcspice as amc
from amcspice.system import Chip, operation


def threads():
    libraries = (each for each in threadpool_info() if each["user_api"] == "blas")
    return {each["filepath"]: each["num_threads"] for each in libraries}


@pytest.mark.parametrize("run", ["simulate", "chip"])
def test_one_thread_while_circuits_run(run, monkeypatch):
    A = np.eye(3) + 0.1
    circuit = amc.make_circuit("inv", A)
    during = []

    def look(*_):
        during.append(threads())

    def looking(function):
        def looked(*args, **options):
            look()
            return function(*args, **options)

        return looked

    with threadpool_limits(2, "blas"):
        before = threads()
        if run == "simulate":
            amc.simulate(circuit, np.ones((3, 2)), fidelity="behavioural", progress=look)
        else:
            programmed = Chip(fidelity="dc").program(A, "inv")
            monkeypatch.setattr(operation, "run_shared", looking(operation.run_shared))
            programmed.solve(np.ones(3))
        assert threads() == before
    assert set(before.values()) == {2}
    assert during
    assert all(set(each.values()) == {1} for each in during)
