"""Fill the tables and draw the figure of docs/published/low-rank.md.

Arguments name single tables, or the figure: ``scripts/published_low_rank.py paper figure``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.linalg import toeplitz
from update_readme import fill, table

import amcspice as amc
from amcspice.algorithm.low_rank import Cells, PaperModel, WhiteNoise, array_error
from amcspice.view.style import COLOURS, DASHES, MARKERS, legend, save, styled

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "published" / "low-rank.md"
PICTURE = ROOT / "docs" / "images" / "low-rank.svg"

SIZES = (64, 128, 256, 512, 1024)
DRAWS = 20
NOISE, RANKS, SEEDS = 0.05, (4, 8, 16), (1, 2, 3)
DECAYS = {"flat": 0.0, "i^-1/2": 0.5, "i^-1": 1.0, "i^-3/2": 1.5, "i^-2": 2.0}
CIRCUITS = ("flat", "i^-1", "i^-3/2", "i^-2")
WIRES = (32, 64, 128)
WIRED = {"wire_resistance": 1.0, "gain": 1e9}
GAINS = ("one", "read-out")
WINDOW = (0.02, 0.3)


def decaying(n: int, decay: float, seed: int = 0):
    """Return U diag(i^-decay) V' with random orthogonal U, V."""
    random = np.random.default_rng(seed)
    U, V = (np.linalg.qr(random.standard_normal((n, n)))[0] for _ in range(2))
    return (U * np.arange(1.0, n + 1) ** -decay) @ V.T


