"""`refuse_lost_fields`: subclasses whose fields nobody would read are told what is missing."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import Any

from amcspice.errors import InputError

__all__ = ["refuse_lost_fields"]


@functools.cache
def refuse_lost_fields(owner: type) -> None:
    """Refuse a class that has fields which no dataclass knows: it would run on without them.

    Python takes ``age: float = 0.0`` in a subclass without the decorator of its base for a plain
    attribute, and so ``levels = 16``, without a type, in any subclass.

    Parameters
    ----------
    owner : type

    Raises
    ------
    InputError
        If there are any; names them, and what makes them fields.
    """
    is_dataclass = dataclasses.is_dataclass(owner)
    known = {item.name for item in dataclasses.fields(owner)} if is_dataclass else set()
    decorated = False
    for each in owner.__mro__:
        decorated |= "__dataclass_fields__" in vars(each)
        annotated = inspect.get_annotations(each)
        lost = [
            name
            for name, value in vars(each).items()
            if name in known and name not in annotated and _is_value(value)
        ]
        if not decorated:
            lost += [name for name, hint in annotated.items() if "ClassVar" not in str(hint)]
        if lost:
            raise InputError(
                f"{each.__name__}: {', '.join(sorted(lost))} would be lost; write fields with "
                "their types, such as age: float = 0.0, and above the class the decorator of its "
                "base: @dataclass(frozen=True, eq=False) of circuits, "
                "@amcspice.schema.parameters of all else"
            )


def _is_value(attribute: Any) -> bool:
    """Whether an attribute is a value, and no property or method in the place of a field."""
    return not hasattr(attribute, "__get__")
