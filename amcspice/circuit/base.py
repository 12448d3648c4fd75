"""`Circuit`, what every topology has in common.

A topology is a short module: it checks what it supports and wires arrays to amplifiers.
Everything else (decks, reduction, state space, measurement) works on the schematic.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
import inspect
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from amcspice.circuit.dense import as_dense
from amcspice.circuit.schematic import Amplifiers, Array, Schematic
from amcspice.circuit.validation import validate_fields
from amcspice.device import (
    ADC,
    DAC,
    PARTS,
    Cell,
    CellTable,
    Hardware,
    Mapping,
    Memristor,
    OpAmp,
    Predistortion,
    Wire,
    split_hardware,
)
from amcspice.errors import InputError, UnsupportedError
from amcspice.schema import plain_signature, refuse_lost_fields, warn_of_implausible

__all__ = ["Amplifiers", "Array", "Circuit", "Schematic", "Swing", "as_matrix", "as_vectors"]

SMALLEST_SIZE = 1e-150
"""Of the largest entry of a matrix or of right-hand sides; the largest is its inverse."""

OUTPUT_USE = 0.5
"""Of the positive output range that outputs which no cell sees are aimed at."""


class Swing(NamedTuple):
    """Largest voltages at one volt per unit.

    Parameters
    ----------
    cells : float
        Across a cell [V].
    outputs : float
        At an output [V].
    """

    cells: float
    outputs: float


class _TakesHardware(abc.ABCMeta):
    """Lets every topology take ``hardware=``, and parameters of its parts by name."""

    def __call__(cls, *args: Any, **parameters: Any) -> Any:
        refuse_lost_fields(cls)
        own = cls.__dataclass_fields__.keys() - PARTS.keys()  # type: ignore[attr-defined]
        if parameters.keys() - own - PARTS.keys():
            kept = {name: value for name, value in parameters.items() if name in own}
            parts, others = split_hardware(
                {name: value for name, value in parameters.items() if name not in own}
            )
            parameters = {**kept, **others, **parts}
        return super().__call__(*args, **parameters)

    @property
    def __signature__(cls) -> inspect.Signature:
        """What it takes, for people and editors that ask."""
        hardware = inspect.Parameter("hardware", inspect.Parameter.KEYWORD_ONLY, default=None)
        return plain_signature(cls, hardware)


@dataclass(frozen=True, eq=False)
class Circuit(metaclass=_TakesHardware):
    """A matrix circuit: a problem matrix and the hardware that holds it.

    Parameters
    ----------
    matrix : array_like, shape (m, n)
        Problem matrix.
    device : Cell
        Cells of the arrays.
    wire : Wire
        Resistances of the lines.
    opamp : OpAmp
        Every amplifier.
    dac, adc : DAC, ADC, optional
        Converters of the inputs and outputs; None: there are none.
    hardware : Hardware, optional
        All of these, in their place.
    cycle : int
        Number of the programming cycle: another cycle draws other write noise.
    zero_bias : ndarray, shape (E,), optional
        What cells have at 0 V where their conductances are those at other voltages, in the order
        of the network; empty: what was written; None: what the cells say [S].
    tangent : ndarray, shape (E,), optional
        Slopes of the curves of cells where they are used, by which a reduced network stands for
        them; None: their conductances at 0 V [S].

    Raises
    ------
    InputError
        If the matrix has a wrong shape or bad values.
    UnsupportedError
        If the circuit does not support what is asked for.

    Examples
    --------
    >>> import amcspice as amc
    >>> circuit = amc.make_circuit("inv", [[2.0, 1.0], [1.0, 3.0]], wire_resistance="1 ohm")
    >>> isinstance(circuit, amc.Circuit), circuit.name, circuit.amplifier_count
    (True, 'inv', 2)
    """

    name: ClassVar[str]
    problems: ClassVar[tuple[str, ...]]
    signed: ClassVar[bool] = False
    """Whether it holds matrices with negative entries."""
    square: ClassVar[bool] = False
    """Whether the matrix must be square."""
    rail_limited: ClassVar[bool] = False
    """Whether outputs end at the rails by design."""
    predistorts: ClassVar[bool] = False
    """Whether it can correct conductances for the wires of its arrays."""
    range_sets_limits: ClassVar[bool] = False
    """Whether voltages at which outputs stop by design belong to a range; see `in_range`."""
    outputs_drive_cells: ClassVar[bool] = True
    """Whether the voltages that solutions are read from stand across cells."""

    matrix: Any
    device: Cell = field(default_factory=Memristor, kw_only=True)
    wire: Wire = field(default_factory=Wire, kw_only=True)
    opamp: OpAmp = field(default_factory=OpAmp, kw_only=True)
    dac: DAC | None = field(default=None, kw_only=True)
    adc: ADC | None = field(default=None, kw_only=True)
    cycle: Annotated[
        int,
        Field(
            ge=0,
            description="Number of the programming cycle: another one draws other write noise.",
        ),
    ] = field(default=0, kw_only=True)
    zero_bias: Any = field(default=None, kw_only=True, repr=False)
    tangent: Any = field(default=None, kw_only=True, repr=False)

    if TYPE_CHECKING:
        hardware: Hardware = field(default_factory=Hardware, kw_only=True)
    else:

        @property
        def hardware(self) -> Hardware:
            """Cells, wires, amplifiers and converters as one object."""
            return Hardware(**{name: getattr(self, name) for name in PARTS})

    def __post_init__(self) -> None:
        """Validate the matrix and the types of all fields."""
        validate_fields(self)
        warn_of_implausible(self, vars(self))
        matrix = as_matrix(self.matrix)
        if matrix.min() < 0 and not self.signed:
            where = tuple(int(k) for k in np.argwhere(matrix < 0)[0])
            raise UnsupportedError(
                f"{self.name} holds non-negative matrices only, but entry {where} is "
                f"{matrix[where]:g}"
            )
        if self.wire.predistort and not self.predistorts:
            raise UnsupportedError(
                f"{self.name} does not take predistort: it does not say what its arrays apply "
                "behind their wires"
            )
        if self.square and matrix.shape[0] != matrix.shape[1]:
            raise InputError(f"{self.name} needs a square matrix, not {matrix.shape}")
        if not matrix.any():
            raise InputError("matrix: every entry is zero; there is nothing to solve")
        object.__setattr__(self, "matrix", matrix)

    @property
    def problem(self) -> str:
        """What it solves, one of `problems`."""
        return self.problems[0]

    @property
    def non_negative(self) -> bool:
        """Whether the solution is held at or above zero."""
        return False

    @property
    def bounded(self) -> bool:
        """Whether outputs are meant to come to rest at a limit: a constraint, or a rail."""
        return self.non_negative or self.rail_limited

    @property
    def converts(self) -> bool:
        """Whether there are converters."""
        return self.dac is not None or self.adc is not None

    @property
    def input_size(self) -> int:
        """Length of a right-hand side."""
        return len(self.matrix)

    def vectors(self, b: ArrayLike) -> Array:
        """Return right-hand sides, shape (m,) or (m, K), as an array of shape (K, m).

        Raises
        ------
        InputError
            If they do not fit, or are several where one stays for ever.
        """
        vectors = as_vectors(b, self.input_size)
        if self.rail_limited and len(vectors) > 1:
            raise InputError(f"{self.name} takes one start vector: it stays where it has grown to")
        return vectors

    @property
    def objective(self) -> str:
        """What it finds, in words for the header of a deck."""
        return f"x of problem {self.problem}"

    @property
    def beside_cells(self) -> str:
        """What of the matrix stands in fixed resistors, for the header of a deck; or nothing."""
        return ""

    @property
    def fixed_conductance(self) -> float:
        """What those resistors are meant to have, made once with the circuit [S]; zero: none."""
        return 0.0

    @property
    def output_scale(self) -> Array:
        """Factor of each output beside the volts for a unit, shape (n,)."""
        return self.mapping.column_scale

    def read_out(self, outputs: Array, volts_per_unit: float | Array) -> Array:
        """Return solutions (K, n) for output voltages (K, n); they are never fitted.

        A range is that of all, or has a row for each, shape (K, 1).
        """
        solutions: Array = outputs / volts_per_unit * self.output_scale
        return solutions

    @property
    @abc.abstractmethod
    def mapping(self) -> Mapping:
        """How the matrix stands in the arrays."""

    @property
    def predistortions(self) -> tuple[Predistortion, ...]:
        """How arrays were corrected for their wires, an entry for each correction."""
        if not self.wire.predistort:
            return ()
        done = (mapping.predistortion for mapping in self._mappings)
        return tuple(each for each in done if each is not None)

    @property
    def digital_work(self) -> dict[str, float]:
        """What is worked out digitally before the arrays are written: operations by name."""
        flops = sum(each.flops for each in self.predistortions)
        return {"pre-distortion": flops} if flops else {}

    @property
    def _mappings(self) -> tuple[Mapping, ...]:
        """How the matrix stands in arrays that were corrected by themselves."""
        return (self.mapping,)

    @cached_property
    def schematic(self) -> Schematic:
        """The circuit wired up: network, amplifiers, inputs, outputs."""
        wired = self._wire_up().with_line_capacitance(self.wire)
        if self.tangent is not None:
            return wired.with_cells(lambda _: self.tangent)
        if self.zero_bias is None:
            return wired.with_cells(self.device.at_zero_bias)
        return wired.with_cells(lambda written: self.zero_bias if len(self.zero_bias) else written)

    @abc.abstractmethod
    def _wire_up(self) -> Schematic: ...

    @property
    def amplifier_count(self) -> int:
        """Number of amplifiers."""
        return sum(len(bank.out) for bank in self.schematic.amplifiers)

    @property
    def drawn(self) -> bool:
        """Whether anything of it is drawn at random: cells or amplifiers."""
        return self.device.drawn or not self.opamp.matched

    def swing(self, vectors: Array, solutions: Array) -> Swing:
        """Return the largest voltages at one volt per unit.

        Parameters
        ----------
        vectors : ndarray, shape (K, m)
            Right-hand sides.
        solutions : ndarray, shape (K, n)
            Expected solutions: they choose the range, never the result.
        """
        scaled = solutions / self.output_scale
        return Swing(self._largest_swing(vectors, scaled), float(np.abs(scaled).max()))

    def range_of(self, swing: Swing, read_voltage: float) -> float:
        """Return a range in which cells see the read voltage at most, and outputs have room.

        Parameters
        ----------
        swing : Swing
        read_voltage : float
            Largest voltage across a cell that is aimed at [V].
        """
        by_cells = min(read_voltage, self.opamp.highest_output) / (swing.cells or 1.0)
        if self.outputs_drive_cells:
            return by_cells
        return min(by_cells, OUTPUT_USE * self.opamp.highest_output / (swing.outputs or 1.0))

    @property
    def open_range(self) -> bool:
        """Whether voltages at which outputs stop by design wait for a range."""
        return False

    def in_range(self, volts_per_unit: float) -> Circuit:
        """Return the circuit as it is set for a range; most are the same in every one.

        Raises
        ------
        InputError
            If it is set for another one.
        """
        return self

    def cell_voltage(self, swing: Swing, volts_per_unit: float) -> float:
        """Return the largest voltage across a cell in a range [V]."""
        return swing.cells * volts_per_unit

    def volts_per_unit(self, vectors: Array, solutions: Array, read_voltage: float) -> float:
        """Return the range of right-hand sides; see `swing` and `range_of`."""
        return self.range_of(self.swing(vectors, solutions), read_voltage)

    @property
    def slowest_clamped(self) -> float:
        """Time constant with outputs clamped that linear modes do not show [s]; zero: none."""
        return 0.0

    @property
    def floor(self) -> float:
        """How far above ground outputs stop that a constraint holds at zero [V]."""
        return 0.0

    def _largest_swing(self, vectors: Array, scaled: Array) -> float:
        """Largest voltage across a cell, in units of the column-scaled solution.

        Cells have one end at a driven line and the other at a virtual ground, or at a passive
        line that only currents raise.
        """
        return float(np.abs(scaled).max())

    def describe(self) -> dict[str, Any]:
        """Return every parameter but the matrix, as plain values."""
        described: dict[str, Any] = {"name": self.name, "shape": list(self.matrix.shape)}
        for name in _names(type(self)):
            value = getattr(self, name)
            described[name] = value
            if dataclasses.is_dataclass(value):
                described[name] = {"type": type(value).__name__, **_plain(value)}
        return described


_ARRAYS = ("matrix", "rows", "pair", "designed_for", "zero_bias", "tangent")
"""Fields that hold arrays."""


@functools.cache
def _names(circuit: type[Circuit]) -> tuple[str, ...]:
    """Return the names of what describes a circuit beside its matrix."""
    names = (item.name for item in dataclasses.fields(circuit))
    return tuple(name for name in names if name not in _ARRAYS)


def _plain(parameters: Any) -> Any:
    try:
        return _cached_by_name(parameters)
    except TypeError:  # it holds arrays
        return _by_name(parameters)


@functools.lru_cache(maxsize=32)
def _cached_by_name(parameters: Any) -> Any:
    """Return `_by_name` of it; thousands of circuits share one device and one amplifier."""
    return _by_name(parameters)


def _by_name(value: Any) -> Any:
    """Return a dataclass as a mapping, those in it as well, as JSON has it; no array is copied."""
    if isinstance(value, CellTable):
        return value.summary
    if isinstance(value, tuple):
        return [_by_name(item) for item in value]
    if not dataclasses.is_dataclass(value):
        return value
    return {item.name: _by_name(getattr(value, item.name)) for item in dataclasses.fields(value)}


def as_matrix(values: ArrayLike, what: str = "matrix") -> Array:
    """Return ``values`` as a finite two-dimensional array that is not empty.

    Raises
    ------
    InputError
        If it is not one, has masked entries, or its squares would leave the range of numbers.
    """
    matrix = finite_matrix(values, what)
    check_size(matrix, what)
    return matrix


def finite_matrix(values: ArrayLike, what: str) -> Array:
    """Return ``values`` as `as_matrix` does, of any size."""
    if np.ma.is_masked(values):
        raise InputError(f"{what}: entries are masked; fill them in, or give a mask of its own")
    try:
        array = np.asarray(as_dense(values, what))
        if np.iscomplexobj(array):
            raise TypeError("complex")
        matrix = np.asarray(array, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: not numbers ({error})") from None
    if matrix.ndim != 2 or matrix.size == 0:
        raise InputError(f"{what}: shape {matrix.shape} must be two-dimensional and not empty")
    if not np.isfinite(matrix).all():
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(matrix))[0])
        raise InputError(f"{what}: entry {where} is not finite")
    return matrix


def are_complex(values: Any) -> bool:
    """Whether values are complex numbers; what is no array of numbers is refused elsewhere."""
    try:
        return np.iscomplexobj(values if hasattr(values, "dtype") else np.asarray(values))
    except ValueError:  # rows of different lengths
        return False


def check_size(matrix: Any, what: str) -> None:
    """Refuse real or complex entries whose squares leave the range of numbers."""
    columns = np.abs(matrix)
    if columns.ndim == 2:
        columns = columns.max(axis=0)
    largest = float(columns.max())
    if largest and not SMALLEST_SIZE <= largest <= 1 / SMALLEST_SIZE:
        raise InputError(
            f"{what}: the largest entry, {largest:g}, must be from {SMALLEST_SIZE:g} to "
            f"{1 / SMALLEST_SIZE:g} in size, since squares are formed: choose another unit"
        )
    lost = np.flatnonzero((columns > 0) & (columns < SMALLEST_SIZE))
    if np.ndim(matrix) == 2 and lost.size:
        raise InputError(
            f"{what}: the largest entry of column {lost[0]}, {columns[lost[0]]:g}, must be zero or "
            f"at least {SMALLEST_SIZE:g} in size, since squares are formed: choose another unit"
        )


def as_vectors(values: ArrayLike, rows: int, what: str = "right-hand side") -> Array:
    """Return right-hand sides, shape (m,) or (m, K), as an array of shape (K, m).

    Raises
    ------
    InputError
        If their length is not ``rows`` or a value is not finite.
    """
    vectors = np.asanyarray(as_dense(values, what))  # a mask is seen by `as_matrix`
    matrix = as_matrix(vectors[:, None] if vectors.ndim == 1 else vectors, what)
    if len(matrix) != rows:
        raise InputError(
            f"{what}: {len(matrix)} rows, but the matrix has {rows}{transposed(matrix, rows)}"
        )
    return np.ascontiguousarray(matrix.T)


def transposed(columns: NDArray[Any], rows: int) -> str:
    """Return a remark on right-hand sides with as many columns as they should have rows."""
    count, length = columns.shape
    if length != rows:
        return ""
    return f"; b has shape {count} x {length}: did you mean its transpose, {length} x {count}?"
