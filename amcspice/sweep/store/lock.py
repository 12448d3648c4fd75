"""One owner of a store, as long as its process lives."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from amcspice.errors import InputError

__all__ = ["Lock", "owner"]


class Lock:
    """A lock beside a file; the system gives it up when the process ends, however that happens.

    Parameters
    ----------
    path : Path
        What is locked.

    Raises
    ------
    InputError
        If another process holds it, or the folder cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self._path = _beside(path)
        while True:
            try:
                self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError as error:
                raise InputError(f"{path} cannot be written: {error.strerror}") from None
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._handle)
                who = owner(path)
                raise InputError(
                    f"another sweep is running on {path}{f' (process {who})' if who else ''}: "
                    "wait for it, or give --store another file"
                ) from None
            if self._still_there():
                break
            os.close(self._handle)
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Remove the lock."""
        self._path.unlink(missing_ok=True)
        os.close(self._handle)

    def _still_there(self) -> bool:
        """Whether the file is still the one that was opened: its last owner may have removed it."""
        try:
            return os.path.samestat(os.fstat(self._handle), os.stat(self._path))
        except FileNotFoundError:
            return False


def owner(path: Path) -> int | None:
    """Return the process that owns a file, or None."""
    try:
        handle = os.open(_beside(path), os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(handle, 20, 0) or 0)
    finally:
        os.close(handle)
    return None


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".lock")
