"""`simulate`: the circuits against scipy and against finite-gain solutions written by hand."""

import numpy as np
import pytest
from oracles import classic_operating_point, compact_operating_point, nnls, random_problem

import amcspice as amc
from amcspice.errors import InputError, UnsupportedError
from amcspice.measure import relative_error

SEEDS = range(10)
GOOD = amc.OpAmp(gain=1e5)

pytestmark = pytest.mark.ngspice


def nnls_errors(make):
    """Relative error of ten problems, 32 x 8, each with active constraints."""
    errors = []
    for seed in SEEDS:
        A, b = random_problem(seed)
        expected = nnls(A, b)
        assert 0 < np.count_nonzero(expected == 0) < 8
        run = amc.simulate(make(A), b)
        assert run.all_settled
        np.testing.assert_allclose(run.reference, expected, atol=1e-12)
        error = np.linalg.norm(run.x - expected) / np.linalg.norm(expected)
        assert run.relative_error == pytest.approx(error, rel=1e-9)
        errors.append(error)
    return np.array(errors)


@pytest.mark.slow
def test_classic_nnls_agrees_with_scipy(measured):
    errors = nnls_errors(lambda A: amc.ClassicGINV(A, constraint=amc.NonNegative(), opamp=GOOD))
    measured("largest relative error", errors.max())
    assert errors.max() < 2e-4


def test_compact_nnls_agrees_with_scipy_and_needs_compensation(measured):
    options = {"constraint": amc.NonNegative(hold=True), "opamp": GOOD}
    errors = nnls_errors(lambda A: amc.CompactGINV(A, **options))
    without = nnls_errors(lambda A: amc.CompactGINV(A, compensation=False, **options))
    measured("largest relative error", errors.max())
    measured("largest without compensation", without.max())
    measured("smallest ratio of one problem", (without / errors).min())
    assert errors.max() < 2e-3
    assert without.max() > 10 * errors.max()
    assert np.median(without) > 10 * np.median(errors)


def test_rail_alone_is_worse_than_hold(measured):
    """The column wire of a saturated amplifier leaks into the rows, section 4."""
    errors = {
        hold: nnls_errors(
            lambda A, hold=hold: amc.CompactGINV(
                A, constraint=amc.NonNegative(hold=hold), opamp=GOOD
            )
        )
        for hold in (True, False)
    }
    measured("largest with the rail only", errors[False].max())
    assert (errors[False] > errors[True]).all()
    assert errors[False].max() > 4 * errors[True].max()


@pytest.mark.parametrize("output_resistance", [0.1, 300.0])
@pytest.mark.parametrize("gain", [1e3, 1e5])
@pytest.mark.parametrize("topology", ["classic", "compact", "compact without compensation"])
def test_finite_gain_solution(topology, gain, output_resistance, measured):
    A, b = random_problem(3)
    G = 100e-6 * A / A.max()
    current = -100e-6 / A.max() * b
    opamp = amc.OpAmp(gain=gain, output_resistance=output_resistance)
    if topology == "classic":
        circuit = amc.ClassicGINV(A, opamp=opamp)
        expected, without_resistance = (
            classic_operating_point(G, current, feedback=100e-6, gain=gain, output_resistance=R)
            for R in (output_resistance, 0.0)
        )
    else:
        compensation = topology == "compact"
        circuit = amc.CompactGINV(A, opamp=opamp, compensation=compensation)
        totals = 2 * G.sum(axis=1)
        if compensation:
            totals = np.full_like(totals, totals.max())
        expected, without_resistance = (
            compact_operating_point(G, current, row_total=totals, gain=gain, output_resistance=R)
            for R in (output_resistance, 0.0)
        )
    run = amc.simulate(circuit, b)
    error = np.linalg.norm(run.x - expected) / np.linalg.norm(expected)
    measured("relative distance from the closed form", error)
    assert error < 1e-5
    # Inside the loop the output resistance matters as little as 1 / gain.
    shift = np.linalg.norm(expected - without_resistance) / np.linalg.norm(expected)
    assert shift < 100 * output_resistance * G.sum(axis=0).max() / gain
    if output_resistance > 1:
        assert shift > 10 * error


