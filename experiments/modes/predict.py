"""``--mode predict``: what sounds, in a film, in a folder of frames, or in one picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from common.choices import check_choices
from experiments.limits import within
from experiments.modes.mode import Mode


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """``how``: exact computes only what changes, bit for bit what frame by frame gives; deadband also leaves out
    changes of an input below ``deadband`` steps of its grid, which is not exact; off: frame by frame. ``keyframe``:
    every so many frames all of it is computed anew, 0: never."""

    how: Literal["exact", "off", "deadband"] = "exact"
    deadband: int = within(2, least=1)
    keyframe: int = within(0, least=0)

    def __post_init__(self) -> None:
        check_choices(self, "stream")


@dataclass(frozen=True, kw_only=True)
class PredictSettings:
    """One source: ``video``, a film with or without sound; ``frames``, a folder of pictures, ``fps`` of them a second;
    or ``image``. ``wav``: the sound of the last two; none: silence. ``out``: the same with what sounds marked (.mp4,
    or .png for one picture). ``masks``: a folder of PNG files, or one .npz. ``table``: a CSV, a row a second.
    ``strength``: of the colour. ``trace``: along the bottom, additions a frame, of the stream and frame by frame."""

    mode: str = "predict"
    run: str = ""
    video: str = ""
    frames: str = ""
    image: str = ""
    wav: str = ""
    fps: float = within(25.0, least=0.1, most=240)
    out: str = ""
    masks: str = ""
    table: str = ""
    strength: float = within(0.6, least=0, most=1)
    trace: bool = True
    stream: StreamSettings = field(default_factory=StreamSettings)
    device: str = "cpu"


def run(settings: PredictSettings) -> None:
    from experiments.prediction.mode import predict

    predict(settings)


PREDICT = Mode(
    name="predict",
    summary="mark what sounds (--run RUN --video in.mp4 --out out.mp4)",
    settings=PredictSettings,
    run=run,
    reads="run",
    needs_run=True,
    aliases={"stream": "stream.how"},
)
