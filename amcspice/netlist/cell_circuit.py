"""`CellCircuit`: a cell's sub-circuit as decks hold it, one instance at every crossing point.

The voltage of its state node at t = 0 is set by ``.ic`` in the deck: ``ic=`` of a capacitor is not
known to the first iteration, which fails where a cell does not conduct at state zero, and it is
ignored where a transient starts from an operating point.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from amcspice.device import CellModel
from amcspice.errors import InputError, counted
from amcspice.netlist.compiled import read_modules
from amcspice.netlist.library import Definition, choose, definitions, library_lines

__all__ = ["CellCircuit"]

_CARD = "amc_compiled_cell"
"""Name of the model card of a compiled cell."""


@dataclass(frozen=True)
class CellCircuit:
    """A checked cell.

    Parameters
    ----------
    model : CellModel
    library : tuple of str
        Lines that a deck takes in.
    pins : tuple of str
        Its pins, in its order.
    """

    model: CellModel
    library: tuple[str, ...]
    pins: tuple[str, ...]

    @classmethod
    def of(cls, model: CellModel) -> CellCircuit:
        """Read a cell's file and check what is in it.

        Raises
        ------
        InputError
            If the file does not define the sub-circuit, or it has other pins, not the parameter
            of the state or not its node.
        """
        if model.compiled:
            return cls._of_compiled(model)
        text, file = model.read(), Path(model.file)
        definition = choose(definitions(text, file), model.name, model.file)
        where = f"{model.file}: sub-circuit {model.name}"
        check_pins(model, definition.pins, where)
        check_parameters(model, definition.parameters, where)
        _check_state_node(model, definition, where)
        return cls(model, tuple(library_lines(text, file)), definition.pins)

    @classmethod
    def _of_compiled(cls, model: CellModel) -> CellCircuit:
        model.content()  # a file that has changed is refused
        if re.search(r"\s", model.file):
            raise InputError(
                f"{model.file}: ngspice loads no compiled model from a path with blanks: move it"
            )
        modules = read_modules(Path(model.file))
        if model.name.lower() not in modules:
            raise InputError(f"{model.file}: no module {model.name}; it has {', '.join(modules)}")
        module, where = modules[model.name.lower()], f"{model.file}: module {model.name}"
        check_pins(model, module.pins, where)
        check_parameters(model, (*module.of_instance, *module.of_model), where)
        if model.state.lower() not in module.of_instance:
            raise InputError(
                f"{where}: {model.state} is a parameter of the whole model, but every cell has its "
                'own state: mark it as that of an instance (type="instance") and compile again'
            )
        if model.state_node is not None and model.state_node.lower() not in module.pins:
            raise InputError(
                f"{where} has no pin {model.state_node}: the node of the state must be a third "
                "pin, or none (state_node)"
            )
        given = "".join(f" {key}={value!r}" for key, value in model.values)
        library = (
            ".control",
            "pre_set num_threads=1",  # start-up files set more, which take longer
            f"pre_osdi {model.file}",
            ".endc",
            f".model {_CARD} {model.name}{given}",
        )
        return cls(model, library, module.pins)

    @property
    def _state_pin(self) -> bool:
        return self.model.state_node is not None and len(self.pins) > 2

    def state_vector(self, label: str) -> str | None:
        """Return the node of a cell's state as results name it; None without one."""
        node = self.model.state_node
        if node is None:
            return None
        return f"s_{label}" if self._state_pin else f"xc_{label}.{node.lower()}"

    def instance(self, label: str, word: str, bit: str, state: float) -> Iterator[str]:
        """Yield the lines of one cell.

        Parameters
        ----------
        label : str
            Its name; the instance is ``Xc_LABEL``, of a compiled model ``Nc_LABEL``.
        word, bit : str
            Nodes at the word line and at the bit line.
        state : float
            At the beginning.
        """
        electrodes = iter((word, bit) if self.model.polarity == 1 else (bit, word))
        at = {self.model.state_node.lower(): f"s_{label}"} if self.model.state_node else {}
        nodes = [at.get(pin) or next(electrodes) for pin in self.pins]
        setting = f"{self.model.state}={state!r}"
        if self.model.compiled:
            yield f"Nc_{label} {' '.join(nodes)} {_CARD} {setting}"
        else:
            given = "".join(f" {key}={value!r}" for key, value in self.model.values)
            yield f"Xc_{label} {' '.join(nodes)} {self.model.name} {setting}{given}"
        vector = self.state_vector(label)
        if vector is not None:
            yield f".ic v({vector})={state!r}"


def check_pins(model: CellModel, pins: tuple[str, ...], where: str) -> None:
    """Refuse a cell that does not have two pins, or three with that of its state."""
    node = (model.state_node or "").lower()
    if len(pins) - (node in pins) == 2:
        return
    third = f"{node}, the node of its state" if node else "its state_node"
    raise InputError(
        f"{where} has {counted(len(pins), 'pin')} ({' '.join(pins)}), but a cell has "
        f"two, and a third only if that is {third}"
    )


def check_parameters(model: CellModel, names: tuple[str, ...], where: str) -> None:
    """Refuse a cell without the parameter of its state, or without others that are given."""
    there = f"it has {', '.join(names)}" if names else "it has none"
    if model.state.lower() not in names:
        raise InputError(f"{where} has no parameter {model.state} that sets its state; {there}")
    for name, _ in model.values:
        if name.lower() not in names:
            raise InputError(f"{where} has no parameter {name}; {there}")


def _check_state_node(model: CellModel, definition: Definition, where: str) -> None:
    if model.state_node is None or definition.includes:
        return
    node = model.state_node.lower()
    words = {word for card in definition.cards for word in re.split(r"[\s(),={}*/+-]+", card)}
    if node not in definition.pins and node not in words:
        raise InputError(
            f"{where} has no node {model.state_node}: name the node whose voltage is the state "
            "(state_node), or none if it has none"
        )