def test_shapes_follow_the_right_hand_side():
    A, b = random_problem(0, vectors=3)
    circuit = amc.CompactGINV(A, constraint=amc.NonNegative())
    many, single = amc.simulate(circuit, b), amc.simulate(circuit, b[:, 0])
    assert many.x.shape == many.reference.shape == (8, 3)
    assert single.x.shape == (8,)
    assert many.settled.shape == many.settling_time.shape == many.energy.shape == (3,)
    assert all(values.shape == (3,) for values in many.power.values())
    assert len(many.waveforms) == 3
    np.testing.assert_allclose(many.x[:, 0], single.x, atol=1e-5)


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_superposition_and_scaling(circuit_type):
    """Without constraint the answer is linear in b, and does not depend on the scale of A."""
    A, b = random_problem(5, rows=12, columns=4, vectors=2)
    fixed = {"relative_tolerance": 1e-6}
    circuit = circuit_type(A)
    first, second = (amc.simulate(circuit, b[:, k], **fixed).x for k in (0, 1))
    both = amc.simulate(circuit, 2 * b[:, 0] - 3 * b[:, 1], **fixed).x
    np.testing.assert_allclose(both, 2 * first - 3 * second, atol=2e-6 * np.abs(both).max())
    scaled = amc.simulate(circuit_type(1e6 * A), b[:, 0], **fixed).x
    np.testing.assert_allclose(1e6 * scaled, first, atol=2e-6 * np.abs(first).max())


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_permuting_rows_and_columns(circuit_type):
    A, b = random_problem(6, rows=16, columns=5)
    draw = np.random.default_rng(0)
    rows, columns = draw.permutation(16), draw.permutation(5)
    opamp, constraint = amc.OpAmp(gain=1e4), amc.NonNegative()
    plain = amc.simulate(circuit_type(A, opamp=opamp, constraint=constraint), b)
    moved = circuit_type(A[rows][:, columns], opamp=opamp, constraint=constraint)
    permuted = amc.simulate(moved, b[rows])
    np.testing.assert_allclose(permuted.x, plain.x[columns], atol=1e-6 * np.abs(plain.x).max())
    assert permuted.settling_time == pytest.approx(plain.settling_time, rel=5e-3)


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_wires_vanish_in_the_limit(circuit_type):
    A, b = random_problem(7, rows=12, columns=4)
    constraint = amc.NonNegative()

    def solve(**wire):
        circuit = circuit_type(A, wire=amc.Wire(**wire), constraint=constraint)
        return amc.simulate(circuit, b, relative_tolerance=1e-6).x

    ideal = solve()
    distance = [np.linalg.norm(solve(row=ohm, column=2 * ohm) - ideal) for ohm in (1.0, 0.1, 0.01)]
    assert distance[0] > 1e-3 * np.linalg.norm(ideal)
    # First order in the wire resistance.
    assert distance[1] == pytest.approx(distance[0] / 10, rel=0.15)
    assert distance[2] == pytest.approx(distance[1] / 10, rel=0.15)


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_ridge_agrees_with_augmented_rows(circuit_type):
    A, b = random_problem(8)
    ridge = 2.0
    circuit = circuit_type(A, constraint=amc.NonNegative(), ridge=ridge, opamp=GOOD)
    expected = nnls(np.vstack([A, np.sqrt(ridge) * np.eye(8)]), np.append(b, np.zeros(8)))
    run = amc.simulate(circuit, b)
    np.testing.assert_allclose(run.reference, expected, atol=1e-10)
    assert relative_error(run.x[None], expected[None])[0] < 2e-3
    plain = nnls(A, b)
    assert np.linalg.norm(expected - plain) > 0.05 * np.linalg.norm(plain)


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_ridge_with_scaled_columns_is_still_the_ridge_of_x(circuit_type):
    A, b = random_problem(8)
    A = A * np.geomspace(0.2, 1, 8)
    ridge = 1.0
    circuit = circuit_type(
        A, constraint=amc.NonNegative(), ridge=ridge, opamp=GOOD, scaling="columns"
    )
    expected = nnls(np.vstack([A, np.sqrt(ridge) * np.eye(8)]), np.append(b, np.zeros(8)))
    assert relative_error(amc.simulate(circuit, b).x[None], expected[None])[0] < 2e-3


