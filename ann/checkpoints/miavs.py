"""MI-AVS's checkpoints. fc1 of a concatenation is two layers here, so its matrix is cut in two: pixels, then sound."""

from __future__ import annotations

from ann.checkpoints.backbones import pvt_rules
from ann.checkpoints.keymap import KeyMap, Part, Rule, rule
from ann.checkpoints.mask_transformer import SHARED, UNUSED, WB

MINE = "head.fusion_block.mine."
FUSION: tuple[Rule, ...] = (
    rule(
        r"head\.fusion_block\.mine\.fc1\.weight",
        Part(f"{MINE}fc1_pixels.weight", 0, 2, 1),
        Part(f"{MINE}fc1_audio.weight", 1, 2, 1),
    ),
    rule(r"head\.fusion_block\.mine\.fc1\.bias", f"{MINE}fc1_pixels.bias"),
    rule(rf"head\.fusion_block\.mine\.(fc[23])\.{WB}", rf"{MINE}\1.\2"),
    rule(rf"head\.fusion_block\.proj\.{WB}", r"head.fusion_block.proj.\1"),
)
RELEASED: tuple[Rule, ...] = (
    rule(rf"head\.fusion_block\.mine\.fc1\.{WB}", rf"{MINE}fc1.\1"),
    rule(
        rf"head\.transformer\.(encoder|decoder)\.layers\.(\d+)\.pre_activation_norm\.{WB}",
        r"head.transformer.\1.layers.\2.hidden_norm.\3",
    ),
    rule(rf"head\.query_generator\.layers\.(\d+)\.ffn\.1\.{WB}", r"head.query_generator.layers.\1.ffn.hidden_norm.\2"),
    rule(rf"head\.query_generator\.layers\.(\d+)\.ffn\.3\.{WB}", r"head.query_generator.layers.\1.ffn.linear2.\2"),
    rule(rf"head\.mlp\.norms\.([01])\.{WB}", r"head.mlp.layers.hidden_norm\1.\2"),
    rule(rf"head\.fusion_block\.mine\.norm([12])\.{WB}", rf"{MINE}norm\1.\2"),
    rule(rf"head\.fusion_block\.pre_spike_norm\.{WB}", r"head.fusion_block.gate_norm.\1"),
    rule(rf"head\.fc\.3\.{WB}", r"head.fc.norm2.\1"),
    rule(r"head\.fc\.5\.weight", "head.fc.4.weight"),
)
SITES = ((r"sites\..*", "the neurons' step, which is 1 in the published network"),)
PVT = KeyMap("miavs", (*pvt_rules("backbone.", "backbone."), *SHARED, *FUSION), UNUSED)
SNN = KeyMap(
    "miavs", (*RELEASED, *pvt_rules("backbone.", "backbone."), *SHARED, *FUSION), UNUSED, (*KeyMap.own, *SITES)
)
