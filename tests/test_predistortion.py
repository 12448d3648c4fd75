"""Conductances corrected for wires: what arrays apply, how far steps come, where they stall."""

import json
from itertools import pairwise

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.linalg import toeplitz

import amcspice as amc
from amcspice.algorithm import BlockInverse
from amcspice.circuit import CIRCUITS, Circuit
from amcspice.circuit.parts import predistortion
from amcspice.circuit.parts.array_pair import ArrayPair
from amcspice.circuit.parts.compact import CompactArrays
from amcspice.cli import main
from amcspice.crossbar import reduction_flops
from amcspice.device import Memristor, nominal, spread
from amcspice.errors import UnsupportedError

WIRES = {
    "row_resistance": 5.0,
    "column_resistance": 4.0,
    "driver_resistance": 10.0,
    "termination_resistance": 7.0,
}
IDEAL = {"gain": 1e10}
RANDOM = np.random.default_rng(7)
HARMONIC = toeplitz(1 / (1 + np.arange(12.0)))
SIGNED = HARMONIC * np.sign(np.cos(np.arange(12)[:, None] * 1.7 + np.arange(12) * 0.9))
SIGNED = SIGNED + SIGNED.T + 4 * np.eye(12)
TALL = RANDOM.uniform(0.2, 1.0, (16, 5))
MIXED = RANDOM.standard_normal((16, 5))


def uniform_wishart(m):
    X = np.random.default_rng(0).uniform(size=(64, m))
    return X @ X.T / m


def nodal(schematic):
    """Return outputs for one unit at each input, by nodal analysis of every cell, ideal amplifiers.

    Unknowns are node voltages, output currents of amplifiers and currents of voltage sources.
    """
    laplacian = schematic.network.laplacian().toarray()
    size = len(laplacian)
    pins = [
        (plus, minus, out)
        for bank in schematic.amplifiers
        for plus, minus, out in zip(bank.plus, bank.minus, bank.out, strict=True)
    ]
    sources = len(schematic.inputs) if schematic.driven else 0
    matrix = np.zeros((size + len(pins) + sources,) * 2)
    right = np.zeros((len(matrix), len(schematic.inputs)))
    matrix[:size, :size] = laplacian
    for number, (plus, minus, out) in enumerate(pins, start=size):
        matrix[out - 1, number] = -1.0
        for pin, sign in ((plus, 1.0), (minus, -1.0)):
            if pin:
                matrix[number, pin - 1] += sign
    for number, (node, gain) in enumerate(zip(schematic.inputs, schematic.input_gain, strict=True)):
        if schematic.driven:
            row = size + len(pins) + number
            matrix[row, node - 1] = matrix[node - 1, row] = 1.0
            right[row, number] = gain
        else:
            right[node - 1, number] = gain
    return np.linalg.solve(matrix, right)[schematic.outputs - 1]


@pytest.mark.parametrize(
    ("name", "matrix"),
    [
        ("inv", HARMONIC),
        ("inv-compensated", SIGNED),
        ("inv-inverters", SIGNED),
        ("mvm", HARMONIC),
        ("mvm", MIXED),
    ],
)
def test_what_an_array_applies_is_what_nodal_analysis_of_its_cells_gives(name, matrix):
    circuit = CIRCUITS[name](matrix, **WIRES, input_conductance=0.3) if "inv" in name else (
        CIRCUITS[name](matrix, **WIRES, feedback=0.7)
    )  # fmt: skip
    target = circuit.mapping.target
    arrays = circuit._array(circuit.mapping)
    (effective,) = arrays.effective((target,), nominal(circuit.device))
    transfer = nodal(circuit.schematic)
    expected = np.linalg.inv(transfer) if "inv" in name else transfer
    np.testing.assert_allclose(effective / circuit.mapping.scale, expected, rtol=1e-9, atol=1e-11)


