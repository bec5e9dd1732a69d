"""What a count is worth goes to whoever reads counts; with units or explicit ``Scale``s, all values are the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from graph.graph import Graph, empty_like
from graph.lower import lower, observe
from graph.models import FAMILIES, build, spec_of
from graph.neuron import Neuron
from graph.ops import (
    Act,
    Add,
    Codebook,
    Concat,
    Conv,
    Decode,
    DeformSample,
    Firing,
    Gate,
    Input,
    Linear,
    MatMul,
    Mul,
    Scale,
    Scaled,
    Score,
    Site,
    View,
)
from graph.passes import SpikeSpec, bare, counts_of, spikify, with_units
from graph.serial import same
from graph.values import ONE, Unit
from snn import SNN

LIF = SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=3)


def fired(name: str, op: type[Firing] = Act, **more) -> Firing:
    """A site named after its node."""
    site = Site(name=name, neuron=Neuron(levels=3), step=0.5, learn=False, channels=4, axis=-1)
    return op(site=site, **more)


def read_by(op: Scaled | Add | Concat, *, others: tuple[tuple[int, ...], ...] = (), dims=(6, 4)) -> Graph:
    """``op`` reads a site through a layout op, and real values beside it."""
    g = Graph(name="reader")
    s = g("s", fired("s"), g("x", Input(dims=dims)))
    n = g("moved", View(pattern="n c -> n c" if len(dims) == 2 else "c h w -> c h w"), s)
    g.output("y", g("reader", op, n, *(g(f"o{i}", Input(dims=d)) for i, d in enumerate(others))))
    return with_units(g)


READERS = {
    "conv": (Conv(cin=4, cout=2), (), (4, 3, 3)),
    "linear": (Linear(cin=4, cout=2), (), (6, 4)),
    "matmul": (MatMul(inner=4), ((4, 5),), (6, 4)),
    "mul": (Mul(), ((6, 4),), (6, 4)),
    "codebook": (Codebook(entries=3, dim=4), (), (6, 4)),
    "site": (fired("reader"), (), (6, 4)),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_unit_goes_through_layout_to_its_reader(reader):
    op, others, dims = READERS[reader]
    g = read_by(op, others=others, dims=dims)
    assert g["reader"].op.unit == Unit(1.0, ("s",)) and g["reader"].args[0] == "moved"
    assert not any(isinstance(n.op, Scale) and n.args == ("moved",) for n in g.nodes.values())


def test_deformable_sampling_takes_the_unit_of_what_it_samples():
    op = DeformSample(levels=((2, 3),), heads=1, points=2, channels=4)
    g = Graph(name="sampled")
    s = g("s", fired("s"), g("x", Input(dims=(6, 1, 4))))
    rest = [g(k, Input(dims=d)) for k, d in (("o", (5, 1, 1, 2, 2)), ("w", (5, 1, 1, 2)), ("r", (5, 1, 2)))]
    g.output("y", g("sampled", op, s, *rest))
    assert with_units(g)["sampled"].op.unit == Unit(1.0, ("s",))


def test_a_product_takes_both_units():
    g = Graph(name="product")
    a, b = (g(n, fired(n), g(f"{n}_in", Input(dims=d))) for n, d in (("a", (6, 4)), ("b", (4, 4))))
    g.output("y", g("product", MatMul(inner=4), a, b))
    assert with_units(g)["product"].op.unit == Unit(1.0, ("a", "b"))


def test_a_gates_count_and_a_scores_scale_are_in_the_unit():
    g = Graph(name="worth")
    s = g("s", fired("s", Score, fn="relu", scale=0.25), g("x", Input(dims=(6, 4))))
    g.output("y", g("linear", Linear(cin=4, cout=2), s))
    assert with_units(g)["linear"].op.unit == Unit(0.25, ("s",))
    assert fired("s", Gate).made_unit == Unit(1.0, ("s",))


def test_what_mixes_sites_reads_an_explicit_scale():
    g = Graph(name="mixed")
    a, b = (g(n, fired(n), g(f"{n}_in", Input(dims=(6, 4)))) for n in "ab")
    g.output("y", g("all", Concat(axis=0), a, b))
    units = with_units(g)
    assert units["all"].args == ("a_value", "b_value")
    assert [units[n].op for n in units["all"].args] == [Scale(), Scale()]
    assert [units[n].op.unit for n in units["all"].args] == [Unit(1.0, ("a",)), Unit(1.0, ("b",))]


def test_a_residual_sum_of_reals_and_counts_reads_an_explicit_scale():
    g = Graph(name="residual")
    x = g("x", Input(dims=(6, 4)))
    g.output("y", g("sum", Add(), x, g("s", fired("s"), x)))
    assert with_units(g)["sum"].args == ("x", "s_value")


def test_counts_of_one_site_stay_counts():
    """Joined or added to each other, they keep their unit; what reads the result takes it."""
    g = Graph(name="one_site")
    s = g("s", fired("s"), g("x", Input(dims=(6, 4))))
    g.output(
        "y",
        g(
            "linear",
            Linear(cin=4, cout=2),
            g("sum", Add(), g("all", Concat(axis=0), s, s), g("again", Concat(axis=0), s, s)),
        ),
    )
    units = with_units(g)
    assert units["linear"].op.unit == Unit(1.0, ("s",)) and not [n for n in units if n.endswith("_value")]
    assert {"s", "all", "again", "sum"} == set(counts_of(units))


def test_an_output_is_a_value():
    g = Graph(name="shown")
    g.output("y", g("s", fired("s"), g("x", Input(dims=(6, 4)))))
    units = with_units(g)
    assert units[units.outputs["y"]].args == ("s_value",)


def test_decode_counts():
    """Over T steps counts are added up, and one is worth a T-th."""
    graph = spikify(build("miavs", spec_of("miavs", "tiny", image=32)).pruned(["mask"]), LIF)
    counts = counts_of(graph)
    decoded = [n for n in graph.nodes.values() if isinstance(n.op, Decode) and n.args[0] in counts]
    assert decoded
    for node in decoded:
        assert node.op.fn == "count" and counts[node.name] == counts[node.args[0]] * Unit(1 / 3)
    assert all(n.op.fn == "mean" for n in bare(graph).nodes.values() if isinstance(n.op, Decode))


SPECS = {"ilif": SpikeSpec(), "normed": SpikeSpec(norm="batch", score="linear"), "lif": LIF}


@pytest.mark.parametrize("form", SPECS)
@pytest.mark.parametrize("family", FAMILIES)
def test_with_units_and_bare_are_inverse(family, form):
    graph = spikify(build(family, spec_of(family, "tiny", image=32)), SPECS[form])
    plain = bare(graph)
    assert not any(isinstance(n.op, Scale) for n in plain.nodes.values())
    assert all(n.op.unit == ONE for n in plain.nodes.values() if isinstance(n.op, Scaled))
    assert same(with_units(plain), graph) and same(bare(with_units(plain)), plain)


def scaled_at_once(graph: Graph) -> Graph:
    """Every site is followed by an explicit ``Scale``, and nobody takes a unit in."""
    plain = bare(graph)
    out, alias = empty_like(plain), {}
    for name, node in plain.nodes.items():
        alias[name] = out(name, node.op, *(alias[a] for a in node.args), weights=node.weights)
        if isinstance(node.op, Firing) and node.op.site is not None:
            alias[name] = out(f"{name}_explicit", Scale(unit=node.op.made_unit), name)
    out.outputs = {k: alias[v] for k, v in plain.outputs.items()}
    return out


def values_of(
    graph: Graph, state: dict[str, Tensor] | None, batch: dict[str, Tensor]
) -> tuple[dict[str, Tensor], dict]:
    torch.manual_seed(0)
    network = lower(graph, SNN).double().eval()
    if state is None:
        for name, p in network.named_parameters():
            if p.ndim and p.count_nonzero() == 0:
                p.data.normal_(0, 0.3)
            elif name.endswith(".step"):
                p.data.fill_(0.25)  # sums and products of such values are exact, so that no count may differ
    else:
        network.load_state_dict(state)
    seen: dict[str, Tensor] = {}
    observe(network, batch, lambda node, inputs, value: seen.__setitem__(node.name, value))
    worth = network.counts()
    return {n: v * worth.get(n, 1.0) for n, v in seen.items()}, network.state_dict()


@pytest.mark.parametrize("form", SPECS)
def test_every_node_has_the_value_that_it_has_with_explicit_scales(form, batch):
    graph = spikify(build("miavs", spec_of("miavs", "tiny", image=32)).pruned(["mask"]), SPECS[form])
    inputs = {k: v.double() for k, v in batch.items()}
    pushed, state = values_of(graph, None, inputs)
    explicit, _ = values_of(scaled_at_once(graph), state, inputs)
    compared = 0
    for name, value in pushed.items():
        twin = f"{name}_explicit" if f"{name}_explicit" in explicit else name
        if twin in explicit:
            assert torch.allclose(value, explicit[twin], rtol=1e-9, atol=1e-9), name
            compared += 1
    assert compared > 100 and pushed[graph[graph.outputs["mask"]].args[0]].abs().max() > 1e-3


def test_a_wrong_unit_is_seen(batch):
    graph = spikify(build("miavs", spec_of("miavs", "tiny", image=32)).pruned(["mask"]))
    inputs = {k: v.double() for k, v in batch.items()}
    right, state = values_of(graph, None, inputs)
    name = next(n for n, v in graph.nodes.items() if isinstance(v.op, Conv) and v.op.unit != ONE)
    node = graph[name]
    graph.nodes[name] = replace(node, op=replace(node.op, unit=node.op.unit * Unit(0.5)))
    wrong, _ = values_of(graph, state, inputs)
    assert not torch.allclose(right[name], wrong[name])


@pytest.mark.parametrize("steps", [2, 4])
def test_counts_added_up_over_the_steps_are_worth_a_share_each(steps):
    """Two decoded values meet in a product: their counts are sums over T, so the product's unit has 1 / T for each."""
    g = Graph(name="product")
    y = g("stem", Conv(cin=2, cout=4), g("x", Input(dims=(2, 3, 4))))
    q, k = (g(n, Act(fn="identity"), g(f"{n}_proj", Conv(cin=4, cout=4), g(f"{n}_act", Act(), y))) for n in "qk")
    rows = g("rows", View(pattern="c h w -> (h w) c"), q)
    columns = g("columns", View(pattern="c h w -> c (h w)"), k)
    g.output("y", g("product", MatMul(inner=4), rows, columns))
    spiking = spikify(g, SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=steps))
    unit = spiking["product"].op.unit
    assert unit.factor == 1 / steps**2 and unit.sites == ("sites.k", "sites.q")
    network = lower(spiking, SNN).eval()
    x = torch.randn(2, 2, 3, 4, generator=torch.Generator().manual_seed(0))
    values: dict[str, torch.Tensor] = {}
    observe(network, {"x": 9 * x}, lambda node, inputs, value: values.__setitem__(node.name, value))
    mean = {n: values[f"sites.{n}"].unflatten(0, (steps, -1)).mean(0) * network.counts()[f"sites.{n}"] for n in "qk"}
    wanted = mean["q"].flatten(2).mT @ mean["k"].flatten(2)
    assert torch.allclose(values["product"], wanted, atol=1e-6) and wanted.abs().sum() > 0
