"""Discrete Fourier transforms as products on a chip, in one array or split by radices.

    X_k = sum_n x_n w^(n k) / sqrt(N),    w = exp(-2 pi i / N), or its conjugate for the inverse

With N = a b, n = b n1 + n2 and k = k1 + a k2 (J. W. Cooley, J. W. Tukey, Math. Comput. 19, 297
(1965)): b transforms of a points, N factors w^(n2 k1), and a transforms of b points.  Each radix
has one array, which all of its transforms use in turn; the factors are digital.

Errors of one array relative to the transform, each alone: write noise sigma of g_max on the share p
of cells that are on, sqrt(2 p) sigma (p is 0.91 of 64 points, 0.97 of 256: a part of w that is zero
needs no cell); L levels, 1 / (sqrt(6) (L - 1)) from some hundred points on; wires of r a segment
with cells up to g, 2.05 r g N^2 while that is small.  Arrays in a row add their squares.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.parts.effective import DrivenColumns
from amcspice.device import Hardware, map_matrix
from amcspice.errors import InputError
from amcspice.problem.complex_form import complex_form
from amcspice.system import Chip

__all__ = [
    "LARGEST_ON_CHIP",
    "SplitDFT",
    "applied_dft",
    "dft_matrix",
    "law_of_errors",
    "radices_of",
]

Complex = NDArray[np.complex128]

LARGEST_ARRAY = 64
"""Points of an array by default: wires spoil larger ones."""

LARGEST_ON_CHIP = 256
"""Points of an array whose circuit is solved; of larger ones see `applied_dft`."""

TWIDDLE_FLOPS = 6.0
"""Of a complex product."""

LEAST_PART = 1e-9
"""Real and imaginary parts below are zero but for rounding."""


def dft_matrix(points: int, *, inverse: bool = False) -> Complex:
    """Return ``w^(n k)`` without the factor 1 / sqrt(N), shape (N, N); zero parts are zero."""
    k = np.arange(points)
    turn = np.exp((2j if inverse else -2j) * np.pi * (np.outer(k, k) % points) / points)
    parts = np.stack([turn.real, turn.imag])
    parts[np.abs(parts) < LEAST_PART] = 0.0
    made: Complex = parts[0] + 1j * parts[1]
    return made


def radices_of(points: int, text: str | None = None) -> tuple[int, ...]:
    """Return the points of each array.

    Parameters
    ----------
    points : int
    text : str, optional
        Such as ``32x32``; None takes as few as have at most 64 points each, as equal as can be.

    Raises
    ------
    InputError
        If they do not multiply to the points, or none is known.
    """
    if text is None:
        return _equal(points)
    try:
        found = tuple(int(part) for part in text.lower().split("x"))
    except ValueError:
        found = ()
    if not found or min(found) < 2 or math.prod(found) != points:
        raise InputError(
            f"radix {text}: give factors of two or more whose product is {points}, such as "
            f"{'x'.join(map(str, _equal(points)))}"
        )
    return found


def _equal(points: int) -> tuple[int, ...]:
    if points <= LARGEST_ARRAY:
        return (points,)
    count = math.ceil(math.log(points, LARGEST_ARRAY) - 1e-9)
    near = points ** (1 / count)
    fits = [a for a in range(2, LARGEST_ARRAY + 1) if points % a == 0]
    if not fits:
        raise InputError(f"{points} points have no factor up to {LARGEST_ARRAY}: give a radix")
    first = min(fits, key=lambda a: (abs(math.log(a / near)), -a))
    return first, *_equal(points // first)


class SplitDFT:
    """A transform whose arrays are written into a chip.

    Parameters
    ----------
    chip : Chip
    points : int
    radices : sequence of int, optional
        See `radices_of`.
    inverse : bool
    calibration : ndarray, shape (points, K), optional
        Vectors like those to come.
    **circuit
        Of the products; ``feedback`` is sqrt(points of the array) g_max by default, so that
        outputs are as large as inputs.

    Raises
    ------
    InputError
        If an array is too large for its circuit to be solved.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> transform = SplitDFT(amc.Chip(), 16, (4, 4))
    >>> x = np.exp(2j * np.pi * 3 * np.arange(16) / 16)[:, None]
    >>> int(np.abs(transform @ x).argmax())
    3
    """

    def __init__(
        self,
        chip: Chip,
        points: int,
        radices: Sequence[int] | None = None,
        *,
        inverse: bool = False,
        calibration: Complex | None = None,
        **circuit: Any,
    ) -> None:
        self.chip, self.points, self.inverse = chip, points, inverse
        self.radices = tuple(radices) if radices is not None else radices_of(points)
        for radix in self.radices:
            if radix > LARGEST_ON_CHIP:
                raise InputError(
                    f"an array of {radix} points: circuits of up to {LARGEST_ON_CHIP} are solved; "
                    "split it by a radix"
                )
        self._arrays: list[Any] = []
        ideal = calibration
        for stage, radix in enumerate(self.radices):
            matrix = dft_matrix(radix, inverse=inverse)
            given = None if ideal is None else ideal.reshape(radix, -1)
            options: dict[str, Any] = {"feedback": math.sqrt(radix)} | circuit
            label = f"DFT {radix}, stage {stage + 1}"
            self._arrays.append(
                chip.program(matrix, "mvm", label=label, calibration=_some(given), **options)
            )
            if given is not None and stage + 1 < len(self.radices):
                ideal = self._turned((matrix @ given) / math.sqrt(radix), stage)

    def __matmul__(self, x: Complex) -> Complex:
        """Return the transforms of vectors, shape (points, K)."""
        rest = x
        for stage, array in enumerate(self._arrays):
            radix = self.radices[stage]
            rest = (array @ rest.reshape(radix, -1)) / math.sqrt(radix)
            if stage + 1 < len(self.radices):
                self.chip.ledger.compute("twiddle factors", TWIDDLE_FLOPS * x.size)
                rest = self._turned(rest, stage)
        made: Complex = rest.reshape(self.points, -1)  # the last stage's outputs stand outermost
        return made

    def _turned(self, made: Complex, stage: int) -> Complex:
        """Multiply by the factors of a stage, and bring what is left to transform to the front."""
        radix, left = self.radices[stage], math.prod(self.radices[stage:])
        cube = made.reshape(radix, left // radix, -1)
        turn = np.outer(np.arange(radix), np.arange(left // radix)) / left
        factor = np.exp((2j if self.inverse else -2j) * np.pi * turn)
        turned: Complex = np.moveaxis(cube * factor[:, :, None], 0, 1)
        return turned.reshape(left // radix, -1)


def _some(vectors: Complex | None, most: int = 16) -> Complex | None:
    """Return some of many vectors, spread over all."""
    if vectors is None or vectors.shape[1] <= most:
        return vectors
    return vectors[:, :: vectors.shape[1] // most][:, :most]


def applied_dft(points: int, hardware: Hardware, *, inverse: bool = False) -> NDArray[np.float64]:
    """Return what one array applies at rest to real above imaginary parts, shape (2 N, 2 N).

    Amplifiers have infinite gain; 1 / sqrt(N) is in it.  Exact for cells and wires, and quick for
    arrays whose circuit has too many nodes to be solved.

    Parameters
    ----------
    points : int
    hardware : Hardware
    inverse : bool
    """
    matrix = complex_form("mvm", dft_matrix(points, inverse=inverse), None, {}).matrix
    device, root = hardware.device, math.sqrt(points)
    mapping = map_matrix(matrix, device.g_max)
    lines = DrivenColumns(hardware.wire, device, extra=(root * device.g_max,) * len(matrix))
    applied = lines.effective((mapping.target,), device)[0] / mapping.scale / root
    made: NDArray[np.float64] = applied
    return made


def law_of_errors(radices: Sequence[int], hardware: Hardware) -> dict[str, float | None]:
    """Return the EVM that write noise, levels and wires are known to have, each alone.

    None: nothing is known of it, such as of cells of another kind.

    Parameters
    ----------
    radices : sequence of int
    hardware : Hardware
    """
    device, wire = hardware.device, hardware.wire
    noise = getattr(device, "write_noise", None)
    levels = getattr(device, "levels", None)
    if getattr(device, "noise_relative_to", "g_max") != "g_max":
        noise = None
    segment = wire.row or 0.0
    alike = segment == (wire.column or 0.0)
    squares = math.hypot(*(radix**2 for radix in radices))
    on = sum(_share_on(radix) for radix in radices)
    return {
        "noise": None if noise is None else math.sqrt(2 * on) * noise,
        "levels": None if levels is None else math.sqrt(len(radices) / 6) / (levels - 1),
        "wires": 2.05 * segment * device.g_max * squares if alike else None,
    }


@functools.cache
def _share_on(points: int) -> float:
    """Return the share of real and imaginary parts that are not zero."""
    matrix = dft_matrix(points)
    return float(np.mean([matrix.real != 0, matrix.imag != 0]))
