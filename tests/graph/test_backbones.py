"""Image backbones are timm's, logit by logit, under timm's own keys; VGGish is its published recipe."""

from __future__ import annotations

from functools import cache

import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from timm.layers import calculate_drop_path_rates
from timm.layers.padding import get_same_padding
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ann import ANN, QANN
from graph.backbones import AUDIO, BACKBONES
from graph.backbones.classifier import HEADS, classifier
from graph.backbones.efficientnet import same_padding
from graph.graph import Graph
from graph.lower import lower
from graph.models import build, spec_of
from graph.ops import Act, Drop, Input, Norm, Score
from graph.passes import SpikeSpec, spikify
from graph.spec import BaseSpec

SMALL = ("resnet50", "pvt_v2_b0", "efficientnet_lite0", "tf_efficientnet_lite0")


def features(name: str, size: int = 64, after=None, **changes) -> tuple[Graph, list[str]]:
    """The backbone alone under ``backbone.``, its four features as outputs."""
    g = Graph(name=name)
    image = g("image", Input(dims=(3, size, size)))
    with g.scope("backbone"):
        hook = {} if after is None else {"after": lambda stage, value: after(g, stage, value)}
        found = BACKBONES[name](g, image, BaseSpec(**{"dropout": 0.0, **changes}), **hook)
    for i, value in enumerate(found):
        g.output(f"feature{i}", value)
    return g, found


