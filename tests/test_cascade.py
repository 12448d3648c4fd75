"""Several circuits in one: wiring, signs, volts, and topologies made of it from outside."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pytest

import amcspice as amc
from amcspice.circuit.base import Circuit, Schematic
from amcspice.circuit.parts.cascade import Cascade, own_cells
from amcspice.device import Mapping, map_matrix
from amcspice.engine import LinearModel
from amcspice.errors import InputError, UnsupportedError
from amcspice.reduction import reduce_to_ports

PRECISE = amc.OpAmp(gain=1e9)
G_MAX = amc.Memristor().g_max


def draw(seed=0, m=12, n=4):
    H = np.random.default_rng(seed).uniform(-1, 1, (m, n))
    return H, np.random.default_rng(seed + 1).uniform(-1, 1, (m, 3))


# -- topologies from outside the package -------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Detector(Circuit):
    """Matched filter and inverse of the Gram matrix: x = (H'H)^-1 H'y, for ``matrix`` = H."""

    name: ClassVar[str] = "detector"
    problems: ClassVar[tuple[str, ...]] = ("lstsq",)
    signed: ClassVar[bool] = True
    outputs_drive_cells: ClassVar[bool] = False

    @property
    def channel(self) -> Any:
        return self.matrix

    @cached_property
    def mapping(self) -> Mapping:
        return map_matrix(self.matrix, self.device.g_max)

    @cached_property
    def cascade(self) -> Any:
        H, gram = self.channel, self.channel.T @ self.channel
        parts = {"wire": self.wire, "opamp": self.opamp, "cycle": self.cycle}
        cells = [own_cells(self.device, k) for k in range(3)]
        cascade = Cascade()
        y = cascade.source("y", len(H))
        filtered = amc.MVM(H.T, device=cells[0], feedback=4.0, **parts)
        z = cascade.stage("z", filtered, y)
        inverse = amc.CompensatedINV(gram, device=cells[1], input_conductance=1.0, **parts)
        x = cascade.stage("x", inverse, z)
        if self.problem == "lstsq":
            return cascade, x
        return cascade, cascade.stage("r", amc.MVM(H, device=cells[2], **parts), x)

    @property
    def output_scale(self):
        return 1 / self.cascade[1].volts

    def swing(self, vectors, solutions):
        H = self.channel
        x = np.linalg.lstsq(H, vectors.T, rcond=None)[0].T
        asked = {"z": (vectors, vectors @ H), "x": (vectors @ H, x), "r": (x, x @ H.T)}
        return self.cascade[0].swing(asked)

    def _wire_up(self) -> Schematic:
        cascade, found = self.cascade
        return cascade.schematic(found)


@dataclass(frozen=True, eq=False)
class Projector(Detector):
    """Matched filter, inverse and product in a row, for ``matrix`` = H (H'H)^-1 H'."""

    name: ClassVar[str] = "projector"
    problems: ClassVar[tuple[str, ...]] = ("mvm",)

    factor: Any = None

    @property
    def channel(self) -> Any:
        return self.factor


@pytest.mark.parametrize("fidelity", ["dc", "behavioural"])
def test_matched_filter_and_inverse_are_least_squares(fidelity):
    H, y = draw()
    run = amc.simulate(Detector(H, opamp=PRECISE), y, fidelity=fidelity)
    assert run.all_settled
    np.testing.assert_allclose(run.x, np.linalg.lstsq(H, y, rcond=None)[0], atol=1e-7)
    assert run.amplifiers == 8
    # the largest voltage across a cell is what was aimed at
    assert run.range.cell_voltage == pytest.approx(run.range.read_voltage)


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["dc", "behavioural", "reduced"])
def test_three_circuits_in_a_row(fidelity):
    H, y = draw()
    wire = amc.Wire(row=0.1, column=0.2, driver=0.3)
    circuit = Projector(H @ np.linalg.pinv(H), factor=H, opamp=PRECISE, wire=wire)
    run = amc.simulate(circuit, y, fidelity=fidelity, verify=1)
    assert run.all_settled
    assert run.verification.passed
    assert 0 < run.relative_error.max() < 0.01  # what wires do to it
    ideal = amc.simulate(Projector(circuit.matrix, factor=H, opamp=PRECISE), y, fidelity=fidelity)
    assert ideal.relative_error.max() < 1e-5


# -- the part ----------------------------------------------------------------------------------


def test_conductances_and_volts_are_those_of_the_circuits():
    """A sum of two sources and a product into an inverse, against Kirchhoff's laws by hand."""
    A, B = np.array([[1.0, 0.5], [0.2, 0.8]]), np.array([[1.0, 0.3], [0.3, 1.0]])
    cascade = Cascade()
    b, c = cascade.source("b", 2, -0.5), cascade.source("c", 2, 4.0)
    y = cascade.stage("y", amc.MVM(A, feedback=2.0), b)
    assert cascade.stages["y"].volts == pytest.approx(0.5 / 2.0)  # v = -(G / 2 g_max) v_b
    # 2 g_max in all; for the same unit the source of 4 V takes a sixteenth of the conductance
    x = cascade.stage("x", amc.INV(B, input_conductance=2.0), y, c)
    wired = cascade.schematic(x)
    from_y, from_c = 2.0 * 16 / 17, 2.0 / 17
    assert cascade.stages["x"].volts == pytest.approx(-from_y * 0.25)
    a, to, value = wired.peripheral.elements
    found = {
        (wired.peripheral.names[i], wired.peripheral.names[j]): g / G_MAX
        for i, j, g in zip(a, to, value, strict=True)
    }
    assert found == pytest.approx({
        ("y_s0", "y_y0"): 2.0, ("y_s1", "y_y1"): 2.0,
        ("y_y0", "x_s0"): from_y, ("y_y1", "x_s1"): from_y,
        ("c0", "x_s0"): from_c, ("c1", "x_s1"): from_c,
    })  # fmt: skip
    assert [bank.name for bank in wired.amplifiers] == ["y_y", "x_x"]
    np.testing.assert_array_equal(wired.crossbars[0].columns, wired.inputs[:2])
    assert wired.cells == 8


def test_inputs_of_both_signs_are_refused():
    cascade = Cascade()
    f, g = cascade.source("f", 2), cascade.source("g", 2)
    inverse = amc.INV(np.eye(2), input_conductance=1.0)
    with pytest.raises(InputError, match="x: its inputs have different signs"):
        cascade.stage("x", inverse, f, -g)
    cascade.stage("x", inverse, f, g)
    with pytest.raises(InputError, match="x: a cascade has a circuit of that name already"):
        cascade.stage("x", inverse, f)


@pytest.mark.parametrize(
    ("circuit", "size", "message"),
    [
        (amc.INV(np.eye(2)), 2, "give it an input_conductance"),
        (amc.INV(np.eye(2), input_conductance=1.0), 3, "takes 2 entries, but an input has 3"),
        (amc.ClassicGINV(np.eye(2)), 2, "give it an input_conductance"),
        (amc.ClassicGINV(np.eye(2), constraint=amc.NonNegative()), 2, "end at a limit"),
    ],
)
def test_what_does_not_fit_is_refused(circuit, size, message):
    cascade = Cascade()
    source = cascade.source("b", size)
    with pytest.raises((InputError, UnsupportedError), match=message):
        cascade.stage("x", circuit, source)


def test_a_product_takes_one_input():
    cascade = Cascade()
    source = cascade.source("b", 2)
    with pytest.raises(InputError, match="takes one input here, not 2"):
        cascade.stage("y", amc.MVM(np.eye(2)), source, source)


def test_copies_draw_their_own_cells():
    device = amc.Memristor(write_noise=0.05, seed=3)
    target = np.full((3, 3), 5e-5)
    first, second = (own_cells(device, k).program(target) for k in (0, 1))
    assert not np.isclose(first, second).any()
    np.testing.assert_array_equal(first, own_cells(device, 0).program(target))
    with pytest.raises(UnsupportedError, match="stuck_on: maps are of the arrays of one circuit"):
        own_cells(amc.Memristor(stuck_on=np.zeros((1, 3, 3), bool)), 0)


@pytest.mark.parametrize("gbw", [1e7, 1e9])
def test_modes_are_those_of_the_circuits(gbw):
    """Nothing acts back from a circuit to those before it, so modes are those of each alone."""
    A, B = np.array([[1.0, 0.5], [0.2, 0.8]]), np.array([[1.0, 0.3], [0.4, 0.7]])
    opamp = amc.OpAmp(gain=1e5, gbw=gbw, output_resistance=1e-6)

    @dataclass(frozen=True, eq=False)
    class Pair(Detector):
        @cached_property
        def cascade(self) -> Any:
            cascade = Cascade()
            product = amc.MVM(A, feedback=0.7, opamp=opamp)
            inverse = amc.INV(B, input_conductance=1.5, opamp=opamp)
            y = cascade.stage("y", product, cascade.source("b", 2))
            return cascade, cascade.stage("x", inverse, y)

    circuit = Pair(B, opamp=opamp)
    found = LinearModel.of(circuit, reduce_to_ports(circuit.schematic)).eigenvalues
    w_u = 2 * np.pi * gbw
    loops = [0.7 / (0.7 + row.sum()) for row in A]  # dv/dt = -w_u g_f / (g_f + sum G) v
    loops += list(np.linalg.eigvals(B / (B.sum(axis=1) + 1.5)[:, None]))
    expected = -w_u * (np.array(loops) + 1 / 1e5)
    np.testing.assert_allclose(np.sort(found.real), np.sort(expected.real), rtol=1e-6)
    assert abs(found.imag).max() < 1e-6 * w_u
