"""Deck text: what a simulator reads, made from a schematic and a stimulus.

Text comes straight from arrays; numbers are plain SI floats with full digits, because unit
suffixes mean different things to different simulators.  The same parameters give the same text
byte for byte.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from amcspice.circuit.base import Amplifiers, Array
from amcspice.circuit.capacitance import Capacitors
from amcspice.circuit.network import Network
from amcspice.device import Cell, CellModel, Compatibility, OpAmp, Subcircuit
from amcspice.errors import UnsupportedError
from amcspice.netlist.core import Core
from amcspice.netlist.elements import held_stages, write_elements
from amcspice.netlist.instances import amplifier_library, instances, model_library
from amcspice.netlist.live_cells import CellInstances
from amcspice.netlist.noise import excess_source, noise_sources
from amcspice.netlist.testbench import Stimulus, Testbench, Transient

__all__ = ["SUPPLIES", "Deck", "Noise", "Stimulus", "Transient", "model_library", "write_deck"]

SUPPLIES = ("vvdd#branch", "vvss#branch")
"""Names of the supply currents in a simulator's result [A], positive into the source."""


SWITCHING = " itl4=300"
"""Iterations at a time point where cells may switch: the usual ten fail at their thresholds."""


@dataclass(frozen=True, eq=False)
class Noise:
    """Input noise voltages of the amplifiers of a deck, straight lines between samples.

    Parameters
    ----------
    step : float
        Time between samples [s].
    samples : ndarray, shape (k, N)
        Noise voltages of every amplifier, from t = 0 on [V].
    """

    step: float
    samples: Array


