"""AV2TS: its size, what it puts out, what time mixes and what it does not, and its arithmetic against plain torch."""

from dataclasses import replace
from math import sqrt

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ann import ANN
from graph.graph import Graph
from graph.lower import lower, observe
from graph.models import build, spec_of
from graph.models.av2ts import AV2TS_SPECS, core
from graph.ops import Downsample, Drop, Input, Mask, Score
from graph.trainable import by_part, trained
from layers.consts import sine_positions
from layers.views import downsample

SOFTMAX = replace(
    AV2TS_SPECS["full"],
    image=64,
    frozen=(),
    backbone="tiny",
    widths=(8, 8, 8, 8),
    audio_patch=32,
    audio_dim=16,
    audio_depth=1,
    audio_heads=2,
    hidden=16,
    heads=2,
    points=2,
    encoder_layers=1,
    encoder_ffn=16,
    osa_layers=1,
    osa_stride=4,
    decoder_layers=5,
    decoder_ffn=16,
)
CLIPS = 2
# Official counts by part, and what of them nothing reads; a batch norm's table is no parameter there.
PARTS = {
    "scale_factor_module": 700_400,
    "audio": 9_696_527 - 135_951 + 128,
    "visual_project": 986_112,
    "time_visual_attn_blocks": 2_632_704,
    "time_visual_norm": 2_048,
    "pixel_decoder": 7_084_736 - 919_808 - 1_048_832,
    "fusion_module": 3_442_688,
    "predictor": 19_193_859,
}
TEMPORAL = 2_630_656
CORE, DEAD, BUFFERS = 46_369_730, 135_951 + 919_808 + 1_048_832, 128


