"""``amcspice simulate``: any deck with a transient, and what is refused."""

from __future__ import annotations

import json
import math
import re
import subprocess
import time

import numpy as np
import pandas as pd
import pytest
import xarray
from cli_helpers import fake_ngspice, files, refused, run

RC = """\
charge of a capacitor
V1 in 0 PWL(0 0 1e-9 1)
R1 in out 1k
C1 out 0 1n
.tran 10n 20u
.end
"""


def deck(folder, text=RC, name="deck.cir"):
    path = folder / name
    path.write_text(text)
    return path


def report_of(path, *options):
    """Simulate and return the JSON of the only window, and the result."""
    result = run("simulate", path, "--json", "-", *options)
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert len(content["windows"]) == 1
    return content["windows"][0]["nodes"], result


@pytest.mark.ngspice
@pytest.mark.parametrize("tolerance", [0.1, 0.01, 0.001])
def test_settling_of_an_rc_circuit(tmp_path, tolerance):
    nodes, result = report_of(deck(tmp_path), "--settle-tolerance", tolerance)
    assert set(nodes) == {"in", "out"}
    assert nodes["out"]["final_v"] == pytest.approx(1, abs=1e-6)
    assert nodes["out"]["settled"]
    assert nodes["out"]["settling_time_s"] == pytest.approx(-1e-6 * math.log(tolerance), rel=0.01)
    assert result.stderr == ""


@pytest.mark.ngspice
def test_a_transient_that_is_too_short(tmp_path):
    result = run("simulate", deck(tmp_path, RC.replace("20u", "2u")))
    assert result.exit_code == 0, result.output
    assert re.search(r"out\s.*not settled", result.stdout)


@pytest.mark.ngspice
@pytest.mark.parametrize("suffix", ["csv", "npz", "nc"])
def test_waveforms(tmp_path, suffix):
    target = tmp_path / f"w.{suffix}"
    result = run("simulate", deck(tmp_path), "--waveforms", target)
    assert result.exit_code == 0, result.output
    if suffix == "csv":
        table = pd.read_csv(target)
    elif suffix == "npz":
        with np.load(target) as stored:
            table = {name: stored[name] for name in stored.files}
    else:
        with xarray.open_dataset(target, engine="scipy") as stored:
            assert stored["v(out)"].attrs["units"] == "V"
            table = {name: stored[name].values for name in ("time_s", "v(out)", "i(v1)")}
    time_s, out = np.asarray(table["time_s"]), np.asarray(table["v(out)"])
    # A ramp of 1 ns delays the exponential by half of it.
    late = time_s > 2e-9
    np.testing.assert_allclose(
        out[late], 1 - np.exp(-(time_s[late] - 0.5e-9) / 1e-6), rtol=0, atol=2e-3
    )
    np.testing.assert_allclose(np.asarray(table["i(v1)"])[-1], (out[-1] - 1) / 1e3, atol=1e-9)


@pytest.mark.ngspice
def test_plot(tmp_path):
    result = run("simulate", deck(tmp_path), "--plot", tmp_path / "w.svg")
    assert result.exit_code == 0, result.output
    assert (
        "v(out)" in (tmp_path / "w.svg").read_text() or "<svg" in (tmp_path / "w.svg").read_text()
    )


@pytest.mark.ngspice
def test_relative_includes_are_found(tmp_path, monkeypatch):
    (tmp_path / "sub folder").mkdir()
    (tmp_path / "sub folder" / "load.inc").write_text(".include deeper.inc\n")
    (tmp_path / "sub folder" / "deeper.inc").write_text("R2 out 0 1k\n")
    text = RC.replace(".tran", '.include "sub folder/load.inc"\n.tran')
    path = deck(tmp_path, text)
    monkeypatch.chdir("/")
    nodes, _ = report_of(path)
    assert nodes["out"]["final_v"] == pytest.approx(0.5, abs=1e-6)


@pytest.mark.ngspice
def test_a_control_block_is_left_out(tmp_path):
    path = deck(tmp_path, RC.replace(".end\n", ".CONTROL\nrun\nquit 3\n.ENDC\n.end\n"))
    _, result = report_of(path)
    assert result.stderr == (
        "note: the .control block is left out: a raw file is written instead\n"
    )


@pytest.mark.ngspice
def test_cards_that_a_raw_file_excludes(tmp_path):
    path = deck(tmp_path, RC.replace(".end\n", ".meas tran t when v(out)=0.5\n.end\n"))
    _, result = report_of(path)
    assert result.stderr == "note: .meas, .print, .plot and .four cards are skipped\n"


@pytest.mark.ngspice
def test_the_first_line_is_the_title(tmp_path):
    path = deck(tmp_path, "R9 out 0 1\n" + RC.partition("\n")[2])
    nodes, result = report_of(path)
    assert nodes["out"]["final_v"] == pytest.approx(1, abs=1e-6)
    assert "the first line is the title and nothing else: 'R9 out 0 1'" in result.stderr


