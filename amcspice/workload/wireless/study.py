"""`BitErrorStudy`: bit-error rates of a link, with all that may be chosen.

The fields are options of ``amcspice mimo ber``, and parameters of sweeps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from amcspice.algorithm.system import Figures, Point, System
from amcspice.errors import InputError, UnsupportedError
from amcspice.schema import Name, Quantity, parameters
from amcspice.system import Chip
from amcspice.workload.wireless.bit_errors import run_link
from amcspice.workload.wireless.channel import (
    Antennas,
    Channel,
    FileChannel,
    Kronecker,
    Rayleigh,
    Users,
)
from amcspice.workload.wireless.curve import Curve
from amcspice.workload.wireless.link import DetectorName, Link
from amcspice.workload.wireless.processing import Plan
from amcspice.workload.wireless.qam import ModulationName, modulation
from amcspice.workload.wireless.solvers import MappingName, SolverOptions

__all__ = ["BitErrorStudy"]

USERS, ANTENNAS = 16, 128

OWN = {
    "diagonal": "mapping says where it stands",
    "ridge": "the detector says what is added to the diagonal",
    "lasso": "links have none",
    "rows": "links have all of their antennas",
}
"""Parameters of circuits that a link sets itself."""


@parameters
class BitErrorStudy(System):
    """How a link is run, and how long.

    Raises
    ------
    InputError
        If values do not fit together.

    Examples
    --------
    >>> import amcspice as amc
    >>> from amcspice.workload.wireless import BitErrorStudy
    >>> study = BitErrorStudy(users=4, antennas=16, channels=5, modulation="qpsk")
    >>> curve = study.curve(amc.Chip(write_noise=0.01, seed=1), [0.0, 6.0])
    >>> [0 < point.analog.rate < 0.2 for point in curve.points]
    [True, True]
    """

    name: ClassVar[str] = "ber"
    metrics: ClassVar[Mapping[str, str]] = {
        "ber": "",
        "ber_low": "",
        "ber_high": "",
        "digital_ber": "",
        "evm": "",
        "evm_hardware": "",
        "evm_weakest": "",
        "link_bits": "",
        "bit_errors": "",
        "answered": "",
    }
    """The interval holds the rate with 95 %.  EVM is that against what was sent, ``evm_hardware``
    against the digital twin, ``evm_weakest`` the same of the user with the least power.
    ``answered`` is the share of channels with an answer; below one there is no rate.
    """
    higher_is_better: ClassVar[tuple[str, ...]] = ("answered",)

    users: Users = None
    antennas: Antennas = None
    modulation: ModulationName = "64qam"
    detector: Annotated[
        DetectorName,
        Field(
            description="Zero forcing, or with a load on the diagonal that weighs noise: mmse, "
            "called rzf in the downlink, and slnr there, with equal powers."
        ),
    ] = "zf"
    direction: Annotated[
        Literal["uplink", "downlink"], Field(description="Detection or precoding.")
    ] = "uplink"
    snr: Annotated[
        float,
        Field(
            ge=-60,
            le=100,
            description="Signal-to-noise ratio in dB: power of all users together over noise, at "
            "one antenna.",
        ),
        Quantity(),
    ] = 10.0
    solver: Annotated[
        Literal["inv", "ginv", "cg", "chebyshev", "richardson", "jacobi", "refined", "digital"],
        Field(
            description="One-step inverse of the Gram matrix, least squares with the channel in "
            "the cells, iterations on products, refined inverse, or no circuit."
        ),
    ] = "inv"
    mapping: Annotated[
        MappingName,
        Field(description="Diagonal of the Gram matrix in fixed resistors, or programmed."),
    ] = "fixed-diagonal"
    equalise_power: Annotated[
        bool,
        Field(description="Scale the Gram matrix to a diagonal of ones, whatever users send with."),
    ] = True
    products: Annotated[
        Literal["digital", "analog"],
        Field(description="Matched filter and beams: the products with the channel."),
    ] = "digital"
    channel: Annotated[
        Literal["iid", "kronecker"],
        Field(description="Independent entries, or correlated antennas."),
    ] = "iid"
    rho: Annotated[
        float | None,
        Field(
            ge=0, lt=1,
            description="Correlation of neighbouring antennas of kronecker; default: 0.7.",
        ),
        Quantity(),
    ] = None  # fmt: skip
    channel_file: Annotated[
        str | None,
        Field(
            description="Channels from a .npy file, (antennas, users) or (channels, antennas, "
            "users), in the place of drawn ones."
        ),
        Name(file=True),
    ] = None
    channel_error: Annotated[
        float,
        Field(
            ge=0,
            description="Variance of the error of the channel as it is known, over that of its "
            "entries.",
        ),
        Quantity("", (1e-6, 1)),
    ] = 0.0
    power_spread: Annotated[
        float,
        Field(ge=0, le=100, description="Of the users, weakest to strongest, in dB."),
        Quantity(),
    ] = 0.0
    channels: Annotated[int, Field(ge=1, description="Channel matrices, at most.")] = 100
    symbol_vectors: Annotated[
        int | None,
        Field(
            ge=1,
            description="Symbol vectors of a channel and signal-to-noise ratio; default: as many "
            "as make 200,000 bits.",
        ),
        Name("vectors"),
    ] = None
    bit_errors: Annotated[
        int | None,
        Field(
            ge=1,
            description="A signal-to-noise ratio ends with so many bit errors, after at least 20 "
            "channels; default: with the last channel.",
        ),
        Name("errors"),
    ] = None
    residual: Annotated[
        float | None,
        Field(gt=0, lt=1, description="Of iterations on products; default: 1e-4."),
        Quantity(),
    ] = None
    iterations: Annotated[int | None, Field(ge=1, description="At most; default: 60.")] = None
    refine: Annotated[
        float | None,
        Field(ge=1, le=50, description="Bits of the refined solver; default: 10."),
        Quantity(),
    ] = None

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        if self.rho is not None and self.channel != "kronecker":
            raise InputError("rho: of channel kronecker")
        if self.channel_file is not None:
            for name in ("users", "antennas", "rho"):
                if getattr(self, name) is not None:
                    raise InputError(f"{name}: the matrices of channel_file say it")
        iterates = self.solver in ("cg", "chebyshev", "richardson", "jacobi")
        if self.residual is not None and not iterates:
            raise InputError(f"residual: of iterations on products; solver is {self.solver}")
        if self.iterations is not None and not (iterates or self.solver == "refined"):
            raise InputError(f"iterations: solver {self.solver} has none")
        if self.products == "analog" and self.solver == "ginv":
            raise InputError("products: solver ginv has none, its cells hold the channel")
        if self.mapping == "programmed" and self.solver in ("ginv", "digital"):
            raise InputError(f"mapping: solver {self.solver} has no Gram matrix in cells")
        if self.refine is not None and self.solver != "refined":
            raise InputError(f"refine: of solver refined; solver is {self.solver}")

    def source(self) -> Channel:
        """Return where channels come from.

        Raises
        ------
        InputError
            If there are more users than antennas, or a file cannot be used.
        """
        if self.channel_file is not None:
            return FileChannel.read(self.channel_file)
        antennas, users = self.antennas or ANTENNAS, self.users or USERS
        if self.channel == "kronecker":
            return Kronecker(antennas, users, 0.7 if self.rho is None else self.rho)
        return Rayleigh(antennas, users)

    def link(self) -> Link:
        """Return the link."""
        return Link(
            self.source(), modulation(self.modulation), self.detector, self.direction,
            self.power_spread, self.channel_error,
        )  # fmt: skip

    def plan(self, circuit: Mapping[str, Any] | None = None) -> Plan:
        """Return how it is solved.

        Parameters
        ----------
        circuit : mapping, optional
            Further parameters of the circuits that solve.

        Raises
        ------
        UnsupportedError
            If they are parameters that a link sets itself, or has no use for.
        """
        for name in circuit or {}:
            if name in OWN:
                raise UnsupportedError(f"{name}: {OWN[name]}")
            if self.solver not in ("inv", "ginv", "refined"):
                raise UnsupportedError(f"{name}: solver {self.solver} has no circuit with it")
        options = SolverOptions(
            self.mapping, self.residual or 1e-4, self.iterations or 60, self.refine or 10.0,
            circuit,
        )  # fmt: skip
        return Plan(self.solver, self.equalise_power, self.products, options)

    def curve(
        self,
        chip: Chip,
        snr_db: Sequence[float] | None = None,
        *,
        circuit: Mapping[str, Any] | None = None,
        seed: int = 0,
        progress: Callable[[float], None] | None = None,
    ) -> Curve:
        """Count bit errors.

        Parameters
        ----------
        chip : Chip
        snr_db : sequence of float, optional
            None is ``snr`` alone.
        circuit : mapping, optional
            See `plan`.
        seed : int
            Of channels, bits and noise.
        progress : callable, optional
            Is told how many channels are done since the last call.

        Raises
        ------
        InputError
            If something does not fit, or cannot be programmed.
        """
        return run_link(
            self.link(), chip, [self.snr] if snr_db is None else snr_db,
            plan=self.plan(circuit), channels=self.channels, vectors=self.symbol_vectors,
            errors=self.bit_errors, seed=seed, progress=progress,
        )  # fmt: skip

    def run(self, point: Point) -> Figures:
        """Count the bit errors of a point; see `System.run`."""
        curve = self.curve(point.chip, circuit=point.circuit_options, seed=point["seed"])
        (made,) = curve.points
        low, high = made.analog.interval()
        rate = (np.nan, np.nan, np.nan) if made.failed else (made.analog.rate, low, high)
        return {
            **dict(zip(("ber", "ber_low", "ber_high"), rate, strict=True)),
            "digital_ber": made.digital.rate,
            "evm": np.nan if made.failed else made.evm(),
            "evm_hardware": np.nan if made.failed else made.evm("hardware"),
            "evm_weakest": np.nan if made.failed else float(made.evm_of_users("hardware")[0]),
            "link_bits": sum(made.analog.bits),
            "bit_errors": sum(made.analog.errors),
            "answered": 1 - sum(made.failures.values()) / self.channels,
        }
