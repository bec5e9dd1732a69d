"""Norms, dropout and initialisation."""

import pytest
import torch
from torch import nn

from graph.dialect import Place
from graph.ops import Conv, Drop, LayerScale, Linear, Norm
from graph.values import REAL
from layers.init import INIT, deform_offset_bias, initialise
from layers.weighted import ChannelBatchNorm, conv, linear, norm
from layers.weighted import Drop as DropLayer
from layers.weighted import LayerScale as Scale

REAL_INPUT = Place(kinds=(REAL,), steps=1, backend=None)


@pytest.mark.parametrize("shape", [(6, 5), (3, 4, 5), (2, 3, 4, 5)])
def test_channel_batch_norm_is_batch_norm_over_the_last_axis(shape):
    mine, torchs = ChannelBatchNorm(5), nn.BatchNorm1d(5)
    for layer in (mine, torchs):
        layer.weight.data = torch.tensor([1.0, -2.0, 0.5, 3.0, 1.5])
        layer.bias.data = torch.arange(5.0)
    x = torch.randn(shape) * 3 + 1
    flat = x.reshape(x.shape[0], -1, 5).transpose(1, 2) if x.ndim > 2 else x
    for layer in (mine, torchs):
        layer.train()
    a, b = mine(x), torchs(flat)
    b = b.transpose(1, 2).reshape(shape) if x.ndim > 2 else b
    assert torch.allclose(a, b, atol=1e-5)
    assert torch.allclose(mine.running_var, torchs.running_var, atol=1e-5)
    assert torch.allclose(mine.running_mean, torchs.running_mean, atol=1e-6)
    mine.eval()
    assert torch.allclose(mine(x)[0], mine(x[:1])[0], atol=1e-6)


@pytest.mark.parametrize(
    ("op", "kind"),
    [
        (Norm(channels=8), nn.BatchNorm2d),
        (Norm(channels=8, axis=-1), ChannelBatchNorm),
        (Norm(form="layer", channels=8, axis=-1), nn.LayerNorm),
        (Norm(form="group", channels=8, groups=4), nn.GroupNorm),
    ],
)
def test_forms(op, kind):
    made = norm(op)
    assert type(made) is kind and made.eps == op.eps
    assert sum(p.numel() for p in made.parameters()) == op.parameters()


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match=r"Norm.form is 'instance', expected one of batch, layer, group"):
        Norm(form="instance", channels=2)


@pytest.mark.parametrize("path", [False, True])
def test_one_mask_for_all_steps(path):
    torch.manual_seed(0)
    drop = DropLayer(Drop(p=0.5, path=path), 3).train()
    y = drop(torch.ones(3 * 8, 5, 7)).unflatten(0, (3, 8))
    assert torch.equal(y[0], y[1]) and torch.equal(y[0], y[2])
    assert set(y.unique().tolist()) == {0.0, 2.0}
    per_clip = y[0].flatten(1)
    constant = (per_clip == per_clip[:, :1]).all(1)
    assert constant.all() if path else not constant.any()
    assert not torch.equal(y[0, 0], y[0, 1]) or not torch.equal(y[0, 0], y[0, 2]) or path


def test_dropout_is_silent_in_eval():
    x = torch.rand(6, 5)
    assert DropLayer(Drop(p=0.9), 3).eval()(x) is x
    assert DropLayer(Drop(p=0.0), 3).train()(x) is x


def test_dropout_keeps_the_mean():
    torch.manual_seed(0)
    y = DropLayer(Drop(p=0.3), 2).train()(torch.ones(2, 100_000))
    assert y.mean().item() == pytest.approx(1.0, abs=0.01)


def test_convolution_takes_every_field():
    op = Conv(cin=4, cout=6, kernel=(3, 5), stride=2, padding=1, dilation=2, groups=2, bias=True)
    made = conv(op, REAL_INPUT)
    assert tuple(made(torch.rand(1, 4, 19, 21)).shape[1:]) == op.shape((4, 19, 21))
    assert sum(p.numel() for p in made.parameters()) == op.parameters()
    assert torch.count_nonzero(made.bias) == 0


@pytest.mark.parametrize("recipe", sorted(INIT))
def test_recipes(recipe):
    torch.manual_seed(0)
    weight, bias = torch.full((64, 128), 7.0), torch.full((64,), 7.0)
    initialise(weight, bias, recipe)
    wanted = {"kaiming": (2 / 128) ** 0.5, "xavier": (2 / 192) ** 0.5, "normal": 1.0, "small": 0.02, "zeros": 0.0}
    wanted["unit"] = (1 / 12) ** 0.5
    assert weight.std().item() == pytest.approx(wanted[recipe], rel=0.05)
    assert torch.count_nonzero(bias) == 0


def test_an_unknown_recipe_is_refused():
    with pytest.raises(ValueError, match=r"Conv.init is 'orthogonal', expected one of kaiming, xavier"):
        Conv(cin=1, cout=1, init="orthogonal")


def test_sampling_offsets_start_as_in_deformable_detr():
    bias = deform_offset_bias(8, 3, 4)
    assert bias.shape == (8, 3, 4, 2)
    assert torch.allclose(bias.abs().amax(-1), torch.arange(1.0, 5.0).expand(8, 3, 4))
    assert torch.allclose(bias[0, 0, 0], torch.tensor([1.0, 0.0]), atol=1e-6)
    assert torch.allclose(bias[:4], -bias[4:], atol=1e-5)
    layer = linear(Linear(cin=5, cout=192, init="zeros", offsets=(8, 3, 4)), REAL_INPUT)
    assert torch.count_nonzero(layer.weight) == 0
    assert torch.equal(layer.bias, bias.flatten())


def test_layer_scale():
    layer = Scale(LayerScale(channels=3, init_value=0.5))
    layer.gamma.data = torch.tensor([1.0, 2.0, 3.0])
    assert layer(torch.ones(2, 4, 3))[1, 2].tolist() == [1.0, 2.0, 3.0]
