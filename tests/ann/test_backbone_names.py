"""Names of image and audio networks inside official files: each rule set is the inverse of how others call ours."""

from __future__ import annotations

import re

import pytest
import torch

from ann import ANN
from ann.checkpoints import backbones
from ann.checkpoints.keymap import KeyMap, translate
from graph.backbones import BACKBONES
from graph.graph import Graph
from graph.lower import lower
from graph.ops import Input
from graph.spec import BaseSpec


def ours(name: str) -> dict[str, torch.Tensor]:
    """The keys of a backbone under ``backbone.``, without memory behind them."""
    g = Graph(name=name)
    image = g("image", Input(dims=(3, 64, 64)))
    with torch.device("meta"), g.scope("backbone"):
        for i, value in enumerate(BACKBONES[name](g, image, BaseSpec())):
            g.output(f"feature{i}", value)
        return dict(lower(g, ANN).state_dict())


def pvt(key: str) -> str:
    key = re.sub(r"^patch_embed\.", "patch_embed1.", key)
    key = re.sub(r"^stages\.(\d)\.downsample\.", lambda m: f"patch_embed{int(m[1]) + 1}.", key)
    key = re.sub(r"^stages\.(\d)\.blocks\.", lambda m: f"block{int(m[1]) + 1}.", key)
    key = re.sub(r"^stages\.(\d)\.norm\.", lambda m: f"norm{int(m[1]) + 1}.", key)
    return key.replace("mlp.dwconv.", "mlp.dwconv.dwconv.")


def detectron(key: str) -> str:
    key = re.sub(r"^conv1\.", "stem.conv1.", key)
    key = re.sub(r"^bn1\.", "stem.conv1.norm.", key)
    key = re.sub(r"^layer(\d)", lambda m: f"res{int(m[1]) + 1}", key)
    key = re.sub(r"\.bn(\d)\.", r".conv\1.norm.", key)
    return key.replace("downsample.0.", "shortcut.").replace("downsample.1.", "shortcut.norm.")


def first_branch(key: str) -> str:
    return re.sub(r"^layer([34])\.", r"layer\1_1.", key)


@pytest.mark.parametrize("prefix", ["backbone.", "visual_encoder.", ""])
@pytest.mark.parametrize(
    ("name", "rules", "theirs"),
    [
        ("pvt_v2_b0", backbones.pvt_rules, pvt),
        ("pvt_v2_b2", backbones.pvt_rules, pvt),
        ("resnet50", backbones.resnet_rules, first_branch),
        ("resnet50", backbones.resnet_rules, str),
        ("resnet50", backbones.detectron_rules, detectron),
    ],
)
def test_every_key_finds_its_place(name, rules, theirs, prefix):
    """A tensor goes to the key that its name came from, whatever stands in front."""
    wanted = ours(name)
    official = {f"{prefix}{theirs(k.removeprefix('backbone.'))}": v for k, v in wanted.items()}
    assert len(official) == len(wanted)
    found = translate(official, KeyMap(name, rules(prefix, "backbone.")), wanted)
    assert list(found.state) == list(wanted)
    assert set(found.loaded) == set(official)


def test_the_dot_of_a_prefix_is_a_dot():
    assert re.fullmatch(backbones.resnet_rules("backbone.", "b.")[0].pattern, "backbone.conv1.weight")
    assert not re.fullmatch(backbones.resnet_rules("backbone.", "b.")[0].pattern, "backbone_conv1.weight")


def test_the_second_branch_is_named_dead():
    ((pattern, reason),) = backbones.resnet_unused("backbone.")
    assert re.fullmatch(pattern, "backbone.layer4_2.0.bn1.weight")
    assert not re.fullmatch(pattern, "backbone.layer4_1.0.bn1.weight")
    assert reason == "second branch, never run"
