"""Decks, libraries and raw files with arbitrary damage: taken or refused, never anything else."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import fake_ngspice, files, run

import amcspice as amc
from amcspice.engine.ngspice.log import explain_failure, tells_of_error, warnings_in
from amcspice.engine.ngspice.rawfile import read_raw
from amcspice.engine.ngspice.user_deck import read_deck
from amcspice.netlist.subcircuit import subcircuit_library

ROOT = Path(__file__).parents[1]

DECK = """\
* a deck with a little of everything
.lib "part.inc" fast
.param t=20u
V1 in 0 PULSE(0 1 1u 1n 1n 1 2)
R1 in out 1k ; a load
C1 out 0
+ 0.001µ
.save v(out) i(V1) @R1[i]
.options filetype=ascii
.tran 10n 20u
.control
pre_set numdgt=7
set color0=white
tran 10n 20u
if 1 > 0
  print v(out) $ a remark
end
.endc
*# echo done
.end
"""
PART = "* a load\n.lib slow\nC2 out 0 1n\n.endl\n.lib fast\nC2 out 0 2n\n.endl\n"
LIBRARY = """\
* a library
.param unit = 1
.SUBCKT mine p n  ; comment
+ o vdd
+ vss params: gm=1e-3
G1 0 y p n {gm}
R1 y 0 1e8
C1 y 0 10µ
.include "part.inc"
.model npna NPN(bf=400)
.subckt inner a b
R1 a b 1k
.ends inner
X1 y o inner
.ends mine
.end
"""
RAW = (
    b"Title: * low pass\nDate: today\nPlotname: Transient Analysis\nFlags: real\n"
    b"No. Variables: 3\nNo. Points: 2       \nVariables:\n\t0\ttime\ttime\n\t1\tv(out)\tvoltage\n"
    b"\t2\ti(v1)\tcurrent\n"
)
RAWS = (
    RAW + b"Binary:\n" + np.arange(6.0).tobytes(),
    RAW + b"Values:\n0\t\t0.0\n\t1.0\n\t2.0\n1\t\t3.0\n\t4.0\n\t5.0\n",
    RAW.replace(b"real", b"complex") + b"Values:\n" + b"0\t\t0.0,1\n\t1.0,1\n\t2.0,0\n" * 2,
)
LOG = b"""\
Warning: r1: resistance to low, set to 1 mOhm
warning, can't find model 'e' from line
    qb cb off e npna
Error on line 4 or its substitute:
  r1 b 0 1k
