from .server import Explorer
from .session import Session

__all__ = ["Explorer", "Session"]
