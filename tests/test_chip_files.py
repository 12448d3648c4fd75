"""A chip in files: decks, saving and loading."""

from __future__ import annotations

import numpy as np
import pytest
from chips import PLANTED, RIGHT, SQUARE, TALL, chip_of
from plain_ngspice import read_listing, run_plain

import amcspice as amc
from amcspice.errors import InputError


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


def test_lines_are_selected_from_a_file_with_their_changes(tmp_path):
    chip, rows = chip_of(), [0, 1, 2, 5, 6]
    part = chip.program(TALL, "lstsq", circuit="ginv-compact").select(rows, ridge=0.3)
    exact = np.linalg.solve(TALL[rows].T @ TALL[rows] + 0.3 * np.eye(4), TALL[rows].T @ RIGHT[rows])
    chip.save(tmp_path / "chip.npz")
    for each in (part, amc.Chip.load(tmp_path / "chip.npz").matrices[1]):
        np.testing.assert_allclose(each.solve(RIGHT[rows]), exact, atol=0.02)
