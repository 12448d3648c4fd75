"""`Chip`: what it programs and runs, against single circuits; what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from chips import DRAW, PLANTED, RIGHT, SQUARE, SYMMETRIC, TALL, chip_of

import amcspice as amc
from amcspice.errors import InputError, UnsupportedError


@pytest.mark.parametrize("fidelity", ["dc", "behavioural"])
def test_an_operation_gives_what_its_circuit_gives_in_the_same_range(fidelity):
    chip = chip_of(fidelity=fidelity, write_noise=0.01)
    matrix = chip.program(TALL, "nnls", calibration=RIGHT)
    for k in range(3):
        answers = matrix.run(RIGHT[:, k])
        alone = amc.simulate(
            matrix.circuit(), RIGHT[:, k], fidelity=fidelity, range=float(answers.volts_per_unit)
        )
        np.testing.assert_allclose(answers.x, alone.x, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(answers.settling_time, alone.settling_time)
        np.testing.assert_allclose(answers.energy, alone.energy)


@pytest.mark.parametrize(
    ("problem", "A", "b"),
    [
        ("mvm", TALL, PLANTED),
        ("inv", SQUARE, RIGHT[:5]),
        ("lstsq", TALL, RIGHT),
        ("nnls", TALL, RIGHT),
        ("inv", SQUARE + 1j * DRAW.standard_normal((5, 5)), RIGHT[:5] + 1j * RIGHT[5:10]),
    ],
)
def test_every_operation_comes_near_to_the_ideal_answer(problem, A, b):
    exact = {
        "mvm": lambda: A @ b,
        "inv": lambda: np.linalg.solve(A, b),
        "lstsq": lambda: np.linalg.lstsq(A, b, rcond=None)[0],
        "nnls": lambda: amc.solve("nnls", A, b, fidelity="ideal").x,
    }[problem]()
    answers = amc.Chip(gain=1e7).program(A, problem, calibration=b).run(b)
    np.testing.assert_allclose(answers.x, exact, atol=1e-4 * np.abs(exact).max())
    np.testing.assert_allclose(answers.reference, exact, atol=1e-9 * np.abs(exact).max())
    assert answers.relative_error.max() < 1e-3
    assert answers.x.shape == exact.shape
    assert np.allclose(answers.x[:, 0], amc.Chip(gain=1e7).program(A, problem).solve(b[:, 0])
                       if problem != "mvm" else answers.x[:, 0], atol=1e-3)  # fmt: skip


def test_products_and_eigenvectors_have_names_of_their_own():
    chip = amc.Chip()
    product = chip.program(TALL, "mvm")
    np.testing.assert_allclose(product @ PLANTED[:, 0], TALL @ PLANTED[:, 0], rtol=1e-3)
    vectors = np.linalg.eigh(SYMMETRIC)[1]
    found = chip.program(SYMMETRIC, "eig").eig(np.ones(5))
    np.testing.assert_allclose(np.abs(found @ vectors[:, -1]), 1.0, atol=1e-2)
    assert chip.program(SYMMETRIC, "eig").eig().shape == (5,)


def test_what_was_programmed_for_one_operation_refuses_another_and_says_what_to_do():
    matrix = chip_of().program(SQUARE, "inv", label="M")
    with pytest.raises(UnsupportedError, match=r"M was programmed for inv.*'mvm'.*macro"):
        matrix @ np.ones(5)
    with pytest.raises(UnsupportedError, match="programmed for inv"):
        matrix.nnls(np.ones(5))


def test_a_macro_offers_its_modes_on_the_same_cells_and_is_written_once():
    chip = amc.Chip(write_noise=0.02, seed=5)
    macro = chip.program(SQUARE, circuit="macro")
    b = RIGHT[:5, 0]
    alone = amc.Macro(SQUARE, hardware=chip.hardware.changed(seed=macro.device.seed))
    for name, mode, found in (
        ("mvm", "mvm", macro @ b), ("inv", "inv", macro.solve(b)), ("lstsq", "ginv", macro.lstsq(b))
    ):  # fmt: skip
        circuit = alone.circuit(mode)
        expected = amc.simulate(circuit, b, fidelity="dc").x
        np.testing.assert_allclose(found, expected, rtol=2e-3, err_msg=name)
    writings = [row for _, row in chip.ledger.sums("writing")]
    assert len(writings) == 1
    assert writings[0]["cells"] == 2 * SQUARE.size


def test_selected_lines_are_those_of_the_programmed_cells_and_write_nothing():
    chip = chip_of(write_noise=0.02)
    whole = chip.program(TALL, "nnls")
    rows = [0, 2, 3, 7, 8, 11]
    part = whole.select(rows)
    expected = amc.simulate(whole.circuit().select(rows), RIGHT[rows, 0], fidelity="dc").x
    np.testing.assert_allclose(part.solve(RIGHT[rows, 0]), expected, rtol=1e-3, atol=1e-3)
    assert sum(row["count"] for _, row in chip.ledger.sums("writing")) == 1
    whole.refresh()
    assert part.cycle == whole.cycle == 1
    with pytest.raises(InputError, match="some lines"):
        part.program(TALL[rows])
    with pytest.raises(UnsupportedError, match="cannot select"):
        chip.program(SQUARE, "inv").select([0, 1])


def test_programming_again_is_the_next_cycle_of_the_same_cells():
    chip = chip_of(write_noise=0.05, device_variation=0.1)
    matrix = chip.program(SQUARE, "inv")
    first = matrix.circuit().schematic.crossbars[0].cells
    matrix.program(SQUARE)
    again = matrix.circuit().schematic.crossbars[0].cells
    expected = matrix.device.program(matrix.circuit().mapping.target, 0, 1)
    assert not np.array_equal(first, again)
    np.testing.assert_array_equal(again, expected)
    assert sum(row["count"] for _, row in chip.ledger.sums("writing")) == 2
    with pytest.raises(InputError, match=r"\(5, 5\).*chip.program"):
        matrix.program(TALL)
    np.testing.assert_array_equal(matrix.circuit().schematic.crossbars[0].cells, again)


def test_hardware_names_the_technology():
    board = amc.Hardware(opamp="ad823", technology="board-ad823")
    assert amc.Chip(board).technology.name == "board-ad823"
    assert amc.Chip(board, gbw="10 MHz").technology.name == "board-ad823"
    assert amc.Chip(board, technology="best").technology.name == "best"
    assert amc.Chip().technology.name == "typical"


def test_no_two_matrices_draw_alike():
    chip = chip_of(write_noise=0.05)
    cells = [chip.program(SQUARE, "inv").circuit().schematic.crossbars[0].cells for _ in range(2)]
    assert not np.allclose(*cells)


def test_what_waits_drifts_as_its_cells_do_and_what_is_refreshed_starts_anew():
    chip = chip_of(drift_exponent=0.05, drift_spread=0.02)
    matrix = chip.program(SQUARE, "inv")
    fresh = matrix.circuit().schematic.crossbars[0].cells
    chip.wait("1 h", temperature=350.0)
    device = matrix.device.__class__(**{**vars(matrix.device), "drift_time": 3600.0 + 1.0,
                                        "temperature": 350.0})  # fmt: skip
    aged = matrix.circuit().schematic.crossbars[0].cells
    np.testing.assert_allclose(aged, device.program(matrix.circuit().mapping.target, 0, 0))
    assert (aged < fresh).all()
    before = matrix.run(RIGHT[:5]).relative_error
    chip.refresh()
    assert np.median(matrix.run(RIGHT[:5]).relative_error) < 0.2 * np.median(before)
    assert chip.now == 3600.0
    for wrong in ("-1 s", "5 m", float("nan"), "soon"):
        with pytest.raises(InputError, match="wait"):
            chip.wait(wrong)


def test_readings_fluctuate_as_the_outputs_do():
    chip = chip_of(noise=True)
    matrix = chip.program(SQUARE, "inv", calibration=np.ones((5, 1)))
    answers = matrix.run(np.ones((5, 4000)))
    volts = answers.volts_per_unit[0]
    expected = amc.output_noise(matrix.circuit()) / volts
    np.testing.assert_allclose(answers.x.std(axis=1), expected, rtol=0.05)
    quiet = chip_of().program(SQUARE, "inv", calibration=np.ones((5, 1))).solve(np.ones(5))
    np.testing.assert_allclose(answers.x.mean(axis=1), quiet, atol=4 * expected.max() / 4000**0.5)
    with pytest.raises(InputError, match="input_noise or thermal_noise"):
        amc.Chip(noise=True).program(SQUARE, "inv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gwb": 1e6}, "did you mean"),
        ({"range": "guess"}, "predicted, reference or a number"),
        ({"cost_sample": -1}, "cost_sample"),
        ({"cost_sample": True}, "cost_sample"),
        ({"fidelity": "dcc"}, "did you mean"),
        ({"technology": "typicall"}, "did you mean"),
        ({"window": 1e-6}, "no time"),
    ],
)
def test_a_chip_refuses_what_it_cannot_be(options, message):
    with pytest.raises((InputError, UnsupportedError), match=message):
        amc.Chip(**options).program(SQUARE, "inv")


def test_programming_refuses_before_anything_is_written():
    chip = chip_of()
    for call, message in (
        (lambda: chip.program(SQUARE), "say what for"),
        (lambda: chip.program(SQUARE, "invert"), "did you mean"),
        (lambda: chip.program(TALL, "inv"), "square"),
        (lambda: chip.program(-SQUARE, circuit="macro"), "non-negative"),
        (lambda: chip.program(SQUARE, "inv", circuit="mvm"), "does not solve"),
        (lambda: chip.program(SQUARE, "inv", calibration=np.ones(4)), "rows"),
    ):
        with pytest.raises((InputError, UnsupportedError), match=message):
            call()
    assert not len(chip.ledger.table())
    matrix = chip.program(SQUARE, "inv")
    with pytest.raises(InputError, match="rows"):
        matrix.solve(np.ones(4))
    with pytest.raises(UnsupportedError, match="complex"):
        matrix.solve(1j * np.ones(5))


def test_selected_lines_are_as_young_as_the_whole():
    chip = chip_of(drift_exponent=0.1, drift_spread=0.05)
    rows = [0, 2, 3, 7, 8, 11]
    whole = chip.program(TALL, "nnls")
    part = whole.select(rows)
    chip.wait("100 h")
    whole.refresh()
    for mine, other in zip(
        part.circuit().schematic.crossbars,
        whole.circuit().select(rows).schematic.crossbars,
        strict=True,
    ):
        np.testing.assert_array_equal(mine.cells, other.cells)


@pytest.mark.parametrize("problem", ["inv", "mvm", "lstsq", "nnls"])
def test_finite_gain_is_that_of_kirchhoffs_laws(problem):
    gain, draw = 300.0, np.random.default_rng(11)
    A = draw.random((6, 6)) + 2 * np.eye(6) if problem in ("inv", "mvm") else draw.random((9, 4))
    x = np.maximum(draw.standard_normal((A.shape[1], 3)), 0.3)
    b = x if problem == "mvm" else A @ x
    circuit = "ginv-compact" if problem in ("lstsq", "nnls") else None
    matrix = chip_of(gain=gain, output_resistance=1e-6).program(A, problem, circuit=circuit)
    if problem == "inv":
        expected = np.linalg.solve(A + np.diag(A.sum(axis=1)) / gain, b)
    elif problem == "mvm":
        feedback = matrix.circuit().feedback * A.max()
        expected = (A @ b) / (1 + (A.sum(axis=1) + feedback) / (feedback * gain))[:, None]
    else:  # S v = A x - b + A u with equal S, T u = A' v, x = -gain u
        total = 2 * A.sum(axis=1).max()
        left = A.T @ A * (1 - 1 / gain) / total + np.diag(A.sum(axis=0)) / gain
        expected = np.linalg.solve(left, A.T @ b / total)
        assert (expected > 0).all()
    np.testing.assert_allclose(matrix.solve(b), expected, rtol=1e-4)
    assert np.abs(expected - (A @ b if problem == "mvm" else x)).max() > 1e-3


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, InputError("no")])
def test_writing_that_is_broken_off_leaves_everything_as_it_was(trouble, monkeypatch):
    chip = chip_of()
    matrix = chip.program(SQUARE, "inv")
    before = matrix.solve(RIGHT[:5]), chip.ledger.to_json()

    def broken(*args, **kwargs):
        raise trouble

    monkeypatch.setattr("amcspice.system.operation.calibrate", broken)
    with pytest.raises(BaseException):  # noqa: B017, PT011
        matrix.program(2 * SQUARE)
    with pytest.raises(BaseException):  # noqa: B017, PT011
        chip.program(SQUARE, "inv")
    monkeypatch.undo()
    assert matrix.cycle == 0
    assert chip.ledger.to_json() == before[1]
    assert chip.matrices == [matrix]
    np.testing.assert_array_equal(matrix.solve(RIGHT[:5]), before[0])


def test_arrays_of_one_circuit_do_not_become_those_of_another():
    matrix = chip_of().program(SQUARE, "inv")
    for other, message in ((SQUARE - 0.5, "inv-compensated"), (SQUARE + 0.2j, "10 x 10")):
        with pytest.raises(InputError, match=message):
            matrix.program(other)
    assert matrix.cycle == 0
    matrix.program(2 * SQUARE)
    assert matrix.cycle == 1


def test_readings_are_drawn_anew_every_time():
    chip = chip_of(noise=True)
    matrix = chip.program(SQUARE, "inv", calibration=RIGHT[:5])
    reads = []
    for _ in range(3):
        reads.append(matrix.solve(np.ones(5)))
        chip.wait(0.0)
    assert not np.array_equal(reads[0], reads[1])
    assert not np.array_equal(reads[1], reads[2])
    again = chip_of(noise=True).program(SQUARE, "inv", calibration=RIGHT[:5])
    np.testing.assert_array_equal(again.solve(np.ones(5)), reads[0])


def test_refused_right_hand_sides_are_not_entered():
    chip = chip_of()
    macro = chip.program(SQUARE, circuit="macro")
    before = chip.ledger.to_json()
    for wrong in (np.ones(4), 1j * np.ones(5), np.full(5, np.nan)):
        with pytest.raises((InputError, UnsupportedError)):
            macro.solve(wrong)
    assert chip.ledger.to_json() == before


@pytest.mark.parametrize(
    "options",
    [{"jobs": "2"}, {"jobs": 0}, {"range": None}, {"range": [1, 2]}, {"range": True},
     {"technology": 5}, {"noise": "no"}, {"cost_sample": 1.5}],
)  # fmt: skip
def test_values_that_are_none_are_refused(options):
    with pytest.raises(InputError):
        chip_of(**options)


def test_matrices_that_are_none_are_refused():
    chip = chip_of()
    masked = np.ma.masked_array(SQUARE, np.eye(5) > 0)
    for call in (
        lambda: chip.program([[1.0], [1.0, 2.0]], "inv"),
        lambda: chip.program(masked, "inv"),
        lambda: chip.program(SQUARE, "inv", label=3),
        lambda: chip.program(SQUARE, circuit="macro", ridge=1.0),
        lambda: chip.program(SQUARE, "xx", circuit="macro"),
        lambda: chip.cost().tornado("area"),
    ):
        with pytest.raises((InputError, UnsupportedError)):
            call()


def test_both_arrays_of_a_macro_are_corrected_before_they_are_written():
    chip = chip_of(wire=amc.Wire(row=1.0, column=1.0, predistort=2))
    macro = chip.program(SQUARE, circuit="macro")
    ((_, row),) = chip.ledger.sums("digital")
    one, both = (macro.circuit(name).predistortions for name in ("mvm", "lstsq"))
    assert row["flops"] == sum(each.flops for each in both) == 2 * sum(each.flops for each in one)
