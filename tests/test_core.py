"""Decks of cores give what decks with every output and limit give, or are not taken."""

import contextlib

import numpy as np
import pytest
from oracles import random_problem

import amcspice as amc
from amcspice.circuit import Amplifiers, Network, Schematic
from amcspice.engine import Decks, get_simulator
from amcspice.errors import SimulationError
from amcspice.netlist import Transient, make_testbench, write_deck
from amcspice.netlist.core import Core
from amcspice.reduction import reduce_to_ports

HOLD, FLOOR = amc.NonNegative(hold=True), amc.NonNegative(hold=False)
MISMATCH = {"offset": 1e-3, "offset_sigma": 1e-3, "gain_sigma": 0.3, "mismatch_seed": 5}
WIRES = {"wire": amc.Wire(row=1.0, column=2.5, driver=3.0, termination=4.0)}
SLEWS = {"slew_rate": 5e6}
CASES = {
    "inv": ("inv", {}, {}),
    "unconstrained": ("ginv-compact", {}, {}),
    "hold": ("ginv-compact", {"constraint": HOLD}, {}),
    "hold, wires": ("ginv-compact", {"constraint": HOLD, **WIRES}, {}),
    "hold, mismatch": ("ginv-compact", {"constraint": HOLD}, MISMATCH),
    "hold, inputs": (
        "ginv-compact", {"constraint": HOLD},
        {"bias_current": 1e-7, "input_resistance": 1e6, "input_capacitance": 1e-13},
    ),
    "hold, second pole": ("ginv-compact", {"constraint": HOLD}, {"second_pole": 3e9}),
    "hold, slew": ("ginv-compact", {"constraint": HOLD}, SLEWS),
    "hold, slew, wires": ("ginv-compact", {"constraint": HOLD, **WIRES}, SLEWS | MISMATCH),
    "inv, slew": ("inv", {}, SLEWS),
    "floor, slew": ("ginv-compact", {"constraint": FLOOR}, SLEWS | {"second_pole": 3e9}),
    "hold, weak": ("ginv-compact", {"constraint": amc.NonNegative(hold_conductance=1e-3)}, {}),
    "floor": ("ginv-compact", {"constraint": FLOOR}, {}),
    "floor above ground": (
        "ginv-compact", {"constraint": FLOOR},
        {"headroom_negative": 0.02, "headroom_positive": 0.1, "second_pole": 3e9},
    ),
    "classic": ("ginv-classic", {}, {}),
    "classic floor, wires": ("ginv-classic", {"constraint": amc.NonNegative(), **WIRES}, {}),
}  # fmt: skip


@contextlib.contextmanager
def whole_decks(monkeypatch):
    """Every deck with all outputs and limits."""
    with monkeypatch.context() as patch:
        patch.setattr(Core, "of", classmethod(lambda *_: None))
        yield


def make(name, rows=10, columns=3, vectors=3):
    topology, options, amplifier = CASES[name]
    A, b = random_problem(5, rows=rows, columns=columns, vectors=vectors)
    if topology == "inv":
        A, b = A[:columns] + np.eye(columns), b[:columns]
    return amc.CIRCUITS[topology](A, opamp=amc.OpAmp(gain=1e5, **amplifier), **options), b


def decks_of(circuit, **options):
    return Decks(circuit, reduce_to_ports(circuit.schematic), **options)


@pytest.mark.ngspice
@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
@pytest.mark.parametrize("name", CASES)
def test_cores_agree_with_whole_decks(name, monkeypatch, measured):
    circuit, b = make(name)
    assert decks_of(circuit).core is not None
    core = amc.simulate(circuit, b, read_voltage=0.5)
    with whole_decks(monkeypatch):
        whole = amc.simulate(circuit, b, read_voltage=0.5)
    assert core.provenance["deck_sha256"] != whole.provenance["deck_sha256"]
    assert core.all_settled
    apart = np.abs(core.x - whole.x).max() / np.abs(whole.x).max()
    measured("largest distance of the solutions", apart)
    assert apart < 1e-7
    np.testing.assert_allclose(core.settling_time, whole.settling_time, rtol=5e-3)
    np.testing.assert_allclose(core.energy, whole.energy, rtol=5e-3)
    for part, watts in whole.power.items():
        assert np.abs(core.power[part] - watts).max() < 1e-5 * whole.power["total"].max()


