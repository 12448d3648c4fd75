"""``amcspice require``: what cells, wires and amplifiers have to be."""

from __future__ import annotations

import re
from typing import Any

import click

from amcspice.cli.common import Settings, shared_options
from amcspice.cli.parameter_options import (
    GroupedCommand,
    decorate,
    field_options,
    given,
    parameter_options,
)
from amcspice.cli.problem_input import problem_input, problem_parameters
from amcspice.cli.progress import activity
from amcspice.design import Requirement, require
from amcspice.errors import InputError, UnsupportedError
from amcspice.problem import PROBLEMS
from amcspice.problem.generators import is_file
from amcspice.schema import field_parameters

__all__ = ["require_parts"]

NAMES = tuple(parameter.name for parameter in field_parameters(Requirement))

_GENERATED = [
    item for item in problem_parameters() if item.name not in ("rows", "columns", "problem_seed")
]


class _Shape(click.ParamType):  # type: ignore[type-arg]
    """ROWSxCOLUMNS."""

    name = "shape"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return rows and columns, or fail with a message."""
        found = re.fullmatch(r"(\d+)\s*x\s*(\d+)", str(value).strip())
        if found is None or "0" in found.groups():
            self.fail(f"{value!r} must be ROWSxCOLUMNS, such as 64x16", param, ctx)
        return int(found[1]), int(found[2])


@click.command(
    "require",
    cls=GroupedCommand,
    epilog="Example: amcspice require nnls --shape 64x16 --error '1 %' --settle '1 us'",
)
@click.argument("problem")
@click.option(
    "--shape", type=_Shape(), metavar="ROWSxCOLUMNS",
    help="Of generated problems; or give --matrix, a file.",
)  # fmt: skip
@click.option(
    "--problems", type=click.IntRange(min=1), default=10, show_default=True, metavar="N",
    help="Generated problems that an error is the rms over; of a matrix from a file, draws.",
)  # fmt: skip
@decorate(field_options(Requirement))
@decorate(parameter_options(_GENERATED))
@shared_options
def require_parts(
    problem: str,
    shape: tuple[int, int] | None,
    problems: int,
    settings: Settings,
    **options: Any,
) -> None:
    """Say what cells, wires and amplifiers have to be for an error of PROBLEM.

    Largest wire resistance and write noise, fewest levels, smallest gain and, with --settle,
    gain-bandwidth product: each beside all others as they are given.
    """
    if settings.verify.count:
        raise UnsupportedError("--verify: of solve; answers say what a value beyond them gives")
    if "fidelity" in settings.given:
        raise UnsupportedError("--fidelity: errors are at dc and settling is behavioural")
    requirement = given(options, NAMES)
    if requirement.get("error") is None:
        raise InputError("--error: say which relative error has to be met, such as --error '1 %'")
    chosen = given(options, [item.name for item in _GENERATED])
    sets, seeds = _problems(problem, shape, problems, chosen, settings)
    seeds = requirement.pop("seeds", None) or seeds
    settings.write_config(problem=problem, **chosen)
    settings.at("dc").check_surroundings()
    fields = {name: value for name, value in vars(settings.analysis).items() if name != "fidelity"}
    with activity() as watch:
        found = require(
            problem, sets, circuit=settings.circuit, seeds=seeds, seed=settings.seed,
            progress=watch, **requirement, **settings.parameters, **fields,
        )  # fmt: skip
    if str(settings.json) != "-":
        click.echo(str(found))
    settings.write_json({**found.to_json(), "seed": settings.seed})


def _problems(
    problem: str, shape: tuple[int, int] | None, count: int, chosen: dict[str, Any],
    settings: Settings,
) -> tuple[list[tuple[Any, Any]], int]:  # fmt: skip
    """Return problems, and the draws of each: of a matrix from a file there is one."""
    matrix = chosen.get("matrix")
    if matrix is not None and is_file(matrix):
        if shape is not None:
            raise InputError("--shape: of generated problems, but the matrix is a file")
        return [problem_input(problem, chosen, settings)], count
    if shape is None:
        raise InputError("--shape: give rows and columns, such as --shape 64x16, or --matrix FILE")
    rows, columns = shape
    if PROBLEMS.choose(problem).square:
        if rows != columns:
            raise InputError(f"--shape: problem {problem} needs a square matrix")
        size = {"columns": columns}
    else:
        size = {"rows": rows, "columns": columns}
    first = settings.seed * count  # no problem belongs to two seeds
    return [
        problem_input(problem, {**chosen, **size, "problem_seed": first + number}, settings)
        for number in range(count)
    ], Requirement.__dataclass_fields__["seeds"].default