def core_graph(spec, channels=(256, 512, 1024, 2048)):
    g = Graph(name="core")
    shapes = [(c, spec.image // s, spec.image // s) for c, s in zip(channels, spec.strides, strict=True)]
    features, extra = ([g(f"{p}{i}", Input(dims=d)) for i, d in enumerate(shapes)] for p in ("res", "pre"))
    core(g, features, g("logmel", Input(dims=(1, 96, 64))), spec, extra if spec.maskiges else None)
    return g


def clips(spec, count=CLIPS, seed=0):
    random = torch.Generator().manual_seed(seed)
    rows = count * spec.frames
    made = {"image": torch.rand(rows, 3, spec.image, spec.image, generator=random)}
    made["logmel"] = torch.randn(rows, 1, 96, 64, generator=random)
    if spec.maskiges:
        made["maskige"] = torch.rand(rows, 3, spec.image, spec.image, generator=random)
    return made


@pytest.fixture(scope="module")
def softmax():
    torch.manual_seed(0)
    return lower(build("av2ts", SOFTMAX), ANN).eval()


@pytest.fixture(scope="module")
def values(softmax):
    seen = {}
    observe(softmax, clips(SOFTMAX), lambda node, inputs, value: seen.__setitem__(node.name, value))
    return seen


def test_parameters_are_the_official_ones():
    g = core_graph(AV2TS_SPECS["r50_maskiges"])
    counted = by_part(g)
    assert {k: counted[k] for k in PARTS} == PARTS
    assert sum(n for k, n in counted.items() if k.startswith(("time_attn", "time_norm", "audio_linear"))) == TEMPORAL
    assert g.parameters() == CORE - DEAD + BUFFERS
    assert core_graph(AV2TS_SPECS["r50"]).parameters() == 45_669_330 - DEAD + BUFFERS


@pytest.mark.parametrize("name", ["r50", "r50_maskiges", "full"])
def test_frozen_parts_exist(name):
    spec = AV2TS_SPECS[name]
    found = trained(build("av2ts", spec), spec.frozen)
    convolutions, norms = 23_454_912, 2 * 26_560
    backbones = (1 + spec.maskiges) * (name != "full")
    assert found.frozen == PARTS["audio"] + backbones * norms
    if backbones:
        head = 45_669_330 - DEAD + BUFFERS - PARTS["audio"] + spec.maskiges * PARTS["scale_factor_module"]
        assert found.trainable == backbones * convolutions + head


def test_outputs():
    spec = spec_of("av2ts", "full")
    g = build("av2ts", spec)
    assert g[g.outputs["mask"]].shape == (1, 224, 224) and g[g.outputs["sem_seg"]].shape == (2, 224, 224)
    assert g[g.outputs["mask_feature"]].shape == (256, 56, 56) and g[g.outputs["audio_token"]].shape == (1, 256)
    for k in range(spec.decoder_layers + 1):
        assert g[g.outputs[f"queries_class_{k}"]].shape == (96, 3)
        assert g[g.outputs[f"queries_mask_{k}"]].shape == (96, 56, 56)
    assert f"queries_class_{spec.decoder_layers + 1}" not in g.outputs
    assert all(g[n].op.training == (name != "mask") for name, n in g.outputs.items())
    semantic = build("av2ts", replace(SOFTMAX, classes=7))
    assert semantic[semantic.outputs["mask"]].shape == (7, 64, 64)
    assert semantic[semantic.outputs["queries_class_0"]].shape == (24, 8)


def test_only_the_backbone_drops():
    drops = [n for n, v in build("av2ts", "full").nodes.items() if isinstance(v.op, Drop)]
    assert len(drops) == 2 * 51 and all(n.startswith("backbone.") for n in drops)  # the first block's rate is 0
    assert not [
        v for v in build("av2ts", spec_of("av2ts", "full", drop_path=False)).nodes.values() if isinstance(v.op, Drop)
    ]


def test_the_mask_alone_carries_no_training_output():
    """Twelve of the thirteen masks in full size serve the loss only."""
    alone, whole = build("av2ts", "full").pruned(["mask"]), build("av2ts", "full")
    full_size = [n for n, v in whole.nodes.items() if n.endswith(".masks")]
    assert len(full_size) == 13 and [n for n in full_size if n in alone] == ["predictor.heads.12.masks"]
    assert alone.parameters() == whole.parameters()


def test_the_heads_share_one_set_of_weights(softmax):
    keys = [k for k in softmax.state_dict() if "heads" in k]
    assert not keys
    g = softmax.graph
    users = [n for n, v in g.nodes.items() if v.weights == "predictor.class_embed"]
    assert len(users) == SOFTMAX.decoder_layers + 1
    assert [k for k in softmax.state_dict() if "class_embed" in k] == [f"predictor.class_embed.{p}" for p in WB]


WB = ("weight", "bias")


def test_a_binary_mask_is_the_difference_of_the_classes(softmax):
    found = softmax(**clips(SOFTMAX))
    sem, mask = found["sem_seg"], found["mask"]
    assert torch.allclose(mask[:, 0], sem[:, 1] - sem[:, 0], atol=1e-5)
    last = SOFTMAX.decoder_layers
    shares = found[f"queries_class_{last}"].softmax(-1)[..., :2]
    up = F.interpolate(found[f"queries_mask_{last}"], scale_factor=4, mode="bilinear").sigmoid()
    assert torch.allclose(sem, torch.einsum("bqc,bqhw->bchw", shares, up), atol=1e-5)


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6), st.integers(0, 10**6))
def test_head_and_resize_commute(half, size, queries, seed):
    """down(e F) = e down(F), and down is torch's bilinear interpolation at an integer divisor."""
    divisor = 2 * half
    random = torch.Generator().manual_seed(seed)
    feature = torch.randn(2, 3, size * divisor, size * divisor, generator=random, dtype=torch.float64)
    embedded = torch.randn(2, queries, 3, generator=random, dtype=torch.float64)
    made = downsample(Downsample(divisor=divisor))
    after = F.interpolate(torch.einsum("bqc,bchw->bqhw", embedded, feature), (size, size), mode="bilinear")
    before = torch.einsum("bqc,bchw->bqhw", embedded, made.fn(feature, *made.args))
    assert torch.allclose(before, after, atol=1e-12)


