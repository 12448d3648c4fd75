"""Readers of ratings, matrices and pictures, given damaged files: a value or one error.

Each mutation has a seed of its own; a fault is found again by its number.
"""

from __future__ import annotations

import gzip
import io
import resource
import time

import numpy as np
import PIL.Image
import pytest
import scipy.io
import scipy.sparse
import tifffile

import amcspice as amc
from amcspice.workload import read_image, read_matrix
from amcspice.workload.ratings import read_ratings, read_titles

FEW, MANY = 150, 2000
LONGEST = 5.0
"""Seconds that a file of some kilobytes may take."""
ROOM = 3_000_000_000
"""Bytes of address space that reading may add."""
TOKENS = [
    b"\0", b"\xff" * 4, b'"', b"'", b"\n", b"\r", b",", b";", b"::", b"\t", b"-1", b"1e999", b"nan",
    b"99999999999999999999", b"2147483648", b"%", b"j", b"\xe9", b"\xef\xbb\xbf", b"[[[[", b"#",
]  # fmt: skip


def mutated(content, seed):
    """Return a file with a few bytes changed, cut, repeated or put in."""
    draw = np.random.default_rng(seed)
    for _ in range(draw.integers(1, 5)):
        at = int(draw.integers(len(content) + 1)) if draw.random() < 0.5 else int(
            draw.integers(min(len(content), 128) + 1))  # fmt: skip
        length = int(draw.integers(1, 9))
        kind = draw.integers(5)
        if kind == 0:
            content = content[:at] + draw.bytes(length) + content[at + length :]
        elif kind == 1:
            content = content[:at] + content[at + length :]
        elif kind == 2:
            content = content[:at] + TOKENS[draw.integers(len(TOKENS))] + content[at:]
        elif kind == 3:
            content = content[:at] + content[at : at + 50] * length + content[at + 50 :]
        else:
            content = content[:at] if draw.random() < 0.3 else content
    return content


def saved(write):
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


A = np.random.default_rng(0).random((6, 5)).round(3)
SPARSE = scipy.sparse.csc_array(np.where(A > 0.5, A, 0))
PIXELS = np.random.default_rng(1).integers(0, 256, (12, 9, 3), dtype=np.uint8)
LINES = "".join(f"{k % 7},{k % 5},{k % 9 / 2},{k}\n" for k in range(40))

RATINGS = {
    "plain": LINES.encode(),
    "header.csv": b"userId,movieId,rating,timestamp\n" + LINES.encode(),
    "quoted.csv": b'"User";"ISBN";"Rating"\n' + b'"A1";"034X";"2"\n"B;2";"03""4";"1,5"\n' * 9,
    "dat": LINES.replace(",", "::").encode(),
    "m.mtx": saved(lambda to: scipy.io.mmwrite(to, SPARSE)),
    "packed.gz": gzip.compress(LINES.encode(), mtime=0),
}
TITLES = {
    "u.item": b"1|Film (1999)|x\n2|B|y\n" * 5,
    "movies.csv": b'movieId,title\n1,"Film, The"\n2,B\n' * 5,
}
MATRICES = {
    "m.npy": saved(lambda to: np.save(to, A)),
    "m.npz": saved(lambda to: np.savez(to, A=A)),
    "sparse.npz": saved(lambda to: scipy.sparse.save_npz(to, SPARSE, compressed=False)),
    "m.csv": "\n".join(",".join(map(str, row)) for row in A).encode(),
    "m.txt": saved(lambda to: np.savetxt(to, A + 1j * A)),
    "dense.mtx": saved(lambda to: scipy.io.mmwrite(to, A)),
    "sparse.mtx": saved(lambda to: scipy.io.mmwrite(to, SPARSE)),
    "m.mat": saved(lambda to: scipy.io.savemat(to, {"A": A})),
    "packed.mat": saved(lambda to: scipy.io.savemat(to, {"A": SPARSE}, do_compression=True)),
    "old.mat": saved(lambda to: scipy.io.savemat(to, {"A": A}, format="4")),
    "m.csv.gz": gzip.compress(b"1,2\n3,4\n", mtime=0),
}
PICTURES = {
    **{
        f"p.{kind}": saved(lambda to, kind=kind: PIL.Image.fromarray(PIXELS).save(to, kind))
        for kind in ("png", "jpeg", "gif", "webp", "bmp", "ppm", "tga", "tiff")
    },
    "wide.png": saved(
        lambda to: PIL.Image.fromarray(PIXELS[:, :, 0].astype(np.uint16)).save(to, "png")
    ),
    "wide.pgm": b"P5 3 2 1000\n" + bytes(range(12)),
    "f.tif": saved(lambda to: tifffile.imwrite(to, PIXELS / 255, photometric="rgb")),
    "lzw.tif": saved(
        lambda to: PIL.Image.fromarray(PIXELS).save(to, "tiff", compression="tiff_lzw")
    ),
}
READERS = {
    "ratings": (read_ratings, RATINGS),
    "titles": (read_titles, TITLES),
    "matrix": (read_matrix, MATRICES),
    "picture": (read_image, PICTURES),
}


@pytest.fixture
def bounded():
    """Let reading take no more than so much memory."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as status:
        taken = int(status.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.parametrize(
    "count", [FEW, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
@pytest.mark.parametrize("kind", READERS)
def test_a_damaged_file_gives_a_value_or_one_error(tmp_path, bounded, kind, count):
    read, files = READERS[kind]
    refused = 0
    for seed in range(count):
        name = list(files)[seed % len(files)]
        path = tmp_path / name
        path.write_bytes(mutated(files[name], seed))
        started = time.monotonic()
        try:
            read(path)
        except amc.InputError as error:
            refused += 1
            said = str(error)
            assert len(said.splitlines()) == 1, (seed, name, said)
            assert len(said) < 600, (seed, name, said)
            assert str(path) in said, (seed, name, said)
        except Exception as error:
            pytest.fail(f"seed {seed}, {name}: {error!r}")
        assert time.monotonic() - started < LONGEST, (seed, name)
    assert {path.name for path in tmp_path.iterdir()} <= set(files)
    assert 0.1 * count < refused < count


@pytest.mark.parametrize("kind", READERS)
def test_whole_files_are_read(tmp_path, kind):
    read, files = READERS[kind]
    for name, content in files.items():
        if (kind, name) == ("matrix", "m.txt"):  # complex
            continue
        (tmp_path / name).write_bytes(content)
        read(tmp_path / name, **({"names": True} if kind == "titles" else {}))
