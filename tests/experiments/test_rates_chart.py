"""The picture of how much sites fire: every site in it, large enough to be read, the first on top."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from experiments.rates_chart import COUNT, SILENT, chart


def pixels(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def rows_of(picture: np.ndarray, colour: str) -> np.ndarray:
    """How many pixels of each row have this colour."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return (picture == wanted).all(-1).sum(1)


def bars(lengths: np.ndarray) -> list[int]:
    """The longest row of each bar, from the top."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], lengths > 0, [0]])))
    return [int(lengths[a:b].max()) for a, b in edges.reshape(-1, 2)]


def test_bars_are_as_long_as_the_values_and_the_first_is_on_top():
    picture = pixels(chart([("a", 0.5, 0.2), ("b", 1.0, 0.4), ("c", 0.25, 1.0)], "three"))
    counts, silent = bars(rows_of(picture, COUNT)), bars(rows_of(picture, SILENT))
    assert np.array(counts) / counts[1] == pytest.approx([0.5, 1, 0.25], abs=0.02)
    assert np.array(silent) / silent[2] == pytest.approx([0.2, 0.4, 1], abs=0.02)


def test_a_long_network_gets_a_tall_picture():
    """Every site has its own bar, however many there are."""
    for count in (1, 40, 150):
        picture = pixels(chart([(f"stage.{i}.site", 1.0, 0.5) for i in range(count)], "many"))
        assert len(bars(rows_of(picture, COUNT))) == count and picture.shape[0] > 20 * count


def test_a_network_that_never_fires_can_be_drawn():
    assert not bars(rows_of(pixels(chart([("a", 0.0, 1.0)], "silent")), COUNT))
