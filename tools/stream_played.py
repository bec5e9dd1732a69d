"""A network over films as a user runs it: mIoU, and weight additions a frame, whole and as changes."""

from __future__ import annotations

import numpy as np
import torch

from avs.clip import Clips
from avs.losses.masks import foreground_logit
from avs.metrics import mask_iou
from events.fast import FastStream
from events.trace import Trace
from graph.infer import infer
from graph.lower import Network


@torch.no_grad()
def played(network: Network, clips: Clips, band: int = 0) -> dict[str, float]:
    """``band``: steps of an input's grid below which a change is not seen; 0 is exact."""
    ious, adds = list[float](), list[tuple[float, float]]()
    for clip in range(len(clips)):
        trace = Trace(network.graph, infer(network.graph))
        stream = FastStream(network, band, trace.see)
        for k in range(clips.frames_per_clip):
            batch = clips.frame_batch(torch.tensor([clip]), torch.tensor([k]))
            mask = stream.step({name: batch[name] for name in ("image", "logmel")})["mask"]
            adds.append(trace.taken())
            ious.append(float(mask_iou(foreground_logit(mask), (batch["mask"] > 0).long())))
    whole, changes = np.mean(adds, 0)
    return {"miou": float(np.mean(ious)), "framewise": float(whole), "stream": float(changes)}
