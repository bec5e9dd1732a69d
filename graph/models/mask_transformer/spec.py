"""``Spec``: what AVSegFormer and MI-AVS are made of, and their named specs; official values are the defaults.

"released" is the ANN whose neurons MI-AVS published: layer norms in front of all hidden activations and of the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from graph.spec import BaseSpec


@dataclass(frozen=True, kw_only=True)
class Spec(BaseSpec):
    """``queries``, ``query_layers``, ``query_ffn``: of the query generator. ``query_init``: of its tables; "small" lets
    the sound, not the table, decide what a query is from the first step on.
    ``queries_by_frame``: the table is handed to every frame before the first layer, so that batch norms see frames.
    ``early_audio``: the sound is also added to the encoder's tokens, so that its feed-forward layers can match it with
    what is seen.
    ``mlp``, ``mask_mlp_layers``: hidden width and depth of the MLP over the queries' similarity maps.
    ``mask_mlp_norms``: norms in it: none, in front of its hidden activations, or behind every layer.
    ``query_map_scale``: of the similarity maps.
    ``fc``: channels of the convolutions that make the mask. ``logit_bias``: the last of them has a bias.
    ``head_acts``: a norm and a ReLU in front of each 3x3 convolution of the mask feature and of ``fc`` that reads a
    real sum in the papers, so that it can read spikes.
    ``upsample_last``: predict at the resolution of the mask feature and interpolate the logits.
    ``critic``: hidden widths of MI-AVS's critic. ``joint_critic``: it reads pixel and sound in one matrix, as
    published, not in two. ``mean_pooling``: MI-AVS's sum over pixels is divided by their number, a power of two.
    ``gate_norm``: a norm in front of MI-AVS's gate.
    """

    spike_friendly: ClassVar[Mapping[str, Any]] = {
        **BaseSpec.spike_friendly,
        "query_init": "small",
        "queries_by_frame": True,
        "early_audio": True,
        "mask_mlp_layers": 2,
        "mask_mlp_norms": "every",
        "query_map_scale": 0.25,
        "logit_bias": True,
        "head_acts": True,
        "upsample_last": True,
        "mean_pooling": True,
    }

    mask_dim: int = 256
    queries: int = 300
    query_layers: int = 6
    query_ffn: int = 1024
    query_init: Literal["normal", "small"] = "normal"
    queries_by_frame: bool = False
    early_audio: bool = False
    encoder_layers: int = 6
    decoder_layers: int = 6
    ffn: int = 2048
    mlp: int = 2048
    mask_mlp_layers: int = 3
    mask_mlp_norms: Literal["none", "hidden", "every"] = "none"
    query_map_scale: float = 1.0
    fc: tuple[int, int] = (128, 32)
    logit_bias: bool = False
    head_acts: bool = False
    upsample_last: bool = False
    critic: tuple[int, int] = (128, 64)
    joint_critic: bool = False
    mean_pooling: bool = False
    gate_norm: bool = False


FULL = Spec()
TINY = Spec.small(
    mask_dim=24,
    queries=8,
    query_layers=1,
    query_ffn=96,
    encoder_layers=1,
    decoder_layers=1,
    ffn=96,
    mlp=24,
    fc=(16, 8),
    critic=(12, 6),
)
SPECS: dict[str, Spec] = {
    "full": FULL,
    "tiny": TINY,
    "small": replace(
        TINY, image=96, backbone="tf_efficientnet_lite0", audio_widths=(16, 32, 64, 64), audio_dim=64
    ),  # photographs
    "released": replace(FULL, hidden_norms=True, mask_mlp_norms="hidden", gate_norm=True, joint_critic=True),
    "micro": replace(TINY, image=32, widths=(4, 6, 8, 10), hidden=8),
}
