"""Decks and libraries that someone else wrote, read with what they include.

A simulator gets the text in another folder, so paths of includes become absolute.  An included
file that ngspice would read otherwise than `amcspice.files.read_spice` does (another code, a
byte order mark), or that holds commands or starts programs, stands in the place of its include:
so nothing escapes who looks through the lines.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from amcspice.errors import InputError
from amcspice.files import read_spice

__all__ = ["Line", "files_of", "lines_of", "read_lines", "with_includes"]

_INCLUDE = re.compile(
    r"^(\s*\.(?:inc|lib)[a-z]*\s+)(\"[^\"]+\"|'[^']+'|[^\s;]+)(?:\s+([^\s;$]+))?(.*)$",
    re.IGNORECASE,
)
_COMMANDS = re.compile(r"^\s*(?:\.control|\*#)", re.IGNORECASE)
_PROGRAMS = re.compile(
    r"^\s*(?:\.title\s+)?(\*ng_script)|^\s*[^*\s][^;]*\b(d_process|d_cosim)\b", re.IGNORECASE
)
"""A title by which a deck is a script, and the models that start a program or load one."""


@dataclass(frozen=True)
class Line:
    """A line of SPICE text and where it stands.

    Parameters
    ----------
    text : str
    file : Path
    number : int
        Counted from 1.
    """

    text: str
    file: Path
    number: int

    @property
    def where(self) -> str:
        """Its place, for messages."""
        return f"{self.file}, line {self.number}"

    @property
    def starts_commands(self) -> bool:
        """Whether it starts a ``.control`` block, or is a command by itself (``*#``)."""
        return _COMMANDS.match(self.text) is not None

    @property
    def starts_program(self) -> str | None:
        """The word by which it makes ngspice run a script or start a program; else None."""
        found = _PROGRAMS.match(self.text)
        return None if found is None else found[1] or found[2]


def lines_of(text: str, file: Path) -> list[Line]:
    """Return the lines of a text, whatever ends them, without what they include."""
    lines = re.split(r"\r\n|\r|\n", text)
    return [Line(line, file, number) for number, line in enumerate(lines, 1)]


def read_lines(path: Path) -> list[Line]:
    """Return the lines of a file, with what it includes.

    Raises
    ------
    InputError
        If it or a file that it includes is no text, includes itself, or is not there.
    """
    return with_includes(read_spice(path), path)


def files_of(path: Path) -> set[Path]:
    """Return a file and all that it includes, or that these include, as real paths.

    Raises
    ------
    InputError
        As `read_lines`.
    """
    reader = _Reader()
    reader.lines(read_spice(path), path)
    return {path.resolve(), *reader.files}


def with_includes(text: str, file: Path) -> list[Line]:
    """Return lines with absolute includes, or with the included lines where that must be.

    Parameters
    ----------
    text : str
        As `amcspice.files.read_spice` returns it.
    file : Path
        Where it was read: includes are sought in its folder.

    Raises
    ------
    InputError
        If a file that it includes is no text, includes itself, or is not there.
    """
    return _Reader().lines(text, file)


class _Reader:
    """Follows includes; every file is read once."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[bool, list[Line]]] = {}

    @property
    def files(self) -> set[Path]:
        """Files that were read, as real paths."""
        return set(map(Path, self._read))

    def lines(self, text: str, file: Path) -> list[Line]:
        """Return the lines of a text, includes made ready, none of which is missing."""
        found = list(self.resolve(lines_of(text, file), (file.resolve(),)))
        if not any("sourcepath" in line.text.lower() for line in found):
            self._refuse_missing(found, file)
        return found

    def _refuse_missing(self, lines: Iterable[Line], first: Path) -> None:
        """Refuse includes of what is not there; of a library, those of the section that counts."""
        for line in lines:
            card = _INCLUDE.match(line.text)
            if card is None or not (_is_include(card) or card.group(3)):
                continue
            target = _target(card.group(2), (first.resolve(), line.file.resolve()))
            if target is None:
                raise InputError(
                    f"{line.where}: there is no file {card.group(2)}, neither beside this one nor "
                    f"beside {first.name}"
                )
            _, included = self._read.get(os.path.realpath(target), (True, []))
            self._refuse_missing(_section(line, target, included, card.group(3)), first)

    def resolve(self, lines: Iterable[Line], within: tuple[Path, ...]) -> Iterator[Line]:
        """Yield lines with their includes made ready; ``within`` is the chain of files."""
        for line in lines:
            card = _INCLUDE.match(line.text)
            target = None if card is None else _target(card.group(2), within)
            if card is None or target is None:
                if card is not None and _is_include(card):
                    _refuse_folder(line, card.group(2), within[-1])
                yield line
                continue
            if os.path.realpath(target) in map(os.path.realpath, within):
                raise InputError(f"{line.where}: {target} includes itself")
            as_it_is, included = self._file(target, within)
            if as_it_is:
                section = f" {card.group(3)}" if card.group(3) else ""
                yield replace(line, text=f'{card.group(1)}"{target}"{section}{card.group(4)}')
            else:
                yield from _section(line, target, included, card.group(3))

    def _file(self, path: Path, within: tuple[Path, ...]) -> tuple[bool, list[Line]]:
        """Return whether ngspice may include a file as it is, and its lines."""
        key = os.path.realpath(path)
        if key not in self._read:
            try:
                content = path.read_bytes()
            except OSError:
                return True, []  # ngspice says what is wrong with it
            text = read_spice(path, content) if content.strip() else ""
            lines = list(self.resolve(lines_of(text, path), (*within, path)))
            unix = content.replace(b"\r\n", b"\n")
            same = unix.strip() == text.replace("\r\n", "\n").strip().encode()
            whole = all(
                line.file == path and not (line.starts_commands or line.starts_program)
                for line in lines
            )
            self._read[key] = same and whole and b"\r" not in unix, lines
        return self._read[key]


def _target(name: str, within: tuple[Path, ...]) -> Path | None:
    """Return the file that an include names, beside what names it or where ngspice may look."""
    name = os.path.expanduser(name.strip("\"'"))
    folders = [file.parent for file in (within[-1], within[0])]
    folders += [Path(folder) for folder in (os.environ.get("NGSPICE_INPUT_DIR"),) if folder]
    places = (folder / name for folder in folders)
    return next((place for place in places if os.path.isfile(place)), None)


def _is_include(card: re.Match[str]) -> bool:
    """Whether it includes a file whole; ``.lib`` takes a section, or begins one."""
    return card.group(1).lstrip().lower().startswith(".inc")


def _refuse_folder(line: Line, name: str, file: Path) -> None:
    """Refuse to include a folder, which ngspice takes for an empty file."""
    if os.path.isdir(file.parent / os.path.expanduser(name.strip("\"'"))):
        raise InputError(f"{line.where}: {name} is a folder, no file to include")


def _section(card: Line, file: Path, lines: list[Line], name: str | None) -> Iterator[Line]:
    """Yield the lines of a section of a library, or all if none is named."""
    inside = found = name is None
    for line in lines:
        words = line.text.lower().split()
        if name is not None and words[:1] == [".lib"] and len(words) == 2:
            inside = words[1].strip("\"'") == name.lower()
            found = found or inside
        elif name is not None and words[:1] == [".endl"]:
            inside = False
        elif inside and words != [".end"]:
            yield line
    if not found:
        raise InputError(f"{card.where}: {file} has no section {name}")
