"""Cells of sub-circuits: measured, refused, and their table in every fidelity."""

import json

import numpy as np
import pytest
from cli_helpers import refused, run

import amcspice as amc
from amcspice.characterise import measured_table
from amcspice.characterise.cell import CellFixture
from amcspice.device import CellTable
from amcspice.device.plain import cell_from_plain, cell_to_plain
from amcspice.model_files import models_folder
from amcspice.simulation.cell_states import operating_voltages
from amcspice.sweep.spec.experiment import Experiment

pytestmark = pytest.mark.ngspice

CELLS = models_folder() / "cells.lib"
GAP = amc.CellModel(file=CELLS, name="amc_gap", low=0.2, high=1.7)
MEMDIODE = amc.CellModel(file=CELLS, name="amc_memdiode")
GAIN = amc.OpAmp(gain=1e6)
WIRED = amc.Wire(row=5.0, column=5.0)

OWN = """* a bent conductance that its state sets, of no node
.subckt bent te be params: x0=0.5
B1 te be I=1e-4*x0*(v(te,be)+0.5*v(te,be)*v(te,be)+2*x0*v(te,be)*v(te,be)*v(te,be))
.ends
.subckt source te be params: x0=0.5
B1 te be I=1e-4*x0*v(te,be)-2e-7
.ends
.subckt tunnel te be params: x0=0.5
B1 te be I=1e-4*x0*v(te,be)*exp(-8*v(te,be)^2)
.ends
.subckt hill te be params: x0=0.5
B1 te be I=1e-4*(0.1+x0*(1-x0))*v(te,be)
.ends
.subckt charged te be params: x0=0.5 c=1e-15
B1 te be I=1e-4*x0*(v(te,be)+0.5*v(te,be)*v(te,be)+2*x0*v(te,be)*v(te,be)*v(te,be))
C1 te be {c}
.ends
.subckt behind te be params: x0=0.5 c=1e-15
R1 te d 100
B1 d be I=1e-4*x0*v(d,be)
C1 d be {c}
.ends
.subckt narrow te be params: x0=0.5
B1 te be I=1e-5*(1+0.05*x0)*(v(te,be)+v(te,be)*v(te,be))
.ends
.subckt open te be params: x0=0.5
B1 te be I=0*x0*v(te,be)
.ends
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.lib"
    path.write_text(OWN)
    return path


def problem(rows, columns, seed=1):
    draw = np.random.default_rng(seed)
    A = 0.4 + 0.6 * draw.random((rows, columns))
    return A, A @ draw.random(columns)


def test_a_table_is_what_the_equations_say():
    """Of the gap model: i = i0 exp(-x/g0) sinh(v/v0)."""
    table = measured_table(GAP)
    assert max(table.error, table.state_error) < 1e-5
    conductance = np.geomspace(table.lowest, table.highest, 23)
    state = -0.25 * np.log(conductance * 0.25 / 1e-3)
    np.testing.assert_allclose(table.states(conductance), state, atol=1e-6)
    np.testing.assert_allclose(table.conductances(state), conductance, rtol=1e-3)
    volts = np.linspace(-0.3, 0.3, 13)[:, None]
    expected = conductance * 0.25 * np.sinh(volts / 0.25)
    np.testing.assert_allclose(table.current(conductance, volts), expected, rtol=1e-5)
    slope = (table.current(conductance, 0.5) - table.current(conductance, 0.4)) / 0.1
    np.testing.assert_allclose(slope, conductance * np.cosh(0.3 / 0.25), rtol=1e-4)


def test_a_cell_that_is_not_odd_keeps_its_side(own):
    model = amc.CellModel(file=own, name="bent", state_node=None, low=0.01)
    table = measured_table(model)
    g, volts = np.full(9, 4e-5), np.linspace(-0.3, 0.3, 9)
    expected = g * (volts + 0.5 * volts**2 + 0.8 * volts**3)
    np.testing.assert_allclose(table.current(g, volts), expected, rtol=1e-6, atol=1e-15)
    turned = measured_table(
        amc.CellModel(file=own, name="bent", state_node=None, low=0.01, polarity=-1)
    )
    np.testing.assert_allclose(turned.current(g, -volts), -expected, rtol=1e-6, atol=1e-15)
    ratio = (1 + 0.15 + 2 * 0.09) / (1 - 0.15 + 2 * 0.09)
    assert table.asymmetry >= ratio - 1 - 1e-6
    chord = table.zero_bias_of(g, volts) * 0 + table.current(g, volts)[0] / volts[0]
    held = table.zero_bias_of(chord, -0.3)
    np.testing.assert_allclose(table.current(held, np.full(9, -0.3)), chord * -0.3, rtol=1e-10)


@pytest.mark.parametrize("at", [-0.5, -0.3, 0.0, 0.2, 0.5, 1.2])
def test_cells_have_their_conductances_where_they_are_set_beyond_the_reach_too(at):
    table = measured_table(MEMDIODE)
    chord = np.array([2e-5, 1e-4, 0.0])
    held = table.zero_bias_of(chord, at)
    np.testing.assert_allclose(table.current(held, at), chord * at, rtol=1e-10)
    said = any(
        "beyond, they go on" in each for each in amc.measured_cell(MEMDIODE, set_at=at).cautions
    )
    assert said == (abs(at) > table.reach)


@pytest.mark.parametrize(
    "noise", [{"thermal_noise": True}, {"read_noise": 1e-7}], ids=["thermal", "read"]
)
def test_noise_in_time_leaves_states_where_they_are_used(noise):
    A, b = problem(3, 3)
    A += 2 * np.eye(3)
    quiet, noisy = (
        amc.solve("inv", A, b, device=amc.measured_cell(MEMDIODE, **each), fidelity="flat")
        for each in ({}, {**noise, "noise_bandwidth": 1e6})
    )
    assert np.linalg.norm(noisy.x - quiet.x) < 2e-3 * np.linalg.norm(quiet.x)
    for each in (quiet, noisy):
        assert any("cells are set for the voltages" in said for said in each.cautions)
    at_zero = amc.solve("inv", A, b, device=amc.measured_cell(MEMDIODE, set_at=0), fidelity="flat")
    assert np.linalg.norm(at_zero.x - quiet.x) > 2e-2 * np.linalg.norm(quiet.x)


def test_of_several_right_hand_sides_most_and_their_root_mean_square_count():
    A = problem(3, 3)[0] + 2 * np.eye(3)
    circuit = amc.CIRCUITS["inv"](A, device=amc.measured_cell(MEMDIODE), zero_bias=())
    vectors = np.array([[0.6, -0.7, 0.4], [0.6, -0.7, -0.9], [-1.0, 1.1, 0.3]])
    seen = np.array([operating_voltages(circuit, vector[None], 0.1) for vector in vectors])
    together = operating_voltages(circuit, vectors, 0.1)
    np.testing.assert_allclose(np.abs(together), np.sqrt((seen**2).mean(axis=0)), rtol=1e-9)
    sign = np.sign((seen**2 * np.sign(seen)).sum(axis=0))
    assert (sign != np.sign(seen[0])).any()
    assert (sign != np.sign(seen.sum(axis=0))).any()
    np.testing.assert_array_equal(np.sign(together), sign)


def test_where_no_voltage_is_known_a_run_says_so():
    A = 3 * np.eye(3) + problem(3, 3)[0] + problem(3, 3)[0].T
    run = amc.solve("eig", A, device=amc.measured_cell(MEMDIODE), fidelity="flat")
    assert any("at 0 V, not where they are used" in said for said in run.cautions)


def test_disturb_is_the_rate_of_the_state():
    """Of the memdiode at state 1: dx/dt = -1/tr at the lowest voltage, g'(x) from its formula."""
    table = measured_table(MEMDIODE)
    assert table.disturb == pytest.approx(0.018, rel=0.2)
    assert measured_table(GAP).disturb > 1000 * table.disturb


