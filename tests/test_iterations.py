"""Iterations on products against textbook ones on the same matrix, and against their laws."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli_helpers import files, refused, run

import amcspice as amc
from amcspice.algorithm import iterate
from amcspice.algorithm.iterations import iteration
from amcspice.algorithm.iterations.spectrum import eigenvalue_bounds
from amcspice.errors import InputError
from amcspice.system import Ledger

METHODS = ("cg", "chebyshev", "richardson", "jacobi")


def wishart(n, m, seed=0):
    X = np.random.default_rng(seed).standard_normal((n, m))
    return X @ X.T / m


def right(n, count=3, seed=1):
    return np.random.default_rng(seed).standard_normal((n, count))


def off(found, expected):
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def spread(low, high, n=24, seed=0):
    """Return a symmetric matrix with eigenvalues evenly between two."""
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]
    return Q @ np.diag(np.linspace(low, high, n)) @ Q.T


# -- the methods, on matrices that are multiplied exactly --------------------------------------


def conjugate_gradients(P, b, count, beta_of):
    """Return residuals over b, as a textbook has it."""
    x, r, p, sizes = np.zeros_like(b), b, b, []
    for _ in range(count):
        alpha = p @ r / (p @ P @ p)
        x, new = x + alpha * p, r - alpha * P @ p
        p, r = new + beta_of(new, r) * p, new
        sizes.append(np.linalg.norm(r) / np.linalg.norm(b))
    return np.array(sizes)


def fletcher_reeves(new, old):
    return new @ new / (old @ old)


def polak_ribiere(new, old):
    return new @ (new - old) / (old @ old)


def test_conjugate_gradients_are_those_of_a_textbook_on_a_programmed_matrix():
    A, b = wishart(24, 96), right(24, 1)[:, 0]
    M = amc.Chip(gain=1e8, write_noise=0.02, seed=3).program(A, "mvm")
    made = iterate(M, A, b, residual=1e-5)
    expected = conjugate_gradients(M.look(np.eye(24)), b, made.iterations, polak_ribiere)
    found = np.array([step.residual for step in made.steps])
    np.testing.assert_allclose(found[:-1], expected[:-1], rtol=1e-6)
    # On a symmetric matrix that is exact, it is the one that everybody knows.
    made = iterate(None, A, b)
    expected = conjugate_gradients(A, b, made.iterations, fletcher_reeves)
    np.testing.assert_allclose([s.residual for s in made.steps], expected, rtol=1e-6)


def test_programming_breaks_the_symmetry_that_the_usual_recurrence_needs():
    for seed in range(4):
        A, b = wishart(32, 256, seed), right(32, 1, seed)[:, 0]
        M = amc.Chip(gain=1e8, write_noise=0.04, seed=seed).program(A, "mvm")
        P = M.look(np.eye(32))
        made = iterate(M, A, b, residual=1e-6)
        assert made.reason == "reached"
        assert made.iterations < 25
        assert conjugate_gradients(P, b, 40, fletcher_reeves)[-1] > 1e-5


def test_chebyshev_and_richardson_converge_as_their_bounds_say():
    low, high = 0.25, 1.0
    A, b = spread(low, high), right(24, 1)[:, 0]
    kappa = high / low
    rates = {
        "chebyshev": (kappa**0.5 - 1) / (kappa**0.5 + 1),
        "richardson": (kappa - 1) / (kappa + 1),
    }
    for method, rate in rates.items():
        made = iterate(None, A, b, method=method, bounds=(low, high), residual=1e-12)
        sizes = np.array([step.residual for step in made.steps])
        # min-max over the interval: 2 rate^k / (1 + rate^2k), and rate^k
        k = np.arange(1, len(sizes) + 1)
        bound = 2 * rate**k / (1 + rate ** (2 * k)) if method == "chebyshev" else rate**k
        assert (sizes <= bound * (1 + 1e-6) + 1e-13).all()
        middle = slice(5, len(sizes) - 2)
        seen = (sizes[middle][-1] / sizes[middle][0]) ** (1 / (len(sizes[middle]) - 1))
        assert rate * 0.9 < seen < rate * 1.05


def test_jacobi_converges_iff_its_iteration_matrix_contracts():
    A = np.eye(8) + 0.1 * (np.ones((8, 8)) - np.eye(8))
    made = iterate(None, A, right(8), method="jacobi", residual=1e-9)
    assert made.reason == "reached"
    assert off(made.x, np.linalg.solve(A, right(8))) < 1e-8
    A = np.eye(8) + 0.5 * (np.ones((8, 8)) - np.eye(8))  # positive, but rho = 3.5
    assert np.linalg.eigvalsh(A).min() > 0
    made = iterate(None, A, right(8), method="jacobi")
    assert made.reason == "diverges"
    assert "diverges" in made.caution


# -- on programmed matrices --------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_iterations_end_at_the_one_step_inverse_of_the_same_cells(method):
    A, b = wishart(16, 256) + 0.2, right(16)
    A = np.abs(A)
    chip = amc.Chip(gain=1e9, write_noise=0.01, seed=4)
    # Switches that are all but ideal: what they add is not the same in both modes.
    M = chip.program(A, circuit="macro", switch_on=1e-3, switch_off=1e14)
    one_step, exact = M.solve(b), np.linalg.solve(A, b)
    made = iterate(M, A, b, method=method, residual=1e-6, iterations=2000)
    if method == "jacobi":  # the matrix is far from its diagonal
        assert made.reason == "diverges"
        return
    assert made.reason == "reached"
    assert off(one_step, exact) > 1e-2
    assert off(made.x, one_step) < 1e-3 * off(one_step, exact)
    assert made.steps[-1].error == pytest.approx(
        max(off(one_step[:, k], exact[:, k]) for k in range(3)), rel=1e-3
    )


def test_bounds_are_found_by_products_that_the_ledger_counts():
    A = wishart(24, 96)
    chip = amc.Chip(gain=1e8, write_noise=0.01, seed=1)
    M = chip.program(A, "mvm")
    values = np.linalg.eigvals(M.look(np.eye(24))).real
    before = chip.cost().work
    low, high = eigenvalue_bounds(M, 24, ledger=chip.ledger)
    after = chip.cost().work
    assert after.operated.count - before.operated.count == 16
    assert after.flops > before.flops
    assert high >= values.max()
    assert high < 1.05 * values.max()
    assert 0 < low < 1.3 * values.min()
    every = eigenvalue_bounds(M, 24, products=24)
    np.testing.assert_allclose(every, (values.min(), values.max()), rtol=1e-5)


def test_a_matrix_that_is_not_positive_is_told():
    A = spread(-0.5, 1.0)
    with pytest.raises(InputError, match=r"eigenvalue near -0\.5"):
        iterate(None, A, right(24), method="chebyshev")
    made = iterate(None, A, np.linalg.eigh(A)[1][:, 0] + 1e-3)
    assert made.reason == "indefinite"
    assert "positive definite" in made.caution


def test_a_direction_of_negative_curvature_begins_again():
    A, b = np.diag([1.0, 1.0, 1.0, -0.05]), np.array([1.0, 2.0, 3.0, 0.5])
    made = iterate(None, A, b, iterations=30)
    # Gradients that meet the negative direction last: one restart, then it cannot go on.
    assert made.reason == "indefinite"
    assert made.restarts >= 1


def test_the_account_has_products_and_digital_work():
    A, b = wishart(16, 256), right(16)
    chip = amc.Chip(gain=1e8, seed=1)
    M = chip.program(A, "mvm")
    before = chip.cost().work
    made = iterate(M, A, b, ledger=chip.ledger)
    after = chip.cost().work
    # A right-hand side that is solved is not multiplied any more.
    asked = after.operated.count - before.operated.count
    assert made.products == made.iterations + 1
    assert 3 * (made.products - 4) < asked <= 3 * made.products
    given = 2 * A.size * b.shape[1]  # the residual in the end
    assert after.flops - before.flops == 16 * b.size * made.iterations + 3 * b.size + given


def test_products_in_time_take_the_same_iterations():
    A, b = wishart(6, 48), right(6)
    made = {}
    for fidelity in ("dc", "behavioural"):
        chip = amc.Chip(opamp="onchip-1g", write_noise=0.01, seed=1, fidelity=fidelity)
        made[fidelity] = iterate(chip.program(A, "mvm"), A, b, residual=1e-2, ledger=chip.ledger)
    assert made["dc"].reason == made["behavioural"].reason == "reached"
    assert made["dc"].iterations == made["behavioural"].iterations
    # As far as outputs settle in the window.
    assert off(made["behavioural"].x, made["dc"].x) < 1e-2
    assert chip.cost().work.operated.settling > 0


def test_converters_set_a_floor_that_is_told():
    A, b = wishart(16, 256), right(16)
    ends = []
    for bits in (8, 12):
        chip = amc.Chip(gain=1e8, seed=1, dac_bits=bits, adc_bits=bits)
        made = iterate(chip.program(A, "mvm"), A, b)
        assert made.reason == "floor"
        assert "floor" in made.caution
        # The residual that is told is one that a product confirmed.
        assert made.steps[-1].residual > 1e-3
        ends.append(made.steps[-1].residual)
    assert ends[1] < ends[0] / 4


def test_readings_that_fluctuate_do_not_make_it_claim_what_is_not_there():
    A, b = wishart(16, 256), right(16)
    chip = amc.Chip(gain=1e8, seed=1, input_noise=1e-7, noise=True)
    made = iterate(chip.program(A, "mvm"), A, b, residual=1e-6)
    assert made.reason == "floor"
    true = off(A @ made.x, b)
    assert true / 2 < made.steps[-1].residual < 3 * true


def test_a_single_right_hand_side_and_zeros():
    A = wishart(8, 64)
    b = right(8, 2)
    b[:, 1] = 0
    made = iterate(None, A, b)
    assert made.reason == "reached"
    assert not made.x[:, 1].any()
    np.testing.assert_allclose(iterate(None, A, b[:, 0]).x, made.x[:, 0])
    assert not iterate(None, A, np.zeros(8)).x.any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "gmres"}, "choose from"),
        ({"iterations": 0}, "iterations"),
        ({"residual": 0.0}, "residual"),
        ({"method": "chebyshev", "bounds": (0.0, 1.0)}, "bounds"),
        ({"method": "richardson", "bounds": "ab"}, "bounds"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        iterate(None, wishart(6, 24), right(6), **options)
    with pytest.raises(InputError, match="square"):
        iterate(None, np.ones((3, 2)), right(3))
    with pytest.raises(InputError, match="singular"):
        iterate(None, np.ones((3, 3)), right(3))
    with pytest.raises(InputError, match="symmetric"):
        iterate(None, np.triu(np.ones((3, 3))), right(3))
    with pytest.raises(InputError, match="diagonal"):
        iterate(None, np.fliplr(np.eye(4)), right(4), method="jacobi")


@pytest.mark.parametrize("method", ["cg", "chebyshev"])
def test_where_it_ends_does_not_rest_on_the_answer(method, monkeypatch):
    A, b = wishart(16, 256), right(16)
    made = iterate(None, A, b, method=method)
    monkeypatch.setattr(iteration, "answer_of", lambda matrix, right: np.full(right.shape, 7.0))
    blind = iterate(None, A, b, method=method)
    assert (blind.reason, blind.iterations) == (made.reason, made.iterations)
    np.testing.assert_array_equal(blind.x, made.x)
    assert blind.steps[-1].error > 0.1 > made.steps[-1].error


def test_finding_bounds_takes_two_orthogonalisations_a_product():
    """A dot product and an update with each direction, twice; a length and a division, two ways."""
    n, ledger = 24, Ledger()
    eigenvalue_bounds(wishart(n, 96), n, products=5, ledger=ledger)
    ((_, row),) = ledger.sums("digital")
    assert row["flops"] == sum(2 * 4 * n * known + 4 * n for known in range(1, 6))


def test_every_right_hand_side_that_begins_again_is_counted():
    A, b = np.diag([1.0, 1.0, 1.0, -0.05]), np.array([1.0, 2.0, 3.0, 0.5])
    alone = iterate(None, A, b, iterations=30)
    both = iterate(None, A, np.column_stack([b, b]), iterations=30)
    assert both.restarts == 2 * alone.restarts > 0


# -- command line ------------------------------------------------------------------------------


@pytest.fixture
def problem(tmp_path):
    np.save(tmp_path / "A.npy", wishart(8, 128))
    np.save(tmp_path / "b.npy", right(8, 2))
    return ["--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.npy", "--fidelity", "dc"]


def test_solve_iterates_and_says_what_it_took(problem, tmp_path):
    result = run(
        "solve", "inv", *problem, "--iterate", "chebyshev", "--write-noise", 0.01, "--gain", 1e7,
        "--json", tmp_path / "r.json", "--out", tmp_path / "x.npy", "--verify", 2,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "r.json").read_text())
    assert content["ended"] == "reached"
    assert content["circuit"] == "products"
    assert content["simulator"] == "dc"
    assert content["amplifiers"] == 8
    assert content["cells"] == amc.MVM(np.load(tmp_path / "A.npy")).schematic.cells
    assert min(content["residual"]) > 1e-6  # of A, not of the cells
    assert {"amcspice", "seed", "deck_sha256"} <= content["provenance"].keys()
    assert len(content["history"]) == content["iterations"] < content["products"]
    assert content["history"][-1]["residual"] <= 1e-6 < max(content["relative_error"])
    exact = np.linalg.solve(np.load(tmp_path / "A.npy"), np.load(tmp_path / "b.npy"))
    x = np.load(tmp_path / "x.npy")
    assert content["relative_error"][0] == pytest.approx(off(x[:, 0], exact[:, 0]))
    assert content["verification"]["passed"]
    assert content["cost"]["work"]["operated"]["count"] <= 2 * content["products"]


def test_slices_take_iterations_to_the_bits_that_they_hold(problem, tmp_path):
    A = np.load(tmp_path / "A.npy") + 1j * np.triu(np.full((8, 8), 0.1), 1)
    A = A + np.triu(A - A.real, 1).conj().T - np.diag(np.diag(A).imag * 1j)
    np.save(tmp_path / "C.npy", A)
    assert np.allclose(A, A.conj().T)
    result = run(
        "solve", "inv", "--matrix", tmp_path / "C.npy", *problem[2:], "--iterate", "cg",
        "--slices", 8, "--levels", 8, "--residual", 1e-7, "--json", "-",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["ended"] == "reached"
    assert max(content["relative_error"]) < 1e-6


def test_its_json_has_what_every_solve_has(problem, tmp_path):
    b = np.load(tmp_path / "b.npy")
    b[:, 1] = 0
    np.save(tmp_path / "b.npy", b)
    words = ["solve", "inv", *problem, "--gain", 1e7, "--write-noise", 0.01, "--json", "-"]
    plain, blocks = (json.loads(run(*words, *more).stdout) for more in ([], ["--stages", 1]))
    result = run(*words, "--iterate", "cg")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    promised = {
        "problem", "circuit", "fidelity", "simulator", "solution", "reference", "relative_error",
        "settled", "settling_time_s", "power_w", "energy_j", "amplifiers", "cells", "range",
        "provenance",
    }  # fmt: skip
    assert promised <= content.keys() & plain.keys() & blocks.keys()
    assert content["provenance"].keys() == blocks["provenance"].keys()
    assert content["provenance"]["amcspice"] == amc.__version__
    assert content["relative_error"][1] == 0  # zero, and nothing is divided by its length
    assert content["settled"] == [True, True]
    assert content["settling_time_s"] == [None, 0.0]  # no time at dc; what is not asked takes none
    circuit = amc.make_circuit("mvm", wishart(8, 128))
    assert content["amplifiers"] == circuit.amplifier_count
    assert content["cells"] == circuit.schematic.cells
    assert content["range"] == {"choice": "predicted", "volts_per_unit": None, "repeats": 0}


def test_products_are_timed_for_each_right_hand_side():
    """By the ledger: every product of the one that is longest in the account takes part in it."""
    A, b = wishart(6, 48), right(6, 1)
    chip = amc.Chip(opamp="onchip-1g", seed=1, fidelity="behavioural")
    M = chip.program(A, "mvm")
    before = chip.cost().work.operated
    made = iterate(M, A, b, residual=1e-2, ledger=chip.ledger)
    after = chip.cost().work.operated
    assert made.settled.all()
    assert made.settling_time.sum() == pytest.approx(after.settling - before.settling)
    assert made.energy.shape == (1,)
    assert made.energy[0] > 0
    exact = iterate(None, A, b)  # digital: nothing settles
    assert (exact.settling_time[0], exact.energy[0]) == (0, 0)

    class Own:
        def __matmul__(self, v):
            return A @ v

    assert np.isnan(iterate(Own(), A, b).settling_time).all()  # who knows
    short = amc.Chip(opamp="onchip-1g", seed=1, fidelity="behavioural", window=1e-9)
    with pytest.warns(amc.CautionWarning):
        made = iterate(short.program(A, "mvm"), A, b, residual=1e-2, iterations=3)
    assert not made.settled.any()
    assert any("did not settle" in said for said in made.cautions)


def test_what_is_no_answer_leaves_with_an_exit_code(problem, tmp_path):
    np.save(tmp_path / "N.npy", -wishart(8, 128))
    result = run(
        "solve", "inv", "--matrix", tmp_path / "N.npy", *problem[2:], "--iterate", "cg",
        "--json", tmp_path / "r.json", "--out", tmp_path / "x.npy",
    )  # fmt: skip
    assert result.exit_code == 1
    assert "not positive definite" in result.output
    assert json.loads((tmp_path / "r.json").read_text())["ended"] == "indefinite"
    assert not (tmp_path / "x.npy").exists()


def test_nothing_is_solved_by_nothing(problem, tmp_path):
    np.save(tmp_path / "z.npy", np.zeros(8))
    result = run(
        "solve", "inv", *problem[:2], "--rhs", tmp_path / "z.npy", "--fidelity", "dc",
        "--iterate", "cg", "--json", tmp_path / "r.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "r.json").read_text())["relative_error"] == [0.0]


def test_a_product_takes_the_options_of_its_circuit(problem, tmp_path):
    made = [
        run("solve", "inv", *problem, "--iterate", "cg", "--gain", 100, *more, "--json", "-")
        for more in ([], ["--feedback", 8], ["--feedback", 8, "--no-compensation"])
    ]
    errors = [json.loads(result.stdout)["relative_error"][0] for result in made]
    assert len({f"{error:.6g}" for error in errors}) == 3


def test_long_tables_say_that_they_begin_later(problem, tmp_path):
    np.save(tmp_path / "S.npy", spread(0.1, 1.0, 8))
    result = run(
        "solve", "inv", *problem, "--iterate", "richardson", "--residual", 1e-9, "--gain", 1e9,
        "--matrix", tmp_path / "S.npy",
    )  # fmt: skip
    assert "iterations before these: --json has them all" in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--iterate", "cg", "--diagonal", "fixed"], "mvm does not take diagonal"),
        (["--iterate", "cg", "--stages", 1], "--stages"),
        (["--iterate", "cg", "--refine", 20], "--refine"),
        (["--residual", 1e-3], "give --iterate"),
        (["--iterate", "cg", "--trials", 3], "--trials"),
        (["--iterate", "cg", "--circuit", "mvm"], "--circuit"),
    ],
)
def test_options_that_do_not_fit_are_refused(problem, options, message, tmp_path):
    before = files(tmp_path)
    refused(run("solve", "inv", *problem, *options), message)
    refused(run("solve", "lstsq", *problem, "--iterate", "cg"), "of problem inv")
    assert files(tmp_path) == before


def test_another_matrix_than_the_given_one_is_told():
    A, b = wishart(16, 256), right(16)
    chip = amc.Chip(gain=5.0)  # products are smaller by a fifth and more
    made = iterate(chip.program(A, "mvm"), A, b, ledger=chip.ledger)
    assert made.reason == "reached"
    left = (np.linalg.norm(b - A @ made.x, axis=0) / np.linalg.norm(b, axis=0)).max()
    assert made.residual_given == pytest.approx(left)
    assert left > 0.1
    assert f"that of the given one is {left:.2g}" in made.caution
    assert iterate(None, A, b).cautions == ()


def test_negative_curvature_that_stays_is_the_matrix_itself():
    """Eigenvalues of both signs: conjugate gradients end far off, and say why."""
    A = np.array([[0.0, 1.0, 0.2], [1.0, 0.0, 0.1], [0.2, 0.1, 0.0]])
    b = np.array([1.0, 1.0, 1.0])
    made = iterate(None, A, b, iterations=200)
    assert np.linalg.norm(A @ made.x - b) > 0.1 or made.reason == "reached"
    assert made.reason in ("indefinite", "reached")
    turned = iterate(None, np.diag([1.0, 2.0, -0.5, -0.1]), np.array([1.0, 1.0, 0.3, 0.2]))
    assert turned.reason in ("indefinite", "reached")
    assert turned.failed == (turned.reason != "reached")
