"""`Receiver` and `Precoder`: what a base station does with its channel, on a chip.

With G = H'H / M of M antennas, a load l on its diagonal and D = diag(G + l I),

    A = D^-1/2 (G + l I) D^-1/2,    detection  x = D^-1/2 A^-1 D^-1/2 H'y / M
                                    precoding  s = H D^-1/2 A^-1 D^-1/2 x / M

Zero forcing has l = 0, MMSE and RZF have l = N0 / M: K users who share a transmitted power of one
have K N0 / M in the downlink.  Scaling by D^-1/2 on both sides gives A a diagonal of ones whatever
the powers of the users are, so that a weak user has as much of the range of the cells as a strong
one.  SLNR of users with a single antenna has the directions of RZF, with equal powers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from amcspice.errors import InputError
from amcspice.system import Chip, ProgrammedMatrix
from amcspice.workload.wireless.channel import Complex
from amcspice.workload.wireless.solvers import (
    COMPLEX,
    LinearSolver,
    SolverOptions,
    gram_solver,
)

__all__ = ["Detection", "GinvReceiver", "Plan", "Precoder", "Receiver", "precoder", "receiver"]


class Detection(Protocol):
    """Whatever turns what antennas receive into symbols."""

    def detect(self, y: Any) -> Any:
        """Return symbols (K, N) of what antennas receive, (M, N)."""
        ...


@dataclass(frozen=True)
class Plan:
    """How a link is solved.

    Parameters
    ----------
    solver : str
        Of `GRAM_SOLVERS`, or ``ginv``: H in the cells, without a Gram matrix.
    equalise : bool
        Scale by D^-1/2 on both sides.
    products : {"digital", "analog"}
        Matched filter and beams, the products with H.
    options : SolverOptions
    """

    solver: str = "inv"
    equalise: bool = True
    products: Literal["digital", "analog"] = "digital"
    options: SolverOptions = field(default_factory=SolverOptions)


@dataclass(frozen=True, eq=False)
class DigitalProduct:
    """A product in digital arithmetic, which the ledger of the chip counts."""

    matrix: Complex
    chip: Chip
    what: str

    def __matmul__(self, v: Any) -> Any:
        self.chip.ledger.compute(self.what, COMPLEX * self.matrix.size * np.shape(v)[1])
        return self.matrix @ v


class _Gram:
    """The scaled Gram matrix of a channel, solved on a chip.

    Parameters
    ----------
    chip : Chip
    channel : ndarray, shape (M, K)
        As it is known.
    load : float
        Added to H'H.
    plan : Plan
    """

    def __init__(self, chip: Chip, channel: Complex, load: float, plan: Plan) -> None:
        antennas, users = channel.shape
        gram = channel.conj().T @ channel / antennas + load / antennas * np.eye(users)
        # Half of a Hermitian matrix, with its scale.
        flops = COMPLEX * antennas * users * (users + 1) / 2 + 4.0 * users**2
        chip.ledger.compute("Gram matrix", flops, prepares=True)
        self.chip, self.scale = chip, np.ones((users, 1))
        if plan.equalise:
            self.scale = 1 / np.sqrt(np.diag(gram).real)[:, None]
        matrix = self.scale * gram * self.scale.T
        # Rounding leaves the diagonal a hair from one, which no cell should hold.
        matrix[np.diag_indices(users)] = np.diag(matrix).real.round(12)
        self.matrix: Complex = matrix
        self.solver: LinearSolver = gram_solver(plan.solver, chip, matrix, plan.options)
        self.antennas = antennas

    def solve(self, b: Any) -> Any:
        """Return D^-1/2 A^-1 D^-1/2 b / M for (K, N)."""
        self.chip.ledger.compute("scale", 4.0 * np.size(b))
        return self.scale * self.solver.solve(self.scale / self.antennas * b)


class Receiver:
    """Uplink detection by the Gram matrix; see `receiver`."""

    def __init__(self, chip: Chip, channel: Complex, load: float, plan: Plan) -> None:
        self.gram = _Gram(chip, channel, load, plan)
        self.filter = _product(chip, channel.conj().T, plan, "matched filter")

    @property
    def ended(self) -> str:
        """Why an iteration fell short, see `IteratedSolver`; empty if it did not."""
        return getattr(self.gram.solver, "ended", "")

    def detect(self, y: Any) -> Any:
        """Return symbols (K, N) of what antennas receive, (M, N)."""
        return self.gram.solve(self.filter @ y)

    def unmixed(self) -> Any:
        """Return (H'H + l I)^-1, shape (K, K), as the hardware has it: of pilots, one a user."""
        return self.gram.solve(np.eye(len(self.gram.scale), dtype=complex))


class GinvReceiver:
    """Uplink detection in one step from what antennas receive, with H in the cells.

    Parameters
    ----------
    chip : Chip
    channel : ndarray, shape (M, K)
        As it is known.
    load : float
        Added to H'H.
    equalise : bool
        Scale columns to equal length, where there is no load: one that differs from user to user
        has no place in the circuit.
    circuit : mapping
        Further parameters of it.
    """

    ended = ""

    def __init__(
        self, chip: Chip, channel: Complex, load: float, *, equalise: bool = True, **circuit: Any
    ) -> None:
        self.chip, self.scale = chip, _equal_columns(chip, channel, load, equalise=equalise)
        if load:
            circuit["ridge"] = load
        self.matrix: ProgrammedMatrix = chip.program(
            channel * self.scale.T, "lstsq", label="channel", **circuit
        )

    def detect(self, y: Any) -> Any:
        """Return symbols (K, N) of what antennas receive, (M, N)."""
        self.chip.ledger.compute("scale", 2.0 * len(self.scale) * np.shape(y)[1])
        return self.scale * self.matrix.solve(y)


class GramBeams:
    """Antenna signals by the Gram matrix and a product with H; see `precoder`."""

    def __init__(self, chip: Chip, channel: Complex, load: float, plan: Plan) -> None:
        self.gram = _Gram(chip, channel, load, plan)
        self.beams = _product(chip, channel, plan, "beams")

    @property
    def ended(self) -> str:
        """See `Receiver.ended`."""
        return getattr(self.gram.solver, "ended", "")

    def send(self, symbols: Any) -> Any:
        """Return H (H'H + l I)^-1 times symbols (K, N), shape (M, N)."""
        return self.beams @ self.gram.solve(symbols)


class GinvBeams:
    """Antenna signals in one step, with H in the cells; parameters are those of `GinvReceiver`."""

    ended = ""

    def __init__(
        self, chip: Chip, channel: Complex, load: float, *, equalise: bool = True, **circuit: Any
    ) -> None:
        self.chip, self.scale = chip, _equal_columns(chip, channel, load, equalise=equalise)
        self.matrix: ProgrammedMatrix = chip.program(
            channel * self.scale.T,
            "precode",
            label="channel",
            **{"circuit": "ginv-right", "ridge": load, **circuit},
        )

    def send(self, symbols: Any) -> Any:
        """Return what `GramBeams.send` does."""
        self.chip.ledger.compute("scale", 2.0 * np.size(symbols))
        return self.matrix.solve(self.scale * symbols)


class Precoder:
    """Downlink precoding; see `precoder`.

    Parameters
    ----------
    chip : Chip
    channel : ndarray, shape (M, K)
        As it is known.
    beams : GramBeams or GinvBeams
        What makes antenna signals of symbols.
    equal_powers : bool
        See `precoder`.

    Attributes
    ----------
    powers : ndarray, shape (K, 1)
        Amplitudes that symbols are sent with, so that the transmitted power is one.
    """

    def __init__(
        self,
        chip: Chip,
        channel: Complex,
        beams: GramBeams | GinvBeams,
        *,
        equal_powers: bool,
    ) -> None:
        users = channel.shape[1]
        self.beams = beams
        self.powers: NDArray[np.float64] = np.ones((users, 1))
        # Pilots tell what is sent for a symbol of each user, imperfections included.
        sent = np.sum(np.abs(self.send(np.eye(users, dtype=complex))) ** 2, axis=0)
        chip.ledger.compute("power of pilots", 4.0 * channel.size)
        self.powers /= np.sqrt(users * sent if equal_powers else sent.sum())[..., None]

    @property
    def ended(self) -> str:
        """See `Receiver.ended`."""
        return self.beams.ended

    def send(self, symbols: Any) -> Any:
        """Return what antennas send, (M, N), for symbols (K, N)."""
        return self.beams.send(self.powers * symbols)


def _equal_columns(chip: Chip, channel: Complex, load: float, *, equalise: bool) -> Any:
    """Return factors, shape (K, 1), that give columns one length; ones where there is a load."""
    if load or not equalise:
        return np.ones((channel.shape[1], 1))
    chip.ledger.compute("scale", 6.0 * channel.size, prepares=True)
    return 1 / np.sqrt(np.mean(np.abs(channel) ** 2, axis=0))[:, None]


def receiver(chip: Chip, channel: Complex, load: float = 0.0, plan: Plan | None = None) -> Any:
    """Return uplink detection, programmed into a chip.

    Parameters
    ----------
    chip : Chip
        Its ledger takes all work, digital too.
    channel : ndarray, shape (M, K)
        As it is known, with the powers of the users.
    load : float
        Added to the diagonal of H'H: 0 is zero forcing, N0 is MMSE.
    plan : Plan, optional

    Returns
    -------
    Receiver or GinvReceiver

    Raises
    ------
    InputError
        If something cannot be programmed.
    """
    _check_load(load)
    plan = plan or Plan()
    if plan.solver != "ginv":
        return Receiver(chip, channel, load, plan)
    circuit = dict(plan.options.circuit or {})
    return GinvReceiver(chip, channel, load, equalise=plan.equalise, **circuit)


def precoder(
    chip: Chip,
    channel: Complex,
    load: float = 0.0,
    plan: Plan | None = None,
    *,
    equal_powers: bool = False,
) -> Precoder:
    """Return downlink precoding, programmed into a chip; users receive H'W x.

    Parameters
    ----------
    chip : Chip
    channel : ndarray, shape (M, K)
        As it is known.
    load : float
        0 is zero forcing, K N0 is RZF, N0 the noise at a user.
    plan : Plan, optional
    equal_powers : bool
        Whether every user has the same transmitted power, as SLNR has it; otherwise one factor
        scales all.

    Raises
    ------
    InputError
        If the load is negative, or something cannot be programmed.
    """
    _check_load(load)
    plan = plan or Plan()
    beams: GramBeams | GinvBeams
    if plan.solver == "ginv":
        circuit = dict(plan.options.circuit or {})
        beams = GinvBeams(chip, channel, load, equalise=plan.equalise, **circuit)
    else:
        beams = GramBeams(chip, channel, load, plan)
    return Precoder(chip, channel, beams, equal_powers=equal_powers)


def _check_load(load: float) -> None:
    if not load >= 0:
        raise InputError(f"load = {load}: a variance of noise is not negative")


def _product(chip: Chip, matrix: Complex, plan: Plan, what: str) -> Any:
    if plan.products == "digital":
        return DigitalProduct(matrix, chip, what)
    return chip.program(matrix, "mvm", label=what)