@pytest.mark.parametrize("capacitance", [1e-18, 1e-15, 1e-14])
def test_currents_into_capacitances_are_no_part_of_a_curve(own, capacitance):
    values = {"c": capacitance}
    table = measured_table(
        amc.CellModel(file=own, name="charged", state_node=None, low=0.01, values=values)
    )
    g, volts = np.full(9, 4e-5), np.linspace(-0.3, 0.3, 9)
    expected = g * (volts + 0.5 * volts**2 + 0.8 * volts**3)
    np.testing.assert_allclose(table.current(g, volts), expected, rtol=1e-5, atol=1e-15)
    assert table.error < 3e-5
    assert table.disturb < 1e-3
    behind = measured_table(
        amc.CellModel(file=own, name="behind", state_node=None, low=0.01, values=values)
    )
    assert behind.highest == pytest.approx(1 / (100 + 1e4), rel=1e-5)
    np.testing.assert_allclose(behind.current(g, volts), g * volts, rtol=1e-5, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("source", {}, "not passive: at x0 = .* it gives"),
        ("tunnel", {"reach": 0.6}, "its current falls as the voltage rises"),
        ("hill", {}, "neither rises nor falls with x0"),
        ("open", {}, "does not conduct in any state"),
        ("none", {}, "no sub-circuit none; it has bent"),
        ("bent", {"state": "w0"}, "no parameter w0"),
    ],
)
def test_what_is_no_cell_is_refused(own, name, changes, message):
    fields = {"state_node": None, **changes}
    reach = fields.pop("reach", 0.3)
    with pytest.raises(amc.InputError, match=message):
        measured_table(amc.CellModel(file=own, name=name, **fields), reach)