@pytest.mark.ngspice
def test_continued_and_indented_cards(tmp_path):
    text = RC.replace(".tran 10n 20u", "  .TRAN 10n\n* a remark\n+ 20US")
    nodes, _ = report_of(deck(tmp_path, text))
    assert nodes["out"]["settled"]


@pytest.mark.ngspice
def test_nodes_inside_subcircuits_are_not_shown(tmp_path):
    sub = ".subckt half a b\nR1 a m 500\nR2 m b 500\n.ends\nX1 in out half\n"
    nodes, _ = report_of(deck(tmp_path, RC.replace("R1 in out 1k\n", sub)))
    assert set(nodes) == {"in", "out"}


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (RC.replace("R1 in out 1k", "X1 in out nosuch"), "sub-circuit not defined"),
        (RC.replace("R1 in out 1k", "D1 in out nosuch"), "nosuch"),
    ],
)
def test_a_deck_that_fails(tmp_path, text, cause):
    target = tmp_path / "w.csv"
    result = run("simulate", deck(tmp_path, text), "--waveforms", target)
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("amcspice: simulation failed: ")
    assert cause in result.stderr
    kept = re.search(r"deck kept: (.+)", result.stderr).group(1)
    with open(kept) as stream:
        assert stream.read() == text
    command = re.search(r"run again: (.+)", result.stderr).group(1)
    again = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True,
                           timeout=60, check=False)  # fmt: skip
    assert b"ircuit" in again.stdout + again.stderr or b"nosuch" in again.stdout + again.stderr
    assert again.returncode != 0
    assert not target.exists()


def test_ngspice_that_hangs(tmp_path, monkeypatch):
    monkeypatch.setenv("AMCSPICE_NGSPICE", fake_ngspice(tmp_path, "sleep 60\n"))
    started = time.monotonic()
    result = run("simulate", deck(tmp_path), "--timeout", "0.5")
    assert time.monotonic() - started < 20
    assert result.exit_code == 1
    assert "ngspice took longer than 0.5 s" in result.stderr


def test_a_transient_that_was_cut_short(tmp_path, monkeypatch):
    """ngspice 46 leaves a raw file that looks complete; its last time tells."""
    raw = (
        "Title: t\nPlotname: Transient Analysis\nFlags: real\nNo. Variables: 2\nNo. Points: 2\n"
        "Variables:\n\t0\ttime\ttime\n\t1\tv(out)\tvoltage\nBinary:\n"
    )
    body = np.array([[0.0, 0.0], [1e-6, 0.5]]).tobytes()
    (tmp_path / "short.raw").write_bytes(raw.encode() + body)
    prefix = fake_ngspice(tmp_path, f'cp "{tmp_path}/short.raw" "$4"\n')
    monkeypatch.setenv("AMCSPICE_NGSPICE", prefix)
    result = run("simulate", deck(tmp_path))
    assert result.exit_code == 1, result.output
    assert "the transient stopped at 1e-06 s of 2e-05 s" in result.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a SPICE deck or library (empty)"),
        (b"\x89PNG\r\n\x00\x00", "not a SPICE deck or library (binary)"),
        (b"Dear reader,\nthis is a letter.\n", "it has no .tran card"),
        (b"title\nR1 a 0 1\n.op\n.end\n", "it has no .tran card"),
        (b".tran 1n 1u\nR1 a 0 1\n.end\n", "the first line of a deck is its title"),
        (b"title\nR1 a 0 1\n.tran 1n\n.end\n", "no .tran card with step and stop time"),
    ],
)
def test_not_a_deck(tmp_path, content, message):
    path = tmp_path / "deck.cir"
    path.write_bytes(content)
    refused(run("simulate", path), message)
    assert files(tmp_path) == ["deck.cir"]


