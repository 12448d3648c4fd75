"""`error_budget`: what the error of a circuit is made of; `program_budget`: that of a program.

Every effect is left out, and is left alone, with the same cells and amplifiers and in the range of
the circuit with all of them.  What nothing is drawn of runs once.  Where effects do not superpose,
they come one after the other, too, in orders that are drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import Circuit
from amcspice.design.budget import SUPERPOSES, ErrorBudget, Outermost
from amcspice.design.effects import Effects
from amcspice.design.orders import Tried, parts_by_order
from amcspice.design.variants import (
    CircuitVariants,
    Program,
    ProgramVariants,
    refuse_zero,
)
from amcspice.device import Hardware
from amcspice.engine import Analysis, choose_analysis
from amcspice.errors import InputError
from amcspice.problem import CircuitForm
from amcspice.simulation.montecarlo import trial_seed

__all__ = ["SEEDS", "error_budget", "program_budget"]

SEEDS = 10
NO_EFFECT: Effects = frozenset()


def error_budget(
    circuit: Circuit,
    b: ArrayLike,
    *,
    seeds: int = SEEDS,
    seed: int | None = None,
    analysis: Analysis | None = None,
    form: CircuitForm | None = None,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> ErrorBudget:
    """Return which effects have what part in the error of a circuit.

    Parameters
    ----------
    circuit : Circuit
    b : array_like, shape (m,) or (m, K)
        Right-hand sides.
    seeds : int
        Draws of cells and amplifiers, where anything is drawn: common to all effects.
    seed : int, optional
        That the draws follow from; None is that of the device.
    analysis : Analysis, optional
        Or its fields as keywords; dc where none is given.
    form : CircuitForm, optional
        Where the circuit solves another form of a problem.
    progress : callable, optional
        Called with the number of circuits that ran.
    **options
        Fields of `Analysis`.

    Returns
    -------
    ErrorBudget

    Raises
    ------
    InputError
        If the input cannot be used, or an ideal answer is zero, of which nothing is a fraction.
    UnstableError
        If a circuit has no rest with one of the draws.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> A = np.array([[1.0, 0.2], [0.3, 0.8], [0.5, 0.5]])
    >>> circuit = amc.CompactGINV(A, device=amc.Memristor(levels=16, write_noise=0.02))
    >>> budget = amc.error_budget(circuit, A @ [0.5, 0.25])
    >>> budget.largest(), abs(budget.unexplained) < 0.15
    ('write_noise', True)
    """
    if analysis is None:
        options = {"fidelity": "dc", **options}
    runner = CircuitVariants(
        circuit, b, choose_analysis(analysis, options), form, circuit.device.seed, progress
    )
    return _budget(runner, seeds, seed)


def program_budget(
    program: Program,
    reference: ArrayLike,
    hardware: Hardware,
    *,
    seeds: int = SEEDS,
    seed: int | None = None,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> ErrorBudget:
    """Return which effects have what part in the error of a program on a chip.

    Parameters
    ----------
    program : callable
        Takes a `Chip` and returns answers, shape (n,) or (n, K).
    reference : array_like
        Ideal answers, same shape.
    hardware : Hardware
        Of the chip.
    seeds, seed, progress
        See `error_budget`.
    **options
        Of `Chip`, such as ``fidelity``, ``range`` and fields of `Analysis`.

    Returns
    -------
    ErrorBudget

    Raises
    ------
    InputError
        If the program returns another shape, or an ideal answer is zero.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> from amcspice.algorithm import BlockInverse
    >>> A, b = np.eye(6) + 0.1, np.ones(6)
    >>> budget = amc.program_budget(
    ...     lambda chip: BlockInverse(chip, A, stages=1).solve(b),
    ...     np.linalg.solve(A, b),
    ...     amc.Hardware().changed(write_noise=0.02, gain=1e4),
    ...     seeds=8,
    ... )
    >>> budget.largest()
    'write_noise'
    """
    ideal = np.atleast_2d(np.asarray(reference).T)
    refuse_zero(ideal)
    runner = ProgramVariants(program, ideal, hardware, options, progress)
    return _budget(runner, seeds, seed)


def _budget(runner: CircuitVariants | ProgramVariants, seeds: int, seed: int | None) -> ErrorBudget:
    """Run every variant that is needed, once each, and put them together."""
    if not isinstance(seeds, int | np.integer) or isinstance(seeds, bool) or seeds < 1:
        raise InputError(f"seeds = {seeds!r}: must be a whole number from 1")
    base = runner.seed if seed is None else seed
    names = runner.effects
    every = frozenset(names)
    drawn = runner.drawn(every)
    tried = Tried(runner, [trial_seed(base, k) for k in range(int(seeds) if drawn else 1)])
    alone = {name: frozenset({name}) for name in names}
    without = {name: every - {name} for name in names}
    tried.run_all([NO_EFFECT, *alone.values(), *without.values()])
    outermost = Outermost(
        every=tried.errors(every),
        none=tried.errors(NO_EFFECT),
        alone={name: tried.errors(kept) for name, kept in alone.items()},
        without={name: tried.errors(kept) for name, kept in without.items()},
    )
    parts = None
    if abs(outermost.interaction) > SUPERPOSES:
        parts = parts_by_order(tried, names, base)
    return ErrorBudget.of(
        outermost, parts, drawn=drawn, range_choice=runner.range_choice, cautions=runner.cautions
    )
