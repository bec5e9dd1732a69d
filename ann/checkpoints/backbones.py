"""Rules for the image and audio networks inside official files: their prefix -> ours, where names are timm's.

``pvt_rules`` reads the original PVT-v2 names; ``resnet_rules`` torchvision's, and those of the two-branch ResNet of
AVSBench, whose layer3_1 and layer4_1 are layer3 and layer4 and whose second branch nothing runs; ``vggish_rules``
torchvggish's.
"""

from __future__ import annotations

from re import escape

from ann.checkpoints.keymap import Rule, rule

WB = "(weight|bias)"
NORM = "(weight|bias|running_mean|running_var|num_batches_tracked)"
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
