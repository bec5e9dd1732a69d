"""``classifier``: a backbone with the head that its ImageNet weights were trained with. image -> logits [classes].

Names begin at the root, so ``timm.create_model(name).state_dict()`` loads key by key: what is compared is the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from common.words import not_among
from graph.backbones import BACKBONES
from graph.backbones import efficientnet as lite
from graph.blocks import linear
from graph.graph import Graph
from graph.ops import Input, Reduce, View
from graph.spec import BaseSpec

Head = Callable[[Graph, str, int], str]
HIDDEN = 1280  # channels in front of EfficientNet-Lite0's classifier


def _pooled(g: Graph, feature: str, classes: int, *, name: str) -> str:
    """The mean over the map, then one Linear."""
    mean = g("pool", Reduce(fn="mean", axes=(-2, -1)), feature)
    return linear(g, name, g("pooled", View(pattern="c 1 1 -> c"), mean), classes)


def _lite(g: Graph, feature: str, classes: int, *, variant: lite.Variant) -> str:
    x = variant.norm_act(g, 2, variant.conv(g, "conv_head", feature, HIDDEN))
    return _pooled(g, x, classes, name="classifier")


HEADS: dict[str, Head] = {
    "resnet50": partial(_pooled, name="fc"),
    **{name: partial(_pooled, name="head") for name in BACKBONES if name.startswith("pvt_v2")},
    **{name: partial(_lite, variant=variant) for name, variant in lite.VARIANTS.items()},
}


def classifier(name: str, spec: BaseSpec | None = None, *, classes: int = 1000) -> Graph:
    """The graph of an image classifier on ``spec.image`` pixels, with one output, ``logits``."""
    if name not in HEADS:
        raise ValueError(not_among("backbone with a classifier", name, HEADS))
    spec = spec or BaseSpec(dropout=0.0)
    g = Graph(name=name)
    image = g("image", Input(dims=(3, spec.image, spec.image)))
    features = BACKBONES[name](g, image, spec)
    g.output("logits", HEADS[name](g, features[-1], classes))
    return g