PSEUDO = {"lstsq": np.linalg.pinv}
CASES = [
    ("inv", HARMONIC, {}, 200),
    ("inv-compensated", SIGNED, {"input_conductance": 0.5}, 500),
    ("inv-inverters", SIGNED, {}, 500),
    ("inv", HARMONIC, {"diagonal": "fixed"}, 100),
    ("inv-compensated", SIGNED, {"diagonal": "fixed"}, 500),
    ("inv-inverters", SIGNED, {"diagonal": "fixed"}, 500),
    ("mvm", HARMONIC, {}, 200),
    ("mvm", MIXED, {"feedback": 2.0}, 300),
    ("mvm", MIXED, {"row_gain": "feedback"}, 100),
    ("ginv-classic", TALL, {}, 100),
    ("ginv-classic", MIXED, {"ridge": 0.1}, 100),
    ("ginv-compact", TALL, {}, 100),
    ("ginv-compact", MIXED, {"column_load": 0.5}, 100),
    ("ginv-compact", TALL, {"array_rows": 6, "ridge": 0.2}, 100),
    ("ginv-compact", TALL, {"scaling": "columns"}, 100),
    ("macro-inv", HARMONIC, {"switches": amc.circuit.Switches(on=50.0, off=1e12)}, 50),
]


@pytest.mark.parametrize(("name", "matrix", "options", "gained"), CASES)
def test_two_steps_take_out_most_of_what_wires_do(name, matrix, options, gained):
    def error(steps):
        circuit = CIRCUITS[name](matrix, predistort=steps, **WIRES, **IDEAL, **options)
        vectors = np.random.default_rng(3).standard_normal((circuit.input_size, 8))
        run = amc.simulate(circuit, vectors, fidelity="dc")
        return np.sqrt(np.mean(run.relative_error**2))

    assert error(2) * gained < error(0)


def test_resistors_beside_an_array_stand_for_their_part():
    circuit = amc.CompensatedINV(SIGNED, diagonal="fixed", input_conductance=0.3, **WIRES)
    arrays = circuit._array(circuit.mapping)
    (effective,) = arrays.effective((circuit.mapping.target,), nominal(circuit.device))
    whole = effective + arrays.diagonal * np.eye(12)
    expected = np.linalg.inv(nodal(circuit.schematic)) * circuit.mapping.scale
    np.testing.assert_allclose(whole, expected, rtol=1e-9, atol=1e-16)


@pytest.mark.parametrize("line", sorted(WIRES))
def test_each_resistance_is_corrected_for(line):
    def error(steps):
        circuit = amc.INV(HARMONIC, predistort=steps, **{line: 20.0}, **IDEAL)
        return amc.simulate(circuit, np.ones(12), fidelity="dc").relative_error

    assert error(3) * 300 < error(0)


def test_non_negative_solutions_with_an_l1_term_gain_as_well():
    b = TALL @ [0.5, 0.0, 1.0, 0.3, 0.0] - 0.2

    def error(name, steps):
        circuit = CIRCUITS[name](
            TALL, constraint=amc.NonNegative(), lasso=0.1, predistort=steps, **WIRES, **IDEAL
        )
        return amc.simulate(circuit, b, fidelity="dc").relative_error

    for name in ("ginv-classic", "ginv-compact"):
        assert error(name, 3) * 50 < error(name, 0)


def test_an_eigenvector_gains_as_well():
    def error(steps):
        circuit = amc.Eigen(
            SIGNED, detuning=1e-4, eigenvalue="search", kick=1e-3, predistort=steps, **WIRES
        )
        return amc.simulate(circuit, np.ones(12), fidelity="behavioural").relative_error

    assert error(2) * 10 < error(0)


def test_ten_times_less_error_a_step(measured):
    A, b = toeplitz(1 / (1 + np.arange(64.0))), RANDOM.standard_normal((64, 20))
    errors = []
    for steps in range(4):
        run = amc.solve("inv", A, b, fidelity="dc", wire_resistance=1.0, predistort=steps, **IDEAL)
        errors.append(float(np.median(run.relative_error)))
        measured(f"{steps} steps", errors[-1])
    assert errors[0] == pytest.approx(0.043, rel=0.1)
    assert errors[1] < 2e-3
    assert errors[2] < 1e-4
    assert all(after * 10 < before for before, after in pairwise(errors))


def test_predicted_errors_are_those_of_the_circuit():
    """Over the identity the squares of all errors add up to the Frobenius norm."""
    inverse = np.linalg.inv(HARMONIC)
    for steps in range(3):
        circuit = amc.INV(HARMONIC, predistort=2, **WIRES, **IDEAL)
        (record,) = circuit.predistortions
        tried = amc.INV(HARMONIC, predistort=steps, **WIRES, **IDEAL)
        run = amc.simulate(tried, np.eye(12), fidelity="dc")
        error = np.linalg.norm(run.x - inverse) / np.linalg.norm(inverse)
        assert record.wires[steps] == pytest.approx(error, rel=1e-3)


