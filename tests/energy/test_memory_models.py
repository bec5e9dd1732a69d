"""What memory models charge is what a machine does that visits every synapse of every event, as integers.

weight reads = visits x bytes of a weight       accumulators = visits x 2 x their bytes
messages = events x 16 bits                     registers = 3 a visit
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from energy.account import account
from energy.baselines import qann_events
from energy.columns import Counts
from energy.memory import MODELS
from energy.memory.event_core import SIZES
from graph.graph import Graph, Node
from graph.infer import infer
from graph.lower import Network, lower, observe
from graph.neuron import Neuron
from graph.ops import Conv, DeformSample, Linear, MatMul
from graph.passes import SpikeSpec, fold, spikify
from graph.values import Spike, counts_site
from snn import SNN
from tests.energy import energy_brute
from tests.graph.random_graphs import MADE_BY_PASSES, networks

SPIKES = (
    SpikeSpec(),
    SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=4),
    SpikeSpec(neuron=Neuron(kind="if", levels=1), steps=4),
    SpikeSpec(neuron=Neuron(levels=2), steps=4),
)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@dataclass(frozen=True, kw_only=True)
class Done:
    """``visits``: synapses that events reached; ``events`` that did so; ``graded`` the same of whole counts, once for
    all steps; ``macs``: what a layer without events does; ``beside``: real arithmetic of a layer with events."""

    visits: int = 0
    events: int = 0
    graded_visits: int = 0
    graded_events: int = 0
    macs: int = 0
    beside: int = 0


def _total(n: np.ndarray) -> int:
    return int(np.abs(n).astype(np.int64).sum())


def _ones(n: np.ndarray, steps: int) -> np.ndarray:
    """Counts of all steps added up: 1 where something is left."""
    return (n.reshape(steps, -1, *n.shape[1:]).sum(0) != 0).astype(np.int64)


def _layer(op: Conv | Linear, n: np.ndarray, steps: int) -> Done:
    def visits(values: np.ndarray) -> int:
        rows = [
            energy_brute.conv(op, row) if isinstance(op, Conv) else energy_brute.linear(op.cout, row) for row in values
        ]
        return sum(rows)

    once = _ones(n, steps)
    return Done(visits=visits(n), events=_total(n), graded_visits=visits(once), graded_events=_total(once))


def _product(a: np.ndarray, b: np.ndarray) -> Done:
    stationary, _, pair = energy_brute.matmul(a, b)
    both = energy_brute.matmul((a != 0).astype(int), (b != 0).astype(int))[2]
    return Done(visits=max(stationary, pair), events=_total(a), graded_visits=both, graded_events=int((a != 0).sum()))


def by_visits(network: Network, batch: dict[str, torch.Tensor]) -> dict[str, Done]:
    """Over the whole batch, of every layer that counts drive, and of every real one."""
    graph, done = network.graph, {}
    facts = infer(graph)

    def see(node: Node, inputs: tuple[torch.Tensor, ...], value: torch.Tensor) -> None:
        op, n = node.op, [x.detach().numpy() for x in inputs]
        kinds = [facts[a].kind for a in node.args]
        stepped = graph.steps if facts[node.name].clock.name == "STEPPED" else 1
        if isinstance(op, Conv | Linear):
            if isinstance(kinds[0], Spike):
                done[node.name] = _layer(op, n[0], stepped)
            elif counts_site(kinds[0]) is None:
                taps = op.kernel[0] * op.kernel[1] * op.cin // op.groups if isinstance(op, Conv) else op.cin
                done[node.name] = Done(macs=value.numel() * taps)
        elif isinstance(op, MatMul) and all(counts_site(kind) for kind in kinds) and len(n[0]) == len(n[1]):
            done[node.name] = _product(*n)
        elif isinstance(op, DeformSample) and counts_site(kinds[0]) and len({len(x) for x in n[:2]}) == 1:
            visits = graded = 0
            for i, (row, offset) in enumerate(zip(n[0], n[1], strict=True)):
                where = offset, n[3][i % len(n[3])], op.levels
                visits += energy_brute.deform(row, *where)[0]
                graded += energy_brute.deform((row != 0).astype(int), *where)[0]
            done[node.name] = Done(
                visits=visits,
                events=_total(n[0]),
                graded_visits=graded,
                graded_events=int((n[0] != 0).sum()),
                beside=2 * n[1].size // 2,
            )

    observe(network, batch, see)
    return done


def expected(model: str, word: int, did: Done, *, real: bool) -> dict[str, int]:
    """The columns that count operations; those that move everything once have tests of their own."""
    if real:
        registers = 3 * did.macs if MODELS[model].registers else 0
        reads = did.macs * word if model == "cacheless" else 0
        return {"register_rw": registers, "weight_reads_B": reads, "operand_reads_B": reads}
    if model.startswith("event_core"):
        accumulator = SIZES[model.removeprefix("event_core_")]
        return {
            "weight_reads_B": did.visits * word,
            "acc_rw_B": did.visits * 2 * accumulator,
            "addr_ops": did.visits,
            "msg_bits": did.events * 16,
            "register_rw": 0,
            "weight_B": 0,
        }
    if model == "cacheless":
        return {"weight_reads_B": did.visits * word, "acc_rw_B": did.visits * 8, "weight_B": 0, "addr_ops": 0}
    registers = 3 * (did.visits + did.beside) if model == "stationary_array" else 0
    return {"register_rw": registers, "weight_reads_B": 0, "acc_rw_B": 0, "msg_bits": 0}


def graded(model: str, word: int, did: Done, bits: int) -> dict[str, int]:
    """The quantised network on a core that events drive."""
    accumulator = SIZES[model.removeprefix("event_core_")]
    return {
        "weight_reads_B": did.graded_visits * word,
        "acc_rw_B": did.graded_visits * 2 * accumulator,
        "msg_bits": did.graded_events * (16 + bits),
    }


def disagreements(graph: Graph, batch: dict[str, torch.Tensor]) -> list[str]:
    network = lower(graph, SNN).eval()
    done = by_visits(network, batch)
    counted = account(network, [batch], frames=1)
    rows = {row.name: row for row in counted.rows}
    clip = max([1, *(max(v.frames, 1) for v in infer(graph).values())])
    wrong = []

    def compare(name: str, model: str, word: int, moved: Counts, wanted: dict[str, int]) -> None:
        for column, number in wanted.items():
            charged = float(np.sum(getattr(moved, column))) * clip
            # A quantised network's work is counted over all steps and divided by them.
            if abs(charged - number) > 1e-6 * max(1, number):
                wrong.append(f"{name}, {model}, {column}, words of {word} B: {charged} and {number}")

    for name, did in done.items():
        row, real = rows[name], not did.visits and did.macs > 0
        if real and row.spiking:
            continue
        for word in (1, 4):
            for model in MODELS.values():
                moved = model.charge(row, word, by_events=True)
                compare(name, model.name, word, moved, expected(model.name, word, did, real=real))
                if row.spiking and model.name.startswith("event_core"):
                    once = qann_events(row)
                    moved = model.charge(once, word, by_events=True)
                    compare(name, model.name, word, moved, graded(model.name, word, did, once.imac_bits))
    return wrong


def _check(drawn, spec: SpikeSpec, folded: bool) -> None:
    graph, inputs = drawn
    torch.manual_seed(0)
    spiking = spikify(graph, spec)
    spiking = fold(spiking)[0] if folded else spiking
    assert not disagreements(spiking, {name: 3 * torch.from_numpy(x) for name, x in inputs.items()})


@settings(max_examples=40, deadline=None)
@given(drawn=networks(without=MADE_BY_PASSES), spec=st.sampled_from(SPIKES), folded=st.booleans())
def test_charges_are_visits(drawn, spec, folded):
    _check(drawn, spec, folded)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(drawn=networks(without=MADE_BY_PASSES), spec=st.sampled_from(SPIKES), folded=st.booleans())
def test_charges_are_visits_in_many_networks(drawn, spec, folded):
    _check(drawn, spec, folded)
