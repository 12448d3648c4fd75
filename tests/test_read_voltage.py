"""The read voltage: the largest voltage across a cell, and what follows from it."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest

import amcspice as amc
from amcspice.circuit import INV, MVM
from amcspice.reduction import reduce_to_ports
from amcspice.sweep.metrics import run_metrics
from amcspice.workload.summary import summarise

DRAW = np.random.default_rng(4)
A = np.array([[1.0, 0.2, 0.3], [0.2, 0.9, 0.1], [0.3, 0.1, 0.8]])
X = np.array([0.5, 0.2, 0.8])
B = A @ X
TALL = DRAW.random((6, 3))
GOOD = amc.OpAmp(gain=1e5)
ONE_POLE = amc.OpAmp.preset("ad823", second_pole=None, input_capacitance=0.0)
"""The classic circuit is not stable with the part's second pole."""

WITHOUT_RAIL = [name for name, kind in amc.CIRCUITS.items() if not kind.rail_limited]
RAIL_LIMITED = [name for name, kind in amc.CIRCUITS.items() if kind.rail_limited]
PRODUCTS = ["mvm", "macro-mvm"]
OF_SEVERAL = ["inv-blocks", "chain-detector", "chain-precoder", "chain-projector"]
INNER = [*OF_SEVERAL, "ginv-right"]
"""Circuits in which not only outputs drive cells."""


def input_volts(circuit, run, vector):
    """Return what the drivers of a circuit give that takes voltages."""
    return circuit.schematic.currents(vector[None], run.volts_per_unit)[0]


def driven_volts(circuit, run, vector):
    """Return the voltages at rest of the lines that drive cells."""
    if circuit.name in PRODUCTS:
        return input_volts(circuit, run, vector)
    lines = np.concatenate([crossbar.columns for crossbar in circuit.schematic.crossbars])
    at_cells = circuit.schematic.driven & np.isin(circuit.schematic.inputs, lines)
    sources = input_volts(circuit, run, vector)[at_cells]
    if run.waveforms is None:
        return np.append(run.measurement.outputs[0], sources)
    banks = circuit.schematic.amplifiers
    if circuit.name in OF_SEVERAL:  # outputs of products drive resistors only
        banks = [bank for bank in banks if bank.name.endswith("x")]
    outputs = np.concatenate([bank.out for bank in banks])
    ports = np.searchsorted(reduce_to_ports(circuit.schematic).nodes, outputs)
    return np.append(run.waveforms.segments[0].voltages[-1, ports], sources)


def largest_cell_voltage(circuit, run, vector):
    """Solve the whole network between the ports, and return the largest drop at a cell."""
    schematic = circuit.schematic
    network = schematic.network
    ports = reduce_to_ports(schematic).nodes
    voltage, injected = np.zeros(len(network)), np.zeros(len(network))
    voltage[ports] = run.waveforms.segments[0].voltages[-1]
    sent = schematic.currents(vector[None], run.volts_per_unit)[0]
    if schematic.driven:
        ports = np.append(ports, schematic.inputs)
        voltage[schematic.inputs] = sent
    else:
        np.add.at(injected, schematic.injected, sent)
    inner = np.setdiff1d(np.arange(1, len(network)), ports)
    laplacian = network.laplacian().toarray()
    ends = laplacian[np.ix_(inner - 1, ports - 1)] @ voltage[ports]
    voltage[inner] = np.linalg.solve(
        laplacian[np.ix_(inner - 1, inner - 1)], injected[inner] - ends
    )
    a, b, _ = network.elements
    return np.abs(voltage[a] - voltage[b])[network.are_cells].max()


