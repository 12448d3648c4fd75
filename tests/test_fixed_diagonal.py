"""A diagonal in fixed resistors: what it is worth, what their mismatch costs, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from cli_helpers import files, refused, run
from plain_ngspice import read_listing, run_plain

import amcspice as amc
from amcspice.algorithm import BlockInverse, forecast
from amcspice.circuit import GROUND
from amcspice.errors import InputError, UnstableError, UnsupportedError

USERS, ANTENNAS = 16, 128
IDEAL = amc.OpAmp(gain=1e9)


def gaussian(shape, seed):
    draw = np.random.default_rng(seed)
    return (draw.standard_normal(shape) + 1j * draw.standard_normal(shape)) / np.sqrt(2)


def gram(seed, users=USERS, antennas=ANTENNAS):
    """Return H'H / M of a channel of independent entries."""
    H = gaussian((antennas, users), seed)
    return H.conj().T @ H / antennas


def remainder(A):
    """Return c and the largest real entry of A - c I, c the middle of the diagonal."""
    diagonal = np.diag(A).real
    c = (diagonal.min() + diagonal.max()) / 2
    left = A - c * np.eye(len(A))
    return c, max(np.abs(left.real).max(), np.abs(left.imag).max())


def inverse_norm(A):
    """Return sqrt(tr A^-2) of a Hermitian matrix."""
    return np.linalg.norm(np.linalg.inv(A))


def mean_square(values):
    return float(np.sqrt(np.mean(np.square(values))))


def evm(diagonal, channels=12, **cells):
    """Return the error vector magnitude of symbols, and what the closed form makes of it."""
    errors, expected = [], []
    for seed in range(channels):
        A, x = gram(seed), gaussian((USERS, 30), 100 + seed)
        found = amc.solve("inv", A, A @ x, fidelity="dc", gain=1e9, diagonal=diagonal, seed=seed,
                          **cells)  # fmt: skip
        errors.append(np.linalg.norm(found.x - x) / np.linalg.norm(x))
        largest = remainder(A)[1] if diagonal == "fixed" else np.abs(A).max()
        step = cells.get("write_noise") or 1 / ((cells["levels"] - 1) * np.sqrt(12))
        expected.append(step * largest * np.sqrt(2) * inverse_norm(A))
    return mean_square(errors), mean_square(expected)


# -- what it is worth ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "programmed", "fixed"),
    [
        ({"write_noise": 0.01}, (0.07, 0.08), (0.0125, 0.014)),
        ({"levels": 16}, (0.15, 0.17), (0.024, 0.027)),
    ],
)
def test_error_of_a_gram_matrix(cells, programmed, fixed, measured):
    with_cells, _ = evm("programmed", **cells)
    with_resistors, closed_form = evm("fixed", **cells)
    measured("error, diagonal in cells", with_cells)
    measured("error, diagonal in resistors", with_resistors)
    assert programmed[0] < with_cells < programmed[1]
    assert fixed[0] < with_resistors < fixed[1]
    assert with_resistors == pytest.approx(closed_form, rel=0.06)


@pytest.mark.ngspice
def test_fidelities_have_the_same_error():
    A, x = gram(1, 3, 24), gaussian(3, 2)
    cells = {"diagonal": "fixed", "diagonal_mismatch": 0.02, "write_noise": 0.01, "seed": 3}
    runs = [
        amc.solve("inv", A, A @ x, fidelity=fidelity, gain=1e7, **cells)
        for fidelity in ("dc", "behavioural", "reduced", "flat")
    ]
    assert runs[0].circuit == "inv-compensated"
    assert runs[0].relative_error > 1e-3
    for other in runs[1:]:
        np.testing.assert_allclose(other.x, runs[0].x, rtol=0, atol=1e-5)


