"""What a wheel must bring so that it runs from any folder: every config, table, page and kernel source of the rooms."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from setuptools import find_namespace_packages

ROOT = Path(__file__).resolve().parents[1]
SETUP = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
PACKAGES = find_namespace_packages(str(ROOT), include=SETUP["packages"]["find"]["include"])
DATA = (".yaml", ".csv", ".cu", ".h", ".cpp", ".html", ".js", ".css", ".j2")
ROOMS = sorted({name.split(".")[0] for name in PACKAGES})
# What only a checkout needs.
LEFT = ("experiments/results/",)


def files() -> list[Path]:
    found = [p.relative_to(ROOT) for room in ROOMS for p in (ROOT / room).rglob("*") if p.suffix in DATA]
    return [path for path in found if not str(path).startswith(LEFT)]


def taken(path: Path) -> bool:
    """Whether a pattern of package-data, of the file's package or one above it, fits."""
    for package, patterns in SETUP["package-data"].items():
        for holder in (path.parent, *path.parent.parents):
            if package not in ("*", ".".join(holder.parts)) or ".".join(holder.parts) not in PACKAGES:
                continue
            if any(fnmatch(str(path.relative_to(holder)), pattern) for pattern in patterns):
                return True
    return False


def test_every_room_is_a_package():
    assert {"avs", "configs", "convert", "energy", "events", "experiments", "graph", "kernels", "layers"} <= set(ROOMS)
    assert "configs.ablations" in PACKAGES and "configs.stamps" in PACKAGES and "tests" not in ROOMS


@pytest.mark.parametrize("path", files(), ids=str)
def test_every_file_that_is_read_is_in_it(path):
    assert taken(path), "no pattern of [tool.setuptools.package-data] names it"
