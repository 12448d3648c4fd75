"""A sweep in a process that tests interrupt: store, specification, function, limit of files."""

import resource
import signal
import sys

import sweep_points

from amcspice.errors import AmcspiceError
from amcspice.signals import Terminated, terminable
from amcspice.sweep.execute.run import run_sweep
from amcspice.sweep.spec.plan import make_grid, make_plan
from amcspice.sweep.spec.specification import read_spec
from amcspice.sweep.store.store import Store


def main(path, spec, function, limit="0"):
    if int(limit):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    plan = make_plan(make_grid(read_spec(spec)))
    with Store.open(path, create=True, own=True) as store:
        store.add_sweep(plan.name, plan.grid.spec.text, plan.grid.named(), keys=plan.keys)
        summary = run_sweep(plan, store, function=getattr(sweep_points, function), jobs=2)
    print(summary.total, summary.before, summary.done)


if __name__ == "__main__":
    try:
        with terminable():
            main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
    except Terminated:
        sys.exit(143)
    except AmcspiceError as error:
        sys.exit(f"{type(error).__name__}: {error}")
