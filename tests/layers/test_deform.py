"""Deformable sampling against ``grid_sample``: zeros outside, corners not aligned; values and gradients."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.consts import reference_points
from layers.deform import deform_sample, taps
from layers.deform_grid import deform_sample_grid


def by_grid_sample(value, offset, weight, reference, levels):
    """Level by level: normalise the location to -1..1 and let torch interpolate."""
    batch, queries, heads, _, points, _ = offset.shape
    channels = value.shape[-1]
    total, start = 0.0, 0
    for level, (h, w) in enumerate(levels):
        plane = value[:, start : start + h * w].permute(0, 2, 3, 1).reshape(batch * heads, channels, h, w)
        size = torch.tensor([w, h], dtype=value.dtype)
        place = reference[:, :, None, level, None] + offset[:, :, :, level] / size  # [B, Q, h, P, 2] in 0..1
        grid = (2 * place - 1).transpose(1, 2).reshape(batch * heads, queries, points, 2)
        picked = F.grid_sample(plane, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        picked = picked.reshape(batch, heads, channels, queries, points)
        total = total + torch.einsum("bhcqp,bqhp->bqhc", picked, weight[:, :, :, level])
        start += h * w
    return total.flatten(2)


def case(levels, *, batch=2, queries=5, heads=3, points=2, channels=4, spread=1.0, seed=0):
    random = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    tokens = sum(h * w for h, w in levels)
    value = draw(batch, tokens, heads, channels).requires_grad_()
    offset = (spread * draw(batch, queries, heads, len(levels), points, 2)).requires_grad_()
    weight = draw(batch, queries, heads, len(levels), points).requires_grad_()
    reference = torch.rand(1, queries, len(levels), 2, generator=random, dtype=torch.float64).requires_grad_()
    return value, offset, weight, reference


def compare(inputs, levels):
    wide = (*inputs[:3], inputs[3].expand(len(inputs[0]), -1, -1, -1))
    a, b = deform_sample(*inputs, levels), by_grid_sample(*wide, levels)
    assert torch.allclose(a, b, atol=1e-10)
    probe = torch.randn(a.shape, generator=torch.Generator().manual_seed(1), dtype=a.dtype)
    for mine, theirs in zip(
        torch.autograd.grad((a * probe).sum(), inputs), torch.autograd.grad((b * probe).sum(), inputs), strict=True
    ):
        assert torch.allclose(mine, theirs, atol=1e-9)


@pytest.mark.parametrize("levels", [((5, 7),), ((1, 1),), ((7, 3), (4, 2), (2, 1)), ((6, 6), (3, 3))])
@pytest.mark.parametrize("spread", [0.5, 20.0])
def test_value_and_gradient(levels, spread):
    compare(case(levels, spread=spread), levels)


@settings(max_examples=25)
@given(
    levels=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=3).map(tuple),
    heads=st.integers(1, 3),
    points=st.integers(1, 3),
    seed=st.integers(0, 999),
    spread=st.floats(0, 8),
)
def test_any_size(levels, heads, points, seed, spread):
    compare(case(levels, heads=heads, points=points, seed=seed, spread=spread), levels)


def test_far_outside_reads_zero():
    levels = ((4, 4),)
    value, offset, weight, reference = case(levels)
    assert torch.count_nonzero(deform_sample(value, offset * 0 + 99.0, weight, reference, levels)) == 0


def test_pixel_centres_read_the_pixel():
    levels = ((3, 5),)
    value = torch.arange(15.0).reshape(1, 15, 1, 1)
    y, x = torch.meshgrid(torch.arange(3), torch.arange(5), indexing="ij")
    centres = torch.stack([(x + 0.5) / 5, (y + 0.5) / 3], -1).reshape(1, 15, 1, 2)
    found = deform_sample(value, torch.zeros(1, 15, 1, 1, 1, 2), torch.ones(1, 15, 1, 1, 1), centres, levels)
    assert torch.allclose(found.flatten(), torch.arange(15.0), atol=1e-5)


def test_coefficients_of_four_taps_sum_to_one():
    location = torch.rand(50, 2, dtype=torch.float64) * 12 - 4
    index, coefficient, inside = taps(location, 4, 5)
    assert torch.allclose(coefficient.sum(-1), torch.ones(50, dtype=torch.float64))
    assert (coefficient >= 0).all() and index.min() >= 0 and index.max() < 20
    assert inside.any() and not inside.all()


def test_dyadic_offsets_give_dyadic_coefficients():
    """On a grid of 1/16 pixel every coefficient is a multiple of 1/256, exactly: what exact conversion stands on."""
    location = torch.randint(-40, 100, (200, 2)) / 16
    _, coefficient, _ = taps(location, 5, 5)
    assert torch.equal(coefficient * 256, (coefficient * 256).round())


def test_the_fast_form_is_the_reference():
    """Values and gradients of the grid form, on levels of any size."""
    for seed, levels in enumerate([((5, 7),), ((8, 4), (4, 2)), ((1, 1), (3, 2), (6, 6))]):
        inputs = case(levels, seed=seed, spread=3.0)
        a, b = deform_sample(*inputs, levels), deform_sample_grid(*inputs, levels)
        assert torch.allclose(a, b, atol=1e-10)
        wanted = torch.autograd.grad(a.square().sum(), inputs)
        found = torch.autograd.grad(b.square().sum(), inputs)
        assert all(torch.allclose(x, y, atol=1e-8) for x, y in zip(wanted, found, strict=True))


@given(st.integers(0, 99))
def test_both_forms_are_exact_on_a_dyadic_grid(seed):
    """fp32, sides that are powers of two, offsets in sixteenths, counts for values: bit for bit the same."""
    levels = ((8, 8), (4, 4), (2, 2))
    random = torch.Generator().manual_seed(seed)
    value = torch.randint(-4, 5, (2, 84, 2, 3), generator=random).float()
    offset = torch.randint(-60, 61, (2, 84, 2, 3, 2, 2), generator=random) / 16
    weight = torch.randint(0, 5, (2, 84, 2, 3, 2), generator=random) / 4
    inputs = (value, offset, weight, reference_points(levels)[None], levels)
    assert torch.equal(deform_sample(*inputs), deform_sample_grid(*inputs))
