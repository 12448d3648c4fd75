"""Chips in files: hardware, matrices and the account; the cells follow from their seeds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from amcspice.archive import read_archive, write_archive
from amcspice.circuit import Circuit
from amcspice.device import Hardware, Memristor, OpAmp
from amcspice.errors import InputError, UnsupportedError
from amcspice.system.ledger import Ledger
from amcspice.system.matrix import ProgrammedMatrix
from amcspice.system.prediction import Prediction
from amcspice.system.state import ChipState
from amcspice.system.technology import Technology
from amcspice.system.work import Estimate

__all__ = ["load_chip", "save_chip"]

KIND = "amcspice chip 1"
_HARDWARE: TypeAdapter[Hardware] = TypeAdapter(Hardware)
_STATE = ("problem", "label", "cycle", "written_at", "number")


def save_chip(chip: ChipState, path: Path) -> None:
    """Write a chip to a file; see `amcspice.Chip.save`."""
    hardware = chip.hardware
    if type(hardware.device) is not Memristor or type(hardware.opamp) is not OpAmp:
        raise UnsupportedError("a chip with cells or amplifiers of another package has no file")
    arrays: dict[str, Any] = {}
    matrices = []
    for place, each in enumerate(chip.matrices):
        arrays[f"matrix_{place}"] = each.matrix
        if each._given is not None:
            arrays[f"calibration_{place}"] = np.asarray(each._given)
        state = {name: getattr(each, name) for name in _STATE}
        predictions = {name: vars(made) for name, made in each._predictions.items()}
        rows, columns, changes = each._selection or (None, None, {})
        if each._selection is not None:
            arrays[f"rows_{place}"] = np.arange(len(each.matrix))[rows]
            arrays[f"columns_{place}"] = np.arange(each.matrix.shape[1])[columns]
        state |= {
            "topology": each._topology, "parameters": each._parameters, "changes": changes,
            "predictions": predictions, "counts": each._counts,
            "cells_sha256": _cells(each.circuit(each._first)),
            "whole": None if each._whole is None else chip.matrices.index(each._whole),
        }  # fmt: skip
        matrices.append(state)
    values = {
        "hardware": json.loads(_HARDWARE.dump_json(hardware)),
        "analysis": vars(chip.analysis), "range": chip.range, "noise": chip.noise,
        "cost_sample": chip.cost_sample, "technology": chip.technology.to_json(), "now": chip.now,
        "temperature": chip.temperature, "matrices": matrices, "ledger": chip.ledger.to_json(),
        "estimates": [
            [*key, asdict(made)] for key, made in getattr(chip, "estimates", dict)().items()
        ],
    }  # fmt: skip
    try:
        json.dumps(values, default=_number)
    except TypeError as error:
        raise UnsupportedError(f"this chip has no file: {error}") from None
    write_archive(path, KIND, arrays, values)


def load_chip(kind: Callable[..., ChipState], path: Path) -> Any:
    """Read what `save_chip` wrote; see `amcspice.Chip.load`."""
    arrays, values = read_archive(path, KIND)
    try:
        hardware = _HARDWARE.validate_json(json.dumps(values["hardware"]))
        fields = {k: v for k, v in values["analysis"].items() if k != "range"}
        chip = kind(
            hardware, range=values["range"], noise=values["noise"],
            cost_sample=values["cost_sample"],
            technology=Technology.from_json(values["technology"]), **fields,
        )  # fmt: skip
        chip.now, chip.temperature = values["now"], values["temperature"]
        for place, state in enumerate(values["matrices"]):
            chip.matrices.append(_matrix(chip, place, state, arrays))
        chip.ledger = Ledger.from_json(values["ledger"])
        chip.kept_estimates = {
            (ident, kind): Estimate(**made) for ident, kind, made in values["estimates"]
        }
    except (KeyError, TypeError, ValidationError) as error:
        raise InputError(f"{path}: not a whole chip ({error!r})") from None
    for each, state in zip(chip.matrices, values["matrices"], strict=True):
        if _cells(each.circuit(each._first)) != state["cells_sha256"]:
            raise InputError(
                f"{path}: the cells of {each.label} come out differently here: the file was "
                "written by another version of amcspice or numpy"
            )
    return chip


def _number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no plain value")


def _matrix(
    chip: ChipState, place: int, state: dict[str, Any], arrays: dict[str, Any]
) -> ProgrammedMatrix:
    selection = None
    if f"rows_{place}" in arrays:
        lines = (arrays[f"{name}_{place}"] for name in ("rows", "columns"))
        selection = (*lines, state["changes"])
    return ProgrammedMatrix.restored(
        chip,
        {name: state[name] for name in (*_STATE, "topology", "parameters", "counts")},
        arrays[f"matrix_{place}"],
        arrays.get(f"calibration_{place}"),
        {name: Prediction(**made) for name, made in state["predictions"].items()},
        selection,
        None if state["whole"] is None else chip.matrices[state["whole"]],
    )


def _cells(circuit: Circuit) -> str:
    """Return a hash of the conductances of a circuit."""
    digest = hashlib.sha256()
    for crossbar in circuit.schematic.crossbars:
        for values in (crossbar.cells, crossbar.row_ground):
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
