"""Files that decks include, and commands in decks: what is easily overlooked."""

from __future__ import annotations

import pytest

import amcspice as amc
from amcspice.netlist.commands import read_commands
from amcspice.netlist.source import lines_of, read_lines


def texts(path):
    return [line.text for line in read_lines(path)]


def test_the_file_beside_the_one_that_includes_it_comes_first(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "part.inc").write_text("\ufeff.param outer=1\n")
    (tmp_path / "sub" / "part.inc").write_text("\ufeff.param inner=1\n")
    (tmp_path / "sub" / "all.inc").write_text("\ufeff.include part.inc\n")
    (tmp_path / "deck.cir").write_text("* t\n.include sub/all.inc\n")
    assert ".param inner=1" in texts(tmp_path / "deck.cir")
    assert ".param outer=1" not in texts(tmp_path / "deck.cir")


def test_the_end_of_an_included_file_is_not_that_of_the_deck(tmp_path):
    (tmp_path / "m.lib").write_text("\ufeff.param a=1\n.END\n")
    (tmp_path / "deck.cir").write_text("* t\n.include m.lib\nR1 a 0 1\n.end\n")
    words = [text.strip().lower() for text in texts(tmp_path / "deck.cir")]
    assert words.count(".end") == 1
    assert words.index(".end") > words.index("r1 a 0 1")


def test_an_included_file_with_old_ends_of_lines_stands_in_its_place(tmp_path):
    (tmp_path / "m.inc").write_bytes(b".param a=1\r.param b=2\r")
    (tmp_path / "deck.cir").write_text("* t\n.include m.inc\n")
    assert {".param a=1", ".param b=2"} <= set(texts(tmp_path / "deck.cir"))


@pytest.mark.parametrize(
    "command", ["let  @r1[resistance] = 5", "let\t@r1[resistance]=5", "pre_osdi a.osdi & touch x"]
)
def test_commands_that_change_something_in_other_words_are_refused(tmp_path, command):
    text = f"* t\n.tran 1n 1u\n.control\n{command}\n.endc\n.end\n"
    with pytest.raises(amc.InputError, match="line 4"):
        read_commands(lines_of(text, tmp_path / "deck.cir"))


def test_a_transient_after_a_loop_is_not_in_it(tmp_path):
    text = "* t\n.control\nforeach a 1 2\necho $a\nend\ntran 1n 1u\n.endc\n.end\n"
    assert read_commands(lines_of(text, tmp_path / "deck.cir")).transient == "1n 1u"
