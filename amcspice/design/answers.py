"""`Requirements`: what was asked of a circuit, and what its parts have to be for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from amcspice.errors import counted
from amcspice.schema import Quantity, parameters, to_text

__all__ = ["UNITS", "Answer", "Requirement", "Requirements"]

UNITS: Mapping[str, str] = {
    "wire_resistance": "ohm", "write_noise": "", "levels": "", "gain": "V/V", "gbw": "Hz",
}  # fmt: skip
"""What is asked for, with its unit."""


@parameters
class Requirement:
    """What is asked of a circuit."""

    error: Annotated[
        float,
        Field(gt=0, lt=1, description="Largest relative error, rms over problems and draws."),
        Quantity("", (1e-6, 0.5)),
    ]
    settle: Annotated[
        float | None,
        Field(gt=0, description="Longest settling time of all right-hand sides; none: any."),
        Quantity("s", (1e-12, 10)),
    ] = None
    seeds: Annotated[
        int, Field(ge=1, description="Draws of cells and amplifiers of every problem.")
    ] = 3


@dataclass(frozen=True)
class Answer:
    """What a parameter has to be, all others being as they are given.

    Parameters
    ----------
    value : float or int or None
        Worst one that meets the requirement; None where none does, or of levels: continuous.
    spread : float
        Its standard deviation over sets of problems like these; nan where it is not known.
    reachable : bool
        Whether there is one.
    error : float
        Relative error there, rms.
    settling_time : float
        Longest one there [s]; nan where it was not asked for.
    beyond, beyond_error, beyond_settling_time : float
        A value that is a fifth worse, of levels the largest that was scanned and missed, and what
        it gives; nan where there is none.
    reason : str
        Why there is no value, or what is to be said of it.
    runs : int
        Circuits that it took.
    """

    value: float | int | None
    spread: float
    reachable: bool
    error: float
    settling_time: float
    beyond: float = np.nan
    beyond_error: float = np.nan
    beyond_settling_time: float = np.nan
    reason: str = ""
    runs: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "value": self.value if self.reachable else None,
            "spread": self.spread,
            "reachable": self.reachable,
            "relative_error": self.error,
            "settling_time_s": self.settling_time,
            "beyond": {
                "value": self.beyond,
                "relative_error": self.beyond_error,
                "settling_time_s": self.beyond_settling_time,
            },
            "reason": self.reason,
            "runs": self.runs,
        }


@dataclass(frozen=True)
class Requirements:
    """What a circuit needs; make it with `amcspice.require`.

    Parameters
    ----------
    problem, circuit : str
    asked : Requirement
    problems : int
    answers : dict of str to Answer
        By parameter.
    range_choice : str
        How volts per unit were chosen: ``reference`` is with the ideal answer, an oracle.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> needed = amc.require("inv", [([[2.0, 1.0], [1.0, 3.0]], np.eye(2))], error="2 %")
    >>> isinstance(needed, amc.Requirements), "gain" in needed.answers
    (True, True)
    """

    problem: str
    circuit: str
    asked: Requirement
    problems: int
    answers: Mapping[str, Answer]
    range_choice: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "problem": self.problem,
            "circuit": self.circuit,
            "error": self.asked.error,
            "settle_s": self.asked.settle,
            "problems": self.problems,
            "seeds": self.asked.seeds,
            "range": self.range_choice,
            "answers": {name: each.to_json() for name, each in self.answers.items()},
        }

    def __str__(self) -> str:
        settle = "" if self.asked.settle is None else f" in {to_text(self.asked.settle, 's')}"
        lines = [
            f"{self.problem} on {self.circuit}, error of {self.asked.error:.3g}{settle}, rms over "
            f"{counted(self.problems, 'problem')}, {counted(self.asked.seeds, 'draw')} each:"
        ]
        lines += [f"  {_line(name, each)}" for name, each in self.answers.items()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def _line(name: str, each: Answer) -> str:
    label = f"{name.replace('_', ' '):16}"
    if not each.reachable:
        return f"{label}cannot be met: {each.reason}"
    sign = "at most " if name in ("wire_resistance", "write_noise") else "at least "
    value = "continuous" if each.value is None else f"{sign}{to_text(each.value, UNITS[name])}"
    spread = f" +- {to_text(each.spread, UNITS[name])}" if each.spread > 0 else ""
    gives = f" (error {each.error:.2e}"
    if np.isfinite(each.settling_time):
        gives += f", settling {to_text(each.settling_time, 's')}"
    if np.isfinite(each.beyond):
        gives += f"; at {to_text(each.beyond, UNITS[name])} {each.beyond_error:.2e}"
        if np.isfinite(each.beyond_settling_time):
            gives += f", {to_text(each.beyond_settling_time, 's')}"
    reason = f"; {each.reason}" if each.reason else ""
    return f"{label}{value}{spread}{gives}){reason}"
