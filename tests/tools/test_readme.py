"""The README's figures are those of ``experiments/results``, and every result says how to get it again."""

from __future__ import annotations

import json
import re

import pytest

from tools.readme import BLOCKS, ROOT, rewritten, spread
from tools.results import FOLDER, provenance

RESULTS = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("page", BLOCKS)
def test_every_table_is_the_generated_one(page):
    assert rewritten(page) == (ROOT / page).read_text(), "run: python -m tools.readme"


def test_the_readme_is_a_page_and_not_a_book():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("path", RESULTS, ids=lambda p: p.stem)
def test_every_result_has_its_provenance(path):
    kept = json.loads(path.read_text())
    origin = {"command", "date", "commit", "device", "versions"}
    assert kept.keys() > origin, "where it comes from, and what came out"
    assert re.match(r"([A-Z_]+=\S+ )*(python|make) ", kept["command"])


def test_there_are_three_seeds_of_the_demo():
    assert len([p for p in RESULTS if p.stem.startswith("demo_seed")]) >= 3


def test_spread_is_mean_and_sample_deviation():
    assert spread([0.1, 0.2, 0.3]) == "0.200 ± 0.100"
    assert spread([0.5]) == "0.500"


def test_provenance_names_versions():
    assert provenance("python x")["versions"].keys() >= {"python", "torch"}
