"""Optimisers, trainings from a seed, and their comparison."""

import functools
from dataclasses import replace

import numpy as np
import pytest
from letters import LETTERS, needs_letters

import amcspice as amc
from amcspice.algorithm.curvature import ExactInverse
from amcspice.workload.training import (
    GRIDS,
    KFAC,
    OPTIMISERS,
    TUNING_SEEDS,
    Adam,
    AnalogCurvature,
    Comparison,
    Course,
    Entrant,
    Outcome,
    Pictures,
    SGDMomentum,
    Trial,
    best_setting,
    read_letters,
    run_trials,
    train,
)
from amcspice.workload.training.course import crossing
from amcspice.workload.training.curvature import LayerCurvature, clip_by_divergence
from amcspice.workload.training.network import NETWORKS
from amcspice.workload.training.noise import VARIANTS, noise_study, stability_limits
from amcspice.workload.training.tuning import grid_entrants, usual


def few(classes=3, each=20, seed=0):
    """Return pictures that are told apart easily."""
    draw = np.random.default_rng(seed)
    true = draw.standard_normal((classes, 8, 8))
    labels = np.repeat(np.arange(classes), each)
    images = true[labels] + 0.5 * draw.standard_normal((len(labels), 8, 8))
    return Pictures("few", images, labels, tuple("abcdefgh"[:classes]))


# -- optimisers --------------------------------------------------------------------------------


def steps(optimiser, count=4):
    """Return weights after some steps, and the gradients that each of them was made with."""
    draw = np.random.default_rng(0)
    net = NETWORKS["mlp"]((3, 2, 1), 3)
    weights = net.start(draw)
    begun, labels = [each.copy() for each in weights], draw.integers(3, size=5)
    rows = net.rows(draw.standard_normal((5, 3, 2, 1)))
    at_work = optimiser.begin(net, ExactInverse, np.random.default_rng(1))
    gradients = []
    for _ in range(count):
        trace = net.forward(weights, rows)
        gradients.append([each.copy() for each in trace.gradients(labels)])
        at_work.step(weights, trace, labels)
    return begun, weights, gradients


def test_momentum_is_the_sum_of_all_gradients_with_their_ages():
    begun, weights, gradients = steps(SGDMomentum(learning_rate=0.05, momentum=0.8))
    for k, start in enumerate(begun):
        moved = sum(
            0.05 * 0.8 ** (later - each) * gradients[each][k]
            for later in range(4)
            for each in range(later + 1)
        )
        np.testing.assert_allclose(weights[k], start - moved, atol=1e-14)


def test_adam_is_its_definition_in_sums():
    begun, weights, gradients = steps(Adam(learning_rate=0.05, second_decay=0.9))
    for k, start in enumerate(begun):
        for t in range(1, 5):
            ages = np.arange(t)[::-1]
            g = np.array([gradients[each][k] for each in range(t)])
            first = np.tensordot(0.9**ages, g, 1) / (0.9**ages).sum()
            second = np.tensordot(0.9**ages, g**2, 1) / (0.9**ages).sum()
            start = start - 0.05 * first / (np.sqrt(second) + 1e-8)
        np.testing.assert_allclose(weights[k], start, atol=1e-12)


def test_direction_inverts_the_kronecker_product():
    draw = np.random.default_rng(0)
    layer = LayerCurvature("layer", ExactInverse, 0.95)
    a = np.concatenate([draw.standard_normal((30, 4, 3)), np.ones((30, 4, 1))], axis=2)
    g = draw.standard_normal((30, 4, 2))
    layer.observe(a, g)
    A = sum(np.outer(row, row) for example in a for row in example) / 30
    G = sum(np.outer(row, row) for example in g for row in example) / (30 * 4)
    np.testing.assert_allclose(layer.A, A, atol=1e-12)
    np.testing.assert_allclose(layer.G, G, atol=1e-12)
    layer.renew(0.2)
    pi = np.sqrt(np.trace(A) / 4 / (np.trace(G) / 2))
    damped = np.kron(G + np.sqrt(0.2) / pi * np.eye(2), A + pi * np.sqrt(0.2) * np.eye(4))
    gradient = draw.standard_normal((2, 4))
    expected = np.linalg.solve(damped, gradient.ravel()).reshape(2, 4)
    np.testing.assert_allclose(layer.direction(gradient), expected, atol=1e-12)
    # The mean is that of the inputs, over the positions of an example.
    np.testing.assert_allclose(layer.mean / layer.mean[-1], a.mean(axis=(0, 1)), atol=1e-12)


