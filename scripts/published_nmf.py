"""Run the workloads of docs/published/nmf.md and fill its tables.

The picture and MovieLens 100k are taken from ../shared/data, or the folder AMCSPICE_DATA, where
they are there; generated data of the same shape otherwise. Arguments name single tables:
``scripts/published_nmf.py published``.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits
from update_readme import fill, table

import amcspice as amc
from amcspice.algorithm import complete
from amcspice.algorithm.alternating.data import DenseData, SparseData
from amcspice.bench.alternating import anls, masked_anls
from amcspice.bench.problems import hubble, regressions, sparse_ratings
from amcspice.engine import Analysis
from amcspice.system import Cost, Technology, Work
from amcspice.system.cost import Totals
from amcspice.system.published import FIGURES, Published, gathered_bytes, regression_operations
from amcspice.workload import factorise_image
from amcspice.workload.ratings import Ratings, read_ratings

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "published" / "nmf.md"
DATA = Path(os.environ.get("AMCSPICE_DATA", ROOT.parent / "shared" / "data"))

TILE, RANK, ITERATIONS, OPAMP, RIDGE = 32, 8, 8, "onchip-1g", 0.1
CHIPS = {
    "1 macro": {"macros": 1},
    "64 macros": {"macros": 64},
    "64, memory of the GPU": {"macros": 64, "bandwidth": Published.load()["gpu_bandwidth"]},
}
"""Changes of the technology: by themselves a macro has one channel of memory, and so have 64."""
PLACE = 4
"""Bytes that say where a rating stands."""
NETFLIX_USERS, NETFLIX_ITEMS, NETFLIX_RATINGS = 480_189, 17_770, 98_800_000
ROWS = (32, 128, 512, 1682)
HUNDREDS = 100.0
"""What hundreds to thousands, and orders of magnitude, are at least."""
VERDICTS = ("confirmed", "confined to conditions", "not met")


@dataclasses.dataclass(frozen=True)
class Workload:
    """Work of all iterations, what they take on one core [s], and where the data are from.

    ``place`` are the bytes that are read with each value to know its line.
    """

    name: str
    work: Work
    core: float
    data: str
    note: str = ""
    place: int = 0

    def iteration(self, chip: str, *, writing: bool) -> Totals:
        """Return time and energy of one iteration, the mean of all."""
        technology = Technology.load("typical")
        size = technology["value_bytes"] + self.place
        cost = Cost(self.work, technology.changed(value_bytes=size, **CHIPS[chip]))
        totals = cost.counted if writing else cost.ignored
        return Totals(totals.time / ITERATIONS, totals.energy / ITERATIONS)

    @property
    def core_iteration(self) -> Totals:
        seconds = self.core / ITERATIONS
        return Totals(seconds, seconds * Technology.load("typical")["core_power"])


def on_one_core(function) -> float:
    """Return processor time [s], the least of three."""
    taken = []
    with threadpool_limits(1):
        for _ in range(3):
            started = time.process_time()
            function()
            taken.append(time.process_time() - started)
    return min(taken)


@cache
def picture() -> Workload:
    path = DATA / "nebula.jpg"
    if path.is_file():
        from amcspice.workload.image import read_image

        pixels, data = read_image(path), "a nebula, 468 x 700 pixels in colour"
    else:
        pixels, data = hubble(468, 700), "Hubble deep field, 468 x 700 pixels in colour"
    result = factorise_image(
        pixels, tile=TILE, rank=RANK, iterations=ITERATIONS, tolerance=0.0,
        analysis=Analysis(fidelity="behavioural"), opamp=OPAMP,
    )  # fmt: skip
    tiles = [DenseData(tile) for tile in result.tiling.split(pixels)]
    core = on_one_core(lambda: [anls(tile, RANK, ITERATIONS) for tile in tiles])
    work = Work.of(_joined(each.ledger for each in result.tiles))
    here, twin = result.analog_score.psnr_db, result.digital_score.psnr_db
    stored = pixels.size / sum(tile.W.size + tile.H.size for tile in result.tiles)
    note = f"{stored:.3g} pixels for an entry of the factors, {here:.2f} dB; twin {twin:.2f} dB"
    return Workload("picture", work, core, f"{data}, {len(tiles)} tiles", note)


def _joined(ledgers):
    whole = amc.Ledger()
    for ledger in ledgers:
        whole.merge(ledger)
    return whole


@cache
def movielens() -> Workload:
    path = DATA / "ml-100k" / "u1.base"
    if path.is_file():
        known, data = Ratings.of(read_ratings(path)).matrix, "MovieLens 100k, u1.base"
    else:
        known, data = sparse_ratings(943, 1650, 80_000), "generated"
    result = complete(
        known, RANK, iterations=ITERATIONS, ridge=RIDGE, fidelity="behavioural", opamp=OPAMP
    )
    problem = SparseData(known, ridge=RIDGE)
    core = on_one_core(lambda: masked_anls(problem, RANK, ITERATIONS))
    users, items = known.shape
    return Workload(
        "ratings, MovieLens 100k", Work.of(result.ledger), core,
        f"{data}, {users} x {items}, {known.nnz} ratings", place=PLACE,
    )  # fmt: skip


@cache
def netflix() -> Workload:
    """Scale the run on MovieLens: rows by the number of users and items, inputs by ratings."""
    small = movielens()
    rows = sum(item.count * item.rows for item in small.work.writings) / ITERATIONS
    scale = round((NETFLIX_USERS + NETFLIX_ITEMS) / rows)
    work = small.work.times(scale)
    inputs = 2 * NETFLIX_RATINGS * ITERATIONS
    operated = dataclasses.replace(work.operated, dac=inputs)
    return Workload(
        "ratings, Netflix shape", dataclasses.replace(work, operated=operated),
        small.core * inputs / small.work.operated.dac,
        f"stated: {NETFLIX_USERS} x {NETFLIX_ITEMS}, {NETFLIX_RATINGS / 1e6:.1f} million ratings; "
        f"the run on MovieLens {scale} times, a conversion for each rating",
        place=PLACE,
    )  # fmt: skip


GPUS = {"GPU, high end": "high", "GPU, as taken": "value", "GPU, low end": "low"}


def gpu(end: str = "value") -> Totals:
    """Return the roofline of an iteration of Netflix shape."""
    return Published.load().gpu(gathered_bytes(NETFLIX_RATINGS, RANK), end)


def published_table() -> str:
    """Return every figure that others state, or that a bound is made of."""
    rows = []
    for name, entry in Published.load().entries.items():
        unit = entry.unit and f" {entry.unit}"
        between = "" if entry.low == entry.high else f"{entry.low:g} to {entry.high:g}{unit}"
        rows.append(
            (f"`{name}`", FIGURES[name][1], f"{entry.value:g}{unit}", between,
             "assumed" if entry.assumed else "stated", entry.source)
        )  # fmt: skip
    return table(("figure", "what", "value", "between", "", "source"), rows)


def gpu_table() -> str:
    """Return the roofline of a GPU at Netflix shape."""
    moved = gathered_bytes(NETFLIX_RATINGS, RANK)
    rows = [
        (f"{moved / 1e9:.2f} GB", name, f"{totals.time * 1e3:.1f} ms", f"{totals.energy:.2f} J")
        for name, totals in ((name, gpu(end)) for name, end in GPUS.items())
    ]  # fmt: skip
    return table(("gathered an iteration", "roofline of", "time", "energy"), rows)


def asic_table() -> str:
    """Return what the operations of a regression of the picture take on a chip made for it."""
    operations, entry = regression_operations(TILE, RANK), Published.load().entries["asic_energy"]
    rows = [
        (f"{TILE} x {RANK}", f"{operations:.0f}", f"{energy * 1e12:g} pJ",
         f"{operations * energy * 1e9:.3g} nJ")
        for energy in (entry.low, entry.high)
    ]  # fmt: skip
    return table(("regression", "operations", "energy of one", "energy of a regression"), rows)


def size_table() -> str:
    """Return how settling goes with the rows of a regression with 8 unknowns, ideal lines."""
    rows = [(f"{m} x 8", f"{settling(m) * 1e9:.1f} ns") for m in ROWS]
    return table(("regression", "settling, median of 20"), rows)


def settling(rows: int) -> float:
    """Return the median settling time of 20 regressions [s]."""
    A, B = regressions(rows, RANK, 20)
    run = amc.solve("nnls", A, B, opamp=OPAMP, fidelity="behavioural")
    return float(np.median(run.settling_time))


def iteration_table() -> str:
    """Return time and energy of an iteration of each workload, here and on one core."""
    rows = []
    for workload in (picture(), movielens(), netflix()):
        name = workload.name
        for chip in CHIPS:
            counted, ignored = (workload.iteration(chip, writing=w) for w in (True, False))
            core = workload.core_iteration
            rows.append((
                name, chip, *(f"{t.time * 1e3:.3g} ms" for t in (counted, ignored, core)),
                *(f"{t.energy * 1e3:.3g} mJ" for t in (counted, ignored, core)),
            ))  # fmt: skip
            name = ""
    head = ("an iteration of", "chip", "time, writing counted", "ignored", "one core",
            "energy, writing counted", "ignored", "one core")  # fmt: skip
    told = [
        f"- {item.name}: {item.data}." + (f" {item.note}." if item.note else "")
        for item in (picture(), movielens(), netflix())
    ]
    return table(head, rows) + "\n\n" + "\n".join(told)


def ratios(workload: Workload, peer: Totals, what: str) -> list[float]:
    """Return peer over chip, for every chip with writing counted, then with writing ignored.

    They have the digits that the page shows, so that its verdicts follow from what stands there.
    """
    found = [
        getattr(peer, what) / getattr(workload.iteration(chip, writing=writing), what)
        for writing in (True, False)
        for chip in CHIPS
    ]
    return [float(f"{ratio:.3g}") for ratio in found]


def verdict(figures: list[float], claimed: float) -> str:
    """Return confirmed if every figure reaches what is claimed, not met if none does."""
    reached = [figure >= claimed for figure in figures]
    return VERDICTS[0 if all(reached) else 1 if any(reached) else 2]


def claims() -> list[tuple[str, float, str, list[float]]]:
    """Return each claim, what it states, against what, and the ratios found."""
    stated, core = Published.load(), "one core"
    small, large, image = movielens(), netflix(), picture()
    return [
        ("MovieLens 100k, speed", stated["speed_movielens"], core,
         ratios(small, small.core_iteration, "time")),
        *(("Netflix, speed", stated["speed_netflix"], name, ratios(large, gpu(end), "time"))
          for name, end in GPUS.items()),
        ("Netflix, speed", stated["speed_netflix"], core,
         ratios(large, large.core_iteration, "time")),
        *(("Netflix, energy", stated["energy_netflix"], name, ratios(large, gpu(end), "energy"))
          for name, end in GPUS.items()),
        ("Netflix, energy", stated["energy_netflix"], core,
         ratios(large, large.core_iteration, "energy")),
        ("picture, speed", HUNDREDS, core, ratios(image, image.core_iteration, "time")),
        ("picture, energy", HUNDREDS, core, ratios(image, image.core_iteration, "energy")),
    ]  # fmt: skip


CONDITIONS = tuple(f"{word}: {chip}" for word in ("counted", "ignored") for chip in CHIPS)
"""Under which assumptions a ratio holds: whether writing counts, and what chip it is."""


def sentence(name: str, claimed: float, against: str, figures: list[float]) -> str:
    """Say whether a claim holds, and where."""
    said = verdict(figures, claimed)
    reached = [at for at, figure in zip(CONDITIONS, figures, strict=True) if figure >= claimed]
    text = f"- {name}, {claimed:g} times that of {against}: {said}"
    if said == VERDICTS[1]:
        text += f" ({'; '.join(reached)})"
    return f"{text}; found {min(figures):.3g} to {max(figures):.3g}."


def claims_table() -> str:
    """Return what is claimed beside what is found with writing counted and ignored."""
    found = claims()
    rows = [
        (name, f"{claimed:g}", against, *(f"{figure:.3g}" for figure in figures),
         verdict(figures, claimed))
        for name, claimed, against, figures in found
    ]  # fmt: skip
    head = ("claim", "stated", "against", *CONDITIONS, "here")
    return table(head, rows) + "\n\n" + "\n".join(sentence(*claim) for claim in found)


def implied_table() -> str:
    """Return how slow digital hardware must be for a claim of speed to hold, beside one core."""
    stated, rows = Published.load(), []
    for workload, name in ((movielens(), "speed_movielens"), (netflix(), "speed_netflix")):
        core = workload.core_iteration.time
        for writing, word in ((True, "counted"), (False, "ignored")):
            for chip in ("1 macro", "64 macros"):
                slow = stated[name] * workload.iteration(chip, writing=writing).time
                rows.append((f"`{name}`", f"writing {word}, {chip}", f"{slow * 1e3:.3g} ms",
                             f"{slow / core:.3g}"))  # fmt: skip
    head = ("claim", "chip", "an iteration on what it is compared with", "over one core here")
    return table(head, rows)


TABLES = {
    "published": published_table, "gpu": gpu_table, "asic": asic_table, "size": size_table,
    "iteration": iteration_table, "claims": claims_table, "implied": implied_table,
}  # fmt: skip


def main(names):
    for name in names or TABLES:
        assert name in TABLES, f"there is no table {name!r}; choose from {', '.join(TABLES)}"
        fill(PAGE, name, TABLES[name]())


if __name__ == "__main__":
    main(sys.argv[1:])