def test_a_reach_is_a_voltage_and_a_model_a_model():
    assert measured_table(GAP, "300 mV") is measured_table(GAP)
    for reach in (0, -1, np.nan, np.inf, "3 s", None):
        with pytest.raises(amc.InputError, match="reach: "):
            amc.measured_cell(GAP, reach)
    with pytest.raises(amc.InputError, match=r"model: 'cells.lib' is no amcspice.CellModel"):
        amc.measured_cell("cells.lib")


def test_conductances_that_no_state_has_are_refused():
    for limits in ({"g_max": 5e-3}, {"g_min": 1e-6}, {"g_min": 0.0, "levels": 100}):
        with pytest.raises(amc.InputError, match=r"has conductances from 5\.397e-06 to 0\.0021"):
            amc.measured_cell(MEMDIODE, **limits)
    table = measured_table(MEMDIODE)
    with pytest.raises(amc.InputError, match="either sinh_voltage or a sub-circuit"):
        amc.Memristor(table=table, g_min=6e-6, sinh_voltage=0.2)
    with pytest.raises(amc.InputError, match="which is not given"):
        amc.Memristor(cell_mode="live")
    with pytest.raises(amc.InputError, match="rise"):
        CellTable(model=MEMDIODE, reach=0.3, state=(0, 1), zero_bias=(2, 1), shape=((0.0,), (0.0,)))


def test_curves_that_bend_more_than_states_differ_need_limits(own):
    cell = ["--cell-lib", own, "--cell-subckt", "narrow", "--cell-node", "-"]
    solve = ["solve", "inv", "--columns", 2, "--fidelity", "dc", "--no-selector", *cell]
    message = "narrow has no conductance at every voltage up to 0.3 V"
    refused(run(*solve), message)
    model = amc.CellModel(file=own, name="narrow", state_node=None)
    with pytest.raises(amc.InputError, match=message):
        amc.measured_cell(model, g_min=1.01e-5)
    limits = {"g_min": 1.01e-5, "g_max": 1.04e-5}
    assert amc.measured_cell(model, **limits).g_max == 1.04e-5
    given = ["--g-min", "10.1 uS", "--g-max", "10.4 uS", "--set-at", 0]
    assert run(*solve, *given).exit_code == 0
    assert run(*solve, "--cell-reach", 0.01).exit_code == 0
    shown = run("cell", own, "--subckt", "narrow", "--cell-node", "-")
    assert "conductances at every voltage: none" in shown.output


