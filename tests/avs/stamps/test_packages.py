"""Packages are fetched by the system's tool, checked, and opened without it; what goes wrong is one sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from avs.stamps import debian, resources
from avs.stamps.errors import StampsError
from avs.stamps.fetch import fetched, files_of
from avs.stamps.sources import SOURCES, catalogue, classes, packages
from avs.stamps.unpack import unpacked
from tests.avs.stamps.packages import debian_package, pinned, resource_archive

FILES = {"a/b/one.txt": b"one" * 50, "a/two.txt": b"", "three.txt": bytes(range(256))}


def silent(name: str, done: int) -> None: ...


@pytest.mark.parametrize("how", ["plain", "zlib", "zstd"])
def test_resource_archives(how):
    assert dict(resources.files_of(resource_archive(FILES, how))) == FILES
    with pytest.raises(ValueError, match="expected b'qres'"):
        list(resources.files_of(b"none" + bytes(40)))


def test_packages_are_read_without_being_installed(tmp_path):
    path = tmp_path / "p.deb"
    debian_package(path, {"usr/share/x/a": b"1", "usr/share/x/b": b"22", "etc/c": b"3"})
    assert dict(debian.files_of(path, lambda name: name.startswith("usr"))) == {
        "usr/share/x/a": b"1",
        "usr/share/x/b": b"22",
    }
    path.write_bytes(path.read_bytes()[:-150])
    with pytest.raises(ValueError, match=r"its data\.tar\.xz cannot be read"):
        list(debian.files_of(path, lambda name: True))
    path.write_bytes(b"no archive at all")
    with pytest.raises(ValueError, match="it is no Debian package"):
        list(debian.files_of(path, lambda name: True))


def tool(folder: Path, script: str) -> None:
    path = folder / "apt-get"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def one(tmp_path, monkeypatch):
    """(a package's pin, its file elsewhere), and a PATH whose package tool a test writes."""
    path = tmp_path / "elsewhere.deb"
    debian_package(path, {"usr/share/x/a": b"1" * 5000})
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/bin{os.pathsep}/usr/bin")
    return pinned(path, "thing"), path, folder


def test_the_systems_tool_fetches(one, tmp_path):
    package, path, folder = one
    seen = []
    tool(folder, f'[ "$3" = "thing=1.0" ] || exit 1\nsleep 0.7\ncp {path} ./{package.file}')
    fetched(package, tmp_path / "cache", lambda name, done: seen.append(done))
    assert seen[0] == 0 and seen[-1] == package.size
    tool(folder, "exit 1")
    assert fetched(package, tmp_path / "cache", silent).is_file(), "what is there is not fetched again"


def test_a_tool_that_fails_is_named_with_its_reason(one, tmp_path):
    package, _, folder = one
    tool(folder, 'echo "E: Unable to locate it" >&2; exit 100')
    with pytest.raises(StampsError, match=r"could not fetch thing 1\.0 \(Unable to locate it\); expected a connection"):
        fetched(package, tmp_path / "cache", silent)


def test_no_tool(one, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StampsError, match="there is no apt-get here to fetch thing, expected --packages FOLDER"):
        fetched(one[0], tmp_path / "cache", silent)


def test_another_file_of_that_name_is_refused(one, tmp_path):
    package, path, folder = one
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thing_2.0_all.deb").write_bytes(content)
    with pytest.raises(StampsError, match=r"thing_2.0_all.deb has sha256 .* expected .* of thing 1\.0; delete it"):
        files_of([package], tmp_path / "cache", tmp_path / "own", silent)
    tool(folder, f"head -c 100 {path} > {package.file}")
    with pytest.raises(StampsError, match="has sha256"):
        files_of([package], tmp_path / "cache", None, silent)


def test_a_folder_that_cannot_be_written(one, tmp_path):
    (tmp_path / "cache").write_text("a file")
    tool(one[2], "exit 0")
    with pytest.raises(StampsError, match="cannot be written"):
        fetched(one[0], tmp_path / "cache", silent)


def test_what_is_unpacked_is_whole_and_nothing_else(debs, root, tmp_path):
    files = {p.relative_to(root / "files").as_posix() for p in (root / "files").rglob("*") if p.is_file()}
    assert files == {item.key for item in catalogue()}
    nowhere = {name: tmp_path / "gone.deb" for name in debs}
    assert len(list(unpacked(catalogue(), nowhere, root))) == len(catalogue()), "no package is opened again"


def test_a_package_without_a_file_and_a_broken_one(debs, tmp_path):
    item = next(item for item in catalogue() if item.source == "scratch")
    lacking, broken = tmp_path / "lacking.deb", tmp_path / "broken.deb"
    debian_package(lacking, {"usr/share/other": b"x"})
    with pytest.raises(StampsError, match=rf"lacking.deb holds no '.*{Path(item.path).name}'"):
        list(unpacked([item], {"scratch": lacking}, tmp_path))
    broken.write_bytes(debs["scratch"][0].read_bytes()[:3000])
    with pytest.raises(StampsError, match=r"broken.deb: its data.tar.xz cannot be read"):
        list(unpacked([item], {"scratch": broken}, tmp_path))
    assert not list(tmp_path.glob("files/**/*.*")), "nothing is left half-written"


def test_a_disk_that_is_full(debs, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("avs.stamps.unpack.write_whole", full)
    item = next(item for item in catalogue() if item.source == "scratch")
    with pytest.raises(StampsError, match=r"cannot be written \(No space left on device\), expected a disk with room"):
        list(unpacked([item], {"scratch": debs["scratch"][0]}, tmp_path))


def test_a_folder_that_packages_were_unpacked_into(tmp_path):
    item = next(item for item in catalogue() if item.source == "scratch")
    inside = tmp_path / "tree" / SOURCES["scratch"].member(item.path)
    inside.parent.mkdir(parents=True)
    inside.write_bytes(b"sound")
    package = packages()["scratch"]
    found = files_of([package], tmp_path / "cache", tmp_path / "tree", silent)
    assert [i.key for i in unpacked([item], found, tmp_path)] == [item.key]
    assert (tmp_path / "files" / item.key).read_bytes() == b"sound"


def test_the_catalogue():
    assert len(classes()) == 87 and sum(item.kind == "background" for item in catalogue()) > 90
    assert len({item.key for item in catalogue()}) == len(catalogue())
    assert {item.package for item in catalogue()} == set(packages())
    assert all(len(package.sha256) == 64 and package.licence for package in packages().values())
