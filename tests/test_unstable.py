"""Circuits without a stable operating point: refused, or simulated on request."""

import json

import numpy as np
import pytest
from cli_helpers import run as command

import amcspice as amc

POSITIVE_EIGENVALUE = np.array([[0.2, 1.0], [1.0, 0.3]])  # INV: det < 0, one mode grows
CLASSIC = np.random.default_rng(7).random((3, 2))


def latching():
    return amc.make_circuit("inv", POSITIVE_EIGENVALUE, opamp=amc.OpAmp(gain=1e4)), [1.0, 0.5]


def ringing():
    """Two amplifiers in a row with capacitance between: it oscillates between the rails."""
    opamp = amc.OpAmp(gain=1e4, gbw=100e6, input_capacitance=3e-12)
    return amc.ClassicGINV(CLASSIC, opamp=opamp), CLASSIC @ [0.5, 0.2]


@pytest.mark.parametrize("make", [latching, ringing])
def test_it_is_refused_with_its_eigenvalue(make):
    circuit, vector = make()
    with pytest.raises(amc.UnsupportedError, match=r"unstable: eigenvalue \d.*allow unstable"):
        amc.simulate(circuit, vector, fidelity="behavioural")


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["flat", "reduced", "behavioural"])
def test_one_growing_mode_ends_at_the_rails(fidelity):
    circuit, vector = latching()
    run = amc.simulate(circuit, vector, fidelity=fidelity, allow_unstable=True)
    final = run.waveforms.segments[0].voltages[-1]
    assert run.near_limit
    assert run.runs_away
    assert "caution: the circuit is unstable, which was allowed" in repr(run)
    assert run.range_halvings == 0
    assert np.abs(final).max() == pytest.approx(5.0, rel=0.01)
    assert run.relative_error > 1


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["reduced", "behavioural"])
def test_an_oscillation_never_settles(fidelity):
    circuit, vector = ringing()
    run = amc.simulate(circuit, vector, fidelity=fidelity, allow_unstable=True)
    assert not run.settled
    assert np.isnan(run.settling_time)
    assert any("did not settle" in sentence for sentence in run.cautions)
    late = run.waveforms.segments[0]
    outputs = late.voltages[:, list(run.waveforms.outputs)]
    half = late.time > late.time[-1] / 2
    assert np.ptp(outputs[half], axis=0).max() > 1.0


def test_stable_circuits_are_what_they_were():
    circuit = amc.CompactGINV(CLASSIC)
    vector = CLASSIC @ [0.5, 0.2]
    plain, allowed = (
        amc.simulate(circuit, vector, fidelity="behavioural", allow_unstable=allow)
        for allow in (False, True)
    )
    assert np.array_equal(plain.x, allowed.x)
    assert np.array_equal(plain.settling_time, allowed.settling_time)
    assert not allowed.runs_away


def test_the_command_line_has_the_flag(tmp_path):
    np.save(tmp_path / "A.npy", POSITIVE_EIGENVALUE)
    np.savetxt(tmp_path / "b.csv", [[1.0], [0.5]], delimiter=",")
    words = ["solve", "inv", "--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.csv",
             "--fidelity", "behavioural"]  # fmt: skip
    refused = command(*words)
    assert refused.exit_code == 2
    assert "unstable: eigenvalue" in refused.output
    target = tmp_path / "run.json"
    allowed = command(*words, "--allow-unstable", "--json", target)
    assert allowed.exit_code == 0, allowed.output
    content = json.loads(target.read_text())
    assert content["near_limit"] is content["unstable"] is True
    assert [f"note: {sentence}" for sentence in content["cautions"]] == allowed.stderr.splitlines()
    assert len(content["cautions"]) >= 2
