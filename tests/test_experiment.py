"""Points of sweeps: what they accept, what they fill in, and that they are what they say."""

import pickle
import shlex
import time

import numpy as np
import pytest

import amcspice as amc
from amcspice.sweep.metrics import COSTS, METRICS
from amcspice.sweep.point import command, run_point
from amcspice.sweep.spec.experiment import PARAMETERS, Experiment, convert

BEHAVIOURAL = {"columns": 4, "fidelity": "behavioural", "right_hand_sides": 2}


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("gbw", "10 MHz", 10e6),
        ("gbw", "1e9", 1e9),
        ("gbw", 3, 3.0),
        ("slew_rate", "22 V/us", 22e6),
        ("wire_resistance", "1.5 kohm", 1500.0),
        ("wire_capacitance", "2 fF", 2e-15),
        ("g_max", "100 uS", 100e-6),
        ("temperature", "350 K", 350.0),
        ("write_noise", "2 %", 0.02),
        ("levels", "16", 16),
        ("levels", 16.0, 16),
        ("levels", "none", None),
        ("hold", "false", False),
        ("columns", np.int64(8), 8),
    ],
)
def test_values_become_plain_numbers_in_si_units(name, raw, value):
    converted = convert(name, raw)
    assert converted == value or converted == pytest.approx(value, rel=1e-15)
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"colums": 8}, "unknown parameter 'colums'; did you mean columns"),
        ({"gbw": "10 V"}, "gbw = '10 V': a quantity in Hz is needed"),
        ({"gbw": "10 krad/s"}, "gbw = .*angular"),
        ({"gbw": "10 Mhertzz"}, "gbw = .*neither a number nor a quantity"),
        ({"gbw": "10 ("}, "gbw = .*neither a number nor a quantity"),
        ({"gbw": -1}, "gbw = -1: must be above 0 Hz"),
        ({"gbw": float("inf")}, "gbw = inf: must be finite"),
        ({"gain": "5 Hz"}, "gain = '5 Hz': a number without unit"),
        ({"columns": [8, 16]}, "columns = .*an axis"),
        ({"columns": True}, "columns = True: not a whole number"),
        ({"columns": 2.5}, "columns = 2.5: not a whole number"),
        ({"columns": 1e308}, r"columns = 1e\+308: a whole number below 9,007,199,254,740,992"),
        ({"seed": 2**53 + 1}, r"seed = 9007199254740993: a whole number below 9,007,"),
        ({"problem_seed": 10**400}, "problem_seed = 10+: a whole number below"),
        ({"columns": 0}, "columns = 0: must be at least 1"),
        ({"hold": 1}, "hold = 1: neither true nor false"),
        ({"circuit": "ginv-compct"}, "did you mean ginv-compact"),
        ({"fidelity": "exact"}, "fidelity = 'exact': choose from"),
        ({"fidelity": "auto:x"}, "fidelity = 'auto:x'"),
        ({"matrix": "hilbert"}, "matrix = 'hilbert': neither a generator"),
        ({"matrix": "missing.npy"}, "missing.npy: no such file"),
        ({"density": 0.5}, "density: matrix = 'uniform' has no such parameter"),
        ({"matrix": "dominant"}, "matrix = 'dominant': makes square"),
        ({"problem": "inv", "rows": 4}, "rows = 4, columns = 16: inv needs a square"),
        ({"problem": "lstsq", "rows": 4}, "rows = 4, columns = 16: .*no single answer"),
        ({"rows": 16, "rows_per_column": 2}, "rows = 16: rows_per_column = 2 makes them 32"),
        ({"problem": "eig", "right_hand_sides": 2}, "right_hand_sides: eig takes one"),
        ({"problem": "inv", "circuit": "ginv-compact"}, "ginv-compact does not solve inv"),
        ({"problem": "inv", "ridge": 0.1}, "inv-.*|inv does not take ridge"),
        ({"problem": "inv", "feedback": 2}, "inv does not take feedback"),
        ({"problem": "lstsq", "lasso": 0.1}, "lasso needs"),
        ({"hold": True, "circuit": "ginv-classic"}, "does not take hold"),
        ({"problem": "inv", "circuit": "inv", "signed": True}, "non-negative matrices only"),
        ({"g_min": "200 uS"}, "g_min = 0.0002 must be below g_max"),
        ({"stuck_on": 0.6, "stuck_off": 0.6}, "stuck_on [+] stuck_off"),
        ({"wire_resistance": 1, "row_resistance": 2}, "wire_resistance, row_resistance"),
        ({"sections": 3}, "sections needs a line capacitance"),
        ({"problem": "eig", "sinh_voltage": 0.2}, "sinh I-V curve"),
        ({"fidelity": "ideal", "adc_bits": 8, "sample_time": 1e-6}, "has no time"),
        ({"circuit": "macro-ginv", "ridge": 0.1}, "no ridge"),
        ({"switch_on": 10}, "ginv-compact does not take switch_on"),
    ],
)
def test_what_cannot_be_is_refused_by_name(parameters, message):
    with pytest.raises(amc.InputError, match=message):
        Experiment.of(parameters)


