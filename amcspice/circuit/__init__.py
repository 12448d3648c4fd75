"""Circuits: networks of conductances with amplifiers."""

from typing import Any

from amcspice.circuit.base import Amplifiers, Circuit, Schematic, as_matrix, as_vectors
from amcspice.circuit.network import GROUND, Network
from amcspice.circuit.parts.constraint import Constraint, NonNegative, Unconstrained
from amcspice.circuit.parts.switches import Switches
from amcspice.circuit.topologies.chain import DetectorChain, PrecoderChain, ProjectorChain
from amcspice.circuit.topologies.eigen import Eigen
from amcspice.circuit.topologies.ginv_classic import ClassicGINV
from amcspice.circuit.topologies.ginv_compact import CompactGINV
from amcspice.circuit.topologies.ginv_right import RightGINV
from amcspice.circuit.topologies.inverse import INV, CompensatedINV, InverterINV
from amcspice.circuit.topologies.lca import LCA
from amcspice.circuit.topologies.least_squares import LeastSquares
from amcspice.circuit.topologies.macro import Macro, MacroEigen, MacroGINV, MacroINV, MacroMVM
from amcspice.circuit.topologies.mvm import MVM
from amcspice.circuit.topologies.unrolled import UnrolledBlockINV
from amcspice.registry import Registry
from amcspice.schema import document


def _fault(entry: Any) -> str | None:
    is_topology = isinstance(entry, type) and issubclass(entry, Circuit)
    return None if is_topology else "it is no subclass of amcspice.Circuit"


CIRCUITS: Registry[type[Circuit]] = Registry(
    "circuit",
    "amcspice.circuits",
    {
        circuit.name: circuit
        for circuit in (
            MVM,
            INV,
            CompensatedINV,
            InverterINV,
            UnrolledBlockINV,
            DetectorChain,
            PrecoderChain,
            ProjectorChain,
            ClassicGINV,
            CompactGINV,
            RightGINV,
            LCA,
            Eigen,
            MacroMVM,
            MacroINV,
            MacroGINV,
            MacroEigen,
        )
    },
    _fault,
    doc="""Every topology by its name on the command line, a mapping to subclasses of `Circuit`.

    Examples
    --------
    >>> import amcspice as amc
    >>> amc.CIRCUITS["inv-compensated"]([[2.0, -1.0], [-1.0, 3.0]]).amplifier_count
    2
    """,
)

for _circuit in (*CIRCUITS.built_in, LeastSquares):
    document(_circuit)

__all__ = [
    "CIRCUITS",
    "GROUND",
    "INV",
    "LCA",
    "MVM",
    "Amplifiers",
    "Circuit",
    "ClassicGINV",
    "CompactGINV",
    "CompensatedINV",
    "Constraint",
    "DetectorChain",
    "Eigen",
    "InverterINV",
    "LeastSquares",
    "Macro",
    "MacroEigen",
    "MacroGINV",
    "MacroINV",
    "MacroMVM",
    "Network",
    "NonNegative",
    "PrecoderChain",
    "ProjectorChain",
    "RightGINV",
    "Schematic",
    "Switches",
    "Unconstrained",
    "UnrolledBlockINV",
    "as_matrix",
    "as_vectors",
]