def test_no_such_file(tmp_path):
    refused(run("simulate", tmp_path / "deck.cir"), "deck.cir: no such file")
    refused(run("simulate", tmp_path), ": not a file")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--waveforms", "w.xls"], "unknown type '.xls'"),
        (["--plot", "p.gif"], "unknown type '.gif'"),
        (["--waveforms", "nowhere/w.csv"], "there is no folder nowhere"),
        (["--json", "nowhere/r.json"], "there is no folder nowhere"),
        (["--settle-tolerance", "0"], "--settle-tolerance"),
        (["--settle-tolerance", "1"], "--settle-tolerance"),
        (["--timeout", "0"], "--timeout"),
    ],
)
def test_refused_options(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    refused(run("simulate", deck(tmp_path), *options), message)
    assert files(tmp_path) == ["deck.cir"]


def test_no_ngspice(tmp_path, monkeypatch):
    monkeypatch.setenv("AMCSPICE_NGSPICE", "/nonexistent")
    refused(run("simulate", deck(tmp_path)), "ngspice not found")


def test_help_has_an_example():
    result = run("simulate", "--help")
    assert result.exit_code == 0
    assert "Example: amcspice simulate deck.cir" in result.stdout


@pytest.mark.ngspice
@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_micro_sign_is_a_millionth_whatever_wrote_it(tmp_path, code):
    text = (
        "* a filter of 1 µs\nV1 in 0 PULSE(0 1 1u 1n 1n 1 2)\nR1 in out 1k\nC1 out 0 0.001µ\n"
        ".tran 10n 20µs\n.end\n"
    )
    path = tmp_path / "micro.cir"
    path.write_bytes(text.encode(code) + (b"\x1a" if code == "cp1252" else b""))
    nodes, _ = report_of(path)
    assert nodes["out"]["settling_time_s"] == pytest.approx(1e-6 * (1 + math.log(100)), rel=0.01)


@pytest.mark.ngspice
def test_a_step_that_is_an_expression_is_not_taken_for_the_stop_time(tmp_path):
    path = deck(tmp_path, RC.replace(".tran 10n 20u", ".tran { 20u / 2000 } 10u"))
    nodes, _ = report_of(path)
    assert nodes["out"]["settling_time_s"] == pytest.approx(1e-6 * math.log(100), rel=0.01)


def test_names_with_brackets_are_shown_as_they_are(tmp_path):
    text = RC.replace("out", "q[/red]").replace(".end\n", ".save v(q[/red]) @c1[i]\n.end\n")
    result = run("simulate", deck(tmp_path, text, "rc[bold].cir"))
    assert result.exit_code == 0, result.output
    assert "q[/red]" in result.output
    assert "@c1[i]" in result.output


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_file_that_is_included_is_not_written_over(tmp_path, mark):
    inner = tmp_path / "inner.inc"
    inner.write_text(".param r=1k\n")
    (tmp_path / "outer.inc").write_text(f"{mark}.include inner.inc\n")
    path = deck(tmp_path, RC.replace("V1", ".include outer.inc\nV1"))
    for target in (inner, tmp_path / "outer.inc"):
        before = target.read_bytes()
        refused(run("simulate", path, "--json", target), f"{target} is read as well")
        assert target.read_bytes() == before


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_section_that_a_library_lacks_is_missed(tmp_path, mark):
    (tmp_path / "m.lib").write_text(f"{mark}* m\n.lib TT\n.param r=1k\n.endl\n")
    path = deck(tmp_path, RC.replace("V1", ".lib m.lib SS\nV1"))
    result = run("simulate", path)
    assert result.exit_code == 2
    assert "section" in result.output
    assert "SS" in result.output


@pytest.mark.parametrize("card", [".include {}", ".inc '{}'", ".lib {} tt"])
@pytest.mark.parametrize("inside", [False, True])
def test_an_include_that_is_not_there_is_refused(card, inside, tmp_path):
    """Whether the deck asks for it or what the deck includes; without a run."""
    line = card.format("nowhere.lib")
    (tmp_path / "parts.lib").write_text(f"{line}\n")
    deck = tmp_path / "deck.cir"
    deck.write_text(f"title\n{'.include parts.lib' if inside else line}\nR1 a 0 1k\n.end\n")
    place = "parts.lib, line 1" if inside else "deck.cir, line 2"
    result = run("simulate", deck)
    refused(result, f"{place}: there is no file")
    assert "neither beside this one nor beside deck.cir" in " ".join(result.stderr.split())


def test_sections_of_a_library_that_are_not_asked_for_may_lack_files(tmp_path):
    from amcspice.errors import InputError
    from amcspice.netlist.source import read_lines

    (tmp_path / "parts.lib").write_text(
        ".lib tt\n.param a=1\n.endl\n.lib ff\n.include nowhere.lib\n.endl\n"
    )
    deck = tmp_path / "deck.cir"
    for section, there in (("tt", True), ("ff", False)):
        deck.write_text(f"title\n.lib parts.lib {section}\nR1 a 0 1k\n.end\n")
        if there:
            assert len(read_lines(deck)) > 3
        else:
            with pytest.raises(InputError, match=r"parts\.lib, line 5: there is no file nowhere"):
                read_lines(deck)


def test_includes_are_found_where_ngspice_is_told_to_look(tmp_path, monkeypatch):
    from amcspice.netlist.source import read_lines

    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "parts.lib").write_text(".param a=1\n")
    deck = tmp_path / "deck.cir"
    deck.write_text("title\n.include parts.lib\nR1 a 0 1k\n.end\n")
    monkeypatch.setenv("NGSPICE_INPUT_DIR", str(tmp_path / "there"))
    assert str(tmp_path / "there" / "parts.lib") in read_lines(deck)[1].text
