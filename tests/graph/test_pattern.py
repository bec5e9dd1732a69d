"""View patterns against torch's own reshape and permute."""

import itertools
from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graph.ops import View
from graph.pattern import Pattern
from layers.views import rearrange


@st.composite
def rearrangements(draw):
    """A random split of random axes, a random permutation, a random grouping of the result."""
    lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    names = [chr(ord("a") + i) for i in range(len(lengths))]

    def grouped(items):
        cuts = [draw(st.booleans()) for _ in items[1:]]
        groups, last = [], [items[0]]
        for item, cut in zip(items[1:], cuts, strict=True):
            groups, last = ([*groups, last], [item]) if cut else (groups, [*last, item])
        return [*groups, last]

    left = grouped(names)
    order = draw(st.permutations(range(len(names))))
    right = grouped([names[i] for i in order])
    side = lambda groups: " ".join(g[0] if len(g) == 1 else f"({' '.join(g)})" for g in groups)  # noqa: E731
    known = dict(zip(names, lengths, strict=True))
    sizes = tuple((n, known[n]) for g in left for n in g[1:])  # the first of each group is inferred
    shape = tuple(prod(known[n] for n in g) for g in left)
    out = tuple(prod(known[n] for n in g) for g in right)
    return f"{side(left)} -> {side(right)}", sizes, shape, lengths, order, out


@given(rearrangements())
def test_reshape_permute_reshape(case):
    pattern, sizes, shape, lengths, order, out = case
    x = torch.arange(2 * prod(shape)).reshape(2, *shape)
    wanted = x.reshape(2, *lengths).permute(0, *(i + 1 for i in order)).reshape(2, *out)
    assert View(pattern=pattern, sizes=sizes).shape(shape) == out
    assert torch.equal(rearrange(x, pattern, sizes), wanted)
    assert np.array_equal(View(pattern=pattern, sizes=sizes).meaning(x.numpy()), wanted.numpy())


@given(rearrangements())
def test_there_and_back(case):
    pattern, _, shape, lengths, _, _ = case
    left, right = pattern.split(" -> ")
    sizes = tuple((chr(ord("a") + i), n) for i, n in enumerate(lengths))
    x = torch.arange(prod(shape)).reshape(1, *shape)
    assert torch.equal(rearrange(rearrange(x, pattern, sizes), f"{right} -> {left}", sizes), x)


def test_ones_are_inserted_and_removed():
    x = torch.arange(6.0).reshape(1, 1, 6)
    assert rearrange(x, "1 c -> c 1 1").shape == (1, 6, 1, 1)
    assert torch.equal(rearrange(rearrange(x, "1 c -> c 1 1"), "c 1 1 -> 1 c"), x)
    with pytest.raises(ValueError, match="does not divide"):
        Pattern.parse("1 c -> c").resolve((2, 6))


@pytest.mark.parametrize(
    ("pattern", "sizes", "shape", "reason"),
    [
        ("a b", (), (2, 3), "no '->'"),
        ("a b -> a", (), (2, 3), "once on each side"),
        ("a a -> a a", (), (2, 2), "once on each side"),
        ("a b -> b c", (), (2, 3), "once on each side"),
        ("a b -> b a", (), (2, 3, 4), "has 2 axes"),
        ("(a b) -> a b", (), (6,), "give sizes"),
        ("(a b) -> a b", (("b", 4),), (6,), "does not divide"),
        ("a -> a", (("a", 3),), (6,), "does not divide"),
    ],
)
def test_what_cannot_be(pattern, sizes, shape, reason):
    with pytest.raises(ValueError, match=reason):
        View(pattern=pattern, sizes=sizes).shape(shape)


def test_all_permutations_of_three():
    x = torch.arange(24).reshape(1, 2, 3, 4)
    for order in itertools.permutations(range(3)):
        pattern = "a b c -> " + " ".join("abc"[i] for i in order)
        assert torch.equal(rearrange(x, pattern), x.permute(0, *(i + 1 for i in order)))