@pytest.mark.parametrize("volts", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("fidelity", ["behavioural", "dc"])
@pytest.mark.parametrize("name", WITHOUT_RAIL)
def test_driven_lines_stand_at_the_read_voltage(name, fidelity, volts):
    if name in INNER and fidelity == "dc":
        pytest.skip("dc keeps outputs only, and other amplifiers drive cells, too")
    circuit = amc.CIRCUITS[name](A)
    run = amc.simulate(circuit, B, fidelity=fidelity, read_voltage=volts)
    assert run.range_halvings == 0
    assert run.range.cell_voltage == pytest.approx(volts, rel=1e-12)
    assert run.range.cell_voltage <= volts * (1 + 1e-12)
    driven = np.abs(driven_volts(circuit, run, B)).max()
    # The switches of a macro take a part; here the residual of the classic circuit is zero, and
    # the start of its residual amplifiers what the range is chosen by.
    share = 0.02 if "ginv-classic" in name or "macro" in name else 1e-5
    assert driven == pytest.approx(volts, rel=share)


@pytest.mark.parametrize("fidelity", ["behavioural", "dc"])
@pytest.mark.parametrize("constraint", [amc.Unconstrained(), amc.NonNegative()])
@pytest.mark.parametrize("name", ["ginv-classic", "ginv-compact", "macro-ginv"])
def test_nor_does_a_constraint_let_them_above_it(name, constraint, fidelity):
    vector = TALL @ np.array([0.9, -0.3, 0.4])
    circuit = amc.CIRCUITS[name](TALL, constraint=constraint)
    run = amc.simulate(circuit, vector, fidelity=fidelity)
    assert run.range.cell_voltage <= 0.2 * (1 + 1e-12)
    assert np.abs(driven_volts(circuit, run, vector)).max() <= 0.2 * 1.01


@pytest.mark.parametrize("fidelity", ["behavioural", "dc"])
@pytest.mark.parametrize("name", RAIL_LIMITED)
def test_eigenvector_circuits_end_at_the_rail_and_say_so(name, fidelity):
    circuit = amc.CIRCUITS[name](A, opamp=amc.OpAmp(supply_positive=3.0, supply_negative=-3.0))
    small, large = (
        amc.simulate(circuit, B, fidelity=fidelity, read_voltage=volts) for volts in (0.2, 1.0)
    )
    assert small.range.cell_voltage == large.range.cell_voltage == 3.0
    np.testing.assert_array_equal(small.x, large.x)
    if small.waveforms is not None:
        final = small.waveforms.segments[0].voltages[-1]
        assert np.abs(final).max() == pytest.approx(3.0, rel=1e-3)


NNLS = amc.NonNegative()
CASES = [
    *(("fit", name, {}) for name in ("mvm", "inv", "inv-compensated", "inv-inverters")),
    ("fit", "ginv-classic", {}),
    ("fit", "ginv-compact", {}),
    ("residual", "ginv-classic", {}),
    ("residual", "ginv-classic", {"feedback": 3.0}),
    ("residual", "ginv-classic", {"ridge": 0.5}),
    ("residual", "ginv-compact", {}),
    ("residual", "ginv-compact", {"ridge": 0.5, "column_load": 0.3}),
    ("residual", "ginv-classic", {"constraint": NNLS}),
    ("residual", "ginv-classic", {"constraint": NNLS, "lasso": 0.3}),
    ("residual", "ginv-compact", {"constraint": NNLS}),
    ("residual", "ginv-compact", {"constraint": amc.NonNegative(hold=False)}),
    ("residual", "ginv-compact", {"constraint": amc.NonNegative(hold=False), "ridge": 0.2}),
    ("residual", "ginv-compact", {"constraint": amc.NonNegative(hold=False), "lasso": 1.0}),
    ("signed", "ginv-compact", {}),
    ("signed", "ginv-compact", {"ridge": 2.0, "column_load": 1.0}),
    ("signed", "ginv-compact", {"constraint": NNLS}),
    ("signed", "ginv-classic", {}),
    ("signed", "ginv-classic", {"constraint": NNLS}),
    ("signed", "mvm", {}),
    ("negative", "mvm", {}),
    ("square", "inv-compensated", {}),
    ("square", "inv-compensated", {"input_conductance": 2.0}),
    ("square", "inv-inverters", {}),
    ("fit", "inv", {"diagonal": "fixed"}),
    ("square", "inv-compensated", {"diagonal": "fixed", "input_conductance": 2.0}),
    ("square", "inv-inverters", {"diagonal": "fixed"}),
]


def circuit_is_exact(circuit):
    return circuit.name != "ginv-compact" or circuit.schematic.amplifiers[0].hold is not None


def ids(case):
    return case if isinstance(case, str) else "-".join(case)


@pytest.mark.parametrize(("kind", "name", "options"), CASES, ids=ids)
def test_no_cell_of_the_whole_network_sees_more_at_rest(kind, name, options, measured):
    draw = np.random.default_rng(0)
    worst, mean = 0.0, []
    for _ in range(8):
        matrix = draw.random((4, 4)) + np.eye(4)
        if kind == "residual":
            matrix = draw.random((8, 3))
        if kind == "signed":
            matrix = draw.standard_normal((8, 3))
        if kind == "negative":
            matrix = -draw.uniform(0.5, 1.0, (2, 2))
        if kind == "square":
            matrix = draw.standard_normal((4, 4)) + 3 * np.eye(4)
        vector = matrix @ draw.random(matrix.shape[1])
        if name == "mvm":
            vector = draw.standard_normal(matrix.shape[1])
        elif kind != "fit":
            vector = draw.standard_normal(len(matrix))
        if kind == "negative":
            vector = np.array([1.0, 0.99])
        circuit = amc.CIRCUITS[name](matrix, opamp=GOOD, **options)
        run = amc.simulate(circuit, vector, fidelity="behavioural")
        largest = largest_cell_voltage(circuit, run, vector)
        share = largest / run.range.cell_voltage
        # What is stated is of the ideal answer; a rail on the compact circuit gives another one.
        approximate = "constraint" in options and not circuit_is_exact(circuit)
        worst = max(worst, share - (run.relative_error if approximate else 0.0))
        mean.append(share)
    measured("largest drop over the stated one", worst)
    measured("mean", np.mean(mean))
    assert worst <= 1 + 2e-3
    assert np.mean(mean) > 0.3


def test_columns_without_a_cell_do_not_break_the_range():
    circuit = amc.ClassicGINV(
        [[1, 0.01], [1, 0.02], [0.5, 0.01]], device=amc.Memristor(levels=4), constraint=NNLS,
        lasso=0.3, ridge=0.1,
    )  # fmt: skip
    run = amc.simulate(circuit, [1.0, 1.0, 0.5], fidelity="dc")
    assert run.range.cell_voltage == pytest.approx(0.2)
    assert np.isfinite(run.x).all()


TALL_NNLS = np.array([[1.0, 0.2], [0.2, 1.0], [0.5, 0.5], [0.3, 0.4]])


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("problem", "matrix", "vector", "options"),
    [
        ("mvm", -np.ones((4, 4)), [1, 0.99, 0.98, 1], {}),
        ("inv", [[1, -1.1], [-0.8, 1]], [-0.1, 0.2], {}),
        ("nnls", TALL_NNLS, [1, -1, -1, -1], {"circuit": "ginv-classic"}),
        ("nnls", TALL_NNLS, [-1, -1, -1, 1], {"circuit": "ginv-classic"}),
        ("nnls", TALL_NNLS, [1, -1, -1, -1], {"hold": False}),
    ],
)
def test_no_cell_of_a_flat_deck_sees_more(problem, matrix, vector, options):
    """Voltages of every node, as ngspice gives them, where the other end is not at ground."""
    circuit = amc.make_circuit(problem, np.array(matrix, float), **options)
    run = amc.simulate(circuit, np.array(vector, float), fidelity="flat")
    assert run.range.cell_voltage == pytest.approx(0.2)
    largest = largest_cell_voltage(circuit, run, np.array(vector, float))
    assert 0.1 < largest <= 0.2 * (1 + 2e-3)


