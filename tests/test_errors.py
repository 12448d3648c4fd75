"""Errors: one message that says what, where and what to do; they survive a process boundary."""

import pickle
from typing import Annotated

import numpy as np
import pytest
from pydantic import Field

import amcspice as amc
from amcspice.errors import (
    AmcspiceError,
    InputError,
    SimulationError,
    UnsupportedError,
)
from amcspice.schema import parameters

A = np.array([[1.0, 0.2], [0.3, 0.8], [0.5, 0.5]])


@parameters
class Sample:
    """Two fields and a check that involves both."""

    low: Annotated[float, Field(gt=0)] = 1.0
    high: float = 2.0

    def __post_init__(self):
        if self.low >= self.high:
            raise ValueError(f"low = {self.low} must be below high = {self.high}")


def test_parameters_are_frozen_keyword_only_and_comparable():
    assert Sample(low=0.5) == Sample(low=0.5)
    assert hash(Sample(low=0.5)) == hash(Sample(low=0.5))
    with pytest.raises(AttributeError):
        Sample().low = 3.0
    with pytest.raises(InputError):
        Sample(0.5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"low": -1}, "Sample.low = -1: input should be greater than 0"),
        ({"low": "x"}, "Sample.low = 'x'"),
        ({"low": float("nan")}, "Sample.low = nan"),
        ({"high": float("inf")}, "Sample.high = inf: input should be a finite number"),
        ({"width": 3}, "Sample.width: no such parameter; "),
        ({"low": 3.0}, "Sample: low = 3.0 must be below high = 2.0"),
    ],
)
def test_bad_parameters_name_class_field_and_reason(values, message):
    with pytest.raises(InputError) as caught:
        Sample(**values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_every_bad_field_is_named():
    with pytest.raises(InputError, match=r"Sample\.low.*; Sample\.high"):
        Sample(low=-1, high="x")


def test_exit_codes():
    assert InputError("x").exit_code == UnsupportedError("x").exit_code == 2
    assert SimulationError("x").exit_code == AmcspiceError("x").exit_code == 1
    assert isinstance(InputError("x"), ValueError)
    assert isinstance(SimulationError("x"), RuntimeError)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_simulation_error_survives_pickling(protocol):
    error = SimulationError("no convergence", deck="a.cir", command="ngspice a.cir", log="line")
    copy = pickle.loads(pickle.dumps(error, protocol))
    assert type(copy) is SimulationError
    assert str(copy) == str(error)
    assert (copy.cause, copy.deck, copy.command, copy.log) == (
        "no convergence",
        "a.cir",
        "ngspice a.cir",
        "line",
    )


def test_simulation_error_says_what_is_known():
    assert str(SimulationError("no raw file")) == "simulation failed: no raw file"
    lines = str(SimulationError("x", deck="d", command="c")).splitlines()
    assert lines == ["simulation failed: x", "  deck kept: d", "  run again: c"]


def nan(value=np.nan):
    matrix = A.copy()
    matrix[1, 1] = value
    return matrix


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: amc.CompactGINV(nan()), r"entry \(1, 1\) is not finite"),
        (lambda: amc.ClassicGINV(nan(np.inf)), r"entry \(1, 1\) is not finite"),
        (lambda: amc.INV([[1.0, 1.0], [1.0, -0.5]]), r"non-negative.*entry \(1, 1\) is -0.5"),
        (lambda: amc.INV([[1.0, 1.0], [1.0, 1.0]]), "singular"),
        (lambda: amc.CompensatedINV([[1.0, 1.0]]), "needs a square matrix"),
        (lambda: amc.CompactGINV(-np.eye(2), constraint=amc.NonNegative(hold=True)), "hold needs"),
        (lambda: amc.CompactGINV(-np.eye(2), array_rows=1), "need a non-negative matrix"),
        (lambda: amc.CompactGINV(-np.eye(2)).select([0]), "need a non-negative matrix"),
        (lambda: amc.MVM(A, feedback=0.0), "feedback"),
        (lambda: amc.INV(np.eye(2), input_conductance=-1.0), "input_conductance"),
        (lambda: amc.solve("inv", np.eye(2)), "needs right-hand sides"),
        (lambda: amc.CompactGINV([1.0, 2.0]), r"shape \(2,\) must be two-dimensional"),
        (lambda: amc.CompactGINV(np.ones((2, 2, 2))), r"shape \(2, 2, 2\)"),
        (lambda: amc.CompactGINV(np.empty((0, 3))), r"not empty"),
        (lambda: amc.CompactGINV([["a", "b"]]), "not numbers"),
        (lambda: amc.CompactGINV([[1.0, 2.0], [3.0]]), "not numbers"),
        (lambda: amc.CompactGINV(A.astype(complex)), "not numbers"),
        (lambda: amc.CompactGINV([[1.0, 0.0], [1.0, 0.0]]), "column 1 of the matrix is all zero"),
        (lambda: amc.CompactGINV(np.zeros((2, 2))), "every entry is zero"),
        (lambda: amc.CompactGINV(A, rows=[True, False]), r"rows \(row_mask\) must be 3 booleans"),
        (lambda: amc.CompactGINV(A, rows=[0, 1, 1]), r"rows \(row_mask\) must be 3 booleans"),
        (lambda: amc.CompactGINV(A, rows=[False] * 3), "at least one true"),
        (
            lambda: amc.CompactGINV([[1.0, 0.0], [0.0, 1.0]], rows=[True, False]),
            "column 1 .* selected rows",
        ),
        (lambda: amc.CompactGINV(A, ridge=-1.0), "ridge = -1.0"),
        (lambda: amc.CompactGINV(A, ridge=np.nan), "ridge = nan"),
        (lambda: amc.CompactGINV(A, constraint=amc.NonNegative(), lasso=-2.0), "lasso = -2.0"),
        (lambda: amc.CompactGINV(A, lasso=1.0), "lasso needs the non-negative"),
        (lambda: amc.CompactGINV(A, column_load=-1.0), "column_load"),
        (lambda: amc.ClassicGINV(A, feedback=0.0), "ClassicGINV.feedback = 0.0: input should be"),
        (
            lambda: amc.ClassicGINV(A, constraint=amc.NonNegative(hold=True)),
            "ginv-classic does not take hold",
        ),
        (lambda: amc.Wire(row=-1.0), "Wire.row = -1.0: input should be greater than or equal to 0"),
        (lambda: amc.Wire(column=-1.0), "Wire.column = -1.0"),
        (lambda: amc.Wire(driver=np.inf), "Wire.driver = inf"),
        (lambda: amc.OpAmp(output_resistance=0.0), "OpAmp.output_resistance = 0.0"),
        (lambda: amc.OpAmp(gain=1.0), "OpAmp.gain = 1.0"),
        (lambda: amc.OpAmp(gbw=-1.0), "OpAmp.gbw = -1.0"),
        (lambda: amc.OpAmp(supply_negative=5.0), "OpAmp.supply_negative"),
        (lambda: amc.OpAmp(headroom_positive=5.0), "headroom leaves no output range"),
        (lambda: amc.OpAmp(bandwidth=1.0), "OpAmp.bandwidth"),
        (lambda: amc.OpAmp.preset("lm741"), "unknown amplifier preset 'lm741'; choose from ideal"),
        (lambda: amc.Memristor(g_min=2e-4), "g_min = 0.0002 must be below g_max"),
        (lambda: amc.Memristor(levels=1), "Memristor.levels = 1"),
        (lambda: amc.Memristor(write_noise=-0.1), "Memristor.write_noise"),
        (lambda: amc.Memristor(stuck_on=0.6, stuck_off=0.6), "must not exceed 1"),
        (lambda: amc.Memristor(noise_relative_to="mean"), "Memristor.noise_relative_to"),
        (lambda: amc.make_circuit("qp", A), "unknown problem 'qp'; choose from mvm, inv"),
        (lambda: amc.make_circuit("nnls", A, circuit="tia"), "unknown circuit 'tia'; choose from"),
        (lambda: amc.make_circuit("lstsq", A, hold=True), "hold needs the non-negative"),
        (
            lambda: amc.make_circuit("nnls", A, circuit="ginv-classic", hold=True),
            "does not take hold",
        ),
        (
            lambda: amc.make_circuit("nnls", A, circuit="ginv-classic", column_load=1.0),
            "column_load",
        ),
        (lambda: amc.make_circuit("lstsq", A, lasso=1.0), "lasso needs the non-negative"),
        (lambda: amc.make_circuit("nnls", A, feedback=2.0), "ginv-compact.*feedback"),
        (lambda: amc.nmf(-A, rank=1), "V: entry .* is negative"),
        (lambda: amc.nmf(A, rank=0), "rank = 0 must be from 1 to 2"),
        (lambda: amc.nmf(A, rank=3), "rank = 3 must be from 1 to 2"),
        (lambda: amc.nmf(A, rank=1, iterations=0), "iterations = 0"),
        (lambda: amc.nmf(A, rank=1, tolerance=1.0), "tolerance = 1.0"),
        (lambda: amc.nmf(A, rank=1, mask=np.ones((2, 2))), r"mask: shape \(2, 2\) must be"),
        (lambda: amc.nmf(nan(), rank=1), r"V: entry \(1, 1\) is not finite"),
        (lambda: amc.Analysis(fidelity="spice"), "Analysis.fidelity = 'spice'"),
        (lambda: amc.Analysis(simulator="xyce"), "Analysis.simulator = 'xyce'"),
        (lambda: amc.Analysis(full_scale=0.25), "Analysis.full_scale: it is read_voltage now"),
        (lambda: amc.Analysis(read_voltage=0.0), "Analysis.read_voltage = 0.0"),
        (lambda: amc.Analysis(dac=amc.DAC(bits=8)), "Analysis.dac: converters are hardware"),
        (lambda: amc.Analysis(adc=amc.ADC(bits=8)), "Analysis.adc: converters are hardware"),
        (lambda: amc.Analysis(window=-1e-6), "Analysis.window"),
        (lambda: amc.Analysis(relative_tolerance=0.5), "Analysis.relative_tolerance"),
    ],
)
def test_bad_input_is_one_helpful_message(make, message):
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert len(str(caught.value).splitlines()) == 1


def test_nearest_parameter_is_proposed_in_python():
    import amcspice as amc

    with pytest.raises(InputError, match=r"OpAmp\.gwb: no such parameter; did you mean gbw\?"):
        amc.OpAmp(gwb=1e8)
    with pytest.raises(InputError, match=r"does not take slewrate: did you mean slew_rate\?"):
        amc.solve("nnls", [[1.0], [2.0]], [1.0, 1.0], slewrate=1)
