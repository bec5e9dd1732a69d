"""Cases of AVSegFormer and MI-AVS: mask logits, the mask feature, and MI-AVS's normalised information map."""

from __future__ import annotations

from functools import partial

from torch import Tensor, fx

from ann import ANN
from ann.checkpoints import avsegformer, miavs
from experiments.parity.cases import Case, Check, Outputs, image_and_sound, mean_std
from graph.lower import lower
from graph.models import build, spec_of


def network(family: str, backbone: str, size: int) -> fx.GraphModule:
    return lower(build(family, spec_of(family, "full", backbone=backbone, image=size)), ANN)


def every(name: str, channels: int) -> Check:
    """A slice of a map: one pixel in four each way, one channel in ``channels``."""
    return Check(take=lambda outputs: outputs[name][:, ::channels, ::4, ::4])


def information_map(outputs: Outputs) -> Tensor:
    """[B N 1] -> [B, 1, h, w], min-max normalised over the whole batch."""
    raw, feature = outputs["mi_map"], outputs["mask_feature"]
    normalised = (raw - raw.min()) / (raw.max() - raw.min())
    return normalised.reshape(len(raw), 1, *feature.shape[-2:])


MASK = {"out0_strided": every("mask", 1), "out0_mean_std": Check(take=lambda o: mean_std(o["mask"]))}
SHARED = {**MASK, "out1_strided": every("fused_feature", 16)}
CASES = {
    "avsegformer_pvt2": Case(
        module=partial(network, "avsegformer", "pvt_v2_b5"), keys=avsegformer.PVT, checks=SHARED, inputs=image_and_sound
    ),
    "avsegformer_r50": Case(
        module=partial(network, "avsegformer", "resnet50"),
        keys=avsegformer.RESNET,
        checks=SHARED,
        inputs=image_and_sound,
    ),
    "miavs_ann_pvt2": Case(
        module=partial(network, "miavs", "pvt_v2_b5"),
        keys=miavs.PVT,
        checks={**SHARED, "out2": Check(take=information_map)},
        inputs=image_and_sound,
    ),
}