@dataclass(frozen=True)
class Deck:
    """A complete deck.

    Parameters
    ----------
    text : str
        Text as the simulator reads it.
    saved : tuple of str
        Vectors that the result must hold: node names, and ``SUPPLIES`` where there are any.
    stop_time : float
        Last time of the transient [s].
    compat : {"ps", "lt", "psa", "ltpsa"}, optional
        Whose syntax the sub-circuits of amplifier or cells have; the simulator must be told.
    cells : CellInstances, optional
        Cells that stand in it as sub-circuits.
    """

    text: str
    saved: tuple[str, ...]
    stop_time: float
    compat: Compatibility = None
    cells: CellInstances | None = None

    @property
    def sha256(self) -> str:
        """Hash of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def write_deck(
    title: str,
    testbench: Testbench,
    opamp: OpAmp,
    transient: Transient,
    device: Cell | None = None,
    noise: Noise | None = None,
    *,
    with_supplies: bool = True,
    core: Core | None = None,
) -> Deck:
    """Return the deck of one streamed transient.

    Parameters
    ----------
    title : str
        First line.
    testbench : Testbench
        The network with its amplifiers and sources; voltages of its ports are kept.
    opamp : OpAmp
        Parameters of every amplifier.
    transient : Transient
        Windows and accuracy.
    device : Cell, optional
        Its current-voltage curve and its noise in time, or its sub-circuit; None is linear cells
        without noise.
    noise : Noise, optional
        Noise in series with the non-inverting inputs; needs supplies.
    with_supplies : bool
        Amplifiers are sub-circuits on two supplies whose currents are kept.  Without them they
        are single elements, see `amcspice.netlist.elements`, and the nodes that their hold
        devices sink into are kept instead.
    core : Core, optional
        What the network of the testbench is, where outputs were eliminated from it; takes the
        place of supplies.

    Raises
    ------
    InputError
        If the file of a sub-circuit cannot be used.

    Notes
    -----
    Macro-models start from 0 V everywhere.  The inner nodes of a sub-circuit of transistors must
    not: with one, the transient starts from the operating point without input.  Cells that stand
    in the deck as sub-circuits start from their states in either case.
    """
    live = None if device is None else device.live
    network, amplifiers, stimulus = testbench.network, testbench.amplifiers, testbench.stimulus
    nodes = tuple(network.names[node] for node in testbench.ports)
    stop = float(stimulus.edges(transient)[-1])
    step = _number(transient.rise)
    if core is not None:
        head, lines_of = [], core.lines(amplifiers)
        saved = nodes + core.saved
        saving = [f"v({name})" for name in saved]
    elif with_supplies:
        step = _number(transient.max_step)
        supplies = [
            f"Vvdd vdd 0 {_number(opamp.supply_positive)}",
            f"Vvss vss 0 {_number(opamp.supply_negative)}",
        ]
        head = [amplifier_library(opamp), *supplies]
        lines_of = _amplifiers(network, amplifiers, opamp, noise)
        saved = nodes + SUPPLIES
        saving = [f"v({name})" for name in nodes] + ["i(vvdd)", "i(vvss)"]
    else:
        head, lines_of = [], write_elements(network, amplifiers, opamp)
        saved = nodes + held_stages(amplifiers)
        saving = [f"v({name})" for name in saved]
    cells = None if live is None else CellInstances.of(network, live)
    if cells is not None:
        more = tuple(name for name in cells.saved if name not in set(saved))
        saved, saving = saved + more, [*saving, *(f"v({name})" for name in more)]
    start = " uic" if opamp.subcircuit is None else ""
    lines = [
        f"* {title}",
        *head,
        *_resistors(network, with_cells=cells is None),
        *(cells.lines() if cells is not None else _excess(network, device)),
        *_capacitors(network, testbench.capacitors),
        *_noise(network, device, stimulus, stop),
        *lines_of,
        *_sources(network, stimulus, transient),
        f".options {transient.options}{'' if cells is None else SWITCHING}",
        *_folded(".save", saving),
        f".tran {step} {_number(stop)} 0 {_number(transient.max_step)}{start}",
        ".end",
    ]
    used = [opamp.subcircuit if with_supplies else None, None if live is None else live.model]
    return Deck("\n".join(lines) + "\n", saved, stop, _syntax(used), cells)


def _syntax(files: Iterable[Subcircuit | CellModel | None]) -> Compatibility:
    """Return whose syntax a deck has.

    Raises
    ------
    UnsupportedError
        If its libraries are written for different simulators: ngspice reads a deck in one way.
    """
    given: list[Compatibility] = [f.compat for f in files if f is not None and f.compat]
    if len(set(given)) > 1:
        raise UnsupportedError(
            f"the sub-circuits of amplifier and cells are of different syntax ({given[0]}, "
            f"{given[1]}), but ngspice reads a deck in one way: give both the same (compat)"
        )
    return given[0] if given else None


def _number(value: float) -> str:
    return repr(float(value))


def _resistors(network: Network, *, with_cells: bool) -> Iterator[str]:
    a, b, conductance = network.elements
    names, shown = network.names, (with_cells | ~network.are_cells).tolist()
    for index, (at, to, ohm) in enumerate(
        zip(a.tolist(), b.tolist(), (1 / conductance).tolist(), strict=True)
    ):
        if shown[index]:
            yield f"R{index} {names[at]} {names[to]} {ohm!r}"


def _excess(network: Network, device: Cell | None) -> Iterator[str]:
    """Yield what cells carry beyond their resistors."""
    if device is None or device.linear:
        return
    a, b, conductance = (column.tolist() for column in network.elements)
    names = network.names
    for index in np.flatnonzero(network.are_cells).tolist():
        yield excess_source(index, names[a[index]], names[b[index]], conductance[index], device)


def _capacitors(network: Network, capacitors: Capacitors) -> Iterator[str]:
    for node, farad in zip(*(part.tolist() for part in capacitors), strict=True):
        name = network.names[node]
        yield f"Cline_{name} {name} 0 {farad!r}"


def _noise(network: Network, device: Cell | None, stimulus: Stimulus, stop: float) -> Iterator[str]:
    """Yield the noise of cells and network; each set of inputs meets noise of its own."""
    if device is None or device.noise_bandwidth is None:
        return
    stream = zlib.crc32(np.ascontiguousarray(stimulus.currents).tobytes())
    for head, waveform in noise_sources(network, device, stop, stream):
        points = [f"{at!r} {value!r}" for at, value in waveform]
        yield from _folded(f"{head} PWL(", [*points, ")"])


def _amplifiers(
    network: Network, amplifiers: tuple[Amplifiers, ...], opamp: OpAmp, noise: Noise | None
) -> Iterator[str]:
    for instance in instances(network.names, amplifiers, opamp):
        nodes, label = instance.nodes, instance.label
        if instance.series:
            yield f"Vos_{label} os_{label} {nodes[0]} {_number(instance.series)}"
            nodes = (f"os_{label}", *nodes[1:])
        if noise is not None and instance.number is not None:
            yield from _noise_source(noise, instance.number, label, nodes[0])
            nodes = (f"n_{label}", *nodes[1:])
        values = "".join(f" {key}={_number(value)}" for key, value in instance.values.items())
        yield f"X{label} {' '.join(nodes)} {instance.model}{values}"


def _noise_source(noise: Noise, number: int, label: str, node: str) -> Iterator[str]:
    samples = noise.samples[number].tolist()
    words = [f"{k * noise.step!r} {value!r}" for k, value in enumerate(samples)]
    yield from _folded(f"Vn_{label} n_{label} {node} PWL(", [*words, ")"])


def _sources(network: Network, stimulus: Stimulus, transient: Transient) -> Iterator[str]:
    edges = stimulus.edges(transient)
    times = np.stack([edges[:-1] + transient.rise, edges[1:]], axis=1)
    driven = np.zeros(len(stimulus.nodes), bool)
    if stimulus.is_driven is not None:
        driven = stimulus.is_driven
    for node, values, is_voltage in zip(
        stimulus.nodes, stimulus.currents.T, driven.tolist(), strict=True
    ):
        if not (is_voltage or values.any()):
            continue
        name = network.names[node]
        head = f"Vin_{name} {name} 0" if is_voltage else f"I{name} 0 {name}"
        points = ["0 0"]
        for (risen, end), value in zip(times.tolist(), values.tolist(), strict=True):
            points += [f"{risen!r} {value!r}", f"{end!r} {value!r}"]
        yield from _folded(f"{head} PWL(", [*points, ")"])


def _folded(head: str, words: list[str], per_line: int = 6) -> Iterator[str]:
    yield head
    for first in range(0, len(words), per_line):
        yield "+ " + " ".join(words[first : first + per_line])
