"""`CellTable`: a cell's sub-circuit as it was measured, current over conductance and voltage.

In a state with the conductance g at 0 V it carries i = g v (1 + c1 v + c2 v^2 + ...); the
coefficients are splines over log g.  `amcspice.characterise.measured_cell` makes tables.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.device.cell_circuit import CellModel
from amcspice.device.curve import PowerSeries
from amcspice.errors import InputError
from amcspice.schema import parameters

__all__ = ["CellTable"]

Array = NDArray[np.float64]
Row = tuple[float, ...]


@parameters
class CellTable(PowerSeries):
    """Current over voltage of a cell in S states, by rising conductance.

    Parameters
    ----------
    model : CellModel
        What was measured.
    reach : float
        Largest voltage, of both signs, at which it was [V].
    state : tuple of float, shape (S,)
    zero_bias : tuple of float, shape (S,)
        Conductances at 0 V [S].
    shape : tuple of tuple of float, shape (S, d)
        Coefficients of v/reach, its square and so on in i / (g v), beside 1.
    error : float
        Largest deviation of a current from the table, as a fraction, between states and voltages
        of the table.
    state_error : float
        Largest deviation of a conductance that a state of the table's was set for, as a fraction.
    disturb : float
        Largest change of a conductance in a second, over the highest one, held at the reach [1/s].
    asymmetry : float
        Largest i(reach) / -i(-reach), or its inverse, less one.
    """

    model: CellModel
    reach: Annotated[float, Field(gt=0)]
    state: Annotated[Row, Field(min_length=1)]
    zero_bias: Row
    shape: tuple[Row, ...]
    error: float = 0.0
    state_error: float = 0.0
    disturb: float = 0.0
    asymmetry: float = 0.0

    words: ClassVar[str] = "a measured I-V curve"

    def __post_init__(self) -> None:
        """Check that it is one table."""
        if not len(self.state) == len(self.zero_bias) == len(self.shape):
            raise ValueError("each state needs a conductance and a curve")
        if self.zero_bias[0] <= 0 or (np.diff(self.zero_bias) <= 0).any():
            raise ValueError("conductances must be positive and rise")

    @property
    def lowest(self) -> float:
        """Smallest conductance at 0 V [S]."""
        return self.zero_bias[0]

    @property
    def highest(self) -> float:
        """Largest conductance at 0 V [S]."""
        return self.zero_bias[-1]

    @property
    def settable(self) -> tuple[float, float]:
        """Conductances that cells can be set to have at any voltage within the reach [S]."""
        volts = np.linspace(-self.reach, self.reach, 61)
        volts = volts[volts != 0]
        ends = np.array([[self.lowest], [self.highest]])
        chords = self.current(ends, volts) / volts
        return float(chords[0].max()), float(chords[1].min())

    def limits(self, g_min: Any = None, g_max: Any = None) -> tuple[Any, Any]:
        """Return g_min and g_max, those that are not given so that every voltage has them [S].

        Raises
        ------
        InputError
            If there are none.
        """
        lowest, highest = self.settable
        if lowest >= highest and (g_min is None or g_max is None):
            raise InputError(
                f"sub-circuit {self.model.name} has no conductance at every voltage up to "
                f"{self.reach:g} V: its curves bend more than its states differ; measure it up to "
                "a smaller voltage (cell_reach), or give g_min and g_max"
            )
        return lowest if g_min is None else g_min, highest if g_max is None else g_max

    @property
    def summary(self) -> dict[str, Any]:
        """What it is, without its numbers, for the provenance."""
        names = ("reach", "lowest", "highest", "error", "state_error", "disturb", "asymmetry")
        return {
            "file": self.model.file,
            "name": self.model.name,
            "sha256": self.model.sha256,
            "states": len(self.state),
            **{name: getattr(self, name) for name in names},
        }

    @cached_property
    def _splines(self) -> tuple[Any, Any]:
        """Coefficients and states over the logarithm of the conductance."""
        from scipy.interpolate import CubicSpline

        at = np.log(self.zero_bias)
        return CubicSpline(at, np.array(self.shape)), CubicSpline(at, np.array(self.state))

    def single(self, conductance: Array) -> Array:
        """Return coefficients of v^2, v^3, ... of single cells; see `PowerSeries.single`."""
        shape = self._splines[0](np.log(conductance))
        scale = self.reach ** -np.arange(1.0, shape.shape[-1] + 1)
        return np.asarray(conductance[..., None] * shape * scale)

    def states(self, conductance: Array) -> Array:
        """Return the states in which cells have conductances at 0 V, in the same shape.

        Those beyond the range have the last state in it.
        """
        within = np.clip(conductance, self.lowest, self.highest)
        states = self._splines[1](np.log(within))
        return np.asarray(np.clip(states, min(self.state), max(self.state)))

    def conductances(self, state: Array) -> Array:
        """Return the conductances at 0 V of states, in the same shape [S]."""
        from scipy.interpolate import PchipInterpolator

        order = np.argsort(self.state)
        at, log = np.array(self.state)[order], np.log(self.zero_bias)[order]
        found: Array = np.exp(PchipInterpolator(at, log)(np.clip(state, at[0], at[-1])))
        return found

    def zero_bias_of(self, chord: Array, voltage: Array | float) -> Array:
        """Return the conductances at 0 V of cells that have others at a voltage.

        Parameters
        ----------
        chord : ndarray
            Current over voltage of cells, or of several in parallel [S].
        voltage : ndarray or float
            [V].

        Returns
        -------
        ndarray
            In the same shape; 0 of cells that are off.  What the range does not hold is that of
            its end.
        """
        chord, volts = np.broadcast_arrays(chord, voltage)
        guess = chord.astype(float)
        for _ in range(ITERATIONS):
            ratio = 1 + self._excess_share(np.where(guess > 0, guess, 1.0), volts)
            following = chord / ratio
            moved = np.abs(following - guess) <= CLOSE * chord
            guess = following
            if moved.all():
                break
        return np.where(chord > 0, guess, 0.0)

    def _excess_share(self, conductance: Array, voltage: Array) -> Array:
        """Return the current beyond g v over g v, 0 where v is 0."""
        straight = conductance * np.where(voltage != 0, voltage, 1.0)
        share: Array = self.excess(conductance)(voltage) / straight
        return share


ITERATIONS = 50
"""Most of `CellTable.zero_bias_of`; the ratio of both changes slowly with the state."""

CLOSE = 1e-12
"""Change that ends them, as a fraction."""
