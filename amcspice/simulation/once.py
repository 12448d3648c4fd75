"""One run of a prepared batch in one range, measured chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Array
from amcspice.engine import Analysis, Batch, Drive, Forecast, Prepared, Stream
from amcspice.engine.headway import heard_by
from amcspice.measure import Measurement, measure, near_limits
from amcspice.pool import Report

__all__ = ["Outcome", "drive_of", "foretold_near_limits", "join_forecasts", "run_once"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a run in one range gave.

    Parameters
    ----------
    measurement : Measurement
        Of C K right-hand sides, circuit after circuit; fewer if it gave up.
    streams : tuple of Stream
        Empty if they were not kept.
    """

    measurement: Measurement
    streams: tuple[Stream, ...] = ()

    @classmethod
    def join(cls, parts: Sequence[Outcome]) -> Outcome:
        """Return those of consecutive right-hand sides of one circuit as one."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            Measurement.join([part.measurement for part in parts]),
            tuple(stream for part in parts for stream in part.streams),
        )


def drive_of(
    batch: Batch,
    vectors: Sequence[Array],
    volts_per_unit: Sequence[float | Array] | Array,
    prepared: Prepared | None = None,
) -> Drive:
    """Return what the sources of each circuit give for its right-hand sides.

    Parameters
    ----------
    batch : Batch
        Of C circuits.
    vectors : sequence of ndarray, each shape (K, m)
    volts_per_unit : sequence of C floats, or of C ndarrays of shape (K,)
        The range of each circuit, or of each of its right-hand sides.
    prepared : Prepared, optional
        What runs them: a deck that holds every cell does without currents of cells that are not
        found.

    Raises
    ------
    SimulationError
        If currents of cells with a curve come to no rest.
    """
    drive = Drive.of(
        batch,
        [
            circuit.schematic.currents(rows, volts)
            for circuit, rows, volts in zip(batch.circuits, vectors, volts_per_unit, strict=True)
        ],
    )
    if batch.circuit.device.curve is None:
        return drive
    from amcspice.engine.dc.curved import with_curves  # sparse factors: only who needs them waits

    return with_curves(batch, drive, strict=not getattr(prepared, "holds_cells", False))


def run_once(
    prepared: Prepared,
    drive: Drive,
    analysis: Analysis,
    *,
    lead: int = 0,
    forecast: Forecast | None = None,
    keep: bool = False,
    give_up: bool = False,
    report: Report | None = None,
) -> Outcome:
    """Run right-hand sides in one range and measure them.

    Parameters
    ----------
    prepared : Prepared
    drive : Drive
        lead + K right-hand sides of each circuit.
    analysis : Analysis
    lead : {0, 1}
        Whether the first one only leads in.
    forecast : Forecast, optional
        Of the same right-hand sides.
    keep : bool
        Keep the waveforms.
    give_up : bool
        Stop once an amplifier rests near a limit, unless because cells switched.
    report : callable, optional
        Called with the number finished since the last call; while ngspice runs, with the fraction
        of a chunk that its simulated time is further.
    """
    parts: list[Outcome] = []
    batch, first = prepared.batch, lead
    told: float = 0

    def within_chunk(fraction: float) -> None:
        nonlocal told
        if report is not None:
            finished = fraction * min(prepared.chunk, len(drive) - first) * len(batch)
            if finished > told:  # a window that was too short is run again
                report(finished - told)
                told = finished

    with heard_by(None if report is None else within_chunk):
        for response in prepared.run(drive, lead, forecast, waveforms=keep):
            count = len(response.at_rest) // len(batch)
            segment = drive.take(slice(first, first + count))
            measurement = measure(batch, response, segment, analysis)
            kept = (response,) if keep and isinstance(response, Stream) else ()
            parts.append(Outcome(measurement, kept))
            if report is not None:
                report(len(response.at_rest) - told)
            first, told = first + count, 0
            near = measurement.rests_near_limit.any()
            if give_up and near and not measurement.switched.any():
                break
    return Outcome.join(parts)


def foretold_near_limits(batch: Batch, forecast: Forecast) -> NDArray[np.bool_]:
    """Tell which circuits are foretold to come near a limit with one of their inputs, (C,)."""
    final = forecast.final.reshape(-1, forecast.final.shape[-1])
    delivered = batch.delivered(final, forecast.into.reshape(final.shape))
    near = near_limits(batch, final, delivered)
    return np.asarray(near.reshape(len(batch), -1).any(axis=1))


def join_forecasts(parts: Sequence[Forecast]) -> Forecast | None:
    """Return the forecasts of consecutive chunks as one; None if there are none."""
    if len(parts) <= 1:
        return parts[0] if parts else None
    return Forecast(
        tuple(window for part in parts for window in part.windows),
        np.concatenate([part.final for part in parts], axis=1),
        np.concatenate([part.into for part in parts], axis=1),
    )
