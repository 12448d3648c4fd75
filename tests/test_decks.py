"""Decks as people have them: codes, files beside them, commands, messages, currents, syntax."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from cli_helpers import fake_ngspice, files, refused, run

import amcspice as amc
from amcspice.engine import find_installation
from amcspice.engine.ngspice.log import explain_failure, tells_of_error, warnings_in
from amcspice.engine.ngspice.user_deck import read_deck
from amcspice.netlist.source import read_lines
from amcspice.view.transient import transient

RC = """\
* step of 1 V after 1 us, 1 us of time constant
V1 in 0 PULSE(0 1 1u 1n 1n 1 2)
R1 in out 1k
C1 out 0 1n
.tran 10n 20u
.end
"""
SETTLED = 1e-6 * (1 + math.log(100))
"""When its output comes within 1 % of 1 V [s]."""


def write(folder, text, name="deck.cir", code="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(code))
    return path


def report_of(path, *options):
    result = run("simulate", path, "--json", "-", *options)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), result.stderr


def output_of(path, *options):
    content, _ = report_of(path, *options)
    return content["windows"][0]["nodes"]["out"]


def with_commands(*commands, card=".tran 10n 20u\n"):
    block = "\n".join([".control", *commands, ".endc", ".end", ""])
    return RC.replace(".tran 10n 20u\n", card).replace(".end\n", block)


# --- codes


@pytest.mark.ngspice
@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("card", ['.include "part.inc"', ".lib part.inc fast"])
def test_what_is_included_may_be_written_in_any_code(tmp_path, code, card):
    part = "C1 out 0 0.001µ\r\n"
    if card.startswith(".lib"):
        part = f".lib slow\r\nC1 out 0 1µ\r\n.endl\r\n.lib FAST\r\n{part}.endl\r\n"
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", part, "part.inc", code)
    write(tmp_path / "sub", card + "\n", "outer.inc")
    deck = write(tmp_path, RC.replace("C1 out 0 1n", ".include sub/outer.inc"))
    assert output_of(deck)["settling_time_s"] == pytest.approx(SETTLED, rel=0.01)


def test_an_include_that_ngspice_reads_as_it_is_stays(tmp_path):
    write(tmp_path, "C1 out 0 1n\n", "part.inc")
    deck = read_deck(write(tmp_path, RC.replace("C1 out 0 1n", ".INC part.inc ; the load")))
    assert f'.INC "{tmp_path / "part.inc"}" ; the load' in deck.text


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (b".include part.inc\n", "includes itself"),
        (b".include deck.cir\n", "includes itself"),
        (b"\x00\x01\x02", "part.inc: not a SPICE deck or library (binary)"),
        (b".control\nshell rm -rf *\n.endc\n", "part.inc, line 2: shell calls the shell"),
    ],
)
def test_includes_that_are_refused(tmp_path, part, message):
    (tmp_path / "part.inc").write_bytes(part)
    refused(run("simulate", write(tmp_path, RC.replace(".end", ".include part.inc"))), message)
    assert files(tmp_path) == ["deck.cir", "part.inc"]


# --- files beside the deck


@pytest.mark.ngspice
def test_ngspice_runs_in_the_folder_of_the_deck(tmp_path, monkeypatch):
    """Of code models only 46 has any here; where it runs is the same for both."""
    (tmp_path / "decks").mkdir()
    write(tmp_path / "decks", "0 0\n1e-6 0\n1.001e-6 1\n1 1\n", "step.txt")
    text = RC.replace(
        "V1 in 0 PULSE(0 1 1u 1n 1n 1 2)",
        'a1 %v([in]) step\n.model step filesource (file="step.txt" amploffset=[0] amplscale=[1])',
    )
    deck = write(tmp_path / "decks", text)
    monkeypatch.chdir("/")
    if find_installation().version < 46:
        result = run("simulate", deck)
        assert result.exit_code == 1
        assert "model not defined: step" in result.stderr
        return
    assert output_of(deck)["settling_time_s"] == pytest.approx(SETTLED, rel=0.01)
    (tmp_path / "decks" / "step.txt").unlink()
    result = run("simulate", deck)
    assert result.exit_code == 1
    assert "cannot open file step.txt" in result.stderr
    assert files(tmp_path / "decks") == ["deck.cir"]


@pytest.mark.parametrize(
    "said",
    [
        "Instance: a1   Message: cannot open file stim.txt",
        "ERROR **\\n D_SOURCE: source.in file was not read successfully.",
        "Error: no such thing",
    ],
)
def test_an_error_told_by_a_run_that_ends_well_is_an_error(tmp_path, monkeypatch, said):
    raw = (
        b"Title: t\nPlotname: Transient Analysis\nFlags: real\nNo. Variables: 2\nNo. Points: 2\n"
        b"Variables:\n\t0\ttime\ttime\n\t1\tv(out)\tvoltage\nBinary:\n"
    ) + np.array([[0.0, 0.0], [20e-6, 0.5]]).tobytes()
    (tmp_path / "whole.raw").write_bytes(raw)
    prefix = fake_ngspice(tmp_path, f'printf \'{said}\\n\'\ncp "{tmp_path}/whole.raw" "$4"\n')
    monkeypatch.setenv("AMCSPICE_NGSPICE", prefix)
    result = run("simulate", write(tmp_path, RC))
    assert result.exit_code == 1
    assert "as if nothing had happened" in result.stderr


@pytest.mark.ngspice
def test_nodes_and_titles_may_be_called_error(tmp_path):
    text = RC.replace("* step", "error: cannot open * step").replace("out", "error")
    content, _ = report_of(write(tmp_path, text))
    assert content["windows"][0]["nodes"]["error"]["final_v"] == pytest.approx(1, abs=1e-6)
    table = "Circuit: error of x: cannot open\nNode   Voltage\nerror      0.5\nerror   -1e-05\n"
    assert not tells_of_error(table)
    assert tells_of_error(table + "Error: something\n")


# --- the card of the transient


@pytest.mark.ngspice
@pytest.mark.parametrize(
    "card",
    [
        ".tran 10n,20u",
        ".tran\t10n\t20us",
        ".TRAN { 20u / 2000 } 20u",
        ".param t=20u\n.tran 10n {t}",
        ".param t=20u\n.tran {t/2000} 't'",
        ".tran 10n\n* a remark\n+ 20u",
        ".tran 10n 2e-5",
        ".tran 10n 0.02m 0 10n",
        ".tran 1e4p 20000n",
    ],
)
def test_the_stop_time_is_what_ngspice_reads(tmp_path, card):
    content, _ = report_of(write(tmp_path, RC.replace(".tran 10n 20u", card)))
    assert content["stop_time_s"] == pytest.approx(20e-6, rel=1e-9)


@pytest.mark.ngspice
def test_the_card_may_stand_in_an_include(tmp_path):
    write(tmp_path, ".tran 10n 20u\n", "analysis.inc")
    deck = write(tmp_path, RC.replace(".tran 10n 20u", ".include analysis.inc"))
    assert output_of(deck)["settling_time_s"] == pytest.approx(SETTLED, rel=0.01)


@pytest.mark.ngspice
def test_what_settled_before_the_record_began_has_no_time(tmp_path):
    deck = write(tmp_path, RC.replace(".tran 10n 20u", ".tran 10n 20u 5u"))
    content, _ = report_of(deck)
    nodes = content["windows"][0]["nodes"]
    assert content["start_time_s"] == pytest.approx(5e-6, rel=0.01)
    assert nodes["in"]["settled"]
    assert nodes["in"]["settling_time_s"] is None
    assert nodes["out"]["settling_time_s"] == pytest.approx(SETTLED, rel=0.01)
    assert "before 5.00 µs" in run("simulate", deck).stdout


# --- what is saved


@pytest.mark.ngspice
def test_saved_currents_are_shown(tmp_path):
    """The source gives 1 mA that decays to a half: (1 + exp(-t / 0.5 us)) / 2 mA."""
    deck = write(tmp_path, RC.replace("C1 out 0 1n", "C1 out 0 1n\nR2 out 0 1k").replace(
        ".end", ".save i(V1) @R2[i]\n.end"))  # fmt: skip
    content, _ = report_of(deck)
    nodes = content["windows"][0]["nodes"]
    assert set(nodes) == {"v1#branch", "@r2[i]"}
    assert nodes["v1#branch"]["final_a"] == pytest.approx(-0.5e-3, rel=1e-4)
    assert nodes["@r2[i]"]["final_a"] == pytest.approx(0.5e-3, rel=1e-4)
    late = 1e-6 + 0.5e-6 * math.log(100)
    assert nodes["v1#branch"]["settling_time_s"] == pytest.approx(late, rel=0.01)
    shown = run("simulate", deck, "--plot", tmp_path / "w.svg").stdout
    assert "i(v1)" in shown
    assert "-0.0005 A" in shown


@pytest.mark.ngspice
def test_what_is_saved_and_not_there_is_told(tmp_path):
    deck = write(tmp_path, RC.replace(".end", ".save v(out) v(elsewhere)\n.end"))
    content, told = report_of(deck)
    assert content["warnings"] == ["elsewhere is to be saved, but is not in the result"]
    assert "warning of ngspice: elsewhere is to be saved" in told


# --- commands


@pytest.mark.ngspice
@pytest.mark.parametrize(
    "commands",
    [
        ["tran 10n 20u", "wrdata out.txt v(out)", "meas tran t50 when v(out)=0.5"],
        ['echo "" > noise', "tran 10n 2e-05 0", "write s.txt v(out)", "destroy all", "exit"],
        ["TRAN 10n, 20us uic ; what it runs", "if 1 > 0", "  print v(out)", "end"],
        ["* alter R1 = 4k", "tran 10n 20u", "tran 10n  20U"],
    ],
)
def test_a_plain_tran_command_is_taken_as_the_card(tmp_path, commands):
    deck = write(tmp_path, with_commands(*commands, card=""))
    content, told = report_of(deck)
    node = content["windows"][0]["nodes"]["out"]
    assert node["settling_time_s"] == pytest.approx(SETTLED, rel=0.01)
    assert content["stop_time_s"] == pytest.approx(20e-6)
    assert "its tran command is taken as the .tran card" in told
    assert files(tmp_path) == ["deck.cir"]


@pytest.mark.ngspice
def test_commands_before_the_circuit_stay(tmp_path):
    """``pre_set`` gives a variable that a later echo would tell; a library that is not there."""
    deck = write(tmp_path, with_commands("pre_set numdgt=7", "run"))
    assert ".control\npre_set numdgt=7\n.endc\n" in read_deck(deck).text
    assert output_of(deck)["settling_time_s"] == pytest.approx(SETTLED, rel=0.01)
    deck = write(tmp_path, with_commands("pre_codemodel nosuch.cm", "run"))
    result = run("simulate", deck)
    assert result.exit_code == 1
    assert "nosuch.cm" in result.stderr


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("alter R1 = 4k", "line 7: alter may change the circuit"),
        ("altermod m1 vto=1", "altermod may change"),
        ("alterparam c=2", "alterparam may change"),
        ("set temp=50", "set may change"),
        ("set ngbehavior=psa", "set may change"),
        ("set numdgt=12 temp=50", "set may change"),
        ("option reltol=1e-6", "option may change"),
        ("let @r1[resistance] = 4k", "let may change"),
        ("source other.cir", "source may change"),
        ("myscript", "myscript may change"),
        ("shell rm -rf out", "line 7: shell calls the shell, which no deck may"),
        ("pre_shell ls", "pre_shell calls the shell"),
        ("pre_set x=`ls`", "pre_set may change"),
        ("pre_set x > file", "pre_set may change"),
        ("pre_source x.cir", "pre_source may change"),
        ("tran 1n $stop", "not plain numbers"),
        ("tran 1n 1u", "another transient in its commands (tran 1n 1u)"),
        ("repeat 3\ntran 10n 20u\nend", "line 8: tran in a loop"),
    ],
)
def test_commands_that_are_refused(tmp_path, command, message):
    refused(run("simulate", write(tmp_path, with_commands(command, "run"))), message)
    assert files(tmp_path) == ["deck.cir"]


def test_commands_outside_of_a_block_are_commands(tmp_path):
    """ngspice runs what stands behind ``*#``."""
    refused(run("simulate", write(tmp_path, RC.replace(".end", "*# alter r1=4k"))), "line 6: alter")
    refused(run("simulate", write(tmp_path, RC.replace(".end", "*#shell ls"))), "the shell")


