"""Memristors: what conductance a cell really gets, and what it reads back as.

Writing: levels, write noise (or measured write errors), variation from device to device and from
cycle to cycle, stuck cells.  Reading: drift, temperature, read noise.  Equations and sources are
in ``docs/devices.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.device.cells import Conductances, Measured, Stuck, of_array
from amcspice.device.draws import normals, uniforms
from amcspice.errors import InputError, UnsupportedError
from amcspice.registry import Registry
from amcspice.schema import Name, Quantity, parameters

__all__ = ["DEVICES", "REFERENCE_TEMPERATURE", "Memristor"]

Array = NDArray[np.float64]

REFERENCE_TEMPERATURE = 300.0
"""Temperature at which conductances are programmed [K]."""


@parameters
class Memristor:
    """A programmable conductance with an optional selector (1T1R)."""

    g_max: Annotated[
        float,
        Field(gt=0, description="Largest programmable conductance."),
        Quantity("S", (1e-9, 0.1)),
    ] = 100e-6
    g_min: Annotated[
        float,
        Field(ge=0, description="Smallest programmable conductance."),
        Quantity("S", (1e-15, 0.01)),
    ] = 0.0
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
    write_noise: Annotated[
        float,
        Field(
            ge=0,
            description="Standard deviation of a programmed conductance, as a fraction of what "
            "noise_relative_to names; cells that are off get none.",
        ),
        Quantity("", (0, 1)),
    ] = 0.0
    noise_relative_to: Annotated[
        Literal["g_max", "g"],
        Field(description="What write noise is a fraction of: the same for every level, or not."),
    ] = "g_max"
    write_errors: Annotated[
        Measured,
        Field(
            description="Measured write errors to draw from, in the place of write_noise, or the "
            "file that 'amcspice program --errors' wrote."
        ),
        Name(file=True),
    ] = None
    programmed: Annotated[
        Conductances,
        Field(
            description="Conductances [S] that the cells of the first arrays really hold, (arrays, "
            "rows, columns), in the place of everything that writing does to them; or .npy files."
        ),
        Name(file=True),
    ] = None
    device_variation: Annotated[
        float,
        Field(
            ge=0,
            description="Standard deviation of a factor of the cell, the same in every cycle.",
        ),
        Quantity("", (0, 1)),
    ] = 0.0
    cycle_variation: Annotated[
        float,
        Field(
            ge=0,
            description="Standard deviation of a factor that every programming cycle draws anew.",
        ),
        Quantity("", (0, 1)),
    ] = 0.0
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
    drift_exponent: Annotated[
        float, Field(ge=0, description="Mean of nu in g(t) = g (t/t0)^-nu."), Quantity("", (0, 1))
    ] = 0.0
    drift_spread: Annotated[
        float,
        Field(ge=0, description="Standard deviation of nu from cell to cell; nu is never negative"),
        Quantity("", (0, 1)),
    ] = 0.0
    drift_time: Annotated[
        float,
        Field(ge=1, description="Time since programming in units of t0; 1 is no drift."),
        Quantity(),
    ] = 1.0
    temperature: Annotated[
        float, Field(gt=0, description="Of the cells."), Quantity("K", (1, 1000))
    ] = REFERENCE_TEMPERATURE
    temperature_coefficient: Annotated[
        float,
        Field(description="Relative change of conductance per kelvin, from 300 K on."),
        Quantity("1/K", (0, 0.1)),
    ] = 0.0
    read_noise: Annotated[
        float,
        Field(
            ge=0,
            description="Standard deviation of a conductance when it is read, as a fraction of it.",
        ),
        Quantity("", (0, 1)),
    ] = 0.0
    noise_bandwidth: Annotated[
        float | None,
        Field(
            gt=0,
            description="Noise fluctuates in time, white up to this frequency, in ngspice (read "
            "noise in flat decks only); none freezes read noise during a simulation.",
        ),
        Quantity("Hz", (1, 1e13)),
    ] = None
    thermal_noise: Annotated[
        bool,
        Field(description="Johnson noise of every cell and wire, up to noise_bandwidth."),
    ] = False
    sinh_voltage: Annotated[
        float | None,
        Field(
            gt=0,
            description="v0 of the current-voltage curve g v0 sinh(v / v0): flat decks only; none "
            "is linear.",
        ),
        Quantity("V", (0.01, 10)),
    ] = None
    seed: Annotated[int, Field(ge=0, description="Of every random draw.")] = 0

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """Return a preset, with single parameters changed on request.

        Raises
        ------
        InputError
            If there is no preset of that name.
        """
        entry: Any = DEVICES.choose(name)
        return entry(**changes) if isinstance(entry, type) else cls(**{**entry, **changes})

    def __post_init__(self) -> None:
        """Check what involves more than one field."""
        if self.g_min >= self.g_max:
            raise ValueError(f"g_min = {self.g_min} must be below g_max = {self.g_max}")
        fractions = [x for x in (self.stuck_on, self.stuck_off) if isinstance(x, float)]
        if sum(fractions) > 1:
            raise ValueError("stuck_on + stuck_off must not exceed 1")
        if self.write_noise and self.write_errors is not None:
            raise ValueError("give either write_noise or write_errors")
        if self.temperature_factor <= 0:
            raise ValueError(
                f"at {self.temperature:g} K a temperature coefficient of "
                f"{self.temperature_coefficient:g} / K leaves no conductance"
            )
        if self.noise_bandwidth is not None and not (self.read_noise or self.thermal_noise):
            raise ValueError("noise_bandwidth needs read_noise or thermal_noise")
        if self.thermal_noise and self.noise_bandwidth is None:
            raise ValueError("thermal_noise needs noise_bandwidth: there is none without a band")

    @property
    def temperature_factor(self) -> float:
        """Conductance at ``temperature`` over that at 300 K."""
        return 1 + self.temperature_coefficient * (self.temperature - REFERENCE_TEMPERATURE)

    @property
    def fluctuates(self) -> bool:
        """Whether conductances change during a simulation."""
        return self.noise_bandwidth is not None and self.read_noise > 0

    @property
    def drawn(self) -> bool:
        """Whether anything depends on the seed."""
        written = self.programmed is None and (
            self.write_noise
            or self.write_errors is not None
            or self.device_variation
            or self.cycle_variation
            or any(isinstance(x, float) and x for x in (self.stuck_on, self.stuck_off))
        )
        drifts = self.drift_time > 1 and self.drift_spread
        return bool(written or drifts or self.read_noise or self.thermal_noise)

    @property
    def linear(self) -> bool:
        """True if a cell is a constant conductance during a simulation."""
        return self.sinh_voltage is None and not self.fluctuates

    def refuse_unless_linear(self, fidelity: str) -> None:
        """Refuse cells that are no constant conductances.

        Raises
        ------
        UnsupportedError
            If they are none; names ``fidelity`` and what to use.
        """
        if not self.linear:
            kind = "with a sinh I-V curve" if self.sinh_voltage else "that fluctuate in time"
            raise UnsupportedError(
                f"cells {kind} cannot be reduced to port conductances, so {fidelity} fidelity "
                "does not know them; use flat fidelity"
            )

    def quantise(self, target: Array) -> Array:
        """Return the programmable conductances nearest to ``target``.

        Parameters
        ----------
        target : ndarray
            Wanted conductances, from 0 to ``g_max`` [S].

        Returns
        -------
        ndarray
            Same shape; without any random part [S].
        """
        if self.levels is None:
            nearest = np.maximum(target, self.g_min)
        else:
            step = (self.g_max - self.g_min) / (self.levels - 1)
            level = np.clip(np.rint((target - self.g_min) / step), 0, self.levels - 1)
            nearest = self.g_min + step * level
        if self.selector:
            return np.where(target < nearest / 2, 0.0, nearest)
        return nearest

    def program(self, target: Array, array: int = 0, cycle: int = 0) -> Array:
        """Return the conductances that a circuit finds after ``target`` was programmed.

        Parameters
        ----------
        target : ndarray, shape (m, n)
            Wanted conductances, from 0 to ``g_max`` [S].
        array : int
            Index of the array in its circuit: names the cells.
        cycle : int
            Number of the programming cycle: equal array and cycle give equal draws; another
            cycle meets the same cells, with their stuck ones and their own factors.

        Returns
        -------
        ndarray, shape (m, n)
            ``read(write(target))`` [S].

        Raises
        ------
        InputError
            If a map of cells does not fit the array.
        """
        return self.read(self.write(target, array, cycle), array, cycle)

    def write(self, target: Array, array: int = 0, cycle: int = 0) -> Array:
        """Return the conductances right after programming, read without error [S].

        Parameters and errors are those of `program`.
        """
        programmed = self._held(target.shape, array)
        if programmed is not None:
            return programmed
        aimed = self.quantise(target)
        written = np.where(aimed > 0, np.maximum(aimed + self._error(aimed, array, cycle), 0), 0)
        if self.device_variation:
            factor = normals(self.seed, "cell", target.shape, array)
            written = written * np.maximum(1 + self.device_variation * factor, 0.0)
        if self.cycle_variation:
            factor = normals(self.seed, "cycle", target.shape, array, cycle)
            written = written * np.maximum(1 + self.cycle_variation * factor, 0.0)
        on, off = self.stuck(target.shape, array)
        written = np.where(on, self.g_max, written)
        return np.where(off, 0.0 if self.selector else self.g_min, written)

    def read(self, written: Array, array: int = 0, cycle: int = 0) -> Array:
        """Return what conductances have become when they are used, in the same shape [S].

        Drift, temperature and frozen read noise act on every cell; one that is off stays off.
        """
        conductance = written * self.temperature_factor
        if self.drift_time > 1 and (self.drift_exponent or self.drift_spread):
            spread = self.drift_spread * normals(self.seed, "drift", written.shape, array)
            exponent = np.maximum(self.drift_exponent + spread, 0.0)
            conductance = conductance * self.drift_time**-exponent
        if self.read_noise and not self.fluctuates:
            noise = normals(self.seed, "read", written.shape, array, cycle)
            conductance = conductance * np.maximum(1 + self.read_noise * noise, 0.0)
        return conductance

    def stuck(
        self, shape: tuple[int, ...], array: int = 0
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which cells are stuck on and which are stuck off, each of the given shape.

        A cell that both maps name is stuck off.
        """
        if self.stuck_on == self.stuck_off == 0.0:
            return np.zeros(shape, bool), np.zeros(shape, bool)
        fate = uniforms(self.seed, "stuck", shape, array)
        on = _stuck_cells(self.stuck_on, fate, array, "stuck_on")
        off = _stuck_cells(self.stuck_off, 1 - fate, array, "stuck_off")
        return on & ~off, off

    def _error(self, aimed: Array, array: int, cycle: int) -> Any:
        if self.write_errors is not None:
            chance = uniforms(self.seed, "write", aimed.shape, array, cycle)
            return self.write_errors.draw(aimed, chance)
        if not self.write_noise:
            return 0.0
        scale: Any = self.g_max if self.noise_relative_to == "g_max" else aimed
        return self.write_noise * scale * normals(self.seed, "write", aimed.shape, array, cycle)

    def _held(self, shape: tuple[int, ...], array: int) -> Array | None:
        if self.programmed is None:
            return None
        programmed = of_array(self.programmed, array, shape, "programmed")
        if programmed is not None and np.shape(self.programmed[array]) != shape:
            raise InputError(
                f"Memristor.programmed: array {array} of the circuit has shape {shape}, the "
                f"programmed one {np.shape(self.programmed[array])}"
            )
        return programmed


def _stuck_cells(stuck: Any, chance: Array, array: int, what: str) -> NDArray[np.bool_]:
    if isinstance(stuck, float):
        return chance < stuck
    stuck_map = of_array(stuck, array, chance.shape, what)
    return np.zeros(chance.shape, bool) if stuck_map is None else stuck_map


def _fault(entry: Any) -> str | None:
    if isinstance(entry, Mapping) or (isinstance(entry, type) and issubclass(entry, Memristor)):
        return None
    return "it is neither a mapping of fields of amcspice.Memristor nor a subclass of it"


DEVICES: Registry[Mapping[str, Any] | type[Memristor]] = Registry(
    "device preset",
    "amcspice.cells",
    {"ideal": {}, "hfo2-16": {"levels": 16, "write_noise": 0.02}},
    _fault,
)
"""Device presets: fields of a `Memristor`, or a class of cells of its own.

``hfo2-16`` is a generic assumption of a 16-level cell, not a measured part.
"""
