"""One wired crossbar with driven rows: conjugate gradients against badcrossbar, large products."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import amcspice as amc
from amcspice.bench.child import run_in_child
from amcspice.bench.row import NotRun, Row
from amcspice.bench.timing import Measured, on_processor, side_by_side
from amcspice.reduction import CrossbarState, WiredCrossbar

__all__ = ["alone", "compare", "product", "rows", "time_and_asymmetry", "time_and_imbalance"]

NAME = "crossbar"
OURS, PEER = "WiredCrossbar", "badcrossbar"
TOLERANCE = 1e-8
"""Deviation of all cell and output currents, as a fraction of the largest."""

CELLS = (1e4, 1e5)
HARSH_CELLS, HARSH_WIRE = (1e3, 1e5), 10.0
SERIES = (64, 128, 256, 512)
HARSH, ALONE = 256, 1024
QUICK_SERIES = (32, 64, 128)
QUICK_HARSH, QUICK_ALONE = 32, 256

PRODUCT, QUICK_PRODUCT = (2048, 4096), (128, 256)
PRODUCT_CELL, PRODUCT_WIRE = 1e-4, 1.0
"""Every cell [S] and a segment [ohm] of a large product."""


def rows(quick: bool) -> Iterator[Row]:
    """Yield growth of square arrays, the harsh case, and sizes for ours alone."""
    sizes = QUICK_SERIES if quick else SERIES
    reason = ""
    try:
        compare(8, quick=True)  # warm-up
    except NotRun as missing:
        reason = str(missing)
    cases: list[dict[str, Any]] = [
        *({"side": n, "size": float(n), "headline": n == sizes[-1]} for n in sizes),
        {"side": QUICK_HARSH if quick else HARSH, "harsh": True},
    ]
    for case in cases:
        if reason:
            side, harsh = case.pop("side"), case.pop("harsh", False)
            yield Row(
                comparison=NAME,
                case=_case(side, harsh),
                ours=OURS,
                peer=PEER,
                status="not run",
                note=reason,
                **case,
            )
        else:
            yield compare(quick=quick, **case)
    for harsh in (False, True):
        yield alone(QUICK_ALONE if quick else ALONE, harsh=harsh, quick=quick)
    for vectors in (1, 4):
        yield product(vectors, quick=quick)


def compare(side: int, *, harsh: bool = False, quick: bool = False, **more: Any) -> Row:
    """Solve a square array for all voltages and currents.

    Raises
    ------
    NotRun
        If badcrossbar is not installed.
    """
    conductance, voltages, ohm = _array(side, harsh)
    compute = _badcrossbar()
    resistance = 1 / conductance
    measured = side_by_side(
        {
            OURS: lambda: _solve(conductance, voltages, ohm),
            PEER: lambda: compute(voltages[:, None], resistance, r_i=ohm),
        },
        quick=quick,
    )
    ours, peer = measured[OURS].answer, measured[PEER].answer.currents
    return Row.of(
        NAME,
        _case(side, harsh),
        measured,
        ours=OURS,
        peer=PEER,
        deviation=max(
            _relative(ours.cell_currents[0], peer.device),
            _relative(ours.outputs[0], np.ravel(peer.output)),
        ),
        tolerance=TOLERANCE,
        **more,
    )


def alone(side: int, *, harsh: bool = False, quick: bool = False) -> Row:
    """Time an array in a process of its own, for its peak memory."""
    answer = run_in_child(f"{__name__}:time_and_imbalance", side=side, harsh=harsh, quick=quick)
    measured = {OURS: Measured(None, tuple(answer.result["seconds"]))}
    memory = answer.peak_memory
    note = "deviation: current balance at the crossing points"
    if memory is not None:
        note = f"peak memory of the process {memory / 1e9:.2g} GB; {note}"
    return Row.of(
        NAME,
        _case(side, harsh),
        measured,
        ours=OURS,
        deviation=answer.result["imbalance"],
        tolerance=TOLERANCE,
        note=note,
        headline=True,
    )


def time_and_imbalance(side: int, harsh: bool, quick: bool) -> dict[str, Any]:
    """Return run times [s], and the largest current that is lost at a crossing point."""
    conductance, voltages, ohm = _array(side, harsh)
    timing = side_by_side({OURS: lambda: _solve(conductance, voltages, ohm)}, quick=quick)[OURS]
    state: CrossbarState = timing.answer
    cells = state.cell_currents[0]
    words = np.pad(state.word_currents[0], ((0, 0), (0, 1)))
    bits = np.pad(state.bit_currents[0], ((1, 0), (0, 0)))
    lost_current = max(
        np.abs(-np.diff(words, axis=1) - cells).max(), np.abs(np.diff(bits, axis=0) - cells).max()
    )
    return {
        "seconds": timing.seconds,
        "imbalance": float(lost_current / np.abs(state.bit_currents).max()),
    }


def product(vectors: int, *, quick: bool = False) -> Row:
    """Time output currents for some vectors at once, in a process of its own."""
    shape = QUICK_PRODUCT if quick else PRODUCT
    answer = run_in_child(
        f"{__name__}:time_and_asymmetry", shape=shape, vectors=vectors, quick=quick
    )
    measured = {OURS: Measured(None, tuple(answer.result["seconds"]))}
    note = "processor time, all vectors; deviation: from the product of the transpose"
    if answer.peak_memory is not None:
        note = f"peak memory of the process {answer.peak_memory / 1e9:.2g} GB; {note}"
    return Row.of(
        NAME,
        f"{shape[0]} x {shape[1]} currents, 1 ohm wires, 10 kohm, vectors: {vectors}",
        measured,
        ours=OURS,
        deviation=answer.result["asymmetry"],
        tolerance=TOLERANCE,
        note=note,
        headline=True,
    )


def time_and_asymmetry(shape: tuple[int, int], vectors: int, quick: bool) -> dict[str, Any]:
    """Return processor times [s], and how far u (G v) is from (G' u) v, of |u| |G v|."""
    draw = np.random.default_rng(shape)
    cells, wire = np.full(shape, PRODUCT_CELL), amc.Wire(row=PRODUCT_WIRE, column=PRODUCT_WIRE)
    v, u = draw.random((shape[0], vectors)), draw.standard_normal(shape[1])

    def currents() -> NDArray[np.float64]:
        product: NDArray[np.float64] = WiredCrossbar(cells, wire) @ v
        return product

    timing = side_by_side({OURS: on_processor(currents)}, quick=quick)[OURS]
    across, back = u @ timing.answer, WiredCrossbar(cells, wire).rmatvec(u) @ v
    whole = np.linalg.norm(u) * np.linalg.norm(timing.answer, axis=0)
    return {
        "seconds": timing.seconds,
        "asymmetry": float(np.max(np.abs(across - back) / whole)),
    }


def _solve(conductance: NDArray[np.float64], voltages: Any, ohm: float) -> CrossbarState:
    """Return the state with all of its currents computed."""
    state = WiredCrossbar(conductance, amc.Wire(row=ohm, column=ohm)).solve(voltages)
    for currents in ("word_currents", "bit_currents", "cell_currents", "outputs"):
        getattr(state, currents)
    return state


def _array(side: int, harsh: bool) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return conductances [S], driver voltages [V] and the resistance of a segment [ohm]."""
    draw = np.random.default_rng([side, harsh])
    low, high = HARSH_CELLS if harsh else CELLS
    if harsh:
        resistance = np.where(draw.random((side, side)) < 0.5, low, high)
    else:
        resistance = draw.uniform(low, high, (side, side))
    return 1 / resistance, draw.random(side), HARSH_WIRE if harsh else 1.0


def _case(side: int, harsh: bool) -> str:
    if harsh:
        return f"{side} x {side}, 10 ohm wires, 1 or 100 kohm"
    return f"{side} x {side}, 1 ohm wires, 10 to 100 kohm"


def _relative(ours: Any, peer: Any) -> float:
    return float(np.abs(ours - peer).max() / np.abs(peer).max())


def _badcrossbar() -> Any:
    """Import badcrossbar without the log handler that it gives to the whole program."""
    root, quiet = logging.getLogger(), logging.NullHandler()
    root.addHandler(quiet)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from badcrossbar import compute
    except ImportError as error:
        raise NotRun(
            f"badcrossbar is not installed ({error}): pip install amcspice[bench]"
        ) from None
    finally:
        root.removeHandler(quiet)
    return compute
