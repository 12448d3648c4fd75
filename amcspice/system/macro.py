"""The operations that a reconfigurable macro offers, by the names of problems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amcspice.circuit import Circuit, Macro
from amcspice.circuit.base import Array
from amcspice.circuit.parts.constraint import NonNegative
from amcspice.errors import UnsupportedError

__all__ = ["MACRO", "macro_circuit"]

MACRO = "macro"
"""Name of the circuit that offers several operations."""

MODES = {"mvm": "mvm", "inv": "inv", "lstsq": "ginv", "nnls": "ginv", "eig": "eigen"}
"""Mode of the macro for each problem."""


def macro_circuit(
    problem: str, matrix: Array, options: Mapping[str, Any], parameters: Mapping[str, Any]
) -> Circuit:
    """Return the circuit that a macro is switched to.

    Parameters
    ----------
    problem : str
    matrix : ndarray, shape (m, n)
        Non-negative.
    options : mapping
        Parts of the hardware, and the cycle.
    parameters : mapping
        ``switch_on``, ``switch_off``: see `amcspice.Macro`.

    Raises
    ------
    UnsupportedError
        If the macro has no such mode.
    """
    if problem not in MODES:
        raise UnsupportedError(f"the macro has no mode for {problem}; it has {', '.join(MODES)}")
    parts = {name: part for name, part in options.items() if part is not None}
    macro = Macro(matrix, **parts, **parameters)
    constraint = {"constraint": NonNegative()} if problem == "nnls" else {}
    return macro.circuit(MODES[problem], **constraint)