@pytest.mark.ngspice
@pytest.mark.parametrize("name", [name for name in CASES if "slew" in name])
def test_those_that_slew_do(name):
    circuit, b = make(name)
    swift = amc.simulate(circuit, b, read_voltage=1e-3)
    slow = amc.simulate(circuit, b, read_voltage=0.5)
    assert (slow.settling_time > 1.5 * swift.settling_time).any()


@pytest.mark.ngspice
def test_port_voltages_and_supply_currents_agree_at_every_instant(monkeypatch):
    circuit, b = make("hold, inputs")
    options = {"window": 1e-6, "max_step": 1e-9}
    core = amc.simulate(circuit, b, **options)
    with whole_decks(monkeypatch):
        whole = amc.simulate(circuit, b, **options)
    times = np.linspace(1e-8, 0.99e-6, 400)
    for ours, theirs in zip(core.waveforms.segments, whole.waveforms.segments, strict=True):
        for name in ("voltages", "supply"):
            first, second = (
                np.array([np.interp(times, part.time, column) for column in getattr(part, name).T])
                for part in (ours, theirs)
            )
            assert np.abs(first - second).max() < 1e-4 * np.abs(second).max()


@pytest.mark.ngspice
def test_couplings_that_are_weak_count(monkeypatch):
    circuit = amc.CIRCUITS["inv"](np.array([[1.0, 1e-6], [2e-6, 1.0]]))
    core = amc.simulate(circuit, [1.0, 0.0])
    with whole_decks(monkeypatch):
        whole = amc.simulate(circuit, [1.0, 0.0])
    assert whole.x[1] < -1e-6
    np.testing.assert_allclose(core.x, whole.x, rtol=1e-6)


def test_elimination_is_that_of_linear_algebra():
    """Voltages of all ports solve the node equations with every output stage as it is given."""
    circuit, _ = make("classic floor, wires")
    model, opamp = reduce_to_ports(circuit.schematic), circuit.opamp
    core = Core.of(circuit.schematic, opamp, model)
    draw = np.random.default_rng(0)
    count = circuit.amplifier_count
    stages, injected = draw.uniform(0, 1, (7, count)), draw.normal(0, 1e-4, (7, len(model.nodes)))
    out = np.searchsorted(
        model.nodes, np.concatenate([bank.out for bank in circuit.schematic.amplifiers])
    )
    loaded, sent = model.conductance.copy(), injected.copy()
    for number, port in enumerate(out):
        loaded[port, port] += 1 / opamp.output_resistance
        sent[:, port] += stages[:, number] / opamp.output_resistance
    expected = np.linalg.solve(loaded, sent.T).T
    vectors = {name: expected[:, port] for name, port in zip(core.names, core.kept, strict=True)}
    labels = [
        f"{bank.name}{k}" for bank in circuit.schematic.amplifiers for k in range(len(bank.out))
    ]
    vectors |= {f"i_{label}": stages[:, number] for number, label in enumerate(labels)}
    np.testing.assert_allclose(core.voltages(vectors, injected), expected, rtol=1e-11)
    # What is left has the same currents: the laplacian of the core, its sources, its stages.
    nodes, share = expected[:, core.kept], np.linalg.inv(loaded[np.ix_(out, out)])
    left = np.setdiff1d(np.arange(len(model.nodes)), core.kept)
    assert set(left) == set(out)
    arriving = injected[:, core.kept] - sent[:, out] @ share @ loaded[np.ix_(out, core.kept)]
    np.testing.assert_allclose(
        (core.network.laplacian() @ nodes.T).T, arriving, atol=1e-12 * np.abs(arriving).max()
    )


