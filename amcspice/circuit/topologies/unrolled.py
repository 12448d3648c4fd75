"""Linear systems in blocks, all phases at once: five circuits in a row, 2.5 n amplifiers.

With ``A = [A1 A2; A3 A4]``, ``b = [f; g]``, ``x = [y; z]`` and ``S = A4 - A3 A1^-1 A2``,

    p = A1^-1 f;   w = A3 p;   z = S^-1 (g - w);   q = A2 z;   y = A1^-1 (f - q).

A1 stands twice, for nothing is used twice.  Where a circuit that inverts A1 or S would not settle,
rows and columns are taken in another order.  Every circuit inverts, so the voltages of w and of z
have the opposite sign, and no inverter is needed.  S is formed digitally.

The resistors between the circuits are such that for a set of right-hand sides, which is part of the
design, every circuit uses its amplifiers alike: they follow from the matrix, not from what is
solved later.

Pan et al., arXiv 2401.10042, give the blocks.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import scipy
from numpy.typing import NDArray
from pydantic import Field

from amcspice.circuit.base import Array, Circuit, Schematic, as_vectors
from amcspice.circuit.parts.cascade import Cascade, Question, Signal, own_cells
from amcspice.circuit.parts.cascaded import CascadedCircuit
from amcspice.circuit.parts.halves import schur_flops
from amcspice.circuit.parts.order import dominant, fitness, given
from amcspice.circuit.topologies.inverse import SINGULAR, CompensatedINV
from amcspice.circuit.topologies.mvm import MVM
from amcspice.device import Mapping, map_matrix
from amcspice.errors import InputError
from amcspice.schema import Name

__all__ = ["UnrolledBlockINV"]

GENERIC = 16
"""Right-hand sides that resistors are chosen for where none are given."""


@dataclass(frozen=True, eq=False)
class UnrolledBlockINV(CascadedCircuit):
    """Linear system in 2 x 2 blocks, one circuit a phase; see `Circuit` for the other parameters.

    Raises
    ------
    InputError
        If in no order of rows that was tried circuits can invert A1 and S; names the block.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> A = 3 * np.eye(4) + np.ones((4, 4))
    >>> circuit = amc.UnrolledBlockINV(A)
    >>> amc.simulate(circuit, A.sum(axis=1), fidelity="dc").x.round(3)
    array([1., 1., 1., 1.])
    """

    name: ClassVar[str] = "inv-blocks"
    problems: ClassVar[tuple[str, ...]] = ("inv",)
    square: ClassVar[bool] = True

    shared_scale: Annotated[
        bool,
        Field(
            description="All blocks of inv-blocks stand on one scale, so that wires disturb each "
            "as an array of its size; without, each uses the whole range of conductances."
        ),
    ] = field(default=True, kw_only=True)
    designed_for: Annotated[
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
        if self.designed_for is not None:
            vectors = _design_vectors(self.designed_for, len(self.matrix))
            object.__setattr__(self, "designed_for", vectors.T)
        own_cells(self.device, 0)
        self._split  # noqa: B018 - here, because they refuse

    @property
    def half(self) -> int:
        """Rows of the leading block."""
        return (len(self.matrix) + 1) // 2

    @property
    def blocks(self) -> dict[str, Array]:
        """A1, A2, A3, and the Schur complement S, of the rows and columns in their order."""
        return self._split[1]

    @property
    def order(self) -> NDArray[np.intp]:
        """Rows and columns as blocks take them."""
        return self._split[0]

    @cached_property
    def _split(self) -> tuple[NDArray[np.intp], dict[str, Array]]:
        """Return the first order of rows and columns whose blocks circuits can invert, and them.

        The order that was given comes first; then rows by how much their diagonal outweighs the
        rest.
        """
        faults = []
        for order in (given, dominant):
            lines = order(self.matrix, self.half).rows
            blocks = _blocks(self.matrix[np.ix_(lines, lines)], self.half)
            fault = _fault(blocks)
            if not fault:
                return lines, blocks
            faults.append(fault)
        raise InputError(
            f"{faults[0]}: take a single array, such as inv-compensated, or another order of rows "
            "and columns"
        )

    @cached_property
    def mapping(self) -> Mapping:
        """How the matrix would stand in one array; its blocks share the scale."""
        return map_matrix(self.matrix, self.device.g_max)

    @property
    def digital_work(self) -> dict[str, float]:
        """Beside pre-distortion, what forms the Schur complement: see `amcspice.BlockInverse`."""
        flops = schur_flops(self.half, len(self.matrix) - self.half)
        return {"Schur complement": flops, **super().digital_work}

    @property
    def objective(self) -> str:
        """What it finds."""
        return "x with A x = b, in blocks"

    @cached_property
    def output_scale(self) -> Array:
        """One for y, minus one for z."""
        volts = np.concatenate([signal.volts for signal in self._cascade[1]])
        return 1 / volts[np.argsort(self.order)]

    def describe(self) -> dict[str, Any]:
        """Return every parameter but the matrix, and how the circuits were designed."""
        return {**super().describe(), "order": self.order.tolist()}

    def questions(self, vectors: Array, solutions: Array) -> dict[str, Question]:
        """Return what each circuit is asked, and its answer; see `CascadedCircuit.questions`."""
        blocks, half = self.blocks, self.half
        vectors, solutions = vectors[:, self.order], solutions[:, self.order]
        f, g = vectors[:, :half], vectors[:, half:]
        y, z = solutions[:, :half], solutions[:, half:]
        q = z @ blocks["A2"].T
        p = y + scipy.linalg.solve(blocks["A1"], q.T).T
        w = p @ blocks["A3"].T
        return {"p": (f, p), "w": (p, w), "z": (g - w, z), "q": (z, q), "y": (f - q, y)}

    def _wire_up(self) -> Schematic:
        cascade, outputs = self._cascade
        wired, place = cascade.schematic(*outputs), np.argsort(self.order)
        return dataclasses.replace(
            wired,
            inputs=wired.inputs[place],
            input_gain=wired.input_gain[place],
            outputs=wired.outputs[place],
        )

    @cached_property
    def _largest(self) -> dict[str, float]:
        """Largest entry of every signal in the design; of x for both of its parts."""
        draw = np.random.default_rng(len(self.matrix))
        vectors = draw.uniform(-1.0, 1.0, (GENERIC, len(self.matrix)))
        if self.designed_for is not None:
            vectors = self.designed_for.T
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
        shared = float(np.abs(self.matrix).max()) if self.shared_scale else 0.0
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


def _blocks(matrix: Array, half: int) -> dict[str, Array]:
    """Return the blocks of a matrix; no S where A1 is singular."""
    blocks = {"A1": matrix[:half, :half], "A2": matrix[:half, half:], "A3": matrix[half:, :half]}
    if np.linalg.cond(blocks["A1"]) <= SINGULAR:
        blocks["S"] = matrix[half:, half:] - blocks["A3"] @ np.linalg.solve(
            blocks["A1"], blocks["A2"]
        )
    return blocks


def _fault(blocks: dict[str, Array]) -> str:
    """Return why a block cannot be inverted by a circuit; empty if all can be."""
    if "S" not in blocks:
        return "block A1 is singular"
    for name in ("A1", "S"):
        known = fitness(blocks[name], stays=True)
        if known.condition > SINGULAR:
            return f"block {name} is singular"
        if not known.settles:
            return f"block {name}: the circuit that inverts it is unstable or hardly damped"
    return ""


def _design_vectors(given: Any, size: int) -> Array:
    """Return right-hand sides (K, n), of which one is not zero."""
    values = given
    if isinstance(given, str | Path):
        try:
            values = np.load(given)
        except (OSError, ValueError) as error:
            raise InputError(f"designed_for: {given} cannot be read: {error}") from None
    vectors = as_vectors(values, size)
    if not vectors.any():
        raise InputError("designed_for: every entry is zero")
    return vectors
