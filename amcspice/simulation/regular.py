"""Equations that floating-point numbers cannot solve are refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

from amcspice.errors import InputError

__all__ = ["regular"]


@contextlib.contextmanager
def regular() -> Iterator[None]:
    """Refuse a circuit whose equations are singular, or no numbers any more, by rounding."""
    try:
        with np.errstate(divide="raise", over="raise", invalid="raise"):
            yield
    except (np.linalg.LinAlgError, FloatingPointError, RuntimeError) as error:
        other = isinstance(error, RuntimeError) and "singular" not in str(error)
        if other:  # scipy's sparse factor is singular with a plain RuntimeError
            raise
        raise InputError(
            "the equations of the circuit cannot be solved in floating-point numbers: its "
            "conductances, resistances or gains lie too far apart; look for a value of an unusual "
            "size"
        ) from None
