"""What operations on a factor enter into a ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from amcspice.algorithm.alternating.selection import FACTOR
from amcspice.engine import BACKENDS, Analysis
from amcspice.measure import Measurement
from amcspice.system.ledger import CALIBRATION, Activity, Ledger

__all__ = ["Ran", "account"]


class Ran(NamedTuple):
    """Operations that ran one after the other.

    Parameters
    ----------
    figures : Measurement
    volts : array_like
        Their ranges [V].
    sent : int
        Values that the inputs converted.
    cell_voltage : float
        Largest voltage across a cell in any of them [V].
    choice : str
        How ranges were chosen.
    reprogrammed : bool
        Whether the arrays were written for them.
    """

    figures: Measurement
    volts: Any
    sent: int
    cell_voltage: float
    choice: str
    reprogrammed: bool = False


def account(
    ledger: Ledger,
    activity: Activity | None,
    ran: Sequence[Ran],
    analysis: Analysis,
    *,
    calibrates: bool = False,
) -> None:
    """Enter operations, and the writing where the arrays were written for one.

    Parameters
    ----------
    ledger : Ledger
    activity : Activity, optional
        Of the arrays; None: there was nothing to program, and nothing ran.
    ran : sequence of Ran
    analysis : Analysis
    calibrates : bool
        Whether they ran to predict ranges of others.
    """
    if activity is None:
        return
    for reprogrammed in (False, True):
        some = [each for each in ran if each.reprogrammed == reprogrammed]
        if not some:
            continue
        held = ledger.activity(
            replace(
                activity,
                label=f"{FACTOR}, lines of its own" if reprogrammed else FACTOR,
                kind=(CALIBRATION if calibrates else "") + activity.kind,
                range=some[0].choice,
            )
        )
        if reprogrammed:
            ledger.write(held, len(some))
        ledger.operate(
            held,
            Measurement.join([each.figures for each in some]),
            np.concatenate([np.ravel(each.volts) for each in some]),
            sent=sum(each.sent for each in some),
            cell_voltage=max(each.cell_voltage for each in some),
            in_time=BACKENDS[analysis.fidelity].in_time,
        )
