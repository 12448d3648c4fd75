"""Factorising a picture: every tile of every channel by itself, on the simulated circuit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm import DenseData, Factorisation, FactorisationTask, nmf_many
from amcspice.algorithm.alternating.factorise import analysis_among, predicted_among
from amcspice.device import Hardware, split_hardware
from amcspice.engine import Analysis
from amcspice.errors import InputError
from amcspice.pool import Pool, Report, as_pool
from amcspice.problem import make_circuit
from amcspice.simulation import Run, Verification, Verify, simulate
from amcspice.simulation.verify import Verifier
from amcspice.workload.image import Score, score
from amcspice.workload.tiling import Tiling

__all__ = [
    "ImageFactorisation",
    "choose_rank",
    "factorise_image",
    "regressions_at_most",
    "representative_run",
]

Picture = NDArray[np.float64]

TILES_AT_ONCE = 16
"""Tiles that a process factorises together, in the behavioural fidelity: it takes less time than
one after the other, and changes no result."""


@dataclass(frozen=True, eq=False)
class ImageFactorisation:
    """Result of `factorise_image`.

    Parameters
    ----------
    original : ndarray, shape (rows, columns, channels)
        Fractions of full scale.
    tiling : Tiling
    rank : int
    tiles : tuple of Factorisation
        In the order of `Tiling.split`.
    verification : Verification, optional
        If some regressions of all tiles were run again at a higher fidelity.
    """

    original: Picture
    tiling: Tiling
    rank: int
    tiles: tuple[Factorisation, ...]
    verification: Verification | None = None

    @cached_property
    def analog(self) -> Picture:
        """The picture as the circuit's factors give it."""
        return self.tiling.join(np.array([tile.approximation for tile in self.tiles]))

    @cached_property
    def digital(self) -> Picture:
        """The picture as the digital twin's factors give it."""
        return self.tiling.join(np.array([tile.digital_approximation for tile in self.tiles]))

    @cached_property
    def analog_score(self) -> Score:
        """Of the circuit's picture against the original."""
        return score(self.original, self.analog)

    @cached_property
    def digital_score(self) -> Score:
        """Of the digital twin's picture against the original."""
        return score(self.original, self.digital)

    @property
    def compression_ratio(self) -> float:
        """Pixels for one stored number; both factors of every tile are stored."""
        return self.original.size / (self.tiling.count * 2 * self.tiling.tile * self.rank)


@dataclass(frozen=True, eq=False)
class _Tiles:
    """Tiles that one process factorises in lockstep.

    Parameters
    ----------
    pixels : ndarray, shape (K, tile, tile)
    ridge : float
        Of every regression.
    problems : tuple of dict
        Fields of `FactorisationTask` of each, but for the data.
    analysis : Analysis
    verifier : Verifier
        An empty one, to draw from their regressions.
    """

    pixels: Picture
    ridge: float
    problems: tuple[dict[str, Any], ...]
    analysis: Analysis
    verifier: Verifier