def test_a_point_is_complete_and_its_own_description():
    point = Experiment.of({"columns": 8, "gbw": "20 MHz", "wire_resistance": 2})
    complete = point.parameters()
    assert list(complete) == list(PARAMETERS)
    assert all(value is None or isinstance(value, str | int | float) for value in complete.values())
    assert complete["rows"] == 32
    assert complete["circuit"] == "ginv-compact"
    assert complete["row_resistance"] == complete["column_resistance"] == 2.0
    assert Experiment.of(complete).parameters() == complete


def test_presets_are_spelled_out():
    complete = Experiment.of({"opamp": "ad823", "device": "hfo2-16"}).parameters()
    assert (complete["gbw"], complete["slew_rate"]) == (16e6, 22e6)
    assert (complete["levels"], complete["write_noise"]) == (16, 0.02)
    changed = Experiment.of(
        {"opamp": "ad823", "device": "hfo2-16", "slew_rate": "none", "levels": "none"}
    )
    assert changed["slew_rate"] is None
    assert changed.circuit().opamp.slew_rate is None
    assert changed.circuit().device.levels is None


def test_auto_fidelity_says_what_is_used():
    used = [
        Experiment.of({"columns": n, "fidelity": word})["fidelity"]
        for n, word in ((128, "auto"), (129, "auto"), (16, "auto:16"), (17, "auto:16"))
    ]
    assert used == ["reduced", "behavioural"] * 2


@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
def test_points_are_those_of_the_library():
    parameters = {
        "columns": 5,
        "rows": 12,
        "problem": "nnls",
        "circuit": "ginv-compact",
        "seed": 3,
        "opamp": "ad823",
        "gbw": 20e6,
        "offset_sigma": 1e-4,
        "levels": 16,
        "write_noise": 0.02,
        "row_resistance": 1.0,
        "column_resistance": 2.0,
        "ridge": 0.1,
        "hold": False,
        "fidelity": "behavioural",
        "settle_tolerance": 0.02,
        "right_hand_sides": 2,
    }
    point = Experiment.of(parameters)
    opamp = amc.OpAmp.preset("ad823", gbw=20e6, offset_sigma=1e-4, mismatch_seed=3)
    expected = amc.solve(
        "nnls",
        point.matrix(),
        point.vectors(),
        circuit="ginv-compact",
        opamp=opamp,
        device=amc.Memristor(levels=16, write_noise=0.02, seed=3),
        ridge=0.1,
        hold=False,
        wire=amc.Wire(row=1.0, column=2.0),
        analysis=amc.Analysis(fidelity="behavioural", settle_tolerance=0.02),
    )
    metrics = run_point(parameters).metrics
    assert metrics["relative_error_median"] == np.median(expected.relative_error)
    assert metrics["settling_time_max_s"] == expected.settling_time.max()
    assert metrics["power_total_w"] == np.median(expected.power["total"])
    assert metrics["amplifiers"] == 5


