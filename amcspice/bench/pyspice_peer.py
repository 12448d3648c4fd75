"""The peer of the streaming comparison: nnls regressions in plain PySpice.

Written as a user of PySpice writes it who knows its traps: circuit objects for every right-hand
side, one simulator for all, only the outputs saved, finished circuits removed.  Nothing of
amcspice is used but its amplifier library; conductances come from the textbook formulas of the
compact circuit.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from typing import Any

import numpy as np

__all__ = ["regress"]


def regress(
    matrix: list[list[float]],
    right_hand_sides: list[list[float]],
    library: str | None,
    script_directory: str | None,
    amplifiers: str,
    volts: float,
    g_max: float,
    window: float,
    max_step: float,
    relative_tolerance: float,
) -> dict[str, Any]:
    """Solve nnls problems, one transient each; the first is run once before the clock starts.

    Parameters
    ----------
    matrix : list, shape (m, n)
        Non-negative.
    right_hand_sides : list, shape (K, m)
    library, script_directory : str, optional
        libngspice, and its SPICE_LIB_DIR.
    amplifiers : str
        Text of ``models/opamp.lib``.
    volts : float
        Voltage of one unit of the solution [V].
    g_max : float
        Conductance of the largest entry [S].
    window, max_step : float
        Stop time and largest step of a transient [s].
    relative_tolerance : float
        ``reltol``.

    Returns
    -------
    dict
        ``seconds`` that all right-hand sides took, and ``solutions`` (K, n).
    """
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)  # "Unsupported Ngspice version" is harmless
    if script_directory:
        os.environ["SPICE_LIB_DIR"] = script_directory
    from PySpice.Spice.NgSpice.Shared import NgSpiceShared

    NgSpiceShared.LIBRARY_PATH = library
    entries = np.array(matrix)
    count = entries.shape[1]

    def solve(b: list[float]) -> list[float]:
        circuit = _circuit(entries, b, amplifiers, volts, g_max, rise=window * 1e-5)
        simulator = circuit.simulator(simulator="ngspice-shared")
        simulator.options(
            reltol=relative_tolerance,
            abstol=1e-12,
            vntol=1e-6,
            chgtol=1e-16,
            method="trap",
            xmu=0.49,
        )
        simulator.save([f"x{j}" for j in range(count)])
        analysis = simulator.transient(
            step_time=max_step, end_time=window, max_time=max_step, use_initial_condition=True
        )
        simulator.ngspice.remove_circuit()
        return [float(analysis[f"x{j}"][-1]) / volts for j in range(count)]

    solve(right_hand_sides[0])
    started = time.perf_counter()
    solutions = [solve(b) for b in right_hand_sides]
    return {"seconds": time.perf_counter() - started, "solutions": solutions}


def _circuit(
    matrix: np.ndarray[Any, np.dtype[np.float64]],
    b: list[float],
    amplifiers: str,
    volts: float,
    g_max: float,
    rise: float,
) -> Any:
    """Two arrays on shared rows, equal row totals, n amplifiers with a rectifier each."""
    from PySpice.Spice.Netlist import Circuit

    scale = g_max / float(matrix.max())
    cells = (scale * matrix).tolist()
    totals = [2 * sum(row) for row in cells]
    circuit = Circuit("nnls")
    circuit.raw_spice = amplifiers + "\n"
    circuit.V("dd", "vdd", circuit.gnd, "5")
    circuit.V("ss", "vss", circuit.gnd, "-5")
    for i, row in enumerate(cells):
        for j, conductance in enumerate(row):
            if conductance > 0:
                circuit.R(f"x{i}_{j}", f"r{i}", f"x{j}", 1 / conductance)
                circuit.R(f"c{i}_{j}", f"r{i}", f"c{j}", 1 / conductance)
        if max(totals) > totals[i]:
            circuit.R(f"r{i}", f"r{i}", circuit.gnd, 1 / (max(totals) - totals[i]))
        # As text: PySpice would write the unit, and "2A" is 2e-18 to some versions of ngspice.
        current = -scale * volts * b[i]
        circuit.I(f"b{i}", circuit.gnd, f"r{i}", f"PWL(0 0 {rise!r} {current!r})")
    for j in range(len(cells[0])):
        circuit.X(f"a{j}", "amc_opamp", circuit.gnd, f"c{j}", f"y{j}", "vdd", "vss")
        circuit.X(f"h{j}", "amc_rectifier", f"y{j}", f"c{j}", f"x{j}", "vdd", "vss")
    return circuit
