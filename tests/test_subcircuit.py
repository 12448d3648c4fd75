"""Amplifier sub-circuits of a user's own: what is taken, what is refused, what it changes."""

import dataclasses
import json
import re

import numpy as np
import pytest
from cli_helpers import refused, run, write
from oracles import random_problem
from plain_ngspice import read_listing, run_plain

import amcspice as amc
from amcspice.characterise import Conditions, measured_opamp
from amcspice.netlist.instances import model_library
from amcspice.netlist.subcircuit import subcircuit_library

GOOD = """\
* a library
.param unit = 1
.SUBCKT Mine p n  ; comment
* between
+ o vdd
+ vss params: gm=1e-3
G1 0 y p n {gm}
R1 y 0 1e8
C1 y 0 1e-11
.include "part.inc"
I1 vdd vss 1e-3
.ends Mine
.end
"""
PART = "E1 e 0 y 0 1\nR2 e o 10\n"


@pytest.fixture
def library(tmp_path):
    """Return a function that writes a library and its include."""

    def write_library(text=GOOD):
        (tmp_path / "part.inc").write_text(PART)
        path = tmp_path / "mine.lib"
        path.write_text(text)
        return path

    return write_library


def copied(tmp_path, opamp, name="own_opamp"):
    """Return a library that holds the macro-model with the parameters of an amplifier fixed."""
    body = re.search(r"\.subckt amc_opamp .*?\.ends", model_library(), re.DOTALL).group()
    values = {"a0": opamp.gain, "gbw": opamp.gbw, "rout": opamp.output_resistance}
    for key, value in values.items():
        body = re.sub(rf"\b{key}=\S+", f"{key}={value!r}", body, count=1)
    path = tmp_path / "copy.lib"
    path.write_text(body.replace("amc_opamp", name) + "\n")
    return path


def test_a_library_goes_into_the_deck_with_absolute_includes(library):
    path = library()
    text = subcircuit_library(amc.Subcircuit.of(path, "mine"))
    assert f'.include "{path.parent / "part.inc"}"' in text
    assert ".end\n" not in text + "\n"
    assert "+ vss params: gm=1e-3" in text


@pytest.mark.parametrize(
    ("old", "new", "name", "message"),
    [
        ("", "", "other", "no sub-circuit other; it has mine"),
        ("+ vss params", "+ params", "mine", "has 4 pins (p n o vdd), but an amplifier has five"),
        ("+ vss params", "+ vss x params", "mine", "has 6 pins"),
        (".ends Mine", "", "mine", ".subckt mine has no .ends"),
        ("* a library", ".ends", "mine", "line 1: .ends without .subckt"),
        ("* a library", "R9 a b 1", "mine", "line 1: 'R9' stands outside of every .subckt"),
        (".end\n", ".tran 1n 1u\n", "mine", "'.tran' stands outside"),
        (".SUBCKT Mine", ".subckt amc_rectifier", "mine", "a name that amcspice needs"),
        (".SUBCKT Mine p n", ".subckt", "mine", "line 3: .subckt without a name"),
    ],
)
def test_what_is_no_amplifier_is_refused(library, old, new, name, message):
    text = GOOD.replace(old, new) if old else GOOD
    if new == ".subckt":
        text = text.replace("+ o vdd\n+ vss params: gm=1e-3\n", "")
    with pytest.raises(amc.InputError, match=re.escape(message)):
        subcircuit_library(amc.Subcircuit.of(library(text), name))


def test_a_file_that_changes_is_refused(library):
    path = library()
    named = amc.Subcircuit.of(path, "mine")
    path.write_text(GOOD.replace("1e8", "1e7"))
    with pytest.raises(amc.InputError, match="has changed"):
        subcircuit_library(named)
    path.unlink()
    with pytest.raises(amc.InputError, match="no such file"):
        subcircuit_library(named)


