"""Graph -> JSON -> graph: shared weights survive, and a file is checked as strictly as code is."""

import json

import pytest
import torch

from graph.lower import lower
from graph.ops import Firing
from graph.passes import bare
from graph.serial import dumps, loads, same
from snn import SNN
from tests.graph.first_format import FILES, OUTPUTS


def test_shared_weights_survive(make):
    from graph.graph import Graph
    from graph.ops import Input, Linear

    g = Graph(name="twice")
    x = g("x", Input(dims=(3, 4)))
    y = g("second", Linear(cin=4, cout=4), g("first", Linear(cin=4, cout=4), x), weights="first")
    g.output("y", y)
    assert loads(dumps(g))["second"].weights == "first"


def test_different_graphs_are_not_same(make):
    graph, _ = make("miavs", "ann")
    data = json.loads(dumps(graph))
    next(n for n in data["nodes"] if n["op"]["type"] == "MatMul")["op"]["scale"] = 0.125
    assert not same(loads(json.dumps(data)), graph)


def test_a_file_is_checked_as_code_is(make):
    graph, _ = make("miavs", "ann")
    data = json.loads(dumps(graph))
    conv = next(n for n in data["nodes"] if n["op"]["type"] == "Conv")
    conv["op"]["cin"] += 1
    with pytest.raises(ValueError, match=conv["name"]):
        loads(json.dumps(data))
    conv["op"] = {"type": "Subprocess"}
    with pytest.raises(ValueError, match="Subprocess"):
        loads(json.dumps(data))
    data = json.loads(dumps(graph)) | {"outputs": {"mask": "nowhere"}}
    with pytest.raises(ValueError, match="nowhere"):
        loads(json.dumps(data))


@torch.no_grad()
@pytest.mark.parametrize("kind", FILES)
def test_a_file_of_the_first_format_computes_what_it_did(kind):
    """The numbers are those of the code that wrote the file; the weights are drawn by a rule, key by key."""
    text, neuron = FILES[kind]
    graph = loads(text, neuron)
    network = lower(graph, SNN).eval()
    for i, (key, value) in enumerate(sorted(network.state_dict().items())):
        if value.is_floating_point() and not key.endswith(("step", "running_var")):
            value.copy_((torch.cos(torch.arange(float(value.numel())) * 1.7 + i) * 3).reshape(value.shape))
    x = torch.sin(torch.arange(32.0) * 0.9).reshape(1, 2, 4, 4) * 2
    assert network(x=x)["y"].flatten().tolist() == OUTPUTS[kind]


@pytest.mark.parametrize("kind", FILES)
def test_a_file_of_the_first_format_is_todays_graph(kind):
    text, neuron = FILES[kind]
    graph = loads(text, neuron)
    sites = [n.op.site for n in graph.nodes.values() if isinstance(n.op, Firing) and n.op.site is not None]
    assert len(sites) == 4 and {site.neuron for site in sites} == {neuron}
    assert same(loads(dumps(graph)), graph) and json.loads(dumps(graph))["format"] == 2
    assert list(bare(graph)) == [node["name"] for node in json.loads(text)["nodes"]]
