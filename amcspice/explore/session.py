"""`Session`: what one page may ask, as experiments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amcspice.errors import InputError
from amcspice.explore.controls import CONTROLS, contents, fitting
from amcspice.problem import PROBLEMS
from amcspice.problem.generators import FILES, GENERATORS, is_file
from amcspice.schema import Scalar
from amcspice.sweep.spec.experiment import Experiment
from amcspice.workload.matrix_file import read_matrix

__all__ = ["MOST_ENTRIES", "Question", "Session"]

MOST_ENTRIES = 4096
"""Entries of a matrix; more do not follow a slider."""

LONGEST_NAME = 60
"""Characters of a file's name that are kept, from its end."""

START: Mapping[str, Scalar] = {
    "problem": "nnls", "columns": 6, "device": "hfo2-16", "opamp": "onchip-1g",
    "wire_resistance": 1.0,
}  # fmt: skip
"""What the page begins with where nothing else was said."""

ALWAYS: Mapping[str, Scalar] = {"fidelity": "behavioural", "right_hand_sides": 1}
"""What a page can follow: a transient without ngspice, of one right-hand side."""

MOST_STEPS = 3000
"""Steps of a transient.  Circuits of the page that settle take some hundreds; what never rests
takes a quarter of a second of 6 unknowns, a few seconds of 16."""

_OF_GENERATED = ("columns", "signed", *(each.setting for each in GENERATORS.values()))


@dataclass(frozen=True)
class Question:
    """What a page asks.

    Parameters
    ----------
    told : dict
        Parameters that were said, with names of files as their owner knows them.
    experiment : Experiment
    own : bool
        Whether the matrix came through the page, so that no file has it.
    """

    told: dict[str, Scalar]
    experiment: Experiment
    own: bool = False


@dataclass
class Session:
    """What one page may ask.

    Parameters
    ----------
    said : mapping
        Parameters that the page begins with; those that no control sets stay as they are.
    folder : Path
        Where matrices go that are loaded in the page.
    """

    said: Mapping[str, Any]
    folder: Path
    _files: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take the matrix file that was named for one that the page may ask for.

        Raises
        ------
        InputError
            If a file has more right-hand sides than the page shows.
        """
        if self._names_file:
            matrix = str(self.said["matrix"])
            self._files[matrix] = Path(matrix)
        rhs = self.said.get("rhs")
        if rhs is not None and (count := read_matrix(Path(str(rhs))).shape[1]) > 1:
            raise InputError(
                f"{rhs}: {count} right-hand sides; the page shows one: name a file of one"
            )

    @property
    def start(self) -> dict[str, Any]:
        """What the controls begin with."""
        begins = {**({} if self._is_chosen else START), **self.said}
        return {name: value for name, value in begins.items() if name in CONTROLS}

    @property
    def _is_chosen(self) -> bool:
        """Whether cells, wires or amplifiers were said, or a file is the matrix."""
        return self._names_file or bool(self.said.keys() - {"problem", "columns", "circuit"})

    @property
    def _names_file(self) -> bool:
        matrix = self.said.get("matrix")
        return isinstance(matrix, str) and is_file(matrix)

    @property
    def contents(self) -> dict[str, Any]:
        """What the page is made of."""
        return {**contents(), "state": self.start, "files": list(self._files)}

    def keep(self, name: str, content: bytes) -> dict[str, Any]:
        """Keep a matrix that was loaded in the page.

        Parameters
        ----------
        name : str
            Of its file; the ending says how it is read.
        content : bytes

        Returns
        -------
        dict
            The name that the page asks for it by, and its shape.

        Raises
        ------
        InputError
            If it cannot be read as a matrix.
        """
        plain = re.sub(r"[^\w.-]", "_", Path(name).name)[-LONGEST_NAME:].lstrip(".") or "matrix.csv"
        if plain == self.said.get("matrix"):
            plain = f"loaded-{plain}"
        if not is_file(plain):
            raise InputError(f"{plain}: no matrix file; its name must end in {', '.join(FILES)}")
        path = self.folder / plain
        path.write_bytes(content)
        try:
            matrix = read_matrix(path)
            _check_size(matrix.size)
        except InputError as error:
            path.unlink()
            self._files.pop(plain, None)
            raise InputError(str(error).replace(str(path), plain)) from None
        self._files[plain] = path
        return {"matrix": plain, "rows": matrix.shape[0], "columns": matrix.shape[1]}

    def ask(self, state: Mapping[str, Any]) -> Question:
        """Return what a state of the page asks.

        Parameters
        ----------
        state : mapping
            Values of controls; what is missing is as presets and defaults say.

        Raises
        ------
        InputError
            If it asks for what no control sets, or values do not fit together.
        """
        strange = sorted(state.keys() - CONTROLS.keys())
        if strange:
            raise InputError(f"{strange[0]}: the page has no such control")
        told = {name: value for name, value in self.said.items() if name not in CONTROLS}
        told = {**ALWAYS, **told, **self._fitting(state)}
        if told["fidelity"] == ALWAYS["fidelity"]:
            told.setdefault("most_steps", MOST_STEPS)
        matrix = told.get("matrix")
        if matrix != self.said.get("matrix"):
            told.pop("rhs", None)
        at = dict(told)
        if isinstance(matrix, str) and is_file(matrix):
            if matrix not in self._files:
                raise InputError(f"matrix {matrix!r}: load it first")
            at["matrix"] = str(self._files[matrix])
        experiment = Experiment.of(at)
        _check_size(experiment["rows"] * experiment["columns"])
        own = "matrix" in at and at["matrix"] != matrix
        return Question(told, experiment, own)

    def _fitting(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return what applies to the problem and the matrix that are asked for."""
        problem = str(state.get("problem", self.said.get("problem", "nnls")))
        PROBLEMS.choose(problem)
        matrix = str(state.get("matrix") or PROBLEMS[problem].generator)
        names = set(fitting(problem, matrix))
        if is_file(matrix):
            names -= {*_OF_GENERATED}
        chosen = {name: value for name, value in state.items() if name in names}
        chosen["problem"] = problem
        if problem == "lasso":
            chosen.setdefault("lasso", 0.1)
        return chosen


def _check_size(entries: int) -> None:
    if entries > MOST_ENTRIES:
        raise InputError(
            f"{entries} entries: the page takes matrices of up to {MOST_ENTRIES}; larger ones go "
            "to amcspice solve"
        )
