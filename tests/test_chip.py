"""`Chip`: what it programs, runs and predicts, against single circuits and hand-made sums."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from plain_ngspice import read_listing, run_plain

import amcspice as amc
from amcspice.errors import CautionWarning, InputError, UnsupportedError
from amcspice.pool import Pool
from amcspice.simulation.sample import priorities, priority
from amcspice.system import Ledger
from amcspice.system.operation import Noise
from amcspice.system.work import Estimate

DRAW = np.random.default_rng(7)
TALL = DRAW.random((12, 4))
PLANTED = DRAW.random((4, 30)) * (DRAW.random((4, 30)) < 0.7)
RIGHT = TALL @ PLANTED + 0.02 * DRAW.standard_normal((12, 30))
SQUARE = DRAW.random((5, 5)) + 3 * np.eye(5)
SYMMETRIC = SQUARE + SQUARE.T


def chip_of(**options):
    return amc.Chip(**{"opamp": "onchip-1g", "seed": 3, **options})


# -- operations --------------------------------------------------------------------------------


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


# -- time --------------------------------------------------------------------------------------


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


# -- ranges ------------------------------------------------------------------------------------


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


# -- the account -------------------------------------------------------------------------------


def test_energies_of_a_behavioural_chip_are_those_of_its_runs():
    chip = chip_of(fidelity="behavioural", write_noise=0.01)
    answers = [
        chip.program(TALL, "nnls", calibration=RIGHT).run(RIGHT),
        chip.program(SQUARE, "inv", calibration=RIGHT[:5]).run(RIGHT[:5]),
    ]
    assert not any(made.repeats.any() for made in answers)
    cost = chip.cost()
    energy, settling = (sum(float(getattr(made, name).sum()) for made in answers)
                        for name in ("energy", "settling_time"))  # fmt: skip
    assert cost.energy["amplifiers"] + cost.energy["array"] == pytest.approx(energy, rel=1e-9)
    assert cost.time["settle"] == pytest.approx(settling, rel=1e-9)
    quiescent = sum(
        float(made.operations.measurement.power["amplifier_static"] @ made.settling_time)
        for made in answers
    )
    assert cost.energy["amplifiers"] == pytest.approx(quiescent, rel=1e-9)
    assert sum(cost.energy.values()) == pytest.approx(cost.counted.energy, rel=1e-12)
    assert sum(cost.time.values()) == pytest.approx(cost.counted.time, rel=1e-12)


@pytest.mark.slow
def test_a_dc_chip_estimates_what_a_behavioural_one_measures():
    inside = {"time": 0, "energy": 0}
    for seed in range(20):
        draw = np.random.default_rng(seed)
        A = draw.random((16, 4))
        b = A @ (draw.random((4, 300)) * (draw.random((4, 300)) < 0.7))
        works = []
        for fidelity in ("dc", "behavioural"):
            chip = chip_of(fidelity=fidelity, seed=seed, write_noise=0.01)
            chip.program(A, "nnls", calibration=b).run(b)
            works.append(chip.cost().work.operated)
        estimate, exact = works
        assert estimate.sampled == 32
        inside["time"] += abs(estimate.settling - exact.settling) <= estimate.settling_error
        spent = [made.amplifiers + made.array for made in works]
        inside["energy"] += abs(spent[0] - spent[1]) <= estimate.energy_error
        assert 0 < estimate.energy_error < 0.3 * spent[1]
    assert min(inside.values()) >= 19


def test_without_time_costs_say_what_they_rest_on():
    chip = chip_of()
    chip.program(TALL, "nnls", calibration=RIGHT).run(RIGHT)
    assert any("run in time" in said for said in chip.cost().cautions)
    blind = chip_of(cost_sample=0)
    blind.program(TALL, "nnls", calibration=RIGHT).run(RIGHT)
    assert any("unknown and left out" in said for said in blind.cost().cautions)
    assert blind.cost().time["settle"] == 0
    oracle = chip_of(range="reference", fidelity="behavioural")
    oracle.program(TALL, "nnls").run(RIGHT)
    assert any("ideal answers" in said for said in oracle.cost().cautions)


def test_a_sample_is_drawn_by_hash():
    for index in [(0,), (3, 5, 70000), (2**40, 1)]:
        assert priority(11, *index) == int(priorities(11, *index)[0])
    chips = []
    for columns in (np.arange(30), None):
        chip = chip_of(cost_sample=8)
        matrix = chip.program(TALL, "nnls", calibration=RIGHT)
        if columns is None:
            for k in range(30):
                matrix.solve(RIGHT[:, k])
        else:
            matrix.solve(RIGHT[:, columns])
        chips.append(sorted(matrix.samples["nnls"].indices))
    assert chips[0] == chips[1]
    assert len(chips[0]) == 8


def test_verification_runs_the_same_cells_one_fidelity_up():
    chip = chip_of(write_noise=0.02)
    chip.program(TALL, "nnls", calibration=RIGHT).run(RIGHT)
    verified = chip.verify(5)
    assert verified.passed
    assert verified.fidelity == "behavioural"
    assert len(verified.solution_deviation) == 5
    few = chip_of(cost_sample=8)
    few.program(TALL, "nnls", calibration=RIGHT).run(RIGHT)
    with pytest.raises(InputError, match=r"8 of 30 .* cost_sample=20"):
        few.verify(20)
    idle = chip_of()
    idle.program(TALL, "nnls")
    assert idle.verify(3) is None


def test_millions_of_operations_take_little_memory_and_time(monkeypatch):
    chip = amc.Chip(opamp="onchip-1g")
    matrix = chip.program(DRAW.random((8, 8)) + 2 * np.eye(8), "inv")
    spent = [0.0]

    def timed(method):
        def wrapped(*args, **kwargs):
            started = time.process_time()
            try:
                return method(*args, **kwargs)
            finally:
                spent[0] += time.process_time() - started

        return wrapped

    monkeypatch.setattr(Ledger, "operate", timed(Ledger.operate))
    b = DRAW.standard_normal((8, 500))
    started = time.process_time()
    for k in range(500):
        matrix.solve(b[:, k])
    assert spent[0] < 0.15 * (time.process_time() - started)
    matrix.solve(DRAW.standard_normal((8, 200_000)))
    ledger = chip.ledger
    counts = {held.kind: row["count"] for held, row in ledger.sums("operation")}
    assert counts["inv"] == 200_500
    assert ledger.phases.nbytes < 10_000
    assert sum(len(call[1]) for call in chip._record._calls) * 9 * 8 < 32e6 + 1e6


# -- decks and files ---------------------------------------------------------------------------


@pytest.mark.ngspice
def test_any_operation_is_a_deck(tmp_path):
    chip = chip_of(write_noise=0.02)
    matrix = chip.program(TALL, "nnls", calibration=RIGHT)
    first = matrix.solve(RIGHT[:, :3])
    second = chip.program(SQUARE, "inv").solve(RIGHT[:5, 4])
    for number, expected in ((1, first[:, 1]), (3, second)):
        deck = chip.deck(number)
        (tmp_path / "deck.cir").write_text(deck.text)
        code, output = run_plain(tmp_path / "deck.cir")
        assert code == 0, output
        found = read_listing(output)[0]["x"]
        np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())
    with pytest.raises(InputError, match="there are 4"):
        chip.deck(4)


def test_a_chip_keeps_in_a_file(tmp_path):
    hardware = amc.Hardware(opamp="onchip-1g", adc=amc.ADC(bits=8)).changed(
        write_noise=0.02, drift_exponent=0.03
    )
    chip = amc.Chip(hardware, seed=4)
    whole = chip.program(TALL, "nnls", calibration=RIGHT, ridge=0.01)
    part = whole.select([0, 1, 2, 5, 6])
    complex_one = chip.program(SQUARE + 1j * np.eye(5), "inv", label="C")
    chip.wait("2 h")
    expected = [
        whole.solve(RIGHT), part.solve(RIGHT[[0, 1, 2, 5, 6]]), complex_one.solve(1j * RIGHT[:5])
    ]  # fmt: skip
    chip.save(tmp_path / "chip.npz")
    loaded = amc.Chip.load(tmp_path / "chip.npz")
    assert loaded.ledger.to_json() == chip.ledger.to_json()
    found = [
        loaded.matrices[0].solve(RIGHT),
        loaded.matrices[1].solve(RIGHT[[0, 1, 2, 5, 6]]),
        loaded.matrices[2].solve(1j * RIGHT[:5]),
    ]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert loaded.now == 7200.0
    loaded.refresh()
    assert [each.cycle for each in loaded.matrices] == [1, 1, 1]
    (tmp_path / "other.npz").write_bytes(b"no chip")
    with pytest.raises(InputError, match="not a file that amcspice wrote"):
        amc.Chip.load(tmp_path / "other.npz")


def test_a_ledger_is_a_table_a_dataset_and_json():
    chip = chip_of(fidelity="behavioural")
    chip.program(TALL, "nnls", calibration=RIGHT, label="T").solve(RIGHT[:, :3])
    chip.program(SQUARE, "inv", label="S").solve(RIGHT[:5, :2])
    table = chip.ledger.table()
    assert set(table["label"]) == {"T", "S"}
    phases = chip.ledger.timeline()
    assert list(phases["entry"]) == ["writing", "operation", "operation"] * 2
    dataset = chip.ledger.to_xarray()
    assert dataset["settling"].attrs["units"] == "s"
    again = Ledger.from_json(chip.ledger.to_json())
    assert again.to_json() == chip.ledger.to_json()
    both = Ledger().joined(chip.ledger).joined(again)
    assert both.operations == 2 * chip.ledger.operations


def test_the_table_of_a_chip_adds_up_to_its_cost():
    chip = chip_of(fidelity="behavioural")
    chip.program(TALL, "nnls", calibration=RIGHT, label="T").solve(RIGHT[:, :3])
    chip.ledger.compute("residual", 100.0, bytes=640.0)
    cost, table = chip.cost(), chip.table()
    assert table["energy_j"].sum() == pytest.approx(cost.counted.energy, rel=1e-9)
    assert table["time_s"].sum() == pytest.approx(cost.counted.time, rel=1e-9)
    written = table[table["entry"] == "writing"].iloc[0]
    cells = chip.matrices[0].circuit().schematic.cells
    assert written["cells"] == cells
    assert written["pulses"] == pytest.approx(cells * chip.technology.writing.mean_pulses)
    digital = table[table["entry"] == "digital"].iloc[0]
    of = chip.technology
    moved = 640 * (of["buffer_energy"] + of["dram_energy"])
    assert digital["energy_j"] == pytest.approx(100 * of["flop_energy"] + moved)


def test_phases_stand_one_after_the_other():
    chip = chip_of(fidelity="behavioural")
    chip.program(TALL, "nnls", calibration=RIGHT, label="T").solve(RIGHT[:, :3])
    chip.wait("1 ms")
    phases = chip.schedule()
    assert [phase.entry for phase in phases] == ["writing", "operation", "operation", "waiting"]
    for one, other in itertools.pairwise(phases):
        assert other.start == pytest.approx(one.start + one.duration)
    assert phases[-1].duration == 1e-3
    cost = chip.cost()
    total = sum(phase.duration for phase in phases) - 1e-3
    assert total == pytest.approx(cost.counted.time - cost.time["wait_for_memory"], rel=1e-9)


# -- bad input ---------------------------------------------------------------------------------


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


# -- held against calculations of their own ----------------------------------------------------


def test_when_all_operations_are_in_the_sample_the_estimate_is_what_they_take():
    sizes = 10.0 ** np.random.default_rng(3).uniform(-3, 3, 20)
    works = []
    for fidelity in ("dc", "behavioural"):
        chip = chip_of(fidelity=fidelity, write_noise=0.01)
        chip.program(TALL, "nnls", calibration=RIGHT).run(RIGHT[:, :20] * sizes)
        works.append(chip.cost().work)
    estimate, exact = (work.operated for work in works)
    assert estimate.settling == pytest.approx(exact.settling, rel=1e-9)
    assert estimate.array == pytest.approx(exact.array, rel=1e-9)
    assert estimate.settling_error == 0
    # Calibrations are taken to take as long as operations.
    calibrated = works[0].calibrated
    assert calibrated.unknown == 0
    assert calibrated.settling == pytest.approx(calibrated.goes * estimate.settling / 20)


def test_an_interval_is_that_of_a_sample_of_so_many():
    import scipy.stats

    from amcspice.system.sampling import _half_interval

    values = np.array([1.0, 2.0, 4.0, 5.0])
    whole = scipy.stats.t.ppf(0.995, 3) * np.std(values, ddof=1) / 2
    assert _half_interval(values, 8) == pytest.approx(whole * 0.5**0.5)
    assert _half_interval(values, 10**9) == pytest.approx(whole)


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


def test_a_loaded_chip_is_as_warm_as_it_was(tmp_path):
    chip = chip_of(temperature_coefficient=2e-3)
    matrix = chip.program(SQUARE, "inv")
    chip.wait(1.0, temperature=380.0)
    chip.save(tmp_path / "warm.npz")
    loaded = amc.Chip.load(tmp_path / "warm.npz")
    later = [each.program(SQUARE, "inv").circuit() for each in (chip, loaded)]
    cells = [each.schematic.crossbars[0].cells for each in (matrix.circuit(), *later)]
    assert loaded.temperature == 380.0
    np.testing.assert_array_equal(cells[1], cells[2])
    np.testing.assert_allclose(cells[0], cells[1])


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


def test_amplifiers_at_arrays_that_are_written_draw_what_they_draw_at_rest():
    chip = chip_of()
    chip.program(TALL, "lstsq", circuit="ginv-compact")
    assert chip.cost().work.writings[0].static_power == pytest.approx(4 * 0.5e-3 * 1.2)


def test_a_schedule_is_that_of_one_macro():
    chip = chip_of(fidelity="behavioural")
    chip.program(SQUARE, "inv", calibration=RIGHT[:5]).run(RIGHT[:5])
    one = [phase.duration for phase in chip.schedule()]
    chip.technology = chip.technology.changed(macros=16)
    assert [phase.duration for phase in chip.schedule()] == pytest.approx(one)
    assert sum(one) == pytest.approx(16 * chip.cost().counted.time)


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


# -- what must not be mixed up ----------------------------------------------------------------


def test_equal_labels_are_different_matrices():
    costs = []
    for labels in (("A", "A"), ("A", "B")):
        chip = chip_of(write_noise=0.01)
        for label, scale in zip(labels, (1.0, 30.0), strict=True):
            A = SQUARE + scale * np.eye(5)  # settles faster
            chip.program(A, "inv", calibration=RIGHT[:5], label=label).run(RIGHT[:5])
        costs.append(chip.cost().work.operated)
    assert costs[0].settling == costs[1].settling
    assert costs[0].sampled == costs[1].sampled == 60


def test_views_of_a_matrix_have_samples_of_their_own():
    chip = chip_of()
    whole = chip.program(TALL, "nnls")
    for rows in ([0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]):
        whole.select(rows).run(RIGHT[rows])
    assert chip.cost().work.operated.sampled == 60


@pytest.mark.parametrize(
    ("rows", "changes"),
    [([0, 99], {}), ([], {}), ("x", {}), ([0.5, 1], {}), ([1, 1, 2], {}), ([3, 2, 1], {}),
     ([[0], [1]], {}), ([0, 1, 2, 3, 4], {"foo": 1})],
)  # fmt: skip
def test_lines_that_cannot_be_selected_leave_no_trace(rows, changes, tmp_path):
    chip = chip_of()
    whole = chip.program(TALL, "nnls")
    with pytest.raises(InputError, match="select"):
        whole.select(rows, **changes)
    assert chip.matrices == [whole]
    chip.save(tmp_path / "chip.npz")


def test_a_file_keeps_the_technology_itself_and_what_operations_take(tmp_path):
    technology = amc.Technology.load("typical").changed(adc_energy="1 nJ", macros=8)
    chip = chip_of(technology=technology)
    chip.program(TALL, "nnls", calibration=RIGHT).run(RIGHT)
    chip.program(TALL, circuit="macro") @ PLANTED[:, 0]
    chip.save(tmp_path / "chip.npz")
    loaded = amc.Chip.load(tmp_path / "chip.npz")
    assert loaded.technology == technology
    one, other = chip.cost(), loaded.cost()
    assert other.counted.energy == pytest.approx(one.counted.energy, rel=1e-12)
    assert other.work.operated.unknown == 0
    found = loaded.matrices[1] @ PLANTED[:, 0]
    np.testing.assert_array_equal(found, chip.matrices[1] @ PLANTED[:, 0])


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


def test_calibrations_serve_what_they_fit():
    chip = chip_of()
    eig = chip.program(SYMMETRIC, "eig", calibration=SYMMETRIC)
    assert abs(np.linalg.norm(eig.eig()) - 1) < 1e-9
    macro = chip.program(TALL, circuit="macro", calibration=RIGHT)
    macro.lstsq(RIGHT[:, 0])
    macro @ PLANTED[:, 0]


def test_refused_right_hand_sides_are_not_entered():
    chip = chip_of()
    macro = chip.program(SQUARE, circuit="macro")
    before = chip.ledger.to_json()
    for wrong in (np.ones(4), 1j * np.ones(5), np.full(5, np.nan)):
        with pytest.raises((InputError, UnsupportedError)):
            macro.solve(wrong)
    assert chip.ledger.to_json() == before


def test_cell_voltages_of_calibrations_are_told():
    chip = chip_of(read_voltage=0.1)
    chip.program(SQUARE, "inv", calibration=RIGHT[:5])
    (row,) = [row for _, row in chip.ledger.sums("operation")]
    assert row["cell_voltage"] > 0.05


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


def test_a_loaded_chip_goes_on_with_the_account_of_each_matrix(tmp_path):
    chip = chip_of()
    chip.program(SQUARE, "inv")
    with pytest.raises(amc.InputError, match="not finite"):
        chip.program(SQUARE * np.nan, "inv")
    chip.program(2 * SQUARE, "inv").run(RIGHT[:5])
    chip.save(tmp_path / "chip.npz")
    loaded = amc.Chip.load(tmp_path / "chip.npz")
    for each in (chip, loaded):
        each.matrices[1].run(RIGHT[:5])
    assert len(loaded.ledger.activities) == len(chip.ledger.activities)
    assert loaded.estimates().keys() == chip.estimates().keys()


def test_what_operations_take_before_and_after_loading_is_estimated_together(tmp_path):
    draw = np.random.default_rng(5)
    A = draw.random((16, 4))
    easy = A @ draw.random((4, 100))  # no entry at zero
    hard = A @ (draw.random((4, 300)) * (draw.random((4, 300)) < 0.5))
    exact = chip_of(fidelity="behavioural")
    matrix = exact.program(A, "nnls", calibration=easy)
    matrix.run(easy)
    matrix.run(hard)
    chip = chip_of()
    chip.program(A, "nnls", calibration=easy).run(easy)
    (before,) = {id(made): made for made in chip.estimates().values()}.values()
    chip.save(tmp_path / "chip.npz")
    loaded = amc.Chip.load(tmp_path / "chip.npz")
    loaded.matrices[0].run(hard)
    both = loaded.estimates()[loaded.matrices[0].ident, "nnls"]
    assert (before.total, both.total, both.sampled) == (100, 400, 64)
    works = [one.cost().work.operated for one in (loaded, exact)]
    assert abs(works[0].settling - works[1].settling) <= works[0].settling_error
    spent = [made.amplifiers + made.array for made in works]
    assert abs(spent[0] - spent[1]) <= works[0].energy_error
    loaded.matrices[0].refresh()  # other cells are not those of the sample, but count with it
    assert loaded.estimates()[loaded.matrices[0].ident, "nnls"].total == 400


def test_digital_work_before_writing_is_in_the_ledger():
    def digital(chip):
        return {held.label: row["flops"] for held, row in chip.ledger.sums("digital")}

    wire = amc.Wire(row=1.0, column=1.0, predistort=2)
    chip = chip_of(wire=wire)
    plain = chip.program(SQUARE, "inv", label="B")
    flops = sum(each.flops for each in plain.circuit().predistortions)
    assert flops > 0
    assert digital(chip) == {"pre-distortion of B": flops}
    plain.refresh()
    assert digital(chip) == {"pre-distortion of B": 2 * flops}

    chip = chip_of()
    chip.program(SQUARE, "inv", circuit="inv-blocks", label="B")
    n = len(SQUARE)
    first, second = (n + 1) // 2, n // 2
    # LU of A1, two triangular solutions for every column of A2, a product and a difference.
    schur = 2 / 3 * first**3 + 2 * first**2 * second + 2 * first * second**2
    assert digital(chip) == {"Schur complement of B": pytest.approx(schur)}

    result = amc.nmf(np.outer(np.arange(1.0, 7), np.arange(1.0, 5)), 1, wire=wire, iterations=2)
    corrected = next(
        row for held, row in result.ledger.sums("digital") if held.label.startswith("pre-dist")
    )
    assert corrected["count"] == 4


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


def test_estimates_of_one_matrix_are_weighted_by_what_they_stand_for():
    one = Estimate(4, 1.0, 2.0, 3.0, 0.1, 0.2, 0.99, 1, 10)
    other = Estimate(6, 5.0, 6.0, 7.0, 0.3, 0.4, 0.95, 2, 30)
    for made in (one.joined(other), other.joined(one)):
        assert (made.sampled, made.unsettled, made.total, made.confidence) == (10, 3, 40, 0.95)
        assert (made.settling, made.amplifiers, made.array) == (4.0, 5.0, 6.0)
        assert made.settling_error == pytest.approx(np.hypot(10 * 0.1, 30 * 0.3) / 40)
        assert made.energy_error == pytest.approx(np.hypot(10 * 0.2, 30 * 0.4) / 40)


def test_samples_of_different_matrices_err_apart_and_grow_with_what_is_repeated():
    chip = chip_of(write_noise=0.02, cost_sample=4)
    for scale in (1.0, 3.0):
        A = SQUARE + scale * np.eye(5)
        chip.program(A, "inv", calibration=RIGHT[:5]).run(RIGHT[:5])
    work = chip.cost().work.operated
    one, other = (made for (_, kind), made in chip.estimates().items() if kind == "inv")
    assert min(one.settling_error, other.settling_error) > 0
    for name in ("settling_error", "energy_error"):
        errors = [30 * getattr(made, name) for made in (one, other)]
        assert getattr(work, name) == pytest.approx(np.hypot(*errors))
    assert work.settling == pytest.approx(30 * (one.settling + other.settling))
    again = chip.cost().work.times(7)
    assert again.operated.sampled == work.sampled == 8
    assert again.operated.count == 7 * 60
    assert again.operated.settling_error == pytest.approx(7 * work.settling_error)
    assert again.operated.settling == pytest.approx(7 * work.settling)
    assert again.programmings == 14
    assert again.calibrated.goes == 7 * chip.cost().work.calibrated.goes


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


def test_lines_are_selected_from_a_file_with_their_changes(tmp_path):
    chip, rows = chip_of(), [0, 1, 2, 5, 6]
    part = chip.program(TALL, "lstsq", circuit="ginv-compact").select(rows, ridge=0.3)
    exact = np.linalg.solve(TALL[rows].T @ TALL[rows] + 0.3 * np.eye(4), TALL[rows].T @ RIGHT[rows])
    chip.save(tmp_path / "chip.npz")
    for each in (part, amc.Chip.load(tmp_path / "chip.npz").matrices[1]):
        np.testing.assert_allclose(each.solve(RIGHT[rows]), exact, atol=0.02)


def test_what_is_measured_is_the_last_go_at_each_operation():
    """Solutions of different size are repeated differently often; outputs are those in the end."""
    A = np.diag([1.0, 0.4, 0.15, 0.06]) + 0.001
    matrix = chip_of(adc_bits=8).program(A, "inv", calibration=np.eye(4)[:, :1])
    answers = matrix.run(np.eye(4))
    made = answers.operations
    assert len(set(made.repeats.tolist())) > 2
    outputs = made.measurement.outputs / made.volts_per_unit[:, None]
    np.testing.assert_allclose(outputs, np.linalg.inv(A).T, rtol=0.01, atol=0.05)


def test_both_arrays_of_a_macro_are_corrected_before_they_are_written():
    chip = chip_of(wire=amc.Wire(row=1.0, column=1.0, predistort=2))
    macro = chip.program(SQUARE, circuit="macro")
    ((_, row),) = chip.ledger.sums("digital")
    one, both = (macro.circuit(name).predistortions for name in ("mvm", "lstsq"))
    assert row["flops"] == sum(each.flops for each in both) == 2 * sum(each.flops for each in one)
