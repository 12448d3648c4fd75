"""What write-verify leaves: conductances, pulses, energies, and the distribution of errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.device import WriteErrors
from amcspice.errors import InputError

__all__ = ["Programmed"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Programmed:
    """An array after write-verify; every array has its shape (m, n).

    Parameters
    ----------
    target : ndarray
        Conductances aimed at; 0 is a cell that its selector switches off [S].
    conductance : ndarray
        Conductances of selected cells, memristor and selector, at the read voltage; 0 where off
        [S].
    state : ndarray
        States of the memristors, from 0 to 1.
    set_pulses, reset_pulses : ndarray of int
    converged : ndarray of bool
        Whether the last verify read was within the tolerance; true where off.
    pulse_energy, read_energy : ndarray
        Delivered by bit and source lines in all pulses, and in all verify reads [J].
    provenance : dict
        What is needed to repeat it.

    Examples
    --------
    >>> import amcspice as amc
    >>> array = amc.write_verify([[20e-6, 60e-6]])
    >>> isinstance(array, amc.Programmed), bool(array.converged.all())
    (True, True)
    """

    target: Array
    conductance: Array
    state: Array
    set_pulses: NDArray[np.int_]
    reset_pulses: NDArray[np.int_]
    converged: NDArray[np.bool_]
    pulse_energy: Array
    read_energy: Array
    provenance: dict[str, Any]

    @property
    def selected(self) -> NDArray[np.bool_]:
        """Cells that were programmed, not switched off."""
        selected: NDArray[np.bool_] = self.target > 0
        return selected

    @property
    def error(self) -> Array:
        """Conductance minus target [S]."""
        return self.conductance - self.target

    @property
    def pulses(self) -> NDArray[np.int_]:
        """SET and RESET pulses together."""
        return self.set_pulses + self.reset_pulses

    @property
    def energy(self) -> Array:
        """Energy of pulses and verify reads [J]."""
        return self.pulse_energy + self.read_energy

    def fraction_within(self, distance: float) -> float:
        """Return the fraction of programmed cells at most that far from their target.

        Parameters
        ----------
        distance : float
            Largest distance [S].
        """
        return float((np.abs(self.error[self.selected]) <= distance).mean())

    def write_errors(self, levels: ArrayLike | None = None) -> WriteErrors:
        """Return the distribution of errors, for ``Memristor(write_errors=...)``.

        Parameters
        ----------
        levels : array_like, optional
            Levels under which errors are collected, ascending [S]; a cell counts to the nearest.
            None takes the values of the target.

        Raises
        ------
        InputError
            If a level has no cell.
        """
        targets, error = self.target[self.selected], self.error[self.selected]
        grid = np.unique(targets) if levels is None else np.asarray(levels, dtype=float)
        at = np.searchsorted((grid[1:] + grid[:-1]) / 2, targets)
        errors_by_level = tuple(tuple(np.sort(error[at == k]).tolist()) for k in range(len(grid)))
        empty = [f"{grid[k]:.3g}" for k, errors in enumerate(errors_by_level) if not errors]
        if empty:
            raise InputError(
                f"no cell was programmed to {', '.join(empty)} S: its errors are unknown"
            )
        return WriteErrors(levels=tuple(grid.tolist()), errors=errors_by_level)

    def summary(self, half_level: float | None = None) -> dict[str, Any]:
        """Return statistics as plain values, with units in the names.

        Parameters
        ----------
        half_level : float, optional
            Half of the distance between levels [S]; adds how many cells are within it.
        """
        selected = self.selected
        error = self.error[selected]
        content: dict[str, Any] = {
            "cells": int(self.target.size),
            "programmed": int(selected.sum()),
            "converged": int(self.converged[selected].sum()),
            "converged_fraction": float(self.converged[selected].mean()),
            "pulses": _statistics(self.pulses[selected]),
            "set_pulses": _statistics(self.set_pulses[selected]),
            "reset_pulses": _statistics(self.reset_pulses[selected]),
            "pulse_histogram": np.bincount(self.pulses[selected]),
            "error_s": _statistics(error),
            "error_rms_s": float(np.sqrt((error**2).mean())),
            "error_largest_s": float(np.abs(error).max()),
            "energy_j": _statistics(self.energy[selected]),
            "pulse_energy_j": _statistics(self.pulse_energy[selected]),
            "read_energy_j": _statistics(self.read_energy[selected]),
            "total_energy_j": float(self.energy.sum()),
        }
        if half_level is not None:
            content["half_level_s"] = half_level
            content["within_half_level"] = self.fraction_within(half_level)
        return content


def _statistics(values: NDArray[Any]) -> dict[str, float]:
    names: Sequence[str] = ("min", "p5", "median", "p95", "max")
    percentiles = np.percentile(values, [0, 5, 50, 95, 100])
    return {"mean": float(values.mean()), **dict(zip(names, percentiles.tolist(), strict=True))}
