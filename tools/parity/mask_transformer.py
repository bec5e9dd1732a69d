"""Cases of AVSegFormer and MI-AVS: mask logits, the mask feature, and MI-AVS's normalised information map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from torch import Tensor

from ann import ANN
from ann.checkpoints import avsegformer, miavs
from graph.lower import Network, lower
from graph.models import build, spec_of
from graph.passes import released
from snn import SNN
from tools.parity.cases import Array, Case, Check, Outputs, image_and_sound, mean_std
from tools.parity.published_order import contiguous_inputs, in_published_order

READ_FEATURES = (
    *(f"backbone.stages.{stage}.downsample.proj" for stage in (1, 2, 3)),
    *(f"head.in_proj.{level}.0" for level in range(4)),
)


def network(family: str, backbone: str, size: int) -> Network:
    return lower(build(family, spec_of(family, "full", backbone=backbone, image=size)), ANN)


def published_snn(size: int) -> Network:
    spec = spec_of("miavs", "released", image=size)
    module = lower(released(build("miavs", spec)), SNN)
    return contiguous_inputs(in_published_order(module, spec.heads), READ_FEATURES)


def differing(outputs: Outputs, wanted: Mapping[str, Array]) -> str:
    """The share of pixels that another level, flipped at a rounding tie, has moved."""
    ours = outputs["mask"][:, :, ::4, ::4].numpy()
    away = np.abs(ours - wanted["out0_strided"]) > 1e-4 * np.abs(wanted["out0_strided"]).max()
    return f"{away.mean():.2%} of the pixels differ by more than 1e-4 of the largest logit"


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
INFORMATION = {**SHARED, "out2": Check(take=information_map)}
CASES: dict[str, Case] = {
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
        checks=INFORMATION,
        inputs=image_and_sound,
    ),
    "miavs_snn_pvt2": Case(
        module=published_snn,
        keys=miavs.SNN,
        checks={name: replace(check, tolerance=1e-2) for name, check in INFORMATION.items()},
        inputs=image_and_sound,
        notes=differing,
        chaotic=True,
    ),
}
