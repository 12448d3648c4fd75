"""Run every notebook in notebooks/ and write copies with their output to a folder.

The notebooks themselves are kept without output.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import nbclient
import nbformat

from amcspice.files import replacing, writable_folder

INLINE = "module://matplotlib_inline.backend_inline"
"""Pictures go into the notebook, whatever the environment asks for."""

ROOT = Path(__file__).resolve().parents[1]


def run(path, folder):
    """Run one notebook and return the copy, as an object; it is written even if a cell fails."""
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    )
    try:
        client.execute(env={**os.environ, "MPLBACKEND": INLINE})
    finally:
        with replacing(folder / path.name) as temporary:
            nbformat.write(notebook, temporary)
    return notebook


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "notebooks")
    parser.add_argument("notebooks", nargs="*", type=Path)
    given = parser.parse_args(arguments)
    folder = writable_folder(given.out)
    for path in given.notebooks or sorted((ROOT / "notebooks").glob("*.ipynb")):
        print(f"{path.name} ...", file=sys.stderr, flush=True)
        try:
            run(path, folder)
        except nbclient.exceptions.CellExecutionError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            return 1
        print(folder / path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
