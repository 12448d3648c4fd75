"""How the site is built; `make docs` calls Sphinx with it. Nothing comes from a network."""

import sys
from pathlib import Path

from sphinx_gallery.sorting import ExplicitOrder, FileNameSortKey

import amcspice

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import gallery_figures
import generated_pages

project = "amcspice"
author = "the amcspice authors"
copyright = "the amcspice authors, GPL-3.0-or-later"
version = release = amcspice.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "docstrings",
    "generated_pages",
    "mathml",
    "top_files",
]
source_suffix = {
    ".rst": "restructuredtext",
    ".md": "myst-nb",
    ".myst": "myst-nb",
    ".ipynb": "myst-nb",
}
exclude_patterns = ["_build", "**/.ipynb_checkpoints", "gallery/**/*.ipynb"]
templates_path = ["_templates"]
suppress_warnings = ["config.cache"]  # the order of the gallery is an object

# Two hyphens are an option, not a dash.
smartquotes = False
html_math_renderer = "mathml"

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 4
nb_execution_mode = "auto"  # what holds no output yet
nb_execution_excludepatterns = ["notebooks/*.ipynb"]  # they hold theirs, which a test repeats
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

default_role = "py:obj"
autosummary_generate = True
autosummary_filename_map = generated_pages.file_names()
autosummary_context = {"with_figures_of_its_base": ("Run", "Trials")}
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "subsection_order": ExplicitOrder(
        [f"../examples/gallery/{name}" for name in ("circuits", "parts", "design", "systems")]
    ),
    "within_subsection_order": FileNameSortKey,
    "image_scrapers": (gallery_figures.scrape,),
    "capture_repr": (),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "write_computation_times": False,
    "backreferences_dir": None,
    "copyfile_regex": r".*\.(npy|csv|lib|toml)",
}

html_theme = "pydata_sphinx_theme"
html_title = "amcspice"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": []}
html_context = {"default_mode": "auto"}  # light or dark as the reader's system is
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
