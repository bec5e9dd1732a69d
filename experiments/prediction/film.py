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
from graph.passes import in_windows


@torch.no_grad()
def over(
    network: Network, frames: Iterable[Any], sound: Any = None, *, fps: float = 25.0, deadband: int = 0
) -> Iterator[Tensor]:
    stream, side = FastStream(network, deadband), network.graph["image"].shape[-1]
    samples = iter(()) if sound is None else iter([np.asarray(sound, np.float32)])
    window = Window(samples)

    def prepared() -> Iterator[dict[str, Tensor]]:
        for number, picture in enumerate(frames):
            heard = log_mel(torch.from_numpy(window.at(number / fps)))[:1]
            yield moved(network.task.prepared(torch.as_tensor(picture)[None], heard, side), network.device)

    for part, count in in_windows(prepared(), stream.parts.frames):
        masks = stream.step({name: torch.cat([frame[name] for frame in part]) for name in part[0]})["mask"]
        yield from masks[:count]