def test_several_transients_in_commands_are_refused(tmp_path):
    deck = write(tmp_path, with_commands("tran 1n 1u", "tran 1n 2u", card=""))
    refused(run("simulate", deck), "run several transients (1n 1u; 1n 2u)")


def test_several_cards_are_refused(tmp_path):
    deck = write(tmp_path, RC.replace(".end", ".tran 1n 2u\n.end"))
    refused(run("simulate", deck), "several transients")


def test_a_library_is_not_written_over(tmp_path):
    inner = tmp_path / "inner.inc"
    inner.write_text("* nothing\n")
    library = tmp_path / "a.lib"
    library.write_text(".include inner.inc\n.subckt A inp inn out vdd vss\nR1 out 0 1\n.ends\n")
    for target in (inner, library):
        refused(run("opamp", library, "--subckt", "A", "--json", target), "is read as well")
    assert inner.read_text() == "* nothing\n"


# --- causes


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        (".end", ".backanno\n.end", ".backanno"),
        (".end", "R1 out 0 2k\n.end", "device already exists"),
        (".end", "R1 out 0 2k\n.end", "r1 out 0 2k"),
        ("10n 20u", "'t/2000' t\n.param t=20u", "TSTOP is invalid"),
        ("R1 in out 1k", "Q1 in out 0 e\nD1 out 0 nosuch", "model not defined"),
        (".end", ".noise V(out) V1 dec 10 1 1k\nX1 out nosuch\n.end", "sub-circuit not defined"),
    ],
)
def test_the_reason_is_ngspice_s_own(tmp_path, old, new, cause):
    result = run("simulate", write(tmp_path, RC.replace(old, new)))
    assert result.exit_code == 1
    assert cause in result.stderr.splitlines()[0]
    assert "not understood" not in result.stderr


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("Error in line   v1 in1k\n    Not enough parameters for v source\nERROR: fatal error in "
         "ngspice, exit(1)\n", "Not enough parameters for v source (line   v1 in1k)"),
        ('Error in netlist line no. 12, new internal line no. 3:\n\nClosing "}" not found\n',
         'Closing "}" not found (netlist line no. 12, new internal line no. 3)'),
        ('Netlist line no. 12:\nClosing "}" not found.\n',
         'Closing "}" not found. (Netlist line no. 12)'),
        ("ERROR, library file x.lib, section definition f not found\nERROR: fatal error in "
         "ngspice, exit(1)\n", "library file x.lib, section definition f not found"),
        ("Error: bad syntax of line\n   end\n    line no 15, file a.cir\nNo circuit loaded!\n"
         "Error: there aren't any circuits loaded.\n",
         "bad syntax of line: end"),
        ("Warning: Missing .control statement!\n    This may cause subsequent errors.\n"
         "Error: title line is missing!\n", "title line is missing!"),
        ("Fatal error: tran: line z0 must be given\nNote: none\n", "tran: line z0 must be given"),
        ("ERROR: fatal error in ngspice, exit(1)\n", "the deck was not understood"),
        ("Error: circuit not parsed.\n", "the deck was not understood"),
    ],
)  # fmt: skip
def test_an_error_is_told_with_its_line(log, cause):
    """Logs of both versions, of decks with damage."""
    assert explain_failure(log) == cause


