"""Systems of circuits: a chip that runs operations, its ledger, and what they cost."""

from amcspice.system.chip import Chip
from amcspice.system.cost import Bar, Cost
from amcspice.system.ledger import Activity, Ledger
from amcspice.system.matrix import Answers, ProgrammedMatrix
from amcspice.system.technology import Technology
from amcspice.system.work import Estimate, Work

__all__ = [
    "Activity",
    "Answers",
    "Bar",
    "Chip",
    "Cost",
    "Estimate",
    "Ledger",
    "ProgrammedMatrix",
    "Technology",
    "Work",
]
