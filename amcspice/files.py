"""Writing files so that a reader never sees half of one; reading files of any origin."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import os
import re
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from amcspice.errors import AmcspiceError, InputError

__all__ = [
    "check_memory",
    "check_target",
    "file_content",
    "file_stamp",
    "named_files",
    "read_spice",
    "replacing",
    "spice_text",
    "writable_folder",
]

GZIP = b"\x1f\x8b"
"""How a file that gzip packed begins, whatever its name."""

COPIES = 2
"""Times that what is read must fit into memory: as it is, and as what is made of it."""

SMALL = 1e7
"""Bytes that a process has which has come as far as reading."""

PART = 1 << 24
"""Bytes that are unpacked at a time."""

_MOST_LINKS = 40
"""As many as the system follows."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that takes the place of ``path`` when the block succeeds.

    A symbolic link stays, and the file that it leads to is replaced; its owner and permissions
    stay, too.  What is no regular file, such as a device, a pipe or ``/dev/stdout``, is written to
    instead.  Every file of amcspice is written here.

    Raises
    ------
    InputError
        See `check_target`.
    AmcspiceError
        If what is written to takes no more.
    """
    check_target(path)
    if _is_written_to(path):
        with tempfile.TemporaryDirectory(prefix="amcspice-") as folder:
            temporary = Path(folder) / f"content{path.suffix}"
            yield temporary
            _write_to(path, temporary)
        return
    target = Path(os.path.realpath(path))
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=path.suffix)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _take_the_place_of(target, temporary)
    finally:
        temporary.unlink(missing_ok=True)


def check_target(path: Path) -> None:
    """Make sure that a file could be written, without writing it.

    Raises
    ------
    InputError
        If it is a folder or read-only, or its folder is missing or cannot be written to.
    """
    status = _status(path)
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} cannot be written: it is a folder; name a file")
    if status is not None and not os.access(path, os.W_OK):
        raise InputError(f"{path} cannot be written: it is read-only")
    if _is_written_to(path):
        return
    folder = Path(os.path.realpath(path)).parent if path.is_symlink() else path.parent
    if not folder.is_dir():
        raise InputError(f"{path} cannot be written: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{path} cannot be written: permission denied in {folder}")


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None


def _is_written_to(path: Path) -> bool:
    """Whether content goes into what is there, rather than into a file in its place."""
    if _descriptor(path) is not None:
        return True
    status = _status(path)
    return status is not None and not stat.S_ISREG(status.st_mode)


def _descriptor(path: Path) -> int | None:
    """Return the number of the open file that a path such as /dev/stdout leads to, or None.

    The last step of such a path looks like a link, but leads to an open file, which may be a pipe
    or have no name any more.
    """
    open_files = os.path.realpath("/dev/fd")
    for _ in range(_MOST_LINKS):
        if path.name.isdigit() and os.path.realpath(path.parent) == open_files:
            return int(path.name)
        if not path.is_symlink():
            break
        path = path.parent / path.readlink()
    return None


def _write_to(path: Path, content: Path) -> None:
    """Copy a file into what is no regular file."""
    number = _descriptor(path)
    try:
        if number is not None:  # a second opening would begin at the start, over what is there
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:  # it may have been closed before we were started
                    stream.flush()
        with (
            content.open("rb") as source,
            path.open("wb") if number is None else os.fdopen(os.dup(number), "wb") as target,
        ):
            shutil.copyfileobj(source, target)
    except OSError as error:
        raise AmcspiceError(f"{path} cannot be written: {error.strerror}") from None


def _take_the_place_of(target: Path, temporary: Path) -> None:
    status = _status(target)
    if status is None:
        temporary.chmod(0o666 & ~_umask())
    else:
        with contextlib.suppress(PermissionError):  # only root gives files away
            os.chown(temporary, status.st_uid, status.st_gid)
        temporary.chmod(stat.S_IMODE(status.st_mode))
    temporary.replace(target)


def writable_folder(path: Path) -> Path:
    """Create a folder if need be and make sure that it can be written to.

    Raises
    ------
    InputError
        If it cannot.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise InputError(
            f"output folder {path} cannot be written: {error.strerror or error}"
        ) from None


def named_files(names: str) -> list[Path]:
    """Return the files that a text names: one whose name it is, or several with commas between.

    >>> [path.name for path in named_files("a.npy, b.npy")]
    ['a.npy', 'b.npy']
    """
    whole = Path(names)
    return [whole] if whole.exists() else [Path(name.strip()) for name in names.split(",")]


def check_memory(size: float, what: str) -> None:
    """Refuse what does not fit into memory, before it is made.

    Parameters
    ----------
    size : float
        Of the values [bytes].
    what : str
        File or matrix, for the message.

    Raises
    ------
    InputError
        If twice the size is more than the memory that is free.
    """
    if size < SMALL:
        return
    import psutil

    free = psutil.virtual_memory().available
    if COPIES * size > free:
        raise InputError(
            f"{what}: takes {size / 1e9:,.1f} GB in memory, and as much again to work on, but "
            f"{free / 1e9:,.1f} GB are free; use a part of it"
        )


def file_content(path: Path) -> bytes:
    """Return what is in a file, unpacked if gzip packed it.

    Raises
    ------
    InputError
        If there is no such file, it cannot be read or unpacked, or does not fit into memory.
    """
    if not path.is_file():
        raise InputError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    check_memory(path.stat().st_size, str(path))
    try:
        with path.open("rb") as stream:
            packed = stream.read(len(GZIP)) == GZIP
            stream.seek(0)
            return _unpacked(stream, path) if packed else stream.read()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None


def _unpacked(stream: IO[bytes], path: Path) -> bytes:
    parts: list[bytes] = []
    size = 0
    with gzip.open(stream) as unpacked:
        while part := unpacked.read(PART):
            parts.append(part)
            size += len(part)
            check_memory(size, f"{path}, unpacked so far")
    return b"".join(parts)


def file_stamp(path: str | Path) -> tuple[int, int]:
    """Return what changes when a file changes: time and size; nothing where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0)
    return status.st_mtime_ns, status.st_size


def read_spice(path: Path, content: bytes | None = None) -> str:
    """Return the text of a deck or library.

    Parameters
    ----------
    path : Path
    content : bytes, optional
        What the file holds; None reads it.

    Raises
    ------
    InputError
        If the file cannot be read, is empty, or is no text.
    """
    if content is None:
        if not path.is_file():
            raise InputError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from None
    text = spice_text(content)
    if "\0" in text or not text.strip():
        kind = "binary" if text.strip() else "empty"
        raise InputError(f"{path}: not a SPICE deck or library ({kind})")
    return text


def spice_text(content: bytes) -> str:
    r"""Return the text of a SPICE deck or library, whatever wrote it.

    A byte order mark says UTF-8 or UTF-16; without one it is UTF-8, or else the single-byte code
    of Windows (cp1252), in which vendors' files have a micro sign.  A micro sign behind a number
    becomes ``u``, which is how SPICE spells it; the mark that ends files of DOS goes.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    str
        With NUL characters where the file is no text.

    Examples
    --------
    >>> spice_text(b"C1 a b 5\xb5F\x1a") == spice_text("C1 a b 5uF".encode("utf-16"))
    True
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode("utf-16", errors="replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252", errors="replace")
    return re.sub(r"(?<=[\d.])[µμ]", "u", text.rstrip("\x1a\r\n\t ") + "\n")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
