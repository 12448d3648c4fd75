"""Files are replaced as a whole or not at all."""

import os
import threading

import pytest

from amcspice.errors import InputError
from amcspice.files import replacing, spice_text, writable_folder


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
        pytest.raises(InputError, match=r"cannot be written: No such file"),
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
