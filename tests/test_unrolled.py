"""The unrolled block inverse: five circuits in one, against numpy, Kirchhoff and its phases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import block_diag, toeplitz

import amcspice as amc
from amcspice.algorithm import BlockInverse
from amcspice.engine import LinearModel
from amcspice.errors import InputError, UnsupportedError
from amcspice.reduction import reduce_to_ports


def matrix_of(kind, n, seed=0):
    draw = np.random.default_rng(seed)
    if kind == "toeplitz":
        return toeplitz(1 / (1 + np.arange(n)))
    if kind == "spd":
        X = draw.standard_normal((n, 6 * n))
        return X @ X.T / (6 * n)
    return draw.uniform(-1, 1, (n, n)) + n * np.eye(n)  # signed, diagonally dominant


def right(n, count=3, seed=5):
    return np.random.default_rng(seed).uniform(-1, 1, (n, count))


KINDS = ("toeplitz", "spd", "signed")
every_kind = pytest.mark.parametrize("kind", KINDS)


def off(run, A, b):
    exact = np.linalg.solve(A, b)
    return float(np.linalg.norm(run.x - exact) / np.linalg.norm(exact))


@pytest.mark.filterwarnings("ignore::amcspice.ImplausibleWarning")
@pytest.mark.parametrize("n", [2, 7, 16, 33])
@every_kind
def test_ideal_hardware_equals_numpy(kind, n):
    A, b = matrix_of(kind, n), right(n)
    circuit = amc.UnrolledBlockINV(A, opamp=amc.OpAmp(gain=1e12))
    for fidelity in ("dc", "behavioural") if n < 33 else ("dc",):
        run = amc.simulate(circuit, b, fidelity=fidelity)
        assert run.all_settled
        assert off(run, A, b) < 1e-9


@pytest.mark.ngspice
@pytest.mark.parametrize(("n", "fidelity"), [(8, "reduced"), (8, "flat"), (7, "reduced")])
@every_kind
def test_ideal_hardware_in_ngspice(kind, n, fidelity):
    A, b = matrix_of(kind, n), right(n)
    circuit = amc.UnrolledBlockINV(A, opamp=amc.OpAmp(gain=1e9))
    run = amc.simulate(circuit, b, fidelity=fidelity, settle_tolerance=1e-5)
    assert run.all_settled
    assert off(run, A, b) < 1e-6


@pytest.mark.parametrize("n", [16, 64])
def test_counts(n):
    """2.5 n amplifiers and 1.25 n^2 cells, where no block has signs."""
    circuit = amc.UnrolledBlockINV(matrix_of("toeplitz", n))
    assert circuit.amplifier_count == 5 * n // 2
    assert circuit.schematic.cells == 5 * n * n // 4
    counted = BlockInverse(amc.Chip(), circuit.matrix, stages=1).counts()
    assert counted["amplifiers_unrolled"] == circuit.amplifier_count
    assert counted["cells_unrolled"] == circuit.schematic.cells


# -- Kirchhoff, written apart from the package -------------------------------------------------


def kirchhoff(circuit, vector, volts, gain, rout):
    """Return the outputs y and z of a 4 x 4 circuit by nodal analysis of all of it.

    Every amplifier is -gain times its inverting input behind its output resistance.
    """
    stages, cells = circuit._cascade[0].stages, {}
    for crossbar in circuit.schematic.crossbars:
        cells[crossbar.name[0]] = crossbar.cells
    g_max = circuit.device.g_max
    names = [f"{kind}{stage}{k}" for stage in "pwzqy" for kind in "so" for k in (0, 1)]
    place = {name: k for k, name in enumerate(names)}
    G, current = np.zeros((20, 20)), np.zeros(20)
    given = {"f": vector[:2], "g": vector[2:]}
    for name, values in given.items():
        sign = -1 if name == "f" else 1
        given[name] = sign * abs(circuit.schematic.input_gain[0]) * volts * values

    def join(a, b, conductance):
        i, j = place[a], place[b]
        G[i, i] += conductance
        G[j, j] += conductance
        G[i, j] -= conductance
        G[j, i] -= conductance

    def share(stage, of):
        """Return the conductances from two inputs, for signals of so many volts."""
        inverse = 1 / np.abs(of)
        return stages[stage].circuit.input_conductance * g_max * inverse / inverse.sum()

    source = circuit.schematic.input_gain[0]
    of = {
        "p": {"f": share("p", [source])[0]},
        "z": dict(zip("gw", share("z", [source, stages["w"].volts]), strict=True)),
        "y": dict(zip("fq", share("y", [source, stages["q"].volts]), strict=True)),
    }
    for stage in "pwzqy":
        for k in (0, 1):
            row, out = place[f"s{stage}{k}"], place[f"o{stage}{k}"]
            G[out, out] += 1 / rout
            G[out, row] += gain / rout
            for j in (0, 1):
                bit = {"w": "p", "q": "z"}.get(stage, stage)
                join(f"s{stage}{k}", f"o{bit}{j}", cells[stage][k, j])
            if stage in "wq":
                feedback = stages[stage].circuit.feedback * g_max
                join(f"s{stage}{k}", f"o{stage}{k}", feedback)
                continue
            for name, conductance in of[stage].items():
                if name in given:
                    G[row, row] += conductance
                    current[row] += conductance * given[name][k]
                else:
                    join(f"s{stage}{k}", f"o{name}{k}", conductance)
    v = np.linalg.solve(G, current)
    return np.array([v[place[f"o{stage}{k}"]] for stage in "yz" for k in (0, 1)])


@pytest.mark.parametrize("gain", [100.0, 1e5])
def test_whole_circuit_against_nodal_analysis(gain):
    A, b = matrix_of("toeplitz", 4), right(4, 1)[:, 0]
    circuit = amc.UnrolledBlockINV(
        A,
        opamp=amc.OpAmp(gain=gain, output_resistance=50.0, input_resistance=1e15),
        device=amc.Memristor(write_noise=0.03, seed=2),
    )
    run = amc.simulate(circuit, b, fidelity="dc", range=0.1)
    volts = kirchhoff(circuit, b, 0.1, gain, 50.0)
    np.testing.assert_allclose(run.measurement.outputs[0], volts, rtol=1e-8)
    np.testing.assert_allclose(run.x, volts / 0.1 * [1, 1, -1, -1], rtol=1e-8)


# -- against its phases ------------------------------------------------------------------------


@pytest.mark.ngspice
@pytest.mark.parametrize("preset", ["onchip-1g", "ad823"])
def test_settles_to_the_answer_of_the_phases(preset, measured):
    """And sooner than the phases one after the other; every mode decays."""
    A, b = matrix_of("toeplitz", 16), right(16, 1)[:, 0]
    circuit = amc.UnrolledBlockINV(A, opamp=preset)
    linear = LinearModel.of(circuit, reduce_to_ports(circuit.schematic))
    assert linear.eigenvalues.real.max() < 0
    run = amc.simulate(circuit, b)
    assert run.all_settled
    phases = BlockInverse(
        amc.Chip(opamp=preset, fidelity="behavioural"), A, stages=1, calibration=b
    )
    x = phases.solve(b)
    np.testing.assert_allclose(run.x, x, rtol=0, atol=1e-3 * np.abs(x).max())
    ratio = run.settling_time / sum(phase.settling_time for phase in phases.phases)
    measured("settling over the sum of phases", ratio)
    assert 0.2 < ratio < 1


def test_modes_are_those_of_the_phases():
    """Outputs without resistance: nothing acts back, each circuit keeps its modes."""
    opamp = amc.OpAmp(gain=1e5, gbw=1e8, output_resistance=1e-6)
    circuit = amc.UnrolledBlockINV(matrix_of("signed", 8), opamp=opamp)
    whole = LinearModel.of(circuit, reduce_to_ports(circuit.schematic)).eigenvalues
    alone = [
        LinearModel.of(stage.circuit, reduce_to_ports(stage.circuit.schematic)).eigenvalues
        for stage in circuit._cascade[0].stages.values()
    ]
    expected = np.concatenate(alone)
    for value in whole:
        assert np.abs(expected - value).min() < 1e-4 * abs(value)
    assert len(whole) == len(expected)


# -- wiring --------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::amcspice.ImplausibleWarning")
@pytest.mark.parametrize(
    ("A", "amplifiers"),
    [
        (block_diag([[1.0, 0.3], [0.2, 1.0]], [[0.8, 0.1], [0.0, 0.9]]), 4),
        (np.tril(matrix_of("signed", 4)), 8),
        (np.triu(matrix_of("signed", 4)), 6),
    ],
)
def test_products_with_nothing_are_left_out(A, amplifiers):
    circuit = amc.UnrolledBlockINV(A, opamp=amc.OpAmp(gain=1e12))
    b = right(4)
    assert circuit.amplifier_count == amplifiers
    assert off(amc.simulate(circuit, b, fidelity="dc"), A, b) < 1e-9


@pytest.mark.filterwarnings("ignore::amcspice.ImplausibleWarning")
def test_rows_are_taken_in_another_order_where_the_leading_block_is_singular():
    A = np.array([[1, 1, 0.5, 0], [1, 1, 0, 0.5], [-0.5, 0, 2, 0], [0, -0.5, 0, 2]])
    circuit = amc.UnrolledBlockINV(A, opamp=amc.OpAmp(gain=1e12))
    assert list(circuit.order) == [2, 3, 0, 1]
    b = right(4)
    for fidelity in ("dc", "behavioural"):
        assert off(amc.simulate(circuit, b, fidelity=fidelity), A, b) < 1e-9


@pytest.mark.parametrize(
    ("A", "message"),
    [
        (np.ones((4, 4)), "block A1 is singular: take a single array"),
        (np.kron(np.array([[0, 1.0], [1.0, 0]]), np.eye(2)), "block A1 is singular"),
        (np.kron([[1.0, 2.0], [2.0, 1.0]], np.eye(2)), "block S: .* is unstable"),
        (np.eye(1), "at least two rows"),
    ],
)
def test_what_has_no_blocks_is_refused(A, message):
    with pytest.raises(InputError, match=message):
        amc.UnrolledBlockINV(A)


def test_maps_of_cells_are_refused():
    stuck = np.zeros((1, 4, 4), bool)
    with pytest.raises(UnsupportedError, match="maps are of the arrays of one circuit"):
        amc.UnrolledBlockINV(np.eye(4) + 0.1, stuck_on=stuck)


def test_both_copies_of_the_leading_block_have_cells_of_their_own():
    A = matrix_of("toeplitz", 8)
    circuit = amc.UnrolledBlockINV(A, write_noise=0.02, seed=1)
    cells = {crossbar.name: crossbar.cells for crossbar in circuit.schematic.crossbars}
    assert not np.isclose(cells["p_"], cells["y_"]).any()
    # resistors are designed, not drawn: another seed writes other cells between the same ones
    other = amc.UnrolledBlockINV(A, write_noise=0.02, seed=2)
    fixed = [each.schematic.peripheral.elements[2] for each in (circuit, other)]
    np.testing.assert_array_equal(*fixed)
    described = circuit.describe()
    assert described["circuits"] == other.describe()["circuits"]
    assert described["circuits"]["y"].keys() == {"volts", "input_conductance"}
    assert described["order"] == list(range(8))


def test_every_circuit_uses_its_amplifiers_alike():
    """For the right-hand sides it was designed for, all phases reach the same voltage."""
    A, b = matrix_of("signed", 8), right(8, 5)
    circuit = amc.UnrolledBlockINV(A, designed_for=b, gain=1e9)
    run = amc.simulate(circuit, b, fidelity="behavioural")
    asked = circuit.questions(b.T, np.linalg.solve(A, b).T)
    stages = circuit._cascade[0].stages
    reached = {
        name: abs(stages[name].volts) * np.abs(answer).max() * run.range.volts_per_unit
        for name, (_, answer) in asked.items()
    }
    both = max(reached.pop("y"), reached.pop("z"))  # of x, on one scale
    np.testing.assert_allclose(list(reached.values()), both, rtol=1e-6)
    assert run.range.cell_voltage == pytest.approx(run.range.read_voltage)
    # what stands at the outputs in the run is what was expected
    settled = run.waveforms.segments[0].voltages[-1]
    names = list(run.waveforms.names)
    for name, (_, answer) in asked.items():
        letter = "y" if name in "wq" else "x"
        seen = [settled[names.index(f"{name}_{letter}{k}")] for k in range(4)]
        expected = answer[0] * stages[name].volts * run.range.volts_per_unit
        np.testing.assert_allclose(seen, expected, atol=1e-5)


def test_outputs_of_products_have_room():
    """No cell stands at them, but rails limit them all the same."""
    A, b = matrix_of("signed", 8), right(8, 1)
    circuit = amc.UnrolledBlockINV(A, gain=1e9)
    swing = circuit.swing(b.T, np.linalg.solve(A, b).T)
    run = amc.simulate(circuit, b, fidelity="behavioural")
    names = list(run.waveforms.names)
    at = [
        names.index(f"{name}{k}") for name in ("p_x", "w_y", "z_x", "q_y", "y_x") for k in range(4)
    ]
    highest = np.abs(run.waveforms.segments[0].voltages[-1, at]).max()
    assert highest == pytest.approx(swing.outputs * run.range.volts_per_unit, rel=1e-5)
    tight = amc.UnrolledBlockINV(A, supply_positive=0.2)
    assert tight.range_of(swing, 10.0) * swing.outputs == pytest.approx(0.5 * 0.2)


@pytest.mark.parametrize("given", [np.zeros((4, 1)), np.ones(3), "nowhere.npy"])
def test_bad_right_hand_sides_of_the_design_are_refused(given):
    with pytest.raises(InputError):
        amc.UnrolledBlockINV(np.eye(4) + 0.1, designed_for=given)


def test_own_scales_use_all_conductances():
    A = matrix_of("signed", 8)
    circuit = amc.UnrolledBlockINV(A, shared_scale=False)
    b = right(8)
    for crossbar in circuit.schematic.crossbars:
        assert crossbar.cells.max() == pytest.approx(circuit.device.g_max)
    assert amc.simulate(circuit, b, fidelity="dc").relative_error.max() < 1e-4


# -- on a chip, in trials, from the command line -----------------------------------------------


def test_on_a_chip_the_range_is_predicted():
    A, b = matrix_of("toeplitz", 8), right(8)
    chip = amc.Chip(gain=1e9, seed=1)
    programmed = chip.program(A, "inv", circuit="inv-blocks")
    np.testing.assert_allclose(programmed.solve(b), np.linalg.solve(A, b), rtol=1e-6, atol=1e-6)


def test_trials_draw_cells_anew():
    A, b = matrix_of("toeplitz", 8), right(8, 1)[:, 0]
    circuit = amc.UnrolledBlockINV(A, write_noise=0.01)
    trials = amc.monte_carlo(circuit, b, trials=5, fidelity="dc")
    errors = np.ravel(trials.relative_error)
    assert len(np.unique(errors)) == 5
    assert (errors > 1e-4).all()


def test_every_array_is_corrected_for_its_wires():
    A = toeplitz(1 / (1.0 + np.arange(16)))
    b = np.random.default_rng(0).uniform(-1, 1, (16, 4))
    errors = []
    for steps in range(3):
        wire = amc.Wire(row=1.0, column=1.0, predistort=steps)
        circuit = amc.UnrolledBlockINV(A, wire=wire, opamp=amc.OpAmp(gain=1e9))
        run = amc.simulate(circuit, b, fidelity="dc")
        errors.append(np.median(run.relative_error))
        assert len(circuit.predistortions) == (5 if steps else 0)
    assert errors[1] < errors[0] / 10
    assert errors[2] < errors[1] / 10
