"""Devices: memristors, wires, amplifiers, and the mapping from matrix to conductance."""

from amcspice.device.cell_circuit import CellModel, LiveCells
from amcspice.device.cell_model import Cell
from amcspice.device.cell_table import CellTable
from amcspice.device.cells import WriteErrors
from amcspice.device.converter import ADC, DAC
from amcspice.device.hardware import PARTS, Hardware, part_kinds, split_hardware
from amcspice.device.mapping import LargestEntry, Mapping, Predistortion, map_matrix
from amcspice.device.measured import MeasuredArray
from amcspice.device.memristor import DEVICES, Memristor, as_cell, cell
from amcspice.device.opamp import PINS, PRESETS, Compatibility, OpAmp, Subcircuit
from amcspice.device.programmable import ProgrammableCell
from amcspice.device.published import PUBLISHED, PublishedCell
from amcspice.device.schedule import WriteVerify
from amcspice.device.spread import nominal, spread
from amcspice.device.switching import SwitchingCell
from amcspice.device.wire import Wire

__all__ = [
    "ADC",
    "DAC",
    "DEVICES",
    "PARTS",
    "PINS",
    "PRESETS",
    "PUBLISHED",
    "Cell",
    "CellModel",
    "CellTable",
    "Compatibility",
    "Hardware",
    "LargestEntry",
    "LiveCells",
    "Mapping",
    "MeasuredArray",
    "Memristor",
    "OpAmp",
    "Predistortion",
    "ProgrammableCell",
    "PublishedCell",
    "Subcircuit",
    "SwitchingCell",
    "Wire",
    "WriteErrors",
    "WriteVerify",
    "as_cell",
    "cell",
    "map_matrix",
    "nominal",
    "part_kinds",
    "split_hardware",
    "spread",
]
