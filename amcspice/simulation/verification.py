"""What is asked of a verification (`Verify`), and what it says (`Verification`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Array
from amcspice.engine import BACKENDS, Analysis, Tolerance
from amcspice.errors import InputError, counted, did_you_mean
from amcspice.schema import to_number

__all__ = ["FIGURES", "Verification", "Verify"]

FIGURES = ("solution", "settling", "power", "energy")
"""What is compared."""

TIMED = ("settling", "energy")
"""Those of them that hang on when the outputs stay in their band."""

_WORDS = {"solution": "solutions", "settling": "settling times", "power": "power",
          "energy": "energies"}  # fmt: skip


@dataclass(frozen=True)
class Verify:
    """What is run again at a higher fidelity, and how far it may be off.

    Parameters
    ----------
    count : int
        How many right-hand sides, drawn at random; 0 verifies nothing.
    fidelity : str, optional
        The fidelity that they are run at; None is the one that checks that of the run. A higher
        one shows what both of these have in common: ``flat`` checks the reduction of the network.
    limit : float, str or mapping, optional
        Largest deviation, as a fraction: one number for every figure, or by name ("solution",
        "settling", "power", "energy"). Figures without one take what the fidelities' own errors
        come to.

    Raises
    ------
    InputError
        If the count is negative, or a limit is not above zero or of no known figure.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> circuit = amc.INV([[2.0, 1.0], [1.0, 3.0]])
    >>> verify = amc.Verify(count=2, fidelity="behavioural")
    >>> run = amc.simulate(circuit, np.eye(2), fidelity="dc", verify=verify)
    >>> run.verification.passed
    True
    """

    count: int = 0
    fidelity: str | None = None
    limit: float | str | Mapping[str, float | str] | None = None

    def __post_init__(self) -> None:
        """Validate; limits become numbers by name."""
        count = self.count
        if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < 0:
            raise InputError(f"verify = {count!r} must be a whole number, zero or positive")
        limits = self.limit if isinstance(self.limit, Mapping) else {}
        if self.limit is not None and not isinstance(self.limit, Mapping):
            limits = dict.fromkeys(FIGURES, _limit("limit", self.limit))
        object.__setattr__(self, "limit", {name: _limit_of(name, v) for name, v in limits.items()})

    @classmethod
    def of(cls, verify: int | Verify) -> Verify:
        """Return what is asked for by a count alone, too."""
        return verify if isinstance(verify, Verify) else cls(verify)

    def higher(self, analysis: Analysis) -> str:
        """Return the fidelity that checks an analysis.

        Raises
        ------
        InputError
            If nothing checks it, or the chosen one is not above it.
        """
        above = _above(analysis.fidelity)
        if not above:
            raise InputError(
                f"there is nothing to verify the {analysis.fidelity} fidelity with: use "
                "reduced, behavioural or dc"
            )
        if self.fidelity is not None and self.fidelity not in above:
            raise InputError(
                f"verify: the {self.fidelity} fidelity does not check {analysis.fidelity}; "
                f"choose from {', '.join(above)}"
            )
        return self.fidelity or above[0]

    def limits(self, tolerance: Tolerance) -> dict[str, float]:
        """Return the limits of all figures; those not given from what fidelities may be apart.

        Power is a product of voltages and currents, so it is off by twice what they are. Energy is
        power integrated until the settling time, where it is largest: up to twice the mean.
        """
        power = 2 * tolerance.solution
        own = (tolerance.solution, tolerance.settling, power, power + 2 * tolerance.settling)
        assert isinstance(self.limit, dict)
        return dict(zip(FIGURES, own, strict=True)) | self.limit


def _above(fidelity: str) -> list[str]:
    """Return the fidelities that check one, the next one first."""
    above: list[str] = []
    while (checks := BACKENDS[fidelity].verified_by) is not None and checks not in above:
        above.append(checks)
        fidelity = checks
    return above


def _limit_of(figure: str, value: Any) -> float:
    if figure not in FIGURES:
        raise InputError(f"verify: limit of {figure!r}: {did_you_mean(figure, FIGURES)}")
    return _limit(f"limit of {figure}", value)


def _limit(name: str, value: Any) -> float:
    try:
        number = to_number(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"verify: {name} = {value!r}: {error}") from None
    if not (number > 0 and math.isfinite(number)):
        raise InputError(f"verify: {name} = {value!r} must be a fraction above zero")
    return number


@dataclass(frozen=True, eq=False)
class Verification:
    """Some regressions run again at a higher fidelity.

    Deviations are nan where neither fidelity has the figure (settling and energy without time, or
    of what settles at neither), and inf where one of them lacks it.

    Parameters
    ----------
    fidelity : str
        That they were run again with.
    solution_deviation : ndarray, shape (N,)
        2-norm of the difference over that of the solution at the higher fidelity; where all outputs
        stay below the voltage that the fidelities resolve, over that.
    settling_deviation : ndarray, shape (N,)
        Difference over the settling time at the higher fidelity.
    power_deviation : ndarray, shape (N,)
        Difference over what supplies and inputs deliver and take in at the higher fidelity, at
        rest.
    energy_deviation : ndarray, shape (N,)
        Difference over the energy until settled at the higher fidelity.
    knife_edge : ndarray of bool, shape (N,)
        Where settling and energy deviate by more than their limit, but only because an output just
        leaves its band or does not: a band 2 % wider or narrower moves the settling time of one of
        the fidelities by more than 2 %, and the figures between the two bands meet.
    limits : dict of str to float
        Largest deviations: ``solution``, ``settling``, ``power``, ``energy``.
    """

    fidelity: str
    solution_deviation: Array
    settling_deviation: Array
    power_deviation: Array
    energy_deviation: Array
    knife_edge: NDArray[np.bool_]
    limits: dict[str, float]

    def __len__(self) -> int:
        """Return how many were checked."""
        return len(self.solution_deviation)

    @property
    def limit(self) -> float:
        """Largest deviation of a solution."""
        return self.limits["solution"]

    def largest(self, figure: str) -> float:
        """Return the largest magnitude of a figure's finite deviations; nan if there are none."""
        values = np.abs(self._deviations(figure))
        finite = values[np.isfinite(values)]
        return float(finite.max()) if finite.size else float("nan")

    @property
    def largest_solution_deviation(self) -> float:
        """Of all that were checked; inf if a solution is unknown."""
        return float(self.solution_deviation.max())

    @property
    def largest_settling_deviation(self) -> float:
        """Magnitude, of those that settled both times; nan if there are none."""
        return self.largest("settling")

    def _deviations(self, figure: str) -> Array:
        values: Array = getattr(self, f"{figure}_deviation")
        return values

    @property
    def failed(self) -> dict[str, int]:
        """How many are beyond the limit, by figure; figures within it are left out."""
        counts = {}
        for figure in FIGURES:
            values = np.abs(self._deviations(figure))
            beyond = ~(values <= self.limits[figure])
            if figure in TIMED:
                beyond &= ~np.isnan(values) & ~self.knife_edge
            if beyond.any():
                counts[figure] = int(beyond.sum())
        return counts

    @property
    def passed(self) -> bool:
        """Whether no figure deviates by more than its limit, or is known to one fidelity only."""
        return not self.failed

    @property
    def caution(self) -> str:
        """What is not confirmed, in words; empty if all is."""
        count = len(self)
        wrong = [
            f"{_WORDS[figure]} of {failed} of {count} ({self._apart(figure)}; limit "
            f"{_fraction(self.limits[figure])})"
            for figure, failed in self.failed.items()
        ]
        return f"not confirmed at {self.fidelity} fidelity: {', '.join(wrong)}" if wrong else ""

    def __str__(self) -> str:
        count = len(self)
        apart = ", ".join(f"{_WORDS[figure]} {self._apart(figure)}" for figure in FIGURES)
        edges = int(self.knife_edge.sum())
        explained = f" ({edges} of {count} on a knife edge of the settling band)" if edges else ""
        failed = [
            f"{_WORDS[figure]} beyond {_fraction(self.limits[figure])}" for figure in self.failed
        ]
        return (
            f"verified {counted(count, 'regression')} at {self.fidelity} fidelity: "
            f"{apart}{explained}" + (f": NOT CONFIRMED, {', '.join(failed)}" if failed else "")
        )

    def _apart(self, figure: str) -> str:
        """Return the largest deviation of a figure in words, and where there is none."""
        values, largest = self._deviations(figure), self.largest(figure)
        lacking, without = int(np.isinf(values).sum()), int(np.isnan(values).sum())
        words = [f"off by at most {_fraction(largest)}"] if math.isfinite(largest) else []
        if lacking:
            words.append(f"{lacking} known to one fidelity only")
        if without:
            words.append(f"{'not' if without == len(self) else f'{without} not'} compared")
        return " and ".join(words)

    @classmethod
    def join(cls, parts: Sequence[Verification]) -> Verification | None:
        """Return several as one; None if there is none."""
        if not parts:
            return None
        names = (*(f"{figure}_deviation" for figure in FIGURES), "knife_edge")
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(fidelity=parts[0].fidelity, limits=parts[0].limits, **joined)


def _fraction(value: float) -> str:
    """Return a fraction as people read it: percent where there are some."""
    if value < 1e-3:
        return f"{value:.1e}"
    return f"{100 * value:.2g} %" if value < 0.1 else f"{100 * value:.0f} %"
