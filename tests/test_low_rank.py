"""Low-rank products in two steps: laws, Monte Carlo and circuits side by side."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli_helpers import refused, run
from scipy.linalg import toeplitz

import amcspice as amc
from amcspice.algorithm.low_rank import Cells, PaperModel, WhiteNoise, array_error, draws, search
from amcspice.algorithm.low_rank.draws import Draws
from amcspice.algorithm.low_rank.errors import ErrorTerms, HeldFactors
from amcspice.algorithm.low_rank.factors import singular_factors
from amcspice.algorithm.low_rank.product import orthogonal_inputs
from amcspice.algorithm.low_rank.search import break_even, white_break_even
from amcspice.errors import InputError


def orthogonal(n, seed):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]


def decaying(n, decay, seed=0):
    return (orthogonal(n, seed) * np.arange(1.0, n + 1) ** -decay) @ orthogonal(n, seed + 50).T


def fourier(n):
    F = np.fft.fft(np.eye(n // 2)) / np.sqrt(n // 2)
    return np.block([[F.real, -F.imag], [F.imag, F.real]])


def kernel(n, width):
    return toeplitz(np.exp(-((np.arange(n) / width) ** 2)))


# -- the published model -----------------------------------------------------------------------

TABLE = {64: (2, 0.575), 128: (3, 0.457), 256: (4, 0.352), 512: (5, 0.271), 1024: (8, 0.203)}


@pytest.mark.parametrize("n", TABLE)
def test_the_published_model_has_its_optimum(n):
    rank, ratio = TABLE[n]
    model = PaperModel(n)
    assert model.best_rank == rank
    assert model.error(rank) / model.baseline == pytest.approx(ratio, abs=5e-4)
    assert 3.2 < model.error(model.published_rank) / model.error(rank) < 3.8


@pytest.mark.parametrize("n", [64, 128, 256, 512, pytest.param(1024, marks=pytest.mark.slow)])
def test_arrays_drawn_one_by_one_are_off_as_the_published_law_says(n):
    """Copies are drawn one by one where they are small, and as their mean where they are not."""
    model, random = PaperModel(n), np.random.default_rng(7)
    rank = model.best_rank
    copies = model.repeats(rank)
    s = n / np.arange(1.0, n + 1)
    U, V = orthogonal(n, 1), orthogonal(n, 2)
    A = U @ np.diag(s) @ V.T
    B, C = U[:, :rank] * s[:rank] ** 0.5, (V[:, :rank] * s[:rank] ** 0.5).T

    def noise(shape):
        if n <= 128:
            return random.standard_normal((copies, *shape)).mean(axis=0)
        return random.standard_normal(shape) / copies**0.5

    off = np.array(
        [(((B + noise(B.shape)) @ (C + noise(C.shape)) - A) ** 2).sum() for _ in range(12)]
    )
    error = off.std(ddof=1) / len(off) ** 0.5
    assert abs(off.mean() - model.error(rank)) < 3 * error
    assert error < 0.02 * model.error(rank)


def test_the_published_model_draws_what_its_law_says():
    model = PaperModel(64, scale=2.0, variance=0.5)
    errors, baselines = model.draw(3, 40, seed=2)
    for drawn, law in ((errors, model.error(3)), (baselines, model.baseline)):
        assert abs(drawn.mean() - law) < 3 * drawn.std(ddof=1) / len(drawn) ** 0.5


@pytest.mark.parametrize(
    "made",
    [
        lambda: PaperModel(1),
        lambda: PaperModel(8, variance=0.0),
        lambda: PaperModel(8).error(0),
        lambda: PaperModel(8).error(5),
    ],
)
def test_the_published_model_refuses_what_it_does_not_hold_for(made):
    with pytest.raises(InputError):
        made()


# -- laws of arrays ----------------------------------------------------------------------------


def test_white_noise_follows_the_closed_form():
    m, n, rank, sigma = 20, 12, 3, 0.07
    A = np.random.default_rng(0).standard_normal((m, n))
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    size = (A**2).sum()
    on_left = (s[:rank] ** 2 * m * (U[:, :rank] ** 2).max(axis=0)).sum() / size
    on_right = (s[:rank] ** 2 * n * (Vt[:rank] ** 2).max(axis=1)).sum() / size
    both = s**2 * m * n * (U**2).max(axis=0) * (Vt**2).max(axis=1)
    held = HeldFactors.of(A, singular_factors(A, 6), WhiteNoise(sigma))
    made = held.terms(6).at(rank, (2, 5))
    assert made["truncation"] == pytest.approx((s[rank:] ** 2).sum() / size)
    assert made["bias"] == pytest.approx(0, abs=1e-12)
    assert made["first_factor"] == pytest.approx(sigma**2 * on_right / 2)
    assert made["second_factor"] == pytest.approx(sigma**2 * on_left / 5)
    assert made["cross"] == pytest.approx(sigma**4 * both[:rank].sum() / size / 10)
    rows, top = (A**2).max(axis=1).sum(), m * (A**2).max()
    for gain, peaks in ((True, rows), (False, top)):
        law = array_error(A, WhiteNoise(sigma), row_gain=gain)
        assert law == pytest.approx(sigma * (n * peaks / size) ** 0.5)


@pytest.mark.parametrize("options", [{}, {"levels": 8}, {"noise_relative_to": "g"}])
def test_cells_drawn_are_off_as_their_law_says(options):
    """Algebra with drawn cells, without a circuit: both factors with copies, and one array."""
    A, rank, repeats = decaying(24, 1.0), 4, (2, 4)
    device = amc.Memristor(write_noise=0.15, **options)
    low = amc.LowRank(A, rank=rank, repeats=repeats, device=device)
    factors = low.choice.factors

    def drawn(matrix, copies, seed):
        cells = amc.Memristor(write_noise=0.15, seed=seed, **options)
        top = np.tile(matrix, (1, copies)) * cells.g_max
        made = cells.program(np.maximum(top, 0), 0) - cells.program(np.maximum(-top, 0), 1)
        return made.reshape(len(matrix), copies, -1).mean(axis=1) / cells.g_max

    squares, ones = [], []
    peaks = np.abs(A).max(axis=1, keepdims=True)
    for seed in range(150):
        right = drawn(factors.right[:rank], repeats[0], 3 * seed)
        left = drawn(factors.left[:, :rank], repeats[1], 3 * seed + 1)
        squares.append((((left * factors.gains[:rank]) @ right - A) ** 2).sum())
        ones.append(((drawn(A / peaks, 1, 3 * seed + 2) * peaks - A) ** 2).sum())
    laws = low.choice.square, array_error(A, Cells(device)) ** 2
    for found, law in zip((squares, ones), laws, strict=True):
        found = np.array(found) / (A**2).sum()
        assert abs(found.mean() - law) < 3.5 * found.std(ddof=1) / len(found) ** 0.5


def test_draws_are_those_of_the_law_and_say_how_sure_they_are():
    low = amc.LowRank(kernel(24, 5.0), write_noise=0.1, seed=5)
    told = low.draw(60, seed=1).to_json()
    for name, law in (
        ("error", low.plan().error),
        ("baseline_error", array_error(low.matrix, Cells(low.hardware.device))),
    ):
        assert abs(told[name] - law) < 3.5 * told[f"{name}_standard_error"]
        assert told[f"{name}_standard_error"] < 0.05 * law
    with pytest.raises(InputError, match="at least 2"):
        low.draw(1)


# -- plans -------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.1, 0.03])
@pytest.mark.parametrize(
    "A",
    [orthogonal(64, 3), np.random.default_rng(0).standard_normal((64, 64)), fourier(64)],
    ids=["flat", "gaussian", "fourier"],
)
def test_it_does_not_help_where_singular_values_hardly_fall(A, noise):
    plan = amc.LowRank(A, write_noise=noise).plan()
    assert not plan.helps
    assert "does not help" in str(plan)
    assert plan.break_even_write_noise is None or plan.break_even_write_noise > 0.25


def test_where_it_breaks_even():
    low = amc.LowRank(decaying(256, 1.0))
    level = low.break_even()
    assert level > 0.057
    for noise, helps in ((0.95 * level, False), (1.05 * level, True)):
        made = amc.LowRank(low.matrix, write_noise=noise)
        made.__dict__["candidates"] = low.candidates
        baseline = array_error(low.matrix, Cells(made.hardware.device))
        assert (made.choice.square**0.5 < baseline) is helps


@pytest.mark.parametrize("options", [{}, {"levels": 16}, {"noise_relative_to": "g"}])
@pytest.mark.parametrize("decay", [0.0, 1.0, 2.0])
def test_the_choice_is_that_of_every_rank_looked_at(decay, options):
    low = amc.LowRank(decaying(48, decay), write_noise=0.05, **options)
    (factors,), cells = low.candidates, low.budget.cells
    terms = HeldFactors.of(low.matrix, factors, Cells(low.hardware.device)).terms(99)
    squares = {}
    for rank in factors.ranks.tolist():
        for one in range(1, cells // (2 * 48 * rank)):
            two = cells // (2 * 48 * rank) - one
            squares[rank, one, two] = sum(terms.at(rank, (one, two)).values())
    least = min(squares.values())
    rank = min(rank for (rank, *_), square in squares.items() if square <= least * 1.015**2)
    best = min((key for key in squares if key[0] == rank), key=squares.__getitem__)
    assert (low.choice.rank, *low.choice.repeats) == best
    assert low.choice.square == pytest.approx(squares[best], rel=1e-9)


@pytest.mark.parametrize("shape", [(40, 40), (50, 30)])
def test_where_white_noise_breaks_even(shape):
    """By numbers: the best real copies at every rank, noise of both steps at once left out."""
    random = np.random.default_rng(2)
    A = random.standard_normal(shape) @ np.diag(np.arange(1.0, shape[1] + 1) ** -1.2)
    low = amc.LowRank(A)
    (factors,), (m, n) = low.candidates, shape
    level = white_break_even(A, factors, low.budget)
    held = HeldFactors.of(A, factors, WhiteNoise(level))
    squares = []
    for rank in factors.ranks.tolist():
        one = np.linspace(1e-3, 1, 20001)[:-1] * low.budget.cells / (2 * rank * n)
        two = (low.budget.cells - one * 2 * rank * n) / (2 * rank * m)
        noise = (held.first[rank - 1] / one + held.second[rank - 1] / two).min()
        squares.append(factors.missed[rank - 1] / (A**2).sum() + noise)
    assert min(squares) ** 0.5 == pytest.approx(array_error(A, WhiteNoise(level)), rel=1e-4)


def test_a_break_even_is_searched_for_from_anywhere():
    for root in (2e-4, 0.03, 0.9):
        for expected in (0.0, 1e-3, 0.1, np.inf):
            found = break_even(lambda noise, root=root: np.log(root / noise), expected)
            assert found == pytest.approx(root, rel=2e-3)
    assert break_even(lambda noise: 1.0, 0.1) is None
    assert break_even(lambda noise: -1.0, 0.1) == 0.0


@pytest.mark.parametrize("seed", [0, 1, 4])
def test_the_rank_of_a_steep_spectrum(seed):
    made = amc.LowRank(decaying(256, 1.5, seed), write_noise=0.05).choice
    assert abs(made.rank - 12) <= 1
    assert sum(made.repeats) == 256 // made.rank


def test_terms_add_up_and_figures_are_in_the_json():
    plan = amc.LowRank(decaying(32, 2.0), write_noise=0.05).plan()
    assert plan.helps
    assert plan.error**2 == pytest.approx(sum(plan.terms.values()))
    assert plan.error < plan.baseline_error < plan.baseline_error_one_gain
    assert 0 < plan.break_even_write_noise < 0.05
    assert json.loads(json.dumps(plan.to_json()))["repeats"] == list(plan.repeats)


@pytest.mark.parametrize("shape", [(24, 24), (40, 12), (9, 31)])
@pytest.mark.parametrize("signed", [True, False])
def test_copies_fit_into_the_cells_of_one_array(shape, signed):
    A = np.random.default_rng(0).random(shape) - 0.5 * signed
    m, n = shape
    for rank in (1, 2, 3):
        plan = amc.LowRank(A, rank=rank, write_noise=0.1).plan()
        one, two = plan.repeats
        pair = 2 if signed or rank > 1 else 1
        assert plan.baseline_cells == m * n * (2 if signed else 1)
        assert plan.cells == pair * rank * (one * n + two * m) <= plan.baseline_cells
        assert plan.baseline_cells - plan.cells < pair * rank * (m if two > one else n) + m + n + 99


def test_factors_without_signs_take_single_cells():
    A = kernel(32, 6.0)
    singular = amc.LowRank(A, rank=4, write_noise=0.05).plan()
    positive = amc.LowRank(A, rank=4, factors="nmf", write_noise=0.05).plan()
    assert sum(singular.repeats) == 32 // 8
    assert sum(positive.repeats) == 32 // 4
    assert positive.terms["truncation"] >= singular.terms["truncation"]
    assert amc.LowRank(A, factors="nmf", write_noise=0.05).plan().helps


def test_without_write_noise_it_never_helps():
    for A in (decaying(16, 2.0), np.outer(np.arange(1.0, 9), np.ones(8)), kernel(16, 4.0)):
        plan = amc.LowRank(A).plan()
        assert not plan.helps
        assert plan.error >= plan.baseline_error - 1e-12


def test_a_matrix_of_low_rank_breaks_even_at_any_write_noise():
    random = np.random.default_rng(0)
    A = random.standard_normal((32, 2)) @ random.standard_normal((2, 32))
    plan = amc.LowRank(A, write_noise=0.01).plan()
    assert (plan.helps, plan.rank, plan.break_even_write_noise) == (True, 2, 0.0)


@pytest.mark.parametrize(
    ("matrix", "options", "message"),
    [
        (np.zeros((3, 3)), {}, "zero"),
        ([[1.0, np.nan], [0.0, 1.0]], {}, "not finite"),
        (1j * np.eye(3), {}, "real form"),
        ([[1.0]], {}, "cells"),
        (np.ones(3), {}, "two-dimensional"),
        (np.eye(4), {"rank": 0}, "rank = 0"),
        (np.eye(4), {"rank": 5}, "from 1 to 4"),
        (np.eye(4), {"rank": 1.5}, "rank"),
        (np.eye(4), {"rank": True}, "rank"),
        (np.eye(4), {"cells": 0}, "cells = 0"),
        (np.eye(4), {"cells": 7}, "there are 7"),
        (decaying(4, 1.0), {"rank": 3}, "there are 32"),
        (np.eye(4), {"repeats": (1,)}, "two numbers"),
        (np.eye(4), {"repeats": (1, 0)}, "repeats = 0"),
        (np.eye(4), {"repeats": (3, 30)}, "3 [+] 30 copies"),
        (np.eye(4), {"factors": "qr"}, "factors"),
        (decaying(4, 1.0), {"factors": "nmf"}, "negative"),
        (np.eye(4), {"write_nose": 0.1}, "write_noise"),
    ],
)
def test_what_cannot_be_used_is_refused(matrix, options, message):
    with pytest.raises(InputError, match=message):
        amc.LowRank(matrix, **options).plan()


# -- on a chip ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(12, 12), (9, 14)])
@pytest.mark.parametrize("fidelity", ["dc", "behavioural"])
def test_on_ideal_hardware_it_is_the_product_of_the_factors(shape, fidelity):
    random = np.random.default_rng(1)
    A = random.standard_normal((shape[0], 2)) @ random.standard_normal((2, shape[1]))
    product = amc.LowRank(A, rank=2, gain=1e10).program(fidelity=fidelity)
    x = random.standard_normal((shape[1], 3))
    assert np.abs(product @ x - A @ x).max() < 1e-7 * np.abs(A @ x).max()
    assert (product @ x[:, 0]).shape == (shape[0],)
    with pytest.raises(InputError, match="rows"):
        product @ x[1:]


@pytest.mark.ngspice
def test_in_ngspice():
    A = decaying(8, 1.0)
    low = amc.LowRank(A, rank=2, write_noise=0.05, gain=1e6)
    x = np.random.default_rng(0).standard_normal(8)
    exact, simulated = (low.program(fidelity=name, seed=1) @ x for name in ("dc", "reduced"))
    assert np.abs(simulated - exact).max() < 1e-4 * np.abs(exact).max()


def test_the_account_has_both_writings_and_the_gains():
    low = amc.LowRank(decaying(16, 1.5), rank=2, write_noise=0.05)
    chip = amc.Chip(low.hardware)
    product = low.program(chip)
    work = chip.cost().work
    assert work.programmings == 2
    before = work.operated.count, work.flops
    product @ np.eye(16)
    work = chip.cost().work
    assert (work.operated.count - before[0], work.flops - before[1]) == (2 * 16, 2 * 16)
    counted = [each.circuit() for each in chip.matrices]
    one, two = product.first.copies, product.second.copies
    assert [circuit.matrix.shape for circuit in counted] == [(2, 16 * one), (16, 2 * two)]
    held = sum(2 * circuit.matrix.size for circuit in counted)
    assert held == low.plan().cells
    trial = low.simulate(inputs=4)
    assert trial.two_steps.amplifiers == trial.one_array.amplifiers + 2
    assert trial.two_steps.cells == sum(circuit.schematic.cells for circuit in counted) > held


def check(A, rank, seeds):
    """Compare circuits with both laws; return how far each law is off, in parts."""
    low = amc.LowRank(A, rank=rank, write_noise=0.05)
    trials = [low.simulate(seed=seed) for seed in seeds]
    white = low.choose(WhiteNoise(0.05)).square ** 0.5
    found = np.sqrt(np.mean([trial.two_steps.error**2 for trial in trials]))
    ones = np.sqrt(np.mean([trial.one_array.error**2 for trial in trials]))
    laws = [array_error(A, law) for law in (Cells(low.hardware.device), WhiteNoise(0.05))]
    assert found == pytest.approx(low.plan().error, rel=0.06)
    assert ones == pytest.approx(laws[0], rel=0.06)
    return [
        (abs(law / value - 1), abs(wrong / value - 1))
        for law, wrong, value in ((low.choice.square**0.5, white, found), (*laws, ones))
    ]


def test_circuits_are_off_as_the_law_of_cells_says():
    """Conductances end at zero: the law of white noise says too much, for one array above all."""
    (_, _), (cells, white) = check(decaying(64, 1.5), 8, (1, 2))
    assert cells < 0.015 < 0.025 < white


@pytest.mark.slow
@pytest.mark.parametrize("decay", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("rank", [4, 8, 16])
def test_circuits_of_all_spectra(decay, rank):
    for cells, white in check(decaying(64, decay), rank, (1, 2)):
        assert cells < max(white, 0.03)


@pytest.mark.parametrize(("rank", "law"), [(4, 0.9684), (8, 0.9360)])
def test_a_flat_spectrum_loses_what_is_truncated(rank, law):
    low = amc.LowRank(orthogonal(64, 3), rank=rank, write_noise=0.05)
    assert low.choice.square**0.5 == pytest.approx(law, abs=2e-4)
    product = low.program(seed=1) @ np.eye(64)
    found = np.linalg.norm(product - low.matrix) / np.linalg.norm(low.matrix)
    assert found == pytest.approx(law, abs=1e-3)


def test_errors_of_draws_are_those_of_a_mean_square():
    squares = np.array([0.01, 0.02, 0.04, 0.05])
    told = Draws(squares, 4 * squares).to_json()
    spread = np.std(squares, ddof=1) / 2
    low, high = np.sqrt(0.03 - spread / 1e3), np.sqrt(0.03 + spread / 1e3)
    assert told["error"] == pytest.approx(0.03**0.5)
    assert told["error_standard_error"] == pytest.approx((high - low) * 500, rel=1e-5)
    assert told["baseline_error_standard_error"] == pytest.approx(2 * (high - low) * 500, rel=1e-5)


def test_no_two_arrays_of_a_draw_have_the_same_cells(monkeypatch):
    low, seeds, mean = amc.LowRank(kernel(12, 5.0), write_noise=0.1, seed=5), [], draws._mean

    def seen(device, entries, copies):
        seeds.append(device.seed)
        return mean(device, entries, copies)

    monkeypatch.setattr(draws, "_mean", seen)
    low.draw(5)
    assert len(seeds) == len(set(seeds)) == 15


def test_cells_of_a_pair_are_stuck_apart():
    device = amc.Memristor(stuck_on=0.3, seed=2)
    entries = np.random.default_rng(0).choice([-0.5, 0.5], (120, 120))
    mean, variance = Cells(device)(entries)
    off = draws._mean(device, entries, 1) - mean
    assert (off**2).mean() == pytest.approx(variance.mean(), rel=0.05)
    assert abs((off * np.sign(entries)).mean()) < 4 * off.std() / 120


def test_the_smallest_rank_is_within_its_part_of_the_least_error():
    """Over every rank on its own: none is taken whose error is 1.5 % above, none larger than is."""
    took = []
    for seed in range(30):
        A, noise = decaying(16, 1.2, seed), 0.1 + 0.01 * seed
        low = amc.LowRank(A, write_noise=noise)
        alone = {}
        for rank in range(1, 5):
            alone[rank] = amc.LowRank(A, rank=rank, write_noise=noise).choice.square ** 0.5
        least, base = min(alone.values()), array_error(A, Cells(low.hardware.device))
        limit = least if least < base <= 1.015 * least else 1.015 * least
        expected = min(rank for rank, error in alone.items() if error <= limit * (1 + 1e-12))
        assert low.choice.rank == expected
        took.append(alone[expected] / least)
    assert 1.0075 < max(took) <= 1.015


def test_a_rank_that_is_better_is_not_given_up():
    factors = singular_factors(np.diag([2.0, 1.0, 0.0, 0.0]), 2)
    terms = ErrorTerms(*np.zeros((5, 2)))
    choices = [
        search.Choice(factors, terms, rank, (1, 1), error**2)
        for rank, error in ((1, 1.0), (2, 0.99))
    ]

    def chosen(baseline):
        return search.choose(choices, baseline).rank

    assert chosen(0.995) == 2  # rank 1 would be worse than one array
    assert chosen(0.9) == chosen(1.1) == 1


@pytest.mark.parametrize("shape", [(9, 14), (14, 9)])
def test_a_trial_is_what_its_circuits_gave(shape):
    A = np.random.default_rng(3).standard_normal((shape[0], 3)) @ np.ones((3, shape[1]))
    A = A + 0.2 * np.random.default_rng(4).standard_normal(shape)
    low = amc.LowRank(A, rank=2, write_noise=0.05, opamp="onchip-1g")
    trial = low.simulate(fidelity="behavioural", seed=2)
    inputs = orthogonal_inputs(shape[1], None, 2)
    first, second = low.program(seed=2, fidelity="behavioural").run(inputs)
    error = np.linalg.norm(second.x - A @ inputs) / np.linalg.norm(A)
    assert trial.two_steps.error == pytest.approx(error)
    slowest = first.settling_time.max() + second.settling_time.max()
    assert trial.two_steps.settling_time == pytest.approx(slowest)


def test_a_plan_says_that_it_leaves_out_converters():
    plan = amc.LowRank(decaying(12, 1.5), write_noise=0.1, adc_bits=8, wire_resistance=1.0).plan()
    assert plan.cautions == ("the plan leaves out wires and converters: run the circuits",)
    plan = amc.LowRank(decaying(12, 1.5), write_noise=0.1, dac_bits=8).plan()
    assert plan.cautions == ("the plan leaves out converters: run the circuits",)


# -- a gain a row ------------------------------------------------------------------------------


@pytest.mark.parametrize("gain", ["read-out", "feedback"])
def test_a_row_with_its_own_gain_uses_the_full_range(gain):
    A = np.array([[4.0, -2.0], [0.1, 0.05], [0.0, 0.0], [-0.01, 0.004]])
    circuit = amc.MVM(A, row_gain=gain, gain=1e10)
    target = np.abs(circuit.mapping.target)
    assert target[[0, 1, 3]].max(axis=1) == pytest.approx([circuit.device.g_max] * 3)
    assert circuit.mapping.row_scale == pytest.approx([1, 40, 1, 400])
    x = np.array([[1.0, 0.3], [-0.5, 1.0]])
    made = amc.simulate(circuit, x, fidelity="dc")
    np.testing.assert_allclose(made.x, A @ x, rtol=1e-6, atol=1e-9)


def test_what_is_read_smaller_is_less_noisy():
    A = np.random.default_rng(0).standard_normal((16, 16)) * np.geomspace(1, 0.01, 16)[:, None]
    x = np.eye(16)
    found = {}
    for gain in ("one", "read-out"):
        M = amc.Chip(write_noise=0.02, seed=1).program(A, "mvm", row_gain=gain)
        found[gain] = np.linalg.norm((M @ x - A @ x)[-1]) / np.linalg.norm(A[-1])
    assert found["read-out"] < 0.1 < 1 < found["one"]


# -- the command -------------------------------------------------------------------------------


def test_the_command_says_whether_it_helps(tmp_path):
    np.save(tmp_path / "A.npy", decaying(24, 2.0))
    np.save(tmp_path / "flat.npy", orthogonal(24, 3))
    made = run("lowrank", tmp_path / "A.npy", "--write-noise", "5 %", "--simulate", "--inputs", 3,
               "--draws", 5, "--json", tmp_path / "A.json")  # fmt: skip
    assert made.exit_code == 0, made.output
    assert "a low-rank product helps" in made.stdout
    told = json.loads((tmp_path / "A.json").read_text())
    expected = amc.LowRank(decaying(24, 2.0), write_noise=0.05).plan().to_json()
    assert {name: told[name] for name in expected} == expected
    assert {"helps", "rank", "repeats", "error", "baseline_error", "break_even_write_noise"} < {
        *told
    }
    assert told["simulated"]["fidelity"] == "dc"
    assert told["simulated"]["inputs"] == 3
    assert told["monte_carlo"]["error"] == pytest.approx(told["error"], rel=0.1)
    assert "5 draws of the cells" in made.stdout
    made = run("lowrank", tmp_path / "flat.npy", "--write-noise", 0.1)
    assert made.exit_code == 0
    assert "does not help" in made.stdout


def test_what_a_plan_leaves_out_is_told(tmp_path):
    np.save(tmp_path / "A.npy", decaying(32, 2.0))
    words = ["lowrank", tmp_path / "A.npy", "--write-noise", "0.1", "--wire-resistance", "50",
             "--json", "-"]  # fmt: skip
    planned, simulated = run(*words), run(*words, "--simulate")
    assert "note: the plan leaves out wires: run the circuits" in planned.stderr
    assert json.loads(planned.stdout)["cautions"] == ["the plan leaves out wires: run the circuits"]
    told = json.loads(simulated.stdout)
    assert told["helps"]
    assert not told["simulated"]["helps"]
    assert "do not agree" in simulated.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rank", "0"], "at least 1"),
        (["--rank", "9"], "from 1 to 4"),
        (["--rank", "3"], "cells"),
        (["--cells", "3"], "cells"),
        (["--inputs", "3"], "inputs: of a run; give simulate"),
        (["--simulate", "--inputs", "9"], "inputs = 9"),
        (["--first-copies", "1"], "give both"),
        (["--factors", "nmf"], "negative"),
        (["--circuit", "inv"], "mvm"),
        (["--feedback", "2"], "--feedback"),
        (["--verify", "2"], "--verify"),
    ],
)
def test_what_the_command_refuses(tmp_path, words, message):
    np.save(tmp_path / "A.npy", decaying(4, 1.0))
    made = run("lowrank", tmp_path / "A.npy", "--json", tmp_path / "out.json", *words)
    refused(made, message)
    assert not (tmp_path / "out.json").exists()


def test_files_that_hold_no_such_matrix_are_refused(tmp_path):
    refused(run("lowrank", tmp_path / "none.npy"), "no such file")
    np.save(tmp_path / "A.npy", 1j * np.eye(3))
    refused(run("lowrank", tmp_path / "A.npy"), "real form")
