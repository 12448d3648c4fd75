from .result import Programmed
from .statistics import WriteStatistics
from .verify import write_verify

__all__ = ["Programmed", "WriteStatistics", "write_verify"]
