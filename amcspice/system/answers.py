"""`Answers`: what operations of a programmed matrix gave, as the problem asked it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amcspice.problem import CircuitForm
from amcspice.system.operation import Operations

__all__ = ["Answers"]


@dataclass(frozen=True, eq=False)
class Answers:
    """What operations of a programmed matrix gave, as the problem asked it; K right-hand sides.

    Parameters
    ----------
    operations : Operations
        As the circuit gave them.
    form : CircuitForm
        How its solutions become those of the problem.
    single : bool
        Whether the right-hand side was a vector.
    """

    operations: Operations
    form: CircuitForm
    single: bool

    @property
    def x(self) -> Any:
        """Solution, shape (n,) or (n, K)."""
        return self._shaped(self.form.restore(self.operations.solutions))

    @property
    def reference(self) -> Any:
        """Ideal answer, which no chip knows, in the shape of `x`."""
        return self._shaped(self.form.restore(self.operations.reference))

    @property
    def relative_error(self) -> Any:
        """Relative error of `x` against `reference`, shape (K,)."""
        made = self.operations
        if self.form.error is None:
            return self._figure(made.relative_error)
        restore = self.form.restore
        return self._figure(self.form.error(restore(made.solutions), restore(made.reference)))

    @property
    def settled(self) -> Any:
        """Whether outputs came to rest, shape (K,)."""
        return self._figure(self.operations.measurement.settled)

    @property
    def settling_time(self) -> Any:
        """Settling time of the last go, shape (K,) [s]; nan at dc."""
        return self._figure(self.operations.measurement.settling_time)

    @property
    def energy(self) -> Any:
        """Energy of the last go, shape (K,) [J]; nan at dc."""
        return self._figure(self.operations.measurement.energy)

    @property
    def volts_per_unit(self) -> Any:
        """Ranges in the end, shape (K,)."""
        return self._figure(self.operations.volts_per_unit)

    @property
    def repeats(self) -> Any:
        """How often each was repeated because something saturated, shape (K,)."""
        return self._figure(self.operations.repeats)

    @property
    def saturated(self) -> Any:
        """Outputs that saturate even so, shape (K,)."""
        return self._figure(self.operations.saturated)

    def _shaped(self, rows: Any) -> Any:
        return rows[0] if self.single else rows.T

    def _figure(self, values: Any) -> Any:
        return values[0] if self.single else values

    @property
    def cautions(self) -> tuple[str, ...]:
        """What the solutions do not say by themselves, in sentences."""
        made, count, said = self.operations, len(self.operations.vectors), []
        resting = int(count - made.measurement.settled.sum())
        if resting:
            said.append(f"{resting} of {count} operations do not come to rest")
        over = int((made.saturated > 0).sum())
        if over:
            said.append(f"{over} of {count} operations saturate in every range tried")
        return tuple(said)
