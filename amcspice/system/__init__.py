"""Systems of circuits: a chip that runs operations, its ledger, and what they cost."""

from amcspice.system.answers import Answers
from amcspice.system.chip import Chip
from amcspice.system.cost import Bar, Cost
from amcspice.system.digital import Digital, digital_peer, measure_digital
from amcspice.system.ledger import Activity, Ledger
from amcspice.system.matrix import Mend, ProgrammedMatrix
from amcspice.system.schedule import Phase, schedule
from amcspice.system.technology import Technology
from amcspice.system.work import Estimate, Work

__all__ = [
    "Activity",
    "Answers",
    "Bar",
    "Chip",
    "Cost",
    "Digital",
    "Estimate",
    "Ledger",
    "Mend",
    "Phase",
    "ProgrammedMatrix",
    "Technology",
    "Work",
    "digital_peer",
    "measure_digital",
    "schedule",
]
