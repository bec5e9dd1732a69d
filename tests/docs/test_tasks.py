"""The pages of docs/tasks: their Python runs, in order; their commands are understood; the site lists every page."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from experiments.cli.command import stated
from experiments.datasets import DATASETS
from experiments.errors import UserError
from graph.models import FAMILIES
from graph.ops import REGISTRY
from snn.dialect import BACKENDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "tasks").glob("*.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
# What a run that a command reads would have to be, so that only its files are missing.
MISSING = ("no config.yaml", "is missing", "is no folder", "expected the folder")


def blocks(page: Path, language: str) -> list[str]:
    return [text for word, text in FENCE.findall(page.read_text()) if word == language]


@pytest.fixture
def as_before():
    """What a page registers is gone afterwards."""
    tables: tuple[dict[str, Any], ...] = (FAMILIES, REGISTRY, BACKENDS, DATASETS)
    kept = [dict(table) for table in tables]
    yield
    for table, before in zip(tables, kept, strict=True):
        table.clear()
        table.update(before)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(page, as_before, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = ModuleType(f"docs_{page.stem}")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses look themselves up there
    for text in blocks(page, "python"):
        exec(compile(text, str(page), "exec"), module.__dict__)


COMMANDS = [
    (page.stem, line)
    for page in PAGES
    for text in blocks(page, "")
    for line in text.strip().splitlines()
    if line.startswith("python main.py")
]


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{p}-{i}" for i, (p, _) in enumerate(COMMANDS)])
def test_a_command_of_a_page_is_understood(page, line, monkeypatch):
    """To the last key; that a run or a folder which it names is not there is all that may be said against it."""
    monkeypatch.chdir(ROOT)
    try:
        stated(shlex.split(line)[2:])
    except UserError as error:
        assert any(word in str(error) for word in MISSING), error


def test_every_page_is_in_the_contents_of_the_site():
    contents = (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        assert str(page.relative_to(ROOT / "docs")) in contents, f"{page} is in no list of mkdocs.yml"
