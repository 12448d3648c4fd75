"""Contracts: what every new circuit, problem, cell, amplifier, backend and system must pass.

Each check compares what is new with what is known by another way, such as the next higher fidelity,
an ideal amplifier or the draws themselves, and raises `AssertionError` with the figure that is off.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import INV, Circuit, CompactGINV
from amcspice.circuit.base import Array
from amcspice.device import Cell, Memristor, OpAmp, Wire
from amcspice.engine import BACKENDS
from amcspice.errors import CautionWarning, InputError, UnsupportedError
from amcspice.simulation import Run, simulate, solve
from amcspice.sweep.point import run_point

__all__ = [
    "check_amplifier",
    "check_backend",
    "check_cell",
    "check_circuit",
    "check_problem",
    "check_system",
]

VERIFIED = ("reduced", "behavioural", "dc")
"""Fidelities that another one verifies."""

SHOWN = ("flat", "reduced")
"""Those whose waveforms are the same."""

GAINS = 1e4, 1e6
"""Of amplifiers whose error is compared."""

FALLEN = 0.05
"""The error left at the larger gain, as a fraction; one over the gain is a hundredth."""

NOTHING = 1e-9
"""Relative error that is none."""

WAVEFORMS_APART = 0.02
"""Largest difference of waveforms of decks that describe the same circuit, as a fraction of the
largest output: each takes steps of its own, and straight lines stand between them."""

DRAWS = (100, 100)
"""Cells of which mean and variance are taken; 10,000 know a variance to 1.4 %."""


def _require(met: Any, said: str) -> None:
    if not met:
        raise AssertionError(said)


def check_circuit(circuit: Circuit, b: ArrayLike, *, floor: float = NOTHING) -> None:
    """Check a circuit: fidelities agree, its error is that of the gain, a seed fixes it.

    Flat and reduced decks have the same waveforms; reduced, behavioural and dc are within the
    limits of what verifies them (`amcspice.Verify`); with ideal cells and wires the error falls as
    the gain rises; the seed of its cells fixes the result; matrices that its class does not take
    (``signed``, ``square``) are refused.  It needs ngspice.

    Parameters
    ----------
    circuit : Circuit
        With some wire resistance and finite gain, small: flat decks hold every cell.
    b : array_like, shape (m,) or (m, K)
    floor : float
        Relative error that it keeps whatever the gain: of resistances of switches, of outputs that
        end at a rail.

    Raises
    ------
    AssertionError

    Examples
    --------
    >>> import amcspice as amc
    >>> from amcspice.contract import check_circuit
    >>> A = [[2.0, 1.0], [1.0, 3.0]]
    >>> check_circuit(amc.INV(A, opamp=amc.OpAmp(gain=1e4), wire=amc.Wire(row=1.0)), [3.0, 5.0])
    """
    for fidelity in VERIFIED:
        _verified(circuit, b, fidelity)
    flat, reduced = (simulate(circuit, b, fidelity=fidelity).waveforms for fidelity in SHOWN)
    assert flat is not None
    assert reduced is not None
    for number in range(len(flat)):
        apart = _apart(*flat.solution(number), *reduced.solution(number))
        _require(
            apart < WAVEFORMS_APART,
            f"waveforms of right-hand side {number}, flat and reduced: {apart:.2g} of the largest",
        )
    _check_gain(circuit, b, floor)
    _check_seed(circuit, b)
    _check_refusals(circuit)


def _verified(circuit: Circuit, b: ArrayLike, fidelity: str) -> Run:
    """Return a run whose right-hand sides all settle and pass verification."""
    count = len(circuit.vectors(b))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CautionWarning)  # what it says is asked below
        run = simulate(circuit, b, fidelity=fidelity, verify=count)
    _require(np.all(run.settled), f"{fidelity}: not settled")
    found = run.verification
    _require(found and found.passed, f"{fidelity}: {found}")
    return run


def _apart(time: Array, outputs: Array, times: Array, others: Array) -> float:
    """Return the largest difference of two waveforms over the largest output."""
    shared = time[time <= times[-1]]
    apart = [
        np.abs(outputs[: len(shared), k] - np.interp(shared, times, others[:, k])).max()
        for k in range(outputs.shape[1])
    ]
    return float(max(apart) / max(np.abs(outputs).max(), np.finfo(float).tiny))


def _check_gain(circuit: Circuit, b: ArrayLike, floor: float) -> None:
    """Check that the error of ideal cells and wires falls as the gain rises."""
    ideal = replace(circuit, wire=Wire(), device=Memristor())
    low, high = (
        simulate(replace(ideal, opamp=_nearly_ideal(gain)), b, fidelity="dc") for gain in GAINS
    )
    _check_fall(low, high, floor)


def _nearly_ideal(gain: float) -> OpAmp:
    return OpAmp(gain=gain, output_resistance=1e-6)


def _check_fall(low: Run, high: Run, floor: float) -> None:
    before, after = low.relative_error, high.relative_error
    _require(
        np.all(after <= np.maximum(FALLEN * before, floor)),
        f"gain {GAINS[0]:g} to {GAINS[1]:g}: the error falls from {before} to {after}",
    )


def _check_seed(circuit: Circuit, b: ArrayLike) -> None:
    first, again, other = (
        simulate(
            replace(circuit, device=Memristor(write_noise=0.02, seed=seed)), b, fidelity="dc"
        ).x
        for seed in (5, 5, 6)
    )
    _require(np.array_equal(first, again), "the same seed gives another result")
    _require(np.any(first != other), "another seed gives the same result: cells are not drawn")


def _check_refusals(circuit: Circuit) -> None:
    refused: list[tuple[Array, type[Exception], str]] = []
    if not circuit.signed:
        refused.append((-np.abs(circuit.matrix), UnsupportedError, "negative entries"))
    if circuit.square:
        refused.append((circuit.matrix[:-1], InputError, "more columns than rows"))
    for matrix, error, what in refused:
        try:
            replace(circuit, matrix=matrix)
        except error:
            continue
        raise AssertionError(f"a matrix with {what} is not refused")


def check_cell(cell: Cell) -> None:
    """Check cells: closed forms are those of the draws, and a seed fixes these.

    Parameters
    ----------
    cell : Cell
        With something that is drawn.

    Raises
    ------
    AssertionError

    Examples
    --------
    >>> import amcspice as amc
    >>> from amcspice.contract import check_cell
    >>> check_cell(amc.Memristor(write_noise=0.02, levels=16))
    """
    target = np.full(DRAWS, 0.8 * cell.g_max)
    drawn, (mean, variance) = cell.program(target), cell.moments(target)
    spread = np.sqrt(np.mean(variance))
    error = 5 * spread / np.sqrt(drawn.size)
    off = abs(drawn.mean() - np.mean(mean))
    _require(off <= error, f"mean of draws {drawn.mean():g}, moments say {np.mean(mean):g} S")
    _require(
        abs(drawn.var() - np.mean(variance)) <= 0.1 * np.mean(variance),
        f"deviation of draws {drawn.std():g}, moments say {spread:g} S",
    )
    targets = np.linspace(0, 1, 36).reshape(6, 6) * cell.g_max
    levels = cell.quantise(targets)
    _require(np.array_equal(cell.quantise(levels), levels), "levels are quantised to others")
    again, other = cell.program(targets), replace(cell, seed=cell.seed + 1).program(targets)
    _require(np.array_equal(cell.program(targets), again), "the same seed draws other cells")
    _require(np.any(again != other), "another seed draws the same cells")
    _require(np.all(again >= 0) and np.all(np.isfinite(again)), "conductances below zero")


def check_amplifier(opamp: OpAmp) -> None:
    """Check an amplifier: its equations agree with its deck, in an inverse and in least squares.

    It needs ngspice.

    Parameters
    ----------
    opamp : OpAmp

    Raises
    ------
    AssertionError

    Examples
    --------
    >>> import amcspice as amc
    >>> from amcspice.contract import check_amplifier
    >>> check_amplifier(amc.OpAmp(gain=1e4, gbw="50 MHz", slew_rate="20 V/us"))
    """
    draw = np.random.default_rng(0)
    square, tall = draw.random((4, 4)) + 2 * np.eye(4), draw.random((6, 3))
    for circuit in (
        INV(square, opamp=opamp, diagonal="fixed"),
        CompactGINV(tall, opamp=opamp),
    ):
        b = draw.uniform(-1, 1, (circuit.input_size, 3))
        for fidelity in VERIFIED:
            _verified(circuit, b, fidelity)


def check_problem(
    name: str, A: ArrayLike, b: ArrayLike, *, floor: float = NOTHING, **parameters: Any
) -> None:
    """Check a problem: its algebra is where its circuit ends as the gain rises.

    Parameters
    ----------
    name : str
        As it is registered.
    A : array_like, shape (m, n)
    b : array_like, shape (m,) or (m, K)
    floor : float
        See `check_circuit`.
    **parameters
        Of `amcspice.solve`, such as those of the circuit.

    Raises
    ------
    AssertionError

    Examples
    --------
    >>> from amcspice.contract import check_problem
    >>> check_problem("nnls", [[1.0, 0.2], [0.3, 0.8], [0.5, 0.5]], [1.0, 0.2, 0.3], hold=True)
    """
    low, high = (
        solve(name, A, b, fidelity="dc", opamp=_nearly_ideal(gain), **parameters) for gain in GAINS
    )
    _require(np.all(np.isfinite(high.reference)), "the answer is not finite")
    _require(high.problem == name, f"{high.circuit} answers {high.problem}, not {name}")
    _check_fall(low, high, floor)


def check_backend(name: str, circuit: Circuit, b: ArrayLike) -> None:
    """Check a backend: the fidelity that verifies it finds the same, twice it finds the same.

    Parameters
    ----------
    name : str
        As it is registered; it says in ``verified_by`` what checks it.
    circuit : Circuit
    b : array_like, shape (m,) or (m, K)

    Raises
    ------
    AssertionError

    Examples
    --------
    >>> import amcspice as amc
    >>> from amcspice.contract import check_backend
    >>> check_backend("dc", amc.INV([[2.0, 1.0], [1.0, 3.0]]), [3.0, 5.0])
    """
    run = _verified(circuit, b, name)
    _require(np.array_equal(run.x, simulate(circuit, b, fidelity=name).x), "a second run differs")
    in_time = BACKENDS[name].in_time
    _require(
        np.all(np.isfinite(run.settling_time)) if in_time else np.all(np.isnan(run.settling_time)),
        f"in_time is {in_time}, settling times are {run.settling_time}",
    )
    _require(np.all(np.isfinite(run.power["total"])), "power is not known")


def check_system(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Check a system: a point has its metrics, twice the same, and its work is counted.

    Parameters
    ----------
    parameters : mapping
        Of a point: ``problem`` is the name of the system.

    Returns
    -------
    dict
        The metrics of the point, to be compared with what is known by another way.

    Raises
    ------
    AssertionError

    Examples
    --------
    >>> from amcspice.contract import check_system
    >>> found = check_system({"problem": "inv", "columns": 4, "stages": 1, "gain": 1e5})
    >>> found["relative_error_max"] < 1e-2
    True
    """
    asked = {"fidelity": "dc", "technology": "typical", **parameters}
    first, again = (run_point(asked).metrics for _ in range(2))
    _require(first.keys() == again.keys(), "a second run has other metrics")
    for name in first.keys() - {"wall_time_s"}:
        same = np.array_equal(first[name], again[name], equal_nan=isinstance(first[name], float))
        _require(same, f"{name}: {first[name]} at first, then {again[name]}")
    energy = first.get("cost_energy_j", math.nan)
    _require(energy > 0, f"cost_energy_j is {energy}: no operation is in the ledger")
    return dict(first)
