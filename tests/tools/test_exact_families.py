"""The table of all families: runs that the command line takes, and a page that does not hide what is not equal."""

from __future__ import annotations

from pathlib import Path

from experiments.cli.command import stated
from experiments.run_folder import write_json
from graph.models import FAMILIES
from tools import exact_families
from tools.exact_families import LEVELS, document, figure, kept, points, table


def row(**more):
    settled = {"exact": True, "steps": [9, 11], "bound": 80, "corrections": 0.4, "adds": 1.7, "refused": ""}
    scores = dict.fromkeys(("ann", "direct", "trained", "deployed"), 0.5)
    known = {"family": "miavs", "levels": 2, **scores, "exact": True, "why": "", "bits": True, "adds": [7]}
    return {**known, "counted": [7], "settled": settled, "command": "python -m x", **more}


def test_every_run_can_be_stated_and_starts_from_its_own_ann():
    runs = points(Path("out"), list(FAMILIES), ["--data.train", "8"])
    assert len(runs) == len(FAMILIES) * (1 + len(LEVELS))
    for (family, levels), point in runs.items():
        settings = stated([*point.arguments])
        assert settings.model.name == family and settings.data.train == 8
        if levels:
            assert settings.neuron.levels == levels and settings.source == str(runs[family, 0].run)
            assert settings.exact.settle == settings.exact.frames == 5


def test_what_is_not_equal_stands_out():
    fine = table([row()])[-1]
    assert "**" not in fine and "9 to 11 | 80 | 40% | 1.70" in fine
    for wrong in (row(bits=False), row(counted=[8]), row(settled={**row()["settled"], "exact": False})):
        assert table([wrong])[-1].count("**no**") == 1
    assert "not run" in table([row(settled={})])[-1]
    page = document([row(exact=False, why="0.02 of mIoU are lost")])
    assert "miavs, D = 2: 0.02 of mIoU are lost" in page
    assert figure([row()]).startswith(b"\x89PNG")


def test_families_that_are_not_run_again_keep_their_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(exact_families, "RESULT", tmp_path / "known.json")
    assert kept(["qsd"]) == []
    old = {name: value for name, value in row(family="av2ts").items() if name != "command"}
    write_json(tmp_path / "known.json", {"command": "python -m y", "rows": [old, row(family="qsd")]})
    assert kept(["qsd"]) == [row(family="av2ts", command="python -m y")]
    assert "`python -m y`, `python -m x`" in document([*kept(["qsd"]), row(family="qsd")])
