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

from amcspice.native.offered import offered

__all__ = ["one_thread"]


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which BLAS takes one thread; afterwards it takes as many as before.

    Looking for the libraries takes longer than small circuits, so it is done anew only where
    something has been loaded since, which may have brought its own.
    """
    loaded = len(sys.modules), offered.cache_info().currsize
    limit: AbstractContextManager[Any] = _controller(loaded).limit(limits=1)
    return limit


@functools.lru_cache(maxsize=1)
def _controller(_loaded: tuple[int, int]) -> ThreadpoolController:
    return ThreadpoolController()
