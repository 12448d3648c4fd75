"""Inverses of curvature factors against numpy, and what the chip does where cells are unstable."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

import amcspice as amc
from amcspice.algorithm import AnalogInverse, ExactInverse
from amcspice.algorithm.curvature import SAFE, Equilibrated, outlook
from amcspice.algorithm.curvature.stability import damping_for
from amcspice.errors import UnstableError

SHARP = {"gain": 1e9, "opamp": "onchip-1g"}


def rectified(n, seed=0, damping=0.1):
    """Return a factor of rectified activations with a bias, and their mean."""
    a = np.maximum(np.random.default_rng(seed).standard_normal((4 * n, n)) + 0.5, 0)
    a[:, -1] = 1
    M = a.T @ a / len(a)
    return M + damping * np.trace(M) / n * np.eye(n), a.mean(axis=0)


def right(n, count=5, seed=9):
    return np.random.default_rng(seed).standard_normal((n, count))


def error(x, exact):
    return np.linalg.norm(x - exact) / np.linalg.norm(exact)


@pytest.mark.parametrize("size", [None, 7])
@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("fidelity", ["dc", "behavioural", "ideal"])
def test_ideal_cells_invert(fidelity, mean, size):
    M, m = rectified(14)
    B = right(14)
    B[:, 2] = 0
    inverse = AnalogInverse(amc.Chip(fidelity=fidelity, **SHARP), array_size=size)
    inverse.program(M, m if mean else None)
    exact = np.linalg.solve(M, B)
    assert error(inverse.solve(B), exact) < 1e-5
    np.testing.assert_allclose(inverse.solve(B[:, 0]), exact[:, 0], rtol=1e-4)
    assert error(inverse.explicit(), np.linalg.inv(M)) < 1e-5


def test_exact_inverse_is_that_of_numpy_and_counts_its_work():
    M, m = rectified(9)
    ledger = amc.Ledger()
    inverse = ExactInverse("A", ledger)
    inverse.program(M, m)
    np.testing.assert_allclose(inverse.solve(right(9)), np.linalg.solve(M, right(9)), rtol=1e-10)
    np.testing.assert_allclose(inverse.explicit(), np.linalg.inv(M), rtol=1e-9)
    flops = {held.label: float(row["flops"]) for held, row in ledger.sums("digital")}
    assert flops == {
        "Cholesky decomposition of A": 9**3 / 3,
        "solutions of A": 2 * 81 * (5 + 9),
    }


def test_mean_and_equilibration_are_exact():
    """Sherman and Morrison, and a diagonal of ones, against the inverse of the whole."""
    M, m = rectified(161, damping=0.05)
    factor = Equilibrated.of(M, m)
    np.testing.assert_array_equal(factor.matrix.diagonal(), 1.0)
    scale = np.diag(1 / factor.scale)
    np.testing.assert_allclose(scale @ factor.whole @ scale, M, atol=1e-13)
    b = right(161)
    y, z = (np.linalg.solve(factor.matrix, v) for v in (factor.scale[:, None] * b, factor.mean))
    x = factor.scale[:, None] * factor.with_mean(y, z)
    assert error(x, np.linalg.solve(M, b)) < 1e-12
    with_it = Equilibrated.of(M).matrix
    assert np.linalg.cond(factor.matrix) < np.linalg.cond(with_it) / 5


def test_mean_kept_digital_settles_five_times_as_fast():
    M, m = rectified(60, damping=0.1)
    settling = []
    for mean in (m, None):
        chip = amc.Chip(fidelity="behavioural", opamp="onchip-1g", seed=1)
        inverse = AnalogInverse(chip)
        inverse.program(M, mean)
        inverse.solve(right(60, 20))
        (row,) = (r for held, r in chip.ledger.sums("operation") if held.kind == "inv")
        settling.append(row["settling"] / row["count"])
    assert settling[1] > 5 * settling[0]


def test_refinement_brings_errors_down_and_never_up():
    M, m = rectified(26)
    exact = np.linalg.solve(M, right(26))
    errors = []
    for steps in (0, 1, 2):
        inverse = AnalogInverse(amc.Chip(write_noise=0.02, seed=1, **SHARP), refine=steps)
        inverse.program(M, m)
        errors.append(error(inverse.solve(right(26)), exact))
    assert errors[1] < errors[0] / 2
    assert errors[2] < errors[1] / 2
    residuals = []
    for steps in (0, 3):  # so noisy that plain refinement diverges
        inverse = AnalogInverse(amc.Chip(write_noise=0.13, seed=2, **SHARP), refine=steps)
        inverse.program(M, m)
        residuals.append(
            np.linalg.norm(
                Equilibrated.of(M).scale[:, None] * (right(26) - M @ inverse.solve(right(26))),
                axis=0,
            )
        )
    assert (residuals[1] <= residuals[0] * (1 + 1e-9)).all()


def test_share_of_the_limit_is_sigma_times_the_frobenius_norm():
    M = Equilibrated.of(rectified(20)[0]).matrix
    made = outlook(M, amc.Memristor(write_noise=0.02))
    assert made.share == pytest.approx(0.02 * np.linalg.norm(np.linalg.inv(M)), rel=1e-3)
    relative = outlook(M, amc.Memristor(write_noise=0.02, noise_relative_to="g"))
    variance = (0.02 * M) ** 2
    radius = np.abs(np.linalg.eigvals(variance @ np.linalg.inv(M) ** 2)).max()
    assert relative.share == pytest.approx(np.sqrt(radius), rel=1e-3)


def test_share_is_infinite_where_levels_leave_no_definite_matrix():
    M, _ = rectified(80, damping=0.02)
    aimed = Equilibrated.of(M).matrix
    cells = amc.Memristor(levels=4, write_noise=1e-4)
    placed = np.sign(aimed) * cells.quantise(np.abs(aimed) * cells.g_max) / cells.g_max
    assert scipy.linalg.eigvalsh(placed)[0] < 0
    assert outlook(aimed, cells).share == np.inf


def spectra():
    """Yield ten factors of different sizes, sources and damping, equilibrated."""
    for seed in range(10):
        draw = np.random.default_rng(seed)
        n = int(draw.integers(16, 40))
        M, m = rectified(n, seed, damping=10 ** draw.uniform(-1.5, 0))
        yield Equilibrated.of(M, m if seed % 2 else None).matrix


@pytest.mark.parametrize(("share", "least", "most"), [(SAFE, 0, 0), (1.5, 91, 100)])
def test_stability_is_foretold(share, least, most):
    unstable = 0
    for number, M in enumerate(spectra()):
        noise = share / np.linalg.norm(np.linalg.inv(M))
        for draw in range(10):
            chip = amc.Chip(write_noise=noise, seed=100 * number + draw, opamp="onchip-1g")
            try:
                chip.program(M, "inv", circuit="inv-compensated")
            except UnstableError:
                unstable += 1
    assert least <= unstable <= most


def test_what_is_unstable_is_written_again_and_counted():
    M, m = rectified(24, damping=0.3)
    K = Equilibrated.of(M, m).matrix
    noise = 0.95 / np.linalg.norm(np.linalg.inv(K))
    found = {}
    for seed in range(6):
        chip = amc.Chip(write_noise=noise, seed=seed, opamp="onchip-1g")
        inverse = AnalogInverse(chip)
        for _ in range(3):
            inverse.program(M, m)
        found[seed] = inverse.unstable
        assert inverse.damped == 0
        writings = [row for _, row in chip.ledger.sums("writing")]
        assert sum(row["count"] for row in writings) == 3 + inverse.unstable
        assert chip.ledger.unstable_writings == inverse.unstable
        assert inverse.arrays[0].cycle == 2 + inverse.unstable
    assert 0 < sum(found.values()) < 18


def test_damping_is_raised_where_no_draw_would_settle():
    M, _ = rectified(24, damping=0.005)
    chip = amc.Chip(write_noise=0.12, seed=1, opamp="onchip-1g")
    inverse = AnalogInverse(chip)
    assert inverse.outlook(M).share > 1
    inverse.program(M)
    assert inverse.damped == 1
    assert inverse.unstable >= 1
    K = Equilibrated.of(M).matrix + inverse.damping * np.eye(24)
    assert outlook(K, chip.hardware.device).safe
    labels = [held.label for held, _ in chip.ledger.sums("digital")]
    assert "outlook on stability of factor" in labels
    foreseen = AnalogInverse(amc.Chip(write_noise=0.12, seed=1, opamp="onchip-1g"), foresee=True)
    foreseen.program(M)
    assert (foreseen.unstable, foreseen.damping) == (0, inverse.damping)


def test_damping_is_of_the_size_of_the_diagonal():
    device = amc.Memristor(write_noise=0.1)
    M = np.eye(8) + 0.95 * (np.ones((8, 8)) - np.eye(8))
    unit, ten = damping_for(M, device)[0], damping_for(10 * M, device)[0]
    assert ten == pytest.approx(10 * unit)
    assert outlook(10 * M + ten * np.eye(8), device).safe


def test_what_no_damping_helps_is_refused_and_told():
    M, m = rectified(80)
    chip = amc.Chip(write_noise=0.3, seed=1, opamp="onchip-1g")
    with pytest.raises(UnstableError, match=r"whatever the damping.*less write noise"):
        AnalogInverse(chip, "A1").program(M, m)
    assert chip.ledger.unstable_writings == 1
    noise = 0.99 / np.linalg.norm(np.linalg.inv(Equilibrated.of(M, m).matrix))
    unlucky = AnalogInverse(amc.Chip(write_noise=noise, seed=3, opamp="onchip-1g"), retries=0)

    def write_often():
        for _ in range(20):
            unlucky.program(M, m)

    with pytest.raises(UnstableError, match="unstable after 1 writing"):
        write_often()


@pytest.mark.parametrize("size", [None, 8])
def test_an_update_is_the_next_cycle_of_the_same_cells(size):
    chip = amc.Chip(write_noise=0.01, seed=1, opamp="onchip-1g")
    inverse = AnalogInverse(chip, array_size=size)
    for seed in range(3):
        inverse.program(*rectified(16, seed))
    assert [each.cycle for each in inverse.arrays] == [2] * len(inverse.arrays)
    assert list(chip.matrices) == list(chip.matrices)[: len(inverse.arrays)]
    again = AnalogInverse(amc.Chip(write_noise=0.01, seed=1, opamp="onchip-1g"), array_size=size)
    for seed in range(3):
        again.program(*rectified(16, seed))
    np.testing.assert_array_equal(inverse.explicit(), again.explicit())


def test_blocks_err_like_an_array_of_their_size():
    M, m = rectified(32)
    exact = np.linalg.solve(M, right(32))
    errors = {}
    for size in (None, 16, 8):
        inverse = AnalogInverse(
            amc.Chip(write_noise=0.01, seed=1, **SHARP), array_size=size, refine=3
        )
        inverse.program(M, m)
        errors[size] = error(inverse.solve(right(32)), exact)
        largest = max(len(each.matrix) for each in inverse.arrays)
        assert largest <= (size or 32)
    assert max(errors.values()) < 1e-3


def test_writing_is_counted_beside_solutions_and_digital_work():
    M, m = rectified(26)
    chip = amc.Chip(opamp="onchip-1g", seed=1)
    inverse = AnalogInverse(chip)
    inverse.program(M, m)
    inverse.solve(right(26, 30))
    cost = chip.cost()
    groups = cost.groups
    assert sum(each.time for each in groups.values()) == pytest.approx(cost.counted.time)
    assert sum(each.energy for each in groups.values()) == pytest.approx(cost.counted.energy)
    written = cost.technology.writing
    rows, cells = cost.work.writings[0].rows, cost.work.writings[0].cells
    assert groups["writing"].time > rows * written.slowest_pulses(cells / rows) * written.slot
    by_time, by_energy = cost.writing_over_operations
    assert by_time == pytest.approx(groups["writing"].time / groups["operations"].time)
    assert by_energy > 1


@pytest.mark.parametrize(
    ("matrix", "mean", "message"),
    [
        (np.ones((2, 3)), None, "must be square"),
        ([[1.0, 0.5], [0.2, 1.0]], None, "must be symmetric"),
        ([[1.0, 0.0], [0.0, -1.0]], None, "diagonal entry 1"),
        (np.eye(2), [1.0, 2.0], "diagonal entry 1"),
        (np.eye(2), [1.0, 2.0, 3.0], "mean: 3 rows"),
        ([[np.nan, 0.0], [0.0, 1.0]], None, "finite"),
    ],
)
def test_what_is_no_factor_is_refused(matrix, mean, message):
    chip = amc.Chip()
    with pytest.raises(amc.InputError, match=message):
        AnalogInverse(chip).program(matrix, mean)
    assert not chip.ledger.phases.size


def test_what_cannot_be_used_is_refused():
    with pytest.raises(amc.InputError, match="program it first"):
        AnalogInverse(amc.Chip(), "A1").solve([1.0])
    with pytest.raises(amc.InputError, match="program it first"):
        ExactInverse().solve([1.0])
    with pytest.raises(amc.InputError, match="not positive definite"):
        ExactInverse().program([[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(amc.InputError, match="refine = -1"):
        AnalogInverse(amc.Chip(), refine=-1)
    for size in ("8", 0, True):
        with pytest.raises(amc.InputError, match=r"array_size = .*: must be a whole number from 1"):
            AnalogInverse(amc.Chip(), array_size=size)
    inverse = AnalogInverse(amc.Chip())
    inverse.program(np.eye(3))
    with pytest.raises(amc.InputError, match="2 rows"):
        inverse.solve([1.0, 2.0])


@pytest.mark.parametrize("foresee", [False, True])
@pytest.mark.parametrize(
    ("matrix", "mean"), [([[1.0, 2.0], [2.0, 1.0]], None), ([[4.0, 1.0], [1.0, 2.0]], [1.9, -1.3])]
)
def test_what_is_not_definite_is_refused_and_not_damped(matrix, mean, foresee):
    inverse = AnalogInverse(amc.Chip(), "A1", foresee=foresee)
    with pytest.raises(amc.InputError, match=r"A1: .* not positive definite: damp it more"):
        inverse.program(matrix, mean)
    assert inverse.damped == 0


def test_nothing_is_solved_with_what_was_not_written_to_the_end(monkeypatch):
    inverse = AnalogInverse(amc.Chip())
    inverse.program(np.eye(2))
    with pytest.raises(amc.InputError, match="finite"):  # nothing was written
        inverse.program(np.full((2, 2), np.nan))
    assert inverse.solve([1.0, 0.0]) == pytest.approx([1, 0], abs=1e-4)
    with monkeypatch.context() as patch:
        patch.setattr(inverse, "_ask", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            inverse.program([[4.0, 1.0], [1.0, 2.0]], [0.5, 0.5])
    with pytest.raises(amc.InputError, match="program it first"):
        inverse.solve([1.0, 0.0])