def test_products_of_any_size_stay_in_range():
    """Where all rows rest at one voltage with the inputs, nothing stands across the cells."""
    errors = [
        amc.solve("mvm", -np.ones((4, 4)), size * np.ones(4), fidelity="dc", offset=1e-5)
        for size in (1e-6, 1.0)
    ]
    assert errors[0].relative_error == pytest.approx(errors[1].relative_error, rel=1e-6)
    assert errors[0].relative_error < 1e-3


@pytest.mark.ngspice
def test_signed_eigenvector_cells_see_more_than_the_rail():
    matrix = np.array([[2, -1, 0.5], [-1, 1, -0.6], [0.5, -0.6, 1]])
    circuit = amc.make_circuit("eig", matrix)
    start = np.array([1.0, 0.0, 0.0])
    run = amc.simulate(circuit, start, fidelity="flat")
    assert run.range.cell_voltage > 5.2
    assert largest_cell_voltage(circuit, run, start) == pytest.approx(
        run.range.cell_voltage, rel=0.03
    )


@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
def test_the_advice_on_a_floor_is_what_it_takes():
    draw = np.random.default_rng(5)
    for _ in range(10):
        matrix = draw.random((12, 3))
        vector = matrix @ [0.7, 0.0, 0.4] + 0.05 * draw.standard_normal(12)
        circuit = amc.ClassicGINV(matrix, opamp="ad823", constraint=amc.NonNegative())

        def said(**options):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                amc.simulate(circuit, vector, fidelity="dc", **options)  # noqa: B023
            return [str(w.message) for w in caught if "read as" in str(w.message)]

        (first,) = said()
        needed = float(first.split("a read_voltage of ")[1].split(" V")[0])
        assert said(read_voltage=needed) == []
        assert len(said(read_voltage=0.9 * needed)) == 1
        (fixed,) = said(range=0.2)
        advised = float(fixed.split("a range of ")[1].split(" V")[0])
        assert said(range=advised) == []
    small = amc.ClassicGINV(TALL_NNLS, opamp="onchip-1g", constraint=amc.NonNegative())
    with pytest.warns(amc.AccuracyWarning, match="the amplifier reaches no voltage that makes"):
        amc.simulate(small, TALL_NNLS @ [0.5, 0.25], fidelity="dc")


