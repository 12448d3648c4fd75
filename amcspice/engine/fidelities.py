"""`BACKENDS`: every fidelity by its name."""

from __future__ import annotations

from typing import Any

from amcspice.registry import Registry

__all__ = ["BACKENDS"]


def _fault(entry: Any) -> str | None:
    wanted = ("name", "check", "prepare", "simulates")
    is_backend = isinstance(entry, type) and all(hasattr(entry, name) for name in wanted)
    return None if is_backend else "it is no subclass of amcspice.Backend"


BACKENDS: Registry[Any] = Registry(
    "fidelity",
    "amcspice.backends",
    {},
    _fault,
    places={
        "flat": "amcspice.engine.ngspice.backends:Flat",
        "reduced": "amcspice.engine.ngspice.backends:Reduced",
        "behavioural": "amcspice.engine.behavioural.backend:Behavioural",
        "dc": "amcspice.engine.dc.backend:DC",
        "ideal": "amcspice.engine.ideal:Ideal",
    },
    doc="""Every fidelity by its name, a mapping to subclasses of `Backend`.

    Examples
    --------
    >>> import amcspice as amc
    >>> {name: amc.BACKENDS[name].verified_by for name in ("reduced", "behavioural", "dc")}
    {'reduced': 'flat', 'behavioural': 'reduced', 'dc': 'behavioural'}
    """,
)
