"""The compiled code: levels of processors, what is said where it is missing, that it is let run."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import amcspice as amc
from amcspice import native
from amcspice.engine.behavioural import trajectories
from amcspice.errors import AmcspiceError, InputError, NotCompiledError
from amcspice.native import compiled

ROOT = Path(amc.__file__).parent
FLAGS = "flags\t\t: fpu sse2 avx avx2 bmi1 bmi2 f16c fma abm movbe"
AVX512 = " avx512f avx512bw avx512cd avx512dq avx512vl"


def problem(count=200, m=32, n=8):
    draw = np.random.default_rng(0)
    return draw.random((m, n)), draw.standard_normal((count, m)) + 0.5


def solve(module, A, B):
    solutions, left = np.zeros((len(B), A.shape[1])), np.zeros(len(B), bool)
    module.solve_shared(A, np.arange(len(A)), B, 0.0, 0.0, solutions, left)
    return solutions


@pytest.mark.parametrize(
    ("flags", "levels"),
    [
        ("", ("v2",)),
        (FLAGS, ("v3", "v2")),
        (FLAGS.replace(" fma", ""), ("v2",)),
        (FLAGS + AVX512, ("v4", "v3", "v2")),
        (FLAGS.replace(" avx2", "") + AVX512, ("v2",)),
    ],
)
def test_levels_follow_what_the_processor_can_do(flags, levels, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{flags}\n\nprocessor\t: 1\nflags\t: none\n")
    monkeypatch.setattr(native, "CPUINFO", str(tmp_path / "cpuinfo"))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert native.supported_levels.__wrapped__() == levels
    monkeypatch.setattr(native, "CPUINFO", str(tmp_path / "absent"))
    assert native.supported_levels.__wrapped__() == ("v2",)
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert native.supported_levels.__wrapped__() == ("base",)


@pytest.mark.parametrize("level", sorted(set(native.LEVELS) & set(native.supported_levels())))
def test_levels_differ_by_rounding_only(level, tmp_path):
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import numpy as np, test_native as own;"
        "np.save(sys.argv[2], own.solve(own.compiled, *own.problem()));"
        "print(own.compiled.__name__)"
    )
    target = tmp_path / "solutions.npy"
    done = subprocess.run(
        [sys.executable, "-c", program, Path(__file__).parent, target],
        capture_output=True, text=True, check=True, env={**os.environ, native.VARIABLE: level},
    )  # fmt: skip
    assert done.stdout.strip() == f"amcspice.native.{level}"
    wanted = solve(compiled, *problem())
    np.testing.assert_allclose(np.load(target), wanted, rtol=0, atol=1e-13 * wanted.max())


def test_the_best_level_is_taken_and_another_one_on_request(monkeypatch):
    monkeypatch.setattr(native, "compiled_levels", lambda: ("v4", "v3", "v2"))
    monkeypatch.setattr(native, "supported_levels", lambda: ("v3", "v2"))
    monkeypatch.delenv(native.VARIABLE, raising=False)
    assert native.choose_level() == "v3"
    monkeypatch.setenv(native.VARIABLE, "v2")
    assert native.choose_level() == "v2"
    for foreign in ("v4", "v9"):
        monkeypatch.setenv(native.VARIABLE, foreign)
        with pytest.raises(InputError, match=rf"AMCSPICE_NATIVE={foreign}: .* can run v3, v2"):
            native.choose_level()


def test_what_is_missing_is_said_with_what_to_do(monkeypatch):
    monkeypatch.setattr(native, "compiled_levels", lambda: ())
    monkeypatch.delenv(native.VARIABLE, raising=False)
    with pytest.raises(NotCompiledError, match=r"missing; run `make setup`.*C\+\+ compiler"):
        _ = native.compiled
    monkeypatch.setenv(native.VARIABLE, native.supported_levels()[-1])
    with pytest.raises(NotCompiledError, match=r"AMCSPICE_NATIVE=.*: that has not been compiled"):
        native.choose_level()
    assert issubclass(NotCompiledError, AmcspiceError)
    assert issubclass(NotCompiledError, ImportError)
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = native.other


def test_a_module_that_does_not_load_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "amcspice.native.v2", None)
    with pytest.raises(NotCompiledError, match=r"\(v2\) does not load.*run `make setup`"):
        native._load.__wrapped__("v2")


def test_loading_takes_no_time(measured):
    program = (
        "import numpy, amcspice.errors, time; begin = time.perf_counter();"
        "from amcspice.native import compiled; print(time.perf_counter() - begin)"
    )
    seconds = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
        seconds.append(float(done.stdout))
    measured("seconds to load", min(seconds))
    assert min(seconds) < 0.05


def test_functions_of_lapack_are_those_of_scipy_without_the_package_around_them():
    program = (
        "import sys; from amcspice.native.offered import offered\n"
        "lapack, blas = (offered(f'scipy.linalg.cython_{name}') for name in ('lapack', 'blas'))\n"
        "assert 'scipy.linalg' not in sys.modules\n"
        "from scipy.linalg import cython_blas, cython_lapack, eigvals\n"
        "assert lapack['dgeev'] is cython_lapack.__pyx_capi__['dgeev']\n"
        "assert blas['dgemm'] is cython_blas.__pyx_capi__['dgemm']\n"
        "assert sorted(eigvals([[2, 1], [1, 2]]).real.round(9)) == [1, 3]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_stub_lists_what_is_there():
    text = (ROOT / "native" / "compiled.pyi").read_text()
    names = set(
        re.findall(r"^(?:def |class )?(?!def|class|from|import)([A-Za-z]\w*)[(:]", text, re.M)
    )
    assert names == {name for name in vars(compiled) if not name.startswith("_")}


def test_arrays_to_fill_in_are_not_copied():
    A, B = problem(3)
    rows, left = np.arange(len(A)), np.zeros(3, bool)
    for wrong in (np.zeros((3, 8), np.float32), np.zeros((8, 3)).T):
        with pytest.raises(TypeError, match="incompatible function arguments"):
            compiled.solve_shared(A, rows, B, 0.0, 0.0, wrong, left)
    np.testing.assert_array_equal(solve(compiled, np.asfortranarray(A), B), solve(compiled, A, B))


def test_other_threads_run_meanwhile_and_an_interrupt_arrives_after():
    A, B = problem(20_000, 64, 16)
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.wait(0.001):
            ticks.append(None)

    def solve_on():
        while True:
            before = len(ticks)
            solve(compiled, A, B)
            assert len(ticks) > before

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            solve_on()
    finally:
        stop.set()
        thread.join()
    assert solve(compiled, A, B[:5]).shape == (5, 16)


RUNNABLE = sorted(set(native.compiled_levels()) & set(native.supported_levels()))


@pytest.mark.parametrize("level", RUNNABLE)
@pytest.mark.parametrize("hold", [True, False])
def test_behavioural_runs_are_the_same_at_every_level(level, hold, monkeypatch):
    A, B = problem(20, 16, 4)
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative(hold=hold))
    usual = amc.simulate(circuit, B.T, fidelity="behavioural", keep_waveforms=False)
    module = importlib.import_module(f"amcspice.native.{level}")
    monkeypatch.setattr(trajectories, "compiled", module)
    run = amc.simulate(circuit, B.T, fidelity="behavioural", keep_waveforms=False)
    assert run.all_settled
    np.testing.assert_allclose(run.x, usual.x, atol=1e-10 * np.abs(usual.x).max())
    np.testing.assert_allclose(run.settling_time, usual.settling_time, rtol=1e-6)
    np.testing.assert_allclose(run.energy, usual.energy, rtol=1e-6)
