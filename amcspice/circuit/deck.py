"""Deck text: what a simulator reads, made from a schematic and a stimulus.

Text comes straight from arrays; numbers are plain SI floats with full digits, because unit
suffixes mean different things to different simulators.  The same parameters give the same text
byte for byte.
"""

from __future__ import annotations

import functools
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import numpy as np

from amcspice.circuit.base import Amplifiers, Array
from amcspice.circuit.network import Network, Nodes
from amcspice.circuit.noise import excess_source, noise_sources
from amcspice.device import Memristor, OpAmp

__all__ = ["SUPPLIES", "Deck", "Stimulus", "Transient", "model_library", "write_deck"]

SUPPLIES = ("vvdd#branch", "vvss#branch")
"""Names of the supply currents in a simulator's result [A], positive into the source."""


@dataclass(frozen=True)
class Transient:
    """How the right-hand sides are streamed through one transient.

    Parameters
    ----------
    window : float
        Time given to each right-hand side [s].
    max_step : float
        Largest time step [s].
    rise : float
        Duration of each input step [s].
    relative_tolerance : float
        ``reltol`` of the simulator.
    solver : {"sparse", "klu"}
        Matrix solver.
    """

    window: float
    max_step: float
    rise: float
    relative_tolerance: float = 1e-4
    solver: str = "sparse"

    def with_changes(
        self,
        *,
        window: float | None = None,
        max_step: float | None = None,
        solver: str | None = None,
    ) -> Transient:
        """Return a copy with what is given changed; the step follows a changed window."""
        changed = self
        if window is not None:
            step = self.max_step * window / self.window
            changed = replace(changed, window=window, max_step=step)
        if max_step is not None:
            changed = replace(changed, max_step=max_step)
        if solver is not None:
            changed = replace(changed, solver=solver)
        return changed

    @property
    def options(self) -> str:
        """Simulator options as they stand in the deck."""
        solver = " klu" if self.solver == "klu" else ""
        return (
            f"reltol={self.relative_tolerance:g} abstol=1e-12 vntol=1e-6 chgtol=1e-16 "
            f"method=trap xmu=0.49{solver}"
        )


@dataclass(frozen=True, eq=False)
class Stimulus:
    """Currents injected into nodes, one row a right-hand side.

    Parameters
    ----------
    nodes : ndarray of int, shape (p,)
        Node of each current.
    currents : ndarray, shape (K, p)
        Injected into the node [A].
    windows : ndarray, shape (K,), optional
        Time given to each right-hand side [s]; None is that of the transient.
    """

    nodes: Nodes
    currents: Array
    windows: Array | None = None

    def edges(self, transient: Transient) -> Array:
        """Return the times of the input steps and the end, shape (K + 1,) [s]."""
        count = len(self.currents)
        windows = np.full(count, transient.window) if self.windows is None else self.windows
        return np.append(0.0, np.cumsum(windows))


