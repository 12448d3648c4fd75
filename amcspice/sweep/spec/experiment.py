"""`Experiment`: one point of a sweep, validated and complete.

Checking a point costs some tens of microseconds: values are converted once each, and what
belongs together (cells, amplifier, wires, topology) is checked once for every combination.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amcspice.algorithm.system import System
from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.device import Hardware
from amcspice.engine import Analysis
from amcspice.errors import InputError
from amcspice.problem.generators import GENERATORS, GeneratedProblem, is_file
from amcspice.schema import Scalar
from amcspice.settings.assemble import chip_of
from amcspice.settings.systems import asked_problem, choose_system
from amcspice.settings.table import PARAMETERS, convert
from amcspice.simulation import Run, simulate
from amcspice.simulation.solve import PosedProblem
from amcspice.sweep.spec import parts
from amcspice.sweep.spec.defaults import fill_defaults
from amcspice.system import Chip
from amcspice.workload.matrix_file import read_matrix

__all__ = ["PARAMETERS", "Experiment", "convert"]

_PROBLEM = (
    "problem",
    "matrix",
    "rows",
    "columns",
    "signed",
    "right_hand_sides",
    "zeros",
    "noise",
)


@dataclass(frozen=True, eq=False)
class Experiment:
    """One point of a sweep; make it with `Experiment.of`.

    Parameters
    ----------
    values : mapping of str to scalar
        Every parameter of `PARAMETERS`, in SI units; None where it does not apply.

    Examples
    --------
    >>> point = Experiment.of({"columns": 4, "gbw": "10 MHz", "fidelity": "behavioural"})
    >>> point["rows"], point["gbw"], point.circuit().name
    (16, 10000000.0, 'ginv-compact')
    >>> bool(point.simulate().all_settled)
    True
    """

    values: Mapping[str, Scalar]

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Experiment:
        """Return the experiment that flat parameters describe.

        Parameters
        ----------
        parameters : mapping
            Names of `PARAMETERS`; plain numbers are in SI units, text may carry a unit.

        Raises
        ------
        InputError
            If a parameter is unknown, a value cannot be used, or values do not fit together;
            names the parameter.
        """
        return cls(fill_defaults(parameters))

    def parameters(self) -> dict[str, Scalar]:
        """Return every parameter with defaults filled in: the identity of the point."""
        return dict(self.values)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def generated_problem(self) -> GeneratedProblem:
        """The generated problem; where a file gives the matrix, only the right-hand sides are."""
        fields: dict[str, Any] = {name: self[name] for name in _PROBLEM}
        problem = asked_problem(self.values)
        if problem is None:
            raise InputError(f"{fields['problem']} has no matrix: it makes what it needs")
        fields["problem"] = problem.name
        generator = GENERATORS.get(fields["matrix"])
        setting = self[generator.setting] if generator and generator.setting else 0.0
        return GeneratedProblem(**fields, setting=setting, seed=self["problem_seed"])

    def matrix(self) -> Array:
        """Return the problem matrix, shape (rows, columns)."""
        name = str(self.values["matrix"])
        if is_file(name):
            return read_matrix(name)
        return self.generated_problem.make()

    def vectors(self, matrix: Array | None = None) -> Array:
        """Return the right-hand sides, shape (rows, K); mvm: the vectors, (columns, K).

        Parameters
        ----------
        matrix : ndarray, optional
            The problem matrix, where it is at hand.
        """
        if self.values["rhs"] is not None:
            return read_matrix(str(self.values["rhs"]))
        return self.generated_problem.vectors(self.matrix() if matrix is None else matrix)

    def posed(self, matrix: Array | None = None) -> PosedProblem:
        """Return the problem with its circuit, with cells drawn by ``seed``.

        Parameters
        ----------
        matrix : ndarray, optional
            The problem matrix, where it is at hand.
        """
        matrix = self.matrix() if matrix is None else matrix
        hardware = self.hardware()
        return parts.posed(self.values, matrix, self.vectors(matrix), hardware=hardware)

    def hardware(self) -> Hardware:
        """Return cells, wires, amplifiers and converters, drawn by ``seed``."""
        made, seed = parts.hardware(self.values), self["seed"]
        opamp = made.opamp
        if not opamp.matched and self["mismatch_seed"] is None:
            opamp = dataclasses.replace(opamp, mismatch_seed=seed)
        device = dataclasses.replace(made.device, seed=seed)
        return dataclasses.replace(made, device=device, opamp=opamp)

    def circuit(self, matrix: Array | None = None) -> Circuit:
        """Return the circuit; see `posed`."""
        return self.posed(matrix).circuit

    def system(self) -> System | None:
        """Return the system that the point runs; None for a single circuit."""
        system = choose_system(self.values)
        return None if system is None else parts.system_of(system, self.values)

    @functools.cached_property
    def chip(self) -> Chip:
        """The chip of the point: what its ledger says is what the point costs."""
        return self.new_chip()

    def new_chip(self, fidelity: str | None = None) -> Chip:
        """Return another chip of the same hardware, analysis and range.

        Parameters
        ----------
        fidelity : str, optional
            Another one.
        """
        analysis = self.analysis()
        if fidelity is not None:
            analysis = dataclasses.replace(analysis, fidelity=fidelity)
        return chip_of(self.hardware(), analysis, self.values)

    @property
    def circuit_options(self) -> dict[str, Any]:
        """Parameters of the circuit itself that apply."""
        return parts.circuit_options(self.values)

    def analysis(self) -> Analysis:
        """Return how it is simulated."""
        return parts.analysis(self.values)

    def simulate(
        self, matrix: Array | None = None, *, keep_waveforms: bool = True, jobs: int = 1
    ) -> Run:
        """Run the point; see `amcspice.simulate`.

        Parameters
        ----------
        matrix : ndarray, optional
            The problem matrix, where it is at hand.
        keep_waveforms : bool
        jobs : int
        """
        posed = self.posed(matrix)
        run = simulate(
            posed.circuit,
            posed.vectors,
            analysis=self.analysis(),
            keep_waveforms=keep_waveforms,
            jobs=jobs,
        )
        return posed.restore(run)
