"""Costs against their formulas written out by hand, technologies, and what factorisations cost."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pytest

import amcspice as amc
from amcspice import view
from amcspice.algorithm import complete
from amcspice.engine import Analysis, get_backend
from amcspice.errors import InputError
from amcspice.model_files import models_folder
from amcspice.programming import WriteStatistics, write_verify
from amcspice.system import (
    Activity,
    Cost,
    Estimate,
    Ledger,
    Technology,
    Work,
    measure_digital,
    sampling,
)
from amcspice.system.technology import ENTRIES
from amcspice.system.work import Operated, Writing

TYPICAL = Technology.load("typical")
STATISTICS = WriteStatistics((0, 2, 3, 5), 60e-12, 1e-12, 175e-9, "by hand")
"""Two cells took 1 pulse, three 2, five 3."""

WORK = Work(
    writings=(Writing(3, 32, 512, 256, 5e-3),),
    operated=Operated(
        count=96, repeats=4, settling=7e-6, amplifiers=30e-9, array=5e-9, dac=3200, adc=800
    ),
    calibrated=Operated(count=16, settling=1e-6, amplifiers=4e-9, array=1e-9, dac=512, adc=128),
    flops=1000.0,
    amplifier_count=8,
    cell_count=512,
    inputs=32,
)


def technology(**changes):
    return dataclasses.replace(TYPICAL, writing=STATISTICS).changed(**changes)


# -- writing -----------------------------------------------------------------------------------


def test_the_slowest_of_some_cells_is_what_drawing_them_gives():
    draw = np.random.default_rng(0)
    pulses = np.repeat(np.arange(len(STATISTICS.pulses)), STATISTICS.pulses)
    for cells in (1, 3, 16):
        slowest = draw.choice(pulses, (100_000, cells)).max(axis=1)
        assert STATISTICS.slowest_pulses(cells) == pytest.approx(slowest.mean(), abs=0.01)
    assert STATISTICS.mean_pulses == pytest.approx(2.3)


@pytest.mark.ngspice
def test_statistics_are_those_of_the_array_that_was_written():
    schedule = amc.WriteVerify()
    targets = np.array([[20e-6, 60e-6, 0.0], [5e-6, 100e-6, 40e-6]])
    written = write_verify(targets, schedule=schedule, seed=3)
    made = WriteStatistics.of(written, schedule)
    assert sum(made.pulses) == 5
    assert made.mean_pulses == pytest.approx(written.pulses[targets > 0].mean())
    assert 5 * (made.pulse_energy + made.read_energy) == pytest.approx(written.energy.sum())
    # 100 ns pulse, four edges of 5 ns until the read, 40 ns and three edges
    assert made.slot == pytest.approx(175e-9)


@pytest.mark.ngspice
def test_the_statistics_in_models_are_what_the_script_measures(monkeypatch):
    monkeypatch.syspath_prepend(str(models_folder().parent / "scripts"))
    from write_statistics import measured

    kept = WriteStatistics.load(models_folder() / "technology" / "write-verify.json")
    again = measured((12, 12), seed=1)  # other cells: within four standard errors
    counts = np.repeat(np.arange(len(kept.pulses)), kept.pulses)
    assert abs(again.mean_pulses - kept.mean_pulses) < 4 * counts.std() / 12
    assert again.pulse_energy == pytest.approx(kept.pulse_energy, rel=0.2)
    assert again.slot == kept.slot
    assert kept.mean_pulses == pytest.approx(17.3, abs=0.5)
    assert kept.slowest_pulses(8) == pytest.approx(27.3, abs=1.0)


def test_statistics_in_files(tmp_path):
    STATISTICS.save(tmp_path / "w.json")
    assert WriteStatistics.load(tmp_path / "w.json") == STATISTICS
    (tmp_path / "w.json").write_text('{"pulses": [0, 0], "slot": 1}')
    with pytest.raises(InputError, match="no statistics of writing"):
        WriteStatistics.load(tmp_path / "w.json")


# -- cost --------------------------------------------------------------------------------------


def test_every_part_is_its_formula():
    of = technology(
        rows_at_once=2, adcs=4, macros=3, idle_while_writing=0.5, settling_factor=2,
        amplifier_power_factor=1.5, flop_rate="1e8 1/s",
    )  # fmt: skip
    cost = Cost(dataclasses.replace(WORK, prepared=500.0), of)
    rows, width = 3 * 32, 512 / 32
    slowest = sum(1 - (f**width) for f in (0.0, 0.2, 0.5, 1.0))
    write = rows / 2 * slowest * 175e-9
    conversion = of["dac_time"], of["adc_time"]
    time = {
        "write": write / 3,
        "calibrate": (16 * conversion[0] + 1e-6 * 2 + 128 / 4 * conversion[1]) / 3,
        "dac": 100 * conversion[0] / 3,
        "settle": 2 * 7e-6 / 3,
        "adc": 800 / 4 * conversion[1] / 3,
        "prepare": 500 / 1e8 / 3,
        "digital": 1000 / 1e8 / 3,
        "wait_for_memory": 0.0,
    }
    assert cost.time == pytest.approx(time)
    cells, values = 3 * 512, 3 * 256 + 3200 + 800 + 512 + 128
    energy = {
        "write_pulses": cells * 61e-12,
        "write_verify": cells * 2.3 * of["verify_energy"],
        "write_idle": write * 5e-3 * 0.5 * 1.5,
        "calibrate": 4e-9 * 2 * 1.5 + 1e-9 * 2 + 512 * of["dac_energy"] + 128 * of["adc_energy"],
        "amplifiers": 30e-9 * 2 * 1.5,
        "array": 5e-9 * 2,
        "dac": 3200 * of["dac_energy"],
        "adc": 800 * of["adc_energy"],
        "buffer": values * of["value_bytes"] * of["buffer_energy"],
        "memory": values * of["value_bytes"] * of["dram_energy"],
        "prepare": 500 * of["flop_energy"],
        "digital": 1000 * of["flop_energy"],
    }
    assert cost.energy == pytest.approx(energy)
    assert cost.counted.time == pytest.approx(sum(time.values()), rel=1e-12)
    assert cost.counted.energy == pytest.approx(sum(energy.values()), rel=1e-12)
    assert cost.without_writing.time["prepare"] == cost.without_writing.energy["prepare"] == 0
    area = cost.area
    assert area["amplifiers"] == pytest.approx(3 * 8 * 1000e-12)
    assert area["adcs"] == pytest.approx(3 * 4 * 1200e-12)
    assert area["dacs"] == pytest.approx(3 * 32 * 438e-12)


def test_memory_may_be_what_takes_longest():
    cost = Cost(WORK, technology(bandwidth="1e6 1/s"))
    values = 3 * 256 + 3200 + 800 + 512 + 128
    assert cost.counted.time == pytest.approx(values / 1e6, rel=1e-12)
    assert cost.time["wait_for_memory"] > 0


def test_writing_counted_and_ignored_and_the_break_even():
    digital = measure_digital("nnls", np.random.default_rng(0).random((32, 8)))
    cost = Cost(WORK, technology(), digital)
    bare = Cost(dataclasses.replace(WORK, writings=(), calibrated=Operated()), technology()).counted
    assert cost.ignored == bare
    one = cost.operation
    assert one.time == pytest.approx(bare.time / 96)
    assert cost.writing.time == pytest.approx((cost.counted.time - bare.time) / 3)
    # At break-even, one writing with so many right-hand sides takes as long as the core.
    assert cost.writing.time + cost.break_even * one.time == pytest.approx(
        cost.break_even * digital.time
    )
    slow = dataclasses.replace(digital, time=one.time / 2)
    assert Cost(WORK, technology(), slow).break_even == math.inf
    assert math.isnan(Cost(WORK, technology()).break_even)
    mean, slowest = cost.endurance
    assert mean == pytest.approx(1e6 / 2.3)
    assert slowest < mean


def test_the_break_even_in_energy_is_against_the_power_of_a_core():
    digital = dataclasses.replace(measure_digital("mvm", np.eye(4)), time=2e-6)
    cost = Cost(WORK, technology(core_power=4), digital)
    gain = 2e-6 * 4 - cost.operation.energy
    assert cost.break_even_energy == pytest.approx(cost.writing.energy / gain)


def test_endurance_is_that_of_the_widest_rows():
    narrow = Writing(1, 32, 64, 64, 5e-3)
    cost = Cost(dataclasses.replace(WORK, writings=(narrow, *WORK.writings)), technology())
    assert cost.endurance[1] == pytest.approx(1e6 / STATISTICS.slowest_pulses(16))
    assert cost.endurance[1] == Cost(WORK, technology()).endurance[1]


def test_one_operation_does_not_depend_on_the_number_of_macros():
    one, many = (Cost(WORK, technology(macros=n)) for n in (1, 64))
    assert many.operation.time == pytest.approx(one.operation.time)
    assert many.counted.time == pytest.approx(one.counted.time / 64)


def test_a_tornado_holds_the_ends_of_every_figure():
    cost = Cost(WORK, technology())
    bars = {bar.name: bar for bar in cost.tornado("energy")}
    for name in ("idle_while_writing", "dram_energy", "settling_factor", "cell_energy_factor"):
        entry = cost.technology.entries[name]
        for end, value in ((entry.low, bars[name].low), (entry.high, bars[name].high)):
            changed = Cost(WORK, cost.technology.changed(**{name: end}))
            assert value == pytest.approx(changed.counted.energy)
    spans = [bar.span for bar in cost.tornado("time")]
    assert spans == sorted(spans, reverse=True)
    assert "cell_area" not in bars


def test_samples_add_up_as_errors_of_independent_draws_do():
    held = [Activity("m", "nnls", inputs=2, outputs=1, matrix=k) for k in range(2)]
    ledger = Ledger()
    for each in held:
        row = {"count": 100, "untimed": 100, "dac": 200, "adc": 100}
        ledger._enter(ledger.activity(each), "operation", row)
    estimates = {
        each.key: Estimate(32, 1e-8, 2e-10, 1e-10, 3e-10 * (k + 1), 4e-12 * (k + 1), 0.99)
        for k, each in enumerate(held)
    }
    made = Work.of(ledger, estimates).operated
    assert made.settling == pytest.approx(200 * 1e-8)
    assert made.amplifiers == pytest.approx(200 * 2e-10)
    assert made.settling_error == pytest.approx(100 * 3e-10 * 5**0.5)
    assert made.energy_error == pytest.approx(100 * 4e-12 * 5**0.5)
    assert made.sampled == 64
    one_known = Work.of(ledger, {held[0].key: estimates[held[0].key]})
    assert one_known.operated.unknown == 100
    thrice = Work.of(ledger, estimates).times(3)
    assert thrice.operated.count == 600
    assert thrice.operated.sampled == 64
    assert thrice.operated.energy_error == pytest.approx(3 * made.energy_error)


def test_a_sample_is_run_on_circuits_that_are_made_ready_once(monkeypatch):
    ready, backend = [], get_backend(Analysis(fidelity="behavioural"))

    class Counting:
        def prepare(self, batch):
            ready.append(batch)
            return backend.prepare(batch)

    chip = amc.Chip(fidelity="dc", wire_resistance=1.0)
    A = np.eye(6) + 0.1
    inverse, product = chip.program(A, "inv"), chip.program(A, "mvm")
    for b in np.random.default_rng(0).random((3, 6, 4)):
        inverse.solve(b)
        product.run(b)
    monkeypatch.setattr(sampling, "get_backend", lambda analysis: Counting())
    found = chip.estimates()
    assert found[inverse.ident, "inv"].sampled == found[product.ident, "mvm"].sampled == 12
    assert len(ready) == 2


def test_plots_show_every_part_that_counts(tmp_path):
    figure = view.cost(Cost(WORK, technology(), measure_digital("mvm", np.eye(4))))
    legend = figure.axes[2].get_legend()
    shown = {text.get_text() for text in legend.get_texts()}
    assert {"write pulses", "memory", "amplifiers"} <= shown
    view.save(figure, tmp_path / "cost.png")
    chip = amc.Chip()
    chip.program(np.eye(3), "inv", label="M").solve(np.ones((3, 4)))
    labels = view.timeline(chip.schedule()).axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == ["M"]


# -- technology --------------------------------------------------------------------------------

FILES = sorted((models_folder() / "technology").glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_figure_of_every_technology_has_a_range_and_a_source(path):
    made = Technology.load(path.stem)
    assert set(made.entries) == set(ENTRIES)
    for name, entry in made.entries.items():
        assert entry.low <= entry.value <= entry.high, name
        assert len(entry.source) > 5, name


def changed_file(tmp_path, old, new):
    text = (models_folder() / "technology" / "typical.toml").read_text()
    assert re.search(old, text, re.DOTALL)
    path = tmp_path / "mine.toml"
    path.write_text(re.sub(old, new, text, count=1, flags=re.DOTALL))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (r'unit = "pJ"', 'unit = "pW"', r"line \d+: verify_energy.unit"),
        (r"\[adc_energy\]", "[adc_enrgy]", r"line \d+: adc_enrgy: did you mean adc_energy"),
        (r"\[dac_time\].*?\n\n", "", "dac_time missing"),
        (r'(\[adc_energy\].*?)source = "[^"]*"', r"\1", r"line \d+: adc_energy: source is missing"),
        (r'(\[adc_energy\].*?)source = "[^"]*"', r'\1source = " "', "not empty"),
        (r"(\[adcs\]\n)value = 1", r"\1value = -1", r"line \d+: adcs.value: .*not negative"),
        (r"(\[adcs\]\n)value = 1", r"\1value = nan", "finite"),
        (r"(\[adcs\]\n)value = 1", r"\1value = 100", "between low and high"),
        (r"(\[adcs\]\n)value = 1", r'\1value = "one"', "must be a number"),
        (r"(\[adcs\]\n)value = 1", r"\1vlaue = 1", r"line \d+: adcs.vlaue: unknown"),
        (r"(\[adcs\]\n)value = 1\n", r"\1", "value is missing"),
        (r"\[adcs\]", "[adcs", "no TOML file"),
        (r"(\[adc_time\]\n)value = [\d.]+", r"\1value = 0", "above zero"),
    ],
)
def test_a_technology_file_says_where_it_is_wrong(tmp_path, old, new, message):
    with pytest.raises(InputError, match=message):
        Technology.load(changed_file(tmp_path, old, new))


def test_the_line_that_is_told_is_the_one(tmp_path):
    path = changed_file(tmp_path, r"(\[adcs\]\n)value = 1", r"\1value = -1")
    lines = path.read_text().splitlines()
    with pytest.raises(InputError) as error:
        Technology.load(path)
    told = int(re.search(r"line (\d+)", str(error.value))[1])
    assert lines[told - 1] == "value = -1"


def test_technologies_of_ones_own(tmp_path):
    path = changed_file(tmp_path, r"(\[adc_energy\]\n)value = [\d.]+", r"\1value = 2.4")
    STATISTICS.save(tmp_path / "w.json")
    path.write_text('writing = "w.json"\n' + path.read_text())
    made = Technology.load(path)
    assert made["adc_energy"] == pytest.approx(2.4e-12)
    assert made.writing == STATISTICS
    changed = made.changed(adc_energy="30 pJ", macros=8)
    assert changed.entries["adc_energy"].high == pytest.approx(30e-12)
    assert "adc_energy" not in changed.assumed
    for wrong in ({"adc_enrgy": 1}, {"adc_energy": "3 V"}, {"adc_energy": -1}, {"macros": None}):
        with pytest.raises(InputError, match="technology"):
            made.changed(**wrong)
    for name in ("missing.toml", "typical2"):
        with pytest.raises(InputError):
            Technology.load(name)
    assert amc.Chip(technology=path).cost().technology["adc_energy"] == pytest.approx(2.4e-12)


# -- factorisations ----------------------------------------------------------------------------

V = np.random.default_rng(2).random((24, 18))


def factorised(**options):
    given = {"iterations": 3, "tolerance": 0, "fidelity": "behavioural", "opamp": "onchip-1g"}
    return amc.nmf(V, 3, **{**given, **options})


def test_a_factorisation_accounts_for_every_half_step():
    result = factorised()
    cost = result.cost()
    energy = sum(item.energy for item in result.history)
    assert cost.energy["amplifiers"] + cost.energy["array"] == pytest.approx(energy, rel=1e-9)
    assert cost.time["settle"] == pytest.approx(result.measured.settling_time.sum(), rel=1e-9)
    assert cost.work.programmings == 6
    assert cost.work.operated.count == 3 * (24 + 18)
    assert cost.work.operated.dac == 3 * (18 * 24 + 24 * 18)
    assert cost.work.operated.adc == 3 * (24 + 18) * 3
    # Columns are scaled before they are programmed, and solutions scaled back.
    assert cost.work.flops == 3 * (2 * 24 * 3 + 18 * 3 + 2 * 18 * 3 + 24 * 3)
    assert cost.counted.time > 10 * cost.ignored.time
    assert any("ideal answers" in said for said in cost.cautions)


def test_its_account_changes_with_neither_jobs_nor_a_stop(tmp_path):
    whole = factorised()
    shared = factorised(jobs=2)
    assert shared.ledger.to_json() == whole.ledger.to_json()
    factorised(iterations=2, checkpoint=tmp_path / "state.npz")
    resumed = factorised(checkpoint=tmp_path / "state.npz", resume=True)
    one, other = resumed.cost(), whole.cost()
    assert one.time == pytest.approx(other.time)
    assert one.energy == pytest.approx(other.energy)


def test_masked_data_drive_their_lines_only():
    import scipy.sparse as sp

    known = sp.random_array(
        (20, 15), density=0.5, rng=np.random.default_rng(1), format="csr",
        data_sampler=lambda size: 1 + np.arange(size) % 5,
    )  # fmt: skip
    result = complete(known, 2, iterations=2, fidelity="behavioural", opamp="onchip-1g")
    work = result.cost().work
    assert work.operated.dac == 2 * 2 * known.nnz
    assert work.programmings == 4


def test_a_circuit_that_is_written_for_each_selection_pays_for_it():
    mask = np.random.default_rng(0).random(V.shape) < 0.8
    options = {"mask": mask, "ridge": 0.01, "iterations": 1}
    compact = factorised(**options).cost().work
    classic = factorised(**options, circuit="ginv-classic", headroom_negative=0).cost().work
    assert compact.programmings == 2
    assert classic.programmings == sum(len(np.unique(each, axis=0)) for each in (mask, mask.T))


@pytest.mark.parametrize("options", [{}, {"mask": "some", "ridge": 0.01}, {"lasso": 0.05}])
def test_factorisations_predict_ranges_without_the_answers(options):
    if options.get("mask"):
        options = {**options, "mask": np.random.default_rng(0).random(V.shape) < 0.8}
    oracle = factorised(**options)
    predicted = factorised(**options, range="predicted")
    one, other = (made.history[-1].relative_residual for made in (oracle, predicted))
    assert other == pytest.approx(one, rel=1e-3)
    work = predicted.cost().work
    assert not work.oracle
    assert work.calibrated.count >= 6 * 16
    assert work.operated.count == oracle.cost().work.operated.count
    assert not any("ideal answers" in said for said in predicted.cost().cautions)
    assert not any(step.near_limit for step in predicted.history)
    shared = factorised(**options, range="predicted", jobs=2)
    assert shared.ledger.to_json() == predicted.ledger.to_json()
