"""`Problem`: what is asked, whatever circuit answers it."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.circuit import Circuit, as_matrix
from amcspice.circuit.base import Array, are_complex
from amcspice.circuit.dense import as_dense
from amcspice.errors import InputError, UnsupportedError
from amcspice.problem.accuracy import relative_error, relative_size
from amcspice.problem.complex_form import complex_form
from amcspice.problem.form import CircuitForm

__all__ = ["Problem"]


class Problem(abc.ABC):
    """A kind of question; subclasses are registered under their names.

    A subclass sets ``name``, ``title`` and ``circuit`` and says in `answer` what the ideal answer
    is; everything else has a default.  Only `answer` knows the ideal answer: it chooses ranges
    where an analysis asks for that, and is what errors are measured against.

    Examples
    --------
    >>> import amcspice as amc
    >>> problem = amc.PROBLEMS["lstsq"]
    >>> isinstance(problem, amc.Problem), problem.circuit
    (True, 'ginv-compact')
    """

    name: ClassVar[str]
    title: ClassVar[str]
    """What is asked, in words."""
    circuit: ClassVar[str]
    """Topology by default."""
    signed_circuit: ClassVar[str | None] = None
    """The same for matrices with negative entries, where it is another one."""
    square: ClassVar[bool] = False
    """Whether the matrix must be square."""
    symmetric: ClassVar[bool] = False
    """Whether it must be symmetric."""
    tall: ClassVar[bool] = False
    """Whether an answer needs at least as many rows as columns, unless it is regularised."""
    non_negative: ClassVar[bool] = False
    """Whether answers are at or above zero."""
    takes_vectors: ClassVar[bool] = False
    """Whether what is given are vectors with an entry for each column, not right-hand sides."""
    single_input: ClassVar[bool] = False
    """Whether only one input can be given at a time."""
    has_default_input: ClassVar[bool] = False
    """Whether inputs may be left out; see `default_input`."""
    no_complex_form: ClassVar[str | None] = "no complex form is known of it"
    """Why there is none; None where there is one."""
    generator: ClassVar[str] = "uniform"
    """Family of generated test matrices by default."""
    planted_zeros: ClassVar[float] = 0.0
    """Fraction of the entries of planted test solutions that are zero, by default."""
    planted_noise: ClassVar[float] = 0.0
    """Noise of generated right-hand sides over their own deviation, by default."""

    def default_circuit(self, *, signed: bool) -> str:
        """Return the topology for a matrix with or without negative entries."""
        return (self.signed_circuit if signed else None) or self.circuit

    def circuit_parameters(
        self, topology: type[Circuit], parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the parameters of a topology that make it solve this problem.

        Parameters
        ----------
        topology : type
        parameters : mapping
            As they were given.

        Raises
        ------
        UnsupportedError
            If one of them has no meaning here.
        """
        return dict(parameters)

    def default_input(self, circuit: Circuit) -> Array:
        """Return what a circuit is given where nothing was, shape (m,).

        Raises
        ------
        InputError
            If the problem needs something.
        """
        raise InputError(f"problem {self.name} needs right-hand sides")

    @abc.abstractmethod
    def answer(self, circuit: Circuit, vectors: Array) -> Array:
        """Return the ideal answers, shape (K, n).

        Parameters
        ----------
        circuit : Circuit
            Its matrix, and what else it was asked (ridge, selected rows, ...).
        vectors : ndarray, shape (K, m)
        """

    def error(self, circuit: Circuit, solutions: Array, answers: Array) -> Array:
        """Return how far solutions (K, n) are from ideal answers, relative, shape (K,)."""
        return relative_error(solutions, answers)

    def deviation(self, solutions: Array, others: Array) -> Array:
        """Return how far solutions (K, n) are from those of another fidelity, shape (K,)."""
        return relative_error(solutions, others)

    def align(self, circuit: Circuit, answers: Array, solutions: Array) -> Array:
        """Return the answers (K, n) that stand nearest to solutions, where they are many.

        It changes no error: a factor or a direction that is free is chosen as the solution has it.
        """
        return answers

    def residual(self, circuit: Circuit, vectors: Array, solutions: Array) -> Array:
        """Return how badly solutions fulfil the equations, shape (K,): ``|A x - b| / |b|``."""
        matrix = circuit.matrix
        return relative_size(solutions @ matrix.T - vectors, vectors)

    def is_unique(self, circuit: Circuit, vectors: Array, answers: Array) -> NDArray[np.bool_]:
        """Return whether each ideal answer is the only one, shape (K,)."""
        return np.ones(len(vectors), bool)

    def direct_form(
        self, A: ArrayLike, b: ArrayLike | None, parameters: Mapping[str, Any]
    ) -> CircuitForm:
        """Return the problem as a circuit made for it is asked it; see `circuit_form`."""
        return self.circuit_form(A, b, parameters)

    def circuit_form(
        self, A: ArrayLike, b: ArrayLike | None, parameters: Mapping[str, Any]
    ) -> CircuitForm:
        """Return the problem as circuits are asked it.

        Parameters
        ----------
        A : array_like, shape (m, n)
        b : array_like, shape (m,) or (m, K), optional
        parameters : mapping
            Of the circuit.

        Raises
        ------
        InputError
            If the values cannot be used.
        UnsupportedError
            If they are complex and the problem has no complex form.
        """
        if any(are_complex(values) for values in (A, b) if values is not None):
            if self.no_complex_form is not None:
                raise UnsupportedError(
                    f"problem {self.name} of complex numbers is not defined: {self.no_complex_form}"
                )
            return complex_form(self.name, A, b, parameters, takes_vectors=self.takes_vectors)
        vectors = None if b is None else np.asanyarray(as_dense(b, "right-hand side"))
        return CircuitForm(self.name, as_matrix(A), vectors)