@pytest.mark.ngspice
def test_it_is_measured_through_its_include(library):
    macro_model = measured_opamp(library(), "MINE", Conditions(load_resistance=1e4))
    assert macro_model.gain == pytest.approx(1e5, rel=1e-3)
    assert macro_model.gbw == pytest.approx(1e-3 / (2 * np.pi * 1e-11), rel=1e-3)
    assert macro_model.output_resistance == pytest.approx(10, rel=1e-3)
    assert "mine.lib" in macro_model.source


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("p n {gm}", "n p {gm}", "its inputs are swapped"),
        ("{gm}", "1e-9", "is no follower"),
        ("R1 y 0 1e8", "R1 y 0 {nothing}", "cannot be simulated as a follower"),
        ("R1 y 0 1e8", "R1 y 0 8e3", None),
    ],
)
def test_what_does_not_work_is_refused_before_use(library, old, new, message):
    path = library(GOOD.replace(old, new))
    if message is None:
        macro_model = measured_opamp(path, "mine")
        assert macro_model.gain == pytest.approx(8, rel=1e-3)
        return
    with pytest.raises(amc.InputError, match=message):
        measured_opamp(path, "mine")


@pytest.mark.ngspice
@pytest.mark.parametrize("constraint", [amc.Unconstrained(), amc.NonNegative()])
def test_a_copy_of_the_macro_model_gives_what_the_macro_model_gives(tmp_path, constraint):
    opamp = amc.OpAmp(gain=1e4, gbw=2e7, output_resistance=5.0, offset_sigma=1e-3)
    named = amc.Subcircuit.of(copied(tmp_path, opamp), "own_opamp")
    copy = amc.OpAmp(
        gain=1e4,
        gbw=2e7,
        output_resistance=5.0,
        offset_sigma=1e-3,
        subcircuit=named,
        mismatch_seed=0,
    )
    A, b = random_problem(2, rows=10, columns=3, vectors=2)
    mine, theirs = (
        amc.simulate(
            amc.CompactGINV(A, opamp=amplifier, constraint=constraint), b, read_voltage=1.25
        )
        for amplifier in (copy, opamp)
    )
    np.testing.assert_allclose(mine.x, theirs.x, atol=1e-4 * np.abs(theirs.x).max())
    # The transient begins at the operating point with offsets, not at 0 V.
    np.testing.assert_allclose(mine.settling_time, theirs.settling_time, rtol=0.05)


@pytest.mark.ngspice
def test_in_pyspice(tmp_path, batch):
    opamp = amc.OpAmp(gain=1e4, gbw=2e7, output_resistance=5.0)
    named = amc.Subcircuit.of(copied(tmp_path, opamp), "own_opamp")
    copy = amc.OpAmp(gain=1e4, gbw=2e7, output_resistance=5.0, subcircuit=named)
    A, b = random_problem(2, rows=6, columns=2)
    outputs = []
    for amplifier in (copy, opamp):
        netlist = str(amc.to_pyspice(amc.CompactGINV(A, opamp=amplifier), b, volts_per_unit=0.1))
        plots, _ = batch.run_text(netlist + ".tran 1e-8 2e-5 0 1e-8 uic\n.end\n", 60)
        outputs.append([plots[-1].vectors[f"x{k}"][-1] for k in range(2)])
    np.testing.assert_allclose(*outputs, rtol=1e-5)


VENDOR = ("in+", "in-", "vdd", "vss", "out")


def vendor(tmp_path, opamp):
    """Return the copy of the macro-model with the pins of most vendors."""
    path = copied(tmp_path, opamp)
    text = path.read_text().replace("inp inn out vdd vss", "inp inn vdd vss out", 1)
    other = tmp_path / "vendor.lib"
    other.write_text(text)
    return other


@pytest.mark.parametrize(
    "pins", ["in+ in- v+ v- out", "IN+, IN-, VDD, VSS, OUT", list(VENDOR), VENDOR]
)
def test_the_order_of_pins_may_be_said(tmp_path, pins):
    named = amc.Subcircuit.of(vendor(tmp_path, amc.OpAmp()), "own_opamp", pins)
    assert named.pins == VENDOR
    text = subcircuit_library(named)
    assert "X1 inp inn vdd vss out own_opamp" in text
    assert ".subckt amc_own_amplifier inp inn out vdd vss" in text


@pytest.mark.parametrize("pins", ["in+ in- out vdd", "in+ in+ out vdd vss", "1 2 3 4 5", "", 7])
def test_pins_that_are_none_are_refused(tmp_path, pins):
    with pytest.raises(amc.InputError, match=r"Subcircuit\.pins"):
        amc.Subcircuit.of(vendor(tmp_path, amc.OpAmp()), "own_opamp", pins)


