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


UNUSED = {
    "behavioural": [
        "matplotlib", "skimage", "PIL", "pandas", "psutil", "PySpice", "numpy.f2py",
        "scipy.linalg", "scipy.optimize", "scipy.sparse", "amcspice.system.chip", "amcspice.design",
        "amcspice.sweep", "amcspice.view", "amcspice.programming.verify",
        "amcspice.algorithm.block_inverse", "amcspice.algorithm.iterations", "amcspice.bench",
        "amcspice.workload.wireless", "amcspice.workload.training", "amcspice.engine.dc.solver",
        "amcspice.engine.ngspice.backends", "amcspice.cli.block_options",
    ],
    "reduced": [
        "matplotlib", "skimage", "PIL", "pandas", "psutil", "numpy.f2py", "scipy.optimize",
        "amcspice.system.chip", "amcspice.design", "amcspice.algorithm.block_inverse",
        "amcspice.workload.wireless", "amcspice.workload.training", "amcspice.cli.block_options",
    ],
}  # fmt: skip
"""What a single circuit is solved without, by the fidelity."""


@pytest.mark.parametrize(
    "fidelity", ["behavioural", pytest.param("reduced", marks=pytest.mark.ngspice)]
)
def test_a_command_loads_what_it_uses(fidelity, tmp_path):
    (tmp_path / "A.csv").write_text("2,0.5\n0.5,1\n")
    (tmp_path / "b.csv").write_text("1\n0.5\n")
    program = (
        "import sys; from amcspice.cli import main\n"
        "try: main()\n"
        f"finally: print([n for n in {UNUSED[fidelity]} if n in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "solve", "nnls", "--matrix", "A.csv", "--rhs", "b.csv",
         "--hold", "--fidelity", fidelity, "--json", "run.json"],
        capture_output=True, text=True, cwd=tmp_path, check=True,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1] == "[]"
    assert (tmp_path / "run.json").exists()


def test_garbage_is_looked_for_again_once_a_command_is_imported():
    program = (
        "import gc, sys; from amcspice.cli import main\n"
        "before = gc.get_freeze_count()\n"
        "main.get_command(None, 'doctor')\n"
        "assert gc.isenabled() and before == 0 < gc.get_freeze_count()\n"
        "gc.disable(); main.get_command(None, 'bench'); assert not gc.isenabled()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


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
