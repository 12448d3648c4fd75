"""How the feedback of an eigenvector circuit is set: by an oracle, by hand, or by trying.

Outputs grow where the feedback is below the largest eigenvalue of the circuit as it is: of the
cells that were written, behind its wires and amplifiers.  Hardware does not know that number, but
it sees whether outputs leave zero.  A search begins above every eigenvalue of the matrix (at the
largest sum of a row, in magnitudes), raises the loop gain in steps until they do, and halves the
last step until it is a tenth of the detuning.  Each look is a trial; here the modes of the network
tell what it would show.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from amcspice.circuit import Circuit, Eigen
from amcspice.circuit.base import Array
from amcspice.engine.equations.linear import LinearModel
from amcspice.errors import InputError
from amcspice.measure import Measurement
from amcspice.problem.eig import dominant_space
from amcspice.reduction import reduce_to_ports
from amcspice.simulation.result import Feedback

__all__ = ["nothing_grew", "nothing_pushed", "set_feedback"]

GROWN = 0.9
"""Largest output at the rail's image, as a fraction of it, from which on it has grown there."""

NO_PART = 1e-9
"""Part of a start along what grows that counts as none."""

STEP = 2.0
"""Factor by which the loop gain is raised, or lowered, until it passes one."""

RESOLUTION = 0.1
"""How closely the eigenvalue is looked for, as a fraction of the detuning."""

MOST_STEPS = 20
"""A loop gain a million times that of the first trial is given up."""


def set_feedback(circuit: Circuit) -> tuple[Circuit, Feedback | None]:
    """Return a circuit whose feedback is set, and how; other circuits as they are.

    Raises
    ------
    InputError
        If nothing grows at any loop gain.
    """
    if not isinstance(circuit, Eigen):
        return circuit, None
    if circuit.eigenvalue != "search":
        choice = "reference" if circuit.eigenvalue is None else "fixed"
        return circuit, Feedback(choice, circuit.set_by, 0)
    search = _Search(circuit)
    found = search.largest_that_grows()
    return replace(circuit, eigenvalue=found), Feedback("search", found, search.trials)


def nothing_grew(circuit: Circuit, measured: Measurement) -> str:
    """Return a sentence on an eigenvector circuit that rests away from its rails; else empty."""
    if not isinstance(circuit, Eigen):
        return ""
    reach = min(circuit.opamp.highest_output, -circuit.opamp.lowest_output) / circuit.inverter_gain
    grown = np.abs(measured.outputs).max(axis=1) >= GROWN * reach
    if not (measured.settled & ~grown).any():
        return ""
    return (
        "nothing grew to a rail, so that x is what the start leaves and no eigenvector: the "
        "feedback is above the largest eigenvalue of the circuit as it is; a smaller eigenvalue "
        "sets it lower, and eigenvalue search finds it"
    )


def nothing_pushed(circuit: Circuit, vectors: Array, measured: Measurement) -> str:
    """Return a sentence on starts (K, n) without any part along what grows; else empty.

    Rounding errors push them off the saddle that they lead to: which way, and when, they decide.
    """
    if not isinstance(circuit, Eigen):
        return ""
    along = np.linalg.norm(vectors @ dominant_space(circuit.matrix), axis=1)
    pushed = along > NO_PART * np.linalg.norm(vectors, axis=1)
    if not (measured.settled & ~pushed).any():
        return ""
    return (
        "the start has no part along the dominant eigenvector: rounding errors pushed it off the "
        "saddle that it leads to, so that sign and settling time mean nothing (noise and offsets "
        "do it in hardware); take another start"
    )


class _Search:
    """Trials of one circuit with different feedback."""

    def __init__(self, circuit: Eigen) -> None:
        self.circuit, self.trials = circuit, 0

    def grows(self, feedback: float) -> bool:
        """Try a feedback, in units of the eigenvalue, and look whether outputs leave zero."""
        self.trials += 1
        tried = replace(self.circuit, eigenvalue=feedback / (1 - self.circuit.detuning))
        return not LinearModel.of(tried, reduce_to_ports(tried.schematic)).stable

    def largest_that_grows(self) -> float:
        """Return the largest feedback found with which outputs grow."""
        above = below = self.circuit.set_by
        grew = self.grows(above)
        for _ in range(MOST_STEPS):
            if grew:  # wires, errors of cells or gain: the bound is that of the matrix
                below, above = above, above * STEP
                if not self.grows(above):
                    break
            else:
                above, below = below, below / STEP
                if self.grows(below):
                    break
        else:
            raise InputError(
                "eigenvalue = search: outputs leave zero at no loop gain, or at every one: the "
                "largest eigenvalue of the matrix as it is written is not positive, or the circuit "
                "oscillates"
            )
        while above / below > 1 + RESOLUTION * self.circuit.detuning:
            middle = (above * below) ** 0.5
            above, below = (above, middle) if self.grows(middle) else (middle, below)
        return below
