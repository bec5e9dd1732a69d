"""Random graphs: torch and numpy agree node by node and from end to end, shapes are as said, JSON keeps everything."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings

from ann import ANN
from ann.dialect import QANN
from graph.dialect import Dialect
from graph.graph import Graph, Node
from graph.infer import clip_frames, infer
from graph.lower import lower, observe
from graph.meaning import evaluate, tables_of
from graph.ops import REGISTRY, Array
from graph.serial import dumps, loads, same
from graph.values import Clock
from tests.graph.random_graphs import GROW, networks

JUMPS = ("Codebook", "Mask", "Quantize")  # and Score("share"): a rounding of their input may be seen behind them


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
    if not any(type(n.op).__name__ in JUMPS or getattr(n.op, "fn", "") == "share" for n in graph.nodes.values()):
        whole = evaluate(graph, arrays, inputs)
        for name, value in graph.outputs.items():
            near(whole[value], outputs[name].detach().numpy(), name)
    return seen


def test_every_registered_op_can_grow():
    assert set(GROW) == set(REGISTRY)


def test_random_graphs():
    seen: set[str] = set()

    @settings(max_examples=300)
    @given(networks())
    def holds(drawn: tuple[Graph, dict[str, Array]]) -> None:
        graph, inputs = drawn
        assert same(loads(dumps(graph)), graph)
        if "Quantize" in {type(n.op).__name__ for n in graph.nodes.values()}:
            seen.update(agree(graph, inputs, QANN))  # the real-valued dialect leaves it out
        else:
            seen.update(agree(graph, inputs, ANN))

    holds()
    assert seen | {"Output"} == set(REGISTRY), f"no graph had {set(REGISTRY) - seen}"
