"""Cells that are programmed to conductances: the steps that all of them share.

Writing: levels, write error, stuck cells, or the conductances themselves.  Reading: temperature,
drift or relaxation, read noise.  What is different from cell to cell are the laws of these steps,
functions of the conductance: `ProgrammableCell.write_spread`, `drift_exponents`, `relaxation`,
`read_spread`.  `amcspice.Memristor` has them as parameters, cells of publications as formulas.
Equations and sources are in ``docs/devices.md`` and ``docs/cells.md``.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.device.cell_model import REFERENCE_TEMPERATURE, Cell
from amcspice.device.cells import Conductances, Stuck, of_array, stuck_cells
from amcspice.device.draws import normals, uniforms
from amcspice.device.measured import MeasuredArray, MeasuredCells, MeasuredUnit
from amcspice.device.moments import censored_moments, drift_moments, mean_over_normal
from amcspice.errors import InputError, UnsupportedError
from amcspice.schema import Name, Quantity, parameters

__all__ = ["ProgrammableCell", "SmallestConductance"]

Array = NDArray[np.float64]

SmallestConductance = Annotated[
    float,
    Field(ge=0, description="Smallest programmable conductance."),
    Quantity("S", (1e-15, 0.01)),
]


@parameters
class ProgrammableCell(Cell):
    """A cell that is programmed to levels or to any conductance, with an optional selector."""

    g_min: SmallestConductance = 0.0
    selector: Annotated[
        bool,
        Field(description="A cell that should hold zero is switched off; without, it is at g_min."),
    ] = True
    levels: Annotated[
        int | None,
        Field(
            ge=2,
            description="Programmable levels, equally spaced from g_min to g_max (with a selector "
            "off comes in addition); none is continuous.",
        ),
    ] = None
    programmed: Annotated[
        Conductances,
        Field(
            description="Conductances [S] that the cells of the first arrays really hold, (arrays, "
            "rows, columns), in the place of everything that writing does to them; or .npy files."
        ),
        Name(file=True),
    ] = None
    measured_unit: Annotated[
        MeasuredUnit | None,
        Field(description="Unit of measured; none is what the name of the file ends with, or S."),
    ] = None
    measured: Annotated[
        MeasuredCells,
        Field(
            description="Measured conductances in the place of drawn ones, an array a file: .npy "
            "(rows, columns[, reads]) or .csv; nan is a cell that has failed, repeated reads are "
            "the read noise."
        ),
        Name(file=True),
    ] = None
    stuck_on: Annotated[
        Stuck,
        Field(
            description="Cells stuck at g_max: a fraction of all, or booleans (arrays, rows, "
            "columns), whose other arrays have none, or their .npy file."
        ),
        Name(file=True, number=True),
    ] = 0.0
    stuck_off: Annotated[
        Stuck,
        Field(description="Cells stuck at g_min (0 S with a selector): as stuck_on."),
        Name(file=True, number=True),
    ] = 0.0
    drift_time: Annotated[
        float,
        Field(ge=1, description="Time since programming in units of t0; 1 is no drift."),
        Quantity(),
    ] = 1.0
    temperature_coefficient: Annotated[
        float,
        Field(description="Relative change of conductance per kelvin, from 300 K on."),
        Quantity("1/K", (0, 0.1)),
    ] = 0.0

    drift_unit: ClassVar[float] = 1.0
    """What ``drift_time`` counts in [s]."""
    MOMENTS_OF: ClassVar[tuple[str, ...]] = (
        "quantise", "program", "write", "write_error", "varied", "read", "stuck",
    )  # fmt: skip
    """Methods whose draws `moments` averages; it knows nothing of a class that changes them."""

    def __post_init__(self) -> None:
        """Check what involves more than one field."""
        super().__post_init__()
        if self.g_min >= self.g_max:
            raise ValueError(f"g_min = {self.g_min} must be below g_max = {self.g_max}")
        if self.programmed is not None and self.measured is not None:
            raise ValueError("give either programmed or measured")
        fractions = [x for x in (self.stuck_on, self.stuck_off) if isinstance(x, float)]
        if sum(fractions) > 1:
            raise ValueError("stuck_on + stuck_off must not exceed 1")
        if self.temperature_factor <= 0:
            raise ValueError(
                f"at {self.temperature:g} K a temperature coefficient of "
                f"{self.temperature_coefficient:g} / K leaves no conductance"
            )

    @property
    def temperature_factor(self) -> float:
        """Conductance at ``temperature`` over that at 300 K."""
        return 1 + self.temperature_coefficient * (self.temperature - REFERENCE_TEMPERATURE)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What figures of these cells stand on, a sentence each."""
        return () if self.measured is None else tuple(self.measured.cautions(self.g_max))

    # -- laws ----------------------------------------------------------------------------------

    def drift_exponents(self, written: Array) -> tuple[Any, Any]:
        """Return mean and deviation of nu in g (t/t0)^-nu of cells; nu is never negative."""
        return 0.0, 0.0

    def relaxation(self, written: Array) -> tuple[Any, Any] | None:
        """Return mean and deviation of what is added to conductances in the place of drift [S]."""
        return None

    def read_spread(self, written: Array) -> Any:
        """Return the deviation of a conductance when it is read, as a fraction of it."""
        return 0.0

    # -- writing -------------------------------------------------------------------------------

    def quantise(self, target: Array) -> Array:
        """Return the programmable conductances nearest to ``target``; see `Cell.quantise`."""
        if self.levels is None:
            nearest = np.maximum(target, self.g_min)
        else:
            step = (self.g_max - self.g_min) / (self.levels - 1)
            level = np.clip(np.rint((target - self.g_min) / step), 0, self.levels - 1)
            nearest = self.g_min + step * level
        if self.selector:
            return np.where(target < nearest / 2, 0.0, nearest)
        return nearest

    def write(self, target: Array, array: int = 0, cycle: int = 0) -> Array:
        """Return the conductances right after programming, read without error [S].

        Parameters and errors are those of `Cell.program`.
        """
        programmed = self._held(target.shape, array)
        if programmed is not None:
            return programmed
        aimed = self.quantise(target)
        error = self.write_error(aimed, array, cycle)
        written = np.where(aimed > 0, np.maximum(aimed + error, 0), 0)
        written = self.varied(written, array, cycle)
        on, off = self.stuck(target.shape, array)
        written = np.where(on, self.g_max, written)
        return np.where(off, self._off, written)

    def write_error(self, aimed: Array, array: int, cycle: int) -> Any:
        """Return what conductances are off by after writing [S]."""
        spread = self.write_spread(aimed)
        if not _some(spread):
            return 0.0
        return spread * normals(self.seed, "write", aimed.shape, array, cycle)

    def varied(self, written: Array, array: int, cycle: int) -> Array:
        """Return conductances with factors of the single cells."""
        return written

    @property
    def _off(self) -> float:
        return 0.0 if self.selector else self.g_min

    # -- reading -------------------------------------------------------------------------------

    def read(self, written: Array, array: int = 0, cycle: int = 0) -> Array:
        """Return what conductances have become when they are used, in the same shape [S].

        Temperature, drift and frozen read noise act on every cell; one that is off stays off.
        """
        conductance = self._relaxed(written * self.temperature_factor, written, array)
        measured: MeasuredArray | None = self.measured
        if measured is not None and array < len(measured):
            chance = uniforms(self.seed, "read", written.shape, array, cycle)
            ratio = measured.read(array, chance) / np.where(written > 0, written, 1.0)
            return conductance * ratio
        spread = self.read_spread(written)
        if _some(spread):
            noise = normals(self.seed, "read", written.shape, array, cycle)
            conductance = conductance * np.maximum(1 + spread * noise, 0.0)
        return conductance

    def _relaxed(self, conductance: Array, written: Array, array: int) -> Array:
        """Return conductances after the time since they were written."""
        added = self.relaxation(written)
        if added is not None:
            shift = added[0] + added[1] * normals(self.seed, "drift", written.shape, array)
            relaxed: Array = np.where(written > 0, np.maximum(conductance + shift, 0.0), 0.0)
            return relaxed
        mean, spread = self.drift_exponents(written)
        if self.drift_time == 1 or not (_some(mean) or _some(spread)):
            return conductance
        deviation = spread * normals(self.seed, "drift", written.shape, array)
        exponent = np.maximum(mean + deviation, 0.0)
        drifted: Array = conductance * self.drift_time**-exponent
        return drifted

    def stuck(
        self, shape: tuple[int, ...], array: int = 0
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which cells are stuck on and which are stuck off, each of the given shape.

        A cell that both maps name is stuck off.
        """
        if self.stuck_on == self.stuck_off == 0.0:
            return np.zeros(shape, bool), np.zeros(shape, bool)
        fate = uniforms(self.seed, "stuck", shape, array)
        on = stuck_cells(self.stuck_on, fate, array, "stuck_on")
        off = stuck_cells(self.stuck_off, 1 - fate, array, "stuck_off")
        return on & ~off, off

    # -- what a cell is in the mean --------------------------------------------------------------

    def moments(self, target: Array) -> tuple[Array, Array]:
        """Return mean and variance of what `program` draws; see `amcspice.device.moments`.

        Raises
        ------
        UnsupportedError
            If single cells are given: maps of stuck ones, programmed conductances.
        """
        if self.of_single_cells:
            raise UnsupportedError(
                "single cells that are given: the mean of their errors is not known in closed "
                "form; run a circuit instead"
            )
        aimed = self.quantise(target)
        on = aimed > 0
        if on.all():
            mean, square = self._written_moments(aimed)
        else:
            mean, square = np.zeros(aimed.shape), np.zeros(aimed.shape)
            mean[on], square[on] = self._written_moments(aimed[on])
        if lost := self.stuck_on + self.stuck_off:
            mean, square = (1 - lost) * mean, (1 - lost) * square
        for part, value in ((self.stuck_on, self.g_max), (self.stuck_off, self._off)):
            if part:
                first, second = self._read_moments(np.full(1, value))
                mean, square = mean + part * first, square + part * second
        return mean, np.maximum(square - mean**2, 0.0)

    def _written_moments(self, aimed: Array) -> tuple[Array, Array]:
        """Return mean and mean square of what is read of cells that are on."""
        return mean_over_normal(self._read_moments, aimed, self.write_spread(aimed))

    def _read_moments(self, written: Array) -> tuple[Array, Array]:
        """Return mean and mean square of what is read of conductances as they were written."""
        conductance = written * self.temperature_factor
        added = self.relaxation(written)
        if added is not None:
            first, second = censored_moments(conductance + added[0], added[1])
            first, second = np.where(written > 0, first, 0), np.where(written > 0, second, 0)
        else:
            first, second = conductance, conductance**2
            if self.drift_time > 1:
                decay = drift_moments(*self.drift_exponents(written), self.drift_time)
                first, second = first * decay[0], second * decay[1]
        noise = censored_moments(np.ones(1), self.read_spread(written))
        return first * noise[0], second * noise[1]

    @property
    def of_single_cells(self) -> str:
        """Name of a parameter that says something of single cells; empty if none does."""
        names = ("programmed", "measured", "stuck_on", "stuck_off")
        return next((n for n in names if not isinstance(getattr(self, n), float | None)), "")

    # -- other times, other matrices -------------------------------------------------------------

    def aged(self, age: float, temperature: float | None) -> Self:
        """Return the same cells at a later time; see `Cell.aged`."""
        aged = super().aged(age, temperature)
        if not age:
            return aged
        return dataclasses.replace(aged, drift_time=self.drift_time + age / self.drift_unit)

    def typical(self) -> Self:
        """Return such cells without what is known of single ones, which fits one matrix only."""
        if not self.of_single_cells:
            return self
        maps = [n for n in ("stuck_on", "stuck_off") if not isinstance(getattr(self, n), float)]
        changes: dict[str, Any] = {"programmed": None, "measured": None, **dict.fromkeys(maps, 0.0)}
        return dataclasses.replace(self, **changes)

    def _held(self, shape: tuple[int, ...], array: int) -> Array | None:
        if self.measured is not None:
            measured: Array | None = self.measured.held(array, shape)
            return measured
        if self.programmed is None:
            return None
        programmed = of_array(self.programmed, array, shape, "programmed")
        if programmed is not None and np.shape(self.programmed[array]) != shape:
            raise InputError(
                f"{type(self).__name__}.programmed: array {array} of the circuit has shape "
                f"{shape}, the programmed one {np.shape(self.programmed[array])}"
            )
        return programmed


def _some(value: Any) -> bool:
    """Whether a number is not zero, or some of an array."""
    return bool(value if isinstance(value, float) else np.any(value))
