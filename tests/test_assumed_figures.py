"""Real parts: which figures are assumed, and what results that depend on them say."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from cli_helpers import run

import amcspice as amc
from amcspice.errors import UnstableError
from amcspice.simulation import Run, assumptions
from amcspice.simulation.assumptions import of_damping

PARTS = ("ad823", "opa690", "ad8606")

A = np.random.default_rng(0).random((6, 4))
B = A @ np.array([0.3, 0.5, 0.2, 0.7])
SQUARE = np.random.default_rng(1).random((16, 16)) + 8 * np.eye(16)


def classic(opamp, **changes):
    """Return the 6 x 4 circuit with a feedback of one hundredth of a cell."""
    return amc.ClassicGINV(A, opamp=opamp, feedback=0.01, **changes)


def amplifier(out, plus, minus, second_pole):
    """Return an amplifier of 16 MHz, 22 V/us and a gain of 5e4, held between 5 V rails."""
    unity = 2 * np.pi * 16e6
    tau = 1 / (2 * np.pi * second_pole) if second_pole else 1e-12
    return [
        f"B{out} 0 y{out} I=22*tanh({unity / 22e6:.12g}*(v({plus})-v({minus})))",
        f"Cy{out} y{out} 0 1e-6",
        f"Ry{out} y{out} 0 {5e4 / unity * 1e6:.12g}",
        f"Dh{out} y{out} hi lim",
        f"Dl{out} lo y{out} lim",
        f"Ez{out} w{out} 0 y{out} 0 1",
        f"Rz{out} w{out} z{out} 1e3",
        f"Cz{out} z{out} 0 {tau / 1e3:.12g}",
        f"Eo{out} {out} 0 z{out} 0 1",
    ]


def deck(second_pole, farads):
    """Return that circuit cell by cell, with amplifiers of one or of two poles."""
    cells = 1e-4 * A / A.max()
    rows, columns = cells.shape
    lines = ["* classic circuit", "Vhi hi 0 4.2", "Vlo lo 0 -4.2", ".model lim D(is=1e-9 rs=1e-3)"]
    for i in range(rows):
        lines += amplifier(f"r{i}", "0", f"a{i}", second_pole)
        lines += [f"Rf{i} a{i} r{i} 1e6", f"Ca{i} a{i} 0 {farads:.12g}"]
        lines.append(f"I{i} a{i} 0 PWL(0 0 1e-7 0 1.01e-7 {1e-7 * B[i]:.12g})")
        for j in range(columns):
            lines.append(f"R1_{i}_{j} a{i} x{j} {1 / cells[i, j]:.12g}")
            lines.append(f"R2_{i}_{j} r{i} b{j} {1 / cells[i, j]:.12g}")
    for j in range(columns):
        lines += [*amplifier(f"x{j}", f"b{j}", "0", second_pole), f"Cb{j} b{j} 0 {farads:.12g}"]
    saved = " ".join(f"v(x{j})" for j in range(columns))
    return "\n".join([*lines, f".save {saved}", ".tran 2e-9 6e-5 0 2e-9", ".end", ""])


@pytest.mark.ngspice
def test_two_poles_swing_rail_to_rail_where_one_settles(batch, measured):
    """A deck of its own: what a real part's second pole does to the classic circuit."""
    part = amc.OpAmp.preset("ad823")
    swings = []
    for second, farads in ((None, 1e-18), (part.second_pole, part.input_capacitance)):
        vectors = batch.run_text(deck(second, farads), 120)[0][-1].vectors
        late = vectors["time"] > 5e-5
        outs = np.array([vectors[f"x{j}"] for j in range(4)])
        swings.append(np.ptp(outs[:, late], axis=1).max())
    measured("swing of one pole [V]", swings[0])
    measured("swing of two poles [V]", swings[1])
    assert swings[0] < 1e-3
    assert swings[1] > 8


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("fidelity", ["behavioural", "dc"])
def test_it_is_refused_and_the_refusal_says_what_is_assumed(part, fidelity):
    with pytest.raises(UnstableError, match=r"assumed second_pole .* and input_capacitance") as got:
        amc.simulate(classic(part), B, fidelity=fidelity)
    assert "half or twice changes nothing" in str(got.value)


@pytest.mark.ngspice
@pytest.mark.parametrize("fidelity", ["behavioural", "reduced"])
def test_in_time_it_is_not_called_settled(fidelity):
    shown = amc.simulate(classic("ad823"), B, fidelity=fidelity, allow_unstable=True)
    assert not shown.settled
    assert "caution: unstable with assumed second_pole 24 MHz" in repr(shown)
    part = amc.OpAmp.preset("ad823", headroom_negative=0.0)
    with pytest.warns(amc.CautionWarning, match="did not settle"):
        held = amc.simulate(
            classic(part, constraint=amc.NonNegative()), B, fidelity=fidelity, window=4e-6
        )
    assert not held.settled
    assert held.assumptions() == shown.assumptions() != ()


