"""Which ngspice is installed: binary, shared library, version, matrix solvers."""

from __future__ import annotations

import ctypes.util
import functools
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from amcspice.errors import InputError

__all__ = ["Installation", "find_installation", "is_installed"]

PREFIX_VARIABLE = "AMCSPICE_NGSPICE"
SHARED_MODE_BROKEN = (42, 43)
"""Versions whose shared library PySpice cannot use: a solver banner on stderr reads as failure."""


@dataclass(frozen=True)
class Installation:
    """An ngspice installation.

    Parameters
    ----------
    executable : str
        Path of ``ngspice``.
    library : str, optional
        Path or soname of ``libngspice``; None if there is none.
    version : int
        Major version.
    klu : bool
        Whether the KLU matrix solver is compiled in.
    script_directory : str, optional
        Value for ``SPICE_LIB_DIR``; None uses the built-in one.
    """

    executable: str
    library: str | None
    version: int
    klu: bool
    script_directory: str | None = None

    @property
    def shared_works(self) -> bool:
        """Whether the shared library can be driven through PySpice."""
        return self.library is not None and self.version not in SHARED_MODE_BROKEN

    @property
    def loads_compiled(self) -> bool:
        """Whether it loads compiled models (``.osdi``)."""
        return _loads_compiled(self)

    @property
    def environment(self) -> dict[str, str]:
        """Environment of an ngspice process; one thread, because jobs are processes."""
        extra = {"SPICE_LIB_DIR": self.script_directory} if self.script_directory else {}
        return {**os.environ, **extra, "OMP_NUM_THREADS": "1"}


@functools.cache
def _loads_compiled(installation: Installation) -> bool:
    """Ask ngspice itself: packages of one version are built with and without."""
    with tempfile.TemporaryDirectory(prefix="amcspice-") as folder:
        deck = Path(folder) / "deck.cir"
        deck.write_text("* probe\n.control\npre_osdi none\n.endc\nR1 a 0 1\n.op\n.end\n")
        process = subprocess.run(
            [installation.executable, "-n", "-b", str(deck)],
            capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL, check=False,
            env=installation.environment, cwd=folder,
        )  # fmt: skip
    return "no such command" not in process.stdout + process.stderr


def is_installed() -> bool:
    """Whether there is one, or one is named by ``AMCSPICE_NGSPICE``."""
    return PREFIX_VARIABLE in os.environ or shutil.which("ngspice") is not None


def find_installation() -> Installation:
    """Find ngspice: in the prefix that ``AMCSPICE_NGSPICE`` names, else in the system.

    Raises
    ------
    InputError
        If there is none, with what to install.
    """
    return _find(os.environ.get(PREFIX_VARIABLE), os.environ.get("PATH"))


@functools.cache
def _find(prefix: str | None, path: str | None) -> Installation:
    if prefix:
        executable: str | None = str(Path(prefix) / "bin" / "ngspice")
        libraries = sorted(Path(prefix).glob("lib/**/libngspice.so.0"))
        library = str(libraries[0]) if libraries else None
        scripts = Path(prefix) / "share" / "ngspice"
        script_directory = str(scripts) if scripts.is_dir() else None
        where = f"in the folder that {PREFIX_VARIABLE} names ({prefix})"
    else:
        executable, script_directory = shutil.which("ngspice", path=path), None
        library = ctypes.util.find_library("ngspice")
        where = "on this machine"
    if executable is None or not os.access(executable, os.X_OK):
        raise InputError(
            f"ngspice not found {where}: run scripts/install-ngspice.sh, or install the packages "
            "ngspice and libngspice0 of your distribution; the fidelities behavioural, dc and "
            "ideal need none"
        )
    banner = _banner(executable)
    match = re.search(r"ngspice-(\d+)", banner)
    if match is None:
        raise InputError(f"{executable} --version does not look like ngspice: {banner[:200]!r}")
    return Installation(
        executable=executable,
        library=library,
        version=int(match.group(1)),
        klu="KLU" in banner,
        script_directory=script_directory,
    )


def _banner(executable: str) -> str:
    try:
        process = subprocess.run(
            [executable, "--version"],
            capture_output=True,
            text=True,
            timeout=20,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"{executable} --version hangs; check the installation") from None
    except OSError as error:
        raise InputError(f"{executable} cannot be started: {error}") from None
    return process.stdout + process.stderr