def test_errors_count_before_warnings():
    log = (
        "warning, can't find model 'e' from line\n    qb cb off e npna\n"
        "Warning: singular matrix:  check node out\nError: finding it failed\n\n"
        'doAnalyses: TRAN:  Timestep too small; time = 8e-05: trouble with node "off"\n'
    )
    assert explain_failure(log).startswith("no convergence, time step too small; time = 8e-05")
    told = "Warning: Noise input source v9 has no AC value\ndoAnalyses: Too many iterations\n"
    assert explain_failure(told) == "Too many iterations"
    assert explain_failure("Warning: singular matrix:  check node out\n") == (
        "singular matrix at node out"
    )


@pytest.mark.ngspice
def test_what_ngspice_warns_of_is_told(tmp_path):
    """A resistor without value: 39 takes 1 mohm for it, 46 leaves it out."""
    content, told = report_of(write(tmp_path, RC.replace("R1 in out 1k", "R1 in out")))
    (warning,) = content["warnings"]
    assert warning in (
        "r1: resistance to low, set to 1 mOhm",
        "'r1 in out' is not a valid resistor instance line, ignored!",
    )
    assert f"warning of ngspice: {warning}" in told
    assert report_of(write(tmp_path, RC))[0]["warnings"] == []


def test_warnings_are_told_once_and_whole():
    log = (
        "Warning: r1: resistance to low, set to 1 mOhm\nWarning: Dynamic gmin stepping failed\n"
        "Warning: 'r2 in out' is not a valid resistor instance line, ignored!\n"
        "Warning: r1: resistance to low, set to 1 mOhm\n"
        "warning, can't find model 'e' from line\n    qb cb off e npna\n"
    )
    assert warnings_in(log) == (
        "r1: resistance to low, set to 1 mOhm",
        "'r2 in out' is not a valid resistor instance line, ignored!",
        "can't find model 'e' from line qb cb off e npna",
    )


