"""Files are replaced as a whole or not at all; what is no file is written to."""

import ast
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import amcspice
from amcspice.errors import AmcspiceError, InputError
from amcspice.files import check_target, replacing, spice_text, writable_folder


def test_success_replaces_the_file(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        assert temporary.parent == tmp_path
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["result.txt"]


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["result.txt"]


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_permissions_follow_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        with replacing(tmp_path / "new.txt") as temporary:
            temporary.write_text("x")
    finally:
        os.umask(before)
    assert (tmp_path / "new.txt").stat().st_mode & 0o777 == 0o666 & ~umask


def test_missing_folder_is_bad_input(tmp_path):
    with (
        pytest.raises(InputError, match=r"cannot be written: there is no folder"),
        replacing(tmp_path / "absent" / "x"),
    ):
        pass


def test_folder_is_created(tmp_path):
    path = tmp_path / "a" / "b"
    assert writable_folder(path) == path
    assert path.is_dir()
    assert os.listdir(path) == []


def test_a_file_in_the_place_of_the_folder_is_bad_input(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match=r"output folder .*taken cannot be written"):
        writable_folder(tmp_path / "taken")


def test_links_are_followed_and_pipes_written_to(tmp_path):
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    with replacing(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: target.write_text(pipe.read_text()))
    reader.start()
    with replacing(pipe) as temporary:
        temporary.write_text("through")
    reader.join(10)
    assert target.read_text() == "through"
    assert pipe.is_fifo()


def test_an_old_file_keeps_its_permissions_and_its_owner(tmp_path):
    path = tmp_path / "secret.txt"
    path.write_text("old")
    path.chmod(0o640)
    if os.getuid() == 0:
        os.chown(path, 1234, 1234)
    before = path.stat()
    with replacing(path) as temporary:
        temporary.write_text("new")
    after = path.stat()
    assert path.read_text() == "new"
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode, before.st_uid, before.st_gid,
    )  # fmt: skip


def test_a_link_to_nothing_leads_to_the_new_file_and_a_circle_is_refused(tmp_path):
    (tmp_path / "link").symlink_to("new.txt")
    with replacing(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "new.txt").read_text() == "new"
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(InputError, match="cannot be written: Too many levels"):
        check_target(tmp_path / "circle")


def null_device(folder):
    """Return a copy of the null device, which may be harmed."""
    path = folder / "null"
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        with path.open("wb"):
            return path
    except OSError:
        pytest.skip("only root makes devices, and not everywhere")


