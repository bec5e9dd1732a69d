"""ETAVS's released checkpoints: one map a backbone. Their ``bridger.Fusers`` are our ``messenger``.

The sound's messages are read by the pixels and what was seen by the sound, so ``audio_query_proj`` belongs to
``deliver.visual``. Their mask layer is a 3x3 convolution; ours holds its taps, see graph/upsampled_conv.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ann.checkpoints.backbones import WB, pvt_rules, resnet_rules, resnet_unused, vggish_rules, vggish_unused
from ann.checkpoints.keymap import KeyMap, Part, Rule, rule, thirds

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Taps(Part):
    """A kernel [O, C, k, k] as [k k O, C, 1, 1]: its taps, row by row, each a 1x1 convolution."""

    def cut(self, tensor: Tensor) -> Tensor:
        return tensor.permute(2, 3, 0, 1).reshape(-1, tensor.shape[1], 1, 1)


FUSER = r"bridger\.Fusers\.(\d)\."
SIDES = (("audio", "audio", "vis"), ("vis", "visual", "audio"))  # theirs, ours, whose messages are delivered to it
FUSION = r"decoder\.fusion_block_(\d)\."


def _side(theirs: str, ours: str, other: str) -> tuple[Rule, ...]:
    collect, deliver = rf"messenger.\1.collect.{ours}.", rf"messenger.\1.deliver.{ours}."
    return (
        rule(rf"{FUSER}{theirs}_feat_proj\.{WB}", rf"{collect}feat_proj.\2"),
        rule(rf"{FUSER}{theirs}_norm\.{WB}", rf"{collect}norm.\2"),
        rule(rf"{FUSER}{other}_query_proj\.{WB}", rf"{deliver}message_proj.\2"),
        rule(rf"{FUSER}{ours}_q_proj\.{WB}", rf"{deliver}q_proj.\2"),
        rule(rf"{FUSER}{theirs}_out\.{WB}", rf"{deliver}out.\2"),
    )


def _packed(theirs: str, ours: str) -> tuple[Rule, ...]:
    """A torch MultiheadAttention; in both patterns and targets group 1 is the stage."""
    return (
        rule(rf"{theirs}in_proj_weight", *thirds(ours, "weight")),
        rule(rf"{theirs}in_proj_bias", *thirds(ours, "bias")),
        rule(rf"{theirs}out_proj\.{WB}", rf"{ours}out_proj.\2"),
    )


# Their stages count from 0 in the fusion blocks and from 1 in what stands behind them.
STAGED = tuple(
    rule(rf"decoder\.{theirs}_{stage + 1}\.{WB}", rf"decoder.{theirs}.{stage}.\1")
    for theirs in ("adapter", "layer", "audio_proj")
    for stage in range(4)
)
SHARED: tuple[Rule, ...] = (
    *vggish_rules("audio_encoder.", "audio."),
    rule(rf"{FUSER}intermediate_queries\.weight", r"messenger.\1.queries.weight"),
    rule(rf"{FUSER}intermediate_query_proj\.{WB}", r"messenger.\1.query_proj.\2"),
    *(r for side in SIDES for r in _side(*side)),
    *_packed(rf"{FUSER}self_attn\.", r"messenger.\1.exchange."),
    rule(rf"{FUSION}spatial_attn\.(kv_proj|norm)\.{WB}", r"decoder.fusion.\1.spatial_attn.\2.\3"),
    *_packed(rf"{FUSION}spatial_attn\.self_attn\.", r"decoder.fusion.\1.spatial_attn."),
    *_packed(rf"{FUSION}cross_attn\.", r"decoder.fusion.\1.cross_attn."),
    rule(rf"{FUSION}kv_proj\.{WB}", r"decoder.fusion.\1.cross_attn.kv_proj.\2"),
    rule(rf"{FUSION}norm([12])\.{WB}", r"decoder.fusion.\1.norm\2.\3"),
    rule(rf"{FUSION}ffn\.0\.{WB}", r"decoder.fusion.\1.ffn.linear1.\2"),
    rule(rf"{FUSION}ffn\.3\.{WB}", r"decoder.fusion.\1.ffn.linear2.\2"),
    *STAGED,
    rule(r"decoder\.mask_features\.weight", Taps("decoder.mask.taps.weight")),
    rule(r"decoder\.mask_features\.bias", "decoder.mask.bias"),
)
UNUSED = vggish_unused("audio_encoder.")
PVT = KeyMap("etavs", (*pvt_rules("visual_encoder.", "backbone."), *SHARED), UNUSED)
RESNET = KeyMap(
    "etavs",
    (*resnet_rules("visual_encoder.", "backbone."), *SHARED),
    (*UNUSED, *resnet_unused("visual_encoder.")),
)
