"""`ErrorBudget`: which part of an error is whose.

Errors of a matrix circuit are vectors that add up, nearly: e = sum_k d_k + what rounding makes of
their sum.  The part of effect k in the mean square is therefore

    share_k = <d_k, e> / <e, e>,    <d_k, e> = (alone_k^2 + all^2 - without_k^2) / 2

with alone_k the size of the error where nothing but k occurs, without_k where everything but k
does, and all where everything does: by the law of cosines, as without_k = e - d_k.  It is the value
of L. S. Shapley (1953) where errors superpose, and half of each of its two outermost terms where
they do not.  What a circuit has without any effect, none, is a part of its own, which alone_k does
not count again.  All runs of a trial draw the same cells and amplifiers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ErrorBudget", "Share"]

Array = NDArray[np.float64]

PRECISION = 0.1
"""Standard error of the error, as a fraction of it, for which seeds are counted."""

UNEXPLAINED = 0.15
"""Part of the mean square that shares may leave open, or claim twice."""

FEWEST = 8
"""Trials below which shares of what is drawn are a guess."""


@dataclass(frozen=True)
class Share:
    """What one effect has in an error.

    Parameters
    ----------
    share : float
        Of the mean square; negative where the effect makes up for others.
    spread : float
        Standard error of the share; nan of a single draw.
    alone : float
        Relative error where nothing else occurs, rms.
    without : float
        Relative error where everything else occurs, rms.
    """

    share: float
    spread: float
    alone: float
    without: float


@dataclass(frozen=True)
class ErrorBudget:
    """What an error is made of; make it with `amcspice.error_budget`.

    Parameters
    ----------
    error : float
        Relative error with every effect, rms over draws and right-hand sides.
    spread : float
        Its standard error; nan of a single draw.
    shares : dict of str to Share
        By effect, see `amcspice.design.effects.EFFECTS`; only those that occur.
    circuit : float
        Share that is left without any effect: of the circuit itself, as with a constraint that is
        not held exactly.
    draws, right_hand_sides : int
        What the means are taken over.
    draws_needed : int, optional
        Draws for a standard error of the error of 10 %; None where a single one cannot tell.
    range_choice : str
        How volts per unit were chosen: ``reference`` is with the ideal answer, an oracle.
    cautions : tuple of str
    """

    error: float
    spread: float
    shares: Mapping[str, Share]
    circuit: float
    draws: int
    right_hand_sides: int
    draws_needed: int | None
    range_choice: str
    cautions: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, every: Array, none: Array, alone: Mapping[str, Array], without: Mapping[str, Array],
        *, drawn: bool, range_choice: str, cautions: tuple[str, ...] = (),
    ) -> ErrorBudget:  # fmt: skip
        """Return the budget of relative errors, each shape (S, K): draws and right-hand sides.

        Parameters
        ----------
        every, none : ndarray
            With every effect, and without any.
        alone, without : mapping of str to ndarray
            With one effect only, and with all but that one, by effect.  An effect that changes
            nothing, as compensation of a matrix that needs none, is left out.
        drawn : bool
            Whether draws differ at all.
        range_choice : str
        cautions : tuple of str
            What is to be said beside.
        """
        square, base = _by_draw(every), _by_draw(none)
        total, count = float(square.mean()), len(square)
        shares = {}
        for name in alone:
            if np.array_equal(alone[name], none) and np.array_equal(without[name], every):
                continue
            single, others = _by_draw(alone[name]), _by_draw(without[name])
            part = (single - base + square - others) / 2
            share = _ratio(part.mean(), total)
            shares[name] = Share(
                share, _ratio(_standard_error(part - share * square), total),
                float(np.sqrt(single.mean())), float(np.sqrt(others.mean())),
            )  # fmt: skip
        relative = _ratio(_standard_error(square), 2 * total) if drawn else 0.0
        needed = None
        if np.isfinite(relative):
            needed = max(1, int(np.ceil(count * (relative / PRECISION) ** 2)))
        error = float(np.sqrt(total))
        made = cls(
            error=error, spread=relative * error, shares=shares,
            circuit=_ratio(base.mean(), total), draws=count, right_hand_sides=every.shape[1],
            draws_needed=needed, range_choice=range_choice,
        )  # fmt: skip
        return cls(**{**vars(made), "cautions": (*cautions, *made._doubts(drawn))})

    @property
    def unexplained(self) -> float:
        """What the shares and that of the circuit leave open of one."""
        return 1.0 - self.circuit - sum(each.share for each in self.shares.values())

    def _doubts(self, drawn: bool) -> list[str]:
        """Return why the shares cannot be taken as they are."""
        doubts = []
        trials = self.draws * self.right_hand_sides
        if drawn and trials < FEWEST:
            doubts.append(f"shares of {trials} trials are a guess: take {FEWEST} seeds or more")
        if self.error > 1:
            doubts.append("the error is larger than the answer: shares of it say nothing")
        if abs(self.unexplained) > UNEXPLAINED:
            doubts.append(
                f"shares leave {self.unexplained:.0%} of the mean square open: effects do not "
                "superpose (rounding is drawn anew when its input moves, large errors are not "
                "linear), or draws are too few"
            )
        return doubts

    def largest(self) -> str:
        """Return the name of the effect with the largest share; "circuit" if that has it."""
        by_share = {name: each.share for name, each in self.shares.items()}
        return max({**by_share, "circuit": self.circuit}.items(), key=lambda pair: pair[1])[0]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "relative_error": self.error,
            "spread": self.spread,
            "shares": {name: dict(vars(each)) for name, each in self.shares.items()},
            "circuit": self.circuit,
            "unexplained": self.unexplained,
            "seeds": self.draws,
            "right_hand_sides": self.right_hand_sides,
            "seeds_for_10_percent": self.draws_needed,
            "range": self.range_choice,
            "cautions": list(self.cautions),
        }

    def __str__(self) -> str:
        drawn = "" if not self.spread > 0 else f" +- {self.spread:.1g}"
        lines = [
            f"relative error {self.error:.3g}{drawn} (rms; {self.draws} draws, "
            f"{self.right_hand_sides} right-hand sides)",
            f"  {'effect':14}{'share':>8}{'+-':>7}{'alone':>10}{'without':>10}",
        ]
        for name, each in sorted(self.shares.items(), key=lambda pair: -pair[1].share):
            spread = "" if np.isnan(each.spread) else f"{100 * each.spread:5.1f} %"
            lines.append(
                f"  {name.replace('_', ' '):14}{100 * each.share:6.1f} %{spread:>7}"
                f"{each.alone:>10.2e}{each.without:>10.2e}"
            )
        if self.circuit > 5e-4:
            lines.append(f"  {'circuit':14}{100 * self.circuit:6.1f} %")
        lines.append(f"  {'unexplained':14}{100 * self.unexplained:6.1f} %")
        if self.draws_needed is not None and self.draws_needed > 1:
            lines.append(f"  {self.draws_needed} draws give the error to {PRECISION:.0%}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def _by_draw(errors: Array) -> Array:
    """Return the mean square error of every draw, shape (S,)."""
    means: Array = np.mean(errors**2, axis=1)
    return means


def _standard_error(values: Array) -> float:
    """Return the standard error of a mean; nan of a single value."""
    if len(values) < 2:
        return float("nan")
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else 0.0
