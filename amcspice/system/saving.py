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
from amcspice.device import Hardware, OpAmp
from amcspice.device.plain import cell_from_plain, cell_to_plain
from amcspice.errors import InputError, UnsupportedError
from amcspice.system.arrays import Arrays, Lines
from amcspice.system.ledger import Ledger
from amcspice.system.matrix import ProgrammedMatrix, cells_of
from amcspice.system.prediction import Prediction
from amcspice.system.service import Place
from amcspice.system.state import ChipState
from amcspice.system.technology import Technology
from amcspice.system.work import Estimate

__all__ = ["load_chip", "save_chip"]

KIND = "amcspice chip 1"
_HARDWARE: TypeAdapter[Hardware] = TypeAdapter(Hardware)


def save_chip(chip: ChipState, path: Path) -> None:
    """Write a chip to a file; see `amcspice.Chip.save`."""
    hardware = chip.hardware
    if type(hardware.opamp) is not OpAmp:
        raise UnsupportedError("a chip with amplifiers of another package has no file")
    arrays: dict[str, Any] = {}
    matrices = [_state_of(chip, each, place, arrays) for place, each in enumerate(chip.matrices)]
    values = {
        "hardware": _hardware(hardware),
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
        parts = {**values["hardware"], "device": cell_from_plain(values["hardware"]["device"])}
        hardware = _HARDWARE.validate_python(parts)
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
        if _cells(each.circuit(each.arrays.first)) != state["cells_sha256"]:
            raise InputError(
                f"{path}: the cells of {each.label} come out differently here: the file was "
                "written by another version of amcspice or numpy"
            )
    return chip


def _hardware(hardware: Hardware) -> dict[str, Any]:
    """Return hardware as plain values."""
    plain: dict[str, Any] = json.loads(_HARDWARE.dump_json(hardware, exclude={"device"}))
    return {**plain, "device": cell_to_plain(hardware.device)}


def _number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no plain value")


def _state_of(
    chip: ChipState, matrix: ProgrammedMatrix, place: int, files: dict[str, Any]
) -> dict[str, Any]:
    """Return a matrix as plain values, and put its numbers among others."""
    held = matrix.arrays
    files[f"matrix_{place}"] = held.matrix
    if held.calibration is not None:
        files[f"calibration_{place}"] = held.calibration
    if held.lines is not None:
        files[f"rows_{place}"], files[f"columns_{place}"] = held.lines.rows, held.lines.columns
    predictions = {
        name: vars(service.prediction)
        for name, service in matrix.services.items()
        if service.arrays is held and service.prediction is not None
    }
    return {
        "problem": held.problem, "label": matrix.label, "cycle": held.cycle,
        "written_at": held.written_at, "number": matrix.number, "topology": held.topology,
        "parameters": dict(held.parameters), "predictions": predictions, "counts": matrix.counts,
        "changes": {} if held.lines is None else held.lines.changes,
        "cells_sha256": _cells(matrix.circuit(held.first)),
        "whole": None if matrix.whole is None else chip.matrices.index(matrix.whole),
    }  # fmt: skip


def _matrix(
    chip: ChipState, place: int, state: dict[str, Any], files: dict[str, Any]
) -> ProgrammedMatrix:
    """Return a matrix that was programmed before; nothing is written and nothing is entered."""
    lines = None
    if f"rows_{place}" in files:
        lines = Lines(files[f"rows_{place}"], files[f"columns_{place}"], state["changes"])
    arrays = Arrays(
        state["problem"], state["topology"], state["parameters"],
        cells_of(chip.hardware.device, state["number"]), files[f"matrix_{place}"], state["cycle"],
        state["written_at"], files.get(f"calibration_{place}"), lines,
    )  # fmt: skip
    whole = None if state["whole"] is None else chip.matrices[state["whole"]]
    made = ProgrammedMatrix(chip, Place(state["label"], place), arrays, state["number"], whole)
    made.counts.update(state["counts"])
    for name, prediction in state["predictions"].items():
        made.expect(name, Prediction(**prediction))
    return made


def _cells(circuit: Circuit) -> str:
    """Return a hash of the conductances of a circuit."""
    digest = hashlib.sha256()
    for crossbar in circuit.schematic.crossbars:
        for values in (crossbar.cells, crossbar.row_ground):
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
