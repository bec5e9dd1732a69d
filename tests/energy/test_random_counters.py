"""Random spiking graphs: what the accountant counts is what loops over every synapse count, as integers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from energy.account import account
from energy.columns import Counts
from energy.counters import COUNTERS
from graph.graph import Graph, Node
from graph.infer import infer
from graph.lower import Network, lower, observe
from graph.neuron import Neuron
from graph.ops import Act, Conv, DeformSample, Input, Linear, MatMul
from graph.passes import SpikeSpec, fold, spikify
from graph.values import Spike, counts_site
from snn import SNN
from tests.energy import energy_brute
from tests.graph.random_graphs import MADE_BY_PASSES, networks

SPIKES = (
    SpikeSpec(),
    SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=4),
    SpikeSpec(neuron=Neuron(levels=2), steps=4),
)


def by_brute_force(network: Network, batch: dict[str, torch.Tensor]) -> dict[str, tuple[str, int]]:
    """Node -> the column and the number, over the whole batch, of every op that counts drive."""
    kinds, wanted = {n: v.kind for n, v in infer(network.graph).items()}, {}

    def see(node: Node, inputs: tuple[torch.Tensor, ...], value: torch.Tensor) -> None:
        op, n = node.op, [x.detach().numpy() for x in inputs]
        read = [kinds[a] for a in node.args]
        if isinstance(op, Conv) and isinstance(read[0], Spike):
            wanted[node.name] = ("ac_w", sum(energy_brute.conv(op, row) for row in n[0]))
        elif isinstance(op, Linear) and isinstance(read[0], Spike):
            wanted[node.name] = ("ac_w", energy_brute.linear(op.cout, n[0]))
        elif isinstance(op, MatMul) and all(counts_site(kind) for kind in read) and len(n[0]) == len(n[1]):
            stationary, _, _ = energy_brute.matmul(*n)
            wanted[node.name] = ("stationary", stationary)
        elif isinstance(op, DeformSample) and counts_site(read[0]) and len({len(x) for x in n[:2]}) == 1:
            total = 0
            for i, (value_row, offset) in enumerate(zip(n[0], n[1], strict=True)):
                total += energy_brute.deform(value_row, offset, n[3][i % len(n[3])], op.levels)[0]
            wanted[node.name] = ("ac_int", total)

    observe(network, batch, see)
    return wanted


def disagreements(graph: Graph, batch: dict[str, torch.Tensor]) -> list[str]:
    network = lower(graph, SNN).eval()
    wanted = by_brute_force(network, batch)
    rows = {row.name: row for row in account(network, [batch], frames=1).rows}
    frames = {n: max(v.frames, 1) for n, v in infer(graph).items()}
    clip = max(frames.values())
    return [
        f"{name}: {rows[name].counts.sum(column) * clip} and {number}"
        for name, (column, number) in wanted.items()
        if round(rows[name].counts.sum(column) * clip) != number
    ]


@settings(max_examples=60)
@given(drawn=networks(without=MADE_BY_PASSES), spec=st.sampled_from(SPIKES), folded=st.booleans())
def test_counters_are_brute_force(drawn, spec, folded):
    graph, inputs = drawn
    torch.manual_seed(0)
    spiking = spikify(graph, spec)
    spiking = fold(spiking)[0] if folded else spiking
    batch = {name: 3 * torch.from_numpy(x) for name, x in inputs.items()}
    assert not disagreements(spiking, batch)


def test_a_wrong_counter_is_caught(monkeypatch):
    right = COUNTERS[Conv]

    def wrong(seen) -> Counts:
        counts = right(seen)
        return replace(counts, ac_w=counts.ac_w + 1)

    monkeypatch.setitem(COUNTERS, Conv, wrong)
    g = Graph()
    x = g("act", Act(ceiling=4.0), g("stem", Conv(cin=2, cout=3), g("x", Input(dims=(2, 4, 4)))))
    g.output("y", g("conv", Conv(cin=3, cout=2, kernel=(3, 3)), x))
    torch.manual_seed(0)
    (line,) = disagreements(spikify(g), {"x": 3 * torch.randn(1, 2, 4, 4)})
    assert line.startswith("conv: ")


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
