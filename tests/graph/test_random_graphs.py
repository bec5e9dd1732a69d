"""Random graphs: torch and numpy agree node by node and from end to end, shapes are as said, JSON keeps everything."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ann import ANN, QANN
from graph.dialect import Dialect
from graph.graph import Graph, Node
from graph.infer import clip_frames, infer
from graph.lower import Stateful, lower, observe
from graph.meaning import evaluate, tables_of
from graph.neuron import Neuron
from graph.ops import REGISTRY, Array, Input, Op, Quantize, Reduce
from graph.passes import SpikeSpec, fold, spikify
from graph.serial import dumps, loads, same
from graph.values import Clock
from snn import snn
from tests.graph.random_graphs import GROW, MADE_BY_PASSES, inputs_of, networks

JUMPS = ("Codebook", "Mask", "Quantize")
SPIKES = (
    SpikeSpec(),
    SpikeSpec(neuron=Neuron(levels=2), steps=4, residual="spike", norm="batch"),
    SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=4, score="linear"),
    SpikeSpec(neuron=Neuron(kind="plif", levels=1), steps=3),
    SpikeSpec(neuron=Neuron(kind="if", levels=1, v_init=0.5), steps=4),
)


def jumps(op: Op) -> bool:
    """May the last bit of its input be seen behind it as a whole step?"""
    counts = getattr(op, "site", None) is not None or getattr(op, "fn", "") == "share"
    return counts or type(op).__name__ in JUMPS


def near(value: Array, wanted: Array, what: str) -> None:
    scale = max(1.0, float(np.abs(wanted).max(initial=0)))
    np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=2e-5 * scale, err_msg=what)


def agree(graph: Graph, inputs: dict[str, Array], dialect: Dialect) -> set[str]:
    """Each node's meaning of what torch gave it is what torch made of it; -> the types of the ops that were seen."""
    network = lower(graph, dialect).eval()
    arrays = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    values, seen = infer(graph), set()
    frames = clip_frames(graph)
    batch = len(next(iter(inputs.values())))

    def see(node: Node, args: tuple[torch.Tensor, ...], value: torch.Tensor) -> None:
        seen.add(type(node.op).__name__)
        facts, made = values[node.name], value.detach().numpy()
        rows = {Clock.STATIC: 1, Clock.ONCE: batch, Clock.STEPPED: batch * graph.steps}[facts.clock]
        assert made.shape == (rows // max(frames[node.name], 1), *facts.shape), f"{node} has shape {made.shape}"
        given = [made] if not node.args else [a.detach().numpy() for a in args]
        meaning = node.op.meaning(*given, **tables_of(node, arrays, graph.steps))
        assert meaning.shape == made.shape
        near(meaning, made, str(node))

    tensors = {name: torch.from_numpy(x) for name, x in inputs.items()}
    outputs = observe(network, tensors, see)
    with torch.no_grad():
        again = network(**tensors)
    assert all(torch.equal(again[name], value) for name, value in outputs.items())
    if not any(jumps(n.op) for n in graph.nodes.values()):
        whole = evaluate(graph, arrays, inputs)
        for name, value in graph.outputs.items():
            near(whole[value], outputs[name].detach().numpy(), name)
    return seen


def test_every_registered_op_can_grow():
    assert set(GROW) == set(REGISTRY)


def test_graphs_of_real_values():
    seen: set[str] = set()

    @settings(max_examples=300)
    @given(networks())
    def holds(drawn: tuple[Graph, dict[str, Array]]) -> None:
        graph, inputs = drawn
        assert same(loads(dumps(graph)), graph)
        rounds = any(isinstance(n.op, Quantize) for n in graph.nodes.values())
        seen.update(agree(graph, inputs, QANN if rounds else ANN))  # the real-valued dialect leaves it out

    holds()
    assert seen | {"Output"} == set(REGISTRY), f"no graph had {set(REGISTRY) - seen}"


@pytest.mark.parametrize("backend", ["torch", "native"])
@settings(max_examples=150)
@given(drawn=networks(without=MADE_BY_PASSES), spec=st.sampled_from(SPIKES))
def test_graphs_with_sites(backend, drawn, spec):
    graph, inputs = drawn
    spiking = spikify(graph, spec)
    assert same(loads(dumps(spiking)), spiking)
    agree(spiking, inputs, snn(backend))
    folded, _ = fold(spiking)
    assert same(loads(dumps(folded)), folded)
    agree(folded, inputs, snn(backend))


@settings(max_examples=60)
@given(drawn=networks(without=MADE_BY_PASSES), spec=st.sampled_from(SPIKES))
def test_step_by_step_is_all_steps_at_once(drawn, spec):
    graph, inputs = drawn
    torch.manual_seed(0)
    network = lower(spikify(graph, spec), snn("torch")).eval()
    stateful, state, outputs = Stateful(network), None, {}
    tensors = {name: torch.from_numpy(x) for name, x in inputs.items()}
    for _ in range(stateful.calls):
        outputs, state = stateful(state, **tensors)
    with torch.no_grad():
        wanted = network(**tensors)
    assert outputs.keys() == wanted.keys()
    for name, value in wanted.items():
        assert torch.equal(outputs[name], value), name


def test_a_wrong_meaning_is_caught(monkeypatch):
    def wrong(self: Reduce, *inputs: Array, **tables: Array) -> Array:
        return right(self, *inputs, **tables) + np.float32(0.01)

    right = Reduce.meaning
    monkeypatch.setattr(Reduce, "meaning", wrong)
    graph = Graph()
    graph.output("y", graph("mean", Reduce(), graph("x", Input(dims=(3, 4)))))
    with pytest.raises(AssertionError, match="mean"):
        agree(graph, inputs_of(graph, 2), ANN)
