"""What a factorisation of stored ratings says of itself: plain values, with units in the names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from amcspice.algorithm import Factorisation
from amcspice.engine import BACKENDS
from amcspice.simulation.provenance import simulator_at
from amcspice.system import Cost, Technology, Work
from amcspice.system.digital import Digital
from amcspice.workload.stored.factorise import StoredFactorisation
from amcspice.workload.stored.half_figures import STRONGEST
from amcspice.workload.stored.task import StoredTask
from amcspice.workload.summary import history, regression_figures

__all__ = ["cautions", "figures"]


def figures(
    task: StoredTask, made: StoredFactorisation, technology: str | Technology
) -> dict[str, Any]:
    """Return the figures of a factorisation; see `summarise` for those that others have, too.

    Times and energies of all regressions at dc are those of the samples, see ``half_steps``.
    """
    fidelity = task.analysis.fidelity
    result = Factorisation(
        made.W, made.H.T, made.digital_W, made.digital_H.T, made.history, ledger=made.ledger
    )
    analog, digital = history([result], [1.0])
    nothing = {"rmse_test": None, "mae_test": None}
    return {
        "fidelity": fidelity,
        "simulator": simulator_at(task.analysis),
        **nothing,
        **made.scores[-1],
        "relative_residual": analog[-1],
        "compression_ratio": task.ratings.count / (made.W.size + made.H.size),
        "digital": {**nothing, **made.digital_scores[-1], "relative_residual": digital[-1]},
        **regression_figures([result], fidelity),
        "half_steps": made.half_steps,
        "cost": _cost(made, technology).to_json(),
        "ledger": made.ledger.to_json(),
        "history": {
            "relative_residual": analog,
            "digital_relative_residual": digital,
            "scores": made.scores,
            "digital_scores": made.digital_scores,
        },
        "cautions": list(cautions(task, made)),
    }


def _cost(made: StoredFactorisation, technology: str | Technology) -> Cost:
    """Return the cost; operations without time take what the samples say."""
    estimate, seconds = made.estimate, 0.0
    estimates = {}
    if estimate is not None:
        estimates = {
            held.key: estimate
            for held, row in made.ledger.sums("operation")
            if row["untimed"] and not held.kind.startswith("calibration")
        }
    count = sum(each["regressions"] for each in made.half_steps)
    seconds = sum(each["cpu_s"]["digital"] for each in made.half_steps)
    peer = Digital("block principal pivoting, compiled, in this run", seconds / max(count, 1))
    return Cost(Work.of(made.ledger, estimates), Technology.load(technology), peer)


def cautions(task: StoredTask, made: StoredFactorisation) -> Iterator[str]:
    """Yield what the figures do not say by themselves, in sentences."""
    if task.analysis.range == "reference" and not task.predicted:
        yield "ranges were chosen with the ideal answers, which no chip knows: --predict-range"
    for each in made.half_steps[-2:]:
        current = each["output_current_a"]
        if current and current["share_beyond"]:
            yield (
                f"{current['share_beyond']:.1%} of the regressions for {each['side']} ask an "
                f"output for more than {1e3 * STRONGEST:g} mA, the most that any preset's data "
                f"sheet names, and the largest for {current['largest']:.3g} A: outputs here have "
                "no limit, a chip would split these rows over several operations or take smaller "
                "conductances"
            )
        sample = each.get("sample")
        if sample and sample["settled"] < sample["regressions"]:
            lost = sample["regressions"] - sample["settled"]
            yield (
                f"{lost} of the {sample['regressions']} regressions for {each['side']} that were "
                "run in time did not come to rest: dc does not look whether a rest is stable"
            )
    if not BACKENDS[task.analysis.fidelity].in_time and not task.sample:
        yield (
            "nothing was run in time, so settling and energy are not known, nor whether rests are "
            "stable: --sample"
        )