def test_predicted_errors_of_cells_are_those_of_many_draws():
    A = np.eye(8) + 0.2 * RANDOM.uniform(size=(8, 8))
    wires = {"wire_resistance": 2.0, "write_noise": 0.003, "predistort": 2}
    (record,) = amc.INV(A, **wires).predistortions
    inverse = np.linalg.inv(A)
    drawn = []
    for seed in range(60):
        device = Memristor(write_noise=0.003, seed=seed)
        circuit = amc.INV(A, wire_resistance=2.0, predistort=2, device=device, **IDEAL)
        drawn.append(amc.simulate(circuit, np.eye(8), fidelity="dc").x - inverse)
    rms = np.sqrt(np.mean(np.sum(np.square(drawn), axis=(1, 2)))) / np.linalg.norm(inverse)
    assert record.wires[2] < record.cells[2] / 20
    assert record.cells[2] == pytest.approx(rms, rel=0.05)


@pytest.mark.parametrize(
    "options",
    [
        {"write_noise": 0.02},
        {"write_noise": 0.05, "noise_relative_to": "g"},
        {"device_variation": 0.03, "cycle_variation": 0.04, "read_noise": 0.02},
        {"levels": 16},
        {"levels": 32, "write_noise": 0.01},
        {
            "write_errors": amc.WriteErrors(
                levels=(4.5e-5, 5.5e-5), errors=((-2e-6, 0.0, 2e-6), (-1e-6, 5e-7, 5e-7))
            )
        },
    ],
)
def test_spread_is_that_of_programmed_cells(options):
    device = Memristor(seed=4, **options)
    target = RANDOM.uniform(4e-5, 6e-5, (300, 300))
    drawn = device.program(target) - target
    assert np.sqrt(np.mean(spread(device, target) ** 2)) == pytest.approx(drawn.std(), rel=0.02)
    assert not spread(device, np.zeros(3)).any()


def test_what_two_arrays_err_by_adds_up_in_squares():
    device = Memristor(write_noise=0.01)
    arrays = CompactArrays(amc.Wire(row=1.0), device, ArrayPair)
    wanted = np.abs(MIXED) * device.g_max
    gram = wanted.T @ wanted
    first, second = 0.03 * gram, 0.04 * wanted
    wires, cells = arrays.deviations((gram + first, wanted + second), (wanted, wanted), wanted)
    assert wires == pytest.approx(0.05)
    drawn = np.sqrt(2 * wanted.size) * 0.01 * device.g_max / np.linalg.norm(wanted)
    assert cells == pytest.approx(drawn)


def test_all_that_hangs_on_a_row_counts_where_stability_is_predicted():
    """Loops are rows over their totals: with sources beside the cells these are stable."""
    A = np.array([
        [0.0, -0.27, 0.17, -0.38], [1.0, 0.95, -0.51, 0.47], [0.69, 0.74, 0.38, -0.93],
        [-0.37, 0.59, 0.61, 0.11],
    ])  # fmt: skip
    totals = np.abs(A).sum(axis=1)
    for source, stable in ((0.0, False), (20.0, True)):
        loops = np.linalg.eigvals(A / (totals + source)[:, None])
        assert (loops.real > 0).all() == stable
        circuit = amc.InverterINV(A, input_conductance=source, wire_resistance=0.01, predistort=1)
        (record,) = circuit.predistortions
        assert np.isfinite(record.wires).all() == stable
    c = (A.diagonal().max() + A.diagonal().min()) / 2
    totals = np.abs(A - c * np.eye(4)).sum(axis=1)
    loops = [np.linalg.eigvals(A / (totals + beside)[:, None]).real.min() for beside in (0, c)]
    assert loops[0] < 0 < loops[1]
    circuit = amc.InverterINV(A, diagonal="fixed", wire_resistance=0.01, predistort=1)
    assert np.isfinite(circuit.predistortions[0].wires).all()


