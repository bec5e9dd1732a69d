"""A network over a stream of frames: what sounds in each, and how many additions that took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from avs.audio import log_mel
from avs.video.read import Pixels, Wave
from events.fast import FastStream
from events.trace import Trace
from experiments.device import moved
from experiments.errors import UserError
from experiments.modes.predict import StreamSettings
from graph.infer import infer, window
from graph.lower import Network
from graph.passes import in_windows


@dataclass(frozen=True)
class Marked:
    """``mask`` [H, W] uint8: 0, or the class that sounds (1 where there is one class). ``adds``: weight additions of
    the frame (a window's, shared among its frames), whole and as changes; None where nothing is traced."""

    seconds: float
    picture: Pixels
    mask: Pixels
    adds: tuple[float, float] | None = None


def labels(logits: Tensor, height: int, width: int) -> Pixels:
    """[C, h, w] at the network's resolution -> [H, W]: the sign of one channel, or the largest of several."""
    whole = F.interpolate(logits[None], size=(height, width), mode="bilinear", align_corners=False)[0]
    found = (whole[0] > 0) if len(whole) == 1 else whole.argmax(0)
    return found.to(torch.uint8).cpu().numpy()


def stream_of(network: Network, settings: StreamSettings, trace: Trace | None) -> FastStream | None:
    """None: frame by frame."""
    if settings.how == "off":
        return None
    band = settings.deadband if settings.how == "deadband" else 0
    try:
        return FastStream(network, band, trace.see if trace is not None else None)
    except ValueError as error:
        raise UserError(f"--stream is '{settings.how}', but {error}; nearest: --stream off") from error


class Predictor:
    """``over``: frames in, marked frames out, in order and one at a time."""

    def __init__(self, network: Network, settings: StreamSettings, *, trace: bool = True) -> None:
        self.network, self.settings, self.frames = network.eval(), settings, window(network.graph)
        self.side = network.graph["image"].shape[-1]
        graph = network.graph
        self.trace = Trace(graph, infer(graph)) if trace and settings.how != "off" else None
        self.stream = stream_of(network, settings, self.trace)

    def prepared(self, pictures: list[Pixels], waves: list[Wave]) -> dict[str, Tensor]:
        image = torch.stack([torch.from_numpy(p.copy()).permute(2, 0, 1) for p in pictures])
        sound = log_mel(torch.from_numpy(np.stack(waves)))[:, 0]
        return moved(self.network.task.prepared(image, sound, self.side), self.network.device)

    @torch.no_grad()
    def over(self, frames: Iterator[tuple[float, Pixels, Wave]]) -> Iterator[Marked]:
        number = 0
        for part, count in in_windows(frames, self.frames):
            yield from self._marked(part, count, number)
            number += count

    def _marked(self, part: list[tuple[float, Pixels, Wave]], count: int, number: int) -> Iterator[Marked]:
        inputs, adds = self.prepared([p for _, p, _ in part], [w for *_, w in part]), None
        if self.stream is None:
            logits = self.network(**inputs)["mask"]
        else:
            if self.settings.keyframe and number % self.settings.keyframe < self.frames:
                self.stream.forget()
                if self.trace is not None:
                    self.trace.forget()
            logits = self.stream.step(inputs)["mask"]
            if self.trace is not None:
                whole, changes = self.trace.taken()
                adds = whole / self.frames, changes / self.frames
        for (seconds, picture, _), one in zip(part[:count], logits[:count], strict=True):
            yield Marked(seconds, picture, labels(one, *picture.shape[:2]), adds)
