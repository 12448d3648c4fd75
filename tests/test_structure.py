"""What holds of the package as a whole: no circle of files, backends are not told apart by name."""

from __future__ import annotations

import ast
import graphlib
import re
from pathlib import Path

import amcspice
from amcspice.engine import BACKENDS

PACKAGE = Path(amcspice.__file__).parent


def sources():
    """Yield the dotted name and the text of every module."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield ".".join(parts).removesuffix(".__init__"), path.read_text()


def imported(text, names):
    """Return the modules of the package that a text imports, lazily too."""
    modules = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("amcspice"):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                modules.add(whole if whole in names else node.module)
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    return modules & names


def test_no_circle_of_files():
    texts = dict(sources())
    graph = {name: imported(text, texts.keys()) - {name} for name, text in texts.items()}
    # The package itself hands names out lazily and is what examples import.
    graph = {name: using - {"amcspice"} for name, using in graph.items() if name != "amcspice"}
    order = list(graphlib.TopologicalSorter(graph).static_order())  # raises on a circle
    assert len(order) == len(graph)


def test_fidelities_are_compared_by_name_hardly_anywhere():
    names = "|".join(BACKENDS)
    comparison = re.compile(rf"""(==|!=|\bin \(?)\s*["']({names})["']""")
    places = [
        f"{name}: {line.strip()}"
        for name, text in sources()
        if not name.startswith("amcspice.engine")
        for line in text.splitlines()
        if comparison.search(line)
    ]
    assert len(places) <= 3, places
