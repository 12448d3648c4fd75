"""Exact reduction of linear networks to their ports."""

from amcspice.reduction.ports import PortModel, reduce_to_ports

__all__ = ["PortModel", "reduce_to_ports"]
