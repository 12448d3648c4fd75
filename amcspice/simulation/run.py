"""`Run`: what a simulation returns, a view of what was measured."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from amcspice.archive import read_archive, write_archive
from amcspice.circuit.base import Array
from amcspice.engine import Waveforms
from amcspice.errors import InputError
from amcspice.measure import Measurement
from amcspice.measure.measurement import STATES
from amcspice.problem import CircuitForm
from amcspice.problem.accuracy import absolute_error
from amcspice.simulation import cautions
from amcspice.simulation.result import Conversion, Feedback, Judgement, Range
from amcspice.simulation.verification import Verification

if TYPE_CHECKING:
    import pandas
    import xarray

__all__ = ["Run"]

KIND = "amcspice run 1"
"""What stands in a saved run."""

_MEASURED = (
    "outputs", "sampled", "solution", "answer", "relative_error", "settled", "settling_time",
    "settling_error", "energy", "near_limit", "saddle", "below_floor",
)  # fmt: skip
_PLAIN = (
    "problem", "circuit", "fidelity", "single", "amplifiers", "cells", "provenance", "runs_away",
)  # fmt: skip

_NESTED: dict[str, Any] = {
    "verification": Verification,
    "conversion": Conversion,
    "feedback": Feedback,
}


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
    runs_away : bool
        Whether the circuit is unstable and nothing holds it, which was allowed.
    feedback : Feedback, optional
        How that of an eigenvector circuit was set.
    notes : tuple of str
        What the figures alone do not say of the circuit.
    assumptions : callable
        Returns what the figures stand on that the amplifiers leave open; worked out when asked for.
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
    runs_away: bool = False
    feedback: Feedback | None = None
    notes: tuple[str, ...] = ()
    assumptions: Callable[[], tuple[str, ...]] = field(default=tuple, repr=False)

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
        """Distance of the solution from the reference over its size, 2-norm, shape (K,).

        Infinite where the reference is zero and the solution is not (null in JSON): no fraction of
        zero says how far it is, `absolute_error` does.
        """
        measured = self.measurement
        if self.form is None or self.form.error is None:
            return self._figure(measured.relative_error)
        restore = self.form.restore
        errors = self.form.error(restore(measured.solution), restore(measured.answer))
        return self._figure(errors)

    @property
    def absolute_error(self) -> Any:
        """Distance of the solution from the reference in the unit of x, 2-norm, shape (K,)."""
        x, reference = (np.atleast_2d(values.T) for values in (self.x, self.reference))
        return self._figure(absolute_error(x, reference))

    @property
    def settled(self) -> Any:
        """Whether the outputs came to rest within the longest window, shape (K,).

        Not so at a saddle, where they stand only because nothing pushes them.
        """
        return self._figure(self.measurement.settled)

    @property
    def saddle(self) -> Any:
        """Whether they stand at an equilibrium from which modes grow, shape (K,)."""
        return self._figure(self.measurement.saddle)

    @property
    def below_floor(self) -> Any:
        """Whether every output stands at a floor above ground, shape (K,): x cannot be read."""
        return self._figure(self.measurement.below_floor)

    @property
    def settling_time(self) -> Any:
        """Time until every output stays in its band, shape (K,) [s].

        nan where it never does, where there is no time, and where there is no answer to come to:
        at a saddle, or below the floor.
        """
        return self._figure(self.measurement.settling_time)

    @property
    def settling_error(self) -> Any:
        """About what the settling time is worth, as a fraction of it, shape (K,).

        Modes decay too fast or too slowly in a simulator's steps, by 1 % where these were chosen
        for them; and where a peak just leaves the settling band or does not, the time hangs on
        that: it is measured with bands 2 % narrower and wider, too.  Exact trajectories are right
        to 1e-6.
        """
        return self._figure(self.measurement.settling_error)

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

    @functools.cached_property
    def alarms(self) -> tuple[str, ...]:
        """Those of the `cautions` that say that x cannot be taken as it is, whatever is known.

        They are warned of, except in circuits that were allowed to be unstable.
        """
        measured = self.measurement
        wrong = cautions.limit(measured, self.range) if self.near_limit else ""
        return _said(wrong, cautions.saddle(measured), cautions.rest(measured))

    @functools.cached_property
    def cautions(self) -> tuple[str, ...]:
        """What the figures do not say by themselves, in sentences; empty where all is well.

        Amplifiers at a limit, ranges that were halved, voltages that cells may not bear, answers
        that are not the only ones, or zero, what did not settle, stands at a saddle or a floor, or
        is unstable, settling times that are worth little, what stood for a sub-circuit, assumed
        figures of real parts that matter, and what a verification did not confirm.
        """
        measured = self.measurement
        return _said(
            cautions.stand_in(self.fidelity, self.provenance),
            cautions.unstable(self.runs_away),
            cautions.limit(measured, self.range),
            cautions.voltage(self.range),
            cautions.ambiguity(self._judgement),
            cautions.zero_reference(
                *map(np.atleast_1d, (self.relative_error, self.absolute_error))
            ),
            cautions.settling_worth(measured),
            *self.notes,
            *self.assumptions(),
            cautions.saddle(measured),
            cautions.below_floor(measured),
            cautions.rest(measured),
            "" if self.verification is None else self.verification.caution,
        )

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
        values["power"], values["notes"] = list(measured.power), [*self.notes, *self.assumptions()]
        values["range"] = asdict(self.range)
        for name in _NESTED:
            nested = getattr(self, name)
            values[name] = None if nested is None else asdict(nested)
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
        try:
            return _run_of(arrays, values)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError(f"{path}: not a whole run ({error!r})") from None


def _said(*sentences: str) -> tuple[str, ...]:
    return tuple(sentence for sentence in sentences if sentence)


def _run_of(arrays: dict[str, Any], values: dict[str, Any]) -> Run:
    """Return what `Run.save` took apart."""
    names = values.pop("power")
    arrays = dict.fromkeys(STATES, np.zeros(len(arrays["settled"]), bool)) | arrays
    measurement = Measurement(
        **{name: arrays[name] for name in _MEASURED if name != "settling_error"},
        settling_error=arrays.get("settling_error", np.full_like(arrays["settling_time"], np.nan)),
        power={name: arrays[f"power_{name}"] for name in names},
    )
    rows = (lambda a: a[None]) if values["single"] else np.transpose
    measurement = replace(
        measurement, solution=rows(arrays["x"]), answer=rows(arrays["reference"]),
        relative_error=arrays["error"],
    )  # fmt: skip
    judgement = Judgement(**{item.name: arrays[item.name] for item in fields(Judgement)})
    values["notes"] = tuple(values.get("notes", ()))
    values["range"] = Range(**values["range"])
    values |= {name: _restored(kind, values.get(name)) for name, kind in _NESTED.items()}
    return Run(measurement=measurement, waveforms=None, judgement=lambda: judgement, **values)


def _restored(kind: Any, plain: dict[str, Any] | None) -> Any:
    """Return what `asdict` and JSON took apart, lists as arrays again."""
    if plain is None:
        return None
    return kind(**{k: np.array(v) if isinstance(v, list) else v for k, v in plain.items()})


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
            missing = f"; of {known.size} of {count}" if known.size < count else ""
            lines.append(f"  {name}: {middle:.3g} {unit}".rstrip() + spread + missing)

    add("relative error", run.relative_error, "")
    without = np.isinf(np.atleast_1d(run.relative_error))
    if without.any():
        most = np.atleast_1d(run.absolute_error)[without].max()
        lines.append(
            f"  relative error: infinite for {without.sum()} of {count}, whose reference is zero; "
            f"absolute error up to {most:.3g}"
        )
    add("settling time", measured.settling_time, "s")
    add("power at rest", measured.power.get("total", np.nan), "W")
    add("energy", measured.energy, "J")
    if measured.power:  # a circuit ran
        lines.append(f"  hardware: {run.amplifiers} amplifiers, {run.cells} cells")
        lines.append(
            f"  range: {run.range.volts_per_unit:.4g} V a unit ({run.range.choice}, "
            f"{run.range.repeats} repeats)"
        )
    if run.feedback is not None:
        lines.append(f"  feedback: {run.feedback}")
    if run.verification is not None:
        name, _, figures = str(run.verification).partition(": ")
        lines.append(f"  {name}: {figures}")
    return lines + [f"  caution: {sentence}" for sentence in run.cautions]


def _size(run: Run) -> str:
    entries = len(run.x) if run.single else run.x.shape[0]
    return f"{entries} entries" if entries != 1 else "1 entry"