def test_settling_of_a_gram_matrix(measured):
    """2.7 ns at 1 GHz, 3.1 the slowest of 40 channels, is what a prototype of it took."""
    times = []
    for seed in range(7):
        A, x = gram(seed), gaussian(USERS, 50 + seed)
        found = amc.solve("inv", A, A @ x, fidelity="behavioural", diagonal="fixed", gbw=1e9)
        times.append(found.settling_time)
    measured("median settling time [ns]", np.median(times) * 1e9)
    assert 2.3e-9 < np.median(times) < 3.2e-9


# -- mapping -------------------------------------------------------------------------------------


def fixed_resistors(circuit):
    """Return resistors that are no cells, outputs first, by their ends in the network [S]."""
    _, b, conductance = circuit.schematic.peripheral.elements
    outputs = np.isin(b, circuit.schematic.outputs)
    return conductance[outputs], conductance[b == GROUND]


@pytest.mark.parametrize("name", ["inv", "inv-compensated", "inv-inverters"])
def test_cells_use_their_whole_range(name):
    A = np.random.default_rng(0).uniform(0.1, 0.3, (5, 5)) + 3 * np.eye(5)
    circuit = amc.CIRCUITS[name](A, diagonal="fixed")
    cells = circuit.schematic.crossbars[0].cells
    assert cells.max() == pytest.approx(circuit.device.g_max)
    assert cells.min() >= 0
    held = np.abs(circuit.mapping.target)
    diagonal = np.diag(A)
    c = diagonal.min() if name == "inv" else (diagonal.min() + diagonal.max()) / 2
    np.testing.assert_allclose(circuit.mapping.target / circuit.mapping.scale + c * np.eye(5), A)
    assert held.max() == pytest.approx(circuit.device.g_max)
    from_outputs, _ = fixed_resistors(circuit)
    np.testing.assert_allclose(from_outputs[:5], c * circuit.mapping.scale)


def test_a_shared_scale_is_kept():
    A = np.array([[2.0, 0.1], [0.2, 2.0]])
    circuit = amc.INV(A, diagonal="fixed", largest_entry=0.8)
    assert circuit.mapping.scale == pytest.approx(circuit.device.g_max / 0.8)
    assert fixed_resistors(circuit)[0] == pytest.approx(2.0 * circuit.mapping.scale)


def test_compensation_is_matched_by_resistors_not_by_cells():
    """Without them, cells of several g_max would have to stand for c on the other line."""
    A = np.array([[2.0, -0.1], [0.2, 2.0]])
    circuit = amc.CompensatedINV(A, diagonal="fixed")
    grounded = fixed_resistors(circuit)[1]
    np.testing.assert_allclose(grounded, 2.0 * circuit.mapping.scale)
    assert circuit.schematic.cells == 2 * A.size + 4  # one compensating cell a line


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["dc", "behavioural", "flat"])
@pytest.mark.parametrize("A", [[[3.0]], 0.5 * np.eye(3), np.eye(2) * (1 + 1e-15)], ids=len)
def test_a_matrix_without_remainder_is_resistors_alone(A, fidelity):
    circuit = amc.INV(A, diagonal="fixed", opamp=IDEAL, write_noise=0.1)
    assert not circuit.schematic.crossbars[0].cells.any()
    assert circuit.mapping.scale * np.max(A) == pytest.approx(100 * circuit.device.g_max)
    b = np.arange(1.0, len(A) + 1)
    found = amc.simulate(circuit, b, fidelity=fidelity)
    np.testing.assert_allclose(found.x, b / np.diag(A), rtol=1e-3)


def test_rows_rest_where_all_that_hangs_on_them_lets_them():
    """Voltages across cells by hand: resistors draw a row towards its output, or to ground."""
    A = np.array([[2.0, -0.9, 0.1], [-0.8, 2.2, -0.7], [0.3, -0.6, 1.9]])
    c, _ = remainder(A)
    x = np.array([[1.0, -0.5, 0.2], [0.1, 1.0, -1.0]])
    left = A - c * np.eye(3)
    above, below = np.maximum(left, 0), np.maximum(-left, 0)
    total = c + np.maximum(above.sum(axis=1), below.sum(axis=1))
    rows = x @ below.T / total
    expected = max(np.abs(x[k][:, None] - rows[k]).max() for k in range(2))
    circuit = amc.CompensatedINV(A, diagonal="fixed")
    assert circuit.swing(x @ A.T, x).cells == pytest.approx(expected)
    assert expected > 1


