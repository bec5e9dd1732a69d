"""``python -m tools.stream_picture --snn RUN``: docs/stream/strip.png, a film of chimes as mode predict marks it.

The grey bars are weight additions of a frame computed whole, the blue ones those of what changed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from avs.chimes import ChimesSpec, generate, waveform
from avs.video.read import Pixels, Wave, Window
from experiments.modes.predict import StreamSettings
from experiments.network import load_run
from experiments.prediction.network import Predictor
from experiments.prediction.outputs import png
from experiments.prediction.picture import TraceStrip, overlay

FPS, SECONDS, SHOWN, LARGER = 25, 10, 5, 4


def film(clip: int) -> Iterator[tuple[float, Pixels, Wave]]:
    spec = ChimesSpec(fps=FPS, frames=SECONDS)
    frames = generate(spec, "test", 1, first=clip).frames[0].permute(0, 2, 3, 1).numpy()
    window = Window(iter([waveform(spec, "test", clip)]))
    for k, frame in enumerate(frames):
        yield k / FPS, frame.repeat(LARGER, 0).repeat(LARGER, 1), window.at(k / FPS)


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.stream_picture", allow_abbrev=False)
    parser.add_argument("--snn", required=True)
    parser.add_argument("--clip", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("docs/stream/strip.png"))
    options = parser.parse_args(given)
    predictor, shown = Predictor(load_run(options.snn).deployed, StreamSettings()), list[Pixels]()
    strip: TraceStrip | None = None
    for marked in predictor.over(film(options.clip)):
        height, width = marked.picture.shape[:2]
        strip = strip or TraceStrip(height, width)
        assert marked.adds is not None
        shown.append(strip.drawn(overlay(marked.picture, marked.mask, 0.6), marked.adds))
    picks = np.linspace(len(shown) // 10, len(shown) - 1, SHOWN).astype(int)
    gap = np.full((shown[0].shape[0], 6, 3), 255, np.uint8)
    pieces = [piece for pick in picks for piece in (shown[pick], gap)][:-1]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(png(np.concatenate(pieces, 1)))
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
