"""Once per frame, once per step, or never: and nothing in between without an ``Expand`` or a ``Decode``."""

import pytest
import torch

from graph.graph import Graph
from graph.infer import infer
from graph.lower import lower
from graph.neuron import Neuron
from graph.ops import (
    Act,
    Add,
    Concat,
    Conv,
    Decode,
    DeformSample,
    Drop,
    Expand,
    Firing,
    Input,
    MatMul,
    Mul,
    Param,
    Site,
)
from graph.ops import Linear as Lin
from graph.passes import SpikeSpec, spikify, synchronise, with_units
from graph.values import Clock
from snn import SNN

THREE = SNN


def neuron(name: str, channels: int = 4, axis: int = -1) -> Act:
    return Act(axis=axis, site=Site(name=name, neuron=Neuron(kind="if", levels=1), channels=channels, axis=axis))


def test_mixing_without_an_expand_is_an_error():
    g = Graph(steps=3, name="mix")
    x = g("x", Input(dims=(2, 4)))
    g("sum", Add(), g("many", Expand(), x), x)
    with pytest.raises(ValueError, match="'sum' mixes"):
        infer(g)


@pytest.mark.parametrize(("steps", "found"), [(3, "once"), (1, "stepped")])
def test_a_neuron_on_the_wrong_clock_is_an_error(steps, found):
    g = Graph(steps=steps, name="wrong")
    x = g("x", Input(dims=(2, 4)))
    g("n", neuron("n"), x if found == "once" else g("many", Expand(), x))
    with pytest.raises(ValueError, match=f"neuron 'n' must read .* found {found}"):
        infer(g)


def test_a_neuron_cannot_read_a_parameter():
    g = Graph(name="static")
    g("n", neuron("n"), g("table", Param(dims=(2, 4))))
    with pytest.raises(ValueError, match="found static"):
        infer(g)


@pytest.mark.parametrize("family", ["miavs", "avsegformer"])
def test_after_synchronise(make, family):
    graph, _ = make(family, "lif")
    facts = infer(graph)
    kinds = {type(n.op) for n in graph.nodes.values()}
    assert {Expand, Decode, MatMul, DeformSample, Mul} <= kinds
    for name, node in graph.nodes.items():
        clocks = [facts[a].clock for a in node.args]
        if isinstance(node.op, MatMul | DeformSample | Mul):
            assert Clock.STEPPED not in clocks, name
        if isinstance(node.op, Firing) and node.op.site is not None:
            assert clocks == [Clock.STEPPED], name
        if isinstance(node.op, Expand) and node.op.to == "stepped":
            assert clocks == [Clock.ONCE], name
    assert all(facts[v].clock <= Clock.ONCE for v in graph.outputs.values())


def test_one_step_needs_no_transitions(make):
    graph, _ = make("miavs", "ilif")
    plain, _ = make("miavs", "ann")
    assert not any(isinstance(n.op, Decode) for n in graph.nodes.values())
    expands = [n for n in graph.nodes.values() if isinstance(n.op, Expand)]
    assert [n.op.to for n in expands] == ["once"] * sum(isinstance(n.op, Expand) for n in plain.nodes.values())


def test_parameters_are_expanded_before_a_neuron():
    g = Graph(name="table")
    g("x", Input(dims=(2, 4)))
    table = g("table", Param(dims=(5, 4)))
    g.output("y", g("y", Lin(cin=4, cout=3), table))
    for steps in (1, 3):
        spiking = spikify(g, SpikeSpec(neuron=Neuron(kind="if", levels=1), steps=steps))
        facts = infer(spiking)
        (site,) = (n for n in spiking.nodes.values() if isinstance(n.op, Firing))
        assert facts[site.args[0]].clock == (Clock.STEPPED if steps > 1 else Clock.ONCE)
        assert facts["table"].clock == Clock.STATIC
        dialect = SNN
        assert lower(spiking, dialect)(x=torch.rand(7, 2, 4))["y"].shape == (7, 5, 3)


def test_static_values_in_a_sum_and_a_concat_are_repeated():
    g = Graph(name="sum")
    x = g("x", Input(dims=(2, 4)))
    spikes = g("n", neuron("n"), x)
    table = g("table", Param(dims=(2, 4)))
    g.output("sum", g("total", Add(), spikes, table))
    g.output("both", g("joined", Concat(axis=0), spikes, table))
    synced = synchronise(g, 3)
    facts = infer(synced)
    assert facts["total"].clock == facts["joined"].clock == Clock.STEPPED
    module = lower(synced, THREE)
    image = torch.rand(5, 2, 4)
    found, rows = module(x=image), module.get_parameter("table")
    assert torch.allclose(found["sum"] - rows, found["both"][:, :2], atol=1e-6)
    assert torch.allclose(found["both"][:, 2:], rows.expand(5, 2, 4), atol=1e-6)


def test_products_multiply_decoded_counts_once():
    """mean over steps of a times mean of b, not the mean of the products."""
    g = Graph(name="product")
    a, b = g("a", Input(dims=(2, 4))), g("b", Input(dims=(4, 3)))
    g.output("y", g("y", MatMul(inner=4), g("na", neuron("na"), a), g("nb", neuron("nb", 3), b)))
    module = lower(with_units(synchronise(g, 3)), THREE)
    x, y = torch.rand(5, 2, 4), torch.rand(5, 4, 3)
    counts = [torch.floor(3 * v + 1e-6) / 3 for v in (x, y)]
    assert torch.allclose(module(a=x, b=y)["y"], counts[0] @ counts[1], atol=1e-6)


def test_a_name_of_ours_is_not_taken_for_a_transition():
    g = Graph(name="clash")
    x = g("x", Input(dims=(2, 4)))
    g("x_stepped", Lin(cin=4, cout=4), x)
    g.output("y", g("n", neuron("n"), x))
    with pytest.raises(ValueError, match="'x_stepped' is taken"):
        synchronise(g, 3)


@pytest.mark.parametrize("stepped", [False, True])
def test_dropout_knows_its_clock(stepped):
    """On a value of one clip and not of three steps, a mask for three would not fit; on three steps it is one mask."""
    g = Graph(name="drop")
    x = g("x", Input(dims=(64, 8)))
    value = g("n", neuron("n", 8), x) if stepped else x
    g.output("y", g("dropped", Drop(p=0.5), value))
    g.output("spikes", g("m", neuron("m", 8), x))
    synced = with_units(synchronise(g, 3))
    network = lower(synced, THREE).train()
    assert network.part("dropped").steps == (3 if stepped else 1)
    found = network(x=torch.ones(2, 64, 8))["y"]
    assert set(found.unique().tolist()) == {0.0, 2.0}  # a mask drawn per step would leave thirds


def test_convolutions_of_a_stepped_value_run_each_step():
    g = Graph(name="conv")
    x = g("x", Input(dims=(3, 4, 4)))
    g.output("y", g("y", Conv(cin=3, cout=2), g("n", neuron("n", 3, 0), x)))
    synced = synchronise(g, 3)
    facts = infer(synced)
    assert facts["y"].clock == Clock.STEPPED and isinstance(synced[synced["out_y"].args[0]].op, Decode)
