"""The compiled part of amcspice, for the level of instructions that the processor has.

``from amcspice.native import compiled`` gives the extension module; ``compiled.pyi`` lists what is
in it.  The same sources are compiled for three levels of x86-64 (those of its psABI: v2 of 2009,
v3 with AVX2 and fused multiplication, v4 with AVX-512), or for one, called base, of another
processor.  The environment variable ``AMCSPICE_NATIVE`` asks for a level.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import platform
from types import ModuleType

from amcspice.errors import InputError, NotCompiledError

__all__ = ["HINT", "LEVELS", "VARIABLE", "choose_level", "compiled_levels", "supported_levels"]

VARIABLE = "AMCSPICE_NATIVE"
"""Environment variable that asks for a level."""

LEVELS = ("v4", "v3", "v2", "base")
"""Levels, the fastest first."""

CPUINFO = "/proc/cpuinfo"

FLAGS = {
    "v3": {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"},
    "v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}
"""What each level adds to the one below, as Linux names it (``abm`` is LZCNT)."""

HINT = "run `make setup` in the repository, or `pip install .`; it takes a C++ compiler"
"""What to do where the extension module is missing."""


def __getattr__(name: str) -> ModuleType:
    """Load the extension module when it is first asked for."""
    if name == "compiled":
        return _load(choose_level())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def _load(level: str) -> ModuleType:
    try:
        return importlib.import_module(f"{__name__}.{level}")
    except ImportError as error:
        raise NotCompiledError(
            f"the compiled part of amcspice ({level}) does not load: {error}; {HINT}"
        ) from error


def choose_level() -> str:
    """Return the level to load: the one asked for, or the fastest that the processor can run.

    Raises
    ------
    NotCompiledError
        If it has not been compiled.
    InputError
        If the environment variable names none that the processor can run.
    """
    there, wanted = compiled_levels(), os.environ.get(VARIABLE)
    if wanted:
        if wanted not in supported_levels():
            choice = ", ".join(supported_levels())
            raise InputError(f"{VARIABLE}={wanted}: this processor can run {choice}")
        if wanted not in there:
            raise NotCompiledError(f"{VARIABLE}={wanted}: that has not been compiled; {HINT}")
        return wanted
    for level in there:
        if level in supported_levels():
            return level
    raise NotCompiledError(f"the compiled part of amcspice is missing; {HINT}")


@functools.cache
def compiled_levels() -> tuple[str, ...]:
    """Return the levels that there are modules of, the fastest first."""
    return tuple(level for level in LEVELS if importlib.util.find_spec(f"{__name__}.{level}"))


@functools.cache
def supported_levels() -> tuple[str, ...]:
    """Return the levels that the processor can run, the fastest first."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return ("base",)
    flags, levels = _processor_flags(), ["v2"]
    for level, needed in FLAGS.items():
        if not needed <= flags:
            break
        levels.insert(0, level)
    return tuple(levels)


def _processor_flags() -> set[str]:
    """Return what the operating system says of the first processor, nothing if it does not."""
    try:
        with open(CPUINFO) as lines:
            for line in lines:
                if line.startswith("flags"):
                    return set(line.partition(":")[2].split())
    except OSError:
        pass
    return set()