# --- syntax of others

LIBRARY = """\
* an amplifier in the syntax of PSpice
.subckt OTHER inp inn out vdd vss PARAMS: A0=1e5 GBW=10Meg
.param RP={1Meg}
GIN 0 N1 VALUE = {V(inp,inn)*A0/RP}
RP1 N1 0 {RP}
CP1 N1 0 {A0/(6.2831853*GBW*RP)}
EOUT NO 0 VALUE = { IF(V(N1) > V(vdd)-0.1, V(vdd)-0.1, IF(V(N1) < V(vss)+0.1, V(vss)+0.1, V(N1))) }
ROUT NO out 50
IQ vdd vss 1m
.ends
"""


@pytest.fixture
def library(tmp_path):
    """Return the path of a library that ngspice does not understand by itself."""
    return write(tmp_path, LIBRARY, "other.lib")


@pytest.mark.ngspice
def test_decks_in_the_syntax_of_pspice(tmp_path, library):
    text = RC.replace("R1 in out 1k\nC1 out 0 1n\n", (
        '.include "other.lib"\nVd vdd 0 5\nVs vss 0 -5\nX1 in out out vdd vss OTHER\n'
    ))  # fmt: skip
    deck = write(tmp_path, text)
    result = run("simulate", deck)
    assert result.exit_code == 1
    assert "'if'" in result.stderr
    for compat in ("ps", "psa"):
        assert output_of(deck, "--compat", compat)["final_v"] == pytest.approx(1 / (1 + 1e-5), 1e-5)
    failing = write(tmp_path, text.replace("X1 in", "X1 nosuch in"))
    assert "-D ngbehavior=psa" in run("simulate", failing, "--compat", "psa").stderr
    refused(run("simulate", deck, "--compat", "hs"), "--compat")


