"""`Cell`: what circuits, chips and sweeps ask of the cells of an array, whatever they are.

A cell model says what conductance a cell gets (`Cell.write`), what has become of it when it is
used (`Cell.read`), what of that is drawn at random, and whether the cell is a constant conductance.
`amcspice.Memristor` is one; cells of publications stand in ``published/``, one file each.
"""

from __future__ import annotations

import abc
import dataclasses
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.device.cell_circuit import LiveCells
from amcspice.device.curve import Curve
from amcspice.errors import UnsupportedError
from amcspice.schema import Quantity, parameters

__all__ = ["REFERENCE_TEMPERATURE", "Cell", "LargestConductance"]

Array = NDArray[np.float64]

REFERENCE_TEMPERATURE = 300.0
"""Temperature at which conductances are programmed [K]."""

LargestConductance = Annotated[
    float,
    Field(gt=0, description="Largest programmable conductance."),
    Quantity("S", (1e-9, 0.1)),
]


@parameters
class Cell(abc.ABC):
    """A programmable conductance.

    A model of its own is a subclass with the decorator `amcspice.schema.parameters`; it has to
    say `quantise`, `write` and `read`.

    Examples
    --------
    >>> import amcspice as amc
    >>> pcm = amc.cell("pcm-joshi-2020")
    >>> isinstance(pcm, amc.Cell), pcm.g_max
    (True, 2.5e-05)
    """

    g_max: LargestConductance = 100e-6
    temperature: Annotated[
        float, Field(gt=0, description="Of the cells."), Quantity("K", (1, 1000))
    ] = REFERENCE_TEMPERATURE
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
    seed: Annotated[int, Field(ge=0, description="Of every random draw.")] = 0

    def __post_init__(self) -> None:
        """Check what involves more than one field."""
        if self.noise_bandwidth is not None and not (self.fluctuates or self.thermal_noise):
            raise ValueError("noise_bandwidth needs read_noise or thermal_noise")
        if self.thermal_noise and self.noise_bandwidth is None:
            raise ValueError("thermal_noise needs noise_bandwidth: there is none without a band")

    # -- what a model says -------------------------------------------------------------------

    @abc.abstractmethod
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

    @abc.abstractmethod
    def write(self, target: Array, array: int = 0, cycle: int = 0) -> Array:
        """Return the conductances right after programming, read without error [S].

        Parameters and errors are those of `program`.
        """

    @abc.abstractmethod
    def read(self, written: Array, array: int = 0, cycle: int = 0) -> Array:
        """Return what conductances have become when they are used, in the same shape [S].

        A cell that is off stays off.
        """

    @property
    def drawn(self) -> bool:
        """Whether anything depends on the seed."""
        return True

    @property
    def curve(self) -> Curve | None:
        """Current over voltage; None is a straight line."""
        return None

    @property
    def live(self) -> LiveCells | None:
        """What stands at the crossing points of flat decks; None is an element a cell.

        Conductances of the network are then those of the cells at 0 V.
        """
        return None

    @property
    def frozen(self) -> Self:
        """The same cells as elements with a curve, where they stand in decks as sub-circuits."""
        return self

    @property
    def set_when_used(self) -> bool:
        """Whether cells are set for the voltages that they see with given right-hand sides."""
        return False

    def at_zero_bias(self, conductance: Array, voltage: Array | None = None) -> Array:
        """Return what cells have at 0 V that have their conductances at other voltages [S].

        Parameters
        ----------
        conductance : ndarray, shape (E,)
            Current over voltage [S].
        voltage : ndarray, shape (E,), optional
            Where they have that; None is what the cells themselves say [V].
        """
        return conductance

    @property
    def fluctuates(self) -> bool:
        """Whether conductances change during a simulation."""
        return False

    @property
    def cautions(self) -> tuple[str, ...]:
        """What figures of these cells stand on, a sentence each, such as what is assumed."""
        return ()

    @property
    def of_single_cells(self) -> str:
        """Name of a parameter that says something of single cells; empty if none does."""
        return ""

    def write_spread(self, aimed: Array) -> Any:
        """Return the standard deviation that writing leaves, in the same shape [S].

        Parameters
        ----------
        aimed : ndarray
            Conductances that `quantise` returned, none of them off [S].
        """
        return np.zeros(np.shape(aimed))

    def fluctuation(self, conductance: Array) -> Any:
        """Return the deviation of noise in time, as a fraction, where cells fluctuate."""
        return np.zeros(np.shape(conductance))

    def moments(self, target: Array) -> tuple[Array, Array]:
        """Return mean and variance of what `program` draws; see `amcspice.device.moments`.

        Raises
        ------
        UnsupportedError
            If they are not known in closed form.
        """
        raise UnsupportedError(
            f"cells of the class {type(self).__name__}: the mean of their errors is not known in "
            "closed form; run a circuit instead"
        )

    def aged(self, age: float, temperature: float | None) -> Self:
        """Return the same cells at a later time.

        Parameters
        ----------
        age : float
            Since they were programmed [s].
        temperature : float, optional
            Of the cells [K]; None is as it is.
        """
        return self if temperature is None else dataclasses.replace(self, temperature=temperature)

    def typical(self) -> Self:
        """Return such cells without what is known of single ones, which fits one matrix only."""
        return self

    @property
    def compensating(self) -> Cell:
        """Cells that make the totals of lines equal: such as these, unless a model says so."""
        return self

    # -- what follows ------------------------------------------------------------------------

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

    @property
    def linear(self) -> bool:
        """True if a cell is a constant conductance during a simulation."""
        return self.curve is None and self.live is None and not self.fluctuates

    def refuse_unless_linear(self, fidelity: str) -> None:
        """Refuse cells that are no constant conductances.

        Raises
        ------
        UnsupportedError
            If they are none; names ``fidelity`` and what to use.
        """
        self.refuse_fluctuations(fidelity)
        if self.curve is not None:
            raise UnsupportedError(
                f"cells with {self.curve.words}: {fidelity} fidelity knows straight lines only; "
                "use dc, behavioural, reduced or flat fidelity"
            )

    def refuse_fluctuations(self, fidelity: str) -> None:
        """Refuse cells whose conductances change during a simulation.

        Raises
        ------
        UnsupportedError
            If they do; names ``fidelity`` and what to use.
        """
        if self.live is not None:
            raise UnsupportedError(
                "cells whose sub-circuit stands at every crossing point are in flat decks only: "
                f"{fidelity} fidelity does not know them"
            )
        if self.fluctuates:
            raise UnsupportedError(
                "cells that fluctuate in time cannot be reduced to port conductances, so "
                f"{fidelity} fidelity does not know them; use flat fidelity"
            )
