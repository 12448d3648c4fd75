"""The account of a chip: ledger, samples, estimates, cost, against hand-made sums."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from chips import DRAW, RIGHT, SQUARE, TALL, chip_of

import amcspice as amc
from amcspice.errors import InputError
from amcspice.simulation.sample import priorities, priority
from amcspice.system import Ledger
from amcspice.system.work import Estimate


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
    single = amc.Chip(opamp="onchip-1g", seed=1, cost_sample=1)
    single.program(np.eye(2) + 0.1, "inv").solve(np.ones((2, 3)))
    (said,) = (said for said in single.cost().cautions if "run in time" in said)
    assert said.count(" s (by one sample)") == said.count(" J (by one sample)") == 1
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
