"""Lowering: one line a node, shared weights are one module, constants stay out of the state dict."""

import ast
import re
from pathlib import Path

import pytest
import torch

from ann import ANN
from graph.dialect import Dialect
from graph.graph import Graph
from graph.lower import lower
from graph.lower.network import Scope
from graph.ops import Add, Const, Conv, Input, Linear, Output, Param

ROOM = Path(__file__).parents[2] / "graph"


def test_equal_weights_are_one_module():
    g = Graph(name="twice")
    x = g("x", Input(dims=(3, 4)))
    op = Linear(cin=4, cout=4)
    g.output("y", g("second", op, g("first", op, x), weights="first"))
    module = lower(g, ANN)
    assert set(module.state_dict()) == {"first.weight", "first.bias"}
    assert g.parameters() == 20
    image, layer = torch.rand(2, 3, 4), module.get_submodule("first")
    assert torch.equal(module(x=image)["y"], layer(layer(image)))


def test_unequal_ops_cannot_share():
    g = Graph()
    x = g("x", Input(dims=(3, 4)))
    g("first", Linear(cin=4, cout=4), x)
    with pytest.raises(ValueError, match="'second' shares weights 'first'"):
        g("second", Linear(cin=4, cout=4, bias=False), x, weights="first")


@pytest.mark.parametrize("dialect", ["ann", "qann", "ilif", "lif"])
def test_one_line_a_node(make, dialect):
    graph, table = make("miavs", dialect)
    network = lower(graph, table)
    scopes = [part for part in network.modules() if isinstance(part, Scope)]
    bodies = [scope.code.split("):", 1)[1].strip().splitlines() for scope in scopes]
    lines = [line.split(";")[0].strip() for body in bodies for line in body if "=" in line and "return" not in line]
    units = [line for line in lines if re.search(r"_step = .*\.step$|^mul(_\d+)? = \w+_step \* ", line)]
    handed = [line for line in lines if re.search(r"^getitem(_\d+)? = \w+\[\d+\]$", line)]  # a scope's several values
    silent = sum(isinstance(n.op, Input | Output) for n in graph.nodes.values()) + len(network.lent)
    stored = sum(isinstance(n.op, Param) for n in graph.nodes.values())  # the parameter, then its batch axis
    assert len(lines) - len(units) - len(handed) == len(graph) - silent + stored + len(scopes) - 1
    assert bool(units) == (dialect != "ann") and len(scopes) > 10


def test_constants_are_not_saved(make):
    graph, table = make("miavs", "ann")
    constants = [n.name for n in graph.nodes.values() if isinstance(n.op, Const)]
    assert constants
    keys = lower(graph, table).state_dict()
    assert not [k for k in keys for c in constants if k == c or k.startswith(f"{c}.")]


def test_keys_are_node_names(make):
    graph, table = make("miavs", "ann")
    names = {n.weights for n in graph.nodes.values()}
    for key in lower(graph, table).state_dict():
        assert key in names or key.rsplit(".", 1)[0] in names


def test_pruning_drops_what_only_training_needs():
    g = Graph(name="heads")
    x = g("x", Input(dims=(3, 4, 4)))
    y = g("y", Conv(cin=3, cout=2), x)
    g.output("mask", y)
    g.output("auxiliary", g("critic", Conv(cin=2, cout=5), y), training=True)
    assert set(lower(g, ANN).state_dict()) == {"y.weight", "critic.weight"}
    assert set(lower(g, ANN, outputs=["mask"]).state_dict()) == {"y.weight"}
    assert "critic" in g


def test_a_missing_row_names_the_node_and_the_dialect():
    g = Graph(name="gap")
    g.output("y", g("both", Add(), g("x", Input(dims=(3,))), "x"))
    with pytest.raises(ValueError, match="'both': dialect 'empty' has no row for Add"):
        lower(g, Dialect("empty", {}))


def test_torch_is_imported_in_one_folder():
    found = set()
    for file in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(n.split(".")[0] == "torch" for n in names):
                found.add(file.relative_to(ROOM).as_posix())
    assert found and {path.split("/")[0] for path in found} == {"lower"}
