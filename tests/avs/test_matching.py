"""The assignment against all permutations, and its costs against the losses that they stand for."""

from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from avs.losses.matching import cheapest, class_masks, costs, pair_bce, pair_dice

WEIGHTS = (2.0, 5.0, 5.0)


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 5))
def test_it_is_the_cheapest_of_all_permutations(seed, queries, masks):
    cost = torch.randn(queries, masks, generator=torch.Generator().manual_seed(seed))
    query, mask = cheapest(cost)
    few = min(queries, masks)
    assert len(set(query.tolist())) == len(set(mask.tolist())) == len(query) == few
    if queries >= masks:
        best = min(sum(float(cost[q, m]) for m, q in enumerate(order)) for order in permutations(range(queries), masks))
    else:
        best = min(sum(float(cost[q, m]) for q, m in enumerate(order)) for order in permutations(range(masks), queries))
    assert float(cost[query, mask].sum()) == pytest.approx(best, abs=1e-5)


def test_pair_costs_are_the_losses_of_every_pair():
    random = torch.Generator().manual_seed(0)
    logits, target = 3 * torch.randn(4, 50, generator=random), (torch.rand(3, 50, generator=random) > 0.6).float()
    for q in range(4):
        for m in range(3):
            bce = functional.binary_cross_entropy_with_logits(logits[q], target[m])
            p = logits[q].sigmoid()
            dice = 1 - (2 * (p * target[m]).sum() + 1) / (p.sum() + target[m].sum() + 1)
            torch.testing.assert_close(pair_bce(logits, target)[q, m], bce)
            torch.testing.assert_close(pair_dice(logits, target)[q, m], dice)


def test_class_and_mask_both_count():
    """Two equal masks go to the queries that name their classes; two equal queries to none by the class."""
    classes = torch.tensor([[0.0, 4.0, 0.0], [4.0, 0.0, 0.0]])
    logits, target = torch.zeros(2, 10), torch.ones(2, 10)
    query, mask = cheapest(costs(classes, logits, torch.tensor([0, 1]), target, WEIGHTS))
    assert dict(zip(mask.tolist(), query.tolist(), strict=True)) == {0: 1, 1: 0}
    shaped = torch.stack([torch.full((10,), -5.0), torch.full((10,), 5.0)])
    empty_and_full = torch.stack([torch.ones(10), torch.zeros(10)])
    query, mask = cheapest(costs(torch.zeros(2, 3), shaped, torch.tensor([0, 1]), empty_and_full, WEIGHTS))
    assert dict(zip(mask.tolist(), query.tolist(), strict=True)) == {0: 1, 1: 0}


def test_every_class_of_a_mask_is_a_target():
    mask = torch.tensor([[0, 3], [3, 7]])
    labels, masks = class_masks(mask)
    assert labels.tolist() == [0, 3, 7] and masks.sum(0).eq(1).all()
    assert torch.equal((masks * labels[:, None, None]).sum(0).long(), mask)
    labels, masks = class_masks(torch.zeros(2, 2))
    assert labels.tolist() == [0] and masks.all()
