"""The picture of what there is to learn: what sounds is tinted, what is silent has an edge and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from avs.chimes import ChimesSpec, generate
from tools.clip_grid import SILENT, edge, main, marked, picks, sounds_of


def test_an_edge_is_the_outermost_pixels():
    inside = np.zeros((6, 7), bool)
    inside[1:5, 2:6] = True
    inner = np.zeros_like(inside)
    inner[2:4, 3:5] = True
    assert np.array_equal(edge(inside), inside & ~inner)
    assert edge(np.ones((3, 3), bool)).sum() == 8, "the picture's border is an edge too"


def test_what_sounds_is_tinted_and_what_is_silent_has_an_edge():
    clips = generate(ChimesSpec(), "train", 4)
    silent = 0
    for clip, frame in picks(clips, 8):
        plain, shown = clips.frames[clip, frame].permute(1, 2, 0).numpy(), marked(clips, clip, frame)
        slots, sounding = clips.slots[clip, frame].numpy(), clips.sounding[clip, frame]
        for slot, loud in enumerate(sounding.tolist()):
            here = slots == slot + 1
            if loud:
                assert (shown[here] != plain[here]).any(-1).mean() > 0.9
            elif here.any():
                line = edge(here)
                assert (shown[line] == SILENT).all()
                silent += 1
        assert len(sounds_of(clips, clip, frame).split(", ")) == max(1, int(sounding.sum()))
    assert silent


def test_every_variant_and_split_of_chimes(tmp_path, capsys):
    assert main(["--frames", "3", "--out", str(tmp_path / "grid.png")]) == 0
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size[1] > 400


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--dataset chime", "nearest: 'chimes'"),
        ("--dataset stamps --root nowhere", "nowhere"),
    ],
)
def test_mistakes(words, sentence, tmp_path, capsys):
    assert main([*words.split(), "--out", str(tmp_path / "grid.png")]) == 2
    assert sentence in capsys.readouterr().err and not (tmp_path / "grid.png").exists()