@pytest.mark.parametrize("scaling", ["matrix", "columns"])
@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_lasso_satisfies_the_optimality_conditions(circuit_type, scaling):
    """KKT: gradient + lasso is zero where x > 0 and not negative where x = 0."""
    A, b = random_problem(9)
    A = A * np.geomspace(0.5, 1, 8)
    lasso = 0.1 * np.abs(A.T @ b).max()
    options = {"constraint": amc.NonNegative(), "opamp": GOOD, "scaling": scaling}
    run = amc.simulate(circuit_type(A, lasso=lasso, **options), b)
    x = np.maximum(run.x, 0)
    gradient = A.T @ (A @ x - b) + lasso
    active = x > 1e-3 * x.max()
    assert 0 < active.sum() < 8
    assert np.abs(gradient[active]).max() < 0.02 * lasso
    assert gradient[~active].min() > -0.02 * lasso
    assert run.relative_error < 2e-3
    assert x.sum() < np.maximum(amc.simulate(circuit_type(A, **options), b).x, 0).sum()


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_unselected_rows_are_as_good_as_absent(circuit_type):
    A, b = random_problem(10, rows=20, columns=5)
    keep = np.ones(20, bool)
    keep[[0, 7, 8, 19]] = False
    options = {"constraint": amc.NonNegative(), "opamp": amc.OpAmp(gain=1e4)}
    masked = amc.simulate(circuit_type(A, rows=keep, **options), b)
    absent = amc.simulate(circuit_type(A[keep], **options), b[keep])
    # The scale of the array may differ: the largest entry may be in a masked row.
    scale = np.abs(absent.x).max()
    np.testing.assert_allclose(masked.x, absent.x, atol=1e-5 * scale)
    np.testing.assert_allclose(masked.reference, absent.reference, atol=1e-12)
    other = b.copy()
    other[~keep] = 1e3
    np.testing.assert_allclose(
        amc.simulate(circuit_type(A, rows=keep, **options), other).x, masked.x, atol=1e-6 * scale
    )


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_unselected_rows_keep_only_their_wires(circuit_type):
    """With wires a masked row's cells and input are gone; its content cannot matter."""
    A, b = random_problem(10, rows=12, columns=4)
    keep = np.ones(12, bool)
    keep[[3, 11]] = False
    other = A.copy()
    other[~keep] = A[keep].max() / 3
    options = {"rows": keep, "constraint": amc.NonNegative(), "wire": amc.Wire(row=1.0, column=2.5)}
    first = amc.simulate(circuit_type(A, **options), b)
    second = amc.simulate(circuit_type(other, **options), b + 5 * ~keep)
    np.testing.assert_allclose(second.x, first.x, rtol=0, atol=1e-9)


def test_column_load_trades_time_for_accuracy(measured):
    A, b = random_problem(2)
    options = {"constraint": amc.NonNegative(hold=False), "opamp": amc.OpAmp(gain=1e7)}
    plain, loaded = (
        amc.simulate(amc.CompactGINV(A, column_load=load, **options), b) for load in (0.0, 4.0)
    )
    measured("error, no load", plain.relative_error)
    measured("error, load 4", loaded.relative_error)
    assert loaded.relative_error < plain.relative_error / 3
    assert loaded.settling_time > 2 * plain.settling_time


def test_column_scaling_is_exact_for_nnls():
    A, b = random_problem(4)
    A = A * np.geomspace(0.1, 1, 8)
    errors = [
        amc.simulate(
            amc.CompactGINV(A, constraint=amc.NonNegative(), opamp=amc.OpAmp(gain=1e7), scaling=s),
            b,
        ).relative_error
        for s in ("matrix", "columns")
    ]
    assert errors[1] < 1e-4
    assert errors[1] < errors[0]


