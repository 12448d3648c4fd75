"""Linear systems in blocks, all phases at once: five circuits in a row, 2.5 n amplifiers.

With ``A = [A1 A2; A3 A4]``, ``b = [f; g]``, ``x = [y; z]`` and ``S = A4 - A3 A1^-1 A2``,

    p = A1^-1 f;   w = A3 p;   z = S^-1 (g - w);   q = A2 z;   y = A1^-1 (f - q).

A1 stands twice, for nothing is used twice.  Every circuit inverts, so the voltages of w and of z
have the opposite sign, and no inverter is needed.  S is formed digitally.

The resistors between the circuits are such that in a calibration set, which is part of the design,
every circuit uses its amplifiers alike: they follow from the matrix, not from what is solved.

Pan et al., arXiv 2401.10042, give the blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import scipy.linalg
from pydantic import Field

from amcspice.circuit.base import Array, Circuit, Schematic, as_vectors
from amcspice.circuit.parts.cascade import Cascade, Question, Signal, own_cells
from amcspice.circuit.topologies.inverse import SINGULAR, CompensatedINV
from amcspice.circuit.topologies.mvm import MVM
from amcspice.device import map_matrix
from amcspice.device.mapping import Mapping as MatrixMapping
from amcspice.errors import InputError
from amcspice.schema import Name

__all__ = ["UnrolledBlockINV"]

CALIBRATIONS = 16
"""Right-hand sides that resistors are chosen for where none are given."""


@dataclass(frozen=True, eq=False)
class UnrolledBlockINV(Circuit):
    """Linear system in 2 x 2 blocks, one circuit a phase; see `Circuit` for the other parameters.

    Raises
    ------
    InputError
        If the matrix, its leading block, or the Schur complement is singular; names the block.
    """

    name: ClassVar[str] = "inv-blocks"
    problems: ClassVar[tuple[str, ...]] = ("inv",)
    square: ClassVar[bool] = True
    signed: ClassVar[bool] = True

    own_scale: Annotated[
        bool,
        Field(
            description="Every block of inv-blocks uses the whole range of conductances, instead "
            "of one scale for all."
        ),
    ] = field(default=False, kw_only=True)
    calibration: Annotated[
        Any,
        Field(
            description="Right-hand sides like those to come, (n, K), for which the resistors "
            "between the circuits are chosen, or their file (.npy); none is 16 uniform ones."
        ),
        Name(file=True),
    ] = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Validate the matrix and its blocks."""
        super().__post_init__()
        if len(self.matrix) < 2:
            raise InputError(f"{self.name} needs a matrix of at least two rows")
        if self.calibration is not None:
            vectors = _calibration(self.calibration, len(self.matrix))
            object.__setattr__(self, "calibration", vectors.T)
        self._cascade  # noqa: B018 - what the blocks do not allow is refused here

    @property
    def half(self) -> int:
        """Rows of the leading block."""
        return (len(self.matrix) + 1) // 2

    @cached_property
    def blocks(self) -> dict[str, Array]:
        """A1, A2, A3, and the Schur complement S."""
        half, matrix = self.half, self.matrix
        blocks = {
            "A1": matrix[:half, :half],
            "A2": matrix[:half, half:],
            "A3": matrix[half:, :half],
        }
        _refuse_singular("A1", blocks["A1"])
        inner = scipy.linalg.solve(blocks["A1"], blocks["A2"])
        blocks["S"] = matrix[half:, half:] - blocks["A3"] @ inner
        _refuse_singular("S", blocks["S"])
        return blocks

    @cached_property
    def mapping(self) -> MatrixMapping:
        """How the matrix would stand in one array; its blocks share the scale."""
        return map_matrix(self.matrix, self.device.g_max)

    @property
    def objective(self) -> str:
        """What it finds."""
        return "x with A x = b, in blocks"

    @cached_property
    def output_scale(self) -> Array:
        """One for y, minus one for z."""
        return 1 / np.concatenate([signal.volts for signal in self._cascade[1]])

    def questions(self, vectors: Array, solutions: Array) -> dict[str, Question]:
        """Return what each circuit is asked, and its answer, for expected solutions.

        Parameters
        ----------
        vectors, solutions : ndarray, shape (K, n)
            Of the whole.
        """
        blocks, half = self.blocks, self.half
        f, g = vectors[:, :half], vectors[:, half:]
        y, z = solutions[:, :half], solutions[:, half:]
        q = z @ blocks["A2"].T
        p = y + scipy.linalg.solve(blocks["A1"], q.T).T
        w = p @ blocks["A3"].T
        return {"p": (f, p), "w": (p, w), "z": (g - w, z), "q": (z, q), "y": (f - q, y)}

    def _largest_swing(self, vectors: Array, scaled: Array) -> float:
        cascade = self._cascade[0]
        asked = self.questions(vectors, scaled * self.output_scale)
        return cascade.largest_swing({name: asked[name] for name in cascade.stages})

    def _wire_up(self) -> Schematic:
        cascade, outputs = self._cascade
        return cascade.schematic(*outputs)

    @cached_property
    def _largest(self) -> Mapping[str, float]:
        """Largest entry of every signal in the calibration; of x for both of its parts."""
        draw = np.random.default_rng(len(self.matrix))
        vectors = draw.uniform(-1.0, 1.0, (CALIBRATIONS, len(self.matrix)))
        if self.calibration is not None:
            vectors = self.calibration.T
        solutions = scipy.linalg.solve(self.matrix, vectors.T).T
        asked = self.questions(vectors, solutions)
        largest = {name: float(np.abs(answer).max()) for name, (_, answer) in asked.items()}
        x = max(largest["y"], largest["z"])
        return {**largest, "y": x, "z": x, "b": float(np.abs(vectors).max())}

    @cached_property
    def _cascade(self) -> tuple[Cascade, tuple[Signal, Signal]]:
        """Return all circuits in their places, and y and z; products with nothing are left out."""
        cascade, blocks, half = Cascade(), self.blocks, self.half
        volts = self._volts("b")
        f = cascade.source("f", half, -volts)
        g = cascade.source("g", len(self.matrix) - half, volts)
        into_z, into_y = [g], [f]
        if blocks["A3"].any():
            p = self._stage(cascade, "p", "A1", f)
            into_z.append(-self._stage(cascade, "w", "A3", p))
        z = self._stage(cascade, "z", "S", *into_z)
        if blocks["A2"].any():
            into_y.append(-self._stage(cascade, "q", "A2", z))
        return cascade, (self._stage(cascade, "y", "A1", *into_y), z)

    def _volts(self, name: str) -> float:
        """Return the volts for a unit of a signal, over those for a unit of x."""
        largest = self._largest
        return largest["y"] / (largest[name] or largest["y"])

    def _stage(self, cascade: Cascade, name: str, block: str, *inputs: Signal) -> Signal:
        """Add the circuit that a phase takes, with the conductances that give it its volts."""
        matrix = self.blocks[block]
        shared = 0.0 if self.own_scale else float(np.abs(self.matrix).max())
        unit = max(float(np.abs(matrix).max()), shared)
        common: dict[str, Any] = {
            "device": own_cells(self.device, len(cascade.stages)),
            "wire": self.wire,
            "opamp": self.opamp,
            "cycle": self.cycle,
            "largest_entry": shared,
        }
        volts, of_inputs = self._volts(name), [abs(float(each.volts[0])) for each in inputs]
        circuit: Circuit
        if block in ("A1", "S"):
            into = volts / unit * sum(1 / each for each in of_inputs)
            circuit = CompensatedINV(matrix, input_conductance=into, **common)
        else:
            circuit = MVM(matrix, feedback=of_inputs[0] / (volts * unit), **common)
        return cascade.stage(name, circuit, *inputs)


def _refuse_singular(name: str, block: Array) -> None:
    if np.linalg.cond(block) > SINGULAR:
        raise InputError(
            f"block {name}: it is singular, so x cannot be found in these blocks; take a single "
            "array, or another order of rows and columns"
        )


def _calibration(given: Any, size: int) -> Array:
    """Return calibration vectors (K, n), of which one is not zero."""
    values = given
    if isinstance(given, str | Path):
        try:
            values = np.load(given)
        except (OSError, ValueError) as error:
            raise InputError(f"calibration: {given} cannot be read: {error}") from None
    vectors = as_vectors(values, size)
    if not vectors.any():
        raise InputError("calibration: every entry is zero")
    return vectors[:CALIBRATIONS]
