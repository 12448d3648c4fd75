"""The rest (equilibrium) that a circuit's behavioural equations come to, without time."""

from __future__ import annotations

from amcspice.engine.dc.rest import Rest
from amcspice.engine.dc.solver import RestSolver

__all__ = ["Rest", "RestSolver"]
