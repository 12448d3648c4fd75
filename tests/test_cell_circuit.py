"""Cells of a user's own as sub-circuits: what is taken and what is refused."""

import re

import pytest

import amcspice as amc
from amcspice.netlist.cell_circuit import CellCircuit

GOOD = """\
* a cell
.subckt Mine p n x params: gon=1e-4
+ goff=1e-6 x0=0
Bcell p n I=(goff+(gon-goff)*v(x))*v(p,n)
Cx x 0 1e-9 ic={x0}
Rx x 0 1e12
.ends
"""


@pytest.fixture
def library(tmp_path):
    def write(old="", new=""):
        path = tmp_path / "mine.lib"
        path.write_text(GOOD.replace(old, new) if old else GOOD)
        return path

    return write


def test_an_instance_stands_between_its_lines_with_its_state_in_the_deck(library):
    cell = CellCircuit.of(amc.CellModel(file=library(), name="mine", values={"gon": 2e-4}))
    assert list(cell.instance("7", "w", "b", 0.25)) == [
        "Xc_7 w b s_7 mine x0=0.25 gon=0.0002",
        ".ic v(s_7)=0.25",
    ]
    turned = CellCircuit.of(amc.CellModel(file=library(), name="MINE", polarity=-1))
    assert next(turned.instance("7", "w", "b", 0.25)).startswith("Xc_7 b w s_7 MINE ")


def test_a_state_inside_is_named_by_its_instance(library):
    path = library(" p n x params", " p n params")
    cell = CellCircuit.of(amc.CellModel(file=path, name="mine", state_node="X"))
    assert list(cell.instance("7", "w", "0", 1.0)) == [
        "Xc_7 w 0 mine x0=1.0",
        ".ic v(xc_7.x)=1.0",
    ]
    constant = CellCircuit.of(amc.CellModel(file=path, name="mine", state_node=None))
    assert list(constant.instance("7", "w", "0", 1.0)) == ["Xc_7 w 0 mine x0=1.0"]


def test_a_parameter_may_stand_on_a_card_of_its_own(library):
    path = library("+ goff=1e-6 x0=0", "+ goff=1e-6\n.params x0=0")
    assert CellCircuit.of(amc.CellModel(file=path, name="mine")).pins == ("p", "n", "x")


@pytest.mark.parametrize(
    ("old", "new", "changes", "message"),
    [
        ("", "", {"name": "other"}, "no sub-circuit other; it has mine"),
        (" p n x params", " p x params", {}, "sub-circuit mine has 2 pins (p x), but a cell has"),
        ("", "", {"state_node": None}, "has 3 pins (p n x), but a cell has two"),
        (" p n x params", " p n x y params", {}, "only if that is x, the node of its state"),
        (" p n x params", " p n q params", {}, "only if that is x"),
        ("", "", {"state": "w0"}, "no parameter w0 that sets its state; it has gon, goff, x0"),
        ("", "", {"values": {"ron": 1}}, "no parameter ron; it has gon, goff, x0"),
        (" p n x params", " p n params", {"state_node": "q"}, "has no node q"),
        ("* a cell", "R1 a b 1", {}, "line 1: 'R1' stands outside of every .subckt"),
    ],
)
def test_what_is_no_cell_is_refused(library, old, new, changes, message):
    model = amc.CellModel(**{"file": library(old, new), "name": "mine", **changes})
    with pytest.raises(amc.InputError, match=re.escape(message)):
        CellCircuit.of(model)


def test_what_does_not_fit_is_refused_at_once(library, tmp_path):
    path = library()
    for changes, message in (
        ({"low": 1, "high": 0}, "low = 1 must be below high = 0"),
        ({"values": {"X0": 1}}, "x0 is the state"),
        ({"values": (("a", 1), ("A", 2))}, "given twice"),
        ({"polarity": 2}, "polarity"),
        ({"file": tmp_path / "none.lib"}, "none.lib: no such file"),
    ):
        with pytest.raises(amc.InputError, match=re.escape(message)):
            amc.CellModel(**{"file": path, "name": "mine", **changes})
    named = amc.CellModel(file=path, name="mine")
    library("1e-4", "2e-4")
    with pytest.raises(amc.InputError, match="has changed since it was read"):
        CellCircuit.of(named)
