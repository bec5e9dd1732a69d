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
PVT = KeyMap("miavs", (*pvt_rules("backbone.", "backbone."), *SHARED, *FUSION), UNUSED)