@pytest.mark.parametrize("key", ["image", "logmel"])
@pytest.mark.parametrize("spec", [SOFTMAX, replace(AV2TS_SPECS["tiny"], image=32)], ids=["softmax", "tiny"])
def test_clips_keep_to_themselves(spec, key):
    """A frame changes its own clip's other frames, and no other clip."""
    torch.manual_seed(0)
    module = lower(build("av2ts", spec).pruned(["mask_feature"]), ANN).eval()
    batch = clips(spec)
    other = dict(batch) | {key: batch[key].clone()}
    other[key][1] = other[key][1].flip(-1)
    moved = (module(**batch)["mask_feature"] - module(**other)["mask_feature"]).abs().flatten(1).amax(1)
    f = spec.frames
    assert not moved[f:].any() and (moved[:f] > 0).all()


def test_frames_are_in_the_clips_order(softmax):
    """Reversing time reverses the output: there is no code of time, and attention is among frames."""
    batch = clips(SOFTMAX, 1)
    forth = softmax(**batch)["mask_feature"]
    back = softmax(**{k: v.flip(0) for k, v in batch.items()})["mask_feature"]
    assert torch.allclose(forth, back.flip(0), atol=1e-4)


def linear(module, name, x):
    layer = module.get_submodule(name)
    return F.linear(x, layer.weight, layer.bias)


def normed(module, name, x):
    return module.get_submodule(name)(x)


def heads(x, count=SOFTMAX.heads):
    return x.unflatten(-1, (count, -1)).transpose(-2, -3)


def temporal_block(module, name, x):
    """x [N, F, A] -> its output, norm1 of it, and q k^T without a scale."""
    y = normed(module, f"{name}.norm1", x)
    q, k, v = (heads(part) for part in linear(module, f"{name}.attn.qkv", y).chunk(3, -1))
    raw = q @ k.mT
    mixed = (raw / sqrt(q.shape[-1])).softmax(-1) @ v
    x = x + linear(module, f"{name}.attn.proj", mixed.transpose(-2, -3).flatten(-2))
    z = linear(module, f"{name}.mlp.fc1", normed(module, f"{name}.norm2", x))
    return x + linear(module, f"{name}.mlp.fc2", F.gelu(z)), y, raw


@torch.no_grad()
def test_time_against_torch(softmax, values):
    """One clip at a time, every patch of the log-mel and every pixel a series of its own."""
    f = SOFTMAX.frames
    for clip in range(CLIPS):
        rows = slice(clip * f, clip * f + f)
        tokens = values["audio.norm"][rows]
        x, groups = tokens.transpose(0, 1), [linear(softmax, "audio_linear1", tokens)]
        for i in (1, 2, 3):
            x, y, raw = temporal_block(softmax, f"time_attn_blocks_{i}", x)
            if i > 1:
                groups.append(linear(softmax, f"audio_linear{i}", y.transpose(0, 1)))
        groups.append(linear(softmax, "audio_linear4", normed(softmax, "time_norm", x).transpose(0, 1)))
        assert torch.allclose(values["audio_tokens"][rows], torch.cat(groups, 1), atol=1e-5)
        weights = (raw.mean(0) / sqrt(SOFTMAX.hidden / SOFTMAX.heads)).softmax(-1)
        for level in range(4):
            x = values[f"visual_project.{level}.1"][rows].flatten(2).permute(2, 0, 1)
            name = f"time_visual_attn_blocks.{level}"
            v = heads(linear(softmax, f"{name}.attn.v", normed(softmax, f"{name}.norm1", x)))
            x = x + linear(softmax, f"{name}.attn.proj", (weights @ v).transpose(-2, -3).flatten(-2))
            z = linear(softmax, f"{name}.mlp.fc1", normed(softmax, f"{name}.norm2", x))
            x = normed(softmax, f"time_visual_norm.{level}", x + linear(softmax, f"{name}.mlp.fc2", F.gelu(z)))
            assert torch.allclose(values[f"visual_map.{level}"][rows].flatten(2).permute(2, 0, 1), x, atol=1e-5)


