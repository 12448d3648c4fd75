"""Inverses in blocks: answers, accounts, comparisons."""

from __future__ import annotations

import numpy as np
import pytest
from block_cases import dominant, harmonic, off, right, wishart
from scipy.linalg import toeplitz

import amcspice as amc
from amcspice.algorithm import (
    BlockInverse,
    BlockSolver,
)
from amcspice.algorithm.block_inverse import Comparison
from amcspice.errors import InputError, UnstableError


def complex_dominant(n):
    return dominant(n) + 1j * dominant(n, 2)


MATRICES = {
    "spd": lambda n: wishart(n, 4 * n), "toeplitz": harmonic, "dominant": dominant,
    "complex": complex_dominant,
}  # fmt: skip


PERFECT = pytest.mark.filterwarnings("ignore::amcspice.errors.ImplausibleWarning")


def system(name, n, count=3):
    A, b = MATRICES[name](n), right(n, count)
    return A, b + 1j * right(n, count, 2) if name == "complex" else b


@PERFECT
@pytest.mark.parametrize("fidelity", ["dc", "behavioural"])
@pytest.mark.parametrize("n", [7, 16, 33, 64])
@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("stages", [1, 2])
def test_blocks_are_the_inverse(n, name, stages, fidelity):
    A, b = system(name, n)
    inverse = BlockInverse(amc.Chip(gain=1e12, fidelity=fidelity), A, stages=stages)
    x = inverse.solve(b)
    assert off(x, np.linalg.solve(A, b)) < 1e-9
    assert x.shape == b.shape


@PERFECT
@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("name", "n", "stages"),
    [
        ("complex", 7, 1),
        pytest.param("spd", 7, 2, marks=pytest.mark.slow),
        pytest.param("toeplitz", 16, 1, marks=pytest.mark.slow),
        pytest.param("dominant", 33, 1, marks=pytest.mark.slow),
        pytest.param("spd", 64, 1, marks=pytest.mark.slow),
    ],
)
def test_blocks_in_ngspice_wait_until_they_rest(name, n, stages):
    A, b = system(name, n, 1)
    chip = amc.Chip(gain=1e12, fidelity="reduced", settle_tolerance=1e-6)
    inverse = BlockInverse(chip, A, stages=stages, calibration=b)
    assert off(inverse.solve(b), np.linalg.solve(A, b)) < 1e-6


@pytest.mark.parametrize(
    ("stages", "phases", "amplifiers", "unrolled"),
    [(0, 1, 1.0, 1.0), (1, 5, 0.5, 2.5), (2, 19, 0.25, 4.75), (3, 65, 0.125, None)],
)
def test_phases_and_amplifiers_are_those_of_the_recursion(stages, phases, amplifiers, unrolled):
    n = 16
    counts = BlockInverse(amc.Chip(), harmonic(n), stages=stages).counts()
    assert counts["phases"] == phases
    assert counts["amplifiers"] == amplifiers * n
    assert counts["cells"] == n * n
    if unrolled is not None:
        assert counts["amplifiers_unrolled"] == unrolled * n


