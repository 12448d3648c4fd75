"""Linear systems in blocks: inverses and products of parts, on arrays of a chip.

With ``A = [A1 A2; A3 A4]``, ``b = [f; g]`` and the Schur complement ``S = A4 - A3 A1^-1 A2``,

    y' = A1^-1 f;   z = S^-1 (g - A3 y');   y = A1^-1 (f - A2 z),   x = [y; z]:

three inverses and two products, in phases that follow each other; A1 and S may be blocked again.
S is formed digitally, which the ledger counts: it is most of the work of an LU decomposition, and
pays where many right-hand sides share a matrix.  All blocks stand on one scale, unless each is
asked to have its own: only on one do wires disturb a block as they disturb an array of its size.

Pan et al., arXiv 2401.10042, name it BlockAMC.
"""

from amcspice.algorithm.block_inverse.comparison import Comparison
from amcspice.algorithm.block_inverse.counts import Counts
from amcspice.algorithm.block_inverse.inverse import BlockInverse
from amcspice.algorithm.block_inverse.schedule import BlockPhase, Schedule
from amcspice.circuit.parts.order import ORDERS

__all__ = ["ORDERS", "BlockInverse", "BlockPhase", "Comparison", "Counts", "Schedule"]
