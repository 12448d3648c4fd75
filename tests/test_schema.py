"""One schema: every field of every parameter class is an option, an axis and a line of a file."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import typing
from typing import Annotated

import click
import numpy as np
import pytest
from cli_helpers import run
from pydantic import Field

import amcspice as amc
from amcspice.algorithm import BlockSolver, Slicing
from amcspice.characterise import Conditions
from amcspice.circuit import CIRCUITS
from amcspice.cli.opamp import opamp as opamp_command
from amcspice.cli.parameter_options import GroupedCommand, given
from amcspice.cli.program import program
from amcspice.cli.solve import solve
from amcspice.device import DEVICES, SwitchingCell, WriteVerify
from amcspice.model_files import models_folder
from amcspice.problem.choice import make_circuit
from amcspice.schema import Quantity, field_parameters, parameters
from amcspice.settings.assemble import analysis_of, hardware_of, topology_options
from amcspice.settings.files import read_experiment, write_experiment
from amcspice.settings.table import GROUPS, PARAMETERS
from amcspice.sweep.spec.experiment import Experiment

PARTS = {
    amc.Memristor: "device", amc.Wire: "wire", amc.OpAmp: "opamp", amc.DAC: "dac", amc.ADC: "adc",
}  # fmt: skip
NESTED = ("device", "wire", "opamp", "dac", "adc", "switches")
"""Fields of circuits that are parameter classes of their own, walked by themselves."""

INTERNAL = ("matrix", "pair", "assumed", "zero_bias", "tangent")
"""What is no parameter: the problem itself, arrays that are programmed already, and which figures
of a preset are assumed."""


def walked():
    """Return every class with parameters of an experiment."""
    return [
        *PARTS, amc.Switches, amc.NonNegative, amc.Analysis, BlockSolver, *CIRCUITS.built_in
    ]  # fmt: skip


def options_of(command):
    if isinstance(command, GroupedCommand):
        command.complete()
    return {name: option for option in command.params for name in option.opts}


def by_field(owner):
    return {parameter.fields[0][1]: parameter for parameter in field_parameters(owner)}


@pytest.mark.parametrize("owner", walked(), ids=lambda owner: owner.__name__)
def test_every_field_is_reachable_with_unit_and_help(owner, tmp_path):
    options, known = options_of(solve), by_field(owner)
    page = (tmp_path / "all.toml", {})
    write_experiment(*page)
    text = page[0].read_text()
    for item in dataclasses.fields(owner):
        if item.name in (*NESTED, *INTERNAL):
            continue
        parameter = known[item.name]
        for name in parameter.made_of or (parameter.name,):
            if name == "problem":
                continue
            reached = PARAMETERS[name]
            assert len(reached.description) > 10, name
            assert reached.group in GROUPS
            option = options[f"--{name.replace('_', '-')}"]
            assert reached.description.rstrip(".") in option.help
            line = re.search(rf"^# {name} = .*$", text, re.MULTILINE)[0]
            if reached.unit:
                assert f"# [{reached.unit}] " in line
                assert option.metavar == reached.unit
        kinds = [part for part in typing.get_args(item.type) if part is float]
        assert not kinds or parameter.unit or parameter.quantity is not None


def sample(parameter):
    """Return a legal value that is not the default, as people write it, and in SI units."""
    if parameter.kind == "flag":
        return ("no" if parameter.default else "yes"), not parameter.default
    if parameter.choices and parameter.kind == "text":
        return (other := next(c for c in parameter.choices if c != parameter.default)), other
    if parameter.kind == "integer":
        value = int(max(parameter.lowest, 1)) + 2
        return str(value), value
    if parameter.name in ("g_min", "range", "fidelity", "set_at"):
        return {"g_min": ("2 uS", 2e-6), "range": ("370 mV", 0.37), "set_at": ("150 mV", 0.15),
                "fidelity": ("behavioural", "behavioural")}[parameter.name]  # fmt: skip
    if parameter.kind == "number":
        value = 0.37 * (parameter.default or 1.0)
        low, high = parameter.quantity.plausible or (0.0, np.inf)
        value = min(max(abs(value), low * 1.5, parameter.lowest * 1.5), high / 1.5,
                    parameter.highest / 1.5) if parameter.highest > 0 else -3.3  # fmt: skip
        if parameter.name == "gain_sigma":
            value = 0.37
        value = float(f"{value:.3g}")
        unit = parameter.unit if parameter.unit not in ("", "V/V") else ""
        return (f"{1e3 * value:.12g} m{unit}" if unit.isalpha() else f"{value!r}"), value
    return "of somebody", "of somebody"


def close(value):
    return value if isinstance(value, str) else pytest.approx(value, rel=1e-12)


BESIDE = {
    "dac_full_scale": {"dac_bits": 8}, "dac_offset": {"dac_bits": 8},
    "dac_bipolar": {"dac_bits": 8}, "adc_full_scale": {"adc_bits": 8},
    "adc_bipolar": {"adc_bits": 8},
    "adc_offset": {"adc_bits": 8}, "noise_bandwidth": {"read_noise": 0.1, "fidelity": "flat"},
    "thermal_noise": {"noise_bandwidth": 1e6}, "sections": {"wire_capacitance": 1e-15},
    "line_capacitance": {"wire_capacitance": 1e-15}, "sinh_voltage": {"fidelity": "flat"},
    "noise_relative_to": {"write_noise": 0.1}, "sample_time": {"fidelity": "behavioural"},
    "window": {"fidelity": "behavioural"}, "max_step": {"fidelity": "reduced"},
    "most_steps": {"fidelity": "behavioural"},
    "mismatch_seed": {"offset_sigma": 1e-3}, "hold_conductance": {"problem": "nnls"},
    "hold": {"problem": "nnls"}, "lasso": {"problem": "nnls"},
    "cell_mode": {
        "cell_lib": str(models_folder() / "cells.lib"), "cell_subckt": "amc_gap", "cell_low": 0.2,
        "cell_high": 1.7, "fidelity": "flat",
    },
}  # fmt: skip
"""What else must be said where a parameter is."""

READ = [
    (owner, parameter)
    for owner in walked()
    if owner not in (*CIRCUITS.built_in, BlockSolver)
    for parameter in field_parameters(owner)
    if parameter.kind != "file" and not parameter.made_of and parameter.name != "seed"
]


def objects(chosen):
    """Return the objects that a command makes of what was given."""
    hardware = hardware_of(chosen)
    problem = chosen.get("problem", "lstsq")
    circuit = chosen.get("circuit") or ("macro-mvm" if "switch_on" in chosen else None)
    if any(name.startswith("switch") for name in chosen):
        problem, circuit = "mvm", "macro-mvm"
    made = make_circuit(
        problem, np.eye(2) + 0.1, circuit=circuit, hardware=hardware, **topology_options(chosen)
    )
    return [*hardware.parts().values(), analysis_of(chosen), getattr(made, "switches", None),
            getattr(made, "constraint", None)]  # fmt: skip


def value_in(made, owner, field):
    return next(getattr(part, field) for part in made if type(part) is owner)


@pytest.mark.parametrize(
    ("owner", "parameter"), READ, ids=lambda x: getattr(x, "name", None) or x.__name__
)
@pytest.mark.filterwarnings("ignore::amcspice.errors.ImplausibleWarning")
def test_a_value_arrives_from_option_file_and_sweep(owner, parameter, tmp_path):
    """The value is checked in the object that the simulation is given, whatever way it took."""
    text, value = sample(parameter)
    field = parameter.fields[0][1]
    beside = BESIDE.get(parameter.name, {})
    dashed = parameter.name.replace("_", "-")
    typed = [f"--{dashed}", text]
    if parameter.kind == "flag":
        typed = [f"--{'' if value else 'no-'}{dashed}"]
    for name, more in beside.items():
        if name != "problem":
            typed += [f"--{name.replace('_', '-')}", str(more)]
    problem = str(beside.get("problem", "lstsq"))
    context = solve.make_context("solve", [problem, "--columns", "2", *typed])
    chosen = given(context.params) | ({"problem": problem} if "problem" in beside else {})
    assert value_in(objects(chosen), owner, field) == close(value)

    path = tmp_path / "experiment.toml"
    path.write_text(f"{parameter.name} = {json.dumps(text)}\n")
    read = read_experiment(path)
    assert value_in(objects({**beside, **read}), owner, field) == close(value)
    write_experiment(path, read)
    assert read_experiment(path) == read

    base = {"problem": "lstsq", "columns": 2, **beside, parameter.name: text}
    if parameter.name.startswith("switch"):
        base |= {"problem": "mvm", "circuit": "macro-mvm"}
    point = Experiment.of(base)
    assert point[parameter.name] == close(value)
    again = Experiment.of(point.parameters())
    assert again.parameters() == point.parameters()
    circuit = point.circuit()
    made = [*circuit.hardware.parts().values(), point.analysis(),
            getattr(circuit, "switches", None), getattr(circuit, "constraint", None)]  # fmt: skip
    assert value_in(made, owner, field) == close(value)


TOPOLOGIES = [
    (topology, parameter)
    for topology in CIRCUITS.built_in
    for parameter in field_parameters(topology)
    if parameter.kind != "file" and not parameter.made_of
]


@pytest.mark.parametrize(
    ("topology", "parameter"), TOPOLOGIES, ids=lambda x: getattr(x, "name", str(x))
)
def test_a_value_of_a_topology_arrives(topology, parameter):
    text, value = sample(parameter)
    if parameter.name == "inverter_gain":
        text = value = 1.5
    no_place = {"macro-ginv": ("ridge", "scaling"), "macro-inv": ("diagonal", "diagonal_mismatch")}
    if parameter.name in no_place.get(topology.name, ()):
        pytest.skip("the arrays of the macro have no place for it")
    beside = {"diagonal": "fixed"} if parameter.name == "diagonal_mismatch" else {}
    problem = "nnls" if parameter.name == "lasso" else topology.problems[0]
    if topology.problems == ("lasso",):
        problem, beside = "lasso", {} if parameter.name == "lasso" else {"lasso": 0.1}
    base = {
        "problem": problem,
        "circuit": topology.name,
        "columns": 2,
        **beside,
        parameter.name: text,
    }
    circuit = Experiment.of(base).circuit()
    assert getattr(circuit, parameter.fields[0][1]) == close(value)
    dashed = parameter.name.replace("_", "-")
    context = solve.make_context(
        "solve",
        [problem, "--columns", "2", "--circuit", topology.name]
        + (
            [f"--{'' if value else 'no-'}{dashed}"]
            if parameter.kind == "flag"
            else [f"--{dashed}", str(text)]
        )
        + [word for name, more in beside.items() for word in (f"--{name}", str(more))],
    )
    chosen = given(context.params)
    made = make_circuit(
        problem, np.eye(2) + 0.1, circuit=chosen["circuit"], **topology_options(chosen)
    )
    assert getattr(made, parameter.fields[0][1]) == close(value)


@pytest.mark.parametrize(
    ("owner", "command"),
    [(WriteVerify, program), (SwitchingCell, program), (Conditions, opamp_command)],
)
def test_fields_that_belong_to_one_command_are_its_options(owner, command):
    options = options_of(command)
    for parameter in field_parameters(owner):
        if parameter.name == "source":
            continue
        assert (
            parameter.description.rstrip(".")
            in options[f"--{parameter.name.replace('_', '-')}"].help
        )


def test_names_are_one_parameter_each():
    with pytest.raises(
        amc.InputError, match=r"parameter gbw: .* have one name, but not one meaning"
    ):
        _clash()


def _clash():
    @parameters
    class Clashing(amc.Memristor):
        """Cells with a parameter that an amplifier has."""

        gbw: Annotated[float, Field(description="No bandwidth at all."), Quantity("S")] = 1.0

    DEVICES.add("clashing", Clashing)
    try:
        return list(PARAMETERS)
    finally:
        DEVICES._entries.pop("clashing")
        DEVICES.revision += 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--gbw", "1M"], "write '1 MHz' or '1 mHz'"),
        (["--gbw", "fast"], "neither a number nor a quantity in Hz"),
        (["--gbw", "10 V"], "a quantity in Hz is needed"),
        (["--gbw", "-1"], "must be above 0 Hz"),
        (["--wire-resistance", "2 V"], "a quantity in ohm is needed"),
        (["--levels", "many"], "not a whole number"),
        (["--scaling", "colums"], "did you mean columns?"),
        (["--range", "big"], "reference, or a number"),
        (["--read-voltage", "0"], "must be above 0 V"),
        (["--dac-offset", "1"], "dac_bits is needed"),
        (["--sections", "3"], "sections needs a line capacitance"),
        (["--row-mask", "missing.npy"], "missing.npy cannot be read"),
        (["--condition", "5"], "condition: matrix = 'uniform' has no such parameter"),
    ],
)
def test_nonsense_is_one_message(options, message):
    result = run("solve", "nnls", "--columns", "3", "--fidelity", "dc", *options)
    assert result.exit_code == 2
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("amcspice: ")
    assert message in line


def test_what_no_part_has_is_taken_with_a_warning():
    result = run("solve", "nnls", "--columns", "3", "--fidelity", "dc", "--g-max", "100")
    assert result.exit_code == 0
    assert result.stderr.count("Memristor.g_max: 100 S is not plausible") == 1
    with pytest.warns(amc.ImplausibleWarning, match="OpAmp.gbw: 10 Hz"):
        amc.OpAmp(gbw=10)
    with pytest.warns(amc.ImplausibleWarning, match="CompactGINV.column_load"):
        amc.CompactGINV(np.eye(2), column_load=1e9)


def test_no_preset_and_no_default_is_implausible():
    for name in DEVICES:
        amc.Memristor.preset(name)
    for name in amc.device.PRESETS:
        amc.OpAmp.preset(name)
    for owner in walked():
        for parameter in field_parameters(owner):
            assert parameter.quantity.remark(parameter.default) is None, parameter.name


def test_help_is_grouped():
    text = run("solve", "--help").stdout
    titles = ["Problem:", "Circuit:", "Device:", "Wires:", "Amplifier:", "Converters:", "Run:"]
    places = [text.index(f"\n{title}\n") for title in titles]
    assert places == sorted(places)
    between = text[places[4] : places[5]]
    assert "--gbw Hz" in between
    assert "--read-voltage V" in text[places[6] :]


def test_every_command_on_circuits_takes_the_read_voltage():
    for command in (
        ("generate",), ("nmf", "image"), ("nmf", "matrix"), ("nmf", "ratings"),
        ("robustness", "image"), ("robustness", "ratings"),
    ):  # fmt: skip
        assert "--read-voltage V" in run(*command, "--help").stdout, command


def test_only_those_who_write_units_wait_for_pint():
    code = (
        "import sys; from amcspice.sweep.spec.experiment import Experiment; "
        "Experiment.of({'columns': 2, 'gbw': 1e6}); print('pint' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "False\n", result.stderr


def test_docstrings_say_what_fields_say():
    text = amc.OpAmp.__doc__
    assert "gbw : float, optional\n    Gain-bandwidth product [Hz]." in text
    assert "column_load : float, optional" in amc.CompactGINV.__doc__
    for owner in walked():
        for parameter in field_parameters(owner):
            assert f"\n{parameter.fields[0][1]} : " in owner.__doc__, (owner, parameter.name)


def test_options_are_one_list():
    """No command has an option of its own where a parameter of that name is."""
    for command in (solve, program, opamp_command):
        options_of(command)
        names = [name for option in command.params for name in option.opts]
        assert len(names) == len(set(names))
        assert all(isinstance(option, click.Parameter) for option in command.params)


def test_arrays_are_keywords_too():
    A, b = np.random.default_rng(0).uniform(size=(6, 3)), np.ones(6)
    stuck = np.zeros((2, 6, 3), bool)
    stuck[0, 1, 2] = True
    named = amc.solve("lstsq", A, b, fidelity="dc", stuck_on=stuck)
    whole = amc.solve("lstsq", A, b, fidelity="dc", device=amc.Memristor(stuck_on=stuck))
    np.testing.assert_array_equal(named.x, whole.x)
    assert named.relative_error > 1e-3


def test_a_problem_is_generated_with_all_that_was_said():
    for arguments in (
        ("lasso", "--columns", 3, "--lasso", "0.1"),
        ("nnls", "--columns", 4, "--rows", 2, "--ridge", "0.1"),
    ):
        result = run("solve", *arguments, "--fidelity", "dc", "--json", "-")
        assert result.exit_code == 0, result.output


def test_notes_are_said_beside_json():
    result = run("solve", "inv", "--columns", 3, "--range", 3, "--fidelity", "dc", "--json", "-")
    assert "times the read voltage, by the range that was given" in result.stderr
    json.loads(result.stdout)


def test_a_path_may_have_commas(tmp_path):
    folder = tmp_path / "a, b"
    folder.mkdir()
    np.save(folder / "on, all.npy", np.ones((2, 12, 3), bool))
    device = amc.Memristor(stuck_on=str(folder / "on, all.npy"))
    assert np.shape(device.stuck_on) == (2, 12, 3)
    with pytest.warns(amc.ImplausibleWarning, match="is it a matrix, not conductances"):
        amc.Memristor(programmed=np.ones((1, 2, 2)))


def test_two_names_of_one_parameter_are_not_both_given():
    with pytest.raises(amc.InputError, match="rows, row_mask: they are one parameter"):
        amc.solve("lstsq", np.eye(2), np.ones(2), rows=[True, True], row_mask=[True, False])


def test_what_a_script_adds_is_part_of_a_points_key(tmp_path, monkeypatch):
    """The class may change from one run of the script to the next."""
    script = tmp_path / "mine.py"
    text = (
        "import amcspice as amc\nfrom amcspice.device import DEVICES\n"
        "from amcspice.schema import parameters\nfrom amcspice.sweep.outcome import point_key\n"
        "from amcspice.sweep.spec.experiment import Experiment\n"
        "@parameters\nclass Fade(amc.Memristor):\n    def read(self, written, *more):\n"
        "        return FACTOR * written\n"
        "DEVICES.add('fade', Fade)\n"
        "print(point_key(Experiment.of({'columns': 3, 'device': 'fade'}).parameters()))\n"
    )
    keys = []
    for factor in ("1.0", "1.0", "0.5"):
        script.write_text(text.replace("FACTOR", factor))
        result = subprocess.run([sys.executable, script], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        keys.append(result.stdout)
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize("parameter", [*field_parameters(BlockSolver)], ids=lambda p: p.name)
def test_a_value_of_a_system_arrives(parameter, tmp_path):
    text, value = sample(parameter)
    sliced = parameter.name in Slicing.__dataclass_fields__
    refined = sliced or parameter.name in ("method", "product", "slices", "iterations", "ranged")
    beside = {"refine": 20} if refined else {}
    beside |= {"product": "sliced"} if sliced else {}
    said = parameter.name.replace("_", "-")
    typed = [f"--{said}", text]
    if parameter.kind == "flag":
        typed = [f"--{said}" if value else f"--no-{said}"]
    for name, more in beside.items():
        typed += [f"--{name}", str(more)]
    context = solve.make_context("solve", ["inv", "--columns", "2", *typed])
    names = [each.name for each in field_parameters(BlockSolver)]
    made = BlockSolver(**given(context.params, names))
    assert getattr(made, parameter.name) == close(value)
    path = tmp_path / "experiment.toml"
    path.write_text(f"{parameter.name} = {json.dumps(text)}\n")
    assert read_experiment(path) == {parameter.name: close(value)}
