"""Which scopes become submodules that run in one piece; those of every family do, under the graph's own keys."""

from __future__ import annotations

import pytest
import torch

from ann import ANN
from graph.graph import Graph
from graph.lower import lower
from graph.lower.network import Scope
from graph.lower.scopes import Wiring, ordered, scopes_of
from graph.models import FAMILIES, build, spec_of
from graph.ops import Add, Input, Linear, Output
from graph.passes import spikify
from snn import SNN


def wiring(**args: str) -> Wiring:
    """``a__b="x c__d"``: node a.b reads x and c.d; each node has a module of its own name."""
    reads = {n.replace("__", "."): tuple(v.replace("__", ".").split()) for n, v in args.items()}
    return Wiring(reads, {n: n for n in reads if "." in n})


def test_a_scope_is_its_nodes_and_an_inner_one_belongs_to_it():
    w = wiring(x="", a__one="x", a__b__one="a__one", a__b__two="a__b__one", y="a__b__two")
    assert scopes_of(w, list(w.args)) == {"a": ["a.one", "a.b.one", "a.b.two"]}
    assert scopes_of(w, ["a.one", "a.b.one", "a.b.two"], "a.") == {"a.b": ["a.b.one", "a.b.two"]}


def test_a_single_node_is_no_scope():
    w = wiring(x="", a__one="x", y="a__one")
    assert scopes_of(w, list(w.args)) == {}


def test_a_scope_that_waits_for_itself_is_left_flat():
    """a.two reads y, which reads a.one: a cannot run in one piece, but what is in it can."""
    w = wiring(x="", a__one="x", a__b__one="a__one", a__b__two="a__b__one", y="a__b__two", a__two="y")
    assert scopes_of(w, list(w.args)) == {"a.b": ["a.b.one", "a.b.two"]}
    assert ordered(w, list(w.args), {"a": ["a.one", "a.b.one", "a.b.two", "a.two"]}) is None


def test_of_two_scopes_that_wait_for_each_other_one_is_left_flat():
    w = wiring(x="", a__one="x", b__one="x", a__two="b__one", b__two="a__one")
    names = list(w.args)
    both = {"a": ["a.one", "a.two"], "b": ["b.one", "b.two"]}
    assert ordered(w, names, both) is None
    assert scopes_of(w, names) == {"a": both["a"]}
    assert ordered(w, names, {"a": both["a"]}) == ["x", "b.one", "a", "b.two"]


def test_the_order_keeps_to_what_is_read():
    w = wiring(x="", late="a__two", a__one="x", a__two="a__one", early="x")
    order = ordered(w, ["x", "a.one", "early", "a.two", "late"], {"a": ["a.one", "a.two"]})
    assert order == ["x", "a", "early", "late"]


def test_weights_that_lie_elsewhere_keep_a_scope_flat():
    """Two layers share one matrix; the scope that does not own it cannot be taken out."""
    args = {"x": (), "a.one": ("x",), "a.two": ("a.one",), "b.one": ("a.two",), "b.two": ("b.one",)}
    shared = Wiring(args, {"a.one": "a.one", "a.two": "a.two", "b.one": "a.one", "b.two": "b.two"})
    assert set(scopes_of(shared, list(args))) == {"a"}
    sites = Wiring(args, {"a.one": "a.one", "a.two": "sites.a.two", "b.one": "b.one", "b.two": "sites.b.two"})
    assert set(scopes_of(sites, list(args))) == {"a", "b"}


def test_a_scope_of_a_nodes_own_name_is_left_flat():
    args = {"x": (), "a": ("x",), "a.one": ("a",), "a.two": ("a.one",)}
    assert scopes_of(Wiring(args, {}), list(args)) == {}


def test_a_network_of_such_scopes_computes_its_graph():
    """Scopes that wait for each other and shared weights, run."""
    g = Graph(name="knot")
    x = g("x", Input(dims=(3, 4)))
    op = Linear(cin=4, cout=4)
    a, b = g("a.one", op, x), g("b.one", op, x, weights="a.one")
    a2, b2 = g("a.two", op, b), g("b.two", op, a)
    g.output("y", g("sum", Add(), a2, b2))
    network, value = lower(g, ANN), torch.randn(2, 3, 4)
    one, two, three = (network.get_submodule(n) for n in ("a.one", "a.two", "b.two"))
    assert torch.equal(network(x=value)["y"], two(one(value)) + three(one(value)))
    assert set(network.state_dict()) == {f"{n}.{t}" for n in ("a.one", "a.two", "b.two") for t in ("weight", "bias")}


def test_an_input_that_stands_in_a_scope_is_one_of_the_network():
    g = Graph(name="inside")
    with g.scope("a"):
        x = g("x", Input(dims=(3, 4)))
        g.output("y", g("two", Linear(cin=4, cout=4), g("one", Linear(cin=4, cout=4), x)))
    network, value = lower(g, ANN), torch.randn(2, 3, 4)
    assert isinstance(network.get_submodule("a"), Scope)
    one, two = network.get_submodule("a.one"), network.get_submodule("a.two")
    assert torch.equal(network(**{"a_x": value})["y"], two(one(value)))


BLOCKS = {"backbone", "backbone.stage1", "backbone.stage1.0", "audio"}
MIXED = {"etavs": {"backbone"}}  # sound comes in between the stages of ETA-VS's, so that it waits for itself


@pytest.mark.parametrize("spiking", [False, True], ids=["ann", "ilif"])
@pytest.mark.parametrize("family", FAMILIES)
def test_blocks_are_submodules_that_run(family, spiking):
    graph = build(family, spec_of(family, "tiny", image=32))
    torch.manual_seed(0)
    network = lower(spikify(graph) if spiking else graph, SNN if spiking else ANN).eval()
    scopes = {path for path, part in network.named_modules() if isinstance(part, Scope)}
    assert BLOCKS - scopes == MIXED.get(family, set()) and len(scopes) > 15
    block = network.get_submodule("backbone.stage1.0")
    seen = []
    hook = block.register_forward_hook(lambda module, inputs, value: seen.append((inputs, value)))
    frames = 10
    with torch.no_grad():
        network(image=torch.rand(frames, 3, 32, 32), logmel=torch.randn(frames, 1, 96, 64))
    hook.remove()
    ((inputs, value),) = seen
    with torch.no_grad():
        assert torch.equal(block(*inputs), value)


@pytest.mark.parametrize("spiking", [False, True], ids=["ann", "ilif"])
@pytest.mark.parametrize("family", FAMILIES)
def test_keys_are_those_of_the_graph(family, spiking):
    """The suffixes are the tables of the op; no scope adds anything, and nothing is there twice."""
    graph = build(family, spec_of(family, "tiny", image=32))
    graph = spikify(graph) if spiking else graph
    network = lower(graph, SNN if spiking else ANN)
    owners = {n.weights for n in graph.nodes.values() if not isinstance(n.op, Input | Output)}
    keys = list(network.state_dict())
    for key in keys:
        parts = key.split(".")
        assert any(".".join(parts[:i]) in owners for i in range(len(parts), 0, -1)), key
    assert len(keys) == len(set(keys))
    assert sum(p.numel() for p in network.parameters()) == graph.parameters()
    shared = {id(p) for _, p in network.named_parameters(remove_duplicate=False)}
    assert len(list(network.named_parameters(remove_duplicate=False))) == len(shared)
