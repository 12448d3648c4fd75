"""`Run`: what a simulation returns, figures with their text, tables and file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from amcspice.errors import InputError
from amcspice.extras import extra
from amcspice.simulation.figures import Figures
from amcspice.simulation.saved import read_run, write_run
from amcspice.simulation.summary import summary

if TYPE_CHECKING:
    import pandas
    import xarray

__all__ = ["Run"]


class Run(Figures):
    """Result of a simulation; K right-hand sides.

    Its figures, such as ``x``, ``relative_error``, ``settling_time`` and ``power``, are those of
    `Figures`; of a single right-hand side, given as a vector, they are scalars.

    Examples
    --------
    >>> import amcspice as amc
    >>> run = amc.solve("inv", [[2.0, 1.0], [1.0, 3.0]], [3.0, 5.0], fidelity="behavioural")
    >>> run.x.round(3), run.reference, bool(run.settled)
    (array([0.8, 1.4]), array([0.8, 1.4]), True)
    >>> f"{run.settling_time * 1e9:.0f} ns", f"{run.energy * 1e12:.1f} pJ"
    ('12 ns', '2.3 pJ')
    """

    def __repr__(self) -> str:
        return "\n".join(summary(self))

    def _repr_html_(self) -> str:
        heading, *rows = summary(self)
        cells = "".join(
            f"<tr><th>{name.strip()}</th><td>{text.strip()}</td></tr>"
            for name, _, text in (row.partition(": ") for row in rows)
        )
        return f"<table><caption>{heading}</caption>{cells}</table>"

    def to_pandas(self) -> pandas.DataFrame:
        """Return one row a right-hand side: figures, then the entries of x and reference."""
        with extra("sweep"):
            import pandas

        figures = {
            "relative_error": np.atleast_1d(self.relative_error),
            "absolute_error": np.atleast_1d(self.absolute_error),
            "settled": self.measurement.settled,
            "saddle": self.measurement.saddle,
            "below_floor": self.measurement.below_floor,
            "settling_time_s": self.measurement.settling_time,
            "settling_error": self.measurement.settling_error,
            "energy_j": self.measurement.energy,
            **{f"power_{name}_w": watts for name, watts in self.measurement.power.items()},
        }
        for name in ("x", "reference"):
            values = np.atleast_2d(getattr(self, name).T)
            figures |= {f"{name}{k}": column for k, column in enumerate(values.T)}
        return pandas.DataFrame(figures).rename_axis("rhs")

    def to_xarray(self) -> xarray.Dataset:
        """Return a Dataset over right-hand sides and entries, units as attributes."""
        with extra("sweep"):
            import xarray

        measured, figures = self.measurement, ("rhs",)
        power = np.array(list(measured.power.values())).reshape(len(measured.power), len(self))
        return xarray.Dataset(
            {
                "x": (("rhs", "entry"), np.atleast_2d(self.x.T)),
                "reference": (("rhs", "entry"), np.atleast_2d(self.reference.T)),
                "relative_error": (figures, np.atleast_1d(self.relative_error)),
                "absolute_error": (figures, np.atleast_1d(self.absolute_error)),
                "settled": (figures, measured.settled),
                "saddle": (figures, measured.saddle),
                "below_floor": (figures, measured.below_floor),
                "settling_time": (figures, measured.settling_time, {"units": "s"}),
                "energy": (figures, measured.energy, {"units": "J"}),
                "power": (("part", "rhs"), power, {"units": "W"}),
            },
            coords={"part": list(measured.power)},
            attrs={"problem": self.problem, "circuit": self.circuit, "fidelity": self.fidelity},
        )

    def plot(self, index: int = 0, **options: Any) -> Any:
        """Plot the solution voltages of one right-hand side over time.

        Parameters
        ----------
        index : int
            Of the right-hand side.
        **options
            Of xarray's ``plot.line``, whose lines are returned.

        Raises
        ------
        InputError
            If there are no waveforms, or no such right-hand side.
        """
        if self.waveforms is None:
            raise InputError(
                "this run has no waveforms: use fidelity behavioural, reduced or flat, and keep "
                "them (keep_waveforms=True)"
            )
        if not isinstance(index, int | np.integer) or not 0 <= index < len(self):
            raise InputError(f"index={index!r}: must be a right-hand side, 0 to {len(self) - 1}")
        return self.waveforms.plot(int(index), **options)

    def save(self, path: Any) -> None:
        """Write the run to a file that `Run.load` reads; waveforms are left out."""
        write_run(self, Path(path))

    @staticmethod
    def load(path: Any) -> Run:
        """Read a run that `Run.save` wrote; it has no waveforms.

        Raises
        ------
        InputError
            If the file is no such run, or of another version.
        """
        return Run(**read_run(Path(path)))