def test_the_same_file_is_measured_once(own, monkeypatch):
    ramps = []
    run = CellFixture.ramp
    monkeypatch.setattr(CellFixture, "ramp", lambda *given: ramps.append(1) or run(*given))
    first = measured_table(amc.CellModel(file=own, name="bent", state_node=None, low=0.02))
    count = len(ramps)
    assert count
    again = measured_table(amc.CellModel(file=own, name="bent", state_node=None, low=0.02))
    assert again is first
    assert len(ramps) == count
    own.write_text(OWN.replace("1e-4*x0", "2e-4*x0"))
    changed = measured_table(amc.CellModel(file=own, name="bent", state_node=None, low=0.02))
    assert changed.highest == pytest.approx(2 * first.highest)


@pytest.mark.parametrize("model", [GAP, MEMDIODE], ids=["gap", "memdiode"])
@pytest.mark.parametrize("at", ["operating", 0.15, 0.0])
def test_frozen_cells_are_live_ones(model, at):
    A, b = problem(4, 4)
    A += 3 * np.eye(4)
    runs = [
        amc.solve(
            "inv", A, b, device=amc.measured_cell(model, cell_mode=mode, set_at=at), opamp=GAIN,
            fidelity=fidelity, relative_tolerance=1e-6,
        )
        for fidelity, mode in (
            ("flat", "live"), ("dc", "frozen"), ("behavioural", "frozen"), ("reduced", "frozen"),
            ("flat", "frozen"),
        )
    ]  # fmt: skip
    live = runs[0]
    for each in runs[1:]:
        assert np.linalg.norm(each.x - live.x) < 1e-5 * np.linalg.norm(live.x)
        assert each.power["array"] == pytest.approx(live.power["array"], rel=1e-4)
    assert runs[-1].settling_time == pytest.approx(live.settling_time, rel=2e-3)


def test_constraints_and_wires_with_tables():
    A, b = problem(12, 5)
    b = b - 1.2 * A[:, 1]
    device = amc.measured_cell(MEMDIODE)
    runs = [
        amc.solve(
            "nnls", A, b, device=device, wire=WIRED, opamp=GAIN, fidelity=fidelity,
            relative_tolerance=1e-6,
        )
        for fidelity in ("dc", "flat")
    ]  # fmt: skip
    assert (runs[1].x < 1e-3 * runs[1].x.max()).any()
    assert np.linalg.norm(runs[0].x - runs[1].x) < 1e-5 * np.linalg.norm(runs[1].x)


@pytest.mark.slow
def test_a_wired_array_of_32_by_32_with_a_table():
    A, b = problem(32, 32)
    A, wire = A + 8 * np.eye(32), amc.Wire(row=1.0, column=1.0)
    runs = [
        amc.solve(
            "inv", A, b, device=amc.measured_cell(MEMDIODE), wire=wire, opamp=GAIN,
            fidelity=fidelity, relative_tolerance=1e-6,
        )
        for fidelity in ("dc", "flat")
    ]  # fmt: skip
    assert np.linalg.norm(runs[0].x - runs[1].x) < 1e-5 * np.linalg.norm(runs[1].x)


