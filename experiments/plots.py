"""Pictures of what networks segment: frame, true mask, ANN, SNN, and the SNN under swapped sound."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import matplotlib
import torch
from torch import Tensor

from avs.clip import Clips, knows_objects
from avs.counterfactual import counterfactual_clips, donors
from avs.losses.masks import foreground_logit
from common.files import write_whole
from experiments.dataset import split
from experiments.device import moved
from experiments.errors import UserError
from experiments.evaluate import predict
from experiments.network import load_run
from graph.lower import Network, where

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

COLUMNS = ("frame", "what sounds", "ANN", "SNN", "SNN, silent one's sound", "the silent one")
TINT = torch.tensor([0.0, 0.45, 0.70])[:, None, None]  # colour-blind safe blue


def overlay(image: Tensor, mask: Tensor) -> Tensor:
    """[3, H, W] in 0..1 with the mask's pixels tinted and the rest dimmed. -> [H, W, 3]"""
    mask = mask.float()
    shown = image * (0.45 + 0.2 * mask) + TINT * 0.6 * mask
    return shown.clamp(0, 1).permute(1, 2, 0)


def _picks(listed: int, count: int) -> list[int]:
    """``count`` places, evenly from first to last."""
    return [int(pick) for pick in torch.linspace(0, listed - 1, count).long()]


def picks_of(clips: Clips, count: int) -> tuple[Tensor, Tensor]:
    """The clips and frames of ``rows_of``."""
    listed = donors(clips, "swap", 0)
    picks = _picks(len(listed), count)
    return listed.clip_idx[picks], listed.frame_idx[picks]


@torch.no_grad()
def mask_of(network: Network, batch: Mapping[str, Tensor]) -> Tensor:
    """[F, H, W] bool, on the CPU: where something sounds, computed where the network is."""
    return (foreground_logit(predict(network, moved(batch, where(network)))) > 0).cpu()


@torch.no_grad()
def rows_of(ann: Network, snn: Network, clips: Clips, count: int) -> list[list[Tensor]]:
    """One row a frame, all of them frames for which a swap donor exists."""
    listed = donors(clips, "swap", 0)
    rows = []
    for pick in _picks(len(listed), count):
        clip, frame = int(listed.clip_idx[pick]), int(listed.frame_idx[pick])
        everywhere = torch.arange(clips.frames_per_clip)
        batch = clips.frame_batch(torch.full_like(everywhere, clip), everywhere)
        swapped, _, _ = counterfactual_clips(clips, listed, torch.tensor([clip]))
        found = [mask_of(m, b)[frame] for m, b in ((ann, batch), (snn, batch), (snn, swapped))]
        image = clips.frames[clip, frame].float() / 255
        masks = (batch["mask"][frame] > 0, *found, listed.masks[pick] > 0)
        rows.append([image.permute(1, 2, 0), *(overlay(image, m) for m in masks)])
    return rows


def saved(figure: Figure, dpi: int = 75) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    plt.close(figure)
    return buffer.getvalue()


def examples(ann_run: Path, snn_run: Path, path: Path, count: int = 4) -> None:
    ann, snn = load_run(str(ann_run)), load_run(str(snn_run))
    clips = split(ann.settings.data, "test")
    if not knows_objects(clips):
        raise UserError(f"run '{ann_run}' is of {ann.settings.data.dataset}, expected clips whose objects are known")
    rows = rows_of(ann.deployed, snn.deployed, clips, count)
    figure, axes = plt.subplots(count, len(COLUMNS), figsize=(2 * len(COLUMNS), 2 * count + 0.3), squeeze=False)
    for row, pictures in zip(axes, rows, strict=True):
        for axis, picture in zip(row, pictures, strict=True):
            axis.imshow(picture.numpy())
            axis.set_axis_off()
    for axis, title in zip(axes[0], COLUMNS, strict=True):
        axis.set_title(title, fontsize=9)
    figure.tight_layout()
    write_whole(path, saved(figure))
