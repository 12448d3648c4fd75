"""How far and how densely right-hand sides are followed: ``most_steps`` and ``max_step``."""

import numpy as np
import pytest

import amcspice as amc

draw = np.random.default_rng(2)
A = draw.random((8, 4))
b = A @ draw.random(4)
WAYS = {"trajectories": "onchip-1g", "steps": "ad8606"}
"""What behavioural runs take by amplifier; see `Integrator`."""


def run(way, **options):
    opamp = amc.OpAmp.preset(WAYS[way])
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative(hold=True), opamp=opamp)
    return amc.simulate(circuit, b, fidelity="behavioural", **options)


@pytest.mark.parametrize("way", WAYS)
def test_no_two_samples_are_farther_apart_than_the_largest_step(way):
    usual = run(way)
    step = float(usual.settling_time) / 150
    dense = run(way, max_step=step)
    (time, outputs), (times, _) = (each.waveforms.solution(0) for each in (dense, usual))
    assert np.diff(times).max() > 2 * step
    assert np.diff(time).max() <= step * (1 + 1e-9)
    # Shorter steps change nothing that was exact, and what takes steps by its own error only.
    exact = way == "trajectories"
    assert dense.settling_time == pytest.approx(usual.settling_time, rel=0 if exact else 1e-3)
    np.testing.assert_allclose(dense.x, usual.x, rtol=0, atol=0 if exact else 1e-6)
    # What was drawn before lies on what is drawn now, as near as lines between samples are.
    on = np.interp(times, time, outputs[:, 0])
    at = usual.waveforms.solution(0)[1][:, 0]
    inside = times <= time[-1]
    np.testing.assert_allclose(on[inside], at[inside], rtol=0, atol=1e-3 * np.abs(outputs).max())


def test_samples_without_end_are_refused():
    with pytest.raises(amc.InputError, match=r"max_step = 1e-15 s gives more than 1,000,000"):
        run("trajectories", max_step="1 fs")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.filterwarnings("ignore::amcspice.CautionWarning")
def test_what_is_not_at_rest_after_so_many_steps_did_not_settle(way):
    cut, whole = run(way, most_steps=5), run(way, most_steps=5000)
    assert not cut.settled
    assert whole.settled
    end = cut.waveforms.solution(0)[0][-1]
    assert 0 < end < whole.settling_time
    np.testing.assert_array_equal(whole.x, run(way).x)


@pytest.mark.parametrize("fidelity", ["flat", "reduced", "dc", "ideal"])
def test_fidelities_that_count_no_steps_refuse_them(fidelity):
    with pytest.raises(amc.UnsupportedError, match="counts no steps: leave most_steps out"):
        amc.simulate(amc.INV(np.eye(2)), [1.0, 2.0], fidelity=fidelity, most_steps=9)


@pytest.mark.ngspice
def test_what_verifies_a_run_counts_none():
    run = amc.simulate(
        amc.INV([[2.0, 1.0], [1.0, 3.0]]), [1.0, 2.0], fidelity="behavioural", most_steps=99,
        verify=1,
    )  # fmt: skip
    assert run.verification.passed
