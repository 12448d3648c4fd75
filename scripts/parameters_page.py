"""Write docs/parameters.md, every parameter and metric, and tables of fields on other pages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from update_readme import fill

from amcspice.device import OpAmp, SwitchingCell
from amcspice.problem.generators import GENERATORS
from amcspice.schema import field_parameters
from amcspice.settings.systems import SYSTEMS
from amcspice.settings.table import GROUPS, PARAMETERS
from amcspice.sweep.metrics import COSTS, METRICS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "parameters.md"


def value(default):
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


def python_names(parameter):
    """Return where a parameter stands in the library; topologies that share a field are listed."""
    owners = {}
    for owner, field in parameter.fields:
        if owner.__module__.endswith("settings.experiment"):
            continue
        owners.setdefault(field, []).append(owner.__name__)
    shown = []
    for field, names in owners.items():
        several = f"{names[0]}.{field}" if len(names) == 1 else f"{field} of {len(names)} circuits"
        shown.append(f"`{several}`" if len(names) == 1 else f"`{field}` of {', '.join(names)}")
    return "; ".join(shown)


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join("| " + " | ".join(line) + " |\n" for line in escaped)


def variants(parameter):
    """Return a parameter as the systems have it that mean something of their own by its name."""
    if parameter.group != "system":
        return [parameter]
    found = {}
    for owner, field in parameter.fields:
        (own,) = (each for each in field_parameters(owner) if each.name == parameter.name)
        key = own.default, own.description
        made = found.setdefault(key, replace(parameter, default=own.default, fields=(),
                                             description=own.description))  # fmt: skip
        found[key] = replace(made, fields=(*made.fields, (owner, field)))
    return list(found.values())


def section(group):
    rows = [
        [f"`{parameter.name}`", parameter.unit, value(parameter.default), parameter.limits,
         python_names(parameter), parameter.description]
        for each in PARAMETERS.of_group(group)
        for parameter in variants(each)
    ]  # fmt: skip
    head = ["parameter", "unit", "default", "values", "in Python", "description"]
    return f"### {group.capitalize()}\n\n{table(head, rows)}"


def metrics_by_name():
    """Return unit and owners of every metric."""
    every = {name: (unit, ["a circuit"]) for name, unit in METRICS.items()}
    shared = (*COSTS, "matrix_condition", "largest_row_total", "wall_time_s")
    every |= {name: (METRICS[name], ["any"]) for name in shared}
    for name, system in SYSTEMS.items():
        for metric, unit in system.metrics.items():
            every.setdefault(metric, (unit, []))[1].append(f"`{name}`")
    return every


def page():
    sections = "\n".join(section(group) for group in GROUPS)
    families = [
        [f"`{name}`", family.description, f"`{family.setting}`" if family.setting else ""]
        for name, family in GENERATORS.items()
    ]
    metrics = [
        [f"`{name}`", unit, ", ".join(owners)] for name, (unit, owners) in metrics_by_name().items()
    ]
    return f"""# Parameters

Written by `scripts/parameters_page.py` from the fields of the library's own dataclasses. A name
is the same everywhere: an option (`--wire-resistance`), an axis or the base of a sweep, a line of
an experiment file, `amcspice sweep point --set NAME=VALUE`, a keyword of `amcspice.solve`, a
column of an export.

## How values are written

Numbers are in SI units. Text may carry a unit: `"10 MHz"`, `"2 ohm"`, `"20 V/us"`, `"3 %"`,
`"27 degC"`, `"100 dB"` (gains); in Python, too: `amc.OpAmp(gbw="50 MHz")`. Before a unit `M` and
`Meg` are mega and `m` is milli. Without a unit, the suffixes that SPICE and SI read alike are
taken (`50k`, `2Meg`, `10u`, `3n`); `1M` is mega in one and milli in the other, so it is refused
with both readings. `"none"` stands for no value where a parameter takes none (Python: None). A
value that no real part has (a cell of 100 S) is taken, with a warning.

Text alone does not say where a value is wrong: a message names option or field, file and line.

## Experiment files

`amcspice solve --config experiment.toml` takes options from a file, `--write-config FILE` writes
one, and `[base] config = "experiment.toml"` makes it the base of a sweep. Names may stand by
themselves or in tables named for the headings below; a name ending in `.json` is JSON. What is
typed counts before the file. A command takes its own options from the file, too (`rank`, `out`,
`jobs`), and refuses what it does not have; the base of a sweep is parameters only, and only they
are written. Files that parameters name (`matrix`, `cell_lib`) count from the folder of the
experiment file; a command's own options are as if they were typed.

```toml
[problem]
problem = "nnls"
columns = 8

[amplifier]
opamp = "ad823"
gbw = "20 MHz"

[wires]
wire_resistance = "2 ohm"
```

## Every parameter

A cell without a default follows from other parameters, as its description says; presets of cells
and amplifiers have values of their own. `matrix_sha256`, `rhs_sha256` and `files_sha256` are
filled in.

{sections}
## Generated matrices

`signed` gives any of them entries of both signs; `eig` gets them symmetric, and `conditioned` is
positive definite for `inv` and `eig`.

{table(["matrix", "what it is", "its parameter"], families)}
Right-hand sides come from planted solutions (non-negative for `nnls`, of both signs for `inv` and
`lstsq`) plus `noise`, which is relative to their own spread over the rows, so that it means the
same at every size.

## Metrics

Medians and maxima are over right-hand sides; `settled` is the fraction of them that came to rest.
A point has the metrics of what it runs: a single circuit, or a [system](sweeps.md#systems) by its
name. Those of the matrix are there where a system takes one, those of cost where `technology` is
named.

{table(["metric", "unit", "of"], metrics)}"""


def fields(owner):
    """Return the fields of a class as a table."""
    rows = [
        [f"`{parameter.fields[0][1]}`", parameter.description.rstrip("."), parameter.unit,
         "none" if parameter.default is None else value(parameter.default)]
        for parameter in field_parameters(owner)
    ]  # fmt: skip
    return table(["parameter", "meaning", "unit", "default"], rows)


TABLES = {"amplifiers.md": OpAmp, "devices.md": SwitchingCell}

if __name__ == "__main__":
    PAGE.write_text(page())
    for name, owner in TABLES.items():
        fill(PAGE.parent / name, owner.__name__, fields(owner).rstrip())