def test_one_pole_is_what_was_called_settled():
    """Without the two figures the same circuit settles: the two decide it."""
    bare = amc.OpAmp.preset("ad823", second_pole=None, input_capacitance=0.0)
    run_of_one_pole = amc.simulate(classic(bare), B, fidelity="behavioural")
    assert run_of_one_pole.settled
    assert run_of_one_pole.cautions == ()


@pytest.mark.parametrize("part", ["ideal", "onchip-1g", "miller-cmos"])
def test_what_is_no_real_part_has_nothing_assumed(part):
    opamp = amc.OpAmp.preset(part)
    assert opamp.assumed == ()
    assert of_damping(amc.CompactGINV(A, opamp=opamp)) == ()


@pytest.mark.parametrize("part", PARTS)
def test_figures_that_matter_little_are_not_told_of(part):
    """A compact circuit of many rows is slow by itself: half a second pole moves it by 1 %."""
    wide = np.random.default_rng(2).random((64, 16))
    assert of_damping(amc.CompactGINV(wide, opamp=part)) == ()


def test_time_constants_are_those_of_a_loop_of_two_poles():
    """A single amplifier: s^2 + w2 s + w_u w2 g_f/(g_f + G) = 0, underdamped, so tau = 2/w2."""
    opamp = amc.OpAmp.preset("ad823", input_capacitance=0.0)
    (said,) = of_damping(amc.MVM([[1.0]], opamp=opamp, feedback=1.0))
    tau = 2 / (2 * np.pi * opamp.second_pole)
    assert said == (
        f"assumed second_pole 24 MHz of the amplifier: half of it makes the slowest time constant "
        f"{2e9 * tau:.4g} ns, not {1e9 * tau:.4g} ns"
    )


def test_stability_that_depends_on_an_assumed_figure():
    said = of_damping(amc.INV(SQUARE, opamp="opa690"))
    assert len(said) == 2
    assert "second_pole 300 MHz of the amplifier: half of it makes the circuit unstable" in said[0]
    assert "twice of it makes the circuit unstable" in said[1]
    stable = amc.OpAmp.preset("opa690", second_pole=150e6, assumed=("second_pole",))
    (cured,) = of_damping(amc.INV(SQUARE, opamp=stable))
    assert cured.endswith("twice the second_pole makes it stable")


def test_what_is_known_is_not_assumed_any_more():
    known = amc.OpAmp.preset("ad823", second_pole="30 MHz")
    assert "second_pole" not in known.assumed
    assert "input_capacitance" in known.assumed
    assert amc.Hardware(opamp="ad823").changed(second_pole="30 MHz").opamp == known
    # The same value says nothing new, as where every parameter of a preset is written out.
    assert known.changed(second_pole=30e6).assumed == known.assumed
    assert known.changed(assumed=()).assumed == ()
    with pytest.raises(amc.InputError, match="assumed names no figure of an amplifier: colour"):
        amc.OpAmp(assumed=("colour",))


def test_every_assumed_figure_is_explained():
    for part in PARTS:
        opamp = amc.OpAmp.preset(part)
        assert {"second_pole", "input_capacitance", "output_resistance"} <= set(opamp.assumed)
        assert "assum" in opamp.source
        assert "unchecked" in opamp.source


def test_large_circuits_are_not_looked_at():
    (said,) = of_damping(amc.CompactGINV(np.eye(130), opamp="ad823"))
    assert "not looked at above 128 amplifiers" in said


def test_cautions_are_kept_and_written(tmp_path):
    shown = amc.simulate(amc.INV(SQUARE, opamp="opa690"), SQUARE[:, 0], fidelity="dc")
    assert len(shown.cautions) == 2
    shown.save(tmp_path / "run.npz")
    assert Run.load(tmp_path / "run.npz").cautions == shown.cautions
    np.save(tmp_path / "A.npy", SQUARE)
    np.save(tmp_path / "b.npy", SQUARE[:, 0])
    target = tmp_path / "out.json"
    result = run("solve", "inv", "--matrix", tmp_path / "A.npy", "--rhs", tmp_path / "b.npy",
                 "--opamp", "opa690", "--fidelity", "dc", "--json", target)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads(target.read_text())["cautions"] == list(shown.cautions)
    assert f"note: {shown.cautions[0]}" in result.stderr
    assert (
        amc.simulate(amc.INV(SQUARE, opamp="opa690"), SQUARE[:, 0], fidelity="ideal").cautions == ()
    )


def test_an_assumed_figure_that_makes_it_faster_is_told_too():
    circuit = amc.INV([[1.0]], opamp=amc.OpAmp(second_pole=24e6))
    others = {
        ("second_pole", word): SimpleNamespace(stable=True, slowest=tau)
        for word, tau in (("half", 1e-6), ("twice", 0.5e-6))
    }
    (said,) = assumptions._of_stable(circuit, SimpleNamespace(slowest=1e-6), others)
    assert "twice of it makes the slowest time constant" in said
    assert "half" not in said
