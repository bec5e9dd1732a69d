"""Cases of AV2TS behind its image backbone: features and log-mels in, and every stage on the way to the masks out.

Measured in standard deviations of what is wanted. Behind the first decoder layer an attention mask may flip a bit where
its logit is nearly 0, in either implementation, so the decoder's outputs are allowed more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import sqrt

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from ann import ANN
from ann.checkpoints.av2ts import CORE
from graph.graph import Graph
from graph.lower import Network, lower
from graph.models import spec_of
from graph.models.av2ts import AV2TSSpec, core
from graph.ops import Input
from tools.parity.cases import FRAMES, Array, Case, Check, Outputs, spread

CHANNELS = (256, 512, 1024, 2048)
STAGES = ("res2", "res3", "res4", "res5")
LAYERS, HEAD, CHEAP = 12, 32, 1e-2
Take = Callable[[Outputs], Tensor]
SHARED = {
    "init_bn": "audio.init_bn",
    "patch_embed": "audio.patch_embed.proj",
    "ced": "audio.norm",
    "time_map": "time_map",
    "audio_tokens": "audio_tokens",
    "osa_in": "fusion_module.conv_proj_1",
    "osa_visual": "fusion_module.b_attn.v_fused",
    "osa_audio": "fusion_module.b_attn.a_fused",
    **{f"visual_project_{n}": f"visual_project.{i}.1" for i, n in enumerate(STAGES)},
    **{f"tva_{n}": f"visual_map.{i}" for i, n in enumerate(STAGES)},
    **{f"encoder_level{i}": f"pixel_decoder.memory.{i}" for i in range(3)},
    **{f"attention_mask_{i}": f"predictor.heads.{i}.attention_mask" for i in range(LAYERS)},
}
SCALES = {f"presam_scale_{n}": f"scale_factor_module.{i}.gate" for i, n in enumerate(STAGES)}


def _features(g: Graph, prefix: str, spec: AV2TSSpec) -> list[str]:
    shapes = [(c, spec.image // s, spec.image // s) for c, s in zip(CHANNELS, spec.strides, strict=True)]
    return [g(f"{prefix}{n}", Input(dims=shape)) for n, shape in zip(STAGES, shapes, strict=True)]


def network(spec_name: str, size: int) -> Network:
    """The core on given features, with what is probed as further outputs."""
    spec = spec_of("av2ts", spec_name, image=size)
    g = Graph(name="av2ts_core")
    features = _features(g, "", spec)
    extra = _features(g, "pre_", spec) if spec.maskiges else None
    core(g, features, g("logmel", Input(dims=(1, 96, 64))), spec, extra)
    for name, node in (SHARED | (SCALES if spec.maskiges else {})).items():
        g.output(name, node, training=True)
    return lower(g, ANN)


def inputs(maskiges: bool, random: np.random.RandomState, size: int) -> dict[str, Tensor]:
    """res2 to res5, those of the Maskige if there is one, log-mels: one stream."""
    names = [f"{prefix}{n}" for prefix in (("", "pre_") if maskiges else ("",)) for n in STAGES]
    shapes = [(FRAMES, c, size // s, size // s) for c, s in zip(CHANNELS, (4, 8, 16, 32), strict=True)]
    drawn = dict(zip(names, shapes * (1 + maskiges), strict=True)) | {"logmel": (FRAMES, 1, 96, 64)}
    return {name: torch.from_numpy(random.standard_normal(shape).astype("f4")) for name, shape in drawn.items()}


def _map(tokens: Tensor) -> Tensor:
    """[B, H W, C] of a square -> [B, C, H, W]."""
    side = round(sqrt(tokens.shape[1]))
    return tokens.mT.unflatten(-1, (side, side))


def _corner(name: str, step: int) -> Take:
    """One channel in 32, one pixel in ``step`` each way, seven each way; of tokens too."""

    def take(outputs: Outputs) -> Tensor:
        x = outputs[name]
        return (x if x.ndim == 4 else _map(x))[:, ::32, ::step, ::step][..., :7, :7]

    return take


def _similarity(outputs: Outputs) -> Tensor:
    """Cosine of every two frames' masks, all queries at once, in the mean of all calls but the last."""
    flat = torch.stack([outputs[f"queries_mask_{i}"] for i in range(LAYERS)]).mean(0).flatten(1)
    return cosine_similarity(flat[:, None], flat[None], dim=-1)


