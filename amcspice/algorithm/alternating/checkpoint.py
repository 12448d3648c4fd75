"""Checkpoints of an iteration: one file, replaced as a whole, refused by another run."""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.files import replacing

__all__ = ["Checkpoint"]

FORMAT = 3
"""Raised whenever what a checkpoint holds changes; 1, that of version 0.1.0, had no number."""

SAVE_EVERY = 1.0
"""Seconds of work that may be lost; small problems would spend their time on writing files."""


class Checkpoint:
    """The state of a factorisation on disk.

    Parameters
    ----------
    path : Path, optional
        None keeps nothing.
    identity : list
        Everything the result depends on; a checkpoint of another identity is refused.
    """

    def __init__(self, path: Path | None, identity: list[Any]) -> None:
        self.path = path
        digest = hashlib.sha256()
        for item in identity:
            content = repr(item).encode()
            if isinstance(item, np.ndarray):
                content = f"{item.dtype.str} {item.shape} ".encode() + item.tobytes()
            digest.update(hashlib.sha256(content).digest())
        self.identity = digest.hexdigest()
        self._saved = time.monotonic()

    def save(
        self, state: Callable[[], tuple[dict[str, Array], dict[str, Any]]], *, last: bool = False
    ) -> None:
        """Replace the checkpoint, unless that was done a moment ago.

        Parameters
        ----------
        state : callable
            Returns arrays and plain values.
        last : bool
            Save in any case.
        """
        if self.path is None or not (last or time.monotonic() - self._saved > SAVE_EVERY):
            return
        arrays, values = state()
        origin = {"format": FORMAT, "amcspice": metadata.version("amcspice")}
        text = json.dumps({**origin, "identity": self.identity, "values": values})
        with replacing(self.path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, values=np.array(text), **arrays)  # type: ignore[arg-type]
        self._saved = time.monotonic()

    def load(self) -> tuple[dict[str, Array], dict[str, Any]] | None:
        """Return what was saved, or None if there is no checkpoint.

        Raises
        ------
        InputError
            If the checkpoint is of another run or version, or cannot be read.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            with self.path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
                arrays = {
                    name.removesuffix(".npy"): np.lib.format.read_array(archive.open(name))
                    for name in archive.namelist()
                }
            content = json.loads(str(arrays.pop("values")))
            identity = content.pop("identity")
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(
                f"checkpoint {self.path} cannot be read ({error}): delete it"
            ) from None
        if content.get("format") != FORMAT:
            version = content.get("amcspice", "0.1.0")
            raise InputError(
                f"checkpoint {self.path} was written by amcspice {version} in another format "
                f"({content.get('format', 1)}, not {FORMAT}): finish the run with that version, "
                "or delete the checkpoint and start anew"
            )
        if identity != self.identity:
            raise InputError(
                f"checkpoint {self.path} is of another run (other input or options): "
                "choose another output folder, or run without --resume"
            )
        return arrays, content["values"]
