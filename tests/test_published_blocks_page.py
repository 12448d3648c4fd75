"""docs/published/blockamc.md: tables are those of the script, what it claims follows from them."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "published" / "blockamc.md").read_text()


@pytest.fixture(scope="module")
def script():
    """Return scripts/published_blockamc.py as a module."""
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(ROOT / "scripts"))
    path = ROOT / "scripts" / "published_blockamc.py"
    specification = importlib.util.spec_from_file_location("published_blockamc", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    yield module
    patch.undo()
    sys.modules.pop("update_readme", None)


def on_page(name):
    return re.search(rf"<!-- {name}:begin -->\n(.*?)\n<!-- {name}:end -->", TEXT, flags=re.S)[1]


def rows(name):
    lines = on_page(name).splitlines()[2:]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


def test_tables_that_are_the_same_everywhere_are_those_of_the_script(script):
    """After a change: scripts/published_blockamc.py counts area conditions."""
    assert on_page("counts") == script.counts_table()
    assert on_page("area") == script.area_table()
    assert on_page("conditions") == script.conditions_table()


def test_the_law_of_wires_holds_on_the_page_and_here(script):
    """After a change: scripts/published_blockamc.py law."""
    found = rows("law")
    for n, one, *_, first, second, whole in found:
        assert 0.8 < float(first) < 1.2
        assert 0.8 < float(second) < 1.2
        assert float(whole) <= 0.2
        if int(n) <= 64:
            assert float(one) == pytest.approx(script.wired(int(n), 0), rel=0.01)
    assert found[-1][0] == "256"


def test_a_two_stage_solution_of_256_is_quick_on_the_page():
    for _, whole, more in rows("time"):
        assert float(whole.removesuffix(" s")) < 3
        assert float(more.removesuffix(" ms")) < 40


def test_errors_by_effect_are_those_of_the_script(script):
    """After a change: scripts/published_blockamc.py effects."""
    sixteen = [row for row in rows("effects") if row[2] == "16" and row[1] == "Toeplitz 1/(1+k)"]
    assert len(sixteen) == len(script.EFFECTS)
    for effect, matrix, _, one, *ratios, said in sixteen[::2][:2]:
        errors = [script.median_error(effect, matrix, 16, k) for k in range(3)]
        assert float(one) == pytest.approx(errors[0], rel=0.01)
        for told, error in zip(ratios, errors[1:], strict=False):
            assert float(told) == pytest.approx(error / errors[0], abs=0.011)
        assert said == script.verdict(errors[0], errors[1:])


def test_energies_are_those_of_the_script(script):
    """After a change: scripts/published_blockamc.py energy."""
    told = {(row[0], row[1]): row for row in rows("energy")}
    one, two, condition = script.energies("Toeplitz 1/(1+k)", 16, "100 MHz, one pole")
    row = told["Toeplitz 1/(1+k)", "16"]
    assert float(row[2]) == pytest.approx(condition, rel=0.01)
    assert float(row[3]) == pytest.approx(one[0], rel=0.02)
    assert float(row[4]) == pytest.approx(two[0], rel=0.02)


def test_energy_counts_the_settling_of_five_phases_and_nothing_else(script):
    """Modes of every phase by themselves, from one right-hand side to the next."""
    A, b, h, rate = script.harmonic(16), script.right_hand_sides(16, 0, 10), 8, 2 * np.pi * 1e8
    A1, A2, A3 = A[:h, :h], A[:h, h:], A[h:, :h]
    S = A[h:, h:] - A3 @ np.linalg.solve(A1, A2)
    p, f = np.linalg.solve(A1, b[:h]), b[:h]
    g = b[h:] - A3 @ p
    z = np.linalg.solve(S, g)

    def settled(G, rests, feedback=0.0):
        """Sum of the times from which on every output is within 1 % of the largest."""
        totals = feedback + np.maximum(np.maximum(G, 0).sum(1), np.maximum(-G, 0).sum(1))
        pull = feedback * np.eye(len(G)) if feedback else G
        values, V = np.linalg.eig(rate * pull / totals[:, None])
        times = np.linspace(0, 8 / values.real.min(), 4001)
        found, last = 0.0, np.zeros(len(G))
        for x in rests.T:
            parts = np.linalg.solve(V, last - x)
            off = abs((V * parts) @ np.exp(-np.outer(values, times))).max(axis=0)
            found, last = found + times[1 + np.flatnonzero(off > 0.01 * abs(x).max())[-1]], x
        return found

    phases = [settled(A1, p), settled(A3, A3 @ p, 1.0), settled(S, z), settled(A2, A2 @ z, 1.0),
              settled(A1, np.linalg.solve(A1, f - A2 @ z))]  # fmt: skip
    one, _, _ = script.energies("Toeplitz 1/(1+k)", 16, "100 MHz, one pole")
    assert one[0] == pytest.approx(sum(phases) / settled(A, np.linalg.solve(A, b)) / 2, rel=0.04)


def test_conditions_give_back_what_is_stated(script):
    for stages, share, *_ in rows("conditions"):
        left = float(share.split()[0]) / 100
        saved = 1 - (left + (1 - left) / 2 ** int(stages))
        assert saved == pytest.approx(script.AREA, abs=2e-3)


def test_ranges_of_the_table_of_claims_are_those_of_the_tables(script):
    saved = np.array([[float(c.split()[0]) for c in row[3:5]] for row in rows("area")])
    for low, high in zip(saved.min(axis=0), saved.max(axis=0), strict=True):
        assert f"{low:.1f} to {high:.1f} %" in TEXT
    grown = [row[5] for row in rows("area")]
    assert f"{min(grown)} to {max(grown)} times the area" in TEXT
    noise = {(r[1], int(r[2])): r[4:] for r in rows("effects") if r[0] == "write noise, 5 % of g"}
    wishart = [float(c) for n in (16, 64, 256) for c in noise["Wishart, m = 2 n", n][:2]]
    assert f"{min(wishart):.2f} to {max(wishart):.2f} of it" in TEXT
    toeplitz = [float(c) for n in (64, 256) for c in noise["Toeplitz 1/(1+k)", n][:2]]
    assert f"{min(toeplitz):.2f} to {max(toeplitz):.2f} of it | not met" in TEXT
    one = {(row[0], row[1]): float(row[3].split()[0]) for row in rows("energy")}
    apart = ("Wishart, m = 4 n", "Toeplitz 1/(1+k)", "Toeplitz 0.9^k")
    less = [1 - ratio for (matrix, _), ratio in one.items() if matrix not in apart]
    assert f"{100 * min(less):.0f} to {100 * max(less):.0f} % less with one stage | conf" in TEXT
    assert min(less) >= script.ENERGY
    other = [ratio for (matrix, _), ratio in one.items() if matrix in apart]
    assert f"{min(other):.2f} to {max(other):.2f} times the energy | not met" in TEXT
    assert min(other) > 1 - script.ENERGY
