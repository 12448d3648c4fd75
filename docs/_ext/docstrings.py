"""What docstrings and signatures need to be read as reStructuredText."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

__all__ = ["escape_bars"]


def escape_bars(
    app: Sphinx, what: str, name: str, found: Any, options: Any, lines: list[str]
) -> None:
    """Keep bars, as in |A x - b|, from being read as names of substitutions."""
    code = False
    for at, line in enumerate(lines):
        code = bool(line.strip()) and (code or line.lstrip().startswith(">>>"))
        if not code:
            parts = re.split(r"(``.*?``)", line)
            parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
            lines[at] = "".join(parts)


def skip_foreign(
    app: Sphinx, what: str, name: str, found: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out what scikit-learn adds to estimators, such as ``set_fit_request``."""
    return True if name.endswith("_request") else None


def name_defaults(
    app: Sphinx, what: str, name: str, found: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """Write a default that is an object of a class, ``Wire()``, as it would be typed."""
    if signature is None:
        return None
    return re.sub(r"<class '(?:[\w.]+\.)?(\w+)'>", r"\1()", signature), returns


def setup(app: Sphinx) -> dict[str, Any]:
    """Join autodoc, before numpydoc."""
    app.connect("autodoc-process-docstring", escape_bars, priority=400)
    app.connect("autodoc-process-signature", name_defaults)
    app.connect("autodoc-skip-member", skip_foreign)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
