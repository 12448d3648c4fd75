"""
From how many levels on does write noise decide?
================================================

A sweep runs every combination of its axes, here on two processes, and keeps
each result in a file, so that it goes on after an interruption. Errors of
rounding and of writing add up as squares: where a curve becomes flat, more
levels are wasted.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

from amcspice.sweep.execute.run import run_sweep
from amcspice.sweep.spec.plan import make_grid, make_plan
from amcspice.sweep.spec.specification import parse_spec
from amcspice.sweep.store.store import Store

specification = """
name = "levels and write noise"
repeats = 2

[base]
problem = "nnls"
fidelity = "dc"
rows = 32
columns = 8

[axes]
levels = [4, 8, 16, 32, 64, 128]
write_noise = ["0.2 %", "0.6 %", "2 %"]
"""

if __name__ == "__main__":  # processes of a sweep import this file
    plan = make_plan(make_grid(parse_spec(specification)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.sqlite"
        with Store.open(path, create=True, own=True) as store:
            run_sweep(plan, store, jobs=2)
            frame = store.frame()

    plt.style.use("amcspice.view.amcspice")
    figure, axes = plt.subplots()
    errors = 100 * frame.pivot_table(
        "relative_error_median", "levels", "write_noise", aggfunc="median"
    )
    for noise in errors:
        label = f"{100 * noise:g} %"
        axes.loglog(errors.index, errors[noise], "o-", label=label)
    axes.set_xlabel("levels")
    axes.set_ylabel("relative error, median (%)")
    axes.set_xticks(errors.index, errors.index)
    axes.set_yticks([0.5, 1, 2, 5, 10, 20], [0.5, 1, 2, 5, 10, 20])
    axes.minorticks_off()
    figure.legend(title="write noise", loc="outside right upper")
    print(len(frame), "points")
