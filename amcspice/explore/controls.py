"""What the page offers to change: names of parameters, and the stops of their sliders.

Unit, limits and help are those of `PARAMETERS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amcspice.circuit import CIRCUITS
from amcspice.problem import PROBLEMS
from amcspice.problem.generators import GENERATORS
from amcspice.schema import Scalar
from amcspice.settings.table import PARAMETERS

__all__ = ["CONTROLS", "Control", "contents", "fitting"]


@dataclass(frozen=True)
class Control:
    """One control of the page.

    Parameters
    ----------
    name : str
        Of the parameter.
    label : str
    group : str
        Heading under which it stands.
    stops : tuple of scalar
        Values of a slider; empty where the parameter has choices or is a flag.
    nothing : str
        What None is called.
    problems : tuple of str
        Those that have it; empty: all.
    fraction : bool
        Whether it is shown in percent.
    """

    name: str
    label: str
    group: str
    stops: tuple[Scalar, ...] = ()
    nothing: str = "none"
    problems: tuple[str, ...] = ()
    fraction: bool = False

    @property
    def generator(self) -> str:
        """The generator of matrices whose own parameter it is; "" if it is none's."""
        owners = (name for name, each in GENERATORS.items() if each.setting == self.name)
        return next(owners, "")


def _decades(first: int, last: int, *, steps: Sequence[float] = (1, 2, 5)) -> tuple[float, ...]:
    """Return preferred numbers from 10^first to 10^last."""
    powers = range(first, last)
    return (*(float(f"{step}e{power}") for power in powers for step in steps), float(f"1e{last}"))


_FINE = (1, 1.5, 2, 3, 5, 7)
_LEAST_SQUARES = ("lstsq", "nnls")

CONTROLS: Mapping[str, Control] = {
    control.name: control
    for control in (
        Control("problem", "problem", "Problem"),
        Control("matrix", "matrix", "Problem"),
        Control("columns", "unknowns", "Problem", (2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16)),
        Control("signed", "entries of both signs", "Problem"),
        Control("condition", "condition number", "Problem", _decades(0, 3, steps=_FINE)),
        Control("density", "density", "Problem", (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)),
        Control("dominance", "dominance", "Problem", (1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0)),
        Control("correlation", "correlation", "Problem", (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 0.9, 1.0)),
        Control("decay", "decay", "Problem", (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)),
        Control("problem_seed", "draw of the matrix", "Problem", tuple(range(21))),
        Control("circuit", "circuit", "Circuit"),
        Control("ridge", "ridge", "Circuit", (0.0, *_decades(-3, 0)), problems=_LEAST_SQUARES),
        Control("lasso", "L1 weight", "Circuit", _decades(-2, 0, steps=_FINE), problems=("lasso",)),
        Control("device", "cells", "Cells"),
        Control("levels", "levels", "Cells", (2, 4, 8, 16, 32, 64, 128, 256, None), "continuous"),
        Control("write_noise", "write noise", "Cells",
                (0.0, 0.001, 0.002, 0.005, *(k / 100 for k in range(1, 11)), 0.15, 0.2),
                fraction=True),
        Control("seed", "draw of cells", "Cells", tuple(range(21))),
        Control("wire_resistance", "a segment", "Wires", (0.0, *_decades(-2, 2, steps=_FINE))),
        Control("wire_capacitance", "its capacitance", "Wires", (0.0, *_decades(-16, -13))),
        Control("opamp", "amplifiers", "Amplifiers"),
        Control("gain", "gain", "Amplifiers", _decades(2, 7, steps=_FINE)),
        Control("gbw", "gain-bandwidth", "Amplifiers", _decades(6, 10, steps=_FINE)),
        Control("slew_rate", "slew rate", "Amplifiers", (*_decades(5, 10), None), "no limit"),
        Control("offset_sigma", "offsets, rms", "Amplifiers", (0.0, *_decades(-5, -2))),
        Control("adc_bits", "bits of outputs", "Converters", (*range(3, 15), None), "no converter"),
    )
}  # fmt: skip
"""Every control by the name of its parameter, in the order of the page."""


def fitting(problem: str, matrix: str) -> list[str]:
    """Return the names of the controls that a problem with a generated matrix has."""
    return [
        name
        for name, control in CONTROLS.items()
        if (not control.problems or problem in control.problems)
        and control.generator in ("", matrix)
    ]


def contents() -> dict[str, Any]:
    """Return what the page is made of: controls, and what fits which problem."""
    return {
        "controls": [_content(control) for control in CONTROLS.values()],
        "problems": {
            name: {
                "circuits": [key for key, kind in CIRCUITS.items() if name in kind.problems],
                "matrices": [
                    key for key, each in GENERATORS.items() if problem.square or not each.square
                ],
                "matrix": problem.generator,
            }
            for name, problem in PROBLEMS.items()
        },
    }


def _content(control: Control) -> dict[str, Any]:
    parameter = PARAMETERS[control.name]
    return {
        "name": control.name,
        "label": control.label,
        "group": control.group,
        "unit": {"ohm": "Ω", "V/V": ""}.get(parameter.unit, parameter.unit),
        "help": parameter.description,
        "kind": "slider" if control.stops else parameter.kind,
        "choices": list(parameter.choices),
        "stops": list(control.stops),
        "nothing": control.nothing,
        "problems": list(control.problems),
        "generator": control.generator,
        "fraction": control.fraction,
    }