def _moments(masks: Tensor) -> Tensor:
    return torch.stack([masks.mean((-2, -1)), masks.flatten(2).std(-1)], -1)


BEFORE: dict[str, Take] = {
    "init_bn_sub": lambda o: o["init_bn"][:, 0].mT[:, ::8, ::8],
    "patch_embed_sub": lambda o: o["patch_embed"][:, ::32],
    "ced_meanstd": lambda o: torch.stack([o["ced"].mean(), o["ced"].std()]),
    "ced_sub": lambda o: o["ced"][:, ::3, ::16],
    "taa_match_map_mean": lambda o: o["time_map"][0] * sqrt(HEAD),
    "audio_tokens_sub": lambda o: o["audio_tokens"][:, ::6, ::16],
    **{f"{k}_{n}_sub": _corner(f"{k}_{n}", 8 >> i) for k in ("visual_project", "tva") for i, n in enumerate(STAGES)},
    **{f"encoder_level{i}_sub": _corner(f"encoder_level{i}", 1 << i) for i in range(3)},
    "mask_features_sub": lambda o: o["mask_feature"][:, ::32, ::8, ::8],
    "osa_in_sub": lambda o: o["osa_in"][:, ::32, ::2, ::2],
    "osa_visual_sub": lambda o: _map(o["osa_visual"])[:, ::32, ::2, ::2],
    "osa_audio_sub": lambda o: o["osa_audio"][:, ::6, ::16],
    "call0_masks_sub": lambda o: o["queries_mask_0"][:, ::12, ::8, ::8],
    "call1_masks_sub": lambda o: o["queries_mask_1"][:, ::12, ::8, ::8],
}
GATES: dict[str, Take] = {f"{k}_sub": lambda o, k=k: o[k][:, 0, ::16] for k in SCALES}  # type: ignore[misc]
DECODED: dict[str, Take] = {
    "aux_logits_sub": lambda o: torch.stack([o[f"queries_class_{i}"][:, ::12] for i in range(LAYERS)]),
    "pred_logits": lambda o: o[f"queries_class_{LAYERS}"],
    "pred_masks": lambda o: o[f"queries_mask_{LAYERS}"][:, ::6, ::4, ::4],
    "pred_masks_stat": lambda o: _moments(o[f"queries_mask_{LAYERS}"]),
    "sem_seg": lambda o: o["sem_seg"][..., ::4, ::4],
    "frame_similarity": _similarity,
}


def checks(maskiges: bool) -> dict[str, Check]:
    before = BEFORE | (GATES if maskiges else {})
    return {k: Check(take=t, measure=spread) for k, t in before.items()} | {
        k: Check(take=t, measure=spread, tolerance=CHEAP) for k, t in DECODED.items()
    }


def notes(outputs: Outputs, wanted: Mapping[str, Array]) -> str:
    """Blocked keys a query, which may differ by single bits, and all masks in half precision, if they are there."""
    lines = []
    if "attn_masked_count" in wanted:
        counts = torch.stack([(outputs[f"attention_mask_{i}"] < 0).sum(-1) for i in range(LAYERS)]).numpy()
        apart = np.abs(counts - wanted["attn_masked_count"][:LAYERS])
        lines.append(f"{int(apart.sum())} bits of the attention masks differ, in {int((apart > 0).sum())} rows")
    if "masks_f16/pred_masks" in wanted:
        masks = outputs[f"queries_mask_{LAYERS}"][..., ::4, ::4].numpy()
        lines.append(f"all masks: {spread(masks.astype(float), wanted['masks_f16/pred_masks'].astype(float)):.1e}")
    return "; ".join(lines)


def _case(spec: str, maskiges: bool) -> Case:
    return Case(
        module=partial(network, spec),
        keys=CORE,
        checks=checks(maskiges),
        inputs=partial(inputs, maskiges),
        notes=notes,
    )


CASES: dict[str, Case] = {
    "av2ts_core_r50": _case("r50_maskiges", True),
    "av2ts_core_r50_nopresam": _case("r50", False),
}
