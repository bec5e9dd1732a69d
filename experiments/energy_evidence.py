"""What the energy page shows beside the account: mean counts of sites, and frames as the networks see them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from avs.clip import Clips, knows_objects
from avs.counterfactual import NoDonor
from avs.split import Split
from energy.page import Evidence, Heat, Sample
from experiments.dataset import real_frames, split
from experiments.network import Run
from experiments.plots import COLUMNS, mask_of, overlay, picks_of, rows_of
from experiments.rates.collect import SiteCounts, collect, sites
from graph.lower import where
from graph.ops import Firing

CLIPS, FRAMES = 3, 3
SIDE = 128  # pixels of a picture, at most


def png(picture: np.ndarray) -> bytes:
    """[H, W, 3] or [H, W] in 0..1, made smaller where it is large."""
    image = Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8))
    image.thumbnail((SIDE, SIDE))
    content = io.BytesIO()
    image.save(content, format="png", optimize=True)
    return content.getvalue()


def mel(logmel: Tensor) -> np.ndarray:
    """[1, T, M] -> [M, T] in 0..1, low tones below."""
    values = logmel[0].T.flip(0).numpy()
    low, high = values.min(), values.max()
    return np.asarray((values - low) / max(high - low, 1e-6))


def heat(counted: Sequence[SiteCounts]) -> Heat:
    stepped = counted[0].steps > 1
    means = tuple(tuple(float(v) for v in (s.step_means if stepped else s.frame_means)) for s in counted)
    return Heat(by="step" if stepped else "frame", sites=tuple(s.name for s in counted), means=means)


def counts_of(run: Run, data: Split) -> list[SiteCounts]:
    frames = real_frames(data)
    device, count = where(run.deployed), min(CLIPS, len(data))
    batches = (data.frame_batch(torch.full((frames,), clip), torch.arange(frames)) for clip in range(count))
    inputs = ({k: batch[k].to(device) for k in ("image", "logmel")} for batch in batches)
    return collect(run.deployed, inputs, sites(run.deployed.graph, "*", run.name), mapped=False)


def _spikes(run: Run) -> bool:
    return any(isinstance(n.op, Firing) and n.op.site is not None for n in run.deployed.graph.nodes.values())


def _with_objects(ann: Run, run: Run, data: Clips) -> list[Sample]:
    """Frames whose silent object can be given the sound instead, with the log-mel that was heard."""
    shown = []
    clips, frames = picks_of(data, FRAMES)
    for at, row in enumerate(rows_of(ann.deployed, run.deployed, data, FRAMES)):
        clip, frame = int(clips[at]), int(frames[at])
        sound = data.frame_batch(torch.tensor([clip]), torch.tensor([frame]))["logmel"][0]
        pictures = [(caption, png(picture.numpy())) for caption, picture in zip(COLUMNS, row, strict=True)]
        pictures.insert(1, ("log-mel, low tones below", png(mel(sound))))
        shown.append(Sample(title=f"clip {clip + 1}, frame {frame + 1}", pictures=tuple(pictures)))
    return shown


@torch.no_grad()
def _plain(ann: Run, run: Run, data: Split) -> list[Sample]:
    """The middle frame of the first clips."""
    frames, samples = real_frames(data), list[Sample]()
    for clip in range(min(FRAMES, len(data))):
        everywhere = torch.arange(frames)
        batch = data.frame_batch(torch.full_like(everywhere, clip), everywhere)
        middle, image = frames // 2, batch["image"][frames // 2]
        low, high = image.aminmax()
        image = (image - low) / (high - low).clamp(min=1e-6)
        found = [mask_of(r.deployed, batch)[middle] for r in (ann, run)]
        side = image.shape[-2:]
        masks = [batch["mask"][middle] > 0, *found]
        named = zip(COLUMNS[1:4], (overlay(image, m.reshape(side)) for m in masks), strict=True)
        pictures = [("frame", image.permute(1, 2, 0)), *named]
        shown = [(caption, png(picture.numpy())) for caption, picture in pictures]
        shown.insert(1, ("log-mel, low tones below", png(mel(batch["logmel"][middle]))))
        samples.append(Sample(title=f"clip {clip + 1}, frame {middle + 1}", pictures=tuple(shown)))
    return samples


def samples(ann: Run, run: Run, data: Split) -> list[Sample]:
    """Under another sound too, where objects are known and the split has a clip that can lend it."""
    if knows_objects(data):
        with suppress(NoDonor):
            return _with_objects(ann, run, data)
    return _plain(ann, run, data)


def evidence(runs: Sequence[Run]) -> Evidence:
    """Of the first run, an ANN, and those beside it; samples of the first of these."""
    data = split(runs[0].settings.data, "test")
    heats = {run.name: heat(counts_of(run, data)) for run in runs if _spikes(run)}
    return Evidence(heat=heats, samples=samples(runs[0], runs[1], data))
