"""What the figures of a run do not say by themselves, in sentences; empty where all is well."""

from __future__ import annotations

from typing import Any

import numpy as np

from amcspice.circuit.base import Array
from amcspice.measure import Measurement
from amcspice.simulation.result import Judgement, Range

__all__ = [
    "ambiguity",
    "below_floor",
    "drift",
    "limit",
    "predistortion",
    "rest",
    "saddle",
    "settling_worth",
    "stand_in",
    "unstable",
    "voltage",
    "zero_reference",
]

POOR = 0.02
"""Error of a settling time from which on it is said."""

CELL_MARGIN = 1.05
"""A cell that sees more than the read voltage by this factor is told of."""


DRIFT = 1e-3
"""Change of a conductance from which on it is said."""


def limit(measured: Measurement, scale: Range) -> str:
    """Say that amplifiers came to a limit, and what was done about it."""
    times = "once" if scale.repeats == 1 else f"{scale.repeats} times"
    halved = f"the range was halved {times}"
    if measured.near_limit.any():
        tried = f", although {halved}" if scale.repeats else ""
        return f"an amplifier ends at a limit, so that x is wrong{tried}"
    return f"{halved} to keep amplifiers off their limits" if scale.repeats else ""


def voltage(scale: Range) -> str:
    """Say that cells see more than they should be read with."""
    seen, aimed = scale.cell_voltage, scale.read_voltage
    if not seen > CELL_MARGIN * aimed:
        return ""
    by_design = scale.choice == "reference"
    why = "its outputs end at the rails" if by_design else "by the range that was given"
    return (
        f"cells see up to {seen:.3g} V, {seen / aimed:.3g} times the read voltage, {why}: do they "
        "bear it?"
    )


def drift(measured: Measurement) -> str:
    """Say that cells change while they are used."""
    drifts = measured.conductance_drift
    if not (drifts > DRIFT).any():
        return ""
    worst = int(np.nanargmax(drifts))
    change = (
        f"by {100 * drifts[worst]:.3g} % at the end of right-hand side {worst}, at up to "
        f"{measured.cell_voltage[worst]:.3g} V across a cell"
    )
    if measured.switched.any():
        return f"using the cells switches them: a conductance changes {change}, so that x is wrong"
    return f"using the cells changes them: a conductance drifts {change}"


def ambiguity(judgement: Judgement) -> str:
    """Say where the ideal answer is not the only one, and what to look at instead."""
    several = np.flatnonzero(~judgement.unique)
    if not several.size:
        return ""
    worst = several[np.argmax(judgement.residual[several])]
    return (
        f"the ideal answer of {several.size} of {len(judgement.unique)} right-hand sides is not "
        "the only one, so the error of x says little; look at the residual: "
        f"{judgement.residual[worst]:.3g} of the circuit, "
        f"{judgement.reference_residual[worst]:.3g} of the reference (right-hand side {worst})"
    )


def zero_reference(relative: Array, absolute: Array) -> str:
    """Say where the ideal answer is zero, so that no relative error is defined."""
    undefined = np.isinf(relative)
    if not undefined.any():
        return ""
    return (
        f"the ideal answer of {np.count_nonzero(undefined)} of {len(relative)} right-hand sides is "
        f"zero, so that no relative error is defined; x is up to {absolute[undefined].max():.3g} "
        "away from it (absolute_error)"
    )


def rest(measured: Measurement) -> str:
    """Say which right-hand sides did not come to rest."""
    moving = ~(measured.settled | measured.saddle)
    if not moving.any():
        return ""
    unknown = np.isnan(measured.solution[moving]).any()
    what = "come to no rest, x is unknown" if unknown else "did not settle, x is where they end"
    limited = np.count_nonzero(moving & measured.near_limit)
    why = (
        f"; {limited} with an amplifier at a limit, which no smaller range ends" if limited else ""
    )
    return f"{np.count_nonzero(moving)} of {len(measured)} right-hand sides {what}{why}"


def saddle(measured: Measurement) -> str:
    """Say where outputs stand still only because nothing pushes them."""
    if not measured.saddle.any():
        return ""
    return (
        f"{np.count_nonzero(measured.saddle)} of {len(measured)} right-hand sides stand at an "
        "unstable equilibrium that nothing pushes them off (a saddle), so that x is no answer: "
        "take another start"
    )


def below_floor(measured: Measurement) -> str:
    """Say where no output can show the answer."""
    if not measured.below_floor.any():
        return ""
    return (
        f"{np.count_nonzero(measured.below_floor)} of {len(measured)} right-hand sides have every "
        "output at the floor, above zero, so that x cannot be read: settling time and energy "
        "leave them out"
    )


def unstable(runs_away: bool) -> str:
    """Say that a circuit without a stable operating point was allowed."""
    if not runs_away:
        return ""
    return "the circuit is unstable, which was allowed: x is where it goes, no answer"


def settling_worth(measured: Measurement) -> str:
    """Say which settling times are worth less than 2 %."""
    poor = np.flatnonzero(measured.settling_error > POOR)
    if not poor.size:
        return ""
    worst = measured.settling_error[poor].max()
    return (
        f"the settling time of {poor.size} of {len(measured)} is worth only up to {worst:.0%} of "
        "itself: a peak at the edge of the band, or long steps"
    )


def predistortion(provenance: dict[str, Any]) -> str:
    """Say where correcting conductances for wires stalled, or brings little beside the cells."""
    sentences = []
    for each in provenance.get("predistortion", ()):
        kept, wires, cells = each["kept"], each["wires"], each["cells"]
        if kept < each["steps"] and wires[-1] < wires[kept]:
            sentences.append(
                f"pre-distortion ends at step {kept} of {each['steps']}: the last one takes "
                f"{wires[kept] - wires[-1]:.2g} out of the predicted error by wires, but smaller "
                f"conductances raise that by cells from {cells[kept]:.3g} to {cells[-1]:.3g}"
            )
        elif kept < each["steps"]:
            sentences.append(
                f"pre-distortion stalled: step {kept} of {each['steps']} is kept, with a predicted "
                f"error by wires of {_foretold(wires[kept])} ({_foretold(wires[0])} without, "
                f"{_foretold(wires[-1])} after the last step)"
            )
        elif kept > 1 and wires[kept] > max(wires[kept - 1] / 2, cells[kept]):
            sentences.append(
                f"pre-distortion gains no more: its last step takes the predicted error by wires "
                f"from {wires[kept - 1]:.2g} to {wires[kept]:.2g} only ({wires[0]:.2g} without)"
            )
        elif cells[kept] > wires[0]:
            sentences.append(
                f"pre-distortion brings little: cells alone are predicted to leave an error of "
                f"{cells[kept]:.2g}, wires without it {wires[0]:.2g}"
            )
    return "; ".join(dict.fromkeys(sentences))


def _foretold(error: float) -> str:
    return f"{error:.2g}" if np.isfinite(error) else "an unstable circuit"


def stand_in(fidelity: str, provenance: dict[str, Any]) -> str:
    """Say what stood for a sub-circuit that the fidelity cannot simulate."""
    amplifier = provenance.get("amplifier")
    if amplifier in (None, "macro-model") or provenance.get("ngspice") is not None:
        return ""
    return f"{fidelity} fidelity: {amplifier}"
