"""EfficientNet-Lite0 (Tan & Le 2019, without squeeze-and-excitation and with ReLU6), with timm's names.

image [3, H, W] -> stem 3x3 / 2 -> blocks.0 to blocks.6; the features are those of blocks 1, 2, 4 and 6: strides 4, 8,
16, 32 with 24, 40, 112, 320 channels. An inverted residual widens by 1x1, filters each channel, narrows by 1x1:

    y = bn3(conv_pwl(relu6(bn2(conv_dw(relu6(bn1(conv_pw x))))))),  plus x where the shapes agree

Two variants: ``efficientnet_lite0`` pads k // 2 on all sides; ``tf_efficientnet_lite0`` pads as TensorFlow does, for
ceil(n / stride) outputs with the odd row and column at the end, and its norms add 1e-3 to the variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from graph.backbones.kinds import After, Backbone, unchanged
from graph.graph import Graph
from graph.ops import Act, Add, Conv, Norm, Pad
from graph.spec import BaseSpec

STEM = 32
EXPANSION = 6
CEILING = 6.0


@dataclass(frozen=True)
class Row:
    """One row of the table of stages: ``repeats`` blocks, the first with the stride."""

    repeats: int
    kernel: int
    stride: int
    cout: int
    feature: bool = False


ROWS = (
    Row(1, 3, 1, 16),  # without the widening 1x1
    Row(2, 3, 2, 24, feature=True),
    Row(2, 5, 2, 40, feature=True),
    Row(3, 3, 2, 80),
    Row(3, 5, 1, 112, feature=True),
    Row(4, 5, 2, 192),
    Row(1, 3, 1, 320, feature=True),
)


@dataclass(frozen=True)
class Variant:
    same: bool  # TensorFlow's "same" padding
    eps: float

    def conv(self, g: Graph, name: str, x: str, cout: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> str:
        cin, *lengths = g[x].shape
        padding = kernel // 2
        if self.same and stride > 1:
            sides = {same_padding(n, kernel, stride) for n in lengths}
            if len(sides) > 1:
                raise ValueError(
                    f"node '{name}' needs different padding along {lengths[0]} rows and {lengths[1]} columns"
                )
            padding, ((before, after),) = 0, sides
            x = g(f"{name}_pad", Pad(before=before, after=after), x)
        size = (kernel, kernel)
        return g(name, Conv(cin=cin, cout=cout, kernel=size, stride=stride, padding=padding, groups=groups), x)

    def norm(self, g: Graph, name: str, x: str) -> str:
        return g(name, Norm(form="batch", channels=g[x].shape[0], axis=0, eps=self.eps), x)

    def norm_act(self, g: Graph, number: int, x: str) -> str:
        """bn{number}, then ReLU6."""
        return g(f"act{number}", Act(fn="relu", axis=0, ceiling=CEILING), self.norm(g, f"bn{number}", x))


VARIANTS = {"efficientnet_lite0": Variant(same=False, eps=1e-5), "tf_efficientnet_lite0": Variant(same=True, eps=1e-3)}


def same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after, so that ceil(length / stride) windows fit."""
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


def _block(g: Graph, x: str, row: Row, stride: int, widen: bool, variant: Variant) -> str:
    cin, narrow, last = g[x].shape[0], "conv_pw", 2
    y = x
    if widen:
        y = variant.norm_act(g, 1, variant.conv(g, "conv_pw", y, cin * EXPANSION))
        narrow, last = "conv_pwl", 3
    hidden = g[y].shape[0]
    y = variant.norm_act(g, last - 1, variant.conv(g, "conv_dw", y, hidden, row.kernel, stride, hidden))
    y = variant.norm(g, f"bn{last}", variant.conv(g, narrow, y, row.cout))
    return g("add", Add(), y, x) if g[y].shape == g[x].shape else y


def efficientnet(g: Graph, image: str, spec: BaseSpec, after: After = unchanged, *, variant: Variant) -> list[str]:
    features: list[str] = []
    x = variant.norm_act(g, 1, variant.conv(g, "conv_stem", image, STEM, 3, 2))
    for stage, row in enumerate(ROWS):
        for i in range(row.repeats):
            with g.scope(f"blocks.{stage}.{i}"):
                x = _block(g, x, row, 1 if i else row.stride, stage > 0, variant)
        if row.feature:
            x = after(len(features), x)
            features.append(x)
    return features


EFFICIENTNET: dict[str, Backbone] = {name: partial(efficientnet, variant=variant) for name, variant in VARIANTS.items()}
