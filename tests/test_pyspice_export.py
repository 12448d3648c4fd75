"""The PySpice export gives the solution of our own deck, through ngspice and through PySpice."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest

import amcspice as amc
from amcspice.engine import LinearModel, choose_transient
from amcspice.netlist import make_testbench, write_deck
from amcspice.reduction import reduce_to_ports


@pytest.fixture
def circuit():
    """Return a compact circuit that uses every element there is."""
    A = np.random.default_rng(1).random((5, 3))
    return amc.CompactGINV(
        A,
        constraint=amc.NonNegative(),
        wire=amc.Wire(row=1.0, column=1.5),
        opamp=amc.OpAmp.preset("ad823", second_pole=60e6, input_capacitance=1e-13),
        ridge=0.01,
        lasso=0.02,
    )


def transient_of(circuit):
    model = reduce_to_ports(circuit.schematic)
    linear = LinearModel.of(circuit, model)
    return choose_transient(circuit, linear, klu=False, flat=True), model


@pytest.mark.ngspice
@pytest.mark.parametrize("reduced", [False, True])
@pytest.mark.parametrize("count", [1, 2])
def test_same_solution_as_our_deck(circuit, batch, reduced, count):
    transient, model = transient_of(circuit)
    vectors = np.random.default_rng(2).random((count, 5))
    currents = circuit.schematic.currents(vectors, 0.7)
    testbench = make_testbench(circuit.schematic, currents, model if reduced else None)
    ours = write_deck("ours", testbench, circuit.opamp, transient)
    exported = amc.to_pyspice(
        circuit,
        vectors.T,
        volts_per_unit=0.7,
        model=model if reduced else None,
        transient=transient,
    )
    # Only what follows the elements is taken from our deck.
    cards = ours.text[ours.text.index(".options") :]
    theirs = batch.run_text(str(exported) + cards)[0][-1].vectors
    expected = batch.run(ours)
    for name in ("x0", "x1", "x2"):
        at = transient.window * (np.arange(count) + 1) - transient.max_step
        volts = np.interp(at, theirs["time"], theirs[name])
        np.testing.assert_allclose(
            volts, np.interp(at, expected["time"], expected[name]), rtol=0, atol=1e-9
        )


@pytest.mark.ngspice
def test_without_transient_the_input_stays(batch):
    A = np.array([[1.0, 0.2], [0.3, 0.8], [0.5, 0.5]])
    exported = amc.to_pyspice(amc.CompactGINV(A), A @ [0.5, 0.25])
    deck = f"{exported}.save v(x0) v(x1)\n.tran 1e-8 1e-6 0 1e-8 uic\n.end\n"
    voltages = batch.run_text(deck)[0][-1].vectors
    np.testing.assert_allclose([voltages["x0"][-1], voltages["x1"][-1]], [0.5, 0.25], atol=1e-4)


@pytest.mark.ngspice
def test_pyspice_simulates_it_itself():
    """In a process of its own: PySpice can load libngspice only once a process."""
    script = textwrap.dedent("""
        import warnings
        warnings.simplefilter("ignore")
        import numpy as np, amcspice as amc
        from amcspice.engine import find_installation
        from PySpice.Spice.NgSpice.Shared import NgSpiceShared
        found = find_installation()
        NgSpiceShared.LIBRARY_PATH = found.library
        A = np.array([[1.0, 0.2], [0.3, 0.8], [0.5, 0.5]])
        exported = amc.to_pyspice(amc.CompactGINV(A), A @ [0.5, 0.25])
        result = exported.simulator(simulator="ngspice-shared").transient(
            step_time=1e-8, end_time=1e-6, use_initial_condition=True
        )
        print(float(result["x0"][-1]), float(result["x1"][-1]))
    """)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    x = [float(word) for word in done.stdout.splitlines()[-1].split()]
    np.testing.assert_allclose(x, [0.5, 0.25], atol=1e-4)


def test_it_is_made_of_elements(circuit):
    exported = amc.to_pyspice(circuit, np.ones(5))
    kinds = {element.name[0] for element in exported.elements}
    assert kinds == set("RIVX")
    resistors = [element for element in exported.elements if element.name[0] == "R"]
    assert len(resistors) == len(circuit.schematic.network.elements[0])


@pytest.mark.parametrize(
    ("vector", "options", "message"),
    [
        (np.ones((5, 2)), {}, "2 right-hand sides need a transient"),
        (np.ones(4), {}, "4 rows, but the matrix has 5"),
        (np.ones(5), {"volts_per_unit": 0.0}, "volts_per_unit = 0.0 must be positive"),
        ([1, np.nan, 0, 0, 0], {}, "not finite"),
    ],
)
def test_bad_input(circuit, vector, options, message):
    with pytest.raises(amc.InputError, match=message):
        amc.to_pyspice(circuit, vector, **options)
