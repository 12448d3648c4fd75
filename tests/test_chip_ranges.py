"""Ranges of a chip: what they are predicted from, repeats, what cells see."""

from __future__ import annotations

import numpy as np
import pytest
from chips import DRAW, PLANTED, RIGHT, SQUARE, SYMMETRIC, TALL, chip_of

import amcspice as amc
from amcspice.errors import CautionWarning
from amcspice.pool import Pool
from amcspice.system.operation import Noise


def predicted_loss(problem, draw):
    """Return errors in predicted ranges over those in the oracle's, of 1,000 operations."""
    ratios, repeats = [], 0
    for number in range(10):
        if problem == "nnls":
            A = draw.random((32, 8))
            x = draw.random((8, 116)) * (draw.random((8, 116)) < 0.6)
            b = A @ x + 0.05 * draw.standard_normal((32, 116))
        else:
            A = draw.random((16, 16)) + 4 * np.eye(16)
            b = draw.standard_normal((16, 116))
        errors = []
        for choice in ("predicted", "reference"):
            chip = chip_of(range=choice, dac_bits=8, adc_bits=8, seed=number)
            made = chip.program(A, problem, calibration=b[:, :16]).run(b[:, 16:])
            errors.append(made.relative_error)
            repeats += int(made.repeats.sum()) if choice == "predicted" else 0
            assert not made.saturated.any()
        ratios.append(errors[0] / errors[1])
    return float(np.median(ratios)), repeats


@pytest.mark.parametrize("problem", ["nnls", "inv"])
def test_predicted_ranges_lose_little_against_an_oracle(problem):
    loss, repeats = predicted_loss(problem, np.random.default_rng(1))
    assert loss < 1.10
    assert repeats < 0.1 * 1000


@pytest.mark.parametrize("converters", [{}, {"dac_bits": 6, "adc_bits": 6}])
def test_ranges_depend_on_neither_order_nor_company_nor_jobs(converters):
    options = {"write_noise": 0.01, **converters}
    whole = chip_of(**options).program(TALL, "nnls", calibration=RIGHT).run(RIGHT)
    order = np.random.default_rng(0).permutation(30)
    other = chip_of(**options).program(TALL, "nnls", calibration=RIGHT)
    alone = [other.run(RIGHT[:, k]) for k in order]
    for k, answers in zip(order, alone, strict=True):
        assert answers.volts_per_unit == whole.volts_per_unit[k]
        assert answers.repeats == whole.repeats[k]
        np.testing.assert_allclose(answers.x, whole.x[:, k], rtol=1e-12, atol=1e-15)
    with Pool(2) as pool:
        options = {**options, "fidelity": "behavioural"}
        shared, single = (
            chip_of(jobs=jobs, **options)
            .program(TALL, "nnls", calibration=RIGHT)
            .run(np.tile(RIGHT, 20))
            for jobs in (pool, 1)
        )
    np.testing.assert_array_equal(shared.x, single.x)
    np.testing.assert_array_equal(shared.volts_per_unit, single.volts_per_unit)
    np.testing.assert_array_equal(shared.settling_time, single.settling_time)


def test_only_the_first_sixteen_calibration_vectors_count_and_zeros_do_not():
    first = chip_of().program(TALL, "nnls", calibration=RIGHT[:, :16])
    padded = np.hstack([np.zeros((12, 3)), RIGHT[:, :16], 1e3 * RIGHT[:, :5]])
    second = chip_of().program(TALL, "nnls", calibration=padded)
    assert first.run(RIGHT[:, 20]).volts_per_unit == second.run(RIGHT[:, 20]).volts_per_unit


def test_what_saturates_is_repeated_in_half_the_range_and_counted():
    chip = chip_of()
    small = 1e-3 * RIGHT[:, :4]
    matrix = chip.program(TALL, "nnls", calibration=small)
    # In the direction of the least singular value an answer is far larger than those were.
    values, vectors = np.linalg.svd(TALL)[1:]
    del values
    far = TALL @ np.maximum(vectors[-1], 0) - 0.2 * TALL @ np.maximum(-vectors[-1], 0)
    first = matrix.run(far)
    volts = chip.volts(matrix.circuit(), far[None], matrix.services["nnls"].prediction)
    assert first.volts_per_unit == volts[0] / 2 ** int(first.repeats)
    fixed = chip_of(range=1e4).program(TALL, "nnls")
    with pytest.warns(CautionWarning, match="saturate"):
        assert fixed.run(RIGHT[:, 0]).repeats == 0
    square = chip_of(adc_bits=8).program(SQUARE, "inv", calibration=np.ones((5, 1)))
    hard = np.linalg.svd(SQUARE)[0][:, -1] * 5**0.5
    answers = square.run(hard)
    row = next(row for held, row in square.chip.ledger.sums("operation") if held.kind == "inv")
    assert row["repeats"] == answers.repeats
    assert row["count"] == 1
    assert row["adc"] == 5 * (1 + answers.repeats)


