"""Figures of the gallery: every Matplotlib figure that a script gives a name."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

__all__ = ["scrape"]


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Write the figures of a script that are not written yet, and return what shows them.

    Figures of amcspice know nothing of pyplot, so the scraper that comes along would miss them.
    """
    paths = []
    written = block_vars.setdefault("written_figures", set())
    for found in list(block_vars["example_globals"].values()):
        if isinstance(found, Figure) and id(found) not in written:
            written.add(id(found))
            path = block_vars["image_path_iterator"].next()
            found.savefig(path, dpi=150)
            paths.append(path)
    return figure_rst(paths, gallery_conf["src_dir"])
