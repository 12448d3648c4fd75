"""`BlockSolver`, `BlockForecast`: A x = b beyond one array, with all that may be chosen.

The fields are options of ``amcspice solve inv`` and ``forecast``, and parameters of sweeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from amcspice.algorithm.block_inverse import BlockInverse
from amcspice.algorithm.refinement import (
    CompensatedProduct,
    Forecast,
    Method,
    SlicedProduct,
    Slicing,
    forecast,
    refine,
    rehearse,
)
from amcspice.algorithm.solved import Solved
from amcspice.algorithm.system import Figures, Point, System
from amcspice.circuit.base import Array, are_complex
from amcspice.errors import InputError
from amcspice.problem import PROBLEMS, relative_error, relative_size
from amcspice.problem.complex_form import as_complex_matrix
from amcspice.schema import Quantity, parameters
from amcspice.system import Chip

__all__ = ["BlockForecast", "BlockSolver", "ProgrammedBlocks"]

METHOD: Method = "gcr"
ITERATIONS = 60

FORECAST = {"spectral_radius": "", "bits_per_iteration": "", "converges": "", "floor_bits": ""}
SHARED = ("amplifiers", "cells", "dacs", "adcs", "switches", "sample_and_holds")
HARDWARE = {
    "phases": "",
    **{name: "" for part in SHARED for name in (part, f"{part}_unrolled")},
    "schur_flops": "",
    "order_flops": "",
}
"""Metrics: `Forecast`; `BlockInverse.counts`."""

OF_REFINEMENT = ("method", "product", "slices", "iterations")

PRODUCTS: Mapping[str, Any] = {"compensated": CompensatedProduct, "sliced": SlicedProduct}


@parameters
class BlockSolver(Slicing, System):
    """How a linear system is solved: in blocks, refined.

    Raises
    ------
    InputError
        If values do not fit together.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> from amcspice.algorithm import BlockSolver
    >>> A, b = np.eye(6) + 0.1, np.ones(6)
    >>> blocks = BlockSolver(stages=1, refine=20).program(amc.Chip(gain=1e4), A, b)
    >>> bool(abs(A @ blocks.solve(b).x - b).max() < 1e-5)
    True
    """

    name: ClassVar[str] = "inv"
    asks: ClassVar[str | None] = "inv"
    metrics: ClassVar[Mapping[str, str]] = {
        "relative_error_median": "",
        "relative_error_max": "",
        "residual": "",
        "settling_time_s": "s",
        "settled": "",
        "repeats": "",
        "iterations": "",
        "bits": "",
        **FORECAST,
        **HARDWARE,
    }
    """The residual is the largest, and so is settling, of all phases of a pass in turn.

    Iterations and bits are there where solutions are refined, and so is their forecast.
    """
    higher_is_better: ClassVar[tuple[str, ...]] = ("bits", "bits_per_iteration", "floor_bits")

    stages: Annotated[
        int | None, Field(ge=0, description="Solve in blocks, halved so often; 0: a single array.")
    ] = None
    array_size: Annotated[
        int | None,
        Field(ge=1, description="In the place of stages: halved until no block has more rows."),
    ] = None
    own_scale: Annotated[
        bool,
        Field(description="Every block uses all conductances, instead of one scale for all."),
    ] = False
    refine: Annotated[
        float | None,
        Field(ge=1, le=50, description="Refine solutions to so many bits."),
        Quantity(),
    ] = None
    method: Annotated[Method | None, Field(description="Of refinement; default: gcr.")] = None
    product: Annotated[
        Literal["digital", "compensated", "sliced"] | None,
        Field(
            description="The product of refinement: digital; on slices, each programmed with what "
            "those before it miss (compensated); or on slices of digits that are rounded (sliced); "
            "default: compensated if slices are given, else digital."
        ),
    ] = None
    slices: Annotated[
        int | None,
        Field(
            ge=1,
            description="The product, of refinement or of iterations, on so many arrays; default: "
            "of refinement as many as its bits need, of iterations one.",
        ),
    ] = None
    ranged: Annotated[
        bool,
        Field(
            description="Every iteration of refinement is ranged by its residual; if not, the "
            "converters keep the full scales of the first one."
        ),
    ] = True
    iterations: Annotated[
        int | None,
        Field(ge=1, description="At most; default: 60 of refinement, 200 on products."),
    ] = None

    def __post_init__(self) -> None:
        if self.stages is not None and self.array_size is not None:
            raise InputError("stages, array_size: give one of them")
        extra = [name for name in OF_REFINEMENT if getattr(self, name) is not None]
        if not self.ranged:
            extra.append("ranged")
        if extra and self.refine is None:
            raise InputError(f"{extra[0]}: of refinement; give refine, the bits, too")
        if self.slices is not None and self.product == "digital":
            raise InputError("slices: of a product that is not digital")
        cut = [name for name, given in self.slicing.items() if given != getattr(Slicing(), name)]
        if cut and self.product != "sliced":
            raise InputError(f"{cut[0]}: of a product by slices of digits; give product sliced")

    @property
    def slicing(self) -> dict[str, Any]:
        """The fields of `Slicing`."""
        return {name: getattr(self, name) for name in Slicing.__dataclass_fields__}

    def program(
        self, chip: Chip, matrix: ArrayLike, b: ArrayLike | None = None, **circuit: Any
    ) -> ProgrammedBlocks:
        """Program a matrix, and the product of its refinement.

        Parameters
        ----------
        chip : Chip
        matrix : array_like, shape (n, n)
            Complex too, by its real form.
        b : array_like, shape (n,) or (n, K), optional
            Right-hand sides like those to come, which calibrate ranges; complex where they will be.
        **circuit
            Parameters of the inverting circuits, such as ``input_conductance``.

        Raises
        ------
        InputError, UnstableError
            See `BlockInverse`.
        """
        if b is not None and are_complex(b):
            matrix = as_complex_matrix(matrix)
        form = PROBLEMS["inv"].circuit_form(matrix, b, {})
        size: dict[str, Any] = (
            {"array_size": self.array_size} if self.array_size else {"stages": self.stages or 0}
        )
        inverse = BlockInverse(
            chip, form.matrix, own_scale=self.own_scale, calibration=form.vectors, **size, **circuit
        )
        return ProgrammedBlocks(self, matrix, inverse, self._product(chip, form.matrix))

    def _product(self, chip: Chip, matrix: Array) -> CompensatedProduct | SlicedProduct | None:
        """Program the product of refinement; None if it is digital."""
        kind = self.product or ("digital" if self.slices is None else "compensated")
        if kind == "digital" or self.refine is None:
            return None
        more = self.slicing if kind == "sliced" else {}
        product: CompensatedProduct | SlicedProduct = PRODUCTS[kind](
            chip, matrix, self.slices, bits=self.refine, **more
        )
        return product

    def run(self, point: Point) -> Figures:
        """Solve a point; see `System.run`."""
        matrix = point.matrix()
        b = point.vectors(matrix)
        blocks = self.program(point.chip, matrix, b, **point.circuit_options)
        x, refined = (made := blocks.solve(b)).x, made.refined
        exact: Any = np.linalg.solve(matrix, b)
        errors = relative_error(x.T, exact.T)
        figures: dict[str, float | int | bool] = {
            "relative_error_median": float(np.median(errors)),
            "relative_error_max": float(errors.max()),
            "residual": float(relative_size((matrix @ x - b).T, b.T).max()),
            "settling_time_s": float(np.max(made.settling_time)),
            "settled": float(np.mean(made.settled)),
            "repeats": sum(phase.repeats for phase in blocks.inverse.phases),
            **blocks.inverse.counts(),
        }
        if refined is not None:
            resting = blocks
            if not point.chip.analysis_has_no_time:
                chip = point.new_chip("dc")
                resting = self.program(chip, matrix, b, **point.circuit_options)
            figures |= {"iterations": refined.iterations, "bits": refined.bits}
            figures |= _figures(resting.forecast())
        return figures


@parameters
class BlockForecast(BlockSolver):
    """What `BlockSolver` would do, from what the programmed arrays apply at rest, not running it.

    Iterations are those of plain refinement.
    """

    name: ClassVar[str] = "forecast"
    metrics: ClassVar[Mapping[str, str]] = {"iterations": "", **FORECAST, **HARDWARE}

    refine: Annotated[
        float, Field(ge=1, le=50, description="Bits that are aimed at."), Quantity()
    ] = 24.0

    def run(self, point: Point) -> Figures:
        """Forecast a point; see `System.run`."""
        matrix = point.matrix()
        chip = point.new_chip("dc")
        blocks = self.program(chip, matrix, point.vectors(matrix), **point.circuit_options)
        made = blocks.forecast()
        needed = made.iterations(self.refine)
        return {
            "iterations": np.nan if needed is None else needed,
            **_figures(made),
            **blocks.inverse.counts(),
        }


def _figures(made: Forecast) -> dict[str, float | bool]:
    return {name: getattr(made, name) for name in FORECAST}


@dataclass(frozen=True, eq=False)
class ProgrammedBlocks:
    """A matrix in blocks on a chip, with the product that refines its solutions.

    Parameters
    ----------
    solver : BlockSolver
    matrix : array_like, shape (n, n)
        As it was given; circuits hold its real form where it is complex.
    inverse : BlockInverse
    product : CompensatedProduct or SlicedProduct, optional
        None is digital.
    """

    solver: BlockSolver
    matrix: ArrayLike
    inverse: BlockInverse
    product: CompensatedProduct | SlicedProduct | None

    def solve(self, b: ArrayLike) -> Solved:
        """Return solutions of right-hand sides (n,) or (n, K).

        Raises
        ------
        InputError
            If they do not fit.
        """
        form = PROBLEMS["inv"].circuit_form(self.matrix, b, {})
        real = self.inverse.matrix
        if form.matrix.shape != real.shape:
            raise InputError("right-hand side: complex, but a real matrix was programmed")
        assert form.vectors is not None
        asked, refined = self.solver, None
        if asked.refine is None:
            x = self.inverse.solve(form.vectors)
        else:
            refined = refine(
                self.inverse, real, form.vectors, product=self.product,
                ledger=self.inverse.chip.ledger, method=asked.method or METHOD, bits=asked.refine,
                iterations=asked.iterations or ITERATIONS, ranged=asked.ranged,
            )  # fmt: skip
            x = refined.x
        return Solved(form.restore(x.T).T, refined, self.inverse.measurements)

    def forecast(self) -> Forecast:
        """Return what refinement will do, from what the programmed arrays really apply."""
        if self.product is None:
            return forecast(self.inverse.matrix, self.inverse.transfer())
        held, deviation = self.product.matrix, self.product.deviation
        return forecast(self.inverse.matrix, self.inverse.transfer(), held, deviation=deviation)

    def rehearse(self) -> int | None:
        """Return how many iterations the method will take to the bits; None if it gets not there.

        See `amcspice.algorithm.rehearse`: with what the arrays apply, in no account.
        """
        held = None if self.product is None else self.product.matrix
        return rehearse(
            self.inverse.matrix, self.inverse.transfer(), held,
            method=self.solver.method or METHOD, bits=self.solver.refine or 1.0,
            iterations=self.solver.iterations or ITERATIONS,
        )  # fmt: skip
