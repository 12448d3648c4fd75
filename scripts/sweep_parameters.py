"""Write docs/sweep-parameters.md: every parameter and metric of a point of a sweep."""

from __future__ import annotations

import math
from pathlib import Path

from amcspice.problem.generators import GENERATORS
from amcspice.sweep.metrics import METRICS
from amcspice.sweep.spec.parameters import PARAMETERS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "sweep-parameters.md"


def limits(parameter):
    if parameter.choices:
        return ", ".join(parameter.choices)
    if parameter.kind != "number" and parameter.kind != "integer":
        return {"flag": "true, false", "text": ""}[parameter.kind]
    found = []
    if math.isfinite(parameter.lowest):
        found.append(f"{'above' if parameter.above else 'from'} {parameter.lowest:g}")
    if math.isfinite(parameter.highest):
        found.append(f"to {parameter.highest:g}")
    return " ".join(found)


def value(default):
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else f"{default}"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def page():
    rows = [
        [f"`{name}`", parameter.unit, value(parameter.default), limits(parameter),
         parameter.description]
        for name, parameter in PARAMETERS.items()
    ]  # fmt: skip
    families = [
        [f"`{name}`", family.description, f"`{family.setting}`" if family.setting else ""]
        for name, family in GENERATORS.items()
    ]
    metrics = [[f"`{name}`", unit] for name, unit in METRICS.items()]
    return f"""# Parameters and metrics of a point

Written by `scripts/sweep_parameters.py`. In specs, in `amcspice sweep point --set NAME=VALUE` and
in exports the names are the same. Numbers are in SI units; text may carry a unit (`"10 MHz"`,
`"2 ohm"`, `"2 %"`). `"none"` stands for not given. A cell without a default follows from other
parameters, as its description says.

{table(["parameter", "unit", "default", "values", "description"], rows)}
## Generated matrices

`signed` gives any of them entries of both signs; `eig` gets them symmetric, and `conditioned` is
positive definite for `inv` and `eig`.

{table(["matrix", "what it is", "its parameter"], families)}
Right-hand sides come from planted solutions (non-negative for `nnls`, of both signs for `inv` and
`lstsq`) plus `noise`, which is relative to their own spread over the rows, so that it means the
same at every size.

## Metrics

Medians and maxima are over right-hand sides; `settled` is the fraction of them that came to rest.

{table(["metric", "unit"], metrics)}"""


if __name__ == "__main__":
    PAGE.write_text(page())
