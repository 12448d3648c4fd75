"""`monte_carlo`: one circuit many times over, with cells and amplifiers drawn anew.

Matrix and right-hand sides stay the same in every trial.  The seed of a trial follows from the
seed of the run and the number of the trial alone, so that neither the number of processes nor
the number of trials changes any of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import Circuit
from amcspice.engine import Analysis, choose_analysis, get_backend
from amcspice.errors import InputError, SimulationError, UnstableError, UnsupportedError
from amcspice.measure import Measurement
from amcspice.pool import Pool, Report, as_pool
from amcspice.simulation.path import simulate_many
from amcspice.simulation.sample import draw
from amcspice.simulation.trials import Trials
from amcspice.simulation.verification import Verification, Verify
from amcspice.simulation.verify import Operation, Verifier, repeat, warned

__all__ = ["monte_carlo", "trial_seed"]


def monte_carlo(
    circuit: Circuit,
    b: ArrayLike,
    *,
    trials: int = 200,
    seed: int | None = None,
    analysis: Analysis | None = None,
    progress: Callable[[float], None] | None = None,
    jobs: int | Pool = 1,
    verify: int | Verify = 0,
    **options: Any,
) -> Trials:
    """Simulate a circuit many times, each time with cells and amplifiers drawn anew.

    Parameters
    ----------
    circuit : Circuit
        The seeds of its device (cells, fixed resistors) and of its amplifiers are replaced in every
        trial.
    b : array_like, shape (m,) or (m, K)
        Right-hand sides, all of them in every trial.
    trials : int
    seed : int, optional
        Of the whole run; None takes the device's.
    analysis : Analysis, optional
        Or its fields as keywords: ``fidelity="behavioural"``.
    progress : callable, optional
        Called with the number of trials finished.
    jobs : int or Pool
        Processes that share the trials; changes no result.
    verify : int or Verify
        How many right-hand sides, drawn with the seed from those of all trials, are run again at
        the next higher fidelity; at most one a trial on average. See `amcspice.simulate`.
    **options
        Fields of `Analysis`.

    Returns
    -------
    Trials

    Raises
    ------
    InputError
        If the input cannot be used, or nothing of the circuit is drawn.
    UnstableError, SimulationError
        If every trial fails, what the first one says.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> A = np.array([[1.0, 0.2], [0.3, 0.8], [0.5, 0.5]])
    >>> circuit = amc.CompactGINV(A, device=amc.Memristor(write_noise=0.02))
    >>> run = amc.monte_carlo(circuit, A @ [0.5, 0.25], trials=20, fidelity="behavioural")
    >>> run.distributions()["relative_error"].median > 1e-3
    True
    """
    analysis = choose_analysis(analysis, options)
    base = circuit.device.seed if seed is None else seed
    asked = Verify.of(verify)
    _check(circuit, b, trials, base, analysis, asked)
    started = time.perf_counter()
    verified = draw(asked.count, base, (trials, len(circuit.vectors(b))))
    bare = replace(circuit)  # a copy without what was worked out already, to send to processes
    tasks = [
        _Trial(
            bare, b, analysis, trial_seed(base, k),
            verified=tuple(number for trial, number in verified if trial == k), verify=asked,
        )
        for k in range(trials)
    ]  # fmt: skip
    done: float = 0

    def report(count: float) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done)

    with as_pool(jobs) as pool:
        outcomes = pool.map(_run_trial, tasks, report)
    joined = _join(outcomes, [task.seed for task in tasks], single=np.ndim(b) == 1)
    provenance = {
        **joined.provenance,
        "circuit": circuit.describe(),
        "seed": base,
        "trials": trials,
        "wall_time_s": time.perf_counter() - started,
    }
    return replace(joined, provenance=provenance)


def trial_seed(seed: int, trial: int) -> int:
    """Return the seed of a trial: below 2^53, so that every reader of JSON keeps it."""
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed = {seed!r}: must be a whole number from 0")
    sequence = np.random.SeedSequence(seed, spawn_key=(trial,))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(11))


def _check(
    circuit: Circuit, b: ArrayLike, trials: int, seed: int, analysis: Analysis, verify: Verify
) -> None:
    if trials < 1:
        raise InputError(f"trials = {trials} must be at least 1")
    if seed < 0:
        raise InputError(f"seed = {seed} must be zero or positive")
    if not get_backend(analysis).simulates:
        raise UnsupportedError(
            "the ideal fidelity knows no cells, so every trial would be the same; use "
            "behavioural, reduced or flat"
        )
    if getattr(circuit, "programmed", None) is not None:
        raise InputError("the arrays of this circuit are programmed already: leave programmed out")
    if not circuit.drawn:
        raise InputError(
            "nothing of this circuit is drawn at random, so every trial would be the same: give "
            "write noise, variation, stuck cells, read noise, or a mismatch of amplifiers or of "
            "resistors"
        )
    circuit.vectors(b)
    Verifier(verify, analysis, seed)
    if verify.count > trials:
        raise InputError(f"verify = {verify.count} is more than there are trials ({trials})")


@dataclass(frozen=True, eq=False)
class _Trial:
    circuit: Circuit
    b: ArrayLike
    analysis: Analysis
    seed: int
    verified: tuple[int, ...]
    verify: Verify

    @property
    def drawn(self) -> Circuit:
        """The circuit with cells and amplifiers of this trial."""
        device = replace(self.circuit.device, seed=self.seed)
        opamp = replace(self.circuit.opamp, mismatch_seed=self.seed)
        return replace(self.circuit, device=device, opamp=opamp)


@dataclass(frozen=True, eq=False)
class _Outcome:
    """What a process sends back of one trial."""

    measurement: Measurement
    amplifiers: int
    cells: int
    provenance: dict[str, Any]
    verification: Verification | None


Failure = UnstableError | SimulationError


def _run_trial(trial: _Trial, report: Report) -> _Outcome | Failure:
    """Return what a trial gave, or why these cells have no answer."""
    told: float = 0

    def tell(count: float) -> None:
        nonlocal told
        told += count / len(vectors)
        report(count / len(vectors))

    try:
        circuit = trial.drawn
        vectors = circuit.vectors(trial.b)
        (run,) = simulate_many([circuit], [trial.b], trial.analysis, tell)
        operations = [Operation.of(circuit, vectors, run, number) for number in trial.verified]
        verification = repeat(operations, trial.analysis, trial.verify)
    except (UnstableError, SimulationError) as error:
        return error
    finally:
        report(1 - told)
    return _Outcome(run.measurement, run.amplifiers, run.cells, run.provenance, verification)


def _join(outcomes: Sequence[_Outcome | Failure], seeds: list[int], *, single: bool) -> Trials:
    done = [outcome for outcome in outcomes if isinstance(outcome, _Outcome)]
    failures = {
        number: outcome
        for number, outcome in enumerate(outcomes)
        if not isinstance(outcome, _Outcome)
    }
    if not done:
        raise failures[0]
    first = done[0]
    blank = Measurement.blank(*first.measurement.solution.shape)
    blank = replace(blank, power=dict.fromkeys(first.measurement.power, blank.energy))
    return Trials(
        measurement=Measurement.join(
            [
                outcome.measurement if isinstance(outcome, _Outcome) else blank
                for outcome in outcomes
            ]
        ),
        single=single,
        answer=first.measurement.answer,
        seeds=np.array(seeds),
        failures={number: str(error) for number, error in failures.items()},
        amplifiers=first.amplifiers,
        cells=first.cells,
        provenance=first.provenance,
        verification=warned(
            Verification.join(
                [outcome.verification for outcome in done if outcome.verification is not None]
            )
        ),
    )
