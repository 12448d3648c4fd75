from .answers import Answers
from .chip import Chip
from .cost import Bar, Cost
from .digital import Digital, digital_peer, measure_digital
from .ledger import Activity, Ledger
from .matrix import Mend, ProgrammedMatrix
from .schedule import Phase, schedule
from .technology import Technology
from .work import Estimate, Work

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