def test_curvature_is_made_with_drawn_labels_and_not_with_those_of_the_data():
    draw = np.random.default_rng(0)
    net = NETWORKS["mlp"]((3, 2, 1), 3)
    weights, labels = net.start(draw), np.zeros(40, int)
    trace = net.forward(weights, net.rows(draw.standard_normal((40, 3, 2, 1))))
    drawn = trace.signals(trace.sample(np.random.default_rng(1)))
    at_work = KFAC().begin(net, ExactInverse, np.random.default_rng(1))
    at_work.step(weights, trace, labels)
    for layer, g in zip(at_work.layers, drawn, strict=True):
        g = g.reshape(-1, g.shape[-1])
        np.testing.assert_allclose(layer.G, g.T @ g / len(g), atol=1e-15)


def test_factors_are_a_plain_mean_first_and_forget_later():
    draw = np.random.default_rng(0)
    layer, squares = LayerCurvature("layer", ExactInverse, 0.75), draw.random(12)
    for square in squares:
        layer.observe(np.full((1, 1, 1), np.sqrt(square)), np.ones((1, 1, 1)))
    shares = np.array([0.25 * 0.75**age for age in range(11, -1, -1)])
    shares[:4] = 0.75**8 / 4  # the first four in equal parts
    assert layer.A[0, 0] == pytest.approx(shares @ squares)


def test_curvature_of_the_last_layer_is_the_fisher_information_of_a_softmax():
    net = NETWORKS["mlp"]((3, 2, 1), 3)
    draw = np.random.default_rng(0)
    weights = net.start(draw)
    trace = net.forward(weights, net.rows(draw.standard_normal((1, 3, 2, 1))))
    layer = LayerCurvature("last", ExactInverse, 1 - 1e-9)
    for _ in range(4000):
        layer.observe(trace.activations[-1], trace.signals(trace.sample(draw))[-1])
    p = trace.probabilities[0]
    np.testing.assert_allclose(layer.G, np.diag(p) - np.outer(p, p), atol=5 * 0.5 / np.sqrt(4000))


def test_clipped_steps_predict_the_divergence_that_is_allowed():
    draw = np.random.default_rng(0)
    gradients = [draw.standard_normal((2, 3)), draw.standard_normal((4, 2))]
    directions = [2 * each for each in gradients]
    scale = clip_by_divergence(directions, gradients, 0.5, 1e-3)
    moved = sum(
        (scale * 0.5) ** 2 * (d * g).sum() for d, g in zip(directions, gradients, strict=True)
    )
    assert moved == pytest.approx(1e-3)
    assert clip_by_divergence(directions, gradients, 0.5, 1e3) == 1.0


# -- trainings ---------------------------------------------------------------------------------


def test_a_target_is_reached_between_ends_of_epochs():
    values = np.array([0.0, 0.2, 0.7, 0.75])
    for target in (0.1, 0.5, 0.74):
        assert crossing(values, target) == pytest.approx(np.interp(target, values, range(4)))
    assert np.isnan(crossing(values, 0.8))
    assert crossing(values, -1.0) == 0.0
    course = Course(np.array([2.0, 1.0, 0.5]), np.array([0.1, 0.6, 0.4]))
    assert course.epochs_to_loss(0.75) == pytest.approx(1.5)
    assert course.epochs_to_accuracy(0.35) == pytest.approx(0.5)
    assert course.best_accuracy == 0.6


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_trains_every_network(name, network):
    course = train(few(), OPTIMISERS[name](), network=network, epochs=12, batch_size=16)
    assert course.failure is None
    assert course.loss[-1] < 0.1 * course.loss[0]
    assert course.best_accuracy == 1.0


