"""Compiled models (``.osdi``): what is in a file, read through the interface that ngspice uses.

Compilers of Verilog-A write them: a shared library with a table of descriptors, one a module
(OSDI 0.3, 0.4).  Only the head of a descriptor is read here, which both versions share.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

from amcspice.errors import InputError

__all__ = ["Module", "read_modules"]

_INTEGER, _POINTER = ctypes.c_uint32, ctypes.c_void_p


class _Node(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("units", _POINTER * 2),
        ("offsets", _INTEGER * 4),
        ("is_flow", ctypes.c_bool),
    )


class _Parameter(ctypes.Structure):
    _fields_ = (
        ("names", ctypes.POINTER(ctypes.c_char_p)),
        ("aliases", _INTEGER),
        ("texts", _POINTER * 2),
        ("flags", _INTEGER * 2),
    )


class _Descriptor(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("node_count", _INTEGER),
        ("terminals", _INTEGER),
        ("nodes", ctypes.POINTER(_Node)),
        ("jacobian_count", _INTEGER),
        ("jacobian", _POINTER),
        ("collapsible_count", _INTEGER),
        ("collapsible", _POINTER),
        ("collapsed", _INTEGER),
        ("noise", _POINTER),
        ("noise_count", _INTEGER),
        ("parameter_count", _INTEGER),
        ("instance_count", _INTEGER),
        ("output_count", _INTEGER),
        ("parameters", ctypes.POINTER(_Parameter)),
        ("offsets", _INTEGER * 7),
        ("functions", _POINTER * 14),
    )


@dataclass(frozen=True)
class Module:
    """One model of a file, in lower case.

    Parameters
    ----------
    pins : tuple of str
        Its terminals, in order.
    of_instance, of_model : tuple of str
        Parameters that an instance may set, and those that only a model card may.
    """

    pins: tuple[str, ...]
    of_instance: tuple[str, ...]
    of_model: tuple[str, ...]


def read_modules(path: Path) -> dict[str, Module]:
    """Return the models of a compiled file by name.

    Raises
    ------
    InputError
        If it is no such file, or not for this machine.
    """
    try:
        library = ctypes.CDLL(str(path))
        count = _INTEGER.in_dll(library, "OSDI_NUM_DESCRIPTORS").value
        version = _INTEGER.in_dll(library, "OSDI_VERSION_MINOR").value
        size = ctypes.sizeof(_Descriptor)
        if version > 3:  # later versions go on behind what 0.3 has
            size = _INTEGER.in_dll(library, "OSDI_DESCRIPTOR_SIZE").value
        first = ctypes.addressof(ctypes.c_char.in_dll(library, "OSDI_DESCRIPTORS"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: not a compiled model (OSDI) that this machine can load ({error})"
        ) from None
    return dict(_module(_Descriptor.from_address(first + k * size)) for k in range(count))


def _module(descriptor: _Descriptor) -> tuple[str, Module]:
    nodes = descriptor.nodes[: descriptor.terminals]
    names = [
        descriptor.parameters[k].names[0].decode().lower().lstrip("$")
        for k in range(descriptor.parameter_count)
    ]
    own = descriptor.instance_count
    pins = tuple(node.name.decode().lower() for node in nodes)
    return descriptor.name.decode().lower(), Module(pins, tuple(names[:own]), tuple(names[own:]))
