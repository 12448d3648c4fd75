"""Error budgets: shares against closed forms, and what must hold of any."""

import json
from dataclasses import replace
from itertools import combinations
from math import factorial

import design_script
import numpy as np
import pytest
from cli_helpers import refused, run

import amcspice as amc
from amcspice.algorithm import BlockInverse
from amcspice.design.budget import ErrorBudget, Outermost
from amcspice.design.effects import EFFECTS, hardware_with, occurring
from amcspice.design.orders import Tried, parts_by_order
from amcspice.device.selected_errors import CELL_ERRORS, COMPENSATION, SelectedErrors
from amcspice.problem.generators import GeneratedProblem

HARDWARE = amc.Hardware(
    device=amc.Memristor(levels=256, write_noise=0.001),
    opamp=amc.OpAmp(gain=1e3, offset_sigma=1e-4),
)


SCRIPT = design_script.load()
linear_system, closed_form = SCRIPT.linear_system, SCRIPT.closed_form


def test_shares_are_those_of_the_closed_form():
    A, b = linear_system()
    circuit = amc.INV(A, hardware=HARDWARE)
    volts = amc.simulate(circuit, b, fidelity="dc").range.volts_per_unit
    budget, expected = amc.error_budget(circuit, b, seeds=40), closed_form(circuit, b, volts)
    assert set(budget.shares) == set(expected)
    assert min(expected.values()) > 0.01
    for name, share in expected.items():
        assert budget.shares[name].share == pytest.approx(share, rel=0.15, abs=0.01), name
    assert abs(budget.unexplained) < 0.03
    assert budget.circuit < 1e-9


@pytest.mark.parametrize("circuit", ["ginv-compact", "ginv-classic"])
def test_shares_add_up_where_nothing_is_linear(circuit):
    problem = GeneratedProblem("nnls", "uniform", 32, 8, right_hand_sides=4, zeros=0.4, noise=0.1)
    A = problem.make()
    hardware = amc.Hardware().changed(
        levels=32, write_noise=0.01, wire_resistance=0.5, gain=1e4, offset=2e-4, adc_bits=8,
        dac_bits=8,
    )  # fmt: skip
    made = amc.make_circuit("nnls", A, circuit=circuit, hardware=hardware)
    budget = amc.error_budget(made, problem.vectors(A))
    assert abs(budget.interaction) < 0.15
    assert abs(budget.unexplained) < 0.05
    assert set(budget.shares) <= set(occurring(hardware))
    assert {"wires", "converters", "offset"} <= set(budget.shares)


def test_drift_alone_is_drift_alone():
    """Every cell at one fraction: A becomes f A, x becomes x / f, an error of 1/f - 1."""
    A, b = linear_system()
    cells = amc.Memristor(drift_exponent=0.01, drift_time=1e3)
    budget = amc.error_budget(amc.INV(A, device=cells), b)
    assert budget.shares["drift"].alone == pytest.approx(1e3**0.01 - 1, rel=1e-3)
    assert budget.draws == 1
    assert budget.draws_needed == 1


def test_missing_compensation_is_an_effect_of_compensation():
    A = np.random.default_rng(3).uniform(0, 1, (10, 4))
    circuit = amc.CompactGINV(A, compensation=False, gain=1e6)
    budget = amc.error_budget(circuit, A @ np.ones(4) + np.linspace(-1, 1, 10))
    assert budget.largest() == "compensation"
    assert budget.shares["compensation"].share == pytest.approx(1.0, abs=0.01)


def test_compensating_cells_are_a_part_of_their_own():
    A = np.random.default_rng(3).uniform(-1, 1, (6, 6)) + 3 * np.eye(6)
    cells = amc.Memristor(write_noise=0.05)
    budget = amc.error_budget(amc.CompensatedINV(A, device=cells), np.ones(6))
    assert budget.shares["compensation"].share > 0.02
    assert budget.shares["write_noise"].share > budget.shares["compensation"].share


def test_what_a_constraint_leaks_is_of_the_circuit():
    problem = GeneratedProblem("nnls", "uniform", 12, 6, right_hand_sides=4, zeros=0.5, noise=0.3)
    A = problem.make()
    b = problem.vectors(A)
    held, open_ = (
        amc.error_budget(amc.CompactGINV(A, constraint=amc.NonNegative(hold=hold), gain=1e6), b)
        for hold in (True, False)
    )
    assert open_.circuit > 0.9
    assert held.circuit < 0.1
    assert open_.largest() == "circuit"


