"""Factorising a picture: every tile of every channel by itself, on the simulated circuit."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from amcspice.device import Memristor
from amcspice.errors import InputError
from amcspice.pool import Pool, Report, as_pool
from amcspice.solver import (
    Analysis,
    Factorisation,
    Run,
    Verification,
    make_circuit,
    nmf_each,
    simulate,
)
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
    """

    original: Picture
    tiling: Tiling
    rank: int
    tiles: tuple[Factorisation, ...]

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
    def verification(self) -> Verification | None:
        """Of all tiles, if some regressions were run again at a higher fidelity."""
        return Verification.join([t.verification for t in self.tiles if t.verification])

    @property
    def compression_ratio(self) -> float:
        """Pixels for one stored number; both factors of every tile are stored."""
        return self.original.size / (self.tiling.count * 2 * self.tiling.tile * self.rank)


@dataclass(frozen=True, eq=False)
class _TileTask:
    """One tile and how it is factorised."""

    pixels: Picture
    rank: int
    seed: int
    options: dict[str, Any]


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
    verify: int = 0,
    checkpoints: Path | None = None,
    resume: bool = False,
    progress: Callable[[int], None] | None = None,
    **parameters: Any,
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
    verify : int
        How many regressions, of tiles drawn at random, are run again at the next higher fidelity.
    checkpoints : Path, optional
        Folder for one file a tile, replaced at most once a second.  It must exist.
    resume : bool
        Continue from the checkpoints; otherwise those of an earlier run are removed.
    progress : callable, optional
        Called with the number of regressions finished, or not needed, since the last call; the
        sum is `regressions_at_most`.
    **parameters
        Of the circuit, see `amcspice.make_circuit`.

    Raises
    ------
    InputError
        If the rank does not fit the tile, or a checkpoint is of another run.
    SimulationError
        If a simulation fails.
    """
    tiling = Tiling((picture.shape[0], picture.shape[1], picture.shape[2]), tile, padding)
    chosen = choose_rank(tile, rank)
    if checkpoints is not None:
        _remove_stale(checkpoints, resume)
    options = {
        "iterations": iterations, "tolerance": tolerance, "circuit": circuit,
        "analysis": analysis, "resume": resume, **parameters,
    }  # fmt: skip
    seeds = [int(s.generate_state(1)[0]) for s in np.random.SeedSequence(seed).spawn(tiling.count)]
    draw = np.random.default_rng(seed)
    checked = np.bincount(draw.integers(tiling.count, size=verify), minlength=tiling.count)
    tasks = []
    for index, pixels in enumerate(tiling.split(picture)):
        path = None if checkpoints is None else checkpoints / f"tile-{index:05d}.npz"
        tasks.append(
            _TileTask(
                pixels,
                chosen,
                seeds[index],
                {**options, "checkpoint": path, "verify": int(checked[index])},
            )
        )
    with as_pool(jobs) as pool:
        together = 1
        if analysis is not None and analysis.fidelity == "behavioural":
            together = max(1, min(TILES_AT_ONCE, len(tasks) // (4 * pool.jobs)))
        parts = [tasks[first : first + together] for first in range(0, len(tasks), together)]
        groups = pool.map(_factorise_tiles, parts, progress)
    return ImageFactorisation(picture, tiling, chosen, tuple(itertools.chain(*groups)))


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
    chosen = max(1, tile // 4) if rank is None else rank
    if not 1 <= chosen <= tile:
        raise InputError(f"rank = {chosen} must be from 1 to the side of the tile, {tile}")
    return chosen


def regressions_at_most(tiling: Tiling, iterations: int) -> int:
    """Return the number of regressions if no tile converges early."""
    return tiling.count * iterations * 2 * tiling.tile


def _factorise_tiles(tasks: Sequence[_TileTask], report: Report) -> list[Factorisation]:
    reported = [0] * len(tasks)

    def problem(number: int, task: _TileTask) -> dict[str, Any]:
        def count(finished: int) -> None:
            reported[number] += finished
            report(finished)

        options = dict(task.options)
        device = dataclasses.replace(options.pop("device", None) or Memristor(), seed=task.seed)
        return {
            "V": task.pixels, "rank": task.rank, "seed": task.seed, "progress": count,
            "device": device, **options,
        }  # fmt: skip

    found = nmf_each([problem(number, task) for number, task in enumerate(tasks)])
    # Those of iterations that were not needed.
    report(sum(task.options["iterations"] * 2 * len(task.pixels) for task in tasks) - sum(reported))
    return found


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
        made = make_circuit("nnls", tile.W[:, alive], scaling="columns", **options)
        brightest = int(np.linalg.norm(pixels, axis=0).argmax())
        return simulate(made, pixels[:, brightest], analysis=analysis)
    return None
