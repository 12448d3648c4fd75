"""Noise of phase-change cells when they are read, of 1/f spectrum, since they were written."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["flicker"]


def flicker(strength: Any, elapsed: float, read_time: float) -> Any:
    """Return the relative deviation of a read: Q sqrt(ln((t + tr) / (2 tr))).

    That of 1/f noise between the frequencies 1/t and 1/tr (S. R. Nandakumar et al., ICECS 2019).

    Parameters
    ----------
    strength : array_like
        Q of the cells.
    elapsed : float
        t, since they were written [s].
    read_time : float
        tr, of one read [s].
    """
    return strength * np.sqrt(np.log((elapsed + read_time) / (2 * read_time)))
