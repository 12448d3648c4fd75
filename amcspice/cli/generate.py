"""``amcspice generate``: a complete deck of a circuit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from amcspice.circuit import CIRCUITS
from amcspice.cli.common import Settings, shared_options
from amcspice.cli.output import check_target
from amcspice.cli.parameter_options import GroupedCommand
from amcspice.errors import InputError, counted
from amcspice.files import replacing
from amcspice.netlist.listing import plain_command
from amcspice.simulation.standalone import standalone_deck
from amcspice.workload.matrix_file import read_matrix

__all__ = ["generate"]

LARGEST_FLAT = 1024
"""Cells that a deck holds one by one without being asked: ngspice takes seconds for them."""

_OF_A_RUN = {
    "simulator": "whoever runs the deck chooses it",
    "timeout": "whoever runs the deck limits it",
    "amplifiers": "a deck of its own measures its supplies, so it holds sub-circuits",
    "jobs": "a deck is one process",
    "verify": "nothing is run",
    "verify_fidelity": "nothing is run",
    "verify_limit": "nothing is run",
}
"""Options that all commands on circuits take and a deck has no place for."""


@click.command(
    cls=GroupedCommand,
    epilog="Example: amcspice generate ginv-compact --problem nnls --matrix A.csv --rhs b.csv "
    "--out deck.cir && ngspice -b deck.cir",
)
@click.argument("topology", metavar="CIRCUIT")
@click.option("--problem", metavar="NAME", help="Such as nnls [default: first of the circuit].")
@click.option(
    "--matrix", required=True, metavar="FILE", help="A: .npy, .npz, .csv, .txt, .mtx or .mat."
)
@click.option("--rhs", required=True, metavar="FILE", help="b; each column is streamed in turn.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The deck."
)
@shared_options
def generate(
    topology: str, problem: str | None, matrix: str, rhs: str, out: Path, settings: Settings
) -> None:
    """Write a deck that plain ngspice runs and measures by itself.

    The models are in it; its header says how to read the solution.  Decks of up to 1024 cells hold
    every cell, unless --fidelity says otherwise; larger ones, and --fidelity reduced, hold the
    network reduced exactly to its ports.
    """
    _refuse_ignored(settings)
    if topology not in CIRCUITS:
        raise InputError(f"unknown circuit {topology!r}; choose from {', '.join(CIRCUITS)}")
    if settings.circuit not in (None, topology):
        raise InputError("--circuit: the circuit is the argument of generate; leave the option out")
    check_target(out)
    chosen = {**settings.given, "circuit": topology}
    settings = replace(settings, circuit=topology, given=chosen)
    problem = problem or CIRCUITS[topology].problems[0]
    circuit = settings.make_circuit(problem, read_matrix(matrix))
    if "fidelity" not in settings.given and circuit.schematic.cells <= LARGEST_FLAT:
        settings = replace(settings, analysis=replace(settings.analysis, fidelity="flat"))
    deck = standalone_deck(circuit, read_matrix(rhs), settings.analysis)
    settings.write_config(problem=problem, matrix=matrix, rhs=rhs)
    with replacing(out) as temporary:
        temporary.write_text(deck.text)
    m, n = circuit.matrix.shape
    if str(settings.json) != "-":
        click.echo(
            f"{out}: {topology} {m}x{n} for {problem}, {settings.analysis.fidelity}, "
            f"{counted(deck.count, 'right-hand side')}, {deck.volts_per_unit:.4g} V a unit of x\n"
            f"run it: {plain_command(circuit.opamp)} {out}"
        )
    settings.write_json(
        {
            "circuit": topology,
            "problem": problem,
            "fidelity": settings.analysis.fidelity,
            "shape": [m, n],
            "right_hand_sides": deck.count,
            "deck": out,
            "deck_sha256": deck.sha256,
            "volts_per_unit": deck.volts_per_unit,
            "siemens_per_unit": circuit.mapping.scale,
            "window_s": deck.transient.window,
            "amplifiers": circuit.amplifier_count,
            "cells": circuit.schematic.cells,
            "seed": settings.seed,
        }
    )


def _refuse_ignored(settings: Settings) -> None:
    """Refuse what would have no effect on the deck."""
    context = click.get_current_context()
    for name, why in _OF_A_RUN.items():
        typed = context.get_parameter_source(name) in (
            ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP,
        )  # fmt: skip
        if name == "amplifiers" and settings.analysis.amplifiers == "subcircuits":
            continue
        if typed or settings.given.get(name) is not None:
            raise InputError(f"--{name.replace('_', '-')}: {why}; leave it out")
