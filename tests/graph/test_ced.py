"""CED: its size, the order of its tokens, and its arithmetic against plain torch."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ann import ANN
from graph.backbones import AUDIO
from graph.graph import Graph
from graph.lower import lower
from graph.models.av2ts import AV2TS_SPECS
from graph.ops import Input
from graph.passes import lint, spikify

FULL, TINY = AV2TS_SPECS["full"], AV2TS_SPECS["tiny"]
SMALL = replace(FULL, audio_dim=16, audio_depth=2, audio_heads=2)
OFFICIAL, CLASSIFIER, BUFFERS = 9_696_527, 135_951, 2 * 64  # the first batch norm's table is no parameter there


def network(spec):
    g = Graph(name="ced")
    logmel = g("logmel", Input(dims=(1, 96, 64)))
    with g.scope("audio"):
        g.output("tokens", AUDIO["ced_mini"](g, logmel, spec))
    return g


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    module = lower(network(SMALL), ANN).eval()
    bn = module.get_submodule("audio.init_bn")
    bn.running_mean.normal_()
    bn.running_var.uniform_(0.5, 2)
    return module


def test_size():
    g = network(FULL)
    assert g[g.outputs["tokens"]].shape == (24, 256)
    assert g.parameters() == OFFICIAL - CLASSIFIER + BUFFERS
    assert g["audio.time_pos_embed"].shape == (256, 1, 63)  # as it is stored
    assert network(TINY)["out_tokens"].shape == (TINY.sounds, TINY.audio_dim) == (6, 48)


def reference(state, logmel, heads=2, eps=1e-6):
    """[B, 1, 96, 64] -> [B, 24, A], written with torch's own functions on the same weights."""
    s = {k.removeprefix("audio."): v for k, v in state.items()}
    bn = [s[f"init_bn.{n}"] for n in ("running_mean", "running_var", "weight", "bias")]
    x = F.batch_norm(logmel[:, 0].mT, *bn)[:, None]
    x = F.conv2d(x, s["patch_embed.proj.weight"], s["patch_embed.proj.bias"], stride=16)
    x = (x + s["time_pos_embed"][..., :6] + s["freq_pos_embed"]).flatten(2).mT
    width = x.shape[-1]

    def norm(x, name):
        return F.layer_norm(x, (width,), s[f"{name}.weight"], s[f"{name}.bias"], eps)

    def linear(x, name):
        return F.linear(x, s[f"{name}.weight"], s[f"{name}.bias"])

    for i in range(2):
        b = f"blocks.{i}."
        q, k, v = linear(norm(x, f"{b}norm1"), f"{b}attn.qkv").unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
        x = x + linear(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2), f"{b}attn.proj")
        x = x + linear(F.gelu(linear(norm(x, f"{b}norm2"), f"{b}mlp.fc1")), f"{b}mlp.fc2")
    return norm(x, "norm")


def test_against_torch(small):
    logmel = torch.randn(3, 1, 96, 64)
    found = small(logmel=logmel)["tokens"]
    assert torch.allclose(found, reference(small.state_dict(), logmel), atol=1e-5)


@pytest.mark.parametrize(("mel", "time"), [(0, 0), (1, 0), (0, 1), (3, 5)])
def test_tokens_are_mel_major(mel, time):
    torch.manual_seed(0)
    module = lower(network(replace(SMALL, audio_depth=0)), ANN).eval()
    logmel = torch.randn(1, 1, 96, 64)
    other = logmel.clone()
    other[0, 0, 16 * time : 16 * time + 16, 16 * mel : 16 * mel + 16] += 1
    moved = (module(logmel=logmel)["tokens"] != module(logmel=other)["tokens"]).any(-1)[0]
    assert moved.nonzero().flatten().tolist() == [6 * mel + time]


def test_later_time_positions_are_idle(small):
    logmel = torch.randn(1, 1, 96, 64)
    before = small(logmel=logmel)["tokens"]
    table = small.get_parameter("audio.time_pos_embed")
    with torch.no_grad():
        table[..., 6:] += 1
        assert torch.equal(small(logmel=logmel)["tokens"], before)
        table[..., 5] += 1
        assert not torch.equal(small(logmel=logmel)["tokens"], before)
        table[..., 5:] -= 1


def test_the_patches_are_the_input_layer():
    """The norm over mel bands in front of them is fixed and affine; a neuron there would throw the sound away."""
    found = lint(spikify(network(FULL)))
    assert [f.node for f in found.findings if f.input_layer] == ["audio.patch_embed.proj"]