@pytest.mark.ngspice
def test_an_output_that_is_an_input_stays_a_node():
    """A follower drives a divider whose middle a second, inverting amplifier looks at."""
    network = Network()
    a, x, s, y = (int(network.nodes(name)) for name in "axsy")
    network.connect([a, x, s, y], [0, s, y, 0], [1e-4, 2e-4, 1e-4, 1e-3])
    none = np.empty(0, np.intp)
    banks = tuple(
        Amplifiers(name, *(np.array([pin]) for pin in pins))
        for name, pins in {"f": (a, x, x), "k": (0, s, y)}.items()
    )
    schematic = Schematic(
        network, (), banks, np.array([a]), np.ones(1), np.array([y]), 0, bias=none
    )
    opamp = amc.OpAmp(gain=1e4, gbw=1e7)
    core = Core.of(schematic, opamp, reduce_to_ports(schematic))
    assert core.names == ("a", "x", "s")
    transient = Transient(window=2e-5, max_step=1e-7, rise=1e-8, relative_tolerance=1e-6)
    currents = np.array([[2e-5], [-1e-5]])
    deck = write_deck("t", make_testbench(schematic, currents, core), opamp, transient, core=core)
    vectors = get_simulator().run(deck)
    ends = np.searchsorted(vectors["time"], [2e-5, 4e-5]) - [0, 1]
    ends[0] -= 1
    injected = np.zeros((2, 4))
    injected[:, 0] = currents[:, 0]
    voltages = core.voltages({name: values[ends] for name, values in vectors.items()}, injected)
    # By hand: v(x) = 0.2 V and -0.1 V, y = -2 x, but for the finite gain.
    np.testing.assert_allclose(voltages[:, 0], [0.2, -0.1], rtol=1e-5)
    np.testing.assert_allclose(voltages[:, 1], [0.2, -0.1], rtol=3e-4)
    np.testing.assert_allclose(voltages[:, 3], [-0.4, 0.2], rtol=3e-3)


@pytest.mark.parametrize(
    "circuit",
    [
        amc.CompactGINV([[1.0], [0.5]], opamp=amc.OpAmp(output_current_limit=1e-2)),
        amc.LCA([[1.0, -0.5]], lasso=0.1, threshold_voltage=0.125),
        amc.CIRCUITS["eigen"]([[1.0, 0.5], [0.5, 1.0]]),
        amc.CompactGINV([[1.0], [0.5]], device=amc.Memristor(sinh_voltage=0.5)),
    ],
    ids=["current limit", "clamps", "ends at a rail", "cells with a curve"],
)
def test_what_bends_otherwise_is_in_whole_decks(circuit):
    assert decks_of(circuit).core is None


def test_decks_with_supplies_or_every_cell_are_whole():
    circuit, _ = make("hold")
    assert decks_of(circuit, amplifiers="subcircuits").core is None
    assert decks_of(circuit, flat=True).core is None


class Counting:
    """A simulator that keeps the decks it runs, and may fail at some."""

    def __init__(self, monkeypatch, fails=None):
        self.titles = []
        kind = type(get_simulator())
        run = kind.run

        def counting(simulator, deck, timeout=None):
            self.titles.append(deck.text.partition("\n")[0])
            if fails is not None and ", core," in self.titles[-1]:
                raise SimulationError(fails)
            return run(simulator, deck, timeout)

        monkeypatch.setattr(kind, "run", counting)

    @property
    def kinds(self):
        return [title.split(", ")[1] for title in self.titles]


