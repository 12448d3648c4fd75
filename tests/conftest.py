"""Set-up shared by all tests.  Nothing is skipped: without ngspice the tests that need it fail."""

from __future__ import annotations

import os
import signal

os.environ.setdefault("MPLBACKEND", "Agg")
# A shell starts what runs in the background with SIGINT ignored, and so would ours be.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import hypothesis  # noqa: E402
import pytest  # noqa: E402

import amcspice as amc  # noqa: E402
from amcspice.engine import find_installation, get_simulator  # noqa: E402

# The same examples in every run: what fails once fails again.
hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.load_profile("repeatable")


def pytest_report_header(config):
    """Say which ngspice the suite runs against."""
    try:
        found = find_installation()
    except amc.InputError as error:
        return f"ngspice: {error}"
    return f"ngspice: {found.version}, KLU {found.klu}, {found.executable}"


@pytest.fixture(autouse=True)
def failed_decks(tmp_path, monkeypatch):
    """Keep the decks of failed runs inside the test's own folder."""
    folder = tmp_path / "failed"
    monkeypatch.setenv("AMCSPICE_FAILED_DECKS", str(folder))
    return folder


@pytest.fixture(autouse=True)
def processes_at_once(monkeypatch):
    """Share work out over processes however small it is, so that tests see what that does."""
    monkeypatch.setattr("amcspice.pool.START", 0.0)


@pytest.fixture
def batch():
    """Return the batch simulator."""
    return get_simulator("batch")


@pytest.fixture(params=["shared", "batch"])
def simulator(request):
    """Return each simulator in turn."""
    return get_simulator(request.param)


@pytest.fixture
def measured(record_property, request):
    """Return a function that notes a measured figure; see it with ``-rA`` or ``--junitxml``."""

    def note(name, value):
        record_property(name, float(value))
        print(f"measured {request.node.name}: {name} = {value:.3g}")

    return note
