"""What an experiment has beside circuit, hardware and analysis: its problem, names of presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from amcspice.device import Compatibility
from amcspice.problem.generators import FILES, GENERATORS
from amcspice.schema import Name, Quantity, parameters

__all__ = [
    "SWEEP_WORDS",
    "ChipSettings",
    "OwnAmplifier",
    "OwnCell",
    "Presets",
    "ProblemSettings",
    "RunSettings",
]


@parameters
class ProblemSettings:
    """What is solved: a matrix and right-hand sides, from files or generated."""

    problem: Annotated[str, Field(description="What is solved.")] = "nnls"
    matrix: Annotated[
        str | None,
        Field(
            description=f"File ({', '.join(FILES)}) or generator ({', '.join(GENERATORS)}); "
            "default: conditioned for inv, covariance for eig, else uniform."
        ),
    ] = None
    rhs: Annotated[
        str | None,
        Field(
            description="File of right-hand sides, a column each (mvm: vectors; eig: the start); "
            "default: generated."
        ),
    ] = None
    matrix_sha256: Annotated[str | None, Field(description="Of the matrix file; filled in.")] = None
    rhs_sha256: Annotated[
        str | None, Field(description="Of the file of right-hand sides; filled in.")
    ] = None
    files_sha256: Annotated[
        str | None, Field(description="Of all other files that are named; filled in.")
    ] = None
    columns: Annotated[int, Field(ge=1, description="Columns of the matrix: unknowns.")] = 16
    rows: Annotated[
        int | None, Field(ge=1, description="Rows; default: rows_per_column times the columns.")
    ] = None
    rows_per_column: Annotated[
        float | None,
        Field(gt=0, description="Rows over columns; default: 4 for lstsq and nnls, else 1."),
        Quantity(),
    ] = None
    signed: Annotated[bool, Field(description="Generated entries have both signs.")] = False
    condition: Annotated[
        float | None,
        Field(ge=1, le=1e4, description="Condition number (conditioned); default 10."),
        Quantity(),
    ] = None
    density: Annotated[
        float | None,
        Field(
            gt=0, le=1, description="Fraction of entries that are not zero (sparse); default 0.1."
        ),
        Quantity(),
    ] = None
    dominance: Annotated[
        float | None,
        Field(
            ge=1,
            description="Diagonal over the sum of the row's other entries (dominant); default 1.5.",
        ),
        Quantity(),
    ] = None
    correlation: Annotated[
        float | None,
        Field(ge=0, le=1, description="Of any two variables (covariance); default 0.5."),
        Quantity(),
    ] = None
    decay: Annotated[
        float | None,
        Field(ge=0, le=10, description="Of singular values, i^-decay (spectrum); default 1."),
        Quantity(),
    ] = None
    right_hand_sides: Annotated[
        int | None,
        Field(ge=1, description="How many, one after the other; default: 4, for eig 1."),
    ] = None
    zeros: Annotated[
        float | None,
        Field(
            ge=0,
            le=0.95,
            description="Fraction of planted solution entries that are zero; default 0.4 for nnls, "
            "else 0.",
        ),
        Quantity(),
    ] = None
    noise: Annotated[
        float | None,
        Field(
            ge=0,
            description="Of right-hand sides, over their spread without it; default: 0.1 for lstsq "
            "and nnls, else 0.",
        ),
        Quantity("", (0, 100)),
    ] = None
    problem_seed: Annotated[
        int | None, Field(ge=0, description="Of matrix and right-hand sides; default: seed.")
    ] = None


@parameters
class Presets:
    """Names that stand for a topology, for cells and for amplifiers."""

    circuit: Annotated[str | None, Field(description="Topology; default: that of the problem.")] = (
        None
    )
    device: Annotated[
        str,
        Field(
            description="Preset of the cells; hfo2-16 is a generic assumption (16 levels, "
            "2 % noise)."
        ),
    ] = "ideal"
    opamp: Annotated[str, Field(description="Preset of the amplifiers.")] = "ideal"


@parameters
class OwnAmplifier:
    """An amplifier of the user's own, in the place of a preset; it is measured first."""

    lib: Annotated[
        str | None,
        Field(description="SPICE library with an amplifier of your own, in place of a preset."),
        Name("opamp_lib", file=True),
    ] = None
    subckt: Annotated[
        str | None,
        Field(
            description="Its sub-circuit, with five pins. It is measured first at "
            "supply_positive and supply_negative: amcspice opamp."
        ),
        Name("opamp_subckt"),
    ] = None
    pins: Annotated[
        str | None,
        Field(description="What its pins are, in its order; default: in+ in- out vdd vss."),
        Name("opamp_pins"),
    ] = None
    compat: Annotated[
        Compatibility,
        Field(
            description="Whose syntax its file has: psa is PSpice's, ltpsa LTspice's and PSpice's; "
            "ps and lt, of files that it includes alone; default: ngspice's own."
        ),
        Name("opamp_compat"),
    ] = None


@parameters
class OwnCell:
    """Cells of the user's own, a sub-circuit; it is measured first.  See `amcspice.CellModel`."""

    lib: Annotated[
        str | None,
        Field(description="SPICE library, or compiled model (.osdi), with a cell of your own."),
        Name("cell_lib", file=True),
    ] = None
    subckt: Annotated[
        str | None,
        Field(description="Its sub-circuit, with two pins and perhaps that of its state."),
        Name("cell_subckt"),
    ] = None
    state: Annotated[
        str | None,
        Field(description="Parameter that sets its state at the beginning; default: x0."),
        Name("cell_state"),
    ] = None
    low: Annotated[
        float | None,
        Field(description="Smallest value of the state; default: 0."),
        Quantity(),
        Name("cell_low"),
    ] = None
    high: Annotated[
        float | None,
        Field(description="Largest value of the state; default: 1."),
        Quantity(),
        Name("cell_high"),
    ] = None
    node: Annotated[
        str | None,
        Field(
            description="Pin or inner node whose voltage is the state; default: x; - is a cell "
            "without one."
        ),
        Name("cell_node"),
    ] = None
    polarity: Annotated[
        Literal["word", "bit"] | None,
        Field(description="Line at which its first pin stands; default: word."),
        Name("cell_polarity"),
    ] = None
    compat: Annotated[
        Compatibility,
        Field(description="Whose syntax its file has: as opamp_compat."),
        Name("cell_compat"),
    ] = None
    reach: Annotated[
        float | None,
        Field(
            gt=0,
            description="Largest voltage that it is measured with; default: 0.3 V.",
        ),
        Quantity("V", (1e-3, 10)),
        Name("cell_reach"),
    ] = None


@parameters
class RunSettings:
    """What every draw of an experiment depends on."""

    seed: Annotated[int, Field(ge=0, description="Of every random draw.")] = 0


@parameters
class ChipSettings:
    """What the points of a sweep ask of a chip."""

    technology: Annotated[
        str | None,
        Field(
            description="Of sweeps: what costs are worked out in, by its name (best, typical, "
            "board-ad823) or as a .toml file; none: no costs."
        ),
    ] = None


SWEEP_WORDS: Mapping[str, tuple[str, str]] = {
    "range": ("predicted", "In sweeps, predicted: a chip programs the matrix and asks it."),
}
"""Words that a parameter takes in sweeps alone, with what they mean there."""
