"""What the extension module holds; arrays are in C order, those that are filled in come last."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_Doubles = NDArray[np.float64]
_Integers = NDArray[np.int64]
_Marks = NDArray[np.bool_]

# amcspice/problem/block_pivoting.cpp
CONDITION: float
TIED: float

def solve_shared(
    matrix: _Doubles,
    rows: _Integers,
    vectors: _Doubles,
    ridge: float,
    lasso: float,
    solutions: _Doubles,
    left: _Marks,
) -> None: ...
def solve_rows(
    matrix: _Doubles,
    starts: _Integers,
    indices: _Integers,
    values: _Doubles,
    ridges: _Doubles,
    lasso: float,
    solutions: _Doubles,
    left: _Marks,
) -> None: ...
def surely_unique(
    matrix: _Doubles,
    rows: _Integers,
    vectors: _Doubles,
    solutions: _Doubles,
    lasso: float,
    sure: _Marks,
    tied: _Marks,
) -> None: ...

# amcspice/reduction/crossbar_sweeps.cpp
CROSSBAR_LANES: int

class CrossbarSweeps:
    def __init__(
        self,
        cells: _Doubles,
        across: _Doubles,
        row: float,
        column: float,
        driver: float,
        sense: float,
    ) -> None: ...
    def precondition(
        self,
        step: _Doubles,
        residual: _Doubles,
        image: _Doubles,
        squares: _Doubles,
        along: _Doubles,
        amplitudes: _Doubles,
    ) -> None: ...
    def eliminate(
        self, before: _Doubles, amplitudes: _Doubles, direction: _Doubles, image: _Doubles
    ) -> None: ...
    def apply(self, direction: _Doubles, image: _Doubles, along: _Doubles) -> None: ...
    def substitute(self, image: _Doubles) -> None: ...
    def end_resistance(self) -> _Doubles: ...

def add(direction: _Doubles, step: _Doubles, words: _Doubles) -> None: ...

# amcspice/engine/dc/active_set.cpp
def find_rests(
    by_source: _Doubles,
    by_hold: _Doubles,
    drive: _Doubles,
    member: _Integers,
    gain: _Doubles,
    offset: _Doubles,
    hold: _Doubles,
    lowest: _Doubles,
    highest: _Doubles,
    rout: float,
    knee: float,
    constrained: _Marks,
    numbers: tuple[int, int, int, int, int, int, int],
    codes: NDArray[np.uint8],
    sources: _Doubles,
    held: _Doubles,
    at_rest: _Marks,
) -> None: ...

# amcspice/engine/dc/single.cpp
def find_single_rests(
    conductance: _Doubles,
    into: _Doubles,
    gain: _Doubles,
    offset: _Doubles,
    hold: _Doubles,
    lowest: _Doubles,
    highest: _Doubles,
    rout: float,
    knee: float,
    input: float,
    numbers: tuple[int, int, int, int, int, int, int],
    codes: NDArray[np.uint8],
    sources: _Doubles,
    held: _Doubles,
    voltages: _Doubles,
    at_rest: _Marks,
) -> None: ...

# amcspice/algorithm/alternating/selected_rows.cpp
def reduce_rows(
    records: _Doubles,
    n: int,
    starts: _Integers,
    indices: _Integers,
    values: _Doubles,
    ridges: _Doubles,
    conductance: _Doubles,
    into: _Doubles,
    figures: _Doubles,
    answers: _Doubles,
    left: _Marks,
) -> None: ...
def solve_known(
    matrix: _Doubles,
    n: int,
    starts: _Integers,
    indices: _Integers,
    values: _Doubles,
    ridges: _Doubles,
    answers: _Doubles,
    left: _Marks,
) -> None: ...
def squared_errors(
    factor: _Doubles,
    starts: _Integers,
    indices: _Integers,
    values: _Doubles,
    solutions: _Doubles,
    lowest: float,
    highest: float,
    errors: _Doubles,
) -> None: ...

# amcspice/engine/behavioural/kernel/trajectories_binding.cpp
class Trajectories:
    def __init__(
        self,
        equations: Any,
        outputs: _Doubles,
        currents: _Doubles,
        charging: _Doubles,
        sourcing: _Doubles,
        sinking: _Doubles,
        longest: _Doubles,
        given: bool,
        rest: float,
        bounded: bool,
        most: int,
        longest_step: float,
    ) -> None: ...
    def run(
        self,
        difference: _Doubles,
        held: _Doubles,
        charge: _Doubles,
        outputs: _Doubles,
        currents: _Doubles,
        power: _Doubles,
        power_0: _Doubles,
        band: float,
        sample_time: float | None,
        keep: bool,
        rest_times: bool,
    ) -> tuple[Any, ...]: ...

# amcspice/engine/behavioural/kernel/stepping_binding.cpp
stepping: Any

# amcspice/engine/behavioural/kernel/trajectories_testing.cpp
trajectories_testing: Any
