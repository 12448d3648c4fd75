"""Checkpoints: resumed runs are bit-equal, everything else is refused."""

import dataclasses
import json

import numpy as np
import pytest
import scipy.sparse as sp

import amcspice as amc
from amcspice.algorithm import complete
from amcspice.algorithm.alternating.checkpoint import FORMAT, Checkpoint
from amcspice.errors import InputError

V = np.random.default_rng(2).random((8, 6))
IDEAL = amc.Analysis(fidelity="ideal")
NOISE = amc.Memristor(write_noise=0.02, seed=4)


@pytest.fixture(autouse=True)
def saved_every_time(monkeypatch):
    """Save after every iteration, however short it was."""
    monkeypatch.setattr("amcspice.algorithm.alternating.checkpoint.SAVE_EVERY", -1.0)


def run(path=None, iterations=4, resume=False, matrix=V, rank=2, analysis=IDEAL, **options):
    return amc.nmf(
        matrix, rank, iterations=iterations, tolerance=0, analysis=analysis, checkpoint=path,
        resume=resume, **options,
    )  # fmt: skip


def assert_equal(one, other):
    for name in ("W", "H", "digital_W", "digital_H"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for before, after in zip(one.history, other.history, strict=True):
        np.testing.assert_equal(dataclasses.asdict(before), dataclasses.asdict(after))
    figures, others = one.measured.to_arrays(), other.measured.to_arrays()
    assert len(one.measured) == sum(iteration.regressions for iteration in one.history)
    for name, values in figures.items():
        np.testing.assert_array_equal(values, others[name], err_msg=name)


def stop_after(number):
    def on_iteration(finished, _):
        if finished == number:
            raise KeyboardInterrupt

    return on_iteration


@pytest.mark.ngspice
@pytest.mark.parametrize("analysis", [IDEAL, amc.Analysis()], ids=["ideal", "reduced"])
@pytest.mark.parametrize("stop", [1, 3])
def test_interrupted_run_resumes_bit_equal(tmp_path, analysis, stop):
    path = tmp_path / "state.npz"
    with pytest.raises(KeyboardInterrupt):
        run(path, analysis=analysis, device=NOISE, on_iteration=stop_after(stop))
    assert path.exists()
    resumed = run(path, resume=True, analysis=analysis, device=NOISE)
    assert_equal(resumed, run(analysis=analysis, device=NOISE))


def test_scores_of_circuit_and_twin_resume_apart(tmp_path):
    path, known = tmp_path / "state.npz", sp.csr_array(np.where(V > 0.3, V, 0.0))

    def score(W, H):
        return {"sum": float(W.sum() * H.sum())}

    def factorise(**options):
        options = {"analysis": amc.Analysis(fidelity="behavioural"), "score": score, **options}
        return complete(known, 2, iterations=3, **options)

    with pytest.raises(KeyboardInterrupt):
        factorise(checkpoint=path, on_iteration=stop_after(2))
    assert path.exists()
    resumed, whole = factorise(checkpoint=path, resume=True), factorise()
    assert len(whole.scores) == len(whole.digital_scores) == 3
    assert whole.scores != whole.digital_scores
    assert (resumed.scores, resumed.digital_scores) == (whole.scores, whole.digital_scores)


def test_checkpoint_of_entries_at_other_places_is_refused(tmp_path):
    path, first = tmp_path / "state.npz", sp.csr_array(np.where(V > 0.5, V, 0.0))
    moved = sp.csr_array((first.data, (first.indices + 1) % 6, first.indptr), shape=first.shape)
    complete(first, 2, iterations=1, analysis=IDEAL, checkpoint=path)
    with pytest.raises(InputError, match="of another run"):
        complete(moved, 2, iterations=2, analysis=IDEAL, checkpoint=path, resume=True)


def test_more_iterations_continue_a_finished_run(tmp_path):
    path = tmp_path / "state.npz"
    run(path, iterations=2)
    assert_equal(run(path, iterations=5, resume=True), run(iterations=5))
    before = path.read_bytes()
    assert_equal(run(path, iterations=5, resume=True), run(iterations=5))
    assert path.read_bytes() == before


def test_without_resume_the_checkpoint_is_replaced(tmp_path):
    path = tmp_path / "state.npz"
    run(path, seed=1)
    assert_equal(run(path, seed=2), run(seed=2))
    assert_equal(run(path, seed=2, resume=True), run(seed=2))


def test_resume_without_a_checkpoint_starts(tmp_path):
    assert_equal(run(tmp_path / "state.npz", resume=True), run())


@pytest.mark.parametrize(
    "change",
    [
        {"matrix": V + 1e-12},
        {"matrix": V.reshape(6, 8)},
        {"rank": 3},
        {"seed": 1},
        {"ridge": 0.1},
        {"lasso": 0.1, "ridge": 0.1},
        {"circuit": "ginv-classic"},
        {"device": amc.Memristor(seed=1)},
        {"opamp": amc.OpAmp(gain=1e4)},
        {"mask": np.ones(V.shape, bool)},
        {"analysis": amc.Analysis(fidelity="ideal", settle_tolerance=0.02)},
    ],
    ids=lambda change: "-".join(change),
)
def test_checkpoint_of_another_run_is_refused(tmp_path, change):
    path = tmp_path / "state.npz"
    run(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="is of another run"):
        run(path, resume=True, **change)
    assert path.read_bytes() == before


def test_tolerance_belongs_to_the_run(tmp_path):
    path = tmp_path / "state.npz"
    run(path)
    with pytest.raises(InputError, match="another run"):
        amc.nmf(V, 2, tolerance=0.5, analysis=IDEAL, checkpoint=path, resume=True)


def write_array(path):
    with path.open("wb") as stream:
        np.save(stream, np.arange(3))


def write_other_archive(path):
    with path.open("wb") as stream:
        np.savez(stream, W=np.arange(3))


def write_text(text):
    def write(path):
        with path.open("wb") as stream:
            np.savez(stream, values=np.array(text))

    return write


def truncate(path):
    run(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip(path):
    run(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"not a checkpoint"),
        truncate,
        flip,
        write_array,
        write_other_archive,
        write_text("{"),
        write_text("[1, 2]"),
        write_text("{}"),
    ],
    ids=["empty", "text", "truncated", "flipped", "array", "archive", "json", "list", "nameless"],
)
def test_damaged_checkpoint_is_refused(tmp_path, damage):
    path = tmp_path / "state.npz"
    damage(path)
    with pytest.raises(InputError, match=r"state\.npz (cannot be read|is of another run)"):
        run(path, resume=True)