@dataclass(frozen=True)
class Deck:
    """A complete deck.

    Parameters
    ----------
    text : str
        As the simulator reads it.
    saved : tuple of str
        Vectors that the result must hold: node names and ``SUPPLIES``.
    stop_time : float
        Last time of the transient [s].
    """

    text: str
    saved: tuple[str, ...]
    stop_time: float

    @property
    def sha256(self) -> str:
        """Hash of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@functools.cache
def model_library(name: str = "opamp") -> str:
    """Return the text of ``models/<name>.lib``."""
    packaged = resources.files("amcspice") / "models" / f"{name}.lib"
    if packaged.is_file():
        return packaged.read_text()
    return (Path(__file__).parents[2] / "models" / f"{name}.lib").read_text()


def write_deck(
    title: str,
    network: Network,
    amplifiers: tuple[Amplifiers, ...],
    opamp: OpAmp,
    stimulus: Stimulus,
    transient: Transient,
    save: Nodes,
    device: Memristor | None = None,
) -> Deck:
    """Return the deck of one streamed transient.

    Parameters
    ----------
    title : str
        First line.
    network : Network
        All conductances, flat or reduced to the ports.
    amplifiers : tuple of Amplifiers
        Banks whose pins are nodes of the network.
    opamp : OpAmp
        Parameters of every amplifier.
    stimulus : Stimulus
        Injected currents.
    transient : Transient
        Windows and accuracy.
    save : ndarray of int
        Nodes whose voltages are kept.
    device : Memristor, optional
        Its current-voltage curve and its noise in time; None is linear cells without noise.
    """
    saved = tuple(network.names[node] for node in save)
    stop = float(stimulus.edges(transient)[-1])
    lines = [
        f"* {title}",
        model_library().rstrip(),
        f"Vvdd vdd 0 {_number(opamp.supply_positive)}",
        f"Vvss vss 0 {_number(opamp.supply_negative)}",
        *_resistors(network),
        *_excess(network, device),
        *_noise(network, device, stimulus, stop),
        *_amplifiers(network, amplifiers, opamp),
        *_sources(network, stimulus, transient),
        f".options {transient.options}",
        *_folded(".save", [f"v({name})" for name in saved] + ["i(vvdd)", "i(vvss)"]),
        f".tran {_number(transient.max_step)} {_number(stop)} 0 {_number(transient.max_step)} uic",
        ".end",
    ]
    return Deck(text="\n".join(lines) + "\n", saved=saved + SUPPLIES, stop_time=stop)


def opamp_parameters(opamp: OpAmp) -> tuple[str, str]:
    """Return the sub-circuit name and the parameter text of an amplifier."""
    values = {
        "a0": opamp.gain,
        "gbw": opamp.gbw,
        "slew": opamp.slew_rate,
        "vos": opamp.offset or None,
        "ib": opamp.bias_current or None,
        "rin": opamp.input_resistance,
        "cin": opamp.input_capacitance or None,
        "rout": opamp.output_resistance,
        "ilim": opamp.output_current_limit,
        "iq": opamp.quiescent_current or None,
        "hi": opamp.headroom_positive or None,
        "lo": opamp.headroom_negative or None,
        "f2": opamp.second_pole,
    }
    text = " ".join(f"{key}={_number(value)}" for key, value in values.items() if value is not None)
    return ("amc_opamp" if opamp.second_pole is None else "amc_opamp_2p"), text


def rectifier_parameters(opamp: OpAmp, hold: float) -> str:
    """Return the parameter text of the output stage that holds the summing node."""
    values = {
        "ghold": hold,
        "rout": opamp.output_resistance,
        "ilim": opamp.output_current_limit,
    }
    return " ".join(f"{key}={_number(value)}" for key, value in values.items() if value is not None)


def _number(value: float) -> str:
    return repr(float(value))


def _resistors(network: Network) -> Iterator[str]:
    a, b, conductance = network.elements
    names = network.names
    for index, (at, to, ohm) in enumerate(
        zip(a.tolist(), b.tolist(), (1 / conductance).tolist(), strict=True)
    ):
        yield f"R{index} {names[at]} {names[to]} {ohm!r}"


def _excess(network: Network, device: Memristor | None) -> Iterator[str]:
    """Yield what cells carry beyond their resistors."""
    if device is None or device.linear:
        return
    a, b, conductance = (column.tolist() for column in network.elements)
    names = network.names
    for index in np.flatnonzero(network.are_cells).tolist():
        yield excess_source(index, names[a[index]], names[b[index]], conductance[index], device)


def _noise(
    network: Network, device: Memristor | None, stimulus: Stimulus, stop: float
) -> Iterator[str]:
    """Yield the noise of cells and network; each set of inputs meets noise of its own."""
    if device is None or device.noise_bandwidth is None:
        return
    stream = zlib.crc32(np.ascontiguousarray(stimulus.currents).tobytes())
    for head, waveform in noise_sources(network, device, stop, stream):
        points = [f"{at!r} {value!r}" for at, value in waveform]
        yield from _folded(f"{head} PWL(", [*points, ")"])


def _amplifiers(
    network: Network, amplifiers: tuple[Amplifiers, ...], opamp: OpAmp
) -> Iterator[str]:
    model, values = opamp_parameters(opamp)
    names = network.names
    for bank in amplifiers:
        negative = "0" if bank.floor_at_ground else "vss"
        for index, pins in enumerate(zip(bank.plus, bank.minus, bank.out, strict=True)):
            plus, minus, out = (names[pin] for pin in pins)
            label = f"{bank.name}{index}"
            stage = f"y_{out}" if bank.hold is not None else out
            yield f"X{label} {plus} {minus} {stage} vdd {negative} {model} {values}"
            if bank.hold is not None:
                rectifier = rectifier_parameters(opamp, bank.hold)
                yield f"Xh{label} {stage} {minus} {out} vdd {negative} amc_rectifier {rectifier}"


def _sources(network: Network, stimulus: Stimulus, transient: Transient) -> Iterator[str]:
    edges = stimulus.edges(transient)
    times = np.stack([edges[:-1] + transient.rise, edges[1:]], axis=1)
    for node, values in zip(stimulus.nodes, stimulus.currents.T, strict=True):
        if not values.any():
            continue
        name = network.names[node]
        points = ["0 0"]
        for (risen, end), value in zip(times.tolist(), values.tolist(), strict=True):
            points += [f"{risen!r} {value!r}", f"{end!r} {value!r}"]
        yield from _folded(f"I{name} 0 {name} PWL(", [*points, ")"])


def _folded(head: str, words: list[str], per_line: int = 6) -> Iterator[str]:
    yield head
    for first in range(0, len(words), per_line):
        yield "+ " + " ".join(words[first : first + per_line])
