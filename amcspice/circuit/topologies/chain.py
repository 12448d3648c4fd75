"""Products with a tall matrix A and the inverse of its Gram matrix, all at once.

    chain-detector     x = (A'A + l I)^-1 A'b       matched filter, inverse
    chain-precoder     x = A (A'A + l I)^-1 b       inverse, product
    chain-projector    x = A (A'A + l I)^-1 A'b     matched filter, inverse, product

Outputs of one circuit drive the next, so nothing is converted in between, and all settle together.
Nothing acts back, so the modes are those of the circuits: a product settles at the rate w_u g_f /
(g_f + S_i), S_i the cells of row i, and the inverse as `INV` says, with g_in at its lines.

The diagonal of a Gram matrix outweighs the rest of it, so by default it stands in fixed resistors.
The Gram matrix is formed digitally.

Zuo and Sun, arXiv 2211.03624, give inverse and product as one dataflow, for zero-forcing precoding;
their circuit could not be read, this one is made of the circuits here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from amcspice.circuit.base import Array, Schematic
from amcspice.circuit.parts.cascade import Cascade, Question, Signal, own_cells
from amcspice.circuit.parts.cascaded import CascadedCircuit
from amcspice.circuit.parts.feedback import Feedback
from amcspice.circuit.parts.fixed_diagonal import Diagonal, ResistorMismatch
from amcspice.circuit.topologies.inverse import SINGULAR, CompensatedINV
from amcspice.circuit.topologies.mvm import MVM
from amcspice.device import Mapping, map_matrix
from amcspice.errors import InputError
from amcspice.schema import Quantity

InputConductance = Annotated[
    float,
    Field(
        ge=0,
        description="Conductance of each input source of the inverse, as a multiple of g_max: what "
        "a filter drives it through; 0 is a current source.",
    ),
    Quantity("", (1e-6, 1e4)),
]

__all__ = ["Chain", "DetectorChain", "PrecoderChain", "ProjectorChain"]


@dataclass(frozen=True, eq=False)
class Chain(CascadedCircuit):
    """Products and the inverse of a Gram matrix in a row; see `Circuit` for other parameters.

    Raises
    ------
    InputError
        If the columns of the matrix depend on each other and there is no ridge.
    """

    filters: ClassVar[bool]
    """Whether it begins with the product with A'."""
    multiplies: ClassVar[bool]
    """Whether it ends with the product with A."""

    feedback: Feedback = field(default=4.0, kw_only=True)
    input_conductance: InputConductance = field(default=1.0, kw_only=True)
    ridge: Annotated[
        float,
        Field(ge=0, description="Added to the diagonal of the Gram matrix."),
        Quantity(),
    ] = field(default=0.0, kw_only=True)
    diagonal: Diagonal = field(default="fixed", kw_only=True)
    diagonal_mismatch: ResistorMismatch = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        """Validate the matrix and what is made of it."""
        super().__post_init__()
        if np.linalg.cond(self.gram) > SINGULAR:
            raise InputError(
                "matrix: its columns depend on each other, so that its Gram matrix has no "
                "inverse: leave columns out, or give a ridge"
            )
        own_cells(self.device, 0)
        self._cascade  # noqa: B018 - here, because circuits refuse

    @cached_property
    def gram(self) -> Array:
        """A'A + ridge I, shape (n, n)."""
        gram: Array = self.matrix.T @ self.matrix + self.ridge * np.eye(self.matrix.shape[1])
        return gram

    @property
    def digital_work(self) -> dict[str, float]:
        """Beside pre-distortion, what forms the Gram matrix: half of it, as it is symmetric."""
        m, n = self.matrix.shape
        flops = float(m * n * (n + 1))
        # Of a complex matrix in real form, a complex product is four real ones, not eight.
        return {"Gram matrix": flops / 2 if _is_complex(self.matrix) else flops} | (
            super().digital_work
        )

    @property
    def input_size(self) -> int:
        """Length of b."""
        return int(self.matrix.shape[0 if self.filters else 1])

    @cached_property
    def mapping(self) -> Mapping:
        """How A stands in the array of a product."""
        return map_matrix(self.matrix, self.device.g_max)

    @property
    def output_scale(self) -> Array:
        """One over the volts for a unit of x, where a unit of b is one volt."""
        (signal,) = self._cascade[1]
        scale: Array = 1 / signal.volts
        return scale

    @property
    def objective(self) -> str:
        """What it finds."""
        ridge = f" + {self.ridge!r} I" if self.ridge else ""
        before, after = "A " if self.multiplies else "", " A'" if self.filters else ""
        return f"x = {before}(A'A{ridge})^-1{after} b, for inputs b"

    @property
    def _inverse(self) -> CompensatedINV:
        circuit = self._cascade[0].stages["x"].circuit
        assert isinstance(circuit, CompensatedINV)
        return circuit

    @property
    def beside_cells(self) -> str:
        """The fixed diagonal of the Gram matrix."""
        return self._inverse.beside_cells.replace("of A", "of A'A")

    @property
    def fixed_conductance(self) -> float:
        """Conductance of each of its resistors [S]; zero: none."""
        return self._inverse.fixed_conductance

    @property
    def drawn(self) -> bool:
        """Whether anything of it is drawn at random."""
        return super().drawn or bool(self.diagonal_mismatch)

    def questions(self, vectors: Array, solutions: Array) -> dict[str, Question]:
        """Return what each circuit is asked, and its answer; see `CascadedCircuit.questions`."""
        asked: dict[str, Question] = {}
        right = vectors
        if self.filters:
            right = vectors @ self.matrix
            asked["z"] = vectors, right
        inner = solutions
        if self.multiplies:  # what the product was given is in its answer
            inner = np.linalg.solve(self.matrix.T @ self.matrix, self.matrix.T @ solutions.T).T
            asked["y"] = inner, solutions
        return asked | {"x": (right, inner)}

    def _wire_up(self) -> Schematic:
        cascade, outputs = self._cascade
        return cascade.schematic(*outputs)

    @cached_property
    def _cascade(self) -> tuple[Cascade, tuple[Signal, ...]]:
        """All circuits in their places, and x."""
        cascade = Cascade()
        if self.filters:
            # Every circuit inverts: three of them do it once.
            source = cascade.source("b", self.input_size, -1.0 if self.multiplies else 1.0)
            filtered = cascade.stage("z", self._product(cascade, self.matrix.T), source)
            signal = cascade.stage("x", self._inverse_of(cascade), filtered)
        else:
            signal = cascade.inject("x", self._inverse_of(cascade))
        if self.multiplies:
            signal = cascade.stage("y", self._product(cascade, self.matrix), signal)
        return cascade, (signal,)

    def _inverse_of(self, cascade: Cascade) -> CompensatedINV:
        return CompensatedINV(
            self.gram,
            input_conductance=self.input_conductance,
            diagonal=self.diagonal,
            diagonal_mismatch=self.diagonal_mismatch,
            **self._common(cascade),
        )

    def _product(self, cascade: Cascade, matrix: Array) -> MVM:
        return MVM(matrix, feedback=self.feedback, **self._common(cascade))

    def _common(self, cascade: Cascade) -> dict[str, Any]:
        return {
            "device": own_cells(self.device, len(cascade.stages)),
            "wire": self.wire,
            "opamp": self.opamp,
            "cycle": self.cycle,
        }


