"""Waveforms of a run, one segment a right-hand side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from amcspice.circuit.base import Array

if TYPE_CHECKING:
    import pandas
    import xarray

__all__ = ["Segment", "Waveforms"]


@dataclass(frozen=True, eq=False)
class Segment:
    """What happened after one right-hand side was applied.

    Parameters
    ----------
    time : ndarray, shape (T,)
        From the input step [s].
    voltages : ndarray, shape (T, P)
        Of the ports [V].
    supply : ndarray, shape (T, 2)
        Currents out of the positive and the negative supply [A].
    """

    time: Array
    voltages: Array
    supply: Array


@dataclass(frozen=True, eq=False)
class Waveforms:
    """Port voltages and supply currents of every right-hand side.

    Parameters
    ----------
    names : tuple of str
        Of the ports: ``x0`` is the output of amplifier 0, ``c0`` its column wire.
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