def test_equal_diagonals_leave_no_cell_of_rounding():
    A = np.full((4, 4), 0.1) + 0.7 * np.eye(4)
    A[1, 1] *= 1 + 2e-16
    noisy = amc.INV(A, diagonal="fixed", device=amc.Memristor(write_noise=0.1))
    assert not np.diag(noisy.schematic.crossbars[0].cells).any()


def test_a_singular_remainder_is_no_obstacle():
    A = np.ones((4, 4)) + 2 * np.eye(4)
    found = amc.solve("inv", A, A @ [1.0, -1.0, 0.5, 0.2], fidelity="dc", gain=1e9,
                      diagonal="fixed")  # fmt: skip
    assert found.relative_error < 1e-7


def test_the_limit_of_write_noise_is_that_of_the_cells():
    from amcspice.engine.remedies import noise_share

    A = gram(0).real
    device = amc.Memristor(write_noise=0.01)
    share = noise_share(amc.CompensatedINV(A, device=device, diagonal="fixed"))
    assert share == pytest.approx(0.01 * remainder(A)[1] * inverse_norm(A), rel=0.05)


def test_resistors_are_a_remedy_for_an_unstable_writing():
    X = np.random.default_rng(1).standard_normal((5, 16, 80))[-1]
    options = {"fidelity": "dc", "write_noise": 0.12, "seed": 4}
    A = X @ X.T / 80
    with pytest.raises(UnstableError, match="diagonal = 'fixed'"):
        amc.solve("inv", A, np.ones(16), **options)
    assert amc.solve("inv", A, np.ones(16), diagonal="fixed", **options).all_settled


# -- mismatch ------------------------------------------------------------------------------------


def test_resistors_are_drawn_once_and_by_themselves():
    A = gram(0).real

    def made(**changes):
        device = amc.Memristor(write_noise=0.02, seed=changes.pop("seed", 1))
        return amc.CompensatedINV(A, device=device, diagonal="fixed", **changes)

    plain, spread = made(), made(diagonal_mismatch=0.03)
    np.testing.assert_array_equal(
        plain.schematic.crossbars[0].cells, spread.schematic.crossbars[0].cells
    )
    first, grounded = fixed_resistors(spread)
    assert not np.isin(first, grounded).any()
    np.testing.assert_array_equal(first, fixed_resistors(made(diagonal_mismatch=0.03, cycle=5))[0])
    assert (first != fixed_resistors(made(diagonal_mismatch=0.03, seed=2))[0]).all()


def test_resistors_have_the_stated_spread():
    A = 2 * np.eye(400)
    A[0, 1] = 1.0
    circuit = amc.INV(A, diagonal="fixed", diagonal_mismatch=0.05)
    logs = np.log(fixed_resistors(circuit)[0] / (2 * circuit.mapping.scale))
    assert abs(logs.mean()) < 3 * 0.05 / 20
    assert logs.std() == pytest.approx(0.05, rel=0.1)


def first_order(circuit, x, sigma):
    """Return dx with A dx = -c (E (x - v) + F v), E and F relative errors of both resistors.

    With S the total of both lines, (S + g e) v = G+ x + g (1 + e) x - I and (S + g f) v = G- x.
    """
    A = circuit.matrix
    made = [np.log(g) for g in fixed_resistors(circuit)]
    meant = [np.log(g) for g in fixed_resistors(replace(circuit, diagonal_mismatch=0.0))]
    errors = [one - other for one, other in zip(made, meant, strict=True)]
    assert mean_square(errors[0]) == pytest.approx(sigma, rel=0.6)
    c, _ = remainder(A)
    v, second = np.zeros(len(A)), np.zeros(len(A))
    if circuit.name == "inv":
        c = np.diag(A).min()
    else:
        left = A - c * np.eye(len(A))
        above, below = np.maximum(left, 0), np.maximum(-left, 0)
        v = below @ x / (c + np.maximum(above.sum(axis=1), below.sum(axis=1)))
        second = errors[1]
    return np.linalg.solve(A, -c * (errors[0] * (x - v) + second * v))


