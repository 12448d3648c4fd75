"""The file of a run: its measurement, range, provenance and judgement; waveforms are left out."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from amcspice.archive import read_archive, write_archive
from amcspice.errors import InputError
from amcspice.measure import Measurement
from amcspice.measure.measurement import STATES
from amcspice.simulation.figures import Figures
from amcspice.simulation.result import Conversion, Feedback, Judgement, Range
from amcspice.simulation.verification import Verification

__all__ = ["read_run", "write_run"]

KIND = "amcspice run 1"
"""What stands in a saved run."""

_MEASURED = (
    "outputs", "sampled", "solution", "answer", "relative_error", "settled", "settling_time",
    "settling_error", "energy", "near_limit", "saddle", "below_floor", "cell_voltage",
    "conductance_drift",
)  # fmt: skip
_LATER = ("settling_error", "cell_voltage", "conductance_drift")
"""Figures that files of earlier versions do not know."""

_PLAIN = (
    "problem", "circuit", "fidelity", "single", "amplifiers", "cells", "provenance", "runs_away",
)  # fmt: skip

_NESTED: dict[str, Any] = {
    "verification": Verification,
    "conversion": Conversion,
    "feedback": Feedback,
}


def write_run(run: Figures, path: Path) -> None:
    """Write a run to a file, whole or not at all."""
    measured, judged = run.measurement, (item.name for item in fields(Judgement))
    arrays = {name: getattr(measured, name) for name in _MEASURED} | {
        f"power_{name}": watts for name, watts in measured.power.items()
    }
    arrays |= {
        "x": run.x, "reference": run.reference,
        "error": np.atleast_1d(run.relative_error),
        **{name: np.atleast_1d(getattr(run, name)) for name in judged},
    }  # fmt: skip
    values = {name: getattr(run, name) for name in _PLAIN}
    values["power"], values["notes"] = list(measured.power), [*run.notes, *run.assumptions()]
    values["range"] = asdict(run.range)
    for name in _NESTED:
        nested = getattr(run, name)
        values[name] = None if nested is None else asdict(nested)
    write_archive(path, KIND, arrays, values)


def read_run(path: Path) -> dict[str, Any]:
    """Return the parameters of a `Run` that `write_run` wrote.

    Raises
    ------
    InputError
        If the file is no such run, or of another version.
    """
    arrays, values = read_archive(path, KIND)
    try:
        return _put_together(arrays, values)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{path}: not a whole run ({error!r})") from None


def _put_together(arrays: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return what `write_run` took apart."""
    names = values.pop("power")
    arrays = dict.fromkeys(STATES, np.zeros(len(arrays["settled"]), bool)) | arrays
    unknown = dict.fromkeys(_LATER, np.full_like(arrays["settling_time"], np.nan))
    arrays = unknown | arrays
    measurement = Measurement(
        **{name: arrays[name] for name in _MEASURED},
        power={name: arrays[f"power_{name}"] for name in names},
    )
    rows = (lambda a: a[None]) if values["single"] else np.transpose
    measurement = replace(
        measurement, solution=rows(arrays["x"]), answer=rows(arrays["reference"]),
        relative_error=arrays["error"],
    )  # fmt: skip
    judgement = Judgement(**{item.name: arrays[item.name] for item in fields(Judgement)})
    values["notes"] = tuple(values.get("notes", ()))
    values["range"] = Range(**values["range"])
    values |= {name: _restored(kind, values.get(name)) for name, kind in _NESTED.items()}
    return values | {
        "measurement": measurement, "waveforms": None, "judgement": lambda: judgement
    }  # fmt: skip


def _restored(kind: Any, plain: dict[str, Any] | None) -> Any:
    """Return what `asdict` and JSON took apart, lists as arrays again."""
    if plain is None:
        return None
    return kind(**{k: np.array(v) if isinstance(v, list) else v for k, v in plain.items()})
