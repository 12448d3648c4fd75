"""`EstimationStudy`: sparse channels estimated from few pilots, with all that may be chosen.

The fields are options of ``amcspice mimo estimate``, and parameters of sweeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from amcspice.algorithm.system import Figures, Point, System
from amcspice.errors import UnsupportedError
from amcspice.schema import Quantity, parameters
from amcspice.system import Chip
from amcspice.workload.wireless.sparse_channel import (
    PEERS,
    BeamChannel,
    Estimates,
    RecoveryName,
    estimate_channels,
)

__all__ = ["EstimationStudy"]


@parameters
class EstimationStudy(System):
    """Channels of few paths, seen through fewer pilots than beams, and their estimation.

    Raises
    ------
    InputError
        If values do not fit together.

    Examples
    --------
    >>> import amcspice as amc
    >>> from amcspice.workload.wireless import EstimationStudy
    >>> study = EstimationStudy(beams=12, pilots=8, paths=1, estimates=4)
    >>> made = study.estimate(amc.Chip(write_noise=0.02, seed=1))
    >>> made.paths_found, bool(made.nmse_db(made.debiased) < -20)
    (1.0, True)
    """

    name: ClassVar[str] = "estimate"
    metrics: ClassVar[Mapping[str, str]] = {
        "nmse_db": "",
        "biased_nmse_db": "",
        "paths_found": "",
        **{f"{name}_nmse_db": "" for name in PEERS},
    }
    """Mean squared error of channels over their mean square, in dB: after least squares on the
    entries that were found, before it, and the same of digital peers.  ``oracle`` knows the paths.
    """
    higher_is_better: ClassVar[tuple[str, ...]] = ("paths_found",)

    beams: Annotated[int, Field(ge=2, description="Unknown entries of a sparse channel.")] = 64
    pilots: Annotated[int, Field(ge=1, description="Equations that pilots give of them.")] = 24
    paths: Annotated[int, Field(ge=1, description="Entries that are not zero.")] = 4
    pilot_snr: Annotated[
        float,
        Field(
            ge=-60, le=100, description="Signal-to-noise ratio of a received pilot in dB."
        ),
        Quantity(),
    ] = 25.0  # fmt: skip
    recovery: Annotated[
        RecoveryName,
        Field(
            description="Soft thresholds (circuit lca), or non-negative parts (ginv-classic on "
            "[A, -A])."
        ),
    ] = "lca"
    estimates: Annotated[
        int, Field(ge=1, description="Channels that are estimated with the same pilots.")
    ] = 20

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        self.channel()

    def channel(self) -> BeamChannel:
        """Return where channels come from."""
        return BeamChannel(self.beams, self.pilots, self.paths)

    def estimate(
        self,
        chip: Chip,
        snr_db: float | None = None,
        *,
        circuit: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> Estimates:
        """Estimate channels on a chip.

        Parameters
        ----------
        chip : Chip
        snr_db : float, optional
            None is ``pilot_snr``.
        circuit : mapping, optional
            Further parameters of the circuit.
        seed : int
            Of pilots, channels and noise.

        Raises
        ------
        InputError
            If something cannot be programmed.
        UnsupportedError
            If the weight of the L1 term is given: noise and pilots say it.
        """
        if circuit and {"lasso", "circuit"} & set(circuit):
            raise UnsupportedError(
                "lasso, circuit: estimate takes the weight that pilot_snr asks for, on the circuit "
                "of recovery"
            )
        return estimate_channels(
            self.channel(), chip, self.pilot_snr if snr_db is None else snr_db,
            recovery=self.recovery, count=self.estimates, seed=seed, circuit=dict(circuit or {}),
        )  # fmt: skip

    def run(self, point: Point) -> Figures:
        """Estimate the channels of a point; see `System.run`."""
        made = self.estimate(point.chip, circuit=point.circuit_options, seed=point["seed"])
        return made.figures()
