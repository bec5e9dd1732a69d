"""Where points fall, and what a map is worth there."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from avs.losses.points import uncertain_points, uniform_points, values_at


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def centres(side: int) -> torch.Tensor:
    """[1, side^2, 2] in the order of a flattened map."""
    at = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(at, at, indexing="ij")
    return torch.stack([x, y], -1).flatten(0, 1)[None]


def test_at_centres_of_pixels_a_map_has_its_own_values():
    maps = torch.randn(3, 6, 6, generator=seeded())
    torch.testing.assert_close(values_at(maps, centres(6).expand(3, -1, -1)), maps.flatten(1))


def test_x_is_across_and_y_is_down():
    maps = torch.zeros(1, 4, 4)
    maps[0, 0, 3] = 1
    assert values_at(maps, torch.tensor([[[0.875, 0.125], [0.125, 0.875]]])).tolist() == [[1, 0]]


def test_maps_of_two_sizes_agree_at_the_same_points():
    small = torch.zeros(1, 4, 4)
    small[:, :, 2:] = 1
    large = small.repeat_interleave(8, 1).repeat_interleave(8, 2)
    points = torch.tensor([[[0.3, 0.4], [0.8, 0.6]]])
    torch.testing.assert_close(values_at(small, points).round(), values_at(large, points))


def test_at_importance_0_the_mean_over_points_is_the_mean_over_the_map():
    """In the middle of a padded map, where no point falls off its edge."""
    maps = torch.zeros(4, 10, 10)
    maps[:, 1:-1, 1:-1] = torch.randn(4, 8, 8, generator=seeded(1))
    points = uncertain_points(maps, 40_000, seeded(2), oversample=3.0, importance=0.0)
    error = values_at(maps, points).mean(1) - maps.flatten(1).mean(1)
    assert points.shape == (4, 40_000, 2) and error.abs().max() < 0.015
    counts = torch.histc(points[0, :, 0], 10, 0, 1)
    assert counts.sum() == 40_000 and (counts - 4000).abs().max() < 300


@given(st.integers(0, 100), st.integers(4, 60))
def test_importance_keeps_the_least_certain_of_many(seed, count):
    maps = torch.randn(2, 8, 8, generator=seeded(seed))
    points = uncertain_points(maps, count, seeded(seed), oversample=4.0, importance=0.75)
    assert points.shape == (2, count, 2) and points.min() >= 0 and points.max() <= 1
    chosen = int(count * 0.75)
    candidates = uniform_points(2, 4 * count, seeded(seed), maps.device)
    best = values_at(maps, candidates).abs().sort(1).values[:, :chosen]
    torch.testing.assert_close(values_at(maps, points)[:, :chosen].abs(), best)


def test_uncertain_points_gather_at_the_border_of_a_mask():
    ramp = (torch.arange(32.0) - 15.5).expand(1, 32, 32)
    near = [
        (uncertain_points(ramp, 1000, seeded(), oversample=3.0, importance=share)[0, :, 0] - 0.5).abs().mean()
        for share in (0.0, 0.75)
    ]
    assert float(near[1]) < 0.6 * float(near[0])


def test_the_same_generator_gives_the_same_points():
    maps = torch.randn(2, 8, 8, generator=seeded())
    draws = [uncertain_points(maps, 50, seeded(seed), oversample=3.0, importance=0.5) for seed in (5, 5, 6)]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])


def test_no_gradient_through_the_choice():
    maps = torch.randn(2, 8, 8, generator=seeded(), requires_grad=True)
    assert not uncertain_points(maps, 50, seeded(), oversample=3.0, importance=0.5).requires_grad
    (gradient,) = torch.autograd.grad(values_at(maps, centres(8).expand(2, -1, -1)).sum(), maps)
    torch.testing.assert_close(gradient, torch.ones_like(maps))