@pytest.mark.parametrize("name", ["ideal", "pcm-joshi-2020", "rram-wan-2022", "hfo2-16"])
def test_cells_with_every_error_are_the_cells(name):
    cells = amc.cell(name, seed=4)
    target = cells.g_max * np.random.default_rng(0).random((9, 7))
    everything = frozenset({*CELL_ERRORS, COMPENSATION})
    assert SelectedErrors.of(cells, everything) is cells
    arrays = SelectedErrors.of(cells, frozenset(CELL_ERRORS))
    np.testing.assert_allclose(arrays.program(target, 1, 2), cells.program(target, 1, 2))
    np.testing.assert_array_equal(arrays.compensating.program(target), target)
    none = SelectedErrors.of(cells, frozenset())
    np.testing.assert_array_equal(none.program(target), target)
    assert not none.drawn


def test_hardware_without_effects_is_ideal():
    hardware = HARDWARE.changed(
        wire_resistance=3.0, adc_bits=4, bias_current=1e-9, headroom_negative=0.05
    )
    assert set(occurring(hardware)) == set(EFFECTS) - {"drift"}
    assert occurring(hardware_with(hardware, frozenset())) == ("gain",)
    assert hardware_with(hardware, frozenset(EFFECTS)).wire == hardware.wire


def test_of_vectors_that_add_up_shares_are_exact():
    """Fixed vectors: alone, without and all follow from them, and so do the shares."""
    d = np.random.default_rng(1).standard_normal((3, 5, 4, 7))  # effects, draws, sides, entries
    size = lambda v: np.linalg.norm(v, axis=-1)  # noqa: E731
    every = d.sum(axis=0)
    outermost = Outermost(
        size(every), np.zeros((5, 4)),
        {str(k): size(d[k]) for k in range(3)},
        {str(k): size(every - d[k]) for k in range(3)},
    )  # fmt: skip
    budget = ErrorBudget.of(outermost, drawn=True, range_choice="fixed")
    exact = [(d[k] * every).sum() / (every**2).sum() for k in range(3)]
    assert [each.share for each in budget.shares.values()] == pytest.approx(exact)
    assert budget.unexplained == pytest.approx(0.0, abs=1e-12)
    assert budget.circuit == 0.0


def test_spread_of_an_error_is_that_of_its_draws():
    """Of draws close to each other: the standard error of their mean."""
    every = 0.1 * (1 + 1e-3 * np.random.default_rng(0).standard_normal((50, 1)))
    none = np.zeros_like(every)
    outermost = Outermost(every, none, {"wires": every}, {"wires": none})
    budget = ErrorBudget.of(outermost, drawn=True, range_choice="fixed")
    assert budget.spread == pytest.approx(every.std(ddof=1) / 50**0.5, rel=1e-2)
    scattered = Outermost(np.array([[0.1], [0.3]]), none[:2], {}, {})
    needed = ErrorBudget.of(scattered, drawn=True, range_choice="fixed").draws_needed
    assert needed == 32  # mean square 0.05 +- 0.04: 40 % of the error by two draws


class Game:
    """Runs no circuit: errors by a formula that does not superpose."""

    effects = ("a", "b", "c", "d")

    def drawn(self, kept):
        return "d" in kept

    def error(self, kept, seed):
        there = [2.0 if name == "a" else 1.0 for name in kept]
        rounding = (7 * seed + len(kept)) % 3 if "d" in kept else 0
        return np.array([np.sqrt(min(sum(there) ** 2, 9.0) + rounding), len(kept) ** 0.7])

    def run_whole(self, variants):
        return [self.error(each.kept, each.seed) for each in variants]

    run = run_whole


def test_orders_give_the_value_of_shapley():
    """Against the sum over all subsets, and to the last digit in their sum."""
    game, seeds = Game(), range(400)
    tried, names = Tried(game, seeds), game.effects
    parts = parts_by_order(tried, names, 0)
    tried.run_all([frozenset()])
    whole = tried.errors(frozenset(names)) ** 2 - tried.errors(frozenset()) ** 2
    np.testing.assert_allclose(sum(parts.values()), whole)

    def mean(kept):
        return np.mean([game.error(kept, seed if game.drawn(kept) else 0) ** 2 for seed in seeds])

    for name in names:
        others = [each for each in names if each != name]
        exact = sum(
            (mean({*kept, name}) - mean(kept)) * factorial(size) * factorial(3 - size) / 24
            for size in range(4)
            for kept in map(set, combinations(others, size))
        )
        assert parts[name].mean() == pytest.approx(exact, rel=0.1)


