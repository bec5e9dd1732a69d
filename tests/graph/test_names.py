"""Every misuse of the builder is a ``ValueError`` that names the node."""

import keyword

import pytest
import torch
from torch import nn

from ann import ANN
from graph.graph import Graph
from graph.lower import lower
from graph.ops import Act, Add, Concat, Conv, Input, Linear, Param


@pytest.fixture
def g() -> Graph:
    graph = Graph(name="names")
    graph("x", Input(dims=(3, 8, 8)))
    graph("table", Param(dims=(4, 3)))
    return graph


def attributes() -> list[str]:
    """Whatever a network, or a scope of it, means something by."""
    graph = Graph(name="one")
    graph.output("y", graph("act", Act(), graph("x", Input(dims=(3, 8, 8)))))
    network = lower(graph, ANN)
    return sorted({*dir(network), *vars(network), *vars(nn.Module())})


@pytest.mark.parametrize("name", [*keyword.kwlist, *attributes()])
def test_words_that_mean_something_are_refused(g, name):
    for full in (name, f"block.{name}", f"{name}.block"):
        with pytest.raises(ValueError, match=f"'{full}'"):
            g(full, Input(dims=(1,)))


@pytest.mark.parametrize(
    ("name", "op", "args", "reason"),
    [
        ("x", Input(dims=(1,)), (), "taken"),
        ("table.row", Linear(cin=3, cout=2), ("table",), "child of the parameter 'table'"),
        ("table.deep.row", Linear(cin=3, cout=2), ("table",), "child of the parameter 'table'"),
        ("a b", Input(dims=(1,)), (), "dotted identifiers"),
        ("a..b", Input(dims=(1,)), (), "dotted identifiers"),
        ("", Input(dims=(1,)), (), "dotted identifiers"),
        ("y", Conv(cin=3, cout=2), ("nothing",), "reads 'nothing'"),
        ("y", Conv(cin=3, cout=2), ("x", "x"), "takes 1 inputs, found 2"),
        ("y", Add(), ("x",), "takes 2 inputs, found 1"),
        ("y", Conv(cin=4, cout=2), ("x",), "expects 4 input channels, found 3"),
        ("y", Linear(cin=5, cout=2), ("x",), "expects 5 features, found 8"),
        ("y", Add(), ("x", "table"), "ranks"),
        ("y", Concat(axis=0), ("x", "x", "table"), "does not fit"),
    ],
)
def test_misuse(g, name, op, args, reason):
    before = dict(g.nodes)
    with pytest.raises(ValueError, match=reason) as caught:
        g(name, op, *args)
    assert f"'{name}'" in str(caught.value)
    assert g.nodes == before


def test_scopes_make_dotted_names(g):
    with g.scope("a"), g.scope("b.0"):
        assert g("c", Conv(cin=3, cout=2), "x") == "a.b.0.c"
        g.output("out", "a.b.0.c")
    assert g("c", Conv(cin=3, cout=2), "x") == "c"
    assert g.outputs == {"out": "out_out"}


def test_numbers_are_names(g):
    assert g("layers.0", Conv(cin=3, cout=2), "x") == "layers.0"


def test_labels_that_flatten_alike_stay_apart(g):
    from ann import ANN
    from graph.lower import lower

    a = g("a.b", Conv(cin=3, cout=3), "x")
    g.output("y", g("sum", Add(), g("a_b", Conv(cin=3, cout=3), a), a))
    module = lower(g, ANN)
    image = torch.rand(1, 3, 8, 8)
    first = module.get_submodule("a.b")(image)
    assert torch.equal(module(x=image)["y"], module.get_submodule("a_b")(first) + first)