@pytest.mark.parametrize("name", WITHOUT_RAIL)
def test_linear_answers_do_not_depend_on_it(name):
    """Without offset and slew limit nothing has a scale of its own."""
    circuit = amc.CIRCUITS[name](A, opamp=GOOD)
    small, large = (
        amc.simulate(circuit, B, fidelity="behavioural", read_voltage=volts) for volts in (0.2, 1.0)
    )
    assert large.volts_per_unit == pytest.approx(5 * small.volts_per_unit)
    np.testing.assert_allclose(small.x, large.x, rtol=0, atol=1e-9 * np.abs(large.x).max())
    assert small.settling_time == pytest.approx(large.settling_time, rel=1e-6)
    assert large.power["array"] == pytest.approx(25 * small.power["array"], rel=1e-6)


def test_offsets_weigh_more_at_a_smaller_one():
    circuit = amc.CompactGINV(TALL, opamp=amc.OpAmp(offset=1e-3))
    exact = amc.CompactGINV(TALL)
    vector = TALL @ X
    error = [
        np.abs(
            amc.simulate(circuit, vector, fidelity="dc", read_voltage=volts).x
            - amc.simulate(exact, vector, fidelity="dc", read_voltage=volts).x
        ).max()
        for volts in (0.2, 1.0)
    ]
    assert error[0] == pytest.approx(5 * error[1], rel=1e-3)


@pytest.mark.parametrize("name", PRODUCTS)
def test_inputs_of_a_product_are_at_the_read_voltage_whatever_comes_out(name):
    for scale in (1.0, 1e-3):
        circuit = amc.CIRCUITS[name](scale * A)
        for vector in (X, 1e6 * X, [1.0, 0.0, 0.0]):
            vector = np.asarray(vector)
            run = amc.simulate(circuit, vector, fidelity="dc")
            assert np.abs(input_volts(circuit, run, vector)).max() == pytest.approx(0.2)
            assert run.range.cell_voltage == pytest.approx(0.2)


def test_outputs_of_a_product_have_room():
    """Twenty columns at 0.2 V would make 4 V: half the output range is aimed at."""
    circuit, ones = MVM(np.ones((2, 20))), np.ones(20)
    run = amc.simulate(circuit, ones, fidelity="dc")
    assert np.abs(run.measurement.outputs).max() == pytest.approx(2.5, rel=1e-3)
    assert run.range.cell_voltage == pytest.approx(2.5 / 20)
    assert np.abs(input_volts(circuit, run, ones)).max() == pytest.approx(2.5 / 20)
    assert run.range_halvings == 0


def test_it_goes_no_higher_than_the_output_range():
    circuit = INV(A, opamp=amc.OpAmp.preset("onchip-1g"))
    run = amc.simulate(circuit, B, fidelity="dc", read_voltage=2.0)
    highest = circuit.opamp.highest_output
    assert run.range_halvings == 1
    assert run.range.cell_voltage == pytest.approx(highest / 2)
    assert np.abs(run.measurement.outputs).max() == pytest.approx(highest / 2, rel=1e-3)