def test_auto_range_halves_until_the_outputs_fit():
    A, b = random_problem(1)
    circuit = amc.CompactGINV(A, opamp=amc.OpAmp(gain=1e5))
    wide = amc.simulate(circuit, b, read_voltage=5.0)
    narrow = amc.simulate(circuit, b, read_voltage=1.25)
    assert narrow.range_halvings == 0
    assert wide.range_halvings == 1
    assert np.abs(wide.waveforms.solution()[1][-1]).max() < 0.95 * 5
    np.testing.assert_allclose(wide.x, narrow.x, atol=1e-5 * np.abs(narrow.x).max())


@pytest.mark.parametrize(
    "fidelity", ["dc", "behavioural", pytest.param("reduced", marks=pytest.mark.ngspice)]
)
def test_a_range_that_is_given_is_kept_even_where_it_is_too_large(fidelity):
    A, b = random_problem(1, rows=8, columns=2)
    circuit, volts = amc.CompactGINV(A), 50.0
    with pytest.warns(amc.CautionWarning, match="ends at a limit, so that x is wrong") as told:
        run = amc.simulate(circuit, b, fidelity=fidelity, range=volts)
    assert len(told) == 1
    assert told[0].filename == __file__
    assert "  caution: an amplifier ends at a limit" in repr(run)
    assert (run.range.choice, run.volts_per_unit, run.range_halvings) == ("fixed", volts, 0)
    assert run.near_limit
    assert run.relative_error > 0.01
    small = amc.simulate(circuit, b, fidelity=fidelity, range=0.5)
    assert (small.volts_per_unit, small.near_limit) == (0.5, False)
    assert small.cautions == small.alarms == ()


def test_current_limited_output_is_not_reported_as_an_answer():
    A, b = random_problem(3)
    free = amc.simulate(amc.CompactGINV(A), b, read_voltage=1.25)
    delivered = free.waveforms.segments[0].supply[-1].sum()
    limited = amc.OpAmp(output_current_limit=abs(delivered) / 8)
    run = amc.simulate(amc.CompactGINV(A, opamp=limited), b, read_voltage=1.25)
    assert run.range_halvings > 0
    np.testing.assert_allclose(run.x, free.x, atol=1e-5 * np.abs(free.x).max())


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
@pytest.mark.parametrize("constraint", [amc.Unconstrained(), amc.NonNegative()])
def test_current_limit_and_small_output_resistance_converge(circuit_type, constraint):
    """Newton's method must not jump from one limit of the output stage to the other."""
    A, b = random_problem(3, rows=16, columns=4)
    free = amc.simulate(circuit_type(A, constraint=constraint), b, read_voltage=1.25)
    for changes in ({"output_current_limit": 10e-3}, {"output_resistance": 1e-3}):
        circuit = circuit_type(A, constraint=constraint, opamp=amc.OpAmp(**changes))
        run = amc.simulate(circuit, b, read_voltage=1.25)
        assert run.range_halvings == 0
        np.testing.assert_allclose(run.x, free.x, atol=1e-5 * np.abs(free.x).max())
        assert run.settling_time == pytest.approx(free.settling_time, rel=0.01)


def test_clipping_inside_the_output_stage_is_not_reported_as_an_answer():
    """Behind a large output resistance the stage reaches its rail before the output does."""
    A, b = random_problem(3)
    circuit = amc.CompactGINV(A, opamp=amc.OpAmp(gain=1e5, output_resistance=2e3))
    G = 100e-6 * A / A.max()
    expected = compact_operating_point(
        G,
        -100e-6 / A.max() * b,
        row_total=np.full(32, 2 * G.sum(axis=1).max()),
        gain=1e5,
        output_resistance=2e3,
    )
    run = amc.simulate(circuit, b, read_voltage=1.25)
    assert run.range_halvings > 0
    assert np.linalg.norm(run.x - expected) < 1e-5 * np.linalg.norm(expected)


def test_ideal_fidelity_is_the_reference():
    A, b = random_problem(1, vectors=2)
    run = amc.simulate(amc.CompactGINV(A, constraint=amc.NonNegative()), b, fidelity="ideal")
    np.testing.assert_allclose(run.x, np.stack([nnls(A, v) for v in b.T], axis=1), atol=1e-12)
    assert run.waveforms is None
    assert np.isnan(run.settling_time).all()
    assert run.provenance["ngspice"] is None