def test_programmed_is_what_was_corrected():
    """Levels, noise and stuck cells come after the correction, which knows none of them."""
    device = Memristor(levels=32, write_noise=0.01, stuck_off=0.02, seed=5)
    circuit = amc.INV(HARMONIC, device=device, predistort=1, **WIRES)
    other = amc.INV(
        HARMONIC, device=Memristor(levels=32, write_noise=0.01, seed=6), predistort=1, **WIRES
    )
    np.testing.assert_array_equal(circuit.mapping.target, other.mapping.target)
    np.testing.assert_array_equal(
        circuit.schematic.crossbars[0].cells, device.program(circuit.mapping.target)
    )


@pytest.mark.parametrize("noise", [0.0, 1e-4])
def test_corrected_conductances_can_be_programmed(noise):
    banded = np.where(np.abs(np.subtract.outer(range(12), range(12))) < 2, SIGNED, 0.0)
    for matrix in (HARMONIC, SIGNED, banded):
        plain = amc.CompensatedINV(matrix, **WIRES)
        circuit = amc.CompensatedINV(matrix, predistort=2, write_noise=noise, **WIRES)
        target, (record,) = circuit.mapping.target, circuit.predistortions
        assert np.abs(target).max() <= circuit.device.g_max * (1 + 1e-12)
        assert record.scale < 1
        assert circuit.mapping.scale == pytest.approx(plain.mapping.scale * record.scale)
        assert (target >= 0).all() or matrix.min() < 0
        if noise:  # what is off has no error, and stays off
            np.testing.assert_array_equal(target == 0, matrix == 0)


@pytest.mark.parametrize("name", ["inv-compensated", "inv-inverters", "ginv-compact"])
def test_digital_work_is_that_of_the_crossbars_that_were_reduced(name):
    circuit = CIRCUITS[name](SIGNED, predistort=2, **WIRES)
    (crossbar,), (record,) = circuit.schematic.crossbars, circuit.predistortions
    assert record.flops == 3 * reduction_flops(*crossbar.cells.shape)


def test_nothing_is_corrected_where_nothing_resists():
    for circuit in (amc.INV(HARMONIC, predistort=3), amc.INV(HARMONIC, **WIRES)):
        assert circuit.predistortions == ()
        np.testing.assert_array_equal(circuit.mapping.target, amc.INV(HARMONIC).mapping.target)


def test_where_steps_stall_the_best_is_kept_and_told():
    b = np.ones(64)
    options = {"fidelity": "dc", "wire_resistance": 5.0, **IDEAL}
    plain = amc.solve("inv", uniform_wishart(256), b, **options)
    run = amc.solve("inv", uniform_wishart(256), b, predistort=3, **options)
    (record,) = run.provenance["predistortion"]
    assert record["kept"] == 0
    assert record["wires"][1:] == (np.inf,) * 3  # unstable, if it were used
    np.testing.assert_array_equal(run.x, plain.x)
    assert any("pre-distortion stalled: step 0 of 3" in each for each in run.cautions)


def test_steps_may_pass_where_the_circuit_would_not_be_stable():
    circuit = amc.INV(uniform_wishart(128), wire_resistance=1.73, predistort=6)
    (record,) = circuit.predistortions
    assert np.isinf(record.wires[1])
    assert record.kept == 6
    assert record.wires[6] < 0.01 < record.wires[0]


def test_cells_decide_where_they_do_more_than_wires():
    """Smaller conductances are noisier beside what they stand for."""
    banded = np.where(np.abs(np.subtract.outer(range(12), range(12))) < 2, SIGNED, 0.0)
    run = amc.solve(
        "inv", banded, np.ones(12), fidelity="dc", predistort=2, write_noise=0.01, **WIRES
    )
    (record,) = run.provenance["predistortion"]
    assert record["kept"] == 0
    assert record["wires"][0] > record["wires"][2]
    assert np.hypot(record["wires"][0], record["cells"][0]) < np.hypot(
        record["wires"][2], record["cells"][2]
    )
    assert any("pre-distortion ends at step 0 of 2" in each for each in run.cautions)


def test_what_no_conductance_can_correct_is_told():
    """A cell near zero would have to be negative in a pair of arrays without signs."""
    A = np.random.default_rng(0).uniform(0.0, 1.0, (32, 8))
    circuit = amc.CompactGINV(A, predistort=3, **WIRES, **IDEAL)
    run = amc.simulate(circuit, np.ones(32), fidelity="dc")
    assert any("pre-distortion gains no more" in each for each in run.cautions)
    full = amc.CompactGINV(A + 0.3, predistort=3, **WIRES, **IDEAL)
    assert not amc.simulate(full, np.ones(32), fidelity="dc").cautions


