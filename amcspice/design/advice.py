"""Which of several circuits to take, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from amcspice.schema import to_text

__all__ = ["Criteria", "advice", "pareto"]

ALIKE = 0.05
"""Errors that differ by less than this, or by less than twice their spread, are alike."""

CLOSE_POLE = 10.0
"""A second pole is said that a circuit does not bear below so many times the gain-bandwidth."""

WORTH_A_WORD = 0.9
"""What another circuit takes is said below this part of it."""

NEARLY_ALL = 0.95
"""A share from which on the figure says no more."""

USELESS = 1.0
"""A relative error from which on there is no answer."""


class Criteria(NamedTuple):
    """What circuits are chosen by.

    Parameters
    ----------
    error, spread : float
        Relative error and its standard error.
    settling_time, energy : float
        [s], [J]; nan where the circuit does not settle.
    amplifiers : int
    second_pole : float
        Lowest one that it bears [Hz].
    largest : str
        Effect with the largest share in the error.
    share : float
        That share.
    """

    error: float
    spread: float
    settling_time: float
    energy: float
    amplifiers: int
    second_pole: float
    largest: str
    share: float

    @property
    def usable(self) -> bool:
        """Whether it comes to an answer."""
        return np.isfinite(self.settling_time) and self.error < USELESS


def pareto(circuits: Mapping[str, Criteria]) -> tuple[str, ...]:
    """Return those to which no other is better in error, settling time and energy together."""

    def values(each: Criteria) -> np.ndarray:
        return np.nan_to_num([each.error, each.settling_time, each.energy], nan=np.inf)

    def beaten(each: Criteria, other: Criteria) -> bool:
        own, others = values(each), values(other)
        return bool((others <= own).all() and (others < own).any())

    return tuple(
        name
        for name, each in circuits.items()
        if each.usable and not any(beaten(each, other) for other in circuits.values())
    )


def advice(circuits: Mapping[str, Criteria], gbw: float) -> str:
    """Return one line on which circuit to take, with its reason.

    It is the one with the least error; where several have errors alike, the one of these with the
    least energy.

    Parameters
    ----------
    circuits : mapping of str to Criteria
    gbw : float
        Gain-bandwidth product of the amplifiers [Hz].
    """
    usable = {name: each for name, each in circuits.items() if each.usable}
    if not usable:
        return "none of them: no circuit settles with an error below its answer"
    best = min(usable.values(), key=lambda each: each.error)
    alike = {name: each for name, each in usable.items() if _alike(best, each)}
    name = min(alike, key=lambda key: alike[key].energy)
    chosen = usable[name]
    reason = f"an error of {chosen.error:.2g}, {_share(chosen)}"
    parts = [f"take {name}: {reason}"]
    if len(usable) == 1:
        parts.append("no other circuit comes to an answer")
    elif len(alike) > 1:
        others = ", ".join(other for other in alike if other != name)
        parts.append(f"as small as that of {others}, for the least energy")
    rest = {other: each for other, each in usable.items() if other not in alike}
    if rest:
        cheaper = min(rest, key=lambda key: rest[key].energy)
        parts.append(_trade(cheaper, rest[cheaper], chosen))
    if chosen.second_pole > gbw / CLOSE_POLE:
        parts.append(
            f"{name} oscillates where its amplifiers have a second pole below "
            f"{to_text(chosen.second_pole, 'Hz')}, {chosen.second_pole / gbw:.2g} times their "
            "gain-bandwidth product"
        )
    return "; ".join(parts)


def _alike(best: Criteria, each: Criteria) -> bool:
    spread = np.nan_to_num(np.hypot(best.spread, each.spread))
    return bool(each.error - best.error <= max(ALIKE * best.error, 2 * spread))


def _share(each: Criteria) -> str:
    part = "nearly all" if each.share > NEARLY_ALL else f"{each.share:.0%}"
    return f"{part} of its square by {each.largest.replace('_', ' ')}"


def _trade(name: str, other: Criteria, chosen: Criteria) -> str:
    """Say what another circuit would save, and what it costs."""
    saved = []
    if other.amplifiers < chosen.amplifiers:
        saved.append(f"has {other.amplifiers} amplifiers, not {chosen.amplifiers}")
    saved += [
        f"takes {ratio:.2g} of the {what}"
        for what, ratio in (
            ("energy", other.energy / chosen.energy),
            ("settling time", other.settling_time / chosen.settling_time),
        )
        if ratio < WORTH_A_WORD
    ]
    worse = f"{other.error / chosen.error:.2g} times the error"
    return f"{name} {' and '.join(saved)}, with {worse}" if saved else f"{name} has {worse}"