@pytest.mark.parametrize("name", ["inv", "inv-compensated"])
def test_what_mismatch_does_to_first_order(name):
    draw = np.random.default_rng(2)
    A = draw.uniform(0.0 if name == "inv" else -1.0, 1.0, (8, 8)) + 5 * np.eye(8)
    x = draw.standard_normal(8)
    circuit = amc.CIRCUITS[name](A, diagonal="fixed", diagonal_mismatch=1e-4, opamp=IDEAL)
    found = amc.simulate(circuit, A @ x, fidelity="dc").x - x
    expected = first_order(circuit, x, 1e-4)
    assert np.linalg.norm(found - expected) < 2e-3 * np.linalg.norm(expected)


def test_what_mismatch_does_to_a_gram_matrix(measured):
    """Of random symbols x, |dx| / |x| is sigma c sqrt(tr A^-2 / K), but for where lines rest."""
    errors, expected = [], []
    for seed in range(12):
        A, x = gram(seed), gaussian((USERS, 30), 100 + seed)
        found = amc.solve("inv", A, A @ x, fidelity="dc", gain=1e9, diagonal="fixed", seed=seed,
                          diagonal_mismatch=0.01)  # fmt: skip
        errors.append(np.linalg.norm(found.x - x) / np.linalg.norm(x))
        expected.append(0.01 * remainder(A)[0] * inverse_norm(A) / np.sqrt(USERS))
    measured("error at a mismatch of 1 %", mean_square(errors))
    assert mean_square(errors) == pytest.approx(mean_square(expected), rel=0.07)


def test_every_trial_draws_other_resistors():
    A = np.array([[2.0, 0.1], [0.2, 2.0]])
    spread = amc.INV(A, diagonal="fixed", diagonal_mismatch=0.02, opamp=IDEAL)
    trials = amc.monte_carlo(spread, [1.0, -1.0], trials=20, fidelity="dc")
    assert len(set(np.ravel(trials.relative_error).tolist())) == 20
    with pytest.raises(InputError, match="nothing of this circuit is drawn"):
        amc.monte_carlo(replace(spread, diagonal_mismatch=0.0), [1.0, -1.0], trials=2)


# -- systems and decks ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [{"stages": 0}, {"stages": 2}, {"array_size": 1}], ids=str)
def test_blocks_have_fixed_diagonals(size):
    A, b = gram(0, 4, 32), gaussian((4, 3), 1)
    inverse = BlockInverse(amc.Chip(gain=1e10), A, diagonal="fixed", **size)
    exact = np.linalg.solve(A, b)
    assert np.linalg.norm(inverse.solve(b) - exact) < 3e-9 * np.linalg.norm(exact)
    scales = [each.circuit().mapping.scale for each in inverse.arrays]
    assert np.ptp(scales) < 1e-12 * scales[0]  # one for all, that of the whole remainder
    assert scales[0] == pytest.approx(100e-6 / remainder(A)[1])