@pytest.mark.ngspice
def test_amplifiers_in_the_syntax_of_pspice(tmp_path, library):
    target = tmp_path / "out.json"
    named = [library, "--subckt", "OTHER", "--json", target]
    refused(run("opamp", *named), "not available: 'if'")
    result = run("opamp", *named, "--compat", "psa")
    assert result.exit_code == 0, result.output
    measured = json.loads(target.read_text())["measured"]
    assert measured["dc_gain"] == pytest.approx(1e5, rel=1e-3)
    assert measured["gbw"] == pytest.approx(10e6, rel=1e-2)


@pytest.mark.ngspice
@pytest.mark.parametrize("simulator", ["batch", "shared"])
def test_circuits_of_such_amplifiers(library, simulator):
    """A well-posed regression is what numpy says it is; later decks are ngspice's own again."""
    opamp = amc.measured_opamp(library, "OTHER", compat="psa")
    assert opamp.subcircuit.compat == "psa"
    A = np.array([[0.9, 0.2], [0.3, 0.8], [0.5, 0.4]])
    b = A @ [0.6, 0.3]
    run = amc.simulate(amc.CompactGINV(A, opamp=opamp), b, simulator=simulator)
    np.testing.assert_allclose(run.x, [0.6, 0.3], rtol=1e-3)
    own = amc.simulate(amc.CompactGINV(A), b, simulator=simulator)
    np.testing.assert_allclose(own.x, [0.6, 0.3], rtol=1e-3)


