"""What makes an unstable circuit stable: every remedy is tried before it is named.

**The limit of write noise.**  An inverse circuit goes unstable where an eigenvalue of U (A + E)
crosses zero, U being positive and diagonal: where A + E = A (1 + A^-1 E) becomes singular, so where
A^-1 E has the eigenvalue -1.  E holds the errors of the cells, independent, of variance S_ij.  The
eigenvalues of A^-1 E fill a disc around zero (Girko's circular law for a product with a fixed
matrix) of the radius

    rho = spectral radius of S (A^-1 o A^-1) ^ 1/2    (o: entry by entry),

which is sigma ||A^-1||_F where all have the same sigma.  So the boundary is rho = 1, A being scaled
as it stands in the array: its largest entry is one where sigma is a fraction of g_max.  A matrix
of unit diagonal has ||A^-1||_F >= sqrt(n): more than 1 / sigma^2 columns are out of reach.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np

from amcspice.circuit import Circuit
from amcspice.circuit.topologies.inverse import INV
from amcspice.engine.batch import Batch
from amcspice.engine.equations.linear import LinearModel, refuse_growth
from amcspice.engine.equations.piecewise import PiecewiseLinear
from amcspice.errors import InputError
from amcspice.problem.choice import make_circuit
from amcspice.reduction import reduce_to_ports

__all__ = ["near_noise_limit", "noise_share", "refuse_unstable"]

SAFE_SHARE = 0.7
"""Share of the limit of write noise from which on a run says so; draws differ by 30 %."""

LARGEST_TRIED = 64
"""Amplifiers up to which remedies are tried, each of which costs a reduction and its modes."""

SMALLER = 0.5 ** np.arange(1, 8)
"""Factors by which a value is tried to be smaller."""


def noise_share(circuit: Circuit) -> float:
    """Return how much of the limit of write noise an inverse circuit uses, one at the limit.

    Parameters
    ----------
    circuit : Circuit

    Returns
    -------
    float
        sigma ||A^-1||_F for equal errors, see the module; zero without write noise and for circuits
        of other problems.
    """
    device = circuit.device
    if not isinstance(circuit, INV):
        return 0.0
    placed = np.abs(circuit.mapping.target)
    sigma = device.write_spread(placed) / device.g_max * (placed != 0)  # none where cells are off
    if not np.any(sigma):
        return 0.0
    inverse = np.linalg.inv(circuit.matrix * (circuit.mapping.scale / device.g_max))
    radius = np.abs(np.linalg.eigvals(sigma**2 @ inverse**2)).max()
    return float(np.sqrt(radius))


def near_noise_limit(circuit: Circuit) -> str:
    """Return a sentence on a circuit that is stable, but near the limit; empty if it is not."""
    share = noise_share(circuit)
    if share < SAFE_SHARE:
        return ""
    noise = _write_noise(circuit)
    what = "the write error of these cells" if noise is None else f"write noise of {noise:.3g}"
    safe = "" if noise is None else f"; {_rounded_down(noise * SAFE_SHARE / share):g} is safe"
    return (
        f"{what} is {share:.2f} of what makes this matrix unstable (sigma ||A^-1||_F = 1): other "
        f"cells may be{safe}"
    )


def _write_noise(circuit: Circuit) -> float | None:
    """Return the parameter of write noise; None of cells whose write error is no parameter."""
    return getattr(circuit.device, "write_noise", None)


def refuse_unstable(batch: Batch) -> None:
    """Refuse the first circuit of a batch in which a mode grows, naming what makes it stable.

    Raises
    ------
    UnstableError
        If there is one.
    """
    linear = LinearModel.of_equations(PiecewiseLinear.of(batch.circuit, batch))
    for circuit, growth in zip(batch.circuits, np.atleast_1d(linear.modes.growth), strict=True):
        if growth >= 0:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of circuits that are tried
                found = tuple(_remedies(circuit))
            refuse_growth(float(growth), found)


def _remedies(circuit: Circuit) -> Iterator[str]:
    """Yield what makes a circuit stable; of large ones only what is known without a trial."""
    share = noise_share(circuit)
    small = circuit.amplifier_count <= LARGEST_TRIED
    given = _write_noise(circuit)
    if share >= SAFE_SHARE and given is not None:
        noise = _rounded_down(given * SAFE_SHARE / share)
        quiet: Any = {"write_noise": noise}
        if not small or _is_stable(circuit, device=replace(circuit.device, **quiet)):
            yield (
                f"write_noise of at most {noise:g} (sigma ||A^-1||_F is {share:.3g}, and its limit "
                "is 1)"
            )
    if not small:
        return
    if isinstance(circuit, INV):
        if circuit.diagonal != "fixed" and _is_stable(circuit, diagonal="fixed"):
            yield "diagonal = 'fixed': resistors in the place of its strong diagonal"
        scaled = _unit_diagonal(circuit.matrix)
        if scaled is not None and _is_stable(circuit, matrix=scaled):
            yield "rows and columns scaled to a diagonal of ones, D A D with D = diag(A)^-1/2"
        name = _default_circuit("lstsq", circuit)
        if name:
            yield f"problem lstsq ({name}), whose answer is the same"
    else:
        name = _default_circuit(circuit.problem, circuit)
        if name:
            yield f"circuit {name}"
    parts: tuple[tuple[str, str, str, Any], ...] = (
        ("device", "g_max", "S", circuit.device),
        ("opamp", "gbw", "Hz", circuit.opamp),
        ("opamp", "input_capacitance", "F", circuit.opamp),
    )
    for part, name, unit, of in parts:
        value = getattr(of, name)
        for factor in SMALLER if value else ():
            less = float(f"{value * factor:.2g}")
            try:
                smaller = replace(of, **{name: less})
            except InputError:  # such as a g_max below g_min
                break
            if _is_stable(circuit, **{part: smaller}):
                yield f"{name} of {less:g} {unit}"
                break
    wire = circuit.wire
    for factor in SMALLER if wire.row_capacitance or wire.column_capacitance else ():
        row, column = (
            (farad or 0.0) * factor for farad in (wire.row_capacitance, wire.column_capacitance)
        )
        if _is_stable(circuit, wire=replace(wire, row_capacitance=row, column_capacitance=column)):
            yield f"{factor:.2g} of the capacitance of the lines"
            break


def _is_stable(circuit: Circuit, **changes: Any) -> bool:
    """Tell whether a circuit is stable with some of its fields changed."""
    try:
        changed = replace(circuit, zero_bias=None, tangent=None, **changes)
        return LinearModel.of(changed, reduce_to_ports(changed.schematic)).stable
    except (InputError, np.linalg.LinAlgError):
        return False


def _default_circuit(problem: str, circuit: Circuit) -> str | None:
    """Return the default circuit of a problem, if it is another one and stable with all the same.

    Matrix, hardware, ridge and selected rows are those of the circuit.
    """
    common = {"ridge", "rows"} & {item.name for item in fields(circuit)}
    more = {name: getattr(circuit, name) for name in common}
    try:
        other = make_circuit(problem, circuit.matrix, hardware=circuit.hardware, **more)
    except InputError:
        return None
    return other.name if other.name != circuit.name and _is_stable(other) else None


def _unit_diagonal(matrix: Any) -> Any:
    """Return D A D with a diagonal of ones; None if the diagonal is not positive, or is one."""
    diagonal = np.diag(matrix)
    if (diagonal <= 0).any() or np.allclose(diagonal, diagonal[0]):
        return None
    scale = 1 / np.sqrt(diagonal)
    return scale[:, None] * matrix * scale


def _rounded_down(value: float) -> float:
    """Return two digits of a positive number, no larger."""
    unit = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(f"{np.floor(value / unit + 1e-9) * unit:.2g}")