@pytest.mark.parametrize("n", [32, 64, 128])
def test_wires_disturb_blocks_as_an_array_of_their_size(n):
    errors = {}
    for size, stages in ((n, 1), (n // 2, 0)):
        b = right(size, 20)
        inverse = BlockInverse(
            amc.Chip(gain=1e9, wire_resistance=1.0), harmonic(size), stages=stages
        )
        exact = np.linalg.solve(harmonic(size), b)
        found = inverse.solve(b)
        errors[size] = np.median(
            np.linalg.norm(found - exact, axis=0) / np.linalg.norm(exact, axis=0)
        )
    assert 0.8 < errors[n] / errors[n // 2] < 1.2


def test_without_writing_a_solution_costs_its_five_phases():
    chip = amc.Chip(fidelity="behavioural", dac_bits=10, adc_bits=10)
    inverse = BlockInverse(chip, wishart(8, 64), stages=1)
    inverse.solve(right(8, 1))
    cost, of = chip.cost("typical"), amc.Technology.load("typical")
    settling = sum(phase.settling_time for phase in inverse.phases)
    by_hand = 5 * of["dac_time"] + settling + 5 * 4 * of["adc_time"]
    assert cost.ignored.time == pytest.approx(by_hand, rel=1e-9)
    assert cost.counted.time > cost.time["prepare"] > 0


def test_the_account_has_writings_operations_and_the_schur_complement():
    chip = amc.Chip()
    inverse = BlockInverse(chip, wishart(8, 32), stages=1)
    work = chip.cost().work
    assert work.programmings == 4
    orders = 4 / 3 * (8**3 + 2 * 4**3)  # eigenvalues of A, A1 and S, which are symmetric
    assert work.prepared == pytest.approx(2 / 3 * 4**3 + 4 * 4**3 + orders)
    # Blocks that calibrate those after them, and what forms these, belong to writing.
    assert (work.operated.count, work.flops) == (0, 0.0)
    inverse.solve(right(8, 5))
    assert chip.cost().work.operated.count == 5 * 5
    entered = chip.ledger.to_json()
    inverse.transfer()
    inverse.counts()
    assert chip.ledger.to_json() == entered


def test_what_is_applied_is_known():
    A, b = wishart(8, 64), right(8)
    chip = amc.Chip(levels=8, write_noise=0.01, gain=1e6, seed=3)
    inverse = BlockInverse(chip, A, stages=1, own_scale=True)
    np.testing.assert_allclose(inverse.transfer() @ b, inverse.solve(b), rtol=1e-5, atol=1e-7)


def test_products_of_nothing_are_left_out():
    A = np.kron(np.eye(2), wishart(3, 12))
    inverse = BlockInverse(amc.Chip(gain=1e10), A, stages=1)
    assert [phase.operation for phase in (inverse.solve(right(6)), inverse.phases)[1]] == [
        "inv", "inv",
    ]  # fmt: skip
    assert off(inverse.solve(right(6)), np.linalg.solve(A, right(6))) < 3e-9


def test_blocks_that_cannot_be_inverted_are_named_and_nothing_is_written():
    singular = np.ones((4, 4))
    upper = np.eye(4)
    upper[:2, :2] = 0.0
    upper[:2, 2:] = upper[2:, :2] = np.eye(2)
    growing = np.random.default_rng(0).standard_normal((32, 32))
    for A, options, message in (
        (singular, {"stages": 0}, "matrix: it is singular"),
        (singular, {"stages": 1}, "matrix: it is singular"),
        (np.zeros((4, 4)), {"stages": 1}, "matrix: it is singular"),
        (1e100 * wishart(4, 16), {"stages": 1}, r"largest entry, 1.*e\+100.*another unit"),
        (wishart(4, 16), {"stages": 1, "largest_entry": 5.0}, "largest_entry: blocks share"),
        (upper, {"stages": 1, "order": "given"}, "block A: no 2 of its 4 rows"),
        (growing, {"stages": 1}, r"block (A1|S): .*modes that grow.*more stages"),
        (growing, {"stages": 0}, "block A: .*modes that grow"),
        (wishart(4, 16), {"stages": 1, "order": "sorted"}, "order"),
        (wishart(4, 16), {"stages": 1, "order": 3}, "order"),
    ):
        chip = amc.Chip()
        with pytest.raises((InputError, UnstableError), match=message):
            BlockInverse(chip, A, **options)
        assert not chip.ledger.to_json()


@pytest.mark.parametrize("size", [1e100, 1e-100])
def test_one_array_takes_a_matrix_in_any_unit(size):
    A, b = wishart(4, 16), right(4, 2)
    inverse = BlockInverse(amc.Chip(gain=1e9), size * A, stages=0)
    assert off(size * inverse.solve(b), np.linalg.solve(A, b)) < 1e-6


def test_the_schedule_says_when_what_runs_on_which_bank():
    A, b = wishart(8, 32), right(8, 4)
    timed = BlockInverse(amc.Chip(fidelity="behavioural"), A, stages=1, calibration=b)
    resting = BlockInverse(amc.Chip(cost_sample=4), A, stages=1, calibration=b)
    tables = []
    for inverse in (timed, resting):
        inverse.solve(b)
        made = inverse.schedule()
        table = made.table()
        assert list(table["matrix"]) == ["A1", "A3", "S", "A2", "A1"]
        assert list(table["operation"]) == ["inv", "mvm", "inv", "mvm", "inv"]
        assert list(table["bank_unrolled"]) == [1, 2, 3, 4, 5]
        assert set(table["bank"]) == {1}
        assert made.settling_time == pytest.approx(table["settling_time_s"].sum())
        ends = [phase.start + phase.duration for phase in made.timeline()]
        assert ends[-1] == pytest.approx(made.settling_time)
        tables.append((made, table))
    (first, known), (second, sampled) = tables
    assert not first.caution
    assert "samples" in second.caution
    assert second.caution in str(second)
    # A1 runs in two phases, which share a sample; the largest time is not below a mean.
    assert (sampled["settling_time_s"] <= 1.001 * known["settling_time_s"].max()).all()
    assert (sampled["settling_time_s"] > 0.3 * known["settling_time_s"]).all()
    np.testing.assert_allclose(sampled["largest_voltage_v"], known["largest_voltage_v"], rtol=1e-3)


def test_counts_and_areas_follow_from_the_recursion():
    n = 32
    technology = amc.Technology.load("typical")
    for stages, held, switches in ((0, 0, 0), (1, n, 4 * 3 * n // 2), (2, 3 * n // 2, None)):
        counts = BlockInverse(amc.Chip(), harmonic(n), stages=stages).counts()
        # A block of a product takes all of its columns at once, and its rows in turn.
        assert counts["dacs"] == n // 2 ** min(stages, 1)
        assert counts["adcs"] == n // 2**stages
        assert counts["sample_and_holds"] == held
        assert switches is None or counts["switches"] == switches
        assert counts["dacs_unrolled"] == (1.5 if stages else 1) * n
        assert counts["adcs_unrolled"] == n
        assert counts["switches_unrolled"] == counts["sample_and_holds_unrolled"] == 0
    # Half of the amplifiers and converters at the same cells: what is saved is half of their share.
    whole, half = (
        BlockInverse(amc.Chip(), harmonic(n), stages=stages).hardware()[0].area(technology)
        for stages in (0, 1)
    )
    share = whole["cells"] / sum(whole.values())
    saved = 1 - sum(half.values()) / sum(whole.values())
    assert saved == pytest.approx((1 - share) / 2)


def test_a_comparison_says_whether_blocks_help():
    wired = {"wire_resistance": 1.0, "gain": 1e9}
    helped = BlockInverse(amc.Chip(**wired), harmonic(32), stages=1).compare()
    assert helped.draws == 1
    assert helped.ratio < 0.5
    assert not helped.caution
    b = right(32, 200)
    inverse = BlockInverse(amc.Chip(**wired), harmonic(32), stages=1)
    exact = np.linalg.solve(harmonic(32), b)
    assert helped.blocks == pytest.approx(off(inverse.solve(b), exact), rel=0.1)
    noisy = {"write_noise": 0.05, "noise_relative_to": "g", "gain": 1e9}
    with pytest.raises(InputError, match="draws"):
        inverse.compare(0)
    assert "far off" in Comparison(0.6, 1.0, 1).caution
    nothing = BlockInverse(amc.Chip(**noisy), harmonic(32), stages=1).compare(5)
    assert nothing.draws == 5
    assert "blocks bring nothing" in nothing.caution
    bad = BlockInverse(amc.Chip(**noisy), toeplitz(0.9 ** np.arange(16)), stages=1).compare()
    assert "harm" in bad.caution or "no inverse" in bad.caution


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either stages or array_size"),
        ({"stages": 1, "array_size": 2}, "either"),
        ({"stages": -1}, "stages"),
        ({"stages": 1.5}, "stages"),
        ({"stages": 3}, "halved"),
        ({"array_size": 0}, "array_size"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        BlockInverse(amc.Chip(), wishart(6, 24), **options)
    with pytest.raises(InputError, match="square"):
        BlockInverse(amc.Chip(), np.ones((3, 2)), stages=0)
    with pytest.raises(InputError, match="no such parameter") as told:
        BlockSolver(foo=1)
    assert "metrics" not in str(told.value)


def test_a_comparison_is_the_median_over_chips_alike():
    A, hardware = wishart(6, 24), {"write_noise": 0.02, "gain": 1e9}
    options = {"own_scale": True, "order": "interleaved"}
    made = BlockInverse(amc.Chip(seed=5, **hardware), A, stages=1, **options).compare(3)
    for found, stages in ((made.blocks, 1), (made.one_array, 0)):
        errors = []
        for seed in (5, 6, 7):
            alike = BlockInverse(amc.Chip(seed=seed, **hardware), A, stages=stages, **options)
            errors.append(off(alike.transfer(), np.linalg.inv(A)))
        assert found == pytest.approx(np.median(errors), rel=1e-6)


def test_resistors_that_are_drawn_are_drawn_in_a_comparison():
    A, resistors = wishart(6, 24) + np.eye(6), {"diagonal": "fixed", "diagonal_mismatch": 0.05}
    inverse = BlockInverse(amc.Chip(gain=1e9), A, stages=1, **resistors)
    assert inverse.compare(3).draws == 3
    assert BlockInverse(amc.Chip(gain=1e9), A, stages=1, diagonal="fixed").compare(3).draws == 1


def test_repeats_of_a_phase_are_those_of_all_right_hand_sides():
    A = wishart(6, 8)
    easy, hard = np.linalg.eigh(A)[1][:, -1:], np.linalg.eigh(A)[1][:, :2]
    chip = amc.Chip(adc_bits=8)
    inverse = BlockInverse(chip, A, stages=1, calibration=easy)
    inverse.solve(np.column_stack([hard, hard.sum(axis=1)]))
    rows = {(h.label, h.kind): row["repeats"] for h, row in chip.ledger.sums("operation")}
    phases: dict[tuple[str, str], int] = {}
    for phase in inverse.phases:
        key = phase.block, phase.operation
        phases[key] = phases.get(key, 0) + phase.repeats
    assert phases == {key: rows[key] for key in phases}
    assert sum(phases.values()) > 3


def test_blocks_are_calibrated_by_what_they_will_be_asked():
    """The phases of the right-hand sides that were given, in the order of the cut, by numpy."""
    A, b = dominant(8), right(8, 5)
    inverse = BlockInverse(amc.Chip(gain=1e10), A, stages=1, calibration=b, order="interleaved")
    order = np.array([0, 2, 4, 6, 1, 3, 5, 7])
    (A1, A2), (A3, A4) = (np.hsplit(rows, 2) for rows in np.vsplit(A[np.ix_(order, order)], 2))
    f, g = b[order][:4], b[order][4:]
    y = np.linalg.solve(A1, f)
    z = np.linalg.solve(A4 - A3 @ np.linalg.solve(A1, A2), g - A3 @ y)
    expected = {"A1": f, "A3": y, "S": g - A3 @ y, "A2": z}
    assert {each.label for each in inverse.arrays} == set(expected)
    for each in inverse.arrays:
        np.testing.assert_allclose(each.arrays.calibration, expected[each.label], atol=1e-6)