def test_what_cells_leave_is_told():
    run = amc.solve(
        "inv", HARMONIC, np.ones(12), fidelity="dc", wire_resistance=0.1, predistort=1,
        write_noise=0.02,
    )  # fmt: skip
    assert any("pre-distortion brings little" in each for each in run.cautions)


@pytest.mark.parametrize(
    ("name", "matrix"), [("inv", HARMONIC), ("mvm", MIXED), ("ginv-compact", TALL)]
)
def test_every_fidelity_has_the_same_cells(name, matrix):
    circuit = CIRCUITS[name](matrix, predistort=2, write_noise=0.01, gbw="100 MHz", **WIRES)
    b = np.random.default_rng(2).uniform(0.2, 1.0, circuit.input_size)
    answers = [
        amc.simulate(circuit, b, fidelity=fidelity).x
        for fidelity in ("dc", "behavioural", "reduced", "flat")
    ]
    for answer in answers[1:]:
        np.testing.assert_allclose(answer, answers[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(answers[3], answers[2], rtol=1e-6, atol=1e-7)


def test_the_macro_has_the_same_cells_in_every_mode():
    macro = amc.Macro(HARMONIC, wire=amc.Wire(row=3.0, column=3.0, predistort=2))
    targets = [macro.circuit(mode).mapping.target for mode in ("mvm", "inv", "ginv", "eigen")]
    for target in targets[1:]:
        np.testing.assert_array_equal(target, targets[0])


def test_trials_share_one_correction():
    predistortion._steps.cache_clear()
    circuit = amc.INV(HARMONIC, predistort=1, write_noise=0.01, **WIRES)
    amc.monte_carlo(circuit, np.ones(12), trials=4, fidelity="dc")
    assert predistortion._steps.cache_info().misses == 1


def test_chips_and_blocks_take_it(measured):
    exact = np.linalg.solve(HARMONIC, b := np.arange(1.0, 13.0))

    def error(x):
        return np.linalg.norm(x - exact) / np.linalg.norm(exact)

    chip = amc.Chip(fidelity="dc", **WIRES, **IDEAL)
    plain, corrected = (chip.program(HARMONIC, "inv", predistort=steps) for steps in (0, 2))
    assert error(corrected.solve(b)) * 100 < error(plain.solve(b))
    blocks = [BlockInverse(chip, HARMONIC, stages=1, predistort=steps) for steps in (0, 2)]
    assert error(blocks[1].solve(b)) * 100 < error(blocks[0].solve(b))


def test_what_cannot_have_it_says_so():
    class Other(amc.INV):
        name = "other"
        predistorts = False

    with pytest.raises(UnsupportedError, match="other does not take predistort"):
        Other(HARMONIC, predistort=1)
    assert not Circuit.predistorts
    assert all(each.predistorts for each in CIRCUITS.built_in)
    with pytest.raises(UnsupportedError, match="predistort needs compensation"):
        amc.CompactGINV(TALL, compensation=False, predistort=1)


def test_commands_take_it(tmp_path):
    np.save(tmp_path / "A.npy", HARMONIC)
    np.save(tmp_path / "b.npy", np.ones(12))
    problem = ["inv", "--matrix", str(tmp_path / "A.npy"), "--rhs", str(tmp_path / "b.npy")]
    wired = ["--wire-resistance", "2", "--predistort", "2"]
    out = tmp_path / "run.json"
    solved = CliRunner().invoke(
        main, ["solve", *problem, *wired, "--fidelity", "dc", "--json", str(out)]
    )
    assert solved.exit_code == 0, solved.output
    provenance = json.loads(out.read_text())["provenance"]
    assert provenance["circuit"]["wire"]["predistort"] == 2
    (record,) = provenance["predistortion"]
    assert record["kept"] == record["steps"] == 2
    assert record["wires"][2] * 100 < record["wires"][0]
    refused = CliRunner().invoke(main, ["solve", *problem, "--predistort", "-1"])
    assert refused.exit_code == 2
