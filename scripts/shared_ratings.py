"""One iteration on stored ratings, here and on a Dask cluster of two workers on this machine.

Runs `amcspice nmf ratings FOLDER` at dc in one process; on two workers; on two workers in other
blocks, one of which is killed (SIGKILL) on the way.  Prints what each took, and whether the factors
are equal to the last bit.  `scripts/rating_shape.py` writes the folder.

    scripts/shared_ratings.py --folder ratings --out runs [--page]

`--page` writes the table into docs/shared-ratings.md.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

PAGE = Path(__file__).parents[1] / "docs" / "shared-ratings.md"

TITLES = {
    "local": "one process",
    "dask": "two Dask workers",
    "killed": "two Dask workers, 23 blocks, one killed on the way",
}

FIXED = [
    "--fidelity", "dc", "--gain", "1e4", "--write-noise", "1 %", "--levels", "256",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="of the ratings")
    parser.add_argument("--out", type=Path, required=True, help="for the runs")
    parser.add_argument("--iterations", type=int, default=1)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--sample", type=int, default=2000)
    parser.add_argument("--kill-after", type=float, default=1.0, help="seconds of a half-step")
    parser.add_argument("--page", action="store_true", help="write the table into the page")
    parser.add_argument("--runs", default="local,dask,killed", help="some of local,dask,killed")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    # Every process works on its own, with one thread.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    rows = []
    for name in options.runs.split(","):
        rows.append({"run": name, **globals()[f"run_{name}"](options)})
        print(json.dumps(rows[-1]), flush=True)
    if options.page:
        _write_page(rows, options)


def _write_page(rows: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Write tables of the runs, and of what the sample of the last one says."""
    lines = [
        "| run | CPU: circuit | digital twin | sample in time | time taken | memory: the command, "
        "a worker | factors |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        cpu = row["cpu_s"]
        lines.append(
            f"| {TITLES[row['run']]} | {cpu['circuit']:.1f} s | {cpu['digital']:.1f} s | "
            f"{cpu['sample']:.1f} s | {sum(row['wall_of_half_steps_s']):.0f} s | "
            f"{row['memory_here_gb']:.2f}, {row['memory_of_a_worker_gb']:.2f} GB | "
            f"`{row['sha256']}` |"
        )
    lines += ["", *_samples(options.out / rows[-1]["run"])]
    marked = r"(<!-- runs:begin -->\n).*?(<!-- runs:end -->)"
    table = "\n".join(lines) + "\n"
    text = re.sub(marked, lambda at: at[1] + table + at[2], PAGE.read_text(), flags=re.DOTALL)
    PAGE.write_text(text)


def _samples(run: Path) -> Iterator[str]:
    metrics = json.loads((run / "metrics.json").read_text())
    yield (
        "| half-step | regressions | sampled, settled | settling, median | 95 % within | energy of "
        "all | from dc | beyond 190 mA | largest current |"
    )
    yield "| " + " | ".join(["---"] * 9) + " |"
    for each in metrics["half_steps"]:
        sample, current = each["sample"], each["output_current_a"]
        settling, energy = sample["settling_time_s"], sample["energy_j"]
        yield (
            f"| {each['side']} | {each['regressions']:,} | {sample['regressions']:,}, "
            f"{sample['settled']:,} | {_within(settling, 'median', 1e6, 'us')} | "
            f"{_within(settling, 'p95', 1e6, 'us')} | {_within(energy, 'total', 1e3, 'mJ')} | "
            f"{sample['largest_deviation_from_dc']:.0e} | {current['share_beyond']:.2%} | "
            f"{current['largest']:.2g} A |"
        )
    yield ""
    yield (
        f"RMSE of held-out ratings: {metrics['rmse_test']:.4f} on the circuit, "
        f"{metrics['digital']['rmse_test']:.4f} of the digital twin."
    )


def _within(figure: dict[str, Any], name: str, factor: float, unit: str) -> str:
    low, high = figure[f"{name}_interval"]
    return f"{factor * figure[name]:.4g} ({factor * low:.4g} to {factor * high:.4g}) {unit}"


def run_local(options: argparse.Namespace) -> dict[str, Any]:
    return _run(options, "local", "--executor", "local", "--jobs", "1")


def run_dask(options: argparse.Namespace) -> dict[str, Any]:
    with cluster(options.out) as (address, _):
        return _run(options, "dask", "--executor", "dask", "--scheduler", address)


def run_killed(options: argparse.Namespace) -> dict[str, Any]:
    with cluster(options.out) as (address, worker):
        killed: list[float] = []
        checkpoint = options.out / "killed" / "checkpoint"
        for old in checkpoint.glob("cells-*.npy"):  # the watcher waits for one
            old.unlink()
        stop = threading.Event()
        watcher = threading.Thread(
            target=_kill, args=(worker, checkpoint, killed, stop, options.kill_after)
        )
        watcher.start()
        made = _run(
            options, "killed", "--executor", "dask", "--scheduler", address, "--blocks", "23"
        )
        stop.set()
        watcher.join()
        return {**made, "killed": len(killed)}


def _kill(
    worker: subprocess.Popen[bytes], folder: Path, killed: list[float], stop: threading.Event,
    seconds: float,
) -> None:  # fmt: skip
    """Kill the process that works for a nanny, once the programmed factor lies there."""
    while not stop.wait(0.01):
        children = psutil.Process(worker.pid).children(recursive=True)
        if children and any(folder.glob("cells-*.npy")):
            time.sleep(seconds)
            busiest = max(children, key=lambda child: child.cpu_times().user)
            busiest.send_signal(signal.SIGKILL)
            killed.append(time.monotonic())
            return


def _run(options: argparse.Namespace, name: str, *more: str) -> dict[str, Any]:
    """Run the command; return its figures, and a hash of the factors."""
    out = options.out / name
    command = [
        str(Path(sys.executable).with_name("amcspice")), "nmf", "ratings", str(options.folder),
        *FIXED, "--iterations", str(options.iterations), "--rank", str(options.rank),
        "--sample", str(options.sample), "--out", str(out), "--overwrite", *more,
    ]  # fmt: skip
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    wall, metrics = time.perf_counter() - began, json.loads((out / "metrics.json").read_text())
    digest = hashlib.sha256()
    with np.load(out / "factors.npz") as factors:
        for part in ("W", "H", "digital_W", "digital_H"):
            digest.update(np.ascontiguousarray(factors[part]).tobytes())
    halves = metrics["half_steps"]
    return {
        "sha256": digest.hexdigest()[:16],
        "wall_s": wall,
        "cpu_s": {
            part: sum(each["cpu_s"][part] for each in halves)
            for part in ("circuit", "digital", "sample", "here")
        },
        "wall_of_half_steps_s": [each["wall_s"]["total"] for each in halves],
        "memory_of_a_worker_gb": max(each["memory_b"] for each in halves) / 1e9,
        "memory_here_gb": metrics["provenance"]["memory_b"] / 1e9,
        "rmse_test": [metrics["rmse_test"], metrics["digital"]["rmse_test"]],
        "beyond_outputs": [each["output_current_a"]["share_beyond"] for each in halves[-2:]],
    }


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Yield the address of a scheduler with two workers, and the nanny of one of them."""
    log = folder / "dask.log"
    log.write_text("")
    running: list[subprocess.Popen[bytes]] = []

    def start(what: str, *more: str) -> subprocess.Popen[bytes]:
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{what}", *more, "--no-dashboard"],
                stdout=stream, stderr=stream, start_new_session=True,
            )  # fmt: skip
        running.append(process)
        return process

    try:
        start("scheduler", "--host", "127.0.0.1", "--port", "0")
        address = None
        while address is None:
            time.sleep(0.1)
            address = re.search(r"Scheduler at: +(tcp://\S+)", log.read_text())
        space = ["--local-directory", str(folder), "--nthreads", "1", "--memory-limit", "2GB"]
        workers = [start("worker", address[1], *space) for _ in range(2)]
        yield address[1], workers[0]
    finally:
        for process in reversed(running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()


if __name__ == "__main__":
    main()
