"""`MeasuredArray`: conductances of real cells, as somebody measured them, one by one.

They take the place of everything that writing does to cells, and repeated reads that of read
noise: a read is one of those that were measured of the cell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BeforeValidator, ValidationInfo

from amcspice.device.cells import LARGEST_PLAUSIBLE
from amcspice.device.measured_file import FACTORS, arrays_of, read_values, unit_of
from amcspice.errors import InputError
from amcspice.files import file_content, named_files
from amcspice.schema import to_text

__all__ = ["MeasuredArray", "MeasuredCells", "MeasuredUnit"]

Array = NDArray[np.float64]

MeasuredUnit = Literal["S", "mS", "uS", "nS"]


SMALLEST_PLAUSIBLE = 1e-9
"""Of the largest conductance of an array [S]."""


@dataclass(frozen=True, init=False, repr=False, eq=False)
class MeasuredArray:
    """Measured conductances of one or several arrays.

    As the cells of a circuit it is a `Memristor` whose first arrays are these
    (``device=amc.MeasuredArray("cells_uS.npy")``); ``Memristor(measured=..., g_max=...)`` says
    more of the cells.

    Parameters
    ----------
    source : str, path or array_like
        A file, or several with commas between, one an array: ``.npy`` of shape (rows, columns),
        (rows, columns, reads) or (arrays, rows, columns, reads), or text (``.csv``) with a row a
        line and an empty line between reads.  Or such an array.  A cell that is nan in every read
        has failed: it is open.
    unit : {"S", "mS", "uS", "nS"}, optional
        Of the values; None is what the name of the file ends with (``cells_uS.npy``), or S.
    failed : array_like of bool, optional
        Cells that have failed, shape of an array or (arrays, rows, columns).

    Raises
    ------
    InputError
        If a file cannot be read, or values are negative, infinite or not plausible in that unit.

    Attributes
    ----------
    files : tuple of str
        As they were named; empty of arrays.
    unit : str
    sha256 : str
        Of the files, or of the values.
    shapes : tuple of (rows, columns, reads)
        An entry an array.
    failures : int
        Cells that have failed.

    Examples
    --------
    >>> reads = np.array([[[20.0, 22.0], [10.0, 10.0]]])
    >>> MeasuredArray(reads, unit="uS")
    MeasuredArray(1 x 2 with 2 reads)
    """

    files: tuple[str, ...]
    unit: str
    sha256: str
    shapes: tuple[tuple[int, int, int], ...]
    failures: int

    def __init__(
        self,
        source: str | Path | ArrayLike,
        *,
        unit: MeasuredUnit | None = None,
        failed: ArrayLike | None = None,
    ) -> None:
        digest = hashlib.sha256()
        if isinstance(source, str | Path):
            paths = named_files(str(source))
            contents = [file_content(path) for path in paths]
            named = [unit_of(path, unit) for path in paths]
            read = [
                (str(path), values, each)
                for path, content, each in zip(paths, contents, named, strict=True)
                for values in arrays_of(read_values(path, content), str(path))
            ]
            for content in contents:
                digest.update(hashlib.sha256(content).digest())
        else:
            paths, named = [], [unit or "S"]
            read = [("measured", values, named[0]) for values in arrays_of(source, "measured")]
        reads = [_checked(values * FACTORS[each], where) for where, values, each in read]
        if failed is not None:
            reads = _without(reads, failed)
        if not paths:
            for each in reads:
                digest.update(np.ascontiguousarray(each).tobytes())
        facts: Mapping[str, Any] = {
            "files": tuple(map(str, paths)),
            "unit": ",".join(dict.fromkeys(named)),
            "sha256": digest.hexdigest(),
            "shapes": tuple(each.shape for each in reads),
            "failures": sum(int(np.isnan(each).all(axis=2).sum()) for each in reads),
            "_reads": tuple(np.sort(each, axis=2) for each in reads),  # nan come last
        }
        for name, value in facts.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        """Return the number of arrays."""
        return len(self.shapes)

    def __eq__(self, other: object) -> bool:
        """Whether it is the same file, or the same values."""
        if not isinstance(other, MeasuredArray):
            return NotImplemented
        return (self.sha256, self.unit, self.failures) == (other.sha256, other.unit, other.failures)

    def __hash__(self) -> int:
        """Return what equal ones share."""
        return hash((self.sha256, self.unit, self.failures))

    def __repr__(self) -> str:
        """Return what fits a line."""
        text = ", ".join(
            f"{m} x {n}" + (f" with {reads} reads" if reads > 1 else "")
            for m, n, reads in self.shapes
        )
        return f"MeasuredArray({', '.join((*self.files, text))})"

    @property
    def largest(self) -> float:
        """Largest mean conductance [S]."""
        return max(float(self.mean(array).max()) for array in range(len(self)))

    @property
    def repeated(self) -> bool:
        """Whether some cell was read more than once."""
        return any(reads > 1 for _, _, reads in self.shapes)

    def cautions(self, g_max: float) -> Iterator[str]:
        """Yield what figures stand on, a sentence each, where ``g_max`` is that of the cells."""
        name = ", ".join(self.files) or "measured cells"
        if self.failures:
            yield f"{name}: cells that have failed are open: {self.failures}"
        if not 0.5 < self.largest / g_max < 1.5:
            yield (
                f"{name}: the largest conductance is {to_text(self.largest, 'S')}, but g_max, "
                f"which the largest entry stands for, is {to_text(g_max, 'S')}"
            )

    def held(self, array: int, shape: tuple[int, ...]) -> Array | None:
        """Return the mean conductances of an array; None if it was not measured.

        Raises
        ------
        InputError
            If that of the circuit has another shape.
        """
        if array >= len(self):
            return None
        measured = self.shapes[array][:2]
        if measured != shape:
            turned = "; is it transposed?" if measured == shape[::-1] else ""
            raise InputError(
                f"{', '.join(self.files) or 'measured'}: array {array} of the circuit has shape "
                f"{shape}, the measured one {measured}{turned}"
            )
        return self.mean(array)

    def mean(self, array: int) -> Array:
        """Return the mean of the reads of every cell, zero of failed ones, shape (m, n) [S]."""
        return self._sum(array) / np.maximum(self._counts(array), 1)

    def read(self, array: int, chance: Array) -> Array:
        """Return one of the reads of every cell, shape (m, n) [S].

        Parameters
        ----------
        array : int
        chance : ndarray, shape (m, n)
            Uniform from 0 to 1: chooses the read.
        """
        counts = self._counts(array)
        at = (chance * np.maximum(counts, 1)).astype(np.intp)
        reads = np.take_along_axis(self._of(array), at[:, :, None], axis=2)[:, :, 0]
        return np.where(counts > 0, reads, 0.0)

    def _of(self, array: int) -> Array:
        reads: tuple[Array, ...] = self._reads  # type: ignore[attr-defined]
        return reads[array]

    def _counts(self, array: int) -> NDArray[np.intp]:
        return np.asarray((~np.isnan(self._of(array))).sum(axis=2))

    def _sum(self, array: int) -> Array:
        total: Array = np.nansum(self._of(array), axis=2)
        return total


def _checked(reads: Array, where: str) -> Array:
    """Refuse conductances that no cell has."""
    if np.isinf(reads).any():
        raise InputError(f"{where}: a conductance is infinite; a failed cell is nan")
    if (reads < 0).any():
        place = tuple(int(k) for k in np.argwhere(reads < 0)[0])
        raise InputError(
            f"{where}: conductance {place[:2]} is negative ({to_text(reads[place], 'S')}); take "
            "what the instrument adds off, or make the cell nan"
        )
    if np.isnan(reads).all():
        raise InputError(f"{where}: every cell has failed (nan)")
    largest = float(np.nanmax(reads))
    if not SMALLEST_PLAUSIBLE <= largest <= LARGEST_PLAUSIBLE:
        raise InputError(
            f"{where}: the largest conductance would be {largest:.3g} S, which no array has "
            f"({SMALLEST_PLAUSIBLE:g} to {LARGEST_PLAUSIBLE:g} S): state the unit, in the name "
            "(cells_uS.npy) or as measured_unit = uS"
        )
    return reads


def _without(arrays: list[Array], failed: ArrayLike) -> list[Array]:
    """Return the reads without those of failed cells."""
    mask = np.asarray(failed)
    masks = list(mask) if mask.ndim == 3 else [mask] * len(arrays)
    shapes = [each.shape[:2] for each in arrays]
    if mask.dtype != bool or [each.shape for each in masks] != shapes:
        raise InputError(
            f"failed: must be booleans of the shape of the arrays, {shapes[0]}, not "
            f"{mask.dtype} of {mask.shape}"
        )
    pairs = zip(masks, arrays, strict=True)
    return [np.where(each[:, :, None], np.nan, reads) for each, reads in pairs]


def _measured(value: Any, info: ValidationInfo) -> Any:
    unit = (info.data or {}).get("measured_unit")
    if value is None or isinstance(value, MeasuredArray):
        return value
    if isinstance(value, Mapping):  # as a file has it
        return _again(value)
    return MeasuredArray(value, unit=unit)


def _again(said: Mapping[str, Any]) -> MeasuredArray:
    """Return what was read before; its files must be the same still."""
    if not said.get("files"):
        raise InputError("measured: conductances that no file holds cannot be read again")
    names, units = ",".join(said["files"]), str(said["unit"]).split(",")
    stated: Any = units[0] if len(units) == 1 and units[0] in get_args(MeasuredUnit) else None
    made = MeasuredArray(names, unit=stated)
    if made.sha256 != said["sha256"]:
        raise InputError(f"{names}: changed since the cells were written down")
    return made


MeasuredCells = Annotated[Any, BeforeValidator(_measured)]
