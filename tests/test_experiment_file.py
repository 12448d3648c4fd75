"""Experiment files: what one holds, that it is the same as options, and bad ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli_helpers import refused, run

import amcspice as amc
from amcspice.settings.files import read_experiment
from amcspice.sweep.spec.experiment import Experiment


def write(tmp_path):
    A = np.random.default_rng(0).uniform(size=(6, 3))
    np.save(tmp_path / "A.npy", A)
    np.save(tmp_path / "b.npy", A @ [0.5, 0.0, 0.8])
    return A, A @ [0.5, 0.0, 0.8]


@pytest.mark.ngspice
def test_options_file_python_and_sweep_run_the_same_deck(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    A, b = write(tmp_path)
    files = ("--matrix", "A.npy", "--rhs", "b.npy")
    typed = run(
        "solve", "nnls", *files, "--gbw", "50MHz", "--slew-rate", "20 V/us", "--wire-resistance",
        "2 ohm", "--write-noise", "3%", "--g-max", "50 uS", "--seed", "3", "--no-selector",
        "--input-capacitance", "1 pF", "--json", "typed.json", "--write-config", "e.toml",
    )  # fmt: skip
    assert typed.exit_code == 0, typed.output
    for name, arguments in {
        "toml": ("solve", "--config", "e.toml", "--json", "toml.json"),
        "partly": ("solve", "nnls", "--config", "e.toml", *files, "--seed", "3", "--json",
                   "partly.json"),
    }.items():  # fmt: skip
        assert run(*arguments).exit_code == 0, name
    (tmp_path / "e.json").write_text(json.dumps(read_experiment("e.toml")))
    assert run("solve", "--config", "e.json", "--json", "json.json").exit_code == 0
    hashes = {
        name: json.loads((tmp_path / f"{name}.json").read_text())["provenance"]["deck_sha256"]
        for name in ("typed", "toml", "partly", "json")
    }
    flat = amc.solve(
        "nnls", A, b, gbw="50 MHz", slew_rate="20 V/us", wire_resistance="2 ohm",
        write_noise="3 %", g_max="50 uS", seed=3, selector=False, input_capacitance="1 pF",
    )  # fmt: skip
    hardware = amc.Hardware(
        device=amc.Memristor(g_max=50e-6, write_noise=0.03, selector=False, seed=3),
        wire=amc.Wire(row=2.0, column=2.0),
        opamp=amc.OpAmp(gbw=50e6, slew_rate=20e6, input_capacitance=1e-12),
    )
    whole = amc.solve("nnls", A, b, hardware=hardware)
    point = Experiment.of(read_experiment("e.toml")).simulate()
    hashes |= {
        "flat": flat.provenance["deck_sha256"],
        "hardware": whole.provenance["deck_sha256"],
        "sweep": point.provenance["deck_sha256"],
    }
    assert len(set(hashes.values())) == 1, hashes
    other = amc.solve("nnls", A, b, hardware=hardware.changed(gbw="51 MHz"))
    assert other.provenance["deck_sha256"] not in hashes.values()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gbw = 1\ngbw = 2", "not valid TOML"),
        ("[amplifier]\ngbw = '1M'", "line 2: gbw = '1M': 1M has no unit"),
        ("\n\ngwb = 1", "line 3: unknown parameter 'gwb'; did you mean gbw?"),
        ("gbw = 1e6\n[amplifier]\ngbw = 2e6", "line 3: gbw is given twice"),
        ("[nonsense]\ngbw = 1", "line 1: unknown table [nonsense]; choose from"),
        ("gbw = [1, 2]", "one value is needed"),
        ("tile = 3", "unknown parameter 'tile'"),
        ("[wire]\nrow_resistance = 1", "unknown table [wire]; did you mean wires?"),
        ("json = 3", "json = 3: not the name of a file"),
        ("row_mask = [true, false]", "names of files are needed"),
        ("x = " + "[" * 3000, "not valid TOML"),
        ("config = 'other.toml'", "unknown parameter 'config'"),
    ],
)
def test_a_bad_experiment_file_is_one_message_with_its_line(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    result = run("solve", "nnls", "--columns", "3", "--config", path)
    assert result.exit_code == 2
    (line,) = result.stderr.strip().splitlines()
    assert f"{path}" in line
    assert message in line


def test_a_file_may_hold_options_of_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    (tmp_path / "e.toml").write_text(
        'problem = "nnls"\nmatrix = "A.npy"\nrhs = "b.npy"\nfidelity = "dc"\nout = "x.npy"\n'
        "jobs = 1\nhold = false\nslew_rate = 'none'\nopamp = 'ad823'\n"
    )
    result = run("solve", "--config", "e.toml", "--json", "r.json")
    assert result.exit_code == 0, result.output
    circuit = json.loads((tmp_path / "r.json").read_text())["provenance"]["circuit"]
    assert circuit["opamp"]["slew_rate"] is None
    assert circuit["constraint"]["hold"] is False
    assert np.load(tmp_path / "x.npy").shape == (3, 1)


def test_a_config_is_not_written_over_what_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    result = run("solve", "nnls", "--matrix", "A.npy", "--rhs", "b.npy", "--write-config", "A.npy",
                 "--fidelity", "dc")  # fmt: skip
    assert result.exit_code == 2
    assert "A.npy is read as well" in result.stderr
    assert np.load(tmp_path / "A.npy").shape == (6, 3)


@pytest.mark.ngspice
def test_program_takes_a_file_too(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text('set_voltage = "950 mV"\nlevels = 4\nrate_spread = 0.1\n')
    target = tmp_path / "r.json"
    arguments = ("program", "--config", path, "--size", 2, 2, "--tolerance", "2 uS", "--json")
    result = run(*arguments, target)
    assert result.exit_code == 0, result.output
    provenance = json.loads(target.read_text())["provenance"]
    assert provenance["schedule"]["set_voltage"] == 0.95
    assert provenance["schedule"]["tolerance"] == 2e-6
    assert provenance["cell"]["rate_spread"] == 0.1
    path.write_text('gbw = "1 MHz"\n')
    refused = run(*arguments, target)
    assert refused.exit_code == 2
    assert "gbw is no parameter of" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("solve", "nnls", "--columns", 3, "--stuck-on", "on.npy", "--out", "on.npy"), "is read"),
        (("solve", "nnls", "--columns", 3, "--row-mask", "on.npy", "--json", "./on.npy"),
         "is read"),
        (("solve", "nnls", "--config", "c.toml", "--write-config", "c.toml"), "is read"),
        (("solve", "nnls", "--columns", 3, "--json", "x", "--write-config", "./x"), "twice"),
        (("nmf", "matrix", "A.npy", "--rank", 2, "--write-config", "A.npy"), "is read"),
        (("nmf", "matrix", "A.npy", "--rank", 2, "--json", "A.npy"), "is read"),
        (("generate", "ginv-compact", "--matrix", "A.npy", "--rhs", "b.npy", "--out", "A.npy"),
         "is read"),
    ],
)  # fmt: skip
def test_nothing_that_is_read_is_written(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    np.save("on.npy", np.zeros((1, 12, 3), bool))
    (tmp_path / "c.toml").write_text("columns = 3  # mine\n")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    result = run(*arguments, "--fidelity", "dc")
    assert result.exit_code == 2
    assert message in result.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_none_in_a_file_is_what_is_not_said(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text('hold = "none"\nmatrix = "none"\nslew_rate = "none"\nopamp = "ad823"\n')
    result = run(
        "solve", "nnls", "--config", path, "--columns", 3, "--fidelity", "dc", "--json", "-"
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["provenance"]["circuit"]["opamp"]["slew_rate"] is None
    for word, message in (
        ('gbw = "none"', "it takes no none"),
        ('levels = "default"', "leave it out"),
        ('{"gbw": 1e6, "gbw": 2e6}', "gbw is given twice"),
    ):
        bad = tmp_path / ("bad.json" if word.startswith("{") else "bad.toml")
        bad.write_text(word)
        refused = run("solve", "nnls", "--columns", 3, "--config", bad)
        assert refused.exit_code == 2
        assert message in refused.stderr


def test_a_parameter_with_dash_and_underscore_is_given_twice(tmp_path):
    path = tmp_path / "e.toml"
    for first, second in (("write-noise", "write_noise"), ("write_noise", "write-noise")):
        path.write_text(f"{first} = 0.01\n{second} = 0.02\n")
        with pytest.raises(amc.InputError, match=f"{second} is given twice"):
            read_experiment(path)


LINK = ("--users", "2", "--antennas", "8", "--channels", "2")


@pytest.mark.parametrize(
    "command",
    [
        ("mimo", "ber", *LINK, "--vectors", "5", "--modulation", "qpsk,16qam", "--snr", "0:4:4"),
        ("mimo", "latency", *LINK, "--vectors", "1"),
        (
            "mimo",
            "latency",
            *LINK,
            "--vectors",
            "1",
            "--speeds",
            "7,70",
            "--carrier",
            "28 GHz",
            "--ageing-evm",
            "2 %",
            "--aged",
            "gram",
        ),
        ("mimo", "estimate", "--beams", "8", "--pilots", "4", "--paths", "1", "--snr", "10,20"),
        ("ofdm", "evm", "--points", "4"),
    ],
)
def test_commands_of_systems_read_what_they_wrote(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    typed = run(
        *command, "--write-noise", "0.01", "--write-config", "e.toml", "--json", "typed.json"
    )
    assert typed.exit_code == 0, typed.output
    read = run(*command[:2], "--config", "e.toml", "--json", "read.json")
    assert read.exit_code == 0, read.output
    first, again = (
        json.loads((tmp_path / f"{name}.json").read_text()) for name in ("typed", "read")
    )
    for content in (first, again):
        content.pop("provenance")
    assert first == again


@pytest.mark.parametrize("name", ["e.toml", "e.json"])
def test_what_a_command_alone_has_is_passed_over_by_sweeps(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = run("mimo", "latency", *LINK, "--vectors", "1", "--speeds", "70", "--write-config", name)
    assert made.exit_code == 0, made.output
    assert "speeds" not in read_experiment(name)
    own = ("speeds", "carrier", "ageing_evm", "aged")
    assert read_experiment(name, own)["speeds"] == "70"
    (tmp_path / "spec.toml").write_text(
        f'[base]\nconfig = "{name}"\ntechnology = "typical"\n[axes]\nusers = [2]\n'
    )
    swept = run("sweep", "run", "spec.toml", "--dry-run")
    assert swept.exit_code == 0, swept.output
    refused(run("solve", "inv", "--config", name), "speeds")


def test_one_value_of_several_is_a_point_of_a_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = run("mimo", "estimate", "--beams", "8", "--pilots", "4", "--paths", "1", "--estimates",
               "2", "--snr", "20", "--write-config", "e.toml")  # fmt: skip
    assert made.exit_code == 0, made.output
    values = read_experiment("e.toml")
    assert (values["problem"], values["pilot_snr"]) == ("estimate", 20.0)
