"""Matrix and right-hand sides of a command: from files, or generated."""

from __future__ import annotations

from typing import Any

import click
import numpy as np

from amcspice.cli.common import Settings
from amcspice.errors import InputError, counted
from amcspice.problem import PROBLEMS
from amcspice.problem.generators import is_file
from amcspice.schema import Parameter
from amcspice.settings.table import PARAMETERS
from amcspice.workload.matrix_file import read_numbers

__all__ = ["PROBLEM_NAMES", "problem_input", "problem_parameters", "told_input"]


def problem_parameters() -> list[Parameter]:
    """Return the parameters of what is asked, beside its name."""
    return [item for item in PARAMETERS.of_group("problem") if item.name != "problem"]


PROBLEM_NAMES = tuple(item.name for item in problem_parameters())


def problem_input(problem: str, chosen: dict[str, Any], settings: Settings) -> tuple[Any, Any]:
    """Return matrix and right-hand sides; None where these are left to the problem.

    Parameters
    ----------
    problem : str
    chosen : dict
        Parameters of the problem that were given.
    settings : Settings

    Raises
    ------
    InputError
        If something is missing or does not fit together.
    """
    asked = PROBLEMS.choose(problem)
    matrix, rhs = chosen.get("matrix"), chosen.get("rhs")
    if matrix is None and not any(name in chosen for name in ("columns", "rows")):
        raise InputError(
            "--matrix: give a file, or a generator, or --columns for a generated matrix of the "
            f"usual kind ({asked.generator})"
        )
    if matrix is not None and is_file(matrix):
        if rhs is None and not asked.has_default_input:
            raise InputError(f"problem {problem} needs right-hand sides: --rhs FILE")
        extra = sorted(chosen.keys() - {"matrix", "rhs"})
        if extra:
            name = extra[0].replace("_", "-")
            raise InputError(f"--{name}: of generated problems, but the matrix is a file")
        return read_numbers(matrix), None if rhs is None else read_numbers(rhs)
    from amcspice.sweep.spec.experiment import Experiment

    point = Experiment.of({**settings.given, **chosen, "problem": problem})
    made = point.matrix()
    return made, point.vectors(made)


def told_input(problem: str, chosen: dict[str, Any], settings: Settings) -> tuple[Any, Any]:
    """Return `problem_input`, and say what was generated where no file was given."""
    matrix, vectors = problem_input(problem, chosen, settings)
    given = chosen.get("matrix")
    if given is None or not is_file(given):
        seed = chosen.get("problem_seed")
        seed = settings.seed if seed is None else seed
        size = " x ".join(map(str, np.shape(matrix)))
        count = np.shape(vectors)[-1] if vectors is not None and np.ndim(vectors) == 2 else 1
        click.echo(
            f"note: a generated problem: matrix {given or PROBLEMS[problem].generator}, {size}, "
            f"{counted(count, 'right-hand side')}, seed {seed}",
            err=True,
        )
    return matrix, vectors
