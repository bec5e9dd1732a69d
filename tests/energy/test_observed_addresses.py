"""A value is known again by where it lies: what was freed must not be taken for what came after."""

from __future__ import annotations

import torch

from energy.observe import Run
from graph.graph import Graph
from graph.values import Spike

KIND = Spike(levels=4, signed=False, site="s")


def run() -> Run:
    return Run(network=None, graph=Graph(nodes={}, outputs={}), values={}, samples=1)


def test_bytes_that_were_freed_lend_their_address_to_nobody():
    """A tally keeps a byte's number as a float, so nothing of its own holds the bytes."""
    seen, kind = run(), Spike(levels=9, signed=False, site="s")
    for value in range(1, 9):
        n = torch.full((64, 64), value, dtype=torch.int8)
        assert seen.tally(n, kind, f"n{value}").ends == (value, value)
        del n


def test_the_same_numbers_in_another_shape_are_looked_at_once():
    seen, n = run(), torch.randint(0, 4, (4, 6)).float()
    first, other = seen.tally(n, KIND, "n"), seen.tally(n.view(24), KIND, "view")
    assert first.ends == other.ends and vars(other)["ends"] is vars(first)["ends"]
    assert other.n.shape == (24,) and seen.tally(n, KIND, "again") is first