def test_zero_ohm_is_an_ideal_wire():
    assert Experiment.of({"wire_resistance": 0}).circuit().wire == amc.Wire()


def test_metrics_are_known_and_plain():
    result = run_point(BEHAVIOURAL)
    assert set(result.metrics) == set(METRICS) - set(COSTS)
    assert {type(value) for value in result.metrics.values()} <= {float, int, bool}
    assert pickle.loads(pickle.dumps(result)).metrics == result.metrics
    assert result.provenance["simulator"] == "behavioural"


def test_a_point_repeats_itself_whatever_else_is_asked_for():
    """Seeds decide draws: neither amplifiers nor more right-hand sides change the problem."""
    point = Experiment.of({"columns": 6, "seed": 5})
    longer = Experiment.of({"columns": 6, "seed": 5, "gbw": 1e9, "right_hand_sides": 7})
    np.testing.assert_array_equal(point.matrix(), longer.matrix())
    np.testing.assert_array_equal(point.vectors(), longer.vectors()[:, :4])
    other = Experiment.of({"columns": 6, "seed": 6})
    assert np.abs(point.matrix() - other.matrix()).max() > 0.1
    # The problem stays, the cells are drawn anew.
    cells = Experiment.of({"columns": 6, "seed": 6, "problem_seed": 5, "write_noise": 0.1})
    np.testing.assert_array_equal(point.matrix(), cells.matrix())
    assert cells.circuit().device.seed == 6


def test_problems_from_files(tmp_path):
    matrix, rhs = tmp_path / "A.npy", tmp_path / "b.csv"
    values = np.array([[1.0, -0.2], [0.3, 0.8], [0.5, 0.5]])
    np.save(matrix, values)
    np.savetxt(rhs, values @ np.array([[1.0], [0.5]]), delimiter=",")
    parameters = {"matrix": str(matrix), "rhs": str(rhs), "problem": "lstsq"}
    point = Experiment.of(parameters)
    assert (point["rows"], point["columns"], point["right_hand_sides"]) == (3, 2, 1)
    assert point.simulate().x[:, 0] == pytest.approx([1.0, 0.5], rel=1e-3)
    # A planned point is of the file as it was then.
    np.save(matrix, 2 * values)
    with pytest.raises(amc.InputError, match="has changed since"):
        Experiment.of(point.parameters())
    assert Experiment.of(parameters)["matrix_sha256"] != point["matrix_sha256"]
    with pytest.raises(amc.InputError, match=r"rows = 4: .*A\.npy has 3"):
        Experiment.of({**parameters, "rows": 4})
    with pytest.raises(amc.InputError, match="signed: of generated matrices"):
        Experiment.of({**parameters, "signed": True})


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"columns": 32, "gbw": 1e9},
        {"problem": "inv", "noise": 0.1, "signed": True},
        {"problem": "eig", "correlation": 0.25},
        {"rows": 5, "columns": 5, "seed": 7, "problem_seed": 1},
        {"opamp": "ad823", "slew_rate": None, "gain": 31415.9},
        {"device": "hfo2-16", "levels": None, "row_resistance": 0.1},
        {"circuit": "ginv-classic", "feedback": 3.3, "compensation": False},
    ],
)
def test_the_command_repeats_the_point(parameters):
    words = shlex.split(command(parameters))
    assert words[:3] == ["amcspice", "sweep", "point"]
    settings = words[4::2]
    assert words[3::2] == ["--set"] * len(settings)
    again = Experiment.of(dict(setting.split("=", 1) for setting in settings))
    assert again.parameters() == Experiment.of(parameters).parameters()
    assert len(settings) <= len(parameters)


