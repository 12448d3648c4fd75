"""What a point of a sweep is described by: one table of flat, named parameters.

Names are those of the command line's options with underscores.  Values are plain numbers in SI
units, or text with a unit ("10 MHz", "2 ohm", "100 uS"), which `convert` turns into them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Any

from amcspice.circuit import CIRCUITS
from amcspice.device import DEVICES, PRESETS
from amcspice.errors import InputError, did_you_mean
from amcspice.problem import PROBLEMS
from amcspice.problem.generators import FILES, GENERATORS
from amcspice.sweep.outcome import Scalar
from amcspice.sweep.spec.parameter import Parameter

__all__ = ["PARAMETERS", "convert"]


def convert(name: str, raw: Any) -> Scalar:
    """Return a parameter's value in SI units; see `Parameter.convert`.

    Raises
    ------
    InputError
        If there is no such parameter, or the value cannot be used.

    >>> convert("gbw", "10 MHz"), convert("write_noise", "2 %"), convert("levels", "none")
    (10000000.0, 0.02, None)
    """
    if name not in PARAMETERS:
        raise InputError(f"unknown parameter {name!r}; {did_you_mean(name, PARAMETERS)}")
    try:
        return _converted(name, raw)
    except TypeError:  # not hashable
        return PARAMETERS[name].convert(raw)


@functools.lru_cache(maxsize=1 << 16, typed=True)
def _converted(name: str, raw: Any) -> Scalar:
    return PARAMETERS[name].convert(raw)


def _positive(name: str, unit: str, description: str, default: Scalar = None) -> Parameter:
    return Parameter(name, description, unit=unit, default=default, lowest=0.0, above=True)


def _from_zero(name: str, unit: str, description: str, default: Scalar = 0.0) -> Parameter:
    return Parameter(name, description, unit=unit, default=default, lowest=0.0)


def _choice(
    name: str, choices: Iterable[str], description: str, default: Scalar = None
) -> Parameter:
    return Parameter(name, description, kind="text", choices=tuple(choices), default=default)


def _flagged(name: str, description: str, default: Scalar = None) -> Parameter:
    return Parameter(name, description, kind="flag", default=default)


def _whole(
    name: str, lowest: int, description: str, default: Scalar = None, highest: float = math.inf
) -> Parameter:
    return Parameter(
        name, description, kind="integer", default=default, lowest=lowest, highest=highest
    )


_TABLE = (
    _choice("problem", PROBLEMS, "what is solved", "nnls"),
    _choice("circuit", CIRCUITS, "topology; default: that of the problem"),
    Parameter(
        "matrix",
        f"generator ({', '.join(GENERATORS)}) or file ({', '.join(FILES)}); default: "
        "conditioned for inv, covariance for eig, else uniform",
        kind="text",
    ),
    Parameter("rhs", "file of right-hand sides; default: generated", kind="text"),
    Parameter("matrix_sha256", "of the matrix file, filled in", kind="text"),
    Parameter("rhs_sha256", "of the file of right-hand sides, filled in", kind="text"),
    _whole("columns", 1, "columns of the matrix: unknowns", 16),
    _whole("rows", 1, "rows; default: rows_per_column times the columns"),
    _positive("rows_per_column", "", "rows over columns; default: 4 for lstsq and nnls, else 1"),
    _flagged("signed", "generated entries have both signs", False),
    Parameter("condition", "condition number (conditioned); default 10", lowest=1, highest=1e4),
    Parameter(
        "density",
        "fraction of entries that are not zero (sparse); default 0.1",
        lowest=0,
        above=True,
        highest=1,
    ),
    Parameter(
        "dominance",
        "diagonal over the sum of the row's other entries (dominant); default 1.5",
        lowest=1,
    ),
    Parameter("correlation", "of any two variables (covariance); default 0.5", lowest=0, highest=1),
    _whole("right_hand_sides", 1, "how many, one after the other; default: 4, for eig 1"),
    Parameter(
        "zeros",
        "fraction of planted solution entries that are zero; default 0.4 for nnls, else 0",
        lowest=0,
        highest=0.95,
    ),
    _from_zero(
        "noise",
        "",
        "of right-hand sides, over their spread without it; default: 0.1 for lstsq "
        "and nnls, else 0",
        None,
    ),
    _whole("seed", 0, "of every random draw", 0),
    _whole("problem_seed", 0, "of matrix and right-hand sides; default: seed"),
    Parameter(
        "fidelity",
        "flat, reduced, behavioural, dc, ideal; auto takes reduced up to 128 columns and "
        "behavioural beyond, auto:N up to N",
        kind="text",
        default="reduced",
    ),
    _choice("simulator", ("shared", "batch"), "ngspice as a library or as a process"),
    _choice("opamp", PRESETS, "amplifier preset", "ideal"),
    _positive("gbw", "Hz", "gain-bandwidth product; default: the preset's"),
    Parameter("gain", "open-loop DC gain; default: the preset's", lowest=1.0, above=True),
    _positive("slew_rate", "V/s", "slew rate; default: the preset's"),
    _from_zero("offset_sigma", "V", "deviation of the offset from amplifier to amplifier"),
    Parameter(
        "gain_sigma", "deviation of the logarithm of the gain", default=0.0, lowest=0, highest=1.99
    ),
    _choice("device", DEVICES, "memristor preset", "ideal"),
    _positive("g_max", "S", "largest conductance", 100e-6),
    _from_zero("g_min", "S", "smallest conductance"),
    _flagged("selector", "a cell that holds zero is switched off", True),
    _whole("levels", 2, "programmable levels; default: the preset's, else continuous"),
    _from_zero(
        "write_noise", "", "deviation of a programmed conductance; default: the preset's", None
    ),
    _choice("noise_relative_to", ("g_max", "g"), "what write noise is a fraction of", "g_max"),
    _from_zero("device_variation", "", "deviation of a factor that belongs to the cell"),
    _from_zero("cycle_variation", "", "deviation of a factor of the programming cycle"),
    Parameter("stuck_on", "fraction of cells stuck at g_max", default=0.0, lowest=0, highest=1),
    Parameter("stuck_off", "fraction of cells stuck off", default=0.0, lowest=0, highest=1),
    _from_zero("drift_exponent", "", "nu of g(t) = g (t/t0)^-nu"),
    _from_zero("drift_spread", "", "deviation of nu from cell to cell"),
    Parameter("drift_time", "time since programming in units of t0", default=1.0, lowest=1),
    _positive("temperature", "K", "of the cells", 300.0),
    Parameter("temperature_coefficient", "relative change a kelvin", unit="1/K", default=0.0),
    _from_zero("read_noise", "", "deviation of a conductance when it is read"),
    _positive("noise_bandwidth", "Hz", "noise fluctuates in time up to this frequency"),
    _flagged("thermal_noise", "Johnson noise of cells and wires", False),
    _positive("sinh_voltage", "V", "V0 of i = g V0 sinh(v / V0); flat fidelity only"),
    _from_zero("wire_resistance", "ohm", "of one segment of every line; 0 is an ideal wire", None),
    _from_zero("row_resistance", "ohm", "word lines only; 0 is an ideal wire"),
    _from_zero("column_resistance", "ohm", "bit lines only; 0 is an ideal wire"),
    _from_zero("wire_capacitance", "F", "of every line to ground, at each crossing", None),
    _from_zero("row_capacitance", "F", "word lines only"),
    _from_zero("column_capacitance", "F", "bit lines only"),
    _whole("sections", 1, "line capacitance distributed, in sections a line; default: lumped"),
    _positive("switch_on", "ohm", "closed switch of a macro circuit; default 100"),
    _positive("switch_off", "ohm", "open switch of a macro circuit; default 1e9"),
    _from_zero("ridge", "", "adds ridge/2 |x|^2 to the objective"),
    _from_zero("lasso", "", "adds lasso sum(|x|) to the objective (nnls, lasso)"),
    _flagged("hold", "column wire of a saturated amplifier stays at virtual ground"),
    _flagged("compensation", "equal row totals"),
    _choice("scaling", ("matrix", "columns"), "what uses the full range of conductance"),
    _positive("feedback", "", "of transimpedance amplifiers, over g_max"),
    _from_zero(
        "column_load", "", "extra load of column wires, over the largest column total", None
    ),
    Parameter(
        "detuning", "of the eigenvector circuit's feedback", lowest=0, above=True, highest=0.99
    ),
    Parameter(
        "settle_tolerance",
        "half-width of the settling band",
        default=0.01,
        lowest=0,
        above=True,
        highest=0.5,
    ),
    Parameter(
        "full_scale",
        "largest solution voltage over the output range",
        default=0.25,
        lowest=0,
        above=True,
        highest=1,
    ),
    Parameter(
        "relative_tolerance", "of the simulator", default=1e-4, lowest=0, above=True, highest=0.05
    ),
    _whole("dac_bits", 1, "input converters; default: exact", highest=32),
    _whole("adc_bits", 1, "output converters; default: exact", highest=32),
    _flagged("allow_unstable", "simulate unstable circuits instead of refusing them", False),
    _positive("timeout", "s", "of one simulation"),
)

PARAMETERS: dict[str, Parameter] = {parameter.name: parameter for parameter in _TABLE}
"""Every parameter by its name, in the order in which they are shown."""