device already exists, bail out
Circuit: * error
error     0.5
doAnalyses: TRAN:  Timestep too small; time = 8e-05: trouble with node "xf.off"
"""
PIECES = [
    piece.encode("cp1252")
    for piece in (
        "\n", "\r", "\r\n", "\0", "\x1a", "\t", " ", "+", "*", "*#", ";", "$ ", "//", "'", '"', "{",
        "}", "(", ")", "=", ",", "`", "µ", "\xff", "\xfe\xff", "\xff\xfe", "\xef\xbb\xbf", "{what}",
        ".control", "\n.control\n", ".endc", ".end", ".ends", ".subckt", "\n.subckt a\n", ".lib",
        '\n.include "deck.cir"\n', '\n.include "mine.lib"\n', '\n.include "part.inc"\n',
        "\n.lib part.inc slow\n", "\n.include ~nobody/x\n", "\n.include .\n", "\n.inc", ".tran",
        "\n.tran 1n\n", "\n.tran 1n 1e999\n", "\n.tran 1n 2n 3n uic\n", "\ntran 1n 2n\n", "alter",
        "shell", "\n*#shell ls\n", "pre_shell ls", "set", "let @", "repeat", "end", "1e999", "-1",
        "nan", "%s%n{0}", "\n* each b is applied for 1e-300 s\n", "Binary:\n", "Values:\n",
        "Title:", "No. Points: 99999999999999\n", "No. Points: -1\n", "Flags: complex\n", "1e400",
        "\n.include " + 300 * "x" + "\n",
    )
]  # fmt: skip


def mangled(original, draw):
    """Return bytes with one to six places damaged."""
    content = bytearray(original)
    for _ in range(draw.integers(1, 7)):
        at, length = int(draw.integers(0, len(content) + 1)), int(draw.integers(1, 40))
        match draw.integers(0, 7):
            case 0:
                content[at : at + 1] = bytes([draw.integers(0, 256)])
            case 1:
                del content[at : at + length]
            case 2:
                content[at:at] = content[at : at + length] * int(draw.integers(1, 4))
            case 3:
                lines = content.split(b"\n")
                first, second = draw.integers(0, len(lines), 2)
                lines[first], lines[second] = lines[second], lines[first]
                content = bytearray(b"\n".join(lines))
            case 4 if draw.random() < 0.2:
                del content[at:]
            case _:
                content[at:at] = PIECES[draw.integers(0, len(PIECES))]
    text = bytes(content)
    if draw.random() < 0.05:
        return text.decode("cp1252", errors="replace").encode("utf-16")
    return text


COMMANDS = re.IGNORECASE | re.MULTILINE | re.DOTALL
COUNTS = [pytest.param(200, id="some"), pytest.param(2000, id="many", marks=pytest.mark.slow)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder of the files, which is the working directory."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "part.inc").write_text(PART)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("AMCSPICE_NGSPICE", fake_ngspice(tmp_path, "exit 1\n"))
    return tmp_path / "work"


@pytest.mark.parametrize("count", COUNTS)
def test_decks(folder, count):
    draw, taken = np.random.default_rng(1), 0
    generated = (ROOT / "netlists" / "ginv-compact.cir").read_bytes()
    for number in range(count):
        original = generated if number % 10 == 0 else DECK.encode("cp1252")
        (folder / "deck.cir").write_bytes(mangled(original, draw))
        if number % 4 == 1:
            (folder / "part.inc").write_bytes(mangled(PART.encode(), draw))
        try:
            deck = read_deck(folder / "deck.cir")
        except amc.InputError:
            continue
        taken += 1
        assert "\0" not in deck.text
        for block in re.findall(r"^\s*\.control\n(.*?)^\.endc", deck.text, COMMANDS):
            kept = block.splitlines()
            assert all(
                re.fullmatch(r"(?i)pre_(set|unset|osdi|codemodel)\b[^`<>|&]*", k) for k in kept
            )
        assert not re.search(r"^\s*\*#", deck.text, COMMANDS)
    assert 0.05 * count < taken < 0.95 * count


@pytest.mark.parametrize("count", COUNTS)
def test_libraries(folder, count):
    draw, taken = np.random.default_rng(2), 0
    for number in range(count):
        (folder / "mine.lib").write_bytes(mangled(LIBRARY.encode("cp1252"), draw))
        if number % 4 == 1:
            (folder / "part.inc").write_bytes(mangled(PART.encode(), draw))
        try:
            text = subcircuit_library(amc.Subcircuit.of(folder / "mine.lib", "mine"))
        except amc.InputError:
            continue
        taken += 1
        assert not re.search(r"^[ \t]*(\.control|\*#)", text, re.IGNORECASE | re.MULTILINE)
    assert 0.05 * count < taken < 0.95 * count


@pytest.mark.parametrize("count", COUNTS)
def test_what_ngspice_leaves(folder, count):
    """Raw files and logs."""
    draw, taken = np.random.default_rng(3), 0
    for number in range(count):
        (folder / "out.raw").write_bytes(mangled(RAWS[number % 3], draw))
        try:
            plots = read_raw(folder / "out.raw")
        except amc.SimulationError:
            pass
        else:
            taken += 1
            assert all(len({len(v) for v in plot.vectors.values()}) < 2 for plot in plots)
        log = mangled(LOG, draw).decode(errors="replace")
        assert explain_failure(log) != ""
        assert "" not in warnings_in(log)
        assert tells_of_error(log) in (True, False)
    assert 0.05 * count < taken < 0.95 * count


@pytest.mark.parametrize("count", [pytest.param(40, id="some"), *COUNTS[1:]])
@pytest.mark.parametrize("command", ["simulate", "opamp"])
def test_commands_write_nothing(folder, tmp_path, command, count):
    """Neither on refusal nor when the run fails, as it does here."""
    draw = np.random.default_rng(4)
    name, original = ("deck.cir", DECK) if command == "simulate" else ("mine.lib", LIBRARY)
    own = [] if command == "simulate" else ["--subckt", "mine"]
    codes = set()
    for _ in range(count):
        (folder / name).write_bytes(mangled(original.encode("cp1252"), draw))
        result = run(command, folder / name, *own, "--json", folder / "out.json")
        assert result.exit_code in (1, 2), result.output
        assert result.stderr.count("amcspice:") == 1, result.stderr
        assert "Traceback" not in result.output
        assert result.stdout == ""
        assert files(folder) == sorted([name, "part.inc"])
        codes.add(result.exit_code)
    assert codes == {1, 2} if command == "simulate" else codes <= {1, 2}
    assert os.listdir(folder)
