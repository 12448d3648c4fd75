"""`ErrorBudget`: which part of an error is whose.

Errors of a matrix circuit are vectors that add up, nearly: e = sum_k d_k + what rounding makes of
their sum.  The part of effect k in the mean square is therefore

    share_k = <d_k, e> / <e, e>,    <d_k, e> = (alone_k^2 + all^2 - without_k^2) / 2

with alone_k the size of the error where nothing but k occurs, without_k where everything but k
does, and all where everything does: by the law of cosines, as without_k = e - d_k.  What a circuit
has without any effect, none, is a part of its own, which alone_k does not count again.  All runs of
a trial draw the same cells and amplifiers.

What the shares leave open of one is the interaction of effects.  Where it is more than
`SUPERPOSES`, shares are means of what effects add in different orders (`amcspice.design.orders`),
of which the formula above takes the first and the last place alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.errors import counted

__all__ = ["ErrorBudget", "Share"]

Array = NDArray[np.float64]

PRECISION = 0.1
"""Standard error of the error, as a fraction of it, for which seeds are counted."""

INTERACTS = 0.15
"""Interaction of effects that is told of."""

FEWEST = 8
"""Trials below which shares of what is drawn are a guess."""


SUPERPOSES = 0.05
"""Interaction of effects up to which the law of cosines gives their shares."""


@dataclass(frozen=True, eq=False)
class Outermost:
    """Relative errors with every effect and with none, with one only and with all but one.

    Parameters
    ----------
    every, none : ndarray, shape (S, K)
        Of draws and right-hand sides.
    alone, without : mapping of str to ndarray, each shape (S, K)
        By effect.
    """

    every: Array
    none: Array
    alone: Mapping[str, Array]
    without: Mapping[str, Array]

    def part(self, name: str) -> Array:
        """Return what an effect has in the square of the error, shape (S, K)."""
        gain = self.alone[name] ** 2 - self.none**2
        loss = self.every**2 - self.without[name] ** 2
        part: Array = (gain + loss) / 2
        return part

    @property
    def interaction(self) -> float:
        """What the parts of all effects, and of the circuit, leave open of the mean square."""
        parts = sum(self.part(name).mean() for name in self.alone) + np.mean(self.none**2)
        total = np.mean(self.every**2)
        return 1 - _ratio(float(parts), float(total)) if total else 0.0

    def occurs(self, name: str) -> bool:
        """Whether an effect changes anything, as compensation of some matrices does not."""
        return not (
            np.array_equal(self.alone[name], self.none)
            and np.array_equal(self.without[name], self.every)
        )


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
    interaction : float
        What is left of one where effects are alone and left out, as fraction of the mean square:
        zero where they superpose.
    draws, right_hand_sides : int
        What the means are taken over.
    draws_needed : int, optional
        Draws for a standard error of the error of 10 %; None where a single one cannot tell.
    range_choice : str
        How volts per unit were chosen: ``reference`` is with the ideal answer, an oracle.
    cautions : tuple of str

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> circuit = amc.INV([[2.0, 1.0], [1.0, 3.0]], write_noise=0.02, gain=1e4)
    >>> budget = amc.error_budget(circuit, np.eye(2), seeds=4)
    >>> budget.largest()
    'write_noise'
    """

    error: float
    spread: float
    shares: Mapping[str, Share]
    circuit: float
    interaction: float
    draws: int
    right_hand_sides: int
    draws_needed: int | None
    range_choice: str
    cautions: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, outermost: Outermost, parts: Mapping[str, Array] | None = None, *, drawn: bool,
        range_choice: str, cautions: tuple[str, ...] = (),
    ) -> ErrorBudget:  # fmt: skip
        """Return the budget of errors.

        Parameters
        ----------
        outermost : Outermost
        parts : mapping of str to ndarray, each shape (S, K), optional
            What effects have in the square of the error; None takes what the outermost runs say.
        drawn : bool
            Whether draws differ at all.
        range_choice : str
        cautions : tuple of str
            What is to be said beside.
        """
        square, base = _by_draw(outermost.every**2), _by_draw(outermost.none**2)
        total, count = float(square.mean()), len(square)
        shares = {}
        for name in filter(outermost.occurs, outermost.alone):
            part = _by_draw(outermost.part(name) if parts is None else parts[name])
            share = _ratio(part.mean(), total)
            shares[name] = Share(
                share, _ratio(_standard_error(part - share * square), total),
                *(float(np.sqrt(np.mean(each[name] ** 2)))
                  for each in (outermost.alone, outermost.without)),
            )  # fmt: skip
        relative = _ratio(_standard_error(square), 2 * total) if drawn else 0.0
        needed = None
        if np.isfinite(relative):
            needed = max(1, int(np.ceil(count * (relative / PRECISION) ** 2)))
        error, circuit = float(np.sqrt(total)), _ratio(base.mean(), total)
        sides = outermost.every.shape[1]
        return cls(
            error=error, spread=relative * error, shares=shares, circuit=circuit,
            interaction=outermost.interaction, draws=count, right_hand_sides=sides,
            draws_needed=needed, range_choice=range_choice,
            cautions=(*cautions, *_doubts(error, outermost.interaction, count * sides, drawn)),
        )  # fmt: skip

    @property
    def unexplained(self) -> float:
        """What the shares and that of the circuit leave open of one."""
        return 1.0 - self.circuit - sum(each.share for each in self.shares.values())

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
            "interaction": self.interaction,
            "seeds": self.draws,
            "right_hand_sides": self.right_hand_sides,
            "seeds_for_10_percent": self.draws_needed,
            "range": self.range_choice,
            "cautions": list(self.cautions),
        }

    def __str__(self) -> str:
        drawn = "" if not self.spread > 0 else f" +- {self.spread:.1g}"
        lines = [
            f"relative error {self.error:.3g}{drawn} (rms; {counted(self.draws, 'draw')}, "
            f"{counted(self.right_hand_sides, 'right-hand side')})",
            f"  {'effect':14}{'share':>8}{'+-':>7}{'alone':>10}{'without':>10}",
        ]
        for name, each in sorted(self.shares.items(), key=lambda pair: -pair[1].share):
            spread = "" if np.isnan(each.spread) else f"{100 * each.spread:5.1f} %"
            lines.append(
                f"  {name.replace('_', ' '):14}{100 * each.share:z6.1f} %{spread:>7}"
                f"{each.alone:>10.2e}{each.without:>10.2e}"
            )
        if self.circuit > 5e-4:
            lines.append(f"  {'circuit':14}{100 * self.circuit:z6.1f} %")
        lines.append(f"  {'unexplained':14}{100 * self.unexplained:z6.1f} %")
        if self.draws_needed is not None and self.draws_needed > 1:
            lines.append(f"  {self.draws_needed} draws give the error to {PRECISION:.0%}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def _doubts(error: float, interaction: float, trials: int, drawn: bool) -> list[str]:
    """Return why shares cannot be taken as they are."""
    doubts = []
    if drawn and trials < FEWEST:
        doubts.append(
            f"shares of {counted(trials, 'trial')} are a guess: take {FEWEST} seeds or more"
        )
    if error > 1:
        doubts.append("the error is larger than the answer: shares of it say nothing")
    if abs(interaction) > INTERACTS:
        doubts.append(
            f"effects do not superpose: each alone and left out, they leave {interaction:.0%} of "
            "the mean square open (rounding is drawn anew when its input moves, large errors are "
            "not linear), so that shares are means over orders in which effects come"
        )
    return doubts


def _by_draw(values: Array) -> Array:
    """Return the mean of every draw, shape (S,)."""
    means: Array = np.mean(values, axis=1)
    return means


def _standard_error(values: Array) -> float:
    """Return the standard error of a mean; nan of a single value."""
    if len(values) < 2:
        return float("nan")
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else 0.0
