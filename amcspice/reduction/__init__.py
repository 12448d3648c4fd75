"""Exact reduction of linear networks to their ports, and products of one wired crossbar."""

from amcspice.reduction.mvm import CrossbarState, WiredCrossbar
from amcspice.reduction.ports import PortModel, reduce_to_ports

__all__ = ["CrossbarState", "PortModel", "WiredCrossbar", "reduce_to_ports"]