def fourier(n: int):
    """Return the real form of the discrete Fourier transform, n x n."""
    F = np.fft.fft(np.eye(n // 2)) / np.sqrt(n // 2)
    return np.block([[F.real, -F.imag], [F.imag, F.real]])


def paper_table() -> str:
    rows = []
    for n in SIZES:
        model = PaperModel(n)
        rank = model.best_rank
        errors, _ = model.draw(rank, DRAWS, seed=1)
        drawn = errors / model.baseline
        law, published = model.error(rank), model.error(model.published_rank)
        rows.append((
            str(n), str(rank), f"{model.repeats(rank)} + {model.repeats(rank)}",
            f"{law / model.baseline:.3f}",
            f"{drawn.mean():.4f} +- {drawn.std(ddof=1) / DRAWS**0.5:.4f}",
            str(model.published_rank), f"{published / model.baseline:.3f}",
            f"{published / law:.2f}",
        ))  # fmt: skip
    head = ("n", "best rank", "copies", "E over one array, law", "drawn", "rank sqrt n",
            "E over one array", "over the best")  # fmt: skip
    return table(head, rows)


def laws(low: amc.LowRank) -> tuple[float, float]:
    """Return the error in two steps by the law of cells and by that of white noise."""
    device = low.hardware.device
    choices = (low.choose(law) for law in (Cells(device), WhiteNoise(device.write_noise)))
    cells, white = (float(np.sqrt(choice.square)) for choice in choices)
    return cells, white


def circuits_table() -> str:
    rows = []
    for name in CIRCUITS:
        A = decaying(64, DECAYS[name])
        one, steps = [], []
        for rank in RANKS:
            low = amc.LowRank(A, rank=rank, write_noise=NOISE)
            trials = [low.simulate(seed=seed) for seed in SEEDS]
            drawn = low.draw(DRAWS).to_json()
            steps.append(
                (rank, *laws(low), drawn["error"], _mean(t.two_steps.error for t in trials))
            )
            one += [t.one_array.error for t in trials]
        cells = Cells(low.hardware.device)
        found = (
            array_error(A, cells),
            array_error(A, WhiteNoise(NOISE)),
            drawn["baseline_error"],
            _mean(one),
        )
        rows.append((name, "one array", *_figures(*found)))
        rows += [("", f"rank {rank}", *_figures(*rest)) for rank, *rest in steps]
    head = ("singular values", "", "law of cells", "law of white noise", "cells drawn", "circuits",
            "circuits over law of cells")  # fmt: skip
    return table(head, rows)


def _mean(values) -> float:
    return float(np.mean(list(values)))


def _figures(cells: float, white: float, drawn: float, found: float) -> tuple[str, ...]:
    return (*(f"{value:.4f}" for value in (cells, white, drawn, found)), f"{found / cells:.3f}")


def break_even_table() -> str:
    rows = []
    for name, decay in DECAYS.items():
        cells = []
        for n in (64, 256):
            lows = [amc.LowRank(decaying(n, decay, seed)) for seed in range(3)]
            for law in (None, WhiteNoise):
                found = [low.break_even(law) for low in lows]
                cells.append(" to ".join(f"{100 * edge(found):.2g} %" for edge in (min, max)))
        rows.append((name, *cells))
    head = ("singular values", "n = 64, cells", "white noise", "n = 256, cells", "white noise")
    return table(head, rows)


def _laplacian(n: int):
    return np.linalg.inv(2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1))


MATRICES: dict[str, tuple[Callable[[int], object], str]] = {
    "DFT, real form": (fourier, "svd"),
    "independent Gaussian": (lambda n: np.random.default_rng(0).standard_normal((n, n)), "svd"),
    "inverse of the 1-D Laplacian": (_laplacian, "svd"),
    "Toeplitz 1/(1+k)": (lambda n: toeplitz(1 / (1 + np.arange(n))), "svd"),
    "Gaussian kernel, width 0.1 n": (
        lambda n: toeplitz(np.exp(-((np.arange(n) / (0.1 * n)) ** 2))), "svd",
    ),
    "the same, non-negative factors": (
        lambda n: toeplitz(np.exp(-((np.arange(n) / (0.1 * n)) ** 2))), "nmf",
    ),
}  # fmt: skip


def matrices_table() -> str:
    rows = []
    for name, (make, factors) in MATRICES.items():
        plan = amc.LowRank(make(128), factors=factors, write_noise=NOISE).plan()
        level = plan.break_even_write_noise
        rows.append((
            name, f"{plan.baseline_error:.3g}", f"{plan.error:.3g}", str(plan.rank),
            " + ".join(map(str, plan.repeats)), "helps" if plan.helps else "does not help",
            "none" if level is None else "any" if level == 0 else f"{100 * level:.2g} %",
        ))  # fmt: skip
    head = ("128 x 128, 5 % write noise", "one array", "two steps", "rank", "copies", "",
            "break-even write noise")  # fmt: skip
    return table(head, rows)


def wires_table() -> str:
    rows = []
    for n in WIRES:
        A = decaying(n, 1.0)
        found = [_bent(amc.Chip(**WIRED).program(A, "mvm", row_gain=gain), A) for gain in GAINS]
        for rank, copies in ((4, 1), (8, 1), (8, n // 16)):
            low = amc.LowRank(A, rank=rank, repeats=(copies, copies), **WIRED)
            made = low.choice.factors
            held = (made.left[:, :rank] * made.gains[:rank]) @ made.right[:rank]
            found.append(_bent(low.program(), held))
        rows.append((str(n), *(f"{value:.3g}" for value in found)))
    head = ("n", "one array, one gain", "one array, a gain a line", "rank 4, one copy of each",
            "rank 8, one copy of each", "rank 8, n/16 copies of each")  # fmt: skip
    return table(head, rows)


def _bent(product, exact) -> float:
    """Return by how much a product is off, against that of the exact matrices it holds."""
    off = product @ np.eye(exact.shape[1]) - exact
    return float(np.linalg.norm(off) / np.linalg.norm(exact))


@styled
def figure() -> Figure:
    """Draw errors of both ways over write noise, law and circuits."""
    drawn = Figure(figsize=(8.6, 3.1), layout="constrained")
    noises = np.geomspace(*WINDOW, 25)
    for axes, name in zip(drawn.subplots(1, 3, sharey=True), CIRCUITS[1:], strict=True):
        A, few = decaying(64, DECAYS[name]), noises[::8]
        lows = [amc.LowRank(A, write_noise=float(noise)) for noise in noises]
        one = [array_error(A, Cells(low.hardware.device)) for low in lows]
        two = [float(np.sqrt(low.choice.square)) for low in lows]
        trials = [low.simulate(seed=1) for low in lows[::8]]
        axes.loglog(100 * noises, one, color=COLOURS[1], ls=DASHES[1], label="one array")
        axes.loglog(100 * noises, two, color=COLOURS[0], label="two steps, best rank")
        axes.plot(100 * few, [t.one_array.error for t in trials], MARKERS[1], color=COLOURS[1])
        axes.plot(100 * few, [t.two_steps.error for t in trials], MARKERS[0], color=COLOURS[0])
        axes.set(title=f"singular values {name}", xlabel="write noise, % of g_max")
        axes.set_xticks([2, 5, 10, 20], ["2", "5", "10", "20"])
        axes.set_xticks([], minor=True)
    first = drawn.axes[0]
    first.set_ylabel("relative error of A x")
    first.set_yticks([0.05, 0.1, 0.2, 0.5, 1], ["0.05", "0.1", "0.2", "0.5", "1"])
    first.set_yticks([], minor=True)
    legend(drawn)
    return drawn


TABLES = {
    "paper": paper_table,
    "circuits": circuits_table,
    "break-even": break_even_table,
    "matrices": matrices_table,
    "wires": wires_table,
}


def main(names: list[str]) -> None:
    for name in names or [*TABLES, "figure"]:
        if name == "figure":
            save(figure(), PICTURE)
            continue
        assert name in TABLES, f"there is no table {name!r}; choose from {', '.join(TABLES)}"
        fill(PAGE, name, TABLES[name]())


if __name__ == "__main__":
    main(sys.argv[1:])
