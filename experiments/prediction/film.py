"""``Network.stream``: a film from Python, frame after frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avs.audio import log_mel
from avs.video.read import Window
from events.fast import FastStream
from experiments.device import moved
from graph.lower import Network


@torch.no_grad()
def over(
    network: Network, frames: Iterable[Any], sound: Any = None, *, fps: float = 25.0, deadband: int = 0
) -> Iterator[Tensor]:
    stream, side = FastStream(network, deadband), network.graph["image"].shape[-1]
    samples = iter(()) if sound is None else iter([np.asarray(sound, np.float32)])
    window = Window(samples)
    for number, picture in enumerate(frames):
        heard = log_mel(torch.from_numpy(window.at(number / fps)))[:1]
        inputs = network.task.prepared(torch.as_tensor(picture)[None], heard, side)
        yield stream.step(moved(inputs, network.device))["mask"][0]
