"""`ProductSolver`: A x = b by iterations on products, with all that may be chosen.

The fields are options of ``amcspice solve inv``, and parameters of sweeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from amcspice.algorithm.iterations.iterated import Iterated
from amcspice.algorithm.iterations.iteration import ITERATIONS, Iteration, iterate
from amcspice.algorithm.refinement import CompensatedProduct
from amcspice.algorithm.system import Figures, Point, System
from amcspice.circuit.base import are_complex
from amcspice.errors import InputError
from amcspice.problem import PROBLEMS, CircuitForm, relative_error, relative_size
from amcspice.problem.complex_form import as_complex_matrix
from amcspice.schema import Quantity, parameters
from amcspice.system import Chip, ProgrammedMatrix

__all__ = ["ProductSolver", "ProgrammedProduct"]

RESIDUAL, MOST_ITERATIONS = 1e-6, 200


@parameters
class ProductSolver(System):
    """How a linear system is solved by iterations on products.

    Raises
    ------
    InputError
        If there is no method.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> from amcspice.algorithm import ProductSolver
    >>> A, b = np.eye(6) + 0.1, np.arange(6.0)
    >>> made = ProductSolver(iterate="cg").program(amc.Chip(gain=1e9), A).solve(b)
    >>> bool(abs(A @ made.x - b).max() < 1e-5)
    True
    """

    name: ClassVar[str] = "iterate"
    asks: ClassVar[str | None] = "inv"
    chosen_by: ClassVar[str | None] = "iterate"
    metrics: ClassVar[Mapping[str, str]] = {
        "relative_error_median": "",
        "relative_error_max": "",
        "residual": "",
        "residual_of_cells": "",
        "reached": "",
        "iterations": "",
        "products": "",
        "restarts": "",
        "settling_time_s": "s",
        "settled": "",
        "repeats": "",
        "amplifiers": "",
        "cells": "",
    }
    """Residuals are the largest: of the given matrix, and of the matrix as it was programmed, which
    is the one that is aimed at.  Settling is that of all products of a right-hand side in turn.
    """
    higher_is_better: ClassVar[tuple[str, ...]] = ("reached",)

    iterate: Annotated[
        Iteration | None,
        Field(description="Solve with products of the programmed matrix alone, by this method."),
    ] = None
    residual: Annotated[
        float | None,
        Field(
            gt=0,
            lt=1,
            description="Of iterations on products, relative, that is aimed at; default: 1e-6, of "
            "links 1e-4.",
        ),
        Quantity(),
    ] = None
    slices: Annotated[
        int | None,
        Field(ge=1, description="The product on so many arrays, as of refinement; default: one."),
    ] = None
    iterations: Annotated[int | None, Field(ge=1, description="At most; default: 200.")] = None

    def __post_init__(self) -> None:
        if self.iterate is None:
            raise InputError(f"iterate: give the method: {', '.join(ITERATIONS)}")

    def program(
        self, chip: Chip, matrix: ArrayLike, b: ArrayLike | None = None, **circuit: Any
    ) -> ProgrammedProduct:
        """Program the product with a matrix.

        Parameters
        ----------
        chip : Chip
        matrix : array_like, shape (n, n)
            Complex too, by its real form.
        b : array_like, shape (n,) or (n, K), optional
            Complex where right-hand sides will be.
        **circuit
            Parameters of the product's circuit; not of slices.

        Raises
        ------
        InputError
            If something cannot be used.
        """
        if b is not None and are_complex(b):
            matrix = as_complex_matrix(matrix)
        form = PROBLEMS["inv"].circuit_form(matrix, b, {})
        if self.slices is None:
            made: Any = chip.program(form.matrix, "mvm", label="A", **circuit)
        elif circuit:
            raise InputError(f"{min(circuit)}: not of a product on slices")
        else:
            made = CompensatedProduct(chip, form.matrix, self.slices)
        return ProgrammedProduct(self, chip, matrix, made)

    def run(self, point: Point) -> Figures:
        """Solve a point; see `System.run`."""
        matrix = point.matrix()
        b = point.vectors(matrix)
        product = self.program(point.chip, matrix, b, **point.circuit_options)
        made = product.solve(b)
        exact: Any = np.linalg.solve(matrix, b)
        errors = relative_error(made.x.T, exact.T)
        return {
            "relative_error_median": float(np.median(errors)),
            "relative_error_max": float(errors.max()),
            "residual": float(relative_size((matrix @ made.x - b).T, b.T).max()),
            "residual_of_cells": min(step.residual for step in made.steps),
            "reached": made.reason == "reached",
            "iterations": made.iterations,
            "products": made.products,
            "restarts": made.restarts,
            "settling_time_s": float(np.max(made.settling_time)),
            "settled": float(np.mean(made.settled)),
            "repeats": made.repeats,
            **product.counts(),
        }


@dataclass(frozen=True, eq=False)
class ProgrammedProduct:
    """A product on a chip, and how systems are solved with it.

    Parameters
    ----------
    solver : ProductSolver
    chip : Chip
    matrix : array_like, shape (n, n)
        As it was given; circuits hold its real form where it is complex.
    product : ProgrammedMatrix or CompensatedProduct
    """

    solver: ProductSolver
    chip: Chip
    matrix: ArrayLike
    product: ProgrammedMatrix | CompensatedProduct

    @property
    def arrays(self) -> tuple[ProgrammedMatrix, ...]:
        """What holds the matrix."""
        product = self.product
        return (product,) if isinstance(product, ProgrammedMatrix) else product.slices

    def counts(self) -> dict[str, int]:
        """Return amplifiers and cells of all arrays."""
        circuits = [each.circuit() for each in self.arrays]
        return {
            "amplifiers": sum(circuit.amplifier_count for circuit in circuits),
            "cells": sum(circuit.schematic.cells for circuit in circuits),
        }

    def solve(self, b: ArrayLike) -> Iterated:
        """Return solutions of right-hand sides (n,) or (n, K).

        Raises
        ------
        InputError
            If they do not fit.
        """
        form: CircuitForm = PROBLEMS["inv"].circuit_form(self.matrix, b, {})
        if form.matrix.shape != self.product.matrix.shape:
            raise InputError("right-hand side: complex, but a real matrix was programmed")
        asked = self.solver
        assert form.vectors is not None
        assert asked.iterate is not None
        made = iterate(
            self.product, form.matrix, form.vectors, method=asked.iterate,
            residual=asked.residual or RESIDUAL, iterations=asked.iterations or MOST_ITERATIONS,
            ledger=self.chip.ledger,
        )  # fmt: skip
        return replace(made, x=form.restore(made.x.T).T)