def test_zero_right_hand_sides_and_generic_calibrations():
    matrix = chip_of().program(TALL, "nnls")
    assert not matrix.solve(np.zeros(12)).any()
    again = chip_of().program(TALL, "nnls")
    assert matrix.run(RIGHT[:, 0]).volts_per_unit == again.run(RIGHT[:, 0]).volts_per_unit


def test_no_cell_sees_twice_the_read_voltage_in_calibration_or_is_left_in_the_dark():
    chip = chip_of(read_voltage=0.1)
    matrix = chip.program(SQUARE, "inv", calibration=RIGHT[:5])
    answers = matrix.run(RIGHT[:5, :16])
    circuit = matrix.circuit()
    cells = [
        circuit.cell_voltage(
            circuit.swing(RIGHT[:5, k][None], answers.x[:, k][None]),
            float(answers.volts_per_unit[k]),
        )
        for k in range(16)
    ]
    assert max(cells) <= 0.2 * (1 + 1e-9)
    assert np.median(cells) == pytest.approx(0.1, rel=0.02)
    row = next(row for held, row in chip.ledger.sums("operation") if held.kind == "inv")
    assert row["cell_voltage"] == pytest.approx(max(cells), rel=1e-6)


def test_ranges_stay_as_they_were_found_when_cells_drift():
    chip = chip_of(drift_exponent=0.1)
    matrix = chip.program(SQUARE, "inv", calibration=RIGHT[:5])
    first, counted = matrix.run(RIGHT[:5]), chip.ledger.operations
    chip.wait("10 h")  # solutions grow to two and a half times as much
    later = matrix.run(RIGHT[:5])
    before, after = (made.volts_per_unit * 2.0**made.repeats for made in (first, later))
    np.testing.assert_allclose(after, before, rtol=1e-12)
    assert chip.ledger.operations == counted + RIGHT.shape[1]


def test_the_range_is_the_middle_of_the_calibrations_or_half_of_the_hardest():
    for least in (1.0, 0.05):
        A = np.diag([1.0, 1.0, least])
        vectors = DRAW.uniform(0.5, 1.0, (3, 9))
        vectors[2] *= 1e-3
        vectors[:, 4] = (0.1, 0.1, 1.0)
        matrix = amc.Chip(gain=1e7).program(A, "inv", calibration=vectors)
        asked = np.abs(np.linalg.solve(A, vectors)).max(axis=0) / 0.2
        by_size = asked / np.linalg.norm(vectors, axis=0)
        expected = max(np.median(by_size), by_size.max() / 2)
        volts = matrix.run(np.array([3.0, 4.0, 0.0])).volts_per_unit
        assert volts == pytest.approx(1 / (5 * expected), rel=1e-5)


def test_what_is_injected_always_does_not_count_as_growing_with_the_right_hand_side():
    found = [  # solutions are zero, whatever the weight is
        amc.Chip()
        .program(TALL, "nnls", lasso=weight, calibration=-1e-2 * TALL)
        .services["nnls"]
        .prediction
        for weight in (1e-3, 1.0)
    ]
    assert found[0].by_size == pytest.approx(found[1].by_size, rel=1e-3)
    assert found[1].least == pytest.approx(1e3 * found[0].least)


def test_a_calibration_is_that_of_the_time_of_programming():
    given = DRAW.standard_normal((5, 16))
    chip = chip_of()
    matrix = chip.program(SQUARE, "inv", calibration=given)
    before = matrix.run(RIGHT[:5]).volts_per_unit
    given[:] = np.linalg.svd(SQUARE)[0][:, -1:]
    chip.refresh()
    np.testing.assert_array_equal(matrix.run(RIGHT[:5]).volts_per_unit, before)


def test_the_largest_cell_voltage_is_that_of_all_parts(monkeypatch):
    b = RIGHT[:5, :12] * np.r_[1.0, np.full(11, 1e-3)]
    found = []
    for at_once in (50_000, 5):
        monkeypatch.setattr("amcspice.system.operation.AT_ONCE", at_once)
        chip = chip_of(range=0.01)
        chip.program(SQUARE, "inv").run(b)
        found.append(next(row["cell_voltage"] for _, row in chip.ledger.sums("operation")))
    assert found[0] > 0
    assert found[1] == found[0]


def test_calibrations_serve_what_they_fit():
    chip = chip_of()
    eig = chip.program(SYMMETRIC, "eig", calibration=SYMMETRIC)
    assert abs(np.linalg.norm(eig.eig()) - 1) < 1e-9
    macro = chip.program(TALL, circuit="macro", calibration=RIGHT)
    macro.lstsq(RIGHT[:, 0])
    macro @ PLANTED[:, 0]