def test_checking_a_point_takes_no_time():
    """As a multiple of what copying its parameters takes: seconds depend on the machine."""
    points = [
        {"columns": 8 + k % 40, "gbw": 1e7 * (1 + k % 9), "levels": 4 + k % 5, "seed": k}
        for k in range(2000)
    ]
    Experiment.of(points[0])

    def clock(function):
        begin = time.process_time()
        for point in points:
            function(point)
        return time.process_time() - begin

    copies = min(clock(lambda point: dict.fromkeys(PARAMETERS) | point) for _ in range(3))
    checks = min(clock(Experiment.of) for _ in range(3))
    assert checks < 200 * copies


@pytest.mark.ngspice
def test_reduced_decks_give_what_the_equations_give():
    parameters = {**BEHAVIOURAL, "problem": "lstsq", "circuit": "ginv-classic"}
    equations, deck = run_point(parameters), run_point({**parameters, "fidelity": "auto"})
    assert deck.provenance["ngspice"] is not None
    for name in ("relative_error_median", "settling_time_median_s", "power_total_w"):
        assert deck.metrics[name] == pytest.approx(equations.metrics[name], rel=0.03)


def test_a_failed_simulation_keeps_its_deck():
    with pytest.raises(amc.InputError, match="unstable"):
        run_point({"problem": "inv", "matrix": "uniform", "fidelity": "behavioural"})


def test_programmed_cells_of_any_size_are_a_point(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain = Experiment.of({**BEHAVIOURAL, "rows": 8})
    cells = np.stack([plain.circuit().arrays.cells[:, :4], plain.circuit().arrays.cells[:, 4:]])
    np.save("G.npy", cells)
    point = Experiment.of({**BEHAVIOURAL, "rows": 8, "programmed": "G.npy"})
    np.testing.assert_allclose(point.simulate().x, plain.simulate().x, rtol=1e-9)
    assert point["files_sha256"] is not None
    cells[0, 0, 0] *= 0.5
    np.save("G.npy", cells)
    with pytest.raises(amc.InputError, match="changed since the point was planned"):
        Experiment.of(point.parameters())
    anew = Experiment.of({**BEHAVIOURAL, "rows": 8, "programmed": "G.npy"})
    assert np.abs(anew.simulate().x - plain.simulate().x).max() > 1e-3


def test_the_seed_of_amplifiers_is_that_of_the_point_unless_it_is_given():
    base = {**BEHAVIOURAL, "offset_sigma": 1e-3, "seed": 3}
    seeds = [
        Experiment.of({**base, **said}).circuit().opamp.mismatch_seed
        for said in ({}, {"mismatch_seed": 0}, {"mismatch_seed": 7})
    ]
    assert seeds == [3, 0, 7]


@pytest.mark.parametrize(
    ("name", "largest", "beyond"), [("dac_bits", 32, 33), ("condition", 1e4, 10001)]
)
def test_the_largest_value_is_one_that_is_taken(name, largest, beyond):
    assert convert(name, largest) == largest
    with pytest.raises(amc.InputError, match=f"{name} = {beyond}: must be at most"):
        convert(name, beyond)


@pytest.mark.parametrize("changed", ["first.npy", "second.npy"])
def test_a_planned_point_is_of_every_file_that_it_names(tmp_path, monkeypatch, changed):
    monkeypatch.chdir(tmp_path)
    for name in ("first.npy", "second.npy"):
        np.save(name, np.full((2, 2), 5e-5))
    values = {"problem": "lstsq", "rows": 2, "columns": 2, "circuit": "ginv-classic"}
    point = Experiment.of({**values, "programmed": "first.npy,second.npy"})
    assert Experiment.of(point.parameters()).parameters() == point.parameters()
    np.save(changed, np.full((2, 2), 2.5e-5))
    with pytest.raises(amc.InputError, match="changed since the point was planned"):
        Experiment.of(point.parameters())