def test_a_range_that_is_given_says_what_cells_see():
    run = amc.simulate(INV(A), B, fidelity="behavioural", range=0.5)
    assert run.range.choice == "fixed"
    assert run.range.cell_voltage == pytest.approx(0.5 * X.max())
    assert np.isnan(amc.simulate(INV(A), B, fidelity="ideal").range.cell_voltage)


@pytest.mark.parametrize("fidelity", ["behavioural", "dc"])
def test_a_floor_above_ground_is_said_where_it_is_a_large_part(fidelity):
    """Outputs of an AD823 stop 50 mV above ground: a quarter of 0.2 V, a twentieth of 1 V."""
    matrix = np.array([[1.0, 0.1], [0.1, 0.9], [0.2, 0.3]])
    with pytest.warns(amc.AccuracyWarning, match="outputs stop 50 mV above ground"):
        circuit = amc.ClassicGINV(matrix, opamp=ONE_POLE, constraint=amc.NonNegative())
    vector = matrix @ [0.0, 1.0]
    message = "entries that should be zero read as 25.0% of the largest output, 50 mV of 200 mV"
    with pytest.warns(amc.AccuracyWarning, match=message) as caught:
        run = amc.simulate(circuit, vector, fidelity=fidelity)
    assert len(caught) == 1
    assert "a read_voltage of 1.0 V makes that 5%" in str(caught[0].message)
    assert run.x[0] == pytest.approx(0.25, rel=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for volts in (1.0, 2.0):
            amc.simulate(circuit, vector, fidelity=fidelity, read_voltage=volts)


def test_no_floor_is_said_where_there_is_none():
    """Warnings are errors here."""
    vector = A @ [0.8, 0.0, 0.3]
    held = amc.CompactGINV(A, opamp="ad823", constraint=amc.NonNegative())
    amc.simulate(held, vector, fidelity="dc")
    amc.simulate(amc.ClassicGINV(A, opamp=ONE_POLE), vector, fidelity="dc")
    to_ground = dataclasses.replace(ONE_POLE, headroom_negative=0.0)
    circuit = amc.ClassicGINV(A, opamp=to_ground, constraint=amc.NonNegative())
    amc.simulate(circuit, vector, fidelity="dc")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"full_scale": 0.25}, "Analysis.full_scale: it is read_voltage now, the largest voltage"),
        ({"dac": amc.DAC(bits=8)}, "Analysis.dac: converters are hardware: give them to the circ"),
        ({"adc": amc.ADC(bits=8)}, "Analysis.adc: converters are hardware: give them to the circ"),
        ({"adc": None}, "Analysis.adc: converters are hardware"),
        ({"read_voltage": 0.0}, "Analysis.read_voltage = 0.0: input should be greater than 0"),
        ({"read_voltage": -0.2}, "Analysis.read_voltage = -0.2"),
        ({"read_voltage": "2 A"}, "Analysis.read_voltage = '2 A': a quantity in V is needed"),
    ],
)
def test_what_went_is_refused_and_says_where_to(options, message):
    with pytest.raises(amc.InputError, match=message):
        amc.Analysis(**options)
    with pytest.raises(amc.InputError, match=message):
        amc.simulate(INV(A), B, **options)


def test_it_may_have_a_unit():
    assert amc.Analysis(read_voltage="300 mV").read_voltage == pytest.approx(0.3)
    assert amc.Analysis().read_voltage == 0.2
    with pytest.warns(amc.errors.ImplausibleWarning, match="Analysis.read_voltage: 200 V"):
        amc.Analysis(read_voltage=200)


@pytest.mark.parametrize("fidelity", ["dc", "behavioural"])
def test_outputs_have_room_below_what_the_amplifier_reaches(fidelity):
    opamp = amc.OpAmp(supply_positive=5.0, headroom_positive=3.0)
    run = amc.simulate(MVM(A, opamp=opamp), B, fidelity=fidelity, read_voltage=10)
    assert run.range_halvings == 0
    assert np.abs(run.measurement.outputs).max() == pytest.approx(1.0, rel=1e-3)


FLOOR_MATRIX = np.random.default_rng(0).random((6, 4))


def above_ground(**options):
    """Return a circuit whose outputs stop 50 mV above ground."""
    return amc.ClassicGINV(FLOOR_MATRIX, constraint=amc.NonNegative(), opamp="onchip-1g", **options)


