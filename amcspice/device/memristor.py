"""Memristors: cells whose laws are parameters, and the cells there are by name.

Equations and sources are in ``docs/devices.md``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.device.cell_circuit import LiveCells
from amcspice.device.cell_model import Cell
from amcspice.device.cell_table import CellTable
from amcspice.device.cells import Measured
from amcspice.device.curve import Curve, Sinh
from amcspice.device.draws import normals, uniforms
from amcspice.device.measured import MeasuredArray
from amcspice.device.moments import censored_moments
from amcspice.device.programmable import ProgrammableCell
from amcspice.registry import Registry
from amcspice.schema import Name, Quantity, parameters

__all__ = ["DEVICES", "Memristor", "as_cell", "cell"]

Array = NDArray[np.float64]


POOR_TABLE = 1e-4
"""Error of a table that is told of, as a fraction."""


@parameters
class Memristor(ProgrammableCell):
    """A programmable conductance with an optional selector (1T1R).

    Examples
    --------
    >>> import amcspice as amc
    >>> device = amc.Memristor(g_max="50 uS", levels=16, write_noise="2 %", seed=1)
    >>> amc.solve("mvm", [[0.5, 1.0]], [1.0, 1.0], fidelity="dc", device=device).x.round(2)
    array([1.49])
    """

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
    drift_exponent: Annotated[
        float, Field(ge=0, description="Mean of nu in g(t) = g (t/t0)^-nu."), Quantity("", (0, 1))
    ] = 0.0
    drift_spread: Annotated[
        float,
        Field(ge=0, description="Standard deviation of nu from cell to cell; nu is never negative"),
        Quantity("", (0, 1)),
    ] = 0.0
    read_noise: Annotated[
        float,
        Field(
            ge=0,
            description="Standard deviation of a conductance when it is read, as a fraction of it.",
        ),
        Quantity("", (0, 1)),
    ] = 0.0
    sinh_voltage: Annotated[
        float | None,
        Field(
            gt=0,
            description="v0 of the current-voltage curve g v0 sinh(v / v0); none is linear.",
        ),
        Quantity("V", (0.01, 10)),
    ] = None

    table: Annotated[
        CellTable | None,
        Field(
            description="A sub-circuit that was measured, amcspice.measured_cell: it gives the "
            "current-voltage curve."
        ),
        Name(
            made_of=(
                "cell_lib", "cell_subckt", "cell_state", "cell_low", "cell_high", "cell_node",
                "cell_polarity", "cell_compat", "cell_reach",
            )
        ),
    ] = None  # fmt: skip
    cell_mode: Annotated[
        Literal["frozen", "live"],
        Field(
            description="Of cells of a sub-circuit: frozen, an element with the measured curve, in "
            "all fidelities; live, the sub-circuit at every crossing point of flat decks."
        ),
    ] = "frozen"
    set_at: Annotated[
        Literal["operating"] | Annotated[float, Quantity("V", (1e-3, 10))],
        Field(
            description="Voltage at which cells of a sub-circuit have their conductances; "
            "operating: each at the one that it sees with these right-hand sides (chips: 0 V)."
        ),
    ] = "operating"

    MOMENTS_OF: ClassVar[tuple[str, ...]] = (
        *ProgrammableCell.MOMENTS_OF,
        "write_spread",
        "drift_exponents",
        "relaxation",
        "read_spread",
    )

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Any:
        """Return cells by their name, with single parameters changed on request; see `cell`."""
        entry: Any = DEVICES.choose(name)
        return entry(**changes) if isinstance(entry, type) else cls(**{**entry, **changes})

    def __post_init__(self) -> None:
        """Check what involves more than one field."""
        super().__post_init__()
        if self.write_noise and self.write_errors is not None:
            raise ValueError("give either write_noise or write_errors")
        if self.table is None:
            if self.cell_mode == "live":
                raise ValueError("live cells are those of a sub-circuit, which is not given")
            return
        if self.sinh_voltage is not None:
            raise ValueError("give either sinh_voltage or a sub-circuit")
        lowest, highest = self.table.lowest, self.table.highest
        smallest = self.g_min
        if not smallest and self.selector and self.levels is not None:
            smallest = self.g_max / (self.levels - 1)
        if smallest < lowest * (1 - 1e-6) or self.g_max > highest * (1 + 1e-6):
            raise ValueError(
                f"sub-circuit {self.table.model.name} has conductances from {lowest:.4g} to "
                f"{highest:.4g} S, but cells are to have {smallest:.4g} to {self.g_max:.4g} S: "
                "choose g_min and g_max within that, or a wider range of states"
            )

    @property
    def fluctuates(self) -> bool:
        """Whether conductances change during a simulation."""
        return self.noise_bandwidth is not None and self.read_noise > 0

    @property
    def drawn(self) -> bool:
        """Whether anything depends on the seed."""
        if self.measured is not None and self.measured.repeated:
            return True
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
    def cautions(self) -> tuple[str, ...]:
        """What figures of these cells stand on, a sentence each."""
        table, said = self.table, list(super().cautions)
        if table is None:
            return tuple(said)
        if max(table.error, table.state_error) > POOR_TABLE:
            said.append(
                f"the table of sub-circuit {table.model.name} is off by up to {table.error:.2g} of "
                f"a current and {table.state_error:.2g} of a conductance"
            )
        if self.set_at != "operating" and abs(self.set_at) > table.reach:
            said.append(
                f"cells have their conductances at {self.set_at:g} V, but curves are known up to "
                f"{table.reach:g} V: beyond, they go on as their tangents"
            )
        return tuple(said)

    @property
    def curve(self) -> Curve | None:
        """Current over voltage; None is a straight line."""
        if self.table is not None:
            return self.table
        return None if self.sinh_voltage is None else Sinh(self.sinh_voltage)

    @property
    def live(self) -> LiveCells | None:
        """What stands at the crossing points of flat decks; None is an element a cell."""
        return self.table if self.cell_mode == "live" else None

    @property
    def frozen(self) -> Self:
        """The same cells as elements with a curve."""
        return self if self.live is None else dataclasses.replace(self, cell_mode="frozen")

    @property
    def set_when_used(self) -> bool:
        """Whether cells are set for the voltages that they see with given right-hand sides."""
        return self.table is not None and self.set_at == "operating"

    def at_zero_bias(self, conductance: Array, voltage: Array | None = None) -> Array:
        """Return what cells have at 0 V; see `Cell.at_zero_bias`."""
        at: Any = voltage
        if voltage is None:
            at = 0.0 if self.set_at == "operating" else self.set_at
        if self.table is None or not np.any(at):
            return conductance
        return self.table.zero_bias_of(conductance, at)

    def write_spread(self, aimed: Array) -> Any:
        """Return the standard deviation that writing leaves; see `Cell.write_spread`."""
        return self.write_noise * (self.g_max if self.noise_relative_to == "g_max" else aimed)

    def drift_exponents(self, written: Array) -> tuple[Any, Any]:
        """Return mean and deviation of the drift exponent, the same of all cells."""
        return self.drift_exponent, self.drift_spread

    def read_spread(self, written: Array) -> Any:
        """Return the deviation of frozen read noise, the same of all cells."""
        return 0.0 if self.fluctuates else self.read_noise

    def fluctuation(self, conductance: Array) -> Any:
        """Return the deviation of noise in time, the same of all cells."""
        return np.full(np.shape(conductance), self.read_noise)

    def write_error(self, aimed: Array, array: int, cycle: int) -> Any:
        """Return what conductances are off by after writing [S]."""
        if self.write_errors is None:
            return super().write_error(aimed, array, cycle)
        chance = uniforms(self.seed, "write", aimed.shape, array, cycle)
        return self.write_errors.draw(aimed, chance)

    def varied(self, written: Array, array: int, cycle: int) -> Array:
        """Return conductances with the factors of device and cycle."""
        if self.device_variation:
            factor = normals(self.seed, "cell", written.shape, array)
            written = written * np.maximum(1 + self.device_variation * factor, 0.0)
        if self.cycle_variation:
            factor = normals(self.seed, "cycle", written.shape, array, cycle)
            written = written * np.maximum(1 + self.cycle_variation * factor, 0.0)
        return written

    def _written_moments(self, aimed: Array) -> tuple[Array, Array]:
        """Return mean and mean square of what is read of cells that are on: factors, one by one."""
        if self.write_errors is None:
            mean, square = censored_moments(aimed, self.write_spread(aimed))
        else:
            mean, square = self.write_errors.moments(aimed)
        one = np.ones(1)
        for spread in filter(None, (self.device_variation, self.cycle_variation)):
            first, second = censored_moments(one, spread)
            mean, square = mean * first, square * second
        first, second = self._read_moments(one)
        return mean * first, square * second


def _fault(entry: Any) -> str | None:
    if isinstance(entry, type) and issubclass(entry, Cell):
        lacking = sorted(getattr(entry, "__abstractmethods__", ()))
        return f"the class {entry.__name__} lacks {', '.join(lacking)}" if lacking else None
    if isinstance(entry, Mapping):
        return None
    return "it is neither a mapping of fields of amcspice.Memristor nor a subclass of amcspice.Cell"


DEVICES: Registry[Mapping[str, Any] | type[Cell]] = Registry(
    "device preset",
    "amcspice.cells",
    {"ideal": {}, "hfo2-16": {"levels": 16, "write_noise": 0.02}},
    _fault,
)
"""Cells by name: fields of a `Memristor`, or a class of cells.

``hfo2-16`` is a generic assumption of a 16-level cell, not a measured part.
"""


def as_cell(value: Any) -> Any:
    """Return cells for their name, or for measured conductances; other values as they are."""
    if isinstance(value, str):
        return cell(value)
    return Memristor(measured=value) if isinstance(value, MeasuredArray) else value


def cell(name: str, **changes: Any) -> Any:
    """Return cells by their name, with single parameters changed on request.

    Parameters
    ----------
    name : str
        In `amcspice.device.DEVICES`, such as ``pcm-joshi-2020``.
    **changes
        Fields of the class.

    Returns
    -------
    Cell

    Raises
    ------
    InputError
        If there are no cells of that name, or a value does not fit.

    Examples
    --------
    >>> import amcspice as amc
    >>> pcm = amc.cell("pcm-joshi-2020", seed=3)
    >>> run = amc.solve("mvm", [[0.2, 0.4], [0.6, 0.8]], [1.0, 1.0], fidelity="dc", device=pcm)
    >>> run.x.shape, bool(run.relative_error < 0.2)
    ((2,), True)
    """
    return Memristor.preset(name, **changes)