@pytest.mark.parametrize("name", ["lstsq", "mvm", "inv"])
def test_cells_set_for_what_they_see_are_straight_lines(name):
    A, b = problem(5, 5) if name == "inv" else problem(8, 4)
    A = A + np.eye(5) if name == "inv" else A
    vector = b if name != "mvm" else b[:4]
    straight, zero, operating = (
        amc.solve(name, A, vector, device=device, opamp=GAIN, wire=WIRED, fidelity="dc")
        for device in (
            amc.Memristor(g_min=amc.measured_cell(MEMDIODE).g_min),
            amc.measured_cell(MEMDIODE, set_at=0.0),
            amc.measured_cell(MEMDIODE),
        )
    )
    size = np.linalg.norm(straight.x)
    assert np.linalg.norm(operating.x - straight.x) < 1e-8 * size
    assert np.linalg.norm(zero.x - straight.x) > 1e-2 * size
    assert any("only a controller that knows them" in each for each in operating.cautions)
    assert not any("only a controller" in each for each in zero.cautions)


def test_a_verification_runs_the_same_cells():
    A, x = problem(8, 4)[0], np.random.default_rng(3).random((4, 5))
    solved = amc.solve(
        "lstsq", A, A @ x, device=amc.measured_cell(MEMDIODE), opamp=GAIN, fidelity="behavioural",
        verify=amc.Verify(2, fidelity="flat", limit={"solution": 1e-4, "settling": 0.1,
                                                     "energy": 0.1, "power": 1e-3}),
    )  # fmt: skip
    assert solved.verification.passed
    assert solved.zero_bias is not None


def test_voltages_beyond_the_table_are_told():
    A, b = problem(6, 3)
    solved = amc.solve(
        "lstsq", A, b, device=amc.measured_cell(GAP), fidelity="dc", read_voltage=0.5
    )  # fmt: skip
    assert any("but curves are known up to 0.3 V" in each for each in solved.cautions)
    far = amc.measured_cell(GAP, write_noise=0.05, g_min=2e-5, set_at=0.0)
    said = amc.solve("lstsq", A, b, device=far, fidelity="dc").cautions
    assert not any("curves are known" in each for each in said)


def test_a_chip_sets_cells_at_a_given_voltage():
    A, b = problem(6, 3)
    device = amc.measured_cell(MEMDIODE, set_at=-0.1)
    chip = amc.Chip(amc.Hardware(device=device), fidelity="dc", range=0.2)
    answer = chip.program(A, "lstsq").solve(b)
    solved = amc.solve("lstsq", A, b, device=device, fidelity="dc", range=0.2)
    np.testing.assert_allclose(answer, solved.x, rtol=1e-9)


def test_a_chip_says_that_it_does_not_know_what_cells_will_see():
    A, _ = problem(4, 2)
    chip = amc.Chip(amc.Hardware(device=amc.measured_cell(MEMDIODE)), fidelity="dc", range=0.2)
    with pytest.warns(amc.CautionWarning, match="cells are set at 0 V.*set_at"):
        chip.program(A, "lstsq")


def test_write_verify_programs_a_sub_circuit():
    """Pulses at its pins, without a selector: the state that is left says what is read."""
    model = amc.CellModel(file=models_folder() / "memristor.lib", name="amc_memristor")
    table, target = measured_table(model), np.array([[20e-6, 80e-6], [50e-6, 0.0]])
    written = amc.write_verify(target, cell=table)
    assert written.converged.all()
    on = target > 0
    assert np.abs(written.error[on]).max() <= 1e-6
    linear = 1e-6 + 149e-6 * written.state[on]
    np.testing.assert_allclose(written.conductance[on], linear, rtol=1e-3)
    assert (written.set_pulses[on] > 0).all()
    assert (written.energy[on] > 0).all()
    assert written.provenance["cell"]["name"] == "amc_memristor"
    with pytest.raises(amc.InputError, match="a nominal cell reaches"):
        amc.write_verify([[200e-6]], cell=table)


def test_a_cell_without_a_state_node_is_not_programmed(own):
    model = amc.CellModel(file=own, name="bent", state_node=None, low=0.02)
    with pytest.raises(amc.InputError, match="no pulse changes it"):
        amc.write_verify([[20e-6]], cell=measured_table(model))


