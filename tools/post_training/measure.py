"""mIoU of one ANN, and of all that conversion alone makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from avs.split import Split
from experiments.dataset import split
from experiments.evaluate import score
from experiments.frames import first_frames
from experiments.network import for_inference, load_run
from graph.lower import Network
from tools.post_training.halves import Joined, halves
from tools.post_training.ours import Frames, calibrated, counting, real, stepping
from tools.post_training.theirs import Plain, Stepped

SCOPE = "backbone"
# How steps are set: (percentile, 0 for the best one; whether each channel has its own).
CALIBRATIONS = {"percentile 0.99": (0.99, False), "best": (0.0, False), "best, by channel": (0.0, True)}
Table = dict[str, dict[int, float]]


def over(values: Sequence[int], clips: Split, make: Callable[[int], nn.Module]) -> dict[int, float]:
    return {value: score(make(value), clips).miou for value in values}


def counts(ann: Network, frames: Frames, clips: Split, levels: Sequence[int]) -> Table:
    """Integer counts up to D, in one step."""

    def by(percentile: float, channels: bool) -> Callable[[int], nn.Module]:
        return lambda d: calibrated(ann, counting(ann, d), frames, same, percentile, channels=channels)

    return {name: over(levels, clips, by(*how)) for name, how in CALIBRATIONS.items()}


def rates(ann: Network, frames: Frames, clips: Split, steps: Sequence[int]) -> Table:
    """IF neurons over T steps, everywhere."""

    def by(percentile: float, channels: bool) -> Callable[[int], nn.Module]:
        return lambda t: calibrated(ann, stepping(ann, t), frames, same, percentile, channels=channels)

    return {name: over(steps, clips, by(*how)) for name, how in CALIBRATIONS.items()}


def backbones(ann: Network, frames: Frames, clips: Split, steps: Sequence[int]) -> tuple[float, Table]:
    """IF neurons over T steps in the image backbone alone, by us and by SpikingJelly; first, without a ceiling."""
    front, rest = halves(ann.graph, SCOPE)
    part, back = real(front, ann), real(rest, ann)
    plain = Plain(part)

    def whole(converted: nn.Module) -> nn.Module:
        return Joined(converted, back).eval()

    def own(channels: bool) -> Callable[[int], nn.Module]:
        return lambda t: calibrated(part, stepping(part, t, residual="spike"), frames, whole, 0.0, channels=channels)

    def theirs(channels: bool) -> Callable[[int], nn.Module]:
        return lambda t: whole(Stepped(plain, frames["image"], t, channels=channels))

    made = {
        "SpikingJelly": theirs(False),
        "SpikingJelly, by channel, half a threshold": theirs(True),
        "ours": own(False),
        "ours, by channel": own(True),
    }
    return score(whole(plain), clips).miou, {name: over(steps, clips, make) for name, make in made.items()}


def same(network: nn.Module) -> nn.Module:
    return network


def measured(run: str, clips: int, frames: int, levels: Sequence[int], steps: Sequence[int]) -> dict[str, Any]:
    loaded = load_run(run)
    ann = for_inference(loaded.module)
    test, data = split(loaded.settings.data, "test"), loaded.settings.data
    part = test.subset(torch.arange(min(clips, len(test))))
    some = first_frames(split(data, "train"), frames)
    plain, peers = backbones(ann, some, part, steps)
    return {
        "ann": score(ann, part).miou,
        "counts": counts(ann, some, part, levels),
        "rates": rates(ann, some, part, steps),
        "plain": plain,
        "backbones": peers,
    }