def test_zero_right_hand_side_gives_zero():
    A, _ = random_problem(1)
    run = amc.simulate(amc.CompactGINV(A, constraint=amc.NonNegative()), np.zeros(32))
    assert np.abs(run.waveforms.solution()[1]).max() < 1e-5
    assert run.all_settled


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
@pytest.mark.parametrize(
    ("scale", "options"),
    [(1.0, {}), (1e6, {}), (1e-6, {}), (1.0, {"lasso": 1e6})],
    ids=["one", "large", "small", "lasso"],
)
def test_zero_solution_of_a_large_input_keeps_to_the_rails(circuit_type, scale, options):
    """The range follows the input where the solution gives none; otherwise 100 A might flow."""
    A, b = random_problem(1)
    circuit = circuit_type(A, constraint=amc.NonNegative(), **options)
    run = amc.simulate(circuit, -scale * np.abs(b), timeout=60)
    assert not run.reference.any()
    assert run.all_settled
    # Zero to within what a range as large as the input allows.
    assert np.abs(run.x).max() < 1e-4 * max(scale * np.abs(b).max(), options.get("lasso", 0))
    assert np.abs(run.waveforms.segments[0].voltages).max() < 5
    assert run.power["total"] < 1


def test_output_stays_above_ground_under_the_rail(measured):
    """A diode clamp that lets an output fall 6 mV below 0 V would cost 3 to 4 %, section 5.

    The rail itself is hard; what remains is the drop over the output resistance, which is small
    here so that it does not hide anything.
    """
    A, b = random_problem(2, vectors=4)
    opamp = amc.OpAmp(output_resistance=0.01)
    for circuit in (
        amc.ClassicGINV(A, constraint=amc.NonNegative(), opamp=opamp),
        amc.CompactGINV(A, constraint=amc.NonNegative(), opamp=opamp),
        amc.CompactGINV(A, constraint=amc.NonNegative(hold=False), opamp=opamp),
    ):
        run = amc.simulate(circuit, b)
        lowest = min(run.waveforms.solution(k)[1].min() for k in range(4))
        measured(f"lowest output, {circuit.name} [V]", lowest)
        assert (run.reference == 0).any()
        assert lowest > -1e-5


def test_settling_is_bounded_below_by_the_slew_rate():
    A, b = random_problem(0)
    slew = 1e6
    circuit = amc.CompactGINV(A, opamp=amc.OpAmp(slew_rate=slew))
    run = amc.simulate(circuit, b, read_voltage=1.25)
    swing = np.abs(run.waveforms.solution()[1][-1]).max()
    assert run.settling_time > 0.99 * swing / slew
    free = amc.simulate(amc.CompactGINV(A), b, read_voltage=1.25)
    assert run.settling_time > 1.5 * free.settling_time
    np.testing.assert_allclose(run.x, free.x, atol=1e-4 * np.abs(free.x).max())


@pytest.mark.parametrize("circuit_type", [amc.ClassicGINV, amc.CompactGINV])
def test_streaming_does_not_change_the_answers(circuit_type):
    """Each right-hand side starts where the last one left the circuit; the answer is its own."""
    A, b = random_problem(11, rows=16, columns=4, vectors=6)
    circuit = circuit_type(A, constraint=amc.NonNegative(), opamp=GOOD)
    streamed = amc.simulate(circuit, b)
    for k in range(6):
        alone = amc.simulate(circuit, b[:, k])
        np.testing.assert_allclose(streamed.x[:, k], alone.x, atol=3e-5 * np.abs(alone.x).max())


def test_provenance_says_what_ran(simulator):
    A, b = random_problem(0, rows=6, columns=2)
    run = amc.simulate(amc.CompactGINV(A), b, simulator=simulator.name)
    told = run.provenance
    assert told["simulator"] == simulator.name
    assert told["ngspice"] == simulator.installation.version
    assert "reltol=5e-05" in told["options"]
    assert len(told["deck_sha256"]) == 64
    assert told["circuit"]["name"] == "ginv-compact"
    assert run.amplifiers == 2
    # Compensation takes whole cells of 100 uS, as many a row as the neediest row takes.
    totals = 2 * A.sum(axis=1) / A.max()
    assert run.cells == 2 * 12 + 6 * int(np.ceil(totals.max() - totals.min()))


