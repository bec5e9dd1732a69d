"""The set prediction loss: what a perfect, a permuted and an empty prediction are worth, and where gradients go."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from torch.nn import functional

from avs.losses.set_loss import SetSpec, adjacent_frames, head_loss, heads_of, set_loss

FEW = SetSpec(points=64)
PARTS = ("ce", "bce", "dice")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blocks(rows: int = 2) -> torch.Tensor:
    """Masks [rows, 16, 16] of classes 0, 1 and, in odd rows, 2."""
    mask = torch.zeros(rows, 16, 16, dtype=torch.long)
    mask[:, :8, :8] = 1
    mask[1::2, 8:, 8:] = 2
    return mask


def perfect(mask: torch.Tensor, queries: int = 6, classes: int = 3, size: int = 16) -> tuple[torch.Tensor, ...]:
    """Query k finds class k; the rest find nothing."""
    logits = torch.full((len(mask), queries, classes + 1), -20.0)
    maps = torch.full((len(mask), queries, size, size), -10.0)
    coarse = mask[:, :: mask.shape[1] // size, :: mask.shape[2] // size]
    for row in range(len(mask)):
        for k in range(queries):
            there = k < classes and bool((mask[row] == k).any())
            logits[row, k, k if there else classes] = 20.0
            if there:
                maps[row, k] = torch.where(coarse[row] == k, 10.0, -10.0)
    return logits, maps


def random_head(seed: int, rows: int = 2, queries: int = 6, size: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    random = seeded(seed)
    return torch.randn(rows, queries, 4, generator=random), torch.randn(rows, queries, size, size, generator=random)


def test_a_perfect_prediction_costs_nearly_nothing():
    """Nearly: between the last pixel of a mask and the first beyond it there is doubt."""
    mask, points = blocks(), SetSpec(points=256, importance=0.0)
    found = head_loss(perfect(mask), mask, seeded(), points)
    assert float(found["ce"]) < 1e-6 and float(found["dice"]) < 0.05 and float(found["bce"]) < 0.3
    other = head_loss(perfect(mask.roll(4, 2)), mask, seeded(), points)
    assert float(other["dice"]) > 0.2 and float(other["bce"]) > 1


def test_a_frame_without_an_object_has_its_background_to_find():
    empty = torch.zeros(2, 16, 16, dtype=torch.long)
    classes, maps = random_head(0)
    found = head_loss((classes, maps), empty, seeded(), FEW)
    assert all(value.isfinite() for value in found.values())
    sure = perfect(empty)
    wrong = sure[0].clone()
    wrong[:, 0] = torch.tensor([-20.0, 20.0, -20.0, -20.0])
    right, missed = (head_loss((c, sure[1]), empty, seeded(), FEW)["ce"] for c in (sure[0], wrong))
    assert float(right) < 1e-6 and float(missed) > 1


def test_no_object_weighs_a_tenth():
    mask = torch.zeros(1, 16, 16, dtype=torch.long)
    classes = torch.zeros(1, 2, 4)
    classes[0, 0, 0] = 3.0  # matched with background
    found = head_loss((classes, torch.zeros(1, 2, 8, 8)), mask, seeded(), FEW)["ce"]
    matched = -classes[0, 0].log_softmax(0)[0]
    assert float(found) == pytest.approx(float(matched + 0.1 * math.log(4)) / 1.1, abs=1e-6)


def test_mask_terms_have_gradient_only_in_matched_queries():
    mask = blocks(3)
    classes, maps = random_head(1, rows=3)
    maps.requires_grad_()
    found = head_loss((classes, maps), mask, seeded(), FEW)
    (gradient,) = torch.autograd.grad(found["bce"] + found["dice"], maps)
    touched = gradient.flatten(2).any(2).sum(1)
    assert gradient.isfinite().all() and touched.tolist() == [2, 3, 2]
    classes.requires_grad_()
    (of_class,) = torch.autograd.grad(head_loss((classes, maps), mask, seeded(), FEW)["ce"], classes)
    assert of_class.flatten(2).any(2).all()


def test_fewer_queries_than_classes_find_what_they_can():
    """Two queries that name classes 1 and 2, and draw them; nobody is left for the background."""
    mask = blocks(2)[1:]
    classes, maps = (value[:, 1:3] for value in perfect(mask))
    found = head_loss((classes, maps), mask, seeded(), SetSpec(points=256, importance=0.0))
    assert float(found["ce"]) < 1e-6 and float(found["dice"]) < 0.1


@given(st.integers(0, 1000), st.permutations(range(6)))
@examples(max_examples=40)
def test_the_order_of_queries_does_not_matter(seed, order):
    mask, (classes, maps) = blocks(), random_head(seed)
    a = head_loss((classes, maps), mask, seeded(3), FEW)
    b = head_loss((classes[:, order], maps[:, order]), mask, seeded(3), FEW)
    for part in PARTS:
        torch.testing.assert_close(a[part], b[part])


def test_points_are_no_more_than_the_masks_pixels():
    mask = torch.zeros(1, 4, 4, dtype=torch.long)
    random = seeded()
    head_loss(random_head(0, rows=1), mask, random, SetSpec())
    used = seeded()
    torch.rand(1, 16, 2, generator=used)
    torch.rand(1, 48, 2, generator=used)
    torch.rand(1, 4, 2, generator=used)
    assert torch.equal(random.get_state(), used.get_state())


def test_heads_are_matched_on_their_own_and_summed():
    mask, heads = blocks(), [random_head(seed) for seed in range(3)]
    clip, spec = torch.tensor([5, 5]), FEW
    found = set_loss(heads, mask, clip=clip, generator=seeded(), spec=spec)
    random = seeded()
    parts = [head_loss(head, mask, random, spec) for head in heads]
    for name in PARTS:
        torch.testing.assert_close(found[f"set_{name}"], sum(part[name] for part in parts))
    between = sum(adjacent_frames(maps, clip) for _, maps in heads[:-1])
    torch.testing.assert_close(found["set_frames"], between)
    total = 2 * found["set_ce"] + 5 * found["set_bce"] + 5 * found["set_dice"] + 10 * found["set_frames"]
    torch.testing.assert_close(found["set"], total)


def test_masks_of_unlabelled_frames_are_not_read_but_tie_their_neighbours():
    mask, heads = blocks(4), [random_head(seed, rows=4) for seed in range(2)]
    some, clip = torch.tensor([True, False, True, False]), torch.tensor([0, 0, 1, 1])
    a = set_loss(heads, mask, clip=clip, generator=seeded(), labelled=some, spec=FEW)
    b = set_loss(heads, mask * some[:, None, None], clip=clip, generator=seeded(), labelled=some, spec=FEW)
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert float(a["set_frames"]) > 0


def test_equal_frames_cost_nothing_between_them():
    maps = torch.randn(1, 3, 4, 4, generator=seeded()).expand(4, -1, -1, -1)
    assert float(adjacent_frames(maps, torch.tensor([0, 0, 1, 1]))) == pytest.approx(0, abs=1e-6)
    assert float(adjacent_frames(3 * maps, torch.zeros(4))) == pytest.approx(0, abs=1e-6)


def test_only_frames_of_one_clip_are_adjacent():
    maps = torch.randn(4, 3, 4, 4, generator=seeded(), requires_grad=True)
    flat = maps.flatten(1)
    d = [1 - functional.cosine_similarity(flat[i], flat[i + 1], dim=0) for i in (0, 2)]
    expected = sum(x * torch.exp(-x) for x in d) / 2
    torch.testing.assert_close(adjacent_frames(maps, torch.tensor([3, 3, 1, 1])), expected)
    alone = adjacent_frames(maps, torch.arange(4))
    assert float(alone.detach()) == 0 and alone.requires_grad


def test_the_last_head_is_left_free_between_frames():
    mask, clip = blocks(), torch.zeros(2)
    first, last = random_head(0), random_head(1)
    free = set_loss([first, last], mask, clip=clip, generator=seeded(), spec=FEW)
    torch.testing.assert_close(free["set_frames"], adjacent_frames(first[1], clip))
    assert float(set_loss([last], mask, clip=clip, generator=seeded(), spec=FEW)["set_frames"]) == 0


def test_heads_come_in_order_of_depth():
    outputs = {f"queries_{kind}_{k}": torch.tensor(k) for k in (0, 10, 2) for kind in ("class", "mask")}
    assert [int(mask) for _, mask in heads_of({**outputs, "mask": torch.zeros(1)})] == [0, 2, 10]


def test_a_class_that_no_query_can_name_is_said():
    with pytest.raises(ValueError, match="found class 9 in a mask, expected 0 to 2"):
        head_loss(random_head(0), torch.full((2, 16, 16), 9), seeded(), FEW)


def test_training_on_it_finds_the_masks():
    """Gradient descent on free logits: the loss is one that can be followed."""
    mask = blocks(1)
    classes = torch.randn(1, 5, 4, generator=seeded()).requires_grad_()
    maps = (0.1 * torch.randn(1, 5, 8, 8, generator=seeded(1))).requires_grad_()
    optimizer, random = torch.optim.Adam([classes, maps], lr=0.3), seeded(2)
    for _ in range(80):
        found = set_loss([(classes, maps)], mask, clip=torch.zeros(1), generator=random, spec=FEW)["set"]
        optimizer.zero_grad()
        found.backward()
        optimizer.step()
    seen = torch.einsum("bqc,bqhw->bchw", classes.softmax(-1)[..., :-1], maps.sigmoid()).argmax(1)
    assert torch.equal(seen, mask[:, ::2, ::2])
