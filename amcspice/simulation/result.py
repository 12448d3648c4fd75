"""`Run`: what a simulation returns, a view of what was measured."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amcspice.archive import read_archive, write_archive
from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine import Waveforms
from amcspice.errors import InputError
from amcspice.measure import Measurement
from amcspice.problem import CircuitForm, problem_of

if TYPE_CHECKING:
    import pandas
    import xarray

__all__ = ["Conversion", "Judgement", "Range", "Run", "Verification", "judge"]

KIND = "amcspice run 1"
"""What stands in a saved run."""

_MEASURED = (
    "outputs", "sampled", "solution", "answer", "relative_error", "settled", "settling_time",
    "energy", "near_limit",
)  # fmt: skip
_PLAIN = ("problem", "circuit", "fidelity", "single", "amplifiers", "cells", "provenance")

DEVIATION_LIMIT = 1e-3
"""Deviation of a solution from that of the next higher fidelity up to which it is confirmed."""


@dataclass(frozen=True)
class Range:
    """How a solution was mapped to volts.

    Parameters
    ----------
    choice : {"reference", "fixed"}
        Chosen with the ideal answer, which no hardware knows; or given.
    volts_per_unit : float
        Volts for one unit of the column-scaled solution.
    repeats : int
        How often it was halved and run again because an amplifier came near a limit.
    """

    choice: str
    volts_per_unit: float
    repeats: int


@dataclass(frozen=True, eq=False)
class Judgement:
    """How solutions fulfil what was asked, whatever the reference is; K right-hand sides.

    Parameters
    ----------
    residual, reference_residual : ndarray, shape (K,)
        ``|A x - b| / |b|`` of the solution and of the ideal answer (selected rows only).
    unique : ndarray of bool, shape (K,)
        Whether the ideal answer is the only one; where it is not, the error of x says little.
    """

    residual: Array
    reference_residual: Array
    unique: NDArray[np.bool_]


def judge(circuit: Circuit, vectors: Array, measurement: Measurement, form: Any) -> Judgement:
    """Return how the solutions of a circuit fulfil what was asked."""
    problem = problem_of(circuit)
    is_unique = problem.is_unique
    if form is not None and form.is_unique is not None:
        is_unique = form.is_unique
    answers = measurement.answer
    return Judgement(
        residual=problem.residual(circuit, vectors, measurement.solution),
        reference_residual=problem.residual(circuit, vectors, answers),
        unique=is_unique(circuit, vectors, answers),
    )


@dataclass(frozen=True, eq=False)
class Verification:
    """Some regressions run again at a higher fidelity.

    Parameters
    ----------
    fidelity : str
        That they were run again with.
    solution_deviation : ndarray, shape (N,)
        2-norm of the difference over that of the solution at the higher fidelity.
    settling_deviation : ndarray, shape (N,)
        Difference over the settling time at the higher fidelity; nan where one did not settle, or
        has no time.
    limit : float
        Of the deviation of a solution.
    """

    fidelity: str
    solution_deviation: Array
    settling_deviation: Array
    limit: float = DEVIATION_LIMIT

    @property
    def largest_solution_deviation(self) -> float:
        """Of all that were checked."""
        return float(self.solution_deviation.max())

    @property
    def largest_settling_deviation(self) -> float:
        """Magnitude, of those that settled both times; nan if there are none."""
        settled = self.settling_deviation[np.isfinite(self.settling_deviation)]
        return float(np.abs(settled).max()) if settled.size else float("nan")

    @property
    def passed(self) -> bool:
        """Whether no solution deviates by more than the limit."""
        return self.largest_solution_deviation <= self.limit

    @classmethod
    def join(cls, parts: Sequence[Verification]) -> Verification | None:
        """Return several as one; None if there is none."""
        if not parts:
            return None
        return cls(
            fidelity=parts[0].fidelity,
            solution_deviation=np.concatenate([part.solution_deviation for part in parts]),
            settling_deviation=np.concatenate([part.settling_deviation for part in parts]),
        )


@dataclass(frozen=True, eq=False)
class Conversion:
    """What converters did to K right-hand sides, and whose share of the error is whose.

    The difference between solution and reference is the sum of four: ideal answer to what was
    sent, minus reference (input); outputs at rest, minus that (analog); as sampled, minus that
    (sampling); as rounded, minus that (output).  Each is given as its 2-norm over that of the
    reference, so the total is at most their sum.

    Parameters
    ----------
    input_error, analog_error, sampling_error, output_error : ndarray, shape (K,)
    input_saturated, output_saturated : ndarray of int, shape (K,)
        Values that ended at full scale, or at zero where there are no negative codes.
    input_full_scale, input_step : float
        [A], or [V] where the circuit drives its inputs; nan without converters.
    output_full_scale, output_step : float
        [V]; nan without rounding.
    sent : ndarray, shape (K, m)
        Right-hand sides as the circuit got them.
    at_rest : ndarray, shape (K, n)
        Solutions as they were before sampling and rounding.
    """

    input_error: Array
    analog_error: Array
    sampling_error: Array
    output_error: Array
    input_saturated: NDArray[np.intp]
    output_saturated: NDArray[np.intp]
    input_full_scale: float
    input_step: float
    output_full_scale: float
    output_step: float
    sent: Array
    at_rest: Array


@dataclass(frozen=True, eq=False)
class Run:
    """Result of a simulation; K right-hand sides.

    Figures have one entry for each right-hand side; of a single one, given as a vector, they are
    scalars.

    Parameters
    ----------
    problem, circuit, fidelity : str
        What was solved, by what, and how it was simulated.
    measurement : Measurement
        Everything that was measured; the properties below are views of it.
    single : bool
        Whether the right-hand side was a vector.
    range : Range
    amplifiers, cells : int
        Hardware used.
    waveforms : Waveforms, optional
        None where there are none, or if they were not kept.
    provenance : dict
        Versions, options, hash of the deck, seed, wall time.
    judgement : callable
        Returns the `Judgement`; it is worked out when it is asked for.
    form : CircuitForm, optional
        Where the circuit solved another form of the problem.
    verification : Verification, optional
        If some were run again at a higher fidelity.
    conversion : Conversion, optional
        If there are converters; ``x`` is what they give then.
    """

    problem: str
    circuit: str
    fidelity: str
    measurement: Measurement
    single: bool
    range: Range
    amplifiers: int
    cells: int
    waveforms: Waveforms | None
    provenance: dict[str, Any]
    judgement: Callable[[], Judgement] = field(repr=False)
    form: CircuitForm | None = None
    verification: Verification | None = None
    conversion: Conversion | None = None

    def __len__(self) -> int:
        """Return the number of right-hand sides."""
        return len(self.measurement)

    def _figure(self, values: Any) -> Any:
        return values[0] if self.single else values

    def _vectors(self, values: Array) -> Any:
        restored = values if self.form is None else self.form.restore(values)
        return restored[0] if self.single else restored.T

    @property
    def x(self) -> Any:
        """Solution as read from the outputs, shape (n,) or (n, K) as the right-hand side was."""
        return self._vectors(self.measurement.solution)

    @property
    def reference(self) -> Any:
        """Ideal answer, same shape."""
        return self._vectors(self.measurement.answer)

    @functools.cached_property
    def relative_error(self) -> Any:
        """Distance of the solution from the reference over its size, 2-norm, shape (K,)."""
        measured = self.measurement
        if self.form is None or self.form.error is None:
            return self._figure(measured.relative_error)
        restore = self.form.restore
        errors = self.form.error(restore(measured.solution), restore(measured.answer))
        return self._figure(errors)

    @property
    def settled(self) -> Any:
        """Whether the outputs came to rest within the longest window, shape (K,)."""
        return self._figure(self.measurement.settled)

    @property
    def settling_time(self) -> Any:
        """Time until every output stays in its band, nan where it never does, shape (K,) [s]."""
        return self._figure(self.measurement.settling_time)

    @property
    def energy(self) -> Any:
        """Energy from all sources until settled, shape (K,) [J]."""
        return self._figure(self.measurement.energy)

    @property
    def power(self) -> dict[str, Any]:
        """Power at the end by part, each shape (K,) [W]; see `amcspice.measure.Power`."""
        return {name: self._figure(watts) for name, watts in self.measurement.power.items()}

    @functools.cached_property
    def _judgement(self) -> Judgement:
        return self.judgement()

    @property
    def unique(self) -> Any:
        """Whether the reference is the only answer, shape (K,); see `Judgement`."""
        return self._figure(self._judgement.unique)

    @property
    def residual(self) -> Any:
        """Relative residual of the solution, shape (K,); see `Judgement`."""
        return self._figure(self._judgement.residual)

    @property
    def reference_residual(self) -> Any:
        """Relative residual of the reference, shape (K,); see `Judgement`."""
        return self._figure(self._judgement.reference_residual)

    @property
    def volts_per_unit(self) -> float:
        """Volts for one unit of the column-scaled solution."""
        return self.range.volts_per_unit

    @property
    def range_halvings(self) -> int:
        """How often the range was halved."""
        return self.range.repeats

    @property
    def near_limit(self) -> bool:
        """Whether an amplifier rests near a limit that is no constraint, in every range tried.

        The solution is what the saturated circuit shows then.
        """
        return bool(self.measurement.near_limit.any())

    @property
    def all_settled(self) -> bool:
        """Whether every right-hand side came to rest."""
        return bool(self.measurement.settled.all())

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
        import pandas

        figures = {
            "relative_error": np.atleast_1d(self.relative_error),
            "settled": self.measurement.settled,
            "settling_time_s": self.measurement.settling_time,
            "energy_j": self.measurement.energy,
            **{f"power_{name}_w": watts for name, watts in self.measurement.power.items()},
        }
        for name in ("x", "reference"):
            values = np.atleast_2d(getattr(self, name).T)
            figures |= {f"{name}{k}": column for k, column in enumerate(values.T)}
        return pandas.DataFrame(figures).rename_axis("rhs")

    def to_xarray(self) -> xarray.Dataset:
        """Return a Dataset over right-hand sides and entries, units as attributes."""
        import xarray

        measured, figures = self.measurement, ("rhs",)
        power = np.array(list(measured.power.values())).reshape(len(measured.power), len(self))
        return xarray.Dataset(
            {
                "x": (("rhs", "entry"), np.atleast_2d(self.x.T)),
                "reference": (("rhs", "entry"), np.atleast_2d(self.reference.T)),
                "relative_error": (figures, np.atleast_1d(self.relative_error)),
                "settled": (figures, measured.settled),
                "settling_time": (figures, measured.settling_time, {"units": "s"}),
                "energy": (figures, measured.energy, {"units": "J"}),
                "power": (("part", "rhs"), power, {"units": "W"}),
            },
            coords={"part": list(measured.power)},
            attrs={"problem": self.problem, "circuit": self.circuit, "fidelity": self.fidelity},
        )

    def plot(self, index: int = 0, **options: Any) -> Any:
        """Plot the solution voltages of one right-hand side over time.

        Raises
        ------
        InputError
            If there are no waveforms.
        """
        if self.waveforms is None:
            raise InputError(
                "this run has no waveforms: use fidelity behavioural, reduced or flat, and keep "
                "them (keep_waveforms=True)"
            )
        return self.waveforms.plot(index, **options)

    def save(self, path: Any) -> None:
        """Write the run, without waveforms, to a file that `Run.load` reads."""
        judgement = self._judgement
        measured = self.measurement
        arrays = {name: getattr(measured, name) for name in _MEASURED} | {
            f"power_{name}": watts for name, watts in measured.power.items()
        }
        arrays |= {
            "x": self.x, "reference": self.reference,
            "error": np.atleast_1d(self.relative_error),
            **{item.name: getattr(judgement, item.name) for item in fields(Judgement)},
        }  # fmt: skip
        values = {name: getattr(self, name) for name in _PLAIN}
        values["power"] = list(measured.power)
        values["range"] = asdict(self.range)
        write_archive(Path(path), KIND, arrays, values)

    @staticmethod
    def load(path: Any) -> Run:
        """Read a run that `Run.save` wrote; it has no waveforms.

        Raises
        ------
        InputError
            If the file is no such run, or of another version.
        """
        arrays, values = read_archive(Path(path), KIND)
        names = values.pop("power")
        measurement = Measurement(
            **{name: arrays[name] for name in _MEASURED},
            power={name: arrays[f"power_{name}"] for name in names},
        )
        rows = (lambda a: a[None]) if values["single"] else np.transpose
        measurement = replace(
            measurement, solution=rows(arrays["x"]), answer=rows(arrays["reference"]),
            relative_error=arrays["error"],
        )  # fmt: skip
        judgement = Judgement(**{item.name: arrays[item.name] for item in fields(Judgement)})
        values["range"] = Range(**values["range"])
        return Run(measurement=measurement, waveforms=None, judgement=lambda: judgement, **values)


def summary(run: Run) -> list[str]:
    """Return a run in a few lines: a heading, then names and figures."""
    count, measured = len(run), run.measurement
    several = f"{count} right-hand sides" if count != 1 else "1 right-hand side"
    lines = [f"{run.problem} on {run.circuit}, {run.fidelity}: {several}, x of {_size(run)}"]

    def add(name: str, values: Any, unit: str) -> None:
        known = np.asarray(values, float)
        known = known[np.isfinite(known)]
        if known.size:
            middle, most = np.median(known), known.max()
            spread = f" (largest {most:.3g} {unit})".replace(" )", ")") if known.size > 1 else ""
            lines.append(f"  {name}: {middle:.3g} {unit}".rstrip() + spread)

    add("relative error", run.relative_error, "")
    add("settling time", measured.settling_time, "s")
    add("power at rest", measured.power.get("total", np.nan), "W")
    add("energy", measured.energy, "J")
    lines.append(f"  hardware: {run.amplifiers} amplifiers, {run.cells} cells")
    lines.append(
        f"  range: {run.range.volts_per_unit:.4g} V a unit ({run.range.choice}, "
        f"{run.range.repeats} repeats)"
    )
    unsettled = int((~measured.settled).sum())
    if unsettled:
        lines.append(f"  not settled: {unsettled} of {count}")
    if run.near_limit:
        lines.append("  warning: an amplifier ends at a limit, so that x is wrong")
    if run.verification is not None:
        lines.append(
            f"  verified: {len(run.verification.solution_deviation)} at "
            f"{run.verification.fidelity}, solutions off by at most "
            f"{run.verification.largest_solution_deviation:.2g}"
        )
    return lines


def _size(run: Run) -> str:
    entries = len(run.x) if run.single else run.x.shape[0]
    return f"{entries} entries" if entries != 1 else "1 entry"
