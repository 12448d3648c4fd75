"""`Backend`: one way to find out what circuits do, from flat decks to the ideal answer.

Every backend takes a batch of circuits, prepares it once, and runs any number of right-hand
sides on it.  What it cannot do it refuses in `Backend.check`, and nowhere else.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.analysis import Analysis
from amcspice.engine.batch import Batch, Drive
from amcspice.engine.ngspice.installation import Installation
from amcspice.engine.waveforms import Exact
from amcspice.errors import UnsupportedError

__all__ = [
    "Backend",
    "Forecast",
    "Origin",
    "Prepared",
    "Response",
    "Tolerance",
    "refuse_most_steps",
    "refuse_time",
]


def refuse_most_steps(analysis: Analysis, fidelity: str) -> None:
    """Refuse a number of steps where none are counted.

    Raises
    ------
    UnsupportedError
    """
    if analysis.most_steps is not None:
        raise UnsupportedError(
            f"the {fidelity} fidelity counts no steps: leave most_steps out, or use behavioural"
        )


def refuse_time(circuit: Circuit, analysis: Analysis, fidelity: str) -> None:
    """Refuse what needs time, where there is none: windows, steps, samples before the rest.

    Raises
    ------
    UnsupportedError
    """
    refuse_most_steps(analysis, fidelity)
    for name in ("window", "max_step"):
        if getattr(analysis, name) is not None:
            raise UnsupportedError(
                f"the {fidelity} fidelity has no time: leave {name} out, or use behavioural, "
                "reduced or flat"
            )
    if circuit.adc is not None and circuit.adc.sample_time is not None:
        raise UnsupportedError(
            f"the {fidelity} fidelity has no time, so nothing can be sampled before it rests: "
            "leave sample_time out, or use behavioural, reduced or flat"
        )


class Response(Protocol):
    """How a batch answered N right-hand sides, circuit after circuit; `Stream` is one.

    ``timeless`` responses have one sample a right-hand side, at rest.
    """

    timeless: ClassVar[bool]

    @property
    def time(self) -> Array:
        """Time of the samples from the input step of their segment, shape (T,) [s]."""
        ...

    @property
    def voltages(self) -> Array:
        """Voltages of the ports, shape (T, P) [V]."""
        ...

    @property
    def supply(self) -> Array:
        """Currents out of the positive and the negative supply, shape (T, 2) [A]."""
        ...

    @property
    def starts(self) -> NDArray[np.intp]:
        """First sample of each segment, and the number of samples, shape (N + 1,)."""
        ...

    @property
    def at_rest(self) -> NDArray[np.bool_]:
        """Whether a segment ends at rest, shape (N,)."""
        ...

    @property
    def exact(self) -> Exact | None:
        """What is known better than samples tell."""
        ...

    @property
    def rate_error(self) -> float | Array:
        """Error of the rates at which outputs decay, as a fraction, of all or of each, (N,)."""
        ...

    # ``cells``, a `CellRecord`, is known of decks that hold cells as sub-circuits only.


@dataclass(frozen=True)
class Origin:
    """What ran, for the provenance.

    Parameters
    ----------
    simulator, solver : str, optional
    options : str
        What chose steps and windows.
    installation : Installation, optional
        Of ngspice.
    deck_sha256 : str, optional
        Of the first deck.
    """

    simulator: str | None = None
    solver: str | None = None
    options: str = ""
    installation: Installation | None = None
    deck_sha256: str | None = None


@dataclass(frozen=True, eq=False)
class Forecast:
    """What a circuit's equations say of right-hand sides before ngspice runs them.

    Parameters
    ----------
    windows : tuple of ndarray, each shape (C, before + K)
        Time for each right-hand side of a chunk, with the one that leads in [s].
    final, into : ndarray, shape (C, K, P)
        Port voltages that they come to [V], and what the sources send into the ports [A].
    """

    windows: tuple[Array, ...]
    final: Array
    into: Array


class Prepared(Protocol):
    """A batch made ready to run.

    Attributes
    ----------
    batch : Batch
    chunk : int
        Right-hand sides that run together; cuts between processes fall between chunks.
    runs_away : ndarray of bool, shape (C,)
        Circuits that leave every range: unstable, and nothing holds them.
    """

    batch: Batch
    chunk: int
    runs_away: NDArray[np.bool_]

    def run(
        self,
        drive: Drive,
        lead: int = 0,
        forecast: Forecast | None = None,
        *,
        waveforms: bool = True,
    ) -> Iterator[Response]:
        """Yield the responses to right-hand sides, chunk after chunk.

        Parameters
        ----------
        drive : Drive
            lead + K right-hand sides of each circuit.
        lead : {0, 1}
            Whether the first one only leads in: it sets where the next one starts.
        forecast : Forecast, optional
            Of the same right-hand sides.
        waveforms : bool
            Whether samples between input step and rest are wanted; some backends need them all
            the same.

        Raises
        ------
        SimulationError
            If a simulation fails.
        """
        ...

    def forecast(self, drive: Drive, lead: int = 0) -> Iterator[Forecast]:
        """Yield what is known beforehand, chunk after chunk; nothing where that is the run."""
        ...

    def origin(self, drive: Drive, forecast: Forecast | None = None) -> list[Origin]:
        """Return what ran, of every circuit."""
        ...


@dataclass(frozen=True)
class Tolerance:
    """How far the figures of a fidelity are off by its own error.

    Parameters
    ----------
    solution : float
        Of the voltages at rest, as a fraction of their length.
    volts : float
        Of the voltages at rest, beside that [V].
    settling : float
        Of the settling time, as a fraction of it.
    """

    solution: float
    volts: float
    settling: float

    def coarser(self, other: Tolerance) -> Tolerance:
        """Return what two fidelities may be apart: the larger of their errors."""
        return Tolerance(
            max(self.solution, other.solution),
            max(self.volts, other.volts),
            max(self.settling, other.settling),
        )


class Backend(abc.ABC):
    """A fidelity; `BACKENDS.add` or an entry point makes it known under its name.

    Parameters
    ----------
    analysis : Analysis

    Examples
    --------
    >>> import amcspice as amc
    >>> backend = amc.BACKENDS["dc"]
    >>> issubclass(backend, amc.Backend), backend.in_time, backend.verified_by
    (True, False, 'behavioural')
    """

    name: ClassVar[str]
    title: ClassVar[str]
    """What it computes, in words."""
    verified_by: ClassVar[str | None] = None
    """The fidelity that checks it."""
    simulates: ClassVar[bool] = True
    """Whether it knows cells, wires and amplifiers."""
    in_time: ClassVar[bool] = True
    """Whether it knows settling time, energy and waveforms."""
    uses_ngspice: ClassVar[bool] = False
    holds_cells: ClassVar[bool] = False
    """Whether it knows every cell, with its curve, and not the reduced network alone."""
    largest_batch: ClassVar[int] = 1
    """Circuits that it takes at once."""
    largest_count: ClassVar[int | None] = None
    """Right-hand sides of each circuit of a batch of several."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis

    @property
    def tolerance(self) -> Tolerance:
        """How far its figures are off by its own error; here, that of equations.

        A rest is found to 1e-6 of the largest voltage, output by output, and settling times are
        exact but for events.
        """
        return Tolerance(solution=1e-5, volts=0.0, settling=1e-3)

    @abc.abstractmethod
    def check(self, circuit: Circuit) -> None:
        """Refuse what this fidelity cannot do.

        Raises
        ------
        UnsupportedError
            If the circuit, or the analysis, has something that it does not know.
        """

    def check_installation(self) -> None:  # noqa: B027 - most need nothing to be installed
        """Refuse a simulator that is not installed, or does not work.

        Raises
        ------
        InputError
            If it is not.
        """

    @abc.abstractmethod
    def prepare(self, batch: Batch) -> Prepared:
        """Make a batch ready.

        Raises
        ------
        UnsupportedError
            See `check`.
        UnstableError
            If a circuit is unstable, nothing holds it, and that was not asked for.
        """