def test_cell_voltages_of_calibrations_are_told():
    chip = chip_of(read_voltage=0.1)
    chip.program(SQUARE, "inv", calibration=RIGHT[:5])
    (row,) = [row for _, row in chip.ledger.sums("operation")]
    assert row["cell_voltage"] > 0.05


@pytest.mark.parametrize("bits", [2, 4, 8, 12])
def test_output_converters_of_products_have_one_bit_above_what_was_calibrated(bits, tmp_path):
    chip = chip_of(adc_bits=bits, read_voltage=0.2)
    small = 1e-3 * np.eye(6)[:4] + 1e-4  # next to ones in g_max: outputs are small
    matrix = chip.program(small, "mvm", largest_entry=1.0)
    vectors = np.random.default_rng(0).uniform(-1, 1, (6, 40))
    answers = matrix.run(vectors)
    scale = matrix.services["mvm"].prediction.full_scale
    outputs = np.abs(answers.operations.measurement.outputs)
    largest = 2 ** (bits - 1) - 1
    # Twice the largest output in the calibration, which 40 others hardly exceed, to a step.
    assert outputs.max() / 1.5 < scale / 2 < outputs.max() * 1.5 + scale / largest
    steps = outputs.max() / (scale / largest)
    assert steps == pytest.approx(largest / 2, rel=0.5, abs=1)
    answered, calibrated = (
        next(row for held, row in chip.ledger.sums("operation") if held.kind == kind)
        for kind in ("mvm", "calibration of mvm")
    )
    assert answered["count"] == 40
    assert calibrated["count"] > 16  # looking for the scale is counted
    if bits >= 8:
        ideal = chip_of().program(small, "mvm", largest_entry=1.0).run(vectors).x
        assert np.median(np.abs(answers.x - ideal) / np.abs(ideal).max()) < 2.0 / largest
    chip.save(tmp_path / "chip.npz")
    again = amc.Chip.load(tmp_path / "chip.npz").matrices[0]
    np.testing.assert_array_equal(again.run(vectors).x, answers.x)
    given = chip_of(adc_bits=bits, adc_full_scale=0.5).program(small, "mvm", largest_entry=1.0)
    assert given.services["mvm"].prediction.full_scale == 0


def test_an_operation_saturates_once_however_many_outputs_do():
    fixed = chip_of(range=1e4, adc_bits=8).program(SQUARE, "inv")
    with pytest.warns(CautionWarning, match="saturate"):
        answers = fixed.run(RIGHT[:5, :3])
    assert answers.operations.saturated.max() > 1
    ((_, row),) = fixed.chip.ledger.sums("operation")
    assert (row["count"], row["saturated"], row["repeats"]) == (3, 3, 0)


def test_calibrations_without_figures_are_told():
    chip = chip_of(cost_sample=0)
    chip.program(SQUARE, "inv", calibration=RIGHT[:5])
    (said,) = (each for each in chip.cost().cautions if "unknown" in each)
    assert f"of {chip.cost().work.calibrated.goes} operations" in said


def test_an_output_is_held_beside_others_of_its_own_operation():
    noise = Noise(np.eye(2), held=True, seed=(1,))
    volts = np.array([[1.0, 0.0], [1e-5, 0.0], [1.0, 1e-5], [1e-5, 1e-5]])
    fluctuates = noise.on(volts) != volts
    assert fluctuates.tolist() == [[True, False], [True, False], [True, False], [True, True]]


def test_the_largest_reading_is_that_of_all_parts(monkeypatch):
    vectors = (RIGHT[:5, :12] * np.r_[np.full(11, 1e-3), 1.0]).T
    found = []
    for at_once in (50_000, 5):
        monkeypatch.setattr("amcspice.system.operation.AT_ONCE", at_once)
        mode = chip_of(adc_bits=10).program(SQUARE, "mvm").services["mvm"].mode
        found.append(mode._go(vectors, np.full(12, 0.1), None).attempts.largest_reading)
    assert found[1] == found[0] > 0


def test_what_is_measured_is_the_last_go_at_each_operation():
    """Solutions of different size are repeated differently often; outputs are those in the end."""
    A = np.diag([1.0, 0.4, 0.15, 0.06]) + 0.001
    matrix = chip_of(adc_bits=8).program(A, "inv", calibration=np.eye(4)[:, :1])
    answers = matrix.run(np.eye(4))
    made = answers.operations
    assert len(set(made.repeats.tolist())) > 2
    outputs = made.measurement.outputs / made.volts_per_unit[:, None]
    np.testing.assert_allclose(outputs, np.linalg.inv(A).T, rtol=0.01, atol=0.05)
