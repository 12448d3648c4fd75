"""Write netlists/<circuit>.cir: one small deck a circuit that plain ``ngspice -b`` runs.

``--check`` writes nothing, tells which files differ, and ends with exit code 1 if any does.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

import amcspice as amc
from amcspice.files import replacing
from amcspice.simulation.standalone import StandaloneDeck, standalone_deck

FOLDER = Path(__file__).resolve().parents[1] / "netlists"
SEED = 2024


def problem_of(name):
    """Return problem, A and b for a circuit; b has two columns."""
    problems = amc.CIRCUITS[name].problems
    draw = np.random.default_rng(SEED)
    if {"nnls", "lstsq"} & set(problems):
        A = draw.random((6, 3)).round(2)
        # The last entry of x is negative: a non-negative answer must hold it at zero.
        b = A @ np.array([[0.8, 0.2], [0.5, 0.9], [-0.4, -0.1]])
        return ("nnls" if "nnls" in problems else "lstsq"), A, b.round(3)
    if problems == ("lasso",):
        A = draw.normal(size=(4, 6)).round(2)
        return "lasso", A, (A[:, [1, 4]] @ [[0.8, -0.5], [-0.4, 0.0]]).round(3)
    A = draw.random((4, 4)).round(2) + 2 * np.eye(4)
    if problems == ("eig",):
        return "eig", (A + A.T) / 2, draw.random((4, 1)).round(2)
    if amc.CIRCUITS[name].signed:
        A = A - np.triu(A, 1)[:, ::-1]
    return problems[0], A.round(2), draw.random((4, 2)).round(2)


def circuit_of(name):
    """Return the circuit, with wires; every parameter is written out in its deck."""
    problem, A, _ = problem_of(name)
    more = {"switches": amc.Switches(on=10.0)} if name.startswith("macro") else {}
    if problem == "lasso":
        more = {"lasso": 0.1}
    return amc.make_circuit(
        problem,
        A,
        circuit=name,
        wire=amc.Wire(row=1.0, column=1.5),
        opamp=amc.OpAmp.preset("ideal", slew_rate=500e6, quiescent_current=1e-3),
        **more,
    )


def deck_of(name) -> StandaloneDeck:
    """Return the deck of a circuit."""
    return standalone_deck(circuit_of(name), problem_of(name)[2])


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args(arguments).check
    stale = [path.name for path in FOLDER.glob("*.cir") if path.stem not in amc.CIRCUITS]
    for name in amc.CIRCUITS:
        path, text = FOLDER / f"{name}.cir", deck_of(name).text
        if path.is_file() and path.read_text() == text:
            continue
        stale.append(path.name)
        if not check:
            with replacing(path) as temporary:
                temporary.write_text(text)
    if stale:
        print(f"{'differ' if check else 'written or without a circuit'}: {', '.join(stale)}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
