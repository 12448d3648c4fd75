"""docs/fidelities.md: its tables are those of the script, its calculations what the tool gives."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import amcspice as amc
from amcspice.engine import LinearModel
from amcspice.reduction import reduce_to_ports

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "fidelities.md"
TEXT = PAGE.read_text()


@pytest.fixture(scope="module")
def script():
    """Return scripts/fidelities.py as a module."""
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(ROOT / "scripts"))
    path = ROOT / "scripts" / "fidelities.py"
    specification = importlib.util.spec_from_file_location("fidelities", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    yield module
    patch.undo()
    sys.modules.pop("update_readme", None)


def cells(table):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def on_page(name):
    found = re.search(rf"<!-- {name}:begin -->\n(.*?)\n<!-- {name}:end -->", TEXT, flags=re.S)
    return cells(found[1])


def number(cell):
    return float(cell.split()[0])


def example(script, **options):
    A, b = script.EXAMPLE
    return amc.simulate(amc.INV(A, opamp=script.EXAMPLE_OPAMP), b, **options)


def test_the_example_by_hand_is_what_the_equations_give(script, measured):
    x, tau, settled = script.by_hand()
    run = example(script, fidelity="behavioural")
    measured("settling", abs(run.settling_time / settled - 1))
    np.testing.assert_allclose(run.x, x, rtol=1e-6)
    assert run.settling_time == pytest.approx(settled, rel=1e-6)
    circuit = amc.INV(script.EXAMPLE[0], opamp=script.EXAMPLE_OPAMP)
    linear = LinearModel.of(circuit, reduce_to_ports(circuit.schematic))
    assert linear.slowest == pytest.approx(tau, rel=1e-6)
    for value in (
        f"{x[0]:.6f}",
        f"{x[1]:.6f}",
        f"{tau * 1e9:.5f} ns",
        rf"= {settled * 1e9:.3f} \text{{ ns}}",
    ):
        assert value in TEXT


@pytest.mark.ngspice
def test_the_example_by_hand_is_what_ngspice_gives(script):
    x, _, settled = script.by_hand()
    for options, tolerance in (
        ({"fidelity": "flat"}, 1e-2),
        ({"fidelity": "reduced"}, 1e-2),
        ({"fidelity": "reduced", "relative_tolerance": 1e-6}, 1e-3),
    ):
        run = example(script, **options)
        np.testing.assert_allclose(run.x, x, rtol=1e-5)
        assert run.settling_time == pytest.approx(settled, rel=tolerance)


@pytest.mark.ngspice
def test_the_example_on_the_page_is_that_of_the_script(script):
    """After a change: scripts/fidelities.py example."""
    for told, found in zip(on_page("example"), cells(script.example_table()), strict=True):
        assert told[:3] == found[:3]
        if "ns" in found[3]:
            assert number(told[3]) == pytest.approx(number(found[3]), rel=1e-3)


def test_star_and_mesh_by_hand_are_the_reduction():
    model = reduce_to_ports(amc.CompactGINV([[1.0], [0.5]]).schematic)
    assert model.names == ("x0", "c0")
    own, between = (100 - 100**2 / 200) + (50 - 50**2 / 200), -(100**2) / 200 - 50**2 / 200
    np.testing.assert_allclose(model.conductance * 1e6, [[own, between], [between, own]])
    np.testing.assert_allclose(model.transfer, [[0.5, 0.5], [0.25, 0.25]])
    assert f"=  {own} µS" in TEXT
    assert f"= {between} µS" in TEXT


@pytest.mark.ngspice
def test_the_table_is_that_of_the_script(script):
    """Words are equal, times alike, and no fidelity is further from the next than on the page."""
    told, found = on_page("fidelities"), cells(script.fidelities_table(repeats=1))
    assert told[:2] == found[:2]
    assert [row[:3] for row in told] == [row[:3] for row in found]
    allowed = {"reduced": (1e-7, 5e-3), "behavioural": (1e-5, 1e-2), "dc": (1e-6, None),
               "ideal": (0.1, None)}  # fmt: skip
    for rows in (told, found):
        for _, fidelity, _, solution, _, settling, _ in rows[2:]:
            if fidelity == "flat":
                assert (solution, settling) == ("-", "-")
                continue
            most, later = allowed[fidelity]
            assert number(solution) < most
            assert settling == "-" if later is None else number(settling) < later
    for one, other in zip(told[2:], found[2:], strict=True):
        if one[4] != "-":
            assert number(one[4]) == pytest.approx(number(other[4]), rel=5e-3)
        if one[1] == "ideal":  # finite gain and wires: no rounding
            assert number(one[3]) == pytest.approx(number(other[3]), rel=0.1)


def test_links_of_the_page_lead_somewhere():
    assert "](docs/fidelities.md)" in (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        path, _, anchor = target.partition("#")
        page = PAGE if not path else (PAGE.parent / path).resolve()
        assert page.is_file(), target
        titles = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.M)
        slugs = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
        assert not anchor or anchor in slugs, target


def test_files_and_tests_that_the_page_names_exist():
    for name in re.findall(r"`(?:tests/)?(test_\w+\.py)`", TEXT):
        assert (ROOT / "tests" / name).is_file(), name
    names = set(re.findall(r"`((?!tests|scripts)[a-z]+/[\w/]+\.py)`", TEXT))
    assert {name.split("/")[0] for name in names} >= {"engine", "problem", "reduction"}
    for name in names:
        assert (ROOT / "amcspice" / name).is_file(), name


def test_every_fidelity_and_problem_has_its_place():
    titles = re.findall(r"^## (.*)$", TEXT, flags=re.M)
    assert [title for title in titles if title in amc.BACKENDS] == list(amc.BACKENDS)
    assert set(amc.PROBLEMS) <= set(re.findall(r"^\| `(\w+)` \|", TEXT, flags=re.M))
