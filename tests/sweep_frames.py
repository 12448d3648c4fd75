"""A finished sweep as the plots and the report receive it, made up with known growth."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

UNITS = {
    "gbw": "Hz",
    "g_max": "S",
    "row_resistance": "ohm",
    "column_resistance": "ohm",
    "settling_time_median_s": "s",
    "settling_time_max_s": "s",
    "power_total_w": "W",
    "energy_median_j": "J",
    "wall_time_s": "s",
}
PARAMETERS = (
    "problem",
    "circuit",
    "fidelity",
    "matrix",
    "columns",
    "rows",
    "gbw",
    "gain",
    "g_max",
    "levels",
    "row_resistance",
    "column_resistance",
    "seed",
)
METRICS = (
    "relative_error_median",
    "relative_error_max",
    "settling_time_median_s",
    "settling_time_max_s",
    "settled",
    "power_total_w",
    "energy_median_j",
    "amplifiers",
    "cells",
    "near_limit",
    "wall_time_s",
)
CIRCUITS = {"ginv-classic": (10.0, 0.05), "ginv-compact": (16.0, 0.42), "inv": (6.0, 0.21)}
"""Settling in units of 1/GBW at one column, and the exponent of its growth."""

ERROR = (
    "simulation failed: timestep too small; time = 1.2e-08\n"
    "  deck kept: runs.sqlite.failed/k.cir\n  run again: ngspice -b runs.sqlite.failed/k.cir"
)


def make_axes(columns=(8, 16, 32, 64, 128), gbw=(1e7, 1e8, 1e9), seeds=5):
    return {
        "circuit": list(CIRCUITS),
        "columns": list(columns),
        "gbw": list(gbw),
        "seed": list(range(seeds)),
    }


def make_frame(axes=None, *, failures=True, spread=0.15, seed=0):
    """Return a frame, one row a point: settling is t0 / GBW * columns ** exponent, with spread.

    With failures every 41st point failed and every 29th did not settle.
    """
    axes = axes or make_axes()
    points = pd.MultiIndex.from_product(axes.values(), names=axes.keys()).to_frame(index=False)
    draw = np.random.default_rng(seed)
    count = len(points)
    start, exponent = np.array([CIRCUITS[name] for name in points["circuit"]]).T
    columns, gbw = points["columns"].to_numpy(float), points["gbw"].to_numpy(float)
    settling = start / gbw * columns**exponent * np.exp(spread * draw.standard_normal(count))
    error = 4e-5 * columns**0.8 * np.exp(2 * spread * draw.standard_normal(count))
    amplifiers = np.where(points["circuit"] == "ginv-classic", 5, 1) * points["columns"]
    frame = points.assign(
        key=[hashlib.sha256(str(k).encode()).hexdigest() for k in range(count)],
        status="done",
        problem="nnls",
        fidelity="reduced",
        matrix="uniform",
        rows=4 * points["columns"],
        gain=1e5,
        g_max=1e-4,
        levels=None,
        row_resistance=0.0,
        column_resistance=0.0,
        relative_error_median=error,
        relative_error_max=1.7 * error,
        settling_time_median_s=settling,
        settling_time_max_s=1.2 * settling,
        settled=1.0,
        power_total_w=2e-3 * amplifiers * (gbw / 1e9) ** 0.5,
        energy_median_j=2e-3 * amplifiers * settling,
        amplifiers=amplifiers,
        cells=4 * columns**2,
        near_limit=False,
        wall_time_s=1e-3 * columns,
        error=None,
        deck=None,
        seconds=2e-3 * points["columns"],
        finished_at=[
            f"2026-11-22T13:{k // 60 % 60:02d}:{k % 60:02d}.000+00:00" for k in range(count)
        ],
    )
    frame = frame.astype({"error": object, "deck": object})
    if failures:
        number = np.arange(count)
        unsettled = number % 29 == 28
        frame.loc[unsettled, "settled"] = 0.0
        frame.loc[
            unsettled, ["settling_time_median_s", "settling_time_max_s", "energy_median_j"]
        ] = np.nan
        failed = number % 41 == 40
        frame[list(METRICS)] = frame[list(METRICS)].astype(object)
        frame.loc[failed, list(METRICS)] = None
        frame.loc[failed, "status"] = "failed"
        frame.loc[failed, "error"] = ERROR
        frame.loc[failed, "deck"] = "runs.sqlite.failed/k.cir"
    return frame


def command(key):
    return f"amcspice sweep point --set columns=32 --set gbw=1e9 --key {key}"
