"""What commands do where there is no ngspice: say so, and run what needs none."""

from __future__ import annotations

from dataclasses import replace

import click

from amcspice.cli.common import Settings
from amcspice.engine.ngspice.installation import is_installed

__all__ = ["WHAT_IT_ADDS", "runnable"]

WHAT_IT_ADDS = (
    "behavioural, dc and ideal run without; it adds the fidelities reduced and flat, decks, "
    "sub-circuits of your own and write-verify"
)
"""What to know where it is missing."""

FIDELITY = "behavioural"


def runnable(settings: Settings) -> Settings:
    """Return settings that run here: behavioural ones where nothing asks for ngspice.

    A fidelity that is asked for stays, and so does an ngspice that is named but not there: both
    are refused later.
    """
    if is_installed() or {"fidelity", "simulator"} & set(settings.given):
        return settings
    click.echo(
        f"note: there is no ngspice here, so the fidelity is {FIDELITY}: the circuit's equations "
        "in time (--fidelity reduced runs a deck once ngspice is installed)",
        err=True,
    )
    return replace(settings.at(FIDELITY), given={**settings.given, "fidelity": FIDELITY})
