"""A value is known again by where it lies: what was freed must not be taken for what came after."""

from __future__ import annotations

import pytest
import torch

from ann import QANN
from convert.levels import sites_of
from energy.observe import observe
from energy.tallies import Tallies
from graph.graph import Graph
from graph.lower import lower
from graph.values import Spike

KIND = Spike(levels=4, signed=False, site="s")


@pytest.fixture
def tallies():
    return Tallies(lower(Graph(nodes={}, outputs={}), QANN))


def test_bytes_that_were_freed_lend_their_address_to_nobody(tallies):
    """A tally keeps a byte's number as a float, so nothing of its own holds the bytes."""
    kind = Spike(levels=9, signed=False, site="s")
    for value in range(1, 9):
        n = torch.full((64, 64), value, dtype=torch.int8)
        assert tallies.of(n, kind, f"n{value}").ends == (value, value)
        del n


def test_the_same_numbers_in_another_shape_are_looked_at_once(tallies):
    n = torch.randint(0, 4, (4, 6)).float()
    first, other = tallies.of(n, KIND, "n"), tallies.of(n.view(24), KIND, "view")
    assert first.ends == other.ends and vars(other)["ends"] is vars(first)["ends"]
    assert other.n.shape == (24,) and tallies.of(n, KIND, "again") is first


def test_what_no_node_will_read_is_let_go(folded_module, batch):
    """All sites of a large network at once would fill the memory."""
    held, run = [], None

    def see(seen):
        nonlocal run
        run = seen.run
        held.append(len(run.tallies.values))

    observe(folded_module, batch, see)
    assert max(held) <= len(sites_of(folded_module.graph)) / 4 > 4
    assert not run.tallies.by_place and not run.tallies.values and not run.tallies.places
