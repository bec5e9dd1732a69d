"""The whole catalogue as small packages of discs, hums and patchworks: the same names, none of the real files."""

from __future__ import annotations

import pytest

from avs.stamps.library import load
from avs.stamps.sources import catalogue
from avs.stamps.unpack import unpacked
from tests.avs.stamps.packages import debian_package, package_files, pinned


@pytest.fixture(scope="session")
def debs(tmp_path_factory):
    """Package -> (its file, its pin)."""
    folder = tmp_path_factory.mktemp("debs")
    made = {}
    for name, files in package_files(list(catalogue())).items():
        path = folder / f"{name}_1.0_all.deb"
        debian_package(path, files)
        made[name] = path, pinned(path, name)
    return made


@pytest.fixture(scope="session")
def root(debs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stamps")
    files = {name: path for name, (path, _) in debs.items()}
    assert len(list(unpacked(catalogue(), files, folder))) == len(catalogue())
    return folder


@pytest.fixture(scope="session")
def library(root):
    return load(root)
