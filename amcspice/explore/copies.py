"""A question as text that gives the numbers of the page: Python, a command, an experiment file."""

from __future__ import annotations

import shlex
from typing import Any

import numpy as np

from amcspice.circuit.base import Array
from amcspice.explore.session import Question
from amcspice.problem.generators import is_file
from amcspice.schema import Scalar
from amcspice.settings.files import experiment_toml
from amcspice.settings.table import PARAMETERS
from amcspice.sweep.point import command as point_command

__all__ = ["command", "copies", "python", "toml"]

MOST_NUMBERS = 256
"""Entries of a matrix that stand in a script; larger ones are read from their file."""

READERS = {".npy": "np.load({name!r})", ".csv": 'np.loadtxt({name!r}, delimiter=",", ndmin=2)'}
"""How scripts read files, by their ending."""


def copies(question: Question) -> dict[str, str]:
    """Return a question as text of every kind."""
    return {"python": python(question), "command": command(question), "toml": toml(question)}


def told(question: Question) -> dict[str, Scalar]:
    """Return what has to be said for a question: with what an experiment chose by itself."""
    experiment = question.experiment
    chosen: dict[str, Scalar] = {**question.told, "circuit": experiment["circuit"]}
    if "matrix" not in chosen:
        chosen["columns"] = experiment["columns"]
    if experiment["hold"]:  # of generated problems alone
        chosen["hold"] = True
    table = {name: chosen[name] for name in PARAMETERS if name in chosen}
    return {name: value for name, value in table.items() if name != "seed" or value}


def toml(question: Question) -> str:
    """Return an experiment file, as ``amcspice solve --config`` and sweeps take it."""
    return experiment_toml(told(question))


def command(question: Question) -> str:
    """Return a command line.

    ``amcspice solve`` takes right-hand sides of a matrix file from a file; where there is none,
    a sweep generates them.
    """
    values = told(question)
    problem = values.pop("problem")
    matrix = values.get("matrix")
    if isinstance(matrix, str) and is_file(matrix) and "rhs" not in values:
        text = point_command({**question.experiment.values, "matrix": _readable(question)})
        return text.replace(_readable(question), shlex.quote(matrix))
    words = [f"amcspice solve {problem}"]
    for name, value in values.items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words.append(f"--{option} {shlex.quote(_word(value))}")
    return " ".join(words)


def _readable(question: Question) -> str:
    """Return where the matrix file is."""
    return str(question.experiment["matrix"])


def _word(value: Scalar) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def python(question: Question) -> str:
    """Return a script that prints the figures of the page, and the error budget."""
    experiment, values = question.experiment, told(question)
    problem = values["problem"]
    imports = ["import amcspice as amc"]
    lines = _matrix(question)
    if any("np." in line for line in lines):
        imports.insert(0, "import numpy as np")
    if any("GeneratedProblem" in line for line in lines):
        imports.append("from amcspice.problem.generators import GeneratedProblem")
    options = {name: value for name, value in values.items() if _is_option(name)}
    if "seed" in values:
        options["seed"] = values["seed"]
        if not experiment.hardware().opamp.matched:
            options.setdefault("mismatch_seed", values["seed"])
    fidelity = options.pop("fidelity")
    return "\n".join([
        "\n".join(imports), "", *lines, "",
        "parameters = dict(", *(f"    {name}={value!r}," for name, value in options.items()), ")",
        f'run = amc.solve("{problem}", A, b, fidelity="{fidelity}", **parameters)',
        'print("x", run.x)',
        'print("relative error", run.relative_error)',
        'print("settling time [s]", run.settling_time)',
        'print("power [W]", run.power["total"])',
        'print("energy [J]", run.energy)', "",
    ])  # fmt: skip


def _is_option(name: str) -> bool:
    """Whether a parameter is one of `amcspice.solve`."""
    return PARAMETERS[name].group != "problem" and name != "seed"


def _matrix(question: Question) -> list[str]:
    """Return the lines that make A and b."""
    experiment = question.experiment
    generated = experiment.generated_problem
    matrix = str(question.told.get("matrix", ""))
    if not is_file(matrix):
        settings: dict[str, Any] = {
            name: getattr(generated, name)
            for name in ("signed", "setting", "zeros", "noise", "seed")
            if getattr(generated, name)
        }
        words = "".join(f", {name}={value!r}" for name, value in settings.items())
        made = f'"{generated.problem}", "{generated.matrix}", {generated.rows}, {generated.columns}'
        return [
            f"generated = GeneratedProblem({made}{words})",
            "A = generated.make()",
            "b = generated.vectors(A)[:, 0]",
        ]
    A = experiment.matrix()
    b = experiment.vectors(A)[:, 0]
    ending = matrix[matrix.rfind(".") :].lower()
    if A.size <= MOST_NUMBERS or ending not in READERS:
        return [f"A = {_literal(A)}", f"b = {_literal(b)}"]
    return [f"A = {READERS[ending].format(name=matrix)}", f"b = {_literal(b)}"]


def _literal(values: Array) -> str:
    """Return an array as code, to the last digit."""
    with np.printoptions(threshold=values.size + 1, floatmode="unique", linewidth=96):
        return f"np.{values!r}"
