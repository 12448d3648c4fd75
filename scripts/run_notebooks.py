"""Run every notebook in notebooks/, and keep its output in it; ``--out`` writes copies instead."""

from __future__ import annotations

import argparse
import copy
import os
import sys
import tempfile
from pathlib import Path

import nbclient
import nbformat

from amcspice.files import replacing, writable_folder

INLINE = "module://matplotlib_inline.backend_inline"
"""Pictures go into the notebook, whatever the environment asks for."""

ROOT = Path(__file__).resolve().parents[1]


def run(path, folder, environment):
    """Run one notebook and write it to a folder, with its output; not where a cell fails."""
    notebook = nbformat.read(path, as_version=4)
    metadata = copy.deepcopy(notebook.metadata)  # the kernel adds its versions
    client = nbclient.NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(ROOT)}},
    )
    client.execute(env=environment)
    notebook.metadata = metadata
    with replacing(folder / path.name) as temporary:
        nbformat.write(notebook, temporary)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "notebooks")
    parser.add_argument("notebooks", nargs="*", type=Path)
    given = parser.parse_args(arguments)
    folder = writable_folder(given.out)
    with tempfile.TemporaryDirectory() as fonts:  # an older list of fonts would be complained about
        environment = {**os.environ, "MPLBACKEND": INLINE, "MPLCONFIGDIR": fonts}
        for path in given.notebooks or sorted((ROOT / "notebooks").glob("*.ipynb")):
            print(f"{path.name} ...", file=sys.stderr, flush=True)
            try:
                run(path, folder, environment)
            except nbclient.exceptions.CellExecutionError as error:
                print(f"{path.name}: {error}", file=sys.stderr)
                return 1
            print(folder / path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