@pytest.mark.ngspice
def test_pins_in_another_order_give_the_same(tmp_path):
    """In decks of both kinds, in PySpice's netlists and on the bench."""
    opamp = amc.OpAmp(gain=1e4, gbw=2e7, output_resistance=5.0)
    paths = copied(tmp_path, opamp), vendor(tmp_path, opamp)
    mine, theirs = (
        measured_opamp(path, "own_opamp", pins=pins)
        for path, pins in zip(paths, (None, VENDOR), strict=True)
    )
    described = {"subcircuit": None, "source": ""}
    assert dataclasses.replace(mine, **described) == dataclasses.replace(theirs, **described)
    A, b = random_problem(2, rows=6, columns=2)
    for fidelity in ("flat", "reduced"):
        x, y = (
            amc.simulate(amc.CompactGINV(A, opamp=own), b, fidelity=fidelity).x
            for own in (mine, theirs)
        )
        np.testing.assert_array_equal(x, y)
    exported = str(amc.to_pyspice(amc.CompactGINV(A, opamp=theirs), b, volts_per_unit=0.1))
    assert "amc_own_amplifier" in exported


@pytest.mark.ngspice
def test_a_wrong_order_of_pins_is_named(tmp_path):
    message = r"taken to be, in this order, in\+ in- out vdd vss; if they are not, give their order"
    with pytest.raises(amc.InputError, match=message):
        measured_opamp(vendor(tmp_path, amc.OpAmp(gain=1e4)), "own_opamp")


def test_non_negative_by_the_rail_alone_is_refused(tmp_path):
    opamp = amc.OpAmp(subcircuit=amc.Subcircuit.of(copied(tmp_path, amc.OpAmp()), "own_opamp"))
    A, b = random_problem(0, rows=6, columns=2)
    for circuit in (
        amc.CompactGINV(A, opamp=opamp, constraint=amc.NonNegative(hold=False)),
        amc.ClassicGINV(A, opamp=opamp, constraint=amc.NonNegative()),
    ):
        for fidelity in ("behavioural", "reduced"):
            with pytest.raises(amc.UnsupportedError, match="negative supply at ground"):
                amc.simulate(circuit, b, fidelity=fidelity)