@pytest.mark.parametrize("name", ["inv", "inv-compensated"])
def test_arrays_take_another_matrix_only_with_the_resistors_that_they_have(name):
    draw = np.random.default_rng(4)

    def made(diagonal, largest):
        rest = draw.uniform(0.1, 0.9, (4, 4)) * largest
        rest[0, 1] = largest
        np.fill_diagonal(rest, 0.0)
        if name == "inv-compensated":
            rest[1, 2] *= -1
        return rest + diagonal * np.eye(4)

    chip = amc.Chip(gain=1e10, write_noise=0.01)
    first, alike = made(3.0, 0.5), made(3.0, 0.5)
    M = chip.program(first, "inv", diagonal="fixed")
    M.program(alike)  # c s_G is that of the first
    M.refresh()
    np.testing.assert_array_equal(M.matrix, alike)
    written, x = chip.cost().work.programmings, M.look(np.ones(4))
    for other in (made(3.0, 0.4), made(2.0, 0.5)):  # another scale; another c
        needed = 100e-6 * other[0, 0] / other[0, 1]
        with pytest.raises(InputError, match=f"0.0006 S .* needs {needed:.6g} S"):
            M.program(other)
    np.testing.assert_array_equal(M.look(np.ones(4)), x)  # nothing was written
    assert chip.cost().work.programmings == written
    # One scale for several matrices keeps the resistors of equal diagonals.
    M = chip.program(first, "inv", diagonal="fixed", largest_entry=0.6)
    M.program(made(3.0, 0.4))
    chip.program(first, "inv").program(made(2.0, 0.5))  # cells take any


@pytest.mark.parametrize("stages", [0, 1])
def test_refinement_converges_faster(stages, measured):
    """8 levels: 0.2 bits an iteration with the diagonal in cells, above 3 in resistors."""
    radii = {
        diagonal: [
            forecast(inverse.matrix, inverse.transfer()).spectral_radius
            for seed in range(3)
            for inverse in [
                BlockInverse(amc.Chip(levels=8, gain=1e6, seed=seed), gram(seed), stages=stages,
                             diagonal=diagonal)
            ]
        ]
        for diagonal in ("programmed", "fixed")
    }  # fmt: skip
    measured("largest spectral radius", max(radii["fixed"]))
    assert min(radii["programmed"]) > 0.6
    assert max(radii["fixed"]) < 0.15


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["flat", "reduced"])
def test_plain_ngspice_solves_its_deck(tmp_path, fidelity):
    A = np.array([[2.0, -0.2, 0.1], [0.1, 2.1, 0.3], [-0.1, 0.2, 1.9]])
    np.save(tmp_path / "A.npy", A)
    np.save(tmp_path / "b.npy", A @ [1.0, -0.5, 0.2])
    deck = tmp_path / "deck.cir"
    result = run("generate", "inv-compensated", "--matrix", tmp_path / "A.npy", "--rhs",
                 tmp_path / "b.npy", "--out", deck, "--fidelity", fidelity, "--diagonal", "fixed",
                 "--wire-resistance", "0.5")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "3 of 1500 ohm hold c I, c = 2; cells hold what remains of A" in deck.read_text()
    code, output = run_plain(deck)
    assert code == 0, output
    (solution,) = [item["x"] for item in read_listing(output)]
    np.testing.assert_allclose(solution, [1.0, -0.5, 0.2], atol=5e-3)


def test_every_resistor_is_exported():
    A = np.array([[2.0, -0.2], [0.1, 2.1]])
    circuit = amc.CompensatedINV(A, diagonal="fixed")
    exported = amc.to_pyspice(circuit, np.ones(2))
    ohms = [float(element.resistance) for element in exported.elements if element.name[0] == "R"]
    c, largest = remainder(A)
    assert np.isclose(ohms, largest / (c * 100e-6)).sum() == 4