def of_version_0_1_0(path):
    """The layout of 0.1.0, which had no number: factors as arrays, the rest as text."""
    iteration = {
        "relative_residual": 0.3, "digital_relative_residual": 0.3, "regressions": 14,
        "settled": 14, "settling_time_median": 1e-6, "settling_time_max": 2e-6, "energy": 1e-9,
        "power_mean": 1e-3, "error_median": 1e-4, "error_max": 1e-3, "reseeded": 0,
        "near_limit": 0,
    }  # fmt: skip
    values = {"identity": "0" * 64, "history": [iteration], "provenance": {"amcspice": "0.1.0"}}
    factors = {name: np.ones((8, 2)) for name in ("W", "digital_W")}
    factors |= {name: np.ones((2, 6)) for name in ("H", "digital_H")}
    with path.open("wb") as stream:
        np.savez(stream, values=np.array(json.dumps(values)), **factors)


def of_a_later_version(path):
    run(path)
    with np.load(path) as stored:
        arrays = dict(stored)
    content = json.loads(str(arrays.pop("values")))
    assert content["format"] == FORMAT
    content |= {"format": FORMAT + 1, "amcspice": "9.8.7"}
    with path.open("wb") as stream:
        np.savez(stream, values=np.array(json.dumps(content)), **arrays)


@pytest.mark.parametrize(
    ("write", "version"), [(of_version_0_1_0, "0.1.0"), (of_a_later_version, "9.8.7")]
)
def test_checkpoint_of_another_format_is_refused_and_kept(tmp_path, write, version):
    path = tmp_path / "state.npz"
    write(path)
    before = path.read_bytes()
    with pytest.raises(
        InputError,
        match=rf"state\.npz was written by amcspice {version} in another format \(\d, not "
        rf"{FORMAT}\): finish the run with that version, or delete the checkpoint",
    ):
        run(path, resume=True)
    assert path.read_bytes() == before
    assert_equal(run(path), run())


def test_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        run(tmp_path / "absent" / "state.npz")


def test_identity_tells_shapes_and_types_apart():
    flat = np.arange(6.0)
    identities = {
        Checkpoint(None, [item]).identity
        for item in (flat, flat.reshape(2, 3), flat.reshape(3, 2), flat.view(np.int64), "a", 1, 1.5)
    }
    assert len(identities) == 7
    assert Checkpoint(None, [flat]).identity == Checkpoint(None, [flat.copy()]).identity


def test_nothing_is_kept_without_a_path():
    checkpoint = Checkpoint(None, [1])
    checkpoint.save(lambda: ({"W": np.ones(2)}, {}), last=True)
    assert checkpoint.load() is None
