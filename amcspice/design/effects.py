"""Effects: what makes the answer of a circuit differ from the ideal one.

Each of them can be left out of the hardware.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from amcspice.device import Cell, Hardware, Wire
from amcspice.device.selected_errors import (
    CELL_ERRORS,
    COMPENSATION,
    QUANTISATION,
    READING,
    WRITING,
    SelectedErrors,
)
from amcspice.errors import InputError

__all__ = ["EFFECTS", "HEADROOM", "Effects", "hardware_with", "occurring"]

Effects = frozenset[str]

IDEAL_GAIN = 1e10
"""Gain that leaves no error beside any other: of 1e-9 in arrays of a hundred lines."""

PROBE = 128
"""Lines of the array in which cells are tried."""

WIRES, GAIN, OFFSET, HEADROOM, CONVERTERS = "wires", "gain", "offset", "headroom", "converters"

EFFECTS: Mapping[str, str] = {
    QUANTISATION: "levels and smallest conductance of the cells of arrays",
    WRITING: "write noise, variation and stuck cells of arrays",
    READING: "drift, relaxation, temperature and read noise of cells of arrays",
    COMPENSATION: "all errors of the cells that make the totals of lines equal, or that none do",
    WIRES: "resistances of lines, drivers and terminations",
    GAIN: "finite gain of the amplifiers, its mismatch, input and output resistance",
    OFFSET: "offset voltages and bias currents",
    HEADROOM: "outputs that stop above ground where they should show zero",
    CONVERTERS: "rounding, offset and saturation of converters, and reading before the rest",
}
"""Every effect by its name, and what belongs to it."""


def _without_wires(hardware: Hardware) -> Hardware:
    return dataclasses.replace(hardware, wire=Wire())


def _without(**changes: float | None) -> Callable[[Hardware], Hardware]:
    def changed(hardware: Hardware) -> Hardware:
        return dataclasses.replace(hardware, opamp=hardware.opamp.changed(**changes))

    return changed


def _without_converters(hardware: Hardware) -> Hardware:
    return dataclasses.replace(hardware, dac=None, adc=None)


_REMOVE: Mapping[str, Callable[[Hardware], Hardware]] = {
    WIRES: _without_wires,
    GAIN: _without(gain=IDEAL_GAIN, gain_sigma=0.0, input_resistance=None),
    OFFSET: _without(offset=0.0, offset_sigma=0.0, bias_current=0.0),
    HEADROOM: _without(headroom_negative=0.0),
    CONVERTERS: _without_converters,
}


def hardware_with(hardware: Hardware, kept: Effects) -> Hardware:
    """Return hardware that has some effects only.

    Parameters
    ----------
    hardware : Hardware
    kept : frozenset of str
        Names of `EFFECTS`.
    """
    made = dataclasses.replace(hardware, device=SelectedErrors.of(hardware.device, kept))
    for name, remove in _REMOVE.items():
        if name not in kept:
            made = remove(made)
    return _matched(made)


def _matched(hardware: Hardware) -> Hardware:
    """Return hardware whose amplifiers are equal objects where nothing of them is drawn."""
    opamp = hardware.opamp
    if not opamp.matched or not opamp.mismatch_seed:
        return hardware
    return dataclasses.replace(hardware, opamp=dataclasses.replace(opamp, mismatch_seed=0))


def occurring(hardware: Hardware) -> tuple[str, ...]:
    """Return the effects that hardware has, in the order of `EFFECTS`.

    What cells do is found by trying some.
    """
    opamp, device = hardware.opamp, hardware.device
    cells = [name for name in CELL_ERRORS if _occurs(device, name)]
    if device.drawn and not {WRITING, READING} & {*cells}:  # what is rare may not have shown
        cells += [WRITING, READING]
    there = {
        **dict.fromkeys(cells, True),
        COMPENSATION: bool(cells),
        WIRES: hardware.wire.resistive,
        GAIN: True,
        OFFSET: bool(opamp.offset or opamp.offset_sigma or opamp.bias_current),
        HEADROOM: opamp.headroom_negative > 0,
        CONVERTERS: hardware.dac is not None or hardware.adc is not None,
    }
    return tuple(name for name in EFFECTS if there.get(name))


def _occurs(cells: Cell, error: str) -> bool:
    """Whether some conductances do not come out as they go in."""
    # On no grid that levels might have.
    target = cells.g_max * np.linspace(0.0, 1.0, PROBE**2).reshape(PROBE, -1) ** np.sqrt(2)
    with_it = SelectedErrors.of(cells, frozenset({error}))
    try:
        return not np.array_equal(with_it.program(target), target)
    except InputError:  # of cells that are known one by one, and fit another array
        return True
