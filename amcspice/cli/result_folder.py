"""Folders of results: each of one run, which may go on there, and never mixed with another."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from amcspice.cli.output import as_json, write_json
from amcspice.errors import InputError
from amcspice.files import writable_folder
from amcspice.signals import Terminated

__all__ = ["ResultFolder", "folder_options"]

C = TypeVar("C", bound=Callable[..., Any])

RECORD = "run.json"
_MOST_NAMES = 3


@dataclass(frozen=True)
class ResultFolder:
    """The folder that ``--out`` names.

    Parameters
    ----------
    path : Path
    resume : bool
        Whether a run that was interrupted goes on there.
    overwrite : bool
        Whether the results of another run may go.
    """

    path: Path
    resume: bool = False
    overwrite: bool = False

    def claim(self, problem: str, inputs: Mapping[str, Any], names: Sequence[str]) -> Path:
        """Make the folder that of a run, which is noted in its ``run.json``, and return it.

        Parameters
        ----------
        problem : str
            What the command does.
        inputs : mapping
            All that the results depend on.
        names : sequence of str
            Files that the run may write; patterns.

        Raises
        ------
        InputError
            If it cannot be written to, or holds another run or files of these names.
        """
        record = {"problem": problem, "inputs": inputs, "files": list(names)}
        record = json.loads(as_json(record))
        earlier = self._earlier()
        if earlier is None and not (self.resume or self.overwrite):
            self._refuse_files(names)
        if earlier is not None and not self.overwrite:
            self._refuse_another(earlier, record)
        writable_folder(self.path)
        if self.overwrite:
            for name in {*names, *(earlier or record)["files"]}:
                for old in self._matching(name):
                    old.unlink()
        if earlier is None or not self.resume:  # whether that can go on, its checkpoint decides
            write_json(self.path / RECORD, record)
        return self.path

    @contextlib.contextmanager
    def interruptible(self, checkpoint: Path) -> Iterator[None]:
        """Say how to go on when the block is interrupted and something was kept.

        Parameters
        ----------
        checkpoint : Path
            File, or folder of files, of this run.
        """
        try:
            yield
        except (KeyboardInterrupt, Terminated):
            if checkpoint.is_file() or (checkpoint.is_dir() and any(checkpoint.iterdir())):
                click.echo(
                    f"what was done is kept in {checkpoint}; the same command with --resume goes "
                    "on from there",
                    err=True,
                )
            raise

    def _earlier(self) -> dict[str, Any] | None:
        """Return the record of the run that the folder is of, or None."""
        path = self.path / RECORD
        if not path.is_file():
            return None
        try:
            record = json.loads(path.read_text())
            if {"problem", "inputs", "files"} <= set(record):
                return dict(record)
        except (OSError, ValueError, TypeError):
            pass
        raise InputError(f"{path} is no record of a run: choose another --out, or delete it")

    def _refuse_files(self, names: Sequence[str]) -> None:
        taken = sorted(
            found.relative_to(self.path).as_posix()
            for name in names
            for found in self._matching(name)
        )
        if taken:
            more = ", ..." if len(taken) > _MOST_NAMES else ""
            raise InputError(
                f"{self.path} holds {', '.join(taken[:_MOST_NAMES])}{more}, and no {RECORD} says "
                "which run wrote that: choose another --out, or replace it with --overwrite"
            )

    def _refuse_another(self, earlier: dict[str, Any], record: dict[str, Any]) -> None:
        advice = "choose another --out, or replace it with --overwrite"
        if earlier["problem"] != record["problem"]:
            raise InputError(f"{self.path} holds a run of {earlier['problem']}: {advice}")
        before, now = earlier["inputs"], record["inputs"]
        differing = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        if differing and not self.resume:
            raise InputError(
                f"{self.path} holds another run of {earlier['problem']}, with another "
                f"{', '.join(differing)}: {advice}"
            )

    def _matching(self, name: str) -> Iterator[Path]:
        """Yield the files of a name inside the folder; a record that says otherwise is ignored."""
        if not Path(name).is_absolute() and ".." not in Path(name).parts and self.path.is_dir():
            yield from (found for found in self.path.glob(name) if found.is_file())


def folder_options(command: C) -> C:
    """Add --out, --resume and --overwrite; the command receives them as ``folder``."""

    @functools.wraps(command)
    def wrapped(*args: Any, out: Path, resume: bool, overwrite: bool, **values: Any) -> Any:
        if resume and overwrite:
            raise InputError("--resume continues what --overwrite removes: give one of them")
        return command(*args, folder=ResultFolder(out, resume, overwrite), **values)

    options = [
        click.option(
            "--out",
            default="out",
            show_default=True,
            metavar="DIR",
            type=click.Path(path_type=Path),
            help="Folder for results; created if need be.  One that holds another run is refused.",
        ),
        click.option(
            "--resume",
            is_flag=True,
            help="Continue an interrupted run in DIR; without it a run starts anew.",
        ),
        click.option(
            "--overwrite", is_flag=True, help="Replace the results of another run in DIR."
        ),
    ]
    decorated: Any = wrapped
    for option in reversed(options):
        decorated = option(decorated)
    return cast(C, decorated)
