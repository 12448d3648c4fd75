"""Experiment files: parameters by name in TOML or JSON, as ``--config`` reads them.

A file is flat, or has tables named for the groups of `PARAMETERS`; a sweep takes it as its base.
What a command alone has stands in a table ``[command]``, which sweeps pass over.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from amcspice.errors import InputError, did_you_mean
from amcspice.files import replacing
from amcspice.schema import Parameter, Scalar
from amcspice.settings.file_names import counted_from, seen_from
from amcspice.settings.table import GROUPS, PARAMETERS
from amcspice.toml_lines import line_of

__all__ = ["experiment_toml", "read_experiment", "write_experiment"]

COMMAND = "command"
"""The table of what is no parameter of sweeps."""

MOST_BYTES = 1 << 20
"""Largest size of an experiment file."""


def read_experiment(
    path: str | Path, more: Collection[str] = (), several: Collection[str] = ()
) -> dict[str, Any]:
    """Return the parameters that a file gives, in SI units; names of files count from its folder.

    Parameters
    ----------
    path : str or Path
        TOML, or JSON where the name ends in ``.json``.
    more : collection of str
        Names that are allowed beside those of `PARAMETERS`; their values are not looked at.
    several : collection of str
        Those of which more than one value may be given, in text; it is not looked at either.

    Raises
    ------
    InputError
        If the file cannot be read, or a name or a value is wrong; with file and line.
    """
    text, is_json = _read(Path(path)), str(path).lower().endswith(".json")
    try:
        tables: Any = json.loads(text, object_pairs_hook=_once) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of both parsers
        kind = "JSON" if is_json else "TOML"
        raise InputError(f"{path}: not valid {kind}: {error}") from None
    if not isinstance(tables, dict):
        raise InputError(f"{path}: must hold names and values, not {type(tables).__name__}")
    values: dict[str, Any] = {}
    for name, where, raw in _flat(tables):
        line = None if is_json else line_of(text, where)
        place = f"{path}, line {line}" if line else str(path)
        known = name.replace("-", "_")
        if where[0] == COMMAND and len(where) > 1 and not more:
            continue
        if known in values:
            raise InputError(f"{place}: {name} is given twice")
        if known not in PARAMETERS:
            if isinstance(raw, dict):
                raise InputError(
                    f"{place}: unknown table [{name}]; {did_you_mean(known.lower(), GROUPS)}"
                )
            if known not in more:
                raise InputError(
                    f"{place}: unknown parameter {name!r}; "
                    f"{did_you_mean(known, [*PARAMETERS, *more])}"
                )
            values[known] = raw
            continue
        if known in several and isinstance(raw, str):
            values[known] = raw
            continue
        try:
            value = PARAMETERS[known].convert(raw)
            values[known] = counted_from(Path(path).parent, known, value)
        except InputError as error:
            raise InputError(f"{place}: {error}") from None
    return values


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice} is given twice")
    return dict(pairs)


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise InputError(f"{path} is no experiment file: it has {len(content)} bytes")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise InputError(f"{path}: this is not text in UTF-8") from None


def _flat(tables: Mapping[str, Any]) -> list[tuple[str, list[str], Any]]:
    """Return name, place and value of everything, out of tables that are named for groups."""
    found: list[tuple[str, list[str], Any]] = []
    for name, value in tables.items():
        if isinstance(value, dict) and name in (*GROUPS, COMMAND):
            found += [(inner, [name, inner], raw) for inner, raw in value.items()]
        else:
            found.append((name, [name], value))
    return found


def write_experiment(
    path: Path, values: Mapping[str, Scalar], own: Mapping[str, Scalar] | None = None
) -> None:
    """Write parameters as an experiment file, with all others as comments beside them.

    Parameters
    ----------
    path : Path
        TOML, or JSON where the name ends in ``.json`` (without comments).
    values : mapping
        What was given, in SI units.
    own : mapping, optional
        What the command alone has.
    """
    chosen = {
        name: seen_from(path.parent, name, values[name]) for name in PARAMETERS if name in values
    }
    with replacing(path) as temporary:
        if str(path).lower().endswith(".json"):
            told: dict[str, Any] = {**chosen, COMMAND: dict(own)} if own else chosen
            temporary.write_text(json.dumps(told, indent=2) + "\n")
            return
        lines = _toml(chosen)
        if own:
            lines += ["", f"[{COMMAND}]", *(f"{name} = {_value(own[name])}" for name in own)]
        temporary.write_text("\n".join(lines) + "\n")


def _toml(chosen: Mapping[str, Scalar]) -> list[str]:
    lines = [
        "# An experiment: amcspice solve --config FILE; [base] config = FILE in a sweep.",
        '# Text may carry a unit ("50 MHz"); what is commented out is as it stands, the default.',
    ]
    for group in GROUPS:
        lines += ["", f"[{group}]"]
        for parameter in PARAMETERS.of_group(group):
            name = parameter.name
            if name.endswith("_sha256"):
                continue
            lead = "" if name in chosen else "# "
            value = _value(chosen.get(name, parameter.default))
            lines.append(f"{lead}{name} = {value}  # {_remark(parameter)}")
    return lines


def experiment_toml(values: Mapping[str, Scalar]) -> str:
    """Return parameters as an experiment file without all others beside them.

    Parameters
    ----------
    values : mapping
        What was given, in SI units.
    """
    lines: list[str] = []
    for group in GROUPS:
        names = [item.name for item in PARAMETERS.of_group(group) if item.name in values]
        if names:
            lines += ["", f"[{group}]", *(f"{name} = {_value(values[name])}" for name in names)]
    return "\n".join(lines[1:]) + "\n"


def _remark(parameter: Parameter) -> str:
    unit = f"[{parameter.unit}] " if parameter.unit else ""
    return f"{unit}{parameter.description}"


def _value(value: Scalar) -> str:
    return '"none"' if value is None else json.dumps(value)