def test_progress_counts_the_right_hand_sides():
    A, b = random_problem(0, rows=6, columns=2, vectors=70)
    seen = []
    amc.simulate(amc.CompactGINV(A), b, progress=seen.append)
    assert seen == sorted(set(seen))
    assert len(seen) > 1
    assert seen[-1] == 70


def test_waveforms_convert_to_tables():
    A, b = random_problem(0, rows=6, columns=2, vectors=2)
    run = amc.simulate(amc.CompactGINV(A), b)
    time, outputs = run.waveforms.solution(1)
    dataset = run.waveforms.to_xarray(1)
    np.testing.assert_array_equal(dataset["voltage"].sel(node="x1"), outputs[:, 1])
    assert dataset["voltage"].attrs["units"] == "V"
    table = run.waveforms.to_pandas()
    np.testing.assert_array_equal(table.loc[1]["x0"], outputs[:, 0])
    np.testing.assert_array_equal(table.loc[1].index, time)
    run = amc.simulate(amc.CompactGINV(A), b, keep_waveforms=False)
    assert run.waveforms is None


def test_bad_input_is_refused():
    A, b = random_problem(0, rows=6, columns=2)
    circuit = amc.CompactGINV(A)
    with pytest.raises(InputError, match="5 rows, but the matrix has 6"):
        amc.simulate(circuit, b[:5])
    with pytest.raises(InputError, match=r"entry \(2, 0\) is not finite"):
        amc.simulate(circuit, np.where(np.arange(6) == 2, np.nan, b))
    with pytest.raises(InputError, match="not numbers"):
        amc.simulate(circuit, ["a"] * 6)
    with pytest.raises(InputError, match="not both"):
        amc.simulate(circuit, b, analysis=amc.Analysis(), fidelity="flat")
    with pytest.raises(InputError, match="fidelity"):
        amc.simulate(circuit, b, fidelity="exact")
    with pytest.raises(InputError, match="timeout"):
        amc.simulate(circuit, b, timeout=0)
    with pytest.raises(InputError, match="settle_tolerance"):
        amc.simulate(circuit, b, settle_tolerance=1.0)
    with pytest.raises(UnsupportedError, match="lasso needs the non-negative"):
        amc.CompactGINV(A, lasso=1.0)


@pytest.mark.parametrize("problem", ["inv", "nnls", "lstsq", "mvm"])
def test_an_answer_of_zero_has_an_absolute_error(problem):
    """An offset moves x off zero by so many units; no fraction of zero says how far."""
    A, b = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[0.0, 1.0], [0.0, 0.5]])
    run = amc.solve(problem, A, b, fidelity="dc", offset=1e-3)
    distance = np.linalg.norm(run.x - run.reference, axis=0)
    np.testing.assert_allclose(run.absolute_error, distance, rtol=1e-12)
    assert run.relative_error[0] == np.inf
    assert run.relative_error[1] == pytest.approx(distance[1] / np.linalg.norm(run.reference[:, 1]))
    said = [sentence for sentence in run.cautions if "no relative error is defined" in sentence]
    assert len(said) == 1
    assert "of 1 of 2 right-hand sides is zero" in said[0]
    assert f"up to {distance[0]:.3g} away" in said[0]
    assert f"reference is zero; absolute error up to {distance[0]:.3g}" in repr(run)
    assert run.to_pandas()["absolute_error"].tolist() == run.absolute_error.tolist()
    alone = amc.solve(
        problem, A, b[:, 0], fidelity="dc", offset=1e-3, range=run.range.volts_per_unit
    )
    assert alone.absolute_error == pytest.approx(distance[0], rel=1e-6)
    exact = amc.solve(problem, A, b, fidelity="ideal")
    assert exact.relative_error.tolist() == exact.absolute_error.tolist() == [0, 0]
    assert not any("no relative" in sentence for sentence in exact.cautions)
