"""`LayerStep`: what a second-order step of a layer takes, digitally and with inverses on a chip.

Of a layer with n inputs and n outputs, N examples times positions, factors renewed every T steps:

    gradient         6 N n^2    forward, and two products backward
    factors          4 N n^2    A = E[a a'] and G = E[g g']
    inversion        2 t(n)/T   both factors, by Cholesky's decomposition or eigenvectors
    preconditioning  4 n^3      G^-1 dW A^-1 with explicit inverses

A chip takes the inversion: both factors are written every T steps, and either asked for their
inverses (2 n solutions a writing), or for the preconditioned gradient itself (2 n a step), which
spares the digital products, too.
"""

from __future__ import annotations

from dataclasses import dataclass

from amcspice.algorithm.curvature.core import Core
from amcspice.device import OpAmp
from amcspice.errors import InputError
from amcspice.system import Cost, Technology, Work
from amcspice.system.work import Operated, Writing

__all__ = ["LayerStep", "break_even_width", "stated_factors", "with_tiles"]

SETTLING = 10e-9
"""Of a solution with a diagonal of ones and the mean kept digital, `onchip-1g` [s]."""

POWER = OpAmp.preset("onchip-1g").quiescent_current * 1.2
"""Of an amplifier at rest, on its supply of 1.2 V [W]."""

WIDEST = 1 << 16


@dataclass(frozen=True)
class LayerStep:
    """A step of a square layer.

    Parameters
    ----------
    width : int
        n.
    batch : int
        N, examples times positions.
    every : int
        T, steps between two inversions.
    """

    width: int
    batch: int
    every: int = 1

    def __post_init__(self) -> None:
        """Refuse what is no step."""
        for name, value in vars(self).items():
            if value < 1:
                raise InputError(f"{name} = {value!r}: must be from 1")

    def digital(self, core: Core, *, by_eigenvectors: bool = False) -> dict[str, float]:
        """Return the time of its parts on a processor core [s]."""
        n, rate = float(self.width), core.product_rate
        return {
            "gradient": 6 * self.batch * n**2 / rate,
            "factors": 4 * self.batch * n**2 / rate,
            "inversion": 2 * core.inverting(n, by_eigenvectors=by_eigenvectors) / self.every,
            "preconditioning": 4 * n**3 / rate,
        }

    def analog(
        self,
        core: Core,
        technology: Technology,
        *,
        applies: bool = False,
        writing: bool = True,
        settling: float = SETTLING,
    ) -> dict[str, float]:
        """Return the same with inverses on a chip [s].

        Parameters
        ----------
        core : Core
            Does the rest.
        technology : Technology
        applies : bool
            Whether the chip preconditions gradients itself.
        writing : bool
            Whether writing counts.
        settling : float
            Of a solution [s].
        """
        solutions = 2 * self.width
        groups = Cost(stated_factors(self.width, 2, solutions, settling), technology).groups
        operations = groups["operations"].time + groups["memory"].time
        parts = self.digital(core)
        return {
            "gradient": parts["gradient"],
            "factors": parts["factors"],
            "writing": groups["writing"].time / self.every if writing else 0.0,
            "solutions": operations if applies else operations / self.every,
            "preconditioning": 0.0 if applies else parts["preconditioning"],
        }

    def share(self, core: Core, *, applies: bool = False, by_eigenvectors: bool = False) -> float:
        """Return the part of a digital step that a chip could take over (G. Amdahl)."""
        parts = self.digital(core, by_eigenvectors=by_eigenvectors)
        taken = parts["inversion"] + (parts["preconditioning"] if applies else 0.0)
        return taken / sum(parts.values())

    def limit(self, core: Core, *, applies: bool = False, by_eigenvectors: bool = False) -> float:
        """Return how much faster it gets with a chip that takes no time at all."""
        return 1 / (1 - self.share(core, applies=applies, by_eigenvectors=by_eigenvectors))

    def gain(
        self,
        core: Core,
        technology: Technology,
        *,
        applies: bool = False,
        writing: bool = True,
        by_eigenvectors: bool = False,
        settling: float = SETTLING,
    ) -> float:
        """Return how much faster it gets with a chip of a technology; see `analog`.

        Parameters
        ----------
        by_eigenvectors : bool
            Whether the digital step that it is compared with takes eigenvectors.
        """
        before = sum(self.digital(core, by_eigenvectors=by_eigenvectors).values())
        options = {"applies": applies, "writing": writing}
        return before / sum(self.analog(core, technology, settling=settling, **options).values())

    def energy_gain(
        self, core: Core, technology: Technology, *, applies: bool = False, writing: bool = True
    ) -> float:
        """Return how much less energy a step takes, of a core that draws ``core_power``.

        Parameters are those of `analog`.
        """
        groups = Cost(stated_factors(self.width, 2, 2 * self.width), technology).groups
        solutions = groups["operations"].energy + groups["memory"].energy
        chip = solutions if applies else solutions / self.every
        if writing:
            chip += groups["writing"].energy / self.every
        before = technology["core_power"] * sum(self.digital(core).values())
        return before / (before * (1 - self.share(core, applies=applies)) + chip)


def stated_factors(width: int, count: int, solutions: int, settling: float = SETTLING) -> Work:
    """Return the work of some factors, stated and not run: written once, solutions in sum.

    Each stands in the two arrays of the compensated inverse, with two compensating cells a row.
    The energy of settling is that of the amplifiers.

    Parameters
    ----------
    width, count : int
    solutions : int
        Of all of them.
    settling : float
        Of one [s].
    """
    rows, goes = 2 * width, solutions * width
    return Work(
        writings=(Writing(count, rows, rows * (width + 2), width**2, 0.0),),
        operated=Operated(
            count=solutions,
            settling=solutions * settling,
            amplifiers=goes * settling * POWER,
            dac=goes,
            adc=goes,
        ),
        amplifier_count=width,
        cell_count=rows * (width + 2),
        inputs=width,
    )


def break_even_width(
    core: Core, technology: Technology, *, by_eigenvectors: bool = False, settling: float = SETTLING
) -> int | None:
    """Return the width from which on writing a factor and reading its inverse beats the core.

    Parameters
    ----------
    core : Core
    technology : Technology
    by_eigenvectors : bool
        Whether the core takes eigenvectors.
    settling : float
        Of a solution [s].

    Returns
    -------
    int or None
        At least the smallest width that the core was measured with; None where it never does, up to
        `WIDEST`.
    """

    def wins(width: int) -> bool:
        made = Cost(stated_factors(width, 1, width, settling), technology).counted
        return made.time < core.inverting(width, by_eigenvectors=by_eigenvectors)

    high, least = WIDEST, min(core.inversion)
    if not wins(high):
        return None
    while high > least and wins(max(high // 2, least)):
        high = max(high // 2, least)
    low = max(high // 2, least)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if wins(middle) else (middle, high)
    return high


def with_tiles(technology: Technology, width: int, size: int) -> Technology:
    """Return a technology that writes all tiles of a factor at once.

    Parameters
    ----------
    technology : Technology
    width : int
        Of the factor.
    size : int
        Rows of the largest array.
    """
    tiles = max(-(-width // size), 1)
    return technology.varied("rows_at_once", technology["rows_at_once"] * tiles)
