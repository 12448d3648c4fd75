"""A wired nnls circuit in ngspice: reduced deck against flat decks with KLU and with SPARSE."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import amcspice as amc
from amcspice.bench.problems import regressions
from amcspice.bench.row import Row
from amcspice.bench.timing import Timed, on_processor, side_by_side
from amcspice.engine import find_installation
from amcspice.reduction import reduce_to_ports

__all__ = ["alone", "compare", "rows"]

NAME = "wired-circuit"
OURS = "reduced deck"
KLU, SPARSE = "flat deck (KLU)", "flat deck (SPARSE)"
TOLERANCE = 1e-7
"""Deviation of the solutions, over the largest: the equations are the same, time points are not."""

AT_REST = 1e-4
"""Deviation from the conditions at rest, where there is no flat deck to compare with."""

HEADLINE = (64, 16)
SERIES = [(8, 4), (16, 8), (32, 8), (32, 16), (64, 16), (128, 16)]
KLU_ONLY = [(128, 16)]
ALONE = (512, 64)
QUICK_HEADLINE = (32, 8)
QUICK_SERIES = [(8, 4), (16, 8), (32, 8)]
QUICK_ALONE = (64, 16)


def rows(quick: bool) -> Iterator[Row]:
    """Yield growth with the number of cells, then one circuit that no flat deck can follow."""
    list(compare(4, 2, quick=True))  # warm-up
    for shape in QUICK_SERIES if quick else SERIES:
        headline = shape == (QUICK_HEADLINE if quick else HEADLINE)
        yield from compare(*shape, quick=quick, sparse=shape not in KLU_ONLY, headline=headline)
    yield alone(*(QUICK_ALONE if quick else ALONE), quick=quick)


def compare(
    m: int, n: int, *, quick: bool = False, sparse: bool = True, headline: bool = False
) -> Iterator[Row]:
    """Yield a row a peer; all decks have the same window and largest step."""
    case = f"nnls {m} x {n}, 1 ohm wires"
    circuit, b = _problem(m, n)
    first = amc.simulate(circuit, b)
    assert first.waveforms is not None
    window = float(first.waveforms.segments[0].time[-1])
    options: dict[str, Any] = {"window": window, "max_step": window / 48}

    def run(**how: Any) -> Callable[[], Timed]:
        return on_processor(lambda: amc.simulate(circuit, b, **options, **how))

    klu = find_installation().klu
    sides = {OURS: run()}
    if klu:
        sides[KLU] = run(fidelity="flat", matrix_solver="klu")
    if sparse:
        sides[SPARSE] = run(fidelity="flat", matrix_solver="sparse")
    measured = side_by_side(sides, quick=quick)
    more: dict[str, Any] = {"size": float(2 * m * n), "headline": headline}
    reasons = {
        KLU: f"ngspice {find_installation().version} is built without KLU",
        SPARSE: "takes minutes at this size",
    }
    for peer in (KLU, SPARSE):
        if peer not in measured:
            yield Row(
                comparison=NAME,
                case=case,
                ours=OURS,
                peer=peer,
                status="not run",
                note=reasons[peer],
                ours_s=measured[OURS].median,
                ours_spread=measured[OURS].spread,
                ours_runs=len(measured[OURS].seconds),
                **more,
            )
            continue
        ours, theirs = measured[OURS].answer, measured[peer].answer
        yield Row.of(
            NAME,
            case,
            measured,
            ours=OURS,
            peer=peer,
            deviation=float(np.abs(ours.x - theirs.x).max() / np.abs(theirs.x).max()),
            tolerance=TOLERANCE,
            note="processor time, reduction included; "
            f"settling times {_apart(ours, theirs):.0e} apart",
            **more,
        )


def alone(m: int, n: int, *, quick: bool = False) -> Row:
    """Return the row of a circuit without a peer: at full size its flat deck takes hours."""
    circuit, b = _problem(m, n)
    note = "processor time; deviation: currents into the virtual grounds at rest"
    if not quick:
        note = f"a flat deck is out of reach; {note}"
    measured = side_by_side({OURS: on_processor(lambda: amc.simulate(circuit, b))}, quick=quick)
    return Row.of(
        NAME,
        f"nnls {m} x {n}, 1 ohm wires",
        measured,
        ours=OURS,
        deviation=_imbalance(circuit, b, measured[OURS].answer),
        tolerance=AT_REST,
        note=note,
        headline=True,
    )


def _imbalance(circuit: amc.Circuit, b: Any, run: amc.Run) -> float:
    """How far the circuit's state at the end of the run is from its conditions at rest.

    No current flows into a virtual ground whose output is positive, or out of one that is held;
    all are at 0 V.  The network is reduced by sparse LU here, not row by row.
    """
    assert run.waveforms is not None
    model = reduce_to_ports(circuit.schematic, method="lu")
    final = dict(zip(run.waveforms.names, run.waveforms.segments[0].voltages[-1], strict=True))
    voltages = np.array([final[name] for name in model.names])
    injected = circuit.schematic.currents(b[None], run.volts_per_unit)
    delivered = model.conductance @ voltages - model.port_currents(injected)[0]
    bank = circuit.schematic.amplifiers[0]
    sense, out = (np.searchsorted(model.nodes, pins) for pins in (bank.minus, bank.out))
    positive = voltages[out] > 1e-6 * voltages[out].max()
    wrong = np.where(positive, np.abs(delivered[sense]), np.maximum(delivered[sense], 0.0))
    return float(
        max(
            wrong.max() / np.abs(delivered[out]).max(),
            np.abs(voltages[sense]).max() / voltages[out].max(),
        )
    )


def _problem(m: int, n: int) -> tuple[amc.Circuit, Any]:
    matrix, b = regressions(m, n)
    circuit = amc.CompactGINV(
        matrix,
        constraint=amc.NonNegative(hold=True),
        wire=amc.Wire(row=1.0, column=1.0),
    )
    return circuit, b[:, 0]


def _apart(*runs: amc.Run) -> float:
    """Return how far settling times are apart, as a part of the longest."""
    times = [float(run.settling_time) for run in runs]
    return (max(times) - min(times)) / (max(times) or 1.0)
