"""AVSegFormer (Gao et al., AAAI 2024): the mask transformer with a cross-modal mixer.

The sound attends to the flattened mask feature, and what it reads becomes a gate on the feature's channels.
"""

from __future__ import annotations

from graph.blocks import attended, linear
from graph.blocks.deformable import TOKENS
from graph.graph import Graph
from graph.models.mask_transformer import Fused, Spec, build
from graph.ops import Gate, Mul, View


def mixer(g: Graph, feature: str, audio: str, spec: Spec) -> Fused:
    """gate = sigmoid(proj(attended(audio, pixels)));  feature * gate."""
    pixels = g("pixels", View(pattern=TOKENS), feature)
    if spec.hidden != spec.mask_dim:
        pixels = linear(g, "pixel_proj", pixels, spec.hidden, bias=False)
    mixed = attended(g, audio, pixels, spec, bias=False, drop=False)
    gate = g("gate", Gate(fn=spec.gate), linear(g, "proj", mixed, spec.mask_dim))
    gate = g("channels", View(pattern="1 c -> c 1 1"), gate)
    return Fused(g("gated", Mul(), feature, gate), {})


def avsegformer(spec: Spec) -> Graph:
    return build("avsegformer", spec, mixer)
