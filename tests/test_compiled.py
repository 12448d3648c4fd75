"""Compiled models (.osdi): a small one in C, built here against the published interface."""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from live_models import G_MIN, LiveCell, live

import amcspice as amc
from amcspice.engine import find_installation
from amcspice.engine.ngspice.installation import Installation
from amcspice.engine.ngspice.simulator import refuse_compiled
from amcspice.netlist.cell_circuit import CellCircuit
from amcspice.netlist.compiled import Module, read_modules

SOURCE = Path(__file__).parent / "osdi" / "cell.c"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Return the compiled cell."""
    path = tmp_path_factory.mktemp("Osdi") / "cell.osdi"
    command = [os.environ.get("CC", "gcc"), "-shared", "-fPIC", "-O1", "-o", path, SOURCE]
    subprocess.run(command, check=True, timeout=60)
    return path


def model(path, **changes):
    return amc.CellModel(**{"file": path, "name": "osdi_cell", "state_node": None, **changes})


def test_a_file_says_what_is_in_it(compiled):
    assert read_modules(compiled) == {
        "osdi_cell": Module(("te", "be"), ("mfactor", "x0"), ("gon", "goff"))
    }


LATER = """
#define OSDI_DESCRIPTORS plain
#define OSDI_VERSION_MINOR plain_minor
#define OSDI_NUM_DESCRIPTORS plain_number
#include "{source}"
#undef OSDI_DESCRIPTORS
#undef OSDI_VERSION_MINOR
#undef OSDI_NUM_DESCRIPTORS
struct {{ Descriptor known; char more[48]; }} OSDI_DESCRIPTORS[2];
uint32_t OSDI_VERSION_MINOR = 4, OSDI_NUM_DESCRIPTORS = 2;
uint32_t OSDI_DESCRIPTOR_SIZE = sizeof OSDI_DESCRIPTORS[0];
__attribute__((constructor)) static void fill(void) {{
  for (int k = 0; k < 2; k++) OSDI_DESCRIPTORS[k].known = plain[0];
  OSDI_DESCRIPTORS[1].known.name = "second";
}}
"""
"""A file of version 0.4, whose descriptors are longer, with two modules."""


def test_later_versions_have_longer_descriptors(tmp_path):
    source, path = tmp_path / "later.c", tmp_path / "later.osdi"
    source.write_text(LATER.format(source=SOURCE))
    command = [os.environ.get("CC", "gcc"), "-shared", "-fPIC", "-O1", "-o", path, source]
    subprocess.run(command, check=True, timeout=60)
    module = Module(("te", "be"), ("mfactor", "x0"), ("gon", "goff"))
    assert read_modules(path) == {"osdi_cell": module, "second": module}


def test_it_stands_in_a_deck_with_one_thread(compiled):
    cell = CellCircuit.of(model(compiled, values={"gon": 1e-4}, polarity=-1))
    assert cell.library == (
        ".control",
        "pre_set num_threads=1",
        f"pre_osdi {compiled}",
        ".endc",
        ".model amc_compiled_cell osdi_cell gon=0.0001",
    )
    assert list(cell.instance("3", "w", "b", 0.5)) == ["Nc_3 b w amc_compiled_cell x0=0.5"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "other"}, "no module other; it has osdi_cell"),
        ({"state": "w"}, "has no parameter w that sets its state; it has mfactor, x0, gon, goff"),
        ({"state": "gon"}, "gon is a parameter of the whole model, but every cell has its own"),
        ({"values": {"ron": 1}}, "has no parameter ron"),
        ({"state_node": "be"}, "has 2 pins (te be), but a cell has two, and a third only if"),
        ({"state_node": "x"}, "has no pin x: the node of the state must be a third pin, or none"),
    ],
)
def test_what_does_not_fit_is_refused(compiled, changes, message):
    with pytest.raises(amc.InputError, match=re.escape(message)):
        CellCircuit.of(model(compiled, **changes))


def test_other_files_are_refused(compiled, tmp_path):
    text = tmp_path / "text.osdi"
    text.write_text("module cell; endmodule\n")
    with pytest.raises(amc.InputError, match="not a compiled model"):
        CellCircuit.of(model(text))
    blank = tmp_path / "a b.osdi"
    blank.write_bytes(compiled.read_bytes())
    with pytest.raises(amc.InputError, match="from a path with blanks: move it"):
        CellCircuit.of(model(blank))


@pytest.mark.ngspice
def test_cells_that_are_resistors_give_what_resistors_give(compiled, simulator, monkeypatch):
    monkeypatch.setattr(LiveCell, "model", property(lambda self: model(compiled)))
    rng = np.random.default_rng(0)
    A, b = rng.random((6, 3)), rng.random(6)
    options = {"fidelity": "flat", "simulator": simulator.name}
    if not find_installation().loads_compiled:
        with pytest.raises(amc.UnsupportedError, match="cannot be loaded by ngspice 39"):
            amc.solve("nnls", A, b, device=live("amc_memristor"), **options)
        return
    expected = amc.solve("nnls", A, b, device=amc.Memristor(g_min=G_MIN), **options)
    run = amc.solve("nnls", A, b, device=live("amc_memristor"), **options)
    np.testing.assert_allclose(run.x, expected.x, atol=3e-6 * np.abs(expected.x).max())
    assert np.isnan(run.conductance_drift)  # a state without node
    assert run.cell_voltage == pytest.approx(run.range.cell_voltage, rel=0.05)


@pytest.mark.parametrize("loads", [True, False])
def test_an_ngspice_without_the_interface_is_told(tmp_path, loads):
    program = tmp_path / "ngspice"
    program.write_text(
        "#!/bin/sh\n" + ("" if loads else "echo 'osdi: no such command available in ngspice'\n")
    )
    program.chmod(0o755)
    other = Installation(executable=str(program), library=None, version=39, klu=False)
    refuse_compiled("* deck\nR1 a 0 1\n.end\n", other)
    deck = "* deck\n.control\npre_osdi cell.osdi\n.endc\n.end\n"
    if loads:
        refuse_compiled(deck, other)
        return
    with pytest.raises(amc.UnsupportedError, match=r"39 .* built without OSDI: use another one"):
        refuse_compiled(deck, other)
