"""ResNet-50 (He et al. 2016, the variant with the stride on the 3x3): timm's and torchvision's names.

image [3, H, W] -> stem 7x7 / 2, max pooling / 2 -> layer1 to layer4 at strides 4, 8, 16, 32 with 256 to 2048 channels.
Bottleneck: y = relu(bn3(conv3(relu(bn2(conv2(relu(bn1(conv1 x))))))) + shortcut(x)).
"""

from __future__ import annotations

from graph.backbones.kinds import After, unchanged
from graph.blocks import act
from graph.graph import Graph
from graph.ops import Add, Conv, Norm, Pool
from graph.spec import BaseSpec

DEPTHS = (3, 4, 6, 3)
WIDTHS = (64, 128, 256, 512)
EXPANSION = 4


def _conv_bn(g: Graph, conv: str, bn: str, x: str, cout: int, *, kernel: int = 1, stride: int = 1) -> str:
    """Always batch norm, whatever the spec's norm is: the pretrained statistics are of that kind."""
    op = Conv(cin=g[x].shape[0], cout=cout, kernel=(kernel, kernel), stride=stride, padding=kernel // 2)
    return g(bn, Norm(form="batch", channels=cout, axis=0), g(conv, op, x))


def _bottleneck(g: Graph, x: str, width: int, stride: int, spec: BaseSpec) -> str:
    cout = width * EXPANSION
    y = act(g, "act1", _conv_bn(g, "conv1", "bn1", x, width), spec, axis=0, fn="relu")
    y = act(g, "act2", _conv_bn(g, "conv2", "bn2", y, width, kernel=3, stride=stride), spec, axis=0, fn="relu")
    y = _conv_bn(g, "conv3", "bn3", y, cout)
    if stride > 1 or g[x].shape[0] != cout:
        x = _conv_bn(g, "downsample.0", "downsample.1", x, cout, stride=stride)
    return act(g, "act3", g("add", Add(), y, x), spec, axis=0, fn="relu")


def resnet50(g: Graph, image: str, spec: BaseSpec, after: After = unchanged) -> list[str]:
    features = []
    x = act(g, "act1", _conv_bn(g, "conv1", "bn1", image, WIDTHS[0], kernel=7, stride=2), spec, axis=0, fn="relu")
    x = g("maxpool", Pool(fn="max", kernel=3, stride=2, padding=1), x)
    for stage, (depth, width) in enumerate(zip(DEPTHS, WIDTHS, strict=True)):
        for i in range(depth):
            with g.scope(f"layer{stage + 1}.{i}"):
                x = _bottleneck(g, x, width, 2 if stage and i == 0 else 1, spec)
        x = after(stage, x)
        features.append(x)
    return features
