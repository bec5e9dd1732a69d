"""A file is written whole or not at all."""

from __future__ import annotations

import os
import stat

import pytest

from common import files
from common.files import clear_unfinished, whole_file, write_whole


def test_bytes_and_text_in_a_new_folder(tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    write_whole(path, b"\x00\x01")
    assert path.read_bytes() == b"\x00\x01"
    write_whole(path, "a\r\nä\n")
    assert path.read_bytes() == "a\r\nä\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    write_whole(path, "old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as file:
        file.write(b"half of the n")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_first_write_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / "file"):
        _ = 1 / 0
    assert not list(tmp_path.iterdir())


def test_the_old_file_is_read_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "file"
    write_whole(path, "old")
    with whole_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_it_is_on_the_disk_before_it_has_the_name(tmp_path, monkeypatch):
    path, order = tmp_path / "file", []

    def synced(handle: int) -> None:
        assert os.fstat(handle).st_size == 3
        order.append("on the disk")

    replace = os.replace
    monkeypatch.setattr(files.os, "fsync", synced)
    monkeypatch.setattr(files.os, "replace", lambda old, new: (order.append("renamed"), replace(old, new)))
    write_whole(path, b"abc")
    assert order == ["on the disk", "renamed"]


@pytest.mark.parametrize(("mask", "rights"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_rights_are_those_of_any_new_file(tmp_path, mask, rights):
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "file", b"")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == rights


def test_what_was_never_finished_is_removed_and_nothing_else(tmp_path):
    for name in (".keep", ".ann.lock", "state.pt", "a.b.cdefghij"):
        (tmp_path / name).write_text("mine")
    with whole_file(tmp_path / "state.pt") as file:
        file.write(b"ours")
        (left,) = tmp_path.glob(".state.pt.*")
    left.write_text("half")  # as if the process had been killed before the end
    clear_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".ann.lock", ".keep", "a.b.cdefghij", "state.pt"]
    assert (tmp_path / "state.pt").read_text() == "ours"
