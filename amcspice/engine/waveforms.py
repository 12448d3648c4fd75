"""Waveforms of a run, one segment a right-hand side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Array
from amcspice.engine.cell_record import CellRecord
from amcspice.extras import extra

if TYPE_CHECKING:
    import pandas
    import xarray

__all__ = ["SMALLEST_SCALE", "Exact", "Segment", "Stream", "Waveforms", "flat_tails"]

SMALLEST_SCALE = 1e-3
"""Volts: a settling band is never narrower than the tolerance times this (an all-zero solution)."""

TAIL_SAMPLES = 3
"""Fewer samples in the last tenth of a window cannot show that it is flat."""


def flat_tails(
    time: Array, outputs: Array, starts: NDArray[np.intp], tolerance: float
) -> NDArray[np.bool_]:
    """Tell which segments are flat to a tenth of the settling band in their last tenth.

    Parameters
    ----------
    time : ndarray, shape (T,)
        Time from the input step of each segment [s].
    outputs : ndarray, shape (T, n)
        [V].
    starts : ndarray of int, shape (K + 1,)
        First sample of each segment, and the number of samples.
    tolerance : float
        Half-width of the band, as a fraction of the largest final value.

    Returns
    -------
    ndarray of bool, shape (K,)
    """
    first, last, counts = starts[:-1], starts[1:] - 1, np.diff(starts)
    segment = np.repeat(np.arange(len(first)), counts)
    final = outputs[last]
    band = tolerance * np.maximum(np.abs(final).max(axis=1), SMALLEST_SCALE)
    distance = np.abs(outputs - final[segment]).max(axis=1)
    begins = time[last] - 0.1 * (time[last] - time[first])
    tail = time >= begins[segment]
    moves = np.maximum.reduceat(np.where(tail, distance, 0.0), first)
    flat: NDArray[np.bool_] = moves <= band / 10
    return flat & (np.add.reduceat(tail, first, dtype=int) >= TAIL_SAMPLES)


@dataclass(frozen=True, eq=False)
class Segment:
    """What happened after one right-hand side was applied.

    Parameters
    ----------
    time : ndarray, shape (T,)
        Time from the input step [s].
    voltages : ndarray, shape (T, P)
        Voltages of the ports [V].
    supply : ndarray, shape (T, 2)
        Currents out of the positive and the negative supply [A].
    """

    time: Array
    voltages: Array
    supply: Array


@dataclass(frozen=True, eq=False)
class Exact:
    """What a backend knows of N right-hand sides without looking at samples.

    Parameters
    ----------
    final, supply : ndarray, shapes (N, P) and (N, 2)
        Port voltages [V] and supply currents [A] at rest, or at the end.
    settling_time : ndarray, shape (N,)
        [s]; nan where a segment does not end at rest.
    energy : ndarray, shape (N,)
        From all sources until then [J]; nan as above.
    sampled : ndarray, shape (N, P), optional
        Port voltages at the time at which converters sample, nan where they are not known [V].
    """

    final: Array
    supply: Array
    settling_time: Array
    energy: Array
    sampled: Array | None = None


@dataclass(frozen=True, eq=False)
class Stream:
    """Segments of N right-hand sides one after the other, as they are measured.

    Parameters
    ----------
    time : ndarray, shape (T,)
        Time from the input step of each segment [s].
    voltages : ndarray, shape (T, P)
        Voltages of the ports [V].
    supply : ndarray, shape (T, 2)
        Currents out of the positive and the negative supply [A].
    starts : ndarray of int, shape (K + 1,)
        First sample of each segment, and the number of samples.
    at_rest : ndarray of bool, shape (N,)
        Whether a segment ends at rest.
    exact : Exact, optional
        What is known better than samples tell.
    rate_error : float or ndarray, shape (N,)
        Error of the rates at which outputs decay, as a fraction.
    cells : CellRecord, optional
        What cells saw that stand in the deck as sub-circuits.
    """

    timeless: ClassVar[bool] = False

    time: Array
    voltages: Array
    supply: Array
    starts: NDArray[np.intp]
    at_rest: NDArray[np.bool_]
    exact: Exact | None = None
    rate_error: float | Array = 0.01
    cells: CellRecord | None = None

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, index: int) -> Segment:
        part = slice(self.starts[index], self.starts[index + 1])
        return Segment(self.time[part], self.voltages[part], self.supply[part])

    def __iter__(self) -> Iterator[Segment]:
        return (self[index] for index in range(len(self)))

    @classmethod
    def chain(cls, streams: Sequence[Stream]) -> Stream:
        """Return streams of samples one after the other."""
        if len(streams) == 1:
            return streams[0]
        samples = np.concatenate([np.diff(stream.starts) for stream in streams])
        joined = cls.join(
            [Segment(each.time, each.voltages, each.supply) for each in streams],
            np.concatenate([stream.at_rest for stream in streams]),
        )
        return replace(
            joined,
            starts=np.cumsum([0, *samples]),
            rate_error=np.concatenate([np.full(len(each), each.rate_error) for each in streams]),
        )

    @classmethod
    def join(cls, segments: Sequence[Segment], at_rest: NDArray[np.bool_]) -> Stream:
        """Return segments one after the other; ``at_rest`` tells which of them end at rest."""
        return cls(
            time=np.concatenate([segment.time for segment in segments]),
            voltages=np.concatenate([segment.voltages for segment in segments]),
            supply=np.concatenate([segment.supply for segment in segments]),
            starts=np.cumsum([0, *(len(segment.time) for segment in segments)]),
            at_rest=at_rest,
        )


@dataclass(frozen=True, eq=False)
class Waveforms:
    """Port voltages and supply currents of every right-hand side.

    Parameters
    ----------
    names : tuple of str
        Names of the ports: ``x0`` is the output of amplifier 0, ``c0`` its column wire.
    segments : tuple of Segment
    outputs : tuple of int
        Positions of the solution among the names.
    """

    names: tuple[str, ...]
    segments: tuple[Segment, ...]
    outputs: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.segments)

    def solution(self, index: int = 0) -> tuple[Array, Array]:
        """Return time (T,) and solution voltages (T, n) of one right-hand side."""
        segment = self.segments[index]
        return segment.time, segment.voltages[:, list(self.outputs)]

    def to_xarray(self, index: int = 0) -> xarray.Dataset:
        """Return one right-hand side as a Dataset over time, units as attributes."""
        with extra("sweep"):
            import xarray

        segment = self.segments[index]
        time = ("time", segment.time, {"units": "s"})
        return xarray.Dataset(
            {
                "voltage": (("time", "node"), segment.voltages, {"units": "V"}),
                "supply_current": (("time", "supply"), segment.supply, {"units": "A"}),
            },
            coords={"time": time, "node": list(self.names), "supply": ["vdd", "vss"]},
        )

    def to_pandas(self) -> pandas.DataFrame:
        """Return everything as one table indexed by right-hand side and time [s]."""
        with extra("sweep"):
            import pandas

        frames = {
            index: pandas.DataFrame(
                np.hstack([segment.voltages, segment.supply]),
                index=pandas.Index(segment.time, name="time_s"),
                columns=[*self.names, "i_vdd", "i_vss"],
            )
            for index, segment in enumerate(self.segments)
        }
        return pandas.concat(frames, names=["rhs"])

    def plot(self, index: int = 0, **options: Any) -> Any:
        """Plot the solution voltages of one right-hand side; returns what xarray's plot returns."""
        nodes = [self.names[k] for k in self.outputs]
        return self.to_xarray(index)["voltage"].sel(node=nodes).plot.line(x="time", **options)
