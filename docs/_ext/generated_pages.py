"""Pages that are not written in docs/: public names, commands, notebooks, files of the top folder.

They are written before Sphinx looks for sources, into folders that git ignores.
"""

from __future__ import annotations

import inspect
from collections import Counter
from pathlib import Path
from typing import Any

import click
import command_pages
import top_files
from sphinx.application import Sphinx

import amcspice
import amcspice.algorithm
import amcspice.contract
import amcspice.view
from amcspice.cli import main

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent

ROOMS = {
    "simulation": "Solving and simulating",
    "circuit": "Circuits",
    "problem": "Problems",
    "device": "Cells, wires, amplifiers, converters",
    "design": "Design answers",
    "programming": "Programming of cells",
    "system": "Chips and what they take",
    "algorithm": "Algorithms on chips",
    "workload": "Workloads",
    "estimator": "Estimators",
    "characterise": "Measured parts",
    "netlist": "Decks",
    "engine": "Fidelities",
    "errors": "Errors and warnings",
}
"""Sections of the reference: rooms of the package in a user's order."""

REGISTRIES = {"BACKENDS": "engine", "CIRCUITS": "circuit", "PROBLEMS": "problem"}
"""Values, of which no module says that it defines them."""


BESIDE = {
    "Plots": [
        *(f"amcspice.view.{name}" for name in amcspice.view.__all__),
        "amcspice.view.sweep_plots.sweep_plot",
        "amcspice.view.points.Points",
    ],
    "Sweeps from Python": [
        "amcspice.sweep.spec.specification.read_spec",
        "amcspice.sweep.spec.specification.parse_spec",
        "amcspice.sweep.spec.plan.make_grid",
        "amcspice.sweep.spec.plan.make_plan",
        "amcspice.sweep.execute.run.run_sweep",
        "amcspice.sweep.store.store.Store",
    ],
    "More algorithms": [
        f"amcspice.algorithm.{name}"
        for name in amcspice.algorithm.__all__
        if name not in amcspice.__all__
    ],
    "Contracts of new parts": [f"amcspice.contract.{name}" for name in amcspice.contract.__all__],
    "Wireless links": [f"amcspice.workload.wireless.{name}" for name in amcspice.wireless.__all__],
}
"""What the pages use of the rooms themselves."""


def room(name: str) -> str:
    """Return the room that defines a public name."""
    found = getattr(amcspice, name)
    module = found.__name__ if inspect.ismodule(found) else getattr(found, "__module__", "")
    return REGISTRIES.get(name) or module.split(".")[1]


def reference() -> str:
    """Return the page that lists every public name, by room."""
    lines = [
        "Python reference",
        "================",
        "",
        "Every name of ``import amcspice as amc``, with parameters, units and an example that the",
        "tests run. What parameters are called on the command line, in sweeps and in files, with",
        "units and defaults: :doc:`/parameters`.",
        "",
        ".. currentmodule:: amcspice",
    ]
    for place, heading in ROOMS.items():
        names = sorted((name for name in amcspice.__all__ if room(name) == place), key=str.lower)
        lines += section(heading, names)
    return "\n".join(lines) + "\n"


def beside() -> str:
    """Return the page that lists names which are imported from rooms."""
    title = "Plots, sweeps, algorithms, contracts, links"
    lines = [title, "=" * len(title), ""]
    lines += ["What the pages and the gallery import from rooms of the package.", ""]
    for heading, names in BESIDE.items():
        lines += section(heading, [f"~{name}" for name in names])
    return "\n".join(lines) + "\n"


def section(heading: str, names: list[str]) -> list[str]:
    """Return the lines of a list of names, each with a page of its own."""
    directive = [".. autosummary::", "   :toctree: names", "   :nosignatures:", ""]
    return ["", heading, "-" * len(heading), "", *directive, *(f"   {name}" for name in names)]


def command_files() -> dict[str, str]:
    """Return a page a command, and the page that lists them, by name of file."""
    top = click.Context(main, info_name="amcspice", max_content_width=10**6)
    found = list(command_pages.commands(main, top))
    files = {context.command_path.replace(" ", "-") + ".rst": context for context in found}
    rows = "".join(
        f"   * - :doc:`{context.command_path} <{Path(name).stem}>`\n"
        f"     - {command_pages.escape(context.command.get_short_help_str(200))}\n"
        for name, context in files.items()
    )
    listed = "".join(f"   {Path(name).stem}\n" for name in files)
    index = (
        "Commands\n========\n\n"
        "What each command says with ``--help``. Exit code 2 is bad input, 1 a failed run;\n"
        "``--json FILE`` writes results for machines; every command has an example at its end.\n\n"
        f".. list-table::\n   :widths: 30 70\n\n{rows}\n"
        f".. toctree::\n   :hidden:\n\n{listed}"
    )
    return {"index.rst": index} | {name: command_pages.page(c) for name, c in files.items()}


def write_folder(folder: Path, files: dict[str, str]) -> None:
    """Make a folder hold these files and no others; what has not changed is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_file() and path.name not in files:
            path.unlink()
    for name, text in files.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def file_names() -> dict[str, str]:
    """Return names of files for names that differ from others in their case only."""
    public = [f"amcspice.{name}" for name in amcspice.__all__]
    names = [*public, *(name for names in BESIDE.values() for name in names)]
    twins = Counter(name.lower() for name in names)
    return {name: f"{name}_" for name in names if twins[name.lower()] > 1 and name.islower()}


def write_pages(app: Sphinx, config: Any) -> None:
    """Write all of them."""
    write_folder(DOCS / "api", {"index.rst": reference(), "rooms.rst": beside()})
    write_folder(DOCS / "commands", command_files())
    write_folder(DOCS / top_files.FOLDER, top_files.copies())
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    write_folder(DOCS / "notebooks", {path.name: path.read_text() for path in notebooks})


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages once the configuration is known."""
    app.connect("config-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
