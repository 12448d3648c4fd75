"""Benchmarks: what amcspice does and what its peers do, timed side by side in one run.

Each comparison is a short module that yields rows; a row holds both medians, how far the
answers are apart, and whether that is close enough.  Ratios carry over to another machine,
seconds do not.
"""

from amcspice.bench.registry import COMPARISONS, Comparison, choose, measure
from amcspice.bench.report import Series, growth, highlights, markdown, sentence
from amcspice.bench.row import NotRun, Row, read_rows, write_rows

__all__ = [
    "COMPARISONS",
    "Comparison",
    "NotRun",
    "Row",
    "Series",
    "choose",
    "growth",
    "highlights",
    "markdown",
    "measure",
    "read_rows",
    "sentence",
    "write_rows",
]