def factorise_image(
    picture: Picture,
    *,
    tile: int = 32,
    rank: int | None = None,
    iterations: int = 20,
    tolerance: float = 1e-3,
    padding: Literal["edge", "reflect"] = "edge",
    seed: int = 0,
    circuit: str | None = None,
    analysis: Analysis | None = None,
    jobs: int | Pool = 1,
    verify: int | Verify = 0,
    checkpoints: Path | None = None,
    resume: bool = False,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> ImageFactorisation:
    """Factorise every tile of every channel of a picture.

    With ``jobs`` above 1 the calling script needs the ``if __name__ == "__main__"`` guard, as
    with all of Python's multiprocessing.

    Parameters
    ----------
    picture : ndarray, shape (rows, columns, channels)
        Fractions of full scale.
    tile : int
        Side of a tile [pixels].
    rank : int, optional
        Of every tile; None is a quarter of the tile's side, which halves the storage.
    iterations, tolerance
        See `amcspice.nmf`.
    padding : {"edge", "reflect"}
        See `Tiling`.
    seed : int
        Of every random draw; each tile draws from a stream of its own.
    circuit, analysis
        See `amcspice.nmf`.
    jobs : int or Pool
        Number of processes; changes no result.
    verify : int or Verify
        How many regressions, drawn from those of all tiles, are run again at the next higher
        fidelity; see `amcspice.simulate`.
    checkpoints : Path, optional
        Folder for one file a tile, replaced at most once a second.  It must exist.
    resume : bool
        Continue from the checkpoints; otherwise those of an earlier run are removed.
    progress : callable, optional
        Called with the number of regressions finished, or not needed, since the last call; the
        sum is `regressions_at_most`.
    **options
        Parameters of the circuit, see `amcspice.make_circuit`, and fields of `Analysis`.

    Raises
    ------
    InputError
        If the rank does not fit the tile, or a checkpoint is of another run.
    SimulationError
        If a simulation fails.
    """
    predicted, options = predicted_among(options)
    analysis, parameters = analysis_among(options, analysis)
    given, parameters = split_hardware(parameters)
    hardware = Hardware(**given)
    ridge = parameters.pop("ridge", 0.0)
    verifier = Verifier(verify, analysis, seed)
    tiling = Tiling((picture.shape[0], picture.shape[1], picture.shape[2]), tile, padding)
    rank = choose_rank(tile, rank)
    if checkpoints is not None:
        _remove_stale(checkpoints, resume)
    problems = [
        {
            "rank": rank, "iterations": iterations, "tolerance": tolerance, "circuit": circuit,
            "parameters": {**parameters, "hardware": hardware.changed(seed=tile_seed)},
            "checkpoint": checkpoints and checkpoints / f"tile-{number:05d}.npz",
            "resume": resume, "seed": tile_seed, "number": number, "predicted": predicted,
        }
        for number, tile_seed in enumerate(_tile_seeds(seed, tiling.count))
    ]  # fmt: skip
    tiles = tiling.split(picture)
    with as_pool(jobs) as pool:
        together = 1
        if analysis.fidelity == "behavioural":
            together = max(1, min(TILES_AT_ONCE, tiling.count // (4 * pool.jobs)))
        parts = [
            _Tiles(tiles[some], ridge, tuple(problems[some]), analysis, verifier.part())
            for some in (slice(k, k + together) for k in range(0, tiling.count, together))
        ]
        factorisations: list[Factorisation] = []
        for results, part_verifier in pool.map(_factorise_tiles, parts, progress):
            factorisations.extend(results)
            verifier.merge(part_verifier)
    return ImageFactorisation(
        picture, tiling, rank, tuple(factorisations), verification=verifier.verify()
    )


def _tile_seeds(seed: int, count: int) -> list[int]:
    sequences = np.random.SeedSequence(seed).spawn(count)
    return [int(sequence.generate_state(1)[0]) for sequence in sequences]


def _remove_stale(checkpoints: Path, resume: bool) -> None:
    """Remove what a killed run left half-written and, for a new start, the checkpoints too."""
    for pattern in (".*.npz",) if resume else (".*.npz", "tile-*.npz"):
        for stale in checkpoints.glob(pattern):
            stale.unlink()


def choose_rank(tile: int, rank: int | None) -> int:
    """Return the rank of a tile: as asked for, or a quarter of its side.

    Raises
    ------
    InputError
        If it is below 1 or above the side of the tile.
    """
    rank = max(1, tile // 4) if rank is None else rank
    if not 1 <= rank <= tile:
        raise InputError(f"rank = {rank} must be from 1 to the side of the tile, {tile}")
    return rank


def regressions_at_most(tiling: Tiling, iterations: int) -> int:
    """Return the number of regressions if no tile converges early."""
    return tiling.count * iterations * 2 * tiling.tile


def _factorise_tiles(part: _Tiles, report: Report) -> tuple[list[Factorisation], Verifier]:
    """Return the factorisations of tiles, and what was drawn of their regressions."""
    reported: float = 0

    def count(finished: float) -> None:
        nonlocal reported
        reported += finished
        report(finished)

    problems = [
        FactorisationTask(data=DenseData(pixels, ridge=part.ridge), **fields)
        for pixels, fields in zip(part.pixels, part.problems, strict=True)
    ]
    verifier = part.verifier.part()
    results = nmf_many(problems, part.analysis, verifier=verifier, progress=count)
    # Those of iterations that were not needed.
    most = sum(problem.iterations * sum(problem.data.shape) for problem in problems)
    report(most - reported)
    return results, verifier


def representative_run(result: ImageFactorisation, **options: Any) -> Run | None:
    """Simulate one regression again, with its waveforms: final W, brightest column of a tile.

    Parameters
    ----------
    result : ImageFactorisation
        The first tile that is not black is taken.
    **options
        ``analysis``, ``circuit`` and the parameters of the circuit, as for the factorisation.

    Returns
    -------
    Run or None
        None if every tile is black.
    """
    analysis = options.pop("analysis", None)
    for pixels, tile in zip(result.tiling.split(result.original), result.tiles, strict=True):
        alive = tile.W.any(axis=0)
        if not (tile.history and alive.any()):
            continue
        circuit = make_circuit("nnls", tile.W[:, alive], scaling="columns", **options)
        brightest = int(np.linalg.norm(pixels, axis=0).argmax())
        return simulate(circuit, pixels[:, brightest], analysis=analysis)
    return None