def multihead(module, name):
    made = nn.MultiheadAttention(SOFTMAX.hidden, SOFTMAX.heads, batch_first=True)
    state = module.state_dict()
    for kind in WB:
        packed = torch.cat([state[f"{name}.{n}_proj.{kind}"] for n in "qkv"])
        getattr(made, f"in_proj_{kind}").data.copy_(packed)
        getattr(made.out_proj, kind).data.copy_(state[f"{name}.out_proj.{kind}"])
    return made.eval()


@torch.no_grad()
def test_decoder_against_torch(softmax, values):
    """Layer by layer with torch's attention, the masks resized, and blocked where their sigmoid is below a half."""
    found = softmax(**clips(SOFTMAX))
    state = softmax.state_dict()
    level, embed = state["predictor.level_embed.weight"], state["predictor.query_embed.weight"]
    sizes = (2, 4, 8, 4)
    memories = [values[f"pixel_decoder.memory.{i}"] for i in range(3)] + [values["fusion_module.b_attn.v_fused"]]
    x = values["fusion_module.b_attn.a_fused"] + state["predictor.query_feat.weight"]
    for i in range(SOFTMAX.decoder_layers):
        n = i % 4
        logits = F.interpolate(found[f"queries_mask_{i}"], (sizes[n], sizes[n]), mode="bilinear").flatten(2)
        blocked = logits.sigmoid() < 0.5
        assert blocked.any() and not blocked.all()
        blocked &= ~blocked.all(-1, keepdim=True)
        value = memories[n] + level[n]
        key = value + sine_positions(sizes[n], sizes[n], SOFTMAX.hidden, normalised=True)
        layer = f"predictor.transformer_cross_attention_layers.{i}"
        attend = multihead(softmax, f"{layer}.multihead_attn")
        mask = blocked.repeat_interleave(SOFTMAX.heads, 0)
        x = normed(softmax, f"{layer}.norm", x + attend(x + embed, key, value, attn_mask=mask)[0])
        layer = f"predictor.transformer_self_attention_layers.{i}"
        own = x + embed
        x = normed(softmax, f"{layer}.norm", x + multihead(softmax, f"{layer}.self_attn")(own, own, x)[0])
        layer = f"predictor.transformer_ffn_layers.{i}"
        hidden = linear(softmax, f"{layer}.linear1", x).relu()
        x = normed(softmax, f"{layer}.norm", x + linear(softmax, f"{layer}.linear2", hidden))
        classes = linear(softmax, "predictor.class_embed", normed(softmax, "predictor.decoder_norm", x))
        assert torch.allclose(found[f"queries_class_{i + 1}"], classes, atol=1e-4), i


def test_every_masked_attention_has_its_own_mask():
    g = build("av2ts", "full")
    masks = [v for v in g.nodes.values() if isinstance(v.op, Mask)]
    assert len(masks) == 12 and all(isinstance(g[r].op, Score) for v in masks for r in g.consumers()[v.name])
    sizes = [g[v.name].shape for v in masks]
    assert sizes == [(8, 96, m) for m in (49, 196, 784, 196)] * 3


@pytest.mark.parametrize("name", ["tiny", "full"])
def test_maskiges_are_a_third_input(name):
    spec = replace(AV2TS_SPECS["tiny"], image=32, maskiges=True) if name == "tiny" else AV2TS_SPECS["maskiges"]
    g = build("av2ts", spec)
    with_them = {n.split(".")[0] for n in g} - {n.split(".")[0] for n in build("av2ts", replace(spec, maskiges=False))}
    assert with_them == {"maskige", "pre_backbone", "scale_factor_module"}
    assert g["maskige"].op == g["image"].op
