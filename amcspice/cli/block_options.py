"""Linear systems in blocks and their refinement, as ``solve inv`` and ``forecast`` take them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click
import numpy as np

from amcspice.algorithm.block_inverse import BlockInverse
from amcspice.algorithm.refinement import METHODS, CompensatedProduct, Forecast, forecast
from amcspice.circuit.base import Array, are_complex
from amcspice.cli.common import Settings
from amcspice.cli.parameter_options import decorate
from amcspice.device.hardware import PARTS
from amcspice.errors import InputError, UnsupportedError
from amcspice.problem.complex_form import complex_form
from amcspice.system import Chip

__all__ = ["Blocks", "block_options"]

C = TypeVar("C", bound=Callable[..., Any])

NAMES = ("stages", "array_size", "own_scale", "refine", "method", "slices", "iterations")


def block_options(command: C) -> C:
    """Add the options to a command; it receives them as ``blocks``, a `Blocks`."""

    def wrapped(*args: Any, **values: Any) -> Any:
        asked = {name: values.pop(name) for name in NAMES}
        return command(*args, blocks=Blocks(**asked), **values)

    options = [
        click.Option(
            ["--stages"], type=click.IntRange(min=0), metavar="N",
            help="Solve in blocks, halved so often (inv).",
        ),
        click.Option(
            ["--array-size"], type=click.IntRange(min=1), metavar="N",
            help="Or halved until no block has more rows.",
        ),
        click.Option(
            ["--own-scale"], is_flag=True,
            help="Every block uses all conductances, instead of one scale for all.",
        ),
        click.Option(
            ["--refine"], type=click.FloatRange(min=1, max=50), metavar="BITS",
            help="Refine solutions to so many bits (inv).",
        ),
        click.Option(
            ["--method"], type=click.Choice(METHODS), default=None,
            help="Of refinement.  [default: gcr]",
        ),
        click.Option(
            ["--slices"], type=click.IntRange(min=1), metavar="N",
            help="The product of refinement on so many arrays, each programmed with what those "
            "before it miss.  [default: digital]",
        ),
        click.Option(
            ["--iterations"], type=click.IntRange(min=1), default=None, metavar="N",
            help="Of refinement, at most.  [default: 60]",
        ),
    ]  # fmt: skip
    wrapped.__doc__, wrapped.__name__ = command.__doc__, command.__name__
    if hasattr(command, "__click_params__"):
        wrapped.__click_params__ = command.__click_params__  # type: ignore[attr-defined]
    decorated: Any = decorate(options)(wrapped)
    return decorated  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Blocks:
    """What was asked of blocks and refinement; None where it was not."""

    stages: int | None
    array_size: int | None
    own_scale: bool
    refine: float | None
    method: Any
    slices: int | None
    iterations: int | None

    @property
    def asked(self) -> bool:
        """Whether anything was."""
        return any(getattr(self, name) for name in NAMES) or self.stages is not None

    def check(self, problem: str) -> None:
        """Refuse what does not fit together.

        Raises
        ------
        UnsupportedError, InputError
        """
        if problem != "inv":
            raise UnsupportedError(f"blocks and refinement are of problem inv, not of {problem}")
        if self.stages is not None and self.array_size is not None:
            raise InputError("give either --stages or --array-size")
        if self.refine is None:
            extra = [name for name in ("method", "slices", "iterations") if getattr(self, name)]
            if extra:
                raise InputError(f"--{extra[0]}: of refinement; give --refine BITS, too")

    def chip(self, settings: Settings) -> Chip:
        """Return a chip of the hardware that was asked for."""
        if settings.circuit is not None:
            raise UnsupportedError("--circuit: blocks take the inverse that fits their signs")
        fields = dict(vars(settings.analysis))
        volts = fields.pop("range")
        parts = {name: part for name, part in settings.parameters.items() if name in PARTS}
        return Chip(
            range="predicted" if volts == "reference" else volts, jobs=settings.jobs,
            cost_sample=max(32, settings.verify.count), **parts, **fields,
        )  # fmt: skip

    def inverse(self, chip: Chip, matrix: Any, b: Any, settings: Settings) -> BlockInverse:
        """Program a matrix."""
        others = {name: value for name, value in settings.parameters.items() if name not in PARTS}
        others.pop("cycle", None)
        size: dict[str, Any] = (
            {"array_size": self.array_size} if self.array_size else {"stages": self.stages or 0}
        )
        return BlockInverse(chip, matrix, own_scale=self.own_scale, calibration=b, **size, **others)

    def product(self, chip: Chip, matrix: Any) -> CompensatedProduct | None:
        """Program the product of refinement; None if it is digital."""
        if self.slices is None:
            return None
        return CompensatedProduct(chip, real_form(matrix), self.slices)

    def forecast(self, inverse: BlockInverse, product: CompensatedProduct | None) -> Forecast:
        """Return what refinement will do."""
        held = None if product is None else product.matrix
        return forecast(inverse.matrix, inverse.transfer(), held)


def real_form(matrix: Any) -> Array:
    """Return a matrix, or the real form of a complex one."""
    if are_complex(matrix):
        return complex_form("inv", matrix, None, {}).matrix
    values: Array = np.asarray(matrix, float)
    return values
