"""Rests of piecewise-linear amplifier circuits by an active set; the code is in ``search.cpp``.

With s the stage, c the inverting input, d the input difference, w the current of the hold device
and a the voltage behind the output resistance, an amplifier rests where

    s = clamp(A0 d),  w = gs max(c - s, 0),  a = max(s + rout w, 0) if held, else s,

and the network gives d = by_source a - by_hold w + drive + offset.  Every amplifier is in a piece:
its stage inside the output range or at an end of it, its hold device conducting or not, its
output above zero or not.  In given pieces one unknown is left for an amplifier, and none for one
at a limit:

====================  =======  ===================================  =========================
piece                 unknown  equation                             output
====================  =======  ===================================  =========================
inside                s        d = s/A0                             s
conducting, inside    w        c = (w/gs + A0 offset)/(1 + A0)      0, or s + rout w above zero
conducting, at limit  w        c = limit + w/gs                     0, or limit + rout w
negative, held        -        -                                    0
at a limit            -        -                                    limit
====================  =======  ===================================  =========================

All amplifiers in a wrong piece change it (J. Judice, F. Pires, A block principal pivoting
algorithm for large-scale strictly monotone linear complementarity problems, Comput. Oper. Res.
21, 587 (1994)); where that does not lower their number for some rounds, the first one alone,
which ends for P-matrices (K. Murty's least-index rule).

A slew limit makes d = knee atanh(s/(A0 knee)) of d = s/A0, with knee = slew rate/(2 pi GBW):
Newton's method on gain and offset.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from amcspice.engine.dc.codes import ABOVE, CONDUCTS, HIGHEST, INSIDE, LOWEST, PLACE, SUGGESTED
from amcspice.native import compiled

__all__ = ["Stages", "find_rests"]

Array = NDArray[np.float64]
Marks = NDArray[np.bool_]

NUMBERS = (LOWEST, INSIDE, HIGHEST, PLACE, CONDUCTS, ABOVE, int(SUGGESTED))
"""What pieces are called in compiled code."""


class Stages(NamedTuple):
    """What k amplifiers are at rest.

    Parameters
    ----------
    gain, offset : ndarray, shape (k,)
        A0 [V/V] and input offset [V].
    hold : ndarray, shape (k,)
        Hold device in series with the output resistance, 0 for none [S].
    lowest, highest : ndarray, shape (k,)
        Output range [V].
    rout : float
        Output resistance [ohm].
    knee : float
        Slew rate over 2 pi GBW, inf for no limit [V].
    """

    gain: Array
    offset: Array
    hold: Array
    lowest: Array
    highest: Array
    rout: float
    knee: float


def find_rests(
    by_source: Array,
    by_hold: Array,
    drive: Array,
    member: NDArray[np.int64],
    stages: Stages,
    constrained: Marks,
    codes: NDArray[np.uint8],
    sources: Array,
    held: Array,
    at_rest: Marks,
) -> None:
    """Find the rests of R right-hand sides.

    Arrays must be in C order.

    Parameters
    ----------
    by_source, by_hold : ndarray, shape (C, k, k)
        Input differences of each circuit for one volt behind the output resistances, and less
        for one ampere through the hold devices.
    drive : ndarray, shape (R, k)
        Input differences from injected and bias currents alone [V].
    member : ndarray of int, shape (R,)
        Circuit of each right-hand side.
    stages : Stages
    constrained : ndarray of bool, shape (k,)
        Amplifiers whose lower end is a constraint; other limits are looked at once these rest,
        because on the way there outputs may be solved for that are far beyond them.
    codes : ndarray of uint8, shape (R, k)
        Pieces to begin with; see `amcspice.engine.dc.codes`; `SUGGESTED` follows ``sources``.
        Filled in with the last ones.
    sources : ndarray, shape (R, k)
        Stages with nothing at a limit [V]; filled in with the voltages behind the output
        resistances.
    held : ndarray, shape (R, k)
        Filled in with the currents of the hold devices [A].
    at_rest : ndarray of bool, shape (R,)
        Filled in.
    """
    compiled.find_rests(
        by_source, by_hold, drive, member, *stages, constrained, NUMBERS,
        codes, sources, held, at_rest,
    )  # fmt: skip