@pytest.mark.ngspice
def test_the_syntax_is_a_parameter(tmp_path, library):
    np.save(tmp_path / "A.npy", [[0.9, 0.2], [0.3, 0.8], [0.5, 0.4]])
    np.save(tmp_path / "b.npy", [0.6, 0.42, 0.42])
    config, target = tmp_path / "all.toml", tmp_path / "out.json"
    given = ["--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.npy"]
    own = ["--opamp-lib", library, "--opamp-subckt", "OTHER", "--opamp-compat", "psa"]
    result = run("solve", "nnls", *given, *own, "--write-config", config, "--json", target)
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(json.loads(target.read_text())["solution"], [[0.6, 0.3]], rtol=1e-3)
    assert 'opamp_compat = "psa"' in config.read_text()
    refused(run("solve", "nnls", *given, "--opamp-compat", "psa"), "opamp_compat: of the sub-circu")
    refused(run("solve", "nnls", *given, *own[:-1], "hs"), "opamp-compat")


def test_commands_in_a_library_are_refused(tmp_path):
    for commands in (".control\nshell ls\n.endc\n", "*# shell ls\n"):
        path = write(tmp_path, LIBRARY.replace(".ends", f"{commands}.ends"), "bad.lib")
        refused(run("opamp", path, "--subckt", "OTHER"), "a library holds no commands")


def test_a_plot_says_what_is_a_current():
    time = np.linspace(0.0, 1e-6, 5)
    for names, label in (
        (["out"], "voltage (V)"),
        (["v1#branch", "@r1[i]"], "current (A)"),
        (["out", "v1#branch"], "voltage (V), current (A)"),
    ):
        (axis,) = transient(time, dict.fromkeys(names, time), title="t").axes
        assert axis.get_ylabel() == label
    assert [line.get_label() for line in axis.lines] == ["v(out)", "i(v1)"]


def test_a_folder_is_not_included(tmp_path):
    deck = tmp_path / "deck.cir"
    deck.write_text("title\n.include .\nV1 in 0 1\nR1 in 0 1k\n.tran 1n 20n\n.end\n")
    with pytest.raises(amc.InputError, match=r"deck\.cir, line 2: \. is a folder"):
        read_lines(deck)
