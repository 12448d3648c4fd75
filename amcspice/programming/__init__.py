"""Programming arrays pulse by pulse: write-verify of 1T1R cells in ngspice."""

from amcspice.programming.result import Programmed
from amcspice.programming.statistics import WriteStatistics
from amcspice.programming.verify import write_verify

__all__ = ["Programmed", "WriteStatistics", "write_verify"]
