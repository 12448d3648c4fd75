"""Points that cost nothing, for tests of the machinery; worker processes import this file."""

import os
import time
from dataclasses import dataclass, field

from amcspice.errors import SimulationError, UnstableError


@dataclass(frozen=True)
class Result:
    metrics: dict
    provenance: dict = field(default_factory=lambda: {"amcspice": "test"})


def trivial(parameters):
    """Return numbers that follow from the parameters alone."""
    columns, seed, gbw = (parameters[name] for name in ("columns", "seed", "gbw"))
    return Result({"settling_time_median_s": columns / gbw, "relative_error_median": seed * 1e-3})


def short(parameters):
    """Take a few milliseconds."""
    time.sleep(0.004)
    return trivial(parameters)


def troubled(parameters):
    """Fail, hang or die at some seeds."""
    seed = parameters["seed"]
    if seed == 1:
        raise UnstableError("the circuit has no stable answer")
    if seed == 2:
        time.sleep(60)
    if seed == 3:
        os.kill(os.getpid(), 9)
    if seed == 4:
        raise ZeroDivisionError("a mistake in the program")
    if seed == 5:
        raise SimulationError("timestep too small", deck=deck(), log="doAnalyses: too small")
    return trivial(parameters)


def deck():
    """Write a deck as a failed simulation leaves it."""
    path = os.path.join(os.environ["AMCSPICE_FAILED_DECKS"], f"deck-{os.getpid()}.cir")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as stream:
        stream.write("* a deck\n.end\n")
    return path


def mended(parameters):
    """Work at every seed."""
    return trivial(parameters)


def deadly(parameters):
    """Crash at one seed, as a simulator does."""
    if parameters["seed"] == 33:
        os.kill(os.getpid(), 11)
    return trivial(parameters)


def asleep(parameters):
    """Take as long as is asked for."""
    time.sleep(parameters["seconds"])
    return Result({})


def asleep_for_columns(parameters):
    """Take a second a column, but for the first."""
    time.sleep(parameters["columns"] - 1)
    return Result({})


def duration(columns, classic):
    """Return what `grows` takes: a power of the size, more on another circuit [s]."""
    return 0.02 * columns**1.5 * (3 if classic else 1)


def grows(parameters):
    """Take longer for larger circuits."""
    time.sleep(duration(parameters["columns"], parameters["circuit"] == "ginv-classic"))
    return trivial({**parameters, "gbw": 1.0})


def suddenly_long(parameters):
    """Take no time, and from one seed on half a second."""
    time.sleep(0.5 if parameters["seed"] >= 40 else 0.0)
    return trivial(parameters)