def test_effects_that_do_not_superpose_say_so():
    problem = GeneratedProblem("nnls", "uniform", 16, 5, right_hand_sides=4, zeros=0.4, noise=0.1)
    A = problem.make()
    circuit = amc.make_circuit(
        "nnls", A, circuit="ginv-classic", levels=64, write_noise=0.005, wire_resistance=1.0,
        gain=2e3, offset_sigma=1e-4, adc_bits=8, dac_bits=8,
    )  # fmt: skip
    budget = amc.error_budget(circuit, problem.vectors(A))
    assert abs(budget.interaction) > 0.15
    assert budget.unexplained == pytest.approx(0.0, abs=1e-9)
    assert any("do not superpose" in sentence for sentence in budget.cautions)


def test_a_circuit_at_its_limits_says_so():
    A, b = linear_system(4)
    budget = amc.error_budget(amc.INV(A), b, range=1e3)
    assert any("ends at a limit" in sentence for sentence in budget.cautions)
    assert budget.range_choice == "fixed"


def test_budget_of_a_block_inverse():
    A, b = linear_system(8)
    hardware = amc.Hardware().changed(write_noise=0.01, gain=300.0)
    budget = amc.program_budget(
        lambda chip: BlockInverse(chip, A, stages=1).solve(b), np.linalg.solve(A, b), hardware,
        seeds=4,
    )  # fmt: skip
    assert set(budget.shares) >= {"write_noise", "gain"}
    assert abs(budget.unexplained) < 0.15
    assert budget.range_choice == "predicted"


def test_what_comes_to_no_rest_has_no_budget():
    class Restless(Game):
        def error(self, kept, seed):
            return np.array([1.0, np.nan])

    with pytest.raises(amc.UnsupportedError, match="right-hand side 1 comes to no rest"):
        Tried(Restless(), [0])


def test_what_cannot_be_budgeted_is_refused():
    A, b = linear_system(4)
    with pytest.raises(amc.InputError, match="ideal answer is zero"):
        amc.error_budget(amc.INV(A), np.zeros(4))
    with pytest.raises(amc.InputError, match="seeds = 0"):
        amc.error_budget(amc.INV(A), b, seeds=0)
    for seed in (-1, "x", 1.5):
        with pytest.raises(amc.InputError, match=r"seed = .*whole number"):
            amc.error_budget(amc.INV(A, write_noise=0.01), b, seed=seed)
    with pytest.raises(amc.UnsupportedError, match="no errors"):
        amc.error_budget(amc.INV(A), b, fidelity="ideal")
    with pytest.raises(amc.InputError, match="the program returns"):
        amc.program_budget(lambda _: np.ones(3), np.ones(4), amc.Hardware())


def test_command(tmp_path):
    plot = tmp_path / "budget.svg"
    result = run(
        "solve", "nnls", "--rows", "12", "--columns", "4", "--levels", "16", "--write-noise",
        "2 %", "--fidelity", "dc", "--error-budget", "--plot", plot, "--json", "-",
    )  # fmt: skip
    budget = json.loads(result.stdout)["error_budget"]
    assert budget["seeds"] == 10
    total = sum(each["share"] for each in budget["shares"].values())
    assert total + budget["circuit"] + budget["unexplained"] == pytest.approx(1.0)
    assert "quantisation" in plot.read_text()


def test_command_of_blocks():
    result = run(
        "solve", "inv", "--columns", "4", "--stages", "1", "--gain", "100", "--fidelity", "dc",
        "--error-budget", "--json", "-",
    )  # fmt: skip
    shares = json.loads(result.stdout)["error_budget"]["shares"]
    assert shares["gain"]["share"] == pytest.approx(1.0, abs=1e-3)


def test_command_refuses_trials_beside():
    result = run("solve", "inv", "--columns", "4", "--error-budget", "--trials", "3")
    refused(result, "leave --trials out")


def test_a_share_of_nothing_has_no_sign():
    A, b = linear_system()
    budget = amc.error_budget(amc.INV(A, gain=1e4), b)
    nothing = replace(budget.shares["gain"], share=-1e-9)
    lines = str(replace(budget, shares={"gain": nothing}, interaction=-1e-9)).splitlines()
    (gain,) = (line for line in lines if line.split()[0] == "gain")
    assert gain.split()[1] == "0.0"
