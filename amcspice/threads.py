"""One thread for linear algebra.

Matrices of circuits are small, and there are many of them: threads of BLAS wait for one another
longer than they work, and on a busy machine several times as long.  One thread also gives the same
bits in every process.
"""

from __future__ import annotations

import functools
import sys
from contextlib import AbstractContextManager
from typing import Any

from threadpoolctl import ThreadpoolController

__all__ = ["one_thread"]


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which BLAS takes one thread; afterwards it takes as many as before.

    Looking for the libraries takes longer than small circuits, so it is done anew only where
    modules have been imported since, which may have brought their own.
    """
    limit: AbstractContextManager[Any] = _controller(len(sys.modules)).limit(limits=1)
    return limit


@functools.lru_cache(maxsize=1)
def _controller(_modules: int) -> ThreadpoolController:
    return ThreadpoolController()
