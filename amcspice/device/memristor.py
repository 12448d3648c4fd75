"""Memristors: what conductance a cell really gets, and what it reads back as.

Writing: levels, write noise (or measured write errors), variation from device to device and from
cycle to cycle, stuck cells.  Reading: drift, temperature, read noise.  Equations and sources are
in ``docs/devices.md``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.device.cells import Conductances, Stuck, WriteErrors, of_array
from amcspice.device.draws import normals, uniforms
from amcspice.errors import InputError, UnsupportedError, did_you_mean, parameters

__all__ = ["DEVICES", "REFERENCE_TEMPERATURE", "Memristor"]

Array = NDArray[np.float64]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]

REFERENCE_TEMPERATURE = 300.0
"""Temperature at which conductances are programmed [K]."""


@parameters
class Memristor:
    """A programmable conductance with an optional selector (1T1R).

    Parameters
    ----------
    g_max : float
        Largest programmable conductance [S].
    g_min : float
        Smallest programmable conductance [S].
    selector : bool
        With a selector a cell that should hold zero is switched off (exactly 0 S); without
        one it stays at ``g_min``.
    levels : int, optional
        Number of programmable levels, equally spaced from ``g_min`` to ``g_max``
        (with a selector "off" comes in addition); None is continuous.
    write_noise : float
        Standard deviation of a programmed conductance, as a fraction of what
        ``noise_relative_to`` names.  Cells that are switched off get none.
    noise_relative_to : {"g_max", "g"}
        Whether write noise is absolute (the same for every level) or relative.
    write_errors : WriteErrors, optional
        Measured errors to draw from, in place of ``write_noise``.
    programmed : array_like, shape (arrays, m, n), optional
        Conductances that the cells of the first arrays really hold, such as the outcome of
        write-verify, in place of everything that writing would do to them [S].
    device_variation : float
        Standard deviation of a factor that belongs to the cell: the same in every cycle.
    cycle_variation : float
        Standard deviation of a factor that is drawn anew in every programming cycle.
    stuck_on, stuck_off : float or array_like of bool, shape (arrays, m, n)
        Cells stuck at ``g_max``, or at ``g_min`` (0 S with a selector), in every cycle: a
        fraction of all cells, or maps of the first arrays, whose other arrays have none.  A map
        may be larger than the matrix, which stands at its first row and column.
    drift_exponent : float
        Mean of nu in g(t) = g (t/t0)^-nu.
    drift_spread : float
        Standard deviation of nu from cell to cell; nu is never negative.
    drift_time : float
        Time since programming in units of t0; 1 is no drift.
    temperature : float
        Temperature of the cells [K].
    temperature_coefficient : float
        Relative change of conductance per kelvin, from 300 K on [1/K].
    read_noise : float
        Standard deviation of a conductance when it is read, as a fraction of itself.
    noise_bandwidth : float, optional
        None: read noise is one draw, frozen during a simulation.  Otherwise noise fluctuates in
        time, white up to this frequency [Hz], in ngspice; read noise then in flat decks only.
    thermal_noise : bool
        Johnson noise of every cell and wire at ``temperature``, up to ``noise_bandwidth``.
    sinh_voltage : float, optional
        v0 of the current-voltage curve g v0 sinh(v / v0) [V]: flat decks only; None is linear.
    seed : int
        Seed of every random draw.
    """

    g_max: Positive = 100e-6
    g_min: NonNegative = 0.0
    selector: bool = True
    levels: Annotated[int, Field(ge=2)] | None = None
    write_noise: NonNegative = 0.0
    noise_relative_to: Literal["g_max", "g"] = "g_max"
    write_errors: WriteErrors | None = None
    programmed: Conductances = None
    device_variation: NonNegative = 0.0
    cycle_variation: NonNegative = 0.0
    stuck_on: Stuck = 0.0
    stuck_off: Stuck = 0.0
    drift_exponent: NonNegative = 0.0
    drift_spread: NonNegative = 0.0
    drift_time: Annotated[float, Field(ge=1)] = 1.0
    temperature: Positive = REFERENCE_TEMPERATURE
    temperature_coefficient: float = 0.0
    read_noise: NonNegative = 0.0
    noise_bandwidth: Positive | None = None
    thermal_noise: bool = False
    sinh_voltage: Positive | None = None
    seed: Annotated[int, Field(ge=0)] = 0

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """Return a preset, with single parameters changed on request.

        Raises
        ------
        InputError
            If there is no preset of that name.
        """
        if name not in DEVICES:
            raise InputError(f"unknown device preset {name!r}; {did_you_mean(name, DEVICES)}")
        return cls(**{**DEVICES[name], **changes})

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


DEVICES: dict[str, dict[str, Any]] = {
    "ideal": {},
    "hfo2-16": {"levels": 16, "write_noise": 0.02},
}
"""Device presets. ``hfo2-16`` is a generic assumption of a 16-level cell, not a measured part."""
