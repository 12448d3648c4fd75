"""What a technology says, as a part of the identity of a point."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import asdict
from pathlib import Path

from amcspice.files import file_stamp
from amcspice.model_files import models_folder
from amcspice.system import Technology

__all__ = ["technology_hash"]


def technology_hash(name: str) -> str:
    """Return a hash of every figure of a technology.

    Raises
    ------
    InputError
        If there is no such technology, or its file cannot be used.
    """
    path = Path(name)
    if path.suffix.lower() != ".toml":
        path = models_folder() / "technology" / f"{name}.toml"
    return _hash(name, file_stamp(path))


@functools.lru_cache(maxsize=64)
def _hash(name: str, _stamp: tuple[int, int]) -> str:
    loaded = Technology.load(name)
    entries = {key: asdict(entry) for key, entry in loaded.entries.items()}
    return hashlib.sha256(repr((entries, loaded.writing)).encode()).hexdigest()