@pytest.mark.ngspice
@pytest.mark.parametrize("sign", [1, -1])
def test_a_run_that_meets_a_limit_is_run_again_with_all_of_them(sign, monkeypatch):
    """The second of three right-hand sides ends at a rail; the result is that of a whole deck."""
    A = np.array([[1.0, 0.2], [0.3, 0.8]])
    b = A @ np.array([[0.5, sign * 3.0, 0.5], [0.5, 0.1, -0.5]])
    opamp = amc.OpAmp(supply_positive=0.5, supply_negative=-0.5)
    circuit = amc.CIRCUITS["inv"](A, opamp=opamp)
    runs = Counting(monkeypatch)
    with pytest.warns(amc.CautionWarning, match="limit"):
        caught = amc.simulate(circuit, b, range=0.2)
    assert runs.kinds[:2] == ["core", "reduced"]
    with whole_decks(monkeypatch), pytest.warns(amc.CautionWarning, match="limit"):
        whole = amc.simulate(circuit, b, range=0.2)
    np.testing.assert_array_equal(caught.x, whole.x)
    np.testing.assert_array_equal(caught.energy, whole.energy)
    assert 0.5 * sign == pytest.approx(caught.x[0, 1] * 0.2, rel=1e-2)
    # Each of the others by itself meets none.
    runs.titles.clear()
    amc.simulate(circuit, b[:, ::2], range=0.2)
    assert runs.kinds == ["core"]


@pytest.mark.ngspice
def test_a_core_that_does_not_converge_is_no_last_word(monkeypatch):
    circuit, b = make("hold")
    with whole_decks(monkeypatch):
        whole = amc.simulate(circuit, b)
    runs = Counting(monkeypatch, fails="no convergence, time step too small")
    np.testing.assert_array_equal(amc.simulate(circuit, b).x, whole.x)
    assert set(runs.kinds) == {"core", "reduced"}
    Counting(monkeypatch, fails="ngspice took longer than 1 s")
    with pytest.raises(SimulationError, match="longer"):
        amc.simulate(circuit, b)


@pytest.mark.ngspice
@pytest.mark.parametrize("name", ["hold", "floor above ground"])
@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
def test_ports_of_a_core_are_at_rest_where_the_equations_say(name):
    """By the active-set method of the dc fidelity, which knows no deck."""
    circuit, b = make(name)
    run = amc.simulate(circuit, b, range=0.3)
    rest = amc.simulate(circuit, b, fidelity="dc", range=0.3)
    np.testing.assert_allclose(run.x, rest.x, rtol=0, atol=1e-5 * np.abs(rest.x).max())


@pytest.mark.ngspice
def test_both_solvers_and_simulators_agree(monkeypatch):
    circuit, b = make("hold, wires")
    runs = [
        amc.simulate(circuit, b, simulator=simulator, matrix_solver=solver)
        for simulator, solver in (("shared", "sparse"), ("shared", "klu"), ("batch", "sparse"))
    ]
    for other in runs[1:]:
        np.testing.assert_allclose(other.x, runs[0].x, rtol=0, atol=1e-8 * np.abs(other.x).max())
        np.testing.assert_allclose(other.settling_time, runs[0].settling_time, rtol=1e-3)


@pytest.mark.filterwarnings("ignore::amcspice.errors.AccuracyWarning")
def test_switches_turn_where_elements_bend():
    """As text: hold, rectifier and floor of one amplifier."""
    transient = Transient(window=1e-6, max_step=1e-8, rise=1e-9)
    texts = []
    for name in ("hold", "floor above ground"):
        circuit, _ = make(name, columns=1)
        currents = np.zeros((1, len(circuit.schematic.injected)))
        texts.append(decks_of(circuit).write(currents, np.array([1e-6]), transient).text)
    assert "Sh_x0 c0 y_x0 c0 y_x0 pull_x\n" in texts[0]
    assert "Sa_x0 a_x0 0 0 y_x0 tie_x\n" in texts[0]
    assert "V_x floor_x 0 0.02\n" in texts[1]
    assert "Sc_x0 i_x0 floor_x floor_x i_x0 pull_x\n" in texts[1]
    assert "Sa_x0 a_x0 floor_x floor_x z_x0 tie_x\n" in texts[1]
    assert not any(line.startswith("B") for text in texts for line in text.splitlines())
