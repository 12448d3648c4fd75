"""`Circuit`, what every topology has in common, and `Schematic`, what it is wired up to.

A topology is a short module: it checks what it supports and wires arrays to amplifiers.
Everything else (decks, reduction, state space, measurement) works on the schematic.
"""

from __future__ import annotations

import abc
import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.circuit.constraint import Constraint, NonNegative, Unconstrained
from amcspice.circuit.lattice import Lattice
from amcspice.circuit.network import GROUND, Network, Nodes
from amcspice.device import Mapping, Memristor, OpAmp, Wire
from amcspice.device.mapping import Scaling
from amcspice.errors import InputError, UnsupportedError

__all__ = ["Amplifiers", "Circuit", "Schematic", "as_matrix", "as_vectors"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Amplifiers:
    """A bank of equal amplifiers.

    Parameters
    ----------
    name : str
        Prefix of the instance names.
    plus, minus, out : ndarray of int, shape (k,)
        Nodes of the inputs and the output.
    floor_at_ground : bool
        Output range starts at 0 V: the negative supply pin is grounded.
    hold : float, optional
        The output passes a rectifier whose one-way device of this conductance [S] holds the
        inverting node at virtual ground.
    """

    name: str
    plus: Nodes
    minus: Nodes
    out: Nodes
    floor_at_ground: bool = False
    hold: float | None = None


@dataclass(frozen=True, eq=False)
class Schematic:
    """A network with amplifiers, inputs and outputs.

    Parameters
    ----------
    peripheral : Network
        Every node that is not inside a lattice, and the conductances beside the lattices.
    lattices : tuple of Lattice
        Wired crossbars.
    amplifiers : tuple of Amplifiers
        Whose pins are the ports of the network.
    inputs : ndarray of int, shape (m,)
        Nodes into which the right-hand side is injected.
    input_gain : ndarray, shape (m,)
        Injected siemens: current = input_gain * volts_per_unit * b [A].
    outputs : ndarray of int, shape (n,)
        Nodes that hold the solution.
    bias : ndarray of int, shape (p,)
        Nodes into which a constant is injected (L1 term).
    bias_gain : ndarray, shape (p,)
        current = bias_gain * volts_per_unit [A].
    cells : int
        Number of programmed cells.
    """

    peripheral: Network
    lattices: tuple[Lattice, ...]
    amplifiers: tuple[Amplifiers, ...]
    inputs: Nodes
    input_gain: Array
    outputs: Nodes
    bias: Nodes
    bias_gain: Array
    cells: int

    @cached_property
    def network(self) -> Network:
        """Everything as one network: the peripheral one with the lattices emitted into it."""
        network = self.peripheral.copy()
        for lattice in self.lattices:
            lattice.emit(network)
        return network

    @cached_property
    def ports(self) -> Nodes:
        """Nodes that amplifiers touch, without ground, in order of node number."""
        pins = [np.concatenate([bank.plus, bank.minus, bank.out]) for bank in self.amplifiers]
        return np.setdiff1d(np.concatenate(pins), [GROUND])

    @cached_property
    def injected(self) -> Nodes:
        """Nodes into which current is injected: inputs, then bias."""
        return np.concatenate([self.inputs, self.bias])

    def currents(self, vectors: Array, volts_per_unit: float) -> Array:
        """Return the injected currents of every right-hand side.

        Parameters
        ----------
        vectors : ndarray, shape (K, m)
            Right-hand sides.
        volts_per_unit : float
            Volts for one unit of the (scaled) solution.

        Returns
        -------
        ndarray, shape (K, m + p)
            In the order of `injected` [A].
        """
        inputs = vectors * self.input_gain * volts_per_unit
        bias = np.broadcast_to(self.bias_gain * volts_per_unit, (len(vectors), len(self.bias)))
        return np.hstack([inputs, bias])


@dataclass(frozen=True, eq=False)
class Circuit(abc.ABC):
    """A matrix circuit: a problem matrix and the hardware that holds it.

    Parameters
    ----------
    matrix : array_like, shape (m, n)
        Problem matrix, non-negative.
    constraint : Constraint
        `Unconstrained` or `NonNegative`.
    device : Memristor
        Cells of the arrays.
    wire : Wire
        Resistances of the lines.
    opamp : OpAmp
        Every amplifier.
    ridge : float
        Adds ``ridge / 2 * |x|^2`` to the objective ``|A x - b|^2 / 2``.
    lasso : float
        Adds ``lasso * sum(x)`` to the objective.
    rows : array_like of bool, shape (m,), optional
        Word lines that are selected; the others are disconnected.
    scaling : {"matrix", "columns"}
        See `amcspice.device.map_matrix`.
    cycle : int
        Number of the programming cycle: another cycle draws other write noise.

    Raises
    ------
    InputError
        If the matrix has a wrong shape or bad values.
    UnsupportedError
        If the circuit does not support what is asked for.
    """

    name: ClassVar[str]
    problems: ClassVar[tuple[str, ...]]

    matrix: Any
    constraint: Constraint = field(default_factory=Unconstrained, kw_only=True)
    device: Memristor = field(default_factory=Memristor, kw_only=True)
    wire: Wire = field(default_factory=Wire, kw_only=True)
    opamp: OpAmp = field(default_factory=OpAmp, kw_only=True)
    ridge: float = field(default=0.0, kw_only=True)
    lasso: float = field(default=0.0, kw_only=True)
    rows: Any = field(default=None, kw_only=True)
    scaling: Scaling = field(default="matrix", kw_only=True)
    cycle: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        """Validate the matrix and what is asked of the circuit."""
        matrix = as_matrix(self.matrix)
        if matrix.min() < 0:
            where = tuple(int(k) for k in np.argwhere(matrix < 0)[0])
            raise UnsupportedError(
                f"{self.name} holds non-negative matrices only, but entry {where} is "
                f"{matrix[where]:g}"
            )
        object.__setattr__(self, "matrix", matrix)
        rows = np.ones(len(matrix), bool) if self.rows is None else np.asarray(self.rows)
        if rows.shape != (len(matrix),) or rows.dtype != bool or not rows.any():
            raise InputError(
                f"rows must be {len(matrix)} booleans, at least one true (one for every row)"
            )
        object.__setattr__(self, "rows", rows)
        # With ridge such a column is determined: it is zero.
        empty = np.flatnonzero(~self.selected.any(axis=0) & (self.ridge == 0))
        if empty.size:
            raise InputError(
                f"column {empty[0]} of the matrix is all zero (in the selected rows): "
                "its solution is undetermined; leave the column out"
            )
        for name in ("ridge", "lasso"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"{name} = {value} must be zero or positive")
        if self.lasso and not isinstance(self.constraint, NonNegative):
            raise UnsupportedError("lasso needs the non-negative constraint (problem nnls)")

    @property
    def selected(self) -> Array:
        """The matrix with unselected rows zero, shape (m, n)."""
        matrix: Array = self.matrix * self.rows[:, None]
        return matrix

    @property
    def non_negative(self) -> bool:
        """Whether the solution is held at or above zero."""
        return isinstance(self.constraint, NonNegative)

    @property
    @abc.abstractmethod
    def mapping(self) -> Mapping:
        """How the matrix stands in the arrays."""

    @cached_property
    def schematic(self) -> Schematic:
        """The circuit wired up: network, amplifiers, inputs, outputs."""
        return self._wire_up()

    @abc.abstractmethod
    def _wire_up(self) -> Schematic: ...

    @property
    def amplifier_count(self) -> int:
        """Number of amplifiers."""
        return sum(len(bank.out) for bank in self.schematic.amplifiers)

    def volts_per_unit(self, vectors: Array, solutions: Array, full_scale: float) -> float:
        """Return a range in which no output should come near a rail.

        Parameters
        ----------
        vectors : ndarray, shape (K, m)
            Right-hand sides.
        solutions : ndarray, shape (K, n)
            Expected solutions: they choose the range, never the result.
        full_scale : float
            Largest voltage aimed at, as a fraction of the positive output range.
        """
        swing = self._largest_swing(vectors, solutions / self.mapping.column_scale)
        return full_scale * self.opamp.highest_output / (swing or 1.0)

    def _largest_swing(self, vectors: Array, scaled: Array) -> float:
        """Largest output, in units of the column-scaled solution."""
        return float(np.abs(scaled).max())

    def describe(self) -> dict[str, Any]:
        """Return every parameter but the matrix, as plain values."""
        described: dict[str, Any] = {"name": self.name, "shape": list(self.matrix.shape)}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if item.name in ("matrix", "rows", "pair"):
                continue
            if dataclasses.is_dataclass(value):
                plain = {part.name: getattr(value, part.name) for part in dataclasses.fields(value)}
                described[item.name] = {"type": type(value).__name__, **plain}
            else:
                described[item.name] = value
        return described

    def to_pyspice(self, vector: ArrayLike, **options: Any) -> Any:
        """Return the circuit as a PySpice ``Circuit``; see `amcspice.circuit.pyspice_export`."""
        from amcspice.circuit.pyspice_export import to_pyspice

        return to_pyspice(self, vector, **options)


def as_matrix(values: ArrayLike, what: str = "matrix") -> Array:
    """Return ``values`` as a finite two-dimensional array that is not empty.

    Raises
    ------
    InputError
        If it is not one.
    """
    try:
        given = np.asarray(values)
        if np.iscomplexobj(given):
            raise TypeError("complex")
        matrix = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: not numbers ({error})") from None
    if matrix.ndim != 2 or matrix.size == 0:
        raise InputError(f"{what}: shape {matrix.shape} must be two-dimensional and not empty")
    if not np.isfinite(matrix).all():
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(matrix))[0])
        raise InputError(f"{what}: entry {where} is not finite")
    return matrix


def as_vectors(values: ArrayLike, rows: int, what: str = "right-hand side") -> Array:
    """Return right-hand sides, shape (m,) or (m, K), as an array of shape (K, m).

    Raises
    ------
    InputError
        If their length is not ``rows`` or a value is not finite.
    """
    vectors = np.asarray(values)
    matrix = as_matrix(vectors[:, None] if vectors.ndim == 1 else vectors, what)
    if len(matrix) != rows:
        raise InputError(f"{what}: {len(matrix)} rows, but the matrix has {rows}")
    return np.ascontiguousarray(matrix.T)
