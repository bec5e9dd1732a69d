"""``python -m tools.clip_grid --data.dataset stamps --out grid.png``: look at what a network is to learn.

A row for each variant, and for each kind of clip where a dataset has several; a column for each frame. What sounds is
tinted, by class where masks tell classes; what is silent has a thin orange edge; below stands what sounds, by number of
its class. Pictures of stamps are the user's: their parts have different licences.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path

import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray

from avs.clip import Clips, knows_objects
from avs.stamps import KINDS
from common.files import write_whole
from experiments.datasets import DATASETS, DataSettings
from experiments.errors import UserError, unknown
from experiments.plots import saved
from experiments.prediction.picture import COLOURS, overlay
from tools.sentence import in_a_sentence

matplotlib.use("Agg")
from matplotlib import pyplot as plt

SILENT, STRENGTH = COLOURS[1], 0.55
Pixels = NDArray[np.uint8]


def edge(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[H, W]: the outermost pixels of a region."""
    padded = np.pad(inside, 1, constant_values=False)
    whole = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~whole


def marked(clips: Clips, clip: int, frame: int) -> Pixels:
    """[H, W, 3]: a frame with its mask, and every object that does not sound."""
    picture = overlay(clips.frames[clip, frame].permute(1, 2, 0).numpy(), clips.masks[clip, frame].numpy(), STRENGTH)
    for slot in (~clips.sounding[clip, frame]).nonzero()[:, 0].tolist():
        picture[edge(clips.slots[clip, frame].numpy() == slot + 1)] = SILENT
    return picture


def sounds_of(clips: Clips, clip: int, frame: int) -> str:
    heard = clips.classes[clip][clips.sounding[clip, frame]].tolist()
    return ", ".join(map(str, heard)) or "silence"


def picks(clips: Clips, count: int) -> list[tuple[int, int]]:
    """(clip, frame): as many clips as frames that are asked for, a second further in each."""
    return [(k % len(clips), k % clips.frames_per_clip) for k in range(count)]


def rows(data: DataSettings, count: int) -> Iterator[tuple[str, Clips]]:
    """What there is to look at: every variant as it is trained on, the first one's test clips of every kind."""
    dataset = DATASETS[data.dataset]
    variants = dataset.variants
    wanted = [(f"{variant}, train", replace(data, variant=variant), "train") for variant in variants]
    if any(field.name == "kind" for field in fields(data)):
        wanted += [(kind, replace(data, variant=variants[0], kind=kind), "test") for kind in KINDS]  # type: ignore[call-arg]
    else:
        wanted.append((f"{variants[0]}, test", replace(data, variant=variants[0]), "test"))
    for title, settings, name in wanted:
        clips = dataset.split(settings, name, count)
        if not isinstance(clips, Clips) or not knows_objects(clips):
            raise UserError(f"--dataset is '{data.dataset}', expected clips whose objects are known: chimes, stamps")
        yield title, clips


def grid(data: DataSettings, count: int, path: Path) -> None:
    shown = list(rows(data, count))
    figure, axes = plt.subplots(len(shown), count, figsize=(1.6 * count, 1.85 * len(shown)), squeeze=False)
    for line, (title, clips) in zip(axes, shown, strict=True):
        for axis, (clip, frame) in zip(line, picks(clips, count), strict=True):
            axis.imshow(marked(clips, clip, frame), interpolation="nearest")
            axis.set_xlabel(sounds_of(clips, clip, frame), fontsize=7)
            axis.set_xticks([])
            axis.set_yticks([])
        line[0].set_ylabel(title, fontsize=8)
    figure.tight_layout(pad=0.4)
    write_whole(path, saved(figure))


@in_a_sentence
def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.clip_grid", allow_abbrev=False)
    parser.add_argument("--dataset", default="chimes")
    parser.add_argument("--root", default="", help="the folder that --mode data filled")
    parser.add_argument("--image", type=int, default=0, help="pixels of a side")
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(given)
    if options.dataset not in DATASETS:
        raise unknown("--dataset", options.dataset, DATASETS)
    said = {"root": options.root} if options.root else {}
    data = DATASETS[options.dataset].settings(image=options.image, **said)
    DATASETS[options.dataset].whole(data, {})
    grid(data, options.frames, options.out)
    print(options.out)
    return 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())
