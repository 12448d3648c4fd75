"""Linear algebra of circuits takes one thread, and leaves that of others as it is."""

import os
import subprocess
import sys

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


@pytest.mark.parametrize("said", [{}, {"OMP_NUM_THREADS": "2"}, {"OPENBLAS_NUM_THREADS": "2"}])
def test_commands_start_no_threads_unless_someone_says_so(said):
    program = (
        "import os, sys\nfrom amcspice.cli import main\n"
        "try:\n    main(['solve', 'nnls', '--columns', '2', '--fidelity', 'dc'])\n"
        "except SystemExit:\n    pass\n"
        "print(os.environ.get('OPENBLAS_NUM_THREADS'), len(os.listdir('/proc/self/task')))"
    )
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env=environment | said,
    )  # fmt: skip
    asked, running = done.stdout.split()[-2:]
    assert asked == str(said.get("OPENBLAS_NUM_THREADS") if said else 1)
    if not said:
        assert running == "1"
