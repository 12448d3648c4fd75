"""The core runs without the extras; one message says what is missing; nothing is undeclared."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import amcspice
from amcspice.extras import EXTRAS, MissingExtraError, extra, packages_of

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = {*sys.stdlib_module_names, "amcspice"}
OF_CORE = {"PIL"}
"""What Matplotlib brings along, so it cannot be hidden."""


def distributions(requirements):
    """Return names as they are installed by; what an extra takes from another one, too."""
    found = set()
    for requirement in requirements:
        name = re.match(r"[\w.-]+", requirement)[0]
        for other in re.findall(r"^amcspice\[(.*)\]", requirement):
            for each in other.split(","):
                found |= distributions(PROJECT["optional-dependencies"][each])
        if name != "amcspice":
            found.add(name.lower().replace("_", "-"))
    return found


def imports():
    """Yield file, module and the extra that it is imported under, of everything from outside."""
    for path in (ROOT / "amcspice").rglob("*.py"):
        yield from _imports(ast.parse(path.read_text()), path, None)


def _imports(node, path, name):
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.With):
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "extra":
                name = ast.literal_eval(call.args[0])
    modules = []
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
        modules = [node.module]
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "importlib.import_module":
        modules = [each.value for each in node.args if isinstance(each, ast.Constant)]
    for module in modules:
        top = module.partition(".")[0]
        if top not in OURS:
            yield path.relative_to(ROOT).as_posix(), top, name
    for child in ast.iter_child_nodes(node):
        yield from _imports(child, path, name)


FOUND = list(imports())
PROVIDERS = metadata.packages_distributions()
OPTIONAL = {module: name for _, module, name in FOUND if name}


def test_every_import_is_declared():
    """In the core, or in the extra that it is imported under."""
    assert {"numpy", "pandas", "distributed", "tifffile"} <= {module for _, module, _ in FOUND}
    for path, module, name in FOUND:
        if path == "amcspice/bench/crossbar.py" and module == "badcrossbar":
            continue  # it says itself what to install
        group = PROJECT["dependencies"] if name is None else PROJECT["optional-dependencies"][name]
        names = {each.lower().replace("_", "-") for each in PROVIDERS.get(module, [module])}
        assert names & distributions(group), f"{path}: {module}, extra {name}"


def test_every_dependency_is_imported():
    """By the package, so nobody installs what nothing uses."""
    used = {module for _, module, _ in FOUND}
    provided = {each.lower().replace("_", "-") for name in used for each in PROVIDERS.get(name, [])}
    assert distributions(PROJECT["dependencies"]) <= provided
    for name in EXTRAS:
        if name != "torch":
            own = distributions(PROJECT["optional-dependencies"][name])
            assert own <= provided, name


def test_extras_are_those_of_the_project():
    declared = PROJECT["optional-dependencies"]
    assert {*EXTRAS, "all", "dev", "bench"} <= set(declared)
    together = set().union(*(distributions(declared[name]) for name in EXTRAS if name != "torch"))
    assert distributions(declared["all"]) == together
    assert together <= distributions(declared["dev"])
    for name in EXTRAS:
        installed = {each.lower() for each in packages_of(name)}
        own = [each for each in declared[name] if not each.startswith("amcspice")]
        assert installed == distributions(own)
    assert {each.lower() for each in packages_of(None)} == distributions(PROJECT["dependencies"])


def test_what_is_missing_is_said_once_and_the_outer_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    said = "pandas is not installed, which this needs: pip install 'amcspice[{}]'"
    with pytest.raises(MissingExtraError) as caught, extra("report"), extra("sweep"):
        import pandas  # noqa: F401
    assert str(caught.value) == said.format("report")
    assert isinstance(caught.value, ImportError)
    assert isinstance(caught.value, amcspice.AmcspiceError)
    assert (caught.value.name, caught.value.exit_code) == ("pandas", 2)
    run = amcspice.solve("inv", [[2.0]], [1.0], fidelity="dc")
    with pytest.raises(MissingExtraError) as caught:
        run.to_pandas()
    assert str(caught.value) == said.format("sweep")


def test_other_errors_pass():
    with pytest.raises(ImportError, match="cannot import name") as caught, extra("sweep"):
        from json import nothing_of_the_kind  # noqa: F401
    assert not isinstance(caught.value, MissingExtraError)


@pytest.mark.slow
def test_the_core_runs_alone():
    """With all extras hidden: every --help, what needs an extra, what needs none."""
    hidden = sorted(set(OPTIONAL) - OF_CORE)
    assert {"pandas", "skimage", "sklearn", "pebble", "plotly", "torch"} <= set(hidden)
    program = (
        f"import runpy, sys; sys.modules.update(dict.fromkeys({hidden}))\n"
        f"runpy.run_path({str(ROOT / 'scripts' / 'minimal.py')!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("the core runs alone\n")
