"""The cost of a codebook against a loop over rows, entries and features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ann import ANN
from energy.account import account
from energy.counters import count
from graph.graph import Graph
from graph.lower import lower
from graph.ops import Act, Codebook, Input, SquaredError
from graph.passes import lint

FEW = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def network(rows: int, dim: int, entries: int, act: bool) -> Graph:
    g = Graph()
    x = g("x", Input(dims=(rows, dim)))
    x = g("act", Act(fn="identity", axis=-1), x) if act else x
    g.output("mask", g("book", Codebook(entries=entries, dim=dim), x))
    return g


def brute(n: np.ndarray, entries: int) -> tuple[int, int]:
    """(adds, nonzero pairs): every count adds itself to the product with every entry."""
    adds = pairs = 0
    for row in n:
        for _ in range(entries):
            for value in row:
                adds += abs(int(value))
                pairs += int(value != 0)
    return adds, pairs


@FEW
@given(
    sizes=st.tuples(*(st.integers(1, 4),) * 3),
    clock=st.sampled_from([(4, 1), (3, 1), (1, 1), (1, 2), (2, 2)]),
    seed=st.integers(0, 99),
)
def test_counts_drive_every_entry(
    spiking: Callable, walk: Callable, sizes: tuple[int, ...], clock: tuple[int, int], seed: int
) -> None:
    torch.manual_seed(seed)
    (rows, dim, entries), (levels, steps) = sizes, clock
    module = spiking(network(rows, dim, entries, True), levels=levels, steps=steps)
    node = walk(module, {"x": 2 * torch.randn(2, rows, dim)})["book"]
    n = node.inputs[0].numpy().astype(int)
    assert np.array_equal(n, node.inputs[0].numpy()), "a codebook reads whole counts, over all steps at once"
    counted = count(node)
    for sample in range(2):
        assert (counted.ac_w[sample], counted.nonzero_macs[sample]) == brute(n[sample], entries)
    assert (counted.fmac, counted.imac, counted.macs) == (0, 0, rows * entries * dim)
    assert (counted.fadd, counted.cmp, counted.gather_reads) == (rows * entries, rows * (entries - 1), rows * dim)
    assert counted.weight_B == 4 * entries * (dim + 1)


def test_real_rows_multiply(walk: Callable) -> None:
    node = walk(lower(network(3, 4, 5, False), ANN), {"x": torch.randn(2, 3, 4)})["book"]
    counted = count(node)
    assert counted.fmac == 3 * 4 * 5 and np.array_equal(counted.nonzero_macs, [60, 60])
    assert np.sum(counted.ac_w) == 0


def test_it_is_a_layer_of_the_account_and_of_the_lint(spiking: Callable) -> None:
    module = spiking(network(3, 4, 5, True))
    (row,) = account(module, [{"x": 2 * torch.randn(2, 3, 4)}]).layers
    assert row.name == "book" and row.spiking and row.macs == 60
    (found,) = lint(module.graph).findings
    assert (found.multiplies, found.reason) == (60, "")
    (real,) = lint(network(3, 4, 5, False)).findings
    assert real.reason == "distances to the entries of a codebook"
    stepped = lint(spiking(network(3, 4, 5, True), levels=1, steps=2).graph)
    assert [f.reason for f in stepped.findings] == ["distances to the entries of a codebook"]  # decoded counts


@pytest.mark.parametrize("rows", [1, 3])
def test_a_squared_error_is_counted(walk: Callable, rows: int) -> None:
    g = Graph()
    x, target = g("x", Input(dims=(rows, 4))), g("target", Input(dims=(1, 4)))
    g.output("loss", g("error", SquaredError(), x, target))
    seen = walk(lower(g, ANN), {"x": torch.randn(2, rows, 4), "target": torch.randn(2, 1, 4)})["error"]
    counted = count(seen)
    assert (counted.fadd, counted.fmac, counted.mul) == (4 * rows, 4 * rows, 1)