@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
@pytest.mark.parametrize(
    "fidelity", ["dc", "behavioural", pytest.param("reduced", marks=pytest.mark.ngspice)]
)
def test_what_is_all_below_the_floor_is_no_answer(fidelity):
    """The first one stands above 50 mV, the others are a hundredth and nothing of it."""
    x = np.random.default_rng(1).random(4)
    vectors = FLOOR_MATRIX @ np.stack([x, x / 100, 0 * x], axis=1)
    run = amc.simulate(above_ground(), vectors, fidelity=fidelity)
    np.testing.assert_array_equal(run.below_floor, [False, True, True])
    np.testing.assert_allclose(run.measurement.outputs[1:], 0.05, rtol=0.005)
    assert run.settled.all()
    for figure in (run.settling_time, run.energy):
        np.testing.assert_array_equal(np.isnan(figure), [fidelity == "dc", True, True])
    assert np.isfinite(run.power["total"]).all()
    assert "caution: 2 of 3 right-hand sides have every output at the floor" in repr(run)
    if fidelity != "dc":  # a median is that of the one which can be read
        assert run_metrics(run, FLOOR_MATRIX, non_negative=True)[
            "settling_time_median_s"
        ] == pytest.approx(run.settling_time[0])


@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
def test_the_advice_on_what_is_below_the_floor_is_what_it_takes():
    x = np.random.default_rng(1).random(4)
    vectors = FLOOR_MATRIX @ np.stack([x, x / 3], axis=1)
    with pytest.warns(amc.AccuracyWarning, match="1 of 2 right-hand sides have no") as caught:
        run = amc.simulate(above_ground(), vectors, fidelity="dc")
    np.testing.assert_array_equal(run.below_floor, [False, True])
    needed = float(str(caught[-1].message).split("a read_voltage of more than ")[1].split(" V")[0])
    for share, below in ((1.5, False), (0.9, True)):  # entries at the floor take a part of it
        run = amc.simulate(above_ground(), vectors, fidelity="dc", read_voltage=share * needed)
        np.testing.assert_array_equal(run.below_floor, [False, below])


@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
@pytest.mark.parametrize("fidelity", ["dc", "behavioural"])
def test_a_smaller_range_stops_above_the_floor(fidelity):
    """The stage is at its rail behind 600 ohm; half of the range would put the last entry below."""
    draw = np.random.default_rng(0)
    matrix, x = draw.random((8, 3)), np.array([1.0, 0.4, 0.15])
    opamp = amc.OpAmp.preset("onchip-1g", output_resistance=600.0)
    circuit = amc.ClassicGINV(matrix, constraint=amc.NonNegative(), opamp=opamp)
    vector = matrix @ x + 0.6 * np.linalg.svd(matrix)[0][:, 5]
    run = amc.simulate(circuit, vector, fidelity=fidelity, read_voltage=2.0)
    assert run.range.repeats == 1
    assert not run.near_limit
    assert run.volts_per_unit == pytest.approx(1.05 * 0.05 / 0.15)
    np.testing.assert_allclose(run.x, x, rtol=2e-3)
    # At 3 kohm no range fits both: it stays at the rail, and says so.
    opamp = amc.OpAmp.preset("onchip-1g", output_resistance=3e3)
    circuit = amc.ClassicGINV(matrix, constraint=amc.NonNegative(), opamp=opamp)
    stuck = amc.simulate(circuit, vector, fidelity=fidelity, read_voltage=2.0)
    assert stuck.near_limit
    assert stuck.range.repeats == 1


@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
def test_a_factorisation_counts_what_is_below_the_floor_and_leaves_it_out():
    data = np.random.default_rng(3).random((8, 6))
    data[:, 0] *= 1e-3
    result = amc.nmf(
        data, 2, iterations=2, circuit="ginv-classic", opamp="onchip-1g", fidelity="behavioural"
    )
    below = result.measured.below_floor
    assert 0 < below.sum() < len(below)
    assert sum(step.below_floor for step in result.history) == below.sum()
    assert f"below the floor: {below.sum()}" in repr(result)
    figures = summarise([result], "behavioural")
    assert figures["below_floor"] == below.sum()
    mean = np.nansum(result.measured.energy) / (~below).sum()
    assert figures["energy_j"]["per_regression"] == pytest.approx(mean)
