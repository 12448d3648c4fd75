"""The dc backend: the rest that the behavioural equations come to, without time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.engine.backend import Backend, Forecast, Origin, refuse_time
from amcspice.engine.batch import Batch, Drive
from amcspice.engine.dc.rest import ORIGIN, Rest
from amcspice.engine.dc.solver import RestSolver
from amcspice.engine.equations.piecewise import refuse_unknown_physics
from amcspice.errors import UnstableError, UnsupportedError

__all__ = ["DC", "PreparedRest"]


class DC(Backend):
    """The rest of the amplifier equations: finite gain, offsets, wires, limits, but no time."""

    name: ClassVar[str] = "dc"
    title: ClassVar[str] = "the rest that the amplifier equations come to, without time"
    verified_by: ClassVar[str | None] = "behavioural"
    in_time: ClassVar[bool] = False
    largest_batch: ClassVar[int] = 64

    def check(self, circuit: Circuit) -> None:
        """Refuse what the equations do not know, and what needs time; see `Backend.check`."""
        refuse_unknown_physics(circuit, self.name)
        refuse_time(circuit, self.analysis, self.name)
        if self.analysis.allow_unstable:
            raise UnsupportedError(
                "the dc fidelity has no time, so it cannot show where an unstable circuit goes: "
                "use behavioural, reduced or flat"
            )

    def prepare(self, batch: Batch) -> PreparedRest:
        """See `Backend.prepare`."""
        self.check(batch.circuit)
        return PreparedRest(batch)


class PreparedRest:
    """Circuits whose rests can be found; a `Prepared`.

    Parameters
    ----------
    batch : Batch

    Raises
    ------
    UnstableError
        If one of them has no rest.
    """

    chunk = 2**62  # right-hand sides do not follow each other

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.runs_away: NDArray[np.bool_] = np.zeros(len(batch), bool)
        self.solver = RestSolver(batch.circuit, batch)
        if not self.solver.rests.all():
            first = int(np.flatnonzero(~self.solver.rests)[0])
            raise UnstableError(
                f"circuit {first} of {len(batch)} is unstable, so it comes to no rest"
            )

    def run(
        self,
        drive: Drive,
        lead: int = 0,
        forecast: Forecast | None = None,
        *,
        waveforms: bool = True,
    ) -> Iterator[Rest]:
        """See `Prepared.run`; what leads in changes nothing."""
        wanted = drive.take(slice(lead, None)) if lead else drive
        if len(self.batch) == 1 and wanted.beyond is None:
            yield self.solver.solve_sources(wanted.currents[0])
        else:
            yield self.solver.solve(wanted.into)

    def forecast(self, drive: Drive, lead: int = 0) -> Iterator[Forecast]:
        """Yield nothing: what could be foretold is the run itself."""
        return iter(())

    def origin(self, drive: Drive, forecast: Forecast | None = None) -> list[Origin]:
        """See `Prepared.origin`."""
        return [ORIGIN] * len(self.batch)
