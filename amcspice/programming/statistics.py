"""What writing a cell takes, as write-verify found it: pulses, energies, the time of a pulse."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.device import WriteVerify
from amcspice.errors import InputError
from amcspice.files import replacing
from amcspice.programming.result import Programmed

__all__ = ["WriteStatistics"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class WriteStatistics:
    """What writing cells takes, over many cells and random levels.

    Parameters
    ----------
    pulses : tuple of int
        How many cells took 0, 1, 2, ... pulses.
    pulse_energy, read_energy : float
        Delivered by bit and source line in all pulses, and in all verify reads, of a cell, mean
        [J].
    slot : float
        Time of one pulse with its verify read [s].
    source : str
        Where it comes from.
    """

    pulses: tuple[int, ...]
    pulse_energy: float
    read_energy: float
    slot: float
    source: str

    def __post_init__(self) -> None:
        """Refuse what no writing can take."""
        counts = np.asarray(self.pulses)
        if counts.ndim != 1 or not counts.size or (counts < 0).any() or not counts.sum():
            raise InputError("pulses: how many cells took 0, 1, 2, ... pulses, not all zero")
        for name in ("pulse_energy", "read_energy", "slot"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} = {getattr(self, name)!r} must be a number from 0")

    @classmethod
    def of(cls, programmed: Programmed, schedule: WriteVerify, source: str = "") -> WriteStatistics:
        """Return what writing an array took; cells that are switched off are left out.

        Parameters
        ----------
        programmed : Programmed
            By `amcspice.write_verify`.
        schedule : WriteVerify
            That it was written with.
        source : str
            What to say of it; "" names the versions that wrote it.
        """
        selected, origin = programmed.selected, programmed.provenance
        return cls(
            pulses=tuple(np.bincount(programmed.pulses[selected]).tolist()),
            pulse_energy=float(programmed.pulse_energy[selected].mean()),
            read_energy=float(programmed.read_energy[selected].mean()),
            slot=schedule.slot,
            source=source
            or f"write-verify of {int(selected.sum())} cells, seed {origin['seed']}, amcspice "
            f"{origin['amcspice']}, ngspice {origin['ngspice']}",
        )

    @cached_property
    def _share(self) -> Array:
        """Fraction of cells that take at most 0, 1, 2, ... pulses."""
        share: Array = np.cumsum(self.pulses) / np.sum(self.pulses)
        return share

    @property
    def mean_pulses(self) -> float:
        """Pulses of a cell, mean."""
        return self.slowest_pulses(1)

    def slowest_pulses(self, cells: float) -> float:
        """Return the expected largest number of pulses among some cells that are written together.

        With F(k) the fraction of cells that take at most k pulses, it is the sum of 1 - F(k)^cells
        over k from 0 on.

        Parameters
        ----------
        cells : float
            How many; a mean need not be whole.
        """
        return float((1 - self._share**cells).sum())

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> WriteStatistics:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            If it cannot be read or is something else.
        """
        try:
            values: dict[str, Any] = json.loads(path.read_text())
            return cls(**{**values, "pulses": tuple(map(int, values["pulses"]))})
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, TypeError, KeyError, InputError) as error:
            raise InputError(f"{path}: no statistics of writing ({error})") from None