def test_a_seed_fixes_everything_and_optimisers_begin_alike():
    first, again, other = (train(few(), KFAC(), epochs=2, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.loss, again.loss)
    assert first.loss[0] != other.loss[0]
    assert train(few(), SGDMomentum(), epochs=1, seed=3).loss[0] == first.loss[0]


def test_a_training_that_diverges_says_so():
    course = train(few(), SGDMomentum(learning_rate=1e4), epochs=5)
    assert "diverged" in course.failure
    assert len(course.loss) < 6
    assert np.isnan(course.epochs_to_loss(1e-9))
    natural = train(few(), KFAC(learning_rate=1e6, kl_clip=1e12), epochs=5)
    assert "diverged" in natural.failure


def test_noise_of_the_cells_is_drawn_by_the_seed_and_ideal_cells_are_exact():
    def outcome(seed, **hardware):
        chip = functools.partial(amc.Chip, cost_sample=0, **hardware)
        return trial.run(Entrant("kfac", KFAC(), AnalogCurvature(chip)), seed)

    trial = Trial(few(), network="cnn", epochs=1, batch_size=16)
    ideal = outcome(0, gain=1e9, output_resistance=1e-6)
    exact = trial.run(Entrant("kfac", KFAC()), 0)
    np.testing.assert_allclose(ideal.course.loss, exact.course.loss, rtol=1e-5)
    first, again, other = (outcome(seed, write_noise=0.02) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.course.loss, again.course.loss)
    assert first.course.loss[0] != other.course.loss[0]
    assert not np.allclose(first.course.loss[1], exact.course.loss[1], rtol=1e-4)
    # Four inverses in the first of three steps; rows and columns of both layers in every one.
    assert (first.account.writings, first.account.unstable) == (4, 0)
    assert first.account.writing_energy > 0
    assert exact.account is None


def test_a_training_without_a_stable_inverse_ends_and_says_why():
    chip = functools.partial(amc.Chip, cost_sample=0, write_noise=0.6)
    outcome = Trial(few(), epochs=2).run(Entrant("kfac", KFAC(), AnalogCurvature(chip)), 0)
    assert "unstable" in outcome.course.failure
    assert len(outcome.course.loss) == 1


# -- many of them ------------------------------------------------------------------------------


def test_what_was_interrupted_goes_on_and_ends_alike(tmp_path):
    trial, seeds = Trial(few(), epochs=3, batch_size=16), (0, 1)
    entrants = [Entrant(name, OPTIMISERS[name]()) for name in OPTIMISERS]
    whole = run_trials(trial, entrants, seeds)

    class StopError(Exception):
        pass

    told = []

    def stop(count):
        told.append(count)
        if sum(told) > 10:
            raise StopError

    file = tmp_path / "checkpoint.npz"
    with pytest.raises(StopError):
        run_trials(trial, entrants, seeds, checkpoint=file, progress=stop)
    counted = []
    resumed = run_trials(
        trial, entrants, seeds, checkpoint=file, resume=True, progress=counted.append
    )
    assert sum(counted) == 3 * 6
    assert counted[0] == 3 * 2  # what was done is told at once
    for name, several in whole.items():
        for one, two in zip(several, resumed[name], strict=True):
            np.testing.assert_array_equal(one.course.loss, two.course.loss)
            np.testing.assert_array_equal(one.course.accuracy, two.course.accuracy)
    with pytest.raises(amc.InputError, match="another run"):
        run_trials(trial, entrants, (0, 2), checkpoint=file, resume=True)


@pytest.mark.slow
def test_processes_change_no_result():
    chip = functools.partial(amc.Chip, cost_sample=0, write_noise=0.02)
    entrants = [
        Entrant("adam", Adam()), Entrant("kfac", KFAC(), AnalogCurvature(chip)),
    ]  # fmt: skip
    trial = Trial(few(), epochs=2, batch_size=16)
    one, two = (run_trials(trial, entrants, (0, 1), jobs=jobs) for jobs in (1, 2))
    for name, several in one.items():
        for first, second in zip(several, two[name], strict=True):
            np.testing.assert_array_equal(first.course.loss, second.course.loss)
            assert first.account == second.account


def test_outcomes_survive_being_written():
    course = Course(np.array([1.0, np.nan]), np.array([0.5, 0.1]), "epoch 1: it diverged")
    again = Outcome.from_json(Outcome(course).to_json())
    np.testing.assert_array_equal(again.course.loss, course.loss)
    assert again.course.failure == course.failure


def made_up(losses):
    """Return outcomes whose losses fall to these in steps of one epoch."""
    return [Outcome(Course(np.array(each), np.linspace(0.1, 0.8, len(each)))) for each in losses]


def comparison():
    falls = {
        "sgdm": [[4.0, 2.0, 0.0], [4.0, 3.0, 2.0], [4.0, 2.0, 0.0]],
        "kfac": [[4.0, 0.0], [4.0, 0.0], [4.0, 2.0, 0.0]],
    }
    entrants = Entrant("sgdm", SGDMomentum()), Entrant("kfac", KFAC())
    outcomes = {name: made_up(several) for name, several in falls.items()}
    return Comparison(entrants, outcomes, (0, 1, 2), target_loss=1.0)


def test_savings_are_paired_by_seeds_and_what_is_not_reached_is_told():
    made = comparison()
    np.testing.assert_allclose(made.epochs("sgdm"), [1.5, np.nan, 1.5])
    np.testing.assert_allclose(made.epochs("kfac"), [0.75, 0.75, 1.5])
    saving = made.saving("kfac", "sgdm")
    np.testing.assert_allclose(saving.per_seed, [0.5, np.nan, 0.0])
    assert (saving.mean, saving.paired) == (0.25, 2)
    assert any("1 of 3 trainings did not come to a loss of 1" in each for each in made.cautions)
    content = made.to_json()
    assert content["optimizers"]["sgdm"]["reached"] == 2
    assert content["optimizers"]["sgdm"]["epochs_mean"] == 1.5
    assert content["saving"]["kfac"]["sgdm"]["mean"] == 0.25
    assert content["optimizers"]["kfac"]["best_accuracy"] == pytest.approx([0.8] * 3)


def test_the_best_setting_reaches_most_often_then_first():
    entrants = [Entrant(f"sgdm {k}", SGDMomentum(learning_rate=0.1 * (k + 1))) for k in range(3)]
    falls = [[[4.0, 0.0], [4.0, 3.0]], [[4.0, 3.0, 0.0]] * 2, [[4.0, 2.0, 0.0]] * 2]
    outcomes = {e.name: made_up(f) for e, f in zip(entrants, falls, strict=True)}
    assert best_setting("sgdm", entrants, outcomes, 1.0) == entrants[2].optimiser


def test_grids_are_of_one_size_apart_from_judging_and_hold_the_defaults():
    sizes = {name: len(grid_entrants([name])) for name in GRIDS}
    assert set(sizes.values()) == {8}
    for name in OPTIMISERS:
        settings = [each.optimiser for each in grid_entrants([name])]
        assert OPTIMISERS[name]() in settings
        assert usual(name) not in settings
    assert not set(TUNING_SEEDS) & set(range(100))


def test_noise_is_studied_beside_exact_inverses_and_the_limit_that_is_foretold():
    device = amc.Memristor()
    study = noise_study(
        Trial(few(), epochs=4, batch_size=16), Entrant("kfac", KFAC(damping=0.3)),
        lambda noise: functools.partial(amc.Chip, cost_sample=0, write_noise=noise),
        device, [0.005, 0.5], (0,), 0.5,
    )  # fmt: skip
    assert np.isfinite(study.exact).all()
    for name in VARIANTS:
        low, middle, high = study.limits[name]
        assert 0.005 < low <= middle <= high < 0.5
        assert study.lost(name) == 0.5
        assert np.isfinite(study.curves[name][0.005]).all()
    lost = replace(study, exact=np.array([np.nan]))
    assert np.isnan(lost.lost("mean kept digital"))
    assert "do not come to a loss of 0.5 within 4 epochs" in lost.cautions[0]
    assert not replace(study, exact=np.array([2.6])).cautions
    short = replace(study, exact=np.array([2.8])).cautions
    assert "4 epochs are fewer than 1.5 times those of exact inverses, 4.20" in short[0]
    # Without the mean the array is far better conditioned, and bears more.
    raw, kept = study.limits.values()
    assert kept[1] > raw[1]


def test_limits_are_those_of_the_norm_of_the_inverse():
    factors = {}

    class Kept(ExactInverse):
        def program(self, matrix, mean=None):
            super().program(matrix, mean)
            factors.setdefault(self.label, []).append((matrix, mean))

    trial, entrant = Trial(few(), epochs=1, batch_size=64), Entrant("kfac", KFAC(damping=0.3))
    train(few(), entrant.optimiser, epochs=1, batch_size=64, make_inverse=Kept)
    limits = stability_limits(trial, entrant, amc.Memristor(), 0)

    def norm(matrix):
        scale = np.sqrt(np.diag(matrix))
        return np.linalg.norm(np.linalg.inv(matrix / np.outer(scale, scale)))

    (once,) = zip(*factors.values(), strict=True)  # a single step, the first
    raw = max(norm(matrix) for matrix, _ in once)
    kept = max(norm(M if m is None else M - np.outer(m, m)) for M, m in once)
    assert limits["whole factor in the array"] == pytest.approx([1 / raw] * 3, rel=0.02)
    assert limits["mean kept digital"] == pytest.approx([1 / kept] * 3, rel=0.02)


# -- the letters -------------------------------------------------------------------------------


@needs_letters
@pytest.mark.slow
def test_second_order_saves_epochs_on_the_letters(measured):
    pictures, seeds = read_letters(LETTERS), tuple(range(8))
    entrants = tuple(Entrant(name, OPTIMISERS[name]()) for name in OPTIMISERS)
    outcomes = run_trials(Trial(pictures, epochs=10, until_loss=0.1), entrants, seeds)
    made = Comparison(entrants, outcomes, seeds)
    for rival, least in (("sgdm", 0.40), ("adam", 0.45)):
        saving = made.saving("kfac", rival)
        measured(rival, saving.mean)
        assert saving.paired == 8
        assert saving.mean >= least


@needs_letters
@pytest.mark.slow
def test_sixteen_levels_with_a_digital_mean_train_as_exact_inverses_do(measured):
    trial = Trial(read_letters(LETTERS), epochs=8, until_loss=0.1)
    robust = KFAC(learning_rate=0.1, damping=0.3)
    chip = functools.partial(amc.Chip, cost_sample=0, levels=16, write_noise=0.02)
    entrants = Entrant("exact", robust), Entrant("analog", robust, AnalogCurvature(chip))
    outcomes = run_trials(trial, entrants, (0, 1))
    exact, analog = (Comparison(entrants, outcomes, (0, 1)).epochs(e.name) for e in entrants)
    measured("analog over exact", analog.mean() / exact.mean())
    assert analog.mean() == pytest.approx(exact.mean(), rel=0.05)
    assert all(each.account.unstable == 0 for each in outcomes["analog"])
