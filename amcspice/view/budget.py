"""Error budgets: the share of every effect."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from amcspice.design import ErrorBudget
from amcspice.view.style import ANALOG, DIGITAL, styled

__all__ = ["budget_bars"]


@styled
def budget_bars(budget: ErrorBudget) -> Figure:
    """Draw the share of every effect in the mean square, and its error alone.

    Parameters
    ----------
    budget : ErrorBudget

    Returns
    -------
    Figure
    """
    ranked = sorted(budget.shares.items(), key=lambda pair: pair[1].share)
    names = [name.replace("_", " ") for name, _ in ranked]
    shares = np.array([each.share for _, each in ranked])
    spreads = np.nan_to_num([each.spread for _, each in ranked])
    rest = [("circuit", budget.circuit), ("unexplained", budget.unexplained)]
    figure = Figure(figsize=(9.0, 1.6 + 0.32 * (len(names) + 2)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    at = np.arange(len(names)) + len(rest)
    left.barh(at, 100 * shares, xerr=100 * spreads, color=ANALOG, ecolor="0.3", height=0.7)
    left.barh(range(len(rest)), [100 * part for _, part in reversed(rest)], color="0.7", height=0.7)
    left.axvline(0.0, color="0.3", linewidth=0.8)
    left.set_yticks(range(len(rest) + len(names)), [*(name for name, _ in reversed(rest)), *names])
    left.set_xlabel("share of the mean square, %")
    left.set_title(f"relative error {budget.error:.3g} (rms)", loc="left")
    alone = np.array([each.alone for _, each in ranked])
    shown = alone > 1e-3 * budget.error
    right.plot(alone[shown], at[shown], "o", color=ANALOG)
    right.axvline(budget.error, color=DIGITAL, linestyle="--", linewidth=1.2)
    right.set_xscale("log")
    least = min([budget.error, *alone[shown]])
    decades = np.log10(budget.error / least) if least > 0 else 0.0
    if least > 0:  # more than a factor of five, in which two ticks stand
        right.set_xlim(least / 2.5, 2.5 * max([budget.error, *alone[shown]]))
    right.xaxis.set_major_locator(LogLocator(subs=(1,) if decades > 1.5 else (1, 2, 5)))
    right.xaxis.set_major_formatter("{x:g}")
    right.xaxis.set_minor_formatter(NullFormatter())
    right.set_xlabel("relative error alone, rms (dashed: all)")
    return figure
