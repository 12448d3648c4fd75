"""`ProblemSet`: problems of one shape that every value of a parameter is tried with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import Circuit
from amcspice.design.search import Outcome
from amcspice.design.variants import measured_errors, refuse_zero, seeded
from amcspice.engine import Analysis
from amcspice.errors import InputError, SimulationError, UnconnectedError, UnstableError
from amcspice.simulation import simulate_many
from amcspice.simulation.montecarlo import trial_seed
from amcspice.simulation.solve import PosedProblem, pose

__all__ = ["ProblemSet"]


@dataclass(frozen=True, eq=False)
class ProblemSet:
    """Problems with their draws of the hardware, the same for whatever is tried.

    Parameters
    ----------
    posed : tuple of PosedProblem
        As they are with the parameters that were given.
    problems : sequence of (A, b)
    circuit : str, optional
    parameters : mapping
        Of the circuit and its hardware.
    at_rest, in_time : Analysis
        At dc, and behavioural.
    seeds, seed : int
    """

    posed: tuple[PosedProblem, ...]
    problems: Sequence[tuple[ArrayLike, ArrayLike | None]]
    circuit: str | None
    parameters: Mapping[str, Any]
    at_rest: Analysis
    in_time: Analysis
    seeds: int
    seed: int

    @classmethod
    def of(
        cls,
        problem: str,
        problems: Sequence[tuple[ArrayLike, ArrayLike | None]],
        circuit: str | None,
        parameters: Mapping[str, Any],
        fields: Mapping[str, Any],
        seeds: int,
        seed: int,
    ) -> ProblemSet:
        """Check problems.

        Raises
        ------
        InputError
            If there are none, they differ in shape, or something cannot be used.
        """
        if not isinstance(problems, Sequence) or any(
            not isinstance(each, tuple | list) or len(each) != 2 for each in problems
        ):
            raise InputError("problems: give a sequence of pairs (A, b)")
        if not problems:
            raise InputError("problems: there is none")
        if {"fidelity"} & fields.keys():
            raise InputError("fidelity: errors are at dc and settling is behavioural: leave it out")
        posed = tuple(
            pose(problem, A, b, circuit=circuit, parameters=parameters) for A, b in problems
        )
        shapes = {each.circuit.matrix.shape for each in posed}
        if len(shapes) > 1:
            raise InputError(f"problems: matrices of {len(shapes)} shapes; give those of one")
        if posed[0].circuit.rail_limited:
            raise InputError(
                f"{posed[0].circuit.name} grows to a rail: there is nothing to require"
            )
        for each in posed:
            each.circuit.vectors(each.vectors)
        return cls(
            posed, problems, circuit, parameters, Analysis(**{**fields, "fidelity": "dc"}),
            Analysis(**{**fields, "fidelity": "behavioural"}), seeds, seed,
        )  # fmt: skip

    def __len__(self) -> int:
        """Return the number of problems."""
        return len(self.posed)

    @property
    def base(self) -> Circuit:
        """One of the circuits."""
        return self.posed[0].circuit

    @property
    def range_choice(self) -> str:
        """How volts per unit are chosen."""
        return "reference" if self.at_rest.range == "reference" else "fixed"

    def circuits(self, changes: Mapping[str, Any]) -> list[Circuit]:
        """Return the circuits of all problems, draw after draw, with hardware changed.

        Raises
        ------
        InputError
            If the hardware has no such parameter.
        """
        (A, b), parameters = self.problems[0], {**self.parameters, **changes}
        first = pose(self.posed[0].name, A, b, circuit=self.circuit, parameters=parameters)
        hardware = first.circuit.hardware
        draws = self.seeds if first.circuit.drawn else 1
        return [
            dataclasses.replace(
                each.circuit,
                **seeded(hardware, trial_seed(self.seed, number * draws + draw)).parts(),
            )
            for number, each in enumerate(self.posed)
            for draw in range(draws)
        ]

    def run(self, circuits: Sequence[Circuit], *, in_time: bool) -> Outcome:
        """Run circuits with the right-hand sides of their problems.

        Parameters
        ----------
        circuits : sequence of Circuit
            As `circuits` returns them.
        in_time : bool
            Whether settling is asked for.
        """
        count = len(self)
        draws = len(circuits) // count
        posed = [each for each in self.posed for _ in range(draws)]
        analysis = self.in_time if in_time else self.at_rest
        try:
            runs = simulate_many(circuits, [each.vectors for each in posed], analysis)
        except (UnconnectedError, UnstableError, SimulationError) as error:
            none = np.full(count, np.inf)
            return Outcome(none, none, f"a circuit has no answer: {error}")
        squares, times = np.zeros((count, draws)), np.zeros((count, draws))
        for number, (run, each) in enumerate(zip(runs, posed, strict=True)):
            place, measured = divmod(number, draws), run.measurement
            refuse_zero(each.form.restore(measured.answer))
            squares[place] = np.mean(measured_errors(measured, each.form) ** 2)
            if np.isnan(squares[place]):
                none = np.full(count, np.inf)
                return Outcome(none, none, "a right-hand side comes to no rest")
            if in_time:
                settled = np.where(np.isnan(measured.settling_time), np.inf, measured.settling_time)
                times[place] = settled.max()
        return Outcome(squares.mean(axis=1), times.max(axis=1))
