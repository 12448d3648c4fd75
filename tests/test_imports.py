"""What importing amcspice costs, and that the examples in its documentation run."""

import doctest
import importlib
import importlib.util
import pkgutil
import subprocess
import sys

import pytest

import amcspice
from amcspice.native import LEVELS, supported_levels

HEAVY = ["matplotlib", "skimage", "sklearn", "PySpice", "pandas", "xarray", "click", "rich", "dask"]


def modules():
    names = [m.name for m in pkgutil.walk_packages(amcspice.__path__, "amcspice.")]
    # A processor cannot run the code of another one.
    foreign = {f"amcspice.native.{level}" for level in set(LEVELS) - set(supported_levels())}
    if importlib.util.find_spec("torch") is None:
        foreign.add("amcspice.torch")
    return ["amcspice", *(name for name in names if name not in foreign)]


def test_heavy_packages_are_not_imported():
    program = f"import sys, amcspice; print([n for n in {HEAVY} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_a_command_loads_what_it_uses():
    unused = ["matplotlib", "skimage", "PIL", "pandas", "scipy.optimize", "scipy.sparse.linalg"]
    program = f"import sys, amcspice.cli.solve; print([n for n in {unused} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_no_ngspice_is_needed_to_import():
    program = "import amcspice; amcspice.solve; print(amcspice.__version__)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env={"PATH": "", "AMCSPICE_NGSPICE": "absent"},
    )  # fmt: skip
    assert done.stdout.strip() == amcspice.__version__


@pytest.mark.parametrize("name", modules())
def test_public_names_exist(name):
    module = importlib.import_module(name)
    assert module.__doc__
    for public in getattr(module, "__all__", []):
        assert hasattr(module, public)


@pytest.mark.ngspice
@pytest.mark.slow
def test_examples_run():
    attempted = 0
    for name in modules():
        found = doctest.testmod(importlib.import_module(name))
        assert found.failed == 0, name
        attempted += found.attempted
    assert attempted >= 6


def test_names_of_the_first_version_are_found_where_they_are_now():
    from amcspice import solver

    for room, names in solver.MOVED.items():
        for name in names:
            with pytest.warns(DeprecationWarning, match=rf"is {room}\.{name} now"):
                assert getattr(solver, name) is getattr(importlib.import_module(room), name)
    with pytest.raises(AttributeError, match=r"CHANGELOG\.md"):
        solver.nmf_each  # noqa: B018
