from .interior import Interior as Interior
from .mvm import CrossbarState, WiredCrossbar
from .ports import PortModel, reduce_to_ports

__all__ = ["CrossbarState", "PortModel", "WiredCrossbar", "reduce_to_ports"]
