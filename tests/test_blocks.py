"""Linear systems in blocks and their refinement, against numpy and the laws of both."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli_helpers import files, refused, run
from scipy.linalg import toeplitz
from scipy.linalg.lapack import dpstrf

import amcspice as amc
from amcspice.algorithm import (
    BlockInverse,
    BlockSolver,
    CompensatedProduct,
    forecast,
    refine,
)
from amcspice.algorithm.block_inverse import ORDERS, Comparison
from amcspice.algorithm.block_inverse.partition import _Cutter, partition
from amcspice.errors import InputError, UnstableError


def wishart(n, m, seed=0):
    X = np.random.default_rng(seed).standard_normal((n, m))
    return X @ X.T / m


def harmonic(n):
    return toeplitz(1 / (1 + np.arange(n)))


def dominant(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, n)) + 3 * n**0.5 * np.eye(n)


def right(n, count=3, seed=1):
    return np.random.default_rng(seed).standard_normal((n, count))


def off(found, expected):
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


# -- blocks ------------------------------------------------------------------------------------


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


def test_rows_are_taken_in_another_order_where_the_leading_block_is_singular():
    A = np.array([[1, 1, -2, 0], [1, 1, 0, -2], [1, 0, 5, 0], [0, 1, 0, 5.0]])
    assert np.linalg.matrix_rank(A[:2, :2]) == 1
    inverse = BlockInverse(amc.Chip(gain=1e10), A, stages=1)
    assert off(inverse.solve(right(4)), np.linalg.solve(A, right(4))) < 3e-9


@pytest.mark.parametrize("kind", ["standard_normal", "random"])
@pytest.mark.parametrize(("n", "size"), [(16, 8), (33, 4)])
def test_general_matrices_are_cut_into_blocks_that_settle(kind, n, size):
    A, b = getattr(np.random.default_rng(0), kind)((n, n)), right(n)
    inverse = BlockInverse(amc.Chip(gain=1e10), A, array_size=size)
    assert off(inverse.solve(b), np.linalg.solve(A, b)) < 1e-6
    assert inverse.counts()["order_flops"] > 0
    worse = []
    for seed in range(20):
        A = getattr(np.random.default_rng(seed), kind)((n, n))
        made = partition(A, size)
        np.testing.assert_allclose(as_matrix(made.root), made.root.order.of(A), atol=1e-8)
        leaves = [block for block in blocks_of(made.root) if not hasattr(block, "schur")]
        for leaf in leaves:
            totals = np.maximum(
                leaf.matrix.clip(0).sum(axis=1), -leaf.matrix.clip(None, 0).sum(axis=1)
            )
            assert (np.linalg.eigvals(leaf.matrix / totals[:, None]).real > 0).all()
        worse.append(max(np.linalg.cond(leaf.matrix) for leaf in leaves) / np.linalg.cond(A))
    assert np.median(worse) < 1


def blocks_of(block):
    yield block
    if hasattr(block, "schur"):
        yield from blocks_of(block.first)
        yield from blocks_of(block.schur)


def test_blocks_of_definite_matrices_keep_the_order_that_was_given():
    for A in (wishart(16, 20), harmonic(16), toeplitz(0.9 ** np.arange(16))):
        made = partition(A, 4)
        assert {block.order_name for block in made.halves} == {"given"}
        for block in made.halves:  # interlacing: a part is conditioned no worse than the whole
            assert np.linalg.cond(as_matrix(block)) <= np.linalg.cond(A) * (1 + 1e-9)


def as_matrix(block):
    """Put a block together again from its parts, in its order."""
    if not hasattr(block, "schur"):
        return block.matrix
    first, schur = given(block.first), given(block.schur)
    last = schur + block.lower @ np.linalg.solve(first, block.upper)
    return np.block([[first, block.upper], [block.lower, last]])


def given(block):
    """Put a block together in the order that was given."""
    made = np.empty((block.size, block.size))
    made[np.ix_(block.order.rows, block.order.columns)] = block.order.signs[:, None] * as_matrix(
        block
    )
    return made


def test_the_best_order_takes_neighbours_apart():
    A, b = toeplitz(0.9 ** np.arange(32)), right(32, 20)
    errors, conditions = {}, {}
    for order in ("given", "best"):
        inverse = BlockInverse(amc.Chip(wire_resistance=1.0, gain=1e9), A, stages=1, order=order)
        arrays = [each.matrix for each in inverse.arrays if each.problem == "inv"]
        conditions[order] = max(np.linalg.cond(block) for block in arrays)
        errors[order] = off(inverse.solve(b), np.linalg.solve(A, b))
    assert conditions["best"] < conditions["given"] / 2
    assert errors["best"] < errors["given"] / 2


def test_a_signed_order_is_the_permutation_next_to_the_polar_factor():
    turned = np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0.0]])
    H = wishart(3, 9) + np.diag([1.0, 2.0, 3.0])
    order = ORDERS["signed"](turned @ H, 0)
    np.testing.assert_allclose(order.of(turned @ H), H, atol=1e-12)
    x = right(3)
    np.testing.assert_allclose(order.back(np.linalg.solve(H, order.sent(turned @ H @ x))), x)


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


def lu_and_products(first, second):
    """Return the work of S: an LU of A1, a solution a column of A2, a product and a difference."""
    return 2 / 3 * first**3 + 2 * first**2 * second + 2 * second * first * second


def test_halves_that_are_not_equal_count_as_large_as_they_are():
    """Seven rows are four and three; these are twice two, and two and one."""
    chip = amc.Chip()
    one = BlockInverse(amc.Chip(), harmonic(7), stages=1).counts()
    assert (one["dacs_unrolled"], one["adcs_unrolled"]) == (4 + 3 + 4, 7)  # f enters twice
    assert one["schur_flops"] == pytest.approx(lu_and_products(4, 3))
    two = BlockInverse(chip, harmonic(7), stages=2).counts()
    parts = {"A": (4, 3), "A1": (2, 2), "S": (2, 1)}
    entered = {
        held.label.removeprefix("Schur complement of "): row["flops"]
        for held, row in chip.ledger.sums("digital")
        if held.label.startswith("Schur")
    }
    assert entered == pytest.approx({name: lu_and_products(*n) for name, n in parts.items()})
    assert two["schur_flops"] == pytest.approx(sum(entered.values()))


def test_what_an_order_takes_is_what_was_decomposed():
    """Singular values of A, and these and eigenvalues of A1 and S, none of them symmetric."""
    made = partition(dominant(8), 4)
    assert [block.order_name for block in made.halves] == ["given"]
    assert made.order_flops == pytest.approx(8 / 3 * 8**3 + 2 * (8 / 3 + 10) * 4**3)


def test_orders_do_what_their_names_say():
    weights = np.array([[1.0, 2.0, 0.0], [0.0, 4.0, 1.0], [1.0, 0.0, -3.0]])  # 1/2, 4, -3
    assert ORDERS["dominant"](weights, 2).rows.tolist() == [1, 0, 2]
    A = wishart(9, 12)
    pivots = dpstrf(A)[1] - 1  # Cholesky's with pivots
    assert ORDERS["pivoted"](A, 5).rows[:5].tolist() == pivots[:5].tolist()
    # Rows 0 and 1 are alike where the two large columns are, and differ where nothing counts.
    rank = np.array([[3, 2, 0, 1e-3], [3, 2, 1e-3, 0], [1, -2, 0, 0], [0, 0, 0, 0.0]])
    order = ORDERS["revealing"](rank, 2)
    assert set(order.columns[:2]) == {0, 1}
    assert 2 in order.rows[:2]


def test_orders_whose_blocks_settle_are_tried_first():
    """Even where others are conditioned better: rows of these would have to be turned."""
    worse = 0
    for seed in range(6):
        A = np.random.default_rng(seed).standard_normal((8, 8))
        cuts = _Cutter(4, "best", allow_unstable=False)._cuts(A)
        settles = [cut.settles for cut in cuts]
        assert settles == sorted(settles, reverse=True)
        for part in (settles.count(True), len(cuts)):
            conditions = [cut.condition for cut in cuts[:part]][settles.count(True) % part :]
            assert conditions == sorted(conditions)
        worse += cuts[0].condition > min(cut.condition for cut in cuts)
    assert worse


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


# -- refinement --------------------------------------------------------------------------------

COARSE = {"levels": 8, "write_noise": 0.01, "gain": 1e5}


def coarse(A, seed=1, **options):
    given = {"stages": 1, "own_scale": True, **options}
    return BlockInverse(amc.Chip(seed=seed, **COARSE), A, **given)


@pytest.mark.parametrize("method", ["plain", "line-search", "gcr"])
def test_every_method_reaches_the_bits_it_claims(method):
    for seed in range(4):
        A, b = wishart(16, 256, seed), right(16, seed=seed)
        refined = refine(coarse(A, seed), A, b, method=method, bits=24)
        assert refined.reason == "reached"
        assert off(refined.x, np.linalg.solve(A, b)) < 2.0**-23
        assert refined.iterations <= (14 if method == "gcr" else 40)


def test_orthogonal_directions_reach_what_plain_refinement_leaves():
    for columns in (64, 256):
        for seed in range(4):
            A, b = wishart(32, columns, seed), right(32, 1, seed)
            inverse = coarse(A, seed, stages=1)
            made = forecast(A, inverse.transfer())
            plain = refine(inverse, A, b, method="plain", bits=24, iterations=40)
            assert made.converges == (plain.reason != "diverges")
            assert made.converges == (columns == 256)
            assert bool(plain.caution) == (plain.reason != "reached")
            gcr = refine(inverse, A, b, method="gcr", bits=24, iterations=30)
            assert gcr.reason == "reached"
            assert off(gcr.x, np.linalg.solve(A, b)) < 2.0**-23


def test_a_forecast_knows_the_bits_of_an_iteration():
    for seed in range(4):
        A = wishart(16, 256, seed)
        inverse = coarse(A, seed)
        made = forecast(A, inverse.transfer())
        steps = refine(inverse, A, right(16, 1, seed), bits=40).steps
        gained = (steps[-2].bits - steps[3].bits) / (len(steps) - 5)
        assert gained == pytest.approx(made.bits_per_iteration, rel=0.15)


@pytest.mark.parametrize(("n", "slices"), [(16, 9), (32, 9)])
def test_slices_that_compensate_give_a_fine_product_on_coarse_cells(n, slices):
    A = wishart(n, 4 * n)
    chip = amc.Chip(
        levels=8, write_noise=0.01, g_max=35e-6, g_min=0.5e-6, wire_resistance=1.73, gain=1e5
    )
    product = CompensatedProduct(chip, A, slices)
    v = right(n, 1)
    assert off(product @ v, A @ v) < 2.0**-24
    rough = CompensatedProduct(chip, A, 2)
    assert off(rough @ v, A @ v) > 2.0**-12
    made = forecast(A, np.linalg.inv(A), rough.matrix)
    refined = refine(coarse(A), A, right(n, 4), product=rough, method="gcr", bits=30)
    found = off(refined.x, np.linalg.solve(A, right(n, 4)))
    assert -np.log2(found) == pytest.approx(made.floor_bits, abs=1.5)
    with pytest.raises(InputError, match="slices"):
        CompensatedProduct(chip, A, 0)


def test_an_unreachable_target_says_so():
    A = wishart(16, 256)
    refined = refine(coarse(A), A, right(16), bits=30, iterations=3)
    assert refined.reason == "iterations"
    assert "not reached" in refined.caution
    for wrong in ({"method": "newton"}, {"iterations": 0}, {"bits": 0}, {"bits": 99}):
        with pytest.raises(InputError):
            refine(coarse(A), A, right(16), **wrong)


@pytest.mark.slow
@pytest.mark.ngspice
def test_refinement_with_every_phase_in_ngspice():
    A, b = wishart(8, 128), right(8, 1)[:, 0]
    hardware = amc.Hardware(opamp="ad823").changed(
        levels=8, write_noise=0.01, g_max=35e-6, g_min=0.5e-6, wire_resistance=1.73
    )
    chip = amc.Chip(hardware, fidelity="reduced", dac_bits=4, adc_bits=4, seed=1)
    inverse = BlockInverse(chip, A, stages=1, own_scale=True, calibration=right(8, 4))
    refined = refine(inverse, A, b, method="gcr", bits=20, iterations=14)
    assert refined.reason == "reached"
    assert off(refined.x, np.linalg.solve(A, b)) < 2.0**-19


# -- command line ------------------------------------------------------------------------------


@pytest.fixture
def problem(tmp_path):
    np.save(tmp_path / "A.npy", wishart(8, 128))
    np.save(tmp_path / "b.npy", right(8, 2))
    return ["--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.npy", "--fidelity", "dc"]


def test_solve_refines_in_blocks(problem, tmp_path):
    result = run(
        "solve", "inv", *problem, "--stages", 1, "--refine", 24, "--slices", 9, "--levels", 8,
        "--write-noise", 0.01, "--own-scale", "--json", tmp_path / "r.json", "--out",
        tmp_path / "x.npy", "--verify", 2,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "r.json").read_text())
    exact = np.linalg.solve(np.load(tmp_path / "A.npy"), np.load(tmp_path / "b.npy"))
    assert off(np.load(tmp_path / "x.npy"), exact) < 2.0**-23
    assert len(content["history"]) == content["iterations"]
    assert content["history"][-1].keys() >= {
        "iteration", "error", "residual", "bits", "exponent", "repeats", "saturated",
    }  # fmt: skip
    assert content["phases"] == len(content["schedule"]) == 5
    phase = content["schedule"][2]
    assert (phase["phase"], phase["operation"], phase["matrix"]) == (3, "inv", "S")
    assert (phase["bank"], phase["bank_unrolled"], phase["repeats"]) == (1, 3, 0)
    assert phase["sampled"] >= 2 * content["iterations"]
    assert phase["settling_time_s"] > 0
    assert content["comparison"]["error"] < content["comparison"]["error_one_array"]
    assert "samples" in result.output
    assert content["verification"]["passed"]
    assert content["bits"] > 23
    promised = {
        "problem", "circuit", "fidelity", "simulator", "solution", "reference", "relative_error",
        "settled", "settling_time_s", "power_w", "energy_j", "amplifiers", "cells", "range",
        "provenance", "iterations", "bits", "history", "phases", "schedule",
    }  # fmt: skip
    assert promised <= content.keys()
    assert {"amcspice", "ngspice", "solver", "options", "deck_sha256", "seed", "wall_time_s"} <= (
        content["provenance"].keys()
    )
    assert content["amplifiers"] == 4
    assert content["cells"] == content["counts"]["cells"]
    assert content["range"] == {"choice": "predicted", "volts_per_unit": None, "repeats": 0}
    assert content["settling_time_s"] == [None, None]  # no time at dc
    np.testing.assert_allclose(np.array(content["solution"]).T, exact, rtol=1e-5)


def test_blocks_in_time_say_what_a_pass_takes(problem, tmp_path):
    """Settling of the phases one after the other, each the largest of the right-hand sides."""
    result = run("solve", "inv", *problem[:4], "--fidelity", "behavioural", "--stages", 1,
                 "--json", tmp_path / "r.json", "--verify", 1, "--jobs", 2)  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "r.json").read_text())
    phases = [phase["settling_time_s"] for phase in content["schedule"]]
    assert max(phases) < max(content["settling_time_s"]) <= sum(phases) * (1 + 1e-12)
    assert content["settled"] == [True, True]
    np.testing.assert_allclose(
        np.array(content["power_w"]["total"]) * content["settling_time_s"], content["energy_j"]
    )
    assert "iterations" not in content
    assert content["simulator"] == "behavioural"


def test_complex_systems_and_zero_right_hand_sides(tmp_path):
    A, b = wishart(6, 96) + 0.2j * np.diag(np.arange(6)), right(6, 3) + 0j
    b[:, 1] = 0
    np.save(tmp_path / "A.npy", A)
    np.save(tmp_path / "b.npy", b)
    result = run(
        "solve", "inv", "--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.npy", "--stages", 1,
        "--refine", 30, "--fidelity", "dc", "--out", tmp_path / "x.csv", "--json",
        tmp_path / "r.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "Warning" not in result.output
    x = np.loadtxt(tmp_path / "x.csv", delimiter=",", dtype=complex)
    np.testing.assert_allclose(x, np.linalg.solve(A, b), atol=1e-8)
    assert json.loads((tmp_path / "r.json").read_text())["relative_error"][1] == 0


def test_what_did_not_settle_says_so(problem, tmp_path):
    result = run("solve", "inv", *problem[:4], "--fidelity", "behavioural", "--stages", 1,
                 "--window", "1 ns", "--json", tmp_path / "r.json")  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "r.json").read_text())
    assert content["settled"] == [False, False]
    assert any("did not settle in every phase" in said for said in content["cautions"])
    assert "note: 2 of 2 right-hand sides did not settle" in result.stderr


def test_forecast_needs_no_transient(problem, tmp_path):
    result = run(
        "forecast", *problem[:2], "--stages", 1, "--levels", 8, "--write-noise", 0.01,
        "--slices", 8, "--refine", 20, "--json", tmp_path / "f.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "f.json").read_text())
    assert content["converges"]
    assert content["bits_per_iteration"] == pytest.approx(-np.log2(content["spectral_radius"]))
    assert content["iterations"] == int(np.ceil(20 / content["bits_per_iteration"]))
    assert content["floor_bits"] > 20
    for option in (("--verify", 1), ("--fidelity", "reduced")):
        refused(run("forecast", *problem[:2], *option), "a forecast is of the rest")
    assert content["comparison"]["draws"] == 9
    np.save(tmp_path / "T.npy", harmonic(32))
    told = run(
        "forecast", "--matrix", tmp_path / "T.npy", "--stages", 1, "--write-noise", 0.05,
        "--noise-relative-to", "g",
    )  # fmt: skip
    assert "blocks bring nothing" in told.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--stages", 1, "--array-size", 2], "stages, array_size: give one of them"),
        (["--method", "gcr"], "method: of refinement; give refine"),
        (["--slices", 3], "give refine"),
        (["--stages", 9], "halved"),
        (["--stages", 1, "--circuit", "inv"], "--circuit"),
        (["--stages", 1, "--trials", 3], "--trials"),
        (["--stages", 1, "--waveforms", "w.csv"], "--waveforms: not of a solution in blocks"),
        (["--stages", 1, "--plot", "p.png"], "--plot: not of a solution in blocks"),
        (["--stages", 1, "--cycle", 2], "cycle: a chip counts its writings itself"),
        (["--stages", 1, "--ridge", 0.1], "does not take ridge"),
        (["--stages", 1, "--largest-entry", 5], "largest_entry: blocks share"),
        (["--stages", 1, "--json", "absent/r.json", "--write-config", "c.toml"], "no folder"),
    ],
)
def test_options_that_do_not_fit_are_refused(problem, options, message, tmp_path):
    before = files(tmp_path)
    refused(run("solve", "inv", *problem, *options), message)
    refused(run("solve", "lstsq", *problem, "--stages", 1), "of problem inv")
    assert files(tmp_path) == before


def test_a_refinement_that_diverges_is_no_answer(tmp_path):
    np.save(tmp_path / "A.npy", wishart(16, 32))
    np.save(tmp_path / "b.npy", right(16, 2))
    words = ["solve", "inv", "--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.npy",
             "--stages", 1, "--refine", 20, "--fidelity", "dc", "--write-noise", 0.05, "--seed", 1,
             "--gain", 1e6, "--json", tmp_path / "r.json", "--out", tmp_path / "x.npy"]  # fmt: skip
    result = run(*words, "--method", "plain")
    assert result.exit_code == 1, result.output
    assert "diverges" in result.output
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["ended"] == "diverges"
    assert told["history"][-1]["residual"] > 1
    assert not (tmp_path / "x.npy").exists()
    assert run(*words, "--method", "gcr").exit_code == 0
    assert (tmp_path / "x.npy").exists()


@pytest.mark.parametrize(("n", "most"), [(1, 0), (2, 1), (7, 2), (8, 3), (9, 3)])
def test_rows_are_halved_as_often_as_there_are_any(n, most):
    assert BlockInverse(amc.Chip(), harmonic(n), stages=most).counts()["phases"] >= 1
    for stages in (most + 1, 10**300):
        with pytest.raises(InputError, match="cannot be halved so often"):
            BlockInverse(amc.Chip(), harmonic(n), stages=stages)
