"""Ops that move, pool and step, against torch."""

import pytest
import torch
import torch.nn.functional as F

from graph import ops
from graph.ops import Concat, Pool, Reduce, Resize, Slice, Upsample
from layers import activations
from layers.views import (
    BLOCKED,
    concat,
    like_batch,
    masked,
    matmul,
    mean_over_steps,
    narrow,
    over_steps,
    pool,
    reduce,
    resize,
    to_clips,
    to_frames,
    upsample,
)


def call(made, *inputs):
    return made.fn(*([[*inputs]] if made.star else inputs), *made.args, **made.kwargs)


X = torch.arange(2 * 4 * 6 * 8).reshape(2, 4, 6, 8).float().sin()


@pytest.mark.parametrize(
    ("made", "op", "wanted"),
    [
        (narrow, Slice(axis=1, start=1, stop=3), X[:, :, 1:3]),
        (narrow, Slice(axis=-1, start=2, stop=8), X[..., 2:8]),
        (pool, Pool(), F.max_pool2d(X, 2)),
        (pool, Pool(fn="avg", kernel=3, stride=1, padding=1), F.avg_pool2d(X, 3, 1, 1)),
        (upsample, Upsample(factor=3, mode="nearest"), X.repeat_interleave(3, 2).repeat_interleave(3, 3)),
        (upsample, Upsample(), F.interpolate(X, size=(12, 16), mode="bilinear", align_corners=False)),
        (resize, Resize(size=(5, 11)), X[:, :, [0, 1, 2, 3, 4]][..., [0, 0, 1, 2, 2, 3, 4, 5, 5, 6, 7]]),
        (reduce, Reduce(axes=(-1,)), X.mean(-1, keepdim=True)),
        (reduce, Reduce(fn="sum", axes=(0, 1)), X.sum((1, 2), keepdim=True)),
        (reduce, Reduce(fn="max", axes=(0, -1)), X.amax((1, 3), keepdim=True)),
    ],
)
def test_against_torch(made, op, wanted):
    found = call(made(op), X)
    assert torch.allclose(found, wanted) and tuple(found.shape[1:]) == op.shape((4, 6, 8))


@pytest.mark.parametrize("axis", [0, 2, -2])
def test_concat(axis):
    found = call(concat(Concat(axis=axis)), X, 2 * X)
    assert torch.equal(found, torch.cat([X, 2 * X], axis + 1 if axis >= 0 else axis))
    assert tuple(found.shape[1:]) == Concat(axis=axis).shape((4, 6, 8), (4, 6, 8))


def test_steps_are_t_major():
    x = torch.arange(6.0).reshape(2, 3)
    y = over_steps(x, 4)
    assert torch.equal(y.unflatten(0, (4, 2))[3], x)
    assert torch.equal(mean_over_steps(y * torch.arange(4.0).repeat_interleave(2)[:, None], 4), 1.5 * x)


def test_frames_and_batches():
    x = torch.arange(24.0).reshape(6, 4)
    assert torch.equal(to_clips(x, 3)[1, 0], x[3]) and torch.equal(to_frames(to_clips(x, 3)), x)
    assert torch.equal(like_batch(x[:1], torch.zeros(5, 9)), x[:1].repeat(5, 1))


def test_masked_attention_leaves_a_row_open_that_is_masked_whole():
    scores = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    found = masked(scores, torch.tensor([[[0.5, 0.4], [0.1, 0.2]]]), 0.5)
    assert found.tolist() == [[[1.0, BLOCKED], [3.0, 4.0]]]
    assert found.softmax(-1)[0, 0].tolist() == [1.0, 0.0]


def test_scaled_products():
    a, b = torch.rand(2, 3, 4), torch.rand(2, 4, 5)
    assert torch.equal(matmul(a, b), a @ b) and torch.allclose(matmul(a, b, 0.25), a @ b / 4)


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (activations.act(ops.Act()), F.relu(X)),
        (activations.act(ops.Act(ceiling=0.5)), X.clamp(0, 0.5)),
        (activations.act(ops.Act(fn="gelu")), F.gelu(X)),
        (activations.act(ops.Act(fn="identity")), X),
        (activations.gate(ops.Gate()), X.sigmoid()),
        (activations.gate(ops.Gate(fn="hard")), (X + 0.5).clamp(0, 1)),
        (activations.score(ops.Score()), X.softmax(-1)),
        (activations.score(ops.Score(fn="relu", scale=0.5, ceiling=0.8)), X.clamp(0, 0.8) / 2),
    ],
)
def test_real_valued_meanings(made, wanted):
    assert torch.allclose(call(made, X), wanted)
