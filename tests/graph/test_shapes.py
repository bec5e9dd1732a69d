"""What the graph declares is what torch returns: shape, number of steps, and spikes where it says spike."""

import pytest
import torch

from graph.infer import infer
from graph.lower import lower
from graph.values import Clock, Spike

FAMILIES, DIALECTS = ("miavs", "avsegformer"), ("ann", "qann", "ilif", "lif")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_node(make, walk, batch, family, dialect):
    graph, table = make(family, dialect)
    module, facts = lower(graph, table), infer(graph)
    values = walk(module.eval(), batch)
    assert set(values) == {n for n in graph if not n.startswith("out_")}
    leading = {Clock.STATIC: 1, Clock.ONCE: 2, Clock.STEPPED: 2 * graph.steps}
    for name, value in values.items():
        fact = facts[name]
        assert tuple(value.shape) == (leading[fact.clock], *fact.shape), name
        if isinstance(fact.kind, Spike):
            step = module.get_submodule(fact.kind.scale)
            counts = value / (step.step * step.scale)
            assert torch.equal(counts, counts.round()), name
            assert counts.max() <= fact.kind.levels, name
            assert counts.min() >= (-fact.kind.levels if fact.kind.signed else 0), name


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_outputs_are_once_per_frame(make, batch, family, dialect):
    graph, table = make(family, dialect)
    found = lower(graph, table)(**batch)
    assert set(found) == set(graph.outputs)
    for name, value in found.items():
        assert tuple(value.shape) == (2, *graph[graph.outputs[name]].shape)


def test_parameters_are_counted(make):
    for dialect in DIALECTS:
        graph, table = make("miavs", dialect)
        assert sum(p.numel() for p in lower(graph, table).parameters()) == graph.parameters()


def test_every_spec_builds():
    from graph.models import FAMILIES, build

    for name, family in FAMILIES.items():
        for spec, fields in family.specs.items():
            graph = build(name, spec)
            assert graph[graph.outputs["mask"]].shape == (1, fields.image, fields.image)
