"""The compiled part of amcspice, as built for this processor."""

from __future__ import annotations

import importlib

__all__ = ["compiled"]

compiled = importlib.import_module("amcspice.native.v4")