@cache
def official(name: str) -> nn.Module:
    """timm's network with norms, biases and running statistics that are not those of a fresh one."""
    random = torch.Generator().manual_seed(0)
    model = timm.create_model(name, pretrained=False).eval()
    for key, value in model.state_dict().items():
        if key.endswith("running_var"):
            value.copy_(0.5 + torch.rand(value.shape, generator=random))
        elif value.is_floating_point() and value.ndim == 1:
            value.copy_(0.2 * torch.randn(value.shape, generator=random) + key.endswith("weight"))
        elif value.is_floating_point():
            value.copy_(torch.randn(value.shape, generator=random) * (2 / value[0].numel()) ** 0.5)
    return model


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("resnet50", 96),
        ("pvt_v2_b0", 100),
        ("pvt_v2_b2", 64),
        ("efficientnet_lite0", 75),
        ("efficientnet_lite0", 224),
        ("tf_efficientnet_lite0", 75),
        ("tf_efficientnet_lite0", 96),
    ],
)
def test_logits_are_timms(name, size):
    theirs = official(name)
    ours = lower(classifier(name, BaseSpec(image=size)), ANN).eval()
    assert set(ours.state_dict()) == set(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, expected = ours(image=image)["logits"], theirs(image)
    assert expected.std() > 0.1
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max().clamp(min=1)


@pytest.mark.parametrize("name", SMALL)
def test_epsilons_are_timms(name):
    """Too small to be seen in the logits of one image."""
    norms = {n.name: n.op.eps for n in classifier(name, BaseSpec(image=64)).nodes.values() if isinstance(n.op, Norm)}
    assert norms == {n: official(name).get_submodule(n).eps for n in norms}


@pytest.mark.parametrize("name", SMALL)
def test_parameters_and_products_are_timms(name):
    theirs, graph = official(name), classifier(name, BaseSpec(image=64))
    assert graph.parameters() == sum(p.numel() for p in theirs.parameters())
    fused = [m for m in theirs.modules() if hasattr(m, "fused_attn")]
    for module in fused:
        module.fused_attn = False  # a fused attention is not counted on every device
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        theirs(torch.zeros(1, 3, 64, 64))
    for module in fused:
        module.fused_attn = True
    assert sum(graph.macs(n) for n in graph.nodes.values()) == counter.get_total_flops() // 2


@pytest.mark.parametrize(("name", "millions"), [("resnet50", 23.5), ("pvt_v2_b5", 81.44)])
def test_parameters_without_the_classifier(name, millions):
    assert features(name)[0].parameters() / 1e6 == pytest.approx(millions, abs=0.02)


def test_resnet50_is_four_giga_products():
    graph, _ = features("resnet50", 224)
    assert sum(graph.macs(n) for n in graph.nodes.values()) == pytest.approx(4.09e9, rel=0.002)


@pytest.mark.parametrize("name", HEADS)
def test_features_are_at_strides_4_to_32(name):
    graph, found = features(name, 64)
    wanted = {"resnet50": (256, 512, 1024, 2048), "pvt_v2_b0": (32, 64, 160, 256)}
    lite = (24, 40, 112, 320)
    channels = lite if "lite0" in name else wanted.get(name, (64, 128, 320, 512))
    assert [graph[f].shape for f in found] == [
        (c, 64 // s, 64 // s) for c, s in zip(channels, (4, 8, 16, 32), strict=True)
    ]


@pytest.mark.parametrize("name", SMALL)
def test_the_next_stage_reads_what_after_returned(name):
    def mark(g: Graph, stage: int, value: str) -> str:
        return g(f"mark.{stage}", Act(fn="identity"), value)

    graph, found = features(name, after=mark)
    assert found == [f"backbone.mark.{i}" for i in range(4)]
    readers = graph.consumers()
    for stage in range(4):
        plain = graph[f"backbone.mark.{stage}"].args[0]
        assert readers[plain] == [f"backbone.mark.{stage}"]
        assert (set(readers[f"backbone.mark.{stage}"]) - {f"out_feature{stage}"} != set()) == (stage < 3)


def test_drop_path_grows_to_one_tenth():
    def rates(**changes) -> list[float]:
        graph, _ = features("pvt_v2_b2", **changes)
        drops = [n.op for n in graph.nodes.values() if isinstance(n.op, Drop)]
        assert all(d.path for d in drops)
        return [d.p for d in drops]

    wanted = [p for stage in calculate_drop_path_rates(0.1, [3, 4, 6, 3], stagewise=True) for p in stage]
    assert rates(dropout=0.1) == pytest.approx([p for p in wanted[1:] for _ in range(2)])
    assert rates(dropout=0.0) == []


@pytest.mark.parametrize("name", SMALL)
def test_a_spiking_backbone_adds_sites_only_and_runs(name):
    graph, _ = features(name)
    spiking = spikify(graph, SpikeSpec(score="linear"))
    assert not [n for n in spiking.nodes.values() if isinstance(n.op, Score)]
    module = lower(spiking, QANN).eval()
    keys, plain = set(module.state_dict()), set(lower(graph, ANN).state_dict())
    assert plain <= keys
    assert all(k.startswith("sites.") for k in keys - plain)
    with torch.no_grad():
        found = module(image=torch.rand(1, 3, 64, 64))
    assert all(value.isfinite().all() for value in found.values())


def test_a_ceiling_clips_every_relu_of_resnet50():
    graph, _ = features("resnet50", ceiling=4.0)
    assert {n.op.ceiling for n in graph.nodes.values() if isinstance(n.op, Act)} == {4.0}


@given(st.integers(1, 300), st.sampled_from((1, 3, 5, 7)), st.integers(1, 4))
def test_same_padding_gives_ceil_of_length_over_stride(length, kernel, stride):
    before, after = same_padding(length, kernel, stride)
    assert before <= after <= before + 1
    assert before + after == get_same_padding(length, kernel, stride, 1)
    assert (length + before + after - kernel) // stride + 1 == -(-length // stride)


def test_same_padding_wants_rows_and_columns_alike():
    g = Graph()
    image = g("image", Input(dims=(3, 64, 65)))
    with pytest.raises(ValueError, match="'conv_stem' needs different padding along 64 rows and 65 columns"):
        BACKBONES["tf_efficientnet_lite0"](g, image, BaseSpec())


def test_an_unknown_classifier_is_named():
    with pytest.raises(ValueError, match="backbone with a classifier is 'tiny', expected one of resnet50, "):
        classifier("tiny")


def reference_vggish(logmel: Tensor, state: dict[str, Tensor]) -> Tensor:
    """The published recipe on plain functions: time, mel and channel in that order when flattened."""
    x = logmel
    for number in (0, 3, 6, 8, 11, 13):
        x = torch.conv2d(x, state[f"features.{number}.weight"], state[f"features.{number}.bias"], padding=1).relu()
        if number not in (6, 11):
            x = torch.max_pool2d(x, 2)
    assert x.shape[1:] == (512, 6, 4)
    x = x.movedim(1, -1).flatten(1)
    for number in (0, 2, 4):
        x = (x @ state[f"embeddings.{number}.weight"].T + state[f"embeddings.{number}.bias"]).relu()
    return x[:, None]


def test_vggish_is_its_recipe():
    g = Graph(name="vggish")
    g.output("token", AUDIO["vggish"](g, g("logmel", Input(dims=(1, 96, 64))), BaseSpec()))
    assert g.parameters() == 72_141_184
    module = lower(g, ANN).eval()
    with torch.no_grad():
        for key, value in module.named_parameters():
            if key.endswith("bias"):
                value.normal_(std=0.05)
        logmel = torch.randn(2, 1, 96, 64)
        found, expected = module(logmel=logmel)["token"], reference_vggish(logmel, module.state_dict())
    assert found.shape == (2, 1, 128)
    assert expected.std() > 1e-3
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-5 * float(expected.max()))


@pytest.mark.parametrize("family", ["avsegformer", "miavs", "etavs", "av2ts", "qsd"])
def test_a_small_head_takes_a_published_backbone(family):
    """Whose first map is a quarter of the picture, where the small net's is a half."""
    graph = build(family, spec_of(family, "tiny", image=96, backbone="efficientnet_lite0"))
    assert graph[graph.outputs["mask"]].shape == (1, 96, 96)
