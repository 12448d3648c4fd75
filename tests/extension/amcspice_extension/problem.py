"""A problem: a linear system with something added to the diagonal of its matrix."""

import numpy as np

from amcspice import Problem


class LoadedSystem(Problem):
    """x with (A + d I) x = b, where d is the ``loading`` of the circuit."""

    name = "loaded-inv"
    title = "linear system with a loaded diagonal"
    circuit = "loaded-inv"
    square = True
    generator = "dominant"

    def answer(self, circuit, vectors):
        loaded = circuit.matrix + circuit.loading * np.eye(len(circuit.matrix))
        return np.linalg.solve(loaded, vectors.T).T


loaded_system = LoadedSystem()
