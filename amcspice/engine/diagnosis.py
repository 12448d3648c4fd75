"""What is installed and whether it works: versions, and a short run of each simulator."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np

from amcspice.circuit import CompactGINV
from amcspice.engine.batch import Batch, Drive
from amcspice.engine.behavioural.backend import Integrator
from amcspice.engine.equations.linear import LinearModel
from amcspice.engine.ngspice.installation import SHARED_MODE_BROKEN, Installation, find_installation
from amcspice.engine.ngspice.process import BatchSimulator
from amcspice.engine.ngspice.shared import SharedSimulator
from amcspice.engine.ngspice.simulator import Simulator
from amcspice.errors import AmcspiceError, InputError
from amcspice.extras import EXTRAS, packages_of
from amcspice.native import choose_level
from amcspice.netlist import Deck

__all__ = ["Check", "Diagnosis", "diagnose", "try_behavioural"]

PACKAGES = packages_of(None)
"""What amcspice cannot do without."""

NO_LIBRARY = (
    "libngspice not found: run scripts/install-ngspice.sh, or install the package libngspice0"
)

RC = Deck(
    text="* charge of a capacitor\n"
    "V1 in 0 1.0\n"
    "R1 in out 1000.0\n"
    "C1 out 0 1e-09\n"
    ".save v(out)\n"
    ".tran 1e-08 1e-05 0 1e-08 uic\n"
    ".end\n",
    saved=("out",),
    stop_time=1e-5,
)
"""A deck of three elements whose answer is known: 1 V but for exp(-10)."""


@dataclass(frozen=True)
class Check:
    """Whether one simulator works.

    Parameters
    ----------
    name : str
        batch, shared or behavioural.
    ok : bool
    seconds : float
        Time that the run took, start-up included [s].
    message : str
        What is wrong and what to do; empty if nothing.
    """

    name: str
    ok: bool
    seconds: float
    message: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """What is installed, and which simulators work.

    Parameters
    ----------
    versions : dict of str to str or None
        amcspice, Python and packages of the core; None is not installed.
    extras : dict of str to dict
        Packages of each extra with their versions, too; none of them is needed.
    level : str, optional
        Of the compiled code, see `amcspice.native`; None if there is none.
    installation : Installation, optional
        None if there is no ngspice.
    checks : tuple of Check
    """

    versions: dict[str, str | None]
    extras: dict[str, dict[str, str | None]]
    level: str | None
    installation: Installation | None
    checks: tuple[Check, ...]

    @property
    def usable(self) -> bool:
        """Whether everything is there and works."""
        there = None not in (self.level, *self.versions.values())
        return there and all(check.ok for check in self.checks)

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values."""
        installation = self.installation
        return {
            "usable": self.usable,
            "versions": self.versions,
            "extras": self.extras,
            "compiled": self.level,
            "ngspice": None
            if installation is None
            else {
                "version": installation.version,
                "executable": installation.executable,
                "library": installation.library,
                "klu": installation.klu,
            },
            "simulators": {
                check.name: {
                    "ok": check.ok,
                    "wall_time_s": check.seconds,
                    "message": check.message,
                }
                for check in self.checks
            },
        }


def diagnose() -> Diagnosis:
    """Look at versions and try each simulator."""
    versions: dict[str, str | None] = {
        "amcspice": _version("amcspice"),
        "Python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }
    extras = {each: {name: _version(name) for name in packages_of(each)} for each in EXTRAS}
    try:
        installation = find_installation()
    except InputError as error:
        missing = (Check(name, False, 0.0, str(error)) for name in ("batch", "shared"))
        return Diagnosis(versions, extras, _level(), None, (*missing, try_behavioural()))
    return Diagnosis(
        versions,
        extras,
        _level(),
        installation,
        (
            _try("batch", lambda: BatchSimulator(installation)),
            _try_shared(installation),
            try_behavioural(),
        ),
    )


def try_behavioural() -> Check:
    """Run one right-hand side of a 1 x 1 circuit."""
    started = time.perf_counter()
    circuit = CompactGINV([[1.0]])
    batch = Batch.of([circuit])
    drive = Drive.of(batch, [circuit.schematic.currents(np.ones((1, 1)), 1.0)])
    expected = LinearModel.of(circuit, batch.models[0]).operating_point(drive.into[0])[0]
    try:
        (stream,) = Integrator(batch, longest=np.ones(1)).run(drive)
    except ImportError as error:
        return Check("behavioural", False, time.perf_counter() - started, str(error))
    ok = bool(np.allclose(stream.voltages[-1], expected, atol=1e-4))
    message = "" if ok else f"it answers {stream.voltages[-1]} V where {expected} V is right"
    return Check("behavioural", ok, time.perf_counter() - started, message)


def _try_shared(installation: Installation) -> Check:
    if installation.library is None:
        return Check("shared", False, 0.0, NO_LIBRARY)
    if not installation.shared_works:
        versions = " and ".join(map(str, SHARED_MODE_BROKEN))
        return Check(
            "shared",
            False,
            0.0,
            f"PySpice cannot drive the libraries of ngspice {versions}: the batch simulator is "
            "taken instead; for the shared one install another version",
        )
    return _try("shared", SharedSimulator.instance)


def _try(name: str, make: Callable[[], Simulator]) -> Check:
    started = time.perf_counter()
    try:
        final = make().run(RC, timeout=60.0)["out"][-1]
    except (AmcspiceError, ImportError, OSError) as error:
        return Check(name, False, time.perf_counter() - started, str(error))
    ok = bool(np.isclose(final, 1.0, atol=1e-3))
    message = "" if ok else f"it answers {final:.6g} V where 1 V is right: install another version"
    return Check(name, ok, time.perf_counter() - started, message)


def _level() -> str | None:
    try:
        return choose_level()
    except AmcspiceError:
        return None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
