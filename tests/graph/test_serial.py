"""Graph -> JSON -> graph: shared weights survive, and a file is checked as strictly as code is."""

import json

import pytest

from graph.serial import dumps, loads, same


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
