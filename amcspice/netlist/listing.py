"""Listings: decks that explain themselves and measure themselves in plain ``ngspice -b``.

A listing is a deck with a comment block below its title and a ``.control`` block at its end.
``.meas`` cards cannot do the measuring, because none may use the result of another; vector
algebra can.  What is particular in it was found by running ngspice 39 and 46:

- ``quit 0`` ends with exit code 0 on both; without it 39 ends with 1 after a run that succeeded.
- A failed ``run`` does not stop the block: the time that was reached tells.
- ``print`` gives all digits, ``echo $&vector`` six; ``gt`` and ``le``, because ``>`` redirects.
- ``quit`` prevents the raw file of ``-r``: `amcspice simulate` leaves the block out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from amcspice.circuit.base import Array, Circuit
from amcspice.device import Mapping, OpAmp, Wire
from amcspice.errors import counted
from amcspice.netlist.deck import Deck
from amcspice.netlist.testbench import Transient

__all__ = ["WINDOW_LINE", "plain_command", "write_listing"]

LARGEST_MATRIX_SHOWN = 64
"""Entries of a matrix that is written into the header."""

WINDOW_LINE = "each b is applied for "
"""Words before the length of a window in the header: a reader learns where the input steps are."""

SMALLEST_SCALE = 1e-3
"""Volts: the settling band is never narrower than the tolerance times this."""


def write_listing(
    circuit: Circuit,
    vectors: Array,
    deck: Deck,
    transient: Transient,
    *,
    volts_per_unit: float,
    settle_tolerance: float,
) -> str:
    """Return the text of a deck that plain ``ngspice -b`` runs and measures.

    Parameters
    ----------
    circuit : Circuit
    vectors : ndarray, shape (K, m)
        Right-hand sides that the deck streams.
    deck : Deck
        Result of `write_deck`; the solution nodes are among those it saves.
    transient : Transient
        Windows of the deck.
    volts_per_unit : float
        Volts for one unit of the column-scaled solution.
    settle_tolerance : float
        Half-width of the settling band, as a fraction of the largest final value.
    """
    title, _, rest = deck.text.partition("\n")
    body = rest.removesuffix(".end\n")
    header = _header(circuit, vectors, transient, volts_per_unit, settle_tolerance)
    control = _control(circuit, deck, transient, len(vectors), volts_per_unit, settle_tolerance)
    comments = "".join(f"* {line}".rstrip() + "\n" for line in header)
    return f"{title}\n{comments}{body}" + "\n".join([*control, ".end"]) + "\n"


def _header(
    circuit: Circuit, vectors: Array, transient: Transient, volts: float, tolerance: float
) -> Iterator[str]:
    mapping, schematic = circuit.mapping, circuit.schematic
    m, n = circuit.matrix.shape
    yield ""
    yield f"Circuit {circuit.name}: A is {m} x {n}, {len(vectors)} right-hand side(s) b of {m}."
    yield f"It finds {circuit.objective}."
    yield f"{counted(circuit.amplifier_count, 'amplifier')}, {counted(schematic.cells, 'cell')}."
    yield from _amplifier(circuit.opamp)
    yield from _line_capacitance(circuit.wire)
    yield ""
    yield f"Conductance    G = A * {mapping.scale!r} S{_scaled(mapping)}"
    for array in circuit.predistortions:
        yield (
            f"               corrected for wires in {array.kept} step(s), predicted error "
            f"{array.wires[0]:.3g} -> {array.wires[array.kept]:.3g}"
        )
    if circuit.beside_cells:
        yield f"Resistors      {circuit.beside_cells}"
    yield f"Solution       1 unit of x is {volts!r} V at the nodes {_names(circuit)}:"
    yield f"               x_j = v(xj) / {volts!r}{_unscaled(circuit.output_scale)}"
    gain, unit = np.abs(schematic.input_gain).max(), "V" if schematic.driven else "A"
    yield f"Input          1 unit of b is {float(gain) * volts!r} {unit}"
    yield f"Time           {WINDOW_LINE}{transient.window!r} s, one after the other"
    yield ""
    yield f"Run it with:  {plain_command(circuit.opamp)} FILE"
    yield "For each right-hand side it prints"
    yield "  volt_j         voltage of output j at the end of its window [V]"
    yield "  x_j            the solution in units of the problem"
    yield "  settling_time  from the input step until every output stays within"
    yield f"                 {tolerance:g} of the largest final voltage [s]"
    yield "  supply_power   delivered by both supplies at the end of the window [W]"
    if circuit.matrix.size <= LARGEST_MATRIX_SHOWN:
        yield ""
        for label, rows in (("A =", circuit.matrix), ("b =", vectors)):
            yield label
            yield from (" ".join(f"{value:10.6g}" for value in row) for row in rows.tolist())
    yield ""


def plain_command(opamp: OpAmp) -> str:
    """Return the command that runs a listing, without the file."""
    compat = None if opamp.subcircuit is None else opamp.subcircuit.compat
    return "ngspice -b" if compat is None else f"ngspice -D ngbehavior={compat} -b"


def _amplifier(opamp: OpAmp) -> Iterator[str]:
    slew = "no slew limit" if opamp.slew_rate is None else f"slew rate {opamp.slew_rate:g} V/s"
    subcircuit = opamp.subcircuit
    if subcircuit is not None:
        yield f"Amplifier: sub-circuit {subcircuit.name}, described by its macro-model:"
        if subcircuit.supply_share != 1:
            yield (
                f"  (its supply pins give {subcircuit.supply_share:.0%} of its output current, so "
                "supply_power lacks the rest)"
            )
    yield (
        f"Amplifier: gain {opamp.gain:g}, GBW {opamp.gbw:g} Hz, {slew}, output from "
        f"{opamp.lowest_output:g} to {opamp.highest_output:g} V; the rest is on the X lines."
    )


def _line_capacitance(wire: Wire) -> Iterator[str]:
    row, column = wire.row_capacitance, wire.column_capacitance
    if row is not None or column is not None:
        where = "at its end" if wire.capacitance == "lumped" else "distributed"
        yield (
            f"Lines to ground, a crossing: word {row or 0.0:g} F, bit {column or 0.0:g} F; that "
            f"of a line stands {where} (the Cline cards)."
        )


def _names(circuit: Circuit) -> str:
    outputs = _outputs(circuit)
    return outputs[0] if len(outputs) == 1 else f"{outputs[0]} to {outputs[-1]}"


def _outputs(circuit: Circuit) -> list[str]:
    schematic = circuit.schematic
    return [schematic.network.names[node] for node in schematic.outputs]


def _scaled(mapping: Mapping) -> str:
    scales = {"columns": mapping.column_scale, "rows": mapping.row_scale}
    lines = [name for name, scale in scales.items() if not np.all(scale == 1)]
    return "".join(f", {name} scaled to the full range" for name in lines)


def _unscaled(output_scale: Array) -> str:
    if np.allclose(np.abs(output_scale), 1, rtol=1e-9):
        return "" if output_scale.min() > 0 else " * (sign of output j)"
    return " * (scale of column j)"


def _control(
    circuit: Circuit,
    deck: Deck,
    transient: Transient,
    count: int,
    volts: float,
    tolerance: float,
) -> Iterator[str]:
    outputs, opamp, edge = _outputs(circuit), circuit.opamp, 1e-9 * transient.window
    yield from (
        ".control",
        "set numdgt=12",
        f"let stop_time = {deck.stop_time!r}",
        "let reached = -1",
        "run",
        "let reached = time[length(time)-1]",
        "if reached lt stop_time*(1-1e-9)",
        "  echo the transient did not reach its stop time",
        "  quit 1",
        "end",
        "let index = vector(length(time))",
        f"let power = -({opamp.supply_positive!r}*i(vvdd) + {opamp.supply_negative!r}*i(vvss))",
        "let rhs = 0",
        f"while rhs lt {count}",
        "  echo",
        f"  echo right-hand side $&rhs of {count}",
        f"  let start = rhs*{transient.window!r}",
        f"  let end_time = start + {transient.window!r}",
        f"  let inside = (time ge start-{edge!r})*(time le end_time+{edge!r})",
        "  let last = vecmax(inside*index)",
        "* distance: of the output that is farthest from its final value",
        "  let distance = 0*time",
        "  let peak = 0",
    )
    # `foreach` over the names; continuation lines are not understood inside .control.
    yield f"  foreach node {' '.join(outputs)}"
    yield from (
        "    let away = abs(v($node) - v($node)[last])",
        "    let distance = (distance + away + abs(distance - away))/2",
        "    let size = abs(v($node)[last])",
        "    let peak = (peak + size + abs(peak - size))/2",
        "  end",
        f"  let band = {tolerance!r}*(peak + {SMALLEST_SCALE!r} + "
        f"abs(peak - {SMALLEST_SCALE!r}))/2",
    )
    scale = circuit.output_scale / volts
    for index, name in enumerate(outputs):
        yield f"  let volt_{index} = v({name})[last]"
    if circuit.rail_limited:  # only the direction is a result
        yield "  let square = 0"
        yield from (
            f"  let square = square + ({factor!r}*volt_{index})^2"
            for index, factor in enumerate(scale.tolist())
        )
    length = "/sqrt(square)" if circuit.rail_limited else ""
    for index, factor in enumerate(scale.tolist()):
        yield f"  let x_{index} = volt_{index}*{factor!r}{length}"
    for prefix in ("volt", "x"):
        yield from (f"  print {prefix}_{index}" for index in range(len(outputs)))
    yield from _settling(transient)
    yield from (
        "  let supply_power = power[last]",
        "  print supply_power",
        "  let rhs = rhs + 1",
        "end",
        "quit 0",
        ".endc",
    )


def _settling(transient: Transient) -> Iterator[str]:
    """Measure as `amcspice.measure.measure_settling` does; the tail is exponential."""
    yield from (
        f"  let tail = inside*(time ge end_time-{0.1 * transient.window!r})",
        "  let moving = vecmax(tail*distance)",
        "  let outside = inside*(distance gt band)",
        "  let ever_outside = vecmax(outside)",
        "  if moving gt band/10",
        '    echo "settling_time = not settled"',
        "  else",
        "    let settling_time = 0",
        "    if ever_outside gt 0",
        "      let from = vecmax(outside*index)",
        "      let before = distance[from]",
        "      let after = distance[from+1] + 1e-3*band",
        "      let part = ln(before/band)/ln(before/after)",
        "      let settling_time = time[from] - start + part*(time[from+1] - time[from])",
        "    end",
        "    print settling_time",
        "  end",
    )