def test_a_device_stays_one(tmp_path):
    path = null_device(tmp_path)
    before = path.stat()
    with replacing(path) as temporary:
        temporary.write_text("gone")
    after = path.stat()
    assert (after.st_ino, after.st_mode, after.st_rdev) == (
        before.st_ino, before.st_mode, before.st_rdev,
    )  # fmt: skip
    assert os.listdir(tmp_path) == ["null"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_what_takes_no_more_is_named():
    with (
        pytest.raises(AmcspiceError, match="/dev/full cannot be written: No space left") as failed,
        replacing(Path("/dev/full")) as temporary,
    ):
        temporary.write_text("x")
    assert failed.value.exit_code == 1


SCRIPT = """\
import sys
from pathlib import Path
from amcspice.files import replacing
print("before")
with replacing(Path(sys.argv[1])) as path:
    path.write_text("content\\n")
print("after")
"""
WRITE = f"{sys.executable} -c '{SCRIPT}'"
"""Prints, writes the file that its argument names, and prints again."""


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("/dev/stdout", "before\ncontent\nafter\n"),
        ("/dev/stdout >out; cat out", "before\ncontent\nafter\n"),
        ("/dev/stdout >>out; cat out", "old\nbefore\ncontent\nafter\n"),
        ("/dev/stderr 2>out; cat out", "before\nafter\ncontent\n"),
        ("/dev/fd/3 3>out; cat out", "before\nafter\ncontent\n"),
        ("/dev/null", "before\nafter\n"),
    ],
)
def test_open_files_are_written_through(words, shown, tmp_path):
    (tmp_path / "out").write_text("old\n")
    done = subprocess.run(
        ["bash", "-c", f"{WRITE} {words}"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == shown
    assert os.listdir(tmp_path) == ["out"]


def test_a_substituted_process_is_written_to(tmp_path):
    command = f"{WRITE} >(cat >out); wait $!"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out").read_text() == "content\n"


ELSEWHERE = {
    "files.py": "this is the place",
    "engine/ngspice/process.py": "a deck in a temporary folder",
    "engine/ngspice/installation.py": "a deck in a temporary folder",
    "engine/waveform_file.py": "its writers get the temporary path",
    "bench/commands.py": "problems in a temporary folder",
    "explore/session.py": "what a page loads, in the temporary folder of its server",
    "workload/rating_shape.py": "ratings in a folder that is made for them",
    "workload/rating_store.py": "parts of a folder, of no use before the last is there",
    "workload/stored/ratings.py": "parts of the same folder",
}


def targets(tree):
    """Yield what calls write to, as it stands in the code."""
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            continue
        name, first = call.func.attr, call.args[0] if call.args else None
        mode = first.value if isinstance(first, ast.Constant) else ""
        if name in ("write_text", "write_bytes") or (
            name == "open" and set(str(mode)) & set("wax")
        ):
            yield ast.unparse(call.func.value)
        if name in ("savefig", "savez", "savez_compressed", "savetxt", "imsave"):
            yield ast.unparse(first)


def test_every_file_is_written_in_one_place():
    room = Path(amcspice.__file__).parent
    found = {
        path.relative_to(room).as_posix(): set(targets(ast.parse(path.read_text())))
        for path in room.rglob("*.py")
    }
    wrong = {
        name: names - {"temporary", "stream"}
        for name, names in found.items()
        if names - {"temporary", "stream"} and name not in ELSEWHERE
    }
    assert not wrong
    assert all(found[name] for name in ELSEWHERE)
    assert sum("temporary" in names for names in found.values()) > 5


def test_what_cannot_be_replaced_is_refused(tmp_path, monkeypatch):
    kept = tmp_path / "kept.txt"
    kept.write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # as for others than root
    with pytest.raises(InputError, match="read-only"), replacing(kept):
        pass
    assert kept.read_text() == "old"
    with pytest.raises(InputError, match="it is a folder"), replacing(tmp_path):
        pass


WRITTEN = {
    "utf-8": lambda text: text.encode(),
    "byte order mark": lambda text: text.encode("utf-8-sig"),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16, big end first": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "windows": lambda text: text.encode("cp1252"),
    "dos": lambda text: text.replace("\n", "\r\n").encode("cp1252") + b"\x1a",
}


@pytest.mark.parametrize("how", WRITTEN)
def test_spice_text_of_any_origin_is_one_text(how):
    text = "* Müller's filter\nC1 out 0 0.001µ\nR1 in out 1k ; 5 µs\n.tran 10n 20µs\n"
    read = spice_text(WRITTEN[how](text))
    assert read.splitlines() == [
        "* Müller's filter", "C1 out 0 0.001u", "R1 in out 1k ; 5 µs", ".tran 10n 20us",
    ]  # fmt: skip


def test_what_is_no_text_shows_it():
    assert "\0" in spice_text(b"\x00\x01\x02\xff")
    assert spice_text(b"\x1a\n").strip() == ""
    assert spice_text(b"V1 \xb5node 0 1\n") == "V1 µnode 0 1\n"  # a name keeps its sign


def test_standard_output_that_was_closed_is_one_message(tmp_path):
    command = f"{sys.executable} -m amcspice doctor --json /dev/stdout >&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "amcspice: /dev/stdout cannot be written: Bad file descriptor"
    ]


@pytest.mark.parametrize("sign", ["\u00b5", "\u03bc"])
def test_both_micro_signs_of_unicode_are_a_millionth(sign):
    assert spice_text(f"C1 a b 5{sign}F 2.{sign}\n".encode()) == "C1 a b 5uF 2.u\n"
