"""No deck and no library starts a program through amcspice; plain ngspice is shown to start it."""

from __future__ import annotations

import pytest
from cli_helpers import files, refused, run
from plain_ngspice import run_plain

from amcspice.engine import SharedSimulator, find_installation
from amcspice.engine.diagnosis import RC

CARDS = """\
V1 in 0 1
R1 in out 1k
C1 out 0 1n
.tran 10n 5u
.end
"""
PROCESS = """\
Vck ck 0 pulse(0 1 0 1n 1n 100n 200n)
Abridge [ck in] [dck din] bridge
.model bridge adc_bridge(in_low=0.3 in_high=0.6)
Aprogram [din] dck null [dout] program
"""
MODEL = '.model program d_process (process_file="{program}")\n'
COMMANDS = "shell touch {marker}\n"

ATTACKS = {
    "a title that makes a script": "*NG_script of a kind\n" + COMMANDS + ".tran 1n 5u\n",
    "a card that makes a script": "* t\n.title *ng_script\n" + COMMANDS + ".tran 1n 5u\n.end\n",
    "a model that is a program": "* t\n" + PROCESS + MODEL + CARDS,
    "over two lines": "* t\n" + PROCESS + MODEL.replace(" d_", "\n* nothing\n+ D_") + CARDS,
    "as a parameter": '* t\n.param what="d_process"\n'
    + PROCESS
    + MODEL.replace("d_process", "{{what}}")
    + CARDS,
    "in a block of commands": "* t\n" + CARDS.replace(".end", f".control\n{COMMANDS}.endc\n.end"),
    "outside of a block": "* t\n" + CARDS.replace(".end", f"*# {COMMANDS}.end"),
}


def write(folder, text, name="deck.cir"):
    """Write a deck, and the program that it would start."""
    program, marker = folder / "program.sh", folder / "marker"
    program.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    program.chmod(0o755)
    path = folder / name
    path.write_text(text.format(program=program, marker=marker))
    return path, marker


@pytest.mark.ngspice
@pytest.mark.parametrize("attack", ATTACKS)
def test_what_starts_a_program_is_refused(attack, tmp_path):
    deck, marker = write(tmp_path, ATTACKS[attack])
    run_plain(deck, "-n", "-r", "plain.raw")
    if "d_process" not in ATTACKS[attack].lower() or find_installation().version > 42:
        assert marker.exists(), "the attack itself does not work"
        marker.unlink()
    before = files(tmp_path)
    refused(run("simulate", deck), f"{deck}, line ")
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("word", "line"),
    [("d_process", MODEL), ("D_cosim", '.MODEL p D_cosim(simulation="x.so")\n')],
)
def test_includes_and_libraries_start_none(word, line, tmp_path):
    inner, _ = write(tmp_path, f"* inner\n{line}", "inner.inc")
    outer, _ = write(tmp_path, f"* outer\n.include {inner.name}\n", "outer.inc")
    deck, _ = write(tmp_path, f"* t\n.include {outer.name}\n{CARDS}")
    refused(run("simulate", deck), f"{inner}, line 2: {word} starts a program")
    amplifier = f"* l\n.subckt mine p n o vdd vss\nR1 o 0 1\n.include {inner.name}\n.ends\n"
    library, _ = write(tmp_path, amplifier, "a.lib")
    refused(run("opamp", library, "--subckt", "mine"), f"{inner}, line 2: {word} starts a program")
    library, _ = write(tmp_path, amplifier.replace("o vdd vss", "x0=0"), "cell.lib")
    refused(run("cell", library, "--subckt", "mine"), f"{inner}, line 2: {word} starts a program")


@pytest.mark.ngspice
def test_remarks_and_names_are_no_programs(tmp_path):
    deck, _ = write(
        tmp_path, "* of d_process\n* .model a d_process\n" + CARDS.replace("1n\n", "1n ; d_cosim\n")
    )
    assert run("simulate", deck).exit_code == 0


@pytest.mark.ngspice
def test_settings_of_a_folder_are_not_read(tmp_path, monkeypatch):
    """Commands in ``.spiceinit`` beside a deck, or where amcspice is called."""
    deck, marker = write(tmp_path, "* t\n" + CARDS)
    (tmp_path / ".spiceinit").write_text(COMMANDS.format(marker=marker))
    run_plain(deck)
    assert marker.exists(), "the attack itself does not work"
    marker.unlink()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run("simulate", deck).exit_code == 0
    if find_installation().shared_works:
        SharedSimulator.instance().run(RC)
    assert not marker.exists()
