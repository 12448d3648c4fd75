"""`amcspice.contract`: what is as it must be passes, and what is not is caught."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from test_contract import CASES, WIRED

import amcspice as amc
from amcspice import contract
from amcspice.contract import (
    check_amplifier,
    check_backend,
    check_cell,
    check_circuit,
    check_problem,
    check_system,
)
from amcspice.device import DEVICES, PRESETS
from amcspice.problem.inv import LinearSystem
from amcspice.schema import parameters

draw = np.random.default_rng(0)
A = draw.random((4, 4)) + 2 * np.eye(4)
B = draw.uniform(-1, 1, (4, 2))
WITH_RESISTANCE = 1e-2
"""Error of switches that conduct at 20 ohm; twice that of a constraint that does not hold."""


@pytest.mark.ngspice
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_built_in_circuits_pass(case):
    circuit, b = case.make(WIRED)
    soft = getattr(circuit, "constraint", None) == amc.NonNegative(hold=False)
    switched = getattr(circuit, "switches", None) == amc.Switches(on=20.0, off=1e8)
    floor = 0.06 if soft or circuit.rail_limited else WITH_RESISTANCE if switched else 1e-9
    check_circuit(circuit, b, floor=floor)


@dataclass(frozen=True, eq=False)
class Miswired(amc.INV):
    """Its right-hand sides go in one percent too strong."""

    name: ClassVar[str] = "miswired"

    def _wire_up(self):
        schematic = super()._wire_up()
        return replace(schematic, input_gain=1.01 * schematic.input_gain)


@dataclass(frozen=True, eq=False)
class Overconfident(amc.INV):
    """It says that it takes negative entries."""

    name: ClassVar[str] = "overconfident"
    square: ClassVar[bool] = True

    def __post_init__(self):
        object.__setattr__(self, "matrix", abs(np.asarray(self.matrix)))
        super().__post_init__()


@pytest.mark.ngspice
def test_a_circuit_that_is_wired_wrongly_or_takes_what_it_cannot_is_caught():
    with pytest.raises(AssertionError, match=r"gain 10000 to 1e\+06: the error falls from"):
        check_circuit(Miswired(A), B)
    with pytest.raises(AssertionError, match="a matrix with negative entries is not refused"):
        check_circuit(Overconfident(A), B)


@pytest.mark.parametrize("name", [name for name in DEVICES if name != "ideal"])
def test_built_in_cells_pass(name):
    check_cell(amc.cell(name))


@parameters
class WrongMoments(amc.Memristor):
    def moments(self, target):
        mean, variance = super().moments(target)
        return mean, 1.5 * variance


@parameters
class OneDraw(amc.Memristor):
    def write(self, target, array=0, cycle=0):
        return self.quantise(target) * np.random.default_rng(0).normal(1, 0.02, target.shape)

    def moments(self, target):
        return target, (0.02 * target) ** 2


def test_cells_whose_moments_or_seeds_are_wrong_are_caught():
    with pytest.raises(AssertionError, match="deviation of draws"):
        check_cell(WrongMoments(write_noise=0.02))
    with pytest.raises(AssertionError, match="another seed draws the same cells"):
        check_cell(OneDraw())


@pytest.mark.ngspice
@pytest.mark.parametrize("name", [*PRESETS])
def test_built_in_amplifiers_pass(name):
    check_amplifier(amc.OpAmp.preset(name))


@pytest.mark.parametrize("name", [*amc.PROBLEMS])
def test_built_in_problems_pass(name):
    more = {"nnls": {"hold": True}, "lasso": {"lasso": 0.1}, "eig": {"floor": 0.05}}
    b = B[:, :1] if name == "eig" else B
    check_problem(name, A + A.T, b, **more.get(name, {}))


@dataclass(frozen=True, eq=False)
class Asked(amc.INV):
    name: ClassVar[str] = "asked"
    problems: ClassVar[tuple[str, ...]] = ("wrong",)


class WrongInverse(LinearSystem):
    name = "wrong"
    circuit = "asked"

    def answer(self, circuit, vectors):
        return 1.001 * super().answer(circuit, vectors)


class Timed(amc.BACKENDS["dc"]):
    name: ClassVar[str] = "timed"
    in_time: ClassVar[bool] = True


def test_a_problem_a_backend_and_a_system_that_are_wrong_are_caught(monkeypatch):
    monkeypatch.setitem(amc.PROBLEMS._entries, "wrong", WrongInverse())
    monkeypatch.setitem(amc.CIRCUITS._entries, "asked", Asked)
    with pytest.raises(AssertionError, match="the error falls from"):
        check_problem("wrong", A, B)
    monkeypatch.setitem(amc.BACKENDS._entries, "timed", Timed)
    with pytest.raises(AssertionError, match=r"timed: .* NOT CONFIRMED, settling times"):
        check_backend("timed", amc.INV(A), B)
    energy = {"cost_energy_j": 1e-9}
    draws = iter([{}, {}, {"error": 0.1, **energy}, {"error": 0.2, **energy}])
    monkeypatch.setattr(contract, "run_point", lambda asked: SimpleNamespace(metrics=next(draws)))
    with pytest.raises(AssertionError, match="no operation is in the ledger"):
        check_system({"problem": "idle"})
    with pytest.raises(AssertionError, match=r"error: 0\.1 at first, then 0\.2"):
        check_system({"problem": "drawn anew"})


@pytest.mark.ngspice
@pytest.mark.parametrize("name", ["reduced", "behavioural", "dc"])
def test_built_in_backends_pass(name):
    check_backend(name, amc.INV(A, wire=amc.Wire(row=1.0), opamp=amc.OpAmp(gain=1e5)), B)