@dataclass(frozen=True, eq=False)
class DetectorChain(Chain):
    """Matched filter and inverse, x = (A'A)^-1 A'b; see `Chain` for the other parameters.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> A = np.array([[1.0, 0.2], [0.1, 1.0], [0.4, -0.3]])
    >>> run = amc.simulate(amc.DetectorChain(A), A @ [1.0, -1.0], fidelity="dc")
    >>> run.x.round(3)
    array([ 1., -1.])
    """

    name: ClassVar[str] = "chain-detector"
    problems: ClassVar[tuple[str, ...]] = ("lstsq",)
    filters: ClassVar[bool] = True
    multiplies: ClassVar[bool] = False


@dataclass(frozen=True, eq=False)
class PrecoderChain(Chain):
    """Inverse and product, x = A (A'A)^-1 b; see `Chain` for the other parameters.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> A = np.array([[1.0, 0.2], [0.1, 1.0], [0.4, -0.3]])
    >>> run = amc.simulate(amc.PrecoderChain(A), [1.0, -1.0], fidelity="dc")
    >>> (A.T @ run.x).round(3)
    array([ 1., -1.])
    """

    name: ClassVar[str] = "chain-precoder"
    problems: ClassVar[tuple[str, ...]] = ("precode",)
    outputs_drive_cells: ClassVar[bool] = False
    filters: ClassVar[bool] = False
    multiplies: ClassVar[bool] = True

    input_conductance: InputConductance = field(default=0.0, kw_only=True)


@dataclass(frozen=True, eq=False)
class ProjectorChain(Chain):
    """Matched filter, inverse and product, x = A (A'A)^-1 A'b; see `Chain` for the others.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> A = np.array([[1.0, 0.2], [0.1, 1.0], [0.4, -0.3]])
    >>> run = amc.simulate(amc.ProjectorChain(A), A @ [1.0, -1.0], fidelity="dc")
    >>> np.allclose(run.x, A @ [1.0, -1.0], atol=1e-3)
    True
    """

    name: ClassVar[str] = "chain-projector"
    problems: ClassVar[tuple[str, ...]] = ("project",)
    outputs_drive_cells: ClassVar[bool] = False
    filters: ClassVar[bool] = True
    multiplies: ClassVar[bool] = True


def _is_complex(matrix: Array) -> bool:
    """Whether a matrix is [Re, -Im; Im, Re]."""
    m, n = (size // 2 for size in matrix.shape)
    if matrix.shape != (2 * m, 2 * n):
        return False
    same = np.array_equal(matrix[:m, :n], matrix[m:, n:])
    return same and np.array_equal(matrix[:m, n:], -matrix[m:, :n])