def test_programming_takes_a_cell_on_the_command_line(tmp_path):
    library = models_folder() / "memristor.lib"
    mine = ["--cell-lib", library, "--cell-subckt", "amc_memristor"]
    options = ["program", "--size", 1, 2, "--levels", 3, "--g-min", "20 uS", *mine]
    result = run(*options, "--json", tmp_path / "p.json")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "p.json").read_text())["converged"] == 2
    refused(run(*options, "--g-on", "100 uS"), "which the sub-circuit of cell_lib replaces")
    refused(run(*options, "--set-gate", "2 V"), "set_gate: of a selector, which the sub-circuit")


def test_a_cell_is_measured_on_the_command_line(tmp_path):
    result = run("cell", CELLS, "--subckt", "amc_memdiode", "--json", tmp_path / "cell.json")
    assert result.exit_code == 0, result.output
    content, table = json.loads((tmp_path / "cell.json").read_text()), measured_table(MEMDIODE)
    assert tuple(content["conductance_s"]) == table.zero_bias
    assert content["settable_s"] == pytest.approx(list(table.settable))
    # At the lowest state both diodes see next to the whole voltage: alpha v = 0.9.
    up, down = (
        np.exp(0.308 * 0.9) - np.exp(-0.692 * 0.9),
        np.exp(0.692 * 0.9) - np.exp(-0.308 * 0.9),
    )
    assert content["asymmetry"] == pytest.approx(down / up - 1, rel=0.01)
    refused(run("cell", CELLS, "--subckt", "amc_none"), "no sub-circuit amc_none")


def test_a_sweep_takes_a_cell():
    base = {"problem": "inv", "columns": 4, "cell_lib": str(CELLS), "cell_subckt": "amc_memdiode"}
    point = Experiment.of({**base, "fidelity": "dc", "set_at": "0.1 V", "g_min": "7 uS"})
    device = point.circuit().device
    assert device.table == measured_table(MEMDIODE)
    assert (device.set_at, device.g_min, device.cell_mode) == (0.1, 7e-6, "frozen")
    assert Experiment.of(point.parameters()).parameters() == point.parameters()


def test_cells_keep_their_table_in_files_but_not_in_provenance():
    device = amc.measured_cell(MEMDIODE)
    assert cell_from_plain(json.loads(json.dumps(cell_to_plain(device)))) == device
    A, b = problem(6, 3)
    said = amc.solve("lstsq", A, b, device=device, fidelity="dc").provenance["circuit"]["device"]
    assert said["table"]["sha256"] == MEMDIODE.sha256
    assert "shape" not in said["table"]


COMMAND = ["solve", "nnls", "--matrix", "A.csv", "--rhs", "b.csv", "--fidelity", "dc"]
MINE = ["--cell-lib", str(CELLS), "--cell-subckt", "amc_memdiode"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    A, b = problem(6, 3)
    np.savetxt("A.csv", A, delimiter=",")
    np.savetxt("b.csv", b, delimiter=",")


def test_the_command_line_takes_a_cell(files):
    result = run(*COMMAND, *MINE, "--json", "run.json")
    assert result.exit_code == 0, result.output
    with open("run.json") as file:
        content = json.load(file)
    A, b = problem(6, 3)
    expected = amc.solve("nnls", A, b, device=amc.measured_cell(MEMDIODE), fidelity="dc")
    np.testing.assert_allclose(content["solution"][0], expected.x, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (MINE[:2], "give both"),
        ([*MINE[:3], "amc_none"], "no sub-circuit amc_none"),
        ([*MINE, "--cell-state", "y0"], "no parameter y0"),
        ([*MINE, "--cell-node", "q"], "pins"),
        ([*MINE, "--g-max", "5 mS"], "has conductances from"),
        ([*MINE, "--device", "pcm-joshi-2020"], "laws of their own"),
        (["--cell-mode", "live"], "which is not given"),
        ([*MINE, "--cell-mode", "live"], "flat decks only"),
    ],
)
def test_the_command_line_refuses_what_is_no_cell(files, options, message):
    refused(run(*COMMAND, *options, "--json", "run.json"), message)