def test_the_command_says_what_it_did(tmp_path):
    A = gram(0, 4, 32)
    np.save(tmp_path / "A.npy", A)
    np.save(tmp_path / "b.npy", A @ gaussian(4, 1))
    result = run("solve", "inv", "--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.npy",
                 "--fidelity", "dc", "--diagonal", "fixed", "--diagonal-mismatch", "1 %",
                 "--json", "-")  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["circuit"] == "inv-compensated"
    assert 1e-3 < content["relative_error"][0] < 3e-2


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "A", "more", "message"),
    [
        ("inv", [[0.0, 1.0], [1.0, 1.0]], {}, "its smallest diagonal entry is 0"),
        ("inv", [[0.0, 1.0], [1.0, 1.0]], {}, "circuit inv-compensated"),
        ("inv", [[0.0, 1.0], [1.0, 0.0]], {}, "take diagonal = 'programmed'"),
        ("inv-compensated", [[-2.0, 1.0], [1.0, -3.0]], {}, "the middle of its diagonal is -2.5"),
        ("inv-inverters", [[-1.0, 1.0], [1.0, 1.0]], {}, "the middle of its diagonal is 0"),
        ("inv", [[2.0, -0.1], [0.1, 2.0]], {}, "non-negative matrices only"),
        ("inv", [[2.0, 0.1, 0.1], [0.1, 2.0, 0.1]], {}, "needs a square matrix"),
        ("inv", [[2.0, 2.0], [2.0, 2.0]], {}, "singular"),
        ("inv", np.eye(2), {"diagonal": "fixxed"}, "did you mean fixed"),
        ("inv", np.eye(2), {"diagonal_mismatch": -0.1}, "greater than or equal to 0"),
        ("macro-inv", np.eye(2) + 1, {}, "the arrays of the macro hold the whole matrix"),
    ],
)
def test_what_resistors_cannot_hold_is_refused(name, A, more, message):
    with pytest.raises(InputError, match=message):
        amc.CIRCUITS[name](A, **{"diagonal": "fixed", **more})


def test_mismatch_without_resistors_is_refused():
    with pytest.raises(InputError, match="diagonal_mismatch is of the resistors"):
        amc.INV(np.eye(2), diagonal_mismatch=0.01)


@pytest.mark.parametrize("problem", ["mvm", "lstsq", "nnls", "eig"])
def test_problems_without_a_diagonal_refuse_it(problem):
    with pytest.raises(UnsupportedError, match="does not take diagonal"):
        amc.make_circuit(problem, np.eye(3) + 1, diagonal="fixed")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["solve", "lstsq"], "ginv-compact does not take diagonal"),
        (["solve", "inv", "--diagonal-mismatch", "0.01", "--diagonal", "programmed"],
         "diagonal_mismatch is of the resistors"),
        (["solve", "inv", "--stages", "1"], "the middle of its diagonal is -1"),
        (["generate", "inv-compensated", "--out", "deck.cir"], "the middle of its diagonal is -1"),
    ],
)  # fmt: skip
def test_commands_refuse_with_one_message(tmp_path, command, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("A.npy", np.array([[-1.0, 0.2], [0.1, -1.0]]))
    np.save("b.npy", np.ones(2))
    chosen = [] if "--diagonal" in command else ["--diagonal", "fixed"]
    result = run(*command, "--matrix", "A.npy", "--rhs", "b.npy", *chosen)
    refused(result, message)
    assert files(tmp_path) == ["A.npy", "b.npy"]


@pytest.mark.parametrize("seed", range(20))
def test_any_matrix_has_an_answer_or_a_message(seed):
    """Sizes, signs, ratios and zeros at random: numpy's answer, or one error that says why."""
    draw = np.random.default_rng(seed)
    n = int(draw.integers(1, 6))
    A = draw.standard_normal((n, n)) * 10.0 ** draw.uniform(-12, 1)
    A += np.diag(draw.choice([0.0, 1.0, 1.0, 1.0, -0.5, 30.0], n)) * 10.0 ** draw.uniform(-3, 3)
    b = draw.standard_normal(n)
    try:
        found = amc.solve("inv", A, b, fidelity="dc", gain=1e9, diagonal="fixed")
    except InputError:
        return
    exact = np.linalg.solve(A, b)
    size = np.linalg.cond(A)
    assert np.linalg.norm(found.x - exact) < 1e-6 * max(size, 1) * np.linalg.norm(exact)
