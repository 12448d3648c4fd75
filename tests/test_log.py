"""The log table on logs that both versions really wrote, and on the version at hand."""

from pathlib import Path

import pytest

import amcspice as amc
from amcspice.engine.ngspice.log import explain_failure

LOGS = Path(__file__).parent / "logs"

CAUSES = {
    "subcircuit": "sub-circuit not defined: x1 a 0 nowhere",
    "model": "model not defined: missing",
    "parameter": "parameter not defined: absent",
    "include": "include file not found: absent.lib",
    "element": "parameter not known to the element: colour",
    "function": "not available: 'nonsense'",
    "singular": "singular matrix at node v1#branch",
    "timestep": 'no convergence, time step too small; initial timepoint: trouble with node "c"',
    "vector": "no data saved for Transient analysis; analysis not run",
}


def test_every_deck_and_log_is_used():
    names = {path.stem for path in LOGS.glob("*.cir")}
    assert names == set(CAUSES)
    for version in ("39", "46"):
        assert {path.stem for path in (LOGS / version).glob("*.txt")} == names


@pytest.mark.parametrize("version", ["39", "46"])
@pytest.mark.parametrize("name", CAUSES)
def test_captured_log_is_explained(name, version):
    log = (LOGS / version / f"{name}.txt").read_text()
    assert explain_failure(log).startswith(CAUSES[name])


@pytest.mark.parametrize(
    "log", ["", "Note: No compatibility mode selected!\nNo. of Data Rows : 12"]
)
def test_a_good_log_has_no_cause(log):
    assert explain_failure(log) is None


@pytest.mark.ngspice
@pytest.mark.parametrize("name", CAUSES)
def test_installed_ngspice_fails_as_captured(name, batch):
    with pytest.raises(amc.SimulationError) as caught:
        batch.run_text((LOGS / f"{name}.cir").read_text(), timeout=60)
    assert CAUSES[name] in str(caught.value)
    assert "exit code 1" in caught.value.cause
