"""`require`: what cells, wires and amplifiers have to be for an error, and for a settling time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import Circuit
from amcspice.design.answers import UNITS, Answer, Requirement, Requirements
from amcspice.design.error_budget import error_budget
from amcspice.design.search import Bound, Limit, Outcome, Value, Worst, bisect, scan
from amcspice.design.trials import ProblemSet
from amcspice.engine import split_options
from amcspice.errors import InputError
from amcspice.schema import to_text

__all__ = ["require"]

BEYOND = 1.2
"""How much worse than an answer a value is that is run to show that the limit is passed."""

LADDER = tuple(sorted({*range(2, 17), *(round(16 * 2 ** (k / 6)) for k in range(1, 37))}))
"""Numbers of levels that are scanned: all up to 16, then six an octave up to 1024."""

_BOUNDS: Mapping[str, Bound] = {
    "wire_resistance": Bound((0.0,), 1e-5, 1e4),
    "write_noise": Bound((0.0,), 1e-7, 1.0),
    "gain": Bound((1e9,), 0.0, 3.0),
}

_USUAL: Mapping[str, Value] = {
    "wire_resistance": 1.0, "write_noise": 0.01, "levels": 16, "gain": 1e4, "gbw": 1e7,
}  # fmt: skip
"""Values that tell whether hardware has such a parameter."""

_BANDWIDTHS = (1e5, 1e4, 1e3, 1e2)
"""Gain-bandwidth products that are tried first, times the settling time: with capacitances, not the
largest serves best."""

SMALLEST_BANDWIDTH = 1e-2
"""Times the settling time: no circuit settles with less."""


def require(
    problem: str,
    problems: Sequence[tuple[ArrayLike, ArrayLike | None]],
    *,
    error: float | str,
    settle: float | str | None = None,
    circuit: str | None = None,
    seeds: int = 3,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    **options: Any,
) -> Requirements:
    """Return what cells, wires and amplifiers have to be for an error, and a settling time.

    Parameters
    ----------
    problem : str
        A name of ``amcspice.PROBLEMS``.
    problems : sequence of (A, b)
        Ten or more like those to come, of one shape; right-hand sides as `amcspice.solve` takes
        them.
    error : float
        Largest relative error, rms over problems, draws and right-hand sides.
    settle : float, optional
        Longest settling time [s]; without it nothing is said of the gain-bandwidth product.
    circuit : str, optional
        Topology; None is the default of the problem.
    seeds, seed : int
        Draws of every problem, where anything is drawn, and what they follow from.
    progress : callable, optional
        Told what begins.
    **options
        Fields of `Analysis`, parameters of the circuit and its hardware: what each parameter is
        looked for beside.

    Returns
    -------
    Requirements

    Raises
    ------
    InputError
        If something cannot be used.

    Notes
    -----
    Every value meets the same problems and draws.  Errors are at dc; settling is behavioural.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> draw = np.random.default_rng(0)
    >>> problems = [(A, A @ [0.5, 0.2]) for A in draw.random((10, 6, 2))]
    >>> found = amc.require("lstsq", problems, error="1 %")
    >>> 0.001 < found.answers["write_noise"].value < 0.1
    True
    """
    asked: Any = {"error": error, "settle": settle, "seeds": seeds}
    asked = Requirement(**asked)
    fields, parameters_given = split_options(options)
    trials = ProblemSet.of(problem, problems, circuit, parameters_given, fields, asked.seeds, seed)
    answers = {}
    for name in UNITS:
        if name == "gbw" and asked.settle is None:
            continue
        if progress is not None:
            progress(name)
        answers[name] = _Question(name, trials, asked).answer()
    return Requirements(problem, trials.base.name, asked, len(trials), answers, trials.range_choice)


class _Question:
    """One parameter that is looked for."""

    def __init__(self, name: str, trials: ProblemSet, asked: Requirement) -> None:
        self.name, self.trials, self.asked = name, trials, asked
        self.in_time = name == "gbw"
        self.limit = Limit(asked.error, asked.settle if self.in_time else None)
        self.runs = 0

    def answer(self) -> Answer:
        """Return what the parameter has to be."""
        try:
            self.trials.circuits({self.name: _USUAL[self.name]})
        except InputError as error:
            return Answer(None, np.nan, False, np.nan, np.nan, reason=str(error))
        if self.name == "levels":
            worst = scan(self.evaluate, LADDER, self.limit)
        else:
            worst = bisect(self.evaluate, self._bound, self.limit)
        there = worst.tried[worst.value]
        if not worst.reachable:
            reason = self._missed(worst.value, there)
            return Answer(
                None, np.nan, False, there.error, self._time(there), reason=reason, runs=self.runs
            )
        reason = self._remark(worst)
        beyond, outcome = self._beyond(worst)
        settling = self._time(there)
        if self.asked.settle is not None and not self.in_time:
            settling = self.evaluate(worst.value, in_time=True).settling_time
            if not settling <= self.asked.settle:
                slow = f"settles in {to_text(settling, 's')}"
                late = slow if np.isfinite(settling) else "does not settle"
                late += " with the amplifiers as given"
                reason = "; ".join(filter(None, (reason, late)))
        return Answer(
            worst.value, worst.spread, True, there.error, settling, beyond,
            np.nan if outcome is None else outcome.error,
            np.nan if outcome is None else self._time(outcome), reason, self.runs,
        )  # fmt: skip

    @property
    def _bound(self) -> Bound:
        if not self.in_time:
            return _BOUNDS[self.name]
        settle = self.asked.settle
        assert settle is not None
        best = tuple(times / settle for times in _BANDWIDTHS)
        return Bound(best, 0.0, SMALLEST_BANDWIDTH / settle)

    def evaluate(self, value: Value, *, in_time: bool | None = None) -> Outcome:
        """Run every problem with a value."""
        circuits = self.trials.circuits({self.name: value})
        self.runs += len(circuits)
        return self.trials.run(circuits, in_time=self.in_time if in_time is None else in_time)

    def _time(self, outcome: Outcome) -> float:
        return outcome.settling_time if self.in_time else np.nan

    def _beyond(self, worst: Worst) -> tuple[float, Outcome | None]:
        """Return a value that is a fifth worse, and its outcome; of levels the last one missed."""
        if not worst.value or worst.open:
            return np.nan, None
        if self.name == "levels":
            last = max(number for number in worst.tried if number and number < worst.value)
            return float(last), worst.tried[last]
        grows = self.name in ("wire_resistance", "write_noise")
        value = worst.value * BEYOND if grows else worst.value / BEYOND
        return value, self.evaluate(value)

    def _remark(self, worst: Worst) -> str:
        if worst.open:
            return "even that meets it"
        if worst.value == 0 or worst.value is None:
            return "nothing worse that was tried meets it"
        return ""

    def _missed(self, value: Value, outcome: Outcome) -> str:
        """Return why even the best value does not do."""
        best = "continuous" if value is None else to_text(value, UNITS[self.name])
        words = f"with {self.name.replace('_', ' ')} {best}"
        if outcome.reason:
            return f"{words} {outcome.reason}"
        if outcome.error > self.asked.error:
            circuits = self.trials.circuits({self.name: value})
            return f"{words} the error is still {outcome.error:.3g}, {self._largest(circuits[0])}"
        if not np.isfinite(outcome.settling_time):
            return f"{words} a right-hand side does not settle"
        return f"{words} it still settles in {to_text(outcome.settling_time, 's')}"

    def _largest(self, circuit: Circuit) -> str:
        """Return what the error of a problem is made of, the largest part of it."""
        posed = self.trials.posed[0]
        budget = error_budget(
            circuit, posed.vectors, form=posed.form, seeds=self.asked.seeds,
            analysis=self.trials.at_rest,
        )  # fmt: skip
        return f"most of it by {budget.largest().replace('_', ' ')}"