@pytest.mark.ngspice
class TestCommands:
    """--opamp-lib and amcspice opamp."""

    def options(self, library):
        return ["--opamp-lib", library, "--opamp-subckt", "mine"]

    @pytest.mark.parametrize("fidelity", ["reduced", "flat", "behavioural"])
    def test_solve(self, tmp_path, library, fidelity):
        path, target = library(), tmp_path / "out.json"
        arguments = ["solve", "nnls", *write(tmp_path), *self.options(path), "--json", target]
        result = run(*arguments, "--fidelity", fidelity)
        assert result.exit_code == 0, result.output
        content = json.loads(target.read_text())
        assert max(content["relative_error"]) < 1e-3
        amplifier = content["provenance"]["amplifier"]
        described = content["provenance"]["circuit"]["opamp"]["subcircuit"]
        assert described["name"] == "mine"
        if fidelity == "behavioural":
            assert "macro-model fitted to sub-circuit mine" in amplifier
            assert "macro-model fitted" in result.stderr
        else:
            assert described["sha256"] in amplifier

    def test_generate_writes_a_deck_that_runs_by_itself(self, tmp_path, library):
        deck = tmp_path / "deck.cir"
        arguments = ["generate", "ginv-compact", "--problem", "nnls", *write(tmp_path)]
        result = run(*arguments, *self.options(library()), "--out", deck)
        assert result.exit_code == 0, result.output
        code, output = run_plain(deck)
        assert code == 0, output
        outputs = read_listing(output)
        A = np.load(tmp_path / "A.npy")
        B = np.loadtxt(tmp_path / "b.csv", delimiter=",")
        for k, block in enumerate(outputs):
            expected = amc.solve("nnls", A, B[:, k], analysis=amc.Analysis(fidelity="ideal")).x
            np.testing.assert_allclose(block["x"], expected, atol=1e-3)

    def test_pins(self, tmp_path):
        path = vendor(tmp_path, amc.OpAmp(gain=1e4, gbw=2e7, output_resistance=5.0))
        named, order = ["--subckt", "own_opamp"], "in+ in- vdd vss out"
        refused(run("opamp", path, *named), "give their order (--pins, --opamp-pins or pins=)")
        target = tmp_path / "out.json"
        result = run("opamp", path, *named, "--pins", order, "--json", target)
        assert result.exit_code == 0, result.output
        content = json.loads(target.read_text())
        assert content["measured"]["dc_gain"] == pytest.approx(1e4, rel=1e-3)
        assert content["subcircuit"]["pins"] == list(VENDOR)
        assert content["remarks"] == []
        options = ["--opamp-lib", path, "--opamp-subckt", "own_opamp", "--opamp-pins", order]
        config = tmp_path / "all.toml"
        arguments = ["solve", "nnls", *write(tmp_path), *options, "--json", target]
        result = run(*arguments, "--write-config", config)
        assert result.exit_code == 0, result.output
        content = json.loads(target.read_text())
        assert max(content["relative_error"]) < 1e-2
        assert f'opamp_pins = "{order}"' in config.read_text()
        refused(run("solve", "nnls", *write(tmp_path), "--opamp-pins", order), "is not given")

    def test_nmf(self, tmp_path, library):
        np.save(tmp_path / "V.npy", np.random.default_rng(0).random((6, 5)))
        out = tmp_path / "out"
        result = run("nmf", "matrix", tmp_path / "V.npy", "--rank", 2, "--iterations", 1,
                     *self.options(library()), "--out", out)  # fmt: skip
        assert result.exit_code == 0, result.output
        assert json.loads((out / "metrics.json").read_text())["relative_residual"] < 0.5

    @pytest.mark.parametrize(
        ("extra", "message"),
        [
            (["--opamp", "ad823"], "opamp: is a preset"),
            (["--slew-rate", "1e6"], "slew_rate: the amplifier of opamp_lib has its own"),
            (["--no-hold"], "negative supply at ground"),
            (["--circuit", "ginv-classic"], "negative supply at ground"),
            (["--gain-sigma", "0.1"], "does not reach into a sub-circuit"),
            (["--supply-positive", "-1"], "supply-positive': '-1': must be above 0 V"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, tmp_path, library, extra, message):
        arguments = ["solve", "nnls", *write(tmp_path), *self.options(library())]
        refused(run(*arguments, *extra), message)

    def test_file_and_name_go_together(self, tmp_path):
        refused(run("solve", "nnls", *write(tmp_path), "--opamp-subckt", "a"), "give both")

    def test_opamp(self, tmp_path, library):
        target, plot = tmp_path / "out.json", tmp_path / "out.png"
        result = run("opamp", library(), "--subckt", "mine", "--load", "1e4", "--json", target,
                     "--plot", plot)  # fmt: skip
        assert result.exit_code == 0, result.output
        content = json.loads(target.read_text())
        assert content["measured"]["dc_gain"] == pytest.approx(1e5, rel=1e-3)
        assert content["measured"]["slew_rate_positive"] is None
        assert content["macro_model"]["output_resistance"] == pytest.approx(10, rel=1e-3)
        assert content["residual"]["gain_db"] < 0.01
        assert plot.stat().st_size > 10000
        assert "gain-bandwidth product" in result.stdout

    def test_opamp_refuses_before_any_work(self, tmp_path, library):
        refused(run("opamp", library(), "--subckt", "yours"), "it has mine")
        refused(run("opamp", tmp_path / "no.lib", "--subckt", "a"), "no such file")
        refused(run("opamp", library(), "--subckt", "mine", "--plot", "a.txt"), "unknown type")


@pytest.mark.ngspice
@pytest.mark.parametrize("code", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_library_may_be_written_in_any_code(library, code):
    path = library()
    path.write_bytes(
        GOOD.replace("gm=1e-3", "gm=1000µ").encode(code) + b"\x1a" * (code == "cp1252")
    )
    assert measured_opamp(path, "mine").gbw == pytest.approx(1e-3 / (2 * np.pi * 1e-11), rel=1e-3)
