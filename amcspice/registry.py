"""`Registry`: what amcspice has by name, and what installed packages add to it."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from amcspice.errors import InputError, did_you_mean

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Entries by name: the built-in ones, and those of other packages.

    Another package adds an entry with an entry point of the group in its own metadata, or a
    script with `add`.  An entry point is loaded when its name is used; a name that stands for two
    things, of two packages or of one and amcspice, is refused then.

    Parameters
    ----------
    what : str
        What an entry is, for messages.
    group : str
        Of entry points, such as ``amcspice.circuits``.
    entries : mapping
        The built-in ones.
    check : callable, optional
        Takes an entry; returns what is wrong with it, or None.
    places : mapping of str to str, optional
        Built-in ones that are imported when they are used, as ``module:object``.
    doc : str, optional
        Documentation of this registry, in place of that of all.
    """

    def __init__(
        self,
        what: str,
        group: str,
        entries: Mapping[str, T],
        check: Callable[[Any], str | None] | None = None,
        places: Mapping[str, str] | None = None,
        doc: str | None = None,
    ) -> None:
        self.what, self.group, self._check = what, group, check
        if doc is not None:
            self.__doc__ = inspect.cleandoc(doc)
        self._entries, self._places = dict(entries), dict(places or {})
        self._built_in = (*self._entries, *self._places)
        self.revision = 0
        """How often an entry was added."""

    def add(self, name: str, entry: T) -> None:
        """Add an entry under a name that is not taken.

        Raises
        ------
        InputError
            If it is taken, or the entry cannot be one.
        """
        if not isinstance(name, str) or not name:
            raise InputError(f"{self.what} {name!r}: the name must be a text that is not empty")
        if name in self:
            raise InputError(f"{self.what} {name!r} is there already: choose another name")
        self._entries[name] = self._checked(name, entry)
        self.revision += 1

    def include(self, entries: Mapping[str, T]) -> None:
        """Add entries of amcspice itself that are defined in other files than the registry."""
        self._entries.update(entries)
        self._built_in = (*self._built_in, *entries)

    def choose(self, name: str) -> T:
        """Return the entry of a name that a user gave.

        Raises
        ------
        InputError
            If there is none, with the nearest name.
        """
        try:
            return self[name]
        except (KeyError, TypeError):
            raise InputError(
                f"unknown {self.what} {name!r}; {did_you_mean(str(name), list(self))}"
            ) from None

    @property
    def built_in(self) -> list[T]:
        """The entries that are no other package's."""
        return [self._own(name) for name in self._built_in]

    def __getitem__(self, name: str) -> T:
        if name in self._offers:
            self._refuse_clash(name)
        if name in self._entries or name in self._places:
            return self._own(name)
        return self._entries.setdefault(name, self._load(self._offers[name][0]))

    def _own(self, name: str) -> T:
        """Return an entry that is loaded, or that is built in."""
        if name not in self._entries:
            module, _, attribute = self._places[name].partition(":")
            self._entries[name] = getattr(importlib.import_module(module), attribute)
        return self._entries[name]

    def _refuse_clash(self, name: str) -> None:
        """Refuse a name that stands for two things.

        Raises
        ------
        InputError
            Names the packages.
        """
        points = self._offers[name]
        if len(points) == 1 and name not in self._built_in:
            return
        sources = [f"{_package(point)} ({point.value})" for point in points]
        if name in self._built_in:
            sources.insert(0, "amcspice itself")
        raise InputError(
            f"{self.what} {name!r} is offered by {' and by '.join(sources)}: uninstall a package, "
            f"or rename what it offers in its entry points ({self.group})"
        )

    def __contains__(self, name: object) -> bool:
        """Whether there is a name; what it stands for is not loaded."""
        return name in self._built_in or name in self._entries or name in self._offers

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._built_in, *self._entries, *sorted(self._offers)]))

    def __len__(self) -> int:
        return len({*self._built_in, *self._entries, *self._offers})

    @property
    def offered(self) -> dict[str, str]:
        """What installed packages offer: each name with its package, or all that offer it."""
        return {
            name: " and ".join(_package(point) for point in points)
            for name, points in sorted(self._offers.items())
        }

    def source_hash(self, name: str) -> str | None:
        """Return a hash of what adds a name from outside; None of any other name.

        It is of all Python files of the package of an entry point, or of the module that stands
        alone; of the script that added a class, or of what the entry says where there is none.
        """
        if name in self._built_in:
            return None
        if name in self._offers:
            return _hash_of_package(self._offers[name][0].module.partition(".")[0])
        return _hash_of_entry(self._entries[name]) if name in self._entries else None

    @functools.cached_property
    def _offers(self) -> dict[str, list[metadata.EntryPoint]]:
        """What other packages offer under each name."""
        offers: dict[str, list[metadata.EntryPoint]] = {}
        for point in _installed().select(group=self.group):
            offers.setdefault(point.name, []).append(point)
        return offers

    def _load(self, point: metadata.EntryPoint) -> T:
        try:
            entry = point.load()
        except (
            Exception,
            SystemExit,
        ) as error:  # whatever another package does when it is imported
            raise InputError(
                f"{self.what} {point.name!r} of entry point {point.value} cannot be loaded: {error}"
            ) from error
        return self._checked(point.name, entry)

    def _checked(self, name: str, entry: Any) -> T:
        fault = self._check(entry) if self._check else None
        if fault:
            raise InputError(f"{self.what} {name!r}: {fault}")
        checked: T = entry
        return checked


@functools.cache
def _installed() -> Any:
    """Return the entry points of all packages: looking for them takes long."""
    return metadata.entry_points()


def _package(point: metadata.EntryPoint) -> str:
    """Return the name by which the package of an entry point is installed."""
    return point.module.partition(".")[0] if point.dist is None else point.dist.name


def _hash_of_entry(entry: Any) -> str:
    owner = entry if isinstance(entry, type) else type(entry)
    file = getattr(sys.modules.get(owner.__module__), "__file__", None)
    if isinstance(entry, Mapping) or file is None or not Path(file).is_file():
        return hashlib.sha256(repr(entry).encode()).hexdigest()
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


@functools.cache
def _hash_of_package(name: str) -> str:
    spec = importlib.util.find_spec(name)
    if spec is None:
        return "missing"
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    digest = hashlib.sha256()
    for path in sorted(files) or [Path(str(spec.origin))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()
